//! The engine: one loop over targets, one way to run a chunk.
//!
//! Order of effects: a chunk and its digests are durable in the journal, then its transaction
//! commits, then the journal says that it is done, then the screen. A first run and a resumed
//! one are the same code: the journal's state says what to do next.

use keyrotation_cipher as cipher;
use keyrotation_codec as codec;
use keyrotation_common::{activity, blocking, error, failpoint, signals};
use keyrotation_db as db;
use keyrotation_db::sizes;
use keyrotation_guard as guard;
use keyrotation_plan as plan;
use keyrotation_sink as sink;
use keyrotation_source as source;

mod chunk;
mod chunk_planner;
mod drive;
mod dry_run;
mod evidence;
mod indexes;
mod journal_handle;
mod pace;
mod pause;
mod rehearse;
mod settle;
mod sweep;
mod throttle;
mod transaction;
mod workers;

pub use chunk::{Groups, RowOutcome};
pub use chunk_planner::recorded_cell;
pub use chunk_planner::{ChunkPlan, ChunkPlanner, Known};
pub use drive::drive;
pub use dry_run::{DRY_SURVEY_PERMILLE, dry_run};
pub use evidence::check_evidence;
pub use journal_handle::{JournalHandle, is_finding};
pub use pace::Pacer;
pub use pause::{Pause, Paused, PausedGuard};
pub use rehearse::{Rehearsal, rehearse};
pub use settle::{failed_rows, reopen_failed};
pub use throttle::{Limits, Throttle, Throttler};

use std::sync::Arc;

use crate::activity::Activity;
use crate::error::Result;
use crate::guard::Guard;
use crate::signals::Stop;

/// What every part of the engine needs.
#[derive(Debug, Clone)]
pub struct Context {
    /// Opens and seals values, and makes their digests.
    pub planner: ChunkPlanner,
    /// The journal.
    pub journal: JournalHandle,
    /// How large chunks are, and how many rows are written in a second.
    pub pacer: Pacer,
    /// Whether to hold back, since a server has too much to do.
    pub throttle: Throttle,
    /// Whether to stand still.
    pub pause: Pause,
    /// What the program is at.
    pub activity: Activity,
    /// The databases' locks, which are kept meanwhile.
    pub guards: Vec<Arc<Guard>>,
    /// How many chunks are written at once, where each has a transaction of its own.
    pub workers: usize,
    /// Whether somebody asked to stop.
    pub stop: Stop,
}

impl Context {
    /// Whether a server was lost, and what was done in it is to be looked through again.
    pub fn has_lost_server(&self) -> bool {
        self.guards.iter().any(|guard| guard.is_lost())
    }

    /// Returns when all databases are ours, at this moment: see [`Guard::hold_now`].
    pub async fn hold_now(&self) -> Result<()> {
        for guard in &self.guards {
            guard.hold_now().await?;
        }
        Ok(())
    }
}

/// How a stretch of work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// All of it is done.
    Finished,
    /// Somebody asked to stop, and it stopped at a safe point.
    Interrupted,
}
