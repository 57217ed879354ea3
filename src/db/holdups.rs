//! What this process's own sessions wait for in a server: an acknowledgement that does not come, a row that
//! somebody else has. SQL as data; of a dialect that has none of it only the driver is asked, which knows what
//! takes long.

use super::claimed::DedicatedSession;
use super::database::{AnyDriver, Db};
use super::error::DbError;
use super::value::{Record, text_at};

/// What a server waits for that is not asked.
const UNNAMED: &str = "something that it does not name: a lock, its disk, or much work";

/// A session of ours that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holdup {
    /// The server's number for the session.
    session: i64,
    /// What it waits for, and who is in its way.
    pub what: String,
}

impl Db {
    /// What this process's sessions wait for, asked outside of the pool.
    pub async fn holdups(&self) -> Result<Vec<Holdup>, DbError> {
        let Some(asks) = &self.dialect().holdups else { return Ok(self.unnamed()) };
        let mut dedicated = self.dedicated().await?;
        let mut found = Vec::new();
        for sql in asks.waits {
            found.extend(self.held_up(&mut dedicated, sql).await);
        }
        if found.is_empty() && !asks.at_least.is_empty() {
            found = self.held_up(&mut dedicated, asks.at_least).await;
        }
        found.sort_unstable_by(|one, other| (one.session, &one.what).cmp(&(other.session, &other.what)));
        found.dedup(); // two lists may have the same
        dedicated.close().await;
        Ok(found)
    }

    /// Our sessions that wait, by one of the statements. Not every server has each of the tables, and not every user
    /// may look.
    async fn held_up(&self, dedicated: &mut DedicatedSession, sql: &str) -> Vec<Holdup> {
        let records = dedicated.ask(sql).await.unwrap_or_default();
        let mut found = Vec::new();
        for holdup in records.iter().filter_map(holdup) {
            if !self.dialect().questions.by_number || self.is_ours(dedicated, holdup.session).await {
                found.push(holdup);
            }
        }
        found
    }

    /// Whether a session is this process's: a number alone comes again after a restart.
    async fn is_ours(&self, dedicated: &mut DedicatedSession, number: i64) -> bool {
        let (Some(own), Some(questions)) = (self.own(), self.questions()) else { return false };
        for known in own.candidates(number, None) {
            let Some(mark) = known.mark else { return true };
            let holder = questions.marked_by.replace('?', &format!("'{mark}'"));
            if dedicated.number(&holder).await.is_ok_and(|holder| holder == number) {
                return true;
            }
        }
        false
    }

    /// Sessions whose statement takes long, where nothing else is known.
    fn unnamed(&self) -> Vec<Holdup> {
        let AnyDriver::Jdbc(db) = &self.driver else { return Vec::new() };
        let holdup = |session: u32| Holdup { session: session.into(), what: UNNAMED.to_owned() };
        db.at_work().stalled().into_iter().map(holdup).collect()
    }

    /// Ends what these sessions are at.
    pub async fn cancel(&self, holdups: &[Holdup]) -> Result<(), DbError> {
        let Some(asks) = &self.dialect().holdups else {
            if let AnyDriver::Jdbc(db) = &self.driver {
                holdups
                    .iter()
                    .filter_map(|holdup| holdup.session.try_into().ok())
                    .for_each(|it| db.at_work().cancel(it));
            }
            return Ok(());
        };
        let mut dedicated = self.dedicated().await?;
        for holdup in holdups {
            let _ = dedicated.ask(&(asks.cancel)(holdup.session)).await; // it may have ended meanwhile
        }
        dedicated.close().await;
        Ok(())
    }
}

fn holdup(record: &Record) -> Option<Holdup> {
    let session = record.first()?.as_int()?;
    let (event, owner) = (text_at(record, 1), text_at(record, 2));
    let what = if owner.is_empty() { event.to_owned() } else { format!("{event}, held by {owner}") };
    Some(Holdup { session, what })
}
