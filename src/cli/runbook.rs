//! `runbook` and `confirm`: the steps of the day, and what people say of them.

use keyrotation_journal::{TAKEN_BACK, step_in_force, submitted_steps};
use serde::Serialize;

use super::args::{ConfirmArgs, RunbookArgs, Side};
use super::{Session, print, print_json, status, steps};
use crate::config::{self, DraftConfig};
use crate::db::Access;
use crate::error::{Error, Id, Result};
use crate::exit::Exit;
use crate::runbook::{
    Advice, COPY_CLEANED, Facts, Item, Mark, Objection, Progress, STEPS, StepState, TRIGGERS_INSTALLED,
    TRIGGERS_REMOVED, Variant, advice, find, items, list, objection, page, progress,
};
use crate::triggers;

/// The JSON document's format.
const SCHEMA: u32 = 1;

/// All that is known of the day without asking a database.
struct Day {
    outline: DraftConfig,
    facts: Facts,
    variant: Variant,
}

impl Day {
    /// Looks at the properties file, and at the journal or what waits for it.
    fn look(session: &Session) -> Result<Self> {
        let dir = session.global.journal_dir();
        let outline = config::draft(&session.global.config);
        let status = match status::view(&dir) {
            Ok(view) => Some(view),
            Err(error) if error.id() == Id::JournalAbsent => None,
            Err(error) => return Err(error),
        };
        // A rotation that was begun is what it is, whatever the file says now.
        let syncs = status.as_ref().map_or(outline.sync, |status| status.sync.is_some());
        let configured = Some(outline.problem.clone().map_or(Ok(()), Err));
        let facts = Facts { configured, ..Facts::new(status, &submitted_steps(&dir)?) };
        Ok(Self { outline, facts, variant: Variant::of(syncs) })
    }

    fn page(&self, state: &StepState) -> String {
        page(state, &self.advice(state))
    }

    fn advice(&self, state: &StepState) -> Vec<Advice> {
        let step = STEPS.iter().find(|step| step.id == state.id && state.state != Mark::NotNeeded);
        step.map(|step| advice(step, self.variant, &self.outline)).unwrap_or_default()
    }
}

/// What `runbook --json` prints.
#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    #[serde(flatten)]
    progress: &'a Progress,
    advice: Vec<Page<'a>>,
}

/// What to do in one step.
#[derive(Serialize)]
struct Page<'a> {
    id: &'a str,
    lines: Vec<Advice>,
}

/// Shows the steps.
pub(super) fn runbook(session: &Session, args: &RunbookArgs) -> Result<Exit> {
    let day = Day::look(session)?;
    let progress = progress(day.variant, &day.facts);
    if args.json {
        let advice = progress.steps.iter().map(|state| Page { id: state.id, lines: day.advice(state) });
        print_json(&Document { schema: SCHEMA, progress: &progress, advice: advice.collect() })?;
    } else if let Some(asked) = &args.step {
        let is_asked = |state: &&StepState| state.id == asked || state.number.to_string() == *asked;
        let Some(state) = progress.steps.iter().find(is_asked) else {
            let ids: Vec<_> = progress.steps.iter().map(|state| state.id).collect();
            let what = format!("{} is no step", crate::report::printable(asked));
            return Err(Error::new(Id::CommandLineValue, what).fix(format!("steps: {}", ids.join(", "))));
        };
        print(&day.page(state))?;
    } else {
        let mut out = list(&progress);
        let shown = |state: &&StepState| {
            Some(state.id) == progress.now || (args.all && state.state != Mark::NotNeeded)
        };
        for state in progress.steps.iter().filter(shown) {
            out.push('\n');
            out.push_str(&day.page(state));
        }
        print(&out)?;
    }
    Ok(Exit::Done)
}

/// Records what people have done, or takes it back.
pub(super) async fn confirm(session: &Session, args: &ConfirmArgs) -> Result<Exit> {
    let day = Day::look(session)?;
    let Some(typed) = args.step.as_ref().filter(|_| !args.list) else {
        print(&items(&progress(day.variant, &day.facts)))?;
        return Ok(Exit::Done);
    };
    let named = find(day.variant, typed).map_err(|why| {
        Error::new(Id::CommandLineValue, why).fix("`keyrotation confirm --list` has every name")
    })?;
    if args.undo {
        return undo(session, args, &day, &named.items).await;
    }
    // All of them before any is recorded.
    for item in &named.items {
        match objection(named.step, item, &day.facts) {
            Some(Objection::Refuse(why)) => return Err(Error::new(Id::StepNotSo, why)),
            Some(Objection::Warn(why)) => tracing::warn!("{why}"),
            None => {}
        }
        look_at(session, &day, item).await?;
    }
    for item in &named.items {
        steps::leave(session, item.name, &args.note).await?;
        print(&format!("recorded: {}\n", item.name))?;
    }
    Ok(Exit::Done)
}

