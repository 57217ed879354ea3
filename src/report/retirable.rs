//! What `safe-to-retire` found, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Verification, printable, thousands};
use keyrotation_sync::Verdict;

/// The whole of what was found.
#[derive(Debug, Serialize)]
pub struct Retirable {
    #[serde(flatten)]
    /// What was found in both identity databases.
    pub verdict: Verdict,
    /// What comparing every row and file of the new deployment with the journal came to.
    pub verified: Verification,
}

impl Retirable {
    /// For people.
    pub fn text(&self) -> String {
        let Self { verdict, verified } = self;
        let mut out = String::new();
        for table in &verdict.tables {
            let _ = writeln!(
                out,
                "{}: {} rows are the same, {} are the new server's own, {} differ",
                table.table,
                thousands(table.same),
                thousands(table.superseded),
                thousands(table.differences)
            );
            for key in &table.differing {
                let _ = writeln!(out, "  differs: {}", printable(key));
            }
            for key in &table.left_over_keys {
                let _ = writeln!(out, "  in the new database only: {}", printable(key));
            }
        }
        for drift in &verdict.drift {
            let (old, new) = (thousands(drift.old), thousands(drift.new));
            let table = &drift.table;
            let _ = writeln!(
                out,
                "{table}: {old} rows in the old database, {new} in the new one; it is not kept in step"
            );
        }
        let _ = writeln!(
            out,
            "the new deployment: {} rows and files were compared with the journal, {} are not right",
            thousands(verified.rows),
            thousands(verified.in_targets())
        );
        for copy in &verdict.copies {
            let copy = printable(copy);
            let _ = writeln!(out, "beside what was rotated: {copy}");
        }
        for unseen in &verdict.not_looked_at {
            let _ = writeln!(out, "not looked at: {}", printable(unseen));
        }
        if verdict.safe {
            out.push_str(
                "safe to retire: nothing waits, and what was compared is the same in both databases; next: `keyrotation \
                 triggers remove --on old`\n",
            );
        } else {
            for reason in &verdict.reasons {
                let _ = writeln!(out, "not yet: {}", printable(reason));
            }
        }
        out
    }
}
