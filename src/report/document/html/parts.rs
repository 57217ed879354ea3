//! The sections on one journal.

use maud::{Markup, html};

use super::charts;
use super::words::{foreign, moment, mono, span};
use crate::document::{Document, RotationPart, StepPart, SyncPart, TargetPart};
use crate::steps::words_of;
use crate::{VERIFIED, VERIFY_DIFFERENCES, thousands};

/// The sections that a journal has, with their titles.
pub(super) fn sections(rotation: &RotationPart) -> Vec<(&'static str, &'static str)> {
    let has_course = !rotation.throughput.rows.values.is_empty();
    [
        ("scope", "Scope", true),
        ("tables", "What was rotated", true),
        ("throughput", "Throughput", has_course),
        ("sync", "Sync", rotation.sync.is_some()),
        ("verification", "Verification", true),
        ("sessions", "Who and when", true),
        ("steps", "Steps by hand", true),
        ("evidence", "Evidence", true),
    ]
    .into_iter()
    .filter(|(.., is_there)| *is_there)
    .map(|(id, title, _)| (id, title))
    .collect()
}

/// Whether something could not be moved to the new key.
pub(super) fn has_failures(rotation: &RotationPart) -> bool {
    rotation.all().any(|target| target.view.failed > 0)
}

/// What somebody has to see to before anything else.
pub(super) fn first(document: &Document, rotation: &RotationPart, number: usize) -> Markup {
    let id = format!("failures-{number}");
    html! {
        @if has_failures(rotation) {
            section aria-labelledby=(id) {
                h2 id=(id) {
                    "Failures"
                    @if document.rotations.len() > 1 { " of rotation " (mono(&rotation.rotation_id)) }
                }
                (failures(rotation))
            }
        }
    }
}

/// Everything on one journal.
pub(super) fn rotation(document: &Document, rotation: &RotationPart, number: usize) -> Markup {
    let is_one = document.rotations.len() == 1;
    html! {
        article id={ "rotation-" (number) } {
            @if !is_one {
                h2 { "Rotation " (mono(&rotation.rotation_id)) }
            }
            @for (name, title) in sections(rotation) {
                @let id = format!("{name}-{number}");
                section aria-labelledby=(id) {
                    @if is_one { h2 id=(id) { (title) } } @else { h3 id=(id) { (title) } }
                    (section(rotation, name, &id))
                }
            }
        }
    }
}

fn section(rotation: &RotationPart, name: &str, id: &str) -> Markup {
    match name {
        "scope" => scope(rotation),
        "tables" => tables(rotation, id),
        "throughput" => charts::throughput(&rotation.throughput, id),
        "sync" => html! { @if let Some(part) = &rotation.sync { (sync(part, id)) } },
        "verification" => verification(rotation),
        "sessions" => sessions(rotation),
        "steps" => steps(rotation),
        _ => evidence(rotation),
    }
}

/// What is counted of a table that is kept in step, and of a verification.
const SYNCED: [&str; 5] = ["carried over", "superseded", "waiting", "held", "failed"];
const COMPARED: [&str; 8] =
    ["compared", "as recorded", "gone", "new", "changed", "failed", "bad", "differences"];

/// A table that may be wider than the screen.
fn wide(label: &str, table: &Markup) -> Markup {
    html! { div.scroll tabindex="0" role="region" aria-label=(label) { (table) } }
}

