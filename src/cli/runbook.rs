//! `runbook` and `confirm`: the steps of the day, and what people say of them.

use keyrotation_journal::{TAKEN_BACK, step_in_force};
use serde::Serialize;

use super::args::{ConfirmArgs, RunbookArgs};
use super::{Session, print, print_json, tell};
use crate::error::{Error, Id, Result};
use crate::exit::Exit;
use crate::runbook::{Advice, Item, Mark, Progress, StepState, find, items, list, progress};
use crate::runner::{Day, Place, Word, leave};

/// The JSON document's format.
const SCHEMA: u32 = 1;

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
    let day = Day::look(&session.place())?;
    let progress = progress(day.variant, &day.facts);
    if args.json {
        let advice = progress.steps.iter().map(|state| Page { id: state.id, lines: day.advice(state) });
        print_json(&Document { schema: SCHEMA, progress: &progress, advice: advice.collect() })?;
    } else if let Some(asked) = &args.step {
        let is_asked = |state: &&StepState| state.id == asked || state.number.to_string() == *asked;
        let Some(state) = progress.steps.iter().find(is_asked) else {
            let ids: Vec<_> = progress.steps.iter().map(|state| state.id).collect();
            let what = format!("{} is not a step", crate::report::printable(asked));
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
    let place = session.place();
    let day = Day::look(&place)?;
    let Some(typed) = args.step.as_ref().filter(|_| !args.list) else {
        print(&items(&progress(day.variant, &day.facts)))?;
        return Ok(Exit::Done);
    };
    let named = find(day.variant, typed).map_err(|why| {
        Error::new(Id::CommandLineValue, why).fix("`keyrotation confirm --list` has every name")
    })?;
    if args.undo {
        return undo(&place, args, &day, &named.items).await;
    }
    let word = Word { note: &args.note, despite_findings: args.despite_findings };
    for (item, note) in day.check(&place, &named, word).await? {
        leave(&place, item.name, &note).await?;
        tell(&format!("recorded: {}\n", item.name))?;
    }
    Ok(Exit::Done)
}

async fn undo(place: &Place, args: &ConfirmArgs, day: &Day, named: &[&Item]) -> Result<Exit> {
    let stands = |item: &&&Item| step_in_force(&day.facts.steps, item.name, |step| &step.name).is_some();
    let standing: Vec<_> = named.iter().filter(stands).collect();
    if standing.is_empty() {
        let listed: Vec<_> = named.iter().map(|item| item.name).collect();
        let what = format!("{} is not confirmed, so there is nothing to take back", listed.join(", "));
        return Err(Error::new(Id::StepNotSo, what));
    }
    for item in standing {
        leave(place, &format!("{TAKEN_BACK}{}", item.name), &args.note).await?;
        tell(&format!("taken back: {}\n", item.name))?;
    }
    Ok(Exit::Done)
}
