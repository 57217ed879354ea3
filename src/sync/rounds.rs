//! The rounds of the sync phase, to its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::feed::Feed;
use super::{COUNT_EVERY, End, SyncRunner};
use crate::error::Result;

/// How long nothing is asked when there was nothing to do.
const PAUSE: Duration = Duration::from_millis(200);

/// How often deletes are looked for that no trigger has seen.
const RECONCILE_EVERY: Duration = Duration::from_mins(10);

/// How often what is seen of the change logs goes into the journal: the lag over time, for the report.
const RECORD_EVERY: Duration = Duration::from_mins(1);

/// When things happened last.
struct Times {
    /// There was something to do, or it was paused.
    busy: Instant,
    /// Deletes were looked for that no trigger has seen.
    reconciled: Instant,
    /// What is seen of the change logs went into the journal.
    recorded: Option<Instant>,
}

/// What comes after a round.
enum Next {
    /// Another round, at once.
    Round,
    /// Another round after a pause: there was nothing to do.
    Rest,
    /// Nothing; none if a server was lost.
    End(Option<End>),
}

impl SyncRunner<'_> {
    /// Rounds until the sync phase ends; none if a server was lost.
    pub(super) async fn rounds(&mut self) -> Result<Option<End>> {
        let now = Instant::now();
        let mut times = Times { busy: now, reconciled: now, recorded: None };
        loop {
            match self.one_round(&mut times).await? {
                Next::Round => {}
                Next::Rest => self.rest(times.busy.elapsed()).await,
                Next::End(end) => return Ok(end),
            }
        }
    }

    async fn one_round(&mut self, times: &mut Times) -> Result<Next> {
        if self.context.stop.requested() {
            return Ok(Next::End(Some(End::Interrupted)));
        }
        if self.context.pause.requested() {
            self.stay_paused().await?;
            times.busy = Instant::now();
            return Ok(Next::Round);
        }
        self.keep_servers().await?;
        if self.context.has_lost_server() {
            return Ok(Next::End(None));
        }
        self.accept_steps().await?;
        let compared = self.compare_some().await?;
        if compared | (!self.is_first_comparison() && self.see_to_some().await?) {
            times.busy = Instant::now();
        }
        self.count().await?;
        if times.recorded.is_none_or(|at| at.elapsed() >= RECORD_EVERY) {
            self.record_seen(false).await?;
            times.recorded = Some(Instant::now());
        }
        if !self.is_quiet() || !self.is_compared() {
            return Ok(Next::Round);
        }
        self.context.journal.flush().await?; // so that others see what was done
        if times.reconciled.elapsed() >= RECONCILE_EVERY {
            self.reconcile().await?;
            if self.context.is_held_up() {
                return Ok(Next::Round); // what it has not come to is looked at later
            }
            times.reconciled = Instant::now();
        }
        let is_quiet = self.options.until_quiet_for.is_some_and(|quiet| times.busy.elapsed() >= quiet);
        if is_quiet && !self.is_on_its_way() { self.last_round(times).await } else { Ok(Next::Rest) }
    }

    /// Looks at everything once more before the end, and for the deletes that no trigger has seen.
    async fn last_round(&mut self, times: &mut Times) -> Result<Next> {
        let found = self.reconcile().await? > 0 || self.see_to_all().await?;
        if self.context.is_held_up() {
            return Ok(Next::Round); // what it has not come to may wait
        }
        if found || self.is_on_its_way() {
            times.busy = Instant::now();
            return Ok(Next::Round);
        }
        self.context.hold_now().await?;
        if self.context.has_lost_server() {
            return Ok(Next::End(None));
        }
        self.counted = None;
        self.count().await?;
        let waits = self.waiting.iter().any(|waiting| !waiting.is_empty());
        let is_stuck = self.leaves_out_entries() || self.leaves_out_rows() || waits;
        Ok(Next::End(Some(if is_stuck { End::Stuck } else { End::Drained })))
    }

    /// Waits for a moment, then reads the change logs from their beginnings.
    async fn rest(&mut self, idle: Duration) {
        self.watch.idle_for(idle);
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = self.context.pause.until_requested() => {}
            () = self.context.stop.asked() => {}
        }
        self.feeds.iter_mut().for_each(Feed::begin_again);
    }

    /// Pauses as long as it is asked to. Changes that come meanwhile wait, and are counted.
    async fn stay_paused(&mut self) -> Result<()> {
        self.acknowledged().await?;
        self.context.journal.flush().await?;
        let _paused = self.context.pause.mark_paused();
        while self.context.stays_paused_for(COUNT_EVERY).await {
            self.accept_steps().await?;
            if let Err(error) = self.count().await {
                tracing::debug!("during the pause: {error}"); // it matters once work goes on
            }
        }
        Ok(())
    }

    /// Makes sure of the lock of the database that is written to, and keeps those of the others: a registry
    /// that is away for an hour does not concern what is carried over.
    pub(super) async fn keep_servers(&self) -> Result<()> {
        self.plan.guard.hold().await?;
        for guard in self.context.guards.iter().filter(|guard| !Arc::ptr_eq(guard, &self.plan.guard)) {
            guard.keep().await;
        }
        Ok(())
    }

    /// Sees to some of each table's entries; whether there was anything to do.
    pub(super) async fn see_to_some(&mut self) -> Result<bool> {
        let mut busy = false;
        for at in 0..self.plan.jobs.len() {
            for _ in 0..self.plan.sizes.pages_of_entries {
                if self.context.is_held_up() {
                    return Ok(busy);
                }
                let job = self.plan.jobs[at].clone();
                let Some(entries) = self.entries(at, &job).await? else { break };
                if self.see_to(at, &job, entries).await? {
                    self.feeds[at].worked();
                    busy = true;
                }
            }
        }
        Ok(busy)
    }

    /// Reads each change log from its beginning to its end, as long as there is nothing to do; whether
    /// there was anything.
    async fn see_to_all(&mut self) -> Result<bool> {
        self.feeds.iter_mut().for_each(Feed::begin_again);
        while !self.is_quiet() && !self.context.is_held_up() {
            if self.see_to_some().await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether each change log was read to its end, and there was nothing to do.
    fn is_quiet(&self) -> bool {
        self.feeds.iter().all(|feed| feed.is_quiet)
    }
}
