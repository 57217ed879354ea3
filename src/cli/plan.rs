//! `plan`: what a rotation would do, and how much of it there is.

use std::fmt::Write as _;
use std::path::Path;

use keyrotation_journal::{Journal, submitted_steps};

use super::args::PlanArgs;
use super::preflight::{exit, text as checks_text};
use super::{Session, print, print_json, session};
use crate::activity::Activity;
use crate::cipher::Digester;
use crate::config::{self, Overrides, Settings};
use crate::engine::{self, ChunkPlanner, Rehearsal};
use crate::error::Result;
use crate::exit::Exit;
use crate::plan::preflight::{Finding, Ground, preflight};
use crate::plan::{self, Access, Deployment, Disk, Survey, Tokens};
use crate::report::{Reporter, StatusView, bytes, published, thousands};
use crate::runbook::{Facts, Progress, Variant, list, progress};
use crate::runner::{Explanations, listen, recoder};
use crate::signals::Stop;

/// All that is known of a rotation before it begins.
struct Plan {
    deployment: Deployment,
    looked: Looked,
    journal: &'static str,
    /// The day's steps; none once the journal has them.
    runbook: Option<Progress>,
}

/// What was seen of it.
struct Looked {
    survey: Survey,
    keys: String,
    disk: Vec<Disk>,
    tokens: Option<Tokens>,
    rehearsals: Vec<Rehearsal>,
    findings: Vec<Finding>,
}

/// What is said of the journal.
const ABSENT: &str = "there is no journal yet: `keyrotation run` starts the rotation";
const HELD: &str = "the journal holds a rotation: `keyrotation status` shows how far it is, `keyrotation runbook` what to do";

/// Shows what `run` would do. Opens no journal: looking at one would write to its folder. The exit code
/// is that of the first check that refuses, so that a script goes no further; rows that would fail are
/// a prediction, and none.
pub(super) async fn plan(session: &Session, args: &PlanArgs) -> Result<Exit> {
    let mut settings = config::load(&session.global.config, &Overrides::default())?;
    settings.without_tables.clone_from(&args.accept.without_table);
    session::notices(&settings);
    let access = if args.rehearse { Access::ReadWrite } else { Access::ReadOnly };
    let deployment = plan::connect(&settings, None, access).await?;
    if args.rehearse {
        deployment.claim(&settings, false).await?;
    }
    let (_, stop) = listen()?;
    let activity = Activity::default();
    deployment.stop_with(&stop, &activity);
    let reporter = Reporter::of(activity.clone(), session.global.progress(), &session.progress);
    let dir = session.global.journal_dir();
    let looked = look(&settings, &deployment, &dir, args, &activity, &stop).await;
    reporter.finish().await;
    let Some(looked) = looked? else { return Ok(Exit::Interrupted) };
    deployment.close().await;
    deployment.remark_on_files()?;
    let left = submitted_steps(&dir)?;
    let (journal, runbook) = if Journal::peek(&dir)?.is_some() {
        let steps = |view: StatusView| {
            let variant = Variant::of(view.sync.is_some());
            progress(variant, &Facts::new(Some(view.with_left(&left)), &[]))
        };
        (HELD, published(&dir)?.map(steps))
    } else {
        let left = Facts::new(None, &left);
        // With sync, no plan is made unless they are in the old database and not in the copy.
        let facts = Facts { configured: Some(Ok(())), triggers_seen: deployment.sync.is_some(), ..left };
        (ABSENT, Some(progress(Variant::of(settings.sync_tables.is_some()), &facts)))
    };
    let exit = exit(&looked.findings);
    let plan = Plan { deployment, looked, journal, runbook };
    if args.json {
        print_json(&plan.json(&settings))?;
    } else {
        print(&plan.text(&settings))?;
    }
    Ok(exit)
}

/// Reads, rehearses and checks everything; none when asked to stop.
async fn look(
    settings: &Settings,
    deployment: &Deployment,
    journal: &Path,
    args: &PlanArgs,
    activity: &Activity,
    stop: &Stop,
) -> Result<Option<Looked>> {
    let survey = plan::survey(&deployment.jobs, &recoder(settings), activity, stop).await?;
    if stop.requested() {
        return Ok(None);
    }
    let accepted = args.accept.accept().of(&survey, Explanations::default(), journal, settings);
    let keys = survey.check_keys(&accepted)?;
    let mut rehearsals = Vec::new();
    if args.rehearse {
        rehearsals = engine::rehearse(&planner(settings), &deployment.jobs, activity, stop).await?;
    }
    let (disk, tokens) = (deployment.disk(&survey.jobs).await?, deployment.tokens().await?);
    let ground = Ground {
        settings,
        journal,
        deployment: Ok(deployment),
        survey: Ok(&survey),
        accepted: &accepted,
        claimed: args.rehearse,
        counting: Some(activity),
    };
    let findings = preflight(ground).await;
    Ok(Some(Looked { survey, keys, disk, tokens, rehearsals, findings }))
}

