//! What a comparison of rows and files with the journal came to, for people and for the journal.

use std::fmt::Write as _;

use super::{Verification, printable, thousands};
use crate::verify::{LISTED, Report, TargetReport, Verdict};

/// What is left in the journal of what was found.
pub fn verification(report: &Report, events: u64, sample: Option<f64>, live: bool) -> Verification {
    let sum = |count: fn(&TargetReport) -> u64| report.targets.iter().map(count).sum();
    Verification {
        live,
        sample: sample.map_or_else(|| "all".to_owned(), |percent| format!("{percent}%")),
        chunks_checked: sum(|target| target.chunks.0),
        chunks: sum(|target| target.chunks.1),
        events,
        rows: Verdict::ALL.iter().map(|verdict| report.count(*verdict)).sum(),
        same: report.count(Verdict::Same),
        gone: report.count(Verdict::Gone),
        new: report.count(Verdict::New),
        changed: report.count(Verdict::Changed),
        failed: report.count(Verdict::Failed),
        bad: report.count(Verdict::Bad),
        without_ciphertext: sum(|target| target.without_ciphertext),
        differences: report.differences(live),
    }
}

/// The comparison for people, with the events whose chain is whole.
pub fn comparison_text(report: &Report, events: u64, is_sample: bool, differences: u64) -> String {
    let mut out = format!("the journal is whole: {} events\n\n", thousands(events));
    let _ = write!(out, "{:<52}", "table or files");
    for verdict in Verdict::ALL {
        let _ = write!(out, " {:>10}", verdict.word());
    }
    out.push('\n');
    for target in &report.targets {
        let _ = write!(out, "{:<52}", target.place);
        for verdict in Verdict::ALL {
            let _ =
                write!(out, " {:>10}", thousands(target.verdicts.get(verdict).copied().unwrap_or_default()));
        }
        out.push('\n');
    }
    out.push('\n');
    for target in &report.targets {
        for found in &target.findings {
            let column = found.column.as_deref().unwrap_or("");
            let _ = writeln!(
                out,
                "{}: {} {} {column}: {}",
                found.verdict.word(),
                target.place,
                printable(&found.key),
                found.what
            );
        }
        for index in &target.missing_indexes {
            let _ = writeln!(out, "missing: {} the index {}", target.place, printable(index));
        }
        for (verdict, count) in target.verdicts.iter().filter(|(verdict, _)| **verdict != Verdict::Same) {
            if *count > LISTED {
                let more = thousands(count - LISTED);
                let _ = writeln!(out, "{}: {} and {more} more", verdict.word(), target.place);
            }
        }
    }
    if is_sample {
        let (checked, all) =
            report.targets.iter().fold((0, 0), |sum, t| (sum.0 + t.chunks.0, sum.1 + t.chunks.1));
        let _ = writeln!(
            out,
            "sample: {checked} of {all} chunks were checked; rows outside them, and rows tried again, were not"
        );
    }
    let _ = writeln!(
        out,
        "{} rows and files are as recorded, {} hold no ciphertext, {} differ.",
        thousands(report.count(Verdict::Same)),
        thousands(report.targets.iter().map(|target| target.without_ciphertext).sum()),
        thousands(differences)
    );
    out
}
