//! Values of every kind through the whole program: what they become, and who may decide.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::kit::{Kit, Refused as _, hex, open_values, plaintext};
use crate::support::Except;

/// The block that opens under both keys, planted as an application's secret.
pub(crate) fn ambiguous(kit: &Kit) -> String {
    kit.damage();
    kit.sql("SELECT CONSUMER_SECRET FROM IDN_OAUTH_CONSUMER_APPS WHERE ID = 9001")
        .remove(0)
        .remove(0)
        .unwrap()
}

/// A deployment with one ambiguous value and nothing else that is wrong.
fn with_an_ambiguous_value() -> (Kit, String) {
    let kit = Kit::new();
    let clean = kit.copy();
    let stored = ambiguous(&kit);
    let kit = Kit::around(clean);
    kit.sql(&format!(
        "INSERT INTO IDN_OAUTH_CONSUMER_APPS (ID, CONSUMER_KEY, CONSUMER_SECRET, TENANT_ID) VALUES (9001, 'x', '{stored}', 1)"
    ));
    (kit, stored)
}

pub(crate) fn an_ambiguous_value_stops_a_rotation_before_anything_is_written() {
    let (kit, stored) = with_an_ambiguous_value();
    let before = kit.snapshot();
    let plan = kit.run(&["plan"]).exits(5);
    assert!(plan.stdout.contains("both keys decrypt"), "{}", plan.stdout);

    let done = kit.run(&["run"]).refused(5, "KR-RUN-002");
    assert!(done.error().contains("IDN_OAUTH_CONSUMER_APPS"), "{}", done.error());
    assert!(done.error().contains("--accept-ambiguous 1"), "{}", done.error());
    for wrong in ["0", "2"] {
        kit.run(&["run", "--accept-ambiguous", wrong]).refused(5, "KR-RUN-002");
    }
    before.must_be_untouched(&kit);
    assert!(!kit.journal().exists() && kit.logs().is_empty(), "nothing was begun");

    kit.run(&["run", "--accept-ambiguous", "1"]).exits(1);
    let row = i64::from(9001);
    before.must_be_rotated(&kit, &Except([("IDN_OAUTH_CONSUMER_APPS".to_owned(), row)].into()));
    let status = kit.status();
    let apps =
        status["targets"].as_array().unwrap().iter().find(|t| t["id"] == "oauth-consumer-apps").unwrap();
    assert_eq!(apps["failures"][0]["key"], "9001");
    assert!(apps["failures"][0]["reason"].as_str().unwrap().contains("both keys"), "{apps}");
    let now = kit.sql("SELECT CONSUMER_SECRET FROM IDN_OAUTH_CONSUMER_APPS WHERE ID = 9001");
    assert_eq!(now[0][0].as_ref(), Some(&stored));
}

