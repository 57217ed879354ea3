//! H2, embedded and on a server: by way of its JDBC driver.

use super::parts::{LOCK_ROWS, by_state};
use super::{Dialect, LockRow, Paging, Questions, Rewrite, Write, WriteDelay};
use crate::error::Class;
use crate::server::Kind as ServerKind;
use crate::table::Kind;

/// H2 2.x.
pub const H2: Dialect = Dialect {
    name: "H2",
    kind: Some(ServerKind::H2),
    rows_at_once: 1000,
    portable: |column| format!("CAST({column} AS VARCHAR)"),
    inexact: &["java_object", "other", "geometry"],
    // A time with a zone, as the change log's, becomes the session's own; DATEDIFF alone ignores zones.
    log_age: |column| format!("DATEDIFF('MILLISECOND', CAST({column} AS TIMESTAMP), LOCALTIMESTAMP)"),
    paging: Paging::Ways,
    write: Write::Batch,
    // Not by the text itself: a collation, or a column that ignores case, takes others for equal.
    same: |column, mark, kind| match kind {
        Kind::Text => format!("RAWTOHEX({column}) = RAWTOHEX(CAST({mark} AS VARCHAR))"),
        _ => format!("{column} = {mark}"),
    },
    is_true: |column| format!("UPPER(CAST({column} AS VARCHAR)) IN ('1', 'TRUE', 'Y')"),
    tables: "SELECT UPPER(TABLE_NAME) FROM INFORMATION_SCHEMA.TABLES \
             WHERE TABLE_SCHEMA = SCHEMA() AND TABLE_TYPE IN ('TABLE', 'BASE TABLE') ORDER BY 1",
    objects: "SELECT UPPER(TABLE_NAME) FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = SCHEMA() \
              UNION SELECT UPPER(TRIGGER_NAME) FROM INFORMATION_SCHEMA.TRIGGERS WHERE TRIGGER_SCHEMA = SCHEMA()",
    table_bytes: "SELECT DISK_SPACE_USED(CAST(? AS VARCHAR))",
    age: |column| format!("DATEDIFF('MILLISECOND', {column}, LOCALTIMESTAMP)"),
    rewrite: Rewrite { files: 100, log: 0 },
    triggers: &[
        "SELECT UPPER(EVENT_OBJECT_TABLE), UPPER(TRIGGER_NAME), EVENT_MANIPULATION, '' \
         FROM INFORMATION_SCHEMA.TRIGGERS \
         WHERE EVENT_OBJECT_SCHEMA = SCHEMA() ORDER BY 1, 2",
        // 1.4.200
        "SELECT UPPER(TABLE_NAME), UPPER(TRIGGER_NAME), TRIGGER_TYPE, '' FROM INFORMATION_SCHEMA.TRIGGERS \
         WHERE TABLE_SCHEMA = SCHEMA() ORDER BY 1, 2",
    ],
    clock: "SELECT CAST(EXTRACT(EPOCH FROM CURRENT_TIMESTAMP) * 1000 AS BIGINT)",
    near: "SELECT TABLE_SCHEMA, TABLE_NAME, CASE TABLE_TYPE WHEN 'VIEW' THEN 'a view' ELSE 'a table' END \
           FROM INFORMATION_SCHEMA.TABLES WHERE UPPER(TABLE_NAME) = UPPER(CAST(? AS VARCHAR)) ORDER BY 1, 2",
    log_table: "SELECT CASE WHEN TABLE_TYPE IN ('TABLE', 'BASE TABLE') THEN '' ELSE CONCAT('is a ', LOWER(TABLE_TYPE)) END \
                FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = SCHEMA() AND UPPER(TABLE_NAME) = CAST(? AS VARCHAR)",
    // Types by their numbers in 1.4, by their names in 2.x. Those that are no texts are bytes, or cannot be looked into.
    text_columns: "SELECT CASE WHEN c.TABLE_SCHEMA = SCHEMA() THEN '' ELSE c.TABLE_SCHEMA END, \
                   c.TABLE_NAME, c.COLUMN_NAME, 1, CASE WHEN CAST(c.DATA_TYPE AS VARCHAR) IN ('ARRAY', '2003') THEN 'an array' \
                   WHEN CAST(c.DATA_TYPE AS VARCHAR) IN ('ROW', '2002') THEN 'a row' ELSE '' END \
                   FROM INFORMATION_SCHEMA.COLUMNS AS c JOIN INFORMATION_SCHEMA.TABLES AS t \
                   ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME \
                   WHERE c.TABLE_SCHEMA <> 'INFORMATION_SCHEMA' AND t.TABLE_TYPE NOT IN ('VIEW', 'SYSTEM TABLE') \
                   AND (CAST(c.DATA_TYPE AS VARCHAR) IN ('ARRAY', '2003', 'ROW', '2002') OR c.CHARACTER_MAXIMUM_LENGTH >= 30 \
                   AND CAST(c.DATA_TYPE AS VARCHAR) NOT IN ('-2', '-3', '-4', '2004', '1111', '2000')) ORDER BY 1, 2, 3",
    own_schema: "SELECT SCHEMA()",
    own_words: "CURRENT_CATALOG CURRENT_DATE CURRENT_PATH CURRENT_ROLE CURRENT_SCHEMA CURRENT_TIME \
                CURRENT_TIMESTAMP CURRENT_USER DEFAULT FALSE LOCALTIME LOCALTIMESTAMP NULL ROWNUM \
                SESSION_USER SYSDATE SYSTEM_USER SYSTIMESTAMP TODAY TRUE UNKNOWN USER _ROWID_",
    questions: &QUESTIONS,
    // H2 writes what was committed some time later, half a second if nobody says otherwise, and what it has acknowledged
    // until then goes with its process. CHECKPOINT SYNC alone does not help: where old parts of the file are mostly
    // unused, 2.1 moves these together and writes no commit. Without a delay each commit is written; this syncs the file.
    flush: "CHECKPOINT SYNC",
    write_delay: Some(WRITE_DELAY),
    setup: |_, _| vec!["SET LOCK_TIMEOUT 30000".to_owned()],
    statements: &[
        ("put a token down", LOCK_ROWS.put),
        ("does it show", LOCK_ROWS.has),
        ("take it away", LOCK_ROWS.take),
        ("delay of writes", WRITE_DELAY.ask),
        ("delay of writes in 1.4", OLD_WRITE_DELAY.ask),
        ("no delay of writes", "SET WRITE_DELAY 0"),
    ],
    class,
    own_words_for: |number, text| match number {
        IN_USE => Some(
            "the file is open in another process, as an Identity Server's that runs: an embedded \
             H2 database has one user at a time; stop the server that has it open (or, where it \
             serves the file over TCP, name it by jdbc:h2:tcp://host:port/path)",
        ),
        GENERAL if text.contains("read-only") => Some(
            "the file was not closed, and a transaction in it must be rolled back first: continue with \
             `keyrotation resume`, or open the database once with the server",
        ),
        NO_ADMIN => {
            Some("the user must be an administrator of the H2 database, as the Identity Server's own is")
        }
        _ => None,
    },
    in_use: Some(IN_USE),
    ..Dialect::PLAIN
};

