//! How a rotation begins, and how it is gone on with: the two differ only in where their journal comes from.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use jiff::Timestamp;
use keyrotation_journal::{Event, JobState, Journal, Phase, Rotation, Step, TargetId, submitted_steps};

use super::endpoint::{ControlEndpoint, JournalReservation};
use super::finished::{OLD_KEY_ADDED, keys_not_looked_for};
use super::in_place::{explained, servers_may_run, word};
use super::row_ownership::keys_of_copy;
use super::stop::listen_until;
use super::throttled::refuse_unknown;
use super::watched::Watched;
use super::{Explanations, Options, Outcome, Runner, Screen, taken};
use crate::activity::Activity;
use crate::cipher::{Digester, SecretKey, chain_key};
use crate::codec::value::{KeyIdPolicy, Policy, Recoder};
use crate::config::Settings;
use crate::control::RequestHandler;
use crate::engine::{self, ChunkPlanner, JournalHandle};
use crate::error::{Error, Id, Result};
use crate::failpoint::async_failpoint;
use crate::plan::preflight::{self, Ground};
use crate::plan::{self, Deployment, Fingerprint, Survey};
use crate::report::{PLACES, Reporter, StatusView, publish, taken_up};
use crate::runbook::copy_is_older;
use crate::signals::Stop;
use crate::telemetry::LogFile;

/// Goes on with the rotation of `journal`, which is in `dir`, for this command.
pub async fn resume(
    screen: Screen<'_>,
    settings: &Settings,
    options: &Options,
    dir: &Path,
    command: &'static str,
    journal: Journal,
) -> Result<Outcome> {
    let watched = Watched::begin(settings, options, command);
    let screen = Screen { watchers: Some(watched.watchers()), ..screen };
    let outcome = Box::pin(go_on(screen, settings, options, dir, command, journal)).await;
    watched.end(&outcome).await;
    outcome
}

async fn go_on(
    screen: Screen<'_>,
    settings: &Settings,
    options: &Options,
    dir: &Path,
    command: &'static str,
    mut journal: Journal,
) -> Result<Outcome> {
    let rotation = unlock(&mut journal, settings)?;
    let settings = &Fingerprint::decode(&rotation.fingerprint)?.in_its_order(settings);
    let syncs = journal.state().sync.started_at.is_some();
    if settings.sync_tables.is_some() {
        let left = journal.state().not_known(submitted_steps(dir)?); // by the order, not by clocks
        let steps = [&*journal.state().steps, &*left].concat();
        refuse_gap(&steps, Some(rotation.created_at))?;
    }
    options.log.open(screen.log, dir, &rotation.name())?;
    for line in taken_up(&plan::recorded(&rotation), journal.state()) {
        tracing::info!("{line}");
    }
    let status = StatusView::by_this_process(journal.state());
    publish(dir, &status);
    let (stopper, stop) = listen_until(options.end)?;
    let journal = JournalHandle::new(journal);
    let handler = RequestHandler::beginning(command, Some(journal.clone()), stopper.clone());
    handler.feed().show(&status, true);
    let endpoint = ControlEndpoint::open(dir, handler);
    let may_run = servers_may_run(settings, options, &journal.state(|state| state.steps.clone()))?;
    let settings = &settings.beside_servers(may_run);
    // Once sync has begun the new server may run.
    let others = options.others_connected || syncs || may_run;
    let connected = connect(settings, Some(&rotation), plan::Access::ReadWrite, others);
    let Some(mut deployment) = unless_stopped(&stop, connected).await? else {
        return Ok(stopped_early(endpoint).await);
    };
    let changed = plan::described_otherwise(&deployment.targets);
    if !changed.is_empty() {
        let names = changed.join(", ");
        tracing::warn!(
            "this version describes some targets differently than the one that began the rotation, which \
             continues as it began: {names}"
        );
    }
    keep_indexes_of_live_data(&mut deployment, settings, options, others);
    let state = journal.state(Clone::clone);
    deployment.refuse_vanished(&state).await?;
    preflight::warn_of_servers(&deployment, settings, dir).await;
    let activity = Activity::default();
    deployment.stop_with(&stop, &activity);
    let runner = Runner { screen, settings, options, deployment, dir, stopper, stop, activity, endpoint };
    let context = runner.context(journal);
    let mut first = context.journal.state(|state| skipped(&runner.deployment, Some(state)));
    first.extend(added_keys(settings, &rotation, &state.steps)?);
    first.extend(places(&runner.deployment, &state.steps));
    first.extend(word(options.servers_have_both_keys, settings, &state.steps));
    if !syncs {
        let looked = engine::check_evidence(&context, &runner.deployment.jobs);
        if unless_stopped(&runner.stop, looked).await?.is_none() {
            return Ok(stopped_early(runner.endpoint).await);
        }
    }
    Box::pin(runner.run(context, first)).await
}

