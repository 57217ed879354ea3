//! The status document: `status --json`, and what `status` reads while a rotation runs.
//!
//! `schema` changes when a member changes its meaning; new members may come at any time.

use jiff::Timestamp;
use keyrotation_journal::{
    CellOutcome, JobState, Ordinal, Phase, RESEALED, RowRecord, SessionEnd, Step, TargetHead, TargetKind,
    TargetState,
};
use serde::{Deserialize, Serialize};

use super::standing::Standing;
use super::{ActivityView, StepView, SyncView, VerifiedView};
use crate::engine::is_finding;
use crate::plan::{self, Gist, KeyFingerprints, Mode};
use crate::target::TargetRegistry;
use keyrotation_sync::Observation;

/// The document's format.
const SCHEMA: u32 = 1;

/// Where a rotation stands as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// A process works on it.
    Running,
    /// Nobody works on it, and it is not finished.
    Interrupted,
    /// It is finished; failed rows are counted apart.
    Completed,
    /// It ended with an error, and is not finished.
    Failed,
}

impl RunState {
    /// The word for it, as in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// The status of a rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    /// The document's format: 1.
    pub schema: u32,
    /// The rotation's id.
    pub rotation_id: String,
    /// Whether it is a copy, or rotated in place.
    #[serde(default)]
    pub mode: Mode,
    /// The fingerprints of its keys.
    #[serde(default)]
    pub keys: Option<KeyFingerprints>,
    /// The old identity database, if changes are carried over from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_identity: Option<String>,
    /// In place, the homes of all nodes of which files are rotated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub homes: Vec<String>,
    /// Tables and groups of files that `targets` leaves out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Where it stands.
    pub state: RunState,
    /// Whether `resume` would go on.
    pub resumable: bool,
    /// When it began, RFC 3339 in UTC.
    pub started_at: String,
    /// When this was true, likewise.
    pub updated_at: String,
    /// When everything was re-encrypted, likewise; changes may be carried over since.
    #[serde(default)]
    pub re_encrypted_at: Option<String>,
    /// When it was finished, likewise; none while a process works on it, and with sync until that is drained.
    pub finished_at: Option<String>,
    /// The process that works on it.
    pub pid: Option<u32>,
    /// The host of that process.
    pub host: Option<String>,
    /// What that process is at.
    #[serde(default)]
    pub activity: Option<ActivityView>,
    /// The error that ended the last session, with its id.
    pub error: Option<String>,
    /// Tables.
    pub targets: Vec<TargetView>,
    /// Groups of files.
    pub files: Vec<TargetView>,
    /// The sync phase; none for a rotation without sync.
    pub sync: Option<SyncView>,
    /// Steps that were taken outside of this program, or before the rotation began.
    pub steps: Vec<StepView>,
    /// How many of them, the last ones, wait beside the log, where nothing protects them.
    #[serde(skip)]
    pub waiting: usize,
    /// The verification that counts: the last one of all rows, or with differences; a part of one where there is no other.
    #[serde(default)]
    pub verified: Option<VerifiedView>,
    /// A part of the rows in which nothing differed, looked at after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampled: Option<VerifiedView>,
}

/// The status of one table or group of files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetView {
    /// Its stable id.
    pub id: String,
    /// What its rows are called.
    pub label: String,
    /// The table, or the kind of files.
    pub place: String,
    /// `pending`, `running`, `sweeping`, `done` or `skipped`.
    pub state: String,
    /// Why it was skipped.
    pub skipped: Option<String>,
    /// How many rows it was thought to have.
    pub total: Option<u64>,
    /// Rows that are finished: the sum of the next five.
    pub rows: u64,
    /// Moved to the new key.
    pub rotated: u64,
    /// Holding plain values only.
    pub plain: u64,
    /// Holding NULL only.
    pub null: u64,
    /// Under the new key before.
    pub already_new: u64,
    /// Of these, sealed again, since they did not name their key and the new server asks for that.
    #[serde(default)]
    pub resealed: u64,
    /// Not rotated, for a reason.
    pub failed: u64,
    /// Gone while they were being rotated.
    pub gone: u64,
    /// Counts of parts of the rows.
    pub groups: Vec<GroupView>,
    /// The first failures.
    pub failures: Vec<FailureView>,
    /// Indexes that are dropped until its rows are rotated.
    #[serde(default)]
    pub missing_indexes: Vec<String>,
}

