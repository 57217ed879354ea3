//! The checks of the preflight, for people.

use std::fmt::Write as _;

use crate::plan::preflight::{self, Finding, Outcome};

/// A line for each check, and one for what is to be done.
pub fn checks_text(findings: &[Finding]) -> String {
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