/// Where the databases and folders are reached, unless that is on record already: the report names it.
fn places(deployment: &Deployment, steps: &[Step]) -> Option<Event> {
    let now = deployment.places.join("\n");
    let last = steps.iter().rev().find(|step| step.name == PLACES);
    last.is_none_or(|last| last.note != now).then(|| taken(PLACES, &now))
}

/// Old keys that the settings have and the rotation was not begun with, each recorded once.
fn added_keys(settings: &Settings, rotation: &Rotation, steps: &[Step]) -> Result<Vec<Event>> {
    let begun_with = Fingerprint::decode(&rotation.fingerprint)?.keys;
    let added = keys_not_looked_for(settings, &begun_with, steps);
    for key in &added {
        tracing::info!("an old key was added since the rotation began: {key} (fingerprint)");
    }
    Ok(added.iter().map(|key| taken(OLD_KEY_ADDED, &format!("fingerprint {key}"))).collect())
}

/// Targets that are not there and that the journal does not know to be skipped yet.
fn skipped(deployment: &Deployment, state: Option<&JobState>) -> Vec<Event> {
    let is_open = |target: TargetId| {
        let state = state.and_then(|state| state.targets.get(target.position()));
        state.is_none_or(|target| target.phase == Phase::Pending)
    };
    let open = deployment.absent.iter().filter(|(target, _)| is_open(*target));
    open.map(|(target, reason)| Event::TargetSkipped { target: *target, reason: reason.clone() }).collect()
}

/// A stop was requested before this process had done anything.
async fn stopped_early(endpoint: ControlEndpoint) -> Outcome {
    endpoint.close().await;
    tracing::warn!("interrupted before it continued; `keyrotation resume` continues");
    Outcome::NotBegun
}

/// Connects, and keeps others off.
async fn connect(
    settings: &Settings,
    journaled: Option<&Rotation>,
    access: plan::Access,
    others_connected: bool,
) -> Result<Deployment> {
    async_failpoint!("session-connect", Error::new(Id::Database, "failure planned by a test"));
    let targets = match journaled {
        Some(rotation) => plan::recorded(rotation),
        None => plan::registry(settings)?,
    };
    let heads = journaled.map(|rotation| rotation.targets.as_slice());
    let deployment = plan::connect(settings, &targets, heads, access).await?;
    deployment.claim(settings, access, others_connected).await.map_err(|error| explained(error, settings))?;
    refuse_unknown(&deployment, settings).await?;
    Ok(deployment)
}

/// Queries need their indexes where a server works with the data.
fn keep_indexes_of_live_data(
    deployment: &mut Deployment,
    settings: &Settings,
    options: &Options,
    others_connected: bool,
) {
    if settings.mode.is_in_place() {
        deployment.keep_indexes("the database is rotated in place");
    }
    if others_connected {
        deployment.keep_indexes("other programs may be connected");
    }
    if options.new_server_has_run {
        deployment.keep_indexes("the new server has run on this copy");
    }
}

/// The result of `work`, which writes nothing; none if a stop is requested meanwhile.
async fn unless_stopped<T>(stop: &Stop, work: impl Future<Output = Result<T>>) -> Result<Option<T>> {
    tokio::select! {
        done = work => done.map(Some),
        () = stop.asked() => Ok(None),
    }
}

/// What is known of a rotation before it begins.
#[derive(Debug)]
pub struct Beginning {
    /// The command that begins it.
    pub command: &'static str,
    /// The journal of an earlier rotation.
    pub earlier: Option<Journal>,
    /// Why it is made.
    pub why: Option<Step>,
}

