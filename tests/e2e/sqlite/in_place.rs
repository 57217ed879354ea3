//! A rotation in place: what its properties.yaml says, the homes of several nodes, and the steps around it. What
//! servers do meanwhile is in `servers::in_place`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::kit::{Kit, Refused as _, open_values, seal};

/// The demo's properties.yaml with the names that it has in place.
pub(crate) fn in_place() -> Kit {
    let kit = Kit::new();
    let text = fs::read_to_string(&kit.deployment.config).unwrap();
    let is_beside = |line: &&str| !line.starts_with("old") || line.starts_with("oldSecretKey");
    let lines = text.lines().filter(is_beside).filter(|line| !line.starts_with("enableSync"));
    let text: Vec<String> = lines
        .map(|line| {
            let renamed =
                line.replace("newIdn", "idn").replace("newReg", "reg").replace("newISHome", "isHome");
            if line.starts_with("new") && !line.starts_with("newSecretKey") {
                renamed
            } else {
                line.to_owned()
            }
        })
        .collect();
    fs::write(&kit.deployment.config, text.join("\n") + "\nmode: in-place\n").unwrap();
    kit
}

#[test]
fn the_deployment_itself_is_rotated_and_every_value_names_its_key() {
    let kit = in_place();
    let plan = kit.run(&["plan"]).exits(0).stdout;
    assert!(plan.contains("runbook (in place): 0 of 5 steps are done"), "{plan}");
    let done = kit.run(&["run"]).exits(0);
    assert!(done.stderr.contains("`keyrotation keys` says whether the old key may go"), "{done}");
    assert!(done.stdout.contains("then `keyrotation keys`: may old_key be taken out"), "{done}");
    let values = kit.sql("SELECT ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN WHERE ACCESS_TOKEN LIKE 'eyJj%'");
    let values: Vec<String> = values.into_iter().filter_map(|mut row| row.remove(0)).collect();
    let opened =
        open_values(&kit.deployment.spec.new_key, &values.iter().map(String::as_str).collect::<Vec<_>>());
    let gcm = opened.iter().filter(|value| value["form"] == "gcm");
    assert!(gcm.clone().count() > 30 && gcm.clone().all(|value| value["ownKeyId"] == true));
    let verified = kit.run(&["verify"]).exits(0);
    assert!(verified.stdout.contains("--live"), "{verified}");
    kit.run(&["keys"]).exits(0);
    let runbook = kit.run(&["runbook"]).exits(0).stdout;
    assert!(runbook.contains("Take the old key out of every server (now)"), "{runbook}");
    kit.run(&["confirm", "one-key"]).exits(0);
    kit.run(&["confirm", "retire/proved"]).exits(0);
    assert!(
        kit.run(&["confirm", "copy"]).exits(2).error().contains("not a part of this rotation (in place)")
    );
    let status = kit.status();
    assert_eq!(status["mode"], "in-place");
    // The demo's server reads one key; others may have two.
    let with_both = |kit: &Kit| {
        let runbook = kit.run(&["runbook", "--all"]).exits(0).stdout;
        assert_ne!(
            runbook.contains("run --servers-have-both-keys"),
            runbook.contains("Every node is stopped")
        );
        assert_eq!(runbook.contains("--remove-old-key"), runbook.contains("--servers-have-both-keys"));
        runbook.contains("--remove-old-key")
    };
    assert!(!with_both(&kit));
    fs::write(kit.deployment.home.join("bin/version.txt"), "WSO2 Identity Server v7.1.0\n").unwrap();
    assert!(with_both(&kit));
}

