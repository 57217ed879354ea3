//! Schemas of PostgreSQL: several databases of a deployment, or of two, in one; and tables that are not
//! where they are looked for.

use keyrotation::db::{Access, Db, Value};

use super::{admin, on, outside};
use crate::kit::{Kit, Refused as _, plaintext, seal};
use crate::support::{Engine, database_of_its_own, wait};

/// A deployment whose registry is a schema of the identity database, with a few values in it.
fn in_two_schemas() -> Kit {
    let kit = on(Engine::Postgres);
    kit.run(&["plan"]).exits(0); // the server holds the deployment from here on
    let user = kit.site().user();
    admin(&kit).execute(&format!(
        "CREATE SCHEMA reg; CREATE TABLE reg.REG_PROPERTY (REG_ID INTEGER NOT NULL, REG_NAME VARCHAR(100) NOT NULL, \
         REG_VALUE VARCHAR(1000), REG_TENANT_ID INTEGER DEFAULT 0 NOT NULL, PRIMARY KEY (REG_ID, REG_TENANT_ID)); \
         GRANT USAGE ON SCHEMA reg TO \"{user}\"; GRANT ALL ON ALL TABLES IN SCHEMA reg TO \"{user}\""
    ));
    for number in 0..5 {
        let value = seal(&kit.deployment.spec.old_key, "in the registry");
        admin(&kit)
            .execute(&format!("INSERT INTO reg.REG_PROPERTY VALUES ({number}, 'password', '{value}', 0)"));
    }
    kit
}

fn url(kit: &Kit, parameters: &str) -> String {
    kit.site().url(0, &format!("localhost:{}", Engine::Postgres.port()), parameters)
}

#[test]
fn identity_and_registry_in_two_schemas_of_one_database_are_both_rotated() {
    for parameters in ["?currentSchema=reg", "?options=-c%20search_path=reg"] {
        let kit = in_two_schemas();
        kit.configure("newRegDBUrl", Some(&url(&kit, parameters)));
        let ran = kit.run_unlooked(&["run"]).exits(0);
        assert!(ran.stderr.contains("registry database jdbc:postgresql"), "{ran}");
        let values = admin(&kit).rows("SELECT REG_VALUE::text FROM reg.REG_PROPERTY");
        assert_eq!(values.len(), 5);
        for value in values {
            let value = value[0].as_deref().unwrap();
            let opened = plaintext(&kit.deployment.spec.new_key, value);
            assert_eq!(opened.as_deref(), Some("in the registry"), "{parameters}");
        }
        kit.run_unlooked(&["verify"]).exits(0);
    }
}

/// The path may be the role's own: what counts is where the tables are found.
#[test]
fn old_and_new_in_two_schemas_of_one_database_are_two_and_in_one_schema_are_one() {
    let kit = in_two_schemas();
    let user = kit.site().user();
    kit.configure("newRegDBUrl", Some(&url(&kit, "?currentSchema=reg")));
    admin(&kit).execute(&format!(
        "CREATE SCHEMA old; CREATE TABLE old.IDN_IDENTITY_USER_DATA (LIKE public.IDN_IDENTITY_USER_DATA); \
         GRANT USAGE ON SCHEMA old TO \"{user}\"; GRANT ALL ON ALL TABLES IN SCHEMA old TO \"{user}\"; \
         CREATE SCHEMA nothing; GRANT USAGE ON SCHEMA nothing TO \"{user}\""
    ));
    for key in ["Username", "Password"] {
        let text = std::fs::read_to_string(&kit.deployment.config).unwrap();
        let value =
            text.lines().find_map(|line| line.strip_prefix(&format!("newIdn{key}: "))).unwrap().to_owned();
        kit.configure(&format!("oldIdn{key}"), Some(&value));
    }
    kit.configure("oldIdnDBUrl", Some(&url(&kit, "?currentSchema=old")));
    kit.run_unlooked(&["plan"]).exits(0);
    for parameters in ["?currentSchema=public", "?currentSchema=public&ApplicationName=x"] {
        kit.configure("oldIdnDBUrl", Some(&url(&kit, parameters)));
        let ran = kit.run_unlooked(&["run"]).refused(2, "KR-CFG-016");
        assert!(ran.error().contains("schema public"), "{ran}");
    }
    // Where the old user's path leads to no table, nobody knows in which schema they are: that is no other one.
    kit.configure("oldIdnDBUrl", Some(&url(&kit, "?currentSchema=nothing")));
    let seen = kit.run_unlooked(&["preflight"]).stdout;
    assert!(seen.contains("does not find the tables there"), "{seen}");
    let ran = kit.run_unlooked(&["run"]).refused(2, "KR-CFG-016");
    assert!(ran.error().contains("shows in"), "{ran}");
    kit.configure("oldIdnDBUrl", Some(&url(&kit, "?currentSchema=old")));
    kit.run_unlooked(&["run"]).exits(0);
}

