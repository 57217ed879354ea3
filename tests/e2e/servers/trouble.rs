//! Servers and neighbours that get in the way.

use std::fs;
use std::thread;
use std::time::Duration;

use super::{admin, before_update, on, outside};
use crate::kit::{Kit, Refused as _};
use crate::support::{Admin, Engine, Except, OwnServers, Place, Snapshot};

crate::support::on_engines! {
    deadlocks_are_tried_again: postgresql mysql, slow: mariadb;
    a_row_that_somebody_has_locked_is_waited_for: postgresql mysql, slow: mariadb;
    a_commit_of_which_nobody_knows_is_settled_from_the_rows: postgresql mysql, slow: mariadb;
    a_server_that_ends_long_statements_is_kept_to: postgresql mysql, slow: mariadb;
    a_server_that_dies_and_comes_back_costs_nothing: postgresql mysql, slow: mariadb;
    a_server_that_stays_away_ends_it_at_a_safe_point: mysql, slow: postgresql mariadb;
    a_server_that_lost_commits_is_left_without_the_old_key: mysql, slow: postgresql mariadb;
    a_server_that_lost_commits_at_the_end_is_looked_at_once_more: postgresql, slow: mysql mariadb;
    a_server_that_comes_back_without_commits_is_found_out: postgresql, slow: mysql mariadb;
}

const SLOWLY: &[&str] = &["--max-rows-per-second", "60"];

/// Each row is rotated, and was written once.
#[track_caller]
fn must_be_done(kit: &Kit, before: &Snapshot) {
    before.must_be_rotated(kit, &Except::default());
    before.must_be_updated_once(kit, &Except::default());
    kit.run(&["verify"]).exits(0);
}

fn deadlocks_are_tried_again(engine: Engine) {
    let kit = on(engine);
    kit.count_updates();
    let before = kit.snapshot();
    kit.run(&["plan"]).exits(0); // the server holds the deployment from here on
    if engine != Engine::MySql {
        admin(&kit).execute("CREATE SEQUENCE tries"); // not rolled back with the transaction
    }
    let (when, deadlock) = match engine {
        // Nor is a session's variable: each session meets one.
        Engine::MySql => (
            "(@tries := COALESCE(@tries, 0) + 1) <= 1",
            "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'Deadlock found'",
        ),
        Engine::Postgres => {
            ("nextval('tries') <= 3", "RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'")
        }
        _ => (
            "NEXT VALUE FOR tries <= 3",
            "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'Deadlock found'",
        ),
    };
    before_update(&kit, when, deadlock);
    let ran = kit.run(&["run"]).exits(0);
    assert!(ran.stderr.to_lowercase().contains("deadlock") && ran.stderr.contains("trying again"), "{ran}");
    must_be_done(&kit, &before);
}

fn a_row_that_somebody_has_locked_is_waited_for(engine: Engine) {
    let kit = on(engine);
    kit.count_updates();
    let before = kit.snapshot();
    kit.run(&["plan"]).exits(0);
    let mut neighbour = admin(&kit);
    neighbour.execute("BEGIN");
    neighbour.rows("SELECT TOKEN_ID FROM IDN_OAUTH2_ACCESS_TOKEN ORDER BY TOKEN_ID LIMIT 1 FOR UPDATE");
    let mut running = kit.start(&["run", "--others-connected"]);
    running.until_it_says("this will change");
    thread::sleep(Duration::from_secs(1));
    assert!(!running.ended(), "nothing was in its way");
    neighbour.execute("COMMIT");
    running.wait().exits(0);
    drop(neighbour);
    must_be_done(&kit, &before);
}

