//! What is no proof that a database is not the old one, and what passes for one too easily (MySQL and MariaDB).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{admin, new_is_at, old_is_at, on, other_has_all};
use crate::kit::{Kit, Refused as _, eventually};
use crate::support::{Admin, Engine, Except, OwnServers};

/// How a replica is told what to do.
struct Words {
    cluster: &'static str,
    engine: Engine,
    stop: &'static str,
    start: &'static str,
    reset: &'static str,
    /// Lets only tables of WSO2's come through.
    filter: fn(&str) -> String,
    /// Lets sessions begin without committing by themselves.
    no_autocommit: &'static str,
}

const MARIADB: Words = Words {
    cluster: "replica",
    engine: Engine::MariaDb,
    stop: "STOP SLAVE",
    start: "START SLAVE",
    reset: "RESET SLAVE ALL",
    filter: |name| format!("SET GLOBAL replicate_wild_do_table = '{name}.IDN%'"),
    no_autocommit: "SET GLOBAL autocommit = 0",
};

const MYSQL: Words = Words {
    cluster: "mysql-replica",
    engine: Engine::MySql,
    stop: "STOP REPLICA",
    start: "START REPLICA",
    reset: "RESET REPLICA ALL",
    filter: |name| format!("CHANGE REPLICATION FILTER REPLICATE_WILD_DO_TABLE = ('{name}.IDN%')"),
    no_autocommit: "SET GLOBAL init_connect = 'SET autocommit = 0'",
};

/// A replica of production says "0 s behind" whatever it has; and what cannot be written is no token.
#[test]
fn a_replica_of_production_that_shows_no_token_is_no_proof() {
    shows_no_token(&MARIADB);
}

fn shows_no_token(words: &Words) {
    let servers = OwnServers::cluster(words.cluster);
    let kit = on(words.engine, 60);
    let (first, second) = (words.engine.port(), servers.port("SECOND"));
    other_has_all(&kit, second);
    old_is_at(&kit, second);
    let before = kit.snapshot();

    // Whatever sessions begin with: the token is committed, and shows.
    let mut source = admin(&kit, first);
    source.execute(words.no_autocommit);
    let ran = kit.run(&["run"]).refused(2, "KR-CFG-016");
    assert!(ran.error().contains("shows in"), "{ran}");
    source.execute("SET GLOBAL autocommit = 1");
    source.execute("SET GLOBAL init_connect = ''");

    // A user who may not make the table of the token, as production's own.
    let name = kit.site().database(0);
    source.execute("CREATE USER 'wso2'@'%' IDENTIFIED BY 'its own'");
    for at in 0..kit.databases().len() {
        let name = kit.site().database(at);
        source.execute(&format!("GRANT SELECT, INSERT, UPDATE, DELETE, TRIGGER ON {name}.* TO 'wso2'@'%'"));
    }
    source.execute("GRANT PROCESS ON *.* TO 'wso2'@'%'");
    let users: Vec<(String, String)> = ["newIdn", "newReg"]
        .iter()
        .flat_map(|of| {
            [
                (format!("{of}Username"), "wso2".to_owned()),
                (format!("{of}Password"), STANDARD.encode("its own")),
            ]
        })
        .collect();
    let text = std::fs::read_to_string(&kit.deployment.config).unwrap();
    for (key, value) in &users {
        kit.configure(key, Some(value));
    }
    kit.run_unlooked(&["run"]).refused(2, "KR-CFG-025");
    std::fs::write(&kit.deployment.config, text).unwrap();

    // A filter that lets no token through.
    let mut replica = admin(&kit, second);
    replica.execute(words.stop);
    replica.execute(&(words.filter)(&name));
    replica.execute(words.start);
    eventually("the replica runs", || {
        let runs = kit.run_unlooked(&["preflight"]).stdout;
        runs.contains("it is a replica of 127.0.0.1:")
    });
    let ran = kit.run(&["run"]).refused(2, "KR-CFG-025");
    assert!(ran.error().contains("has the same name as"), "{ran}");
    before.must_be_untouched(&kit);
}

