//! Oracle, by way of its JDBC driver. A database is a schema there: the user's own, as a rule.

use super::parts::{JdbcDriver, fetch_first};
use super::{Dialect, LockRow, PolicyQuestion, Questions, Rewrite};
use crate::error::Class;
use crate::server::Kind;

/// Oracle 12.2 and later.
///
/// Traps: `''` is NULL, so nothing is ever compared with it; INTEGER is a decimal of 38 digits, which the driver
/// reads exactly; texts of times and numbers are as the session's NLS settings say.
pub const ORACLE: Dialect = Dialect {
    name: "Oracle",
    kind: Some(Kind::Oracle),
    max_parameters: 65_535,
    rows_at_once: 500, // an IN takes 1000
    portable: |column| format!("TO_CHAR({column})"),
    inexact: &[
        "binary_float",
        "binary_double",
        "xmltype",
        "sdo_geometry",
        "rowid",
        "urowid",
        "bfile",
        "long",
        "long raw",
        "anydata",
    ],
    log_age: since,
    limited: fetch_first,
    lock: ["", " FOR UPDATE WAIT 30"], // the session has no limit of its own
    release_savepoint: "",
    is_true: |column| format!("UPPER(TO_CHAR({column})) IN ('1', 'TRUE', 'Y')"),
    tables: "SELECT TABLE_NAME FROM ALL_TABLES \
             WHERE OWNER = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND TEMPORARY = 'N' ORDER BY 1",
    objects: "SELECT TABLE_NAME FROM ALL_TABLES WHERE OWNER = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') \
              UNION SELECT TRIGGER_NAME FROM ALL_TRIGGERS \
              WHERE TABLE_OWNER = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')",
    table_bytes: "SELECT SUM(s.BYTES) FROM USER_SEGMENTS s \
                  LEFT JOIN USER_INDEXES i ON i.INDEX_NAME = s.SEGMENT_NAME \
                  LEFT JOIN USER_LOBS l ON l.SEGMENT_NAME = s.SEGMENT_NAME \
                  WHERE ? IN (s.SEGMENT_NAME, i.TABLE_NAME, l.TABLE_NAME)",
    age: since,
    rewrite: Rewrite { files: 30, log: 300 }, // not measured: redo with undo in it
    triggers: &["SELECT t.TABLE_NAME, t.TRIGGER_NAME, t.TRIGGERING_EVENT, \
                 CASE WHEN t.STATUS <> 'ENABLED' THEN 'is disabled' \
                 WHEN t.WHEN_CLAUSE IS NOT NULL THEN 'fires only on a condition' \
                 WHEN EXISTS (SELECT 1 FROM ALL_TRIGGER_COLS c WHERE c.TRIGGER_OWNER = t.OWNER \
                 AND c.TRIGGER_NAME = t.TRIGGER_NAME AND c.COLUMN_LIST = 'YES') \
                 THEN 'fires for some columns only' ELSE '' END FROM ALL_TRIGGERS t \
                 WHERE t.TABLE_OWNER = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND t.TABLE_NAME IS NOT NULL ORDER BY 1, 2"],
    clock: "SELECT ROUND((CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) AS DATE) - DATE '1970-01-01') * 86400000) FROM DUAL",
    near: "SELECT OWNER, OBJECT_NAME, 'a ' || LOWER(OBJECT_TYPE) FROM ALL_OBJECTS WHERE UPPER(OBJECT_NAME) = ? \
           AND OBJECT_TYPE IN ('TABLE', 'VIEW', 'SYNONYM', 'MATERIALIZED VIEW') ORDER BY 1, 2",
    log_table: "SELECT CASE WHEN o.OBJECT_TYPE <> 'TABLE' THEN 'is a ' || LOWER(o.OBJECT_TYPE) \
                WHEN t.TEMPORARY = 'Y' THEN 'is a temporary table' ELSE '' END FROM ALL_OBJECTS o \
                LEFT JOIN ALL_TABLES t ON t.OWNER = o.OWNER AND t.TABLE_NAME = o.OBJECT_NAME \
                WHERE o.OWNER = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND o.OBJECT_NAME = ? \
                AND o.OBJECT_TYPE IN ('TABLE', 'VIEW', 'SYNONYM', 'MATERIALIZED VIEW')",
    text_columns: "SELECT CASE WHEN c.OWNER = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') THEN '' ELSE c.OWNER END, \
                   c.TABLE_NAME, c.COLUMN_NAME, 1, CASE WHEN c.DATA_TYPE IN ('LONG', 'JSON') OR c.DATA_TYPE_OWNER IS NOT NULL \
                   THEN 'of the type ' || c.DATA_TYPE ELSE 'text' END FROM ALL_TAB_COLUMNS c \
                   JOIN ALL_TABLES t ON t.OWNER = c.OWNER AND t.TABLE_NAME = c.TABLE_NAME \
                   JOIN ALL_USERS u ON u.USERNAME = c.OWNER WHERE u.ORACLE_MAINTAINED = 'N' AND t.TEMPORARY = 'N' \
                   AND (c.DATA_TYPE IN ('CLOB', 'NCLOB', 'LONG', 'JSON') OR c.DATA_TYPE_OWNER IS NOT NULL \
                   OR (c.DATA_TYPE IN ('VARCHAR2', 'NVARCHAR2', 'CHAR', 'NCHAR') AND c.CHAR_LENGTH >= 30)) ORDER BY 1, 2, 3",
    kept_copies: "SELECT TABLE_NAME, 'the flashback archive ' || FLASHBACK_ARCHIVE_NAME FROM USER_FLASHBACK_ARCHIVE_TABLES ORDER BY 1",
    own_schema: "SELECT SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') FROM DUAL",
    policies: &[
        PolicyQuestion {
            what: "policies that hide rows (VPD)",
            is_blind: "",
            found: "SELECT OBJECT_NAME, 'the policy ' || POLICY_NAME FROM ALL_POLICIES \
                    WHERE OBJECT_OWNER = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND \"ENABLE\" = 'YES' \
                    AND (SEL = 'YES' OR UPD = 'YES' OR DEL = 'YES') AND NOT EXISTS \
                    (SELECT 1 FROM SESSION_PRIVS WHERE PRIVILEGE = 'EXEMPT ACCESS POLICY') ORDER BY 1, 2",
            fix: "grant EXEMPT ACCESS POLICY to the user, or disable the policy in the copy (DBMS_RLS.ENABLE_POLICY)",
        },
        PolicyQuestion {
            what: "policies that show other values (redaction)",
            is_blind: "",
            found: "SELECT OBJECT_NAME, 'the redaction policy ' || POLICY_NAME FROM REDACTION_POLICIES \
                    WHERE OBJECT_OWNER = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND TRIM(\"ENABLE\") = 'YES' AND NOT EXISTS \
                    (SELECT 1 FROM SESSION_PRIVS WHERE PRIVILEGE = 'EXEMPT REDACTION POLICY') ORDER BY 1, 2",
            fix: "grant EXEMPT REDACTION POLICY to the user, or disable the policy in the copy (DBMS_REDACT.DISABLE_POLICY)",
        },
    ],
    own_words: "COLUMN_VALUE CONNECT_BY_ISCYCLE CONNECT_BY_ISLEAF CURRENT_DATE CURRENT_TIMESTAMP \
                DBTIMEZONE DEFAULT LEVEL LOCALTIMESTAMP NULL OBJECT_ID OBJECT_VALUE ORA_ROWSCN ROWID \
                ROWNUM SESSIONTIMEZONE SYSDATE SYSTIMESTAMP UID USER VERSIONS_OPERATION XMLDATA",
    questions: &QUESTIONS,
    blind: Some(&BLIND),
    session: SESSION,
    statements: &[("which server and schema", SERVER)],
    class,
    code: |number, _| format!("ORA-{number:05}"),
    driver: JdbcDriver { program: "v$session.program", properties: &[], null_type: 0, utf8: "" },
    ..Dialect::PLAIN
};

