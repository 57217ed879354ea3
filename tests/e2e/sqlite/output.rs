//! A result that could not be written is an error, whatever the command.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::Command;

use crate::kit::{Kit, Refused as _};

#[test]
fn a_full_disk_behind_a_redirect_is_an_error_everywhere() {
    let kit = Kit::rotated();
    kit.run(&["verify"]).exits(0);
    let commands: &[&[&str]] = &[
        &["keygen"],
        &["fingerprint"],
        &["fingerprint", "--json"],
        &["configure", "--print"],
        &["configure", "--dry-run"],
        &["status"],
        &["status", "--json"],
        &["status", "--watch"],
        &["runbook", "--json"],
        &["runbook", "--all"],
        &["confirm", "--list"],
        &["confirm", "start/started"],
        &["plan", "--json"],
        &["preflight", "--json"],
        &["verify", "--json"],
        &["verify", "--scan"],
        &["keys"],
        &["keys", "--scan", "--json"],
        &["indexes", "print"],
        &["report", "--format", "json"],
        &["report", "--format", "csv", "--rows"],
        &["resume"],
        &["run"],
        &["run", "--dry-run"],
        &["triggers", "print"],
        &["completions", "bash"],
        &["man"],
        &["help"],
        &["status", "--help"],
        &["--version"],
    ];
    for args in commands {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyrotation"));
        command.args(*args).arg("--config").arg(&kit.deployment.config).stdout(full);
        if args.iter().any(|arg| ["help", "--version"].contains(arg)) {
            command = Command::new(env!("CARGO_BIN_EXE_keyrotation"));
            command.args(*args).stdout(OpenOptions::new().write(true).open("/dev/full").unwrap());
        }
        let done = command.output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(
            done.status.code() == Some(3) && said.contains("KR-ENV-003"),
            "{args:?}: {:?} {said}",
            done.status
        );
    }
}

/// What was found is on record, whoever could not be told.
#[test]
fn differences_that_could_not_be_printed_are_recorded() {
    let kit = Kit::rotated();
    kit.run(&["verify"]).exits(0);
    kit.sql("UPDATE IDN_SECRET SET SECRET_VALUE = 'x' WHERE ID = (SELECT MIN(ID) FROM IDN_SECRET)");
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyrotation"));
    let done =
        command.arg("verify").arg("--config").arg(&kit.deployment.config).stdout(full).output().unwrap();
    assert_eq!(done.status.code(), Some(3));
    assert_eq!(kit.status()["verified"]["differences"], 1, "{}", kit.status());
}

/// Nobody has a document that was printed to a closed output. What a command has done, and says by its exit code, it
/// has done all the same.
#[test]
fn a_document_for_a_closed_output_is_an_error_everywhere() {
    let kit = Kit::rotated();
    let (program, config) = (env!("CARGO_BIN_EXE_keyrotation"), kit.deployment.config.display());
    let run = |args: &str| {
        let option = if args.contains("help") || args.contains("--version") {
            String::new()
        } else {
            format!("--config {config}")
        };
        Command::new("sh").args(["-c", &format!("{program} {args} {option} >&-")]).output().unwrap()
    };
    for args in [
        "status",
        "status --json",
        "fingerprint",
        "fingerprint --json",
        "runbook --json",
        "runbook --all",
        "confirm --list",
        "plan",
        "plan --json",
        "preflight --json",
        "verify --json",
        "keys --json",
        "run --dry-run --json",
        "indexes print",
        "configure --dry-run",
        "report",
        "report --format json",
        "report --format csv --rows",
        "triggers print",
        "completions bash",
        "man",
        "help",
        "status --help",
        "--version",
    ] {
        let done = run(args);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(
            done.status.code() == Some(3) && said.contains("KR-ENV-003") && said.contains("closed"),
            "{args}: {:?} {said}",
            done.status
        );
    }
    for args in
        ["verify", "keys", "preflight", "confirm start/started", "confirm --undo start/started", "resume"]
    {
        let done = run(args);
        assert!(done.status.success(), "{args}: {:?} {}", done.status, String::from_utf8_lossy(&done.stderr));
    }
}

/// A key that nobody gets is no key.
#[test]
fn a_secret_for_a_closed_output_is_an_error() {
    let kit = Kit::rotated();
    let (program, config) = (env!("CARGO_BIN_EXE_keyrotation"), kit.deployment.config.display());
    for args in ["keygen", "configure --print", "configure --print --show-secrets"] {
        let script = format!("{program} {args} --config {config} >&-");
        let done = Command::new("sh").args(["-c", &script]).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(
            done.status.code() == Some(3) && said.contains("KR-ENV-003"),
            "{args}: {:?} {said}",
            done.status
        );
        // Who throws it away knows it.
        let done = Command::new("sh").args(["-c", &script.replace(">&-", ">/dev/null")]).output().unwrap();
        assert!(done.status.success(), "{args}");
    }
}

/// What is no regular file is not replaced by one, with `--force` neither.
#[test]
fn what_is_no_regular_file_is_not_replaced() {
    let kit = Kit::rotated();
    let (pipe, link, victim, folder) =
        (kit.beside("pipe.json"), kit.beside("link.json"), kit.beside("victim"), kit.beside("folder.json"));
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    fs::write(&victim, "kept").unwrap();
    std::os::unix::fs::symlink(&victim, &link).unwrap();
    fs::create_dir(&folder).unwrap();
    let kind = |path: &Path| path.symlink_metadata().unwrap().file_type();
    for (path, what) in [(&pipe, "is a FIFO"), (&link, "is a link"), (&folder, "is a folder")] {
        let before = kind(path);
        let output = path.to_str().unwrap();
        for more in [&["--force"][..], &[]] {
            let ran = kit.run(&[&["report", "--output", output], more].concat()).refused(2, "KR-CFG-020");
            assert!(ran.stderr.contains(what) || more.is_empty(), "{ran}");
            kit.run(&[&["init", "--config", output], more].concat()).refused(2, "KR-CFG-020");
        }
        assert_eq!(kind(path), before, "{output}");
        // Nor is one followed where a log is kept.
        kit.run(&["run", "--new", "--log-file", output]).refused(3, "KR-ENV-001");
        assert_eq!(kind(path), before, "{output}");
    }
    assert_eq!(fs::read(&victim).unwrap(), b"kept");
    // Manual pages are written over what an earlier version has left, and nothing else.
    let pages = kit.beside("pages");
    fs::create_dir(&pages).unwrap();
    std::os::unix::fs::symlink(&victim, pages.join("keyrotation-run.1")).unwrap();
    kit.run(&["man", pages.to_str().unwrap()]).refused(2, "KR-CFG-020");
    assert_eq!(fs::read(&victim).unwrap(), b"kept");
    fs::remove_file(pages.join("keyrotation-run.1")).unwrap();
    for _ in 0..2 {
        kit.run(&["man", pages.to_str().unwrap()]).exits(0);
    }
}

/// As with the Java tool, whose lines all go there.
#[test]
fn the_log_goes_to_standard_output_if_that_is_asked_for() {
    let kit = Kit::new();
    let ran = kit.run(&["run", "--quiet", "--log-file", "-"]).exits(0);
    let lines: Vec<&str> = ran.stdout.lines().filter(|line| line.contains("data records in")).collect();
    assert!(lines.iter().any(|line| line.contains("Successfully updated OAuth2 access")), "{ran}");
    assert!(ran.stdout.lines().last().unwrap().ends_with("0 failed."), "the result comes last: {ran}");
    assert!(!ran.stderr.contains("data records in"), "{ran}");
    assert!(kit.logs().is_empty());
}
