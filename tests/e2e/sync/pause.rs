//! A paused sync: what users change waits, is counted, and is carried over afterwards.

use std::time::{Duration, Instant};

use super::pair::{Pair, Side};
use crate::kit::eventually;
use crate::support::Engine;

crate::support::on_engines! {
    a_pause_lets_changes_wait_and_keeps_the_locks: sqlite postgresql, slow: mysql mariadb;
}

fn a_pause_lets_changes_wait_and_keeps_the_locks(engine: Engine) {
    let pair = Pair::new(engine, 60);
    let running = pair.start_syncing(&["run"]);
    let said = pair.run(&["pause"]).exits(0).stdout;
    assert!(said.contains("what users change on the old server waits until it continues"), "{said}");

    let revoked = "IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_STATE = 'REVOKED'";
    let before = pair.count(Side::New, revoked);
    let one = "(SELECT T FROM (SELECT MIN(TOKEN_ID) AS T FROM IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_STATE <> 'REVOKED') AS X)";
    let sql = format!("UPDATE IDN_OAUTH2_ACCESS_TOKEN SET TOKEN_STATE = 'REVOKED' WHERE TOKEN_ID = {one}");
    pair.execute(Side::Old, &sql);
    eventually("what waits is counted", || pair.sync_status()["pending"] == 1);
    let text = pair.run(&["status"]).exits(0).stdout;
    assert!(text.contains("meanwhile more and more changes on the old server wait"), "{text}");
    if engine != Engine::Sqlite {
        let other = tempfile::tempdir().unwrap();
        let journal = other.path().join("another").to_str().unwrap().to_owned();
        let ran = pair.run(&["run", "--journal", &journal, "--no-log-file"]).exits(3);
        assert!(ran.stderr.contains("KR-DB-003"), "{ran}");
    }
    assert_eq!(pair.count(Side::New, revoked), before, "it is carried over all the same");

    pair.run(&["continue"]).exits(0);
    eventually("it is carried over", || pair.count(Side::New, revoked) == before + 1);
    // Meanwhile others may verify: what the running process holds is read by way of it.
    let verified = pair.run(&["verify", "--json"]).exits(0).json();
    assert_eq!((&verified["finished"], &verified["live"]), (&true.into(), &true.into()), "{verified}");
    eventually("it is on record", || pair.run(&["status", "--json"]).exits(0).json()["verified"].is_object());
    // What comes in is written at the pace that is asked for, and a stop does not wait for it.
    assert!(pair.run(&["pace", "10"]).exits(0).stdout.contains("its pace is now 10 rows/s"));
    let begun = Instant::now();
    pair.execute(Side::Old, "UPDATE IDN_OAUTH2_ACCESS_TOKEN SET VALIDITY_PERIOD = 4711");
    let changed = "IDN_OAUTH2_ACCESS_TOKEN WHERE VALIDITY_PERIOD = 4711";
    let all = pair.count(Side::Old, changed);
    eventually("some are carried over", || pair.count(Side::New, changed) >= 20);
    assert!(begun.elapsed().as_millis() > 700, "20 rows at 10 a second");
    assert!(pair.count(Side::New, changed) < all, "not all {all} of them at once");
    pair.run(&["pace", "off"]).exits(0);
    eventually("all are carried over", || pair.count(Side::New, changed) == all);
    pair.run(&["status", "--wait", "drained", "--timeout", "2m"]).exits(0);
    pair.run(&["stop"]).exits(0);
    running.wait().exits(130);
}

/// What holds up the rows that sync writes is named within seconds, and a stop does not wait for it.
#[test]
fn a_row_that_somebody_holds_in_the_copy() {
    for engine in [Engine::Postgres, Engine::MySql] {
        a_row_that_is_held(engine);
    }
}

pub(crate) fn a_row_that_is_held(engine: Engine) {
    let pair = Pair::new(engine, 20);
    let mut running = pair.start_syncing(&["run"]);
    let mut holder = pair.session(Side::New);
    holder.try_run("BEGIN; UPDATE IDN_OAUTH2_ACCESS_TOKEN SET GRANT_TYPE = 'held'").unwrap();
    pair.execute(Side::Old, "UPDATE IDN_OAUTH2_ACCESS_TOKEN SET VALIDITY_PERIOD = 4711");
    running.until_it_says("IDN_OAUTH2_ACCESS_TOKEN: the server waits for");
    pair.run(&["stop"]);
    let begun = Instant::now();
    running.wait().exits(130);
    assert!(begun.elapsed() < Duration::from_secs(20), "it ended after {:?}", begun.elapsed());
    holder.try_run("ROLLBACK").unwrap();
    pair.run(&["sync", "--until-drained", "--quiet-for", "0s"]).exits(0);
    let changed = "IDN_OAUTH2_ACCESS_TOKEN WHERE VALIDITY_PERIOD = 4711";
    assert_eq!(pair.count(Side::New, changed), pair.count(Side::Old, changed));
}
