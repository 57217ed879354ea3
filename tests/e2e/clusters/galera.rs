//! Clusters in which every node takes writes, and shows those of the other: two nodes of MariaDB with Galera, two
//! members of a MySQL replication group.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::{admin, is_refused, new_is_on, old_is_at, old_is_unknown, on};
use crate::kit::{Kit, Refused as _, eventually};
use crate::support::{Admin, Engine, Except, OwnServers};
use crate::sync::pair::{Pair, Side};

/// The old URL leads to one node, the new one to the other, and the database is one; then the rotation of
/// one node's database, while others write to it on the other node all the time.
#[test]
fn production_on_another_node_is_refused_and_a_busy_cluster_is_rotated() {
    let servers = OwnServers::cluster("galera");
    let fewer_than_a_chunk_has = "SET GLOBAL wsrep_max_ws_rows = 600";
    of_one_cluster(&servers, Engine::MariaDb, fewer_than_a_chunk_has, "node node1 of the Galera cluster");
}

/// A node without a quorum lets everybody in and has nothing to say: the next host is taken, and not waited for.
#[test]
fn a_node_without_a_quorum_is_passed_over() {
    let mut servers = OwnServers::cluster("galera");
    let kit = on(Engine::MariaDb, 60);
    let before = kit.snapshot();
    kit.run(&["keys"]);
    let (first, second) = (Engine::MariaDb.port(), servers.port("SECOND"));
    let at = |port| Admin::at(Engine::MariaDb, port, "mysql");
    at(first).execute("SET GLOBAL wsrep_provider_options = 'pc.weight=2'");
    servers.tell("part", "node2");
    let ready = |port| at(port).rows("SHOW STATUS LIKE 'wsrep_ready'")[0][1].clone().unwrap();
    eventually("one node goes on alone", || ready(first) == "ON" && ready(second) == "OFF");
    new_is_on(&kit, &format!("127.0.0.1:{second},127.0.0.1:{first}"));
    let ran = kit.run(&["run"]).exits(0);
    assert!(!ran.stderr.contains("trying again"), "{ran}");
    before.must_be_rotated(&kit, &Except::default());
    servers.tell("join", "node2");
}

/// What another node brings in from outside of the cluster is in all of them.
#[test]
fn what_feeds_another_node_is_refused_and_a_node_that_cannot_be_asked_is_named() {
    fed_by_another_node(&Feeding {
        cluster: "galera",
        engine: Engine::MariaDb,
        rights: &["SLAVE MONITOR ON *.*"],
        begin: "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 1",
        end: "RESET SLAVE ALL",
        alone: "SET SESSION wsrep_on = OFF",
        ask: "SHOW ALL SLAVES STATUS",
    });
}

/// How another node is fed, and how it is told of.
struct Feeding {
    cluster: &'static str,
    engine: Engine,
    rights: &'static [&'static str],
    begin: &'static str,
    end: &'static str,
    /// What a session does then stays on its node.
    alone: &'static str,
    ask: &'static str,
}

fn fed_by_another_node(feeding: &Feeding) {
    let servers = OwnServers::cluster(feeding.cluster);
    let kit = on(feeding.engine, 60);
    let second = servers.port("SECOND");
    kit.run(&["plan"]).exits(0); // the user is there from here on
    let user = format!("'{}'@'%'", kit.site().user());
    let mut first = Admin::connect(feeding.engine, "mysql");
    for right in feeding.rights {
        first.execute(&format!("GRANT {right} TO {user}"));
    }
    super::other_has_all(&kit, second);
    let mut other = Admin::at(feeding.engine, second, "mysql");
    // It stands still, and begins again with its server.
    other.execute(feeding.begin);
    let ran = is_refused(&kit, "KR-CFG-026");
    assert!(ran.error().contains(&second.to_string()) && ran.error().contains("another node"), "{ran}");
    // Whoever only looks says so, too.
    let seen = kit.run(&["keys"]).stdout;
    assert!(seen.contains(&second.to_string()) && seen.contains("another node"), "{seen}");
    other.execute(feeding.end);
    other.execute(feeding.alone);
    other.execute(&format!("ALTER USER {user} ACCOUNT LOCK"));
    let seen = kit.run(&["preflight"]).stdout;
    assert!(seen.contains(feeding.ask), "{seen}");
    let ran = kit.run(&["run"]).exits(0);
    let warned =
        ran.stderr.lines().any(|line| line.contains(&second.to_string()) && line.contains(feeding.ask));
    assert!(warned, "{ran}");
    let ran = kit.run(&["verify"]).exits(0);
    assert!(ran.stderr.contains(feeding.ask), "{ran}");
}

/// Sync keeps to what a cluster takes in one transaction.
#[test]
fn sync_keeps_to_a_clusters_limits() {
    let _servers = OwnServers::cluster("galera");
    let pair = Pair::without_triggers(Engine::MariaDb, 60);
    let mut administrator = Admin::connect(Engine::MariaDb, "mysql");
    administrator.execute("SET GLOBAL log_bin_trust_function_creators = 1");
    pair.run(&["triggers", "install"]).exits(0);
    let table = "IDN_OAUTH2_ACCESS_TOKEN";
    pair.execute(Side::Old, &format!("UPDATE {table} SET VALIDITY_PERIOD = VALIDITY_PERIOD + 1"));
    let fewer_than_have_changed = "SET GLOBAL wsrep_max_ws_rows = 20";
    administrator.execute(fewer_than_have_changed);
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    let sum = format!("SELECT CAST(SUM(VALIDITY_PERIOD) AS CHAR) FROM {table}");
    assert_eq!(pair.rows(Side::New, &sum), pair.rows(Side::Old, &sum));
}

