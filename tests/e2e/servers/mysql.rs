//! What is MySQL's alone, as its users have it: its way to log in, its switches, its default settings.

use std::collections::HashMap;
use std::fs;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use keyrotation::db::{Access, Db};

use super::{admin, on, outside};
use crate::kit::{Kit, Refused as _, eventually};
use crate::support::{Admin, Engine, Except, OwnServers, Ran, Running, database_of_its_own, wait};

const BOTH: &[(&str, &str)] = &[("KEYROTATION_TEST_SERVERS", "mysql,mariadb")];
const SLOWLY: &[&str] = &["run", "--max-rows-per-second", "60"];

/// The server forgets who has logged in: as after a restart.
fn forget_logins(engine: Engine) {
    outside(engine).execute("FLUSH PRIVILEGES");
}

/// Both databases by URLs with these parameters, by the server's address.
fn by(kit: &Kit, parameters: &str) {
    let server = format!("127.0.0.1:{}", kit.site().engine.port());
    for (at, key) in [(0, "newIdnDBUrl"), (1, "newRegDBUrl")] {
        kit.configure(key, Some(&kit.site().url(at, &server, parameters)));
    }
}

/// A refusal that names these.
#[track_caller]
fn refused(kit: &Kit, named: &[&str]) -> Ran {
    let ran = kit.run_unlooked(&["plan"]).refused(3, "KR-DB-001");
    for word in named {
        assert!(ran.error().contains(word), "{word}: {}", ran.error());
    }
    ran
}

/// The server's public key, as its administrator hands it out.
fn public_key(environment: &HashMap<String, String>) -> String {
    format!("{}/mysql/data/public_key.pem", environment["KEYROTATION_TEST_FOLDER"])
}

#[test]
fn a_user_whom_the_server_does_not_know_logs_in_without_tls() {
    let servers = OwnServers::start(Engine::MySql);
    let kit = on(Engine::MySql);
    let before = kit.snapshot();
    kit.run(&["plan"]).exits(0);
    let key = public_key(&servers.environment);
    for (parameters, is_allowed) in [
        ("?useSSL=false", true), // on this machine nobody stands between
        ("?useSSL=false&allowPublicKeyRetrieval=true", true),
        ("?useSSL=false&allowPublicKeyRetrieval=false", false),
        (&format!("?useSSL=false&serverRSAPublicKeyFile={key}"), true),
        (&format!("?useSSL=false&allowPublicKeyRetrieval=false&serverRSAPublicKeyFile={key}"), true),
        ("?sslMode=REQUIRED&allowPublicKeyRetrieval=false", true),
        ("?allowPublicKeyRetrieval=false", true), // TLS, since the server has it
    ] {
        by(&kit, parameters);
        forget_logins(Engine::MySql);
        if is_allowed {
            kit.run_unlooked(&["plan"]).exits(0);
        } else {
            refused(&kit, &["RSA key", "take useSSL=false out", "allowPublicKeyRetrieval=true"]);
        }
    }
    // A key that is not the server's, and none at all.
    let other = kit.beside("other.pem");
    let made = std::process::Command::new("openssl")
        .args(["genrsa", "2048"])
        .output()
        .map(|private| fs::write(kit.beside("private.pem"), private.stdout));
    made.unwrap().unwrap();
    let private = kit.beside("private.pem");
    let arguments = ["rsa", "-pubout", "-in", private.to_str().unwrap(), "-out", other.to_str().unwrap()];
    assert!(std::process::Command::new("openssl").args(arguments).output().unwrap().status.success());
    for (file, named) in
        [(other.to_str().unwrap(), "error 1045"), ("/nowhere/key.pem", "serverRSAPublicKeyFile")]
    {
        by(&kit, &format!("?useSSL=false&serverRSAPublicKeyFile={file}"));
        forget_logins(Engine::MySql);
        refused(&kit, &[named]);
    }
    by(&kit, "?useSSL=false");
    kit.run(&["run"]).exits(0);
    before.must_be_rotated(&kit, &Except::default());
}

/// In mid-run, too: after a restart nobody is known.
#[test]
fn a_server_that_forgets_its_users_in_mid_run_lets_them_in_again() {
    let kit = on(Engine::MySql);
    let before = kit.snapshot();
    let mut running = kit.start(SLOWLY);
    running.until_it_says("this will change");
    for _ in 0..3 {
        forget_logins(Engine::MySql);
        outside(Engine::MySql).end_sessions(&kit.site().database(0));
        thread::sleep(Duration::from_millis(700));
    }
    running.wait().exits(0);
    before.must_be_rotated(&kit, &Except::default());
}

