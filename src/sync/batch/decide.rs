//! What is to be done with a row, by what stands in both databases and what this program left there.

use keyrotation_journal::RowMark;

use super::super::carry::Outcome;
use super::super::rows::Row;
use super::{Batch, Work};
use crate::db::Value;
use crate::plan::SyncJob;
use crate::target::sync::ACTIVE;

impl Batch<'_, '_> {
    /// Decides about one row: it is written later, or its outcome stands.
    pub(super) fn decide(&mut self, work: Work, mark: Option<&RowMark>) {
        let present = work.present.as_ref().map(|row| row.digest);
        let wanted = work.wanted.as_ref().map(|row| row.digest);
        let is_ours = mark.map_or(present.is_none(), |mark| mark.allows(present));
        let outcome = if present == wanted {
            if mark.copied() != present.map(RowMark::settled) {
                self.done.same.push((work.key.clone(), present.map(RowMark::settled)));
            }
            Outcome::Same
        } else if is_ours && !self.is_revived(&work) {
            if let Some(reason) = work.wanted.as_ref().and_then(|row| not_text(self.job, row)) {
                self.done.outcomes.insert(work.key, Outcome::Failed(reason));
                return;
            }
            self.works.insert(work.key.clone(), work);
            return;
        } else if let Some(merged) = self.taken_out_of_use(&work) {
            let place = self.job.place();
            tracing::warn!("{place}: {}: both servers have changed it: it goes out of use, too", work.key);
            self.works.insert(work.key.clone(), Work { wanted: Some(merged), merges: true, ..work });
            return;
        } else {
            if self.sync.counts_superseded {
                let place = self.job.place();
                tracing::warn!("{place}: {}: both servers have changed it: the new server's stays", work.key);
            }
            self.done.superseded.push(work.key.clone());
            Outcome::Superseded
        };
        self.done.outcomes.insert(work.key, outcome);
    }

    /// Whether a row that is good for nothing any more would become usable again.
    fn is_revived(&self, work: &Work) -> bool {
        let [was, will] = self.in_use(work);
        was == Some(false) && will == Some(true)
    }

    /// Whether a row is in use in the new database, and in the old one, if it has a state.
    fn in_use(&self, work: &Work) -> [Option<bool>; 2] {
        let state = |row: &Row| {
            let at = self.job.column(self.job.table.state?)?;
            Some(row.cells.get(at)?.value.as_text()? == ACTIVE)
        };
        [&work.present, &work.wanted].map(|row| row.as_ref().and_then(state))
    }

    /// The new server's own row as it is to be where the old server has taken it out of use: revocation wins on
    /// both sides.
    fn taken_out_of_use(&self, work: &Work) -> Option<Row> {
        if self.in_use(work) != [Some(true), Some(false)] {
            return None;
        }
        let mut merged = work.present.clone()?;
        let wanted = work.wanted.as_ref()?;
        for column in [self.job.table.state, self.job.table.park].into_iter().flatten() {
            if let Some(at) = self.job.column(column) {
                merged.cells.get_mut(at)?.clone_from(wanted.cells.get(at)?);
            }
        }
        Some(merged)
    }
}

/// Why a row cannot be written as it is: a text in it is none, and would become something else.
fn not_text(job: &SyncJob, row: &Row) -> Option<String> {
    let at = row.cells.iter().position(|cell| matches!(cell.value, Value::NotText(_)))?;
    let column = job.columns.get(at).map_or("?", String::as_str);
    Some(format!("{column}: it is not valid text in the old database's encoding"))
}
