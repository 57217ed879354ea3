//! Db2 for Linux, UNIX and Windows, by way of its JDBC driver.

use super::parts::{JdbcDriver, VARCHAR, by_state, fetch_first};
use super::{Dialect, LockRow, PolicyQuestion, Questions};
use crate::error::Class;
use crate::server::Kind;

/// Db2 10.5 and later.
///
/// Traps: keys are DECIMAL(31, 0) in the registry, which the driver reads exactly; a cursor `FOR UPDATE` fetches
/// row by row and lets its locks go again, so rows are read only, with locks that are kept.
pub const DB2: Dialect = Dialect {
    name: "Db2",
    kind: Some(Kind::Db2),
    portable: |column| format!("RTRIM(CAST({column} AS CHAR(64)))"),
    inexact: &["real", "double", "decfloat", "xml", "rowid"],
    log_age: |column| since(column, "CURRENT TIMESTAMP"),
    limited: fetch_first,
    lock: ["", " FOR READ ONLY WITH RS USE AND KEEP UPDATE LOCKS"],
    savepoint: "SAVEPOINT chunk_part ON ROLLBACK RETAIN CURSORS",
    is_true: |column| format!("UPPER(RTRIM(CAST({column} AS CHAR(5)))) IN ('1', 'TRUE', 'Y')"),
    tables: "SELECT TABNAME FROM SYSCAT.TABLES WHERE TABSCHEMA = CURRENT SCHEMA AND TYPE = 'T' ORDER BY 1",
    objects: "SELECT TABNAME FROM SYSCAT.TABLES WHERE TABSCHEMA = CURRENT SCHEMA AND TYPE = 'T' \
              UNION SELECT TRIGNAME FROM SYSCAT.TRIGGERS WHERE TABSCHEMA = CURRENT SCHEMA",
    // As its statistics have it; nothing where there are none.
    table_bytes: "SELECT CASE WHEN t.FPAGES > 0 THEN t.FPAGES * s.PAGESIZE END FROM SYSCAT.TABLES AS t \
                  JOIN SYSCAT.TABLESPACES AS s ON s.TBSPACEID = t.TBSPACEID \
                  WHERE t.TABSCHEMA = CURRENT SCHEMA AND t.TABNAME = ?",
    age: |column| since(column, "(CURRENT TIMESTAMP - CURRENT TIMEZONE)"),
    triggers: &[
        // No trigger is disabled there; one that lost what it needs is inoperative and does not fire.
        "SELECT TABNAME, TRIGNAME, CASE EVENTINSERT WHEN 'Y' THEN 'INSERT ' ELSE '' END \
         || CASE EVENTUPDATE WHEN 'Y' THEN 'UPDATE ' ELSE '' END \
         || CASE EVENTDELETE WHEN 'Y' THEN 'DELETE' ELSE '' END, \
         CASE VALID WHEN 'Y' THEN '' WHEN 'X' THEN 'is inoperative' ELSE 'is invalid' END \
         FROM SYSCAT.TRIGGERS WHERE TABSCHEMA = CURRENT SCHEMA ORDER BY 1, 2",
    ],
    clock: "SELECT (CAST(DAYS(CURRENT TIMESTAMP - CURRENT TIMEZONE) - DAYS('1970-01-01') AS BIGINT) * 86400 \
            + MIDNIGHT_SECONDS(CURRENT TIMESTAMP - CURRENT TIMEZONE)) * 1000 FROM SYSIBM.SYSDUMMY1",
    near: "SELECT TABSCHEMA, TABNAME, CASE TYPE WHEN 'T' THEN 'a table' WHEN 'V' THEN 'a view' \
           WHEN 'A' THEN 'an alias' WHEN 'N' THEN 'a nickname' ELSE 'something' END \
           FROM SYSCAT.TABLES WHERE UPPER(TABNAME) = ? ORDER BY 1, 2",
    log_table: "SELECT CASE WHEN TYPE <> 'T' THEN 'is a view, an alias or something else' ELSE '' END \
                FROM SYSCAT.TABLES WHERE TABSCHEMA = CURRENT SCHEMA AND TABNAME = ?",
    text_columns: "SELECT CASE WHEN c.TABSCHEMA = CURRENT SCHEMA THEN '' ELSE c.TABSCHEMA END, c.TABNAME, c.COLNAME, 1, \
                   CASE WHEN c.TYPENAME = 'XML' OR c.TYPESCHEMA NOT LIKE 'SYS%' THEN 'of the type ' || c.TYPENAME \
                   ELSE 'text' END FROM SYSCAT.COLUMNS AS c \
                   JOIN SYSCAT.TABLES AS t ON t.TABSCHEMA = c.TABSCHEMA AND t.TABNAME = c.TABNAME \
                   WHERE t.TYPE IN ('T', 'S') AND c.TABSCHEMA NOT LIKE 'SYS%' AND (c.TYPENAME = 'XML' \
                   OR c.TYPESCHEMA NOT LIKE 'SYS%' OR (c.TYPENAME IN ('VARCHAR', 'CHARACTER', \
                   'CLOB', 'LONG VARCHAR', 'VARGRAPHIC', 'DBCLOB') AND (c.LENGTH >= 30 OR c.TYPENAME LIKE '%CLOB'))) \
                   ORDER BY 1, 2, 3",
    kept_copies: "SELECT TABNAME, 'a history table' FROM SYSCAT.TABLES WHERE TABSCHEMA = CURRENT SCHEMA \
                  AND TEMPORALTYPE IN ('S', 'B') ORDER BY 1",
    own_schema: "SELECT CURRENT SCHEMA FROM SYSIBM.SYSDUMMY1",
    policies: &[
        PolicyQuestion {
            what: "row permissions and column masks",
            is_blind: "",
            found: "SELECT TABNAME, CASE CONTROLTYPE WHEN 'C' THEN 'the column mask ' ELSE 'the row permission ' END \
                    || CONTROLNAME FROM SYSCAT.CONTROLS WHERE TABSCHEMA = CURRENT SCHEMA AND ENABLE = 'Y' ORDER BY 1, 2",
            fix: "end it in the copy for the rotation: ALTER TABLE … DEACTIVATE ROW ACCESS CONTROL DEACTIVATE COLUMN \
                  ACCESS CONTROL",
        },
        PolicyQuestion {
            what: "labels that hide rows (LBAC)",
            is_blind: "",
            found: "SELECT TABNAME, 'a security policy (LBAC)' FROM SYSCAT.TABLES \
                    WHERE TABSCHEMA = CURRENT SCHEMA AND SECPOLICYID > 0 ORDER BY 1, 2",
            fix: "take it from the table in the copy for the rotation: ALTER TABLE … DROP SECURITY POLICY",
        },
    ],
    own_words: "CURRENT CURRENT_DATE CURRENT_LC_CTYPE CURRENT_PATH CURRENT_ROLE CURRENT_SCHEMA \
                CURRENT_SERVER CURRENT_TIME CURRENT_TIMESTAMP CURRENT_TIMEZONE CURRENT_USER DEFAULT \
                FALSE LEVEL LOCALTIME LOCALTIMESTAMP NULL ROWID ROWNUM SESSION_USER SYSDATE SYSTEM_USER \
                SYSTIMESTAMP TRUE USER",
    questions: &QUESTIONS,
    blind: Some(&BLIND),
    session: SESSION,
    class,
    code: |number, state| format!("SQLCODE {number}, SQLSTATE {state}"),
    driver: JdbcDriver { program: "clientProgramName", properties: &[], null_type: VARCHAR, utf8: "" },
    ..Dialect::PLAIN
};