#[test]
fn each_refused_login_names_its_remedy() {
    for engine in [Engine::MySql, Engine::MariaDb] {
        let kit = on(engine);
        kit.run(&["plan"]).exits(0);
        let (user, mut admin) = (format!("'{}'@'%'", kit.site().user()), outside(engine));
        admin.execute(&format!("ALTER USER {user} ACCOUNT LOCK"));
        refused(&kit, &["ACCOUNT UNLOCK"]);
        admin.execute(&format!("ALTER USER {user} ACCOUNT UNLOCK"));
        admin.execute(&format!("ALTER USER {user} PASSWORD EXPIRE"));
        refused(&kit, &["expired"]);
        admin.execute(&format!("ALTER USER {user} IDENTIFIED BY 'another one'"));
        refused(&kit, &["error 1045", "check user and password"]);
        admin.execute(&format!("DROP USER {user}"));
        refused(&kit, &["check user and password"]);
    }
}

/// What a DBA switches on while a rotation runs, and what switches it off.
fn is_waited_for(engine: Engine, on_and_off: [&str; 2], said: &[&str]) {
    let _servers = OwnServers::start(engine);
    let kit = on(engine);
    kit.count_updates();
    let before = kit.snapshot();
    let mut running = kit.start(SLOWLY);
    running.until_it_says("this will change");
    let mut admin = Admin::connect(engine, "mysql");
    admin.execute(on_and_off[0]);
    end_writers(&kit, &mut admin);
    running.until_it_says_one_of(said);
    thread::sleep(Duration::from_secs(1));
    assert!(!running.ended(), "it is waited for");
    admin.execute(on_and_off[1]);
    let ran: Ran = Running::wait(running).exits(0);
    assert!(ran.stderr.contains("for up to"), "{ran}");
    before.must_be_rotated(&kit, &Except::default());
    before.must_be_updated_once(&kit, &Except::default());
}

fn end_writers(kit: &Kit, admin: &mut Admin) {
    admin.end_sessions(&kit.site().database(0));
}

#[test]
fn a_mysql_that_is_set_to_read_only_is_waited_for() {
    is_waited_for(
        Engine::MySql,
        ["SET GLOBAL super_read_only = 1", "SET GLOBAL super_read_only = 0; SET GLOBAL read_only = 0"],
        &["read only"],
    );
}

#[test]
fn a_mariadb_that_is_set_to_read_only_is_waited_for() {
    is_waited_for(Engine::MariaDb, ["SET GLOBAL read_only = 1", "SET GLOBAL read_only = 0"], &["read only"]);
}

#[test]
fn a_mysql_that_is_taken_offline_is_waited_for() {
    is_waited_for(Engine::MySql, ["SET GLOBAL offline_mode = 1", "SET GLOBAL offline_mode = 0"], &["3032"]);
}

#[test]
fn a_mysql_that_wants_tls_from_now_on_is_waited_for() {
    is_waited_for(
        Engine::MySql,
        ["SET GLOBAL require_secure_transport = 1", "SET GLOBAL require_secure_transport = 0"],
        &["3159"],
    );
}

#[test]
fn a_mariadb_that_wants_tls_from_now_on_is_waited_for() {
    is_waited_for(
        Engine::MariaDb,
        ["SET GLOBAL require_secure_transport = 1", "SET GLOBAL require_secure_transport = 0"],
        &["1045", "3159"], // it has a number of its own from MariaDB 11 on
    );
}

/// Session numbers begin again after a restart: somebody else's is not ours because we once had its number.
#[test]
fn sessions_of_others_are_not_ours_by_their_number() {
    let mut servers = OwnServers::with(BOTH);
    for engine in [Engine::MySql, Engine::MariaDb] {
        let (server, mut admin) = database_of_its_own(engine);
        admin.execute("CREATE TABLE E2E_SESSIONS (A INTEGER PRIMARY KEY)");
        drop(admin);
        wait(async {
            let db = Db::open_server(&server, Access::ReadWrite, 6).await.unwrap();
            let mut held = Vec::new();
            for _ in 0..4 {
                held.push(db.begin().await.unwrap());
            }
            assert_eq!(db.foreign_sessions().await.unwrap(), []);
            drop(held);
            servers.kill(engine);
            servers.start_again(engine);
            // Others are first, and get the numbers that ours had.
            let name = server.database.clone();
            let connect = move || (0..8).map(|_| Admin::connect(engine, &name)).collect::<Vec<_>>();
            let others = thread::spawn(connect).join().unwrap();
            let _ = db.read("SELECT 1", &[]).await; // lost
            assert_eq!(db.foreign_sessions().await.unwrap().len(), others.len());
            db.close().await;
            thread::spawn(move || drop(others)).join().unwrap();
        });
    }
}

