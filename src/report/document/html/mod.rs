//! The report as one page: for people, for printers, and for readers in three years.
//!
//! Invariants: it loads nothing, works without scripts, and says in words what it says in colours.
//! All text of others is escaped by the template engine and passes through [`visible`] first.

mod charts;
mod parts;
#[cfg(test)]
mod tests;
mod words;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::periods::is_in_place;
use super::safe::visible;
use super::{Document, Level, RotationPart};
use crate::thousands;
use words::{moment, mono};

/// The `meta` element that says how the page was made, as JSON.
pub const META: &str = "keyrotation-report";

const STYLE: &str = include_str!("style.css");

/// Nothing is loaded, nothing runs; the style stands in the page itself.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The whole page.
pub(super) fn page(document: &Document) -> String {
    // A struct of texts and numbers always serializes.
    let made = serde_json::to_string(&document.made).unwrap_or_default();
    let of = document.made.title.as_deref().map(|title| format!(", {}", visible(title))).unwrap_or_default();
    let title = format!("Key rotation report{of}: {}", document.verdict.headline);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta name="robots" content="noindex";
                meta name=(META) content=(made);
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the report" }
                (header(document))
                (contents(document))
                main #main tabindex="-1" {
                    @for (number, rotation) in (1_usize..).zip(&document.rotations) {
                        (parts::first(document, rotation, number))
                    }
                    (periods(document))
                    @for (number, rotation) in (1_usize..).zip(&document.rotations) {
                        (parts::rotation(document, rotation, number))
                    }
                    (about(document))
                }
                (footer(document))
            }
        }
    };
    page.into_string() + "\n"
}

fn header(document: &Document) -> Markup {
    let (class, mark) = match document.verdict.level {
        Level::Good => ("good", "✓"),
        Level::Attention => ("attention", "!"),
        Level::Bad => ("bad", "✕"),
    };
    let totals = &document.totals;
    let reason = document.rotations.iter().find_map(|rotation| rotation.reason.as_ref());
    let began = document.rotations.iter().map(|rotation| &rotation.started_at).min();
    let done: Option<Vec<&String>> =
        document.rotations.iter().map(|rotation| rotation.finished_at.as_ref()).collect();
    html! {
        header class=(class) {
            p.kicker {
                "Key rotation report"
                @if let Some(title) = &document.made.title { ": " bdi { (super::safe::excerpt(title, 300)) } }
            }
            h1 { span.mark aria-hidden="true" { (mark) } " " (document.verdict.headline) }
            p.lead {
                strong { (thousands(totals.rotated_rows)) } " rows and "
                strong { (thousands(totals.rotated_files)) } " files were moved to the new key, "
                (thousands(totals.already_new)) " were under it before, "
                (thousands(totals.failed)) " could not be moved."
            }
            @if !document.verdict.reasons.is_empty() {
                ul.reasons { @for reason in &document.verdict.reasons { li { (visible(reason)) } } }
            }
            p.keys {
                span.key { span.label { "Old key" } (mono(&document.old_key)) }
                span.arrow role="img" aria-label="replaced by" { "→" }
                span.key { span.label { "New key" } (mono(&document.new_key)) }
                span.hint { "fingerprints; the keys themselves are in no report" }
            }
            dl.facts {
                div { dt { "Reason" } dd { (reason_of(reason)) } }
                div { dt { "Begun" } dd { (moment(began.map(String::as_str))) } }
                div {
                    dt { "Finished" }
                    dd { (moment(done.and_then(|done| done.into_iter().max()).map(String::as_str))) }
                }
                div { dt { "Verified" } dd { (verified(document)) } }
            }
        }
    }
}

fn reason_of(reason: Option<&(String, String)>) -> Markup {
    html! {
        @match reason {
            None => span.none { "not stated" },
            Some((word, note)) => {
                bdi { (visible(word)) }
                @if !note.is_empty() { ": " bdi { (super::safe::excerpt(note, 300)) } }
            }
        }
    }
}

/// When each journal was verified, by what counts: the first of them; nothing if one never was.
fn verified(document: &Document) -> Markup {
    let all: Option<Vec<&str>> = document
        .rotations
        .iter()
        .map(|rotation| rotation.standing.verified().map(|found| found.at.as_str()))
        .collect();
    moment(all.and_then(|all| all.into_iter().min()))
}

