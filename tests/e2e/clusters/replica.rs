//! A server and its replica.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{admin, is_refused, new_is_at, new_is_on, old_is_at, old_is_unknown, on};
use crate::kit::{Kit, Refused as _, eventually};
use crate::support::{Admin, Engine, Except, OwnServers, Proxy, Trouble};
use crate::sync::pair::{Pair, Side};

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

/// Triggers do not fire for rows that are replicated, so a replica's change log misses them.
#[test]
fn a_replica_keeps_no_change_log_of_its_own() {
    change_log_of_a_replica("replica", Engine::MariaDb, "SLAVE");
}

fn change_log_of_a_replica(cluster: &str, engine: Engine, replica: &str) {
    let servers = OwnServers::cluster(cluster);
    let pair = Pair::without_triggers(engine, 10);
    Admin::connect(engine, "mysql").execute("SET GLOBAL log_bin_trust_function_creators = 1");
    pair.run(&["triggers", "install"]).exits(0);
    let second = servers.port("SECOND");
    let name = pair.database(Side::Old);
    let triggers = format!(
        "SELECT CAST(COUNT(*) AS CHAR) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '{name}'"
    );
    let there = |port| Admin::at(engine, port, "mysql").text(&triggers);
    eventually("the replica has the triggers", || there(engine.port()) == there(second));
    let config = std::fs::read_to_string(&pair.place.deployment.config).unwrap();
    let here = format!("127.0.0.1:{}/{name}", engine.port());
    let config = config.replace(&here, &format!("127.0.0.1:{second}/{name}"));
    std::fs::write(&pair.place.deployment.config, config).unwrap();
    for command in ["preflight", "run"] {
        let ran = pair.run(&[command]).exits(2);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains("KR-CFG-052") && said.contains("triggers do not fire"), "{ran}");
    }
    let mut second = Admin::at(engine, second, "mysql");
    if engine == Engine::MariaDb {
        second.execute("STOP SLAVE; SET GLOBAL slave_run_triggers_for_rbr = 'YES'; START SLAVE");
        pair.run(&["preflight"]).exits(0);
        second.execute("STOP SLAVE; SET GLOBAL slave_run_triggers_for_rbr = 'NO'; START SLAVE");
    }
    second.execute(&format!("STOP {replica}"));
    pair.run(&["preflight"]).exits(0);
}

/// What a replica says is no last word on whether the old database can go, whether it runs or stands still.
#[test]
fn nothing_is_safe_to_retire_by_what_a_replica_says() {
    replica_in_place_of("replica", Engine::MariaDb, "STOP ALL SLAVES", "RESET SLAVE ALL");
}

fn replica_in_place_of(cluster: &str, engine: Engine, stop: &str, reset: &str) {
    let servers = OwnServers::cluster(cluster);
    let pair = Pair::without_triggers(engine, 10);
    Admin::connect(engine, "mysql").execute("SET GLOBAL log_bin_trust_function_creators = 1");
    pair.run(&["triggers", "install"]).exits(0);
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    pair.run(&["confirm", "route-traffic"]).exits(0);
    pair.run(&["sync", "--until-drained", "--quiet-for", "1s"]).exits(0);
    pair.run(&["confirm", "old-server-stopped"]).exits(0);
    pair.run(&["safe-to-retire"]).exits(0);
    let second = servers.port("SECOND");
    let config = std::fs::read_to_string(&pair.place.deployment.config).unwrap();
    let is_moved = |side| {
        let name = pair.database(side);
        let here = format!("127.0.0.1:{}/{name}", engine.port());
        let there = format!("127.0.0.1:{second}/{name}");
        assert!(config.contains(&here), "{config}");
        std::fs::write(&pair.place.deployment.config, config.replace(&here, &there)).unwrap();
    };
    let sum = "SELECT CAST(SUM(CRC32(ACCESS_TOKEN)) AS CHAR) FROM IDN_OAUTH2_ACCESS_TOKEN";
    for side in [Side::Old, Side::New] {
        let at = |port| Admin::at(engine, port, &pair.database(side)).text(sum);
        eventually("the replica has all", || at(engine.port()) == at(second));
    }
    is_moved(Side::Old);
    pair.run(&["safe-to-retire"]).refused(2, "KR-CFG-052");
    is_moved(Side::New);
    let ran = pair.run(&["safe-to-retire"]).exits(1);
    assert!(ran.stdout.contains("what was written there since may be missing"), "{ran}");
    let mut replica = Admin::at(engine, second, "mysql");
    replica.execute(stop);
    if engine == Engine::MariaDb {
        let ran = pair.run(&["safe-to-retire"]);
        assert!(ran.stdout.contains("not looked at: 127.0.0.1:"), "{ran}");
        assert!(ran.stdout.contains("may not see a stopped replica"), "{ran}");
        replica.execute(&format!("GRANT SLAVE MONITOR ON *.* TO {}", pair.user()));
    }
    for side in [Side::Old, Side::New] {
        is_moved(side);
        let ran = pair.run(&["safe-to-retire"]).exits(1);
        assert!(ran.stdout.contains("that is stopped: what was written there since is missing"), "{ran}");
    }
    replica.execute(reset);
    // Beside it stands a copy of the old database: that is all.
    let (ran, name) = (pair.run(&["safe-to-retire"]), pair.database(Side::Old));
    let reasons: Vec<&str> = ran.stdout.lines().filter(|line| line.starts_with("not yet: ")).collect();
    assert!(!reasons.is_empty() && reasons.iter().all(|reason| reason.contains(&name)), "{ran}");
}

