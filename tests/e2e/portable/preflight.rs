//! Preflight: every check is made or says why not, and each finds what it is made for.

use std::fs;

use keyrotation::demo::Spec;
use serde_json::Value;

use crate::kit::{Kit, same_tree, tree};
use crate::support::{Place, execute};

/// The findings, by their ids.
fn findings(kit: &Kit, code: i32) -> Vec<Value> {
    let document = kit.run(&["preflight", "--json"]).exits(code).json();
    document["checks"].as_array().unwrap().clone()
}

#[track_caller]
fn of<'a>(findings: &'a [Value], id: &str) -> (&'a str, &'a str) {
    let found = findings.iter().find(|finding| finding["id"] == id).unwrap_or_else(|| panic!("no {id}"));
    (found["outcome"].as_str().unwrap(), found["found"].as_str().unwrap())
}

/// Asserts how a check came out, and a word of what it found.
#[track_caller]
fn finds(findings: &[Value], id: &str, outcome: &str, word: &str) {
    let (is, found) = of(findings, id);
    assert!(is == outcome && found.contains(word), "{id} is {is}: {found}");
}

/// A deployment whose databases are files, whatever the tests are run on.
fn in_files() -> Kit {
    Kit::around(Place::in_files(&Spec { tokens: 60, ..Spec::default() }))
}

fn deployment_toml(kit: &Kit, text: &str) {
    fs::write(kit.deployment.home.join("repository/conf/deployment.toml"), text).unwrap();
}

