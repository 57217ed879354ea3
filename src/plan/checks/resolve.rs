//! Tables and groups of files, as they are found.

use std::sync::Arc;

use keyrotation_journal::TargetId;

use super::super::privileges::forbidden;
use super::super::{Job, absent, columns};
use super::Deployment;
use crate::codec::Codec;
use crate::config::Settings;
use crate::db::{Access, DbError, Identifier, Table, sql};
use crate::error::{Error, Id, Result};
use crate::sink::{FileSink, Sink, TableSink};
use crate::source::{FileRows, Source, TableSource};
use crate::target::{FileGroup, Target};

impl Deployment {
    pub(super) async fn resolve_table(
        &mut self,
        index: TargetId,
        target: &Arc<Target>,
        access: Access,
    ) -> Result<()> {
        let Some(db) = self.databases.of(&target.store).cloned() else {
            self.absent.push((index, "databases are not enabled".to_owned()));
            return Ok(());
        };
        let guard = self.databases.guard(&target.store, &db);
        let limits_of_transaction = self.databases.transaction_limits(&db);
        let place = &target.relation.table;
        let failed = |error: DbError| Error::new(Id::Database, format!("{place}: {error}"));
        let Some(info) = db.table(place).await.map_err(failed)? else {
            let left_out = self.without.iter().any(|name| place.eq_ignore_ascii_case(name));
            self.absent.push((index, absent::reason(target, self.version, left_out)));
            return Ok(());
        };
        columns::check(target, &info, db.dialect())?;
        let values = target.value_names();
        let mut table = Table::new(target.relation.clone(), &values, &info);
        if access == Access::ReadWrite && db.server_kind().is_some() {
            db.rehearse(&mut table, &values).await.map_err(|error| forbidden(place, &error))?;
        }
        let table = Arc::new(table);
        let not_null =
            |column: &Identifier| info.columns.get(&**column).is_some_and(|column| column.not_null);
        let may_be_null = !target.relation.key.iter().all(not_null);
        if may_be_null
            && !db.read(&sql::null_key(db.dialect(), &table), &[]).await.map_err(failed)?.is_empty()
        {
            return Err(Error::new(Id::Schema, format!("{place}: there is a row with NULL in its key")));
        }
        let limits = values
            .iter()
            .map(|value| info.columns.get(value.as_str()).and_then(|column| column.limit))
            .collect();
        let has_column = |column: &str| info.columns.contains_key(column);
        let source = TableSource::new(
            db.clone(),
            Arc::clone(target),
            Arc::clone(&table),
            Arc::clone(&guard),
            has_column,
        );
        let columns: Arc<[Identifier]> = values.into_iter().cloned().collect();
        let indexes = self.indexes(&db, &guard, &table, Arc::clone(&columns));
        self.jobs.push(Job {
            index,
            id: target.id.as_str().into(),
            place: place.to_string(),
            codec: target.codec.clone(),
            columns,
            limits,
            groups: self.heads[index.position()].groups.len(),
            resealed: self.resealed(index),
            source: Source::Table(source),
            sink: Sink::Table(
                TableSink::new(db, Arc::clone(target), table, guard)
                    .within(limits_of_transaction)
                    .giving_way(self.fingerprint.mode.is_in_place()),
            ),
            indexes: Some(indexes),
            sizes: self.sizes,
        });
        Ok(())
    }

    pub(super) fn resolve_files(&mut self, index: TargetId, group: &Arc<FileGroup>, settings: &Settings) {
        let Some(files) = &settings.files else {
            self.absent.push((index, "configuration files are not enabled".to_owned()));
            return;
        };
        let (home, further) = (files.home.clone(), &files.further_homes);
        let rows = FileRows::new(Arc::clone(group), home, further, files.allowed_roots.clone());
        self.jobs.push(Job {
            index,
            id: group.id.as_str().into(),
            place: group.label.clone(),
            codec: Codec::Xml,
            columns: [Identifier::constant("content")].into(),
            limits: vec![None],
            groups: self.heads[index.position()].groups.len(),
            resealed: self.resealed(index),
            source: Source::Files(rows.clone()),
            sink: Sink::Files(FileSink::new(rows)),
            indexes: None,
            sizes: self.sizes,
        });
    }
}
