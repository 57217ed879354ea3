//! One journal in a report: what was done, by whom, and what holds it to its journal.

use std::collections::BTreeMap;
use std::path::Path;

use keyrotation_journal::{FORMAT, Journal, Step, TAKEN_BACK, TargetKind, step_in_force};
use serde::Serialize;

use super::history::{History, Lag, SessionPart, Throughput, Timeline};
use super::redact::Redactor;
use super::{Bound, REASON, Source, hex};
use crate::error::{Error, Id, Result};
use crate::plan::{self, Fingerprint, KeyFingerprints, Mode};
use crate::status::time;
use crate::steps::UNSHOWN;
use crate::target::{Presence, TargetRegistry};
use crate::{MAY_HAVE_RUN, PLACES, Standing, StatusView, SyncView, Taken, TargetView, Verification};

/// What one journal tells.
#[derive(Debug, Clone, Serialize)]
pub struct RotationPart {
    /// The rotation's id.
    pub rotation_id: String,
    /// `completed`, `interrupted` or `failed`; `running` if a process was working on it.
    pub state: &'static str,
    /// When it began, RFC 3339 in UTC.
    pub started_at: String,
    /// When something was last recorded.
    pub updated_at: String,
    /// When every table and file was done.
    pub finished_at: Option<String>,
    /// The version of the program that began it.
    pub version: String,
    /// Why it was made: the word that was given, and the note.
    pub reason: Option<(String, String)>,
    /// What it was begun with.
    pub plan: PlanPart,
    /// The error that ended the last session.
    pub error: Option<String>,
    /// Tables.
    pub targets: Vec<TargetPart>,
    /// Groups of files.
    pub files: Vec<TargetPart>,
    /// The sync phase.
    pub sync: Option<SyncPart>,
    /// Processes that worked on it.
    pub sessions: Vec<SessionPart>,
    /// Steps that were taken, in the order of recording.
    pub steps: Vec<StepPart>,
    /// What `verify` found, each time.
    pub verifications: Vec<VerificationPart>,
    /// Rows over time.
    pub throughput: Throughput,
    /// What the report is bound to.
    pub log: LogPart,
    /// When it began, in Unix milliseconds.
    #[serde(skip)]
    pub(super) began_at: i64,
    /// The ids of tables that every version has.
    #[serde(skip)]
    pub(super) always: Vec<String>,
    /// Tables and groups of files that properties.yaml has left out.
    pub left_out: Vec<String>,
    /// What was found and stands.
    #[serde(skip)]
    pub(super) standing: Standing,
}

/// What a rotation was begun with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanPart {
    /// Whether it is a copy, or rotated in place.
    pub mode: Mode,
    /// The keys' fingerprints.
    #[serde(flatten)]
    pub keys: KeyFingerprints,
    /// The identity database that was rewritten.
    pub identity_database: Option<String>,
    /// The registry database that was rewritten.
    pub registry_database: Option<String>,
    /// Further databases that were rewritten, by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub stores: BTreeMap<String, String>,
    /// The home whose files were rewritten.
    pub home: Option<String>,
    /// The old identity database that changes were carried over from.
    pub old_identity_database: Option<String>,
    /// The databases and folders as the last session reached them, with hosts and ports; empty if the journal is of an
    /// earlier version.
    pub places: Vec<String>,
    /// `each value's own`, or the one that values were moved to.
    pub transformation: &'static str,
}

/// A table or group of files: the members of `status --json`, and its times.
#[derive(Debug, Clone, Serialize)]
pub struct TargetPart {
    /// The counts.
    #[serde(flatten)]
    pub view: TargetView,
    /// The times.
    #[serde(flatten)]
    pub times: Timeline,
}

/// The sync phase: the member `sync` of `status --json`, and its lag over time.
#[derive(Debug, Clone, Serialize)]
pub struct SyncPart {
    /// The counts.
    #[serde(flatten)]
    pub view: SyncView,
    /// The lag, where it was recorded.
    pub lag: Lag,
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepPart {
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// Its name.
    pub name: String,
    /// What was said of it.
    pub note: String,
    /// The operating system's user.
    pub user: String,
    /// The host.
    pub host: String,
    /// Whether it is in the log, whose chain covers it. One that is not stands in a file beside it.
    pub in_log: bool,
    /// Whether a later step took it back.
    pub taken_back: bool,
}

/// What `verify` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerificationPart {
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// By whom.
    pub user: String,
    /// Where.
    pub host: String,
    /// What it found.
    #[serde(flatten)]
    pub found: Verification,
    /// Whether something was written after it.
    pub is_stale: bool,
}