/// To the second: times of days have no parts of it.
fn since(column: &str) -> String {
    format!("ROUND((CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) AS DATE) - CAST({column} AS DATE)) * 86400000)")
}

/// What is asked of Oracle.
const QUESTIONS: Questions = Questions {
    // DBMS_LOCK is granted to nobody by default, and knows no schemas.
    claim: "SELECT ID FROM KEYROTATION_LOCK FOR UPDATE NOWAIT",
    is_ours: "SELECT 1 FROM DUAL",
    lock_row: Some(&LockRow {
        table: "KEYROTATION_LOCK",
        make: &["CREATE TABLE KEYROTATION_LOCK AS SELECT 1 AS ID FROM DUAL"],
        patience: "",
        remove: "DROP TABLE KEYROTATION_LOCK PURGE",
    }),
    // By the number that the audit gives a session: others come again.
    sessions: "SELECT AUDSID, USERNAME, COALESCE(PROGRAM, 'a program without a name'), \
               COALESCE(MACHINE, 'an address that is hidden'), CASE WHEN STATUS = 'ACTIVE' THEN 1 ELSE 0 END \
               FROM GV$SESSION WHERE TYPE = 'USER' \
               AND SCHEMANAME = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') ORDER BY 1",
    session: "SELECT TO_NUMBER(SYS_CONTEXT('USERENV', 'SESSIONID')) FROM DUAL",
    identity: "SELECT 'schema ' || SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') || ' of ' \
               || SYS_CONTEXT('USERENV', 'DB_UNIQUE_NAME') || '/' || SYS_CONTEXT('USERENV', 'CON_NAME') \
               || ' on ' || SYS_CONTEXT('USERENV', 'SERVER_HOST') FROM DUAL",
    is_blind: "SELECT 0 FROM DUAL",
    ..Questions::PLAIN
};

