//! `demo`: make a deployment, rotate it, verify it, and say what to look at.

use jiff::Timestamp;

use super::args::{DemoArgs, RunArgs, VerifyArgs};
use super::{Session, session, tell, verify};
use crate::demo::{self, Spec};
use crate::error::Result;
use crate::exit::Exit;
use crate::report::{demo_afterword, demo_made, summary_sentence};
use crate::runner::view;

/// Runs the demo in a folder.
pub(super) async fn demo(mut session: Session, args: &DemoArgs) -> Result<Exit> {
    tracing::info!("making a deployment with {} tokens in {}", args.tokens, args.folder.display());
    let spec = Spec::to_try(args.tokens, Timestamp::now().as_second());
    let deployment = demo::build(&args.folder, &spec).await?;
    session.global.config.clone_from(&deployment.config);
    session.global.journal = None;
    if args.no_run {
        tell(&demo_made(&args.folder))?;
        return Ok(Exit::Done);
    }
    let exit = Box::pin(session::run(&session, &RunArgs::default())).await?;
    if exit != Exit::Done {
        return Ok(exit);
    }
    let exit = Box::pin(verify::verify(&session, &VerifyArgs::default())).await?;
    tell(&demo_afterword(&args.folder))?;
    let view = view(&session.global.journal_dir())?;
    let verified = if exit == Exit::Done { "and verified" } else { "but verify found differences" };
    tell(&format!("Demo done {verified}: {}\n", summary_sentence(&view)))?;
    Ok(exit)
}
