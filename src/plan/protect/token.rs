//! The proof by a token: what is written to the new side must not show on the old one.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{Doubt, failed, is_old};
use crate::db::feeds::{Feed, Feeds};
use crate::db::history::{Galera, History};
use crate::db::identity::Identity;
use crate::db::proof::{Put, Seen, Token};
use crate::db::server::Kind;
use crate::db::{Access, Db, DbError, Server};
use crate::error::{Error, Id, Result};

/// How long a token may take to a server that is fed from another; three times its lag where that is more.
const DELAY: Duration = Duration::from_secs(2);
/// The longest that is waited for one that lags.
const LONGEST: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

/// What to do where a server's name for itself is another's.
const OWN_NAME: &str = "if the new server is another server with the same name, give it a name of its own \
                        (MariaDB: server_id; MySQL: remove auto.cnf and restart it); otherwise this is the \
                        production server";
/// What to do where nothing tells what a server is fed from.
const APART: &str = "name the server that the users' Identity Server writes to as the old one; or end the \
                     replication there for now; or restart the new server without a binary log \
                     (skip-log-bin): then it cannot feed another";

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
    /// How the old one is reached.
    pub(super) server: &'a Server,
}

impl Pair<'_> {
    /// Writes a token to the new database and looks for it in the old one.
    pub(super) async fn prove(self, theirs: &Identity, feeds: &Feeds) -> Result<()> {
        let Self { old, new, .. } = self;
        let proved = match new.put_token().await.map_err(|error| failed(new, &error))? {
            Put::Nothing(why) => Proved::Untried(format!("{}: {why}", new.place())),
            Put::Token(token) => {
                let watched = self.watch(&token, theirs, feeds).await;
                if let Err(error) = new.take_token(&token).await {
                    tracing::warn!("{}: a token of ours was not taken away: {error}", new.place());
                }
                watched?
            }
        };
        let hidden = match (&proved, &self.doubt) {
            (Proved::Same | Proved::Unsettled(_), _) | (_, Doubt::OtherName) => None,
            _ => self.may_come(feeds).await?,
        };
        let proved = hidden.map_or(proved, Proved::Unsettled);
        match (proved, self.doubt) {
            // A token of PostgreSQL's is the whole database's: where it shows under another name, that is another
            // schema, in which tables were found. And a standby follows its own cluster only: where nothing was
            // doubted, both clusters' identifiers are known, and they differ.
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
                        "only identifiers and locks show that {} is not {}, since a token could not be \
                         used: {why}; docs/databases.md has the grants for it",
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
        // The lag of a node behind its cluster is not visible, so it is made to catch up.
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
        let unsettled = others.first().filter(|_| old.server_kind() == Some(Kind::Postgres)).map(|feed| {
            let waited = begun.elapsed().as_secs_f64();
            format!("{}, and a token did not arrive within {waited:.0} s", feed.what)
        });
        Ok(unsettled.map_or(Proved::Different, Proved::Unsettled))
    }

    /// Why what is written to the new database may still come into the old one, although no token shows there (MySQL
    /// and MariaDB). What a replica says of its lag is nothing: its GTIDs are.
    pub(super) async fn may_come(&self, feeds: &Feeds) -> Result<Option<String>> {
        let (old, new) = (self.old, self.new);
        let ours = new.history().await.map_err(|error| failed(new, &error))?;
        let theirs = old.history().await.map_err(|error| failed(old, &error))?;
        let (Some(ours), Some(theirs)) = (ours, theirs) else { return Ok(None) };
        let unseen = feeds.all_unseen().cloned();
        if let Some(why) = unseen.filter(|_| ours.feeds_others()) {
            return Ok(Some(why));
        }
        let sources: Vec<&Feed> = feeds.found.iter().filter(|feed| feed.brings_all()).collect();
        let is_ours = |feed: &&&Feed| feed.source.as_deref().is_some_and(|source| ours.is_called(source));
        if let Some(feed) = sources.iter().find(is_ours) {
            return Ok(Some(format!(
                "{}, and that server has the same name as {}; {OWN_NAME}",
                feed.what,
                new.place()
            )));
        }
        if theirs.has_of(&ours) {
            let text =
                format!("it has transactions that {} wrote, so it is, or was, fed from there", new.place());
            return Ok(Some(format!("{text}; {OWN_NAME}")));
        }
        if !ours.feeds_others() && !is_reader(&sources) {
            return Ok(None);
        }
        let apart = sources.iter().all(|feed| feed.source.is_some()) && theirs.is_apart_from(&ours);
        let open = match (sources.first(), theirs.galera(), theirs.cluster()) {
            (Some(feed), ..) if !apart => feed.what.clone(),
            (_, Some(galera), _) => match unseen_node(self.server, galera).await? {
                Some(why) => why,
                None => return Ok(None),
            },
            (_, None, Some(cluster)) if !apart => {
                format!("it is {cluster}, and what feeds another is not seen")
            }
            _ => return Ok(None),
        };
        let new = new.place();
        Ok(Some(format!("{open}, and GTIDs do not tell that nothing comes from {new} in the end; {APART}")))
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
}

/// Why a node of a Galera cluster may be fed from elsewhere: GTIDs tell nothing of who wrote a transaction on another
/// one, so each is looked at, if the URL names them all.
async fn unseen_node(server: &Server, galera: &Galera) -> Result<Option<String>> {
    let mut nodes = BTreeSet::new();
    for host in &server.hosts {
        let alone = Server { hosts: vec![host.clone()], ..server.clone() };
        // One that does not answer is one that is not seen.
        let Ok(db) = Db::open_server(&alone, Access::ReadOnly, 1).await else { continue };
        let looked = async { Ok::<_, DbError>((db.history().await?, db.feeds().await?)) }.await;
        db.close().await;
        let (history, feeds) = looked.map_err(|error| failed(&db, &error))?;
        let Some(other) =
            history.as_ref().and_then(History::galera).filter(|other| other.cluster == galera.cluster)
        else {
            continue;
        };
        let found = feeds.found.iter().map(|feed| &feed.what).next();
        if let Some(why) = found.or(feeds.all_unseen()) {
            return Ok(Some(format!("its node {}: {why}", db.place())));
        }
        nodes.insert(other.node.clone());
    }
    let size = galera.size;
    Ok((nodes.len() < size).then(|| {
        format!(
            "of the {size} nodes of its cluster {} are seen: name them all in its URL, with commas between",
            nodes.len()
        )
    }))
}

/// A reader has its writer's storage, and its writer needs no log for that.
fn is_reader(sources: &[&Feed]) -> bool {
    sources.iter().any(|feed| feed.lag.is_none() && feed.source.is_none())
}

fn undecided(why: &str) -> Error {
    Error::new(Id::OldUndecided, format!("whether a database to be rewritten is the old server's own: {why}"))
}
