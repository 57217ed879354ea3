//! PostgreSQL with a standby, with a copy of its files, and with a subscription.

use std::thread;
use std::time::Duration;

use super::{admin, is_refused, new_is_at, old_is_at, on};
use crate::kit::{Refused as _, eventually};
use crate::support::{ADMIN, Admin, Engine, Except, OwnServers};
use crate::sync::pair::{Pair, Side};

/// A standby has its primary's data, and so has a copy of the files until both go on: the first is refused,
/// the second is rotated.
#[test]
fn a_standbys_primary_is_production_and_a_copy_of_its_files_is_not() {
    let mut servers = OwnServers::cluster("streaming");
    let kit = on(Engine::Postgres, 60);
    let (standby, copy) = (servers.port("SECOND"), servers.port("THIRD"));
    let first = Engine::Postgres.port();
    old_is_at(&kit, standby);
    let ran = is_refused(&kit, "KR-CFG-016");
    assert!(ran.stderr.contains("standby"), "{ran}");

    // A standby that does not replay what it gets: nothing can be seen there, and that is no proof.
    admin(&kit, standby).rows("SELECT pg_wal_replay_pause()::text");
    admin(&kit, first)
        .execute("CREATE TABLE later (a int); INSERT INTO later SELECT generate_series(1, 1000)");
    let ran = kit.run(&["run"]).refused(2, "KR-CFG-025");
    assert!(ran.error().contains("standby"), "{ran}");
    let ran = kit.run(&["preflight"]).exits(0);
    assert!(ran.stdout.contains("before it writes, `run` checks this with a token"), "{ran}");
    // Nor is it one where nobody may see of which cluster it is, or where no token can be made.
    let before = kit.snapshot();
    let hide = ["pg_control_system()", "lo_from_bytea(oid, bytea)"];
    for function in hide {
        admin(&kit, first).execute(&format!("REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC"));
        let ran = kit.run(&["run"]).refused(2, "KR-CFG-025");
        assert!(ran.error().contains("GRANT EXECUTE ON FUNCTION pg_control_system()"), "{ran}");
    }
    before.must_be_untouched(&kit);
    for function in hide {
        admin(&kit, first).execute(&format!("GRANT EXECUTE ON FUNCTION {function} TO PUBLIC"));
    }
    // What is replayed then may be in the way of this very statement.
    let _ = admin(&kit, standby).attempt("SELECT pg_wal_replay_resume()");

    // A copy of the files has the identifier of what it was copied from.
    servers.tell("copy", "copy");
    admin(&kit, first).execute("UPDATE later SET a = a + 1");
    admin(&kit, first).rows("SELECT pg_switch_wal()::text");
    thread::sleep(Duration::from_millis(500)); // for the standby
    new_is_at(&kit, copy);
    let sum = "SELECT md5(string_agg(ACCESS_TOKEN, '' ORDER BY TOKEN_ID)) FROM IDN_OAUTH2_ACCESS_TOKEN";
    let before = admin(&kit, first).text(sum);
    kit.run_unlooked(&["run"]).exits(0);
    old_is_at(&kit, first);
    kit.run_unlooked(&["verify"]).exits(0);
    let objects = "SELECT count(*)::text FROM pg_largeobject_metadata";
    for port in [first, copy] {
        assert_eq!(admin(&kit, port).text(objects), "0", "a token was left behind");
    }
    assert_eq!(admin(&kit, first).text(sum), before);
    assert_ne!(admin(&kit, copy).text(sum), before);
}