/// What the report is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogPart {
    /// The format of the records.
    pub format: u8,
    /// How many events there are.
    pub events: u64,
    /// In how many groups they were made durable.
    pub groups: u64,
    /// The MAC of the last record, which takes in all before it.
    pub chain_head: String,
    /// The SHA-256 over all records.
    pub sha256: String,
    /// Up to which event `verify` has checked the chain with the key, and when; none if it never did.
    pub chain_checked: Option<(u64, String)>,
    /// Whether the MACs of all records were checked for the report.
    pub macs_checked: bool,
    /// Steps beside the log.
    pub steps_beside: usize,
}

fn always(known: &TargetRegistry) -> Vec<String> {
    let always = known.tables().iter().filter(|table| table.presence == Presence::Always);
    always.map(|table| table.id.clone()).collect()
}

impl RotationPart {
    /// What this journal tells.
    pub(super) fn new(source: &Source<'_>, bound: &Bound, redactor: &Redactor) -> Result<Self> {
        let state = source.journal.state();
        let begun_with = Fingerprint::decode(&state.rotation.fingerprint)?;
        let history = History::of(source, bound.running, redactor)?;
        let view = StatusView::new(state, bound.running);
        let all: Vec<(&Step, bool)> = with_left(source);
        let logged: Vec<_> = all.iter().filter(|(_, in_log)| *in_log).copied().collect();
        let verifications = verifications(&logged, &history, redactor);
        let standing = standing(&logged, &history);
        let checked = verifications.last().map(|last| (last.found.events, last.at.clone()));
        let heads = || state.rotation.targets.iter().zip(history.targets.iter().cloned());
        let parts = |kind: TargetKind, views: Vec<TargetView>| -> Vec<TargetPart> {
            let times = heads().filter(|(head, _)| head.kind == kind).map(|(_, times)| times);
            views.into_iter().zip(times).map(|(view, times)| redacted(view, times, redactor)).collect()
        };
        let lag = history.lag.clone();
        Ok(Self {
            rotation_id: view.rotation_id.clone(),
            state: view.state.word(),
            started_at: view.started_at.clone(),
            updated_at: time(state.updated_at),
            finished_at: view.re_encrypted_at.clone(),
            version: state.rotation.version.clone(),
            reason: reason(&logged),
            plan: PlanPart {
                mode: begun_with.mode,
                keys: begun_with.keys,
                identity_database: begun_with.identity,
                registry_database: begun_with.registry,
                stores: begun_with.stores,
                home: begun_with.home,
                old_identity_database: begun_with.old_identity,
                places: places(&logged),
                transformation: if begun_with.upgrade { "AES/GCM/NoPadding" } else { "each value's own" },
            },
            error: view.error.clone(),
            targets: parts(TargetKind::Table, view.targets),
            files: parts(TargetKind::Files, view.files),
            sync: view.sync.map(|view| SyncPart { view: redacted_sync(view, redactor), lag }),
            steps: steps(&all, redactor),
            verifications,
            throughput: history.throughput,
            log: log(source.journal, bound, checked),
            sessions: history.sessions,
            began_at: state.rotation.created_at,
            always: always(&plan::recorded(&state.rotation)),
            standing,
            left_out: plan::recorded(&state.rotation).left_out().into_iter().map(str::to_owned).collect(),
        })
    }

    /// Tables, then groups of files.
    pub fn all(&self) -> impl Iterator<Item = &TargetPart> {
        self.targets.iter().chain(&self.files)
    }

    /// When a step was taken that was not taken back, as far as the log has it; with its RFC 3339 text.
    pub fn step(&self, name: &str) -> Option<&StepPart> {
        let logged: Vec<&StepPart> = self.steps.iter().filter(|step| step.in_log).collect();
        step_in_force(&logged, name, |step| &step.name).copied()
    }

    /// Whether the new server may have run, as far as the log tells: in place, servers do.
    pub(super) fn may_have_run(&self) -> bool {
        let is_synced = self.sync.as_ref().is_some_and(|sync| sync.view.started_at.is_some());
        self.plan.mode.is_in_place() || is_synced || MAY_HAVE_RUN.iter().any(|name| self.step(name).is_some())
    }

