//! What is to be done with a row, by its content in both databases and what this program left there.

use keyrotation_journal::RowMark;

use super::super::carry::Outcome;
use super::super::rows::Row;
use super::{Batch, Work};
use crate::db::{Identifier, Value};
use crate::plan::SyncJob;
use crate::target::sync::REVOKED;

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
            let what = if work.wanted.is_some() {
                "both servers have changed it: it goes out of use, too"
            } else {
                "the old server has deleted it, and the new one has changed it: it stays, and goes out of use"
            };
            tracing::warn!("{place}: {}: {what}", work.key);
            self.works.insert(work.key.clone(), Work { wanted: Some(merged), merges: true, ..work });
            return;
        } else {
            // One that was judged before, by what the old database still says, is not told again: its mark says so. Of
            // one that is gone there nothing can, so it counts by its entry.
            let is_known = wanted.is_some() && mark.copied() == wanted.map(RowMark::settled);
            let counts = !is_known && (wanted.is_some() || self.sync.counts_superseded);
            if counts {
                let place = self.job.place();
                let what = match (&work.present, mark) {
                    (None, Some(&RowMark::MAYBE_DELETED)) => {
                        "only the old database has it, and the new server may have deleted it: it is left out"
                    }
                    (None, _) => "the new server has deleted it: it does not come back",
                    _ => "both servers have changed it: the new server's stays",
                };
                tracing::warn!("{place}: {}: {what}", work.key);
                self.done.superseded.push(work.key.clone());
            }
            if counts && wanted.is_some() && mark != Some(&RowMark::MAYBE_DELETED) {
                self.done.same.push((work.key.clone(), wanted.map(RowMark::settled)));
            }
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
        [&work.present, &work.wanted].map(|row| row.as_ref()?.is_in_use(self.job))
    }

    /// The new server's own row as it is to be where the old server has taken it out of use, or deleted it: some
    /// servers move what they revoke to another table. Revocation wins on both sides.
    fn taken_out_of_use(&self, work: &Work) -> Option<Row> {
        let [is, will_be] = self.in_use(work);
        let is_out_of_use = if work.wanted.is_none() { work.is_deleted } else { will_be == Some(false) };
        if is != Some(true) || !is_out_of_use {
            return None;
        }
        let mut merged = work.present.clone()?;
        let mut set = |column: Option<&Identifier>, gone: Value| {
            let Some(at) = column.and_then(|column| self.job.column(column)) else { return Some(()) };
            let value = match &work.wanted {
                Some(wanted) => wanted.cells.get(at)?.value.clone(),
                None => gone,
            };
            merged.cells.get_mut(at)?.value = value;
            Some(())
        };
        set(self.job.table.state.as_ref(), Value::Text(REVOKED.to_owned()))?;
        // Unique together with the state: no other row has this digest.
        let own = u128::from_be_bytes(work.present.as_ref()?.digest);
        set(self.job.table.park.as_ref(), Value::Text(format!("revoked-{own:032x}")))?;
        Some(merged)
    }
}

/// Why a row cannot be written as it is: a text in it is not valid, and would become something else.
fn not_text(job: &SyncJob, row: &Row) -> Option<String> {
    let at = row.cells.iter().position(|cell| matches!(cell.value, Value::NotText(_)))?;
    let column = job.columns.get(at).map_or("?", Identifier::as_str);
    Some(format!("{column}: it is not valid text in the old database's encoding"))
}
