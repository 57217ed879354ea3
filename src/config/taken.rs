//! The environment variables that secrets were taken from: no program that is started gets them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::sync::{Mutex, PoisonError};

static NAMES: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// From now on this variable is a secret.
pub(super) fn remember(name: &str) {
    NAMES.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
}

/// Whether a secret was taken from it.
pub(super) fn is_secret(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| NAMES.lock().unwrap_or_else(PoisonError::into_inner).contains(name))
}
