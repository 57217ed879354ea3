//! Whether a change log's table is an ordinary one, whoever has made it: one that keeps what is committed, and nothing
//! else. SQL as data; the name is bound. Its triggers are asked for with all others.

use super::{Db, DbError, Value};

/// How a dialect answers: why it is none, as words behind its name, or an empty text. No row if there is no such thing.
pub const LOG_TABLES: &[(&str, &str)] = &[
    (
        "SQLite",
        "SELECT CASE WHEN type <> 'table' THEN 'is a ' || type \
         WHEN upper(sql) LIKE 'CREATE VIRTUAL%' THEN 'is a virtual table' ELSE '' END \
         FROM sqlite_master WHERE upper(name) = ? AND type IN ('table', 'view')",
    ),
    (
        "PostgreSQL",
        "SELECT CASE WHEN c.relkind OPERATOR(pg_catalog.<>) 'r'::\"char\" THEN 'is no ordinary table' \
         WHEN c.relpersistence OPERATOR(pg_catalog.<>) 'p'::\"char\" THEN 'does not outlast a crash or the session' \
         WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite r WHERE r.ev_class OPERATOR(pg_catalog.=) c.oid) THEN 'has rules' \
         ELSE '' END FROM pg_catalog.pg_class c \
         WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(pg_catalog.lower($1::text))::oid",
    ),
    (
        "MySQL and MariaDB",
        "SELECT CASE WHEN t.TABLE_TYPE <> 'BASE TABLE' THEN CONCAT('is a ', LOWER(t.TABLE_TYPE)) \
         WHEN COALESCE(e.TRANSACTIONS, 'NO') <> 'YES' \
         THEN CONCAT('is kept by ', COALESCE(t.ENGINE, 'nothing'), ', which knows no transactions') ELSE '' END \
         FROM information_schema.TABLES AS t LEFT JOIN information_schema.ENGINES AS e ON e.ENGINE = t.ENGINE \
         WHERE t.TABLE_SCHEMA = DATABASE() AND UPPER(t.TABLE_NAME) = ?",
    ),
    (
        "H2",
        "SELECT CASE WHEN TABLE_TYPE IN ('TABLE', 'BASE TABLE') THEN '' ELSE CONCAT('is a ', LOWER(TABLE_TYPE)) END \
         FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = SCHEMA() AND UPPER(TABLE_NAME) = CAST(? AS VARCHAR)",
    ),
    (
        "Oracle",
        "SELECT CASE WHEN o.OBJECT_TYPE <> 'TABLE' THEN 'is a ' || LOWER(o.OBJECT_TYPE) \
         WHEN t.TEMPORARY = 'Y' THEN 'is a temporary table' ELSE '' END FROM ALL_OBJECTS o \
         LEFT JOIN ALL_TABLES t ON t.OWNER = o.OWNER AND t.TABLE_NAME = o.OBJECT_NAME \
         WHERE o.OWNER = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND o.OBJECT_NAME = ? \
         AND o.OBJECT_TYPE IN ('TABLE', 'VIEW', 'SYNONYM', 'MATERIALIZED VIEW')",
    ),
    (
        "SQL Server",
        "SELECT CASE WHEN o.type <> 'U' THEN N'is a view or a synonym' \
         WHEN t.durability <> 0 THEN N'loses its rows when the server restarts' ELSE N'' END \
         FROM sys.objects AS o LEFT JOIN sys.tables AS t ON t.object_id = o.object_id \
         WHERE o.object_id = OBJECT_ID(?) AND o.type IN ('U', 'V', 'SN')",
    ),
    (
        "Db2",
        "SELECT CASE WHEN TYPE <> 'T' THEN 'is a view, an alias or something else' ELSE '' END \
         FROM SYSCAT.TABLES WHERE TABSCHEMA = CURRENT SCHEMA AND TABNAME = ?",
    ),
];

/// Every question: dialect, what for, and the statement.
pub fn statements() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    LOG_TABLES.iter().map(|(dialect, sql)| (*dialect, "is a change log an ordinary table", *sql))
}

impl Db {
    /// Why something with the name of a change log is no ordinary table, as words behind its name; none if it is one,
    /// or is not there.
    pub async fn log_table_flaw(&self, name: &str) -> Result<Option<String>, DbError> {
        let Some((_, sql)) = LOG_TABLES.iter().find(|(dialect, _)| *dialect == self.syntax().name) else {
            return Ok(None);
        };
        let found = self.read(sql, &[Value::Text(name.to_owned())]).await?;
        let why =
            found.iter().find_map(|record| record.first()?.as_text().map(str::trim)).unwrap_or_default();
        Ok((!why.is_empty()).then(|| why.to_owned()))
    }
}
