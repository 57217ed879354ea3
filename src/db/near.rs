//! What is near a table that is not there: the same name in another schema, in another case, or of
//! something that is no table. SQL as data; the name is bound.

use super::{Db, DbError, Value};

/// How a dialect answers: schema, name, and what it is.
pub const NEAR: &[(&str, &str)] = &[
    (
        "SQLite",
        "SELECT '', name, 'a ' || type FROM sqlite_master WHERE upper(name) = upper(?) AND type IN ('table', 'view')",
    ),
    (
        "PostgreSQL",
        "SELECT n.nspname::text, c.relname::text, CASE WHEN c.relispartition THEN 'a partition' ELSE \
         CASE c.relkind WHEN 'r' THEN 'a table' WHEN 'p' THEN 'a partitioned table' WHEN 'v' THEN 'a view' \
         WHEN 'm' THEN 'a materialized view' WHEN 'f' THEN 'a foreign table' ELSE 'something' END END \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE pg_catalog.lower(c.relname::text) = pg_catalog.lower($1::text) \
         AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1, 2",
    ),
    (
        "MySQL and MariaDB",
        "SELECT TABLE_SCHEMA, TABLE_NAME, CASE TABLE_TYPE WHEN 'VIEW' THEN 'a view' ELSE 'a table' END \
         FROM information_schema.TABLES WHERE LOWER(TABLE_NAME) = LOWER(?) ORDER BY 1, 2",
    ),
    (
        "H2",
        "SELECT TABLE_SCHEMA, TABLE_NAME, CASE TABLE_TYPE WHEN 'VIEW' THEN 'a view' ELSE 'a table' END \
         FROM INFORMATION_SCHEMA.TABLES WHERE UPPER(TABLE_NAME) = UPPER(CAST(? AS VARCHAR)) ORDER BY 1, 2",
    ),
    (
        "Oracle",
        "SELECT OWNER, OBJECT_NAME, 'a ' || LOWER(OBJECT_TYPE) FROM ALL_OBJECTS WHERE UPPER(OBJECT_NAME) = ? \
         AND OBJECT_TYPE IN ('TABLE', 'VIEW', 'SYNONYM', 'MATERIALIZED VIEW') ORDER BY 1, 2",
    ),
    (
        "SQL Server",
        "SELECT SCHEMA_NAME(schema_id), name, CASE type WHEN 'U' THEN 'a table' WHEN 'V' THEN 'a view' \
         ELSE 'a synonym' END FROM sys.objects WHERE UPPER(name) = UPPER(?) AND type IN ('U', 'V', 'SN') ORDER BY 1, 2",
    ),
    (
        "Db2",
        "SELECT TABSCHEMA, TABNAME, CASE TYPE WHEN 'T' THEN 'a table' WHEN 'V' THEN 'a view' \
         WHEN 'A' THEN 'an alias' WHEN 'N' THEN 'a nickname' ELSE 'something' END \
         FROM SYSCAT.TABLES WHERE UPPER(TABNAME) = ? ORDER BY 1, 2",
    ),
];

/// How many are named.
const NAMED: usize = 5;

impl Db {
    /// What is named like a table, wherever this user sees it: one text each.
    pub async fn near(&self, table: &str) -> Result<Vec<String>, DbError> {
        let Some((_, sql)) = NEAR.iter().find(|(dialect, _)| *dialect == self.syntax().name) else {
            return Ok(Vec::new());
        };
        let found = self.read(sql, &[Value::Text(table.to_owned())]).await?;
        let text = |record: &super::Record, at: usize| {
            record.get(at).and_then(Value::as_text).unwrap_or_default().trim().to_owned()
        };
        let named = found.iter().take(NAMED).map(|record| {
            let schema = text(record, 0);
            let place = if schema.is_empty() { String::new() } else { format!(" in schema {schema}") };
            format!("{} {}{place}", text(record, 2), text(record, 1))
        });
        Ok(named.collect())
    }
}
