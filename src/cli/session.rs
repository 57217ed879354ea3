//! `run` and `resume`: from settings to a finished rotation. The two differ only in how they find
//! their journal.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use keyrotation_journal::{Event, JobState, Journal, Phase, Rotation, Step, TargetHead, submitted_steps};

use super::args::{ResumeArgs, RunArgs, SyncArgs, SyncPhaseArgs, WorkArgs};
use super::explained::Ask;
use super::finished::{finished, finished_without_key};
use super::reservation::{ControlEndpoint, JournalReservation};
use super::steps::refuse_gap;
use super::who::whoami;
use super::work::Work;
use super::{Session, stop_time};
use crate::activity::Activity;
use crate::cipher::{Digester, chain_key};
use crate::codec::value::{KeyIdPolicy, Policy, Recoder};
use crate::config::{self, Level, Notice, Overrides, Settings};
use crate::control::RequestHandler;
use crate::engine::{self, ChunkPlanner, JournalHandle};
use crate::error::{Error, Id, Result};
use crate::exit::Exit;
use crate::failpoint::async_failpoint;
use crate::plan::preflight::{self, Ground};
use crate::plan::{self, Deployment, Fingerprint, Survey};
use crate::report::{REASON, Reporter, StatusView, publish};
use crate::signals::{self, Stop, Stopper};

/// Starts a rotation.
pub(super) async fn run(session: &Session, args: &RunArgs) -> Result<Exit> {
    let dir = session.global.journal_dir();
    let settings = match load(session, &args.work) {
        Err(error) if !args.new => return finished_without_key(&dir, error),
        loaded => loaded?,
    };
    let end = stop_time::planned(&args.end)?;
    let earlier = Journal::open(&dir)?;
    if let Some(journal) = earlier.as_ref().filter(|_| !args.new) {
        if let Some(exit) = finished(&dir, journal, false)? {
            return Ok(exit);
        }
        let name = journal.state().rotation.name();
        return Err(Error::new(
            Id::JournalUnfinished,
            match journal.state().sync.started_at {
                None => format!("{} holds rotation {name}, which is not finished", dir.display()),
                Some(_) => format!("{} holds rotation {name}, which is in its sync phase", dir.display()),
            },
        )
        .fix(
            "go on with `keyrotation resume`, or put it aside and begin again with `keyrotation run --new`",
        ));
    }
    let why = args.why.reason.map(|reason| step(REASON, &reason.with(&args.why.note)));
    Box::pin(begin(
        session,
        &args.work,
        &args.sync,
        settings,
        &dir,
        Beginning { command: "run", earlier, end, why },
    ))
    .await
}

/// A step that is taken now.
pub(super) fn step(name: &str, note: &str) -> Step {
    let (host, user) = whoami();
    let at = Timestamp::now().as_millisecond();
    Step { at, name: name.to_owned(), note: note.to_owned(), user, host }
}

/// Goes on with a rotation, or starts one.
pub(super) async fn resume(session: &Session, args: &ResumeArgs) -> Result<Exit> {
    let dir = session.global.journal_dir();
    let settings = match load(session, &args.work) {
        Err(error) if !args.retry_failed => return finished_without_key(&dir, error),
        loaded => loaded?,
    };
    let end = stop_time::planned(&args.end)?;
    let Some(journal) = Journal::open(&dir)? else {
        tracing::info!("no rotation was begun yet: it begins now");
        let beginning = Beginning { command: "resume", earlier: None, end, why: None };
        return Box::pin(begin(session, &args.work, &args.sync, settings, &dir, beginning)).await;
    };
    if let Some(exit) = finished(&dir, &journal, args.retry_failed)? {
        return Ok(exit);
    }
    Box::pin(go_on(session, args, settings, journal, &dir, Going { command: "resume", end })).await
}

