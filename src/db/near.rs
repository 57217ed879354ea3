//! What is near a table that is not there: the same name in another schema, in another case, or of
//! something that is no table. SQL as data; the name is bound.

use std::fmt;

use super::{Class, Db, DbError, MYSQL, Syntax, Value};

/// How a dialect answers: schema, name, and what it is.
pub const NEAR: &[(&str, &str)] = &[
    (
        "SQLite",
        "SELECT '', name, 'a ' || type FROM sqlite_master WHERE upper(name) = upper(?) AND type IN ('table', 'view')",
    ),
    (
        "PostgreSQL",
        "SELECT n.nspname::text, c.relname::text, CASE WHEN c.relispartition THEN 'a partition' \
         WHEN c.relkind OPERATOR(pg_catalog.=) 'r'::\"char\" THEN 'a table' \
         WHEN c.relkind OPERATOR(pg_catalog.=) 'p'::\"char\" THEN 'a partitioned table' \
         WHEN c.relkind OPERATOR(pg_catalog.=) 'v'::\"char\" THEN 'a view' \
         WHEN c.relkind OPERATOR(pg_catalog.=) 'm'::\"char\" THEN 'a materialized view' ELSE 'a foreign table' END \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
         WHERE pg_catalog.lower(c.relname::text) OPERATOR(pg_catalog.=) pg_catalog.lower($1::text) \
         AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,m,f}'::\"char\"[]) ORDER BY 1, 2",
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

/// Something that is named like a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    schema: String,
    name: String,
    kind: String,
}

impl fmt::Display for Near {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)?;
        if self.schema.is_empty() { Ok(()) } else { write!(f, " in schema {}", self.schema) }
    }
}

impl Db {
    /// What is named like a table, wherever this user sees it: one text each.
    pub async fn near(&self, table: &str) -> Result<Vec<String>, DbError> {
        Ok(self.all_near(table).await?.iter().take(NAMED).map(Near::to_string).collect())
    }

    /// Likewise, but not what can be read and has no row.
    pub async fn near_with_rows(&self, table: &str) -> Result<Vec<String>, DbError> {
        let mut found = Vec::new();
        for near in self.all_near(table).await? {
            if found.len() == NAMED {
                break;
            }
            match self.has_rows(&near).await {
                Ok(false) => {}
                Ok(true) => found.push(near.to_string()),
                Err(error) if error.class == Class::Lost => return Err(error),
                // What cannot be read may have any.
                Err(_) => found.push(format!("{near}, which this user may not read")),
            }
        }
        Ok(found)
    }

    async fn all_near(&self, table: &str) -> Result<Vec<Near>, DbError> {
        let Some((_, sql)) = NEAR.iter().find(|(dialect, _)| *dialect == self.syntax().name) else {
            return Ok(Vec::new());
        };
        let found = self.read(sql, &[Value::Text(table.to_owned())]).await?;
        let text = |record: &super::Record, at: usize| {
            record.get(at).and_then(Value::as_text).unwrap_or_default().trim().to_owned()
        };
        let near = |record| Near { schema: text(record, 0), name: text(record, 1), kind: text(record, 2) };
        Ok(found.iter().map(near).collect())
    }

    async fn has_rows(&self, near: &Near) -> Result<bool, DbError> {
        let place = quoted(self.syntax(), &near.schema, &near.name)
            .ok_or_else(|| DbError::new(Class::Environment, "its name is too odd to look into it"))?;
        let sql = (self.syntax().limited)(&format!("SELECT 1 FROM {place}"), "1");
        Ok(!self.read(&sql, &[]).await?.is_empty())
    }
}

/// A table by its names as they are written; none if they are not of plain characters.
pub(super) fn quoted(syntax: &Syntax, schema: &str, table: &str) -> Option<String> {
    let table = quoted_name(syntax, table)?;
    if schema.is_empty() { Some(table) } else { Some(format!("{}.{table}", quoted_name(syntax, schema)?)) }
}

/// An identifier of plain characters, quoted as it is written.
pub(super) fn quoted_name(syntax: &Syntax, name: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_$# -".contains(c);
    let quote = if syntax.name == MYSQL.name { '`' } else { '"' };
    (!name.is_empty() && name.chars().all(plain)).then(|| format!("{quote}{name}{quote}"))
}
