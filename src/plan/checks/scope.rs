//! What of the databases a rotation reaches.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::protect;
use super::Deployment;
use crate::db::feeds::{Feed, Feeds};
use crate::db::server::Kind;
use crate::db::{Db, sql};
use crate::error::Result;
use crate::target::Target;

/// The rows of a column that a rotation reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// None.
    Nothing,
    /// All.
    All,
    /// All but those for which this condition holds.
    AllBut(String),
}

/// What says that this database is, or may be, behind another one, which these feeds bring all of.
fn behind(place: &str, feeds: &Feeds, is_one: impl Fn(&Feed) -> bool) -> Vec<String> {
    let each = |feed: &Feed| {
        let what = &feed.what;
        if feed.runs {
            return format!("{place}: {what}: what was written there since may be missing");
        }
        let end = &feed.end;
        format!(
            "{place}: {what}, but that is stopped: what was written there since is missing; if this server \
             has taken its place, run: {end}"
        )
    };
    let mut lines: Vec<String> = feeds.found.iter().filter(|feed| is_one(feed)).map(each).collect();
    let unseen = |why: &String| format!("{place}: {why}: it may lag behind another server");
    lines.extend(feeds.unseen.as_ref().map(unseen));
    lines
}

impl Deployment {
    /// Each database once.
    pub fn each_database(&self) -> Vec<&Db> {
        self.databases.distinct()
    }

    /// What says that what is read of the new databases may lag behind what is written elsewhere, in a line each. A
    /// subscription that is disabled is nothing odd.
    pub async fn feeds_of_copies(&self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        for db in self.databases.distinct() {
            for (place, feeds) in protect::all_feeds(db).await? {
                match feeds {
                    Ok(feeds) => lines.extend(behind(&place, &feeds, |feed| feed.runs || feed.brings_all())),
                    Err(why) => tracing::warn!("{place}: {why}"),
                }
            }
        }
        Ok(lines)
    }

    /// Likewise of the old database, too; and why a replica that stands still may be unseen. A subscription of the old one
    /// is nothing odd: users may be at what it reads.
    pub async fn feeds_of_all(&self) -> Result<(Vec<String>, Vec<String>)> {
        let (mut lines, mut unseen) = (Vec::new(), Vec::new());
        let old = self.sync.as_ref().map(|sync| &sync.old);
        for (db, is_old) in
            self.databases.distinct().into_iter().map(|db| (db, false)).chain(old.map(|db| (db, true)))
        {
            for (place, feeds) in protect::all_feeds(db).await? {
                match feeds {
                    Ok(feeds) => {
                        let is_one = |feed: &Feed| feed.brings_all() || (feed.runs && !is_old);
                        lines.extend(behind(&place, &feeds, is_one));
                        unseen.extend(feeds.unseen_at_rest.map(|why| format!("{place}: {why}")));
                    }
                    Err(why) => unseen.push(format!("{place}: {why}")),
                }
            }
        }
        Ok((lines, unseen))
    }

    /// What a rotation reaches of a column of a table in this database, which has these tables.
    pub fn reaches(&self, db: &Db, tables: &BTreeSet<&str>, table: &str, column: &str) -> Reach {
        // Of two tables whose names differ in case alone, a statement means one.
        let is_meant = |name: &str| {
            let is_lower = db.server_kind() == Some(Kind::Postgres);
            let meant = if is_lower { name.to_lowercase() } else { name.to_owned() };
            table == meant || (name.eq_ignore_ascii_case(table) && !tables.contains(meant.as_str()))
        };
        let is_it = |target: &&Arc<Target>| {
            self.databases.is(&target.store, db)
                && is_meant(&target.relation.table)
                && target.value_names().iter().any(|name| name.as_str().eq_ignore_ascii_case(column))
        };
        let mut left = Vec::new();
        for target in self.targets.tables().iter().filter(is_it) {
            match sql::left_out(db.dialect(), &target.relation) {
                None => return Reach::All,
                Some(rows) => left.push(rows),
            }
        }
        if left.is_empty() { Reach::Nothing } else { Reach::AllBut(left.join(" AND ")) }
    }
}