/// Carries over what end users change: `resume`, once everything is re-encrypted.
pub(super) async fn sync(session: &Session, args: &SyncPhaseArgs) -> Result<Exit> {
    let work = WorkArgs {
        log_file: args.log_file.clone(),
        no_log_file: args.no_log_file,
        patience: args.patience,
        ..WorkArgs::default()
    };
    let dir = session.global.journal_dir();
    let settings = match load(session, &work) {
        Err(error) => return finished_without_key(&dir, error),
        loaded => loaded?,
    };
    let end = stop_time::planned(&args.end)?;
    if settings.sync_tables.is_none() {
        return Err(Error::new(Id::SyncNotEnabled, "there is nothing to keep in step"));
    }
    let journal = super::status::open(&dir)?;
    if !journal.state().syncs() {
        let name = journal.state().rotation.name();
        return Err(Error::new(Id::SyncNotBegun, format!("rotation {name} was begun without sync")));
    }
    if journal.state().sync.started_at.is_none() {
        return Err(Error::new(Id::SyncNotReady, "not everything is re-encrypted yet"));
    }
    if let Some(exit) = finished(&dir, &journal, true)? {
        return Ok(exit);
    }
    let args = ResumeArgs { retry_failed: false, work, end: args.end, sync: args.sync.clone() };
    Box::pin(go_on(session, &args, settings, journal, &dir, Going { command: "sync", end })).await
}

/// How a rotation is gone on with.
struct Going {
    command: &'static str,
    /// When it is to be stopped.
    end: Option<Timestamp>,
}

async fn go_on(
    session: &Session,
    args: &ResumeArgs,
    settings: Settings,
    mut journal: Journal,
    dir: &Path,
    Going { command, end }: Going,
) -> Result<Exit> {
    let rotation = unlock(&mut journal, &settings)?;
    let syncs = journal.state().sync.started_at.is_some();
    if settings.sync_tables.is_some() {
        let left = journal.state().not_known(submitted_steps(dir)?); // by the order, not by clocks
        let steps = [&*journal.state().steps, &*left].concat();
        refuse_gap(&steps, Some(rotation.created_at))?;
    }
    open_log(session, &args.work, dir, &rotation.name())?;
    let status = StatusView::by_this_process(journal.state());
    publish(dir, &status);
    let (stopper, stop) = listen_until(end)?;
    let ledger = JournalHandle::new(journal);
    let handler = RequestHandler::beginning(command, Some(ledger.clone()), stopper.clone());
    handler.feed().show(&status, true);
    let endpoint = ControlEndpoint::open(dir, handler);
    // Once sync has begun the new server may run.
    let others = args.work.others_connected || syncs;
    let connected = connect(&settings, Some(&rotation.targets), plan::Access::ReadWrite, others);
    let Some(deployment) = unless_stopped(&stop, connected).await? else {
        return Ok(stopped_early(endpoint).await);
    };
    let state = ledger.state(Clone::clone);
    deployment.refuse_vanished(&state).await?;
    preflight::warn_of_servers(&deployment, &settings, dir).await;
    let activity = Activity::default();
    deployment.stop_with(&stop, &activity);
    let sync = &args.sync;
    let work =
        Work { session, settings: &settings, deployment, dir, stopper, stop, end, activity, sync, endpoint };
    let context = work.context(ledger);
    let skipped = context.ledger.state(|state| skipped(&work.deployment, Some(state)));
    if !syncs {
        let looked = engine::check_evidence(&context, &work.deployment.jobs);
        if unless_stopped(&work.stop, looked).await?.is_none() {
            return Ok(stopped_early(work.endpoint).await);
        }
    }
    Box::pin(work.finish(context, args.retry_failed, skipped)).await
}

/// Targets that are not there and that the journal does not know to be skipped yet.
fn skipped(deployment: &Deployment, state: Option<&JobState>) -> Vec<Event> {
    let is_open = |target: u16| {
        let state = state.and_then(|state| state.targets.get(usize::from(target)));
        state.is_none_or(|target| target.phase == Phase::Pending)
    };
    let open = deployment.absent.iter().filter(|(target, _)| is_open(*target));
    open.map(|(target, reason)| Event::TargetSkipped { target: *target, reason: reason.clone() }).collect()
}

/// Somebody asked to stop before this process had done anything.
async fn stopped_early(endpoint: ControlEndpoint) -> Exit {
    endpoint.close().await;
    tracing::warn!("interrupted before it went on; `keyrotation resume` goes on");
    Exit::Interrupted
}

