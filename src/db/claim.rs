//! Whose a database is: one rotation at a time, by an advisory lock, a locked row, or a cluster's row.

use super::claimed::{Claimed, ClusterLock};
use super::cluster_lock;
use super::database::Db;
use super::dialect::{LockRow, Questions};
use super::error::{Class, DbError};
use super::server::Kind;
use super::told::Told;

/// How a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockState {
    /// As before.
    Kept,
    /// Its connection was lost, and it was taken again.
    Retaken,
    /// By somebody else now.
    ByAnother,
}

impl Db {
    /// Claims the database for this process; false if another rotation has it. Held until the
    /// database is closed, or the connection is lost: see [`Db::hold`]. From then on its commits last.
    pub async fn claim(&self) -> Result<bool, DbError> {
        let is_ours = match self.questions() {
            Some(questions) => self.claim_on_server(questions).await?,
            None => self.claim_file()?,
        };
        if is_ours {
            self.write_at_once().await?;
        }
        Ok(is_ours)
    }

    async fn claim_on_server(&self, questions: &Questions) -> Result<bool, DbError> {
        let mut held = self.claim.lock().await;
        if held.dedicated.is_some() {
            return Ok(true);
        }
        if let Some(row) = questions.lock_row
            && !self.has_lock_row(row).await?
        {
            for statement in row.make {
                self.script(statement).await.map_err(|error| {
                    let text = format!(
                        "the table {}, which stands for the lock, cannot be made: {error}",
                        row.table
                    );
                    DbError::new(error.class, text)
                })?;
            }
        }
        if self.server_kind() == Some(Kind::MySql) && held.told.is_none() {
            let told = self.told().await?;
            // Whoever only reads takes no row, and looks whether somebody has it.
            if !self.only_reads() {
                held.cluster_lock = ClusterLock::of(&told)?;
            } else if told.cluster().is_some() && cluster_lock::is_alive(self).await? {
                return Ok(false);
            }
            held.told = Some(told);
        }
        let has_locks = held.told.as_ref().is_none_or(Told::has_named_locks);
        let mut dedicated = self.dedicated().await?;
        if has_locks && !dedicated.claim(questions).await? {
            dedicated.close().await;
            return Ok(false);
        }
        if let Some(cluster_lock) = &mut held.cluster_lock
            && !cluster_lock.claim(self, has_locks).await?
        {
            dedicated.close().await;
            return Ok(false);
        }
        if let Some(cluster_lock) = &mut held.cluster_lock {
            cluster_lock.keep_up(self);
        }
        held.dedicated = Some(dedicated);
        Ok(true)
    }

    /// Makes sure that the claim still stands, and takes it again where its connection was lost.
    pub async fn hold(&self) -> Result<LockState, DbError> {
        let Some(questions) = self.questions() else { return Ok(LockState::Kept) };
        let mut held = self.claim.lock().await;
        let Claimed { dedicated, cluster_lock, told } = &mut *held;
        if let Some(dedicated) = dedicated {
            let has_locks = told.as_ref().is_none_or(Told::has_named_locks);
            let question = if has_locks { questions.is_ours } else { "SELECT 1" };
            match dedicated.is_true(question).await {
                Ok(true) => {
                    let is_ours = match cluster_lock {
                        Some(cluster_lock) => cluster_lock.beat(self).await?,
                        None => true,
                    };
                    if is_ours {
                        return Ok(LockState::Kept);
                    }
                }
                Ok(false) => {}
                Err(error) if error.class == Class::Lost => {}
                Err(error) => return Err(error),
            }
        }
        held.dedicated = None;
        drop(held);
        Ok(if self.claim().await? { LockState::Retaken } else { LockState::ByAnother })
    }

    /// Whether this process has a cluster's lock by its row.
    pub(super) async fn has_cluster_lock(&self) -> bool {
        self.claim.lock().await.cluster_lock.is_some()
    }

    /// Gives the claim back, and closes all connections.
    pub async fn close(&self) {
        let mut held = self.claim.lock().await;
        if let Some(cluster_lock) = held.cluster_lock.take() {
            cluster_lock.give_up(self).await;
        }
        if let Some(dedicated) = held.dedicated.take() {
            dedicated.close().await;
            if let Some(row) = self.dialect().questions.lock_row {
                let _ = self.script(row.remove).await; // it does no harm where it stays
            }
        }
        drop(held);
        self.close_driver().await;
    }

    /// Whether somebody holds the claim on this database: asked of the old database while this
    /// process has that of the new one, it tells whether they are one.
    pub async fn is_claimed(&self) -> Result<bool, DbError> {
        let Some(questions) = self.questions() else { return Ok(false) };
        if let Some(row) = questions.lock_row
            && !self.has_lock_row(row).await?
        {
            return Ok(false); // nobody has ever
        }
        if self.server_kind() == Some(Kind::MySql) {
            let told = self.told().await?;
            if told.cluster().is_some() && cluster_lock::is_alive(self).await? {
                return Ok(true);
            }
            if !told.has_named_locks() {
                return Ok(false);
            }
        }
        let mut dedicated = self.dedicated().await?;
        let is_free = dedicated.claim(questions).await?;
        if is_free && questions.lock_row.is_none() {
            dedicated.ask(questions.release).await?;
        }
        dedicated.close().await;
        Ok(!is_free)
    }

    async fn has_lock_row(&self, row: &LockRow) -> Result<bool, DbError> {
        Ok(self.table_names().await?.iter().any(|name| name == row.table))
    }
}
