//! What `demo` says of the deployment that it has made: commands that can be typed as they stand.

use std::path::Path;

use crate::invocation::{command, quoted};

/// What can be done with a deployment that was not rotated.
pub fn demo_made(folder: &Path) -> String {
    let (folder, run) = (folder.display(), command("keyrotation run"));
    format!("made {folder}; rotate it with `{run}`; `{}` lists all steps\n", command("keyrotation runbook"))
}

/// What there is to look at, and to try, after a rotation.
pub fn demo_afterword(folder: &Path) -> String {
    let again = folder.with_extension("2");
    let config = |command_of: &str| {
        command(&format!("keyrotation {command_of} --config {}", quoted(&again.join("properties.yaml"))))
    };
    format!(
        "\nlook at:\n\
         \x20 {folder}/properties.yaml, the configuration\n\
         \x20 {folder}/new-identity.db beside old-identity.db\n\
         \x20 {folder}/wso2is-new/repository/deployment/server/userstores beside wso2is-old\n\
         \x20 {folder}/keyrotation-*.log, the log with the guide's lines\n\
         try next:\n     {status}\n     {report}\n\
         a larger demo, to kill while it runs; the last line continues it:\n     {made} --tokens 200000 --no-run\n     \
         {run}\n     {resume}\n",
        folder = folder.display(),
        status = command("keyrotation status"),
        report = command("keyrotation report --output report.html"),
        made = command(&format!("keyrotation demo {}", quoted(&again))),
        run = config("run"),
        resume = config("resume"),
    )
}
