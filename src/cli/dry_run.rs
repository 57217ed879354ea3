//! `run --dry-run`: what a rotation would come to, without the rotation.

use super::args::RunArgs;
use super::{Session, print_json, session, tell};
use crate::error::Result;
use crate::exit::Exit;
use crate::runner::{self, Options, planned};

/// Shows what would be rotated and what would fail.
pub(super) async fn dry_run(session: &Session, args: &RunArgs) -> Result<Exit> {
    let settings = session::load(session, &args.work)?;
    let end = planned(args.end.planned())?;
    let options = Options { end, ..args.work.options(args.sync.options(), args.sync.new_server_has_run) };
    let dir = session.global.journal_dir();
    let looked = runner::dry_run(session.screen(), &settings, &options, &dir, args.new);
    let view = Box::pin(looked).await?;
    let Some(mut view) = view else { return Ok(Exit::Interrupted) };
    let exit = if view.failed() > 0 { Exit::Differences } else { Exit::Done };
    view.exit_code = exit as u8;
    if args.json {
        print_json(&view)?;
    } else {
        tell(&view.text())?;
    }
    Ok(exit)
}
