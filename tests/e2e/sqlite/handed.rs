//! Secrets that are handed over while the program runs, through the program: standard input, a
//! terminal, a command; and that nobody who looks at the machine sees them.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::kit::{Kit, Refused as _};
use crate::support::Ran;

const TERMINAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/terminal.py");

fn kit_with(old: &str, new: &str) -> Kit {
    let kit = Kit::new();
    kit.configure("oldSecretKey", Some(old));
    kit.configure("newSecretKey", Some(new));
    kit
}

/// Runs the program with this file as its standard input.
fn with_input(kit: &Kit, args: &[&str], input: &str) -> Ran {
    let path = kit.beside("input");
    fs::write(&path, input).unwrap();
    // A shell puts the file there: the support for processes gives them an empty input.
    let mut command = Command::new("sh");
    command.args(["-c", "input=$1; shift; exec \"$@\" <\"$input\"", "sh"]).arg(&path);
    let program = kit.command(args);
    command.arg(program.get_program()).args(program.get_args()).env_remove("FAILPOINTS");
    kit.run_as(&mut command)
}

#[test]
fn keys_from_standard_input_rotate() {
    let kit = kit_with("stdin:2", "stdin:");
    let spec = &kit.deployment.spec;
    let input = format!("{}\n{}\n", spec.new_key, spec.old_key);
    with_input(&kit, &["run"], &input).exits(0);
    with_input(&kit, &["verify"], &input).exits(0);
    let wrong = with_input(&kit, &["plan"], &spec.new_key).refused(2, "KR-CFG-012");
    assert!(wrong.stderr.contains("names line 2 of standard input, which has 1"), "{wrong}");
}

#[test]
fn keys_from_a_command_rotate() {
    let kit = kit_with("cmd:sh vault.sh old", "cmd:sh vault.sh new");
    let spec = &kit.deployment.spec;
    let script = format!(
        "case $1 in old) echo {};; new) echo {};; esac; echo \"gave $1\" >&2\n",
        spec.old_key, spec.new_key
    );
    fs::write(kit.deployment.config.with_file_name("vault.sh"), script).unwrap();
    let ran = kit.run(&["run"]).exits(0);
    assert!(ran.stderr.contains("gave old") && ran.stderr.contains("gave new"), "{ran}");
    kit.run(&["verify"]).exits(0);
    kit.configure("oldSecretKey", Some("cmd:sh -c exit"));
    kit.run(&["plan"]).refused(2, "KR-CFG-007"); // it printed nothing
    kit.configure("oldSecretKey", Some("cmd:sh absent.sh"));
    kit.run(&["plan"]).refused(2, "KR-CFG-012");
}

/// Typed on a terminal, a key is not shown there.
#[test]
fn keys_are_asked_for_on_the_terminal() {
    let kit = kit_with("prompt:", "prompt:the new key, from the safe");
    let (old, new) = (kit.deployment.spec.old_key.clone(), kit.deployment.spec.new_key.clone());
    let mut command = Command::new("python3");
    command.arg(TERMINAL).args([&old, &new]).arg("--");
    let program = kit.command(&["fingerprint"]);
    command.arg(program.get_program()).args(program.get_args());
    let ran = kit.run_as(&mut command).exits(0);
    for says in
        ["oldSecretKey: ", "the new key, from the safe (newSecretKey): ", "oldSecretKey ", "newSecretKey "]
    {
        assert!(ran.stdout.contains(says), "{says:?}: {ran}");
    }
    assert!(!ran.stdout.contains(&old) && !ran.stdout.contains(&new), "it is shown: {ran}");
}

#[test]
fn without_a_terminal_nothing_is_asked() {
    let kit = kit_with("prompt:", "prompt:");
    // In a session of its own the program has no terminal, wherever this test runs.
    let mut command = Command::new("setsid");
    let program = kit.command(&["plan"]);
    command.arg("--wait").arg(program.get_program()).args(program.get_args());
    let ran = kit.run_as(&mut command).refused(2, "KR-CFG-012");
    assert!(ran.stderr.contains("there is no terminal to ask on"), "{ran}");
}

/// Whoever looks at the processes of the machine sees no secret: neither in the arguments and the
/// environment of the program, nor in those of what it starts.
#[test]
fn processes_show_no_secret() {
    let kit = kit_with("file:old-key", "cmd:sh vault.sh");
    let spec = &kit.deployment.spec;
    let beside = |name: &str| kit.deployment.config.with_file_name(name);
    fs::write(beside("old-key"), &spec.old_key).unwrap();
    fs::write(beside("new-key"), &spec.new_key).unwrap();
    // A vault that takes its time, so that it can be looked at.
    let (asked, go) = (beside("asked"), beside("go"));
    let script = "touch asked; until [ -e go ]; do sleep 0.01; done; cat new-key\n";
    fs::write(beside("vault.sh"), script).unwrap();
    let gate = kit.path("gate");
    let mut running = kit.start_at(&format!("table-before-commit=1*return({})", gate.display()), &["run"]);
    running.until(|| asked.exists());
    let looked = processes_hold(&[&spec.old_key, &spec.new_key], running.pid());
    assert!(looked >= 2, "the program and its command are looked at, not {looked} processes");
    File::create(&go).unwrap();
    running.until_it_waits(&gate);
    assert!(processes_hold(&[&spec.old_key, &spec.new_key], running.pid()) >= 1);
    fs::remove_file(&gate).unwrap();
    running.wait().exits(0);
}

/// Fails if the process, or one that it started, shows one of these; tells how many there are.
#[track_caller]
fn processes_hold(secrets: &[&str], root: u32) -> usize {
    let mut looked = 0;
    for process in fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
        let path = process.path();
        let Some(pid) = path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()) else {
            continue;
        };
        if pid != root && parent(&path) != Some(root) {
            continue;
        }
        looked += 1;
        for file in ["cmdline", "environ"] {
            let bytes = fs::read(path.join(file)).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!secrets.iter().any(|secret| text.contains(secret)), "{file} of process {pid}");
        }
    }
    looked
}

fn parent(process: &Path) -> Option<u32> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

/// No part of the program asks with an input that it was not given.
#[test]
fn an_input_that_nobody_needs_is_not_read() {
    let kit = Kit::new();
    let mut command = kit.command(&["fingerprint"]);
    command.stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let open = child.stdin.take().unwrap(); // nothing comes, and it does not end
    assert!(child.wait().unwrap().success());
    drop(open);
}
