//! What is rotated, as data: one descriptor a table.
//!
//! A new target adds a descriptor here and no code. A table that only some versions have may be absent:
//! WF_BPS_PROFILE is gone in 7.x, KEY_STORE came with 7.1. One that every version has is never passed over.

mod identity;
mod registry;
pub mod sync;

use crate::codec::Codec;
use crate::db::{Filter, Relation};

pub use sync::{SYNC_TABLES, SyncTable};

/// The database that a table is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Store {
    /// The identity database (`[database.identity_db]`).
    Identity,
    /// The registry or shared database (`[database.shared_db]`).
    Registry,
}

impl Store {
    /// Its name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Registry => "registry",
        }
    }
}

/// A version of the Identity Server.
pub type Version = (u32, u32, u32);

/// Which versions have a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Every one.
    Always,
    /// This one and later ones.
    Since(Version),
    /// Those before this one.
    Before(Version),
    /// Some, or those with a connector.
    Some,
}

impl Presence {
    /// Whether this version has it; none if nobody knows.
    pub fn in_version(self, version: Option<Version>) -> Option<bool> {
        match self {
            Self::Always => Some(true),
            Self::Since(first) => version.map(|version| version >= first),
            Self::Before(end) => version.map(|version| version < end),
            Self::Some => None,
        }
    }
}

/// One table with the columns that hold values under the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Its name in the journal and in reports; never changes.
    pub id: &'static str,
    /// The database that it is in.
    pub store: Store,
    /// Which versions have it.
    pub presence: Presence,
    /// The table, its key and the rows that matter.
    pub relation: Relation,
    /// The columns with values. Their order is stored in journals: new ones are added at the end.
    pub values: &'static [Column],
    /// How values stand in their columns.
    pub codec: Codec,
    /// What the rows are called in the log, unless `groups` divides them.
    pub label: &'static str,
    /// Rows that are counted apart, as the log's lines want it. A row belongs to the first group
    /// that names its value in the group column; the rest belong to none.
    pub groups: Option<Groups>,
}

/// A column that holds values under the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The column's name.
    pub name: &'static str,
    /// The column with the hash of the plaintext, where there is one.
    pub hash: Option<&'static str>,
}

/// How the rows of a table are divided for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Groups {
    /// The column that divides them.
    pub column: &'static str,
    /// The groups.
    pub list: &'static [Group],
}

/// Rows that are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// What the rows are called in the log.
    pub label: &'static str,
    /// The values of the group column; empty for every other value.
    pub values: &'static [&'static str],
}

const fn plain(name: &'static str) -> Column {
    Column { name, hash: None }
}

const fn hashed(name: &'static str, hash: &'static str) -> Column {
    Column { name, hash: Some(hash) }
}

/// All tables, in the order in which they are rotated.
pub const TARGETS: &[&Target] = &[
    &identity::USER_DATA,
    &identity::AUTHORIZATION_CODE,
    &identity::ACCESS_TOKEN,
    &identity::REFRESH_TOKEN,
    &identity::ACCESS_TOKEN_AUDIT,
    &identity::CONSUMER_APPS,
    &identity::CONSUMER_SECRETS,
    &identity::BPS_PROFILE,
    &identity::WORKFLOW_REQUEST,
    &identity::SECRET,
    &identity::XACML_SUBSCRIBER_PROPERTY,
    &registry::PROPERTY,
    &registry::KEY_STORE,
];

impl Target {
    /// The columns that are read besides the key: values, then hashes, then the group column.
    pub fn columns(&self) -> Vec<&'static str> {
        let values = self.values.iter().map(|column| column.name);
        let hashes = self.values.iter().filter_map(|column| column.hash);
        let group = self.groups.iter().map(|groups| groups.column);
        values.chain(hashes).chain(group).collect()
    }

    /// The group that a row with this value in the group column belongs to.
    pub fn group_of(&self, value: Option<&str>) -> Option<usize> {
        let named = |group: &Group| value.is_some_and(|value| group.values.contains(&value));
        self.groups?.list.iter().position(|group| group.values.is_empty() || named(group))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_and_tables_are_unique_and_every_target_has_a_key_and_a_value() {
        let ids: HashSet<_> = TARGETS.iter().map(|target| target.id).collect();
        let tables: HashSet<_> = TARGETS.iter().map(|target| target.relation.table).collect();
        assert_eq!((ids.len(), tables.len()), (TARGETS.len(), TARGETS.len()));
        for target in TARGETS {
            assert!(!target.relation.key.is_empty() && !target.values.is_empty(), "{}", target.id);
        }
    }

    #[test]
    fn a_row_is_counted_in_the_first_group_that_names_it() {
        let totp = identity::USER_DATA.group_of(Some("http://wso2.org/claims/identity/secretkey"));
        let other = identity::USER_DATA.group_of(Some("http://wso2.org/claims/identity/failedLoginAttempts"));
        assert_eq!((totp, other), (Some(0), Some(1)));
        assert_eq!(registry::PROPERTY.group_of(Some("privatekeyPass")), Some(1));
        assert_eq!(registry::KEY_STORE.group_of(None), None);
    }
}
