//! An append syncs for real: its system calls are traced.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

/// The example, built with the tests.
fn example() -> std::path::PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().unwrap().parent().unwrap().join("examples/append");
    assert!(path.exists(), "{} is missing: build it with `cargo build --examples`", path.display());
    path
}

#[test]
fn each_append_syncs_the_log_and_the_head() {
    const GROUPS: usize = 20;
    let base = TempDir::new().unwrap();
    let dir = base.path().join("journal");
    let trace = base.path().join("trace");
    let status = Command::new("strace")
        .args(["-f", "-y", "-e", "trace=fsync,fdatasync,pwrite64", "-o"])
        .arg(&trace)
        .arg(example())
        .arg(&dir)
        .args([&GROUPS.to_string(), "50"])
        .output()
        .expect("strace is needed: install it with `apt-get install strace`");
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));

    // The order of what reached the disk: each head is written after the log was synced, and synced itself.
    let trace = fs::read_to_string(&trace).unwrap();
    let (mut log_dirty, mut head_dirty) = (false, false);
    let (mut log_syncs, mut head_writes, mut head_syncs) = (0, 0, 0);
    for line in trace.lines() {
        let is =
            |call: &str, file: &str| line.contains(&format!("{call}(")) && line.contains(&format!("{file}>"));
        if is("pwrite64", "/log/db") {
            assert!(!head_dirty, "the log went on before the head was synced: {line}");
            log_dirty = true;
        } else if is("fdatasync", "/log/db") || is("fsync", "/log/db") {
            log_dirty = false;
            log_syncs += 1;
        } else if is("pwrite64", "/head") {
            assert!(!log_dirty, "the head was written before the log was synced: {line}");
            head_dirty = true;
            head_writes += 1;
        } else if is("fdatasync", "/head") {
            head_dirty = false;
            head_syncs += 1;
        }
    }
    // The rotation, the session, then the groups.
    let groups = GROUPS + 2;
    assert_eq!((head_writes, head_syncs), (groups, groups));
    assert!(log_syncs >= groups, "{log_syncs} syncs of the log");
    for folder in [&dir, &dir.join("log"), &base.path().to_path_buf()] {
        let named = format!("{}>", folder.display());
        assert!(
            trace.lines().any(|line| line.contains("fsync(") && line.contains(&named)),
            "{named} was not synced"
        );
    }
}
