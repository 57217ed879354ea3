//! What is looked at before a rotation, and written nowhere: `plan` and `preflight`.

use std::path::Path;

use keyrotation_journal::{Journal, submitted_steps};

use super::inventory::surroundings;
use super::unfinished::roll_back_unfinished;
use super::{Accept, Explanations, Screen, listen, recoder};
use crate::activity::Activity;
use crate::cipher::Digester;
use crate::config::{Mode, Settings};
use crate::engine::{self, ChunkPlanner, Rehearsal};
use crate::error::{Error, Id, Result};
use crate::plan::preflight::{Finding, Ground, Outcome, preflight};
use crate::plan::{self, Access, Deployment, Disk, IndexPlan, KeyFingerprints, Survey, Tokens};
use crate::report::{PlanView, Reporter, StatusView, published};
use crate::runbook::{Facts, Progress, Variant, list, progress};
use crate::signals::Stop;
use keyrotation_inventory::{Progress as ScanProgress, Scanned, scan};

/// All that is known of a rotation before it begins.
#[derive(Debug)]
pub struct Plan {
    deployment: Deployment,
    looked: Looked,
    journal: &'static str,
    /// The day's steps; none once the journal has them.
    runbook: Option<Progress>,
}

/// What was seen of it.
#[derive(Debug)]
struct Looked {
    survey: Survey,
    keys: String,
    disk: Vec<Disk>,
    tokens: Option<Tokens>,
    indexes: Vec<(String, IndexPlan)>,
    rehearsals: Vec<Rehearsal>,
    findings: Vec<Finding>,
    outside: Option<Scanned>,
}

/// What else is looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct LookMore {
    /// A few chunks of each table are written and rolled back.
    pub rehearse: bool,
    /// All other columns and files are looked through.
    pub everywhere: bool,
}

/// How much of the work the survey is here, in thousandths.
const WHOLE: u64 = 1000;

/// What is said of the journal.
const ABSENT: &str = "there is no journal yet: `keyrotation run` starts the rotation";
const HELD: &str = "the journal holds a rotation: `keyrotation status` shows how far it is, `keyrotation runbook` what to do";

/// Looks what `run` would do; none when asked to stop. Opens no journal: looking at one would write to its
/// folder.
pub async fn plan(
    screen: Screen<'_>,
    settings: &Settings,
    accept: Accept,
    more: LookMore,
    dir: &Path,
) -> Result<Option<Plan>> {
    let access = if more.rehearse { Access::ReadWrite } else { Access::ReadOnly };
    roll_back_unfinished(settings, dir).await?;
    let deployment = plan::connect(settings, &plan::registry(settings)?, None, access).await?;
    if more.rehearse {
        deployment.claim(settings, access, false).await?;
    }
    let (_, stop) = listen()?;
    let activity = Activity::default();
    deployment.stop_with(&stop, &activity);
    let reporter = Reporter::of(activity.clone(), screen.progress, screen.bars);
    let looked = look(settings, &deployment, dir, accept, more, &activity, &stop).await;
    reporter.finish().await;
    let Some(looked) = looked? else { return Ok(None) };
    deployment.close().await;
    deployment.remark_on_files()?;
    let left = submitted_steps(dir)?;
    let (journal, runbook) = if Journal::peek(dir)?.is_some() {
        let steps = |view: StatusView| {
            let variant = Variant::of_status(&view);
            progress(variant, &Facts::new(Some(view.with_left(&left)), &[]))
        };
        (HELD, published(dir)?.map(steps))
    } else {
        let left = Facts::new(None, &left);
        // With sync, no plan is made unless they are in the old database and not in the copy.
        let facts = Facts { configured: Some(Ok(())), triggers_seen: deployment.sync.is_some(), ..left };
        let variant = match settings.mode {
            Mode::InPlace => Variant::InPlace,
            Mode::BlueGreen => Variant::of(settings.sync_tables.is_some()),
        };
        (ABSENT, Some(progress(variant, &facts)))
    };
    Ok(Some(Plan { deployment, looked, journal, runbook }))
}

