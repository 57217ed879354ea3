//! Triggers that are not whole: one is missing, fires for something else, or went while sync was at work.

use super::pair::{Pair, Side};
use crate::kit::Refused as _;
use crate::support::{Engine, stand_in};

const TOKENS: &str = "IDN_OAUTH2_ACCESS_TOKEN";

fn drop_trigger(engine: Engine, name: &str) -> String {
    let of = if engine == Engine::Postgres { format!(" ON {TOKENS}") } else { String::new() };
    format!("DROP TRIGGER {name}{of}")
}

/// The triggers that the script makes on the table of tokens, without those that it makes to try whether it may.
fn names(pair: &Pair) -> Vec<String> {
    let script = pair.run(&["triggers", "print"]).exits(0).stdout;
    let section = script.split("-- table: ").find(|section| section.starts_with(&format!("{TOKENS}\n")));
    let made = section.unwrap().split("CREATE ").skip(1).filter_map(|made| {
        let (before, behind) = made.split_once("TRIGGER ")?;
        let behind = behind.strip_prefix("IF NOT EXISTS ").unwrap_or(behind);
        ["", "OR REPLACE ", "OR ALTER "]
            .contains(&before)
            .then(|| behind.split_whitespace().next().unwrap().to_owned())
    });
    made.filter(|name| !name.ends_with("_try")).collect()
}

/// Each of them is missing once.
pub(crate) fn a_trigger_that_is_missing_is_named(engine: Engine) {
    let pair = Pair::new(engine, 60);
    let names = names(&pair);
    let expected = match (engine, stand_in().as_deref()) {
        (Engine::H2, None) => 1,
        (Engine::MySql | Engine::MariaDb, _) | (Engine::H2, Some("db2")) => 4,
        _ => 3,
    };
    assert_eq!(names.len(), expected, "{names:?}");
    pair.run(&["confirm", "triggers-installed"]).exits(0);
    for name in &names {
        pair.execute_as_owner(Side::Old, &drop_trigger(engine, name));
        let said = if names.len() == 1 { TOKENS.to_owned() } else { name.to_uppercase() };
        let ran = pair.run(&["run"]).refused(2, "KR-CFG-052");
        assert!(ran.stderr.contains(&said), "{ran}");
        let ran = pair.run(&["confirm", "triggers-installed"]);
        assert!(ran.code() != Some(0) && ran.stderr.contains(&said), "{ran}");
        pair.run(&["triggers", "install"]).exits(0);
        pair.run(&["confirm", "triggers-installed"]).exits(0);
    }
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
}

/// It has the name that it should have, and fires for something else.
pub(crate) fn a_trigger_for_another_event_is_named(engine: Engine) {
    let pair = Pair::new(engine, 60);
    let name = "token_sync_delete";
    pair.execute_as_owner(Side::Old, &drop_trigger(engine, name));
    let entry = format!("INSERT INTO {TOKENS}_TEMP (TOKEN_ID, AVAILABILITY) VALUES (NEW.TOKEN_ID, 1)");
    let body = match engine {
        Engine::Postgres => "FOR EACH ROW EXECUTE FUNCTION token_sync_log()".to_owned(),
        Engine::Sqlite => format!("BEGIN {entry}; END"),
        _ => format!("FOR EACH ROW {entry}"),
    };
    pair.execute_as_owner(Side::Old, &format!("CREATE TRIGGER {name} AFTER INSERT ON {TOKENS} {body}"));
    let ran = pair.run(&["run"]).refused(2, "KR-CFG-052");
    assert!(ran.stderr.contains("TOKEN_SYNC_DELETE") && ran.stderr.contains("DELETE"), "{ran}");
    pair.run(&["triggers", "install"]).exits(0);
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
}

/// Nothing that is called drained was looked at without them.
pub(crate) fn a_trigger_that_goes_while_sync_is_at_work_ends_it(engine: Engine) {
    let pair = Pair::new(engine, 60);
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    let script = pair.run(&["triggers", "print"]).exits(0).stdout;
    let name = names(&pair).pop().unwrap();
    let mut running = pair.start(&["sync", "--until-drained", "--quiet-for", "5s"]);
    running.until_it_says("compared in full");
    pair.execute_as_owner(Side::Old, &drop_trigger(engine, &name));
    let ran = running.wait().refused(2, "KR-CFG-052");
    assert!(ran.stderr.contains("may be in no change log"), "{ran}");
    if stand_in().is_some() {
        return; // its script is none of H2's
    }
    pair.execute_as_owner(Side::Old, &script);
    pair.run(&["sync", "--until-drained", "--quiet-for", "0s"]).exits(0);
}

