//! `demo`: make a deployment, rotate it, verify it, and say what to look at.

use std::path::Path;

use super::args::{DemoArgs, RunArgs, VerifyArgs};
use super::{Session, session, tell, verify};
use crate::demo::{self, Spec};
use crate::error::Result;
use crate::exit::Exit;
use crate::invocation::{self, quoted};
use crate::report::summary_sentence;
use crate::runner::view;

/// Runs the demo in a folder.
pub(super) async fn demo(mut session: Session, args: &DemoArgs) -> Result<Exit> {
    tracing::info!("making a deployment with {} tokens in {}", args.tokens, args.folder.display());
    let spec = Spec { tokens: args.tokens, ..Spec::default() };
    let deployment = demo::build(&args.folder, &spec).await?;
    session.global.config.clone_from(&deployment.config);
    session.global.journal = None;
    if args.no_run {
        tell(&format!("made {}; now try `{}`\n", args.folder.display(), command(&deployment.config, "run")))?;
        return Ok(Exit::Done);
    }
    let exit = Box::pin(session::run(&session, &RunArgs::default())).await?;
    if exit != Exit::Done {
        return Ok(exit);
    }
    let exit = Box::pin(verify::verify(&session, &VerifyArgs::default())).await?;
    tell(&afterword(&args.folder, &deployment.config))?;
    let view = view(&session.global.journal_dir())?;
    let verified = if exit == Exit::Done { "and verified" } else { "but verify found differences" };
    tell(&format!("Demo done {verified}: {}\n", summary_sentence(&view)))?;
    Ok(exit)
}

fn command(config: &Path, rest: &str) -> String {
    invocation::command(&format!("keyrotation {rest} --config {}", quoted(config)))
}

fn afterword(folder: &Path, config: &Path) -> String {
    let again = folder.with_extension("2");
    format!(
        "\nlook at:  {folder}/properties.yaml, the configuration\n          \
         {folder}/new-identity.db beside old-identity.db\n          \
         {folder}/wso2is-new/repository/deployment/server/userstores beside wso2is-old\n          \
         {folder}/keyrotation-*.log, the log with the guide's lines\n\
         try next: {status}\n          \
         {made} --tokens 200000, kill it midway, then {resume}\n",
        folder = folder.display(),
        status = command(config, "status"),
        made = invocation::command(&format!("keyrotation demo {}", quoted(&again))),
        resume = command(&again.join("properties.yaml"), "resume"),
    )
}
