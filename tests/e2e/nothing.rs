//! Nothing found is not nothing to do: what a rotation does not find it explains, or it stops.

use std::fs;

use serde_json::Value;

use crate::kit::{Kit, Refused as _, plaintext, same_tree, seal, tree};

fn sum(status: &Value, field: &str) -> u64 {
    let lists = ["targets", "files"].map(|list| status[list].as_array().unwrap());
    lists.into_iter().flatten().map(|target| target[field].as_u64().unwrap_or_default()).sum()
}

/// Asserts that `plan`, a dry run and `run` refuse alike, and that nothing was written.
#[track_caller]
fn all_refuse(kit: &Kit, code: i32, id: &str, names: &[&str]) -> String {
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

fn swap_keys(kit: &Kit) {
    kit.configure("oldSecretKey", Some(&kit.deployment.spec.new_key));
    kit.configure("newSecretKey", Some(&kit.deployment.spec.old_key));
}

#[test]
fn keys_the_wrong_way_round_are_no_rotation_that_is_done() {
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

/// A few values under the old key among many, where no sample would find them: it is looked at all.
#[test]
fn one_value_under_the_old_key_is_found_among_thousands() {
    let kit = Kit::new();
    kit.run(&["run"]).exits(0);
    fs::remove_dir_all(kit.journal()).unwrap();
    all_refuse(&kit, 5, "KR-RUN-010", &["--all-already-new"]);
    let token = "(SELECT TOKEN_ID FROM IDN_OAUTH2_ACCESS_TOKEN WHERE ACCESS_TOKEN LIKE 'eyJ%' \
                 ORDER BY TOKEN_ID LIMIT 1 OFFSET 70)";
    let old = seal(&kit.deployment.spec.old_key, "left behind");
    kit.put("IDN_OAUTH2_ACCESS_TOKEN", "ACCESS_TOKEN", &format!("TOKEN_ID = {token}"), &old);
    all_refuse(&kit, 5, "KR-RUN-010", &["only 1 are", "--all-already-new"]);
    kit.run(&["run", "--all-already-new"]).exits(0);
    assert_eq!(sum(&kit.status(), "rotated"), 1);
    let report = kit.run(&["report", "--format", "json"]).exits(0).json();
    assert!(report["verdict"]["level"] != "good", "{}", report["verdict"]);
    assert!(report["verdict"]["reasons"].to_string().contains("it moved 1 rows"), "{}", report["verdict"]);
}

/// A journal of the same keys says why: put aside by this run, or by an earlier one.
#[test]
fn a_journal_explains_that_nothing_is_under_the_old_key() {
    let kit = Kit::rotated();
    for _ in 0..2 {
        kit.run(&["run", "--new"]).exits(0);
    }
    fs::remove_dir_all(kit.journal()).unwrap();
    kit.run(&["plan"]).exits(0);
    kit.run(&["run"]).exits(0);
    // One of other keys says nothing.
    swap_keys(&kit);
    fs::remove_dir_all(kit.journal()).unwrap();
    kit.run(&["run"]).exits(0); // all is under the old key then: a rotation back
    swap_back(&kit);
}

fn swap_back(kit: &Kit) {
    kit.configure("oldSecretKey", Some(&kit.deployment.spec.old_key));
    kit.configure("newSecretKey", Some(&kit.deployment.spec.new_key));
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
#[test]
fn a_small_table_under_a_third_key_stops_a_rotation() {
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

const ALWAYS: &[&str] = &[
    "IDN_IDENTITY_USER_DATA",
    "IDN_OAUTH2_ACCESS_TOKEN",
    "IDN_OAUTH2_AUTHORIZATION_CODE",
    "IDN_OAUTH_CONSUMER_APPS",
];

#[test]
fn a_table_that_every_version_has_is_never_skipped() {
    let kit = Kit::new();
    for table in ALWAYS {
        kit.sql(&format!("ALTER TABLE {table} RENAME TO AWAY"));
        kit.sql(&format!("CREATE VIEW {table} AS SELECT * FROM AWAY"));
        all_refuse(&kit, 3, "KR-DB-020", &[table, "view", "--without-table"]);
        kit.sql(&format!("DROP VIEW {table}"));
        all_refuse(&kit, 3, "KR-DB-020", &[table, "--without-table"]);
        kit.sql(&format!("ALTER TABLE AWAY RENAME TO {table}"));
    }
    kit.registry("ALTER TABLE REG_PROPERTY RENAME TO AWAY");
    all_refuse(&kit, 3, "KR-DB-020", &["REG_PROPERTY", "newRegDBUrl"]);
    kit.run(&["plan", "--without-table", "reg_property"]).exits(0);
    kit.run(&["preflight", "--without-table", "REG_PROPERTY"]).exits(0);
    let ran = kit.run(&["run", "--without-table", "REG_PROPERTY"]).exits(0);
    assert!(ran.stderr.contains("REG_PROPERTY"), "{ran}");
    kit.run(&["verify"]).exits(0);
    let report = kit.run(&["report", "--format", "json"]).exits(0).json();
    assert!(report["verdict"]["reasons"].to_string().contains("REG_PROPERTY"), "{}", report["verdict"]);
    // It was there all along: what was not looked at is seen now.
    kit.registry("ALTER TABLE AWAY RENAME TO REG_PROPERTY");
    kit.run(&["verify"]).exits(1);
}

/// Nor is one that only some versions have, if something with rows is in its place, or in the other database.
#[test]
fn a_table_of_some_versions_that_is_near_by_is_never_skipped() {
    let kit = Kit::new();
    fs::remove_file(kit.deployment.home.join("bin/version.txt")).unwrap(); // one that is known decides by itself
    for table in ["IDN_SECRET", "WF_BPS_PROFILE"] {
        kit.sql(&format!("ALTER TABLE {table} RENAME TO AWAY"));
        kit.sql(&format!("CREATE VIEW {table} AS SELECT * FROM AWAY"));
        all_refuse(&kit, 3, "KR-DB-020", &[table, "a view", "--without-table"]);
        let plan = kit.run(&["plan", "--without-table", table]).exits(0);
        assert!(plan.stdout.contains(&format!("{table}: skipped")), "{plan}");
        kit.sql(&format!("DROP VIEW {table}"));
        // With nothing in it there is nothing to miss.
        kit.sql(&format!("CREATE VIEW {table} AS SELECT * FROM AWAY WHERE 1 = 0"));
        kit.run(&["plan"]).exits(0);
        kit.sql(&format!("DROP VIEW {table}"));
        kit.run(&["plan"]).exits(0);
        kit.sql(&format!("ALTER TABLE AWAY RENAME TO {table}"));
    }
    kit.registry("ALTER TABLE KEY_STORE RENAME TO AWAY");
    kit.sql("CREATE TABLE KEY_STORE (ID INTEGER PRIMARY KEY, PASSWORD VARCHAR(900), PRIVATE_KEY_PASS VARCHAR(900))");
    all_refuse(&kit, 3, "KR-DB-020", &["KEY_STORE", "in the other database"]);
}

/// What was there when the rotation began, and is gone.
#[test]
fn a_table_that_vanishes_is_no_table_that_is_done() {
    let kit = Kit::rotated();
    kit.run(&["verify"]).exits(0);
    kit.sql("ALTER TABLE IDN_SECRET RENAME TO AWAY");
    let ran = kit.run(&["verify"]).refused(3, "KR-DB-020");
    assert!(ran.error().contains("IDN_SECRET"), "{ran}");
    let kit = Kit::new();
    kit.interrupt();
    kit.sql("ALTER TABLE IDN_SECRET RENAME TO AWAY");
    kit.run(&["resume"]).refused(3, "KR-DB-020");
}

/// Tables that only some versions have: skipped by the version that was found, which is said.
#[test]
fn tables_of_other_versions_are_skipped_and_said() {
    let kit = Kit::new();
    fs::write(kit.deployment.home.join("bin/version.txt"), "WSO2 Identity Server v5.11.0\n").unwrap();
    for table in ["IDN_SECRET", "IDN_OAUTH2_REFRESH_TOKEN", "IDN_OAUTH_CONSUMER_SECRETS"] {
        kit.sql(&format!("DROP TABLE {table}"));
    }
    kit.registry("DROP TABLE KEY_STORE");
    let plan = kit.run(&["plan"]).exits(0);
    assert!(plan.stdout.contains("IDN_SECRET: skipped") && plan.stdout.contains("5.11.0"), "{plan}");
    fs::write(kit.deployment.home.join("bin/version.txt"), "WSO2 Identity Server v7.3.0\n").unwrap();
    let error =
        all_refuse(&kit, 3, "KR-DB-020", &["IDN_OAUTH2_REFRESH_TOKEN, which Identity Server 7.3.0 has"]);
    let words: Vec<&str> = error.split_whitespace().collect();
    let words: Vec<&str> = words
        .windows(2)
        .filter(|pair| pair[0] == "--without-table")
        .flat_map(<[&str]>::iter)
        .copied()
        .collect();
    kit.run(&[&["run"], &words[..]].concat()).exits(0);
    kit.run(&["verify"]).exits(0);
    let report = kit.run(&["report", "--format", "json"]).exits(0).json();
    assert!(report["verdict"]["reasons"].to_string().contains("IDN_SECRET"), "{}", report["verdict"]);
}

/// A server of 7.1 opens what has no key id with its old key: that is work, not "already new".
#[test]
fn values_under_the_new_key_without_its_id_are_sealed_again() {
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

/// By the Java tool: no journal, but deployment.toml has both keys as they are here.
#[test]
fn what_deployment_toml_says_of_both_keys_explains_it_too() {
    let kit = Kit::new();
    kit.run(&["run", "-q"]).exits(0);
    fs::remove_dir_all(kit.journal()).unwrap();
    let spec = &kit.deployment.spec;
    fs::write(kit.deployment.home.join("bin/version.txt"), "WSO2 Identity Server v7.1.0\n").unwrap();
    let toml = |key: &str, old: &str| {
        let text = format!("[encryption]\nkey = \"{key}\"\nold_key = \"{old}\"\n");
        fs::write(kit.deployment.home.join("repository/conf/deployment.toml"), text).unwrap();
    };
    toml(&spec.old_key, &spec.new_key);
    kit.run(&["run"]).refused(5, "KR-RUN-010");
    toml(&spec.new_key, &spec.old_key);
    kit.run(&["run"]).exits(0);
    assert!(sum(&kit.status(), "resealed") > 0);
    kit.run(&["verify"]).exits(0);
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

const STORES: &str = "repository/deployment/server/userstores";

/// Files with ciphertext under other names: rotated, or failed by name.
#[test]
fn ciphertext_in_files_with_other_names_is_never_passed_over() {
    let kit = Kit::new();
    let home = kit.deployment.home.clone();
    let old = seal(&kit.deployment.spec.old_key, "other-name");
    let store = format!(
        "<UserStoreManager class=\"x\"><Property name=\"password\" encrypted=\"true\">{old}</Property></UserStoreManager>"
    );
    for name in ["UPPER.XML", "copy.xml.bak", "copy.xml~", "noending", "notes.txt"] {
        let text = if name == "notes.txt" { format!("the password was {old}\n") } else { store.clone() };
        fs::write(home.join(STORES).join(name), text).unwrap();
    }
    fs::write(home.join(STORES).join("harmless.txt"), "nothing").unwrap();
    let ran = kit.run(&["run"]).exits(1);
    for name in ["UPPER.XML", "copy.xml.bak", "copy.xml~", "noending", "notes.txt", "harmless.txt"] {
        let text = fs::read_to_string(home.join(STORES).join(name)).unwrap();
        let named = ran.stdout.contains(name);
        let is_left = text.contains(&old);
        assert_eq!(is_left, named, "{name}: {}", ran.stdout);
    }
    assert!(!fs::read_to_string(home.join(STORES).join("UPPER.XML")).unwrap().contains(&old));
}

#[track_caller]
fn finding(kit: &Kit, id: &str) -> Value {
    let findings = kit.run(&["preflight", "--json"]).exits(0).json();
    let found = findings["checks"].as_array().unwrap().iter().find(|check| check["id"] == id);
    found.unwrap_or_else(|| panic!("no {id} in {findings}")).clone()
}

/// Copies beside the targets: named before the rotation, since nobody rotates them.
#[test]
fn copies_of_ciphertext_beside_the_targets_are_named() {
    let kit = Kit::new();
    assert_eq!(finding(&kit, "ciphertext-elsewhere")["outcome"], "ok");
    assert_eq!(finding(&kit, "file-remarks")["outcome"], "ok");
    kit.sql("CREATE TABLE MY_AUDIT AS SELECT TOKEN_ID, ACCESS_TOKEN AS WHAT FROM IDN_OAUTH2_ACCESS_TOKEN");
    kit.registry("CREATE TABLE \"kept away\" AS SELECT REG_VALUE FROM REG_PROPERTY");
    let found = finding(&kit, "ciphertext-elsewhere");
    assert_eq!(found["outcome"], "warning", "{found}");
    for name in ["MY_AUDIT.WHAT", "kept away.REG_VALUE"] {
        assert!(found["found"].as_str().unwrap().contains(name), "{found}");
    }
    let folder = kit.deployment.home.join(STORES).join("before");
    fs::create_dir(&folder).unwrap();
    fs::copy(kit.deployment.home.join(STORES).join("ACME.xml"), folder.join("ACME.xml")).unwrap();
    let found = finding(&kit, "file-remarks");
    assert!(found["outcome"] == "warning" && found["found"].as_str().unwrap().contains("before"), "{found}");
    assert_eq!(finding(&kit, "foreign-triggers")["outcome"], "ok");
    kit.sql(
        "CREATE TRIGGER NOTE AFTER UPDATE ON IDN_SECRET BEGIN INSERT INTO MY_AUDIT VALUES (OLD.ID, OLD.SECRET_VALUE); END",
    );
    let found = finding(&kit, "foreign-triggers");
    assert!(found["found"].as_str().unwrap().contains("NOTE on IDN_SECRET"), "{found}");
}
