//! A rotation that is worked on: what it refuses, in which order its phases come, and what is recorded of a
//! session. What people asked for comes as [`Options`]; the result goes as [`Outcome`]. Likewise what the
//! commands around a rotation decide: each returns what there is to say. Nothing is printed here.

use keyrotation_cipher as cipher;
use keyrotation_codec as codec;
use keyrotation_common::{activity, error, failpoint, signals, telemetry, who};
use keyrotation_config as config;
use keyrotation_configure as configure;
use keyrotation_control as control;
use keyrotation_db as db;
use keyrotation_engine as engine;
use keyrotation_plan as plan;
use keyrotation_report as report;
use keyrotation_runbook as runbook;
use keyrotation_sink as sink;
use keyrotation_sync as sync;
use keyrotation_target as target;
use keyrotation_verify as verify;

mod begin;
pub mod configured;
mod day;
mod dry_run;
mod endpoint;
mod explained;
mod finished;
mod follow;
mod hook;
mod in_place;
mod indexes;
mod inventory;
mod lost_servers;
mod notices;
mod planned;
mod proved;
mod reaching;
mod reading;
mod reported;
mod retire;
mod row_ownership;
mod steps;
mod stop;
mod stop_time;
mod throttled;
mod triggers;
mod unfinished;
mod verified;
mod watched;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indicatif::MultiProgress;
use jiff::Timestamp;
use keyrotation_journal::{Event, SessionEnd, Step};

use crate::activity::Activity;
use crate::config::Settings;
use crate::control::{Controls, StatusFeed};
use crate::engine::{Context, Flow, JournalHandle, Pacer, Pause, Throttle};
use crate::error::{Error, Id, Result};
use crate::plan::{Deployment, KeyFingerprints, SyncPlan};
use crate::report::{Reporter, Sources, StatusView, Watchers};
use crate::signals::{Stop, Stopper};
use crate::sink::files;
use crate::sync::{SyncRunner, Watch};
use crate::telemetry::{LogFile, Progress};
use crate::who::whoami;

pub use crate::sync::{End, Options as SyncOptions};
pub use begin::{Beginning, Checked, LogTo, begin, checked, planner, recoder, resume, unlock};
pub use day::{Day, Word};
pub use dry_run::dry_run;
use endpoint::ControlEndpoint;
pub use endpoint::SharedJournal;
pub use explained::{Accept, Explanations};
pub use finished::{Found, earlier, ended, retired_or, to_resume, to_sync};
pub use follow::{Follow, Seen};
pub use in_place::OLD_KEY_MAY_GO;
pub use indexes::{print_indexes, restore_indexes};
pub use inventory::{Asked as InventoryAsked, take_inventory};
pub use notices::{notices, say};
pub use planned::{LookMore, Plan, examine, plan};
pub use reaching::{done, not_running, reach};
pub use reading::{absent, all_failures, read, view};
pub use reported::{Opened, check_macs, open_all};
pub use retire::safe_to_retire;
pub use steps::{Place, Side, leave, open_side, take_waiting};
pub use stop::{listen, listen_until};
pub use stop_time::{PlannedEnd, StopTime, duration, planned};
pub use triggers::{install_triggers, remove_triggers};
pub use verified::{Asked, Verified, verify};

/// What was asked for, whatever the command line calls it.
#[derive(Debug, Clone, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a word that somebody gave")]
pub struct Options {
    /// What the operator has checked and accepts.
    pub accept: Accept,
    /// The new key may be weak.
    pub accept_weak_key: bool,
    /// Go on although other programs are connected to the new databases.
    pub others_connected: bool,
    /// Every server on the database was restarted with both keys.
    pub servers_have_both_keys: bool,
    /// Try failed rows and files again.
    pub retry_failed: bool,
    /// When it is to end at the latest.
    pub end: Option<Timestamp>,
    /// Where the log goes.
    pub log: LogTo,
    /// What is asked of the sync phase.
    pub sync: SyncOptions,
    /// The new server has run on this copy.
    pub new_server_has_run: bool,
    /// The file that is written for monitoring.
    pub metrics_file: Option<PathBuf>,
}

/// Where people see meanwhile what is done.
#[derive(Debug, Clone, Copy)]
pub struct Screen<'a> {
    /// How progress is shown.
    pub progress: Progress,
    /// The bars.
    pub bars: &'a MultiProgress,
    /// The log.
    pub log: &'a LogFile,
    /// The watchers from outside; none before the options are known.
    pub watchers: Option<&'a Watchers>,
}

/// What came of it.
#[derive(Debug)]
pub enum Outcome {
    /// A stop was requested before it had done anything.
    NotBegun,
    /// It was worked on.
    Worked {
        /// How that ended.
        end: End,
        /// The status by now.
        status: Box<StatusView>,
    },
}

