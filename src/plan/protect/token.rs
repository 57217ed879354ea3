//! The proof by a token: what is written to the new side must not show on the old one.

use std::time::{Duration, Instant};

use super::{Doubt, failed, is_old};
use crate::db::Db;
use crate::db::feeds::{Feed, Feeds};
use crate::db::identity::Identity;
use crate::db::proof::{Seen, Token};
use crate::db::server::Kind;
use crate::error::{Error, Id, Result};

/// How long a token may take to a server that is fed from another; three times its lag where that is more.
const DELAY: Duration = Duration::from_secs(2);
/// The longest that is waited for one that lags.
const LONGEST: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

/// What watching for a token came to.
enum Proved {
    Different,
    Same,
    /// Not settled, for this reason.
    Unsettled(String),
    /// No token could be looked for, for this reason.
    Untried(String),
}

/// An old database and a new one, and what their identifiers do not settle.
pub(super) struct Pair<'a> {
    pub(super) old: &'a Db,
    pub(super) new: &'a Db,
    pub(super) ours: Identity,
    pub(super) doubt: Doubt,
}

impl Pair<'_> {
    /// Writes a token to the new database and looks for it in the old one.
    pub(super) async fn prove(self, theirs: &Identity, feeds: &Feeds) -> Result<()> {
        let Self { old, new, .. } = self;
        let proved = match new.put_token().await.map_err(|error| failed(new, &error))? {
            Err(why) => Proved::Untried(format!("{}: {why}", new.place())),
            Ok(token) => {
                let watched = self.watch(&token, theirs, feeds).await;
                if let Err(error) = new.take_token(&token).await {
                    tracing::warn!("{}: a token of ours was not taken away: {error}", new.place());
                }
                watched?
            }
        };
        match (proved, self.doubt) {
            // A token of PostgreSQL's is the whole database's: where it shows under another name, that is another
            // schema. And a standby follows its own cluster only: where nothing was doubted, that is another.
            (Proved::Same, Doubt::OtherName) | (Proved::Unsettled(_), Doubt::None)
                if old.server_kind() == Some(Kind::Postgres) =>
            {
                Ok(())
            }
            (Proved::Same, _) => Err(is_old(&format!(
                "what was written to {} shows in {}, {}",
                new.place(),
                old.place(),
                theirs.words()
            ))),
            (_, Doubt::Lasting(doubt)) => Err(undecided(&doubt)),
            // Nothing brings one database's rows into one of another name.
            (Proved::Different, _) | (_, Doubt::OtherName) => Ok(()),
            (Proved::Unsettled(why) | Proved::Untried(why), Doubt::Said(doubt)) => {
                Err(undecided(&format!("{doubt}; {why}")))
            }
            (Proved::Unsettled(why), Doubt::None) => Err(undecided(&format!("{}: {why}", old.place()))),
            (Proved::Untried(why), Doubt::None) => {
                // SQL Server has none: there the lock and the identifiers tell.
                if new.server_kind() != Some(Kind::SqlServer) {
                    tracing::warn!(
                        "that {} is not {} is told by their identifiers and locks alone, since no token tells: {why}; \
                         docs/databases.md has the grants for it",
                        new.place(),
                        old.place()
                    );
                }
                Ok(())
            }
        }
    }

    async fn watch(&self, token: &Token, theirs: &Identity, feeds: &Feeds) -> Result<Proved> {
        let old = self.old;
        let others: Vec<&Feed> = feeds.found.iter().filter(|feed| feed.brings_all()).collect();
        // How far a node is behind its cluster nobody sees, so it is made to catch up.
        let by_cluster = self.ours.is_node() && theirs.is_node();
        let lag = others.iter().filter_map(|feed| feed.lag).max().unwrap_or_default();
        let may_come_late = !others.is_empty() || feeds.all_unseen().is_some();
        let wait = if may_come_late { DELAY.max(lag.saturating_mul(3)).min(LONGEST) } else { Duration::ZERO };
        let begun = Instant::now();
        loop {
            match self.look(token, by_cluster).await? {
                Seen::Here => return Ok(Proved::Same),
                Seen::Never if !by_cluster => return Ok(Proved::Different),
                Seen::Hidden(why) => return Ok(Proved::Untried(format!("{}: {why}", old.place()))),
                Seen::Behind(why) => return Ok(Proved::Unsettled(why)),
                Seen::Never | Seen::NotYet if begun.elapsed() >= wait => break,
                Seen::Never | Seen::NotYet => tokio::time::sleep(PAUSE).await,
            }
        }
        let waited = begun.elapsed();
        let judge = |feed: &&Feed| self.unsettled(feed, waited);
        let unsettled = others.iter().find_map(judge).or_else(|| feeds.all_unseen().cloned());
        Ok(unsettled.map_or(Proved::Different, Proved::Unsettled))
    }

    async fn look(&self, token: &Token, by_cluster: bool) -> Result<Seen> {
        let old = self.old;
        if !by_cluster {
            return old.sees(token).await.map_err(|error| failed(old, &error));
        }
        let late =
            || Seen::Behind(format!("it has not caught up with its cluster within {} s", LONGEST.as_secs()));
        let looked = tokio::time::timeout(LONGEST, old.sees_at_last(token)).await;
        looked.map_or_else(|_| Ok(late()), |seen| seen.map_err(|error| failed(old, &error)))
    }

    /// Why a token that did not show may still be on its way by this.
    fn unsettled(&self, feed: &Feed, waited: Duration) -> Option<String> {
        if self.old.server_kind() == Some(Kind::Postgres) {
            let waited = waited.as_secs_f64();
            return Some(format!("{}, and has not come past a token within {waited:.0} s", feed.what));
        }
        match feed.lag {
            Some(lag) if lag.saturating_mul(3) <= LONGEST => None,
            Some(lag) => Some(format!("{}, and is {} s behind", feed.what, lag.as_secs())),
            None => Some(format!("{}, and how far it is behind cannot be seen", feed.what)),
        }
    }
}

fn undecided(why: &str) -> Error {
    Error::new(Id::OldUndecided, format!("whether a database to be rewritten is the old server's own: {why}"))
}
