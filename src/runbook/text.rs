//! The runbook in words: a list that fits on a screen, and a page for each step.

use std::fmt::Write as _;

use super::{Advice, IN_PLACE, Mark, Progress, STEPS, StepState};
use crate::fit;
use crate::invocation::spelled;
use crate::report::{printable, second};

/// How wide a line may be at most, in characters; commands may be wider.
const WIDTH: usize = 100;

/// Where the titles of the steps begin.
const TITLES: usize = 12;

/// The list of steps with where they stand.
pub fn list(progress: &Progress) -> String {
    let needed = || progress.steps.iter().filter(|step| step.state != Mark::NotNeeded);
    let done = needed().filter(|step| step.state == Mark::Done).count();
    let mut out =
        format!("runbook ({}): {done} of {} steps are done\n", progress.variant.words(), needed().count());
    for step in &progress.steps {
        let mark = if step.state == Mark::Now { ">" } else { " " };
        let title = format!("{} ({})", step.title, step.id);
        let (head, remark) = (format!("{mark} {:>2}  {:<4}  ", step.number, step.state.word()), remark(step));
        let line = format!("{head}{title:<54}  {remark}");
        let room = fit::columns().filter(|columns| *columns < line.trim_end().chars().count());
        let _ = match room {
            None => writeln!(out, "{}", line.trim_end()),
            Some(columns) => {
                let texts = [title, remark].into_iter().filter(|text| !text.is_empty());
                let texts: Vec<String> = texts.map(|text| hung(&text, TITLES, TITLES, columns)).collect();
                writeln!(out, "{head}{}", texts.join("\n").trim_start())
            }
        };
    }
    let missed: Vec<_> = progress.missed().map(|item| item.name).collect();
    if !missed.is_empty() {
        let _ = writeln!(out, "not confirmed so far: {}", missed.join(", "));
    }
    let _ = match progress.steps.iter().find(|step| step.state == Mark::Now) {
        Some(step) => writeln!(out, "what to do now: `keyrotation runbook`{}", confirmation(step)),
        None => writeln!(out, "all is done"),
    };
    out
}

/// How people say that a step is done, if it is for them to say.
fn confirmation(state: &StepState) -> String {
    let is_whole = STEPS.iter().chain(IN_PLACE).any(|step| step.id == state.id && !step.item_by_item);
    match state.items.iter().find(|item| item.confirmable && !item.done) {
        None => String::new(),
        Some(_) if is_whole => format!("; when it is done: `keyrotation confirm {}`", state.id),
        Some(item) => format!("; item by item, when it is done: `keyrotation confirm {}`", item.name),
    }
}

/// Who has done it last and when; or how much of it is done.
fn remark(step: &StepState) -> String {
    if step.state == Mark::NotNeeded {
        return "not needed".to_owned();
    }
    let done = step.items.iter().filter(|item| item.done).count();
    if step.state != Mark::Done {
        return if done == 0 { String::new() } else { format!("{done} of {}", step.items.len()) };
    }
    let last = step.items.iter().filter(|item| item.at.is_some()).max_by_key(|item| item.at.clone());
    match last.map(|item| (item.at.as_deref(), item.by.as_deref())) {
        Some((Some(at), Some(by))) => format!("{} by {by}", second(at)),
        Some((Some(at), None)) => second(at),
        _ => String::new(),
    }
}

/// One step: what to do, and what makes it done.
pub fn page(state: &StepState, advice: &[Advice]) -> String {
    let mut out = format!("{}. {} ({})\n\n", state.number, state.title, state.state.word());
    for line in advice {
        let _ = match line {
            Advice::Say(text) => writeln!(out, "{}", wrapped(text)),
            Advice::Command(command) => writeln!(out, "     {command}"),
        };
    }
    out.push('\n');
    items_of(state, &mut out);
    out
}

/// Words in lines of a terminal's width, indented; an item of a list hangs.
fn wrapped(text: &str) -> String {
    let most = fit::columns().map_or(WIDTH, |columns| columns.min(WIDTH));
    let (first, rest) = if text.starts_with("  ") { (5, 7) } else { (3, 3) };
    hung(&spelled(text), first, rest, most)
}

/// Words in lines of no more than so many columns: the first is indented by `first`, the others by `rest`.
fn hung(text: &str, first: usize, rest: usize, most: usize) -> String {
    let (mut out, mut width) = (" ".repeat(first), first);
    for (at, word) in text.split_whitespace().enumerate() {
        let length = word.chars().count();
        if at > 0 && width + 1 + length > most {
            let _ = write!(out, "\n{:rest$}{word}", "");
            width = rest + length;
        } else {
            let space = if at > 0 { " " } else { "" };
            let _ = write!(out, "{space}{word}");
            width += space.len() + length;
        }
    }
    out
}

/// Every item, as `confirm --list` shows them.
pub fn items(progress: &Progress) -> String {
    let mut out = String::new();
    for step in progress.steps.iter().filter(|step| step.state != Mark::NotNeeded) {
        let _ = writeln!(out, "{}. {}: {}", step.number, step.id, step.title);
        items_of(step, &mut out);
    }
    out
}

fn items_of(state: &StepState, out: &mut String) {
    for item in &state.items {
        let mark = if item.done { "x" } else { " " };
        let _ = write!(out, "   [{mark}] {:<22}  {}", item.name, item.title);
        if let Some(at) = &item.at {
            let _ = write!(out, "; {}", second(at));
        }
        if let Some(by) = &item.by {
            let _ = write!(out, " by {by}");
        }
        if let Some(note) = &item.note {
            let _ = write!(out, ": {}", printable(note));
        }
        if !item.done && !item.confirmable {
            out.push_str(" (checked, not confirmed)");
        }
        out.push('\n');
    }
}
