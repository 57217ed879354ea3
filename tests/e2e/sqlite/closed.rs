//! What others may read or write: no key is left to them, and nothing of theirs is believed.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::kit::{Kit, Refused as _};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn no_key_is_left_in_a_file_that_others_may_read() {
    let kit = Kit::new();
    let toml = kit.deployment.home.join("repository/conf/deployment.toml");
    set(&toml, 0o644);
    let ran = kit.run(&["configure"]).exits(0);
    assert!(ran.stderr.contains("closed to others"), "{ran}");
    assert_eq!(mode(&toml), 0o640);
    for file in fs::read_dir(toml.parent().unwrap()).unwrap().map(|file| file.unwrap().path()) {
        if file.file_name().unwrap().to_str().unwrap().starts_with("deployment.toml") {
            assert_eq!(mode(&file) & 0o007, 0, "{}", file.display());
        }
    }
    set(&kit.deployment.config, 0o666);
    kit.run(&["init", "--force"]).exits(0);
    assert_eq!(mode(&kit.deployment.config), 0o600);
    // A link is neither followed nor replaced.
    let victim = kit.beside("victim");
    fs::write(&victim, "kept").unwrap();
    fs::remove_file(&kit.deployment.config).unwrap();
    std::os::unix::fs::symlink(&victim, &kit.deployment.config).unwrap();
    let ran = kit.run(&["init", "--force"]).refused(2, "KR-CFG-020");
    assert!(ran.stderr.contains("is a link"), "{ran}");
    assert_eq!(fs::read(&victim).unwrap(), b"kept");
    kit.run(&["init"]).refused(2, "KR-CFG-020");
}

/// The log names rows: it is this user's own, whoever has put something in its place.
#[test]
fn a_log_file_that_is_somebody_elses_is_refused() {
    let kit = Kit::rotated();
    let (log, link) = (kit.beside("rotation.log"), kit.beside("link.log"));
    let run =
        |path: &Path| kit.run(&["run", "--new", "--all-already-new", "--log-file", path.to_str().unwrap()]);
    run(&log).exits(0);
    assert_eq!(mode(&log), 0o600);
    let length = || fs::metadata(&log).unwrap().len();
    let before = length();
    std::os::unix::fs::symlink(&log, &link).unwrap();
    let refused = |path: &Path, says: &str| {
        let ran = run(path).refused(3, "KR-ENV-001");
        assert!(ran.stderr.contains(says), "{says}: {ran}");
    };
    refused(&link, "is a link");
    for others in [0o620, 0o602] {
        set(&log, others);
        refused(&log, "can be written by others");
    }
    set(&log, 0o600);
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&log, Some(54_321), None).unwrap();
        refused(&log, "belongs to user 54321");
        std::os::unix::fs::chown(&log, Some(0), None).unwrap();
    }
    assert_eq!(length(), before, "nothing was written to it");
    run(&log).exits(0);
    assert!(length() > before);
}

#[test]
fn a_weak_new_key_needs_a_word() {
    let kit = Kit::new();
    for weak in ["0123456789abcdef0123456789abcdef", "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb", "2d8e61b7f94c03a5"] {
        kit.configure("newSecretKey", Some(weak));
        for args in [&["run"][..], &["run", "--dry-run"]] {
            kit.run(args).refused(2, "KR-CFG-059");
        }
    }
    // What whoever knows the old key tries first: of all new keys, whatever the case of letters.
    let old = &kit.deployment.spec.old_key;
    let with_last = |digit: &str| format!("{}{digit}", &old[..31]);
    let near = with_last(if old.ends_with('0') { "1" } else { "0" });
    let reversed: String = old.chars().rev().collect();
    let rotated = format!("{}{}", &old[5..], &old[..5]);
    let totp = "5e0d9c3b7a61f28440d1c6b8e97f3a52";
    for weak in [&near, &reversed, &rotated, &old.to_uppercase(), "qwertyuiopasdfghjklzxcvbnm123456"] {
        kit.configure("newSecretKey", Some(weak));
        kit.run(&["run"]).refused(2, "KR-CFG-059");
        kit.configure("newSecretKey", Some(&kit.deployment.spec.new_key));
        kit.configure("totpKey", Some(&format!("{{old: {totp}, new: {weak}}}")));
        kit.run(&["run"]).refused(2, "KR-CFG-059");
        kit.configure("totpKey", None);
    }
    kit.configure("newSecretKey", Some("0123456789abcdef0123456789abcdef"));
    kit.run(&["run", "--accept-weak-key"]).exits(0);
    kit.run(&["verify"]).exits(0); // and everything else goes on with it
}