async fn undo(session: &Session, args: &ConfirmArgs, day: &Day, named: &[&Item]) -> Result<Exit> {
    let stands = |item: &&&Item| step_in_force(&day.facts.steps, item.name, |step| &step.name).is_some();
    let standing: Vec<_> = named.iter().filter(stands).collect();
    if standing.is_empty() {
        let listed: Vec<_> = named.iter().map(|item| item.name).collect();
        let what = format!("{} is not confirmed, so there is nothing to take back", listed.join(", "));
        return Err(Error::new(Id::StepNotSo, what));
    }
    for item in standing {
        steps::leave(session, &format!("{TAKEN_BACK}{}", item.name), &args.note).await?;
        print(&format!("taken back: {}\n", item.name))?;
    }
    Ok(Exit::Done)
}

/// Looks whether it is so, where the program can. What it cannot look at is taken for so, with a word.
async fn look_at(session: &Session, day: &Day, item: &Item) -> Result<()> {
    let refuse = |why: String| Err(Error::new(Id::StepNotSo, why));
    if item.name == "copy/home"
        && let Some(home) = day.outline.home.as_ref().filter(|home| !home.is_dir())
    {
        return refuse(format!("newISHome, {}, is not there", home.display()));
    }
    if item.name == "deployment/edited" {
        return edited(session, day);
    }
    let (side, wanted) = match item.name {
        TRIGGERS_INSTALLED => (Side::Old, true),
        TRIGGERS_REMOVED => (Side::Old, false),
        COPY_CLEANED => (Side::New, false),
        _ => return Ok(()),
    };
    let found = match steps::open(session, side, Access::ReadOnly).await {
        Ok(db) => {
            let found = triggers::find(&db).await.map(|found| (db.place(), found));
            db.close().await;
            found
        }
        Err(error) => Err(error),
    };
    match found {
        Ok((place, found)) => {
            let is_clean = found.whole.is_empty() && found.parts.is_empty();
            match wanted {
                true if let Some(why) = found.broken.first().or(found.missing.first()) => {
                    refuse(format!("{place}: {why}"))
                }
                false if !is_clean => refuse(format!("{place}: there are sync triggers or a change log")),
                _ => Ok(()),
            }
        }
        Err(error) => {
            tracing::warn!("taken at your word, since the database cannot be looked at: {}", error.what());
            Ok(())
        }
    }
}

/// Whether the new server's file has the new key, where both can be read.
fn edited(session: &Session, day: &Day) -> Result<()> {
    let Some(home) = &day.outline.home else { return Ok(()) };
    let refuse = |why: &str| {
        let place = home.join(config::DEPLOYMENT);
        Err(Error::new(Id::StepNotSo, format!("{}: {why}", place.display()))
            .fix("`keyrotation configure` puts the new key there"))
    };
    let said = match config::Deployment::read(home) {
        Ok(Some(toml)) => toml.key(),
        Ok(None) => return Ok(()), // on nodes that are not this one
        Err(why) => return refuse(&why),
    };
    let unknown = |why: &str| {
        tracing::warn!("taken at your word: whether deployment.toml has the new key cannot be seen: {why}");
        Ok(())
    };
    let keys = match config::keys_at_hand(&session.global.config) {
        Ok(Some(keys)) => keys,
        Ok(None) => return unknown("the keys are asked for"),
        Err(error) => return unknown(error.what()),
    };
    match said {
        config::Said::This(key) if key == keys.1 => Ok(()),
        config::Said::This(key) if key == keys.0 => refuse("it has the old key"),
        config::Said::This(_) => refuse("[encryption] key is neither the old key nor the new one"),
        config::Said::Nothing => refuse("[encryption] key is not set"),
        config::Said::Unusable(why) => refuse(&format!("[encryption] key cannot be used: {why}")),
        config::Said::Elsewhere => unknown("it stands in the server's secrets or environment"),
    }
}