/// What was a replica and is none any more is a copy; production that is named in its place is not.
#[test]
fn a_replica_that_was_made_a_copy_is_one_and_production_in_its_place_is_not() {
    made_a_copy(&MARIADB);
}

fn made_a_copy(words: &Words) {
    let servers = OwnServers::cluster(words.cluster);
    let kit = on(words.engine, 60);
    let (first, second) = (words.engine.port(), servers.port("SECOND"));
    other_has_all(&kit, second);
    let mut copy = admin(&kit, second);
    copy.execute(words.stop);
    copy.execute(words.reset);
    drop(copy);

    // The wrong way round.
    old_is_at(&kit, second);
    let before = kit.snapshot();
    let ran = kit.run(&["run"]).refused(2, "KR-CFG-025");
    assert!(ran.error().contains("it has transactions that"), "{ran}");

    // Production's registry, and none is named that it could be compared with.
    old_is_at(&kit, first);
    let url = kit.site().url(0, &format!("127.0.0.1:{second}"), "");
    if kit.databases().len() > 1 {
        kit.configure("newIdnDBUrl", Some(&url));
        let seen = kit.run_unlooked(&["preflight"]).stdout;
        assert!(seen.contains("it may be the old server's registry"), "{seen}");
        let ran = kit.run_unlooked(&["run"]).refused(2, "KR-CFG-025");
        assert!(ran.error().contains("oldRegDBUrl"), "{ran}");
    }
    before.must_be_untouched(&kit);

    // The right way round.
    new_is_at(&kit, second);
    let sum = "SELECT CAST(SUM(CRC32(ACCESS_TOKEN)) AS CHAR) FROM IDN_OAUTH2_ACCESS_TOKEN";
    let before = admin(&kit, first).text(sum);
    let ran = kit.run_unlooked(&["run"]).exits(0);
    assert!(ran.stderr.contains("oldRegDBUrl names no old registry"), "{ran}");
    assert_eq!(admin(&kit, first).text(sum), before);
    assert_ne!(admin(&kit, second).text(sum), before);
    kit.run_unlooked(&["verify"]).exits(0);
}

/// A backup keeps tables from being made: that is said, and not waited for for a day.
#[test]
fn a_backup_of_the_copys_server_is_not_waited_for_without_a_word() {
    let _servers = OwnServers::cluster("replica");
    let kit = on(Engine::MariaDb, 60);
    let port = Engine::MariaDb.port();
    // Another database of the server, so that a token is made.
    let url = kit.site().url(0, &format!("127.0.0.1:{port}"), "");
    old_is_at(&kit, port);
    kit.configure("oldIdnDBUrl", Some(&url.replace(&kit.site().database(0), "mysql")));
    let before = kit.snapshot();
    let mut backup = Admin::at(Engine::MariaDb, port, "mysql");
    backup.execute("BACKUP STAGE START");
    backup.execute("BACKUP STAGE BLOCK_DDL");
    let ran = kit.run(&["run"]).refused(3, "KR-DB-001");
    assert!(ran.error().contains("waits for another session") && ran.error().contains("backup"), "{ran}");
    backup.execute("BACKUP STAGE END");
    kit.run(&["run"]).exits(0);
    before.must_be_rotated(&kit, &Except::default());
}

/// Makes the replica a copy to be rotated: production's port, and an administrator of the copy, whose user sees what feeds
/// it.
fn copy_of_its_own(kit: &Kit, servers: &OwnServers) -> (u16, Admin) {
    let second = servers.port("SECOND");
    other_has_all(kit, second);
    let mut copy = Admin::at(Engine::MariaDb, second, "mysql");
    copy.execute("STOP SLAVE");
    copy.execute("RESET SLAVE ALL");
    copy.execute(&format!("GRANT SLAVE MONITOR ON *.* TO '{}'@'%'", kit.site().user()));
    new_is_at(kit, second);
    (Engine::MariaDb.port(), copy)
}

