//! What the program says of itself and of what comes next: pages of errors, groups of commands, manual pages without
//! marks, commands that can be typed as they are printed.

use std::fs;
use std::process::Command;

use crate::kit::{Kit, Refused as _};
use crate::sqlite::follow::Terminal;
use crate::support::Ran;

/// The program with neither configuration nor journal.
fn bare(kit: &Kit, args: &[&str]) -> Ran {
    let folder = kit.beside("bare");
    fs::create_dir_all(&folder).unwrap();
    kit.run_as(Command::new(env!("CARGO_BIN_EXE_keyrotation")).args(args).current_dir(folder))
}

/// All that a command writes to a terminal, and its exit code.
fn on_terminal(kit: &Kit, args: &[&str]) -> (String, Option<i32>) {
    let (code, written) = Terminal::of(kit, args, None).end();
    (String::from_utf8(written).unwrap(), code)
}

#[test]
fn errors_and_checks_are_explained_without_journal_and_configuration() {
    let kit = Kit::new();
    let page = bare(&kit, &["explain", "kr-db-001"]).exits(0).stdout;
    assert!(page.starts_with("KR-DB-001\n") && page.contains("Is data safe?"), "{page}");
    assert!(page.contains("databases.md") && !page.contains("]("), "{page}");
    let check = bare(&kit, &["explain", "databases-reachable"]).exits(0).stdout;
    assert!(check.contains("the databases answer") && check.contains("[KR-DB-001]"), "{check}");
    let list = bare(&kit, &["explain"]).exits(0).stdout;
    assert!(list.contains("  KR-DB-001   a database cannot be reached, read or written\n"), "{list}");
    let document = bare(&kit, &["explain", "KR-DB-001", "--json"]).exits(0).json();
    assert_eq!((&document["id"], &document["exit_code"]), (&"KR-DB-001".into(), &3.into()));
    let known = bare(&kit, &["explain", "--json"]).exits(0).json();
    assert!(known["known"]["errors"].as_array().unwrap().len() > 50, "{known}");
    let unknown = bare(&kit, &["explain", "KR-DB-009"]).refused(2, "KR-CFG-020");
    assert!(unknown.stderr.contains("near it: KR-DB-00"), "{unknown}");
}

/// Scripts that read standard error find what they found before.
#[test]
fn on_a_terminal_an_error_names_the_command_that_explains_it() {
    let kit = Kit::new();
    let (screen, code) = on_terminal(&kit, &["verify"]);
    assert_eq!(code, Some(4), "{screen}");
    assert!(screen.contains("more: keyrotation explain KR-JRN-007"), "{screen}");
    let ran = kit.run(&["verify"]).exits(4);
    assert!(!ran.stderr.contains("more:"), "{ran}");
}

#[test]
fn help_has_groups_and_shells_complete_names() {
    let kit = Kit::new();
    let help = bare(&kit, &["--help"]).exits(0).stdout;
    let at = |title: &str| help.find(&format!("\n{title}:\n")).unwrap_or_else(|| panic!("{title} in {help}"));
    let places: Vec<_> =
        ["Prepare", "Rotate", "Watch", "Prove", "Retire", "Other"].iter().map(|title| at(title)).collect();
    assert!(places.is_sorted(), "{help}");
    assert_eq!(help.matches("--log-format").count(), 1, "{help}");
    let of_run = bare(&kit, &["run", "--help"]).exits(0).stdout;
    assert!(!of_run.contains("--log-format <") && of_run.contains("Global options"), "{of_run}");
    let of_triggers = bare(&kit, &["triggers", "remove", "-h"]).exits(0).stdout;
    assert!(!of_triggers.contains("--log-format"), "{of_triggers}");
    for shell in ["bash", "zsh"] {
        let script = bare(&kit, &["completions", shell]).exits(0).stdout;
        for name in ["route-traffic", "retire/dumps", "databases-reachable", "KR-DB-001", "--log-format"] {
            assert!(script.contains(name), "{shell} does not complete {name}");
        }
        assert!(!script.contains("run/re-encrypted"), "{shell} completes what nobody confirms");
    }
}

#[test]
fn manual_pages_show_no_marks() {
    let kit = Kit::new();
    let folder = kit.beside("man1");
    fs::create_dir(&folder).unwrap();
    bare(&kit, &["man", folder.to_str().unwrap()]).exits(0);
    let mut pages: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|page| fs::read_to_string(page.unwrap().path()).unwrap())
        .collect();
    pages.push(bare(&kit, &["man"]).exits(0).stdout);
    assert!(pages.len() > 25, "{}", pages.len());
    for page in pages {
        assert!(!page.contains('`') && !page.replace("\\*", "").contains('*'), "{page}");
        assert!(page.contains(".SH NAME"), "{page}");
    }
}

