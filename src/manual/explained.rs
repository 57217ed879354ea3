//! What an error id or a check of `preflight` means, found by its name.

use std::fmt::Write as _;

use serde::Serialize;

use super::plain::as_text;
use crate::error::{Error, Id, Result};
use crate::plan::preflight::{Check, checks};

/// How many names are offered where one is not known.
const OFFERED: usize = 3;

/// What can be explained.
#[derive(Debug, Clone, Copy)]
pub enum Topic {
    /// An error id.
    Error(Id),
    /// A check of `preflight`.
    Check(&'static Check),
}

/// One line of the list.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    id: &'static str,
    title: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<u8>,
}

/// Everything that can be explained.
#[derive(Debug, Serialize)]
pub struct Index {
    errors: Vec<Entry>,
    checks: Vec<Entry>,
}

/// Everything that can be explained.
pub fn index() -> Index {
    let error = |id: &Id| Entry { id: id.code(), title: id.meaning(), exit_code: Some(id.exit() as u8) };
    let check = |check: &Check| Entry { id: check.id, title: check.title, exit_code: None };
    Index { errors: Id::ALL.iter().map(error).collect(), checks: checks().map(check).collect() }
}

impl Index {
    /// For people: a line each.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (title, entries) in [("Errors", &self.errors), ("\nChecks of `preflight`", &self.checks)] {
            let width = entries.iter().map(|entry| entry.id.len()).max().unwrap_or_default();
            let _ = writeln!(out, "{title}:");
            for Entry { id, title, .. } in entries {
                let _ = writeln!(out, "  {id:<width$}  {title}");
            }
        }
        out
    }
}

/// Every name that can be explained.
pub fn names() -> impl Iterator<Item = &'static str> {
    Id::ALL.iter().map(|id| id.code()).chain(checks().map(|check| check.id))
}

/// Finds what a name stands for, in upper or lower case.
pub fn find(typed: &str) -> Result<Topic> {
    if let Some(id) = Id::ALL.iter().find(|id| id.code().eq_ignore_ascii_case(typed)) {
        return Ok(Topic::Error(*id));
    }
    if let Some(check) = checks().find(|check| check.id.eq_ignore_ascii_case(typed)) {
        return Ok(Topic::Check(check));
    }
    // Comparing takes time with the product of the lengths, and no name is that long.
    let typed: String = typed.chars().take(64).collect();
    let (upper, lower) = (typed.to_uppercase(), typed.to_lowercase());
    let near = |name: &str| {
        let likeness = |typed: &str| strsim::normalized_damerau_levenshtein(typed, name);
        likeness(&upper).max(likeness(&lower))
    };
    let mut names: Vec<_> = names().collect();
    names.sort_by(|one, other| near(other).total_cmp(&near(one))); // stable: the table's order among equals
    names.truncate(OFFERED);
    let what = format!("{} is neither an error id nor a check", typed.escape_default());
    let fix = format!("near it: {}; `keyrotation explain` lists them all", names.join(", "));
    Err(Error::new(Id::CommandLineValue, what).fix(fix))
}

impl Topic {
    /// For people.
    pub fn text(self) -> String {
        let check = match self {
            Self::Error(id) => return as_text(id.page()),
            Self::Check(check) => check,
        };
        let mut out = format!("{}\n\nA check of `keyrotation preflight`.\n", check.id);
        let mut part = |title: &str, text: &str| {
            if !text.is_empty() {
                let _ = write!(out, "\n{title}\n\n{text}.\n");
            }
        };
        part("What should be so", check.title);
        part("It warns when", check.warns);
        let refuses = |id: &Id| format!("[{id}] {}", id.meaning());
        part("It refuses with", &check.refuses.iter().map(refuses).collect::<Vec<_>>().join(";\n"));
        let mut fixes: Vec<_> = check.refuses.iter().map(|id| id.remedy()).collect();
        fixes.extend((!check.fix.is_empty()).then_some(check.fix));
        part("What to do now", &fixes.join(";\n"));
        out
    }

    /// For programs.
    pub fn document(self) -> serde_json::Value {
        match self {
            Self::Error(id) => serde_json::json!({
                "schema": 1, "kind": "error", "id": id.code(), "title": id.meaning(), "exit_code": id.exit() as u8,
                "data_safe": id.safe(), "to_do": id.remedy(), "page": id.page(),
            }),
            Self::Check(check) => serde_json::json!({
                "schema": 1, "kind": "check", "id": check.id, "title": check.title, "warns": check.warns,
                "refuses": check.refuses.iter().map(|id| id.code()).collect::<Vec<_>>(), "to_do": check.fix,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_has_a_page() {
        for name in names() {
            let topic = find(&name.to_lowercase()).unwrap();
            let text = topic.text();
            assert!(text.starts_with(name), "{name}: {text}");
            assert!(!text.contains("](") && !text.contains("\n#"), "{name} shows Markdown: {text}");
            assert_eq!(topic.document()["id"], name);
            assert!(index().text().contains(&format!("  {name} ")), "{name} is not in the list");
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_near_ones() {
        let error = find("KR-DB-009").unwrap_err();
        assert_eq!(error.id(), Id::CommandLineValue);
        assert!(error.remedy().contains("KR-DB-00"), "{error}");
        let error = find("databases-reachabel").unwrap_err();
        assert!(error.remedy().starts_with("near it: databases-reachable,"), "{error}");
        assert!(find(&"é\u{1b}[2J".repeat(5000)).unwrap_err().what().is_ascii());
    }
}
