//! A server and its replica.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

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
    for command in [&["preflight"][..], &["plan"]] {
        let seen = kit.run(command).exits(0).stdout;
        assert!(seen.contains("it is a replica of 127.0.0.1:"), "identifiers alone tell nothing: {seen}");
        assert!(seen.contains("before it writes, `run` lets a token tell"), "{seen}");
    }
    let ran = kit.run(&["run"]).refused(2, "KR-CFG-016");
    assert!(ran.error().contains("shows in"), "{ran}");

    // It applies nothing: what does not show there is no proof.
    admin(&kit, second).execute(&format!("STOP {applier}"));
    kit.run(&["run"]).refused(2, "KR-CFG-025");
    // Nor does what its user cannot see: that it is one.
    let name = kit.site().database(0);
    admin(&kit, second)
        .execute(&format!("CREATE USER few IDENTIFIED BY 'rights'; GRANT SELECT, CREATE ON {name}.* TO few"));
    kit.configure("oldIdnUsername", Some("few"));
    kit.configure("oldIdnPassword", Some(&STANDARD.encode("rights")));
    for seen in ["may not see threads of a replica", "may not see a replica that stands still"] {
        let ran = kit.run(&["run"]).refused(2, "KR-CFG-025");
        assert!(ran.error().contains(seen) && ran.error().contains("grant it"), "{ran}");
        admin(&kit, second).execute("GRANT PROCESS ON *.* TO few");
        admin(&kit, second).execute(end);
    }
    admin(&kit, second).execute(&format!("{}; DROP USER few", end.replace("STOP", "START")));
    old_is_at(&kit, second);
    admin(&kit, second).execute(&format!("START {applier}"));
    before.must_be_untouched(&kit);

    old_is_unknown(&kit);
    new_is_at(&kit, second);
    let ran = is_refused(&kit, "KR-CFG-026");
    assert!(ran.stderr.contains(end), "{ran}");
    admin(&kit, second).execute(end);
    kit.run_unlooked(&["run"]).exits(0);
}
