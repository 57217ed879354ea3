//! The change log of MySQL and MariaDB in their own tools: installed by the client, dumped, loaded.

use std::fs::File;
use std::process::{Command, Output};

use super::pair::{Pair, Row, Side};
use super::steps::revoke_one;
use crate::support::{ADMIN, Admin, Engine, is_brief};

/// One of the server's own programs, or of MariaDB's that are installed.
fn tool(pair: &Pair, name: &str) -> Command {
    let mut command = Command::new("env");
    let port = pair.engine.port().to_string();
    command
        .env("PATH", pair.engine.with_its_programs())
        .env("MYSQL_PWD", ADMIN)
        .args([name, "--no-defaults", "--protocol=tcp", "--host=127.0.0.1", "--user=root", "--port"])
        .arg(port);
    command
}

#[track_caller]
fn done(ran: &Output) {
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// As a DBA runs it.
#[track_caller]
fn run_script(pair: &Pair, client: &str, database: &str, script: &std::path::Path) {
    done(&tool(pair, client).arg(database).stdin(File::open(script).unwrap()).output().unwrap());
}

/// Every trigger of a database: what it is on, when it fires, what it does.
fn triggers(engine: Engine, database: &str) -> Vec<Row> {
    let columns =
        "TRIGGER_NAME, EVENT_OBJECT_TABLE, EVENT_MANIPULATION, ACTION_STATEMENT, CAST(ACTION_ORDER AS CHAR)";
    Admin::connect(engine, "mysql").rows(&format!(
        "SELECT {columns} FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '{database}' ORDER BY 1"
    ))
}

fn a_dump_of_the_change_log_loads(engine: Engine) {
    let (client, tools): (&str, &[&str]) = match engine {
        Engine::MySql => ("mysql", &["mysqldump", "mariadb-dump"]),
        _ => ("mariadb", &["mariadb-dump"]),
    };
    for by_client in [false, true] {
        let pair = Pair::without_triggers(engine, 20);
        if by_client {
            let script = pair.place.path("install.sql");
            std::fs::write(&script, pair.run(&["triggers", "print"]).exits(0).stdout).unwrap();
            run_script(&pair, client, &pair.database(Side::Old), &script);
        } else {
            pair.run(&["triggers", "install"]).exits(0);
        }
        revoke_one(&pair);
        let (old, loaded) = (pair.database(Side::Old), format!("{}_loaded", pair.database(Side::Old)));
        let installed = triggers(engine, &old);
        assert_eq!(installed.len(), 8 * 4, "{installed:?}");
        for dump in tools {
            let file = pair.place.path("dump.sql");
            let gtid = if *dump == "mysqldump" { "--loose-set-gtid-purged=OFF" } else { "--loose-none" };
            let mut command = tool(&pair, dump);
            command.args(["--single-transaction", "--hex-blob", "--no-tablespaces", gtid]);
            command.arg("--result-file").arg(&file).arg(&old);
            done(&command.output().unwrap());
            let mut admin = Admin::connect(engine, "mysql");
            admin.execute(&format!("DROP DATABASE IF EXISTS {loaded}; CREATE DATABASE {loaded}"));
            run_script(&pair, client, &loaded, &file);
            assert_eq!(triggers(engine, &loaded), installed, "{dump}, by the client: {by_client}");
            // A trigger has the rights of who installed it. What it notes in the copy is what it notes in the original.
            let revoke = "UPDATE IDN_OAUTH2_ACCESS_TOKEN SET TOKEN_STATE = 'INACTIVE'";
            admin.execute(&format!("GRANT ALL ON {loaded}.* TO {}", pair.user()));
            let mut copy = Admin::connect(engine, &loaded);
            copy.execute(revoke);
            let noted = "SELECT CAST(COUNT(*) AS CHAR) FROM IDN_OAUTH2_ACCESS_TOKEN_TEMP";
            assert_eq!(copy.text(noted), "21", "one from before, and one for each token");
            admin.execute(&format!("DROP DATABASE {loaded}"));
        }
    }
}

/// Whatever statement a script stopped behind, `triggers install` makes the whole of it.
fn a_script_that_stopped_half_way_is_resumed(engine: Engine) {
    let pair = Pair::without_triggers(engine, 20);
    let script = pair.run(&["triggers", "print"]).exits(0).stdout;
    let statements: Vec<&str> = script.split(";\n").collect();
    let mut whole = None;
    // In the first table each statement, then here and there.
    let all = (1..18).chain((18..statements.len()).step_by(17));
    let some = [2, 4, 6, 8, 11, 40].into_iter();
    // With the trigger on a log by which the script finds out whether it may make any.
    let tried = statements.iter().position(|statement| statement.contains("_sync_try BEFORE")).unwrap() + 1;
    let stops = if is_brief() { some.collect::<Vec<_>>() } else { all.collect() };
    for stop in stops.into_iter().chain([tried]) {
        let name = pair.database(Side::Old);
        let mut session = Admin::connect(engine, &name);
        for statement in &statements[..stop] {
            session.execute(statement);
        }
        drop(session);
        pair.run(&["triggers", "install"]).exits(0);
        let found = triggers(engine, &name);
        assert_eq!(found.len(), 8 * 4, "after {stop} statements");
        assert_eq!(*whole.get_or_insert_with(|| found.clone()), found, "after {stop} statements");
        pair.run(&["triggers", "remove", "--on", "old"]).exits(0);
    }
}

/// With its binary log on, MySQL lets only a DBA make triggers.
fn triggers_that_a_dba_has_installed_are_taken(engine: Engine) {
    let pair = Pair::without_triggers(engine, 20);
    let user = pair.user();
    let has_log = engine == Engine::MySql; // by default
    if has_log {
        Admin::connect(engine, "mysql").execute(&format!("REVOKE SUPER ON *.* FROM {user}"));
        let ran = pair.run(&["triggers", "install"]).exits(3);
        assert!(
            ran.stderr.contains("log_bin_trust_function_creators") && ran.stderr.contains("triggers print"),
            "{ran}"
        );
    }
    let script = pair.place.path("install.sql");
    std::fs::write(&script, pair.run(&["triggers", "print"]).exits(0).stdout).unwrap();
    run_script(&pair, if has_log { "mysql" } else { "mariadb" }, &pair.database(Side::Old), &script);
    let ran = pair.run(&["triggers", "install"]).exits(0);
    assert!(ran.stdout.contains("changes to 8 tables are recorded"), "{ran}");
    revoke_one(&pair);
    pair.run(&["run", "--until-drained", "--quiet-for", "1s"]).exits(0);
    assert_eq!(
        pair.count(Side::New, "IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_STATE = 'REVOKED'"),
        pair.count(Side::Old, "IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_STATE = 'REVOKED'")
    );
}

/// A user who sees no table would be given a script that records nothing.
fn a_user_who_sees_no_table_is_told_so(engine: Engine) {
    let pair = Pair::without_triggers(engine, 20);
    let (user, name) = (pair.user(), pair.database(Side::Old));
    let mut admin = Admin::connect(engine, &name);
    admin.execute(&format!(
        "REVOKE ALL ON {name}.* FROM {user}; CREATE TABLE SOMETHING (A INTEGER); GRANT SELECT ON {name}.SOMETHING TO {user}"
    ));
    if engine == Engine::MySql {
        admin.execute(&format!("REVOKE SUPER ON *.* FROM {user}"));
    }
    for command in ["print", "install"] {
        let ran = pair.run(&["triggers", command]).exits(3);
        assert!(ran.stdout.is_empty() && ran.stderr.contains("this user sees none of the tables"), "{ran}");
    }
}

crate::support::on_engines! {
    a_dump_of_the_change_log_loads: mysql mariadb;
    a_script_that_stopped_half_way_is_resumed: mysql, slow: mariadb;
    triggers_that_a_dba_has_installed_are_taken: mysql, slow: mariadb;
    a_user_who_sees_no_table_is_told_so: mysql mariadb;
}
