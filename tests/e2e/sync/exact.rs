//! Values on their way: exactly, or not at all and by name.

use super::flow::{drain, new_token, state_of, synced};
use super::judge::must_be_settled;
use super::pair::{Pair, Side};
use crate::kit::Refused as _;
use crate::support::Engine;

const TOKENS: &str = "IDN_OAUTH2_ACCESS_TOKEN";
const CLAIMS: &str = "IDN_IDENTITY_USER_DATA";
const DRAIN: [&str; 4] = ["sync", "--until-drained", "--quiet-for", "0s"];

fn on_both(pair: &Pair, sql: &str) {
    for side in [Side::Old, Side::New] {
        pair.execute_as_owner(side, sql);
    }
}

/// Columns that the server computes take no value: an insert that names them is refused.
pub(crate) fn what_the_server_computes_is_left_out(engine: Engine) {
    let pair = Pair::new(engine, 60);
    let columns = match engine {
        Engine::Postgres => {
            "ADD COLUMN N BIGINT GENERATED ALWAYS AS IDENTITY, ADD COLUMN G TEXT GENERATED ALWAYS AS (UPPER(TOKEN_STATE)) STORED"
        }
        Engine::MariaDb => {
            "ADD COLUMN G VARCHAR(40) AS (UPPER(TOKEN_STATE)) PERSISTENT, ADD COLUMN V INT AS (1) VIRTUAL"
        }
        // As sql_generate_invisible_primary_key makes it.
        Engine::MySql => {
            "ADD COLUMN G VARCHAR(40) AS (UPPER(TOKEN_STATE)) STORED, ADD COLUMN V INT AS (1) VIRTUAL, \
             ADD COLUMN my_row_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT UNIQUE INVISIBLE"
        }
        _ => "ADD COLUMN G TEXT GENERATED ALWAYS AS (UPPER(TOKEN_STATE)) VIRTUAL",
    };
    on_both(&pair, &format!("ALTER TABLE {TOKENS} {columns}"));
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    // Both give the same number to different rows.
    pair.execute(Side::New, &new_token(&pair, Side::New, "the-new-servers", 2, "INACTIVE"));
    pair.execute(Side::Old, &new_token(&pair, Side::Old, "with-computed", 1, "INACTIVE"));
    drain(&pair);
    assert_eq!(
        pair.count(Side::New, &format!("{TOKENS} WHERE TOKEN_ID = 'with-computed' AND G = 'INACTIVE'")),
        1
    );
}

/// The log has an INTEGER where the tables have a decimal, whose text is another key.
#[test]
fn a_key_that_the_log_has_as_another_kind_of_number_is_found() {
    let pair = Pair::without_triggers(Engine::Postgres, 60);
    on_both(&pair, &format!("ALTER TABLE {CLAIMS} ALTER COLUMN TENANT_ID TYPE numeric(38)"));
    pair.run(&["triggers", "install"]).exits(0);
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    pair.execute(Side::Old, &format!("INSERT INTO {CLAIMS} VALUES (-1234, 'late', 'claim', 'one')"));
    pair.execute(Side::Old, &format!("UPDATE {CLAIMS} SET DATA_VALUE = 'two'"));
    drain(&pair);
    let all = pair.count(Side::Old, CLAIMS);
    assert_eq!(pair.count(Side::New, &format!("{CLAIMS} WHERE DATA_VALUE = 'two'")), all);
    pair.execute(Side::Old, &format!("DELETE FROM {CLAIMS} WHERE USER_NAME = 'late'"));
    drain(&pair);
    assert_eq!(pair.count(Side::New, CLAIMS), all - 1);
}

