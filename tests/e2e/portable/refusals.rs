//! Refusals that need a deployment; those of properties.yaml alone are cases in `tests/cmd`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::kit::{Kit, Refused as _, same_tree, tree};

/// Asserts that `plan` and `run` refuse alike, and that nothing was written; gives the error.
#[track_caller]
pub(crate) fn both_refuse(kit: &Kit, code: i32, id: &str) -> String {
    let before = tree(kit.folder());
    let planned = kit.run(&["plan"]).refused(code, id).error().to_owned();
    let error = kit.run(&["run"]).refused(code, id).error().to_owned();
    assert_eq!(planned, error);
    same_tree(&before, &tree(kit.folder()));
    // The same for scripts: one line of JSON, nothing on stdout.
    let json = kit.run(&["run", "--log-format", "json"]).exits(code);
    assert_eq!(json.stdout, "");
    let document: serde_json::Value = serde_json::from_str(json.stderr.lines().last().unwrap()).unwrap();
    assert_eq!(
        (document["error"]["id"].as_str(), document["exit_code"].as_i64()),
        (Some(id), Some(i64::from(code)))
    );
    assert!(error.contains(document["error"]["what"].as_str().unwrap()), "{document}");
    assert!(error.contains(document["error"]["fix"].as_str().unwrap()), "{document}");
    error
}

pub(crate) fn an_old_key_that_opens_nothing_is_refused() {
    let kit = Kit::new();
    kit.configure("oldSecretKey", Some("00000000000000000000000000000000"));
    let error = both_refuse(&kit, 2, "KR-CFG-051");
    assert!(
        error.contains("oldSecretKey: neither the old nor the new key decrypts any of ")
            && error.contains("deployment.toml"),
        "{error}"
    );
}

/// A few values under the new key do not make a wrong old key a right one.
#[test]
fn an_old_key_that_opens_nothing_is_refused_whatever_the_new_one_opens() {
    let kit = Kit::new();
    let rotated = crate::kit::seal(&kit.deployment.spec.new_key, "moved before");
    kit.sql(&format!("UPDATE IDN_IDENTITY_USER_DATA SET DATA_VALUE = '{rotated}'"));
    kit.configure("oldSecretKey", Some("00000000000000000000000000000000"));
    let error = both_refuse(&kit, 2, "KR-CFG-051");
    assert!(error.contains("sampled values, and the new key decrypts only "), "{error}");
}

#[test]
fn one_table_of_a_foreign_key_does_not_refuse_the_rest() {
    let kit = Kit::new();
    let foreign = crate::kit::seal("00112233445566778899aabbccddeeff", "somebody else's");
    kit.sql(&format!("UPDATE IDN_IDENTITY_USER_DATA SET DATA_VALUE = '{foreign}'"));
    let accept = &["--accept-unreadable", "100000"];
    let plan = kit.run(&[&["plan"][..], accept].concat()).exits(0);
    assert!(plan.stdout.contains("are under the old key"), "{}", plan.stdout);
    kit.run(&[&["run"][..], accept].concat()).exits(1);
}

#[test]
fn nothing_encrypted_is_a_line_on_the_screen() {
    let kit = Kit::new();
    kit.configure("enableConfigMigrator", Some("false"));
    for sql in [
        "DELETE FROM IDN_OAUTH2_ACCESS_TOKEN",
        "DELETE FROM IDN_OAUTH2_ACCESS_TOKEN_AUDIT",
        "DELETE FROM IDN_OAUTH2_AUTHORIZATION_CODE",
        "DELETE FROM IDN_OAUTH2_REFRESH_TOKEN",
        "DELETE FROM IDN_OAUTH_CONSUMER_APPS",
        "DELETE FROM IDN_OAUTH_CONSUMER_SECRETS",
        "DELETE FROM IDN_SECRET",
        "DELETE FROM IDN_XACML_SUBSCRIBER_PROPERTY",
        "DELETE FROM WF_BPS_PROFILE",
        "DELETE FROM WF_REQUEST",
        "UPDATE IDN_IDENTITY_USER_DATA SET DATA_VALUE = 'plain'",
    ] {
        kit.sql(sql);
    }
    kit.registry("DELETE FROM KEY_STORE");
    kit.registry("UPDATE REG_PROPERTY SET REG_VALUE = NULL");
    let done = kit.run(&["run"]).exits(0);
    assert!(done.stderr.contains("nothing is encrypted here: there is nothing to rotate"), "{}", done.stderr);
    assert!(
        done.stdout
            .ends_with("0 rows and 0 files are now under the new key, 0 were there before, 0 failed.\n")
    );
}

#[test]
fn a_log_file_that_cannot_be_written_stops_a_rotation_before_it_begins() {
    let kit = Kit::new();
    let before = kit.snapshot();
    let done = kit.run(&["run", "--log-file", "/no/such/folder/rotation.log"]).refused(3, "KR-ENV-001");
    assert!(done.error().contains("/no/such/folder/rotation.log"), "{}", done.error());
    before.must_be_untouched(&kit);
    kit.run(&["status"]).refused(4, "KR-JRN-007");
}

#[test]
fn keygen_makes_new_keys_each_time() {
    let kit = Kit::new();
    let key = |args: &[&str]| kit.run(args).exits(0).stdout;
    for (args, digits) in [
        (&["keygen"][..], 32),
        (&["keygen", "--for", "5.11"], 32),
        (&["keygen", "--for", "7.0.0"], 32),
        (&["keygen", "--for", "7.1"], 64),
        (&["keygen", "--for", "v7.3.0"], 64),
    ] {
        let (first, second) = (key(args), key(args));
        assert_ne!(first, second);
        let text = first.strip_suffix('\n').unwrap();
        assert_eq!(text.len(), digits, "{args:?}");
        assert!(text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{text}");
    }
    // A key from keygen is one that a rotation takes.
    kit.configure("newSecretKey", Some(key(&["keygen"]).trim_end()));
    kit.run(&["run"]).exits(0);
    kit.run(&["verify"]).exits(0);
}

#[test]
fn init_writes_a_private_file_that_only_lacks_what_the_operator_knows() {
    let kit = Kit::new();
    let file = kit.beside("properties.yaml");
    let init = |args: &[&str]| {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_keyrotation"));
        program.arg("init").arg("-c").arg(&file).args(args).output().unwrap()
    };
    assert!(init(&[]).status.success());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(init(&[]).status.code(), Some(2));
    assert!(init(&["--force"]).status.success());
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    for key in keyrotation::config::Key::ALL {
        assert!(text.contains(&format!("{key}:")), "{key} is not in it");
    }
}