/// H2 1.4.200.
pub(super) const H2_1: Dialect =
    Dialect { questions: &OLD_QUESTIONS, write_delay: Some(OLD_WRITE_DELAY), ..H2 };

const WRITE_DELAY: WriteDelay = WriteDelay {
    ask: "SELECT CAST(SETTING_VALUE AS BIGINT) FROM INFORMATION_SCHEMA.SETTINGS WHERE SETTING_NAME = 'WRITE_DELAY'",
    usual: 500,
    set: |milliseconds| format!("SET WRITE_DELAY {milliseconds}"),
};
const OLD_WRITE_DELAY: WriteDelay = WriteDelay {
    ask: "SELECT CAST(\"VALUE\" AS BIGINT) FROM INFORMATION_SCHEMA.SETTINGS WHERE NAME = 'WRITE_DELAY'",
    ..WRITE_DELAY
};

/// Database may be already in use.
const IN_USE: i64 = 90_020;
/// Any fault within H2.
const GENERAL: i64 = 50_000;
/// Admin rights are required.
const NO_ADMIN: i64 = 90_040;

/// What is asked of H2 2.x.
const QUESTIONS: Questions = Questions {
    claim: "SELECT ID FROM KEYROTATION_LOCK WHERE ID = 1 FOR UPDATE",
    is_ours: "SELECT 1",
    lock_row: Some(&LOCK_ROW),
    sessions: "SELECT SESSION_ID, USER_NAME, COALESCE(CLIENT_INFO, 'a session'), \
               COALESCE(CLIENT_ADDR, 'the process that has the file open'), EXECUTING_STATEMENT IS NOT NULL, \
               CAST(SESSION_START AS VARCHAR) FROM INFORMATION_SCHEMA.SESSIONS ORDER BY 1",
    session: "SELECT SESSION_ID(), CAST(SESSION_START AS VARCHAR) FROM INFORMATION_SCHEMA.SESSIONS \
              WHERE SESSION_ID = SESSION_ID()",
    identity: "", // nothing tells one server from another: by its name
    lossy: "",    // each commit is flushed
    // Without that right a session sees itself alone.
    is_blind: "SELECT COUNT(*) = 0 FROM INFORMATION_SCHEMA.USERS WHERE USER_NAME = CURRENT_USER AND IS_ADMIN",
    ..Questions::PLAIN
};

