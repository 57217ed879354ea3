//! What a server lets a rotation wait for is named within seconds, and `stop` ends the wait.

use std::time::{Duration, Instant};

use super::{admin, on, outside};
use crate::kit::{Kit, eventually};
use crate::support::{Engine, Except, OwnServers};

/// Starts a rotation that the server holds up, and stops it once it has said by what.
#[track_caller]
fn named_and_stopped(kit: &Kit, names: &[&str]) {
    let mut running = kit.start_unlooked("", &["run", "--others-connected"]);
    running.until_it_says("looking at what is there");
    let begun = Instant::now();
    running.until_it_says("the server waits for");
    let after = begun.elapsed();
    assert!(after < Duration::from_secs(15), "it was named after {after:?}");
    for name in names {
        running.until_it_says(name);
    }
    eventually("the status says what is waited for", || {
        let status = kit.run_unlooked(&["status", "--json"]).exits(0).json();
        let waiting = status["activity"]["waiting"].to_string();
        names.iter().all(|name| waiting.contains(name))
    });
    kit.run_unlooked(&["stop"]);
    let begun = Instant::now();
    running.wait_unlooked().exits(130);
    assert!(begun.elapsed() < Duration::from_secs(20), "it ended after {:?}", begun.elapsed());
}

/// A synchronous standby that is not there.
#[test]
fn a_commit_that_nobody_acknowledges() {
    let _servers = OwnServers::start(Engine::Postgres);
    let kit = on(Engine::Postgres);
    let before = kit.snapshot();
    kit.run(&["plan"]).exits(0); // the server holds the deployment from here on
    let mut outside = outside(Engine::Postgres);
    outside.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    outside.execute("SELECT pg_reload_conf()");
    named_and_stopped(&kit, &["SyncRep", "synchronous_standby_names = 'nobody'"]);
    outside.execute("ALTER SYSTEM RESET synchronous_standby_names");
    outside.execute("SELECT pg_reload_conf()");
    kit.run(&["resume"]).exits(0);
    before.must_be_rotated(&kit, &Except::default());
    kit.run(&["verify"]).exits(0);
}

const ROW: &str = "UPDATE IDN_OAUTH2_ACCESS_TOKEN SET GRANT_TYPE = 'held'";

/// Rows that a transaction holds which nobody is in any more.
#[test]
fn a_row_that_an_orphaned_prepared_transaction_holds() {
    let mut servers = OwnServers::start(Engine::Postgres);
    outside(Engine::Postgres).execute("ALTER SYSTEM SET max_prepared_transactions = 5");
    servers.kill(Engine::Postgres);
    servers.start_again(Engine::Postgres);
    let kit = on(Engine::Postgres);
    kit.run(&["plan"]).exits(0);
    admin(&kit).execute(&format!("BEGIN; {ROW}; PREPARE TRANSACTION 'orphan'"));
    named_and_stopped(&kit, &["the prepared transaction 'orphan'", "postgres"]);
    admin(&kit).execute("ROLLBACK PREPARED 'orphan'");
    kit.run(&["resume"]).exits(0);
    kit.run(&["verify"]).exits(0);
}

#[test]
fn a_row_that_an_orphaned_xa_transaction_holds() {
    let kit = on(Engine::MariaDb);
    kit.run(&["plan"]).exits(0);
    let orphan = format!("orphan_{}", std::process::id());
    let mut holder = admin(&kit);
    for sql in [
        format!("XA START '{orphan}'"),
        ROW.to_owned(),
        format!("XA END '{orphan}'"),
        format!("XA PREPARE '{orphan}'"),
    ] {
        holder.execute(&sql);
    }
    drop(holder);
    named_and_stopped(&kit, &["a row lock", "a prepared transaction"]);
    outside(Engine::MariaDb).execute(&format!("XA ROLLBACK '{orphan}'"));
    kit.run(&["resume"]).exits(0);
    kit.run(&["verify"]).exits(0);
}

#[test]
fn a_row_that_another_session_holds() {
    for engine in [Engine::Postgres, Engine::MariaDb, Engine::MySql] {
        let kit = on(engine);
        kit.run(&["plan"]).exits(0);
        let mut holder = admin(&kit);
        holder.execute("BEGIN");
        holder.execute(ROW);
        named_and_stopped(&kit, &["session"]);
        holder.execute("ROLLBACK");
        drop(holder);
        kit.run(&["resume"]).exits(0);
    }
}
