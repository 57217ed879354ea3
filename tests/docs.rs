//! The documentation against the program: commands parse, tables match the code, links lead somewhere.
//!
//! Every line of a fenced `sh` block counts as a command, and so does inline code that begins with
//! `keyrotation`. Nothing is executed here: a block is tagged `fast` if a test does that
//! (`tests/e2e/sqlite/documented.rs`), and `long` if not.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use clap::error::ErrorKind;
use keyrotation::cli::args::Cli;
use keyrotation::config::Key;
use keyrotation::error::Id;
use keyrotation::exit::Exit;
use keyrotation::manual::each_example;
use keyrotation_target::TargetRegistry;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A page and its text.
struct Page {
    path: PathBuf,
    text: String,
}

impl Page {
    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text }
    }

    fn named(relative: &str) -> Self {
        Self::read(Path::new(ROOT).join(relative))
    }

    /// The lines outside fenced blocks, and those inside with the block's language.
    fn lines(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        let mut block = None;
        self.text.lines().filter_map(move |line| {
            let Some(fence) = line.trim_start().strip_prefix("```") else { return Some((block, line)) };
            block = if block.is_some() { None } else { Some(fence.trim()) };
            None
        })
    }

    fn prose(&self) -> impl Iterator<Item = &str> {
        self.lines().filter(|(block, _)| block.is_none()).map(|(_, line)| line)
    }

    fn commands(&self) -> Vec<&str> {
        let in_blocks = self.lines().filter(|(block, _)| is_shell(*block)).map(|(_, line)| line.trim());
        let inline = self.prose().flat_map(inline_code).filter(|code| code.starts_with("keyrotation "));
        in_blocks.chain(inline).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
    }

    /// The anchors that a link may name, made from the headings as code forges make them.
    fn anchors(&self) -> BTreeSet<String> {
        let headings = self.prose().filter_map(|line| line.strip_prefix('#'));
        let slug = |heading: &str| {
            let text = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.collect::<String>().replace(' ', "-")
        };
        headings.map(slug).collect()
    }

    /// The first cells of the rows of all tables, less the backticks around them.
    fn first_cells(&self) -> Vec<&str> {
        let rows = self.prose().filter_map(|line| line.trim().strip_prefix("| "));
        rows.filter_map(|row| row.split(" |").next()).map(|cell| cell.trim_matches('`')).collect()
    }
}

