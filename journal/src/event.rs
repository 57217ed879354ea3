//! Everything that can happen to a rotation, as the journal records it.
//!
//! Events are appended, never changed. A new kind of event, or a new field, raises the record
//! format's version (see `record`); variants are never reordered within one version.

use serde::{Deserialize, Serialize};

use crate::chunk::{RowRecord, Span};
use crate::copy::{CopyRow, RowMark, Seen, Step};
use crate::ids::{Ordinal, TargetId};
use crate::key::{Key, format_uuid, parse_uuid};

/// What is appended: an event with the rows that it speaks of.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What happens.
    pub event: Event,
    /// For `ChunkStarted` the planned outcome of each row with an encrypted value, for
    /// `RowsReplanned` the rows of a second attempt, for `ChunkDone` only the rows that ended
    /// otherwise than planned; empty for every other event. At most one record per row.
    pub rows: Vec<RowRecord>,
    /// Marks of rows of the event's target that are set (none: removed) with it. They are no part
    /// of the log: see [`Journal::mark`](crate::Journal::mark).
    pub marks: Vec<(Key, Option<RowMark>)>,
}

impl Entry {
    /// An entry with rows.
    pub fn new(event: Event, rows: Vec<RowRecord>) -> Self {
        Self { event, rows, marks: Vec::new() }
    }

    /// An entry with marks.
    pub fn marked(event: Event, marks: Vec<(Key, Option<RowMark>)>) -> Self {
        Self { event, rows: Vec::new(), marks }
    }
}

impl From<Event> for Entry {
    fn from(event: Event) -> Self {
        Self { event, rows: Vec::new(), marks: Vec::new() }
    }
}

/// What can happen. `target` is a position in [`Rotation::targets`]; times are Unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The rotation begins; always the first event and only that.
    RotationStarted(Rotation),
    /// A process takes the rotation up. A session that never ended was killed.
    SessionStarted {
        /// When.
        at: i64,
        /// Its process id.
        pid: u32,
        /// Its host.
        host: String,
        /// The operating system's user that runs it.
        user: String,
        /// The program's version.
        version: String,
        /// The subcommand with its options.
        command: String,
    },
    /// Work on a target begins.
    TargetStarted {
        /// Which.
        target: TargetId,
        /// How many rows it is thought to have.
        total: Option<u64>,
    },
    /// The target is not there, or nothing of it is to be done.
    TargetSkipped {
        /// Which.
        target: TargetId,
        /// Why.
        reason: String,
    },
    /// A chunk is about to be written. Durable before the first byte of it is.
    ChunkStarted {
        /// Which target.
        target: TargetId,
        /// The chunk's number within the target: 0, 1, 2, … without gaps.
        ordinal: Ordinal,
        /// Its rows.
        span: Span,
    },
    /// Rows of an open chunk are tried again with other digests. Durable before their commit.
    RowsReplanned {
        /// Which target.
        target: TargetId,
        /// Which chunk.
        ordinal: Ordinal,
    },
    /// The chunk is committed and closed.
    ChunkDone {
        /// Which target.
        target: TargetId,
        /// Which chunk.
        ordinal: Ordinal,
        /// What became of its rows.
        tally: Tally,
        /// What these rows were counted as before; zero for a range.
        replaces: Tally,
    },
    /// A read-only pass over the whole target begins.
    SweepStarted {
        /// Which target.
        target: TargetId,
        /// 1, 2, 3, …
        pass: u32,
    },
    /// The pass is over.
    SweepDone {
        /// Which target.
        target: TargetId,
        /// Which pass.
        pass: u32,
        /// How many rows under the old key it found; the target is done once there are none.
        strays: u64,
    },
    /// The target is finished and swept.
    TargetDone {
        /// Which.
        target: TargetId,
    },
    /// A finished target is taken up again.
    TargetReopened {
        /// Which.
        target: TargetId,
        /// Why.
        reason: String,
    },
    /// The process stops, knowingly.
    SessionEnded {
        /// When.
        at: i64,
        /// How.
        end: SessionEnd,
    },
    /// Every target is done or skipped.
    RotationFinished {
        /// When.
        at: i64,
    },
    /// All rows of the new database are known, and what the old server changes is carried over from
    /// now on. The new server may run.
    SyncStarted {
        /// When.
        at: i64,
    },
    /// Rows are about to be carried over. Durable before their commit. One that comes while another
    /// is open stands in its place: the transaction was rolled back, or its outcome is unknown.
    CopyStarted {
        /// The table.
        target: TargetId,
        /// Its rows.
        rows: Vec<CopyRow>,
    },
    /// Rows were looked at, and those that were recorded as on their way are committed.
    CopyDone {
        /// The table.
        target: TargetId,
        /// How many were carried over.
        applied: u64,
        /// Rows that are left alone, since the new server has made them its own.
        superseded: Vec<Key>,
    },
    /// The change logs were looked at.
    SyncSeen(Seen),
    /// A step was taken.
    StepTaken(Step),
    /// Indexes of a table are about to be dropped, so that it is rewritten without them. Durable before
    /// the first of them is. Since format 2.
    IndexesDropped {
        /// Which target.
        target: TargetId,
        /// The indexes.
        indexes: Vec<IndexDefinition>,
    },
    /// All of them are there again. Since format 2.
    IndexesRebuilt {
        /// Which target.
        target: TargetId,
    },
}