pub(crate) fn the_hash_column_decides_what_opens_under_both_keys() {
    let (kit, stored) = with_an_ambiguous_value();
    kit.sql("DELETE FROM IDN_OAUTH_CONSUMER_APPS WHERE ID = 9001");
    let spec = &kit.deployment.spec;
    let old = plaintext(&spec.old_key, &stored).unwrap();
    let new = plaintext(&spec.new_key, &stored).unwrap();
    assert_ne!(old, new);
    for (id, text) in [("both-old", &old), ("both-new", &new)] {
        let hash = format!(r#"{{"hash":"{}","algorithm":"SHA-256"}}"#, hex(&Sha256::digest(text)));
        kit.sql(&format!(
            "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN (TOKEN_ID, ACCESS_TOKEN, ACCESS_TOKEN_HASH, TOKEN_STATE_ID)
             VALUES ('{id}', '{stored}', '{hash}', '{id}')"
        ));
    }
    kit.run(&["run"]).exits(0);
    kit.run(&["verify"]).exits(0);
    let now = |id: &str| {
        let sql = format!("SELECT ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_ID = '{id}'");
        kit.sql(&sql).remove(0).remove(0).unwrap()
    };
    assert_eq!(plaintext(&spec.new_key, &now("both-old")), Some(old));
    assert_eq!(now("both-new"), stored, "it is under the new key already");
}

/// The values of all envelope columns with ciphertext, opened, by form; each exactly as Gson writes it.
fn forms(kit: &Kit, key: &str) -> BTreeMap<String, u64> {
    let mut forms = BTreeMap::new();
    for opened in opened(kit, key) {
        let form = opened["form"].as_str().unwrap_or_else(|| panic!("{opened}"));
        *forms.entry(form.to_owned()).or_default() += 1;
    }
    forms
}

fn opened(kit: &Kit, key: &str) -> Vec<Value> {
    let columns = [
        "ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN",
        "REFRESH_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN",
        "AUTHORIZATION_CODE FROM IDN_OAUTH2_AUTHORIZATION_CODE",
        "DATA_VALUE FROM IDN_IDENTITY_USER_DATA",
        "SECRET_VALUE FROM IDN_SECRET",
    ];
    let select: Vec<_> = columns.map(|column| format!("SELECT {column}")).to_vec();
    let rows = kit.sql(&select.join(" UNION ALL "));
    let values: Vec<String> = rows.into_iter().filter_map(|mut row| row.remove(0)).collect();
    let sealed: Vec<&str> =
        values.iter().map(String::as_str).filter(|text| text.starts_with("eyJj")).collect();
    open_values(key, &sealed).into_iter().filter(|opened| opened["form"] != "empty").collect()
}

pub(crate) fn each_value_keeps_its_transformation() {
    let kit = Kit::new();
    let before = forms(&kit, &kit.deployment.spec.old_key);
    assert!(before["ecb"] > 0 && before["cbc"] > 0 && before["gcm"] > 100, "{before:?}");
    kit.run(&["run"]).exits(0);
    assert_eq!(forms(&kit, &kit.deployment.spec.new_key), before);
    for value in opened(&kit, &kit.deployment.spec.new_key) {
        assert_eq!(value["exact"], true, "not as Gson writes it: {value}");
        assert!(value["form"] != "gcm" || value["iv"] == 16, "{value}");
    }
}

pub(crate) fn an_upgrade_turns_ecb_and_cbc_into_gcm() {
    let kit = Kit::new();
    let before = kit.snapshot();
    let all: u64 = forms(&kit, &kit.deployment.spec.old_key).values().sum();
    kit.configure("transformation", Some("AES/GCM/NoPadding"));
    kit.run(&["run"]).exits(0);
    before.must_be_rotated(&kit, &Except::default());
    assert_eq!(forms(&kit, &kit.deployment.spec.new_key), BTreeMap::from([("gcm".to_owned(), all)]));
    kit.run(&["verify"]).exits(0);
}

/// How many GCM values carry the new key's id after a rotation, and how many there are.
fn key_ids(kit: &Kit) -> (usize, usize) {
    kit.run(&["run"]).exits(0);
    let values = opened(kit, &kit.deployment.spec.new_key);
    let gcm: Vec<_> = values.iter().filter(|value| value["form"] == "gcm").collect();
    assert!(
        gcm.iter().all(|value| value["keyId"].is_null() || value["ownKeyId"] == true),
        "another key's id"
    );
    (gcm.iter().filter(|value| value["ownKeyId"] == true).count(), gcm.len())
}

#[test]
fn key_ids_are_written_where_the_new_server_needs_them() {
    let kit = Kit::new();
    let had: usize =
        opened(&kit, &kit.deployment.spec.old_key).iter().filter(|v| !v["keyId"].is_null()).count();
    assert!(had > 20);
    let some = Kit::around(kit.copy());
    let (with, all) = key_ids(&some);
    assert_eq!(with, had, "those that had one keep one");
    assert!(all > with);

    let asked = Kit::around(kit.copy());
    asked.configure("enableKeyId", Some("true"));
    assert_eq!(key_ids(&asked), (all, all));

    let newer = Kit::around(kit.copy());
    fs::write(newer.deployment.home.join("bin/version.txt"), "WSO2 Identity Server v7.1.0\n").unwrap();
    assert_eq!(key_ids(&newer), (all, all));

    let old_key = Kit::around(kit.copy());
    let toml = old_key.deployment.home.join("repository/conf/deployment.toml");
    let text =
        fs::read_to_string(&toml).unwrap().replace("[encryption]\n", "[encryption]\nold_key = \"x\"\n");
    fs::write(&toml, text).unwrap();
    assert_eq!(key_ids(&old_key), (all, all));

    fs::write(kit.deployment.home.join("bin/version.txt"), "WSO2 Identity Server v7.1.0\n").unwrap();
    kit.configure("enableKeyId", Some("false"));
    assert_eq!(key_ids(&kit), (had, all), "those that had one keep one");
}

#[test]
fn java_reads_the_requests_of_a_rotated_deployment() {
    let kit = Kit::new();
    let folder = kit.beside("requests");
    let read = |when: &str| -> BTreeMap<String, Value> {
        let to = folder.join(when);
        fs::create_dir_all(&to).unwrap();
        for row in kit.sql("SELECT UUID, REQUEST FROM WF_REQUEST WHERE REQUEST IS NOT NULL") {
            let hex = row[1].clone().unwrap();
            let bytes: Vec<u8> = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect();
            fs::write(to.join(format!("{}.bin", row[0].as_ref().unwrap())), bytes).unwrap();
        }
        java_reads(&kit, &to)
    };
    let before = read("before");
    kit.run(&["run"]).exits(0);
    let after = read("after");
    assert!(before.len() > 20 && before.keys().eq(after.keys()));
    let mut credentials = Vec::new();
    for (name, was) in &before {
        let mut is = after[name].clone();
        for (old, new) in
            was["parameters"].as_array().unwrap().iter().zip(is["parameters"].as_array_mut().unwrap())
        {
            if let (Some(sealed), true) = (old["value"].as_str(), old["name"] == "Credential") {
                credentials.push((sealed.to_owned(), new["value"].as_str().unwrap().to_owned()));
                new["value"] = old["value"].clone();
            }
        }
        assert_eq!(*was, is, "{name}: more than the credential changed");
    }
    let spec = &kit.deployment.spec;
    let (old, new): (Vec<_>, Vec<_>) = credentials.iter().map(|(old, new)| (&**old, &**new)).unzip();
    let opened = open_values(&spec.old_key, &old).into_iter().zip(open_values(&spec.new_key, &new));
    let sealed: Vec<_> = opened.filter(|(was, _)| was["plaintext"].is_string()).collect();
    assert!(sealed.len() >= 20, "{}", sealed.len());
    assert!(sealed.iter().all(|(was, is)| was["plaintext"] == is["plaintext"]));
}

/// What `ObjectInputStream` makes of the streams in a folder, by file name.
fn java_reads(kit: &Kit, streams: &std::path::Path) -> BTreeMap<String, Value> {
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/java");
    let classes = kit.beside("classes");
    if !classes.exists() {
        let mut javac = std::process::Command::new("javac");
        javac.arg("-d").arg(&classes).args(["-sourcepath", sources, "-encoding", "UTF-8"]);
        let compiled = javac.arg(format!("{sources}/ReadRequests.java")).status().expect("a JDK 17 or later");
        assert!(compiled.success());
    }
    let mut java = std::process::Command::new("java");
    let output = java.arg("-cp").arg(&classes).arg("ReadRequests").arg(streams).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let read: BTreeMap<std::path::PathBuf, Value> = serde_json::from_slice(&output.stdout).unwrap();
    read.into_iter()
        .map(|(path, request)| {
            assert!(request.get("error").is_none(), "Java cannot read {}: {request}", path.display());
            (path.file_name().unwrap().to_string_lossy().into_owned(), request)
        })
        .collect()
}
