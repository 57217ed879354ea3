//! A server and its replica.

use super::{admin, is_refused, new_is_at, old_is_at, old_is_unknown, on};
use crate::kit::{Refused as _, eventually};
use crate::support::{Admin, Engine, OwnServers};

/// A replica is no copy, and its source is production.
#[test]
fn a_replica_is_fed_and_its_source_is_production() {
    of_a_replica("replica", Engine::MariaDb, "SLAVE SQL_THREAD", "STOP ALL SLAVES");
}

/// Likewise on MySQL, where the statements have other names.
#[test]
fn a_replica_of_mysql_is_fed_and_its_source_is_production() {
    of_a_replica("mysql-replica", Engine::MySql, "REPLICA SQL_THREAD", "STOP REPLICA");
}

fn of_a_replica(cluster: &str, engine: Engine, applier: &str, end: &str) {
    let servers = OwnServers::cluster(cluster);
    let kit = on(engine, 60);
    let (first, second) = (engine.port(), servers.port("SECOND"));
    let there = |port| {
        let name = kit.site().database(0);
        Admin::at(engine, port, "mysql").text(&format!(
            "SELECT CAST(COUNT(*) AS CHAR) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{name}'"
        ))
    };
    eventually("the replica has all", || there(first) == there(second));

    old_is_at(&kit, second);
    let before = kit.snapshot();
    let ran = kit.run(&["run"]).refused(2, "KR-CFG-016");
    assert!(ran.error().contains("shows in"), "{ran}");

    // It applies nothing: what does not show there is no proof.
    admin(&kit, second).execute(&format!("STOP {applier}"));
    kit.run(&["run"]).refused(2, "KR-CFG-025");
    admin(&kit, second).execute(&format!("START {applier}"));
    before.must_be_untouched(&kit);

    old_is_unknown(&kit);
    new_is_at(&kit, second);
    let ran = is_refused(&kit, "KR-CFG-026");
    assert!(ran.stderr.contains(end), "{ran}");
    admin(&kit, second).execute(end);
    kit.run_unlooked(&["run"]).exits(0);
}

/// MySQL and MariaDB do not tell how far their replicas are behind: these are asked.
#[test]
fn a_rotation_gives_way_to_a_replica_that_lags() {
    gives_way("mysql-replica", Engine::MySql, "REPLICA", "CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 60");
}

#[test]
fn a_rotation_gives_way_to_a_replica_of_mariadb_that_lags() {
    gives_way("replica", Engine::MariaDb, "SLAVE", "CHANGE MASTER TO MASTER_DELAY = 60");
}

fn gives_way(cluster: &str, engine: Engine, name: &str, delay: &str) {
    let servers = OwnServers::cluster(cluster);
    let kit = on(engine, 400);
    let second = servers.port("SECOND");
    let there = |port| {
        let name = kit.site().database(0);
        Admin::at(engine, port, "mysql").text(&format!(
            "SELECT CAST(COUNT(*) AS CHAR) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{name}'"
        ))
    };
    eventually("the replica has all", || there(engine.port()) == there(second));
    let ran = kit.run(&["run", "--max-lag", "2s"]).exits(2);
    assert!(ran.stderr.contains("name them in properties.yaml, `replicas: ["), "{ran}");
    let right = if engine == Engine::MariaDb { "SLAVE MONITOR" } else { "REPLICATION CLIENT" };
    admin(&kit, engine.port()).execute(&format!("GRANT {right} ON *.* TO '{}'@'%'", kit.site().user()));
    let url = kit.site().url(0, &format!("127.0.0.1:{second}"), "");
    kit.configure("replicas", Some(&format!("[{url}]")));
    let mut replica = admin(&kit, second);
    for sql in [format!("STOP {name}"), delay.to_owned(), format!("START {name}")] {
        replica.execute(&sql);
    }
    let mut running = kit.start(&["resume", "--max-lag", "2s", "--max-rows-per-second", "60"]);
    running.until_it_says("this will change");
    let waits = super::waits_for(&kit, "behind");
    assert!(waits.contains("the replica is"), "{waits}");
    // It stands still, and nobody knows how far behind it is: that is no reason to go on.
    replica.execute(&format!("STOP {name} SQL_THREAD"));
    super::waits_for(&kit, "not known");
    for sql in [format!("STOP {name}"), delay.replace("60", "0"), format!("START {name}")] {
        replica.execute(&sql);
    }
    kit.run_unlooked(&["pace", "off"]).exits(0);
    running.wait().exits(0);
    kit.run_unlooked(&["verify"]).exits(0);
}