#[test]
fn a_privilege_that_comes_by_a_role_is_seen_and_lossy_settings_are_named() {
    let _servers = OwnServers::with(BOTH);
    for engine in [Engine::MySql, Engine::MariaDb] {
        let (mut server, mut root) = database_of_its_own(engine);
        let name = &server.database;
        let default = if engine == Engine::MySql {
            "SET DEFAULT ROLE watcher TO seer@'%'"
        } else {
            "SET DEFAULT ROLE watcher FOR seer@'%'"
        };
        root.execute(&format!(
            "CREATE USER seer@'%' IDENTIFIED BY 'x'; GRANT SELECT ON `{name}`.* TO seer@'%'; CREATE ROLE watcher; \
             GRANT PROCESS ON *.* TO watcher"
        ));
        server.user = "seer".to_owned();
        server.password = "x".to_owned().into();
        let look = || async {
            let db = Db::open_server(&server, Access::ReadOnly, 1).await.unwrap();
            let seen = (db.is_blind().await.unwrap(), db.lossy_settings().await.unwrap());
            db.close().await;
            seen
        };
        assert_eq!(wait(look()), (true, Vec::new()), "{engine:?}");
        root.execute(&format!("GRANT watcher TO seer@'%'; {default}"));
        assert!(!wait(look()).0, "{engine:?}");
        root.execute("SET GLOBAL sync_binlog = 0");
        let lossy = wait(look()).1;
        let has_log = root.text("SELECT CAST(@@GLOBAL.log_bin AS CHAR)") == "1";
        assert_eq!(lossy, if has_log { vec!["sync_binlog = 0".to_owned()] } else { Vec::new() });
    }
}

/// A table with columns that `SELECT *` does not show.
#[test]
fn a_table_with_an_invisible_column_that_takes_no_null_is_rotated() {
    let kit = on(Engine::MySql);
    let before = kit.snapshot();
    kit.run(&["plan"]).exits(0);
    admin(&kit).execute("ALTER TABLE IDN_SECRET ADD COLUMN HIDDEN INT NOT NULL INVISIBLE");
    kit.run(&["run"]).exits(0);
    before.must_be_rotated(&kit, &Except::default());
    kit.run(&["verify"]).exits(0);
}

/// MySQL's lists of sessions and of transactions fail while anybody's statement has what utf8mb3 has not (error
/// 3854): bytes, or such a character.
#[test]
fn what_others_send_disturbs_nothing() {
    let _servers = OwnServers::start(Engine::MySql);
    let kit = on(Engine::MySql);
    let before = kit.snapshot();
    let (done, is_done) = mpsc::channel::<()>();
    let sender = thread::spawn(move || {
        let mut other = outside(Engine::MySql);
        while is_done.try_recv() == Err(mpsc::TryRecvError::Empty) {
            other.execute("DO (SELECT SLEEP(0.1) + COUNT(*) + LENGTH('😀') FROM mysql.innodb_table_stats)");
        }
    });
    let plan = kit.run(&["plan", "--json"]).exits(0);
    assert!(!plan.stdout.contains("3854"), "{plan}");
    kit.run(&["run"]).exits(0);
    drop(done);
    sender.join().unwrap();
    before.must_be_rotated(&kit, &Except::default());
}

/// `plan` tells how large a table is now, not within the last day.
#[test]
fn sizes_are_those_of_now() {
    let (server, mut admin) = database_of_its_own(Engine::MySql);
    admin.execute("CREATE TABLE E2E_SIZES (A INTEGER PRIMARY KEY AUTO_INCREMENT, B VARCHAR(255))");
    let size = || async {
        let db = Db::open_server(&server, Access::ReadOnly, 1).await.unwrap();
        let size = db.table_bytes("E2E_SIZES").await.unwrap().unwrap();
        db.close().await;
        size
    };
    let small = wait(size());
    admin.execute("INSERT INTO E2E_SIZES (B) VALUES (REPEAT('x', 250))");
    for _ in 0..13 {
        admin.execute("INSERT INTO E2E_SIZES (B) SELECT B FROM E2E_SIZES");
    }
    admin.execute("ANALYZE TABLE E2E_SIZES");
    eventually("the size of now", || wait(size()) > small * 10);
}

/// Statements of others may have anything in them: information_schema.PROCESSLIST fails over it (error 3854).
#[test]
fn how_much_room_there_is_is_known_whatever_others_are_at() {
    for engine in [Engine::MySql, Engine::MariaDb] {
        let (server, mut admin) = database_of_its_own(engine);
        admin.execute("CREATE TABLE E2E_ODD (N INTEGER)");
        let database = server.database.clone();
        let busy = thread::spawn(move || {
            let mut other = Admin::connect(engine, &database);
            let _ = other.attempt("SELECT SLEEP(4), '\u{1f511}', _binary'\u{e9}'");
        });
        thread::sleep(Duration::from_millis(700));
        let connected: i64 = admin.rows("SHOW GLOBAL STATUS WHERE Variable_name = 'Threads_connected'")[0][1]
            .as_deref()
            .unwrap()
            .parse()
            .unwrap();
        let most: i64 = admin.text("SELECT CAST(@@max_connections AS CHAR)").parse().unwrap();
        let room = u32::try_from((most - connected) / 2 - 8).unwrap();
        let asked = async {
            let db = Db::open_server(&server, Access::ReadOnly, 10_000).await.unwrap();
            let connections = db.connections();
            db.close().await;
            connections
        };
        let connections = wait(asked);
        assert!((room..=room + 16).contains(&connections), "{engine:?}: {connections} of {room}");
        busy.join().unwrap();
    }
}