/// A rotation in one schema has the lock of that one only.
#[test]
fn a_lock_is_a_schemas_own() {
    let kit = in_two_schemas();
    let of = |schema: &str| {
        format!(
            "SELECT pg_advisory_lock(1801812338, ('x' || substr(md5('keyrotation.{schema}'), 1, 8))::bit(32)::int4)::text"
        )
    };
    kit.configure("newRegDBUrl", Some(&url(&kit, "?currentSchema=reg")));
    let mut other = admin(&kit);
    other.rows(&of("elsewhere"));
    kit.run_unlooked(&["run", "--others-connected"]).exits(0);
    std::fs::remove_dir_all(kit.journal()).unwrap();
    other.rows(&of("reg"));
    kit.run_unlooked(&["run", "--others-connected", "--all-already-new"]).refused(3, "KR-DB-003");
}

/// What stands in place of a table that every version has, or near it, is named.
#[test]
fn what_is_near_a_table_that_is_not_there_is_named() {
    let kit = on(Engine::Postgres);
    kit.run(&["plan"]).exits(0);
    let table = "idn_oauth2_authorization_code";
    for (make, undo, named) in [
        (
            format!("CREATE SCHEMA elsewhere; ALTER TABLE {table} SET SCHEMA elsewhere"),
            format!("ALTER TABLE elsewhere.{table} SET SCHEMA public; DROP SCHEMA elsewhere"),
            format!("a table {table} in schema elsewhere"),
        ),
        (
            format!("ALTER TABLE {table} RENAME TO \"IDN_OAUTH2_AUTHORIZATION_CODE\""),
            format!("ALTER TABLE \"IDN_OAUTH2_AUTHORIZATION_CODE\" RENAME TO {table}"),
            "a table IDN_OAUTH2_AUTHORIZATION_CODE in schema public".to_owned(),
        ),
        (
            format!("ALTER TABLE {table} RENAME TO away; CREATE VIEW {table} AS SELECT * FROM away"),
            format!("DROP VIEW {table}; ALTER TABLE away RENAME TO {table}"),
            format!("a view {table} in schema public"),
        ),
        (
            format!(
                "ALTER TABLE {table} RENAME TO away; CREATE TABLE whole (LIKE away) PARTITION BY LIST (STATE); \
                 CREATE TABLE {table} PARTITION OF whole DEFAULT"
            ),
            format!("DROP TABLE whole; ALTER TABLE away RENAME TO {table}"),
            format!("a partition {table} in schema public"),
        ),
        foreign_table(table),
    ] {
        admin(&kit).execute(&make);
        for args in [&["plan"][..], &["run", "--others-connected"]] {
            let ran = kit.run_unlooked(args).refused(3, "KR-DB-020");
            assert!(ran.error().contains(&named), "no {named}: {ran}");
        }
        admin(&kit).execute(&undo);
        kit.run_unlooked(&["plan"]).exits(0);
    }
    assert!(!kit.journal().exists());
}

/// A table that stands in a file: how it is made, taken away, and named.
fn foreign_table(table: &str) -> (String, String, String) {
    let make = format!(
        "CREATE EXTENSION IF NOT EXISTS file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw; \
         ALTER TABLE {table} RENAME TO away; \
         CREATE FOREIGN TABLE {table} (one text) SERVER files OPTIONS (program 'echo one'); GRANT SELECT ON {table} TO public"
    );
    let undo = format!(
        "DROP FOREIGN TABLE {table}; DROP SERVER files; DROP EXTENSION file_fdw; ALTER TABLE away RENAME TO {table}"
    );
    (make, undo, format!("a foreign table {table} in schema public"))
}

