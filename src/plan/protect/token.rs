//! The proof by a token: what is written to the new side must not show on the old one.

use std::time::{Duration, Instant};

use super::{Doubt, failed, is_old};
use crate::db::Db;
use crate::db::feeds::Feeds;
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

/// Writes a token to a new database and looks for it in the old one. `doubt` is what their identifiers do
/// not settle.
pub(super) async fn prove(old: &Db, new: &Db, theirs: &Identity, doubt: Doubt) -> Result<()> {
    let feeds = old.feeds().await.map_err(|error| failed(old, &error))?;
    let proved = match new.put_token().await.map_err(|error| failed(new, &error))? {
        Err(why) => Proved::Untried(format!("{}: {why}", new.place())),
        Ok(token) => {
            let watched = watch(old, &token, theirs, &feeds).await;
            if let Err(error) = new.take_token(&token).await {
                tracing::warn!("{}: a token of ours was not taken away: {error}", new.place());
            }
            watched?
        }
    };
    match (proved, doubt) {
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

async fn watch(old: &Db, token: &Token, theirs: &Identity, feeds: &Feeds) -> Result<Proved> {
    let others = feeds.found.iter().filter(|feed| !is_subscription(old, &feed.what)).collect::<Vec<_>>();
    let lag = others.iter().filter_map(|feed| feed.lag).max().unwrap_or_default();
    let may_come_late = !others.is_empty() || feeds.unseen.is_some() || theirs.is_of_cluster();
    let wait = if may_come_late { DELAY.max(lag.saturating_mul(3)).min(LONGEST) } else { Duration::ZERO };
    let begun = Instant::now();
    loop {
        match old.sees(token).await.map_err(|error| failed(old, &error))? {
            Seen::Here => return Ok(Proved::Same),
            Seen::Never => return Ok(Proved::Different),
            Seen::Hidden(why) => return Ok(Proved::Untried(format!("{}: {why}", old.place()))),
            Seen::NotYet if begun.elapsed() >= wait => break,
            Seen::NotYet => tokio::time::sleep(PAUSE).await,
        }
    }
    let Some(feed) = others.first() else { return Ok(Proved::Different) };
    if old.server_kind() == Some(Kind::Postgres) {
        let waited = begun.elapsed().as_secs_f64();
        return Ok(Proved::Unsettled(format!(
            "{}, and has not come past a token within {waited:.0} s",
            feed.what
        )));
    }
    match feed.lag {
        Some(lag) if lag.saturating_mul(3) <= LONGEST => Ok(Proved::Different),
        Some(lag) => Ok(Proved::Unsettled(format!("{}, and is {} s behind", feed.what, lag.as_secs()))),
        None => Ok(Proved::Unsettled(format!("{}, and how far it is behind cannot be seen", feed.what))),
    }
}

/// A subscription carries the rows of its tables and no token.
fn is_subscription(old: &Db, what: &str) -> bool {
    old.server_kind() == Some(Kind::Postgres) && what.starts_with("the subscription")
}

fn undecided(why: &str) -> Error {
    Error::new(Id::OldUndecided, format!("whether a database to be rewritten is the old server's own: {why}"))
}
