//! How far the day is: a fold over what is known. Same facts, same progress.

use jiff::Timestamp;
use keyrotation_journal::{TAKEN_BACK, step_in_force};
use serde::Serialize;

use super::doubts::{against_safety, doubts};
use super::steps::{BY_HAND, CONFIGURED, TRIGGERS_INSTALLED, TRIGGERS_REMOVED, seen, todays};
use super::{Finding, Item, KnownBy, Step, Variant};
use crate::report::{MAY_HAVE_RUN, RETIRABLE, RunState, Standing, StatusView, StepView, thousands};

/// What is known.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The rotation's status, once it is begun.
    pub status: Option<StatusView>,
    /// Steps that were recorded, in order.
    pub steps: Vec<StepView>,
    /// Whether properties.yaml is complete, and why not; none if it was not checked.
    pub configured: Option<Result<(), String>>,
    /// Whether both identity databases were looked at just now: triggers in the old one, none in the
    /// copy.
    pub triggers_seen: bool,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// It is done.
    Done,
    /// It is to be done now.
    Now,
    /// It comes after that.
    Next,
    /// It is not done; if it comes before the current one, it was not confirmed.
    Open,
    /// This variant does not have it.
    NotNeeded,
}

impl Mark {
    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Now => "now",
            Self::Next => "next",
            Self::Open => "open",
            Self::NotNeeded => "-",
        }
    }
}

/// How far the day is.
#[derive(Debug, Clone, Serialize)]
pub struct Progress {
    /// Which of the days it is.
    pub variant: Variant,
    /// The step that is to be done now; none when all are done.
    pub now: Option<&'static str>,
    /// Every step.
    pub steps: Vec<StepState>,
}

/// Where one step stands.
#[derive(Debug, Clone, Serialize)]
pub struct StepState {
    /// Its number in the guide.
    pub number: u8,
    /// Its stable name.
    pub id: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// Where it stands.
    pub state: Mark,
    /// What makes it done.
    pub items: Vec<ItemState>,
}

/// Where an item stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemState {
    /// Its stable name, as `confirm` takes it.
    pub name: &'static str,
    /// What is so when it is done.
    pub title: &'static str,
    /// Whether people can confirm it.
    pub confirmable: bool,
    /// Whether it is done.
    pub done: bool,
    /// Since when, RFC 3339 in UTC.
    pub at: Option<String>,
    /// Who has done or confirmed it; none if the journal alone tells.
    pub by: Option<String>,
    /// What was said of it, or what the program sees.
    pub note: Option<String>,
}

/// Folds what is known into where each step stands.
pub fn progress(variant: Variant, facts: &Facts) -> Progress {
    let mut steps: Vec<StepState> =
        variant.steps().iter().map(|step| step_state(step, variant, facts)).collect();
    // What is done proves that the day has come so far, save that a file can be written at any time.
    let proven = |step: &StepState| step.state == Mark::Done && step.id != "properties";
    let done = steps.iter().rposition(proven).map_or(0, |last| last + 1);
    let before = variant.steps().iter().filter(|step| step.comes_before).count();
    let begun = if facts.status.is_some() { before } else { 0 };
    let reached = done.max(begun);
    // Where nothing is open behind what is done, what is open before it is all that is left.
    let is_open = |step: &StepState| step.state == Mark::Open;
    let reached = if steps.iter().skip(reached).any(is_open) { reached } else { 0 };
    let mut open = steps.iter_mut().skip(reached).filter(|step| is_open(step));
    let now = open.next().map(|step| {
        step.state = Mark::Now;
        step.id
    });
    if let Some(step) = open.next() {
        step.state = Mark::Next;
    }
    Progress { variant, now, steps }
}

impl Progress {
    /// The items that must be done before a step and are not.
    pub fn missed(&self) -> impl Iterator<Item = &ItemState> {
        let now = self.now.and_then(|id| self.steps.iter().position(|step| step.id == id));
        let before = now.unwrap_or(self.steps.len());
        self.steps.iter().take(before).flat_map(|step| &step.items).filter(|item| !item.done)
    }
}

impl Facts {
    /// What a status tells, or the steps that were left before there is one.
    pub fn new(status: Option<StatusView>, left: &[keyrotation_journal::Step]) -> Self {
        let mut steps: Vec<StepView> = match &status {
            Some(status) => status.steps.clone(),
            None => left.iter().map(StepView::new).collect(),
        };
        for step in &mut steps {
            step.name = match step.name.strip_prefix(TAKEN_BACK) {
                Some(undone) => format!("{TAKEN_BACK}{}", todays(undone)),
                None => todays(&step.name).to_owned(),
            };
        }
        Self { status, steps, ..Self::default() }
    }

    /// The step of this name that stands.
    pub(super) fn recorded(&self, name: &str) -> Option<&StepView> {
        step_in_force(&self.steps, name, |step| &step.name)
    }