/// Likewise, of one that does not show this user its sessions.
const BLIND: Questions = Questions {
    sessions: "SELECT 0, '', '', '', 0 FROM DUAL WHERE 1 = 0",
    is_blind: "SELECT 1 FROM DUAL",
    ..QUESTIONS
};

/// The schema of Oracle, and what all instances and standbys of one database have.
pub(crate) const SERVER: &str = "SELECT SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') || ' in ' \
     || SYS_CONTEXT('USERENV', 'CON_NAME'), SYS_CONTEXT('USERENV', 'DB_UNIQUE_NAME') || ' ' \
     || SYS_CONTEXT('USERENV', 'SERVER_HOST') || ' ' || SYS_CONTEXT('USERENV', 'INSTANCE_NAME'), \
     SYS_CONTEXT('USERENV', 'DB_NAME'), SYS_CONTEXT('USERENV', 'CON_NAME') FROM DUAL";

/// What each session is told first: values as texts have one form, order is that of bytes, and rows that are
/// archived within their table are seen like any other. Policies (VPD) have no such switch.
const SESSION: &[&str] = &[
    "ALTER SESSION SET NLS_DATE_FORMAT = 'YYYY-MM-DD HH24:MI:SS'",
    "ALTER SESSION SET NLS_TIMESTAMP_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF9'",
    "ALTER SESSION SET NLS_TIMESTAMP_TZ_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM'",
    "ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,'",
    "ALTER SESSION SET NLS_COMP = BINARY",
    "ALTER SESSION SET NLS_SORT = BINARY",
    "ALTER SESSION SET TIME_ZONE = '+00:00'",
    "ALTER SESSION SET ROW ARCHIVAL VISIBILITY = ALL",
];

/// What to do about an error, by the number behind `ORA-`.
fn class(code: i64, state: &str) -> Class {
    match code {
        // deadlocks, busy, waited too long, cannot serialize, cancelled, snapshot too old
        60 | 4_020 | 54 | 4_021 | 30_006 | 8_177 | 1_013 | 1_555 => Class::Retry,
        // killed, idle for too long, not logged on, end of file, not connected, contact lost
        28 | 2_396 | 1_012 | 3_113 | 3_114 | 3_135
        // starting, stopping, not there, process died, too many processes or sessions
        | 1_033 | 1_034 | 1_089 | 1_090 | 1_092 | 20 | 18 | 2_391
        // the listener and the network
        | 12_170 | 12_514 | 12_516 | 12_518..=12_520 | 12_526..=12_528 | 12_537 | 12_541 | 12_547 | 12_570
        | 12_571
        // the driver: input and output, closed, no more data
        | 17_002 | 17_008 | 17_410 => Class::Lost,
        // unique, NULL, checks, keys, too large, out of range, partition, trigger's own
        1 | 1_400 | 1_407 | 2_290 | 2_291 | 2_292 | 12_899 | 1_438 | 1_461 | 14_402 | 20_000..=20_999 => Class::Row,
        // Its SQLSTATEs say less: 23000 is most of the above, 72000 nearly all else.
        _ if state.starts_with("08") => Class::Lost,
        _ => Class::Environment,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::are;
    use super::*;

    #[test]
    fn errors_are_told_apart() {
        are(class, Class::Retry, &[("61000", 60), ("72000", 8_177), ("61000", 54), ("72000", 30_006)]);
        are(
            class,
            Class::Lost,
            &[
                ("", 3_113),
                ("08000", 28),
                ("08006", 17_002),
                ("66000", 12_541),
                ("", 12_514),
                ("72000", 1_033),
            ],
        );
        are(
            class,
            Class::Row,
            &[("23000", 1), ("23000", 2_290), ("72000", 12_899), ("23000", 1_400), ("72000", 20_001)],
        );
        // no such table, no privilege, wrong password, no room
        are(
            class,
            Class::Environment,
            &[("42000", 942), ("42000", 1_031), ("72000", 1_017), ("72000", 1_653)],
        );
    }
}