/// Connects, and keeps others off.
async fn connect(
    settings: &Settings,
    targets: Option<&[TargetHead]>,
    access: plan::Access,
    others_connected: bool,
) -> Result<Deployment> {
    async_failpoint!("session-connect", Error::new(Id::Database, "failure planned by a test"));
    let deployment = plan::connect(settings, targets, access).await?;
    deployment.claim(settings, others_connected).await?;
    Ok(deployment)
}

/// What comes of `work`, which writes nothing; none if somebody asks to stop meanwhile.
async fn unless_stopped<T>(stop: &Stop, work: impl Future<Output = Result<T>>) -> Result<Option<T>> {
    tokio::select! {
        done = work => done.map(Some),
        () = stop.asked() => Ok(None),
    }
}

pub(super) fn load(session: &Session, args: &WorkArgs) -> Result<Settings> {
    let overrides = Overrides {
        chunk_size: args.chunk_size,
        connections: args.connections,
        max_rows_per_second: args.max_rows_per_second,
        patience: args.patience.map(Duration::from_secs),
    };
    let mut settings = config::load(&session.global.config, &overrides)?;
    settings.without_tables.clone_from(&args.accept.without_table);
    notices(&settings);
    Ok(settings)
}

/// Says what the operator should know of the configuration.
pub(super) fn notices(settings: &Settings) {
    say(&settings.notices);
}

/// Says them.
pub(super) fn say(notices: &[Notice]) {
    for notice in notices {
        match notice.level {
            Level::Info => tracing::info!("{}", notice.text),
            Level::Warning => tracing::warn!("{}", notice.text),
        }
    }
}

/// What is known of a rotation before it begins.
struct Beginning {
    command: &'static str,
    /// The journal of an earlier rotation.
    earlier: Option<Journal>,
    /// When it is to be stopped.
    end: Option<Timestamp>,
    /// Why it is made.
    why: Option<Step>,
}

