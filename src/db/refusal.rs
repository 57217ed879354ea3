//! Why a server refuses a statement, where that decides what to do: a grant helps against one reason only.

use super::DbError;

/// Why a server refuses a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The user may not do that: a grant helps.
    Forbidden,
    /// Nothing can be written there at all.
    ReadOnly,
    /// The server's binary log cannot record it.
    BinaryLog,
    /// The server does not understand it.
    Syntax,
    /// Anything else.
    Other,
}

impl Refusal {
    /// What to do, where no grant helps and the message alone does not say it.
    pub const fn advice(self) -> Option<&'static str> {
        match self {
            Self::ReadOnly => Some(
                "name the server that can be written to, not a replica; or let a DBA end the read-only mode \
                 (read_only, default_transaction_read_only)",
            ),
            Self::BinaryLog => Some(
                "let a DBA set `binlog_format = ROW` (or MIXED) on this server: statements of READ COMMITTED \
                 transactions cannot be logged otherwise",
            ),
            Self::Syntax => Some(
                "see that it is a version that docs/databases.md lists, and that sql_mode is as it ships; if so, \
                 please report this with the log",
            ),
            Self::Forbidden | Self::Other => None,
        }
    }
}

impl DbError {
    /// Why the server refuses, by the codes in its message.
    pub fn refusal(&self) -> Refusal {
        let text = self.to_string();
        let codes: Vec<&str> = text
            .rsplit_once('(')
            .map(|(_, end)| {
                end.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect()
            })
            .unwrap_or_default();
        let has = |known: &[&str]| codes.iter().any(|code| known.contains(code));
        let says = |words: &[&str]| {
            let text = text.to_lowercase();
            words.iter().any(|word| text.contains(word))
        };
        if has(&["1665"]) {
            Refusal::BinaryLog
        } else if has(&["1290", "1792", "1836", "25006"]) {
            Refusal::ReadOnly
        } else if has(&["1064", "42601"]) {
            Refusal::Syntax
        } else if has(FORBIDDEN)
            || says(&[
                "permission denied",
                "access denied",
                "command denied",
                "insufficient priv",
                "not authorized",
            ])
        {
            Refusal::Forbidden
        } else {
            Refusal::Other
        }
    }
}

/// Numbers and SQLSTATEs of all servers that say that the user may not do something.
const FORBIDDEN: &[&str] = &[
    "1044", "1045", "1142", "1143", "1227", "1370", "1410", "1419", "42501", "42502", "229", "230", "262",
    "297", "300", "90096", "90040", "01031",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Class;

    #[test]
    fn a_grant_is_advised_only_where_it_helps() {
        for (text, expected) in [
            ("UPDATE command denied to user 'k'@'%' for table 'T' (error 1142)", Refusal::Forbidden),
            ("permission denied for table idn (SQLSTATE 42501)", Refusal::Forbidden),
            ("The UPDATE permission was denied on the object (S0005, 229)", Refusal::Forbidden),
            ("Cannot execute statement: impossible to write to binary log (error 1665)", Refusal::BinaryLog),
            ("You have an error in your SQL syntax (error 1064)", Refusal::Syntax),
            ("Cannot execute statement in a READ ONLY transaction (error 1792)", Refusal::ReadOnly),
            ("cannot execute UPDATE in a read-only transaction (SQLSTATE 25006)", Refusal::ReadOnly),
            ("Disk full (error 1021)", Refusal::Other),
            ("ORA-01031: insufficient privileges (42000, 1031)", Refusal::Forbidden),
            ("Table storage engine for 'T' doesn't have this option (error 1031)", Refusal::Other),
            ("no code at all", Refusal::Other),
        ] {
            let refusal = DbError::new(Class::Environment, text).refusal();
            assert_eq!(refusal, expected, "{text}");
            let grant_helps = refusal == Refusal::Forbidden;
            assert!(!(grant_helps && refusal.advice().is_some()), "{text}");
        }
    }
}
