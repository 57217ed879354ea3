//! What is near a table that is not there: the same name in another schema, in another case, or of
//! something that is no table. SQL as data; the name is bound.

use std::fmt;

use super::value::text_at;
use super::{Class, Db, DbError, Record, Value};

/// How many are named.
const NAMED: usize = 5;

/// Something that is named like a table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Near {
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
        let found = self.read(self.dialect().near, &[Value::Text(table.to_owned())]).await?;
        let text = |record: &Record, at| text_at(record, at).to_owned();
        let near =
            |record: &Record| Near { schema: text(record, 0), name: text(record, 1), kind: text(record, 2) };
        Ok(found.iter().map(near).collect())
    }

    async fn has_rows(&self, near: &Near) -> Result<bool, DbError> {
        let place = self
            .dialect()
            .quoted_table(&near.schema, &near.name)
            .ok_or_else(|| DbError::new(Class::Environment, "its name is too unusual for a query"))?;
        let sql = (self.dialect().limited)(&format!("SELECT 1 FROM {place}"), "1");
        Ok(!self.read(&sql, &[]).await?.is_empty())
    }
}
