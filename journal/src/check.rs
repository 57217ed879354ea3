//! Checking a journal whole: every record against the chain, and the index and the state against
//! a replay from the first event.

use crate::error::{Error, Result};
use crate::event::Event;
use crate::journal::{Journal, closing};
use crate::log::{Extent, Index, read_entry};
use crate::record::MacBytes;
use crate::state::JobState;

/// What a check of the chain went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChainReport {
    /// Events.
    pub entries: u64,
    /// Records: events and pages of rows.
    pub records: u64,
    /// Row records, second attempts and amendments included.
    pub rows: u64,
    /// Closed chunks whose index was compared.
    pub chunks: u64,
}

impl Journal {
    /// Reads everything, computes the MAC chain anew, and compares the index and the state with a
    /// replay. `progress` is told how many of how many entries are checked. Any difference is
    /// [`Error::Damaged`]. The journal must be unlocked.
    pub fn check_chain(&self, mut progress: impl FnMut(u64, u64)) -> Result<ChainReport> {
        let dir = self.store.place();
        let Some(chain) = &self.chain else { return Err(Error::Sealed { dir: dir.to_owned() }) };
        let total = self.state.entries;
        let mut report = ChainReport::default();
        let mut mac = MacBytes::default();
        let mut replayed: Option<JobState> = None;
        for number in 0..total {
            let entry = read_entry(&*self.store, number, Extent::Whole, Some((chain, mac)))?;
            mac = entry.mac;
            let event = &entry.logged.event;
            let state = match (replayed, event) {
                (None, Event::RotationStarted(rotation)) => JobState::new(rotation.clone()),
                (None, _) => return Err(Error::damaged(dir, "it does not begin with a rotation")),
                (Some(state), event) => {
                    if let Some((target, ordinal, index)) = closing(&state, number, event) {
                        if Index::read(&*self.store, target, ordinal)? != index {
                            let what = format!("the index of chunk {ordinal} of target {target} is wrong");
                            return Err(Error::damaged(dir, what));
                        }
                        report.chunks += 1;
                    }
                    state
                        .apply(entry.logged.at, event, &entry.rows)
                        .map_err(|illegal| Error::damaged(dir, format!("event {number}: {illegal}")))?
                }
            };
            replayed = Some(state);
            report.entries += 1;
            report.records += entry.records;
            report.rows += entry.rows.len() as u64;
            progress(number + 1, total);
        }
        // What an earlier version has not recorded is no damage; what is recorded is under the seal's MAC.
        let replayed =
            replayed.map(|state| JobState { since: state.since.as_far_as(&self.state.since), ..state });
        if replayed.as_ref() != Some(self.state()) {
            return Err(Error::damaged(dir, "its state is not what its events lead to"));
        }
        Ok(report)
    }
}
