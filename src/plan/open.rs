//! Connecting to the databases that the configuration names.

use std::time::Duration;

use super::protect;
use crate::config::{Database, DatabaseJob, JdbcUrl, Settings};
use crate::db::identity::Sameness;
use crate::db::{Access, Class, Db, DbError, Server};
use crate::error::{Error, Id, Result};

/// Opens one database, for one task.
pub async fn open_alone(database: &Database, access: Access) -> Result<Db> {
    open_with(database, access, 1, None).await
}

/// How long a statement waits for a row that a server has locked, where servers work with the database.
const LOCK_WAIT: Duration = Duration::from_millis(100);

/// Rolls back what a killed process of the rotation has left unfinished in new databases that are SQLite files, so that
/// they can be looked at. The old server's are left to it.
pub async fn roll_back_unfinished(settings: &Settings) -> Result<()> {
    for database in settings.databases.iter().flat_map(DatabaseJob::new_ones) {
        let JdbcUrl::Sqlite { path } = &database.url else { continue };
        let rolled_back = Db::roll_back_unfinished(path).await.map_err(|error| {
            let what = format!("{}: {}: {error}", database.key, path.display());
            Error::new(Id::Database, what)
                .fix("run the same command as a user who may write to that file and its folder")
        })?;
        if rolled_back {
            tracing::info!("{}: rolled back what a killed process had left unfinished", path.display());
        }
    }
    Ok(())
}

pub(super) async fn open(database: &Database, settings: &Settings, access: Access) -> Result<Db> {
    // One connection reads while the others write.
    let lock_wait = settings.mode.is_in_place().then_some(LOCK_WAIT);
    open_with(database, access, settings.writers() + 1, lock_wait).await
}

async fn open_with(
    database: &Database,
    access: Access,
    connections: u32,
    lock_wait: Option<Duration>,
) -> Result<Db> {
    let opened = match (&database.url, &database.server) {
        (JdbcUrl::Sqlite { path }, _) => Db::open_sqlite(path, access).await,
        (JdbcUrl::Server(_) | JdbcUrl::Bridged(_), Some(server)) => {
            let server = Server { lock_wait, ..server.clone() };
            Db::open_server(&server, access, connections).await
        }
        (JdbcUrl::Server(_) | JdbcUrl::Bridged(_), None) => {
            Err(DbError::new(Class::Environment, "no user to log on as"))
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
            // The server does not answer. Whatever command this is, it was not begun.
            None if error.class == Class::Lost => refused.fix(format!(
                "check that the server runs, and that {} names its host and port; then run the same command again",
                database.key
            )),
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
