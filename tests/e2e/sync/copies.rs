//! Copies of ciphertext beside the targets: who makes a preflight and who retires the old key are told of the same.

use std::fs;

use serde_json::Value;

use super::pair::{Pair, Side};
use crate::kit::seal;
use crate::support::{Engine, OwnServers};

const CHECKS: &[&str] =
    &["kept-copies", "statement-logs", "ciphertext-elsewhere", "foreign-triggers", "backup-tables"];

/// What a preflight finds, and what is said to who wants to retire the old database.
fn told(pair: &Pair) -> [String; 2] {
    let ran = pair.run(&["preflight", "--json"]);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
    let checks = document["checks"].as_array().unwrap().iter();
    let of_copies = checks.filter(|check| CHECKS.iter().any(|id| check["id"] == *id));
    let found: Vec<&str> = of_copies.map(|check| check["found"].as_str().unwrap()).collect();
    let ran = pair.run(&["safe-to-retire", "--json"]);
    let verdict: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
    [found.join("\n"), verdict["copies"].to_string()]
}

#[track_caller]
fn both_name(pair: &Pair, names: &[&str]) {
    for told in told(pair) {
        for name in names {
            assert!(told.contains(name), "no {name} in {told}");
        }
    }
}

fn rotated(engine: Engine) -> Pair {
    let pair = Pair::new(engine, 60);
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    pair
}

#[test]
fn triggers_copies_and_files_on_sqlite() {
    let pair = rotated(Engine::Sqlite);
    let [_, retire] = told(&pair);
    assert_eq!(retire, "[]");
    pair.execute(
        Side::New,
        "CREATE TABLE MY_AUDIT (WHAT TEXT); \
         CREATE TABLE IDN_SECRET_BAK AS SELECT ID FROM IDN_SECRET; \
         CREATE TRIGGER NOTE AFTER UPDATE ON IDN_SECRET BEGIN INSERT INTO MY_AUDIT VALUES (OLD.SECRET_VALUE); END; \
         INSERT INTO MY_AUDIT SELECT ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN",
    );
    both_name(&pair, &["NOTE on IDN_SECRET", "MY_AUDIT.WHAT", "IDN_SECRET_BAK"]);
    let old = seal(pair.keys()[0], "left behind");
    let stores = pair.place.deployment.home.join("repository/deployment/server/userstores");
    fs::write(stores.join("notes.txt"), format!("it was {old}")).unwrap();
    let [_, retire] = told(&pair);
    assert!(retire.contains("notes.txt"), "{retire}");
}

#[test]
fn rules_triggers_schemas_and_logs_of_postgresql() {
    let pair = rotated(Engine::Postgres);
    let user = pair.user();
    let user = user.trim_end_matches("@'%'").trim_matches('\'');
    pair.execute(
        Side::New,
        &format!(
            "CREATE SCHEMA audit; CREATE TABLE audit.logged (what text); \
             INSERT INTO audit.logged SELECT ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN; \
             GRANT USAGE ON SCHEMA audit TO \"{user}\"; GRANT SELECT ON audit.logged TO \"{user}\"; \
             CREATE SCHEMA closed; CREATE TABLE closed.logged (what text); \
             CREATE SCHEMA other; CREATE TABLE other.idn_secret (secret_value text); \
             CREATE RULE keep AS ON UPDATE TO IDN_SECRET DO ALSO INSERT INTO audit.logged VALUES (OLD.SECRET_VALUE); \
             CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; \
             CREATE TRIGGER note AFTER UPDATE ON WF_BPS_PROFILE FOR EACH ROW EXECUTE FUNCTION note(); \
             CREATE PUBLICATION away FOR TABLE IDN_OAUTH_CONSUMER_APPS; \
             ALTER ROLE \"{user}\" SET log_min_duration_statement = '1s'"
        ),
    );
    both_name(
        &pair,
        &[
            "audit.logged.what",
            "not looked at: schema closed",
            "not looked at: schema other, which has the tables of another Identity Server",
            "the rule keep",
            "NOTE on WF_BPS_PROFILE",
            "the publication away",
            "log_min_duration_statement",
        ],
    );
}

/// On H2, and as it stands in for Oracle, SQL Server and Db2.
pub(crate) fn tables_of_other_schemas(engine: Engine) {
    let pair = rotated(engine);
    for told in told(&pair) {
        assert!(!told.contains("LOGGED") && !told.contains("not looked at: other tables"), "{told}");
    }
    pair.execute(
        Side::New,
        "CREATE SCHEMA AUDIT; CREATE TABLE AUDIT.LOGGED (WHAT VARCHAR(2000), OTHER VARBINARY(2000), N INTEGER); \
         INSERT INTO AUDIT.LOGGED (WHAT) SELECT ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN; \
         CREATE TABLE MY_AUDIT (WHAT CLOB); INSERT INTO MY_AUDIT SELECT ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN",
    );
    both_name(&pair, &["AUDIT.LOGGED.WHAT", "MY_AUDIT.WHAT"]);
    for told in told(&pair) {
        assert!(!told.contains("LOGGED.OTHER"), "{told}");
    }
}

#[test]
fn history_logs_and_other_databases_of_mariadb() {
    logs_and_other_databases(Engine::MariaDb);
}

#[test]
fn logs_and_other_databases_of_mysql() {
    logs_and_other_databases(Engine::MySql);
}

fn logs_and_other_databases(engine: Engine) {
    let _servers = OwnServers::start(engine); // its log is the whole server's
    let pair = rotated(engine);
    let (user, other) = (pair.user(), format!("{}_audit", pair.database(Side::New)));
    pair.execute(
        Side::New,
        &format!(
            "CREATE DATABASE {other}; CREATE TABLE {other}.LOGGED (WHAT TEXT); \
             INSERT INTO {other}.LOGGED SELECT ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN; \
             GRANT SELECT ON {other}.* TO {user}; SET GLOBAL general_log = ON; \
             CREATE TRIGGER note AFTER UPDATE ON WF_BPS_PROFILE FOR EACH ROW SET @noted = OLD.PASSWORD"
        ),
    );
    let mut names = vec!["LOGGED.WHAT", "general_log", "NOTE on WF_BPS_PROFILE"];
    if engine == Engine::MariaDb {
        pair.execute(Side::New, "ALTER TABLE IDN_SECRET ADD SYSTEM VERSIONING");
        names.push("IDN_SECRET: system-versioned history");
    }
    both_name(&pair, &names);
    pair.execute(Side::New, &format!("DROP DATABASE {other}"));
}