    /// Journals in one report are of the same two keys.
    pub(super) fn must_belong_to(&self, other: &Self, dir: &Path) -> Result<()> {
        let keys = |part: &Self| (part.plan.keys.old_key.clone(), part.plan.keys.new_key.clone());
        if keys(self) == keys(other) {
            return Ok(());
        }
        Err(Error::new(
            Id::JournalOther,
            format!(
                "{} is of a rotation from key {} to {}, the first journal of one from {} to {}",
                dir.display(),
                other.plan.keys.old_key,
                other.plan.keys.new_key,
                self.plan.keys.old_key,
                self.plan.keys.new_key
            ),
        )
        .fix("make a report of its own for each rotation"))
    }
}

/// The steps in the log, then those beside it; with whether they are in the log.
fn with_left<'a>(source: &Source<'a>) -> Vec<(&'a Step, bool)> {
    let logged = &source.journal.state().steps;
    let left = source.left.iter().filter(|step| !logged.contains(step));
    logged.iter().map(|step| (step, true)).chain(left.map(|step| (step, false))).collect()
}

fn reason(steps: &[(&Step, bool)]) -> Option<(String, String)> {
    let step = steps.iter().rev().find(|(step, _)| step.name == REASON)?.0;
    let (word, note) = step.note.split_once(": ").unwrap_or((&step.note, ""));
    Some((word.to_owned(), note.to_owned()))
}

/// Where the last session reached what it worked on.
fn places(steps: &[(&Step, bool)]) -> Vec<String> {
    let last = steps.iter().rev().find(|(step, _)| step.name == PLACES);
    last.map(|(step, _)| step.note.lines().map(str::to_owned).collect()).unwrap_or_default()
}

fn steps(steps: &[(&Step, bool)], redactor: &Redactor) -> Vec<StepPart> {
    let part = |(at, (step, in_log)): (usize, &(&Step, bool))| StepPart {
        at: time(step.at),
        name: step.name.clone(),
        note: step.note.clone(),
        user: redactor.user(&step.user),
        host: step.host.clone(),
        in_log: *in_log,
        taken_back: steps
            .iter()
            .skip(at + 1)
            .any(|(later, _)| later.name.strip_prefix(TAKEN_BACK) == Some(step.name.as_str())),
    };
    steps.iter().enumerate().filter(|(_, (step, _))| !UNSHOWN.contains(&&*step.name)).map(part).collect()
}

fn verifications(steps: &[(&Step, bool)], history: &History, redactor: &Redactor) -> Vec<VerificationPart> {
    let part = |(at, (step, _)): (usize, &(&Step, bool))| {
        Some(VerificationPart {
            at: time(step.at),
            user: redactor.user(&step.user),
            host: step.host.clone(),
            found: Verification::of_step(&step.name, &step.note)?,
            is_stale: history.is_stale(at, step),
        })
    };
    steps.iter().enumerate().filter_map(part).collect()
}

/// What was found and stands, by the steps in the log.
fn standing(steps: &[(&Step, bool)], history: &History) -> Standing {
    let times: Vec<String> = steps.iter().map(|(step, _)| time(step.at)).collect();
    let taken = steps.iter().zip(&times).enumerate().map(|(number, ((step, _), at))| Taken {
        at,
        by: "",
        name: &step.name,
        note: &step.note,
        written_since: history.is_stale(number, step),
    });
    Standing::of(taken)
}

fn redacted(mut view: TargetView, times: Timeline, redactor: &Redactor) -> TargetPart {
    for failure in &mut view.failures {
        failure.key = redactor.key(&failure.key);
    }
    TargetPart { view, times }
}

fn redacted_sync(mut view: SyncView, redactor: &Redactor) -> SyncView {
    for (key, _) in view.tables.iter_mut().flat_map(|table| &mut table.failures) {
        *key = redactor.key(key);
    }
    view
}

fn log(journal: &Journal, bound: &Bound, chain_checked: Option<(u64, String)>) -> LogPart {
    let tip = journal.tip();
    LogPart {
        format: FORMAT,
        events: tip.entries,
        groups: tip.group,
        chain_head: hex(&tip.mac),
        sha256: bound.log_sha256.clone(),
        chain_checked,
        macs_checked: bound.macs_checked,
        steps_beside: bound.steps_beside,
    }
}
