//! Tables of people's own that are described so narrowly that nothing of them is rotated.

use super::{Deployment, Job, protect};
use crate::db::columns::TextColumn;
use crate::db::scan::ScanColumn;
use crate::db::sql;
use crate::error::Result;
use crate::source::{Source, TableSource};
use crate::target::Presence;

impl Deployment {
    /// The tables that `targets` names of which no row matches their `where`, a line each; with how many rows outside of
    /// it hold ciphertext, if some do.
    pub async fn idle_filters(&self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        for job in &self.jobs {
            let Source::Table(table) = &job.source else { continue };
            let target = self.targets.table(&job.id).filter(|target| target.presence == Presence::Own);
            let Some(filter) = target.and_then(|target| target.relation.filter.as_ref()) else { continue };
            if job.source.walk_all().next(1).await?.is_some() {
                continue;
            }
            let columns: Vec<&str> = filter.columns().iter().map(|column| column.as_str()).collect();
            let (place, columns) = (&job.place, columns.join(", "));
            lines.push(match outside(job, table).await? {
                0 => format!("{place}: no row matches `where` ({columns})"),
                rows => format!(
                    "{place}: no row matches `where` ({columns}), and {rows} that do not match hold ciphertext"
                ),
            });
        }
        Ok(lines)
    }
}

/// In how many rows outside of the filter ciphertext stands; of a database that is asked by JDBC a thousand at most.
async fn outside(job: &Job, table: &TableSource) -> Result<u64> {
    let (db, relation) = (table.db(), &table.table().relation);
    let failed = |error| protect::failed(db, &error);
    let all = db.scan_columns().await.map_err(failed)?.columns;
    let is_here = |column: &&ScanColumn| {
        let at = &column.at;
        at.schema.is_empty()
            && relation.table.eq_ignore_ascii_case(&at.table)
            && job.columns.iter().any(|value| value.eq_ignore_ascii_case(&at.column))
    };
    let only_where = sql::left_out(db.dialect(), relation);
    let columns: Vec<_> = all
        .iter()
        .filter(is_here)
        .map(|column| ScanColumn {
            at: TextColumn { has_history: false, ..column.at.clone() },
            only_where: only_where.clone(),
        })
        .collect();
    let mut rows = 0;
    let last = columns.len().saturating_sub(1);
    if !columns.is_empty() {
        db.look_through(&columns, |at, _| rows += u64::from(at == last)).await.map_err(failed)?;
    }
    Ok(rows)
}
