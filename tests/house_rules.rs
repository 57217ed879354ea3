//! Rules of this tree that no compiler checks: sizes of files, what a crate must never need, who may
//! print and who may panic, and that the generated pages of error ids and checks are up to date.
//!
//! After a change to the table of ids: `UPDATE_DOCS=1 cargo test --test house_rules`. A new id needs an empty page first
//! (`touch docs/errors/KR-….md`), since the program is built with the pages.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

#[path = "support/circles.rs"]
mod circles;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use circles::{assert_no_circle, behind_crate};
use keyrotation::error::Id;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The longest file, in lines.
const LONGEST: usize = 420;

/// The most lines of the command line, all of its files.
const THICKEST: usize = 2500;

/// A file of Rust in the tree.
struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// The part of it that is no test: tests stand at the end or in files of their own.
    fn program(&self) -> &str {
        if self.is_test() {
            return "";
        }
        self.text.split("#[cfg(test)]").next().unwrap_or_default()
    }

    fn is_test(&self) -> bool {
        self.path.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")))
    }
}

/// All Rust of ours under these folders.
fn sources(folders: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    for folder in folders {
        for entry in walkdir::WalkDir::new(Path::new(ROOT).join(folder)) {
            let path = entry.unwrap().into_path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source { path: path.strip_prefix(ROOT).unwrap().to_owned(), text });
            }
        }
    }
    assert!(!found.is_empty(), "no sources under {folders:?}");
    found
}