/// Another's log may number its entries in a column of any kind; what has no number is not seen to, and is told.
#[test]
fn an_entry_is_seen_to_whatever_kind_of_number_it_has() {
    let pair = synced(Engine::Postgres);
    let log = format!("{TOKENS}_TEMP");
    let as_number = [
        format!("ALTER TABLE {log} ALTER COLUMN SYNC_ID DROP IDENTITY"),
        "CREATE SEQUENCE e2e_entries START 1000".to_owned(),
        "GRANT USAGE ON SEQUENCE e2e_entries TO PUBLIC".to_owned(),
        format!("ALTER TABLE {log} ALTER COLUMN SYNC_ID TYPE numeric(20, 2)"),
        format!("ALTER TABLE {log} ALTER COLUMN SYNC_ID SET DEFAULT nextval('e2e_entries')"),
    ];
    pair.execute_as_owner(Side::Old, &as_number.join(";"));
    pair.execute(Side::Old, &format!("UPDATE {TOKENS} SET SUBJECT_IDENTIFIER = 'changed'"));
    drain(&pair);
    let all = pair.count(Side::Old, TOKENS);
    assert_eq!(pair.count(Side::New, &format!("{TOKENS} WHERE SUBJECT_IDENTIFIER = 'changed'")), all);
    assert_eq!(pair.count(Side::Old, &log), 0);
    let as_text = [
        format!("ALTER TABLE {log} ALTER COLUMN SYNC_ID DROP DEFAULT"),
        format!("ALTER TABLE {log} ALTER COLUMN SYNC_ID TYPE text"),
        format!("ALTER TABLE {log} ALTER COLUMN SYNC_ID SET DEFAULT 'entry ' || nextval('e2e_entries')"),
    ];
    pair.execute_as_owner(Side::Old, &as_text.join(";"));
    pair.execute(Side::Old, &format!("UPDATE {TOKENS} SET SUBJECT_IDENTIFIER = 'changed again'"));
    let ran = pair.run(&DRAIN).exits(1);
    assert!(
        ran.stderr
            .contains(&format!("{log}: {all} entries have a number (SYNC_ID) or a key that cannot be read")),
        "{ran}"
    );
    assert_eq!(pair.count(Side::Old, &log), all);
}

/// What no text can carry is refused before anything is written.
#[test]
fn types_that_cannot_be_carried_exactly_are_refused_first() {
    for (engine, column, name) in [
        (Engine::Postgres, "ADD COLUMN FEE MONEY", "money"),
        (Engine::MariaDb, "ADD COLUMN FEE FLOAT", "float"),
    ] {
        let pair = Pair::new(engine, 60);
        on_both(&pair, &format!("ALTER TABLE {TOKENS} {column}"));
        let ran = pair.run(&["run"]).refused(3, "KR-DB-002");
        assert!(ran.stderr.contains("FEE is of type") && ran.stderr.contains(name), "{ran}");
        assert!(!pair.place.journal().join("log").exists(), "nothing has begun");
    }
}

/// A column of the copy that takes less than the old one's would cut, round or refuse what comes.
pub(crate) fn columns_that_take_less_are_refused_first(engine: Engine) {
    let pairs: &[[&str; 2]] = match engine {
        Engine::Postgres => &[
            ["numeric(38, 4)", "numeric(10, 2)"],
            ["numeric", "numeric(38, 4)"],
            ["timestamp(6)", "timestamp(0)"],
            ["bigint", "integer"],
            ["varchar(60)", "varchar(20)"],
            ["text", "varchar(20)"],
            ["varchar(6)", "char(6)"],
            ["char(6)", "char(3)"],
            ["integer", "text"],
        ],
        Engine::MySql | Engine::MariaDb => &[
            ["decimal(38, 4)", "decimal(10, 2)"],
            ["datetime(6)", "datetime"],
            ["bigint", "int"],
            ["int", "int unsigned"],
            ["varchar(60)", "varchar(20)"],
            ["varchar(20) character set utf8mb4", "varchar(20) character set latin1"],
            ["enum('a', 'b')", "enum('a')"],
        ],
        Engine::H2 => &[
            ["DECIMAL(38, 4)", "DECIMAL(10, 2)"],
            ["TIMESTAMP(6)", "TIMESTAMP(0)"],
            ["BIGINT", "INTEGER"],
            ["VARCHAR(60)", "VARCHAR(20)"],
        ],
        Engine::Sqlite => &[],
    };
    let pair = Pair::new(engine, 20);
    for types in pairs {
        for (side, column) in [Side::Old, Side::New].into_iter().zip(types) {
            pair.execute_as_owner(side, &format!("ALTER TABLE {TOKENS} ADD COLUMN FEE {column}"));
        }
        let ran = pair.run(&["run"]).refused(3, "KR-DB-002");
        assert!(ran.stderr.contains("FEE is of type"), "{types:?}: {ran}");
        assert!(!pair.place.journal().join("log").exists(), "nothing has begun");
        on_both(&pair, &format!("ALTER TABLE {TOKENS} DROP COLUMN FEE"));
    }
    // More room is no harm.
    let pair = Pair::without_triggers(engine, 20);
    for (side, length) in [(Side::Old, 20), (Side::New, 60)] {
        pair.execute_as_owner(side, &format!("ALTER TABLE {TOKENS} ADD COLUMN FEE VARCHAR({length})"));
    }
    pair.run(&["triggers", "install"]).exits(0);
    pair.execute(Side::Old, &format!("UPDATE {TOKENS} SET FEE = 'twenty characters it'"));
    pair.run(&["run", "--until-drained", "--quiet-for", "0s"]).exits(0);
    assert_eq!(pair.count(Side::New, &format!("{TOKENS} WHERE FEE = 'twenty characters it'")), 20);
}