/// How an index is made, in the words of the database's catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexDefinition {
    /// The table.
    pub table: String,
    /// The index's name.
    pub name: String,
    /// The statements that make it, in their order, without a semicolon.
    pub create: Vec<String>,
}

/// What is to be done, as resolved when the rotation began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// Random.
    pub id: [u8; 16],
    /// Unix milliseconds.
    pub created_at: i64,
    /// The version of the program that began it.
    pub version: String,
    /// The resolved plan, in a form that is the caller's own.
    pub fingerprint: Vec<u8>,
    /// The targets, in their order of work.
    pub targets: Vec<TargetHead>,
}

impl Rotation {
    /// The id as people see it, written like a UUID.
    pub fn name(&self) -> String {
        format_uuid(&self.id)
    }
}

/// The sub-count of rows that were under the new key before, without its id, and were sealed with it again.
/// A journal that was begun without it only counts them as already new.
pub const RESEALED: &str = "sealed again with the key's id";

/// The id whose [`Rotation::name`] this is; none if it is no such name.
pub fn rotation_id(name: &str) -> Option<[u8; 16]> {
    parse_uuid(name)
}

/// A target as the journal knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetHead {
    /// Stable, for scripts.
    pub id: String,
    /// For people.
    pub label: String,
    /// Rows or files.
    pub kind: TargetKind,
    /// Labels of the sub-counts in [`Tally::groups`]; may be empty. [`RESEALED`] is one of them where the
    /// new server looks for key ids.
    pub groups: Vec<String>,
}

/// Rows or files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetKind {
    /// A table.
    Table,
    /// A group of files; a row is a file.
    Files,
    /// A table that is kept in step with the old server's. Its rows are only read and marked.
    Sync,
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionEnd {
    /// All was done.
    Completed,
    /// Stopped by a signal at a safe point.
    Interrupted,
    /// Ended by an error.
    Failed {
        /// The error's stable id.
        id: String,
        /// What happened.
        what: String,
    },
}

/// Counts of rows, each row counted once: failed before rotated before already new before plain
/// before null.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// The sum of the five below; rows that are gone stand apart.
    pub rows: u64,
    /// With a value re-encrypted, and none failed.
    pub rotated: u64,
    /// With a value found under the new key.
    pub already_new: u64,
    /// With no encrypted value, but a plain one.
    pub plain: u64,
    /// With nothing but nulls.
    pub null: u64,
    /// With a value that could not be rotated.
    pub failed: u64,
    /// Deleted by someone else before they were written.
    pub gone: u64,
    /// Sub-counts, one per label in [`TargetHead::groups`], or empty for zeros.
    pub groups: Vec<GroupTally>,
}

/// Counts of rows within a named part of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GroupTally {
    /// Rotated.
    pub rotated: u64,
    /// Failed.
    pub failed: u64,
}