/// Likewise in a replication group.
#[test]
fn production_on_another_member_is_refused_and_a_busy_group_is_rotated() {
    let servers = OwnServers::cluster("group");
    let less_than_a_chunk_has = "SET GLOBAL group_replication_transaction_size_limit = 400000";
    of_one_cluster(&servers, Engine::MySql, less_than_a_chunk_has, "a member of the replication group");
}

fn of_one_cluster(servers: &OwnServers, engine: Engine, limit: &str, words: &str) {
    // More than one transaction may have, by the limit that is set below.
    let kit = on(engine, if engine == Engine::MySql { 600 } else { 1500 });
    let second = servers.port("SECOND");
    old_is_at(&kit, second);
    let ran = if engine == Engine::MariaDb {
        is_refused(&kit, "KR-CFG-016")
    } else {
        // Members tell the group's name, and so would a copy of their files: only a token settles it, and
        // preflight writes none.
        let seen = kit.run(&["preflight"]).stdout;
        assert!(seen.contains("both servers are of the cluster"), "{seen}");
        a_member_that_shows_nothing_is_no_proof(&kit, second);
        kit.run(&["run"]).refused(2, "KR-CFG-016")
    };
    assert!(ran.stderr.contains(words), "{ran}");

    if engine == Engine::MySql {
        let ran = kit.run(&["run", "--dry-run"]).exits(0);
        assert!(ran.stderr.contains("`run` checks this with a token"), "{ran}");
    }

    old_is_unknown(&kit);
    // Nothing is written for it, not even what stands for the lock.
    let ran = kit.run(&["run", "--dry-run"]).exits(0);
    assert!(!ran.stderr.contains("1792") && !ran.stderr.contains("KEYROTATION_LOCK"), "{ran}");
    for port in [engine.port(), second] {
        admin(&kit, port).execute(limit);
    }
    let before = kit.snapshot();
    let ran = while_others_write(&kit, second, 2, || kit.run_unlooked(&["run"])).exits(0);
    assert!(ran.stderr.contains(words), "the node that is written to is named: {ran}");
    kit.run(&["verify"]).exits(0);
    before.must_be_rotated(&kit, &Except::default());
    let left =
        "SELECT CAST(COUNT(*) AS CHAR) FROM information_schema.TABLES WHERE TABLE_NAME = 'KEYROTATION_LOCK'";
    assert_eq!(admin(&kit, second).text(left), "0");
}

/// A member that applies nothing, and one that has left its group: neither shows what the others have.
fn a_member_that_shows_nothing_is_no_proof(kit: &Kit, port: u16) {
    let before = kit.snapshot();
    let mut member = admin(kit, port);
    member.execute("FLUSH TABLES WITH READ LOCK");
    let ran = kit.run(&["run"]).refused(2, "KR-CFG-025");
    assert!(ran.error().contains("catch up") || ran.error().contains("caught up"), "{ran}");
    member.execute("UNLOCK TABLES");
    member.execute("STOP GROUP_REPLICATION");
    let ran = kit.run(&["run"]).refused(2, "KR-CFG-025");
    assert!(ran.error().contains("not a member of its replication group"), "{ran}");
    member.execute("START GROUP_REPLICATION");
    eventually("it is in its group again", || {
        let state = "SELECT MEMBER_STATE FROM performance_schema.replication_group_members \
                     WHERE MEMBER_ID = @@GLOBAL.server_uuid";
        member.text(state) == "ONLINE"
    });
    before.must_be_untouched(kit);
}

/// Does something while so many writers on another node change, as fast as they can, rows that the rotation
/// rewrites. What they write is what was there.
pub(super) fn while_others_write<T>(kit: &Kit, port: u16, writers: u32, work: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = &stop;
        for writer in 0..writers {
            scope.spawn(move || {
                let mut other = admin(kit, port);
                let mut at = writer;
                let ids = other.rows("SELECT TOKEN_ID FROM IDN_OAUTH2_ACCESS_TOKEN");
                while !stop.load(Ordering::Relaxed) {
                    at = (at + 7) % u32::try_from(ids.len()).unwrap();
                    let id = ids[at as usize][0].as_deref().unwrap();
                    for change in ["+ 1", "- 1"] {
                        let sql = format!(
                            "UPDATE IDN_OAUTH2_ACCESS_TOKEN SET VALIDITY_PERIOD = VALIDITY_PERIOD {change}, \
                             REFRESH_TOKEN_TIME_CREATED = REFRESH_TOKEN_TIME_CREATED WHERE TOKEN_ID = '{id}'"
                        );
                        // Both, or a row is left that nobody had.
                        let done = (0..1000).any(|_| other.attempt(&sql).is_ok());
                        assert!(done, "no update succeeds");
                    }
                    thread::sleep(Duration::from_millis(2)); // other tests need the processors, too
                }
            });
        }
        thread::sleep(Duration::from_millis(300));
        let done = work();
        stop.store(true, Ordering::Relaxed);
        done
    })
}

/// Not in CI, where a twin above proves the same.
mod slow {
    use super::*;

    /// Likewise in a replication group.
    #[test]
    fn what_feeds_another_member_is_refused_and_a_member_that_cannot_be_asked_is_named() {
        let feeding = Feeding {
            cluster: "group",
            engine: Engine::MySql,
            rights: &["REPLICATION CLIENT ON *.*", "SELECT ON performance_schema.replication_group_members"],
            begin: "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = 1 FOR CHANNEL 'outside'",
            end: "RESET REPLICA ALL FOR CHANNEL 'outside'",
            alone: "SET SESSION sql_log_bin = 0",
            ask: "SHOW REPLICA STATUS",
        };
        fed_by_another_node(&feeding);
    }
}