#[test]
fn what_belongs_beside_a_deployment_is_refused() {
    let kit = in_place();
    for (key, value) in [
        ("oldIdnDBUrl", "jdbc:sqlite:old-identity.db"),
        ("oldISHome", "wso2is-old"),
        ("enableSyncMigrator", "true"),
        ("enableKeyId", "false"),
        ("rebuildIndexes", "always"),
        ("mode", "in-the-place"),
    ] {
        let was = (key == "mode").then_some("in-place");
        kit.configure(key, Some(value));
        let refused = kit.run(&["plan"]).refused(2, "KR-CFG-005");
        assert!(refused.error().contains(key), "{refused}");
        kit.configure(key, was);
    }
    // Its names are no names of a copy's.
    kit.configure("mode", None);
    assert!(kit.run(&["plan"]).exits(2).error().contains("isHome is for `mode: in-place`"));
    kit.configure("mode", Some("in-place"));
    kit.configure("newIdnDBUrl", Some("jdbc:sqlite:new-identity.db"));
    let twice = kit.run(&["plan"]).exits(2);
    assert!(twice.error().contains("is given already"), "{twice}");
    kit.configure("newIdnDBUrl", None);
    kit.configure("idnDBUrl", None);
    assert!(kit.run(&["plan"]).exits(2).error().contains("idnDBUrl is missing"));
}

/// `resume` goes on with what was begun.
#[test]
fn a_rotation_in_place_does_not_become_one_of_a_copy() {
    let kit = in_place();
    kit.run(&["run"]).exits(0);
    for (key, value) in [("idnDBUrl", "newIdnDBUrl"), ("regDBUrl", "newRegDBUrl"), ("isHome", "newISHome")] {
        let text = fs::read_to_string(&kit.deployment.config).unwrap();
        let text = text.replace(&format!("\n{key}:"), &format!("\n{value}:"));
        fs::write(
            &kit.deployment.config,
            text.replace("\nidnUser", "\nnewIdnUser").replace("\nidnPass", "\nnewIdnPass"),
        )
        .unwrap();
    }
    let text = fs::read_to_string(&kit.deployment.config).unwrap();
    let text = text.replace("\nregUser", "\nnewRegUser").replace("\nregPass", "\nnewRegPass");
    fs::write(&kit.deployment.config, text.replace("\nmode: in-place", "")).unwrap();
    let refused = kit.run(&["verify"]).exits(4);
    assert!(
        refused.error().contains("mode is blue-green, and the journal's rotation was started with in-place"),
        "{refused}"
    );
}

/// Servers delete what has expired: a table whose rows are all gone by then is no other copy. All tables are.
#[test]
fn a_table_whose_rows_the_servers_have_deleted_does_not_stop_it() {
    let killed = || {
        let kit = in_place();
        kit.run_at("table-after-commit=3*off->1*return(kill)", &["run", "--chunk-size", "1000"]);
        let status = kit.status();
        let targets = status["targets"].as_array().unwrap().iter();
        let done = targets.filter(|target| target["rotated"].as_u64() > Some(0));
        let done: Vec<String> = done.map(|target| target["place"].as_str().unwrap().to_owned()).collect();
        assert!(done.iter().any(|place| place == "IDN_OAUTH2_AUTHORIZATION_CODE"), "{done:?}");
        (kit, done)
    };
    let (kit, _) = killed();
    kit.sql("DELETE FROM IDN_OAUTH2_AUTHORIZATION_CODE");
    kit.run(&["resume"]).exits(0);
    kit.run(&["verify"]).exits(0);
    let (kit, done) = killed();
    for place in &done {
        kit.sql(&format!("DELETE FROM {place}"));
    }
    assert!(kit.run(&["resume"]).exits(5).error().contains("is there"), "all are gone");
}

/// The word is for servers of the database that is rotated.
#[test]
fn the_word_for_servers_is_no_word_for_a_copy() {
    let kit = Kit::new();
    kit.run(&["run", "--servers-have-both-keys"]).refused(2, "KR-CFG-020");
    // Nor is that for others a word for servers.
    let kit = in_place();
    let refused = kit.run(&["run", "--others-connected"]).refused(2, "KR-CFG-020");
    assert!(refused.error().contains("needs both keys"), "{refused}");
}

const STORES: &str = "repository/deployment/server/userstores";

/// The folder of the first node's user stores, and their names.
fn stores(kit: &Kit) -> (PathBuf, Vec<OsString>) {
    let folder = kit.deployment.home.join(STORES);
    let names = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    (folder, names)
}

