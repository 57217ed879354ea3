//! Files: the log with the guide's lines, and configuration files that are not like the others.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use serde_json::Value;

use crate::kit::{Kit, Refused as _, plaintext, query, seal};

/// The lines that the guide tells people to look for, as the Java tool writes them, without the count.
pub(crate) const GUIDE: &[(&str, &str)] = &[
    (
        "Successfully updated totp data records in IDN_IDENTITY_USER_DATA: ",
        "Failed totp data records in IDN_IDENTITY_USER_DATA: ",
    ),
    (
        "Successfully updated OAuth2 authorization code data records in IDN_OAUTH2_AUTHORIZATION_CODE: ",
        "Failed OAuth2 authorization code data records in IDN_OAUTH2_AUTHORIZATION_CODE: ",
    ),
    (
        "Successfully updated OAuth2 access and refresh tokens data records in IDN_OAUTH2_ACCESS_TOKEN: ",
        "Failed OAuth2 access and refresh tokens data records in IDN_OAUTH2_ACCESS_TOKEN: ",
    ),
    (
        "Successfully updated OAuth consumer secret data records in IDN_OAUTH_CONSUMER_APPS: ",
        "Failed OAuth consumer secret data records in IDN_OAUTH_CONSUMER_APPS: ",
    ),
    (
        "Successfully updated BPS profile data records in WF_BPS_PROFILE: ",
        "Failed BPS profile data records in WF_BPS_PROFILE: ",
    ),
    (
        "Successfully updated WF request data records in WF_REQUEST: ",
        "Failed WF request data records in WF_REQUEST: ",
    ),
    (
        "Successfully updated keystore password property data records in REG_PROPERTY: ",
        "Failed keystore password property data records in REG_PROPERTY: ",
    ),
    (
        "Successfully updated keystore privatekeyPass property data records in REG_PROPERTY: ",
        "Failed keystore privatekeyPass property data records in REG_PROPERTY: ",
    ),
    (
        "Successfully updated subscriber password property data records in REG_PROPERTY: ",
        "Failed subscriber password property data records in REG_PROPERTY: ",
    ),
    (
        "Updated super tenant secondary userstore configuration files: ",
        "Failed super tenant secondary userstore configuration files: ",
    ),
    (
        "Updated tenant secondary userstore configuration files: ",
        "Failed tenant secondary userstore configuration files: ",
    ),
    ("Updated event publisher configuration files: ", "Failed event publisher configuration files: "),
];

/// What the Java tool writes where the guide has other words.
const JAVA_TOOL: [&str; 3] = [
    "Successfully updated super tenant secondary userstore configuration files: ",
    "Successfully updated tenant secondary userstore configuration files: ",
    "Successfully updated event publisher configuration files: ",
];

/// The guide's last word: "the failed logs count should be 0 for all". A table with nothing in it has its lines, too.
#[test]
fn the_log_answers_what_scripts_of_the_guide_look_for() {
    let kit = Kit::new();
    kit.sql("DELETE FROM WF_BPS_PROFILE");
    let chosen = kit.beside("chosen.log");
    let chosen = chosen.to_str().unwrap();
    let ran = kit.run(&["run", "--log-file", chosen]).exits(0);
    let grep = |pattern: &str, file: &str| {
        let done = std::process::Command::new("grep").args(["-c", pattern, file]).output().unwrap();
        String::from_utf8(done.stdout).unwrap().trim().parse::<usize>().unwrap()
    };
    for (done, failed) in GUIDE {
        assert_eq!(grep(&format!("{done}[0-9][0-9]*$"), chosen), 1, "{done}");
        assert_eq!(grep(&format!("{failed}0$"), chosen), 1, "{failed}");
        assert!(ran.stderr.contains(done) && ran.stderr.contains(failed), "also on the screen: {ran}");
    }
    for line in JAVA_TOOL {
        assert_eq!(grep(&format!("{line}[0-9][0-9]*$"), chosen), 1, "{line}");
    }
    assert_eq!(grep("Successfully updated BPS profile data records in WF_BPS_PROFILE: 0$", chosen), 1);
    assert_eq!(grep("Failed .*: [1-9]", chosen), 0);
}

/// The count at the end of the one line with this text.
#[track_caller]
pub(crate) fn count(log: &str, line: &str) -> u64 {
    let marked = format!(" INFO {line}"); // not a part of another line
    let found: Vec<_> = log.lines().filter_map(|text| text.split_once(&marked)).collect();
    assert_eq!(found.len(), 1, "{line} in\n{log}");
    found[0].1.parse().unwrap_or_else(|_| panic!("{line} does not end in a count: {}", found[0].1))
}