/// What is read on a replica may lag behind what is written: that is said, and of several hosts one that takes writes is
/// read.
#[test]
fn what_is_read_on_a_replica_is_no_last_word() {
    let servers = OwnServers::cluster("replica");
    let kit = on(Engine::MariaDb, 60);
    kit.run(&["run"]).exits(0);
    let (first, second) = (Engine::MariaDb.port(), servers.port("SECOND"));
    admin(&kit, second).execute("SET GLOBAL read_only = 1");
    let sum = "SELECT MD5(GROUP_CONCAT(MD5(ACCESS_TOKEN) ORDER BY TOKEN_ID)) FROM IDN_OAUTH2_ACCESS_TOKEN";
    eventually("the replica has all", || admin(&kit, first).text(sum) == admin(&kit, second).text(sum));
    let lag = "what was written there since may be missing";
    new_is_on(&kit, &format!("127.0.0.1:{second}"));
    let ran = kit.run_unlooked(&["keys"]);
    assert!(ran.stdout.contains(lag) && ran.stdout.contains("of a replica"), "{ran}");
    let ran = kit.run_unlooked(&["verify"]);
    assert!(ran.stderr.contains(lag), "{ran}");
    new_is_on(&kit, &format!("127.0.0.1:{second},127.0.0.1:{first}"));
    let ran = kit.run_unlooked(&["keys"]).exits(0);
    assert!(!ran.stdout.contains(lag), "{ran}");
    new_is_on(&kit, &format!("127.0.0.1:1,127.0.0.1:{second}"));
    let ran = kit.run_unlooked(&["keys"]);
    assert!(ran.stdout.contains(lag), "one that only reads is better than none: {ran}");
}