/// A deployment, and the home of another node with the same user stores, which properties.yaml does not name yet.
fn two_nodes() -> (Kit, PathBuf) {
    let kit = in_place();
    let second = kit.folder().join("node-2");
    let (first, names) = stores(&kit);
    fs::create_dir_all(second.join(STORES)).unwrap();
    for name in &names {
        fs::copy(first.join(name), second.join(STORES).join(name)).unwrap();
    }
    (kit, second)
}

/// What stands in the user stores of a home.
fn contents(home: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(home.join(STORES)).unwrap().map(Result::unwrap);
    let content =
        |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
    entries.map(content).collect()
}

/// A node that is named no more keeps its old values, and so nothing is done, or may go, without it.
#[test]
fn a_node_that_is_named_no_more_is_not_left_behind() {
    let (kit, second) = two_nodes();
    kit.configure("homes", Some("[node-2]"));
    kit.interrupt();
    let before = contents(&second);
    let refused = |args: &[&str]| {
        let refused = kit.run(args).refused(4, "KR-JRN-005");
        assert!(refused.error().contains("node-2"), "{args:?}: {refused}");
    };
    kit.configure("homes", None);
    for command in [&["resume"][..], &["resume", "--retry-failed"], &["verify"]] {
        refused(command);
    }
    assert_eq!(contents(&second), before);
    kit.configure("homes", Some("[node-2]"));
    kit.run(&["resume"]).exits(0);
    kit.run(&["verify"]).exits(0);
    kit.run(&["keys"]).exits(0);
    assert_ne!(contents(&second)["ACME.xml"], before["ACME.xml"]);
    kit.configure("homes", None);
    for command in [&["run"][..], &["resume"], &["resume", "--retry-failed"], &["verify"]] {
        refused(command);
    }
    let keys = kit.run(&["keys"]).exits(1);
    assert!(keys.stdout.contains("node-2"), "{keys}");
    // Its deployment.toml is that of a node, too.
    let confirmed = kit.run(&["confirm", "one-key"]).refused(2, "KR-CFG-024");
    assert!(confirmed.error().contains("node-2"), "{confirmed}");
}

/// A rotation has not looked at a node that is named since.
#[test]
fn a_node_that_is_named_later_is_not_passed_over() {
    let (kit, second) = two_nodes();
    kit.interrupt();
    kit.configure("homes", Some("[node-2]"));
    kit.run(&["resume"]).refused(4, "KR-JRN-005");
    kit.configure("homes", None);
    kit.run(&["resume"]).exits(0);
    let before = contents(&second);
    kit.configure("homes", Some("[node-2]"));
    for command in [&["run"][..], &["resume"], &["resume", "--retry-failed"], &["verify"]] {
        let refused = kit.run(command).refused(4, "KR-JRN-005");
        assert!(refused.error().contains("node-2"), "{command:?}: {refused}");
        assert!(refused.error().contains("keyrotation run --new"), "{command:?}: {refused}");
    }
    assert_eq!(contents(&second), before);
    kit.run(&["run", "--new"]).exits(0);
    kit.run(&["verify"]).exits(0);
    assert_ne!(contents(&second)["ACME.xml"], before["ACME.xml"]);
}

/// The same folders are the same nodes, in whatever order, by whatever name, and however often they are named.
#[test]
fn the_order_and_the_names_of_homes_say_nothing() {
    let (kit, second) = two_nodes();
    let first = kit.deployment.home.clone();
    let link = kit.folder().join("link");
    std::os::unix::fs::symlink(&second, &link).unwrap();
    let before = [contents(&first), contents(&second)];
    kit.configure("isHome", None);
    kit.configure("homes", Some(&format!("[{}, node-2, link]", first.display())));
    kit.run_at("file-after-rename=2*off->1*return(kill)", &["run"]);
    kit.configure("homes", Some(&format!("[link, {}, node-2]", first.display())));
    kit.run(&["resume"]).exits(0);
    kit.run(&["verify"]).exits(0);
    kit.run(&["resume"]).exits(0);
    kit.run(&["keys"]).exits(0);
    for (home, before) in [&first, &second].into_iter().zip(before) {
        assert_ne!(contents(home)["ACME.xml"], before["ACME.xml"]);
    }
}

