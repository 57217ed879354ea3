//! SQL Server, by way of its JDBC driver.

use crate::guard::{Questions, Room};

use super::{Paging, Rewrite, Syntax, Write, equal, plain_column};

/// SQL Server 2016 SP1 and later, and Azure SQL.
///
/// Traps: the driver sends texts as NVARCHAR, and a VARCHAR column compared with one is converted row by row,
/// into another order, too; collations ignore case; DATETIME has 300 moments in a second, which come through a text
/// as they are.
pub const MSSQL: Syntax = Syntax {
    name: "SQL Server",
    max_parameters: 2000, // the server takes 2100
    rows_at_once: 500,
    parameter: |_, _| "?".to_owned(),
    compared: |mark, column| {
        let column = column.to_ascii_lowercase();
        match column.as_str() {
            "varchar" | "char" | "text" => format!("CAST({mark} AS VARCHAR(8000))"),
            _ => mark,
        }
    },
    key_column: plain_column,
    // 126 is ISO 8601, whatever the session's language.
    own: "",
    operator: str::to_owned,
    as_text: str::to_owned,
    portable: |column| format!("CONVERT(VARCHAR(64), {column}, 126)"),
    inexact: &[
        "real",
        "float",
        "money",
        "smallmoney",
        "sql_variant",
        "hierarchyid",
        "geometry",
        "geography",
        "xml",
    ],
    log_age: since,
    paging: Paging::Branches,
    limited: |select, rows| {
        let rest = select.strip_prefix("SELECT").unwrap_or(select);
        format!("SELECT TOP ({rows}){rest}")
    },
    lock: [" WITH (UPDLOCK, ROWLOCK)", ""],
    // The driver's transaction begins with the first statement that touches a table: there may be none yet.
    savepoint: "IF @@TRANCOUNT = 0 BEGIN BEGIN TRANSACTION IF @@TRANCOUNT = 2 COMMIT TRANSACTION END \
                SAVE TRANSACTION chunk_part",
    to_savepoint: "ROLLBACK TRANSACTION chunk_part",
    release_savepoint: "",
    write: Write::LockThenBatch,
    ignores_case: true,
    same: equal,
    is_true: |column| format!("UPPER(CAST({column} AS VARCHAR(5))) IN ('1', 'TRUE', 'Y')"),
    begin: "", // the driver's own
    columns: "",
    unique: "",
    tables: "SELECT UPPER(name) FROM sys.tables WHERE schema_id = SCHEMA_ID() ORDER BY 1",
    objects: "SELECT UPPER(name) FROM sys.objects WHERE schema_id = SCHEMA_ID() AND type IN ('U', 'TR')",
    table_bytes: "SELECT SUM(a.total_pages) * 8192 FROM sys.partitions AS p \
                  JOIN sys.allocation_units AS a ON a.container_id IN (p.hobt_id, p.partition_id) \
                  WHERE p.object_id = OBJECT_ID(?)",
    age: since,
    rewrite: Rewrite { files: 30, log: 300 }, // not measured
};

fn since(column: &str) -> String {
    format!("DATEDIFF_BIG(MILLISECOND, {column}, SYSUTCDATETIME())")
}

/// The schema in which it finds the tables, which may be another than the user's own.
macro_rules! schema {
    () => {
        "COALESCE(OBJECT_SCHEMA_NAME(OBJECT_ID(N'IDN_IDENTITY_USER_DATA')), \
         OBJECT_SCHEMA_NAME(OBJECT_ID(N'REG_PROPERTY')), SCHEMA_NAME(), N'')"
    };
}

/// What is asked of SQL Server. Locks of applications belong to the database and the session, so the schema
/// is in the lock's name.
pub const MSSQL_QUESTIONS: Questions = Questions {
    claim: concat!(
        "SET NOCOUNT ON; DECLARE @taken INT, @lock NVARCHAR(255) = N'keyrotation.' + ",
        schema!(),
        "; EXEC @taken = sp_getapplock @Resource = @lock, @LockMode = N'Exclusive', @LockOwner = N'Session', \
         @LockTimeout = 0; SET NOCOUNT OFF; SELECT CASE WHEN @taken >= 0 THEN 1 ELSE 0 END"
    ),
    release: concat!(
        "SET NOCOUNT ON; DECLARE @lock NVARCHAR(255) = N'keyrotation.' + ",
        schema!(),
        "; EXEC sp_releaseapplock @Resource = @lock, @LockOwner = N'Session'; SET NOCOUNT OFF; SELECT 1"
    ),
    is_ours: concat!(
        "SELECT CASE WHEN APPLOCK_MODE(N'public', N'keyrotation.' + ",
        schema!(),
        ", N'Session') = N'Exclusive' THEN 1 ELSE 0 END"
    ),
    lock_row: None,
    sessions: "SELECT session_id, login_name, COALESCE(program_name, N'a program without a name'), \
               COALESCE(host_name, N'an address that is hidden'), CASE WHEN status = N'running' THEN 1 ELSE 0 END, \
               CONVERT(NVARCHAR(30), login_time, 126) \
               FROM sys.dm_exec_sessions WHERE is_user_process = 1 AND database_id = DB_ID() ORDER BY 1",
    session: "SELECT session_id, CONVERT(NVARCHAR(30), login_time, 126) FROM sys.dm_exec_sessions \
              WHERE session_id = @@SPID",
    session_of: |row, _| Some(row.clone()),
    marked_session: None,
    marked_by: "",
    kin_mark: "",
    identity: concat!(
        "SELECT CONCAT(N'database ', DB_NAME(), N' of ', CAST(SERVERPROPERTY('ServerName') AS NVARCHAR(256)), \
         N', schema ', ",
        schema!(),
        ")"
    ),
    tells_server: true,
    // Only what is forced: what is merely allowed has to be asked for.
    lossy: "SELECT CONCAT(N'DELAYED_DURABILITY = ', delayed_durability_desc) FROM sys.databases \
            WHERE database_id = DB_ID() AND delayed_durability = 2",
    // The second is what 2022 asks for.
    is_blind: "SELECT CASE WHEN HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW SERVER STATE') = 1 \
               OR HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW SERVER PERFORMANCE STATE') = 1 THEN 0 ELSE 1 END",
    room: Room::UNKNOWN,
    limits: "",
};

/// What each session is told first: answers are whole, neither rows nor texts are cut short, texts that do not
/// fit are refused and not cut, NULL is equal to nothing, and dates are written in one way. With XACT_ABORT a row that is refused would end the whole transaction,
/// savepoint or not; with NOCOUNT no change would be counted. Either may be a server's default.
pub const MSSQL_SESSION: &[&str] = &[
    "SET XACT_ABORT OFF",
    "SET NOCOUNT OFF",
    "SET LOCK_TIMEOUT 30000",
    "SET ROWCOUNT 0",
    "SET TEXTSIZE 2147483647",
    "SET QUERY_GOVERNOR_COST_LIMIT 0",
    "SET ANSI_WARNINGS, ANSI_NULLS, ANSI_PADDING, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER ON",
    "SET NUMERIC_ROUNDABORT OFF",
    "SET DATEFORMAT ymd",
];
