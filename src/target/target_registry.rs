//! All descriptors of one rotation, as one value.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::sync::Parent;
use super::{Column, FileGroup, Presence, Store, SyncTable, Target, files, identity, registry, sync};
use crate::db::Identifier;

/// What can be rotated and what can be kept in step. Who needs a descriptor is handed this value, or one of its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRegistry {
    #[serde(with = "owned")]
    tables: Vec<Arc<Target>>,
    #[serde(with = "owned")]
    files: Vec<Arc<FileGroup>>,
    #[serde(with = "owned")]
    synced: Vec<Arc<SyncTable>>,
    /// What is known and not rotated, at people's word.
    #[serde(default, skip_serializing_if = "LeftOut::is_empty")]
    left_out: LeftOut,
}

/// Tables and groups of files that are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct LeftOut {
    #[serde(with = "owned")]
    tables: Vec<Arc<Target>>,
    #[serde(with = "owned")]
    files: Vec<Arc<FileGroup>>,
}

impl LeftOut {
    fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.files.is_empty()
    }
}

impl TargetRegistry {
    /// What this version of the program knows of WSO2's schemas and folders.
    pub fn built_in() -> Self {
        let tables = identity::all().into_iter().chain(registry::all());
        Self {
            tables: tables.map(Arc::new).collect(),
            files: files::all().into_iter().map(Arc::new).collect(),
            synced: sync::all().into_iter().map(Arc::new).collect(),
            left_out: LeftOut::default(),
        }
    }

    /// The same without what has one of these names, which are tables or ids, and with further tables.
    pub fn with(mut self, left_out: &[String], own: Vec<Target>) -> Result<Self, String> {
        for name in left_out {
            let is_table = |target: &Arc<Target>| target.id == *name || target.relation.table == **name;
            let before = self.left_out.tables.len() + self.left_out.files.len();
            self.left_out.tables.extend(self.tables.extract_if(.., |target| is_table(target)));
            self.left_out.files.extend(self.files.extract_if(.., |group| group.id == *name));
            if self.left_out.tables.len() + self.left_out.files.len() == before {
                return Err(format!(
                    "leaveOut: {} is not a table or group of files that is rotated",
                    name.escape_debug()
                ));
            }
        }
        let built_in = self.tables.len();
        for target in own {
            let is_it = |known: &&Arc<Target>| {
                known.store == target.store
                    && known.relation.table.eq_ignore_ascii_case(&target.relation.table)
            };
            let table = &target.relation.table;
            match self.tables.iter().position(|known| is_it(&known)) {
                Some(at) if at < built_in => {
                    return Err(format!(
                        "{table} is rotated already: leave it out to describe it differently"
                    ));
                }
                Some(_) => return Err(format!("{table} has two items: one names all of its values")),
                None => {}
            }
            if self.tables.iter().any(|known| known.id == target.id) {
                return Err(format!("{table} and another table differ only in special characters"));
            }
            self.tables.push(Arc::new(target));
        }
        Ok(self)
    }

    /// The same with what is left out, for those who only look: of a table that is described otherwise, what that
    /// passes over.
    #[must_use]
    pub fn whole(mut self) -> Self {
        let LeftOut { tables, files } = std::mem::take(&mut self.left_out);
        let rest = |left: Arc<Target>| {
            let is_it = |own: &&Arc<Target>| {
                own.store == left.store && own.relation.table.eq_ignore_ascii_case(&left.relation.table)
            };
            match self.tables.iter().find(is_it) {
                Some(own) => left.without(own).into_iter().map(Arc::new).collect(),
                None => vec![left],
            }
        };
        let tables: Vec<_> = tables.into_iter().flat_map(rest).collect();
        self.tables.extend(tables);
        self.files.extend(files);
        self
    }

    /// The tables and groups of files that are left out, by name.
    pub fn left_out(&self) -> Vec<&str> {
        let tables = self.left_out.tables.iter().map(|target| target.relation.table.as_str());
        tables.chain(self.left_out.files.iter().map(|group| group.label.as_str())).collect()
    }

    /// Whether a table that is kept in step is left out, or described otherwise: its table.
    pub fn unsynced(&self) -> Option<&Identifier> {
        let own = self.tables.iter().filter(|target| target.presence == Presence::Own);
        let touched = self.left_out.tables.iter().chain(own);
        let mut touched =
            touched.filter(|target| target.store == Store::Identity).map(|target| &target.relation.table);
        touched.find(|table| self.sync_table_named(table).is_some())
    }

    /// Tables, in the order in which they are rotated.
    pub fn tables(&self) -> &[Arc<Target>] {
        &self.tables
    }

    /// Groups of files, in the order of work.
    pub fn files(&self) -> &[Arc<FileGroup>] {
        &self.files
    }

    /// Tables that are kept in step, parents before children.
    pub fn synced(&self) -> &[Arc<SyncTable>] {
        &self.synced
    }

    /// The table with this id.
    pub fn table(&self, id: &str) -> Option<&Arc<Target>> {
        self.tables.iter().find(|target| target.id == id)
    }

    /// The table with this name.
    pub fn table_named(&self, name: &str) -> Option<&Arc<Target>> {
        self.tables.iter().find(|target| target.relation.table.eq_ignore_ascii_case(name))
    }

    /// The tables of one database.
    pub fn tables_of(&self, store: &Store) -> impl Iterator<Item = &Arc<Target>> {
        self.tables.iter().filter(move |target| target.store == *store)
    }

    /// The group of files with this id.
    pub fn file_group(&self, id: &str) -> Option<&Arc<FileGroup>> {
        self.files.iter().find(|group| group.id == id)
    }