/// What is printed can be typed: the same program, configuration and journal, with quotes where a shell needs them.
#[test]
fn what_comes_next_repeats_how_the_program_was_called() {
    let kit = Kit::new();
    let config = kit.folder().join("key rotation.yaml");
    fs::copy(&kit.deployment.config, &config).unwrap();
    let journal = kit.beside("a journal");
    let (config, journal) = (config.to_str().unwrap(), journal.to_str().unwrap());
    let program = env!("CARGO_BIN_EXE_keyrotation");
    let called = |args: &[&str]| {
        let mut command = Command::new(program);
        kit.run_as(command.args(args).args(["--config", config, "--journal", journal]).current_dir("/"))
    };
    let given = format!("--config '{config}' --journal '{journal}'");
    let before = called(&["status"]);
    assert!(before.stderr.contains(&format!("`{program} run {given}`")), "{before}");
    let ran = called(&["run"]).exits(0);
    assert!(ran.stdout.contains(&format!("next: `{program} verify {given}`")), "{ran}");
    // The command as it stands, by a shell.
    let next = ran.stdout.split("next: `").nth(1).unwrap().split('`').next().unwrap();
    let typed = kit.run_as(Command::new("sh").args(["-c", next]).current_dir("/")).exits(0);
    assert!(typed.stdout.contains("0 differences") || typed.stdout.contains("as recorded"), "{typed}");
    let page = called(&["runbook", "run"]).exits(0).stdout;
    assert!(page.contains(&format!("     {program} run {given}\n")), "{page}");
    let plain = called(&["status", "--json"]).exits(0).stdout;
    assert!(!plain.contains(&given), "a document for programs is as ever: {plain}");
    // Who calls it through another program says how.
    let mut wrapped = Command::new(program);
    wrapped
        .args(["status", "--config", config, "--journal", journal])
        .env("KEYROTATION_COMMAND", "docker exec k keyrotation");
    let wrapped = kit.run_as(&mut wrapped).exits(0);
    assert!(
        wrapped.stdout.contains("`docker exec k keyrotation ") && !wrapped.stdout.contains(&given),
        "{wrapped}"
    );
}

#[test]
fn a_report_goes_where_it_can_be_read() {
    let kit = Kit::rotated();
    let (screen, code) = on_terminal(&kit, &["report"]);
    assert_eq!(code, Some(2), "{screen}");
    assert!(
        screen.contains("keyrotation report --output report.html") && !screen.contains("<html"),
        "{screen}"
    );
    let pdf = kit.beside("report.pdf");
    let ran = kit.run(&["report", "--output", pdf.to_str().unwrap()]).refused(2, "KR-CFG-020");
    assert!(ran.stderr.contains("html, json or csv") && !pdf.exists(), "{ran}");
    kit.run(&["report", "--output", pdf.to_str().unwrap(), "--format", "html"]).exits(0);
    assert!(kit.run(&["report"]).exits(0).stdout.contains("<html"), "into a pipe it goes as ever");
}

/// Texts of moments sort as the moments do, and nothing is finished that runs.
#[test]
fn moments_have_three_digits_in_every_document() {
    let kit = Kit::new();
    let running = kit.start_slow(3000, &["run"]);
    let document = kit.run_unlooked(&["status", "--json"]).exits(0).json();
    assert_eq!((&document["state"], &document["finished_at"]), (&"running".into(), &serde_json::Value::Null));
    running.wait().exits(0);
    for args in [&["status", "--json"][..], &["report", "--format", "json"], &["runbook", "--json"]] {
        let text = kit.run(args).exits(0).stdout;
        let mut seen = 0;
        for word in
            text.split('"').filter(|word| word.len() > 18 && word.ends_with('Z') && word.contains('T'))
        {
            if word.parse::<jiff::Timestamp>().is_ok() {
                assert_eq!(word.len(), "2026-11-24T22:30:00.123Z".len(), "{args:?}: {word}");
                seen += 1;
            }
        }
        assert!(seen > 0, "{args:?}: {text}");
    }
    let document = kit.status();
    assert!(document["finished_at"].is_string() && document["re_encrypted_at"].is_string(), "{document}");
}

/// A server that is down is no wrong password and no missing database: it has a remedy of its own.
#[test]
fn a_server_that_is_down_is_told_as_that() {
    let kit = Kit::new();
    for (key, value) in [
        ("newIdnDBUrl", "jdbc:postgresql://127.0.0.1:1/identity?sslmode=disable"),
        ("newIdnUsername", "anna"),
        ("newIdnPassword", "env:PASSWORD_OF_WORDS"),
    ] {
        kit.configure(key, Some(value));
    }
    let unset = kit.run_unlooked(&["plan"]).refused(2, "KR-CFG-012");
    assert!(unset.stderr.contains("PASSWORD_OF_WORDS, which is not set"), "{unset}");
    assert!(unset.stderr.contains("fix: set the variable") && !unset.stderr.contains("readable"), "{unset}");
    let ran = kit.run_as(kit.command(&["plan"]).env("PASSWORD_OF_WORDS", "secret")).refused(3, "KR-DB-001");
    assert!(ran.stderr.contains("fix: check that the server runs, and that newIdnDBUrl names"), "{ran}");
}