#[test]
fn each_line_is_said_once_however_often_a_rotation_is_taken_up() {
    let kit = Kit::new();
    kit.interrupt();
    kit.run(&["resume"]).exits(0);
    let log = kit.log();
    for (done, failed) in GUIDE {
        assert!(count(&log, done) > 0);
        assert_eq!(count(&log, failed), 0);
    }
    // What ended the first session stands in the log, too, not only on the screen.
    assert!(log.contains("ERROR [KR-DB-001]"), "{log}");
    assert!(log.lines().last().unwrap().contains("are now under the new key"), "{log}");
    assert_eq!(log.matches("this will change: identity database").count(), 2);
}

#[test]
fn the_log_is_private_and_goes_where_it_is_told() {
    let kit = Kit::new();
    kit.run(&["run"]).exits(0);
    let id = kit.status()["rotation_id"].as_str().unwrap().to_owned();
    let log = kit.folder().join(format!("keyrotation-{id}.log"));
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);

    let chosen = kit.beside("chosen.log");
    kit.run(&["run", "--new", "-q", "--log-file", chosen.to_str().unwrap()]).exits(0);
    assert_eq!(fs::metadata(&chosen).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&chosen).unwrap();
    assert!(text.contains("looking at what is there"), "also what was said before it had a name:\n{text}");
    kit.run(&["run", "--new", "--no-log-file"]).exits(0);
    assert_eq!(kit.logs(), [log]);
}

#[test]
fn the_log_as_json_is_an_object_a_line() {
    let kit = Kit::new();
    let done = kit.run(&["run", "-vv", "--log-format", "json"]).exits(0);
    let lines: Vec<Value> = kit.log().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let messages: Vec<&str> = lines.iter().map(|line| line["fields"]["message"].as_str().unwrap()).collect();
    for (line, _) in GUIDE {
        assert!(messages.iter().any(|message| message.starts_with(line)), "{line}");
    }
    assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()));
    for line in done.stderr.lines() {
        assert!(serde_json::from_str::<Value>(line).unwrap().is_object(), "{line}");
    }
}

/// A super tenant's user store of the deployment.
fn store(kit: &Kit, name: &str) -> PathBuf {
    kit.deployment.home.join("repository/deployment/server/userstores").join(name)
}

