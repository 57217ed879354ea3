//! What a preflight asks of a database, beyond what a rotation itself has to know. SQL as data; a
//! dialect that has none of it is not asked.

use super::{Db, DbError, Identifier, Record, Syntax, Value};

/// How a dialect answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreflightQuestions {
    /// The dialect's name.
    pub dialect: &'static str,
    /// All triggers: table and name, in upper case; what they fire for, as the words INSERT, UPDATE and DELETE, or as
    /// the statement that made them; and why they do not always do so, empty if they do. A trigger may have several
    /// rows. Several questions where versions differ: the first that the server understands is its answer.
    pub triggers: &'static [&'static str],
    /// The server's time in milliseconds since 1970; none for a file.
    pub clock: Option<&'static str>,
    /// Settings by which the server keeps its logs for long: name and value. None for a file.
    pub logs: Option<&'static str>,
}

/// Every dialect that is known here.
pub const PREFLIGHT_QUESTIONS: &[PreflightQuestions] = &[
    PreflightQuestions {
        dialect: "SQLite",
        triggers: &[
            "SELECT upper(tbl_name), upper(name), sql, '' FROM sqlite_master WHERE type = 'trigger' ORDER BY 1, 2",
        ],
        clock: None,
        logs: None,
    },
    PreflightQuestions {
        dialect: "PostgreSQL",
        triggers: &[
            "SELECT pg_catalog.upper(c.relname::text), pg_catalog.upper(t.tgname::text), pg_catalog.concat_ws(' ', \
                   CASE WHEN (t.tgtype::int OPERATOR(pg_catalog.&) 4) OPERATOR(pg_catalog.>) 0 THEN 'INSERT' END, \
                   CASE WHEN (t.tgtype::int OPERATOR(pg_catalog.&) 8) OPERATOR(pg_catalog.>) 0 THEN 'DELETE' END, \
                   CASE WHEN (t.tgtype::int OPERATOR(pg_catalog.&) 16) OPERATOR(pg_catalog.>) 0 THEN 'UPDATE' END), \
                   CASE WHEN t.tgenabled OPERATOR(pg_catalog.=) ANY ('{D,R}'::\"char\"[]) THEN 'is disabled' \
                   WHEN t.tgqual IS NOT NULL THEN 'fires only on a condition' \
                   WHEN t.tgattr::text OPERATOR(pg_catalog.<>) ''::text THEN 'fires for some columns only' ELSE '' END \
                   FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) t.tgrelid \
                   WHERE NOT t.tgisinternal AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1, 2",
        ],
        clock: Some(
            "SELECT (EXTRACT(EPOCH FROM pg_catalog.clock_timestamp())::numeric OPERATOR(pg_catalog.*) 1000::numeric)::bigint",
        ),
        logs: Some(
            "SELECT pg_catalog.concat('replication slot ', slot_name), 'nobody reads from it' \
             FROM pg_catalog.pg_replication_slots WHERE NOT active UNION ALL SELECT name, setting \
             FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'archive_mode'::text \
             AND setting OPERATOR(pg_catalog.<>) 'off'::text",
        ),
    },
    PreflightQuestions {
        dialect: "MySQL and MariaDB",
        triggers: &["SELECT UPPER(EVENT_OBJECT_TABLE), UPPER(TRIGGER_NAME), EVENT_MANIPULATION, '' \
                   FROM information_schema.TRIGGERS \
                   WHERE EVENT_OBJECT_SCHEMA = DATABASE() ORDER BY 1, 2"],
        clock: Some("SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)"),
        // The second is MySQL 8's, the third MariaDB's and older MySQL's.
        logs: Some(
            "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_expire_logs_seconds', 'expire_logs_days')",
        ),
    },
    PreflightQuestions {
        dialect: "H2",
        triggers: &[
            "SELECT UPPER(EVENT_OBJECT_TABLE), UPPER(TRIGGER_NAME), EVENT_MANIPULATION, '' \
                   FROM INFORMATION_SCHEMA.TRIGGERS \
                   WHERE EVENT_OBJECT_SCHEMA = SCHEMA() ORDER BY 1, 2",
            // 1.4.200
            "SELECT UPPER(TABLE_NAME), UPPER(TRIGGER_NAME), TRIGGER_TYPE, '' FROM INFORMATION_SCHEMA.TRIGGERS \
             WHERE TABLE_SCHEMA = SCHEMA() ORDER BY 1, 2",
        ],
        clock: Some("SELECT CAST(EXTRACT(EPOCH FROM CURRENT_TIMESTAMP) * 1000 AS BIGINT)"),
        logs: None,
    },
    PreflightQuestions {
        dialect: "Oracle",
        triggers: &["SELECT t.TABLE_NAME, t.TRIGGER_NAME, t.TRIGGERING_EVENT, \
                   CASE WHEN t.STATUS <> 'ENABLED' THEN 'is disabled' \
                   WHEN t.WHEN_CLAUSE IS NOT NULL THEN 'fires only on a condition' \
                   WHEN EXISTS (SELECT 1 FROM ALL_TRIGGER_COLS c WHERE c.TRIGGER_OWNER = t.OWNER \
                   AND c.TRIGGER_NAME = t.TRIGGER_NAME AND c.COLUMN_LIST = 'YES') \
                   THEN 'fires for some columns only' ELSE '' END FROM ALL_TRIGGERS t \
                   WHERE t.TABLE_OWNER = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND t.TABLE_NAME IS NOT NULL ORDER BY 1, 2"],
        clock: Some(
            "SELECT ROUND((CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) AS DATE) - DATE '1970-01-01') * 86400000) FROM DUAL",
        ),
        logs: None,
    },
    PreflightQuestions {
        dialect: "SQL Server",
        triggers: &["SELECT UPPER(OBJECT_NAME(t.parent_id)), UPPER(t.name), e.type_desc, \
                   CASE WHEN t.is_disabled = 1 THEN N'is disabled' \
                   WHEN t.is_instead_of_trigger = 1 THEN N'fires in place of the change' ELSE N'' END \
                   FROM sys.triggers AS t LEFT JOIN sys.trigger_events AS e ON e.object_id = t.object_id \
                   WHERE t.parent_class = 1 ORDER BY 1, 2"],
        clock: Some("SELECT DATEDIFF_BIG(MILLISECOND, '1970-01-01', SYSUTCDATETIME())"),
        logs: Some(
            "SELECT N'recovery model', recovery_model_desc FROM sys.databases \
             WHERE database_id = DB_ID() AND recovery_model_desc <> N'SIMPLE'",
        ),
    },
    PreflightQuestions {
        dialect: "Db2",
        triggers: &[
            // No trigger is disabled there; one that lost what it needs is inoperative and does not fire.
            "SELECT TABNAME, TRIGNAME, CASE EVENTINSERT WHEN 'Y' THEN 'INSERT ' ELSE '' END \
             || CASE EVENTUPDATE WHEN 'Y' THEN 'UPDATE ' ELSE '' END \
             || CASE EVENTDELETE WHEN 'Y' THEN 'DELETE' ELSE '' END, \
             CASE VALID WHEN 'Y' THEN '' WHEN 'X' THEN 'is inoperative' ELSE 'is invalid' END \
             FROM SYSCAT.TRIGGERS WHERE TABSCHEMA = CURRENT SCHEMA ORDER BY 1, 2",
        ],
        clock: Some(
            "SELECT (CAST(DAYS(CURRENT TIMESTAMP - CURRENT TIMEZONE) - DAYS('1970-01-01') AS BIGINT) * 86400 \
             + MIDNIGHT_SECONDS(CURRENT TIMESTAMP - CURRENT TIMEZONE)) * 1000 FROM SYSIBM.SYSDUMMY1",
        ),
        logs: None,
    },
];