/// What is asked of H2 1.4.
const OLD_QUESTIONS: Questions = Questions {
    sessions: "SELECT ID, USER_NAME, 'a session', COALESCE(CLIENT_ADDR, 'the process that has the file open'), \
               STATEMENT IS NOT NULL, CAST(SESSION_START AS VARCHAR) FROM INFORMATION_SCHEMA.SESSIONS ORDER BY 1",
    session: "SELECT SESSION_ID(), CAST(SESSION_START AS VARCHAR) FROM INFORMATION_SCHEMA.SESSIONS \
              WHERE ID = SESSION_ID()",
    is_blind: "SELECT COUNT(*) = 0 FROM INFORMATION_SCHEMA.USERS WHERE NAME = USER() AND ADMIN = 'true'",
    ..QUESTIONS
};

const LOCK_ROW: LockRow = LockRow {
    table: "KEYROTATION_LOCK",
    make: &[
        "CREATE TABLE IF NOT EXISTS KEYROTATION_LOCK (ID INTEGER PRIMARY KEY)",
        "MERGE INTO KEYROTATION_LOCK KEY (ID) VALUES (1)",
    ],
    patience: "SET LOCK_TIMEOUT 500",
    remove: "DROP TABLE IF EXISTS KEYROTATION_LOCK",
};

/// What to do about an error.
fn class(code: i64, state: &str) -> Class {
    match code {
        // deadlock, lock timeout, concurrent update, canceled, row was removed meanwhile
        40_001 | 50_200 | 90_131 | 57_014 | 90_112 => Class::Retry,
        // connection broken, database closed, closed object, closed by an administrator
        90_067 | 90_098 | 90_121 | 90_007 | 90_135 => Class::Lost,
        // raised by a trigger
        90_044 => Class::Row,
        _ => by_state(state),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::are;
    use super::*;

    #[test]
    fn errors_are_told_apart() {
        are(class, Class::Retry, &[("HYT00", 50_200)]);
        are(class, Class::Lost, &[("90067", 90_067)]);
        are(class, Class::Row, &[("23505", 23_505), ("22001", 22_001)]);
        are(class, Class::Environment, &[("28000", 28_000), ("90020", 90_020)]);
    }
}