/// A part of a target's rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupView {
    /// What the rows are called.
    pub label: String,
    /// Moved to the new key.
    pub rotated: u64,
    /// Not rotated, for a reason.
    pub failed: u64,
}

/// A value that was not rotated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureView {
    /// The row's key, its parts divided by slashes.
    pub key: String,
    /// The column.
    pub column: String,
    /// Why.
    pub reason: String,
}

impl StatusView {
    /// The status that a state amounts to. `running` is whether a process holds the journal.
    pub fn new(state: &JobState, running: bool) -> Self {
        let known = plan::recorded(&state.rotation);
        let view = |kind: TargetKind| {
            let targets = state.rotation.targets.iter().zip(&state.targets);
            targets
                .filter(|(head, _)| head.kind == kind)
                .map(|(head, target)| TargetView::new(&known, head, target))
                .collect()
        };
        let error = state.session.as_ref().and_then(|session| match &session.ended {
            Some((_, SessionEnd::Failed { id, what })) => Some(format!("[{id}] {what}")),
            _ => None,
        });
        let completed = state.finished_at.is_some()
            && (!state.syncs() || state.sync.seen.as_ref().is_some_and(|seen| seen.drained));
        let run_state = match (running, completed, &error) {
            (true, _, _) => RunState::Running,
            (_, true, _) => RunState::Completed,
            (_, _, Some(_)) => RunState::Failed,
            _ => RunState::Interrupted,
        };
        let session = state.session.as_ref().filter(|_| running);
        let gist = Gist::decode(&state.rotation.fingerprint);
        let in_place = gist.as_ref().filter(|gist| gist.mode.is_in_place());
        Self {
            schema: SCHEMA,
            rotation_id: state.rotation.name(),
            mode: gist.as_ref().map(|gist| gist.mode).unwrap_or_default(),
            old_identity: gist.as_ref().and_then(|gist| gist.old_identity.clone()),
            homes: in_place.map(|gist| gist.homes().cloned().collect()).unwrap_or_default(),
            left_out: known.left_out().into_iter().map(str::to_owned).collect(),
            keys: gist.map(|gist| gist.keys),
            state: run_state,
            resumable: matches!(run_state, RunState::Interrupted | RunState::Failed),
            started_at: time(state.rotation.created_at),
            updated_at: if running { moment(Timestamp::now()) } else { time(state.updated_at) },
            re_encrypted_at: state.finished_at.map(time),
            finished_at: state.finished_at.map(time).filter(|_| run_state == RunState::Completed),
            pid: session.map(|session| session.pid),
            host: session.map(|session| session.host.clone()),
            activity: None,
            error: error.filter(|_| !running),
            targets: view(TargetKind::Table),
            files: view(TargetKind::Files),
            sync: SyncView::of(&known, state),
            steps: StepView::all(state),
            waiting: 0,
            verified: None,
            sampled: None,
        }
        .with_left(&[])
    }

    /// The status while this process takes the rotation up, before it has recorded that it does.
    pub fn by_this_process(state: &JobState) -> Self {
        let view = Self::new(state, true);
        Self { pid: Some(std::process::id()), host: None, ..view }
    }

    /// The same with what a running sync phase sees.
    #[must_use]
    pub fn observed(mut self, state: &JobState, seen: &Observation) -> Self {
        self.sync = self.sync.map(|sync| sync.observed(&state.rotation.targets, seen));
        self
    }

    /// The same with steps that wait to be recorded: what people have done.
    #[must_use]
    pub fn with_left(mut self, steps: &[Step]) -> Self {
        for step in steps.iter().map(StepView::new) {
            // Recorded meanwhile. What this program has found counts once it is in the log.
            if !self.steps.iter().any(|known| known.is_same(&step)) && !is_finding(&step.name) {
                self.steps.push(step);
                self.waiting += 1;
            }
        }
        let standing = self.standing();
        self.verified = standing.verified().map(VerifiedView::new);
        self.sampled =
            standing.sample.filter(|_| standing.verification.is_some()).as_ref().map(VerifiedView::new);
        self
    }

    /// The same by the steps that are under the key's MAC alone.
    #[must_use]
    pub fn by_the_log(mut self) -> Self {
        self.steps.truncate(self.steps.len() - self.waiting);
        self.waiting = 0;
        self.with_left(&[])
    }

    /// What was found and stands.
    pub fn standing(&self) -> Standing {
        Standing::of(self.steps.iter().map(StepView::taken))
    }

