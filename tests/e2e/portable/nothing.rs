//! Nothing found is not nothing to do: what a rotation does not find it explains, or it stops.

use serde_json::Value;

use crate::kit::{Kit, Refused as _, plaintext, same_tree, seal, tree};

pub(crate) fn sum(status: &Value, field: &str) -> u64 {
    let lists = ["targets", "files"].map(|list| status[list].as_array().unwrap());
    lists.into_iter().flatten().map(|target| target[field].as_u64().unwrap_or_default()).sum()
}

/// Asserts that `plan`, a dry run and `run` refuse alike, and that nothing was written.
#[track_caller]
pub(crate) fn all_refuse(kit: &Kit, code: i32, id: &str, names: &[&str]) -> String {
    let before = tree(kit.folder());
    let mut error = String::new();
    for args in [&["plan"][..], &["run", "--dry-run"], &["run"], &["resume"]] {
        let ran = kit.run(args).refused(code, id);
        for name in names {
            assert!(ran.error().contains(name), "{args:?}: no {name} in {}", ran.error());
        }
        ran.error().clone_into(&mut error);
    }
    kit.run(&["preflight"]).exits(code);
    same_tree(&before, &tree(kit.folder()));
    error
}

pub(crate) fn swap_keys(kit: &Kit) {
    kit.configure("oldSecretKey", Some(&kit.deployment.spec.new_key));
    kit.configure("newSecretKey", Some(&kit.deployment.spec.old_key));
}

pub(crate) fn keys_the_wrong_way_round_are_no_rotation_that_is_done() {
    let kit = Kit::new();
    swap_keys(&kit);
    all_refuse(&kit, 5, "KR-RUN-010", &["oldSecretKey", "newSecretKey", "--all-already-new"]);
    for args in [&["plan", "--all-already-new"][..], &["run", "--dry-run", "--all-already-new"]] {
        kit.run(args).exits(0);
    }
    let done = kit.run(&["run", "--all-already-new"]).exits(0);
    assert!(done.stderr.contains("already under the new key"), "{done}");
    kit.run(&["verify"]).exits(0);
    let report = kit.run(&["report", "--format", "json"]).exits(0).json();
    assert_ne!(report["verdict"]["level"], "good", "{}", report["verdict"]);
    assert!(report["verdict"]["reasons"].to_string().contains("moved nothing"), "{}", report["verdict"]);
}

#[test]
fn values_of_which_many_open_under_no_key_stop_a_rotation() {
    let kit = Kit::new();
    let foreign = seal("00112233445566778899aabbccddeeff", "somebody else's");
    kit.sql(&format!(
        "UPDATE IDN_IDENTITY_USER_DATA SET DATA_VALUE = '{foreign}' WHERE DATA_VALUE LIKE 'eyJ%'"
    ));
    let error = all_refuse(&kit, 5, "KR-RUN-011", &["IDN_IDENTITY_USER_DATA", "--accept-unreadable"]);
    let count = kit.sql("SELECT count(*) FROM IDN_IDENTITY_USER_DATA WHERE DATA_VALUE LIKE 'eyJ%'");
    let count = count[0][0].clone().unwrap();
    assert!(error.contains(&format!("--accept-unreadable {count}")), "{error}");
    let fewer = (count.parse::<u64>().unwrap() - 1).to_string();
    kit.run(&["run", "--accept-unreadable", &fewer]).refused(5, "KR-RUN-011");
    kit.run(&["plan", "--accept-unreadable", &count]).exits(0);
    kit.run(&["run", "--accept-unreadable", &count]).exits(1);
    assert_eq!(sum(&kit.status(), "failed").to_string(), count);
}

/// A small table is judged by its own values: those of all others are no excuse for it.
pub(crate) fn a_small_table_under_a_third_key_stops_a_rotation() {
    let kit = Kit::new();
    kit.sql("DELETE FROM IDN_SECRET");
    let foreign = seal("00112233445566778899aabbccddeeff", "somebody else's");
    let add = |number: u32, value: &str| {
        kit.sql(&format!(
            "INSERT INTO IDN_SECRET (ID, TENANT_ID, SECRET_NAME, SECRET_VALUE, CREATED_TIME, LAST_MODIFIED, TYPE_ID) \
             SELECT 'id-{number}', 1, 'name-{number}', '{value}', TIME_CREATED, TIME_CREATED, (SELECT MIN(ID) FROM \
             IDN_SECRET_TYPE) FROM IDN_OAUTH2_ACCESS_TOKEN LIMIT 1"
        ));
    };
    for number in 1..=3 {
        add(number, &foreign);
    }
    all_refuse(&kit, 5, "KR-RUN-011", &["3 of 3 in IDN_SECRET", "--accept-unreadable 3"]);
    // One that strayed among two stops nothing, and is named.
    kit.sql("DELETE FROM IDN_SECRET WHERE ID <> 'id-1'");
    add(2, &seal(&kit.deployment.spec.old_key, "ours"));
    let found = finding(&kit, "old-key");
    assert_eq!(found["outcome"], "warning", "{found}");
    assert!(found["found"].as_str().unwrap().contains("1 of 2 in IDN_SECRET"), "{found}");
    let ran = kit.run(&["run"]).exits(1);
    assert!(ran.stderr.contains("1 of 2 in IDN_SECRET"), "{ran}");
}

