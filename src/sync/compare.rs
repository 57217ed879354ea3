//! The old tables against what the copy holds, once as each session begins. A change log tells of changes that were
//! made while its triggers were there, and nothing in it says since when they are: those that were made between
//! the copy and its triggers, or while they were removed, are in no log.
//!
//! Only the old tables are read: the journal has a digest of every row of the copy. A row that is not as its digest
//! says is carried over like one that an entry names, parents first. The change logs get their turn meanwhile.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

use keyrotation_journal::{Entry, Event, JobState, Key, RowMark};

use super::carry::Outcome;
use super::read::{Wanted, key_of};
use super::rows::{Row, Side};
use super::watch::{RESTLESS, SOON};
use super::{COMPARED_SINCE, NEW_SERVER_HAS_RUN, SyncRunner, failed};
use crate::activity::{Doing, Task};
use crate::db::Value;
use crate::error::Result;
use crate::plan::SyncJob;
use crate::source::{Walk, key_values};

/// How far the comparison is.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// The table that is compared, by its place among the jobs.
    at: usize,
    walk: Option<(Walk, Doing)>,
    begun: Option<Instant>,
    /// Rows that could not be carried over yet, and how often that was tried.
    left: BTreeMap<(usize, Key), u32>,
    found: Found,
}

/// What the comparison has found.
#[derive(Debug, Default)]
struct Found {
    rows: u64,
    applied: u64,
    /// Rows that are the new server's own.
    superseded: u64,
    /// Rows that are in the old database only, of which the new server may have had them.
    unknown: u64,
    /// Rows whose key cannot be told.
    nameless: u64,
}

