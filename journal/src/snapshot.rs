//! The state as it stands in the store, in parts, so that a group rewrites only what it changed
//! and opening costs the same for ten rows as for ten million.
//!
//! The seal, written with each group, holds the mark of the group, and a checksum and a MAC over
//! all parts; so a part that was lost, or is an older one, does not pass.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::copy::{Step, SyncState};
use crate::event::Rotation;
use crate::head::Mark;
use crate::ids::TargetId;
use crate::record::{Chain, MacBytes, first_from_bytes, from_bytes, to_bytes};
use crate::state::{JobState, Session, SinceSteps};
use crate::target::{Failure, TargetState};
use crate::wire::Malformed;

/// Where the seal is.
pub(crate) const SEAL_KEY: &[u8] = b"sm";
const JOB_KEY: &[u8] = b"sj";

/// The encoded parts by their keys.
pub(crate) type Parts = BTreeMap<Vec<u8>, Vec<u8>>;

/// What holds the parts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seal {
    pub(crate) mark: Mark,
    crc: u32,
    mac: MacBytes,
}

#[derive(Serialize, Deserialize)]
struct JobPart {
    session: Option<Session>,
    sessions: u32,
    finished_at: Option<i64>,
    sync: SyncState,
    steps: Vec<Step>,
    updated_at: i64,
    entries: u64,
}

/// Takes the state apart. The rotation is not among the parts: it is the first entry of the log.
pub(crate) fn take_apart(state: &JobState) -> Result<Parts, Malformed> {
    let JobState {
        rotation: _,
        targets,
        session,
        sessions,
        finished_at,
        sync,
        steps,
        since,
        updated_at,
        entries,
    } = state;
    let job = JobPart {
        session: session.clone(),
        sessions: *sessions,
        finished_at: *finished_at,
        sync: sync.clone(),
        steps: steps.clone(),
        updated_at: *updated_at,
        entries: *entries,
    };
    let mut job = to_bytes(&job)?;
    if *since != SinceSteps::default() {
        job.extend(to_bytes(since)?);
    }
    let mut parts = Parts::from([(JOB_KEY.to_vec(), job)]);
    for (target, state) in TargetId::all().zip(targets) {
        let mut part = to_bytes(&(state.failures.len(), state))?;
        if !state.dropped_indexes.is_empty() {
            part.extend(to_bytes(&(state.indexes_missing, &state.dropped_indexes))?);
        }
        parts.insert(target_key(target), part);
        for (place, failure) in (0_u16..).zip(&state.failures) {
            parts.insert(failure_key(target, place), to_bytes(failure)?);
        }
    }
    Ok(parts)
}

/// Puts the state together from the parts that `read` finds; also gives the parts themselves.
pub(crate) fn put_together<E: From<Malformed>>(
    rotation: Rotation,
    mut read: impl FnMut(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<(JobState, Parts), E> {
    let mut parts = Parts::new();
    let mut part = |key: Vec<u8>| -> Result<Vec<u8>, E> {
        let bytes = read(&key)?;
        parts.insert(key, bytes.clone());
        Ok(bytes)
    };
    let bytes = part(JOB_KEY.to_vec())?;
    let (job, rest): (JobPart, _) = first_from_bytes(&bytes)?;
    let since = since_from_bytes(rest)?;
    let mut state = JobState::new(rotation);
    state.session = job.session;
    state.sessions = job.sessions;
    state.finished_at = job.finished_at;
    state.sync = job.sync;
    state.steps = job.steps;
    state.since = since;
    state.updated_at = job.updated_at;
    state.entries = job.entries;
    for (target, slot) in TargetId::all().zip(&mut state.targets) {
        let (failures, mut found) = target_state(&part(target_key(target))?)?;
        for place in 0..failures {
            found.failures.push(from_bytes::<Failure>(&part(failure_key(target, place))?)?);
        }
        *slot = found;
    }
    Ok((state, parts))
}

/// What came after the steps. Earlier versions have not recorded all of it.
fn since_from_bytes(bytes: &[u8]) -> Result<SinceSteps, Malformed> {
    if bytes.is_empty() {
        return Ok(SinceSteps::default());
    }
    let ((written, looked), rest) = first_from_bytes::<(u64, u64)>(bytes)?;
    let written_by = if rest.is_empty() { 0 } else { from_bytes(rest)? };
    Ok(SinceSteps { written, looked, written_by })
}

/// The number of a target's failures, and its state, in whose part the indexes that were dropped stand last,
/// if there are any.
fn target_state(part: &[u8]) -> Result<(u16, TargetState), Malformed> {
    let ((failures, mut state), rest): ((u16, TargetState), _) = first_from_bytes(part)?;
    if !rest.is_empty() {
        (state.indexes_missing, state.dropped_indexes) = from_bytes(rest)?;
    }
    Ok((failures, state))
}

impl Seal {
    pub(crate) fn new(mark: Mark, parts: &Parts, chain: &Chain) -> Self {
        let all = joined(mark, parts);
        Self { mark, crc: crc32fast::hash(&all), mac: chain.mac(&[b"state", &all]) }
    }

    /// Whether these are the parts that were sealed, as far as a checksum can tell.
    pub(crate) fn fits(&self, parts: &Parts) -> bool {
        self.crc == crc32fast::hash(&joined(self.mark, parts))
    }

    /// Whether these are the parts that were sealed, for certain.
    pub(crate) fn holds(&self, parts: &Parts, chain: &Chain) -> bool {
        *self == Self::new(self.mark, parts, chain)
    }
}

fn joined(mark: Mark, parts: &Parts) -> Vec<u8> {
    let mut all = Vec::with_capacity(1024);
    all.extend_from_slice(&mark.group.to_le_bytes());
    all.extend_from_slice(&mark.entries.to_le_bytes());
    all.extend_from_slice(&mark.mac);
    for (key, bytes) in parts {
        for piece in [key, bytes] {
            all.extend_from_slice(&(piece.len() as u64).to_le_bytes());
            all.extend_from_slice(piece);
        }
    }
    all
}

fn target_key(target: TargetId) -> Vec<u8> {
    [b"st", target.get().to_be_bytes().as_slice()].concat()
}

fn failure_key(target: TargetId, place: u16) -> Vec<u8> {
    [b"sf", target.get().to_be_bytes().as_slice(), place.to_be_bytes().as_slice()].concat()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_earlier_versions_have_not_recorded_is_not_known_and_no_damage() {
        let whole = SinceSteps { written: 3, looked: 2, written_by: 400 };
        let bytes = to_bytes(&whole).unwrap();
        assert_eq!(since_from_bytes(&bytes).unwrap(), whole);
        let earlier = to_bytes(&(3_u64, 2_u64)).unwrap();
        assert_eq!(since_from_bytes(&earlier).unwrap(), SinceSteps { written_by: 0, ..whole });
        assert_eq!(since_from_bytes(&[]).unwrap(), SinceSteps::default());
        assert!(since_from_bytes(&bytes[..bytes.len() - 1]).is_err(), "it is cut off");
        // A replay knows more than they have recorded, and is compared in what they have.
        let known = since_from_bytes(&earlier).unwrap();
        assert_eq!(whole.as_far_as(&known), known);
        assert_ne!(SinceSteps { written: 4, ..whole }.as_far_as(&known), known);
    }
}
