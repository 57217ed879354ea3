//! Nothing found is not nothing to do: what a rotation does not find it explains, or it stops.

use std::fs;

use crate::kit::{Kit, Refused as _, seal};
use crate::portable::nothing::{all_refuse, finding, sum, swap_keys};

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
