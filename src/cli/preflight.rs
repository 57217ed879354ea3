//! `preflight`: what there is to see to before a rotation begins.

use std::fmt::Write as _;

use super::args::PreflightArgs;
use super::{Session, print, print_json};
use crate::activity::Activity;
use crate::config::{self, Overrides};
use crate::error::{Error, Id, Result};
use crate::exit::Exit;
use crate::plan::preflight::{self, Finding, Ground, Outcome, preflight};
use crate::plan::{self, Access};
use crate::report::Reporter;
use crate::runner::{Explanations, listen, recoder};

/// Makes every check and shows them all. The exit code is that of the first refusal.
pub(super) async fn run(session: &Session, args: &PreflightArgs) -> Result<Exit> {
    let mut settings = config::load(&session.global.config, &Overrides::default())?;
    settings.without_tables.clone_from(&args.accept.without_table);
    let (_, stop) = listen()?;
    let activity = Activity::default();
    let reporter = Reporter::of(activity.clone(), session.global.progress(), &session.progress);
    let deployment = plan::connect(&settings, None, Access::ReadOnly).await;
    let survey = match &deployment {
        Ok(deployment) => {
            deployment.stop_with(&stop, &activity);
            plan::survey(&deployment.jobs, &recoder(&settings), &activity, &stop).await
        }
        Err(_) => Err(Error::new(Id::System, "the databases come first")),
    };
    if stop.requested() {
        reporter.finish().await;
        return Ok(Exit::Interrupted);
    }
    let journal = session.global.journal_dir();
    let surveyed = survey.as_ref().ok().cloned().unwrap_or_default();
    let accepted = args.accept.accept().of(&surveyed, Explanations::default(), &journal, &settings);
    let ground = Ground {
        settings: &settings,
        journal: &journal,
        deployment: deployment.as_ref(),
        survey: survey.as_ref(),
        accepted: &accepted,
        claimed: false,
        counting: Some(&activity),
    };
    let findings = preflight(ground).await;
    reporter.finish().await;
    if let Ok(deployment) = &deployment {
        deployment.close().await;
    }
    // Nothing that a rotation would be refused with is left out, even if no check is made for it.
    let refusal = deployment.err().or(survey.err());
    let refused = findings.iter().find(|finding| finding.outcome == Outcome::Refuse);
    if let (Some(refusal), None) = (refusal, refused) {
        return Err(refusal);
    }
    if args.json {
        print_json(&serde_json::json!({ "schema": 1, "checks": findings }))?;
    } else {
        print(&text(&findings))?;
    }
    Ok(exit(&findings))
}

/// The exit code of the first refusal; without one, all is done.
pub(super) fn exit(findings: &[Finding]) -> Exit {
    let code = findings.iter().find_map(|finding| finding.error);
    code.and_then(|code| Id::ALL.iter().find(|id| id.code() == code)).map_or(Exit::Done, |id| id.exit())
}

/// A line for each check, and one for what is to be done.
pub(super) fn text(findings: &[Finding]) -> String {
    let count = |outcome| preflight::count(findings, outcome);
    let mut out = String::new();
    for finding in findings {
        let mark = match finding.outcome {
            Outcome::Ok => "ok",
            Outcome::Warning => "WARN",
            Outcome::Refuse => "STOP",
            Outcome::NotChecked => "?",
        };
        let id = finding.error.map(|id| format!("[{id}] ")).unwrap_or_default();
        let not = if finding.outcome == Outcome::NotChecked { "not checked: " } else { "" };
        let _ = writeln!(out, "{mark:<4} {:<55} {id}{not}{}", finding.title, finding.found);
        if let Some(fix) = &finding.fix {
            let _ = writeln!(out, "       fix: {fix}");
        }
    }
    let _ = writeln!(
        out,
        "{} checks: {} ok, {} to look at, {} that stop a rotation, {} not made",
        findings.len(),
        count(Outcome::Ok),
        count(Outcome::Warning),
        count(Outcome::Refuse),
        count(Outcome::NotChecked)
    );
    out
}
