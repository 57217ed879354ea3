//! Never production, and never two at once.

use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;

use super::{admin, before_update, on, outside};
use crate::kit::{Refused as _, eventually};
use crate::support::{ADMIN, Engine, Except};

crate::support::on_engines! {
    the_old_database_is_found_behind_another_name_and_user: postgresql mysql, slow: mariadb;
    one_database_under_two_names_is_one: postgresql mysql, slow: mariadb;
    whoever_is_connected_is_named_and_refused: postgresql mysql, slow: mariadb;
    whoever_comes_later_stops_it_at_a_safe_point: postgresql mysql, slow: mariadb;
    a_second_rotation_waits_for_a_while_and_is_refused_by_name: postgresql, slow: mysql mariadb;
    who_was_first_goes_on_while_another_waits: mysql, slow: postgresql mariadb;
    whoever_only_looks_does_not_end_a_rotation: mysql, slow: postgresql mariadb;
    what_a_killed_run_left_in_the_server_is_waited_for: postgresql mysql, slow: mariadb;
    a_lock_whose_connection_was_lost_is_taken_again: mysql, slow: postgresql mariadb;
    a_lock_that_somebody_took_during_a_pause_stops_it_before_the_next_row: mysql, slow: postgresql mariadb;
}

const fn administrator(engine: Engine) -> &'static str {
    if matches!(engine, Engine::Postgres) { "postgres" } else { "root" }
}

fn the_old_database_is_found_behind_another_name_and_user(engine: Engine) {
    let kit = on(engine);
    let before = kit.snapshot();
    kit.configure("oldIdnUsername", Some(administrator(engine)));
    kit.configure("oldIdnPassword", Some(&STANDARD.encode(ADMIN)));
    for host in ["localhost", "127.0.0.1"] {
        for at in [0, 1] {
            let url = kit.site().url(at, &format!("{host}:{}", engine.port()), "");
            kit.configure("oldIdnDBUrl", Some(&url));
            let ran = kit.run(&["run"]).refused(2, "KR-CFG-016");
            assert!(ran.error().contains(&kit.site().database(at)), "{}", ran.error());
        }
    }
    before.must_be_untouched(&kit);
    assert!(!kit.journal().exists());
}

fn one_database_under_two_names_is_one(engine: Engine) {
    let kit = on(engine);
    kit.configure("newRegDBUrl", Some(&kit.site().url(0, &format!("localhost:{}", engine.port()), "")));
    // MySQL shows this user the real registry's KEY_STORE beside it.
    let without = ["run", "--without-table", "REG_PROPERTY", "--without-table", "KEY_STORE"];
    let ran = kit.run(&without).exits(0);
    assert!(ran.stderr.contains("registry tables in the same database"), "{ran}");
    kit.run(&["verify"]).exits(0);
}

fn whoever_is_connected_is_named_and_refused(engine: Engine) {
    let kit = on(engine);
    let before = kit.snapshot();
    let session = admin(&kit);
    let ran = kit.run(&["run"]).refused(2, "KR-DB-004");
    let expected = format!("user {}", administrator(engine));
    assert!(ran.error().contains(&expected) && ran.error().contains("127.0.0.1"), "{}", ran.error());
    assert!(!kit.journal().exists());
    before.must_be_untouched(&kit);
    let ran = kit.run(&["run", "--others-connected"]).exits(0);
    assert!(ran.stderr.contains(&expected), "{ran}");
    drop(session);
    before.must_be_rotated(&kit, &Except::default());
}

fn whoever_comes_later_stops_it_at_a_safe_point(engine: Engine) {
    let kit = on(engine);
    kit.count_updates();
    let before = kit.snapshot();
    let mut running = kit.start(&["run", "--max-rows-per-second", "20"]);
    running.until_it_says("this will change");
    let session = admin(&kit);
    let ran = running.wait().exits(2);
    assert!(ran.stderr.contains("KR-DB-004") && ran.stderr.contains("somebody has connected"), "{ran}");
    assert!(ran.stderr.contains("rows are rotated so far, and recorded"), "{ran}");
    assert_eq!(kit.status()["resumable"], true);
    drop(session);
    kit.run(&["resume"]).exits(0);
    before.must_be_rotated(&kit, &Except::default());
    before.must_be_updated_once(&kit, &Except::default());
    kit.run(&["verify"]).exits(0);
}

