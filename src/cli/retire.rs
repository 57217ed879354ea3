//! `safe-to-retire`: whether the old identity database can go.

use super::args::RetireArgs;
use super::{Session, print_json, tell};
use crate::error::Result;
use crate::exit::Exit;
use crate::runner;

/// Says whether the old identity database can be retired.
pub(super) async fn safe_to_retire(session: &Session, args: &RetireArgs) -> Result<Exit> {
    let settings = session.settings()?;
    let dir = session.global.journal_dir();
    let accepted = args.accept_drift.clone();
    let found = runner::safe_to_retire(session.screen(), &settings, &dir, accepted, args.others_connected);
    let Some(found) = Box::pin(found).await? else { return Ok(Exit::Interrupted) };
    if args.json {
        print_json(&found)?;
    } else {
        tell(&found.text())?;
    }
    Ok(if found.verdict.safe { Exit::Done } else { Exit::Differences })
}
