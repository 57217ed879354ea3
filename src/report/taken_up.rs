//! What a session finds when it resumes a rotation: how the last one ended, and what is done.

use keyrotation_journal::{JobState, Phase, SessionEnd};

use super::status::{place, time};
use super::{printable, thousands};
use crate::target::TargetRegistry;

/// Lines for people; none before the first session.
pub fn taken_up(known: &TargetRegistry, state: &JobState) -> Vec<String> {
    let Some(session) = &state.session else { return Vec::new() };
    let (command, host) = (printable(&session.command), printable(&session.host));
    let (pid, began) = (session.pid, time(session.at));
    let end = match &session.ended {
        None => "was killed, or its machine stopped: it did not record its end".to_owned(),
        Some((at, SessionEnd::Completed)) => format!("was complete at {}", time(*at)),
        Some((at, SessionEnd::Interrupted)) => format!("was stopped at a safe point at {}", time(*at)),
        Some((at, SessionEnd::Failed { id, .. })) => format!("ended with {id} at {}", time(*at)),
    };
    let mut lines =
        vec![format!("the last session (`{command}`, process {pid} on {host}, since {began}) {end}")];
    let heads = state.rotation.targets.iter().zip(&state.targets);
    let is_done = |phase: &Phase| matches!(phase, Phase::Done | Phase::Skipped { .. });
    let done = heads.clone().filter(|(_, target)| is_done(&target.phase)).count();
    let rotated: u64 = state.targets.iter().map(|target| target.tally.rotated).sum();
    let open: Vec<_> = heads.filter(|(_, target)| !target.open.is_empty()).collect();
    let in_flight = match open.as_slice() {
        [] => "nothing was in flight".to_owned(),
        open => {
            let chunks: usize = open.iter().map(|(_, target)| target.open.len()).sum();
            let places: Vec<_> = open.iter().map(|(head, _)| place(known, head)).collect();
            let chunks = if chunks == 1 { "1 chunk".to_owned() } else { format!("{chunks} chunks") };
            format!(
                "in flight: {chunks} of {}; each row in them is checked, and written if it was not",
                places.join(", ")
            )
        }
    };
    lines.push(format!(
        "{done} of {} tables and kinds of files are done, {} rows are rotated and recorded; {in_flight}",
        state.targets.len(),
        thousands(rotated)
    ));
    lines
}