/// Five milliseconds a row: all of them in one statement would take twice as long as the server allows.
/// It allows enough for the other statements, however busy the machine is.
fn a_server_that_ends_long_statements_is_kept_to(engine: Engine) {
    let _servers = (engine == Engine::MySql).then(|| OwnServers::start(engine)); // it is set for the whole server
    let kit = Kit::around(Place::on(engine, 900));
    kit.count_updates();
    let before = kit.snapshot();
    kit.run(&["plan"]).exits(0);
    let user = kit.site().user();
    let (limit, slowly) = match engine {
        Engine::Postgres => {
            (format!("ALTER ROLE \"{user}\" SET statement_timeout = '2s'"), "PERFORM pg_sleep(0.005)")
        }
        Engine::MySql => ("SET GLOBAL max_execution_time = 2000".to_owned(), "DO SLEEP(0.005)"),
        _ => (format!("ALTER USER '{user}'@'%' WITH MAX_STATEMENT_TIME 2"), "DO SLEEP(0.005)"),
    };
    outside(engine).execute(&limit);
    before_update(&kit, "TRUE", slowly);
    let ran = kit.run(&["run"]).exits(0);
    assert!(ran.stderr.contains("the server cancels statements after 2 s"), "{ran}");
    must_be_done(&kit, &before);
}

fn a_commit_of_which_nobody_knows_is_settled_from_the_rows(engine: Engine) {
    let kit = on(engine);
    kit.count_updates();
    let before = kit.snapshot();
    let ran = kit.run_at("table-commit-unknown=3*return", &["run", "--chunk-size", "40"]).exits(0);
    assert!(ran.stderr.contains("the rows will tell whether the last commit succeeded"), "{ran}");
    must_be_done(&kit, &before);
}

fn a_server_that_dies_and_comes_back_costs_nothing(engine: Engine) {
    let mut servers = OwnServers::start(engine);
    let kit = Kit::around(Place::on(engine, 60));
    kit.count_updates();
    let before = kit.snapshot();
    // Once more it is gone while it is asked who else is connected.
    let mut running = kit.start_at("guard-lost=1*return", &[&["run"], SLOWLY].concat());
    running.until_it_says("Successfully updated OAuth2 access and refresh tokens");
    assert!(!running.ended());
    servers.kill(engine);
    servers.start_again(engine);
    running.until_it_says("taken again");
    running.until_it_says("failure planned by a test; trying again");
    thread::sleep(Duration::from_millis(300)); // until that is in the journal
    assert!(!running.ended());
    running.kill();
    // What was done before is looked at again, although that process never came to it.
    kit.run(&["resume"]).exits(0);
    let path = kit.path("report.json");
    kit.run(&["report", "--format", "json", "--output", path.to_str().unwrap()]).exits(0);
    let report = fs::read_to_string(&path).unwrap();
    assert!(report.contains("the server was lost meanwhile"), "{report}");
    assert!(report.contains("undo:server-lost"), "{report}");
    must_be_done(&kit, &before);
}

/// As after a failover to a replica that lags: rows may be written twice, but none is left behind, also
/// not in tables that were done before.
fn a_server_that_lost_commits_is_left_without_the_old_key(engine: Engine) {
    let mut servers = OwnServers::start(engine);
    let kit = Kit::around(Place::on(engine, 60));
    let before = kit.snapshot();
    servers.keep(engine);
    let mut running = kit.start(&[&["run"], SLOWLY].concat());
    running.until_it_says("Successfully updated OAuth2 access and refresh tokens");
    assert!(!running.ended());
    servers.fall_back(engine);
    let ran = running.wait().exits(0);
    assert!(ran.stderr.contains("rows were still under the old key"), "{ran}");
    before.must_be_rotated(&kit, &Except::default());
    kit.run(&["verify"]).exits(0);
}

/// Likewise, after the last row, when nothing would be asked of the server any more.
fn a_server_that_lost_commits_at_the_end_is_looked_at_once_more(engine: Engine) {
    let mut servers = OwnServers::start(engine);
    let kit = Kit::around(Place::on(engine, 60));
    let before = kit.snapshot();
    servers.keep(engine);
    let mut running = kit.start_at("last-look=1*sleep(8000)", &["run"]);
    running.until_it_says("Failed event receiver configuration files");
    servers.fall_back(engine);
    assert!(!running.said("err").contains("taken again"), "it has noticed before the point");
    let ran = running.wait().exits(0);
    assert!(ran.stderr.contains("rows were still under the old key"), "{ran}");
    before.must_be_rotated(&kit, &Except::default());
    kit.run(&["verify"]).exits(0);
}

