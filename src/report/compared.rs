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
        outside: None,
        unseen: 0,
        differences: report.differences(live),
    }
}

/// The comparison for people: the verdict, how it was compared, and what is not the same.
pub fn comparison_text(report: &Report, found: &Verification) -> String {
    let how = if found.live {
        "changes that a running server may make are not differences (--live)"
    } else {
        "every change since the rotation is a difference (without --live)"
    };
    let mut out = format!(
        "{} rows and files are as recorded, {} hold no ciphertext, {} differ.\nthe journal is whole: {} events; {how}\n",
        thousands(found.same),
        thousands(found.without_ciphertext),
        thousands(found.in_targets()),
        thousands(found.events)
    );
    if !found.is_whole() {
        let _ = writeln!(
            out,
            "sample: {} of {} chunks were checked; rows outside them, and rows tried again, were not",
            found.chunks_checked, found.chunks
        );
    }
    for target in &report.targets {
        differing(target, &mut out);
    }
    out
}

/// What is not the same in one target: its counts, then the findings.
fn differing(target: &TargetReport, out: &mut String) {
    let counts = Verdict::ALL.iter().filter(|verdict| **verdict != Verdict::Same);
    let counts: Vec<_> = counts
        .filter_map(|verdict| Some((verdict, *target.verdicts.get(verdict)?)))
        .filter(|(_, count)| *count > 0)
        .collect();
    if counts.is_empty() && target.missing_indexes.is_empty() {
        return;
    }
    let same = thousands(target.verdicts.get(&Verdict::Same).copied().unwrap_or_default());
    let words = counts.iter().map(|(verdict, count)| format!(", {} {}", thousands(*count), verdict.word()));
    let _ = writeln!(out, "\n{}: {same} as recorded{}", target.place, words.collect::<String>());
    for found in &target.findings {
        let column = found.column.as_deref().unwrap_or("");
        let (word, key) = (found.verdict.word(), printable(&found.key));
        let _ = writeln!(out, "{word}: {} {key} {column}: {}", target.place, found.what);
    }
    for index in &target.missing_indexes {
        let _ = writeln!(out, "missing: {} the index {}", target.place, printable(index));
    }
    for (verdict, count) in counts.iter().filter(|(_, count)| *count > LISTED) {
        let _ = writeln!(out, "{}: {} and {} more", verdict.word(), target.place, thousands(count - LISTED));
    }
}
