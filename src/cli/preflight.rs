//! `preflight`: what there is to see to before a rotation begins.

use super::args::PreflightArgs;
use super::{Session, print_json, tell};
use crate::config::{self, Overrides};
use crate::error::{Id, Result};
use crate::exit::Exit;
use crate::plan::preflight::{Finding, first_refusal};
use crate::report::checks_text;
use crate::runner::examine;

/// Makes every check and shows them all. The exit code is that of the first refusal.
pub(super) async fn run(session: &Session, args: &PreflightArgs) -> Result<Exit> {
    let mut settings = config::load(&session.global.config, &Overrides::default())?;
    settings.without_tables.clone_from(&args.accept.without_table);
    let dir = session.global.journal_dir();
    let findings = examine(session.screen(), &settings, args.accept.accept(), &dir).await?;
    let Some(findings) = findings else { return Ok(Exit::Interrupted) };
    if args.json {
        print_json(&serde_json::json!({ "schema": 1, "checks": findings }))?;
    } else {
        tell(&checks_text(&findings))?;
    }
    Ok(exit(&findings))
}

/// The exit code of the first refusal; without one, all is done.
pub(super) fn exit(findings: &[Finding]) -> Exit {
    first_refusal(findings).map_or(Exit::Done, Id::exit)
}