/// Reads, rehearses and checks everything; none when asked to stop.
async fn look(
    settings: &Settings,
    deployment: &Deployment,
    journal: &Path,
    accept: Accept,
    more: LookMore,
    activity: &Activity,
    stop: &Stop,
) -> Result<Option<Looked>> {
    let survey = plan::survey(&deployment.jobs, &recoder(settings), activity, stop, WHOLE).await?;
    if stop.requested() {
        return Ok(None);
    }
    let accepted = accept.of(&survey, Explanations::default(), journal, settings);
    let keys = survey.check_keys(&accepted)?;
    let mut rehearsals = Vec::new();
    if more.rehearse {
        rehearsals = engine::rehearse(&dry_planner(settings), &deployment.jobs, activity, stop).await?;
    }
    let mut indexes = Vec::new();
    for (job, found) in deployment.jobs.iter().zip(&survey.jobs) {
        if let Some(table) = &job.indexes {
            indexes.push((job.place.clone(), table.plan(found.rows).await?));
        }
    }
    let (disk, tokens) = (deployment.disk(&survey.jobs).await?, deployment.tokens().await?);
    let ground = Ground {
        settings,
        journal,
        targets: &deployment.targets,
        deployment: Ok(deployment),
        survey: Ok(&survey),
        accepted: &accepted,
        claimed: more.rehearse,
        counting: Some(activity),
    };
    let findings = preflight(ground).await;
    let outside = if more.everywhere {
        Some(
            scan(
                deployment,
                &surroundings(settings),
                &recoder(settings),
                None,
                &mut ScanProgress::default(),
                activity,
                stop,
            )
            .await?,
        )
    } else {
        None
    };
    Ok((!stop.requested()).then_some(Looked {
        survey,
        keys,
        disk,
        tokens,
        indexes,
        rehearsals,
        findings,
        outside,
    }))
}

/// Seals as a rotation would; its digests are of a rotation that does not exist.
pub(super) fn dry_planner(settings: &Settings) -> ChunkPlanner {
    ChunkPlanner::new(recoder(settings), Digester::new(settings.keys.new_key(), &[0; 16]))
}

impl Plan {
    /// What the checks found.
    pub fn findings(&self) -> &[Finding] {
        &self.looked.findings
    }

    /// The document for programs.
    pub fn json(&self, settings: &Settings) -> serde_json::Value {
        let mut document = self.view(settings).json();
        document["runbook"] = serde_json::json!(self.runbook);
        document
    }

    /// For people.
    pub fn text(&self, settings: &Settings) -> String {
        let steps = self.runbook.as_ref().map(|runbook| format!("\n{}", list(runbook)));
        self.view(settings).text() + &steps.unwrap_or_default()
    }

    fn view<'a>(&'a self, settings: &'a Settings) -> PlanView<'a> {
        let Looked { survey, keys, disk, tokens, indexes, rehearsals, findings, outside } = &self.looked;
        PlanView {
            places: &self.deployment.places,
            absent: self.deployment.absent_places(),
            fingerprints: KeyFingerprints::of(&settings.keys),
            survey,
            keys,
            disk,
            tokens: *tokens,
            indexes,
            rehearsals,
            findings,
            outside: outside.as_ref(),
            journal: self.journal,
        }
    }
}

/// Makes every check; none when asked to stop. It writes nothing.
pub async fn examine(
    screen: Screen<'_>,
    settings: &Settings,
    accept: Accept,
    journal: &Path,
) -> Result<Option<Vec<Finding>>> {
    let (_, stop) = listen()?;
    let activity = Activity::default();
    let reporter = Reporter::of(activity.clone(), screen.progress, screen.bars);
    let targets = plan::registry(settings)?;
    let _ = roll_back_unfinished(settings, journal).await; // connecting says what is in the way
    let deployment = plan::connect(settings, &targets, None, Access::ReadOnly).await;
    let survey = match &deployment {
        Ok(deployment) => {
            deployment.stop_with(&stop, &activity);
            plan::survey(&deployment.jobs, &recoder(settings), &activity, &stop, WHOLE).await
        }
        Err(_) => Err(Error::new(Id::System, "the databases come first")),
    };
    if stop.requested() {
        reporter.finish().await;
        return Ok(None);
    }
    let surveyed = survey.as_ref().ok().cloned().unwrap_or_default();
    let accepted = accept.of(&surveyed, Explanations::default(), journal, settings);
    let ground = Ground {
        settings,
        journal,
        targets: &targets,
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
    Ok(Some(findings))
}