/// A few strays do not make swapped keys the right ones.
#[test]
fn swapped_keys_with_a_stray_value_are_found() {
    let kit = Kit::new();
    let stray = seal(&kit.deployment.spec.new_key, "a stray");
    kit.sql(&format!(
        "INSERT INTO IDN_IDENTITY_USER_DATA (TENANT_ID, USER_NAME, DATA_KEY, DATA_VALUE) VALUES (1, 'x', 'y', '{stray}')"
    ));
    swap_keys(&kit);
    all_refuse(&kit, 5, "KR-RUN-010", &["oldSecretKey", "only 1 are", "probably swapped"]);
    kit.run(&["run", "--all-already-new"]).exits(0);
    assert_eq!(sum(&kit.status(), "rotated"), 1);
}

/// A server of 7.1 opens what has no key id with its old key: that is work, not "already new".
pub(crate) fn values_under_the_new_key_without_its_id_are_sealed_again() {
    let kit = Kit::new();
    kit.run(&["run"]).exits(0);
    let first = kit.status();
    kit.configure("enableKeyId", Some("true"));
    let findings = kit.run(&["preflight", "--json"]).exits(0).json();
    let finding = findings["checks"].as_array().unwrap().iter().find(|check| check["id"] == "key-ids");
    assert_eq!(finding.unwrap()["outcome"], "warning", "{findings}");
    let verified = kit.run(&["verify", "--json"]).exits(1).json();
    assert!(verified["differences"].as_u64().unwrap() > 0);
    let kept =
        kit.sql("SELECT TOKEN_ID, ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN WHERE ACCESS_TOKEN LIKE 'eyJ%'");
    let done = kit.run(&["run", "--new"]).exits(0);
    assert!(done.stdout.contains("encrypted again, with the key's id"), "{done}");
    let status = kit.status();
    assert_eq!(sum(&status, "rotated"), 0);
    assert!(sum(&status, "resealed") > 0);
    assert!(sum(&status, "resealed") <= sum(&first, "rotated"));
    kit.run(&["verify"]).exits(0);
    // Each names its key, and says what it said.
    let key = &kit.deployment.spec.new_key;
    let row = &kept[3];
    let id = row[0].as_deref().unwrap();
    let now = kit.sql(&format!("SELECT ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_ID = '{id}'"));
    let now = now[0][0].as_deref().unwrap();
    assert_ne!(Some(now), row[1].as_deref());
    assert_eq!(plaintext(key, now), plaintext(key, row[1].as_deref().unwrap()));
    let again = kit.run(&["run", "--new"]).exits(0);
    assert!(!again.stdout.contains("encrypted again"), "{again}");
}

#[test]
fn a_crash_does_not_change_what_is_counted_as_sealed_again() {
    let kit = Kit::new();
    kit.run(&["run"]).exits(0);
    kit.configure("enableKeyId", Some("true"));
    let whole = Kit::around(kit.copy());
    whole.run(&["run", "--new", "--chunk-size", "40", "--all-already-new"]).exits(0);
    let ran = kit.run_at("table-after-commit=5*off->1*return(kill)", &["run", "--new", "--chunk-size", "40"]);
    assert_eq!(ran.signal(), Some(9), "{ran}");
    kit.run(&["resume"]).exits(0);
    assert_eq!(kit.counts(), whole.counts());
    assert_eq!(sum(&kit.status(), "resealed"), sum(&whole.status(), "resealed"));
    kit.run(&["verify"]).exits(0);
}

#[track_caller]
pub(crate) fn finding(kit: &Kit, id: &str) -> Value {
    let findings = kit.run(&["preflight", "--json"]).exits(0).json();
    let found = findings["checks"].as_array().unwrap().iter().find(|check| check["id"] == id);
    found.unwrap_or_else(|| panic!("no {id} in {findings}")).clone()
}