/// A server with innodb_read_only is a reader: the next host is taken.
#[test]
fn a_reader_is_not_written_to() {
    let mut servers = OwnServers::cluster("mysql-reader");
    let kit = on(Engine::MySql, 60);
    let before = kit.snapshot();
    kit.run(&["keys"]);
    servers.tell("reader", "reader");
    let (first, second) = (Engine::MySql.port(), servers.port("SECOND"));
    new_is_at(&kit, second);
    let ran = kit.run_unlooked(&["run"]).refused(3, "KR-DB-001");
    assert!(ran.error().contains("read only"), "{ran}");
    new_is_on(&kit, &format!("127.0.0.1:{second},127.0.0.1:{first}"));
    kit.run(&["run"]).exits(0);
    before.must_be_rotated(&kit, &Except::default());
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
    kit.run(&["plan"]).exits(0);
    let seen = kit.run(&["preflight"]).exits(0).stdout;
    assert!(seen.contains("it is a replica of 127.0.0.1:"), "identifiers alone tell nothing: {seen}");
    assert!(seen.contains("before it writes, `run` checks this with a token"), "{seen}");
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
    for seen in ["may not see threads of a replica", "may not see a stopped replica"] {
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
    // One that stands still begins again by itself with its server.
    admin(&kit, second).execute(end);
    let right = if engine == Engine::MariaDb { "SLAVE MONITOR" } else { "REPLICATION CLIENT" };
    let seen = kit.run(&["preflight"]).exits(0).stdout;
    assert!(seen.contains("may not see a stopped replica") && seen.contains(right), "{seen}");
    admin(&kit, second).execute(&format!("GRANT {right} ON *.* TO '{}'@'%'", kit.site().user()));
    is_refused(&kit, "KR-CFG-026");
    admin(&kit, second).execute(if engine == Engine::MariaDb {
        "RESET SLAVE ALL"
    } else {
        "RESET REPLICA ALL"
    });
    kit.run_unlooked(&["run"]).exits(0);
}

/// MySQL and MariaDB do not tell how far their replicas are behind: these are asked.
#[test]
fn a_rotation_gives_way_to_a_replica_of_mariadb_that_lags() {
    let follows =
        "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'SLAVE_RUNNING'";
    gives_way("replica", Engine::MariaDb, ["SLAVE", "CHANGE MASTER TO MASTER_DELAY = 60", follows]);
}

/// Likewise on MariaDB.
#[test]
fn a_rotation_gives_way_to_a_replica_of_mariadb_whose_link_is_frozen() {
    frozen_link("replica", Engine::MariaDb, "SLAVE", "CHANGE MASTER TO MASTER_PORT =");
}

fn frozen_link(cluster: &str, engine: Engine, name: &str, change: &str) {
    let (servers, kit) = followed(cluster, engine);
    let second = servers.port("SECOND");
    // After more than a login, and less than a rotation writes.
    let proxy = Proxy::to(engine.port(), || Some(Trouble::StallAfter(60_000, Duration::from_mins(10))));
    let mut replica = admin(&kit, second);
    let mut fed_by = |port: u16| {
        for sql in [format!("STOP {name}"), format!("{change} {port}"), format!("START {name}")] {
            replica.execute(&sql);
        }
    };
    fed_by(proxy.port);
    let mut running = kit.start(&["resume", "--max-lag", "2s", "--max-rows-per-second", "60"]);
    running.until_it_says("this will change");
    let waits = super::waits_for(&kit, "behind");
    assert!(waits.contains("the replica is"), "{waits}");
    let status = match engine {
        Engine::MariaDb => "SHOW SLAVE STATUS",
        _ => "SHOW REPLICA STATUS",
    };
    let said = admin(&kit, second).rows(status);
    assert_eq!(said[0][32].as_deref(), Some("0"), "it says that it has all: {said:?}");
    fed_by(engine.port());
    kit.run_unlooked(&["pace", "off"]).exits(0);
    running.wait().exits(0);
    kit.run_unlooked(&["verify"]).exits(0);
}

/// A small deployment, and a replica of it that properties.yaml names. A rotation of it has begun.
fn followed(cluster: &str, engine: Engine) -> (OwnServers, Kit) {
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
    let rights = |port| {
        Admin::at(engine, port, "mysql").text(&format!(
            "SELECT CAST(GROUP_CONCAT(PRIVILEGE_TYPE ORDER BY PRIVILEGE_TYPE) AS CHAR) \
             FROM information_schema.USER_PRIVILEGES WHERE GRANTEE = '''{}''@''%'''",
            kit.site().user()
        ))
    };
    eventually("the replica has the right", || rights(engine.port()) == rights(second));
    let url = kit.site().url(0, &format!("127.0.0.1:{second}"), "");
    kit.configure("replicas", Some(&format!("[{url}]")));
    (servers, kit)
}

fn gives_way(cluster: &str, engine: Engine, [name, delay, follows]: [&str; 3]) {
    let (servers, kit) = followed(cluster, engine);
    let second = servers.port("SECOND");
    let mut replica = admin(&kit, second);
    for sql in [format!("STOP {name}"), delay.to_owned(), format!("START {name}")] {
        replica.execute(&sql);
    }
    eventually("the replica follows", || Admin::at(engine, second, "mysql").text(follows) == "ON");
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

/// Not in CI, where a twin above proves the same.
mod slow {
    use super::*;

    /// Likewise on MySQL.
    #[test]
    fn a_replica_of_mysql_keeps_no_change_log_of_its_own() {
        change_log_of_a_replica("mysql-replica", Engine::MySql, "REPLICA");
    }

    /// Likewise on MySQL.
    #[test]
    fn nothing_is_safe_to_retire_by_what_a_replica_of_mysql_says() {
        replica_in_place_of("mysql-replica", Engine::MySql, "STOP REPLICA", "RESET REPLICA ALL");
    }

    /// A replica whose link is frozen says that it is 0 s behind: what it has tells.
    #[test]
    fn a_rotation_gives_way_to_a_replica_whose_link_is_frozen() {
        frozen_link("mysql-replica", Engine::MySql, "REPLICA", "CHANGE REPLICATION SOURCE TO SOURCE_PORT =");
    }

    #[test]
    fn a_rotation_gives_way_to_a_replica_that_lags() {
        let follows = "SELECT SERVICE_STATE FROM performance_schema.replication_connection_status";
        let delay = "CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 60";
        gives_way("mysql-replica", Engine::MySql, ["REPLICA", delay, follows]);
    }
}
