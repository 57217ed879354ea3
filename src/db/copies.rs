//! Where a server itself keeps copies of its tables' contents: history, rules, logs of statements.
//! SQL as data; what a dialect has no question for is not known, and said to be so.

use super::value::text_at;
use super::{Db, DbError};

impl Db {
    /// Tables of which the server itself keeps or sends on what stood there, in upper case, and how. None where
    /// it cannot be asked.
    pub async fn kept_copies(&self) -> Result<Option<Vec<(String, String)>>, DbError> {
        self.pairs(self.dialect().kept_copies).await
    }

    /// Settings by which the server logs statements with the values in them. None where it cannot be asked.
    pub async fn statement_logs(&self) -> Result<Option<Vec<(String, String)>>, DbError> {
        self.pairs(self.dialect().statement_logs).await
    }

    /// The schema in which the tables are looked for. None where it cannot be asked.
    pub async fn own_schema(&self) -> Result<Option<String>, DbError> {
        let sql = self.dialect().own_schema;
        if sql.is_empty() {
            return Ok(None);
        }
        Ok(self.read(sql, &[]).await?.first().map(|record| text_at(record, 0).to_owned()))
    }

    async fn pairs(&self, sql: &str) -> Result<Option<Vec<(String, String)>>, DbError> {
        if sql.is_empty() {
            return Ok(None);
        }
        let pairs = self.read(sql, &[]).await?;
        let pairs = pairs.iter().map(|record| (text_at(record, 0).to_owned(), text_at(record, 1).to_owned()));
        Ok(Some(pairs.filter(|(_, how)| !how.is_empty()).collect()))
    }
}
