//! The commands in the documentation that are tagged `fast`, executed as they stand.
//!
//! Those of the runbook's two days are executed in their order by `sync::day`; the others here, on a
//! deployment that is rotated. What is tagged `long` is only parsed (`tests/docs.rs`).

use std::fs;
use std::path::{Path, PathBuf};

use crate::kit::Kit;

/// The pages whose sections of the runbook are days of their own.
const DAYS: [&str; 2] = ["Zero downtime", "Maintenance window"];

/// A command of a page: under which heading it stands, how its block is tagged, and its words.
struct Command {
    section: String,
    tag: String,
    arguments: Vec<String>,
}

/// The commands in one section of docs/runbook.md, in their order: all of them are executed.
pub(crate) fn of_the_day(section: &str) -> Vec<Vec<String>> {
    let all = commands(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbook.md"));
    let of_section = all.into_iter().filter(|command| command.section.starts_with(section));
    let arguments = |command: Command| {
        assert_eq!(command.tag, "fast", "{:?} is executed", command.arguments);
        command.arguments
    };
    of_section.map(arguments).collect()
}

/// The commands of a page that call this program.
fn commands(page: &Path) -> Vec<Command> {
    let (mut section, mut tag, mut found) = (String::new(), None, Vec::new());
    for line in fs::read_to_string(page).unwrap().lines().map(str::trim) {
        match (line.strip_prefix("```"), &tag) {
            (Some(_), Some(_)) => tag = None,
            (Some(language), None) => tag = Some(language.strip_prefix("sh ").unwrap_or("").to_owned()),
            (None, Some(tag)) if !tag.is_empty() => found.extend(arguments(line).map(|arguments| Command {
                section: section.clone(),
                tag: tag.clone(),
                arguments,
            })),
            (None, None) => section = line.strip_prefix("## ").map_or(section, str::to_owned),
            (None, Some(_)) => {}
        }
    }
    found
}

/// The words after the program's name; what stands in single quotes is one word.
fn arguments(command: &str) -> Option<Vec<String>> {
    let command = command.strip_prefix("keyrotation ")?;
    let mut words = Vec::new();
    for (at, part) in command.split('\'').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    Some(words)
}

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    pages.sort();
    pages.insert(0, root.join("README.md"));
    pages
}

#[test]
fn what_is_tagged_fast_works_as_it_stands() {
    let kit = Kit::rotated();
    let mut executed = 0;
    for page in pages() {
        let is_runbook = page.ends_with("docs/runbook.md");
        for command in commands(&page) {
            let is_of_a_day = is_runbook && DAYS.contains(&command.section.as_str());
            if command.tag != "fast" || is_of_a_day {
                continue;
            }
            let words: Vec<&str> = command.arguments.iter().map(String::as_str).collect();
            let ran = kit.run_as(kit.command(&words).current_dir(kit.folder()));
            assert_eq!(ran.code(), Some(0), "{}: {words:?}: {ran}", page.display());
            executed += 1;
        }
    }
    assert!(executed >= 15, "only {executed} commands were executed: the search for them is broken");
}
