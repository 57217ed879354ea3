//! A rotation in place, and what the servers beside it do with their keys: TOTP secrets under a key of their own, keys that
//! nobody sees, values that name no key.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::kit::{Kit, Refused as _, open_values, plaintext, seal};
use crate::sqlite::in_place::in_place;

const WORD: &str = "--servers-have-both-keys";
const TOTP: &str = "9501cb661d04b0dbe68d17bff2060737";
const TOTP_NEXT: &str = "b5d030394142dda37b22997dbcc5640c";

/// A server of 7.1 that has both keys, and these lines more.
fn server(kit: &Kit, home: &Path, more: &str) {
    let (old, new) = (&kit.deployment.spec.old_key, &kit.deployment.spec.new_key);
    toml(home, &format!("key = '{new}'\nold_key = '{old}'\n{more}"));
}

fn toml(home: &Path, lines: &str) {
    fs::create_dir_all(home.join("repository/conf")).unwrap();
    fs::create_dir_all(home.join("bin")).unwrap();
    fs::write(home.join("bin/version.txt"), "WSO2 Identity Server v7.1.0\n").unwrap();
    fs::write(home.join("repository/conf/deployment.toml"), format!("[encryption]\n{lines}\n")).unwrap();
}

/// The outcome of a check, and what it found with what to do.
fn check(kit: &Kit, id: &str) -> (String, String) {
    let checks = kit.run(&["preflight", "--json"]).json();
    let all = checks["checks"].as_array().unwrap();
    let found = all.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no {id}"));
    (found["outcome"].as_str().unwrap().to_owned(), format!("{} {}", found["found"], found["fix"]))
}

fn add_totp(kit: &Kit, count: usize) {
    let row = |number: usize| {
        let value = seal(TOTP, &format!("JBSWY3DPEHPK3PXP {number}"));
        format!("(-1234, 'totp {number}', 'http://wso2.org/claims/identity/secretkey', '{value}')")
    };
    let rows: Vec<String> = (0..count).map(row).collect();
    let columns = "TENANT_ID, USER_NAME, DATA_KEY, DATA_VALUE";
    kit.sql(&format!("INSERT INTO IDN_IDENTITY_USER_DATA ({columns}) VALUES {}", rows.join(", ")));
}

fn totp(kit: &Kit) -> Vec<String> {
    let sql =
        "SELECT DATA_VALUE FROM IDN_IDENTITY_USER_DATA WHERE USER_NAME LIKE 'totp %' ORDER BY USER_NAME";
    kit.sql(sql).into_iter().filter_map(|mut row| row.remove(0)).collect()
}

fn keys(kit: &Kit, code: i32) -> Vec<Value> {
    kit.run(&["keys", "--json"]).exits(code).json()["inventory"]["keys"].as_array().unwrap().clone()
}

fn of<'a>(keys: &'a [Value], key: &str) -> &'a Value {
    let fingerprint = keyrotation::cipher::SecretKey::parse(key).unwrap().fingerprint().to_owned();
    keys.iter().find(|verdict| verdict["fingerprint"] == fingerprint).unwrap()
}