#[test]
fn what_everyone_may_write_to_is_not_believed() {
    let kit = Kit::new();
    let (old, new) = (&kit.deployment.spec.old_key, &kit.deployment.spec.new_key);
    let file = kit.deployment.config.with_file_name("key");
    fs::write(&file, new).unwrap();
    set(&file, 0o602);
    kit.configure("newSecretKey", Some("file:key"));
    let ran = kit.run(&["plan"]).refused(2, "KR-CFG-012");
    assert!(ran.stderr.contains("everyone may write to"), "{ran}");
    // A command gets no secret but its own.
    let script = kit.deployment.config.with_file_name("vault.sh");
    fs::write(&script, format!("#!/bin/sh\nenv > \"$(dirname \"$0\")/seen\"\necho {new}\n")).unwrap();
    kit.configure("newSecretKey", Some("cmd:./vault.sh"));
    kit.configure("oldSecretKey", Some("env:THE_OLD_KEY"));
    let run = |code: i32| {
        let mut command = kit.command(&["plan"]);
        command.env("THE_OLD_KEY", old).env("OF_THE_VAULT", "kept");
        kit.run_as(&mut command).exits(code)
    };
    set(&script, 0o707);
    let ran = run(2);
    assert!(ran.stderr.contains("everyone may write to"), "{ran}");
    set(&script, 0o700);
    run(0);
    let seen = fs::read_to_string(script.with_file_name("seen")).unwrap();
    assert!(seen.contains("OF_THE_VAULT=kept") && !seen.contains("THE_OLD_KEY"), "{seen}");
}

/// What runs as this user, or says what is to be done, is nobody else's to write.
#[test]
fn what_others_may_write_to_on_the_way_is_not_believed() {
    let kit = Kit::new();
    let config = &kit.deployment.config;
    let refused = |id: &str, says: &str| {
        let ran = kit.run(&["plan"]).refused(2, id);
        assert!(ran.stderr.contains(says), "{says}: {ran}");
    };
    // properties.yaml itself, and the folder that it is in.
    set(config, 0o602);
    refused("KR-CFG-001", "everyone may write to");
    set(config, 0o600);
    let folder = config.parent().unwrap();
    let was = mode(folder);
    set(folder, 0o777);
    refused("KR-CFG-001", "everyone may write to");
    set(folder, was);

    let place = kit.beside("keys");
    fs::create_dir(&place).unwrap();
    let (file, link, script) = (place.join("key"), kit.beside("link"), place.join("vault.sh"));
    fs::write(&file, &kit.deployment.spec.new_key).unwrap();
    fs::write(&script, format!("echo {}\n", kit.deployment.spec.new_key)).unwrap();
    std::os::unix::fs::symlink(&place, &link).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let named_plainly = format!("file:{}", text(&file));
    let by_link = format!("file:{}", text(&link.join("key")));
    let as_argument = format!("cmd:sh {}", text(&script));
    let indirect = [&named_plainly, &by_link, &as_argument];
    set(&place, 0o755);
    for way in indirect {
        kit.configure("newSecretKey", Some(way));
        set(&place, 0o755);
        kit.run(&["plan"]).exits(0);
        set(&place, 0o757);
        refused("KR-CFG-012", "everyone may write to");
        // Nobody may replace what is another's there.
        set(&place, 0o1757);
        kit.run(&["plan"]).exits(0);
    }
    set(&place, 0o755);
    set(&script, 0o606);
    refused("KR-CFG-012", "vault.sh");
    set(&script, 0o600);
    if !rustix::process::geteuid().is_root() {
        return; // nobody else gives files away
    }
    let give = |path: &Path, user, group| std::os::unix::fs::chown(path, user, group).unwrap();
    give(&script, Some(54_321), None);
    refused("KR-CFG-012", "belongs to user 54321");
    give(&script, Some(0), Some(54_321));
    set(&script, 0o660);
    refused("KR-CFG-012", "group 54321 may write to");
    set(&script, 0o640);
    kit.run(&["plan"]).exits(0);
    kit.configure("newSecretKey", Some(&named_plainly));
    set(&file, 0o660);
    give(&file, None, Some(54_321));
    refused("KR-CFG-012", "group 54321 may write to");
    give(&file, None, Some(0));
    kit.run(&["plan"]).exits(0);
    // Anybody could have made it there.
    set(&place, 0o1757);
    give(&file, Some(54_321), None);
    refused("KR-CFG-012", "belongs to user 54321");
}

