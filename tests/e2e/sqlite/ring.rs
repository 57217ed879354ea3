//! More than one old key: whatever is under any of them goes to the new one, and TOTP secrets from a key of
//! their own to another.

use serde_json::Value;

use crate::kit::{Kit, Refused as _, open_values, seal};

const OLDER: &str = "f7b2b39207523b43a56540d30656b19b";
const TOTP_OLD: &str = "9501cb661d04b0dbe68d17bff2060737";
const TOTP_NEW: &str = "b5d030394142dda37b22997dbcc5640c";

/// Rows that a server wrote under another key: half of the tokens that came last, say.
fn add_under(kit: &Kit, key: &str, count: usize) {
    for number in 0..count {
        let value = seal(key, &format!("token {number}"));
        let name = &key[..6];
        kit.sql(&format!(
            "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN (TOKEN_ID, ACCESS_TOKEN, REFRESH_TOKEN, TOKEN_STATE_ID) \
             VALUES ('{name}-{number}', '{value}', NULL, '{name}-{number}')"
        ));
    }
}

/// What the values of rows with this beginning of a key open to under a key.
fn tokens(kit: &Kit, key: &str, under: &str) -> Vec<Value> {
    let name = &key[..6];
    let rows = kit.sql(&format!(
        "SELECT ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_ID LIKE '{name}-%' ORDER BY TOKEN_ID"
    ));
    let values: Vec<String> = rows.into_iter().filter_map(|mut row| row.remove(0)).collect();
    open_values(under, &values.iter().map(String::as_str).collect::<Vec<_>>())
}

fn all_open(opened: &[Value], count: usize) {
    assert_eq!(opened.len(), count);
    assert!(opened.iter().all(|value| value["plaintext"].is_string()), "{opened:?}");
}

fn fingerprint(key: &str) -> String {
    keyrotation::cipher::SecretKey::parse(key).unwrap().fingerprint().to_owned()
}

/// The procedure with two keys done twice leaves values under both of the old ones.
#[test]
fn values_under_several_old_keys_all_move() {
    let kit = Kit::new();
    let (old, new) = (kit.deployment.spec.old_key.clone(), kit.deployment.spec.new_key.clone());
    add_under(&kit, OLDER, 40);
    kit.run(&["plan"]).refused(5, "KR-RUN-011");
    kit.configure("oldSecretKeys", Some(&format!("[{OLDER}, env:THE_OLD_KEY]")));
    let plan = kit.command(&["plan", "--json"]).env("THE_OLD_KEY", &old).output().unwrap();
    let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
    assert_eq!(plan["keys"]["further_old_keys"], serde_json::json!([fingerprint(OLDER)]));
    let tokens_of = |plan: &Value| {
        plan["targets"]
            .as_array()
            .unwrap()
            .iter()
            .find(|job| job["id"] == "oauth2-access-token")
            .unwrap()
            .clone()
    };
    assert_eq!(tokens_of(&plan)["under"][fingerprint(OLDER)], 40, "{plan}");
    assert!(plan["sample"].as_str().unwrap().contains("under the old keys ("), "{}", plan["keys"]);

    kit.configure("oldSecretKeys", Some(OLDER));
    let done = kit.run(&["run"]).exits(0);
    let keys =
        format!("from keys {}, {} to key {}", fingerprint(&old), fingerprint(OLDER), fingerprint(&new));
    assert!(done.stderr.contains(&keys), "{done}");
    all_open(&tokens(&kit, OLDER, &new), 40);
    kit.run(&["verify"]).exits(0);
    assert!(kit.run(&["status"]).exits(0).stdout.contains(&keys));
    let report = kit.run(&["report", "--format", "json"]).exits(0).json();
    assert!(report["old_key"].as_str().unwrap().contains(&fingerprint(OLDER)), "{}", report["old_key"]);
    // One that is left out would find its values again, were there any: it is not the same rotation.
    kit.configure("oldSecretKeys", None);
    let refused = kit.run(&["verify"]).exits(4);
    assert!(refused.error().contains("oldSecretKey (fingerprint) is"), "{refused}");
}

/// Somebody finds the second key when the rotation has failed over its values: they are tried again with it.
#[test]
fn a_key_that_is_found_later_is_added() {
    let kit = Kit::new();
    let new = kit.deployment.spec.new_key.clone();
    add_under(&kit, OLDER, 7);
    let failed = kit.run(&["run", "--accept-unreadable", "7"]).exits(1);
    assert!(failed.stdout.contains("7 failed"), "{failed}");
    kit.configure("oldSecretKeys", Some(OLDER));
    let done = kit.run(&["resume", "--retry-failed"]).exits(0);
    assert!(
        done.stderr.contains(&format!("added since the rotation began: {}", fingerprint(OLDER))),
        "{done}"
    );
    all_open(&tokens(&kit, OLDER, &new), 7);
    kit.run(&["verify"]).exits(0);
    for _ in 0..2 {
        kit.run(&["resume"]).exits(0);
    }
    let status = kit.status();
    let added = status["steps"].as_array().unwrap().iter().filter(|step| step["name"] == "old-key-added");
    assert_eq!(added.count(), 1, "{}", status["steps"]);
}

