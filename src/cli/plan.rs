//! `plan`: what a rotation would do, and how much of it there is.

use super::args::PlanArgs;
use super::preflight::exit;
use super::{Session, print, print_json};
use crate::config::{self, Overrides};
use crate::error::Result;
use crate::exit::Exit;
use crate::runner::{self, notices};

/// Shows what `run` would do. The exit code is that of the first check that refuses, so that a script goes no
/// further; rows that would fail are a prediction, and none.
pub(super) async fn plan(session: &Session, args: &PlanArgs) -> Result<Exit> {
    let mut settings = config::load(&session.global.config, &Overrides::default())?;
    settings.without_tables.clone_from(&args.accept.without_table);
    notices(&settings);
    let (accept, dir) = (args.accept.accept(), session.global.journal_dir());
    let more = runner::LookMore { rehearse: args.rehearse, everywhere: args.scan };
    let plan = runner::plan(session.screen(), &settings, accept, more, &dir);
    let Some(plan) = Box::pin(plan).await? else { return Ok(Exit::Interrupted) };
    if args.json {
        print_json(&plan.json(&settings))?;
    } else {
        print(&plan.text(&settings))?;
    }
    Ok(exit(plan.findings()))
}
