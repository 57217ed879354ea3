//! The environment variables that secrets were taken from: no program that is started gets them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

static NAMES: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// From now on this variable is a secret.
pub(super) fn remember(name: &str) {
    NAMES.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
}

/// Whether a secret was taken from it.
fn is_secret(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| NAMES.lock().unwrap_or_else(PoisonError::into_inner).contains(name))
}

/// The command with the environment of this process, but for these variables.
pub(super) fn without_secrets(command: &mut Command) -> &mut Command {
    command.env_clear().envs(std::env::vars_os().filter(|(name, _)| !is_secret(name)))
}
