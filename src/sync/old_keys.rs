//! Which of several old keys the values of the old database itself are under.

use std::collections::BTreeSet;

use super::failed;
use crate::activity::Task;
use crate::blocking::blocking;
use crate::codec::Codec;
use crate::codec::value::{Evidence, Verdict};
use crate::db::Record;
use crate::engine::{ChunkPlanner, Context, Flow};
use crate::error::Result;
use crate::plan::{SyncJob, SyncPlan};

/// Those of these keys, by fingerprint, that no value of the old tables that are kept in step is under. None if
/// a stop is requested. Reads until each of them was seen.
pub async fn not_in_old(
    context: &Context,
    plan: &SyncPlan,
    mut wanted: BTreeSet<String>,
) -> Result<Option<BTreeSet<String>>> {
    for job in plan.jobs.iter().filter(|job| !job.ciphers.is_empty()) {
        let doing = context.activity.begin(Task::Compare, job.place(), None);
        let mut walk = plan.walk_old(&job.old, &job.read_old);
        while !wanted.is_empty() {
            if context.safe_point().await? == Flow::Interrupted {
                return Ok(None);
            }
            let page = walk.next(plan.sizes.rows).await.map_err(|error| failed(job.place(), &error))?;
            let Some(page) = page else { break };
            doing.advance(page.len() as u64);
            let (planner, job) = (context.planner.clone(), job.clone());
            for seen in blocking(move || Ok(keys_of(&planner, &job, &page))).await? {
                wanted.remove(&seen);
            }
        }
    }
    Ok(Some(wanted))
}

/// The old keys that the values of these rows are under, by fingerprint.
fn keys_of(planner: &ChunkPlanner, job: &SyncJob, page: &[Record]) -> BTreeSet<String> {
    let (recoder, width) = (planner.recoder(), job.table.relation.key.len());
    let mut seen = BTreeSet::new();
    for record in page {
        for cipher in &job.ciphers {
            let stored = record.get(width + cipher.column).and_then(|value| value.as_bytes());
            let hash = cipher.hash.and_then(|at| record.get(width + at)?.as_text());
            let Some(stored) = stored else { continue };
            let verdict = recoder.classify(&Codec::Envelope, stored, Evidence { hash, recorded: None });
            if let Verdict::UnderOld(opened) = verdict {
                let ring = recoder.ring();
                let old = opened.keys().filter(|key| ring.replacement(*key).is_some());
                seen.extend(old.map(|key| ring.key(key).fingerprint().to_owned()));
            }
        }
    }
    seen
}
