//! Whether one database shows the tables of another: schemas of one database, or databases of one server.

use super::identity::{Identity, Sameness};
use super::server::Kind;
use super::{Db, DbError};

impl Db {
    /// The schema in which another database has its tables, as this one shows them; none if it shows none of them, or
    /// nobody knows.
    pub async fn schema_of(&self, other: &Self) -> Result<Option<String>, DbError> {
        if self.server_kind().is_none() || self.server_kind() != other.server_kind() {
            return Ok(None);
        }
        let shows = self.place() == other.place() || self.identity().await?.shows(&other.identity().await?);
        if shows { other.own_schema().await } else { Ok(None) }
    }
}

impl Identity {
    /// Whether the other is another schema of this database; with MySQL another database of this server.
    fn shows(&self, other: &Self) -> bool {
        let within = |identity: &Self| {
            let name = identity.database();
            match identity.kind() {
                Some(Kind::MySql) => String::new(),
                Some(Kind::Oracle) => name.rsplit(" in ").next().unwrap_or_default().to_owned(),
                _ => name.split(", schema ").next().unwrap_or_default().to_owned(),
            }
        };
        within(self) == within(other) && matches!(self.named_as(other).compare(other), Sameness::Same(_))
    }
}