/// A text that is none would become NULL, or bytes.
#[test]
fn a_text_that_is_none_waits_and_the_rest_goes_on() {
    let pair = synced(Engine::Sqlite);
    for (n, id) in (1..).zip(["broken", "sound"]) {
        pair.execute(Side::Old, &new_token(&pair, Side::Old, id, n, "ACTIVE"));
    }
    let set =
        |text: &str| format!("UPDATE {TOKENS} SET SUBJECT_IDENTIFIER = {text} WHERE TOKEN_ID = 'broken'");
    pair.execute(Side::Old, &set("CAST(x'ff41' AS TEXT)"));
    let ran = pair.run(&DRAIN).exits(1);
    assert!(ran.stdout.contains("SUBJECT_IDENTIFIER: it is not valid text"), "{ran}");
    assert_eq!(state_of(&pair, Side::New, "broken"), None);
    assert_eq!(state_of(&pair, Side::New, "sound").as_deref(), Some("ACTIVE"));
    pair.execute(Side::Old, &set("'mended'"));
    drain(&pair);
    must_be_settled(&pair, &std::collections::BTreeMap::new());
}

/// Ten commits that fail end that row's turn, and no other's: what was on its way is settled first.
#[test]
fn commits_that_fail_again_and_again_hold_up_nothing_else() {
    let pair = synced(Engine::Postgres);
    pair.execute(
        Side::New,
        &format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             RAISE EXCEPTION 'planned' USING ERRCODE = '40001'; END $$; \
             CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON {CLAIMS} DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW EXECUTE FUNCTION refuse()"
        ),
    );
    pair.execute(Side::Old, &format!("INSERT INTO {CLAIMS} VALUES (-1234, 'late', 'claim', 'one')"));
    pair.execute(Side::Old, &new_token(&pair, Side::Old, "another", 1, "ACTIVE"));
    let ran = pair.run(&DRAIN).exits(1);
    assert!(ran.stdout.contains("another session blocks it"), "{ran}");
    assert_eq!(state_of(&pair, Side::New, "another").as_deref(), Some("ACTIVE"));
    pair.execute(Side::New, &format!("DROP TRIGGER refuse ON {CLAIMS}; DROP FUNCTION refuse"));
    drain(&pair);
    pair.run(&["verify"]).exits(0);
}

/// A row that is refused only at the commit fails alone, and not with all that were to be committed with it.
#[test]
fn a_row_that_is_refused_at_the_commit_fails_alone() {
    let pair = synced(Engine::Postgres);
    pair.execute(
        Side::New,
        &format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planned'; END $$; \
             CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON {CLAIMS} DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW WHEN (NEW.USER_NAME = 'late') EXECUTE FUNCTION refuse()"
        ),
    );
    for user in ["early", "late", "latest"] {
        pair.execute(Side::Old, &format!("INSERT INTO {CLAIMS} VALUES (-1234, '{user}', 'claim', 'one')"));
    }
    let ran = pair.run(&DRAIN).exits(1);
    assert!(ran.stdout.contains("planned"), "{ran}");
    let arrived = |user: &str| pair.count(Side::New, &format!("{CLAIMS} WHERE USER_NAME = '{user}'"));
    assert_eq!(["early", "late", "latest"].map(arrived), [1, 0, 1]);
    pair.execute(Side::New, &format!("DROP TRIGGER refuse ON {CLAIMS}; DROP FUNCTION refuse"));
    drain(&pair);
    pair.run(&["verify"]).exits(0);
}