fn contents(document: &Document) -> Markup {
    let is_one = document.rotations.len() == 1;
    html! {
        nav aria-label="Contents" {
            ul {
                @for (number, _) in (1_usize..).zip(&document.rotations).filter(|(_, rotation)| parts::has_failures(rotation)) {
                    li { a href={ "#failures-" (number) } { "Failures" } }
                }
                li { a href="#cryptoperiods" { "Cryptoperiods" } }
                @for (number, rotation) in (1_usize..).zip(&document.rotations) {
                    @if is_one {
                        @for (id, title) in parts::sections(rotation) {
                            li { a href={ "#" (id) "-" (number) } { (title) } }
                        }
                    } @else {
                        li { a href={ "#rotation-" (number) } { "Rotation " (short(rotation)) } }
                    }
                }
                li { a href="#about" { "About this report" } }
            }
        }
    }
}

fn short(rotation: &RotationPart) -> &str {
    rotation.rotation_id.split('-').next().unwrap_or_default()
}

fn periods(document: &Document) -> Markup {
    let periods = &document.cryptoperiods;
    let said = |date: Option<&String>, otherwise: &str| {
        html! {
            @match date { Some(date) => time datetime=(date) { (date) }, None => span.none { (otherwise) } }
        }
    };
    let end_of_use = if is_in_place(&document.rotations) {
        "Out of use (every server has the new key alone)"
    } else {
        "Out of use (old server stopped)"
    };
    let days = periods.old_days_in_use.and_then(|days| u64::try_from(days).ok());
    html! {
        section aria-labelledby="cryptoperiods" {
            h2 #cryptoperiods { "Cryptoperiods" }
            div.columns {
                dl.facts.card {
                    div { dt { "Old key" } dd { (mono(&document.old_key)) } }
                    div {
                        dt { "In use since" }
                        dd { (said(periods.old_in_use_since.as_ref(), "unknown: the journal cannot tell")) }
                    }
                    div {
                        dt { "Last value moved off it" }
                        dd {
                            (moment(periods.old_replaced_at.as_deref()))
                            @if let Some(days) = days { ", after " (thousands(days)) " days" }
                        }
                    }
                    div {
                        dt { (end_of_use) }
                        dd { (confirmed(periods.old_server_stopped_at.as_deref())) }
                    }
                    div {
                        dt { "Destroyed or sealed" }
                        dd { (confirmed(periods.old_destroyed_at.as_deref())) }
                    }
                }
                dl.facts.card {
                    div { dt { "New key" } dd { (mono(&document.new_key)) } }
                    div { dt { "In use since" } dd { (moment(Some(&periods.new_in_use_since))) } }
                    div {
                        dt { "Next rotation due" }
                        dd { (said(Some(&periods.next_rotation_due), "")) }
                    }
                    div { dt { "By" } dd.small { (periods.due_by) } }
                }
            }
        }
    }
}

fn confirmed(at: Option<&str>) -> Markup {
    html! { @if at.is_some() { (moment(at)) ", as confirmed" } @else { span.none { "not confirmed" } } }
}

fn about(document: &Document) -> Markup {
    let made = &document.made;
    html! {
        section aria-labelledby="about" {
            h2 #about { "About this report" }
            div.prose {
                p {
                    "It was made from the journal of the rotation alone, without keys and without the databases. "
                    "The journal holds no key, no plaintext and no ciphertext, and neither does this report. "
                    @if made.redacted {
                        "User names and keys of rows are replaced by keyed digests: the same name has the same "
                        "digest throughout, and in every redacted report on this journal. Without the journal no name "
                        "can be tried out. Notes, hosts and reasons are as they were recorded."
                    } @else {
                        "It holds names of users and keys of rows, which may be personal data; "
                        code { "--redact" } " leaves them out."
                    }
                }
                p {
                    "To check that it is what the journal says, run " code { "keyrotation report --check FILE" }
                    " beside the journal. To check that the journal is unchanged, and that every row still is what "
                    "the journal says, run " code { "keyrotation verify" } ", which needs the new key."
                }
                p {
                    "Every row, one by one, is in " code { "keyrotation report --format json --rows" }
                    ". Rows that hold no encrypted value are counted and not listed."
                }
            }
        }
    }
}

fn footer(document: &Document) -> Markup {
    let made = &document.made;
    html! {
        footer {
            p {
                "Made " (moment(Some(&made.at))) " by " bdi { (visible(&made.user)) } " on "
                bdi { (visible(&made.host)) } " with keyrotation " (made.version) "."
            }
        }
    }
}