fn scope(rotation: &RotationPart) -> Markup {
    let plan = &rotation.plan;
    let place = |what: &Option<String>| {
        html! {
            @match what { Some(place) => (mono(place)), None => span.none { "not part of it" } }
        }
    };
    let copy = if plan.mode.is_in_place() { " (in place)" } else { " (the copy)" };
    html! {
        dl.facts.card.rows {
            div { dt { "Rotation" } dd { (mono(&rotation.rotation_id)) } }
            div { dt { "State" } dd { (rotation.state) @if let Some(error) = &rotation.error { ": " (foreign(error)) } } }
            div { dt { "Identity database" (copy) } dd { (place(&plan.identity_database)) } }
            div { dt { "Registry database" (copy) } dd { (place(&plan.registry_database)) } }
            @for (name, database) in &plan.stores {
                div { dt { "Store " (name) (copy) } dd { (mono(database)) } }
            }
            div { dt { "Home" (copy) } dd { (place(&plan.home)) } }
            @if plan.old_identity_database.is_some() {
                div { dt { "Changes carried over from" } dd { (place(&plan.old_identity_database)) } }
            }
            @if !plan.places.is_empty() {
                div { dt { "As connected" } dd { @for place in &plan.places { div { (mono(place)) } } } }
            }
            div { dt { "Transformation" } dd { (plan.transformation) } }
            div { dt { "Begun with" } dd { "keyrotation " (rotation.version) } }
        }
    }
}

fn tables(rotation: &RotationPart, id: &str) -> Markup {
    let sum = |count: charts::Count| thousands(rotation.all().map(|target| count(&target.view)).sum());
    let row = |place: usize, target: &TargetPart| {
        html! {
            tr {
                th scope="row" {
                    @if target.view.place == target.view.label {
                        (target.view.label)
                    } @else {
                        code.name { (target.view.place) }
                        span.label { (target.view.label) }
                    }
                    @if let Some(reason) = &target.view.skipped { span.label { "skipped: " (foreign(reason)) } }
                    @for again in &target.times.reopened {
                        span.label { "taken up again " (moment(Some(&again.at))) ": " (foreign(&again.reason)) }
                    }
                }
                td.bar { (charts::outcomes(&target.view, &format!("{id}-bar-{place}"))) }
                @for (_, word, count) in charts::OUTCOMES { (number(word, count(&target.view))) }
                td.n data-label="sweeps" { (sweeps(target)) }
                td.n data-label="time" { @match target.times.milliseconds { Some(time) => (span(time)), None => span.none { (target.view.state) } } }
            }
        }
    };
    html! {
        (charts::legend())
        (wide("Outcomes by table and file group", &html! {
            table {
                caption.hidden { "Outcomes by table and file group" }
                thead {
                    tr {
                        th scope="col" { "Table or files" }
                        th scope="col" { "Outcome" }
                        @for (_, word, _) in charts::OUTCOMES { th.n scope="col" { (word) } }
                        th.n scope="col" { "sweeps" }
                        th.n scope="col" { "time" }
                    }
                }
                tbody { @for (place, target) in rotation.all().enumerate() { (row(place, target)) } }
                tfoot {
                    tr {
                        th scope="row" { "In all" }
                        td {}
                        @for (_, word, count) in charts::OUTCOMES { td.n data-label=(word) { (sum(count)) } }
                        td {} td {}
                    }
                }
            }
        }))
        p.small {
            "Rotated: decrypted with the old key, encrypted with the new one, decrypted again and compared \
             before it was written. "
            "Plain and NULL: no encrypted value. Gone: deleted by others meanwhile. Sweeps: read-only passes over the whole "
            "table for values still under the old key; the last one of a finished table found none."
        }
    }
}

/// A count of what a word says; a zero steps back. On a small screen the word stands beside it.
fn number(word: &str, count: u64) -> Markup {
    html! { @if count == 0 { td.n.zero data-label=(word) { "0" } } @else { td.n data-label=(word) { (thousands(count)) } } }
}

fn sweeps(target: &TargetPart) -> Markup {
    let strays: u64 = target.times.sweeps.iter().map(|sweep| sweep.strays).sum();
    html! {
        (target.times.sweeps.len())
        @if strays > 0 { " (" (thousands(strays)) " strays)" }
    }
}