fn pages() -> Vec<Page> {
    let mut paths = vec![Path::new(ROOT).join("README.md"), Path::new(ROOT).join("CHANGELOG.md")];
    let docs = walkdir::WalkDir::new(Path::new(ROOT).join("docs")).sort_by_file_name();
    let files = docs.into_iter().map(|entry| entry.unwrap().into_path());
    paths.extend(files.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    paths.into_iter().map(Page::read).collect()
}

/// Whether a block holds commands.
fn is_shell(block: Option<&str>) -> bool {
    block.is_some_and(|block| block.split_whitespace().next() == Some("sh"))
}

/// The spans between single backticks.
fn inline_code(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The words of a shell command, if it calls this program; what is quoted is one word, nothing is
/// expanded.
fn arguments(command: &str) -> Option<Vec<String>> {
    let before = command.split_once(" > ").map_or(command, |(before, _)| before); // where its output goes
    let pieces = before.split(['\'', '"']).enumerate();
    let words: Vec<String> = pieces
        .flat_map(|(at, piece)| match at % 2 {
            0 => piece.split_whitespace().map(str::to_owned).collect(),
            _ => vec![piece.to_owned()],
        })
        .collect();
    let program = words.iter().position(|word| !word.contains('='))?;
    let words = &words[program..];
    match words.first()?.as_str() {
        "keyrotation" | "target/release/keyrotation" => Some(words[1..].to_vec()),
        "cargo" if words.get(1)? == "run" => {
            let own = words.iter().position(|word| word == "--")?;
            Some(words[own + 1..].to_vec())
        }
        _ => None,
    }
}

#[test]
fn every_command_parses() {
    let mut parsed = 0;
    for page in pages() {
        for line in page.prose() {
            let ticks = line.matches('`').count();
            assert!(
                ticks.is_multiple_of(2),
                "{}: code runs over the end of the line: {line}",
                page.path.display()
            );
        }
        for command in page.commands() {
            let Some(arguments) = arguments(command) else { continue };
            let typed: Vec<_> = std::iter::once("keyrotation".to_owned()).chain(arguments).collect();
            let help = typed.iter().take(2).cloned().chain(["--help".to_owned()]);
            let shown = Cli::try_parse_from(help).expect_err("`--help` ends it").kind();
            let is_help = typed.get(1).is_some_and(|word| word == "help");
            assert!(
                is_help || shown == ErrorKind::DisplayHelp,
                "{}: `{command}` has no help",
                page.path.display()
            );
            if let Err(error) = Cli::try_parse_from(typed) {
                // Help is a result, not a mistake; and a subcommand may be named without what it takes.
                let lacks = matches!(
                    error.kind(),
                    ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingRequiredArgument
                );
                let is_name = lacks && command.split_whitespace().count() == 2;
                assert!(is_name || !error.use_stderr(), "{}: `{command}`: {error}", page.path.display());
            }
            parsed += 1;
        }
    }
    assert!(parsed > 30, "only {parsed} commands were found: the search for them is broken");
}

/// Whoever adds commands says whether a test executes them.
#[test]
fn every_block_of_commands_is_tagged() {
    let mut tags = BTreeSet::new();
    for page in pages() {
        for (block, line) in page.lines().filter(|(block, _)| is_shell(*block)) {
            let tag = block.and_then(|block| block.strip_prefix("sh "));
            let is_known = tag.is_some_and(|tag| ["fast", "long"].contains(&tag));
            assert!(is_known, "{}: `{line}` stands in a block without `fast` or `long`", page.path.display());
            tags.extend(tag.map(str::to_owned));
        }
    }
    assert_eq!(tags.len(), 2, "{tags:?}");
}

/// The README's sections, from what it is to where all else stands; it is read in five minutes.
#[test]
fn the_readme_has_its_sections_in_order_and_is_short() {
    let readme = Page::named("README.md");
    let words = readme.text.split_whitespace().count();
    assert!(words < 1200, "README.md has {words} words: what is not for everybody belongs into docs");
    let found: Vec<_> = readme.prose().filter_map(|line| line.strip_prefix("## ")).collect();
    let expected = [
        "Try it",
        "Which way is yours?",
        "Install",
        "Supported versions and databases",
        "Documentation",
        "License",
    ];
    assert_eq!(found, expected);
}

#[test]
fn the_readme_begins_with_the_demo_and_has_one_line_for_all_tests() {
    let readme = Page::named("README.md");
    let commands: Vec<_> =
        readme.lines().filter(|(block, _)| is_shell(*block)).map(|(_, line)| line.trim()).collect();
    assert_eq!(commands.first(), Some(&"cargo run --release -- demo"));
    assert_eq!(commands.iter().filter(|command| **command == "bash tests/run.sh").count(), 1);
}

#[test]
fn every_subcommand_is_in_the_list_of_commands() {
    let page = Page::named("docs/commands.md");
    for command in <Cli as clap::CommandFactory>::command().get_subcommands() {
        let name = format!("keyrotation {}", command.get_name());
        assert!(page.first_cells().contains(&name.as_str()), "docs/commands.md has no row for `{name}`");
    }
}

/// What `--help` shows is parsed, too; every subcommand shows something.
#[test]
fn every_subcommand_has_examples_that_parse() {
    let mut names = BTreeSet::new();
    for (typed, does) in each_example() {
        assert!(typed.starts_with("keyrotation ") && !does.is_empty(), "{typed}: {does}");
        let typed: Vec<_> = typed.split_whitespace().map(|word| word.trim_matches('\'')).collect();
        names.insert(typed[1]);
        Cli::try_parse_from(&typed).unwrap_or_else(|error| panic!("{typed:?}: {error}"));
    }
    let command = <Cli as clap::CommandFactory>::command();
    let all = command.get_subcommands().map(clap::Command::get_name).collect();
    assert_eq!(names, all, "src/cli/examples.txt has examples of every subcommand");
}

#[test]
fn the_configuration_page_has_exactly_the_keys_that_are_known() {
    let page = Page::named("docs/configuration.md");
    let section = page.text.split("\n## ").find(|section| section.starts_with("Keys\n")).expect("## Keys");
    let section = Page { path: page.path.clone(), text: section.to_owned() };
    let documented: Vec<_> = section.first_cells().into_iter().filter(|cell| *cell != "Key").collect();
    let unique: BTreeSet<_> = documented.iter().copied().collect();
    assert_eq!(unique.len(), documented.len(), "a key has two rows");
    assert_eq!(unique, Key::ALL.iter().map(|key| key.name()).collect());
}

#[test]
fn the_page_of_the_scope_names_every_table_column_and_folder_that_is_rotated() {
    let page = Page::named("docs/scope.md");
    let known = TargetRegistry::built_in();
    for target in known.tables() {
        let row = page.prose().find(|line| line.contains(&format!("| `{}` |", target.relation.table)));
        let row = row.unwrap_or_else(|| panic!("docs/scope.md has no row for {}", target.relation.table));
        for column in &target.values {
            assert!(
                row.contains(&format!("`{}`", column.name)),
                "{}: {}",
                target.relation.table,
                column.name
            );
        }
    }
    let tables =
        page.prose().filter(|line| line.starts_with("| identity |") || line.starts_with("| registry |"));
    assert_eq!(tables.count(), known.tables().len());
    for folder in known.files().iter().flat_map(|group| &group.folders) {
        assert!(page.text.contains(&format!("`{folder}`")), "docs/scope.md does not name {folder}");
    }
}

#[test]
fn every_exit_code_is_explained() {
    let all = [
        Exit::Done,
        Exit::Differences,
        Exit::Usage,
        Exit::Environment,
        Exit::Journal,
        Exit::Human,
        Exit::NotRunning,
        Exit::TimedOut,
        Exit::Interrupted,
    ];
    assert!(Id::ALL.iter().all(|id| all.contains(&id.exit())));
    let page = Page::named("docs/exit-codes.md");
    let codes: BTreeSet<u8> = page.first_cells().iter().filter_map(|cell| cell.parse().ok()).collect();
    assert_eq!(codes, all.iter().map(|exit| *exit as u8).collect());
}

/// The index leads to every page but those of single errors, once, under one of three headings.
#[test]
fn the_index_has_every_page() {
    let index = Page::named("docs/README.md");
    let headings: Vec<_> = index.prose().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(headings, ["Guides", "Reference", "Inside"]);
    let linked: Vec<_> =
        index.first_cells().iter().filter_map(|cell| cell.split(['[', ']']).nth(1)).collect();
    let unique: BTreeSet<_> = linked.iter().copied().collect();
    assert_eq!(unique.len(), linked.len(), "a page is in the index twice");
    let pages = pages();
    let folder = Path::new(ROOT).join("docs");
    let there = pages.iter().filter(|page| page.path.parent() == Some(&folder));
    let names = there.filter_map(|page| page.path.file_name()?.to_str()).filter(|name| *name != "README.md");
    assert_eq!(unique, names.collect());
}

/// The texts of string literals in a file, with lines that are continued put together.
fn literals(relative: &str) -> String {
    let text = fs::read_to_string(Path::new(ROOT).join(relative)).unwrap();
    let mut joined = String::new();
    for part in text.split("\\\n") {
        joined.push_str(if joined.is_empty() { part } else { part.trim_start() });
    }
    joined
}

/// A section for each reason of the code, and no section without one: its second line is the reason's text.
#[test]
fn every_reason_of_a_failure_has_its_section() {
    let page = Page::named("docs/failures.md");
    let sections: Vec<_> = page.text.split("\n## ").skip(2).collect();
    let mut reasons = Vec::new();
    for section in &sections {
        let title = section.lines().next().unwrap();
        let reason = section.lines().nth(2).and_then(|line| line.strip_prefix('`')?.strip_suffix('`'));
        reasons.push(reason.unwrap_or_else(|| panic!("{title}: the reason does not stand below it")));
        for part in ["- **Meaning.** ", "- **Remedy.** ", "- **Find it.** "] {
            assert!(section.contains(part), "{title}: no {part}");
        }
    }
    let codec = literals("src/codec/reason.rs");
    let in_codec: Vec<String> = codec
        .split("#[error(")
        .skip(1)
        .map(|rest| {
            let text = rest.split('"').nth(1).unwrap();
            let holes = text.split('{').map(|part| part.split_once('}').map_or(part, |(_, after)| after));
            holes.collect::<Vec<_>>().join("…").replace('`', "")
        })
        .collect();
    assert!(in_codec.len() > 10, "the search for reasons is broken: {in_codec:?}");
    for reason in &in_codec {
        assert!(reasons.contains(&reason.as_str()), "docs/failures.md has no section for `{reason}`");
    }
    let others =
        ["src/engine/chunk.rs", "src/engine/chunk_planner.rs", "src/plan/job.rs", "src/sink/table.rs"];
    let others: String = others.iter().chain(&["src/sink/files.rs"]).map(|path| literals(path)).collect();
    for reason in reasons.iter().filter(|reason| !in_codec.iter().any(|known| known == *reason)) {
        for part in reason.split('…').map(|part| part.trim_matches([' ', ',', ':'])) {
            assert!(others.contains(part), "`{part}` of `{reason}` is not in the code");
        }
    }
}

/// How to find a row of each table by its key.
#[test]
fn the_page_of_failures_has_a_clause_for_every_table() {
    let page = Page::named("docs/failures.md");
    for target in TargetRegistry::built_in().tables() {
        let columns: Vec<_> = target.relation.key.iter().map(|column| format!("{column} = ?")).collect();
        let row = format!("| `{}` | `WHERE {}` |", target.relation.table, columns.join(" AND "));
        assert!(page.text.contains(&row), "docs/failures.md lacks the row {row}");
    }
}

#[test]
fn every_error_id_that_is_named_exists() {
    for page in pages() {
        let words = page.text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        for id in words.filter(|word| word.starts_with("KR-")) {
            assert!(Id::ALL.iter().any(|known| known.code() == id), "{}: {id}", page.path.display());
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut followed = 0;
    for page in pages() {
        for link in page.prose().flat_map(|line| line.split("](").skip(1)) {
            let link = link.split(')').next().unwrap();
            if link.starts_with("https://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.path.clone(),
                file => page.path.parent().unwrap().join(file),
            };
            assert!(target.is_file(), "{}: {link} leads nowhere", page.path.display());
            if !anchor.is_empty() {
                let anchors = Page::read(target).anchors();
                assert!(anchors.contains(anchor), "{}: {link} has no such heading", page.path.display());
            }
            followed += 1;
        }
    }
    assert!(followed > 10, "only {followed} links were found: the search for them is broken");
}

/// What a row of reliability.md names as its proof is there.
#[test]
fn every_test_that_is_named_exists() {
    let folders = ["src", "journal", "tests"].map(|name| walkdir::WalkDir::new(Path::new(ROOT).join(name)));
    let paths = folders.into_iter().flatten().map(|entry| entry.unwrap().into_path());
    let code = paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let code: String = code.map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut named = 0;
    for page in pages() {
        for name in page.prose().flat_map(inline_code).filter(|name| name.contains("::")) {
            let test = name.rsplit("::").next().unwrap();
            if test.matches('_').count() > 2 && test.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
                assert!(code.contains(&format!("fn {test}(")), "{}: no test `{name}`", page.path.display());
                named += 1;
            }
        }
    }
    assert!(named > 100, "only {named} tests were found: the search for them is broken");
}
