//! The checks of the preflight, for people.

use std::fmt::Write as _;

use crate::fit;
use crate::plan::preflight::{self, Finding, Outcome};

/// Checks of what the seventh step of the day changes: before it they tell of what is to come.
const DUE_LATER: [&str; 2] = ["deployment-identity", "deployment-registry"];

/// From how many columns on what was found stands in one of its own.
const WIDE: usize = 120;

/// A line for each check, and one for what is to be done.
pub fn checks_text(findings: &[Finding]) -> String {
    let mut out = String::new();
    for finding in findings {
        check(&mut out, finding);
    }
    out + &summary(findings)
}

/// What somebody has to look at, and how many checks there were beside.
pub(super) fn checks_page(findings: &[Finding]) -> String {
    let mut out = String::new();
    for wanted in [Outcome::Refuse, Outcome::Warning] {
        findings
            .iter()
            .filter(|finding| finding.outcome == wanted)
            .for_each(|finding| check(&mut out, finding));
    }
    out + &summary(findings) + "`keyrotation preflight` shows all of them.\n"
}

/// One check.
fn check(out: &mut String, finding: &Finding) {
    let mark = match finding.outcome {
        Outcome::Ok => "ok",
        Outcome::Warning if DUE_LATER.contains(&finding.id) => "due",
        Outcome::Warning => "WARN",
        Outcome::Refuse => "STOP",
        Outcome::NotChecked => "?",
    };
    let id = finding.error.map(|id| format!("[{id}] ")).unwrap_or_default();
    let before = match mark {
        "?" => "not checked: ",
        "due" => "in step 7: ",
        _ => "",
    };
    // Columns are for terminals that have room for them.
    let is_narrow = fit::columns().is_some_and(|columns| columns < WIDE);
    let (title, indent) = if is_narrow {
        (format!("{}:", finding.title), "  ")
    } else {
        (format!("{:<55}", finding.title), "       ")
    };
    let _ = writeln!(out, "{mark:<4} {title} {id}{before}{}", finding.found);
    if let Some(fix) = &finding.fix {
        let _ = writeln!(out, "{indent}fix: {fix}");
    }
}

/// How many checks came out how.
fn summary(findings: &[Finding]) -> String {
    let count = |outcome| preflight::count(findings, outcome);
    let mut out = String::new();
    let is_due = |finding: &&Finding| finding.outcome == Outcome::Warning && DUE_LATER.contains(&finding.id);
    let due = findings.iter().filter(is_due).count();
    let later = if due > 0 { format!("{due} due in step 7, ") } else { String::new() };
    let _ = writeln!(
        out,
        "{} checks: {} ok, {} to look at, {later}{} that stop a rotation, {} not made",
        findings.len(),
        count(Outcome::Ok),
        count(Outcome::Warning) - due,
        count(Outcome::Refuse),
        count(Outcome::NotChecked)
    );
    out
}