fn failures(rotation: &RotationPart) -> Markup {
    let listed: u64 = rotation.all().map(|target| target.view.failures.len() as u64).sum();
    let failed: u64 = rotation.all().map(|target| target.view.failed).sum();
    html! {
        p { "These values were left as they were. " code { "keyrotation resume --retry-failed" } " tries them again." }
        (wide("Failures", &html! {
            table {
                caption.hidden { "Values that could not be moved to the new key" }
                thead { tr {
                    th scope="col" { "Table or files" } th scope="col" { "Key" } th scope="col" { "Column" } th scope="col" { "Reason" }
                } }
                tbody {
                    @for target in rotation.all() {
                        @for failure in &target.view.failures {
                            tr {
                                td { code.name { (target.view.place) } }
                                th.text scope="row" { (foreign(&failure.key)) }
                                td data-label="column" { code.name { (failure.column) } }
                                td data-label="reason" { (foreign(&failure.reason)) }
                            }
                        }
                    }
                }
            }
        }))
        @if listed < failed {
            p.small {
                "The first hundred of each table are listed; all are in " code { "keyrotation report --format json --rows" } "."
            }
        }
    }
}

fn sync(part: &SyncPart, id: &str) -> Markup {
    let view = &part.view;
    html! {
        p {
            "Began " (moment(view.started_at.as_deref())) ". "
            strong { (thousands(view.applied)) } " rows were carried over, "
            (thousands(view.superseded)) " left alone since the new server has made them its own; "
            (thousands(view.pending)) " entries wait, " (thousands(view.held)) " rows are held, "
            (thousands(view.failed)) " have failed" @if view.drained { "; drained." } @else { "; not drained." }
        }
        @if part.lag.milliseconds.values.is_empty() {
            p.small { "No lag was recorded." }
        } @else {
            (charts::lag(&part.lag.milliseconds, id))
        }
        (wide("Sync by table", &html! {
            table {
                caption.hidden { "Sync by table" }
                thead { tr {
                    th scope="col" { "Table" }
                    @for word in SYNCED { th.n scope="col" { (word) } }
                } }
                tbody { @for table in &view.tables { tr {
                    th scope="row" {
                        code.name { (table.place) }
                        @if let Some(reason) = &table.skipped { span.label { "skipped: " (foreign(reason)) } }
                    }
                    @for (word, count) in SYNCED.into_iter().zip([table.applied, table.superseded, table.pending, table.held, table.failed]) { (number(word, count)) }
                } } }
            }
        }))
    }
}

fn verification(rotation: &RotationPart) -> Markup {
    if rotation.verifications.is_empty() {
        return html! { p { "Nothing was verified. " code { "keyrotation verify" } " reads every row and file again and compares it with the journal." } };
    }
    html! {
        (wide("Verifications", &html! {
            table {
                caption.hidden { "What keyrotation verify found" }
                thead { tr {
                    th scope="col" { "When" } th scope="col" { "By" } th scope="col" { "Mode" }
                    @for word in COMPARED {
                        th.n scope="col" { (word) }
                    }
                } }
                tbody { @for each in &rotation.verifications { tr {
                    th scope="row" {
                        (moment(Some(&each.at)))
                        @if each.is_stale { span.label { "rows were written after it" } }
                    }
                    td.by { (foreign(&each.user)) " on " (foreign(&each.host)) }
                    td.mode {
                        @if each.found.is_whole() { "every row" } @else { "sample of " (each.found.sample) }
                        @if each.found.live { ", server running" }
                        @if each.found.outside.is_some() { ", outside the targets, too" }
                        @if each.found.in_targets() != each.found.differences { span.label { (each.found.words()) } }
                        span.label { (thousands(each.found.chunks_checked)) " of " (thousands(each.found.chunks)) " chunks" }
                    }
                    @let found = &each.found;
                    @for (word, count) in COMPARED.into_iter().zip([found.rows, found.same, found.gone, found.new, found.changed, found.failed, found.bad, found.differences]) { (number(word, count)) }
                } } }
            }
        }))
        p.small { "Each verification also checked the whole chain of the journal with the key. Bad: under \
                   the old key, unreadable, or with another plaintext than was recorded." }
    }
}

