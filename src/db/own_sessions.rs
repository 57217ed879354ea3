//! Which sessions of a server are this process's, where it does not know them by their program's name.
//!
//! A number alone says nothing after a restart: the server gives it to somebody else. So a session of ours has a
//! mark, a lock of its own that ends with it, or is known by its number and the time since when it is there.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::dialect::Questions;
use super::{Record, Value};

/// The sessions that this process has or had.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnSessions(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    known: Mutex<Vec<Known>>,
    opening: AtomicUsize,
}

/// A session of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// The server's number for it.
    pub(super) number: i64,
    /// Since when it is there, in the server's words.
    since: Option<String>,
    /// The name of the lock that it holds, where locks tell.
    pub(super) mark: Option<String>,
}

/// What a new session is asked for.
#[derive(Debug)]
pub(super) struct Greeting {
    /// The question.
    pub(super) sql: String,
    /// The mark that it takes, if it does.
    pub(super) mark: Option<String>,
}

impl Greeting {
    /// With a mark where the server has them.
    pub(super) fn new(questions: &Questions) -> Self {
        let Some(marked) = questions.marked_session else { return Self::unmarked(questions) };
        let mut random = [0; 8];
        if getrandom::fill(&mut random).is_err() {
            return Self::unmarked(questions);
        }
        let mark = format!("keyrotation.session.{:016x}", u64::from_be_bytes(random));
        Self { sql: marked.replace('?', &format!("'{mark}'")), mark: Some(mark) }
    }

    /// Without one.
    pub(super) fn unmarked(questions: &Questions) -> Self {
        Self { sql: questions.session.to_owned(), mark: None }
    }
}

impl OwnSessions {
    /// Those in one place: two schemas of one database are two databases here, and the sessions of one are no
    /// strangers to the other.
    pub(super) fn at(place: &str) -> Self {
        static PLACES: OnceLock<Mutex<HashMap<String, OwnSessions>>> = OnceLock::new();
        let places = PLACES.get_or_init(Mutex::default);
        let mut places = places.lock().unwrap_or_else(PoisonError::into_inner);
        places.entry(place.to_owned()).or_default().clone()
    }

    /// A session is being opened: until this is dropped, one that is not known yet may be it.
    pub(super) fn opening(&self) -> Opening {
        self.0.opening.fetch_add(1, Ordering::SeqCst);
        Opening(self.clone())
    }

    /// Whether any is.
    pub(super) fn is_opening(&self) -> bool {
        self.0.opening.load(Ordering::SeqCst) > 0
    }

    /// Notes a session by its answer to a greeting: its number and, perhaps, since when it is there.
    pub(super) fn note(&self, answer: &[Record], mark: Option<String>) {
        let Some(record) = answer.first() else { return };
        if let Some(number) = record.first().and_then(Value::as_int) {
            let since = record.get(1).and_then(Value::as_text).map(str::to_owned);
            self.locked().push(Known { number, since, mark });
        }
    }

    /// The sessions that this one may be, by number and time.
    pub(super) fn candidates(&self, number: i64, since: Option<&str>) -> Vec<Known> {
        let same = |known: &&Known| known.number == number && known.since.as_deref() == since;
        self.locked().iter().filter(same).cloned().collect()
    }

    fn locked(&self) -> MutexGuard<'_, Vec<Known>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that is being opened.
#[derive(Debug)]
pub(super) struct Opening(OwnSessions);

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.0.opening.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_known_by_its_number_and_since_when_it_is_there() {
        let own = OwnSessions::default();
        own.note(&[vec![Value::Int(9), Value::Text("10:00".into())]], None);
        assert_eq!(own.candidates(9, Some("10:00")).len(), 1);
        assert_eq!(own.candidates(9, Some("10:05")), [], "the server has given the number again");
        assert_eq!(own.candidates(8, Some("10:00")), []);
    }

    #[test]
    fn each_session_has_a_mark_of_its_own() {
        let questions = crate::MYSQL.questions;
        let [one, other] = [(); 2].map(|()| Greeting::new(questions));
        assert_ne!(one.mark, other.mark);
        let mark = one.mark.unwrap();
        assert!(one.sql.contains(&format!("'{mark}'")) && mark.len() <= 64, "{}", one.sql);
    }
}
