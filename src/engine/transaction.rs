//! Several chunks in one transaction of the database.
//!
//! Each chunk is durable in the journal before its changes are applied, and done only after the
//! commit. If anything in the transaction is refused, all of it is rolled back and its chunks, which
//! are open in the journal, are settled one by one, as after a crash.

use std::time::Instant;

use keyrotation_journal::Span;

use super::chunk::OpenChunk;
use super::chunk_planner::{ChunkPlan, Pending};
use super::{Context, Flow, chunk, settle};
use crate::error::Result;
use crate::plan::Job;
use crate::sink::{Applied, ApplyError, Change, Transaction};

/// Chunks whose changes are applied and not committed.
pub(super) struct Chunks<'a> {
    context: &'a Context,
    job: &'a Job,
    /// Begun with the first chunk.
    transaction: Option<Transaction>,
    begun: Instant,
    rows: usize,
    applied: Vec<AppliedChunk>,
}

/// A chunk as it will be after the commit.
struct AppliedChunk {
    open: OpenChunk,
    /// Rows that changed since they were read: seen to after the commit.
    missed: Vec<Pending>,
}

impl<'a> Chunks<'a> {
    pub(super) fn new(context: &'a Context, job: &'a Job) -> Self {
        Self { context, job, transaction: None, begun: Instant::now(), rows: 0, applied: Vec::new() }
    }

    /// Records a chunk, applies its changes, and commits when there is enough.
    pub(super) async fn add(&mut self, span: Span, chunk_plan: ChunkPlan) -> Result<Flow> {
        let open = chunk::record(self.context, self.job, span, chunk::planned(&chunk_plan)).await?;
        self.rows += chunk_plan.rows;
        let (rows, begun) = (chunk_plan.rows, Instant::now());
        match self.apply(open, chunk_plan).await {
            Ok(()) => self.context.pacer.learn(rows, begun.elapsed()),
            Err(trouble) => return self.one_by_one(trouble).await,
        }
        if self.context.pacer.is_full(self.rows, self.begun.elapsed()) {
            self.commit().await
        } else {
            Ok(Flow::Finished)
        }
    }

    async fn apply(&mut self, mut open: OpenChunk, chunk_plan: ChunkPlan) -> Result<(), ApplyError> {
        let mut missed = Vec::new();
        open.settled(&chunk_plan.settled);
        if !chunk_plan.pending.is_empty() {
            let transaction = match &mut self.transaction {
                Some(transaction) => transaction,
                none => {
                    self.begun = Instant::now();
                    none.insert(self.job.sink.begin().await?)
                }
            };
            let changes: Vec<&Change> = chunk_plan.pending.iter().map(|pending| &pending.change).collect();
            let applied = transaction.apply(&changes).await?;
            for (row, applied) in chunk_plan.pending.into_iter().zip(applied) {
                match applied {
                    Applied::Written => open.written(&row),
                    Applied::Refused(reason) => open.failed(row, &reason),
                    Applied::Missed | Applied::Held => missed.push(row),
                }
            }
        }
        self.applied.push(AppliedChunk { open, missed });
        Ok(())
    }

    /// Commits what was applied, and records those chunks as done.
    pub(super) async fn commit(&mut self) -> Result<Flow> {
        if let Some(transaction) = self.transaction.take()
            && let Err(trouble) = transaction.commit().await
        {
            return self.one_by_one(trouble).await;
        }
        self.rows = 0;
        for AppliedChunk { open, missed } in std::mem::take(&mut self.applied) {
            let left = ChunkPlan { missed, ..ChunkPlan::default() };
            if left.missed.is_empty() {
                open.done(self.context, self.job);
            } else if chunk::finish(self.context, self.job, open, left).await? == Flow::Interrupted {
                return Ok(Flow::Interrupted);
            }
        }
        Ok(Flow::Finished)
    }

    async fn one_by_one(&mut self, trouble: ApplyError) -> Result<Flow> {
        self.transaction = None; // rolled back
        self.applied.clear();
        self.rows = 0;
        match trouble {
            ApplyError::Stop(error) => Err(error),
            ApplyError::ChunkByChunk(why) => {
                tracing::debug!("{}: {why}; now chunk by chunk", self.job.place);
                settle::open_chunks(self.context, self.job).await
            }
        }
    }
}
