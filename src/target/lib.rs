//! What is rotated and what is kept in step, as data: one descriptor for each table and each group of files.
//!
//! A new target adds a descriptor here and no code. A table that only some versions have may be absent:
//! WF_BPS_PROFILE is gone in 7.x, KEY_STORE came with 7.1. One that every version has is never passed over.
//!
//! Invariant: descriptors are values that are handed down in one [`TargetRegistry`]; nothing reads them from a global.

use keyrotation_codec as codec;
use keyrotation_db as db;

pub mod files;
mod identity;
mod registry;
pub mod sync;
mod target_registry;

use serde::{Deserialize, Serialize};

use crate::codec::Codec;
use crate::db::{Filter, Identifier, Relation};

pub use files::FileGroup;
pub use sync::SyncTable;
pub use target_registry::TargetRegistry;

/// The database that a table is in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Store {
    /// The identity database (`[database.identity_db]`).
    Identity,
    /// The registry or shared database (`[database.shared_db]`).
    Registry,
    /// A further one, by its name in `stores`.
    Further(String),
}

impl Store {
    /// Its name in messages.
    pub fn name(&self) -> &str {
        match self {
            Self::Identity => "identity",
            Self::Registry => "registry",
            Self::Further(name) => name,
        }
    }

    /// The key of `properties.yaml` that names it.
    pub fn key(&self) -> String {
        match self {
            Self::Identity => "newIdnDBUrl".to_owned(),
            Self::Registry => "newRegDBUrl".to_owned(),
            Self::Further(name) => format!("the url of the store {name}"),
        }
    }
}

/// A version of the Identity Server.
pub type Version = (u32, u32, u32);

/// Which versions have a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Every one.
    Always,
    /// This one and later ones.
    Since(Version),
    /// Those before this one.
    Before(Version),
    /// Some, or those with a connector.
    Some,
    /// None: people have named it, so it must be there.
    Own,
}

impl Presence {
    /// Whether this version has it; none if that is unknown.
    pub fn in_version(self, version: Option<Version>) -> Option<bool> {
        match self {
            Self::Always | Self::Own => Some(true),
            Self::Since(first) => version.map(|version| version >= first),
            Self::Before(end) => version.map(|version| version < end),
            Self::Some => None,
        }
    }

    /// Whether a deployment of this version must have it.
    pub fn is_certain_in(self, version: Option<Version>) -> bool {
        self.in_version(version) == Some(true)
    }
}

/// One table with the columns that hold values under the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its name in the journal and in reports; never changes.
    pub id: String,
    /// The database that it is in.
    pub store: Store,
    /// Which versions have it.
    pub presence: Presence,
    /// The table, its key and the rows that matter.
    pub relation: Relation,
    /// The columns with values. Their order is stored in journals: new ones are added at the end.
    pub values: Vec<Column>,
    /// How values stand in their columns.
    pub codec: Codec,
    /// What the rows are called in the log, unless `groups` divides them.
    pub label: String,
    /// Rows that are counted apart, as the log's lines want it. A row belongs to the first group
    /// that names its value in the group column; the rest belong to none.
    pub groups: Option<Groups>,
}

/// A column that holds values under the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The column's name.
    pub name: Identifier,
    /// The column with the hash of the plaintext, where there is one.
    pub hash: Option<Identifier>,
}

/// How the rows of a table are divided for counting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups {
    /// The column that divides them.
    pub column: Identifier,
    /// The groups.
    pub list: Vec<Group>,
}

/// Rows that are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// What the rows are called in the log.
    pub label: String,
    /// The values of the group column; empty for every other value.
    pub values: Vec<String>,
}

fn plain(name: &'static str) -> Column {
    Column { name: Identifier::constant(name), hash: None }
}

fn hashed(name: &'static str, hash: &'static str) -> Column {
    Column { hash: Some(Identifier::constant(hash)), ..plain(name) }
}

fn group(label: &str, values: &[&str]) -> Group {
    Group { label: label.to_owned(), values: values.iter().map(|value| (*value).to_owned()).collect() }
}

/// A built-in table: all its rows matter.
fn relation(table: &'static str, key: &[&'static str]) -> Relation {
    Relation { table: Identifier::constant(table), key: names(key), filter: None }
}

fn names(names: &[&'static str]) -> Vec<Identifier> {
    names.iter().map(|name| Identifier::constant(name)).collect()
}

impl Target {
    /// The columns that are read besides the key: values, then hashes, then the group column.
    pub fn columns(&self) -> impl Iterator<Item = &Identifier> {
        let values = self.values.iter().map(|column| &column.name);
        let hashes = self.values.iter().filter_map(|column| column.hash.as_ref());
        let group = self.groups.iter().map(|groups| &groups.column);
        values.chain(hashes).chain(group)
    }

    /// The names of the columns with values.
    pub fn value_names(&self) -> Vec<&Identifier> {
        self.values.iter().map(|value| &value.name).collect()
    }

    /// What another description of the same table passes over of this one: columns, and rows of the others.
    fn without(&self, other: &Self) -> Vec<Self> {
        let is_others = |column: &Column| {
            other.values.iter().any(|theirs| theirs.name.eq_ignore_ascii_case(&column.name))
        };
        let (both, alone): (Vec<_>, Vec<_>) = self.values.iter().cloned().partition(is_others);
        let mut rest = Vec::new();
        if !alone.is_empty() {
            rest.push(Self { values: alone, ..self.clone() });
        }
        if let (Some(theirs), false) = (&other.relation.filter, both.is_empty()) {
            let ours = self.relation.filter.clone().map(Box::new);
            let filter = Some(Filter::But(ours, Box::new(theirs.clone())));
            let id = if rest.is_empty() { self.id.clone() } else { format!("{}-rows", self.id) };
            let relation = Relation { filter, ..self.relation.clone() };
            rest.push(Self { id, values: both, relation, ..self.clone() });
        }
        rest
    }

    /// The group that a row with this value in the group column belongs to.
    pub fn group_of(&self, value: Option<&str>) -> Option<usize> {
        let named = |group: &Group| value.is_some_and(|value| group.values.iter().any(|own| own == value));
        self.groups.as_ref()?.list.iter().position(|group| group.values.is_empty() || named(group))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_counted_in_the_first_group_that_names_it() {
        let claims = identity::user_data();
        let totp = claims.group_of(Some("http://wso2.org/claims/identity/secretkey"));
        let other = claims.group_of(Some("http://wso2.org/claims/identity/failedLoginAttempts"));
        assert_eq!((totp, other), (Some(0), Some(1)));
        assert_eq!(registry::property().group_of(Some("privatekeyPass")), Some(1));
        assert_eq!(registry::key_store().group_of(None), None);
    }
}
