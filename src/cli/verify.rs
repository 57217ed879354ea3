//! `verify`: the journal's chain, then every row and file against it.

use super::args::VerifyArgs;
use super::{Session, print_json, tell};
use crate::error::Result;
use crate::exit::Exit;
use crate::runner;

/// Checks the journal's chain, then compares every row and file with it.
pub(super) async fn verify(session: &Session, args: &VerifyArgs) -> Result<Exit> {
    let settings = session.settings()?;
    let dir = session.global.journal_dir();
    let asked = runner::Asked {
        sample: args.sample,
        live: args.live,
        everywhere: args.look.scan,
        resume_scan: args.look.resume_scan,
    };
    let verified = Box::pin(runner::verify(session.screen(), &settings, &dir, asked)).await?;
    let Some(verified) = verified else { return Ok(Exit::Interrupted) };
    if args.json {
        print_json(&verified.json())?;
    } else {
        tell(&verified.text())?;
    }
    Ok(if verified.is_clean() { Exit::Done } else { Exit::Differences })
}
