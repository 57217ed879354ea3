//! What hides rows or values from a user without a word, and cannot be switched off by a session: policies, row
//! permissions, masks. SQL as data.
//!
//! PostgreSQL's sessions refuse what a policy would hide (`row_security`); SQLite, H2, MySQL and MariaDB have
//! nothing of the kind. What a catalogue does not tell this user is said, never taken for "none".

use super::value::{first_number, text_at};
use super::{Class, Db, DbError};

/// What hides rows or values of a table from this user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The table, in upper case.
    pub table: String,
    /// What it is, by its name.
    pub how: String,
    /// What ends it.
    pub fix: &'static str,
}

/// What is known of that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policies {
    /// Those that hold for this user.
    pub found: Vec<Policy>,
    /// Kinds that could not be asked for, with the reason.
    pub unseen: Vec<String>,
}

impl Db {
    /// What hides rows or values from this user.
    pub async fn policies(&self) -> Result<Policies, DbError> {
        let mut policies = Policies::default();
        for asks in self.dialect().policies {
            if !asks.is_blind.is_empty() && self.says_yes(asks.is_blind).await? {
                policies.unseen.push(format!("{}: this user does not see all of them", asks.what));
            }
            match self.read(asks.found, &[]).await {
                Ok(records) => {
                    policies.found.extend(records.iter().map(|record| Policy {
                        table: text_at(record, 0).to_uppercase(),
                        how: text_at(record, 1).to_owned(),
                        fix: asks.fix,
                    }));
                }
                Err(error) if error.class == Class::Lost => return Err(error),
                Err(error) => policies.unseen.push(format!("{}: {error}", asks.what)),
            }
        }
        Ok(policies)
    }

    async fn says_yes(&self, sql: &str) -> Result<bool, DbError> {
        Ok(first_number(&self.read(sql, &[]).await?) == Some(1))
    }
}