/// A trigger in the new database that cancels a change, or makes another one of it, and acts on `odd` rows only.
fn meddle(engine: Engine, event: &str) -> String {
    let row = if event == "DELETE" { "OLD" } else { "NEW" };
    match (engine, event) {
        (Engine::Sqlite, _) => format!(
            "CREATE TRIGGER meddle BEFORE {event} ON {TOKENS} WHEN {row}.TOKEN_ID LIKE 'odd%' BEGIN SELECT RAISE(IGNORE); END"
        ),
        (Engine::Postgres, "UPDATE") => format!(
            "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF NEW.TOKEN_STATE <> OLD.TOKEN_STATE THEN \
             UPDATE {TOKENS} SET TOKEN_STATE = 'LOCKED' WHERE TOKEN_ID = OLD.TOKEN_ID AND TOKEN_STATE <> 'LOCKED'; \
             END IF; RETURN NULL; END $$; \
             CREATE CONSTRAINT TRIGGER meddle AFTER UPDATE ON {TOKENS} DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW WHEN (NEW.TOKEN_ID LIKE 'odd%') EXECUTE FUNCTION meddle()"
        ),
        (Engine::Postgres, _) => format!(
            "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; \
             CREATE TRIGGER meddle BEFORE {event} ON {TOKENS} FOR EACH ROW WHEN ({row}.TOKEN_ID LIKE 'odd%') \
             EXECUTE FUNCTION meddle()"
        ),
        _ => format!(
            "CREATE TRIGGER meddle BEFORE {event} ON {TOKENS} FOR EACH ROW \
             SET NEW.TOKEN_STATE = IF(NEW.TOKEN_ID LIKE 'odd%', 'LOCKED', NEW.TOKEN_STATE)"
        ),
    }
}

/// What a trigger of the copy cancels or changes has not arrived, although the server refused nothing.
pub(crate) fn what_the_new_database_does_not_keep_is_not_acknowledged(engine: Engine) {
    let pair = synced(engine);
    let states = || ["odd", "even"].map(|id| state_of(&pair, Side::New, id));
    let state = |state: &str| Some(state.to_owned());
    let inserts = [("odd", 1), ("even", 2)].map(|(id, n)| new_token(&pair, Side::Old, id, n, "ACTIVE"));
    let update = format!("UPDATE {TOKENS} SET TOKEN_STATE = 'INACTIVE' WHERE TOKEN_ID IN ('odd', 'even')");
    let delete = format!("DELETE FROM {TOKENS} WHERE TOKEN_ID IN ('odd', 'even')");
    let active = state("ACTIVE");
    for (event, sql, before, after) in [
        ("INSERT", &inserts.join(";"), None, active.clone()),
        ("UPDATE", &update, active, state("INACTIVE")),
        ("DELETE", &delete, state("INACTIVE"), None),
    ] {
        if event == "DELETE" && matches!(engine, Engine::MariaDb | Engine::MySql) {
            break; // nothing cancels one there
        }
        pair.execute(Side::New, &meddle(engine, event));
        pair.execute(Side::Old, sql);
        let ran = pair.run(&DRAIN).exits(1);
        assert!(ran.stdout.contains("does not keep what is written"), "{event}: {ran}");
        assert_eq!(states(), [before, after.clone()], "{event}");
        let entries = format!("{TOKENS}_TEMP WHERE TOKEN_ID = 'odd'");
        assert!(pair.count(Side::Old, &entries) > 0, "{event}: its entry waits");
        pair.execute(
            Side::New,
            match engine {
                Engine::Postgres => "DROP FUNCTION meddle CASCADE",
                _ => "DROP TRIGGER meddle",
            },
        );
        drain(&pair);
        assert_eq!(states(), [after.clone(), after], "{event}");
    }
    pair.run(&["verify"]).exits(0);
}

crate::support::on_engines! {
    what_the_server_computes_is_left_out: sqlite postgresql mysql, slow: mariadb;
    columns_that_take_less_are_refused_first: sqlite postgresql mysql, slow: mariadb;
    what_the_new_database_does_not_keep_is_not_acknowledged: sqlite postgresql mysql, slow: mariadb;
}
