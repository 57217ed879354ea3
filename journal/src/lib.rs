//! The journal of a key rotation: what was done to every row and file, durably and provably.
//!
//! It knows nothing of SQL, ciphers or the command line. A rotation is a sequence of [`Event`]s; where
//! it stands is a fold over them ([`JobState`]); [`Journal`] records them.
//!
//! # The durability contract
//!
//! - [`Journal::append`] returns `Ok` only when the whole group is on the disk. A group is recorded
//!   whole or not at all.
//! - After a crash at any moment, [`Journal::open`] gives a state that is a fold of a prefix of what
//!   was appended, and that prefix has every acknowledged group.
//! - What cannot be trusted is refused with [`Error::Damaged`], never skipped or guessed. Accidents
//!   are found by checksums without any key, edits by the MAC chain with it.
//!
//! No key, plaintext or ciphertext is ever recorded: values appear as keyed digests made by the
//! caller. Primary keys are recorded and may be personal data, so the folder is for its owner only.
//!
//! The format is described in `docs/journal.md`.

mod check;
mod chunk;
mod clock;
mod copy;
mod error;
mod event;
mod evidence;
#[doc(hidden)]
pub mod failpoint;
mod head;
mod ids;
mod inbox;
mod journal;
mod key;
mod lock;
mod log;
mod memory_store;
mod read;
mod record;
mod reserved;
mod shared_reading;
mod silence_panics;
mod sled_store;
mod snapshot;
mod state;
mod status_file;
mod steps;
mod store;
mod target;
#[cfg(test)]
mod tests;
mod wire;

pub use check::ChainReport;
pub use chunk::{CellOutcome, CellRecord, Digest, REASON_CHARS, RowRecord, Span};
pub use copy::{CopyRow, CopyTally, Pending, RowMark, Seen, Step, SyncState};
pub use error::{Error, Result};
pub use event::{
    Entry, Event, GroupTally, IndexDefinition, RESEALED, Rotation, SessionEnd, Tally, TargetHead, TargetKind,
    rotation_id,
};
pub use evidence::ChunkTimes;
pub use ids::{Ordinal, TargetId};
pub use inbox::Submission;
pub use journal::Journal;
pub use key::{Key, KeyPart};
pub use lock::Holder;
pub use log::Logged;
pub use memory_store::{Fault, MemoryStore};
pub use record::FORMAT;
pub use reserved::Reserved;
pub use shared_reading::{SharedState, Stored};
pub use state::{IllegalEvent, JobState, Session, SinceSteps};
pub use status_file::{CONTROL, live_knows_steps, read_live, write_live};
pub use steps::{TAKEN_BACK, accept_steps, step_in_force, submissions, submit, submit_step, submitted_steps};
pub use store::{Mark, Store, Write};
pub use target::{Failure, MAX_FAILURES, OpenChunk, Phase, TargetState};