impl Event {
    /// The event's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RotationStarted(_) => "RotationStarted",
            Self::SessionStarted { .. } => "SessionStarted",
            Self::TargetStarted { .. } => "TargetStarted",
            Self::TargetSkipped { .. } => "TargetSkipped",
            Self::ChunkStarted { .. } => "ChunkStarted",
            Self::RowsReplanned { .. } => "RowsReplanned",
            Self::ChunkDone { .. } => "ChunkDone",
            Self::SweepStarted { .. } => "SweepStarted",
            Self::SweepDone { .. } => "SweepDone",
            Self::TargetDone { .. } => "TargetDone",
            Self::TargetReopened { .. } => "TargetReopened",
            Self::SessionEnded { .. } => "SessionEnded",
            Self::RotationFinished { .. } => "RotationFinished",
            Self::SyncStarted { .. } => "SyncStarted",
            Self::CopyStarted { .. } => "CopyStarted",
            Self::CopyDone { .. } => "CopyDone",
            Self::SyncSeen(_) => "SyncSeen",
            Self::StepTaken(_) => "StepTaken",
            Self::IndexesDropped { .. } => "IndexesDropped",
            Self::IndexesRebuilt { .. } => "IndexesRebuilt",
        }
    }

    /// The target that the event concerns.
    pub fn target(&self) -> Option<TargetId> {
        match self {
            Self::TargetStarted { target, .. }
            | Self::TargetSkipped { target, .. }
            | Self::ChunkStarted { target, .. }
            | Self::RowsReplanned { target, .. }
            | Self::ChunkDone { target, .. }
            | Self::SweepStarted { target, .. }
            | Self::SweepDone { target, .. }
            | Self::TargetDone { target }
            | Self::TargetReopened { target, .. }
            | Self::CopyStarted { target, .. }
            | Self::CopyDone { target, .. }
            | Self::IndexesDropped { target, .. }
            | Self::IndexesRebuilt { target } => Some(*target),
            Self::RotationStarted(_)
            | Self::SessionStarted { .. }
            | Self::SessionEnded { .. }
            | Self::RotationFinished { .. }
            | Self::SyncStarted { .. }
            | Self::SyncSeen(_)
            | Self::StepTaken(_) => None,
        }
    }
}

impl Tally {
    /// Whether `rows` is the sum of its five parts.
    pub fn adds_up(&self) -> bool {
        [self.rotated, self.already_new, self.plain, self.null, self.failed]
            .iter()
            .try_fold(0_u64, |sum, part| sum.checked_add(*part))
            == Some(self.rows)
    }

    /// Whether nothing was counted.
    pub fn is_zero(&self) -> bool {
        let Self { rows, rotated, already_new, plain, null, failed, gone, groups } = self;
        [rows, rotated, already_new, plain, null, failed, gone].iter().all(|n| **n == 0)
            && groups.iter().all(|group| *group == GroupTally::default())
    }

    /// `self + other`, or none if a count would overflow.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Option<Self> {
        self.combine(other, u64::checked_add)
    }

    /// `self - other`, or none if a count would fall below zero.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Option<Self> {
        self.combine(other, u64::checked_sub)
    }

    fn combine(&self, other: &Self, op: fn(u64, u64) -> Option<u64>) -> Option<Self> {
        let groups = (0..self.groups.len().max(other.groups.len()))
            .map(|i| {
                let (a, b) = (group(&self.groups, i), group(&other.groups, i));
                Some(GroupTally { rotated: op(a.rotated, b.rotated)?, failed: op(a.failed, b.failed)? })
            })
            .collect::<Option<_>>()?;
        Some(Self {
            rows: op(self.rows, other.rows)?,
            rotated: op(self.rotated, other.rotated)?,
            already_new: op(self.already_new, other.already_new)?,
            plain: op(self.plain, other.plain)?,
            null: op(self.null, other.null)?,
            failed: op(self.failed, other.failed)?,
            gone: op(self.gone, other.gone)?,
            groups,
        })
    }
}

fn group(groups: &[GroupTally], i: usize) -> GroupTally {
    groups.get(i).copied().unwrap_or_default()
}