/// Who was lost may come back as a replica, by itself or by somebody's hand: that is asked whenever the lock is taken again.
#[test]
fn a_copy_that_is_fed_since_its_connection_was_lost_ends_the_run() {
    let servers = OwnServers::cluster("replica");
    let kit = on(Engine::MariaDb, 400);
    let (first, mut copy) = copy_of_its_own(&kit, &servers);
    let mut running = kit.start(&["run", "--max-rows-per-second", "20"]);
    running.until_it_says("this will change");
    copy.execute(&format!("CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {first}"));
    let name = kit.site().database(0);
    let lock = format!("IS_USED_LOCK(CONCAT('keyrotation.', LEFT(SHA2(LOWER('{name}'), 256), 40)))");
    let holder = copy.text(&format!("SELECT CAST({lock} AS CHAR)"));
    copy.execute(&format!("KILL CONNECTION {holder}"));
    let ran = running.wait().refused(2, "KR-CFG-026");
    assert!(ran.error().contains("it is a replica of 127.0.0.1:"), "{ran}");
    copy.execute("RESET SLAVE ALL");
    kit.run_unlooked(&["pace", "off"]);
    kit.run_unlooked(&["resume"]).exits(0);
}

/// The connection may last, and what feeds it begin: that is asked again before everything counts as rotated.
#[test]
fn a_copy_that_is_fed_since_the_beginning_is_not_finished() {
    let servers = OwnServers::cluster("replica");
    let kit = on(Engine::MariaDb, 60);
    let (first, mut copy) = copy_of_its_own(&kit, &servers);
    let mut running = kit.start(&["run", "--max-rows-per-second", "50"]);
    running.until_it_says("this will change");
    copy.execute(&format!("CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {first}"));
    let ran = running.wait().refused(2, "KR-CFG-026");
    assert!(ran.error().contains("it is a replica of 127.0.0.1:"), "{ran}");
    assert!(kit.status()["finished_at"].is_null());
    copy.execute("RESET SLAVE ALL");
    kit.run_unlooked(&["resume"]).exits(0);
}

/// Any node of a Galera cluster may be fed from elsewhere, and the others do not tell: all of them are looked at.
#[test]
fn a_cluster_of_which_a_node_is_not_seen_is_no_proof() {
    let servers = OwnServers::cluster("beside-galera");
    let kit = on(Engine::MariaDb, 60);
    let (first, nodes) = (Engine::MariaDb.port(), [servers.port("SECOND"), servers.port("THIRD")]);
    let name = kit.site().database(0);
    Admin::at(Engine::MariaDb, nodes[0], "mysql").execute(&format!("CREATE DATABASE {name}"));
    old_is_at(&kit, nodes[0]);
    let before = kit.snapshot();
    let ran = kit.run(&["run"]).refused(2, "KR-CFG-025");
    assert!(ran.error().contains("of the 2 nodes of its cluster 1 are seen"), "{ran}");
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", nodes[0], nodes[1]);
    kit.configure("oldIdnDBUrl", Some(&kit.site().url(0, &hosts, "")));
    let mut other = Admin::at(Engine::MariaDb, nodes[1], "mysql");
    other.execute(&format!("CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {first}"));
    let ran = kit.run(&["run"]).refused(2, "KR-CFG-025");
    assert!(ran.error().contains("it is a replica of 127.0.0.1:"), "{ran}");
    before.must_be_untouched(&kit);
    other.execute("RESET SLAVE ALL");
    kit.run(&["run"]).exits(0);
}

/// Not in CI, where a twin above proves the same.
mod slow {
    use super::*;

    /// Likewise on MySQL.
    #[test]
    fn a_replica_of_production_on_mysql_that_shows_no_token_is_no_proof() {
        shows_no_token(&MYSQL);
    }

    /// Likewise on MySQL.
    #[test]
    fn a_replica_of_mysql_that_was_made_a_copy_is_one_and_production_in_its_place_is_not() {
        made_a_copy(&MYSQL);
    }
}