#[test]
fn a_sound_deployment_passes_and_nothing_is_changed() {
    let kit = Kit::new();
    kit.run(&["plan"]).exits(0); // a server holds the deployment from here on
    let before = tree(kit.folder());
    let all = findings(&kit, 0);
    same_tree(&before, &tree(kit.folder()));
    assert!(!kit.journal().exists());
    assert!(all.iter().all(|finding| finding["outcome"] != "refuse"), "{all:#?}");
    for (id, word) in [
        ("schema", "tables"),
        ("sync-leftovers", "none"),
        ("foreign-triggers", "none"),
        ("old-key", "under the old key"),
        ("ambiguous", "none"),
        ("column-width", "yes"),
        ("journal", "no rotation"),
        ("journal-room", "MB are free"),
        ("files-readable", "files"),
        ("files-replaceable", "all"),
        ("symbolic-links", "none"),
    ] {
        finds(&all, id, "ok", word);
    }
    for (id, why) in [
        ("sync-triggers", "enableSyncMigrator"),
        ("old-files", "oldISHome"),
        ("old-registry-rows", "oldRegDBUrl"),
    ] {
        finds(&all, id, "not_checked", why);
    }
    for finding in &all {
        let is_grave = ["warning", "refuse"].contains(&finding["outcome"].as_str().unwrap());
        assert_eq!(is_grave, finding["fix"].is_string(), "what is wrong says what to do: {finding}");
        assert!(!finding["found"].as_str().unwrap().is_empty(), "{finding}");
    }
    // `plan` has the same list.
    let plan = kit.run(&["plan", "--json"]).exits(0).json();
    let ids = |list: &[Value]| list.iter().map(|finding| finding["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(plan["checks"].as_array().unwrap()), ids(&all));
    let text = kit.run(&["plan"]).exits(0).stdout;
    let shown = kit.run(&["preflight"]).exits(0).stdout;
    // On a screen it shows what somebody has to look at, and counts the others.
    for finding in &all {
        let title = finding["title"].as_str().unwrap();
        let is_grave = ["warning", "refuse"].contains(&finding["outcome"].as_str().unwrap());
        assert!(text.contains(title) == is_grave && shown.contains(title), "{title}");
    }
    assert!(text.contains(&format!("{} checks: ", all.len())), "{text}");
}

/// The same user, with the same password, logs on to them.
#[test]
fn the_way_to_a_replica_is_looked_at_too() {
    let kit = in_files();
    let log_on = "user=wso2&password=secret";
    let url = |more: &str| format!("[jdbc:postgresql://replica.example.org/idn?{log_on}{more}]");
    kit.configure("replicas", Some(&url("")));
    finds(&findings(&kit, 0), "transport", "warning", "replicas: encrypted only if the server wants it");
    kit.configure("replicas", Some(&url("&sslmode=verify-full")));
    finds(&findings(&kit, 0), "transport", "ok", "");
}

#[test]
fn values_and_files_that_cannot_be_rotated_are_warnings_and_both_keys_a_refusal() {
    let kit = Kit::new();
    kit.damage();
    let stores = kit.deployment.home.join("repository/deployment/server/userstores");
    fs::write(stores.join("A.xml"), "<UserStoreManager>").unwrap();
    fs::write(stores.join("B.xml.enc"), "a plain password").unwrap();
    std::os::unix::fs::symlink("/etc/hostname", stores.join("C.xml")).unwrap();
    let all = findings(&kit, 5);
    finds(&all, "ambiguous", "refuse", "IDN_OAUTH_CONSUMER_APPS");
    finds(&all, "foreign-values", "warning", "IDN_OAUTH2_ACCESS_TOKEN");
    finds(&all, "column-width", "warning", "1 new values are too long, in WF_BPS_PROFILE");
    finds(&all, "files-readable", "warning", "A.xml");
    finds(&all, "file-remarks", "warning", "B.xml.enc");
    finds(&all, "symbolic-links", "warning", "C.xml");
    assert_eq!(all.iter().find(|finding| finding["id"] == "ambiguous").unwrap()["error"], "KR-RUN-002");
    // A rotation says so, too, and goes on.
    let ran = kit.run(&["run", "--accept-ambiguous", "1"]).exits(1);
    assert!(ran.stderr.contains("column-width: 1 new values are too long"), "{ran}");
}

#[test]
fn what_a_rotation_refuses_a_check_refuses_and_the_rest_says_why_it_is_not_made() {
    let kit = Kit::new();
    kit.configure("oldSecretKey", Some("00000000000000000000000000000000"));
    finds(&findings(&kit, 2), "old-key", "refuse", "decrypts any of");
    kit.run(&["plan"]).exits(2);

    let kit = in_files();
    execute(&kit.deployment.new_identity, "CREATE TABLE IDN_SECRET_BACKUP_2024 (ID INTEGER PRIMARY KEY)");
    let log = "IDN_OAUTH2_ACCESS_TOKEN_TEMP";
    execute(&kit.deployment.new_identity, &format!("CREATE TABLE {log} (SYNC_ID INTEGER PRIMARY KEY)"));
    let refused = kit.run(&["run"]).exits(2);
    let all = findings(&kit, 2);
    finds(&all, "sync-leftovers", "refuse", log);
    assert!(refused.stderr.contains("KR-CFG-050"), "{refused}");
    finds(&all, "old-key", "not_checked", "KR-CFG-050");
    finds(&all, "files-readable", "ok", "files");
    execute(&kit.deployment.new_identity, &format!("DROP TABLE {log}"));
    finds(&findings(&kit, 0), "backup-tables", "warning", "IDN_SECRET_BACKUP_2024");
}

#[test]
fn a_journal_that_holds_a_rotation_and_triggers_are_warnings() {
    let kit = Kit::rotated();
    let all = findings(&kit, 0);
    finds(&all, "journal", "warning", "holds a rotation");
    if kit.site.is_none() {
        let table = "IDN_SECRET";
        let body = "BEGIN SELECT 1; END";
        execute(&kit.deployment.new_identity, &format!("CREATE TRIGGER MINE AFTER UPDATE ON {table} {body}"));
        finds(&findings(&kit, 0), "foreign-triggers", "warning", "MINE on IDN_SECRET");
    }
}

#[test]
fn what_deployment_toml_says_is_compared() {
    let kit = Kit::new();
    let spec = &kit.deployment.spec;
    let properties = fs::read_to_string(&kit.deployment.config).unwrap();
    let url = |key: &str| {
        let line = properties.lines().find(|line| line.starts_with(&format!("{key}: "))).unwrap();
        let url = line.split_once(": ").unwrap().1.trim_matches('\'');
        // What is relative to properties.yaml there would be relative to the home here.
        url.replace("jdbc:sqlite:", &format!("jdbc:sqlite:{}/", kit.folder().display()))
    };
    let (identity, registry) = (url("newIdnDBUrl"), url("newRegDBUrl"));
    let toml = |key: &str, identity: &str| {
        format!(
            "[encryption]\nkey = \"{key}\"\n[database.identity_db]\nurl = \"{identity}\"\n\
             [database.shared_db]\nurl = \"{registry}\"\n"
        )
    };
    deployment_toml(&kit, &toml(&spec.old_key, &identity));
    let all = findings(&kit, 0);
    finds(&all, "deployment-toml", "ok", "yes");
    finds(&all, "deployment-key", "ok", "old key");
    finds(&all, "deployment-identity", "ok", "identity_db");
    finds(&all, "deployment-registry", "ok", "shared_db");

    deployment_toml(
        &kit,
        &toml(&spec.new_key, &format!("jdbc:sqlite:{}", kit.deployment.old_identity.display())),
    );
    let all = findings(&kit, 0);
    finds(&all, "deployment-key", "ok", "new key");
    finds(&all, "deployment-identity", "warning", "old");
    let foreign = "00112233445566778899aabbccddeeff";
    deployment_toml(&kit, &toml(foreign, "$env{URL}"));
    let ran = kit.run(&["preflight"]).exits(0);
    assert!(!ran.stdout.contains(foreign) && !ran.stderr.contains(foreign));
    let all = findings(&kit, 0);
    finds(&all, "deployment-key", "warning", "neither");
    finds(&all, "deployment-identity", "not_checked", "environment");

    deployment_toml(&kit, "[encryption\n");
    finds(&findings(&kit, 0), "deployment-toml", "warning", "line 1");
    fs::remove_file(kit.deployment.home.join("repository/conf/deployment.toml")).unwrap();
    let all = findings(&kit, 0);
    finds(&all, "deployment-toml", "warning", "none");
    finds(&all, "deployment-key", "not_checked", "cannot be read");
}

/// A copy of the deployment's home, as the old one.
fn old_home(kit: &Kit) -> std::path::PathBuf {
    let old = kit.beside("old-home");
    for entry in walkdir::WalkDir::new(&kit.deployment.home) {
        let entry = entry.unwrap();
        let to = old.join(entry.path().strip_prefix(&kit.deployment.home).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(&to).unwrap();
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
    kit.configure("oldISHome", Some(&old.display().to_string()));
    old
}

#[test]
fn the_old_home_is_compared_with_the_new_one() {
    let kit = Kit::new();
    let old = old_home(&kit);
    deployment_toml(&kit, "");
    fs::write(
        old.join("repository/conf/deployment.toml"),
        format!("[encryption]\nkey = \"{}\"\n", kit.deployment.spec.old_key),
    )
    .unwrap();
    let before = tree(&old);
    let all = findings(&kit, 0);
    finds(&all, "old-files", "ok", "0 differ");
    finds(&all, "old-key-is-the-old-servers", "ok", "it does");
    same_tree(&before, &tree(&old));

    let stores = "repository/deployment/server/userstores";
    let (mine, theirs) = (kit.deployment.home.join(stores), old.join(stores));
    fs::write(theirs.join("LATER.xml"), "<UserStoreManager></UserStoreManager>").unwrap();
    let changed = fs::read_dir(&theirs).unwrap().map(|entry| entry.unwrap().file_name());
    let changed =
        changed.map(|name| name.into_string().unwrap()).find(|name| mine.join(name).exists()).unwrap();
    let text = fs::read_to_string(theirs.join(&changed)).unwrap();
    fs::write(theirs.join(&changed), format!("{text}<!-- later -->\n")).unwrap();
    let hour = std::time::SystemTime::now() + std::time::Duration::from_hours(1);
    fs::File::options().append(true).open(theirs.join(&changed)).unwrap().set_modified(hour).unwrap();
    fs::write(
        old.join("repository/conf/deployment.toml"),
        "[encryption]\nkey = \"00112233445566778899aabbccddeeff\"\n",
    )
    .unwrap();
    fs::write(old.join("bin/version.txt"), "WSO2 Identity Server v5.11.0\n").unwrap();
    fs::write(kit.deployment.home.join("bin/version.txt"), "WSO2 Identity Server v7.0.0\n").unwrap();
    let all = findings(&kit, 0);
    finds(&all, "old-files", "warning", "LATER.xml is not in the new home");
    finds(&all, "old-files", "warning", &format!("{changed} was changed in the old home"));
    finds(&all, "old-key-is-the-old-servers", "warning", "another");
    finds(&all, "old-version", "warning", "5.11.0");

    kit.configure("oldISHome", Some(&kit.deployment.home.display().to_string()));
    let refused = kit.run(&["plan"]).exits(2);
    assert!(refused.stderr.contains("KR-CFG-023"), "{refused}");
    kit.configure("oldISHome", Some("/no/such/home"));
    let all = findings(&kit, 0);
    finds(&all, "configuration", "warning", "oldISHome");
    finds(&all, "old-files", "not_checked", "oldISHome");
}

#[test]
fn the_old_databases_are_counted_beside_the_new_ones() {
    let kit = in_files();
    let old = |path: &std::path::Path| Some(format!("jdbc:sqlite:{}", path.display()));
    kit.configure("oldIdnDBUrl", old(&kit.deployment.old_identity).as_deref());
    kit.configure("oldRegDBUrl", old(&kit.deployment.old_registry).as_deref());
    let all = findings(&kit, 0);
    finds(&all, "old-identity-rows", "ok", "tables");
    finds(&all, "old-registry-rows", "ok", "tables");
    execute(
        &kit.deployment.new_identity,
        "DELETE FROM IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_ID IN (SELECT TOKEN_ID FROM IDN_OAUTH2_ACCESS_TOKEN LIMIT 3)",
    );
    execute(
        &kit.deployment.new_registry,
        "PRAGMA foreign_keys = OFF; DELETE FROM REG_PROPERTY WHERE REG_ID IN (SELECT REG_ID FROM REG_PROPERTY LIMIT 1)",
    );
    let later = "UPDATE IDN_OAUTH2_AUTHORIZATION_CODE SET TIME_CREATED = datetime('now', '+1 hour')";
    execute(&kit.deployment.old_identity, later);
    let before = tree(kit.folder());
    let all = findings(&kit, 0);
    same_tree(&before, &tree(kit.folder()));
    finds(
        &all,
        "old-identity-rows",
        "warning",
        "IDN_OAUTH2_ACCESS_TOKEN: 60 in the old one, 57 in the new one",
    );
    finds(&all, "old-identity-rows", "warning", "IDN_OAUTH2_AUTHORIZATION_CODE: the newest in the old one");
    finds(&all, "old-registry-rows", "warning", "REG_PROPERTY");
    // A rotation leaves that work to those two: users are on the old server.
    let ran = kit.run(&["run", "--dry-run"]).exits(0);
    assert!(!ran.stderr.contains("old-identity-rows") && !ran.stderr.contains("old-registry-rows"), "{ran}");
    kit.configure("oldRegDBUrl", old(&kit.deployment.new_registry).as_deref());
    let refused = kit.run(&["run"]).exits(2);
    assert!(refused.stderr.contains("KR-CFG-016"), "{refused}");
}
