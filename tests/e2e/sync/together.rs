//! Both servers at work at once while the program carries changes over, and is killed.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use super::judge::must_be_settled;
use super::pair::{Pair, Side};
use super::workload::Workload;
use crate::support::{Engine, rounds};

/// How long the servers work, in seconds: `KEYROTATION_SYNC_SECONDS`.
fn seconds() -> u64 {
    std::env::var("KEYROTATION_SYNC_SECONDS").map_or(4, |text| text.parse().unwrap())
}

pub(crate) fn nothing_is_lost_while_both_servers_work(engine: Engine) {
    let pair = Pair::new(engine, 240);
    let old = Workload::start(&pair, Side::Old, 3);
    let running = pair.start_syncing(&["run", "--until-drained", "--quiet-for", "2s"]);
    let new = Workload::start(&pair, Side::New, 2);
    thread::sleep(Duration::from_secs(seconds()));
    let (busy, busy_too) = (old.done(), new.done());
    old.finish();
    let left = new.finish();
    assert!(busy > 50 && busy_too > 20, "only {busy} and {busy_too} transactions");
    running.wait().exits(0);
    must_be_settled(&pair, &left);
    let status = pair.sync_status();
    assert!(status["applied"].as_u64().unwrap() > 30, "{status}");
    assert_eq!((&status["failed"], &status["held"]), (&0.into(), &0.into()), "{status}");
    pair.say_that_the_old_server_is_out_of_use();
    pair.run(&["safe-to-retire"]).exits(0);
    pair.run(&["verify"]).exits(0);
}

pub(crate) fn nothing_is_lost_when_it_is_killed_again_and_again(engine: Engine) {
    let pair = Pair::new(engine, 240);
    let old = Workload::start(&pair, Side::Old, 3);
    let mut running = pair.start_syncing(&["run"]);
    let new = Workload::start(&pair, Side::New, 2);
    let begun = Instant::now();
    let mut kills = 0_u64;
    while begun.elapsed() < Duration::from_secs(seconds()) {
        thread::sleep(Duration::from_millis(150 + 170 * (kills % 5)));
        running.kill();
        kills += 1;
        running = pair.start(&["resume"]);
    }
    old.finish();
    let left = new.finish();
    running.kill();
    pair.run(&["resume", "--until-drained", "--quiet-for", "1s"]).exits(0);
    assert!(kills >= 4, "only {kills} kills");
    must_be_settled(&pair, &left);
    pair.say_that_the_old_server_is_out_of_use();
    pair.run(&["safe-to-retire"]).exits(0);
    pair.run(&["verify"]).exits(0);
}

/// Nothing else changes, so that no round of the program is idle or has another table's rows.
pub(crate) fn a_row_that_never_rests_ends_as_it_is(engine: Engine) {
    let pair = Pair::new(engine, 60);
    let running = pair.start_syncing(&["run", "--until-drained", "--quiet-for", "1s"]);
    let mut session = pair.session(Side::Old);
    let row = "TENANT_ID = -1234 AND USER_NAME = 'restless' AND DATA_KEY = 'claim'";
    session.try_run("INSERT INTO IDN_IDENTITY_USER_DATA VALUES (-1234, 'restless', 'claim', '0')").unwrap();
    let begun = Instant::now();
    let mut count = 0;
    let is_carried = || pair.sync_status()["applied"].as_u64() > Some(2);
    while begun.elapsed() < Duration::from_secs(2) || !is_carried() {
        assert!(begun.elapsed() < Duration::from_mins(2), "it is not carried over while it changes");
        count += 1;
        let sql = format!("UPDATE IDN_IDENTITY_USER_DATA SET DATA_VALUE = '{count}' WHERE {row}");
        session.try_run(&sql).unwrap();
    }
    drop(session);
    running.wait().exits(0);
    must_be_settled(&pair, &BTreeMap::new());
    let status = pair.sync_status();
    assert_eq!(status["superseded"], 0, "{status}");
}

/// What a working server does is never taken for damage.
pub(crate) fn verify_raises_no_false_alarm_while_the_new_server_works(engine: Engine) {
    for _ in 0..rounds(5).div_ceil(5) {
        // Not too long on one: each look takes longer, the more the new server has written.
        let pair = Pair::new(engine, 240);
        let old = Workload::start(&pair, Side::Old, 2);
        let running = pair.start_syncing(&["run", "--until-drained", "--quiet-for", "1s"]);
        let new = Workload::start(&pair, Side::New, 2);
        thread::sleep(Duration::from_secs(1));
        old.finish();
        running.wait().exits(0);
        for _ in 0..5 {
            let report = pair.run(&["verify", "--live", "--json"]).exits(0).json();
            assert_eq!(report["differences"], 0, "{report}");
        }
        new.finish();
    }
}

pub(crate) fn what_waited_before_the_rotation_is_carried_over(engine: Engine) {
    let pair = Pair::new(engine, 240);
    let old = Workload::start(&pair, Side::Old, 2);
    thread::sleep(Duration::from_millis(800));
    old.finish();
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    must_be_settled(&pair, &BTreeMap::new());
}

crate::support::on_engines! {
    nothing_is_lost_while_both_servers_work: sqlite mysql, slow: postgresql mariadb;
    nothing_is_lost_when_it_is_killed_again_and_again: sqlite postgresql, slow: mysql mariadb;
    what_waited_before_the_rotation_is_carried_over: sqlite, slow: postgresql mysql mariadb;
    a_row_that_never_rests_ends_as_it_is: sqlite postgresql, slow: mysql mariadb;
    verify_raises_no_false_alarm_while_the_new_server_works: sqlite, slow: postgresql mysql mariadb;
}
