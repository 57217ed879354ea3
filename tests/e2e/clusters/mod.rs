//! Clusters and replicas, real ones: each test starts servers of its own (`tests/support/clusters.py`).
//! What takes minutes is in `slow`, which `tests/torture.sh clusters` runs.

mod galera;
mod postgresql;
mod replica;
mod slow;
mod undecided;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::kit::{Kit, Refused as _};
use crate::support::{ADMIN, Admin, Engine, Place, Ran};

/// A small deployment on the first server of a cluster.
fn on(engine: Engine, tokens: u64) -> Kit {
    Kit::around(Place::on(engine, tokens))
}

/// Names the identity database, as it is on another server, as the old one, for an administrator.
fn old_is_at(kit: &Kit, port: u16) {
    kit.configure("oldIdnDBUrl", Some(&kit.site().url(0, &format!("127.0.0.1:{port}"), "")));
    let administrator = if kit.site().engine == Engine::Postgres { "postgres" } else { "root" };
    kit.configure("oldIdnUsername", Some(administrator));
    kit.configure("oldIdnPassword", Some(&STANDARD.encode(ADMIN)));
}

/// Names no old database.
fn old_is_unknown(kit: &Kit) {
    for name in ["oldIdnDBUrl", "oldIdnUsername", "oldIdnPassword"] {
        kit.configure(name, None);
    }
}

/// Lets the rotation work on another server.
fn new_is_at(kit: &Kit, port: u16) {
    new_is_on(kit, &format!("127.0.0.1:{port}"));
}

/// Likewise on one of several.
fn new_is_on(kit: &Kit, hosts: &str) {
    let last = kit.databases().len() - 1;
    for (at, name) in [(0, "newIdnDBUrl"), (last, "newRegDBUrl")] {
        kit.configure(name, Some(&kit.site().url(at, hosts, "")));
    }
}

/// An administrator in the identity database on a server.
fn admin(kit: &Kit, port: u16) -> Admin {
    Admin::at(kit.site().engine, port, &kit.site().database(0))
}

/// Waits until another server has all that the first one has, users and rights, too: it has what was written last.
fn other_has_all(kit: &Kit, second: u16) {
    let engine = kit.site().engine;
    let last = format!("{}_last", kit.site().database(0));
    Admin::at(engine, engine.port(), "mysql").execute(&format!("CREATE DATABASE {last}"));
    let seen = format!(
        "SELECT CAST(COUNT(*) AS CHAR) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '{last}'"
    );
    crate::kit::eventually("the other server has all", || {
        Admin::at(engine, second, "mysql").text(&seen) == "1"
    });
}

/// Both `preflight` and `run` refuse, and nothing was written.
#[track_caller]
fn is_refused(kit: &Kit, id: &str) -> Ran {
    let before = kit.snapshot();
    let ran = kit.run(&["preflight"]).exits(2);
    assert!(format!("{}{}", ran.stdout, ran.stderr).contains(id), "{ran}");
    let ran = kit.run(&["run"]).refused(2, id);
    before.must_be_untouched(kit);
    assert!(!kit.journal().exists());
    ran
}

/// What the running program says that it waits for, once it is about this.
fn waits_for(kit: &Kit, what: &str) -> String {
    let mut found = String::new();
    crate::kit::eventually(what, || {
        let status = kit.run_unlooked(&["status", "--json"]).json();
        status["activity"]["waiting"].as_str().unwrap_or_default().clone_into(&mut found);
        found.contains(what)
    });
    found
}