    /// The table that is kept in step and has this id.
    pub fn sync_table(&self, id: &str) -> Option<&Arc<SyncTable>> {
        self.synced.iter().find(|table| table.id == id)
    }

    /// The one with this name.
    pub fn sync_table_named(&self, name: &str) -> Option<&Arc<SyncTable>> {
        self.synced.iter().find(|table| table.relation.table.eq_ignore_ascii_case(name))
    }

    /// The columns with values under the key of a table that is kept in step: those of its target, if it is one.
    pub fn values_of(&self, table: &SyncTable) -> &[Column] {
        self.synced_target(&table.relation.table).map_or(&[], |target| &target.values)
    }

    /// Which versions have a table that is kept in step: those that have its target, or its parent's.
    pub fn presence_of(&self, table: &SyncTable) -> Presence {
        let name = match &table.parent {
            Some(Parent::Synced { table, .. }) => table,
            _ => &table.relation.table,
        };
        self.synced_target(name).map_or(Presence::Always, |target| target.presence)
    }

    /// The target of a table that is kept in step: those are in the identity database alone.
    fn synced_target(&self, name: &str) -> Option<&Arc<Target>> {
        let mut tables = self.tables_of(&Store::Identity);
        tables.find(|target| target.relation.table.eq_ignore_ascii_case(name))
    }
}

/// Shared descriptors are stored as if each were its owner's own.
mod owned {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(list: &[Arc<T>], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(list.iter().map(|one| &**one))
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Arc<T>>, D::Error> {
        Ok(Vec::<T>::deserialize(from)?.into_iter().map(Arc::new).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Building it also proves that every built-in name is an identifier: any other would end the test.
    #[test]
    fn ids_and_tables_are_unique_and_every_target_has_a_key_and_a_value() {
        let known = TargetRegistry::built_in();
        let ids = || {
            let files = known.files().iter().map(|group| &group.id);
            let synced = known.synced().iter().map(|table| &table.id);
            known.tables().iter().map(|target| &target.id).chain(files).chain(synced)
        };
        assert_eq!(ids().collect::<HashSet<_>>().len(), ids().count());
        let names: HashSet<&Identifier> =
            known.tables().iter().map(|target| &target.relation.table).collect();
        assert_eq!(names.len(), known.tables().len());
        for target in known.tables() {
            assert!(!target.relation.key.is_empty() && !target.values.is_empty(), "{}", target.id);
        }
    }

    /// Every row and column of what was left out is among those of the own description, or of the rest: never of both.
    #[test]
    fn what_an_own_description_passes_over_is_left_to_the_built_in_one() {
        let built_in = TargetRegistry::built_in();
        let known = built_in.table("oauth2-access-token").unwrap();
        let rest = |values: &[usize], filter: Option<&str>| {
            let column = |name: &str| Identifier::new(name).unwrap();
            let filter = filter.map(|name| crate::db::Filter::IsTrue(column(name)));
            let values = values.iter().map(|at| known.values[*at].clone()).collect();
            let relation = crate::db::Relation { filter, ..known.relation.clone() };
            let own = Target {
                id: "own".to_owned(),
                presence: Presence::Own,
                values,
                relation,
                ..(**known).clone()
            };
            let whole =
                TargetRegistry::built_in().with(std::slice::from_ref(&known.id), vec![own]).unwrap().whole();
            let all = whole.tables().iter().filter(|target| target.id != "own");
            let of_it = all.filter(|target| target.relation.table == known.relation.table);
            of_it.map(|it| (it.values.len(), it.relation.filter.is_some(), it.id.clone())).collect::<Vec<_>>()
        };
        let id = || known.id.clone();
        assert_eq!(rest(&[0, 1], None), []);
        assert_eq!(rest(&[0], None), [(1, false, id())]);
        assert_eq!(rest(&[0, 1], Some("X")), [(2, true, id())]);
        assert_eq!(rest(&[1], Some("X")), [(1, false, id()), (1, true, format!("{}-rows", id()))]);
    }

    #[test]
    fn parents_come_first_and_logs_and_triggers_are_unique() {
        let known = TargetRegistry::built_in();
        for (at, table) in known.synced().iter().enumerate() {
            assert_eq!(*table.log, format!("{}_TEMP", table.relation.table));
            let earlier = &known.synced()[..at];
            assert!(earlier.iter().all(|other| other.id != table.id && other.triggers != table.triggers));
            if let Some(Parent::Synced { table: parent, column }) = &table.parent {
                assert!(earlier.iter().any(|other| other.relation.table == *parent));
                assert_eq!(table.relation.key.first(), Some(column));
            }
        }
    }

    #[test]
    fn newer_tables_are_known() {
        let known = TargetRegistry::built_in();
        let newer = known.synced().iter().filter(|table| known.presence_of(table) != Presence::Always);
        let names: Vec<_> = newer.map(|table| table.triggers.as_str()).collect();
        assert_eq!(names, ["refresh_token_sync", "refresh_scope_sync", "refresh_binding_sync"]);
    }

    #[test]
    fn what_is_under_the_key_is_what_is_rotated() {
        let known = TargetRegistry::built_in();
        let names = |id| {
            let table = known.sync_table(id).unwrap();
            known.values_of(table).iter().map(|value| value.name.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(names("sync-oauth2-access-token"), ["ACCESS_TOKEN", "REFRESH_TOKEN"]);
        assert_eq!(names("sync-oauth2-access-token-scope"), [""; 0]);
    }
}