/// Files of all nodes are rotated by one rotation, also when it is killed on the way, and told apart.
#[test]
fn the_files_of_several_nodes_are_rotated_together() {
    let (kit, second) = two_nodes();
    let (first, names) = stores(&kit);
    let rows = |inventory: &serde_json::Value| {
        let groups = inventory["targets"].as_array().unwrap();
        let stores = groups.iter().find(|target| target["id"] == "super-tenant-userstores").unwrap();
        stores["rows"].as_u64().unwrap()
    };
    let of_one = rows(&kit.run(&["keys", "--json"]).exits(1).json()["inventory"]);
    kit.configure("homes", Some("[node-2]"));
    let plan = kit.run(&["plan"]).exits(0).stdout;
    assert!(plan.contains("node-2"), "{plan}");
    let before: u64 =
        kit.run(&["keys", "--json"]).exits(1).json()["inventory"]["keys"][0]["values"].as_u64().unwrap();
    kit.run_at("file-after-rename=4*off->1*return(kill)", &["run"]);
    kit.run(&["resume"]).exits(0);
    kit.run(&["verify"]).exits(0);
    let inventory = kit.run(&["keys", "--json"]).exits(0).json()["inventory"].clone();
    let new = inventory["keys"].as_array().unwrap().iter().find(|key| key["role"] == "new").unwrap();
    assert_eq!(new["values"], before);
    for name in &names {
        let (one, other) =
            (fs::read(first.join(name)).unwrap(), fs::read(second.join(STORES).join(name)).unwrap());
        assert_eq!(one.len(), other.len());
    }
    assert_eq!(rows(&inventory), 2 * of_one);
}

/// What people say of a rotation in place is refused where it is not so, as it is beside a copy.
#[test]
fn the_old_key_is_not_confirmed_away_before_its_time() {
    let kit = in_place();
    let all = ["one-key", "retire/proved", "retire/dumps", "retire/backups", "retire/old-key"];
    let refused = |why: &str| {
        for step in all {
            let refused = kit.run(&["confirm", step]).refused(2, "KR-CFG-024");
            // What `keys` has not said yet is the first that stands against its own item.
            assert!(refused.error().contains(why) || step == "retire/proved", "{step}: {refused}");
        }
    };
    refused("no rotation was begun");
    kit.interrupt();
    refused("not everything is re-encrypted");
    kit.run(&["resume"]).exits(0);
    refused("not verified");
    // It is bad now, and then as it was.
    let row = "TENANT_ID = -1234 AND DATA_VALUE LIKE 'eyJ%' ORDER BY USER_NAME, DATA_KEY LIMIT 1";
    let spot = format!("rowid = (SELECT rowid FROM IDN_IDENTITY_USER_DATA WHERE {row})");
    let was = kit.sql(&format!("SELECT DATA_VALUE FROM IDN_IDENTITY_USER_DATA WHERE {spot}"))[0][0]
        .clone()
        .unwrap();
    let old = seal(&kit.deployment.spec.old_key, "left behind");
    kit.put("IDN_IDENTITY_USER_DATA", "DATA_VALUE", &spot, &old);
    kit.run(&["verify"]).exits(1);
    refused("1 rows or files differ");
    kit.put("IDN_IDENTITY_USER_DATA", "DATA_VALUE", &format!("DATA_VALUE = '{old}'"), &was);
    kit.run(&["verify"]).exits(0);
    // Nobody has asked `keys` yet: a table that is left out is not what is verified.
    refused("`keyrotation keys` has not said so");
    kit.put("IDN_IDENTITY_USER_DATA", "DATA_VALUE", &spot, &old);
    kit.run(&["keys"]).exits(1);
    refused("`keyrotation keys` found");
    kit.put("IDN_IDENTITY_USER_DATA", "DATA_VALUE", &format!("DATA_VALUE = '{old}'"), &was);
    kit.run(&["keys"]).exits(0);
    // As long as nobody has said that the servers do without it, they need it.
    kit.run(&["confirm", "retire/old-key"]).refused(2, "KR-CFG-024");
    for step in all {
        kit.run(&["confirm", step]).exits(0);
    }
    let steps = kit.status()["steps"].to_string();
    assert!(steps.contains("old-keys-may-go"), "{steps}");
}