/// What can be resumed has not failed.
fn how_it_ended(word: &str) -> &str {
    if word == "failed" { "stopped by an error" } else { word }
}

fn sessions(rotation: &RotationPart) -> Markup {
    html! {
        (wide("Sessions", &html! {
            table {
                caption.hidden { "Processes that worked on the rotation" }
                thead { tr {
                    th scope="col" { "Began" } th scope="col" { "Ended" } th scope="col" { "How" } th scope="col" { "By" } th scope="col" { "Command" }
                } }
                tbody { @for each in &rotation.sessions { tr {
                    th scope="row" { (moment(Some(&each.started_at))) }
                    td data-label="ended" { (moment(Some(&each.ended_at))) @if matches!(each.end, "killed" | "running") { span.label { "last heard of" } } }
                    td.text { (how_it_ended(each.end)) @if let Some(error) = &each.error { span.label { (foreign(error)) } } }
                    td.by { (foreign(&each.user)) " on " (foreign(&each.host)) span.label { "process " (each.pid) ", version " (each.version) } }
                    td.text { code { (foreign(&each.command)) } }
                } } }
            }
        }))
        @if rotation.sessions.iter().any(|session| session.end == "killed") {
            p.small { "A session without an end was killed, or its machine went down; the next one \
                       continued where it had stopped." }
        }
    }
}

fn steps(rotation: &RotationPart) -> Markup {
    // What `verify` found stands above; a clock that was put back is no reason to tell it later.
    let is_told = |step: &&StepPart| [VERIFIED, VERIFY_DIFFERENCES].contains(&&*step.name);
    let mut steps: Vec<&StepPart> = rotation.steps.iter().filter(|step| !is_told(step)).collect();
    steps.sort_by(|one, other| one.at.cmp(&other.at));
    if steps.is_empty() {
        return html! { p { "No step was recorded." } };
    }
    html! {
        (wide("Steps", &html! {
            table {
                caption.hidden { "Steps that people took, or the program outside of a session" }
                thead { tr { th scope="col" { "When" } th scope="col" { "Step" } th scope="col" { "By" } th scope="col" { "Note" } } }
                tbody { @for step in &steps { tr {
                    td { (moment(Some(&step.at))) }
                    th.step scope="row" {
                        (foreign(&step.name))
                        @if step.taken_back { span.label { "taken back later" } }
                        @if !step.in_log { span.label { "beside the log" } }
                    }
                    td.by { (foreign(&step.user)) " on " (foreign(&step.host)) }
                    td.text { (foreign(&words_of(&step.name, &step.note))) }
                } } }
            }
        }))
        @if steps.iter().any(|step| !step.in_log) {
            p.small { "Steps beside the log were confirmed after the last session; the chain does not cover \
                       them until a later session records them." }
        }
    }
}

fn evidence(rotation: &RotationPart) -> Markup {
    let log = &rotation.log;
    html! {
        dl.facts.card.rows {
            div { dt { "Events" } dd { (thousands(log.events)) " in " (thousands(log.groups)) " groups, format " (log.format) } }
            div { dt { "Last recorded" } dd { (moment(Some(&rotation.updated_at))) } }
            div { dt { "SHA-256 of the log" } dd { (mono(&log.sha256)) } }
            div { dt { "Head of the chain" } dd { (mono(&log.chain_head)) } }
            div {
                dt { "Chain" }
                dd {
                    @match &log.chain_checked {
                        Some((events, at)) if *events >= log.events => {
                            "checked whole with the key by verify, " (moment(Some(at)))
                        }
                        Some((events, at)) => {
                            "checked with the key by verify up to event " (thousands(*events)) ", " (moment(Some(at)))
                        }
                        None => "not checked with the key: verify was not run",
                    }
                    span.label {
                        @if log.macs_checked {
                            "the MACs of all records were checked with the new key for this report"
                        } @else {
                            "the checksums of all records were checked for this report, which needs no key; \
                             checksums find accidents, not edits"
                        }
                    }
                }
            }
        }
    }
}
