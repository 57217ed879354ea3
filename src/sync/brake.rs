//! A brake for all deletes: an old table that is empty, or has lost more than a small share of its rows since it
//! was looked at last, was perhaps emptied, restored or is another one. Then nothing is deleted before people
//! have said so.

use std::fmt::Write as _;

use keyrotation_journal::{Event, JobState, Step, step_in_force};

use super::{OLD_ROWS, SyncRunner, failed};
use crate::error::{Error, Id, Result};
use crate::plan::{SyncJob, SyncPlan};

/// A table may lose one row in so many, and a few at any rate.
const SHARE: u64 = 10;
const FEW: u64 = 10;

/// How many rows the old tables had when they were looked at last.
#[derive(Debug)]
pub(super) struct Looks {
    /// By table.
    rows: Vec<u64>,
    /// Deletes since then, by table; no fewer.
    deletes: Vec<u64>,
    /// Rows that have come since then, by table; no fewer.
    inserts: Vec<u64>,
    budget: Budget,
}

/// How many rows the tables may lose besides, since somebody said so: all of them together, in one session. Each row
/// is paid for once, whether the brake counts it or nothing says that it was deleted.
#[derive(Debug, Default)]
struct Budget {
    left: u64,
    /// By table: rows that a look has paid for, of which nothing may say that they were deleted.
    granted: Vec<u64>,
    /// Rows that were paid for since deletes were heeded last.
    taken: u64,
}

impl Budget {
    fn of(rows: u64, tables: usize) -> Self {
        Self { left: rows, granted: vec![0; tables], taken: 0 }
    }

    /// Pays for a row of which nothing says that it was deleted.
    fn take(&mut self, at: usize) -> bool {
        let purse = if self.granted[at] > 0 { &mut self.granted[at] } else { &mut self.left };
        let Some(left) = purse.checked_sub(1) else { return false };
        *purse = left;
        self.taken += 1;
        true
    }

    /// So many rows go; those among them of which something says so need nothing of what was granted for them.
    fn spend(&mut self, at: usize, gone: u64) {
        let proven = gone.saturating_sub(std::mem::take(&mut self.taken));
        self.granted[at] = self.granted[at].saturating_sub(proven);
    }

    /// Pays for what a table has lost, if there is enough.
    fn grant(&mut self, at: usize, lost: u64) -> bool {
        let Some(left) = self.left.checked_sub(lost) else { return false };
        self.left = left;
        self.granted[at] += lost;
        true
    }
}

impl Looks {
    /// What the journal says of the last look; before the first one the copy had as many rows as its table.
    pub(super) fn new(state: &JobState, plan: &SyncPlan, accepted: u64) -> Self {
        let last = step_in_force(&state.steps, OLD_ROWS, |step| &step.name);
        let recorded = |job: &SyncJob| {
            let of = |part: &str| part.strip_prefix(job.place().as_str())?.strip_prefix(' ')?.parse().ok();
            last.and_then(|step: &Step| step.note.split(", ").find_map(of))
        };
        let copied =
            |job: &SyncJob| state.targets.get(job.index.position()).map_or(0, |target| target.tally.rows);
        let rows = |job: &SyncJob| recorded(job).unwrap_or_else(|| copied(job));
        Self {
            rows: plan.jobs.iter().map(rows).collect(),
            deletes: vec![0; plan.jobs.len()],
            inserts: vec![0; plan.jobs.len()],
            budget: Budget::of(accepted, plan.jobs.len()),
        }
    }

    /// How many accepted deletes are left.
    pub(super) fn accepted(&self) -> u64 {
        self.budget.left
    }

    /// Takes one of the rows of a table that may be deleted although nothing says that they were.
    pub(super) fn take_accepted(&mut self, at: usize) -> bool {
        self.budget.take(at)
    }

    /// A table has so many rows now.
    fn seen(&mut self, at: usize, now: u64) {
        (self.rows[at], self.deletes[at], self.inserts[at]) = (now, 0, 0);
    }

    fn note(&self, plan: &SyncPlan) -> String {
        let one = |(job, rows): (&SyncJob, &u64)| format!("{} {rows}", job.place());
        plan.jobs.iter().zip(&self.rows).map(one).collect::<Vec<_>>().join(", ")
    }
}

