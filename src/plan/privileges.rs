//! Whether the database's user may do what a rotation does, asked without writing.

use super::Deployment;
use super::open::open_alone;
use crate::config::Settings;
use crate::db::{Access, Db, DbError, Refusal};
use crate::error::{Error, Id, Result};
use crate::guard::refused;
use crate::source::Source;
use crate::target::Store;

impl Deployment {
    /// Asks each server for every table, in a transaction that changes nothing and is rolled back. A
    /// deployment that was connected to be changed has been asked already.
    pub async fn check_privileges(&self, settings: &Settings) -> Result<()> {
        let Some(databases) = &settings.databases else { return Ok(()) };
        let built_in = [(Store::Identity, &databases.identity), (Store::Registry, &databases.registry)];
        let further = databases.stores.iter().map(|store| (Store::Further(store.name.clone()), &store.new));
        let mut asked: Vec<&Db> = Vec::new();
        for (store, database) in built_in.into_iter().chain(further) {
            // A file that this process has open to read cannot be written beside that; its user is its administrator.
            let asks = |db: &&Db| db.server_kind().is_some() && !db.is_sole();
            let Some(db) = self.databases.of(&store).filter(asks) else { continue };
            if asked.iter().any(|one| one.is_same_handle(db)) {
                continue;
            }
            asked.push(db);
            let writer = open_alone(database, Access::ReadWrite).await?;
            let allowed = self.ask(db, &writer).await;
            writer.close().await;
            allowed?;
        }
        Ok(())
    }

    async fn ask(&self, db: &Db, writer: &Db) -> Result<()> {
        for job in &self.jobs {
            let Source::Table(source) = &job.source else { continue };
            if source.db().is_same_handle(db) {
                let mut table = source.table().clone();
                let columns: Vec<_> = job.columns.iter().collect();
                let asked = writer.rehearse(&mut table, &columns).await;
                asked.map_err(|error| forbidden(&job.place, &error))?;
            }
        }
        Ok(())
    }
}

/// What a server has refused: only where the user may not do it a grant helps.
pub(super) fn forbidden(place: &str, error: &DbError) -> Error {
    if error.hides_rows() {
        return refused(place, error); // no grant helps
    }
    let refusal = error.refusal();
    let id = if refusal == Refusal::Forbidden { Id::Privilege } else { Id::Database };
    let refused = Error::new(id, format!("{place}: {error}"));
    match refusal.advice() {
        Some(advice) => refused.fix(advice),
        None => refused,
    }
}
