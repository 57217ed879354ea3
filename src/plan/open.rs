//! Connecting to the databases that the configuration names.

use super::protect;
use crate::config::{Database, JdbcUrl, Settings};
use crate::db::identity::Sameness;
use crate::db::{Access, Class, Db, DbError};
use crate::error::{Error, Id, Result};

/// Opens one database, for one task.
pub async fn open_alone(database: &Database, access: Access) -> Result<Db> {
    open_with(database, access, 1).await
}

pub(super) async fn open(database: &Database, settings: &Settings, access: Access) -> Result<Db> {
    // One connection reads while the others write.
    open_with(database, access, settings.writers() + 1).await
}

async fn open_with(database: &Database, access: Access, connections: u32) -> Result<Db> {
    let opened = match (&database.url, &database.server) {
        (JdbcUrl::Sqlite { path }, _) => Db::open_sqlite(path, access).await,
        (JdbcUrl::Server(_) | JdbcUrl::Bridged(_), Some(server)) => {
            Db::open_server(server, access, connections).await
        }
        (JdbcUrl::Server(_) | JdbcUrl::Bridged(_), None) => {
            Err(DbError::new(Class::Environment, "nobody to log on as"))
        }
    };
    opened.map_err(|error| {
        let place = match &database.url {
            JdbcUrl::Sqlite { path } => path.display().to_string(),
            JdbcUrl::Server(url) => format!("database {}", url.database),
            JdbcUrl::Bridged(url) => format!("database {}", url.place),
        };
        let refused = Error::new(Id::Database, format!("{}: {place}: {error}", database.key));
        match error.remedy() {
            Some(remedy) => refused.fix(remedy),
            None => refused,
        }
    })
}

/// Whether two servers' databases are one, whatever their URLs say.
pub(super) async fn is_same(one: &Db, other: &Db) -> Result<bool> {
    if one.server_kind().is_none() || one.server_kind() != other.server_kind() {
        return Ok(false);
    }
    let first = one.identity().await.map_err(|error| protect::failed(one, &error))?;
    let second = other.identity().await.map_err(|error| protect::failed(other, &error))?;
    let is_same = matches!(first.compare(&second), Sameness::Same(_));
    if is_same {
        other.close().await;
    }
    Ok(is_same)
}