/// Seals as a rotation would; its digests are of a rotation that does not exist.
pub(super) fn planner(settings: &Settings) -> ChunkPlanner {
    ChunkPlanner::new(recoder(settings), Digester::new(&settings.new_key, &[0; 16]))
}

impl Plan {
    fn json(&self, settings: &Settings) -> serde_json::Value {
        serde_json::json!({
            "schema": 1,
            "changes": self.deployment.places,
            "keys": {
                "old": settings.old_key.fingerprint(),
                "new": settings.new_key.fingerprint(),
                "sample": self.looked.keys,
            },
            "targets": self.looked.survey.jobs,
            "absent": self.deployment.absent_places(),
            "ambiguous": self.looked.survey.ambiguous(),
            "disk": self.looked.disk,
            "tokens": self.looked.tokens,
            "rehearsals": self.looked.rehearsals,
            "checks": self.looked.findings,
            "journal": self.journal,
            "runbook": self.runbook,
        })
    }

    fn text(&self, settings: &Settings) -> String {
        let mut out = String::from("`keyrotation run` would change:\n");
        for place in &self.deployment.places {
            let _ = writeln!(out, "  {place}");
        }
        let _ = writeln!(
            out,
            "\n{:<52} {:>10} {:>10} {:>8} {:>8} {:>10} {:>10}",
            "table or files", "rows", "encrypted", "plain", "NULL", "values", "on disk"
        );
        for job in &self.looked.survey.jobs {
            let disk = self.looked.disk.iter().find(|disk| disk.id == job.id).map(|disk| bytes(disk.bytes));
            let line = format!(
                "{:<52} {:>10} {:>10} {:>8} {:>8} {:>10} {:>10}",
                job.place,
                thousands(job.rows),
                thousands(job.encrypted()),
                thousands(job.plain),
                thousands(job.null),
                bytes(job.bytes),
                disk.unwrap_or_default()
            );
            let _ = writeln!(out, "{}", line.trim_end());
        }
        for (place, reason) in self.deployment.absent_places() {
            let _ = writeln!(out, "{place}: skipped, {reason}");
        }
        let (old, new) = (settings.old_key.fingerprint(), settings.new_key.fingerprint());
        let _ = writeln!(out, "\nfrom key {old} to key {new} (fingerprints)\n{}", self.looked.keys);
        let _ = writeln!(out, "\n{}", checks_text(&self.looked.findings));
        self.needs(&mut out);
        self.time(&mut out);
        let _ = writeln!(out, "{}", self.journal);
        if let Some(runbook) = &self.runbook {
            let _ = write!(out, "\n{}", list(runbook));
        }
        out
    }

    /// Disk, and what need not be rotated at all.
    fn needs(&self, out: &mut String) {
        let (growth, log): (u64, u64) = self
            .looked
            .disk
            .iter()
            .fold((0, 0), |(growth, log), disk| (growth + disk.growth, log + disk.log));
        if growth + log > 0 {
            let _ = writeln!(
                out,
                "disk: files may grow by about {}, and about {} go to the database's log (estimates: docs/performance.md)",
                bytes(growth),
                bytes(log)
            );
        }
        if let Some(tokens) = self.looked.tokens.filter(|tokens| tokens.inactive + tokens.expired > 0) {
            let useless = tokens.inactive + tokens.expired;
            let _ = writeln!(
                out,
                "{} of {} access tokens ({} %) serve nobody: {} not active, {} expired. Run WSO2's token cleanup \
                 first and there is less to rotate; keyrotation deletes nothing",
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
        if self.looked.rehearsals.is_empty() {
            out.push_str(
                "time: not measured; `keyrotation plan --rehearse` writes a few chunks and rolls them back\n",
            );
            return;
        }
        let seconds = |pace: fn(&Rehearsal) -> f64| -> f64 {
            let rows = |rehearsal: &Rehearsal| {
                self.looked.survey.jobs.iter().find(|job| job.id == rehearsal.id).map_or(0, |job| job.rows)
            };
            #[allow(clippy::cast_precision_loss)] // an estimate
            self.looked.rehearsals.iter().map(|one| pace(one) * rows(one) as f64 / 1000.0).sum()
        };
        let rows: usize = self.looked.rehearsals.iter().map(|rehearsal| rehearsal.rows).sum();
        let _ = writeln!(
            out,
            "time: about {} ({} to {}), one writer at a time and without commits, by {} rows that were written and \
             rolled back",
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