fn a_second_rotation_waits_for_a_while_and_is_refused_by_name(engine: Engine) {
    let kit = on(engine);
    let gate = kit.path("gate");
    let plan = format!("table-before-write=1*return({})", gate.display());
    let mut running = kit.start_at(&plan, &["run"]);
    running.until_it_waits(&gate);
    let other = kit.beside("other-journal");
    let begun = Instant::now();
    let ran = kit.run(&["run", "--journal", other.to_str().unwrap()]).exits(3);
    assert!(begun.elapsed() >= Duration::from_secs(30), "it gave up after {:?}", begun.elapsed());
    assert!(ran.error().contains("KR-DB-003") && ran.error().contains(&kit.site().database(0)), "{ran}");
    assert!(ran.stderr.contains("another rotation has the lock"), "{ran}");
    assert!(ran.error().contains(", keyrotation "), "who has it is named: {ran}");
    assert!(!other.exists(), "nothing was begun");
    std::fs::remove_file(&gate).unwrap();
    running.wait().exits(0);
    kit.run(&["verify"]).exits(0);
}

/// Sessions of other keyrotation processes are no strangers, as long as one has the lock.
fn whoever_only_looks_does_not_end_a_rotation(engine: Engine) {
    let kit = on(engine);
    let before = kit.snapshot();
    let mut running = kit.start_unlooked("", &["run", "--max-rows-per-second", "4"]);
    running.until_it_says("this will change");
    for _ in 0..2 {
        // Longer than a session may be there whose client is gone.
        let ran = kit.run_unlooked(&["keys", "--max-rows-per-second", "100"]);
        assert!(!ran.stdout.is_empty(), "{ran}");
        kit.run_unlooked(&["plan"]);
        assert!(!running.ended(), "it was ended, or over at once");
    }
    kit.run_unlooked(&["pace", "off"]).exits(0);
    running.wait_unlooked().exits(0);
    kit.run(&["verify"]).exits(0);
    before.must_be_rotated(&kit, &Except::default());
}

/// Whoever waits for the lock is no stranger, and has its turn afterwards.
fn who_was_first_goes_on_while_another_waits(engine: Engine) {
    let kit = on(engine);
    kit.count_updates();
    let before = kit.snapshot();
    let gate = kit.path("gate");
    let mut first = kit.start_unlooked(&format!("table-before-write=1*return({})", gate.display()), &["run"]);
    first.until_it_waits(&gate);
    let other = kit.beside("other-journal");
    let mut second =
        kit.start_unlooked("", &["run", "--journal", other.to_str().unwrap(), "--all-already-new"]);
    second.until_it_says("another rotation has the lock");
    std::fs::remove_file(&gate).unwrap();
    first.wait_unlooked().exits(0);
    second.wait_unlooked().exits(0);
    kit.run(&["verify"]).exits(0);
    before.must_be_rotated(&kit, &Except::default());
    before.must_be_updated_once(&kit, &Except::default());
}

fn what_a_killed_run_left_in_the_server_is_waited_for(engine: Engine) {
    let kit = on(engine);
    kit.count_updates();
    let before = kit.snapshot();
    let sleep = if engine == Engine::Postgres { "PERFORM pg_sleep(3)" } else { "DO SLEEP(3)" };
    let first = "(SELECT MIN(TOKEN_ID) FROM IDN_OAUTH2_ACCESS_TOKEN WHERE ACCESS_TOKEN LIKE 'eyJ%')";
    let first = admin(&kit).text(first.trim_matches(['(', ')']));
    before_update(&kit, &format!("NEW.TOKEN_ID = '{first}'"), sleep);
    let mut running = kit.start(&["run"]);
    let mut outside = outside(engine);
    let database = kit.site().database(0);
    let mut sleeps = || match engine {
        Engine::Postgres => {
            let asleep = "SELECT 1::text FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = ";
            !outside.rows(&format!("{asleep}'{database}'")).is_empty()
        }
        _ => outside.sessions_in(&database).iter().any(|(_, state)| state.as_deref() == Some("User sleep")),
    };
    while !sleeps() {
        thread::sleep(Duration::from_millis(10));
    }
    running.signal(Signal::KILL);
    while !running.ended() {
        thread::sleep(Duration::from_millis(2));
    }
    assert!(sleeps(), "the server ended the statement at once");
    drop(running);
    kit.run(&["resume"]).exits(0);
    assert!(!sleeps());
    before.must_be_rotated(&kit, &Except::default());
    before.must_be_updated_once(&kit, &Except::default());
    kit.run(&["verify"]).exits(0);
}