#[test]
fn no_file_is_too_long_and_each_says_what_it_is_for() {
    let mut problems = Vec::new();
    for source in sources(&["src", "journal", "tests"]) {
        let lines = source.text.lines().count();
        if lines > LONGEST {
            problems.push(format!("{}: {lines} lines, more than {LONGEST}", source.path.display()));
        }
        if !source.text.starts_with("//! ") {
            problems.push(format!("{}: does not begin with what it is for", source.path.display()));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// A name that the crate gives away is of the module that has it.
#[test]
fn the_modules_of_databases_form_no_circle() {
    let sources = sources(&["src/db"]);
    let below = |source: &Source| source.path.strip_prefix("src/db").unwrap().with_extension("");
    let texts: Vec<(String, String)> = sources
        .iter()
        .map(|source| {
            let (path, mut text) = (below(source), source.program().to_owned());
            text = text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n");
            let is_folder = path.ends_with("mod");
            let up = "super::".repeat(path.components().count() - usize::from(is_folder));
            (
                path.components().next().unwrap().as_os_str().to_str().unwrap().to_owned(),
                text.replace(&up, "crate::"),
            )
        })
        .collect();
    let root = &texts.iter().find(|(name, _)| name == "lib").unwrap().1;
    let mut homes = BTreeMap::new();
    for given in root.split("pub use ").skip(1) {
        let (module, names) = given.split(';').next().unwrap().split_once("::").unwrap();
        let names = names.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        homes.extend(names.filter(|name| !name.is_empty()).map(|name| (name, module)));
    }
    let mut needs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (module, text) in texts.iter().filter(|(name, _)| name != "lib") {
        let named = behind_crate(text).into_iter().map(|name| *homes.get(name).unwrap_or(&name));
        needs.entry(module).or_default().extend(named.filter(|name| name != module));
    }
    assert!(needs.len() > 30 && needs["claim"].contains(&"database"), "{needs:?}");
    assert_no_circle(&needs);
}

/// What a crate must never need, as its manifest has it; what one needs of ours stands there, too.
const NEVER: &[(&str, &[&str])] = &[
    ("journal", &["aes", "clap", "sqlx", "tokio"]),
    ("src/cipher", &["clap", "sqlx", "tokio"]),
    ("src/codec", &["aes", "clap", "sqlx", "tokio"]),
    ("src/common", &["aes", "sqlx"]),
    ("src/config", &["aes", "sqlx", "tokio", "keyrotation-target"]),
    ("src/configure", &["sqlx", "tokio"]),
    ("src/db", &["aes", "clap", "keyrotation-common"]),
    ("src/engine", &["clap", "sqlx", "keyrotation-config", "keyrotation-report"]),
    ("src/manual", &["sqlx", "keyrotation-db"]),
    // It reads the job's state, and never touches a database.
    ("src/report", &["sqlx", "keyrotation-db"]),
    ("src/target", &["sqlx", "keyrotation-config"]),
    // The command line parses, calls and prints: what decides is in the runner.
    ("", &["sqlx", "keyrotation-engine", "keyrotation-sink", "keyrotation-source", "keyrotation-sync"]),
];

#[test]
fn no_crate_needs_what_it_must_never_need() {
    for (folder, never) in NEVER {
        let manifest = fs::read_to_string(Path::new(ROOT).join(folder).join("Cargo.toml")).unwrap();
        let needed = manifest.split("\n[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
        let names: Vec<_> =
            needed.lines().filter_map(|line| line.split_once(" = ")).map(|(n, _)| n).collect();
        let found: Vec<_> = names.iter().filter(|name| never.contains(*name)).collect();
        assert!(found.is_empty() && !names.is_empty(), "{folder}/Cargo.toml needs {found:?} of {names:?}");
    }
}

#[test]
fn results_go_through_one_writer() {
    for source in sources(&["src", "journal/src"]) {
        for word in ["println!", "print!(", "eprintln!", "eprint!(", "dbg!("] {
            assert!(!source.program().contains(word), "{} prints with {word}", source.path.display());
        }
        // It alone tells a result that could not be written from one that could.
        let is_writer = source.path.ends_with("src/cli/out.rs");
        let writes = ["io::stdout()", "Stdout::", "use std::io::stdout"];
        let found = writes.iter().find(|word| source.program().contains(**word));
        assert!(is_writer || found.is_none(), "{} writes to stdout by itself", source.path.display());
    }
    assert!(Path::new(ROOT).join("src/cli/out.rs").exists());
}

/// What decides is in `runner`, where no command line is needed to call it.
#[test]
fn the_command_line_stays_thin() {
    let lines: usize = sources(&["src/cli"]).iter().map(|source| source.text.lines().count()).sum();
    assert!(lines < THICKEST, "src/cli has {lines} lines: what decides belongs into src/runner");
}

/// A loop over pages that is written by hand ends too early, too late or never.
#[test]
fn only_a_walk_pages() {
    let pages = |text: &str| text.lines().any(|line| line.contains("db.page("));
    let paging: Vec<_> = sources(&["src"]).into_iter().filter(|source| pages(source.program())).collect();
    let paths: Vec<_> = paging.iter().map(|source| source.path.to_str().unwrap()).collect();
    assert_eq!(paths, ["src/source/walk.rs"]);
}

#[test]
fn nothing_panics_on_purpose_outside_of_tests() {
    for source in sources(&["src", "journal/src"]) {
        if source.path.ends_with("failpoint.rs") {
            continue; // made to fail, and in no release
        }
        let mut allowed = false;
        for (number, line) in (1..).zip(source.program().lines()) {
            let code = line.split("//").next().unwrap_or_default();
            for word in [".unwrap()", ".expect(", "panic!(", "unreachable!(", "todo!(", "unimplemented!("] {
                let place = format!("{}:{number}", source.path.display());
                assert!(allowed || !code.contains(word), "{place} has {word}");
            }
            // The line above says, for clippy too, why it cannot happen.
            allowed =
                code.contains("allow(clippy::expect_used") || code.contains("expect(clippy::expect_used");
        }
    }
}

/// Compares a generated page with what is in the tree; with `UPDATE_DOCS` it is written.
fn check_page(name: &str, page: &str) {
    let path = Path::new(ROOT).join("docs").join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/{name} is old: UPDATE_DOCS=1 cargo test --test house_rules");
}

#[test]
fn the_list_of_error_ids_is_up_to_date() {
    check_page("errors.md", &errors_list());
}

#[test]
fn every_error_id_has_its_page() {
    for id in Id::ALL {
        let name = format!("errors/{id}.md");
        let written = fs::read_to_string(Path::new(ROOT).join("docs").join(&name)).unwrap_or_default();
        let by_hand = written.find(MORE).map_or("", |at| &written[at..]);
        check_page(&name, &format!("{}{by_hand}", error_page(*id)));
    }
}

#[test]
fn every_page_of_an_error_has_its_id() {
    let ids: BTreeSet<_> = Id::ALL.iter().map(|id| format!("{id}.md")).collect();
    let folder = fs::read_dir(Path::new(ROOT).join("docs/errors")).unwrap();
    let pages: BTreeSet<_> = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(pages, ids);
}

/// No message, hint or comment names an id that is not in the table.
#[test]
fn every_error_id_in_the_code_is_in_the_table() {
    let mut seen = 0;
    for source in sources(&["src", "journal/src"]) {
        let words = source.program().split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        for word in words.filter(|word| word.starts_with("KR-")) {
            let is_known = Id::ALL.iter().any(|id| id.code() == word);
            assert!(is_known, "{}: {word} is not in the table of ids", source.path.display());
            seen += 1;
        }
    }
    assert!(seen >= Id::ALL.len(), "only {seen} ids were found: the search for them is broken");
}

#[test]
fn the_page_of_checks_is_up_to_date() {
    check_page("preflight.md", &checks_page());
}

#[test]
fn error_ids_are_unique_and_say_what_to_do() {
    let codes: BTreeSet<_> = Id::ALL.iter().map(|id| id.code()).collect();
    assert_eq!(codes.len(), Id::ALL.len(), "an id stands twice in the table");
    for id in Id::ALL {
        assert!(!id.meaning().is_empty() && !id.remedy().is_empty(), "{id} says nothing");
        assert!(id.safe().starts_with("Yes") && id.safe().ends_with('.'), "{id}: is data safe?");
        assert!(!id.meaning().contains('\n') && !id.remedy().contains('\n'), "{id} is not one line each");
    }
}

fn checks_page() -> String {
    let mut page = String::from(
        "# Preflight checks\n\n\
         The program makes these checks before a rotation begins. `keyrotation preflight` makes all of them and changes\n\
         nothing. `keyrotation plan` shows the same list. `keyrotation run` logs the warnings and stops at what it\n\
         refuses. What `--json` prints is in [json.md](json.md#keyrotation-preflight).\n\n\
         A check that refuses ends `preflight` and `plan` with the exit code of its error id. Warnings and checks that\n\
         were not made leave it at 0. Only what would lose or corrupt data, or cannot work, is refused. A check that cannot be\n\
         made says why. Errors in `properties.yaml` itself come before all checks\n\
         ([errors.md](errors.md)).\n\n\
         The checks read every row once, as `plan` does, and count the rows of old and new databases. On large\n\
         databases this takes minutes. The old side is only read.\n\n\
         A rotation in place ([in-place.md](in-place.md)) has neither an old server nor a copy. Checks of these are not made\n\
         then, and those that begin with \"in place\" are made only then.\n\n\
         This page is generated from the registry in `src/plan/preflight`.\n\n\
         | id | what should be so | warns when | refuses with | what to do |\n\
         |---|---|---|---|---|\n",
    );
    for check in keyrotation::plan::preflight::checks() {
        let refuses: Vec<_> = check.refuses.iter().map(|id| id.code()).collect();
        let mut fixes: Vec<&str> = check.refuses.iter().map(|id| id.remedy()).collect();
        fixes.extend((!check.fix.is_empty()).then_some(check.fix));
        let (warns, fix) = (check.warns.replace('|', "\\|"), fixes.join("; ").replace('|', "\\|"));
        let _ =
            writeln!(page, "| `{}` | {} | {warns} | {} | {fix} |", check.id, check.title, refuses.join(", "));
    }
    page
}

fn errors_list() -> String {
    let mut page = String::from(
        "# Error ids\n\n\
         Every error ends the program with one of these ids. An id never changes its meaning and is never used\n\
         again. On the screen it stands in brackets before what happened and where. The next line says what\n\
         to do. With `--log-format json` it is `error.id`, beside `exit_code`. What the exit codes mean\n\
         is in [exit-codes.md](exit-codes.md).\n\n\
         Every id has a page: what happened, whether data is safe, and what to do now. `keyrotation explain`\n\
         followed by the id prints it, wherever the program runs: it needs neither configuration nor journal. It\n\
         explains the checks of `preflight`, too; alone it lists all. On a terminal an error ends with that command.\n\n\
         This list is generated from the table in `src/common/error.rs`.\n\n\
         | id | exit code | what happened |\n\
         |---|---|---|\n",
    );
    for id in Id::ALL {
        let (code, exit) = (id.code(), id.exit() as u8);
        let _ =
            writeln!(page, "| [{code}](errors/{code}.md) | {exit} | {} |", id.meaning().replace('|', "\\|"));
    }
    page
}

/// Where the part of an error's page begins that is written by hand, if it has one.
const MORE: &str = "\n## More\n";

/// What the table says of an id, as a page.
fn error_page(id: Id) -> String {
    format!(
        "# {id}\n\n\
         Exit code [{}](../exit-codes.md). All ids: [errors.md](../errors.md).\n\n\
         ## What happened\n\n{}.\n\n\
         ## Is data safe?\n\n{}\n\n\
         ## What to do now\n\n{}.\n",
        id.exit() as u8,
        sentence(id.meaning()),
        id.safe(),
        sentence(id.remedy())
    )
}

/// A text of the table as the beginning of a sentence; names of files and keys stay as they are.
fn sentence(text: &str) -> String {
    let first = text.split([' ', ':', ',']).next().unwrap_or_default();
    if first.is_empty() || !first.chars().all(|c| c.is_ascii_lowercase()) {
        return text.to_owned();
    }
    format!("{}{}", text[..1].to_uppercase(), &text[1..])
}

/// Names that the glossary's words have taken the place of.
const REPLACED: [&str; 14] = [
    "Board", "Care", "Desk", "Door", "Ledger", "Lent", "Lone", "Look", "Prepared", "Preparer", "Stranger",
    "Surface", "Swap", "Trouble",
];

/// The glossary is true of the code, and so is the way of a value through it.
#[test]
fn what_the_glossary_and_the_walk_name_is_there() {
    let text: String = sources(&["src", "journal/src"]).iter().map(|source| source.text.as_str()).collect();
    let is_there = |name: &str| {
        ["struct", "enum", "trait", "fn", "mod"].iter().any(|kind| {
            text.split(&format!("{kind} {name}"))
                .skip(1)
                .any(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
    };
    let page = |name: &str| fs::read_to_string(Path::new(ROOT).join("docs").join(name)).unwrap();
    let walk = page("how-it-works.md");
    let walk = walk.split("## One value").nth(1).unwrap().split("## Adding").next().unwrap();
    let mut named = 0;
    for text in [page("GLOSSARY.md").as_str(), walk] {
        for code in text.split('`').skip(1).step_by(2) {
            let last = code.rsplit("::").next().unwrap();
            if last.starts_with(|c: char| c.is_ascii_uppercase()) || code.contains("::") || text == walk {
                assert!(is_there(last), "`{code}` is not there any more");
                named += 1;
            }
        }
    }
    assert!(named > 30, "nearly nothing is named");
    for name in REPLACED {
        assert!(!is_there(name), "{name} is called otherwise: docs/GLOSSARY.md");
    }
}
