//! `run`, `resume` and `sync`: from what was typed to a rotation that is worked on, and what is said at its end.

use std::path::Path;
use std::time::Duration;

use keyrotation_journal::Journal;

use super::args::{ResumeArgs, RunArgs, SyncPhaseArgs, WorkArgs};
use super::finished::finished;
use super::{Session, tell};
use crate::config::{self, Overrides, Settings};
use crate::error::{Error, Id, Result};
use crate::exit::Exit;
use crate::report::{REASON, status_text, summary_sentence, thousands};
use crate::runner::{
    self, Beginning, End, Found, Options, Outcome, absent, earlier, notices, planned, retired_or, step,
    take_waiting, to_resume, to_sync,
};
use crate::telemetry;

/// Starts a rotation.
pub(super) async fn run(session: &Session, args: &RunArgs) -> Result<Exit> {
    let dir = session.global.journal_dir();
    let settings = match load(session, &args.work) {
        Err(error) if !args.new => return retired(session, &dir, error).await,
        loaded => loaded?,
    };
    if !args.new {
        take_waiting(&session.place(), Some(settings.keys.new_key())).await;
    }
    let end = planned(args.end.planned())?;
    let options = Options { end, ..args.work.options(args.sync.options(), args.sync.new_server_has_run) };
    let earlier = match earlier(&dir, &settings, args.new)? {
        Found::Finished(view) => return finished(session, &view).await,
        Found::Open(earlier) => Some(*earlier),
        Found::Absent => None,
    };
    let why = args.why.reason.map(|reason| step(REASON, &reason.with(&args.why.note)));
    let beginning = Beginning { command: "run", earlier, why };
    begin(session, &settings, &options, &dir, beginning).await
}

async fn begin(
    session: &Session,
    settings: &Settings,
    options: &Options,
    dir: &Path,
    beginning: Beginning,
) -> Result<Exit> {
    let began = Box::pin(runner::begin(session.screen(), settings, options, dir, beginning)).await?;
    concluded(settings, &began)
}

/// Without its configuration a rotation can only be one that is retired; what was said of that is to be under the MAC.
async fn retired(session: &Session, dir: &Path, error: Error) -> Result<Exit> {
    take_waiting(&session.place(), None).await;
    finished(session, &retired_or(dir, error)?).await
}

/// Goes on with a rotation, or starts one.
pub(super) async fn resume(session: &Session, args: &ResumeArgs) -> Result<Exit> {
    let dir = session.global.journal_dir();
    let settings = match load(session, &args.work) {
        Err(error) if !args.retry_failed => return retired(session, &dir, error).await,
        loaded => loaded?,
    };
    take_waiting(&session.place(), Some(settings.keys.new_key())).await;
    let end = planned(args.end.planned())?;
    let retry_failed = args.retry_failed;
    let options = args.work.options(args.sync.options(), args.sync.new_server_has_run);
    let options = Options { retry_failed, end, ..options };
    match to_resume(&dir, &settings, retry_failed)? {
        Found::Finished(view) => finished(session, &view).await,
        Found::Open(journal) => go_on(session, &settings, &options, &dir, "resume", *journal).await,
        Found::Absent => {
            tracing::info!("no rotation was begun yet: it begins now");
            let beginning = Beginning { command: "resume", earlier: None, why: None };
            begin(session, &settings, &options, &dir, beginning).await
        }
    }
}

/// Carries over what end users change: `resume`, once everything is re-encrypted.
pub(super) async fn sync(session: &Session, args: &SyncPhaseArgs) -> Result<Exit> {
    let work = WorkArgs {
        log_file: args.log_file.clone(),
        no_log_file: args.no_log_file,
        patience: args.patience,
        metrics_file: args.metrics_file.clone(),
        ..WorkArgs::default()
    };
    let dir = session.global.journal_dir();
    let settings = match load(session, &work) {
        Err(error) => return retired(session, &dir, error).await,
        loaded => loaded?,
    };
    take_waiting(&session.place(), Some(settings.keys.new_key())).await;
    let end = planned(args.end.planned())?;
    if settings.sync_tables.is_none() {
        return Err(Error::new(Id::SyncNotEnabled, "there is nothing to keep in step"));
    }
    let journal = match to_sync(&dir, &settings)? {
        Found::Finished(view) => return finished(session, &view).await,
        Found::Open(journal) => journal,
        Found::Absent => return Err(absent(&dir)),
    };
    let options = Options { end, ..work.options(args.sync.options(), args.sync.new_server_has_run) };
    go_on(session, &settings, &options, &dir, "sync", *journal).await
}

async fn go_on(
    session: &Session,
    settings: &Settings,
    options: &Options,
    dir: &Path,
    command: &'static str,
    journal: Journal,
) -> Result<Exit> {
    let gone_on =
        Box::pin(runner::resume(session.screen(), settings, options, dir, command, journal)).await?;
    concluded(settings, &gone_on)
}

/// Says the result.
fn concluded(settings: &Settings, outcome: &Outcome) -> Result<Exit> {
    let (end, status) = match outcome {
        Outcome::NotBegun => return Ok(Exit::Interrupted),
        Outcome::Worked { end, status } => (end, status),
    };
    tell(&status_text(status))?;
    tell(&format!("{}\n", summary_sentence(status)))?;
    tracing::info!(target: telemetry::LOG_ONLY, "{}", summary_sentence(status));
    Ok(match end {
        End::Interrupted => {
            tracing::warn!("interrupted at a safe point; `keyrotation resume` continues from here");
            Exit::Interrupted
        }
        End::Stuck => {
            tracing::warn!("nothing else waits, but rows are held or have failed: see the list");
            Exit::Differences
        }
        End::Drained if status.failed() > 0 => {
            tracing::warn!("{} rows or files failed", thousands(status.failed()));
            Exit::Differences
        }
        End::Drained => {
            if settings.mode.is_in_place() {
                tracing::info!("{}", runner::OLD_KEY_MAY_GO);
            }
            Exit::Done
        }
    })
}

pub(super) fn load(session: &Session, args: &WorkArgs) -> Result<Settings> {
    let overrides = Overrides {
        chunk_size: args.chunk_size,
        connections: args.connections,
        max_rows_per_second: args.max_rows_per_second,
        patience: args.patience.map(Duration::from_secs),
        rebuild_indexes: args.rebuild_indexes,
        max_lag: args.max_lag,
        max_load: args.max_load,
    };
    let mut settings = config::load(&session.global.config, &overrides)?;
    settings.without_tables.clone_from(&args.accept.without_table);
    notices(&settings);
    Ok(settings)
}