/// To the second.
fn since(column: &str, now: &str) -> String {
    format!(
        "((CAST(DAYS({now}) - DAYS({column}) AS BIGINT) * 86400 \
         + MIDNIGHT_SECONDS({now}) - MIDNIGHT_SECONDS({column})) * 1000)"
    )
}

/// What is asked of Db2.
const QUESTIONS: Questions = Questions {
    claim: "SELECT ID FROM KEYROTATION_LOCK WHERE ID = 1 FOR READ ONLY WITH RS USE AND KEEP EXCLUSIVE LOCKS",
    is_ours: "SELECT 1 FROM SYSIBM.SYSDUMMY1",
    lock_row: Some(&LockRow {
        table: "KEYROTATION_LOCK",
        make: &[
            "CREATE TABLE KEYROTATION_LOCK (ID INTEGER NOT NULL PRIMARY KEY)",
            "INSERT INTO KEYROTATION_LOCK (ID) VALUES (1)",
        ],
        patience: "SET CURRENT LOCK TIMEOUT 1",
        remove: "DROP TABLE KEYROTATION_LOCK",
    }),
    // Which of them is at work is not told: each may be.
    sessions: "SELECT APPLICATION_HANDLE, SESSION_AUTH_ID, COALESCE(APPLICATION_NAME, 'a program without a name'), \
               COALESCE(CLIENT_WRKSTNNAME, APPLICATION_ID), 1, VARCHAR(CONNECTION_START_TIME) \
               FROM TABLE(MON_GET_CONNECTION(CAST(NULL AS BIGINT), -2)) AS t WHERE IS_SYSTEM_APPL = 0 ORDER BY 1",
    session: "SELECT APPLICATION_HANDLE, VARCHAR(CONNECTION_START_TIME) \
              FROM TABLE(MON_GET_CONNECTION(MON_GET_APPLICATION_HANDLE(), -1)) AS t",
    identity: "SELECT 'schema ' || CURRENT SCHEMA FROM SYSIBM.SYSDUMMY1",
    is_blind: "SELECT 0 FROM SYSIBM.SYSDUMMY1",
    ..Questions::PLAIN
};