/// A copy that a subscription still feeds is refused, with the statement that ends it.
#[test]
fn a_copy_that_a_subscription_feeds_is_refused() {
    let servers = OwnServers::cluster("logical");
    let kit = on(Engine::Postgres, 60);
    let (first, second) = (Engine::Postgres.port(), servers.port("SECOND"));
    // What is on the first server is the copy; it subscribes to the other one.
    let name = kit.site().database(0);
    Admin::at(Engine::Postgres, second, "postgres").execute(&format!("CREATE DATABASE {name}"));
    admin(&kit, second)
        .execute("CREATE TABLE fed (a int PRIMARY KEY); CREATE PUBLICATION all_of_it FOR TABLE fed");
    admin(&kit, first).execute("CREATE TABLE fed (a int PRIMARY KEY)");
    admin(&kit, first).execute(&subscription("from_production", second, &name));
    let ran = is_refused(&kit, "KR-CFG-026");
    assert!(ran.stderr.contains("ALTER SUBSCRIPTION \"from_production\" DISABLE"), "{ran}");
    admin(&kit, first).execute("ALTER SUBSCRIPTION from_production DISABLE");
    eventually("nothing is applied", || {
        let of = "SELECT count(*)::text FROM pg_stat_subscription WHERE pid IS NOT NULL";
        admin(&kit, first).text(of) == "0"
    });
    let ran = kit.run(&["preflight"]).exits(0);
    assert!(ran.stdout.contains("from_production, which is stopped now"), "{ran}");
    let before = kit.snapshot();
    kit.run(&["run"]).exits(0);
    before.must_be_rotated(&kit, &Except::default());
    admin(&kit, first).execute("ALTER SUBSCRIPTION from_production SET (slot_name = NONE)");
    admin(&kit, first).execute("DROP SUBSCRIPTION from_production");
    admin(&kit, second).rows("SELECT pg_drop_replication_slot(slot_name)::text FROM pg_replication_slots");
}

/// The other way round the copy's place is taken by production: the old URL is that of its subscriber.
#[test]
fn what_the_old_database_subscribes_to_is_production() {
    let servers = OwnServers::cluster("logical");
    let kit = on(Engine::Postgres, 60);
    let second = servers.port("SECOND");
    let name = kit.site().database(0);
    Admin::at(Engine::Postgres, second, "postgres").execute(&format!("CREATE DATABASE {name}"));
    let table = "CREATE TABLE fed (a int PRIMARY KEY)";
    admin(&kit, Engine::Postgres.port())
        .execute(&format!("{table}; CREATE PUBLICATION all_of_it FOR TABLE fed"));
    let subscribe = subscription("of_production", Engine::Postgres.port(), &name);
    admin(&kit, second).execute(table);
    admin(&kit, second).execute(&subscribe);
    old_is_at(&kit, second);
    let ran = is_refused(&kit, "KR-CFG-016");
    assert!(ran.stderr.contains("the subscription of_production reads the slot"), "{ran}");

    // One that reads it no more may do so again: no token tells.
    admin(&kit, second).execute("ALTER SUBSCRIPTION of_production DISABLE");
    let idle = "SELECT count(*)::text FROM pg_replication_slots WHERE NOT active";
    eventually("nobody reads the slot", || admin(&kit, Engine::Postgres.port()).text(idle) == "1");
    let seen = kit.run(&["preflight"]).exits(0).stdout;
    assert!(seen.contains("which nobody reads now"), "{seen}");
    let before = kit.snapshot();
    kit.run(&["run"]).refused(2, "KR-CFG-025");
    before.must_be_untouched(&kit);
    admin(&kit, second).execute("DROP SUBSCRIPTION of_production");
    kit.run(&["run"]).exits(0);
}

/// The statement that subscribes to a database of another server.
fn subscription(name: &str, port: u16, database: &str) -> String {
    let password = ADMIN.replace('\'', "\\'");
    let to = format!("host=127.0.0.1 port={port} user=postgres password='{password}' dbname={database}");
    format!("CREATE SUBSCRIPTION {name} CONNECTION '{}' PUBLICATION all_of_it", to.replace('\'', "''"))
}

