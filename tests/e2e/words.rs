//! What the program says of itself and of what comes next.

use std::fs;
use std::process::Command;

use crate::kit::Kit;

#[test]
fn what_comes_next_repeats_how_the_program_was_called() {
    let kit = Kit::new();
    let config = kit.beside("key rotation.yaml");
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