/// A change log that somebody prepared, or has changed since, and that would not keep each entry as it is.
fn a_change_log_that_is_no_ordinary_table_is_refused(engine: Engine, flaws: &[(&str, &str, &str)]) {
    let pair = Pair::new(engine, 60);
    pair.run(&["triggers", "remove", "--on", "old"]).exits(0);
    let log = format!("{TOKENS}_TEMP");
    for (make, unmake, said) in flaws {
        // Before.
        let columns = "SYNC_ID INTEGER PRIMARY KEY, TOKEN_ID VARCHAR(255), AVAILABILITY INTEGER NOT NULL, \
                       SYNCED INTEGER NOT NULL DEFAULT 0, CHANGED_AT TIMESTAMP";
        if !make.starts_with("CREATE VIEW") {
            pair.execute_as_owner(Side::Old, &format!("CREATE TABLE {log} ({columns})"));
        }
        pair.execute_as_owner(Side::Old, make);
        let ran = pair.run(&["triggers", "install"]).refused(2, "KR-CFG-052");
        assert!(ran.stderr.contains(said) && ran.stderr.contains("nothing was installed"), "{ran}");
        pair.execute_as_owner(Side::Old, unmake);
        if !make.starts_with("CREATE VIEW") {
            pair.execute_as_owner(Side::Old, &format!("DROP TABLE {log}"));
        }
        // Since.
        pair.run(&["triggers", "install"]).exits(0);
        if !make.starts_with("CREATE VIEW") {
            pair.execute_as_owner(Side::Old, make);
            let ran = pair.run(&["run"]).refused(2, "KR-CFG-052");
            assert!(ran.stderr.contains(said), "{ran}");
            let ran = pair.run(&["confirm", "triggers-installed"]);
            assert!(ran.code() != Some(0) && ran.stderr.contains(said), "{ran}");
            pair.execute_as_owner(Side::Old, unmake);
        }
        pair.run(&["triggers", "remove", "--on", "old"]).exits(0);
    }
}

/// A view with the columns of a change log.
const VIEW: (&str, &str, &str) = (
    "CREATE VIEW IDN_OAUTH2_ACCESS_TOKEN_TEMP AS SELECT 1 AS SYNC_ID, TOKEN_ID, 1 AS AVAILABILITY, 0 AS SYNCED, \
     TIME_CREATED AS CHANGED_AT FROM IDN_OAUTH2_ACCESS_TOKEN",
    "DROP VIEW IDN_OAUTH2_ACCESS_TOKEN_TEMP",
    "is a view",
);

#[test]
fn a_change_log_of_mysql_without_transactions_with_triggers_or_a_view_is_refused() {
    let flaws = [
        (
            "ALTER TABLE IDN_OAUTH2_ACCESS_TOKEN_TEMP ENGINE = MyISAM",
            "ALTER TABLE IDN_OAUTH2_ACCESS_TOKEN_TEMP ENGINE = InnoDB",
            "the change log IDN_OAUTH2_ACCESS_TOKEN_TEMP is kept by MyISAM",
        ),
        (
            "CREATE TRIGGER somebody BEFORE INSERT ON IDN_OAUTH2_ACCESS_TOKEN_TEMP FOR EACH ROW SET NEW.SYNCED = 1",
            "DROP TRIGGER somebody",
            "has a trigger of its own, SOMEBODY",
        ),
        VIEW,
    ];
    a_change_log_that_is_no_ordinary_table_is_refused(Engine::MySql, &flaws);
    a_change_log_that_is_no_ordinary_table_is_refused(Engine::MariaDb, &flaws);
}

#[test]
fn a_change_log_of_sqlite_with_triggers_or_a_view_is_refused() {
    let flaws = [
        (
            "CREATE TRIGGER somebody AFTER INSERT ON IDN_OAUTH2_ACCESS_TOKEN_TEMP BEGIN \
             DELETE FROM IDN_OAUTH2_ACCESS_TOKEN_TEMP; END",
            "DROP TRIGGER somebody",
            "has a trigger of its own, SOMEBODY",
        ),
        VIEW,
    ];
    a_change_log_that_is_no_ordinary_table_is_refused(Engine::Sqlite, &flaws);
}

crate::support::on_engines! {
    a_trigger_that_is_missing_is_named: sqlite postgresql mysql mariadb;
    a_trigger_for_another_event_is_named: sqlite postgresql mysql, slow: mariadb;
    a_trigger_that_goes_while_sync_is_at_work_ends_it: sqlite mysql, slow: postgresql mariadb;
}