/// A change log's triggers fire for what a subscription applies to the old database, too; those that would not
/// are refused.
#[test]
fn triggers_fire_for_what_a_subscription_applies() {
    let servers = OwnServers::cluster("logical");
    let pair = Pair::new(Engine::Postgres, 10);
    let second = servers.port("SECOND");
    let name = pair.database(Side::Old);
    // The other server is what the old database subscribes to: users are on it.
    Admin::at(Engine::Postgres, second, "postgres").execute(&format!("CREATE DATABASE {name}"));
    let table = "IDN_IDENTITY_USER_DATA";
    let columns = "(TENANT_ID integer, USER_NAME varchar(255), DATA_KEY varchar(255), DATA_VALUE varchar(2048), \
                   PRIMARY KEY (TENANT_ID, USER_NAME, DATA_KEY))";
    let mut users = Admin::at(Engine::Postgres, second, &name);
    users.execute(&format!("CREATE TABLE {table} {columns}; CREATE PUBLICATION all_of_it FOR TABLE {table}"));
    let subscribe = format!("{} WITH (copy_data = false)", subscription("from_elsewhere", second, &name));
    pair.execute(Side::Old, &subscribe);
    let noted = |name: &str| pair.count(Side::Old, &format!("{table}_TEMP WHERE USER_NAME = '{name}'"));
    users.execute(&format!("INSERT INTO {table} VALUES (1, 'applied', 'key', 'plain')"));
    eventually("what is applied is noted", || noted("applied") == 1);
    pair.run(&["preflight"]).exits(0);

    // As an earlier version installed them.
    pair.execute(Side::Old, &format!("ALTER TABLE {table} ENABLE TRIGGER totp_sync_insert"));
    let ran = pair.run(&["run"]).refused(2, "KR-CFG-052");
    assert!(ran.error().contains("TOTP_SYNC_INSERT") && ran.error().contains("from_elsewhere"), "{ran}");
    pair.run(&["triggers", "install"]).exits(0);
    pair.run(&["preflight"]).exits(0);
    pair.execute(Side::Old, &format!("ALTER TABLE {table} DISABLE TRIGGER totp_sync_delete"));
    let ran = pair.run(&["run"]).refused(2, "KR-CFG-052");
    assert!(ran.error().contains("is disabled"), "{ran}");
    pair.execute(Side::Old, "ALTER SUBSCRIPTION from_elsewhere DISABLE");
    pair.execute(Side::Old, "ALTER SUBSCRIPTION from_elsewhere SET (slot_name = NONE)");
    pair.execute(Side::Old, "DROP SUBSCRIPTION from_elsewhere");
}

/// Nothing is written while a standby is further behind than was asked for; and it is said where nobody could tell.
#[test]
fn a_rotation_gives_way_to_a_standby_that_lags() {
    let servers = OwnServers::cluster("streaming");
    let kit = on(Engine::Postgres, 400);
    let (first, standby) = (Engine::Postgres.port(), servers.port("SECOND"));
    let ran = kit.run(&["run", "--max-lag", "1s"]).exits(2);
    assert!(ran.stderr.contains("GRANT pg_monitor"), "{ran}");
    Admin::at(Engine::Postgres, first, "postgres")
        .execute(&format!("GRANT pg_monitor TO \"{}\"", kit.site().user()));
    let mut running =
        kit.start(&["resume", "--max-lag", "1s", "--max-load", "50", "--max-rows-per-second", "40"]);
    running.until_it_says("this will change");
    eventually("something is rotated", || rotated(&kit) > 0);
    admin(&kit, standby).rows("SELECT pg_wal_replay_pause()::text");
    let waits = super::waits_for(&kit, "behind");
    assert!(waits.contains("--max-lag"), "{waits}");
    let before = rotated(&kit);
    thread::sleep(Duration::from_secs(2));
    assert_eq!(rotated(&kit), before, "nothing is written meanwhile");
    let _ = admin(&kit, standby).attempt("SELECT pg_wal_replay_resume()");
    kit.run(&["pace", "off"]).exits(0);
    let ran = running.wait().exits(0);
    assert!(
        ran.stderr.contains("nothing is written meanwhile") && ran.stderr.contains("it continues"),
        "{ran}"
    );
    kit.run(&["verify"]).exits(0);
}

fn rotated(kit: &crate::kit::Kit) -> u64 {
    let status = kit.run_unlooked(&["status", "--json"]).json();
    let targets = status["targets"].as_array().cloned().unwrap_or_default();
    targets.iter().filter_map(|target| target["rotated"].as_u64()).sum()
}
