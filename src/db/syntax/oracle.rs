//! Oracle, by way of its JDBC driver. A database is a schema there: the user's own, as a rule.

use crate::guard::{LockRow, Questions, Room};

use super::{
    Paging, Rewrite, SAVEPOINT, Syntax, TO_SAVEPOINT, Write, as_it_is, equal, fetch_first, plain_column,
};

/// Oracle 12.2 and later.
///
/// Traps: `''` is NULL, so nothing is ever compared with it; INTEGER is a decimal of 38 digits, which the driver
/// reads exactly; texts of times and numbers are as the session's NLS settings say.
pub const ORACLE: Syntax = Syntax {
    name: "Oracle",
    max_parameters: 65_535,
    rows_at_once: 500, // an IN takes 1000
    parameter: |_, _| "?".to_owned(),
    compared: as_it_is,
    key_column: plain_column,
    own: "",
    operator: str::to_owned,
    as_text: str::to_owned,
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
    paging: Paging::Branches,
    limited: fetch_first,
    lock: ["", " FOR UPDATE WAIT 30"], // the session has no limit of its own
    savepoint: SAVEPOINT,
    to_savepoint: TO_SAVEPOINT,
    release_savepoint: "",
    write: Write::LockThenBatch,
    ignores_case: false,
    same: equal,
    is_true: |column| format!("UPPER(TO_CHAR({column})) IN ('1', 'TRUE', 'Y')"),
    begin: "", // the driver's own
    columns: "",
    unique: "",
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
};

/// To the second: times of days have no parts of it.
fn since(column: &str) -> String {
    format!("ROUND((CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) AS DATE) - CAST({column} AS DATE)) * 86400000)")
}

/// What is asked of Oracle.
pub const ORACLE_QUESTIONS: Questions = Questions {
    // DBMS_LOCK is granted to nobody by default, and knows no schemas.
    claim: "SELECT ID FROM KEYROTATION_LOCK FOR UPDATE NOWAIT",
    release: "", // with its session
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
    session_of: |row, _| Some(row.clone()),
    marked_session: None,
    marked_by: "",
    kin_mark: "",
    session: "SELECT TO_NUMBER(SYS_CONTEXT('USERENV', 'SESSIONID')) FROM DUAL",
    identity: "SELECT 'schema ' || SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') || ' of ' \
               || SYS_CONTEXT('USERENV', 'DB_UNIQUE_NAME') || '/' || SYS_CONTEXT('USERENV', 'CON_NAME') \
               || ' on ' || SYS_CONTEXT('USERENV', 'SERVER_HOST') FROM DUAL",
    tells_server: true,
    lossy: "",
    is_blind: "SELECT 0 FROM DUAL",
    room: Room::UNKNOWN,
    limits: "",
};

/// Likewise, of one that does not show this user its sessions.
pub const ORACLE_BLIND: Questions = Questions {
    sessions: "SELECT 0, '', '', '', 0 FROM DUAL WHERE 1 = 0",
    is_blind: "SELECT 1 FROM DUAL",
    ..ORACLE_QUESTIONS
};

/// What each session is told first: values as texts have one form, order is that of bytes, and rows that are
/// archived within their table are seen like any other. Policies (VPD) have no such switch.
pub const ORACLE_SESSION: &[&str] = &[
    "ALTER SESSION SET NLS_DATE_FORMAT = 'YYYY-MM-DD HH24:MI:SS'",
    "ALTER SESSION SET NLS_TIMESTAMP_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF9'",
    "ALTER SESSION SET NLS_TIMESTAMP_TZ_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM'",
    "ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,'",
    "ALTER SESSION SET NLS_COMP = BINARY",
    "ALTER SESSION SET NLS_SORT = BINARY",
    "ALTER SESSION SET TIME_ZONE = '+00:00'",
    "ALTER SESSION SET ROW ARCHIVAL VISIBILITY = ALL",
];