fn a_lock_whose_connection_was_lost_is_taken_again(engine: Engine) {
    let kit = on(engine);
    let before = kit.snapshot();
    let mut running = kit.start(&["run", "--max-rows-per-second", "40"]);
    running.until_it_says("this will change");
    let mut outside = outside(engine);
    let name = kit.site().database(0);
    // Again and again, every session of the rotation.
    for _ in 0..3 {
        outside.end_sessions(&name);
        thread::sleep(Duration::from_millis(1500));
    }
    let ran = running.wait().exits(0);
    assert!(ran.stderr.contains("the rotation's lock was lost"), "{ran}");
    before.must_be_rotated(&kit, &Except::default());
    kit.run(&["verify"]).exits(0);
}

/// Whoever waits for the lock has it as soon as its session is ended.
fn a_lock_that_somebody_took_during_a_pause_stops_it_before_the_next_row(engine: Engine) {
    let (take, taken, end) = match engine {
        Engine::Postgres => (
            "SELECT pg_advisory_lock(1801812338, ('x' || substr(md5('keyrotation.public'), 1, 8))::bit(32)::int4)::text",
            "SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()",
            "SELECT pg_terminate_backend(pid)::text FROM pg_locks l WHERE locktype = 'advisory' AND granted \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        ),
        _ => (
            "SELECT CAST(GET_LOCK(CONCAT('keyrotation.', LEFT(SHA2(LOWER(DATABASE()), 256), 40)), 60) AS CHAR)",
            "SELECT CAST(IS_USED_LOCK(CONCAT('keyrotation.', LEFT(SHA2(LOWER(DATABASE()), 256), 40))) = CONNECTION_ID() AS CHAR)",
            "SELECT CONCAT('KILL ', IS_USED_LOCK(CONCAT('keyrotation.', LEFT(SHA2(LOWER(DATABASE()), 256), 40))))",
        ),
    };
    let kit = on(engine);
    kit.count_updates();
    let before = kit.snapshot();
    // On one of them it waits until the lock is free again, on the other it gives up.
    let gives_up = !matches!(engine, Engine::Postgres);
    let patience = if gives_up { "4" } else { "600" };
    let mut running =
        kit.start(&["run", "--others-connected", "--max-rows-per-second", "20", "--patience", patience]);
    running.until_it_says("this will change");
    kit.run_unlooked(&["pause"]).exits(0);
    let is_still = || kit.run_unlooked(&["status", "--json"]).json()["activity"]["paused"]["still"] == true;
    eventually("it stands still", is_still);
    let mut other = admin(&kit);
    thread::scope(|scope| {
        let waits = scope.spawn(|| other.rows(take));
        thread::sleep(Duration::from_millis(500)); // until it waits: else the rotation may be first to take it again
        let found = admin(&kit).text(end);
        if found.starts_with("KILL ") {
            admin(&kit).execute(&found);
        }
        waits.join().unwrap();
    });
    assert_eq!(other.text(taken), "1");
    // Long enough for the pause's own looks at the lock.
    thread::sleep(Duration::from_secs(5));
    assert!(!running.ended());
    let written = "SELECT CAST(COUNT(*) AS CHAR(9)) FROM e2e_updates";
    let standing = other.text(written);
    kit.run_unlooked(&["continue"]).exits(0);
    running.until_it_says("another session has the lock");
    assert_eq!(other.text(written), standing, "rows were written under another's lock");
    if gives_up {
        let ran = running.wait_unlooked().exits(3);
        assert!(
            ran.stderr.contains("KR-DB-007") && ran.stderr.contains("check whether another rotation runs"),
            "{ran}"
        );
        assert_eq!(other.text(written), standing);
        drop(other);
        kit.run(&["resume", "--others-connected"]).exits(0);
    } else {
        drop(other);
        running.wait().exits(0);
    }
    before.must_be_rotated(&kit, &Except::default());
    before.must_be_updated_once(&kit, &Except::default());
    kit.run(&["verify"]).exits(0);
}

#[test]
fn postgresql_with_little_room_for_a_user_is_kept_to() {
    let kit = on(Engine::Postgres);
    let before = kit.snapshot();
    outside(Engine::Postgres).execute(&format!("ALTER ROLE \"{}\" CONNECTION LIMIT 10", kit.site().user()));
    let ran = kit.run(&["run", "--connections", "40"]).exits(0);
    assert!(ran.stderr.contains("40 that should write"), "{ran}");
    before.must_be_rotated(&kit, &Except::default());
}