/// Rows that could not be moved need the old key, unless `keys` says that they do not.
#[test]
fn rows_that_failed_in_place_keep_the_old_key_until_it_opens_none_of_them() {
    let kit = in_place();
    let foreign = seal("0123456789abcdef0123456789abcdef", "of a third key");
    kit.sql(&format!(
        "INSERT INTO IDN_IDENTITY_USER_DATA (TENANT_ID, USER_NAME, DATA_KEY, DATA_VALUE) VALUES (-1234, 'odd', 'claim', '{foreign}')"
    ));
    kit.run(&["run"]).exits(1);
    kit.run(&["verify"]).exits(1);
    for step in ["one-key", "retire/old-key"] {
        let refused = kit.run(&["confirm", step]).refused(2, "KR-CFG-024");
        assert!(refused.error().contains("1 rows or files could not be moved"), "{refused}");
    }
    kit.run(&["keys"]).exits(0);
    let said = kit.run(&["confirm", "one-key"]).exits(0);
    assert!(said.stderr.contains("could not be moved"), "{said}");
}

/// What is said of the servers is compared with each `deployment.toml`, whether or not the keys are at hand.
#[test]
fn what_is_said_of_servers_in_place_is_compared_with_their_deployment_toml() {
    let kit = in_place();
    let (old, new) = (kit.deployment.spec.old_key.clone(), kit.deployment.spec.new_key.clone());
    let second = kit.folder().join("node-2");
    kit.configure("homes", Some("[node-2]"));
    for home in [&kit.deployment.home, &second] {
        fs::create_dir_all(home.join("repository/conf")).unwrap();
        fs::create_dir_all(home.join("bin")).unwrap();
        fs::write(home.join("bin/version.txt"), "WSO2 Identity Server v7.1.0\n").unwrap();
    }
    let has = |home: &std::path::Path, lines: &str| {
        let toml = home.join("repository/conf/deployment.toml");
        fs::write(toml, format!("[encryption]\n{lines}\n")).unwrap();
    };
    let (one, both) = (format!("key = '{new}'"), format!("key = '{new}'\nold_key = '{old}'"));
    let before = format!("key = '{old}'");
    let refused = |step: &str, why: &str| {
        let refused = kit.run(&["confirm", step]).refused(2, "KR-CFG-024");
        assert!(refused.error().contains(why), "{step}: {refused}");
    };
    has(&kit.deployment.home, &both);
    for (lines, why) in [
        (before.clone(), "but the old key"),
        (one.clone(), "old_key is not set"),
        (format!("{both}\nenable_key_id = false"), "enable_key_id is false"),
        (format!("key = '{old}'\nold_key = '{new}'"), "but the old key"),
    ] {
        has(&second, &lines);
        refused("both-keys", why);
        refused("both-keys", "node-2");
    }
    has(&second, &both);
    kit.run(&["confirm", "both-keys"]).exits(0);
    kit.run(&["run", "--servers-have-both-keys"]).exits(0);
    kit.run(&["verify"]).exits(0);
    kit.run(&["keys"]).exits(0);
    let once_more = |kit: &Kit| {
        has(&kit.deployment.home, &one);
        for (lines, why) in [(&both, "old_key is the old key"), (&before, "but the old key")] {
            has(&second, lines);
            refused("one-key", why);
        }
    };
    once_more(&kit);
    // The journal has the fingerprints.
    let command = kit.beside("key.sh");
    fs::write(&command, format!("#!/bin/sh\necho {new}\n")).unwrap();
    fs::set_permissions(&command, fs::Permissions::from_mode(0o700)).unwrap();
    kit.configure("newSecretKey", Some(&format!("cmd:{}", command.display())));
    once_more(&kit);
    has(&second, &one);
    kit.run(&["confirm", "one-key"]).exits(0);
    // A node that was put back needs the old key after all.
    has(&second, &both);
    refused("retire/old-key", "old_key is the old key");
}