/// Likewise in place of a table that only some versions have, if it has rows or cannot be read.
#[test]
fn a_table_of_some_versions_that_is_near_by_is_not_skipped() {
    let kit = on(Engine::Postgres);
    std::fs::remove_file(kit.deployment.home.join("bin/version.txt")).unwrap(); // one that is known decides by itself
    kit.run(&["plan"]).exits(0);
    let table = "idn_secret";
    let user = kit.site().user();
    for (make, undo, named) in [
        (
            format!("CREATE SCHEMA elsewhere; ALTER TABLE {table} SET SCHEMA elsewhere"),
            format!("ALTER TABLE elsewhere.{table} SET SCHEMA public; DROP SCHEMA elsewhere"),
            format!("a table {table} in schema elsewhere, which this user may not read"),
        ),
        (
            format!(
                "CREATE SCHEMA elsewhere; ALTER TABLE {table} SET SCHEMA elsewhere; GRANT USAGE ON SCHEMA elsewhere TO \
                 \"{user}\""
            ),
            format!("ALTER TABLE elsewhere.{table} SET SCHEMA public; DROP SCHEMA elsewhere"),
            format!("a table {table} in schema elsewhere"),
        ),
        (
            format!("ALTER TABLE {table} RENAME TO \"IDN_SECRET\""),
            format!("ALTER TABLE \"IDN_SECRET\" RENAME TO {table}"),
            "a table IDN_SECRET in schema public".to_owned(),
        ),
        foreign_table(table),
    ] {
        admin(&kit).execute(&make);
        for args in [&["plan"][..], &["run", "--others-connected"]] {
            let ran = kit.run_unlooked(args).refused(3, "KR-DB-020");
            assert!(ran.error().contains(&named), "no {named}: {ran}");
            assert!(ran.error().contains("--without-table IDN_SECRET"), "{ran}");
        }
        kit.run_unlooked(&["plan", "--without-table", "IDN_SECRET"]).exits(0);
        admin(&kit).execute(&undo);
        kit.run_unlooked(&["plan"]).exits(0);
    }
    // Of another name in all, or without a row, it is nothing to look for.
    admin(&kit).execute("CREATE TABLE kept AS SELECT * FROM idn_secret; DROP TABLE idn_secret");
    kit.run_unlooked(&["plan"]).exits(0);
    admin(&kit).execute(
        "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.idn_secret (one text); GRANT USAGE ON SCHEMA \
                         elsewhere TO public; GRANT SELECT ON elsewhere.idn_secret TO public",
    );
    kit.run_unlooked(&["plan"]).exits(0);
    assert!(!kit.journal().exists());
}

/// MySQL and MariaDB: a view.
#[test]
fn a_view_in_place_of_a_table_of_some_versions_is_not_skipped() {
    for engine in [Engine::MySql, Engine::MariaDb] {
        let kit = on(engine);
        kit.run(&["plan"]).exits(0);
        admin(&kit).execute("RENAME TABLE IDN_SECRET TO AWAY; CREATE VIEW IDN_SECRET AS SELECT * FROM AWAY");
        let ran = kit.run_unlooked(&["run"]).refused(3, "KR-DB-020");
        assert!(ran.error().contains("a view IDN_SECRET"), "{ran}");
        kit.run_unlooked(&["run", "--without-table", "IDN_SECRET"]).exits(0);
    }
}

/// A database without an encoding (SQL_ASCII): one text of another one ends no answer.
#[test]
fn a_text_of_any_encoding_is_read_for_what_it_is() {
    let (mut server, _) = database_of_its_own(Engine::Postgres);
    server.database += "_ascii";
    let options = "TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'";
    outside(Engine::Postgres).execute(&format!("CREATE DATABASE {} {options}", server.database));
    let read = async {
        let db = Db::open_server(&server, Access::ReadWrite, 1).await.unwrap();
        db.script("CREATE TABLE E2E_TEXTS (N INTEGER PRIMARY KEY, T TEXT)").await.unwrap();
        db.script("INSERT INTO E2E_TEXTS VALUES (1, E'\\xff\\x41'), (2, '\u{e9}')").await.unwrap();
        let texts = db.read("SELECT T FROM E2E_TEXTS ORDER BY N", &[]).await.unwrap();
        db.close().await;
        texts
    };
    let texts: Vec<Value> = wait(read).into_iter().flatten().collect();
    assert_eq!(texts, [Value::NotText(vec![0xff, 0x41]), Value::Text("\u{e9}".to_owned())]);
}
