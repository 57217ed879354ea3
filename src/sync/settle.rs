//! Rows that were on their way when the program ended: the new database tells whether they arrived.

use std::collections::HashMap;

use keyrotation_journal::{Entry, Event, Key, RowMark};

use super::failed;
use super::rows::{Side, open};
use crate::db::Value;
use crate::engine::Context;
use crate::error::Result;
use crate::plan::SyncPlan;
use crate::source::key_values;

/// Settles what the last session left open.
pub async fn settle(context: &Context, plan: &SyncPlan) -> Result<()> {
    let Some((target, rows)) = context.journal.read(keyrotation_journal::Journal::open_copy).await? else {
        return Ok(());
    };
    let Some(job) = plan.jobs.iter().find(|job| job.index == target) else { return Ok(()) };
    let keys: Vec<Vec<Value>> = rows.iter().map(|row| key_values(&row.key)).collect();
    let read = || plan.new.rows(&job.new, &job.read_new, &keys);
    let records = plan.guard.try_reading(job.place(), read).await;
    let records = records.map_err(|error| failed(job.place(), &error))?;
    let present: HashMap<Key, _> = open(&context.planner, job, Side::New, records)
        .into_iter()
        .flatten()
        .map(|row| (row.key, row.digest))
        .collect();
    let mut applied = 0;
    let mut marks = Vec::new();
    for row in rows {
        let is = present.get(&row.key).copied();
        // Neither: the new server has changed it since it arrived.
        let settled = if is == row.before && row.before != row.after { row.before } else { row.after };
        applied += u64::from(settled == row.after);
        marks.push((row.key, settled.map(RowMark::settled)));
    }
    context
        .journal
        .append(vec![Entry::marked(Event::CopyDone { target, applied, superseded: Vec::new() }, marks)])
        .await
}
