//! What a dry run found: the counts and failures of a rotation that was not made.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use keyrotation_journal::{MAX_FAILURES, TargetHead, TargetKind, TargetState};
use serde::Serialize;

use super::text::{failures, table, thousands};
use super::{TargetView, moment};
use crate::target::TargetRegistry;

/// The document of `run --dry-run --json`. Targets are as in `status --json`, with every failure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DryRunView {
    /// The document's format: 1.
    schema: u32,
    /// Nothing was changed.
    dry_run: bool,
    /// The exit code that the rotation would end with.
    pub exit_code: u8,
    /// When it began, RFC 3339 in UTC.
    started_at: String,
    /// How long it took.
    seconds: f64,
    /// Tables.
    targets: Vec<TargetView>,
    /// Groups of files.
    files: Vec<TargetView>,
}

impl DryRunView {
    /// What these states amount to.
    pub fn new(
        known: &TargetRegistry,
        found: &[(&TargetHead, TargetState)],
        started_at: Timestamp,
        took: Duration,
    ) -> Self {
        let view = |kind: TargetKind| {
            let of_kind = found.iter().filter(|(head, _)| head.kind == kind);
            of_kind.map(|(head, state)| TargetView::new(known, head, state)).collect()
        };
        Self {
            schema: 1,
            dry_run: true,
            exit_code: 0,
            started_at: moment(started_at),
            seconds: took.as_secs_f64(),
            targets: view(TargetKind::Table),
            files: view(TargetKind::Files),
        }
    }

    /// Rows and files that would fail.
    pub fn failed(&self) -> u64 {
        self.targets.iter().chain(&self.files).map(|target| target.failed).sum()
    }

    /// For people: the table of `status`, what would fail, and what that means.
    pub fn text(&self) -> String {
        let all: Vec<&TargetView> = self.targets.iter().chain(&self.files).collect();
        let sum = |targets: &[TargetView], count: fn(&TargetView) -> u64| -> u64 {
            targets.iter().map(count).sum()
        };
        let in_all = |count: fn(&TargetView) -> u64| thousands(all.iter().map(|target| count(target)).sum());
        let mut out = table(&all);
        out.push_str(&failures(&all, MAX_FAILURES));
        if all.iter().any(|target| target.failures.len() > MAX_FAILURES) {
            let _ = writeln!(
                out,
                "… and more: the first {MAX_FAILURES} of each are listed, --json lists them all"
            );
        }
        let _ = writeln!(
            out,
            "a dry run: nothing was changed. {} rows and {} files would be moved to the new key, {} are there already, \
             {} would fail.",
            thousands(sum(&self.targets, |target| target.rotated)),
            thousands(sum(&self.files, |target| target.rotated)),
            in_all(|target| target.already_new),
            in_all(|target| target.failed),
        );
        let again: u64 = all.iter().map(|target| target.resealed).sum();
        if again > 0 {
            let _ = writeln!(
                out,
                "{} of those that are there already would be encrypted again, with the key's id",
                thousands(again)
            );
        }
        let _ = writeln!(
            out,
            "{} rows and files were read, decrypted and encrypted in {:.1} s; `keyrotation run` would end \
             with exit code {}",
            in_all(|target| target.rows),
            self.seconds,
            self.exit_code
        );
        out
    }
}