/// Likewise, by the time that somebody goes on: what is missing is noticed, and the advice ends well.
fn a_server_that_comes_back_without_commits_is_found_out(engine: Engine) {
    let mut servers = OwnServers::start(engine);
    let kit = Kit::around(Place::on(engine, 60));
    let before = kit.snapshot();
    servers.keep(engine);
    let mut running = kit.start(&[&["run", "--patience", "1"], SLOWLY].concat());
    running.until_it_says("Successfully updated OAuth2 access and refresh tokens");
    servers.kill(engine);
    let ran = running.wait_unlooked().exits(3);
    assert!(ran.stderr.contains("KR-DB-007"), "{ran}");
    servers.start_again(engine);
    servers.fall_back(engine);
    let ran = kit.run(&["resume"]).exits(5);
    assert!(ran.error().contains("KR-RUN-001") && ran.error().contains("`keyrotation run --new`"), "{ran}");
    kit.run(&["run", "--new"]).exits(0);
    before.must_be_rotated(&kit, &Except::default());
    kit.run(&["verify"]).exits(0);
}

fn a_server_that_stays_away_ends_it_at_a_safe_point(engine: Engine) {
    let mut servers = OwnServers::start(engine);
    let kit = Kit::around(Place::on(engine, 60));
    kit.count_updates();
    let before = kit.snapshot();
    let mut running = kit.start(&[&["run", "--patience", "2"], SLOWLY].concat());
    running.until_it_says("this will change");
    thread::sleep(Duration::from_secs(1));
    servers.kill(engine);
    let ran = running.wait_unlooked().exits(3);
    assert!(ran.stderr.contains("KR-DB-007"), "{ran}");
    let status = kit.run_unlooked(&["status", "--json"]).exits(0).json();
    assert_eq!((&status["state"], &status["resumable"]), (&"failed".into(), &true.into()));
    let ran = kit.run_unlooked(&["resume"]).exits(3);
    assert!(ran.stderr.contains("KR-DB-001") && ran.stderr.contains("127.0.0.1"), "{ran}");
    servers.start_again(engine);
    kit.run(&["resume"]).exits(0);
    must_be_done(&kit, &before);
}

/// The whole server is set to read only, so it must be one of its own.
pub(super) fn a_replica_is_named(engine: Engine) {
    let _servers = OwnServers::start(engine);
    let kit = on(engine);
    let before = kit.snapshot();
    kit.run(&["plan"]).exits(0);
    Admin::connect(engine, "mysql").execute("SET GLOBAL read_only = 1");
    let ran = kit.run(&["run"]).exits(3);
    assert!(ran.stderr.contains("KR-DB-001") && ran.stderr.contains("read only"), "{ran}");
    before.must_be_untouched(&kit);
    assert!(!kit.journal().exists());
    kit.run(&["plan"]).exits(3); // it is a plan all the same
}

/// A larger statement would be refused, and its rows written one by one, each behind a savepoint. The
/// size is set for the whole server, so it must be one of the test's own.
#[test]
fn a_mariadb_that_takes_small_packets_is_kept_to() {
    let _servers = OwnServers::start(Engine::MariaDb);
    let kit = Kit::around(Place::on(Engine::MariaDb, 900));
    let before = kit.snapshot();
    let mut admin = Admin::connect(Engine::MariaDb, "mysql");
    admin.execute("SET GLOBAL max_allowed_packet = 32768");
    kit.run(&["run"]).exits(0);
    before.must_be_rotated(&kit, &Except::default());
    let status = "FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME";
    assert_eq!(admin.text(&format!("SELECT VARIABLE_VALUE {status} = 'COM_SAVEPOINT'")), "0");
}
