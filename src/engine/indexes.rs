//! Indexes that are dropped before the first row of a table is rewritten, and made again after its last sweep.
//!
//! ```text
//! definitions durable in the journal ──► DROP ──► rows ──► sweep ──► CREATE, compared ──► recorded ──► done
//! ```
//!
//! Each of the two can be done again at any time: only what is there is dropped, and only what is missing made. So
//! a session that takes over in any place does the whole of it.

use keyrotation_journal::{Event, IndexDefinition, Ordinal};

use super::{Context, Flow, drive};
use crate::activity::Task;
use crate::db::Class;
use crate::error::{Error, Id, Result};
use crate::failpoint::async_failpoint;
use crate::plan::{IndexPlan, Job};

/// Drops indexes of a table of which nothing was done yet, if that is worth while; and those that are to be dropped
/// and are still there.
pub(super) async fn drop_before_rows(context: &Context, job: &Job) -> Result<()> {
    let Some(table) = &job.indexes else { return Ok(()) };
    let (is_new, rows, missing) = context.journal.state(|state| {
        let target = &state.targets[job.index.position()];
        let is_new =
            target.next_ordinal == Ordinal::FIRST && !target.exhausted && target.dropped_indexes.is_empty();
        let dropped = target.dropped_indexes.clone();
        (is_new, target.total, (target.indexes_missing && !target.exhausted).then_some(dropped))
    });
    let indexes = match missing {
        // Somebody may have made them by hand meanwhile, for a server that is at work.
        Some(_) if !table.may_be_dropped() => return Ok(()),
        Some(indexes) => indexes,
        None if !is_new => return Ok(()),
        None => match table.plan(rows.unwrap_or_default()).await? {
            IndexPlan::Keep(why) => {
                tracing::debug!("{}: its indexes stay: {why}", job.place);
                return Ok(());
            }
            IndexPlan::Lacks(what) => {
                tracing::info!(
                    "{}: its indexes stay, which takes longer: the database user lacks {what}",
                    job.place
                );
                return Ok(());
            }
            IndexPlan::Rebuild(indexes) => {
                let event = Event::IndexesDropped { target: job.index, indexes: indexes.clone() };
                drive::append(context, event).await?;
                indexes
            }
        },
    };
    async_failpoint!("indexes-recorded", planned_failure());
    match table.drop(&indexes).await {
        Ok(()) => {
            tracing::info!("{}: {} dropped until its rows are rotated", job.place, names(&indexes));
            async_failpoint!("indexes-dropped", planned_failure());
            Ok(())
        }
        Err(error) if error.class == Class::Environment => {
            tracing::warn!("{}: its indexes stay: {error}", job.place);
            table.make(&indexes).await?;
            drive::append(context, Event::IndexesRebuilt { target: job.index }).await
        }
        Err(error) => Err(Error::new(Id::DatabaseLost, format!("{}: {error}", job.place))),
    }
}

/// Makes the indexes again that were dropped.
pub(super) async fn make_again(context: &Context, job: &Job) -> Result<Flow> {
    let (Some(table), Some(indexes)) = (
        &job.indexes,
        context.journal.state(|state| {
            let target = &state.targets[job.index.position()];
            target.indexes_missing.then(|| target.dropped_indexes.clone())
        }),
    ) else {
        return Ok(Flow::Finished);
    };
    job.sink.hold().await?;
    let doing = context.activity.begin(Task::Indexes, &job.place, None);
    async_failpoint!("indexes-not-made", planned_failure());
    tokio::select! {
        biased;
        () = context.stop.now() => return Ok(Flow::Interrupted),
        made = table.make(&indexes) => made?,
    }
    drop(doing);
    async_failpoint!("indexes-made", planned_failure());
    drive::append(context, Event::IndexesRebuilt { target: job.index }).await?;
    tracing::info!("{}: {} made again as before", job.place, names(&indexes));
    Ok(Flow::Finished)
}

fn names(indexes: &[IndexDefinition]) -> String {
    let names: Vec<&str> = indexes.iter().map(|index| index.name.as_str()).collect();
    let noun = if names.len() == 1 { "index" } else { "indexes" };
    format!("{noun} {}", names.join(", "))
}

#[cfg(feature = "failpoints")]
fn planned_failure() -> Error {
    Error::new(Id::Database, "failure planned by a test")
}