impl SyncRunner<'_> {
    /// Whether each old table was read to its end.
    pub(super) fn is_compared(&self) -> bool {
        self.comparison.at >= self.plan.jobs.len()
    }

    /// Whether there are rows that the comparison cannot speak of.
    pub(super) fn leaves_out_rows(&self) -> bool {
        self.comparison.found.nameless > 0
    }

    /// Compares the next pages; whether there was anything to compare.
    pub(super) async fn compare_some(&mut self) -> Result<bool> {
        if self.is_compared() {
            return Ok(false);
        }
        if self.comparison.begun.is_none() {
            self.comparison.begun = Some(Instant::now());
            tracing::info!(
                "the old tables are compared with the copy, once and in full: no change log has what \
                 changed before its triggers were installed"
            );
        }
        self.counts_superseded = false; // an entry of the same row counts it
        let compared = self.compare_pages().await;
        self.counts_superseded = true;
        compared.map(|()| true)
    }

    async fn compare_pages(&mut self) -> Result<()> {
        // The entries of a backlog come first. What they have carried over needs no more than a look here.
        let is_behind = self.feeds.iter().any(|feed| feed.is_behind) && !self.is_first_comparison();
        let sizes = &self.plan.sizes;
        for _ in 0..if is_behind { sizes.pages_of_keys_behind } else { sizes.pages_of_keys } {
            let Some(job) = self.plan.jobs.get(self.comparison.at).cloned() else { return Ok(()) };
            if self.context.is_held_up() {
                return Ok(());
            }
            self.keep_servers().await?;
            let (plan, activity) = (self.plan, &self.context.activity);
            let (walk, doing) = self.comparison.walk.get_or_insert_with(|| {
                let doing = activity.begin(Task::Compare, job.place(), None);
                (plan.walk_old(&job.old, &job.read_old), doing)
            });
            let page = walk.next(plan.sizes.rows).await;
            let Some(page) = page.map_err(|error| failed(job.place(), &error))? else {
                self.comparison.walk = None;
                self.comparison.at += 1;
                if self.is_compared() {
                    self.record_first_comparison().await?;
                    self.say_what_was_compared();
                }
                continue;
            };
            doing.advance(page.len() as u64);
            self.comparison.found.rows += page.len() as u64;
            let named = page.iter().filter(|record| key_of(&job, record).is_some()).count();
            self.comparison.found.nameless += (page.len() - named) as u64;
            // As it stands: what is compared is what it says, and nothing is sealed for it.
            let rows = self.reader.opened(&job, Side::New, page).await?.into_iter().flatten().collect();
            let other = self.others(&job, rows).await?;
            self.carry_compared(self.comparison.at, &job, other).await?;
        }
        Ok(())
    }

    /// The rows among these that the copy does not hold like that.
    async fn others(&mut self, job: &SyncJob, rows: Vec<Row>) -> Result<Vec<Key>> {
        let marks = self.marks(job, rows.iter().map(|row| row.key.clone()).collect()).await?;
        let is_same = |row: &Row| marks.get(&row.key) == Some(&RowMark::settled(row.digest));
        let other: Vec<Row> = rows.into_iter().filter(|row| !is_same(row)).collect();
        if other.is_empty() || !self.context.journal.state(|state| state.step_is_in_force(NEW_SERVER_HAS_RUN))
        {
            return Ok(other.into_iter().map(|row| row.key).collect());
        }
        // There is no digest of what was in the copy. A row that it has no more the new server may have deleted.
        let values: Vec<Vec<Value>> = other.iter().map(|row| key_values(&row.key)).collect();
        let read = || self.plan.new.rows(&job.new, &job.read_new, &values);
        let records = self.plan.guard.try_reading(job.place(), read).await;
        let records = records.map_err(|error| failed(job.place(), &error))?;
        let there = self.reader.opened(job, Side::New, records).await?;
        let there: HashMap<Key, _> = there.into_iter().flatten().map(|row| (row.key, row.digest)).collect();
        // Once all were compared, what comes to the old database is known to be new.
        let is_first = self.is_first_comparison();
        let (mut keys, mut unknown) = (Vec::new(), Vec::new());
        for row in other {
            match (there.get(&row.key), marks.get(&row.key)) {
                (Some(digest), _) if *digest == row.digest => {}
                (None, Some(&RowMark::MAYBE_DELETED)) => self.comparison.found.unknown += 1,
                (None, None) if is_first => {
                    tracing::warn!(
                        "{}: {}: only the old database has it, and the new server may have deleted it: it is left out",
                        job.place(),
                        row.key
                    );
                    unknown.push((row.key, Some(RowMark::MAYBE_DELETED)));
                }
                _ => keys.push(row.key),
            }
        }
        if !unknown.is_empty() {
            self.comparison.found.unknown += unknown.len() as u64;
            let none = Event::CopyDone { target: job.index, applied: 0, superseded: Vec::new() };
            self.context.journal.append(vec![Entry::marked(none, unknown)]).await?;
        }
        Ok(keys)
    }

    /// Whether the new server has run before this rotation, and the old tables were not yet compared with what it left.
    /// Until then no entry is carried over: its row may be one that the new server has deleted.
    pub(super) fn is_first_comparison(&self) -> bool {
        self.context.journal.state(|state| {
            state.step_is_in_force(NEW_SERVER_HAS_RUN) && !state.step_is_in_force(COMPARED_SINCE)
        })
    }

    /// From now on what comes to the old database is known to be new.
    async fn record_first_comparison(&self) -> Result<()> {
        if !self.is_first_comparison() {
            return Ok(());
        }
        self.record_step(COMPARED_SINCE, "rows that only the old database has were listed".to_owned()).await
    }

    /// Carries rows over, and remembers those of which that cannot be done yet.
    async fn carry_compared(&mut self, at: usize, job: &SyncJob, keys: Vec<Key>) -> Result<()> {
        for part in keys.chunks(self.most_rows()) {
            let mut asked = self.reader.wanted(job, part).await?;
            // One that was deleted since has an entry that says so, or is missed by those who look for such rows.
            asked.rows.retain(|_, wanted| !matches!(wanted, Wanted::Gone));
            let there = |key: &&Key| asked.rows.contains_key(asked.canonical.get(*key).unwrap_or(*key));
            let (there, gone): (Vec<&Key>, Vec<&Key>) = part.iter().partition(there);
            for key in gone {
                self.comparison.left.remove(&(at, key.clone()));
            }
            let there: Vec<Key> = there.into_iter().cloned().collect();
            let outcomes = self.carry_read(job, &there, asked, &HashSet::new()).await?;
            for (key, outcome) in outcomes {
                self.note_compared(at, key, outcome);
            }
        }
        Ok(())
    }

    fn note_compared(&mut self, at: usize, key: Key, outcome: Outcome) {
        let found = &mut self.comparison.found;
        match outcome {
            Outcome::Applied => found.applied += 1,
            Outcome::Superseded => found.superseded += 1,
            _ => {}
        }
        let place = (at, key);
        if outcome.is_final() {
            self.comparison.left.remove(&place);
            return;
        }
        let tries = self.comparison.left.entry(place.clone()).or_default();
        *tries += 1;
        let outcome = if outcome == Outcome::Later && *tries > SOON {
            Outcome::Failed(RESTLESS.to_owned())
        } else {
            outcome
        };
        if outcome != Outcome::Later {
            self.wait(at, &place.1, &[], outcome);
        }
    }

    /// Tries the rows again that were left; how many were carried over, or are on their way.
    pub(super) async fn compare_left(&mut self) -> Result<u64> {
        let before = self.comparison.found.applied;
        let left: Vec<(usize, Key)> = self.comparison.left.keys().cloned().collect();
        for (at, job) in self.plan.jobs.clone().iter().enumerate() {
            let keys = left.iter().filter(|(table, _)| *table == at).map(|(_, key)| key.clone()).collect();
            if self.context.is_held_up() {
                break;
            }
            self.carry_compared(at, job, keys).await?;
        }
        // Those that wait for people are listed.
        let restless = self
            .comparison
            .left
            .iter()
            .filter(|((at, key), tries)| **tries <= SOON && !self.waiting[*at].contains_key(key));
        Ok(self.comparison.found.applied - before + restless.count() as u64)
    }

    fn say_what_was_compared(&self) {
        let Found { rows, applied, superseded, unknown, nameless } = &self.comparison.found;
        let left = self.comparison.left.len();
        tracing::info!(
            "compared in full: of {rows} rows of the old tables {applied} were not in the copy as they are, and were \
             carried over; {superseded} are the new server's own, {left} wait"
        );
        // Of rows that are both compared and named by an entry one of the two counts, whichever comes first.
        let by_entries =
            |state: &JobState| -> u64 { state.sync.tables.values().map(|table| table.superseded).sum() };
        let others = self.context.journal.state(by_entries).max(*superseded);
        if others > 0 && !self.may_have_run() {
            tracing::warn!(
                "at least {others} rows of the copy are not as this program left them, and nobody has confirmed that the new \
                 server was started (`keyrotation confirm start`): if it was not, the journal is older than what sync has \
                 carried over (was it put back from a backup?), or somebody else writes to the copy; then make the copy \
                 again, and `keyrotation run --new`"
            );
        }
        if *unknown > 0 {
            tracing::warn!(
                "{unknown} rows are in the old database only, and are left out: the new server, which has run on \
                 this copy, may have deleted them; `keyrotation safe-to-retire` lists them"
            );
        }
        if *nameless > 0 {
            tracing::warn!(
                "{nameless} rows of the old tables have a key that cannot be read: it is not known whether \
                 the copy has them"
            );
        }
    }
}