#[test]
fn a_finished_file_with_the_key_is_closed_too_and_so_is_a_redirect() {
    let kit = Kit::new();
    let toml = kit.deployment.home.join("repository/conf/deployment.toml");
    kit.run(&["configure"]).exits(0);
    set(&toml, 0o644);
    let ran = kit.run(&["configure"]).exits(0);
    assert!(ran.stderr.contains("closed to others"), "{ran}");
    assert_eq!(mode(&toml), 0o640);
    for args in [&["keygen"][..], &["configure", "--print", "--show-secrets"]] {
        for (permissions, warned) in [(0o644, true), (0o600, false)] {
            let to = kit.beside("redirected");
            fs::write(&to, "").unwrap();
            set(&to, permissions);
            let mut command = kit.command(args);
            command.stdout(fs::File::create(&to).unwrap()).stderr(std::process::Stdio::piped());
            let done = command.spawn().unwrap().wait_with_output().unwrap();
            let said = String::from_utf8(done.stderr).unwrap();
            assert!(done.status.success(), "{said}");
            assert!(fs::metadata(&to).unwrap().len() > 20);
            assert_eq!(said.contains("others may read"), warned, "{args:?} {permissions:o}: {said}");
            assert_eq!(mode(&to), 0o600, "{args:?}");
        }
    }
}

#[test]
fn a_journal_that_is_anybodys_is_refused() {
    let kit = Kit::rotated();
    set(&kit.journal(), 0o777);
    kit.run(&["status"]).refused(4, "KR-JRN-010");
    kit.run(&["confirm", "start/started"]).refused(4, "KR-JRN-010");
    set(&kit.journal(), 0o700);
    kit.run(&["status"]).exits(0);
    let link = kit.beside("link");
    std::os::unix::fs::symlink(kit.journal(), &link).unwrap();
    kit.run(&["status", "--journal", link.to_str().unwrap()]).refused(4, "KR-JRN-010");
    // What a link in it points to is not touched.
    let (victim, other) = (kit.beside("victim"), kit.beside("other"));
    fs::write(&victim, "kept").unwrap();
    fs::create_dir(&other).unwrap();
    set(&other, 0o700);
    std::os::unix::fs::symlink(&victim, other.join("lock")).unwrap();
    kit.run(&["run", "--journal", other.to_str().unwrap()]).exits(4);
    assert_eq!(fs::read(&victim).unwrap(), b"kept");
}

#[test]
fn no_core_is_dumped() {
    let kit = Kit::new();
    let running = kit.start_slow(2500, &["run"]);
    let limits = fs::read_to_string(format!("/proc/{}/limits", running.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    running.signal(rustix::process::Signal::INT);
    running.wait().exits(130);
}

/// Neither half a file nor none in place of what was there.
#[test]
fn a_full_disk_leaves_what_was_there() {
    let kit = Kit::new();
    let folder = kit.beside("new");
    fs::create_dir(&folder).unwrap();
    let init = |more: &str| {
        let (program, config) = (env!("CARGO_BIN_EXE_keyrotation"), folder.join("properties.yaml"));
        // No file may become longer than nothing.
        let script =
            format!("trap '' XFSZ; ulimit -f 0; exec {program} init {more} --config {}", config.display());
        let done = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(done.status.code(), Some(3), "{}", String::from_utf8_lossy(&done.stderr));
        let left = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        left.map(|path| fs::read_to_string(path).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(init(""), [""; 0]);
    fs::write(folder.join("properties.yaml"), "kept").unwrap();
    assert_eq!(init("--force"), ["kept"]);
}