/// A trigger of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// The table, in upper case.
    pub table: String,
    /// Its name, in upper case.
    pub name: String,
    /// What it fires for: the words INSERT, UPDATE and DELETE, or the statement that made it.
    pub fires_for: String,
    /// Why it does not fire for all of that, as words behind its name; empty if it does.
    pub idle: String,
}

/// How old the newest row of a table is, in milliseconds.
pub fn newest(syntax: &Syntax, table: &Identifier, column: &Identifier) -> String {
    format!("SELECT {}MIN({}) FROM {table}", syntax.own, (syntax.log_age)(column))
}

impl Db {
    fn look(&self) -> Option<&'static PreflightQuestions> {
        PREFLIGHT_QUESTIONS.iter().find(|look| look.dialect == self.syntax().name)
    }

    /// All triggers that this user sees, those with several events perhaps several times. None if the dialect has no
    /// question for it.
    pub async fn triggers(&self) -> Result<Option<Vec<Trigger>>, DbError> {
        let mut answer = Ok(None);
        for sql in self.look().map_or(&[][..], |look| look.triggers) {
            match self.read(sql, &[]).await {
                Ok(records) => return Ok(Some(records.iter().map(trigger).collect())),
                // The first says why: the others are for older servers.
                Err(error) => answer = answer.and(Err(error)),
            }
        }
        answer
    }

    /// The server's time in milliseconds since 1970; none for a file.
    pub async fn clock(&self) -> Result<Option<i64>, DbError> {
        let Some(sql) = self.look().and_then(|look| look.clock) else { return Ok(None) };
        Ok(self.read(sql, &[]).await?.first().and_then(|record| record.first()?.as_int()))
    }

    /// Settings by which the server keeps its logs for long; none for a file.
    pub async fn log_settings(&self) -> Result<Option<Vec<(String, String)>>, DbError> {
        match self.look().and_then(|look| look.logs) {
            None => Ok(None),
            Some(sql) => Ok(Some(pairs(&self.read(sql, &[]).await?))),
        }
    }

    /// How many milliseconds ago the newest row of a table was made, by the time in a column; none if there
    /// is no row, or no such column. What is later than the server's clock is negative.
    pub async fn newest(&self, table: &Identifier, column: &Identifier) -> Result<Option<i64>, DbError> {
        let has = self.table(table).await?.is_some_and(|info| info.columns.contains_key(column.as_str()));
        if !has {
            return Ok(None);
        }
        let sql = newest(self.syntax(), table, column);
        Ok(self.read(&sql, &[]).await?.first().and_then(|record| record.first()?.as_int()))
    }
}

fn trigger(record: &Record) -> Trigger {
    let text = |at: usize| record.get(at).and_then(Value::as_text).unwrap_or_default().trim().to_owned();
    Trigger { table: text(0), name: text(1), fires_for: text(2), idle: text(3) }
}

fn pairs(records: &[Record]) -> Vec<(String, String)> {
    let text = |value: Option<&Value>| value.and_then(Value::as_text).unwrap_or_default().to_owned();
    records.iter().map(|record| (text(record.first()), text(record.get(1)))).collect()
}
