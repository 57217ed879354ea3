//! H2, embedded and on a server: by way of its JDBC driver.

use super::{
    Paging, RELEASE_SAVEPOINT, Rewrite, SAVEPOINT, Syntax, TO_SAVEPOINT, Write, as_it_is, limit, plain_column,
};
use crate::guard::{LockRow, Questions, Room};
use crate::table::Kind;

/// H2 1.4.200, and 2.x.
pub const H2: Syntax = Syntax {
    name: "H2",
    max_parameters: 32_767,
    rows_at_once: 1000,
    parameter: |_, _| "?".to_owned(),
    compared: as_it_is,
    key_column: plain_column,
    own: "",
    operator: str::to_owned,
    as_text: str::to_owned,
    portable: |column| format!("CAST({column} AS VARCHAR)"),
    inexact: &["java_object", "other", "geometry"],
    // A time with a zone, as the change log's, becomes the session's own; DATEDIFF alone ignores zones.
    log_age: |column| format!("DATEDIFF('MILLISECOND', CAST({column} AS TIMESTAMP), LOCALTIMESTAMP)"),
    paging: Paging::Ways,
    limited: limit,
    lock: ["", " FOR UPDATE"],
    savepoint: SAVEPOINT,
    to_savepoint: TO_SAVEPOINT,
    release_savepoint: RELEASE_SAVEPOINT,
    write: Write::Batch,
    ignores_case: false,
    // Not by the text itself: a collation, or a column that ignores case, takes others for equal.
    same: |column, mark, kind| match kind {
        Kind::Text => format!("RAWTOHEX({column}) = RAWTOHEX(CAST({mark} AS VARCHAR))"),
        _ => format!("{column} = {mark}"),
    },
    is_true: |column| format!("UPPER(CAST({column} AS VARCHAR)) IN ('1', 'TRUE', 'Y')"),
    begin: "",   // the driver's own
    columns: "", // likewise
    unique: "",
    tables: "SELECT UPPER(TABLE_NAME) FROM INFORMATION_SCHEMA.TABLES \
             WHERE TABLE_SCHEMA = SCHEMA() AND TABLE_TYPE IN ('TABLE', 'BASE TABLE') ORDER BY 1",
    objects: "SELECT UPPER(TABLE_NAME) FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = SCHEMA() \
              UNION SELECT UPPER(TRIGGER_NAME) FROM INFORMATION_SCHEMA.TRIGGERS WHERE TRIGGER_SCHEMA = SCHEMA()",
    table_bytes: "SELECT DISK_SPACE_USED(CAST(? AS VARCHAR))",
    age: |column| format!("DATEDIFF('MILLISECOND', {column}, LOCALTIMESTAMP)"),
    rewrite: Rewrite { files: 100, log: 0 },
};

/// Writes to the disk what was committed: H2 itself does so some time later, half a second if nobody
/// says otherwise, and what it has acknowledged until then goes with its process.
pub const H2_FLUSH: &str = "CHECKPOINT SYNC";

/// What is asked of H2 2.x.
pub const H2_QUESTIONS: Questions = Questions {
    claim: "SELECT ID FROM KEYROTATION_LOCK WHERE ID = 1 FOR UPDATE",
    release: "", // with its session
    is_ours: "SELECT 1",
    lock_row: Some(&LOCK_ROW),
    sessions: "SELECT SESSION_ID, USER_NAME, COALESCE(CLIENT_INFO, 'a session'), \
               COALESCE(CLIENT_ADDR, 'the process that has the file open'), EXECUTING_STATEMENT IS NOT NULL, \
               CAST(SESSION_START AS VARCHAR) FROM INFORMATION_SCHEMA.SESSIONS ORDER BY 1",
    session: "SELECT SESSION_ID(), CAST(SESSION_START AS VARCHAR) FROM INFORMATION_SCHEMA.SESSIONS \
              WHERE SESSION_ID = SESSION_ID()",
    session_of: |row, _| Some(row.clone()),
    marked_session: None,
    marked_by: "",
    kin_mark: "",
    identity: "", // nothing tells one server from another: by its name
    tells_server: false,
    lossy: "", // each commit is flushed
    // Without that right a session sees itself alone.
    is_blind: "SELECT COUNT(*) = 0 FROM INFORMATION_SCHEMA.USERS WHERE USER_NAME = CURRENT_USER AND IS_ADMIN",
    room: Room::UNKNOWN,
    limits: "",
};

/// What is asked of H2 1.4.
pub const H2_1_QUESTIONS: Questions = Questions {
    sessions: "SELECT ID, USER_NAME, 'a session', COALESCE(CLIENT_ADDR, 'the process that has the file open'), \
               STATEMENT IS NOT NULL, CAST(SESSION_START AS VARCHAR) FROM INFORMATION_SCHEMA.SESSIONS ORDER BY 1",
    session: "SELECT SESSION_ID(), CAST(SESSION_START AS VARCHAR) FROM INFORMATION_SCHEMA.SESSIONS \
              WHERE ID = SESSION_ID()",
    is_blind: "SELECT COUNT(*) = 0 FROM INFORMATION_SCHEMA.USERS WHERE NAME = USER() AND ADMIN = 'true'",
    ..H2_QUESTIONS
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
