//! Db2 for Linux, UNIX and Windows, by way of its JDBC driver.

use crate::guard::{LockRow, Questions, Room};

use super::{
    Paging, RELEASE_SAVEPOINT, Rewrite, Syntax, TO_SAVEPOINT, Write, as_it_is, equal, fetch_first,
    plain_column,
};

/// Db2 10.5 and later.
///
/// Traps: keys are DECIMAL(31, 0) in the registry, which the driver reads exactly; a cursor `FOR UPDATE` fetches
/// row by row and lets its locks go again, so rows are read only, with locks that are kept.
pub const DB2: Syntax = Syntax {
    name: "Db2",
    max_parameters: 32_767,
    rows_at_once: 500,
    parameter: |_, _| "?".to_owned(),
    compared: as_it_is,
    key_column: plain_column,
    own: "",
    operator: str::to_owned,
    as_text: str::to_owned,
    portable: |column| format!("RTRIM(CAST({column} AS CHAR(64)))"),
    inexact: &["real", "double", "decfloat", "xml", "rowid"],
    log_age: |column| since(column, "CURRENT TIMESTAMP"),
    paging: Paging::Branches,
    limited: fetch_first,
    lock: ["", " FOR READ ONLY WITH RS USE AND KEEP UPDATE LOCKS"],
    savepoint: "SAVEPOINT chunk_part ON ROLLBACK RETAIN CURSORS",
    to_savepoint: TO_SAVEPOINT,
    release_savepoint: RELEASE_SAVEPOINT,
    write: Write::LockThenBatch,
    ignores_case: false,
    same: equal,
    is_true: |column| format!("UPPER(RTRIM(CAST({column} AS CHAR(5)))) IN ('1', 'TRUE', 'Y')"),
    begin: "", // the driver's own
    columns: "",
    unique: "",
    tables: "SELECT TABNAME FROM SYSCAT.TABLES WHERE TABSCHEMA = CURRENT SCHEMA AND TYPE = 'T' ORDER BY 1",
    objects: "SELECT TABNAME FROM SYSCAT.TABLES WHERE TABSCHEMA = CURRENT SCHEMA AND TYPE = 'T' \
              UNION SELECT TRIGNAME FROM SYSCAT.TRIGGERS WHERE TABSCHEMA = CURRENT SCHEMA",
    // As its statistics have it; nothing where there are none.
    table_bytes: "SELECT CASE WHEN t.FPAGES > 0 THEN t.FPAGES * s.PAGESIZE END FROM SYSCAT.TABLES AS t \
                  JOIN SYSCAT.TABLESPACES AS s ON s.TBSPACEID = t.TBSPACEID \
                  WHERE t.TABSCHEMA = CURRENT SCHEMA AND t.TABNAME = ?",
    age: |column| since(column, "(CURRENT TIMESTAMP - CURRENT TIMEZONE)"),
    rewrite: Rewrite { files: 30, log: 300 }, // not measured
};

/// To the second.
fn since(column: &str, now: &str) -> String {
    format!(
        "((CAST(DAYS({now}) - DAYS({column}) AS BIGINT) * 86400 \
         + MIDNIGHT_SECONDS({now}) - MIDNIGHT_SECONDS({column})) * 1000)"
    )
}

/// What is asked of Db2.
pub const DB2_QUESTIONS: Questions = Questions {
    claim: "SELECT ID FROM KEYROTATION_LOCK WHERE ID = 1 FOR READ ONLY WITH RS USE AND KEEP EXCLUSIVE LOCKS",
    release: "", // with its session
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
    session_of: |row, _| Some(row.clone()),
    marked_session: None,
    marked_by: "",
    kin_mark: "",
    identity: "SELECT 'schema ' || CURRENT SCHEMA FROM SYSIBM.SYSDUMMY1",
    tells_server: false,
    lossy: "",
    is_blind: "SELECT 0 FROM SYSIBM.SYSDUMMY1",
    room: Room::UNKNOWN,
    limits: "",
};

/// Likewise, of one that does not show this user its sessions.
pub const DB2_BLIND: Questions = Questions {
    sessions: "SELECT 0, '', '', '', 0 FROM SYSIBM.SYSDUMMY1 WHERE 1 = 0",
    is_blind: "SELECT 1 FROM SYSIBM.SYSDUMMY1",
    ..DB2_QUESTIONS
};

/// What each session is told first.
pub const DB2_SESSION: &[&str] = &[
    "SET CURRENT LOCK TIMEOUT 30",
    "SET CURRENT TEMPORAL SYSTEM_TIME = NULL",
    "SET CURRENT TEMPORAL BUSINESS_TIME = NULL",
];