/// How many rows a table of so many may lose.
fn allowed(rows: u64) -> u64 {
    (rows / SHARE).max(FEW)
}

/// Whether a table with so many rows at the last look, and so many now, has lost too many.
pub(super) fn is_too_much(before: u64, now: u64, missing: u64) -> bool {
    let lost = before.saturating_sub(now).max(missing);
    (now == 0 && before > 0) || lost > allowed(before)
}

/// Whether so many of a table's rows cannot be what a server that works has deleted or changed by and by.
pub fn is_a_loss(rows: u64, lost: u64) -> bool {
    is_too_much(rows, rows.saturating_sub(lost), 0)
}

impl SyncRunner<'_> {
    /// So many rows are about to be deleted in the copy: an error if the old table has lost too many.
    pub(super) async fn heed_deletes(&mut self, job: &SyncJob, gone: u64) -> Result<()> {
        let Some(at) = self.place_of(job) else { return Ok(()) };
        self.looks.deletes[at] += gone;
        let is_few = self.looks.deletes[at] <= allowed(self.looks.rows[at]);
        if self.looks.rows[at] > 0 && (!is_few || self.is_empty(job).await?) {
            self.look(at, job, 0).await?;
        }
        self.looks.budget.spend(at, gone);
        Ok(())
    }

    /// So many rows have come to the copy: where a table has grown, it can lose more than it had at the last look.
    pub(super) async fn heed_inserts(&mut self, job: &SyncJob, come: u64) -> Result<()> {
        let Some(at) = self.place_of(job) else { return Ok(()) };
        self.looks.inserts[at] += come;
        let before = self.looks.rows[at];
        if self.looks.inserts[at] <= allowed(before) {
            return Ok(());
        }
        let now = self.count_old(job).await?;
        if now > before + allowed(before) {
            self.looks.seen(at, now);
        }
        self.looks.inserts[at] = 0;
        Ok(())
    }

    /// So many rows that this program has put into the copy, or found there, are not in the old table, and nothing
    /// says that they were deleted.
    pub(super) async fn heed_missing(&mut self, job: &SyncJob, missing: u64) -> Result<()> {
        let Some(at) = self.place_of(job).filter(|_| missing > 0) else { return Ok(()) };
        self.look(at, job, missing).await
    }

    /// Counts a table's rows. If it has lost too many, and nobody has accepted that, it is an error.
    async fn look(&mut self, at: usize, job: &SyncJob, missing: u64) -> Result<()> {
        let now = self.count_old(job).await?;
        let before = self.looks.rows[at];
        if !is_too_much(before, now, missing) {
            self.looks.seen(at, now);
            return Ok(());
        }
        if !self.looks.budget.grant(at, before.saturating_sub(now).max(missing)) {
            return Err(self.too_many_lost(at, missing).await?);
        }
        self.accept(at, job, now).await
    }

    async fn accept(&mut self, at: usize, job: &SyncJob, now: u64) -> Result<()> {
        let before = self.looks.rows[at];
        tracing::warn!("{}: {before} rows at the last look, {now} now: accepted", job.place());
        self.looks.seen(at, now);
        self.record_looks().await
    }

    /// All tables that have lost too many rows, of which this is one.
    async fn too_many_lost(&self, found: usize, missing: u64) -> Result<Error> {
        let (mut text, mut sum) = (String::new(), 0);
        for (at, job) in self.plan.jobs.iter().enumerate() {
            let (before, now) = (self.looks.rows[at], self.count_old(job).await?);
            let missing = if at == found { missing } else { 0 };
            if !is_too_much(before, now, missing) {
                continue;
            }
            let lost = before.saturating_sub(now).max(missing);
            sum += lost;
            let separator = if text.is_empty() { "" } else { "; " };
            let _ = write!(text, "{separator}{}: {before} rows at the last look, {now} now", job.place());
            if missing > before.saturating_sub(now) {
                let _ = write!(text, ", and {missing} of those that were carried over are not there");
            }
        }
        Ok(Error::new(Id::OldRowsLost, format!("the old database has lost rows: {text}")).fix(format!(
            "check the old database: is it the right one, was it emptied or restored? if these rows were \
             deleted on purpose, repeat with --accept-deletes {sum}"
        )))
    }

    /// Counts all tables, whether or not anything is to be deleted: an error if one has lost too many, also once
    /// traffic is switched. Then nothing is deleted any more, but what waited in that database is lost with it.
    pub(super) async fn look_at_all(&mut self) -> Result<()> {
        let plan = self.plan;
        let (mut counts, mut lost) = (Vec::new(), 0);
        for (job, before) in plan.jobs.iter().zip(self.looks.rows.clone()) {
            let now = self.count_old(job).await?;
            let is_lost = is_too_much(before, now, 0);
            lost += if is_lost { before.saturating_sub(now) } else { 0 };
            counts.push((now, is_lost));
        }
        // All of them or none: what was accepted of one table is not used up before another one ends it.
        if lost > self.looks.budget.left {
            return Err(self.too_many_lost(0, 0).await?);
        }
        for ((at, job), (now, is_lost)) in plan.jobs.iter().enumerate().zip(counts) {
            if !is_lost {
                self.looks.seen(at, now);
            } else if self.looks.budget.grant(at, self.looks.rows[at].saturating_sub(now)) {
                self.accept(at, job, now).await?;
            }
        }
        Ok(())
    }

    /// Leaves in the journal what was seen last, unless it is there already.
    pub(super) async fn record_looks(&self) -> Result<()> {
        let note = self.looks.note(self.plan);
        let is_known = self.context.journal.state(|state| {
            step_in_force(&state.steps, OLD_ROWS, |step| &step.name).is_some_and(|step| step.note == note)
        });
        if is_known {
            return Ok(());
        }
        self.record_step(OLD_ROWS, note).await
    }

    /// Leaves a step in the journal, in the name of who runs this session.
    pub(super) async fn record_step(&self, name: &str, note: String) -> Result<()> {
        let by = self.context.journal.state(|state| {
            let session = state.session.as_ref();
            session.map_or_else(Default::default, |session| (session.user.clone(), session.host.clone()))
        });
        let at = jiff::Timestamp::now().as_millisecond();
        let step = Step { at, name: name.to_owned(), note, user: by.0, host: by.1 };
        self.context.journal.append(vec![Event::StepTaken(step).into()]).await
    }

    async fn count_old(&self, job: &SyncJob) -> Result<u64> {
        let count = || self.plan.old.count_rows(job.place());
        let rows = self.plan.old_guard.try_reading(job.place(), count).await;
        rows.map_err(|error| failed(job.place(), &error))
    }

    async fn is_empty(&self, job: &SyncJob) -> Result<bool> {
        let first = self.plan.walk_old(&job.old, &[]).next(1).await;
        Ok(first.map_err(|error| failed(job.place(), &error))?.is_none())
    }

    pub(super) fn place_of(&self, job: &SyncJob) -> Option<usize> {
        self.plan.jobs.iter().position(|other| other.index == job.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_may_lose_a_small_share_and_never_all() {
        assert!(!is_too_much(400, 361, 0) && is_too_much(400, 359, 0));
        assert!(!is_too_much(30, 20, 0) && is_too_much(30, 19, 0), "a few at any rate");
        assert!(is_too_much(3, 0, 0) && !is_too_much(0, 0, 0) && !is_too_much(5, 900, 0));
        assert!(is_too_much(400, 400, 41), "others have taken their place");
    }

    #[test]
    fn what_was_accepted_is_used_up_by_all_tables_together() {
        let mut budget = Budget::of(10, 2);
        assert!(budget.take(0) && budget.take(0));
        assert!(budget.grant(0, 6));
        assert!(budget.take(0), "one of the six");
        assert_eq!(budget.left, 2);
        assert!(!budget.grant(1, 3) && budget.grant(1, 2));
        assert!((0..2).all(|_| budget.take(1)) && !budget.take(1));
        assert_eq!(budget.taken, 5);
        // Of nine that go something says so of four: they leave one of the five that are granted.
        budget.spend(0, 9);
        assert!(budget.take(0) && !budget.take(0));
    }
}