/// A rotation with its deployment, about to be worked on.
struct Runner<'a> {
    screen: Screen<'a>,
    settings: &'a Settings,
    options: &'a Options,
    deployment: Deployment,
    /// The journal's folder.
    dir: &'a Path,
    stopper: Stopper,
    stop: Stop,
    activity: Activity,
    /// Where others ask for something.
    endpoint: ControlEndpoint,
}

impl Runner<'_> {
    fn context(&self, journal: JournalHandle) -> Context {
        Context {
            planner: journal.state(|state| planner(self.settings, &state.rotation)),
            journal,
            pacer: pacer(self.settings, &self.deployment),
            throttle: Throttle::default(),
            pause: Pause::default(),
            activity: self.activity.clone(),
            guards: self.deployment.guards().to_vec(),
            workers: self.deployment.writers(self.settings) as usize,
            stop: self.stop.clone(),
        }
    }

    /// Works the rotation off, and records how the session ended.
    async fn run(self, context: Context, first: Vec<Event>) -> Result<Outcome> {
        tracing::info!("rotation {}", context.journal.state(|state| state.rotation.name()));
        for place in &self.deployment.places {
            tracing::info!("this will change: {place}");
        }
        for place in &self.deployment.beside {
            tracing::info!("in the old deployment: {place}");
        }
        tracing::info!("{}", KeyFingerprints::of(&self.settings.keys).text());
        self.deployment.remark_on_files()?;
        self.remove_leftovers()?;
        let mut events = vec![session_started()];
        events.extend(lost_servers::note_earlier_loss(&context));
        events.extend(self.options.end.map(|at| taken("stop-planned", &format!("at {at}"))));
        events.extend(first);
        let _asking =
            throttled::ask_servers(&self.deployment, self.settings, &context.throttle, &self.stop).await?;
        context.journal.begin_session(self.dir.to_owned(), events).await?;
        let watch = Watch::default();
        let feed = self.endpoint.handler.feed();
        self.endpoint.work(self.controls(&context, feed.clone()));
        let sources = Sources {
            journal: context.journal.clone(),
            watch: watch.clone(),
            pacer: context.pacer.clone(),
            pause: context.pause.clone(),
            activity: self.activity.clone(),
            end: self.options.end,
            feed,
        };
        let Screen { progress, bars, watchers, .. } = self.screen;
        let reporter = Reporter::start(sources, self.dir.to_owned(), progress, bars, watchers);
        let worked = Box::pin(lost_servers::recording(&context, self.work(&context, &watch))).await;
        let worked = match worked {
            // A stop was requested during a wait for a lost server or a locked row.
            Err(error) if error.id() == Id::DatabaseLost && self.stop.requested() => Ok(End::Interrupted),
            Err(error) if matches!(error.id(), Id::OthersConnected | Id::DatabaseBusy) => {
                let rows: u64 = context
                    .journal
                    .state(|state| state.targets.iter().map(|target| target.tally.rotated).sum());
                let what = format!("{}; {rows} rows are rotated so far, and recorded", error.what());
                Err(Error::new(error.id(), what).fix(error.remedy()))
            }
            worked => worked,
        };
        let recorded = record_end(&context, &worked, self.options.end).await;
        reporter.finish().await;
        let Self { deployment, stop, endpoint, .. } = self;
        endpoint.close().await; // while the journal, and so the socket's name, is this process's
        tokio::select! {
            () = deployment.close() => {}
            () = stop.now() => {} // a statement is still on: its transaction ends with the process
        }
        let end = worked?;
        recorded?;
        let status = context.journal.state(|state| {
            let view = StatusView::new(state, false);
            match watch.look() {
                Some(seen) => view.observed(state, &seen),
                None => view,
            }
        });
        Ok(Outcome::Worked { end, status: Box::new(status) })
    }

    /// What others can control from now on.
    fn controls(&self, context: &Context, feed: StatusFeed) -> Controls {
        Controls {
            pacer: context.pacer.clone(),
            pause: context.pause.clone(),
            stopper: self.stopper.clone(),
            journal: context.journal.clone(),
            feed,
            turn: Arc::default(),
        }
    }

    async fn work(&self, context: &Context, watch: &Watch) -> Result<End> {
        let retry = self.options.retry_failed;
        if retry && engine::reopen_failed(context, &self.deployment.jobs).await? == Flow::Interrupted {
            return Ok(End::Interrupted);
        }
        let mut accepted = self.options.sync.accept_deletes;
        loop {
            if lost_servers::drive(context, &self.deployment.jobs).await? == Flow::Interrupted {
                return Ok(End::Interrupted);
            }
            // It was asked at the beginning, and may have begun since.
            self.deployment.refuse_fed_since().await?;
            let end = match &self.deployment.sync {
                Some(plan) if self.settings.sync_tables.is_some() && !plan.jobs.is_empty() => {
                    self.keep_in_step(context, plan, watch, &mut accepted).await?
                }
                _ => Some(End::Drained),
            };
            if let Some(end) = end {
                if self.deployment.sync.is_some() && !matches!(end, End::Interrupted) {
                    self.deployment.refuse_fed_since().await?;
                }
                return Ok(end);
            }
            tracing::warn!(
                "a server was lost while changes were carried over: everything is checked again. If the \
                 server lost commits, changes that were carried over are missing, too: see docs/sync.md"
            );
        }
    }

    /// The second phase: from here on the new server may run. None if a server was lost meanwhile; what was accepted
    /// of deletes is used up all the same.
    async fn keep_in_step(
        &self,
        context: &Context,
        plan: &SyncPlan,
        watch: &Watch,
        accepted: &mut u64,
    ) -> Result<Option<End>> {
        let has_run = self.options.new_server_has_run;
        let decided = row_ownership::decide(context, self.settings, plan, self.dir, has_run).await?;
        if decided == Flow::Interrupted {
            return Ok(Some(End::Interrupted));
        }
        if sync::baseline(context, plan).await? == Flow::Interrupted {
            return Ok(Some(End::Interrupted));
        }
        let at = Timestamp::now().as_millisecond();
        let (finished, started) =
            context.journal.state(|state| (state.finished_at.is_some(), state.sync.started_at.is_some()));
        if !started {
            sync::take_over(plan).await?;
        }
        let finish = (!finished).then_some(Event::RotationFinished { at });
        let start = (!started).then_some(Event::SyncStarted { at });
        context.journal.append(finish.into_iter().chain(start).map(Into::into).collect()).await?;
        tracing::info!("NEW_IS_HOME may be started now (step 8); changes on the old server are carried over");
        context.guards.iter().for_each(|guard| guard.expect_others(true));
        sync::settle(context, plan).await?;
        let options = SyncOptions { accept_deletes: *accepted, ..self.options.sync };
        let mut sync = SyncRunner::new(context, plan, options, watch, self.dir.to_owned());
        let end = Box::pin(sync.run()).await;
        *accepted = sync.accepted();
        end
    }

    /// Removes temporary files that a killed session left beside configuration files.
    fn remove_leftovers(&self) -> Result<()> {
        for folder in self.deployment.file_folders()? {
            for leftover in files::sweep(&folder)? {
                tracing::info!("removed {}, left by an interrupted session", leftover.display());
            }
        }
        Ok(())
    }
}