    /// The same, if it was taken since the rotation began.
    pub(super) fn recorded_since(&self, name: &str) -> Option<&StepView> {
        let began = &self.status.as_ref()?.started_at;
        self.recorded(name).filter(|step| !is_before(&step.at, began))
    }

    /// Whether a step was taken since the rotation began, and not taken back.
    pub fn stands_since_the_beginning(&self, name: &str) -> bool {
        self.recorded_since(name).is_some()
    }

    /// Whether the old identity database was found safe to retire, and nothing has come since that says otherwise.
    pub fn is_safe_to_retire(&self) -> bool {
        against_safety(self).is_empty()
    }

    /// What was found and stands.
    pub(super) fn standing(&self) -> Standing {
        Standing::of(self.steps.iter().map(StepView::taken))
    }

    /// What `configure` did last in this rotation.
    pub(super) fn configured_last(&self) -> Option<&StepView> {
        self.recorded_since(CONFIGURED)
    }

    /// Whether the new server may have run, as far as is known: in place, servers do.
    pub(super) fn may_have_run(&self) -> bool {
        let Some(status) = &self.status else { return false };
        let is_synced = status.sync.as_ref().is_some_and(|sync| sync.started_at.is_some());
        status.mode.is_in_place()
            || is_synced
            || MAY_HAVE_RUN.iter().any(|name| self.recorded_since(name).is_some())
    }

    /// Whether the new server may run.
    pub(super) fn may_start(&self) -> Finding {
        let Some(status) = &self.status else { return Finding::Not("no rotation was begun".to_owned()) };
        match (&status.sync, &status.re_encrypted_at) {
            (Some(sync), _) if sync.started_at.is_none() => {
                Finding::Not("the sync phase has not begun: not everything is re-encrypted".to_owned())
            }
            (None, None) => Finding::Not("not everything is re-encrypted".to_owned()),
            _ => Finding::So("the journal".to_owned(), None),
        }
    }
}

fn is_before(one: &str, other: &str) -> bool {
    match (one.parse::<Timestamp>(), other.parse::<Timestamp>()) {
        (Ok(one), Ok(other)) => one < other,
        _ => false,
    }
}

fn step_state(step: &Step, variant: Variant, facts: &Facts) -> StepState {
    let Some(title) = step.title(variant) else {
        let (number, id, title) = (step.number, step.id, step.title);
        return StepState { number, id, title, state: Mark::NotNeeded, items: Vec::new() };
    };
    let items: Vec<_> = step.items(variant).map(|item| item_state(step, item, facts)).collect();
    let state = if items.iter().all(|item| item.done) { Mark::Done } else { Mark::Open };
    StepState { number: step.number, id: step.id, title, state, items }
}

fn item_state(step: &Step, item: &Item, facts: &Facts) -> ItemState {
    let confirmable = !matches!(item.known_by, KnownBy::Program(_));
    let state = ItemState {
        name: item.name,
        title: item.title,
        confirmable,
        done: false,
        at: None,
        by: None,
        note: None,
    };
    let said = if step.comes_before { facts.recorded(item.name) } else { facts.recorded_since(item.name) };
    match (seen(item.known_by, facts), said) {
        // The user's confirmation has a note, which says more than that it is done.
        (found @ (Finding::So(..) | Finding::Unknown), Some(said)) => ItemState {
            done: true,
            at: Some(said.at.clone()),
            by: Some(said.by.clone()),
            note: match found {
                Finding::So(what, _) if !confirmable => Some(what),
                _ => Some(said.note.clone()).filter(|note| !note.is_empty()),
            },
            ..state
        },
        (Finding::So(by, at), None) => ItemState { done: true, at, note: Some(by), ..state },
        (Finding::Not(why), _) => ItemState { note: Some(why), ..state },
        (Finding::Unknown, None) => state,
    }
}

/// A rotation has begun, and so all that it needs was there.
pub(super) fn begun(facts: &Facts) -> Finding {
    match &facts.status {
        Some(status) => {
            Finding::So("the rotation was begun on it".to_owned(), Some(status.started_at.clone()))
        }
        None => Finding::Unknown,
    }
}

pub(super) fn installed(facts: &Facts) -> Finding {
    if facts.triggers_seen {
        return Finding::So("they were found just now".to_owned(), None);
    }
    if facts.status.is_some() {
        return begun(facts);
    }
    let last =
        facts.steps.iter().rev().find(|step| matches!(&*step.name, TRIGGERS_INSTALLED | TRIGGERS_REMOVED));
    match last {
        Some(step) if step.name == TRIGGERS_REMOVED => Finding::Not("they were removed again".to_owned()),
        _ => Finding::Unknown,
    }
}

