//! A result that could not be written is an error, whatever the command.

use std::fs::OpenOptions;
use std::process::Command;

use crate::kit::Kit;

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
