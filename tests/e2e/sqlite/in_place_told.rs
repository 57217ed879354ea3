//! What `preflight` and the report say where the deployment itself is rotated.

use std::fs;

use super::in_place::in_place;

#[test]
fn a_preflight_in_place_speaks_of_no_copy_and_compares_what_the_servers_use() {
    let kit = in_place();
    let toml = kit.deployment.home.join("repository/conf/deployment.toml");
    let database = |name: &str, file: &str| format!("[database.{name}]\nurl = \"jdbc:sqlite:{file}\"\n");
    let root = kit.folder().display().to_string();
    let keys = format!(
        "[encryption]\nkey = \"{}\"\nold_key = \"{}\"\n",
        kit.deployment.spec.new_key, kit.deployment.spec.old_key
    );
    let checked = |identity: &str| {
        let identity = database("identity_db", &format!("{root}/{identity}"));
        let registry = database("shared_db", &format!("{root}/new-registry.db"));
        fs::write(&toml, format!("{keys}{identity}{registry}")).unwrap();
        let shown = kit.run(&["preflight"]).exits(0).stdout;
        for beside in ["step 7", "oldISHome", "oldIdnDBUrl", "the new server", "newISHome"] {
            assert!(!shown.contains(beside), "{beside}: {shown}");
        }
        let found: serde_json::Value =
            serde_json::from_str(&kit.run(&["preflight", "--json"]).exits(0).stdout).unwrap();
        let checks = found["checks"].as_array().unwrap();
        let of = |id: &str| checks.iter().find(|check| check["id"] == id).cloned().unwrap_or_default();
        assert!(of("old-version").is_null() && of("deployment-identity").is_null(), "{found}");
        of("nodes-databases")
    };
    assert_eq!(checked("new-identity.db")["outcome"], "ok");
    let other = checked("old-identity.db");
    assert_eq!(other["outcome"], "warning");
    assert!(other["found"].as_str().unwrap().contains("[database.identity_db] of"), "{other}");
    // Of a node without such a file nobody knows.
    kit.configure("homes", Some("[node-2]"));
    std::fs::create_dir_all(kit.folder().join("node-2/repository/conf")).unwrap();
    assert_eq!(checked("new-identity.db")["outcome"], "not_checked");
    kit.configure("homes", None);
    checked("old-identity.db");
    let ran = kit.run(&["run"]).exits(0);
    assert!(ran.stderr.contains("nodes-databases: [database.identity_db]"), "{ran}");
}

#[test]
fn the_report_says_since_when_servers_have_the_new_key_alone() {
    let kit = in_place();
    kit.run(&["run"]).exits(0);
    kit.run(&["verify"]).exits(0);
    kit.run(&["keys"]).exits(0);
    let end_of_use = || {
        let report = kit.run(&["report", "--format", "json"]).exits(0).stdout;
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        report["cryptoperiods"]["old_server_stopped_at"].clone()
    };
    assert!(end_of_use().is_null());
    kit.run(&["confirm", "one-key"]).exits(0);
    assert!(end_of_use().is_string());
    let page = kit.run(&["report", "--format", "html"]).exits(0).stdout;
    assert!(page.contains("every server has the new key alone") && !page.contains("old server stopped"));
}
