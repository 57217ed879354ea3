//! The state of a rotation: a fold over its events.
//!
//! [`JobState::apply`] is the only place where a transition is legal or not. The live program and
//! replay share it, so what was refused live is never in a journal, and what is in a
//! journal never surprises a reader. It is pure: same state, same event, same result.

use std::sync::Arc;

use crate::chunk::RowRecord;
use crate::copy::{Step, SyncState};
use crate::event::{Event, Rotation, SessionEnd, TargetKind};
use crate::ids::TargetId;
use crate::steps::step_in_force;
use crate::target::{Phase, TargetState};

/// Where a rotation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobState {
    /// What is to be done.
    pub rotation: Arc<Rotation>,
    /// One for each of [`Rotation::targets`], in the same order.
    pub targets: Vec<TargetState>,
    /// The last session. None only if the program was killed right after the rotation began.
    pub session: Option<Session>,
    /// How many sessions there were.
    pub sessions: u32,
    /// When all targets were done or skipped, in Unix milliseconds; none again once one is reopened.
    pub finished_at: Option<i64>,
    /// Where the sync phase stands.
    pub sync: SyncState,
    /// Steps that were taken, in the order of recording.
    pub steps: Vec<Step>,
    /// What came after them.
    pub since: SinceSteps,
    /// When the last event was recorded, in Unix milliseconds.
    pub updated_at: i64,
    /// How many events were recorded; the next one gets this number.
    pub entries: u64,
}

/// How many steps had been taken when something happened last: what it is later than, by the order of recording and by
/// no clock. Journals of earlier versions do not have it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SinceSteps {
    /// When rows were written, or files.
    pub written: u64,
    /// When the change logs were looked at.
    pub looked: u64,
    /// The number of the event by which rows or files were written last; 0 where it is not known.
    pub written_by: u64,
}

impl SinceSteps {
    /// The same without what an earlier version has not recorded.
    #[must_use]
    pub(crate) fn as_far_as(self, known: &Self) -> Self {
        let as_far = |own: u64, known: u64| if known == 0 { 0 } else { own };
        Self {
            written: as_far(self.written, known.written),
            looked: as_far(self.looked, known.looked),
            written_by: as_far(self.written_by, known.written_by),
        }
    }
}

/// A process that works, or worked, on the rotation.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Session {
    /// When it started, in Unix milliseconds.
    pub at: i64,
    /// Its process id.
    pub pid: u32,
    /// Its host.
    pub host: String,
    /// The operating system's user that ran it.
    pub user: String,
    /// The program's version.
    pub version: String,
    /// The subcommand with its options.
    pub command: String,
    /// When and how it ended. None: it runs, or was killed (the lock tells which).
    pub ended: Option<(i64, SessionEnd)>,
}

/// An event that the state does not admit: a defect of the caller, or a forged journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event}{} is not possible here: {why}", target.as_ref().map(|id| format!(" of {id}")).unwrap_or_default())]
pub struct IllegalEvent {
    /// The event's name.
    pub event: &'static str,
    /// The id of the target that it concerns.
    pub target: Option<String>,
    /// What stands against it.
    pub why: String,
}

impl JobState {
    /// The state after `RotationStarted`, the first event of every journal.
    pub fn new(rotation: Rotation) -> Self {
        Self {
            targets: vec![TargetState::default(); rotation.targets.len()],
            updated_at: rotation.created_at,
            rotation: Arc::new(rotation),
            session: None,
            sessions: 0,
            finished_at: None,
            sync: SyncState::default(),
            steps: Vec::new(),
            since: SinceSteps::default(),
            entries: 1,
        }
    }

    /// The state after `event`, recorded at `at` (Unix milliseconds) with `rows`.
    pub fn apply(mut self, at: i64, event: &Event, rows: &[RowRecord]) -> Result<Self, IllegalEvent> {
        let target = event.target();
        self.step(event, rows).map_err(|why| IllegalEvent {
            event: event.name(),
            target: target.and_then(|t| self.rotation.targets.get(t.position())).map(|head| head.id.clone()),
            why,
        })?;
        let steps = self.steps.len() as u64;
        match event {
            Event::ChunkDone { .. } | Event::CopyDone { applied: 1.., .. } => {
                (self.since.written, self.since.written_by) = (steps, self.entries);
            }
            Event::SyncSeen(_) => self.since.looked = steps,
            _ => {}
        }
        self.updated_at = at;
        self.entries += 1;
        Ok(self)
    }

    /// The session that has not ended, if any.
    pub fn open_session(&self) -> Option<&Session> {
        self.session.as_ref().filter(|session| session.ended.is_none())
    }

    /// Whether the rotation keeps tables in step with the old server's: not if all of those are skipped.
    pub fn syncs(&self) -> bool {
        let is_left = |target: &TargetState| !matches!(target.phase, Phase::Skipped { .. });
        self.sync.started_at.is_some() || self.sync_targets().any(is_left)
    }

    /// The tables that were to be kept in step.
    fn sync_targets(&self) -> impl Iterator<Item = &TargetState> {
        let targets = self.rotation.targets.iter().zip(&self.targets);
        targets.filter(|(head, _)| head.kind == TargetKind::Sync).map(|(_, target)| target)
    }

    /// A step as it is recorded, or counts before it is, if it was left after the rotation began: whatever the
    /// clock of the host says on which it was taken.
    #[must_use]
    pub fn of_this_rotation(&self, step: Step) -> Step {
        Step { at: step.at.max(self.rotation.created_at), ..step }
    }