/// Likewise, of one that does not show this user its sessions.
const BLIND: Questions = Questions {
    sessions: "SELECT 0, '', '', '', 0 FROM SYSIBM.SYSDUMMY1 WHERE 1 = 0",
    is_blind: "SELECT 1 FROM SYSIBM.SYSDUMMY1",
    ..QUESTIONS
};

/// What each session is told first.
const SESSION: &[&str] = &[
    "SET CURRENT LOCK TIMEOUT 30",
    "SET CURRENT TEMPORAL SYSTEM_TIME = NULL",
    "SET CURRENT TEMPORAL BUSINESS_TIME = NULL",
];

/// What to do about an error, by its SQLCODE.
fn class(code: i64, state: &str) -> Class {
    match code {
        // deadlock or timeout, rolled back or not; locks full; interrupted
        -911 | -913 | -912 | -952 => Class::Retry,
        // communication, forced off, the driver's own, another server taken over, not started, quiesced
        -30_081 | -1_224 | -4_499 | -4_498 | -1_776 | -1_032 | -1_035 | -20_157 => Class::Lost,
        // too long, CHECK, NULL, unique, foreign keys, a trigger's own, within a trigger
        -302 | -404 | -433 | -545 | -407 | -803 | -530 | -531 | -532 | -438 | -723 => Class::Row,
        _ => by_state(state),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::are;
    use super::*;

    #[test]
    fn errors_are_told_apart() {
        are(class, Class::Retry, &[("40001", -911), ("57033", -913)]);
        are(class, Class::Lost, &[("08001", -4_499), ("08001", -30_081), ("55032", -1_224)]);
        are(
            class,
            Class::Row,
            &[("23505", -803), ("23513", -545), ("22001", -302), ("22001", -433), ("75000", -438)],
        );
        // no such table, no privilege, no room
        are(class, Class::Environment, &[("42704", -204), ("42501", -551), ("57011", -289)]);
    }
}
