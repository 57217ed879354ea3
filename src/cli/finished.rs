//! Rotations that are complete: a command that would continue one says so.

use super::{Session, tell};
use crate::error::Result;
use crate::exit::Exit;
use crate::report::{StatusView, printable};
use crate::runner::ended;

/// Says so.
pub(super) async fn finished(session: &Session, view: &StatusView) -> Result<Exit> {
    let ended = ended(&session.place(), view).await;
    tracing::info!("{}", ended.what);
    for why in &ended.against {
        tracing::warn!("{}", printable(why));
    }
    tell(&format!("{}\n", ended.sentence))?;
    Ok(if ended.against.is_empty() { Exit::Done } else { Exit::Differences })
}