/// Checks everything, then begins a journal and works it off. The journal of an earlier rotation
/// is put aside once all checks are passed; until then it is held, so that no other process continues it.
pub async fn begin(
    screen: Screen<'_>,
    settings: &Settings,
    options: &Options,
    dir: &Path,
    beginning: Beginning,
) -> Result<Outcome> {
    let watched = Watched::begin(settings, options, beginning.command);
    let screen = Screen { watchers: Some(watched.watchers()), ..screen };
    let outcome = Box::pin(begin_anew(screen, settings, options, dir, beginning)).await;
    watched.end(&outcome).await;
    outcome
}

async fn begin_anew(
    screen: Screen<'_>,
    settings: &Settings,
    options: &Options,
    dir: &Path,
    Beginning { command, earlier, why }: Beginning,
) -> Result<Outcome> {
    if settings.sync_tables.is_some() {
        refuse_gap(&submitted_steps(dir)?, None)?;
    }
    let (stopper, stop) = listen_until(options.end)?;
    let settings = &settings.beside_servers(servers_may_run(settings, options, &[])?);
    let ask = Explanations::holding(earlier.as_ref(), settings);
    let reservation = JournalReservation::take(dir, earlier, command, &stopper)?;
    let checked = checked(screen, settings, options, dir, &stop, plan::Access::ReadWrite, ask);
    let Some(Checked { deployment, survey, activity }) = checked.await? else {
        reservation.leave().await;
        tracing::warn!("interrupted before anything was written; `keyrotation run` begins again");
        return Ok(Outcome::NotBegun);
    };
    let rotation = Rotation {
        id: new_id()?,
        created_at: Timestamp::now().as_millisecond(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        fingerprint: deployment.fingerprint.encode(),
        targets: deployment.heads.clone(),
    };
    let chain = chain_key(settings.keys.new_key(), &rotation.id);
    options.log.open(screen.log, dir, &rotation.name())?;
    let (journal, endpoint) = reservation.begin(rotation, &chain).await?;
    let runner = Runner { screen, settings, options, deployment, dir, stopper, stop, activity, endpoint };
    let context = runner.context(JournalHandle::new(journal));
    let absent = skipped(&runner.deployment, None);
    let started = survey
        .jobs
        .iter()
        .zip(&runner.deployment.jobs)
        .map(|(found, job)| Event::TargetStarted { target: job.index, total: Some(found.rows) });
    let given = word(options.servers_have_both_keys, settings, &[]);
    let keys = keys_of_copy(&runner.deployment, &survey, settings);
    let first = why
        .map(Event::StepTaken)
        .into_iter()
        .chain(places(&runner.deployment, &[]))
        .chain(given)
        .chain(keys)
        .chain(absent)
        .chain(started)
        .collect();
    Box::pin(runner.run(context, first)).await
}

/// A deployment that may be rotated.
#[derive(Debug)]
pub struct Checked {
    /// It.
    pub deployment: Deployment,
    /// What is in it.
    pub survey: Survey,
    /// What is done with it now.
    pub activity: Activity,
}

/// Connects, and refuses what must not be rotated: all that comes before the first write. None when
/// asked to stop.
pub async fn checked(
    screen: Screen<'_>,
    settings: &Settings,
    options: &Options,
    dir: &Path,
    stop: &Stop,
    access: plan::Access,
    ask: Explanations,
) -> Result<Option<Checked>> {
    let keys = &settings.keys;
    let near = |new: &SecretKey| keys.old_keys().any(|old| new.is_like(old));
    let weakness = |old: &SecretKey, new: &SecretKey| {
        new.weakness(old).or_else(|| near(new).then(|| "it is nearly one of the old keys".to_owned()))
    };
    let mut weak = keys.pairs().filter_map(|(old, new)| Some((new, weakness(old, new)?)));
    if let Some((new, why)) = weak.next().filter(|_| !options.accept_weak_key) {
        let name = if new == keys.new_key() { "newSecretKey" } else { "the new key of totpKey" };
        return Err(Error::new(Id::ConfigWeakKey, format!("{name} is weak: {why}")));
    }
    let others = servers_may_run(settings, options, &[])? || options.others_connected;
    let connected = connect(settings, None, access, others);
    let Some(mut deployment) = unless_stopped(stop, connected).await? else { return Ok(None) };
    keep_indexes_of_live_data(&mut deployment, settings, options, others);
    let activity = Activity::default();
    deployment.stop_with(stop, &activity);
    tracing::info!("looking at what is there");
    let reporter = Reporter::watched(activity.clone(), screen.progress, screen.bars, screen.watchers);
    let permille = match access {
        plan::Access::ReadWrite => plan::SURVEY_PERMILLE,
        plan::Access::ReadOnly => engine::DRY_SURVEY_PERMILLE,
    };
    let survey = plan::survey(&deployment.jobs, &recoder(settings), &activity, stop, permille).await;
    reporter.finish().await;
    let survey = survey?;
    if stop.requested() {
        return Ok(None);
    }
    let accepted = options.accept.of(&survey, ask, dir, settings);
    tracing::info!("{}", survey.check_keys(&accepted)?);
    survey.check_ambiguous(accepted.ambiguous)?;
    let ground = Ground {
        settings,
        journal: dir,
        targets: &deployment.targets,
        deployment: Ok(&deployment),
        survey: Ok(&survey),
        accepted: &accepted,
        claimed: true,
        counting: None,
    };
    preflight::log(&preflight::preflight(ground).await);
    Ok(Some(Checked { deployment, survey, activity }))
}

/// Where the log goes.
#[derive(Debug, Clone, Default)]
pub enum LogTo {
    /// Into a file beside the journal that is named after the rotation.
    #[default]
    BesideJournal,
    /// Into this file.
    File(PathBuf),
    /// Where this leads, which is standard output.
    Output(fn() -> Box<dyn io::Write + Send>),
    /// Nowhere.
    Nowhere,
}

impl LogTo {
    /// Names the log file. A rotation whose log cannot be written is not begun.
    fn open(&self, log: &LogFile, dir: &Path, rotation: &str) -> Result<()> {
        let path = match self {
            Self::Nowhere => {
                log.off();
                return Ok(());
            }
            Self::Output(open) => {
                return log
                    .write_to(open())
                    .map_err(|error| Error::new(Id::Output, format!("the log on standard output: {error}")));
            }
            Self::File(path) => path.clone(),
            Self::BesideJournal => dir.with_file_name(format!("keyrotation-{rotation}.log")),
        };
        let failed =
            |error: io::Error| Error::new(Id::File, format!("the log file {}: {error}", path.display()));
        if matches!(self, Self::BesideJournal)
            && let Some(folder) = path.parent()
        {
            fs::create_dir_all(folder).map_err(failed)?; // it will hold the journal's folder, too
        }
        log.open(&path).map_err(failed)?;
        tracing::info!("log file: {}", path.display());
        Ok(())
    }
}

/// Makes sure that the journal belongs to these settings, and opens it for writing.
pub fn unlock(journal: &mut Journal, settings: &Settings) -> Result<Arc<Rotation>> {
    let rotation = Arc::clone(&journal.state().rotation);
    let begun_with = Fingerprint::decode(&rotation.fingerprint)?;
    begun_with.must_match(&Fingerprint::of(settings, begun_with.targets.clone()))?;
    journal.unlock(&chain_key(settings.keys.new_key(), &rotation.id))?;
    Ok(rotation)
}

fn new_id() -> Result<[u8; 16]> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| Error::new(Id::NoRandomness, error.to_string()))?;
    Ok(id)
}

/// What opens and seals with these settings.
pub fn recoder(settings: &Settings) -> Recoder {
    let key_id = if settings.key_id { KeyIdPolicy::Always } else { KeyIdPolicy::AsRead };
    let policy = Policy { upgrade: settings.upgrade, key_id };
    Recoder::new(settings.keys.clone(), policy)
}

/// What plans the chunks of a rotation.
pub fn planner(settings: &Settings, rotation: &Rotation) -> ChunkPlanner {
    ChunkPlanner::new(recoder(settings), Digester::new(settings.keys.new_key(), &rotation.id))
}

/// Refuses a copy that was made before changes were recorded.
fn refuse_gap(steps: &[Step], began: Option<i64>) -> Result<()> {
    copy_is_older(steps, began).map_or(Ok(()), |why| Err(Error::new(Id::CopyTooOld, why)))
}
