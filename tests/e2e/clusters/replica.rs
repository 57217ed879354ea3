//! MariaDB and its replica.

use super::{admin, is_refused, new_is_at, old_is_at, old_is_unknown, on};
use crate::kit::{Refused as _, eventually};
use crate::support::{Admin, Engine, OwnServers};

/// A replica is no copy, and its source is production.
#[test]
fn a_replica_is_fed_and_its_source_is_production() {
    let servers = OwnServers::cluster("replica");
    let kit = on(Engine::MariaDb, 60);
    let (first, second) = (Engine::MariaDb.port(), servers.port("SECOND"));
    let there = |port| {
        let name = kit.site().database(0);
        Admin::at(Engine::MariaDb, port, "mysql").text(&format!(
            "SELECT CAST(COUNT(*) AS CHAR) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{name}'"
        ))
    };
    eventually("the replica has all", || there(first) == there(second));

    old_is_at(&kit, second);
    let before = kit.snapshot();
    let ran = kit.run(&["run"]).refused(2, "KR-CFG-016");
    assert!(ran.error().contains("shows in"), "{ran}");

    // It applies nothing: what does not show there is no proof.
    admin(&kit, second).execute("STOP SLAVE SQL_THREAD");
    kit.run(&["run"]).refused(2, "KR-CFG-025");
    admin(&kit, second).execute("START SLAVE SQL_THREAD");
    before.must_be_untouched(&kit);

    old_is_unknown(&kit);
    new_is_at(&kit, second);
    let ran = is_refused(&kit, "KR-CFG-026");
    assert!(ran.stderr.contains("STOP ALL SLAVES"), "{ran}");
    admin(&kit, second).execute("STOP ALL SLAVES");
    kit.run_unlooked(&["run"]).exits(0);
}