    /// What of a deployment was no part of it, as far as the targets tell.
    pub fn left_to_others(&self) -> Option<&'static str> {
        match (self.targets.is_empty(), self.files.is_empty()) {
            (false, true) => Some("the configuration files were not part of it"),
            (true, false) => Some("the databases were not part of it"),
            _ => None,
        }
    }

    /// What of the deployment may be under the old key because it was not rotated, in words.
    pub fn not_rotated(&self) -> Vec<String> {
        let left = self.left_to_others().map(str::to_owned);
        left.into_iter().chain(self.left_out_words()).collect()
    }

    /// What `targets` leaves out, in words.
    pub fn left_out_words(&self) -> impl Iterator<Item = String> {
        self.left_out.iter().map(|place| format!("{place} was left out by `targets`"))
    }

    /// Tables, then groups of files.
    pub fn all(&self) -> impl Iterator<Item = &TargetView> {
        self.targets.iter().chain(&self.files)
    }

    /// Rows and files that failed.
    pub fn failed(&self) -> u64 {
        self.all().map(|target| target.failed).sum()
    }
}

impl TargetView {
    /// The status that a target's state amounts to.
    pub(super) fn new(known: &TargetRegistry, head: &TargetHead, target: &TargetState) -> Self {
        let groups = head
            .groups
            .iter()
            .zip(target.tally.groups.iter().copied().chain(std::iter::repeat_with(Default::default)))
            .filter(|(label, _)| *label != RESEALED)
            .map(|(label, tally)| GroupView {
                label: label.clone(),
                rotated: tally.rotated,
                failed: tally.failed,
            })
            .collect();
        let resealed = head.groups.iter().position(|label| label == RESEALED);
        let resealed = resealed.and_then(|at| target.tally.groups.get(at)).map_or(0, |group| group.rotated);
        let failures = target
            .failures
            .iter()
            .map(|failure| FailureView {
                key: failure.key.to_string(),
                column: column_name(known, &head.id, failure.column),
                reason: failure.reason.clone(),
            })
            .collect();
        let dropped = target.dropped_indexes.iter().filter(|_| target.indexes_missing);
        let missing_indexes = dropped.map(|index| index.name.clone()).collect();
        let (state, skipped) = match &target.phase {
            Phase::Pending => ("pending", None),
            // All targets are announced with their totals when the rotation begins.
            Phase::Running if target.next_ordinal == Ordinal::FIRST => ("pending", None),
            Phase::Running => ("running", None),
            Phase::Sweeping { .. } | Phase::Swept => ("sweeping", None),
            Phase::Done => ("done", None),
            Phase::Skipped { reason } => ("skipped", Some(reason.clone())),
        };
        let tally = &target.tally;
        Self {
            id: head.id.clone(),
            label: head.label.clone(),
            place: place(known, head),
            state: state.to_owned(),
            skipped,
            total: target.total,
            rows: tally.rows,
            rotated: tally.rotated,
            plain: tally.plain,
            null: tally.null,
            already_new: tally.already_new,
            resealed,
            failed: tally.failed,
            gone: tally.gone,
            groups,
            failures,
            missing_indexes,
        }
    }
}

/// The failed values of a row.
pub fn failures_of(known: &TargetRegistry, target: &str, row: &RowRecord) -> Vec<FailureView> {
    row.cells
        .iter()
        .filter_map(|cell| match &cell.outcome {
            CellOutcome::Failed { reason, .. } => Some(FailureView {
                key: row.key.to_string(),
                column: column_name(known, target, cell.column),
                reason: reason.clone(),
            }),
            _ => None,
        })
        .collect()
}

/// The name of a value column of a target; files have one.
pub(super) fn column_name(known: &TargetRegistry, target: &str, column: u8) -> String {
    known
        .table(target)
        .and_then(|target| target.values.get(usize::from(column)))
        .map_or("content", |value| value.name.as_str())
        .to_owned()
}

pub(super) fn place(known: &TargetRegistry, head: &TargetHead) -> String {
    known.table(&head.id).map_or_else(|| head.label.clone(), |target| target.relation.table.to_string())
}

pub(super) fn time(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds).map_or_else(|_| milliseconds.to_string(), moment)
}

/// A moment as all documents write it, RFC 3339 in UTC: always with three digits after the point, so that texts sort as the
/// moments do.
pub fn moment(at: Timestamp) -> String {
    format!("{at:.3}")
}
