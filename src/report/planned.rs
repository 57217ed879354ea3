//! What a rotation would do, for people and for programs.

use std::fmt::Write as _;

use serde_json::json;

use super::checks::checks_page;
use super::inventory::{outside_text, unseen_text};
use super::text::{aligned, short_place};
use super::{bytes, printable, thousands};
use crate::engine::Rehearsal;
use crate::plan::preflight::Finding;
use crate::plan::{Disk, IndexPlan, KeyFingerprints, Survey, Tokens};
use keyrotation_inventory::Scanned;

/// All that is known of a rotation before it begins.
#[derive(Debug)]
pub struct PlanView<'a> {
    /// What would change.
    pub places: &'a [String],
    /// Targets that are not there, and why.
    pub absent: Vec<(&'a str, &'a str)>,
    /// The fingerprints of the keys.
    pub fingerprints: KeyFingerprints,
    /// What was found.
    pub survey: &'a Survey,
    /// What the sampled values say of the keys.
    pub keys: &'a str,
    /// What it takes.
    pub disk: &'a [Disk],
    /// Tokens that serve nobody.
    pub tokens: Option<Tokens>,
    /// What is done with the indexes of each table.
    pub indexes: &'a [(String, IndexPlan)],
    /// How long chunks took that were rolled back.
    pub rehearsals: &'a [Rehearsal],
    /// What the checks found.
    pub findings: &'a [Finding],
    /// What stands outside the targets; none if nobody looked.
    pub outside: Option<&'a Scanned>,
    /// What is said of the journal.
    pub journal: &'a str,
}

impl PlanView<'_> {
    /// The document for programs, but for the day's steps.
    pub fn json(&self) -> serde_json::Value {
        json!({
            "schema": 1,
            "changes": self.places,
            "keys": self.fingerprints,
            "sample": self.keys,
            "targets": self.survey.jobs,
            "absent": self.absent,
            "ambiguous": self.survey.ambiguous(),
            "disk": self.disk,
            "indexes": self.indexes.iter().map(|(place, plan)| json!({ "place": place, "plan": plan })).collect::<Vec<_>>(),
            "tokens": self.tokens,
            "rehearsals": self.rehearsals,
            "checks": self.findings,
            "outside": self.outside,
            "journal": self.journal,
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut out = String::from("`keyrotation run` would change:\n");
        for place in self.places {
            let _ = writeln!(out, "  {place}");
        }
        let titles = ["table or files", "rows", "encrypted", "values", "on disk"];
        let mut lines: Vec<Vec<String>> = vec![titles.map(str::to_owned).into()];
        for job in &self.survey.jobs {
            let disk = self.disk.iter().find(|disk| disk.id == job.id).map(|disk| bytes(disk.bytes));
            let place = short_place(&job.place).to_owned();
            let counts = [thousands(job.rows), thousands(job.encrypted()), bytes(job.bytes)];
            lines.push([place].into_iter().chain(counts).chain([disk.unwrap_or_default()]).collect());
        }
        out.push('\n');
        out.push_str(&aligned(&lines, 1));
        for (place, reason) in &self.absent {
            let _ = writeln!(out, "{place}: skipped, {reason}");
        }
        let _ = writeln!(out, "\n{}\n{}", self.fingerprints.text(), self.keys);
        let _ = writeln!(out, "\n{}", checks_page(self.findings));
        self.outside(&mut out);
        self.indexes(&mut out);
        self.needs(&mut out);
        self.time(&mut out);
        let _ = writeln!(out, "{}", self.journal);
        out
    }

    /// What a rotation would not reach.
    fn outside(&self, out: &mut String) {
        let Some(scanned) = self.outside else { return };
        let _ = writeln!(
            out,
            "outside the targets, {} columns and {} files were scanned; values there are not rotated, \
             unless `targets` names them (docs/targets.md)",
            thousands(scanned.columns),
            thousands(scanned.files)
        );
        outside_text(out, Some(scanned));
        unseen_text(out, scanned);
    }

    /// The indexes that are dropped, or would be.
    fn indexes(&self, out: &mut String) {
        for (place, plan) in self.indexes {
            let _ = match plan {
                IndexPlan::Rebuild(indexes) => {
                    let names: Vec<&str> = indexes.iter().map(|index| index.name.as_str()).collect();
                    let names = printable(&names.join(", "));
                    writeln!(
                        out,
                        "indexes: {names} of {place} are dropped while the table is rewritten, and created \
                         again afterwards; in our measurements this saved a third to two thirds of the time \
                         (docs/performance.md)"
                    )
                }
                IndexPlan::Lacks(what) => writeln!(
                    out,
                    "indexes: those of {place} stay, which takes longer: to drop and create them, the \
                     database user lacks {what}"
                ),
                IndexPlan::Keep(_) => Ok(()),
            };
        }
    }

    /// Disk, and what need not be rotated at all.
    fn needs(&self, out: &mut String) {
        let (growth, log): (u64, u64) =
            self.disk.iter().fold((0, 0), |(growth, log), disk| (growth + disk.growth, log + disk.log));
        if growth + log > 0 {
            let _ = writeln!(
                out,
                "disk: files may grow by about {}, and about {} go to the database's log (estimates: docs/performance.md)",
                bytes(growth),
                bytes(log)
            );
        }
        if let Some(tokens) = self.tokens.filter(|tokens| tokens.inactive + tokens.expired > 0) {
            let useless = tokens.inactive + tokens.expired;
            let _ = writeln!(
                out,
                "{} of {} access tokens ({} %) are of no use: {} are not active, {} have expired. Run \
                 WSO2's token cleanup first, and there is less to rotate; keyrotation deletes nothing",
                thousands(useless),
                thousands(tokens.rows),
                useless * 100 / tokens.rows.max(1),
                thousands(tokens.inactive),
                thousands(tokens.expired)
            );
        }
    }

    /// From the rehearsal; without one, how to get it.
    fn time(&self, out: &mut String) {
        if self.rehearsals.is_empty() {
            out.push_str(
                "time: not measured; `keyrotation plan --rehearse` writes a few chunks and rolls them back\n",
            );
            return;
        }
        let seconds = |pace: fn(&Rehearsal) -> f64| -> f64 {
            let rows = |rehearsal: &Rehearsal| {
                self.survey.jobs.iter().find(|job| job.id == rehearsal.id).map_or(0, |job| job.rows)
            };
            #[allow(clippy::cast_precision_loss)] // an estimate
            self.rehearsals.iter().map(|one| pace(one) * rows(one) as f64 / 1000.0).sum()
        };
        let rows: usize = self.rehearsals.iter().map(|rehearsal| rehearsal.rows).sum();
        let _ = writeln!(
            out,
            "time: about {} ({} to {}), for one writer and without commits; measured with {} rows that were \
             written and rolled back",
            duration(seconds(|one| one.median)),
            duration(seconds(|one| one.quickest)),
            duration(seconds(|one| one.slowest)),
            thousands(rows as u64)
        );
    }
}

/// Seconds for people.
fn duration(seconds: f64) -> String {
    match seconds {
        short if short < 100.0 => format!("{short:.0} s"),
        middling if middling < 6000.0 => format!("{:.0} min", middling / 60.0),
        long => format!("{:.1} h", long / 3600.0),
    }
}
