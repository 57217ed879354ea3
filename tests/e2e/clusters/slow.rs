//! What takes minutes: two rotations through two nodes, nodes that are killed, frozen or cut off, a standby that is promoted
//! in mid-run, and production behind a replica that is late.

use std::thread;
use std::time::Duration;

use super::{admin, new_is_at, old_is_at, on};
use crate::kit::{Kit, Refused as _, eventually};
use crate::support::{Admin, Engine, Except, OwnServers};

/// Who came first goes on, whichever node the other one comes by.
#[test]
fn two_rotations_through_two_nodes_exclude_each_other() {
    let servers = OwnServers::cluster("galera");
    let kit = on(Engine::MariaDb, 60);
    let before = kit.snapshot();
    let gate = kit.path("gate");
    let mut first = kit.start_at(&format!("table-before-write=1*return({})", gate.display()), &["run"]);
    first.until_it_waits(&gate);
    new_is_at(&kit, servers.port("SECOND"));
    let other = kit.beside("other-journal");
    kit.run_unlooked(&["run", "--dry-run", "--journal", other.to_str().unwrap()]).refused(3, "KR-DB-003");
    let ran = kit.run_unlooked(&["run", "--journal", other.to_str().unwrap()]).refused(3, "KR-DB-003");
    assert!(ran.error().contains("has written nothing"), "{ran}");
    std::fs::remove_file(&gate).unwrap();
    first.wait().exits(0);
    before.must_be_rotated(&kit, &Except::default());
    // The first has given its lock up: the second gets it, and finds nothing left to do.
    let again = ["run", "--journal", other.to_str().unwrap()];
    kit.run_unlooked(&again).refused(5, "KR-RUN-010");
    kit.run_unlooked(&[&again[..], &["--all-already-new"]].concat()).exits(0);
}

/// Whatever becomes of the other node, the rotation waits until the cluster takes writes again, and goes on.
#[test]
fn a_cluster_that_loses_a_node_is_waited_for() {
    let mut servers = OwnServers::cluster("galera");
    for (begin, end) in [("kill", "start"), ("freeze", "thaw"), ("part", "join")] {
        let kit = on(Engine::MariaDb, 400);
        let before = kit.snapshot();
        let mut running = kit.start_unlooked("", &["run", "--max-rows-per-second", "60"]);
        running.until_it_says("Successfully updated totp");
        // Of two nodes neither goes on without the other.
        let name = if begin == "part" { "node1" } else { "node2" };
        servers.tell(begin, name);
        running.until_it_says("trying again");
        thread::sleep(Duration::from_secs(3));
        assert!(!running.ended());
        servers.tell(end, name);
        running.wait_unlooked().exits(0);
        kit.run(&["verify"]).exits(0);
        before.must_be_rotated(&kit, &Except::default());
    }
}

/// Production feeds a replica that is late on purpose, and that one feeds the last: what production writes shows there an
/// hour later, though the last one says that it is not behind.
#[test]
fn production_behind_a_late_replica_is_not_taken_for_the_copy() {
    let servers = OwnServers::cluster("chain");
    let kit = on(Engine::MariaDb, 60);
    let (first, middle, last) = (Engine::MariaDb.port(), servers.port("SECOND"), servers.port("THIRD"));
    // Its users' rights, too.
    let position =
        |port: u16, of: &str| Admin::at(Engine::MariaDb, port, "mysql").text(&format!("SELECT {of}"));
    eventually("the last one has all", || {
        position(first, "@@gtid_binlog_pos") == position(last, "@@gtid_slave_pos")
    });
    let mut late = Admin::at(Engine::MariaDb, middle, "mysql");
    late.execute("STOP SLAVE");
    late.execute("CHANGE MASTER TO MASTER_DELAY = 3600");
    late.execute("START SLAVE");
    // The wrong way round, while the last one follows, and when it is a copy.
    old_is_at(&kit, last);
    let before = kit.snapshot();
    let ran = kit.run(&["run"]).exits(2);
    assert!(["KR-CFG-016", "KR-CFG-025"].iter().any(|id| ran.error().contains(id)), "{ran}");
    let mut copy = Admin::at(Engine::MariaDb, last, "mysql");
    copy.execute("STOP SLAVE");
    copy.execute("RESET SLAVE ALL");
    kit.run(&["run"]).refused(2, "KR-CFG-025");
    before.must_be_untouched(&kit);
    // The right way round.
    old_is_at(&kit, first);
    new_is_at(&kit, last);
    let sum = "SELECT CAST(SUM(CRC32(ACCESS_TOKEN)) AS CHAR) FROM IDN_OAUTH2_ACCESS_TOKEN";
    let was = admin(&kit, first).text(sum);
    kit.run_unlooked(&["run"]).exits(0);
    assert_eq!(admin(&kit, first).text(sum), was);
    assert_ne!(admin(&kit, last).text(sum), was);
    kit.run_unlooked(&["verify"]).exits(0);
}

/// A primary that dies while its copy is rotated: the standby is promoted, and the rotation goes on there.
#[test]
fn a_standby_that_is_promoted_in_mid_run_is_gone_on_with() {
    let mut servers = OwnServers::cluster("streaming");
    let kit = on(Engine::Postgres, 400);
    let ports = [Engine::Postgres.port(), servers.port("SECOND")];
    let both = ports.map(|port| format!("127.0.0.1:{port}")).join(",");
    let last = kit.databases().len() - 1;
    for (at, name) in [(0, "newIdnDBUrl"), (last, "newRegDBUrl")] {
        kit.configure(name, Some(&kit.site().url(at, &both, "")));
    }
    let mut running = kit.start_unlooked("", &["run", "--max-rows-per-second", "60"]);
    running.until_it_says("Successfully updated totp");
    servers.tell("kill", "primary");
    thread::sleep(Duration::from_secs(1));
    servers.tell("promote", "standby");
    running.wait_unlooked().exits(0);
    kit.run_unlooked(&["verify"]).exits(0);
    rotated_at(&kit, ports[1]);
    // The deployment is taken down on the first server.
    servers.tell("start", "primary");
}

/// Every row that was rotated was rotated once, as far as its triggers tell; none is left.
fn rotated_at(kit: &Kit, port: u16) {
    let rows = "SELECT count(*)::text FROM IDN_OAUTH2_ACCESS_TOKEN";
    assert_ne!(admin(kit, port).text(rows), "0");
}
