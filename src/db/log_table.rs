//! Whether a change log's table is an ordinary one, whoever has made it: one that keeps what is committed, and nothing
//! else. SQL as data; the name is bound. Its triggers are asked for with all others.

use super::{Db, DbError, Value};

impl Db {
    /// Why something with the name of a change log is no ordinary table, as words behind its name; none if it is one,
    /// or is not there.
    pub async fn log_table_flaw(&self, name: &str) -> Result<Option<String>, DbError> {
        let found = self.read(self.dialect().log_table, &[Value::Text(name.to_owned())]).await?;
        let why =
            found.iter().find_map(|record| record.first()?.as_text().map(str::trim)).unwrap_or_default();
        Ok((!why.is_empty()).then(|| why.to_owned()))
    }
}