/// The beginning of this process's work.
fn session_started() -> Event {
    let (host, user) = whoami();
    let command = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    Event::SessionStarted {
        at: Timestamp::now().as_millisecond(),
        pid: std::process::id(),
        host,
        user,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command,
    }
}

/// A step that is taken now.
pub fn step(name: &str, note: &str) -> Step {
    let (host, user) = whoami();
    let at = Timestamp::now().as_millisecond();
    Step { at, name: name.to_owned(), note: note.to_owned(), user, host }
}

/// A step that this process takes of its own accord.
fn taken(name: &str, note: &str) -> Event {
    Event::StepTaken(step(name, note))
}

/// Records how the session ended; a journal that cannot be written any more is no second error.
async fn record_end(context: &Context, worked: &Result<End>, end: Option<Timestamp>) -> Result<()> {
    let at = Timestamp::now().as_millisecond();
    let mut events = Vec::new();
    if matches!(worked, Ok(End::Interrupted)) && end.is_some_and(|end| end <= Timestamp::now()) {
        events.push(taken("stop", "as planned"));
    }
    let end = match worked {
        Ok(End::Drained | End::Stuck) => {
            if context.journal.state(|state| state.finished_at.is_none()) {
                events.push(Event::RotationFinished { at });
            }
            SessionEnd::Completed
        }
        Ok(End::Interrupted) => SessionEnd::Interrupted,
        Err(error) => SessionEnd::Failed { id: error.id().code().to_owned(), what: error.what().to_owned() },
    };
    events.push(Event::SessionEnded { at, end });
    context.journal.append(events.into_iter().map(Into::into).collect()).await
}

fn pacer(settings: &Settings, deployment: &Deployment) -> Pacer {
    let pacer = Pacer::new(settings.sizes, settings.chunk_size.start as usize, settings.chunk_size.fixed);
    let pacer = if settings.mode.is_in_place() { pacer.gentle() } else { pacer };
    let pacer = pacer.within(deployment.statement_limit);
    pacer.limit(settings.max_rows_per_second);
    pacer
}