    /// Likewise, if it was left before the rotation began: it may be the end of the one before.
    #[must_use]
    pub fn of_earlier(&self, step: Step) -> Step {
        Step { at: step.at.min(self.rotation.created_at.saturating_sub(1)), ..step }
    }

    /// Takes over steps that were left for the journal and not recorded yet.
    pub fn take_left(&mut self, left: Vec<Step>) {
        for step in self.not_known(left) {
            self.steps.push(step);
        }
    }

    /// Those of the steps that were left that are not recorded yet, as they are to be. Those that are there as
    /// the first session begins were left before the rotation began.
    #[must_use]
    pub fn not_known(&self, left: Vec<Step>) -> Vec<Step> {
        let is_first = self.sessions == 0;
        let mut new: Vec<Step> = Vec::new();
        for step in left {
            let [own, earlier] = [self.of_this_rotation(step.clone()), self.of_earlier(step.clone())];
            // One that was recorded before a crash is handed over again.
            let is_known = [&step, &own, &earlier].iter().any(|form| self.steps.contains(form));
            let step = if is_first { earlier } else { own };
            if !is_known && !new.contains(&step) {
                new.push(step);
            }
        }
        new
    }

    /// Whether a step was taken since the rotation began, and not taken back. What was left before it
    /// began may be the end of the one before. The order of recording decides, see
    /// [`JobState::of_this_rotation`].
    pub fn step_is_in_force(&self, name: &str) -> bool {
        let step = step_in_force(&self.steps, name, |step| &step.name);
        step.is_some_and(|step| step.at >= self.rotation.created_at)
    }

    fn sync_step(&mut self, event: &Event) -> Result<(), String> {
        if let Some(target) = event.target() {
            let head = self.rotation.targets.get(target.position());
            if head.is_none_or(|head| head.kind != TargetKind::Sync) {
                return Err("it is no table that is kept in step".into());
            }
        }
        if let Event::SyncStarted { at } = event {
            let is_for_nothing = self.sync_targets().next().is_none();
            if is_for_nothing || self.finished_at.is_none() || self.sync.started_at.is_some() {
                return Err("the rotation is not finished, syncs nothing, or syncs already".into());
            }
            self.sync.started_at = Some(*at);
            return Ok(());
        }
        if self.sync.started_at.is_none() {
            return Err("the sync phase has not begun".into());
        }
        match event {
            Event::CopyStarted { target, .. } => {
                if self.sync.open.is_some() && self.sync.open_target != *target {
                    return Err("rows of another table are on their way".into());
                }
                (self.sync.open, self.sync.open_target) = (Some(self.entries), *target);
            }
            Event::CopyDone { target, applied, superseded } => {
                match self.sync.open {
                    Some(_) if self.sync.open_target == *target => self.sync.open = None,
                    Some(_) => return Err("rows of another table are on their way".into()),
                    None if *applied > 0 => return Err("no rows are on their way".into()),
                    None => {}
                }
                let tally = self.sync.tables.entry(*target).or_default();
                tally.applied += applied;
                tally.superseded += superseded.len() as u64;
            }
            Event::SyncSeen(seen) => self.sync.seen = Some(seen.clone()),
            _ => {}
        }
        Ok(())
    }

    fn step(&mut self, event: &Event, rows: &[RowRecord]) -> Result<(), String> {
        let may_have_rows = matches!(
            event,
            Event::ChunkStarted { .. } | Event::RowsReplanned { .. } | Event::ChunkDone { .. }
        );
        if !may_have_rows && !rows.is_empty() {
            return Err("it cannot carry rows".into());
        }
        if let Event::SessionStarted { at, pid, host, user, version, command } = event {
            // A session that never ended was killed; the next one simply follows it.
            self.session = Some(Session {
                at: *at,
                pid: *pid,
                host: host.clone(),
                user: user.clone(),
                version: version.clone(),
                command: command.clone(),
                ended: None,
            });
            self.sessions = self.sessions.saturating_add(1);
            return Ok(());
        }
        if matches!(event, Event::RotationStarted(_)) {
            return Err("the rotation has begun already".into());
        }
        if let Event::StepTaken(step) = event {
            // People take steps also when no session is at work: the last of them, say.
            self.steps.push(step.clone());
            return Ok(());
        }
        let Some(session) = self.session.as_mut().filter(|session| session.ended.is_none()) else {
            return Err("no session is open".into());
        };
        match event {
            Event::SessionEnded { at, end } => {
                if *end == SessionEnd::Completed && self.finished_at.is_none() {
                    return Err("the rotation is not finished".into());
                }
                session.ended = Some((*at, end.clone()));
            }
            Event::RotationFinished { at } => {
                if self.finished_at.is_some() {
                    return Err("the rotation is finished already".into());
                }
                if !self.targets.iter().all(|t| matches!(t.phase, Phase::Done | Phase::Skipped { .. })) {
                    return Err("a target is neither done nor skipped".into());
                }
                self.finished_at = Some(*at);
            }
            Event::SyncStarted { .. }
            | Event::CopyStarted { .. }
            | Event::CopyDone { .. }
            | Event::SyncSeen(_) => self.sync_step(event)?,
            _ => {
                let index = event.target().map(TargetId::position);
                let state = index.and_then(|i| self.targets.get_mut(i));
                let head = index.and_then(|i| self.rotation.targets.get(i));
                let (Some(state), Some(head)) = (state, head) else {
                    return Err("there is no such target".into());
                };
                state.step(head, self.entries, event, rows)?;
                if matches!(event, Event::TargetReopened { .. }) {
                    self.finished_at = None;
                }
            }
        }
        Ok(())
    }
}
