//! Secrets from standard input and from commands. Those from a terminal: `tests/e2e/sqlite/handed.rs`.

use std::time::{Duration, Instant};

use super::{Bench, NEW_KEY, OLD_KEY};
use crate::cipher::SecretKey;
use crate::error::Id;
use crate::interactive::{Stdin, run, run_for};

#[test]
fn lines_of_standard_input() {
    let bench = Bench::new().set("oldSecretKey", "stdin:2").set("newSecretKey", "stdin:");
    for text in [
        format!("{NEW_KEY}\n{OLD_KEY}\n"),
        format!("{NEW_KEY}\n{OLD_KEY}"),
        format!("{NEW_KEY}\r\n{OLD_KEY}\r\nmore\n"),
    ] {
        let settings = bench_with(&bench, &text).settings();
        assert_eq!(*settings.keys.old_key(), SecretKey::parse(OLD_KEY).unwrap(), "{text:?}");
        assert_eq!(*settings.keys.new_key(), SecretKey::parse(NEW_KEY).unwrap(), "{text:?}");
    }
    for (text, says) in [
        (String::new(), "names line 2 of standard input, which has 0"),
        (format!("{OLD_KEY}\n"), "names line 2 of standard input, which has 1"),
        ("x".repeat(513 * 1024), "standard input, which is too large for secrets"),
    ] {
        bench_with(&bench, &text).fails(Id::ConfigSecretSource, says);
    }
    for (line, says) in [("0", "names no line"), ("-1", "names no line"), ("two", "names no line")] {
        let bench = bench_with(&bench, "x\n").set("newSecretKey", &format!("stdin:{line}"));
        bench.set("oldSecretKey", OLD_KEY).fails(Id::ConfigSecretSource, says);
    }
}

fn bench_with(bench: &Bench, text: &str) -> Bench {
    let mut new = Bench::new().stdin(text);
    for (key, value) in &bench.lines {
        if ["oldSecretKey", "newSecretKey"].contains(&key.as_str()) {
            new = new.set(key, value);
        }
    }
    new
}

/// A password is taken as it is: with white space, empty, and never as base64.
#[test]
fn a_line_is_the_secret_itself() {
    let stdin = Stdin::of(" pass word \n\ncm9vdA==\n".as_bytes());
    for (line, secret) in [("1", " pass word "), ("2", ""), ("3", "cm9vdA=="), ("", " pass word ")] {
        assert_eq!(stdin.line(line).unwrap().expose(), secret);
    }
    let latin = Stdin::of(b"caf\xe9\n");
    assert_eq!(latin.line("1").unwrap_err(), "names standard input, which is not UTF-8 text");
}

#[test]
fn a_command_prints_the_secret() {
    let bench = Bench::new();
    bench.write("vault.sh", "printf '%s-%s\\n' \"$1\" \"$2\"; echo asked >&2; cat\n");
    let folder = bench.dir.path();
    for (command, secret) in [
        ("sh vault.sh a b", "a-b"),
        ("  sh   vault.sh a 'b' ", "a-'b'"),
        ("sh vault.sh $HOME *", "$HOME-*"),
        ("echo", ""),
        ("printf x\\n\\n", "x\n"),
        ("/bin/echo a;b|c", "a;b|c"),
    ] {
        assert_eq!(run(command, folder).unwrap().expose(), secret, "{command}");
    }
    let settings = bench.set("newSecretKey", &format!("cmd:echo {NEW_KEY}")).settings();
    assert_eq!(*settings.keys.new_key(), SecretKey::parse(NEW_KEY).unwrap());
}

#[test]
fn a_command_that_fails_is_told_by_its_name() {
    let bench = Bench::new();
    bench.write("fail.sh", "echo s3cret-output; exit 3\n");
    bench.write("die.sh", "echo s3cret-output; kill -9 $$\n");
    bench.write("latin.sh", "printf 'caf\\351'\n");
    bench.write("file", "");
    let folder = bench.dir.path();
    for (command, says) in [
        ("", "names no command"),
        ("no-such-command-here s3cret", "names the command no-such-command-here, which cannot be started"),
        ("./absent s3cret", "names the command ./absent, which cannot be started"),
        ("./file s3cret", "names the command ./file, which cannot be started"),
        ("sh fail.sh s3cret", "names the command sh, which failed: exit code 3"),
        ("sh die.sh s3cret", "names the command sh, which failed: signal 9"),
        ("sh latin.sh s3cret", "names the command sh, which prints something that is not UTF-8 text"),
        ("yes s3cret", "names the command yes, which prints too much for a secret"),
    ] {
        let problem = run(command, folder).expect_err(command);
        assert!(problem.starts_with(says), "{problem}");
        assert!(!problem.contains("s3cret"), "{problem}");
    }
    bench
        .set("oldSecretKey", "cmd:false")
        .fails(Id::ConfigSecretSource, "oldSecretKey names the command false");
}

/// Also one that has closed its output, and one whose child keeps it open.
#[test]
fn a_command_is_not_waited_for_for_ever() {
    let bench = Bench::new();
    bench.write("closes.sh", "echo x; exec >&- 2>&-; sleep 20\n");
    bench.write("leaves.sh", "sleep 20 2>/dev/null &\n");
    for command in ["sleep 20", "sh closes.sh", "sh leaves.sh"] {
        let begun = Instant::now();
        let problem = run_for(command, bench.dir.path(), Duration::from_millis(300)).expect_err(command);
        assert!(problem.contains("which takes longer than 0 s"), "{problem}");
        assert!(begun.elapsed() < Duration::from_mins(1), "{command}");
    }
}

#[test]
fn the_command_of_on_event_is_run_in_the_folder_of_the_file_while_nobody_else_may_write_to_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    bench.write("told.sh", "pwd\n");
    assert_eq!(bench.settings().on_event, None);
    let bench = bench.set("onEvent", "");
    assert_eq!(bench.settings().on_event, None);
    bench.set("onEvent", "'cmd:'").fails(Id::ConfigValue, "onEvent names no command");
    for text in ["sh told.sh", "cmd:sh   told.sh"] {
        let bench = Bench::new().set("onEvent", text);
        bench.write("told.sh", "pwd\n");
        let settings = bench.settings();
        let command = settings.on_event.unwrap();
        assert_eq!(command.program(), "sh");
        let output = command.to_start().unwrap().output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(std::path::Path::new(said.trim()), bench.dir.path().canonicalize().unwrap());
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(bench.path("told.sh"), open).unwrap();
        assert!(command.to_start().is_err());
        bench.fails(Id::ConfigValue, "onEvent names the command sh, and everyone may write to ");
    }
}