/// From 7.0 on TOTP secrets may have a key of their own; the server names the other key in them.
#[test]
fn totp_secrets_go_from_their_own_key_to_their_own() {
    let kit = Kit::new();
    let (old, new) = (kit.deployment.spec.old_key.clone(), kit.deployment.spec.new_key.clone());
    let value = seal(TOTP_OLD, "JBSWY3DPEHPK3PXP");
    kit.sql(&format!(
        "INSERT INTO IDN_IDENTITY_USER_DATA (TENANT_ID, USER_NAME, DATA_KEY, DATA_VALUE) VALUES (-1234, 'totp', \
         'http://wso2.org/claims/identity/secretkey', '{value}')"
    ));
    for pair in [
        "[a, b]".to_owned(),
        TOTP_OLD.to_owned(),
        format!("{{old: {TOTP_OLD}}}"),
        format!("{{old: {TOTP_OLD}, newer: {TOTP_NEW}}}"),
    ] {
        kit.configure("totpKey", Some(&pair));
        let refused = kit.run(&["plan"]).exits(2);
        assert!(!refused.stderr.contains(TOTP_OLD), "{refused}");
    }
    kit.configure("totpKey", Some(&format!("{{old: {old}, new: {TOTP_NEW}}}")));
    assert!(kit.run(&["plan"]).exits(2).stderr.contains("totpKey"));
    kit.configure("totpKey", Some(&format!("{{old: {TOTP_OLD}, new: {TOTP_NEW}}}")));
    kit.run(&["run"]).exits(0);
    let row = "SELECT DATA_VALUE FROM IDN_IDENTITY_USER_DATA WHERE USER_NAME = 'totp'";
    let stored = kit.sql(row)[0][0].clone().unwrap();
    let opened = open_values(TOTP_NEW, &[&stored]).remove(0);
    assert_eq!(opened["plaintext"], crate::kit::hex(b"JBSWY3DPEHPK3PXP"), "{opened}");
    assert!(open_values(&new, &[&stored])[0]["plaintext"].is_null());
    kit.run(&["verify"]).exits(0);
    let fingerprints = kit.run(&["fingerprint", "--json"]).exits(0).json();
    assert_eq!(fingerprints["keys"]["totp_keys"][1], fingerprint(TOTP_NEW));
}

/// What a server opens values with beside its key stands in its deployment.toml.
#[test]
fn an_old_key_of_a_server_that_nobody_named_is_named() {
    let kit = Kit::new();
    let toml = kit.deployment.home.join("repository/conf/deployment.toml");
    let said = |kit: &Kit| {
        let checks = kit.run(&["preflight", "--json"]).json();
        let all = checks["checks"].as_array().unwrap().clone();
        all.into_iter().find(|check| check["id"] == "deployment-old-key").unwrap()
    };
    let write = |more: &str| {
        std::fs::write(&toml, format!("[encryption]\nkey = \"{}\"\n{more}\n", kit.deployment.spec.old_key))
            .unwrap();
    };
    write("");
    assert_eq!(said(&kit)["outcome"], "ok");
    write(&format!("old_key = \"{OLDER}\""));
    let check = said(&kit);
    assert_eq!(check["outcome"], "warning", "{check}");
    assert!(check.to_string().contains(&fingerprint(OLDER)) && !check.to_string().contains(OLDER), "{check}");
    kit.configure("oldSecretKeys", Some(OLDER));
    assert_eq!(said(&kit)["outcome"], "ok");
    write(&format!("old_key = \"{OLDER}\"\ntotpKey = \"{TOTP_OLD}\""));
    assert!(said(&kit).to_string().contains("totpKey of newISHome"), "{}", said(&kit));
    write("old_key = \"$secret{old}\"");
    assert_eq!(said(&kit)["outcome"], "not_checked", "{}", said(&kit));
}

/// A server that was rotated from OLDER to its key of now, and is to go on to a third one, with the two last the wrong
/// way round: that the first rotation is on record, or that deployment.toml has its keys, explains nothing.
#[test]
fn swapped_keys_are_found_whatever_older_key_is_listed() {
    let kit = Kit::new();
    let (now, next) = (kit.deployment.spec.old_key.clone(), kit.deployment.spec.new_key.clone());
    let toml = format!("[encryption]\nkey = \"{now}\"\nold_key = \"{OLDER}\"\n");
    std::fs::write(kit.deployment.home.join("repository/conf/deployment.toml"), toml).unwrap();
    std::fs::write(kit.deployment.home.join("bin/version.txt"), "WSO2 Identity Server v7.1.0\n").unwrap();
    kit.configure("oldSecretKey", Some(&next));
    kit.configure("oldSecretKeys", Some(OLDER));
    kit.configure("newSecretKey", Some(&now));
    kit.run(&["run"]).refused(5, "KR-RUN-010");
    // The journal of the rotation from OLDER, which moved what was under it.
    kit.configure("oldSecretKey", Some(OLDER));
    kit.configure("oldSecretKeys", None);
    add_under(&kit, OLDER, 40);
    kit.run(&["run", "--all-already-new"]).exits(0);
    kit.configure("oldSecretKey", Some(&next));
    kit.configure("oldSecretKeys", Some(OLDER));
    kit.run(&["run", "--new"]).refused(5, "KR-RUN-010");
    // By people's word nothing was moved, though all of it was sealed again with the key's id.
    kit.run(&["run", "--new", "--all-already-new"]).exits(0);
    kit.run(&["verify"]).exits(0);
    let report = kit.run(&["report", "--format", "json"]).exits(0).json();
    assert!(report["verdict"]["reasons"].to_string().contains("moved nothing"), "{}", report["verdict"]);
}
