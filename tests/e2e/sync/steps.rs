//! Triggers: installed, printed, removed, and what is refused without them.

use super::pair::{Pair, Side};
use crate::kit::Refused as _;
use crate::support::Engine;

const LOG: &str = "IDN_OAUTH2_ACCESS_TOKEN_TEMP";

fn on_old(pair: &Pair) -> u64 {
    pair.count(Side::Old, LOG)
}

pub(super) fn revoke_one(pair: &Pair) {
    let one = "(SELECT T FROM (SELECT MIN(TOKEN_ID) AS T FROM IDN_OAUTH2_ACCESS_TOKEN) AS X)";
    let sql = format!("UPDATE IDN_OAUTH2_ACCESS_TOKEN SET TOKEN_STATE = 'REVOKED' WHERE TOKEN_ID = {one}");
    pair.execute(Side::Old, &sql);
}

pub(crate) fn triggers_come_and_go_without_a_trace(engine: Engine) {
    let pair = Pair::without_triggers(engine, 60);
    pair.run(&["run", "--until-drained"]).refused(2, "KR-CFG-052");
    let ran = pair.run(&["triggers", "install"]).exits(0);
    assert!(ran.stdout.contains("changes to 8 tables are recorded"), "{ran}");
    revoke_one(&pair);
    assert_eq!(on_old(&pair), 1);
    // Again: what is noted is kept, and nothing is noted twice.
    pair.run(&["triggers", "install"]).exits(0);
    revoke_one(&pair);
    assert_eq!(on_old(&pair), 2);
    let ran = pair.run(&["triggers", "remove", "--on", "new"]).exits(0);
    assert!(ran.stdout.contains("no sync triggers"), "{ran}");
    pair.run(&["triggers", "remove", "--on", "old"]).refused(2, "KR-CFG-058"); // two entries wait
    pair.run(&["triggers", "remove", "--on", "old", "--force"]).exits(0);
    revoke_one(&pair);
    let ran = pair.run(&["triggers", "remove", "--on", "old"]).exits(0);
    assert!(ran.stdout.contains("no sync triggers"), "{ran}");
    pair.run(&["run"]).refused(2, "KR-CFG-052");
    // What was done before the rotation is no rotation, and is on record once there is one.
    pair.run(&["triggers", "install"]).exits(0);
    pair.run(&["run", "--until-drained", "--quiet-for", "1s"]).exits(0);
    let status = pair.run(&["status", "--json"]).exits(0).json();
    let steps: Vec<_> =
        status["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    let installed = "triggers-installed";
    assert_eq!(steps, [installed, installed, "clean-copy/removed", "triggers-removed", installed]);
    if engine == Engine::H2 {
        // A setting that only a database to be rewritten gets for a while.
        let delay =
            "SELECT SETTING_VALUE FROM INFORMATION_SCHEMA.SETTINGS WHERE SETTING_NAME = 'WRITE_DELAY'";
        assert_eq!(pair.rows(Side::Old, delay).concat(), []);
        assert_eq!(pair.rows(Side::New, delay).concat(), [Some("500".to_owned())]);
    }
}

pub(crate) fn a_copy_with_triggers_is_refused_and_cleaned(engine: Engine) {
    let pair = Pair::new(engine, 60);
    let script = pair.run(&["triggers", "print"]).exits(0).stdout;
    assert!(!script.contains("-- table: IDN_OAUTH2_REFRESH_TOKEN_BINDING"), "a table that is not there");
    pair.execute_as_owner(Side::New, &script);
    pair.run(&["run"]).refused(2, "KR-CFG-050");
    pair.run(&["triggers", "remove", "--on", "new"]).exits(0);
    pair.run(&["run", "--until-drained", "--quiet-for", "1s"]).exits(0);
}

pub(crate) fn tables_can_be_left_out(engine: Engine) {
    let pair = Pair::new(engine, 60);
    let config = std::fs::read_to_string(&pair.place.deployment.config).unwrap();
    let with =
        |line: &str| std::fs::write(&pair.place.deployment.config, format!("{config}{line}\n")).unwrap();
    with("syncTables: [-IDN_OAUTH2_ACCESS_TOKEN]");
    let ran = pair.run(&["run"]).refused(2, "KR-CFG-005");
    assert!(ran.stderr.contains("IDN_OAUTH2_ACCESS_TOKEN_SCOPE needs it"), "{ran}");
    with("syncTables: [-IDN_SESSION]");
    pair.run(&["run"]).refused(2, "KR-CFG-005");
    with("syncTables: [-IDN_OAUTH2_TOKEN_BINDING]");
    pair.run(&["run", "--until-drained", "--quiet-for", "1s"]).exits(0);
    let tables = pair.sync_status()["tables"].clone();
    assert_eq!(tables.as_array().unwrap().len(), 8);
}

/// The DBA runs the script, the server writes as a user of its own, and the program has the rights that
/// the script's head and docs/databases.md name, no more.
fn three_users(engine: Engine) {
    let pair = Pair::without_rights(engine, 60);
    let script = pair.run(&["triggers", "print"]).exits(0).stdout;
    pair.execute(Side::Old, &script);
    let head: String =
        script.lines().filter_map(|line| line.strip_prefix("--")).collect::<Vec<_>>().join(" ");
    let grants =
        head.split("GRANT ").skip(1).map(|rest| format!("GRANT {}", rest.split(';').next().unwrap()));
    let is_there = |grant: &String| !grant.contains("REFRESH_TOKEN_BINDING");
    let mut grants: Vec<String> = grants.filter(is_there).collect();
    assert!(grants.len() > 2, "{grants:?}");
    if engine == Engine::Postgres {
        // The statement that names the table which is not there names two others.
        let refresh = "IDN_OAUTH2_REFRESH_TOKEN";
        grants.push(format!("GRANT SELECT ON {refresh}, {refresh}_SCOPE TO keyrotation"));
        grants.push(format!(
            "GRANT SELECT, UPDATE, DELETE ON {refresh}_TEMP, {refresh}_SCOPE_TEMP TO keyrotation"
        ));
    }
    pair.grant_only(Side::Old, &grants);
    let all = match engine {
        Engine::Postgres => vec![
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO keyrotation".to_owned(),
        ],
        _ => ["SELECT", "INSERT", "UPDATE", "DELETE", "TRIGGER"]
            .map(|right| format!("GRANT {right} ON * TO keyrotation"))
            .to_vec(),
    };
    pair.grant_only(Side::New, &all);
    let server = if engine == Engine::Postgres { "identity_server" } else { "'identity_server'@'%'" };
    let own = "IDN_OAUTH2_ACCESS_TOKEN";
    let revoke = format!("UPDATE {own} SET TOKEN_STATE = 'REVOKED' WHERE TOKEN_ID LIKE '%'");
    if engine == Engine::Postgres {
        pair.execute(Side::Old, "DROP ROLE IF EXISTS identity_server; CREATE ROLE identity_server");
        pair.execute(
            Side::Old,
            &format!("GRANT SELECT, UPDATE ON {own} TO {server}; SET ROLE {server}; {revoke}"),
        );
        pair.execute(Side::Old, &format!("DROP OWNED BY {server}; DROP ROLE {server}"));
    } else {
        pair.execute(Side::Old, &format!("DROP USER IF EXISTS {server}; CREATE USER {server} IDENTIFIED BY 'secret'; GRANT SELECT, UPDATE ON {own} TO {server}"));
        pair.execute_as(Side::Old, "identity_server", "secret", &revoke);
        pair.execute(Side::Old, &format!("DROP USER {server}"));
    }
    pair.run(&["run", "--until-drained", "--quiet-for", "1s"]).exits(0);
    let left = pair.count(Side::New, &format!("{own} WHERE TOKEN_STATE <> 'REVOKED'"));
    assert_eq!((left, on_old(&pair)), (0, 0));
    // It may read and acknowledge, and nothing more.
    pair.run(&["triggers", "remove", "--on", "old", "--force"]).refused(3, "KR-DB-006");
}

mod rights {
    #[test]
    fn three_users_on_postgresql() {
        super::three_users(crate::support::Engine::Postgres);
    }

    #[test]
    fn three_users_on_mariadb() {
        super::three_users(crate::support::Engine::MariaDb);
    }

    #[test]
    fn three_users_on_mysql() {
        super::three_users(crate::support::Engine::MySql);
    }
}

/// The Java tool's tables are wider, and its log has neither times nor an index.
pub(crate) fn the_java_tools_triggers_will_do(engine: Engine) {
    let pair = Pair::without_triggers(engine, 60);
    for (table, triggers, key) in [
        ("IDN_IDENTITY_USER_DATA", "totp_sync", &["TENANT_ID", "USER_NAME", "DATA_KEY"][..]),
        ("IDN_OAUTH2_AUTHORIZATION_CODE", "oauth2_code_sync", &["CODE_ID"]),
        ("IDN_OAUTH2_ACCESS_TOKEN", "token_sync", &["TOKEN_ID"]),
        ("IDN_OAUTH2_ACCESS_TOKEN_SCOPE", "scope_sync", &["TOKEN_ID", "TOKEN_SCOPE"]),
    ] {
        pair.execute_as_owner(Side::Old, &java_tool(engine, table, triggers, key));
    }
    let ran = pair.run(&["triggers", "install"]).exits(0);
    assert!(ran.stdout.contains("it works with keyrotation, and nothing was changed"), "{ran}");
    revoke_one(&pair);
    pair.run(&["run", "--until-drained", "--quiet-for", "1s", "--keep-acknowledged"]).exits(0);
    assert_eq!(
        pair.count(
            Side::New,
            "IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_STATE = 'REVOKED' AND TOKEN_STATE_ID = 'NONE'"
        ),
        1
    );
    assert_eq!(pair.count(Side::Old, &format!("{LOG} WHERE SYNCED = 1")), 1, "it is marked, and kept");
    pair.say_that_the_old_server_is_out_of_use();
    // That tool does not know of tables that came since.
    let ran = pair.run(&["safe-to-retire"]).exits(1);
    assert!(
        ran.stdout.contains("IDN_OAUTH2_REFRESH_TOKEN: the old identity database has no sync triggers"),
        "{ran}"
    );
    let later = [
        "IDN_OAUTH2_AUTHZ_CODE_SCOPE",
        "IDN_OAUTH2_TOKEN_BINDING",
        "IDN_OAUTH2_REFRESH_TOKEN",
        "IDN_OAUTH2_REFRESH_TOKEN_SCOPE",
    ];
    let words: Vec<&str> = later.iter().flat_map(|table| ["--accept-drift", table]).collect();
    pair.run(&[&["safe-to-retire"], &words[..]].concat()).exits(0);
    pair.run(&["triggers", "remove", "--on", "old"]).exits(0);
}

/// A change log with a column that is not the key's, as the Java tool's has many.
fn java_tool(engine: Engine, table: &str, triggers: &str, key: &[&str]) -> String {
    let log = format!("{table}_TEMP");
    let typed =
        |name: &&str| format!("{name} {}", if *name == "TENANT_ID" { "INTEGER" } else { "VARCHAR(255)" });
    let columns = key.iter().map(typed).collect::<Vec<_>>().join(", ");
    let id = match engine {
        Engine::Postgres => "SERIAL PRIMARY KEY",
        Engine::MariaDb | Engine::MySql => "INTEGER AUTO_INCREMENT PRIMARY KEY",
        Engine::Sqlite | Engine::H2 => "INTEGER PRIMARY KEY AUTOINCREMENT",
    };
    let mut sql = format!(
        "CREATE TABLE {log} (SYNC_ID {id}, {columns}, SOMETHING_MORE VARCHAR(2048), AVAILABILITY INTEGER NOT NULL, \
         SYNCED INTEGER DEFAULT 0);"
    );
    for (event, row, availability) in [("insert", "NEW", 1), ("update", "NEW", 1), ("delete", "OLD", 0)] {
        let values = key.iter().map(|name| format!("{row}.{name}")).collect::<Vec<_>>().join(", ");
        let names = key.join(", ");
        let insert = format!(
            "INSERT INTO {log} ({names}, SOMETHING_MORE, AVAILABILITY) VALUES ({values}, 'x', {availability})"
        );
        sql += &match engine {
            Engine::Postgres => format!(
                "CREATE FUNCTION {triggers}_{event}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {insert}; RETURN NULL; END $$; \
                 CREATE TRIGGER {triggers}_{event} AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {triggers}_{event}();"
            ),
            Engine::MariaDb | Engine::MySql => {
                format!("CREATE TRIGGER {triggers}_{event} AFTER {event} ON {table} FOR EACH ROW {insert};")
            }
            Engine::Sqlite | Engine::H2 => {
                format!("CREATE TRIGGER {triggers}_{event} AFTER {event} ON {table} BEGIN {insert}; END;")
            }
        };
    }
    sql
}

crate::support::on_engines! {
    triggers_come_and_go_without_a_trace: sqlite postgresql mysql mariadb;
    a_copy_with_triggers_is_refused_and_cleaned: sqlite postgresql, slow: mysql mariadb;
    tables_can_be_left_out: sqlite mysql, slow: postgresql mariadb;
    the_java_tools_triggers_will_do: sqlite postgresql mysql, slow: mariadb;
}
