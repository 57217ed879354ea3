//! Which sessions of a server are this process's, where it knows them by number only.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The server's numbers for the sessions that this process has or had; numbers do not come again soon.
#[derive(Debug, Clone, Default)]
pub(super) struct Own(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    numbers: Mutex<Vec<i64>>,
    opening: AtomicUsize,
}

impl Own {
    /// Those in one place: two schemas of one database are two databases here, and the sessions of one are no
    /// strangers to the other.
    pub(super) fn at(place: &str) -> Self {
        static PLACES: OnceLock<Mutex<HashMap<String, Own>>> = OnceLock::new();
        let places = PLACES.get_or_init(Mutex::default);
        let mut places = places.lock().unwrap_or_else(PoisonError::into_inner);
        places.entry(place.to_owned()).or_default().clone()
    }

    /// A session is being opened: until this is dropped, one without a known number may be it.
    pub(super) fn opening(&self) -> Opening {
        self.0.opening.fetch_add(1, Ordering::SeqCst);
        Opening(self.clone())
    }

    /// Whether any is.
    pub(super) fn is_opening(&self) -> bool {
        self.0.opening.load(Ordering::SeqCst) > 0
    }

    /// Notes the number of one.
    pub(super) fn note(&self, number: Option<i64>) {
        self.locked().extend(number);
    }

    /// All numbers that are known.
    pub(super) fn numbers(&self) -> Vec<i64> {
        self.locked().clone()
    }

    fn locked(&self) -> MutexGuard<'_, Vec<i64>> {
        self.0.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that is being opened.
#[derive(Debug)]
pub(super) struct Opening(Own);

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.0.opening.fetch_sub(1, Ordering::SeqCst);
    }
}
