//! `indexes`: what an unfinished rotation has dropped.

use super::args::{IndexesAction, IndexesArgs};
use super::out::print_raw;
use super::{Session, tell};
use crate::error::Result;
use crate::exit::Exit;
use crate::runner;

/// Prints the indexes that are dropped now, or makes them again.
pub(super) async fn indexes(session: &Session, args: &IndexesArgs) -> Result<Exit> {
    let dir = session.global.journal_dir();
    match args.action {
        IndexesAction::Print => print_raw(&runner::print_indexes(&dir).await?)?,
        IndexesAction::Restore => tell(&runner::restore_indexes(&session.settings()?, &dir).await?)?,
    }
    Ok(Exit::Done)
}
