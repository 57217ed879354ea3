//! The read-only pass after which a target is done: nothing under the old key is left.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use keyrotation_journal::{Event, Key, Phase};

use super::{Context, Flow, drive, settle};
use crate::activity::Task;
use crate::blocking::blocking;
use crate::codec::value::{Evidence, Recoder, Verdict};
use crate::error::{Error, Id, Result};
use crate::plan::Job;
use crate::source::{Page, Row};

/// Passes after which somebody must be writing under the old key all the time.
const MAX_PASSES: u32 = 20;

/// How long a server that has locked rows gets to let them go, times the pass.
const BETWEEN_PASSES: Duration = Duration::from_secs(1);

/// What may be the matter where servers work with the rows.
const IN_PLACE: &str = "check whether a server was not restarted with the new key and still writes with the \
                        old one, or whether a transaction that never ends holds rows (`keyrotation status \
                        --failures` lists rows in use); then `keyrotation resume`";

/// Of a target's rows, this part is gathered as strays before they are rotated: for each such batch the
/// whole journal of the target is read.
const PART: u64 = 16;

/// How long a table waits for rows that servers are working with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// A pass or two: other tables come first.
    Little,
    /// As long as there is any hope.
    Full,
}

/// What sweeping came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passes {
    /// A pass found nothing.
    Over,
    /// Servers are working with what is left.
    Later,
    /// Somebody asks to stop.
    Interrupted,
}

/// Sweeps until a pass finds nothing under the old key besides what has failed.
pub(super) async fn passes(context: &Context, job: &Job, patience: Patience) -> Result<Passes> {
    let target = job.index;
    let first = context.journal.state(|state| state.targets[target.position()].sweeps);
    loop {
        let phase = context.journal.state(|state| state.targets[target.position()].phase.clone());
        let Phase::Sweeping { pass } = phase else { return Ok(Passes::Over) };
        let Some(strays) = one_pass(context, job).await? else { return Ok(Passes::Interrupted) };
        context.journal.flush().await?;
        drive::append(context, Event::SweepDone { target, pass, strays }).await?;
        if strays == 0 {
            continue; // swept: the loop that called this one says that the target is done
        }
        tracing::warn!("{}: {strays} rows were still under the old key and are rotated now", job.place);
        if job.sink.gives_way() {
            tokio::select! {
                () = tokio::time::sleep(BETWEEN_PASSES * (pass - first + 1).min(10)) => {}
                () = context.stop.asked() => {} // the next pass ends at once
            }
        }
        if pass >= first + MAX_PASSES {
            let what = format!("{}: after {pass} passes there are still rows under the old key", job.place);
            let error = Error::new(Id::KeepsChanging, what);
            return Err(if job.sink.gives_way() { error.fix(IN_PLACE) } else { error });
        }
        drive::append(context, Event::SweepStarted { target, pass: pass + 1 }).await?;
        if job.sink.gives_way() && patience == Patience::Little && pass > first {
            return Ok(Passes::Later);
        }
    }
}

/// One pass; rotates what it finds, and returns how many rows that were.
async fn one_pass(context: &Context, job: &Job) -> Result<Option<u64>> {
    let (known, mut in_use) = settle::failed_keys(context, job).await?;
    let mut again: HashSet<Key> = in_use.iter().cloned().collect();
    let rows = context.journal.state(|state| state.targets[job.index.position()].tally.rows);
    let at_once = job.sizes.named.max(usize::try_from(rows / PART).unwrap_or(usize::MAX));
    let doing = context.activity.begin(Task::Check, &job.place, Some(rows));
    let mut pages = job.all_rows();
    let recoder = Arc::new(context.planner.recoder().expecting_new());
    let mut found = 0;
    let mut strays = in_use.clone();
    loop {
        if context.pause.requested() {
            pages.make_way();
        }
        if context.safe_point().await? == Flow::Interrupted {
            return Ok(None);
        }
        job.sink.hold().await?; // also so that the lock's session is not idle for long
        let page = match pages.next().await? {
            Page::Rows(page) => page,
            Page::Again => {
                strays.clone_from(&in_use);
                doing.begin_again();
                continue;
            }
            Page::End => break,
        };
        doing.advance(page.len() as u64);
        strays.extend(
            under_old(&recoder, job, page)
                .await?
                .into_iter()
                .filter(|key| !known.contains(key) && !again.contains(key)),
        );
        if strays.len() >= at_once {
            found += strays.len() as u64;
            if pages.make_way() {
                again.extend(strays.iter().cloned()); // they come once more in this pass
                in_use.clear();
            }
            if settle::strays(context, job, &std::mem::take(&mut strays)).await? == Flow::Interrupted {
                return Ok(None);
            }
        }
    }
    found += strays.len() as u64;
    Ok((settle::strays(context, job, &strays).await? == Flow::Finished).then_some(found))
}

async fn under_old(recoder: &Arc<Recoder>, job: &Job, page: Vec<Row>) -> Result<Vec<Key>> {
    let (recoder, job) = (Arc::clone(recoder), job.clone());
    blocking(move || {
        let stray = |row: &Row| {
            row.values.iter().enumerate().any(|(column, value)| {
                let evidence =
                    Evidence { hash: row.hashes.get(column).and_then(Option::as_deref), recorded: None };
                value.as_bytes().is_some_and(|stored| {
                    let verdict = recoder.classify(&job.codec, stored, evidence);
                    matches!(verdict, Verdict::UnderOld(_) | Verdict::WithoutId(_))
                })
            })
        };
        Ok(page.into_iter().filter(stray).map(|row| row.key).collect())
    })
    .await
}