/// A server has one totpKey, and no old one: whatever is sealed under another one it cannot read.
#[test]
fn a_totp_key_does_not_change_beside_servers() {
    let kit = in_place();
    let new = kit.deployment.spec.new_key.clone();
    let home = kit.deployment.home.clone();
    server(&kit, &home, &format!("totpKey = '{TOTP}'"));
    add_totp(&kit, 3);
    let before = totp(&kit);
    let (outcome, said) = check(&kit, "deployment-old-key");
    assert!(outcome == "warning" && said.contains("`oldSecretKeys`"), "{said}");
    kit.configure("totpKey", Some(&format!("{{old: {TOTP}, new: {TOTP_NEXT}}}")));
    let (outcome, said) = check(&kit, "nodes-have-both-keys");
    assert!(outcome == "warning" && said.contains("totpKey"), "{outcome}: {said}");
    let refused = kit.run(&["run", WORD]).refused(2, "KR-CFG-062");
    assert!(refused.error().contains("totpKey") && refused.error().contains("oldSecretKeys"), "{refused}");
    assert_eq!(totp(&kit), before);
    // As one old key more it goes to the key that the server tries next, as the value says.
    kit.configure("totpKey", None);
    kit.configure("oldSecretKeys", Some(TOTP));
    kit.run(&["run", WORD]).exits(0);
    let now = totp(&kit);
    let opened = open_values(&new, &now.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(opened.len() == 3 && opened.iter().all(|value| value["ownKeyId"] == true), "{opened:?}");
    // The server writes under it as long as it has it.
    let verdicts = keys(&kit, 1);
    let verdict = of(&verdicts, TOTP);
    assert!(verdict["may_go"] == false && verdict["why"].to_string().contains("totpKey"), "{verdict}");
    assert_eq!(of(&verdicts, &kit.deployment.spec.old_key)["may_go"], true);
    let text = kit.run(&["keys"]).exits(1).stdout;
    assert!(text.contains("still has it as [encryption] totpKey"), "{text}");
    server(&kit, &home, "");
    keys(&kit, 0);
}

/// With the servers stopped it changes like any other key; and is in use until each has the new one.
#[test]
fn a_totp_key_changes_while_servers_are_stopped() {
    let kit = in_place();
    server(&kit, &kit.deployment.home, &format!("totpKey = '{TOTP}'"));
    add_totp(&kit, 3);
    kit.configure("totpKey", Some(&format!("{{old: {TOTP}, new: {TOTP_NEXT}}}")));
    kit.run(&["run"]).exits(0);
    assert!(totp(&kit).iter().all(|value| plaintext(TOTP_NEXT, value).is_some()));
    assert_eq!(of(&keys(&kit, 1), TOTP)["may_go"], false);
    server(&kit, &kit.deployment.home, &format!("totpKey = '{TOTP_NEXT}'"));
    assert_eq!(of(&keys(&kit, 0), TOTP)["may_go"], true);
}

/// What is under a key that stays is left as it is, and counted under it.
#[test]
fn a_totp_key_that_stays_is_no_old_key() {
    let kit = in_place();
    let (old, new) = (kit.deployment.spec.old_key.clone(), kit.deployment.spec.new_key.clone());
    server(&kit, &kit.deployment.home, &format!("totpKey = '{TOTP}'"));
    add_totp(&kit, 6);
    let before = totp(&kit);
    for key in [&old, &new] {
        kit.configure("totpKey", Some(&format!("{{old: {key}, new: {key}}}")));
        assert!(kit.run(&["plan"]).refused(2, "KR-CFG-009").error().contains("totpKey"));
    }
    kit.configure("totpKey", Some(&format!("{{old: {TOTP}, new: {TOTP}}}")));
    assert_eq!(check(&kit, "deployment-old-key").0, "ok");
    assert_eq!(check(&kit, "nodes-have-both-keys").0, "ok");
    let done = kit.run(&["run", WORD]).exits(0);
    assert!(done.stderr.contains("TOTP secrets stay under key"), "{done}");
    assert_eq!(totp(&kit), before);
    kit.run(&["verify"]).exits(0);
    let verdicts = keys(&kit, 0);
    let kept = of(&verdicts, TOTP);
    assert_eq!((&kept["values"], &kept["may_go"], &kept["role"]), (&6.into(), &Value::Null, &"totp".into()));
    assert_eq!(kept["without_id"], 0, "a server looks for no id in them");
    assert_eq!(of(&verdicts, &old)["may_go"], true);
    // It is of the rotation.
    kit.configure("totpKey", None);
    let refused = kit.run(&["verify"]).exits(4);
    assert!(refused.error().contains("totpKey"), "{refused}");
}

/// That most values are under the key that stays says nothing of the other two.
#[test]
fn many_values_under_a_key_that_stays_are_not_taken_for_rotated_ones() {
    let kit = in_place();
    for table in ["IDN_OAUTH2_ACCESS_TOKEN", "IDN_OAUTH2_AUTHORIZATION_CODE", "IDN_OAUTH2_ACCESS_TOKEN_AUDIT"]
    {
        kit.sql(&format!("DELETE FROM {table}"));
    }
    add_totp(&kit, 2_400);
    kit.configure("totpKey", Some(&format!("{{old: {TOTP}, new: {TOTP}}}")));
    let plan = kit.run(&["plan"]).exits(0);
    assert!(plan.stdout.contains("and 0 under the new one, "), "{plan}");
    assert!(plan.stdout.contains(" under the key that stays"), "{plan}");
}

/// What nobody can see is not said to be so.
#[test]
fn keys_that_nobody_sees_are_not_said_to_be_there() {
    let kit = in_place();
    let home = kit.deployment.home.clone();
    let (old, new) = (kit.deployment.spec.old_key.clone(), kit.deployment.spec.new_key.clone());
    let both = format!("key = '{new}'\nold_key = '{old}'");
    for (lines, outcome, word) in [
        (both.clone(), "ok", "1 by their deployment.toml"),
        (format!("{both}\nenable_key_id = 'TRUE'"), "ok", "1 by"),
        (
            format!("{both}\n[system.parameter]\n'org.wso2.CipherTransformation' = 'AES/GCM/NoPadding'"),
            "ok",
            "1 by",
        ),
        ("key = '$secret{k}'\nold_key = '$secret{o}'".to_owned(), "not_checked", "[encryption] key"),
        (format!("key = '{new}'\nold_key = '$env{{OLD}}'"), "not_checked", "[encryption] old_key"),
        (format!("{both}\nenable_key_id = '$env{{X}}'"), "not_checked", "enable_key_id"),
        (format!("{both}\nenable_key_id = 0"), "not_checked", "enable_key_id"),
        (
            format!("{both}\n[system.parameter]\n'org.wso2.CipherTransformation' = 'AES/ECB/PKCS5Padding'"),
            "not_checked",
            "CipherTransformation",
        ),
        (
            format!("{both}\n[system.parameter]\norg.wso2.CipherTransformation = '$env{{X}}'"),
            "not_checked",
            "CipherTransformation",
        ),
        (format!("{both}\nenable_key_id = false"), "warning", "enable_key_id is false"),
    ] {
        toml(&home, &lines);
        let (is, said) = check(&kit, "nodes-have-both-keys");
        assert!(is == outcome && said.contains(word), "{lines}: {is}: {said}");
    }
    // One that is seen does not speak for another.
    server(&kit, &kit.folder().join("node-2"), "");
    toml(&home, "key = '$secret{k}'\nold_key = '$secret{o}'");
    kit.configure("homes", Some("[node-2]"));
    assert_eq!(check(&kit, "nodes-have-both-keys").0, "not_checked");
    kit.run(&["run", WORD]).exits(0);
}

/// An entry that is there is there, wherever its value stands.
#[test]
fn an_old_key_in_the_servers_secrets_is_taken_out_too() {
    let kit = in_place();
    let (home, new) = (kit.deployment.home.clone(), kit.deployment.spec.new_key.clone());
    server(&kit, &home, "");
    kit.run(&["run", WORD]).exits(0);
    kit.run(&["verify"]).exits(0);
    kit.run(&["keys"]).exits(0);
    for old_key in ["$secret{o}", "$env{OLD}", "${OLD}"] {
        toml(&home, &format!("key = '{new}'\nold_key = '{old_key}'"));
        let refused = kit.run(&["confirm", "one-key"]).refused(2, "KR-CFG-024");
        assert!(refused.error().contains("old_key is still set: take it out"), "{refused}");
        assert!(refused.error().contains("keyrotation configure --remove-old-key"), "{refused}");
    }
    toml(&home, &format!("key = '{new}'"));
    kit.run(&["confirm", "one-key"]).exits(0);
    toml(&home, &format!("key = '{new}'\nold_key = '$secret{{o}}'"));
    kit.run(&["confirm", "retire/old-key"]).refused(2, "KR-CFG-024");
    toml(&home, "key = '$secret{k}'\nold_key = ''");
    kit.run(&["confirm", "retire/old-key"]).exits(0);
}

#[test]
fn the_further_keys_of_every_node_are_looked_at() {
    let kit = in_place();
    let second = kit.folder().join("node-2");
    server(&kit, &kit.deployment.home, "");
    server(&kit, &second, &format!("totpKey = '{TOTP}'"));
    kit.configure("homes", Some("[node-2]"));
    let (outcome, said) = check(&kit, "deployment-old-key");
    assert!(outcome == "warning" && said.contains("node-2") && said.contains("totpKey"), "{outcome}: {said}");
    server(&kit, &second, "totpKey = '$secret{t}'");
    let (outcome, said) = check(&kit, "deployment-old-key");
    assert!(outcome == "not_checked" && said.contains("node-2"), "{outcome}: {said}");
}

/// In ECB and CBC no value names its key, and a server opens them with `key`.
#[test]
fn values_that_name_no_key_by_their_nature_are_told_of_before_and_not_after() {
    let kit = in_place();
    server(&kit, &kit.deployment.home, "");
    let (outcome, said) = check(&kit, "unnamed-keys");
    assert!(
        outcome == "warning" && said.contains("ECB or CBC") && said.contains("IDN_"),
        "{outcome}: {said}"
    );
    let done = kit.run(&["run", WORD]).exits(0);
    assert!(done.stderr.contains("in ECB or CBC"), "{done}");
    let verdicts = keys(&kit, 0);
    assert_eq!(of(&verdicts, &kit.deployment.spec.new_key)["without_id"], 0, "{verdicts:?}");
    let text = kit.run(&["keys"]).exits(0).stdout;
    assert!(!text.contains("do not name it"), "{text}");
    assert_eq!(check(&kit, "unnamed-keys").0, "ok");
}