#[test]
fn a_file_with_one_secret_moved_already_gets_the_other_moved() {
    let kit = Kit::new();
    let spec = &kit.deployment.spec;
    let (old, new) = (seal(&spec.old_key, "moved by us"), seal(&spec.new_key, "moved by hand"));
    let file = |first: &str| {
        format!(
            "<UserStoreManager class=\"x\">\r\n  <!-- {old} -->\r\n  <Property encrypted=\"true\" name=\"password\">{first}</Property>\r\n  \
             <Property name='ConnectionPassword' encrypted='True'>{new}</Property >\r\n</UserStoreManager>"
        )
    };
    let path = store(&kit, "MIXED.xml");
    fs::write(&path, file(&old)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    kit.run(&["run"]).exits(0);
    let text = fs::read_to_string(&path).unwrap();
    let value = text.split("\"password\">").nth(1).unwrap().split('<').next().unwrap();
    assert_eq!(plaintext(&spec.new_key, value).as_deref(), Some("moved by us"));
    assert_eq!(text, file(value), "only the one ciphertext changed");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    kit.run(&["verify"]).exits(0);
}

#[test]
fn files_that_cannot_be_rotated_fail_alone() {
    let kit = Kit::new();
    let old = seal(&kit.deployment.spec.old_key, "a secret");
    let foreign = seal("00112233445566778899aabbccddeeff", "a secret");
    let property = |value: &str| format!("<UserStoreManager><Property encrypted=\"true\">{value}</Property>");
    let bad = [
        ("A-UNCLOSED.xml", property(&old).into_bytes()),
        ("B-FOREIGN.xml", format!("{}</UserStoreManager>", property(&foreign)).into_bytes()),
        ("C-LATIN1.xml", [property(&old).as_bytes(), b"<!-- caf\xe9 --></UserStoreManager>"].concat()),
    ];
    for (name, bytes) in &bad {
        fs::write(store(&kit, name), bytes).unwrap();
    }
    fs::write(store(&kit, "D-OTHER-ROOT.xml"), "<project/>").unwrap();
    fs::write(store(&kit, "E.xml.enc"), "plain-password").unwrap();
    fs::write(store(&kit, "F.bak"), property("plain")).unwrap();
    symlink("/etc/hostname", store(&kit, "G-OUTSIDE.xml")).unwrap();
    let done = kit.run(&["run"]).exits(1);
    for (name, bytes) in &bad {
        assert_eq!(&fs::read(store(&kit, name)).unwrap(), bytes, "{name} is untouched");
    }
    let text = kit.run(&["status"]).exits(0).stdout;
    for name in ["A-UNCLOSED.xml", "B-FOREIGN.xml", "C-LATIN1.xml", "G-OUTSIDE.xml"] {
        let line = text.lines().find(|line| line.starts_with("failed: ") && line.contains(name));
        assert!(line.is_some_and(|line| line.contains("content: ")), "{name} in\n{text}");
    }
    assert_eq!(text.matches("failed: ").count(), 4, "{text}");
    let said = |level: &str, name: &str| {
        done.stderr.lines().any(|line| line.trim_start().starts_with(level) && line.contains(name))
    };
    assert!(said("WARN", "E.xml.enc: holds a plain password"), "{}", done.stderr);
    assert!(said("INFO", "D-OTHER-ROOT.xml"), "{}", done.stderr);
    assert!(!done.stderr.contains("F.bak"), "{}", done.stderr);
    let plan = kit.run(&["plan", "-v"]).exits(0);
    for name in ["E.xml.enc", "D-OTHER-ROOT.xml", "F.bak"] {
        assert!(plan.stderr.contains(name), "{}", plan.stderr);
    }
    assert_eq!(fs::read_to_string(store(&kit, "F.bak")).unwrap(), property("plain"));
    // Put right, tried again.
    for name in ["A-UNCLOSED.xml", "C-LATIN1.xml"] {
        fs::write(store(&kit, name), format!("{}</UserStoreManager>", property(&old))).unwrap();
    }
    fs::remove_file(store(&kit, "G-OUTSIDE.xml")).unwrap();
    kit.run(&["resume", "--retry-failed"]).exits(1);
    let text = kit.run(&["status"]).exits(0).stdout;
    assert_eq!(text.matches("failed: ").count(), 1, "{text}");
    assert!(!fs::read_to_string(store(&kit, "A-UNCLOSED.xml")).unwrap().contains(&old));
}

#[test]
fn links_lead_only_to_allowed_roots() {
    let kit = Kit::new();
    let shared = kit.beside("shared");
    fs::create_dir(&shared).unwrap();
    let old = seal(&kit.deployment.spec.old_key, "a secret");
    let file = shared.join("SHARED.xml");
    fs::write(
        &file,
        format!("<UserStoreManager><Property encrypted=\"true\">{old}</Property></UserStoreManager>"),
    )
    .unwrap();
    symlink(&file, store(&kit, "SHARED.xml")).unwrap();
    kit.configure("allowedRoots", Some(&format!("[{}]", shared.display())));
    kit.run(&["run"]).exits(0);
    assert!(!fs::read_to_string(&file).unwrap().contains(&old));
    assert!(fs::symlink_metadata(store(&kit, "SHARED.xml")).unwrap().is_symlink(), "the link is still one");
    kit.run(&["verify"]).exits(0);
}

#[test]
fn files_alone_and_databases_alone() {
    let kit = Kit::new();
    let before = kit.snapshot();
    kit.configure("enableDBMigrator", Some("false"));
    for key in ["newIdnDBUrl", "newRegDBUrl", "oldIdnDBUrl"] {
        kit.configure(key, None);
    }
    kit.run(&["run"]).exits(0);
    let status = kit.status();
    assert_eq!(status["targets"].as_array().unwrap().len(), 0);
    assert_eq!(status["files"][0]["rotated"], 3);
    let tokens = "SELECT ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN ORDER BY TOKEN_ID";
    assert_eq!(kit.sql(tokens), query(&kit.deployment.old_identity, tokens));
    kit.run(&["verify"]).exits(0);

    let other = Kit::new();
    other.configure("enableConfigMigrator", Some("false"));
    other.configure("newISHome", None);
    other.run(&["run"]).exits(0);
    assert_eq!(other.files(), Kit::new().files());
    kit.run(&["resume"]).exits(0);
    drop(before);
    let done = kit.run(&["status", "--journal", "/no/such/journal"]);
    done.refused(4, "KR-JRN-007");
}
