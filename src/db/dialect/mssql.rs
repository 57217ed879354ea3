//! SQL Server, by way of its JDBC driver.

use super::parts::{JdbcDriver, VARCHAR};
use super::{Dialect, PolicyQuestion, Questions};
use crate::error::Class;
use crate::server::Kind;

/// SQL Server 2016 SP1 and later, and Azure SQL.
///
/// Traps: the driver sends texts as NVARCHAR, and a VARCHAR column compared with one is converted row by row,
/// into another order, too; collations ignore case; DATETIME has 300 moments in a second, which come through a text
/// as they are.
pub const MSSQL: Dialect = Dialect {
    name: "SQL Server",
    kind: Some(Kind::SqlServer),
    max_parameters: 2000, // the server takes 2100
    compared: |mark, column| {
        let column = column.to_ascii_lowercase();
        match column.as_str() {
            "varchar" | "char" | "text" => format!("CAST({mark} AS VARCHAR(8000))"),
            _ => mark,
        }
    },
    // 126 is ISO 8601, whatever the session's language.
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
    ignores_case: true,
    is_true: |column| format!("UPPER(CAST({column} AS VARCHAR(5))) IN ('1', 'TRUE', 'Y')"),
    tables: "SELECT UPPER(name) FROM sys.tables WHERE schema_id = SCHEMA_ID() ORDER BY 1",
    objects: "SELECT UPPER(name) FROM sys.objects WHERE schema_id = SCHEMA_ID() AND type IN ('U', 'TR')",
    table_bytes: "SELECT SUM(a.total_pages) * 8192 FROM sys.partitions AS p \
                  JOIN sys.allocation_units AS a ON a.container_id IN (p.hobt_id, p.partition_id) \
                  WHERE p.object_id = OBJECT_ID(?)",
    age: since,
    triggers: &["SELECT UPPER(OBJECT_NAME(t.parent_id)), UPPER(t.name), e.type_desc, \
                 CASE WHEN t.is_disabled = 1 THEN N'is disabled' \
                 WHEN t.is_instead_of_trigger = 1 THEN N'fires in place of the change' ELSE N'' END \
                 FROM sys.triggers AS t LEFT JOIN sys.trigger_events AS e ON e.object_id = t.object_id \
                 WHERE t.parent_class = 1 ORDER BY 1, 2"],
    clock: "SELECT DATEDIFF_BIG(MILLISECOND, '1970-01-01', SYSUTCDATETIME())",
    logs: "SELECT N'recovery model', recovery_model_desc FROM sys.databases \
           WHERE database_id = DB_ID() AND recovery_model_desc <> N'SIMPLE'",
    near: "SELECT SCHEMA_NAME(schema_id), name, CASE type WHEN 'U' THEN 'a table' WHEN 'V' THEN 'a view' \
           ELSE 'a synonym' END FROM sys.objects WHERE UPPER(name) = UPPER(?) AND type IN ('U', 'V', 'SN') ORDER BY 1, 2",
    log_table: "SELECT CASE WHEN o.type <> 'U' THEN N'is a view or a synonym' \
                WHEN t.durability <> 0 THEN N'loses its rows when the server restarts' ELSE N'' END \
                FROM sys.objects AS o LEFT JOIN sys.tables AS t ON t.object_id = o.object_id \
                WHERE o.object_id = OBJECT_ID(?) AND o.type IN ('U', 'V', 'SN')",
    text_columns: "SELECT CASE WHEN t.object_id = OBJECT_ID(QUOTENAME(t.name)) THEN N'' ELSE SCHEMA_NAME(t.schema_id) END, \
                   t.name, c.name, COALESCE(HAS_PERMS_BY_NAME(CONCAT(QUOTENAME(SCHEMA_NAME(t.schema_id)), N'.', \
                   QUOTENAME(t.name)), N'OBJECT', N'SELECT'), 0), \
                   CASE WHEN y.name IN (N'xml', N'sql_variant') THEN CONCAT(N'of the type ', y.name) ELSE N'text' END \
                   FROM sys.tables AS t JOIN sys.columns AS c ON c.object_id = t.object_id \
                   JOIN sys.types AS y ON y.user_type_id = c.system_type_id \
                   WHERE t.is_ms_shipped = 0 AND (y.name IN (N'text', N'ntext', N'xml', N'sql_variant') \
                   OR (y.name IN (N'varchar', N'char') AND (c.max_length = -1 OR c.max_length >= 30)) \
                   OR (y.name IN (N'nvarchar', N'nchar') AND (c.max_length = -1 OR c.max_length >= 60))) ORDER BY 1, 2, 3",
    kept_copies: "SELECT UPPER(name), CONCAT(N'the history table ', OBJECT_NAME(history_table_id)) FROM sys.tables \
                  WHERE temporal_type = 2 ORDER BY 1",
    own_schema: "SELECT COALESCE(OBJECT_SCHEMA_NAME(COALESCE(OBJECT_ID(N'IDN_IDENTITY_USER_DATA'), \
                 OBJECT_ID(N'REG_PROPERTY'))), SCHEMA_NAME())",
    policies: &[
        PolicyQuestion {
            what: "security policies that hide rows",
            is_blind: "SELECT CASE WHEN HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'VIEW DEFINITION') = 1 \
                       OR HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'ALTER ANY SECURITY POLICY') = 1 THEN 0 ELSE 1 END",
            found: "SELECT UPPER(OBJECT_NAME(f.target_object_id)), CONCAT(N'the security policy ', p.name) \
                    FROM sys.security_predicates AS f JOIN sys.security_policies AS p ON p.object_id = f.object_id \
                    WHERE p.is_enabled = 1 AND f.predicate_type = 0 \
                    AND f.target_object_id = OBJECT_ID(OBJECT_NAME(f.target_object_id)) ORDER BY 1, 2",
            fix: "switch the policy off in the copy for the rotation: ALTER SECURITY POLICY … WITH (STATE = OFF)",
        },
        PolicyQuestion {
            what: "masks that show other values",
            is_blind: "",
            found: "SELECT UPPER(OBJECT_NAME(m.object_id)), CONCAT(N'the mask of column ', m.name) \
                    FROM sys.masked_columns AS m WHERE m.is_masked = 1 AND m.object_id = OBJECT_ID(OBJECT_NAME(m.object_id)) \
                    AND COALESCE(HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'UNMASK'), 0) = 0 ORDER BY 1, 2",
            fix: "grant UNMASK to the user, or drop the mask in the copy: ALTER COLUMN … DROP MASKED",
        },
    ],
    own_words: "$ACTION $IDENTITY $PARTITION $ROWGUID CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP \
                CURRENT_USER DEFAULT IDENTITYCOL NULL ROWGUIDCOL SESSION_USER SYSTEM_USER USER",
    questions: &QUESTIONS,
    session: SESSION,
    statements: &[("which server and database", SERVER)],
    class,
    driver: JdbcDriver { program: "applicationName", properties: &[], null_type: VARCHAR, utf8: "" },
    ..Dialect::PLAIN
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
const QUESTIONS: Questions = Questions {
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
    sessions: "SELECT session_id, login_name, COALESCE(program_name, N'a program without a name'), \
               COALESCE(host_name, N'an address that is hidden'), CASE WHEN status = N'running' THEN 1 ELSE 0 END, \
               CONVERT(NVARCHAR(30), login_time, 126) \
               FROM sys.dm_exec_sessions WHERE is_user_process = 1 AND database_id = DB_ID() ORDER BY 1",
    session: "SELECT session_id, CONVERT(NVARCHAR(30), login_time, 126) FROM sys.dm_exec_sessions \
              WHERE session_id = @@SPID",
    identity: concat!(
        "SELECT CONCAT(N'database ', DB_NAME(), N' of ', CAST(SERVERPROPERTY('ServerName') AS NVARCHAR(256)), \
         N', schema ', ",
        schema!(),
        ")"
    ),
    // Only what is forced: what is merely allowed has to be asked for.
    lossy: "SELECT CONCAT(N'DELAYED_DURABILITY = ', delayed_durability_desc) FROM sys.databases \
            WHERE database_id = DB_ID() AND delayed_durability = 2",
    // The second is what 2022 asks for.
    is_blind: "SELECT CASE WHEN HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW SERVER STATE') = 1 \
               OR HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW SERVER PERFORMANCE STATE') = 1 THEN 0 ELSE 1 END",
    ..Questions::PLAIN
};

/// The database of SQL Server, and what all replicas of an availability group have.
pub(crate) const SERVER: &str = "SELECT DB_NAME(), CAST(SERVERPROPERTY('ServerName') AS NVARCHAR(256)), \
     COALESCE(CAST(group_database_id AS NVARCHAR(36)), N'') FROM sys.databases WHERE database_id = DB_ID()";

/// What each session is told first: answers are whole, neither rows nor texts are cut short, texts that do not
/// fit are refused and not cut, NULL is equal to nothing, and dates are written in one way. With XACT_ABORT a row that is refused would end the whole transaction,
/// savepoint or not; with NOCOUNT no change would be counted. Either may be a server's default.
const SESSION: &[&str] = &[
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

/// What to do about an error.
fn class(code: i64, state: &str) -> Class {
    match code {
        // deadlock, lock timeout, conflict under snapshot isolation
        1_205 | 1_222 | 3_960 | 3_961 => Class::Retry,
        // killed, stopping, no more connections, moving to another server
        596 | 6_005 | 17_809 | 976 | 983 | 10_928 | 10_929 | 40_197 | 40_501 | 40_613 | 49_918..=49_920 => {
            Class::Lost
        }
        // unique, checks and keys, NULL, too long, out of range, no number, a trigger's own
        2_601 | 2_627 | 547 | 515 | 2_628 | 8_152 | 8_115 | 245 | 50_000 => Class::Row,
        // Its SQLSTATEs are the driver's: S0001 for most. Cancelled, or too long at it:
        0 if matches!(state, "HY008" | "HYT00") => Class::Retry,
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
        are(class, Class::Retry, &[("40001", 1_205), ("S0051", 1_222)]);
        are(class, Class::Lost, &[("08S01", 0), ("08003", 0), ("S0001", 40_613), ("S0001", 596)]);
        are(
            class,
            Class::Row,
            &[("23000", 2_627), ("23000", 547), ("S0001", 8_152), ("S0001", 2_628), ("S0001", 50_000)],
        );
        // no such table, no privilege, wrong password, log full
        are(
            class,
            Class::Environment,
            &[("S0002", 208), ("S0005", 229), ("S0001", 18_456), ("S0002", 9_002)],
        );
    }
}
