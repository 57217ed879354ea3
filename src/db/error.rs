//! What can go wrong with a database, by what to do about it.

use std::fmt;

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Try again: somebody else was in the way.
    Retry,
    /// The connection is gone, or cannot be made; what a commit came to is unknown.
    Lost,
    /// The server refuses this very row; the others may go on.
    Row,
    /// Somebody must change something outside: connection, disk, privilege, schema.
    Environment,
}

/// A database error, without any value in it.
#[derive(Debug, Clone)]
pub struct DbError {
    /// What to do about it.
    pub class: Class,
    text: String,
    remedy: Option<&'static str>,
    hides_rows: bool,
}

impl DbError {
    /// An error of a class.
    pub fn new(class: Class, text: impl Into<String>) -> Self {
        Self { class, text: text.into(), remedy: None, hides_rows: false }
    }

    /// The same error, of which it is known what to do about it.
    #[must_use]
    pub fn with_remedy(self, remedy: Option<&'static str>) -> Self {
        Self { remedy: remedy.or(self.remedy), ..self }
    }

    /// What to do about it, where that is known.
    pub fn remedy(&self) -> Option<&'static str> {
        self.remedy
    }

    /// The same error, which is about this.
    #[must_use]
    pub(super) fn about(self, what: &str) -> Self {
        Self { text: format!("{what}: {}", self.text), ..self }
    }

    /// The same error, being one of a server that would have hidden rows.
    #[must_use]
    pub(super) fn hiding_rows(self) -> Self {
        Self { hides_rows: true, ..self }
    }

    /// Whether the server refused since it would otherwise have hidden rows from this user.
    pub fn hides_rows(&self) -> bool {
        self.hides_rows
    }

    /// Whether somebody else had a lock for longer than was to be waited.
    pub fn is_lock_wait(&self) -> bool {
        // PostgreSQL's, MySQL's and MariaDB's.
        const CODES: [&str; 2] = ["(SQLSTATE 55P03)", "(error 1205)"];
        self.class == Class::Retry && CODES.iter().any(|code| self.text.contains(code))
    }

    /// Whether it was rolled back for what somebody else has written, as at the commit on a cluster of which
    /// another node was first: a smaller transaction gets through sooner.
    pub fn is_conflict(&self) -> bool {
        // A deadlock, and what cannot be serialized: MySQL's and MariaDB's, those of a replication group, what is too
        // large for the cache of the binary log, PostgreSQL's.
        const CODES: [&str; 7] = [
            "(error 1213)",
            "(error 1020)",
            "(error 3100)",
            "(error 3101)",
            "(error 1197)",
            "(SQLSTATE 40001)",
            "(SQLSTATE 40P01)",
        ];
        self.class == Class::Retry && CODES.iter().any(|code| self.text.contains(code))
    }
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for DbError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadlock_is_a_conflict_and_a_lock_that_is_waited_for_is_none() {
        let is = |class, text: &str| DbError::new(class, text).is_conflict();
        assert!(is(Class::Retry, "Deadlock found when trying to get lock (error 1213)"));
        assert!(is(Class::Retry, "Plugin instructed the server to rollback (error 3101)"));
        assert!(is(Class::Retry, "more than 'max_binlog_cache_size' bytes of storage (error 1197)"));
        assert!(is(Class::Retry, "could not serialize access (SQLSTATE 40001)"));
        assert!(!is(Class::Retry, "Lock wait timeout exceeded (error 1205)"));
        assert!(!is(Class::Lost, "gone (error 1213)"));
    }
}