pub(super) fn cleaned(facts: &Facts) -> Finding {
    if facts.triggers_seen {
        return Finding::So("none were found just now".to_owned(), None);
    }
    begun(facts)
}

pub(super) fn configured(facts: &Facts) -> Finding {
    match &facts.configured {
        // What it was begun with counts; secrets may come from an environment that is not this one.
        _ if facts.status.is_some() => begun(facts),
        Some(Ok(())) => Finding::So("it was read just now".to_owned(), None),
        Some(Err(problem)) => Finding::Not(problem.clone()),
        None => Finding::Unknown,
    }
}

pub(super) fn re_encrypted(facts: &Facts) -> Finding {
    let Some(status) = &facts.status else { return Finding::Not("no rotation was begun".to_owned()) };
    let failed = status.failed();
    match &status.re_encrypted_at {
        Some(at) if failed == 0 => {
            let left = status.left_to_others().map(|what| format!("; {what}")).unwrap_or_default();
            Finding::So(format!("every target is done{left}"), Some(at.clone()))
        }
        Some(_) => Finding::Not(format!(
            "{} rows or files failed: `keyrotation status --failures`, then `keyrotation resume --retry-failed`",
            thousands(failed)
        )),
        None if status.state == RunState::Running => {
            let done = status.all().filter(|target| matches!(&*target.state, "done" | "skipped")).count();
            Finding::Not(format!(
                "it is running: {done} of {} tables and file groups are done",
                status.all().count()
            ))
        }
        None => Finding::Not("it is interrupted: `keyrotation resume` continues".to_owned()),
    }
}

/// `configure` was called, and has left nothing to people. Other nodes' files it cannot see: the note
/// says which it was.
pub(super) fn edited(facts: &Facts) -> Finding {
    match facts.configured_last() {
        Some(step) if !step.note.contains(BY_HAND) => {
            Finding::So(format!("`keyrotation configure`: {}", step.note), Some(step.at.clone()))
        }
        _ => Finding::Unknown,
    }
}

/// The verification that counts, as long as nothing was rotated after it and nothing else stands against it.
pub(super) fn verified(facts: &Facts) -> Finding {
    if let Some(first) = doubts(facts).first() {
        return Finding::Not(first.words());
    }
    match facts.standing().verification {
        None => Finding::Not("not yet".to_owned()),
        Some(found) => Finding::So(
            format!("{} rows and files are as recorded, 0 differ", thousands(found.what.same)),
            Some(found.at),
        ),
    }
}

/// In place: the last finding of `keys` since everything was rotated.
pub(super) fn proved(facts: &Facts) -> Finding {
    if facts.status.as_ref().is_none_or(|status| status.re_encrypted_at.is_none()) {
        return Finding::Not("not yet".to_owned());
    }
    let standing = facts.standing();
    if let Some(words) = standing.keys_words() {
        return Finding::Not(words);
    }
    match (&standing.keys, standing.outside_words()) {
        (Some(keys), _) if keys.written_since => {
            Finding::Not("rows were rotated after `keyrotation keys` ran".to_owned())
        }
        (_, Some(words)) => Finding::Not(words),
        (Some(keys), None) => Finding::So(keys.what.words.clone(), Some(keys.at.clone())),
        (None, None) => Finding::Unknown,
    }
}

pub(super) fn drained(facts: &Facts) -> Finding {
    let Some(sync) = facts.status.as_ref().and_then(|status| status.sync.as_ref()) else {
        return Finding::Not("the sync phase has not begun".to_owned());
    };
    if sync.started_at.is_none() {
        return Finding::Not("the sync phase has not begun".to_owned());
    }
    if sync.held + sync.failed > 0 {
        let (held, failed) = (thousands(sync.held), thousands(sync.failed));
        return Finding::Not(format!("{held} rows are held and {failed} have failed: `keyrotation status`"));
    }
    if facts.recorded_since(crate::sync::ROUTE_TRAFFIC).is_none() {
        return Finding::Not("traffic still goes to the old server".to_owned());
    }
    let counted = facts.recorded_since(crate::sync::ROUTE_TRAFFIC).is_some_and(|step| step.looked_since);
    match (sync.drained && counted && sync.pending == 0, &sync.as_of) {
        (true, Some(at)) => Finding::So("nothing waits".to_owned(), Some(at.clone())),
        _ => Finding::Not(format!(
            "{} entries wait or may come: `keyrotation sync --until-drained`",
            thousands(sync.pending)
        )),
    }
}

pub(super) fn carried_over(facts: &Facts) -> Finding {
    let Some(step) = facts.recorded_since(RETIRABLE) else { return Finding::Not("not yet".to_owned()) };
    match against_safety(facts) {
        against if against.is_empty() => Finding::So(step.note.clone(), None),
        against => Finding::Not(against.join("; ")),
    }
}