/// Checks everything, then begins a journal and works it off. The journal of an earlier rotation
/// is put aside once all checks are passed; until then it is held, so that nobody goes on with it.
async fn begin(
    session: &Session,
    args: &WorkArgs,
    sync: &SyncArgs,
    settings: Settings,
    dir: &Path,
    beginning: Beginning,
) -> Result<Exit> {
    let Beginning { command, earlier, end, why } = beginning;
    if settings.sync_tables.is_some() {
        refuse_gap(&submitted_steps(dir)?, None)?;
    }
    let (stopper, stop) = listen_until(end)?;
    let ask = Ask::holding(earlier.as_ref(), &settings);
    let reservation = JournalReservation::take(dir, earlier, command, &stopper)?;
    let checked = checked(session, &settings, args, &stop, plan::Access::ReadWrite, ask);
    let Some(Checked { deployment, survey, activity }) = checked.await? else {
        reservation.leave().await;
        tracing::warn!("interrupted before anything was written; `keyrotation run` begins again");
        return Ok(Exit::Interrupted);
    };
    let rotation = Rotation {
        id: new_id()?,
        created_at: Timestamp::now().as_millisecond(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        fingerprint: deployment.fingerprint.encode(),
        targets: deployment.heads.clone(),
    };
    let chain = chain_key(&settings.new_key, &rotation.id);
    open_log(session, args, dir, &rotation.name())?;
    let (journal, endpoint) = reservation.begin(rotation, &chain).await?;
    let work =
        Work { session, settings: &settings, deployment, dir, stopper, stop, end, activity, sync, endpoint };
    let context = work.context(JournalHandle::new(journal));
    let absent = skipped(&work.deployment, None);
    let started = survey
        .jobs
        .iter()
        .zip(&work.deployment.jobs)
        .map(|(found, job)| Event::TargetStarted { target: job.index, total: Some(found.rows) });
    let first = why.map(Event::StepTaken).into_iter().chain(absent).chain(started).collect();
    Box::pin(work.finish(context, false, first)).await
}

/// A deployment that may be rotated.
pub(super) struct Checked {
    pub(super) deployment: Deployment,
    pub(super) survey: Survey,
    pub(super) activity: Activity,
}

/// Connects, and refuses what must not be rotated: all that comes before the first write. None when
/// asked to stop.
pub(super) async fn checked(
    session: &Session,
    settings: &Settings,
    args: &WorkArgs,
    stop: &Stop,
    access: plan::Access,
    ask: Ask,
) -> Result<Option<Checked>> {
    if let Some(why) = settings.new_key.weakness(&settings.old_key).filter(|_| !args.accept_weak_key) {
        return Err(Error::new(Id::ConfigWeakKey, format!("newSecretKey is weak: {why}")));
    }
    let connected = connect(settings, None, access, args.others_connected);
    let Some(deployment) = unless_stopped(stop, connected).await? else { return Ok(None) };
    let activity = Activity::default();
    deployment.stop_with(stop, &activity);
    tracing::info!("looking at what is there");
    let reporter = Reporter::of(activity.clone(), session.global.progress(), &session.progress);
    let survey = plan::survey(&deployment.jobs, &recoder(settings), &activity, stop).await;
    reporter.finish().await;
    let survey = survey?;
    if stop.requested() {
        return Ok(None);
    }
    let journal = session.global.journal_dir();
    let accepted = args.accept.of(&survey, ask, &journal, settings);
    tracing::info!("{}", survey.check_keys(&accepted)?);
    survey.check_ambiguous(accepted.ambiguous)?;
    let ground = Ground {
        settings,
        journal: &journal,
        deployment: Ok(&deployment),
        survey: Ok(&survey),
        accepted: &accepted,
        claimed: true,
        counting: None,
    };
    preflight::log(&preflight::preflight(ground).await);
    Ok(Some(Checked { deployment, survey, activity }))
}

/// Names the log file: where it was asked for, else beside the journal. A rotation whose log
/// cannot be written is not begun.
fn open_log(session: &Session, args: &WorkArgs, dir: &Path, rotation: &str) -> Result<()> {
    if args.no_log_file {
        session.log.off();
        return Ok(());
    }
    let path = match &args.log_file {
        Some(path) => path.clone(),
        None => dir.with_file_name(format!("keyrotation-{rotation}.log")),
    };
    let failed =
        |error: std::io::Error| Error::new(Id::File, format!("the log file {}: {error}", path.display()));
    if args.log_file.is_none()
        && let Some(folder) = path.parent()
    {
        std::fs::create_dir_all(folder).map_err(failed)?; // it will hold the journal's folder, too
    }
    session.log.open(&path).map_err(failed)?;
    tracing::info!("log file: {}", path.display());
    Ok(())
}

/// Makes sure that the journal belongs to these settings, and opens it for writing.
pub(super) fn unlock(journal: &mut Journal, settings: &Settings) -> Result<Arc<Rotation>> {
    let rotation = Arc::clone(&journal.state().rotation);
    let begun_with = Fingerprint::decode(&rotation.fingerprint)?;
    begun_with.must_match(&Fingerprint::of(settings, begun_with.targets.clone()))?;
    journal.unlock(&chain_key(&settings.new_key, &rotation.id))?;
    Ok(rotation)
}

/// Likewise, and stops at the end that is planned.
pub(super) fn listen_until(end: Option<Timestamp>) -> Result<(Stopper, Stop)> {
    let (stopper, stop) = listen()?;
    if let Some(at) = end {
        stop_time::keep_to(at, stopper.clone());
    }
    Ok((stopper, stop))
}

pub(super) fn listen() -> Result<(Stopper, Stop)> {
    signals::listen().map_err(|error| Error::new(Id::System, format!("signals cannot be received: {error}")))
}

fn new_id() -> Result<[u8; 16]> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| Error::new(Id::NoRandomness, error.to_string()))?;
    Ok(id)
}

pub(super) fn recoder(settings: &Settings) -> Recoder {
    let key_id = if settings.key_id { KeyIdPolicy::Always } else { KeyIdPolicy::AsRead };
    let policy = Policy { upgrade: settings.upgrade, key_id };
    Recoder::new(settings.old_key.clone(), settings.new_key.clone(), policy)
}

pub(super) fn planner(settings: &Settings, rotation: &Rotation) -> ChunkPlanner {
    ChunkPlanner::new(recoder(settings), Digester::new(&settings.new_key, &rotation.id))
}
