//! Indexes that an unfinished rotation has dropped: the statements that make them, from the journal alone.

use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;
use keyrotation_journal::{Event, JobState, SessionEnd, TargetState};

use super::reading::{open, read};
use super::{session_started, unlock};
use crate::config::Settings;
use crate::engine::JournalHandle;
use crate::error::Result;
use crate::plan::{self, Access};
use crate::report::{StatusView, publish};

const NONE: &str =
    "no index is missing: the rotation in the journal has dropped none, or has created them again\n";

/// The statements that make the indexes that the rotation in `dir` has dropped and not made again.
pub async fn print_indexes(dir: &Path) -> Result<String> {
    let (journal, _) = read(dir).await?;
    let mut out = String::new();
    for target in missing(journal.state()) {
        for index in &target.dropped_indexes {
            let _ = writeln!(out, "-- {} of {}", index.name, index.table);
            for statement in &index.create {
                let _ = writeln!(out, "{statement};");
            }
        }
    }
    Ok(if out.is_empty() { format!("-- {NONE}") } else { out })
}

fn missing(state: &JobState) -> impl Iterator<Item = &TargetState> {
    state.targets.iter().filter(|target| target.indexes_missing)
}

/// Makes them again, and says which.
pub async fn restore_indexes(settings: &Settings, dir: &Path) -> Result<String> {
    let mut journal = open(dir)?;
    if missing(journal.state()).next().is_none() {
        return Ok(NONE.to_owned());
    }
    let rotation = unlock(&mut journal, settings)?;
    let (targets, heads) = (plan::recorded(&rotation), Some(rotation.targets.as_slice()));
    let deployment = plan::connect(settings, &targets, heads, Access::ReadWrite).await?;
    deployment.claim(settings, Access::ReadWrite, true).await?;
    let journal = JournalHandle::new(journal);
    deployment.refuse_vanished(&journal.state(Clone::clone)).await?; // else its indexes would be passed over
    let mut events = vec![session_started()];
    let mut out = String::new();
    for job in &deployment.jobs {
        let indexes = journal.state(|state| {
            let target = &state.targets[job.index.position()];
            target.indexes_missing.then(|| target.dropped_indexes.clone())
        });
        let (Some(indexes), Some(table)) = (indexes, &job.indexes) else { continue };
        table.make(&indexes).await?;
        events.push(Event::IndexesRebuilt { target: job.index });
        for index in indexes {
            let _ = writeln!(out, "{}: the index {} is there again", job.place, index.name);
        }
    }
    let at = Timestamp::now().as_millisecond();
    events.push(Event::SessionEnded { at, end: SessionEnd::Interrupted });
    journal.begin_session(dir.to_owned(), events).await?;
    publish(dir, &journal.state(|state| StatusView::new(state, false)));
    deployment.close().await;
    Ok(out)
}
