//! Ciphertext outside the targets: in every other column of the databases, and in every other file under the homes.
//!
//! Invariants: nothing is judged by a sample; rows are handed on as they come, so that memory does not grow with a table;
//! what could not be looked at is named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::files::{Folders, files};
use super::progress::{Earlier, Progress, TableScan};
use super::{Beside, fingerprint};
use crate::activity::{Activity, Task};
use crate::blocking::blocking;
use crate::cipher::KeyRing;
use crate::codec::value::{Recoder, Under};
use crate::codec::{Reason, embedded};
use crate::db::columns::Holds;
use crate::db::scan::{EARLIER, LookedThrough, ScanColumn};
use crate::db::{Class, Db, DbError};
use crate::error::{Error, Id, Result};
use crate::failpoint::async_failpoint;
use crate::plan::{Deployment, Job, Neighbours, OldDatabases, Reach};
use crate::signals::Stop;
use crate::source::Source;

/// Ciphertexts in a column, or in a file, that no rotation reaches.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Outside {
    /// The database and the column, or the file.
    pub place: String,
    /// By the fingerprint of the key that they are under.
    pub keys: BTreeMap<String, u64>,
    /// In ECB or CBC, and open under several keys.
    pub one_of: u64,
    /// Under none of the keys.
    pub unknown: u64,
    /// Cut off, or damaged in another way: their key is unknown.
    #[serde(default, skip_serializing_if = "is_none")]
    pub damaged: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_none(count: &u64) -> bool {
    *count == 0
}

/// What was found outside the targets.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Scanned {
    /// Columns and files with ciphertext.
    pub found: Vec<Outside>,
    /// Columns that were looked through.
    pub columns: u64,
    /// Files that were looked through.
    pub files: u64,
    /// What could not be looked at, and would have been.
    pub not_looked_at: Vec<String>,
    /// What is left out on purpose.
    pub left_out: Vec<String>,
    /// Schemas with tables of an Identity Server, neither this deployment's nor the old server's, in which a value is
    /// under one of the keys.
    pub of_servers: Vec<String>,
    /// What of it a scan that was interrupted has looked through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked_earlier: Option<Earlier>,
}

impl Scanned {
    /// How many ciphertexts are under a key, or may be.
    pub fn under(&self, fingerprint: &str) -> u64 {
        self.surely_under(fingerprint) + self.doubtful()
    }

    /// How many ciphertexts are under a key.
    pub fn surely_under(&self, fingerprint: &str) -> u64 {
        self.found.iter().filter_map(|outside| outside.keys.get(fingerprint)).sum()
    }

    /// How many ciphertexts are under a key that another takes the place of, or may be.
    pub fn under_old(&self, keys: &KeyRing) -> u64 {
        keys.old_keys().map(|old| self.surely_under(old.fingerprint())).sum::<u64>() + self.doubtful()
    }

    /// How many may be under any key: they open under several, or are damaged.
    pub fn doubtful(&self) -> u64 {
        self.found.iter().map(Outside::doubtful).sum()
    }
}

impl Outside {
    pub(super) fn at(place: String) -> Self {
        Self { place, ..Self::default() }
    }

    /// How many may be under any key.
    pub fn doubtful(&self) -> u64 {
        self.one_of + self.damaged
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.one_of + self.unknown + self.damaged == 0
    }

    /// Counts every envelope in some bytes.
    fn look_into(&mut self, recoder: &Recoder, stored: &[u8]) {
        self.count(recoder, &embedded::envelopes(stored));
    }

    /// Counts these envelopes.
    pub(super) fn count(&mut self, recoder: &Recoder, envelopes: &[String]) {
        for under in envelopes.iter().flat_map(|envelope| recoder.embedded(envelope)) {
            self.add(recoder, &under);
        }
    }

    /// Counts one ciphertext.
    pub(super) fn add(&mut self, recoder: &Recoder, under: &Under) {
        match under {
            Under::Key { key, .. } => {
                *self.keys.entry(fingerprint(recoder, *key).to_owned()).or_default() += 1;
            }
            Under::OneOf(_) => self.one_of += 1,
            Under::Unreadable(Reason::Damaged(_)) => self.damaged += 1,
            Under::Unknown { .. } | Under::Unreadable(_) => self.unknown += 1,
        }
    }

    /// Adds what was found in the same place.
    pub(super) fn merge(&mut self, other: &Self) {
        for (key, count) in &other.keys {
            *self.keys.entry(key.clone()).or_default() += count;
        }
        self.one_of += other.one_of;
        self.unknown += other.unknown;
        self.damaged += other.damaged;
    }
}

/// Where is looked, beside the new databases.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Folders.
    pub folders: Folders,
    /// The old server's databases, in which its own affair stands.
    pub old: OldDatabases,
}

/// Looks through all other columns and files, and through those of the targets for what is none of their values, unless
/// that was seen already. Ends early, with what it has, when asked to stop.
pub async fn scan(
    deployment: &Deployment,
    surroundings: &Surroundings,
    recoder: &Recoder,
    seen: Option<Beside>,
    progress: &mut Progress,
    activity: &Activity,
    stop: &Stop,
) -> Result<Scanned> {
    let beside = match seen {
        Some(beside) => beside,
        None => Beside::of(&deployment.jobs, recoder, activity, stop).await?,
    };
    let scanned = Scanned { found: beside.found().cloned().collect(), ..Scanned::default() };
    let old = &surroundings.old;
    let mut scan =
        DatabaseScan { deployment, old, recoder, progress, activity, stop, looked: BTreeSet::new(), scanned };
    for db in deployment.each_database() {
        scan.database(db).await?;
    }
    let mut scanned = scan.scanned;
    scanned.looked_earlier = progress.before();
    let folders = &surroundings.folders;
    let targets = target_files(&deployment.jobs)?;
    for home in &folders.homes {
        let doing = activity.begin(Task::Scan, &home.display().to_string(), None);
        let (home, recoder, targets, stop) = (home.clone(), recoder.clone(), targets.clone(), stop.clone());
        let (folders, mut part) = (folders.clone(), std::mem::take(&mut scanned));
        scanned = blocking(move || {
            files(&home, &folders, &targets, &recoder, &stop, &mut part);
            Ok(part)
        })
        .await?;
        doing.advance(scanned.files);
    }
    Ok(scanned)
}

/// A look through databases.
struct DatabaseScan<'a> {
    deployment: &'a Deployment,
    old: &'a OldDatabases,
    recoder: &'a Recoder,
    progress: &'a mut Progress,
    activity: &'a Activity,
    stop: &'a Stop,
    /// Schemas and tables beside the databases' own that were looked through.
    looked: BTreeSet<(String, String)>,
    scanned: Scanned,
}

impl DatabaseScan<'_> {
    async fn database(&mut self, db: &Db) -> Result<()> {
        let place = db.place();
        let all = db.scan_columns().await.map_err(|error| failed(db, &error))?;
        if all.without_bytes {
            self.scanned.not_looked_at.push(format!("{place}: columns of bytes in other tables"));
        }
        let beyond = Beyond::of(self.deployment, db, self.old, &all.columns).await?;
        self.scanned.left_out.extend(beyond.neighbours.old.iter().map(|(schema, key)| {
            format!("{place}: schema {schema}, the old server's own, which {key} names")
        }));
        let is_looked_at = |column: &&ScanColumn| !beyond.neighbours.is_any(&column.at.schema);
        let (readable, hidden): (Vec<_>, Vec<_>) =
            all.columns.iter().filter(is_looked_at).partition(|column| column.at.is_readable);
        let hidden: BTreeSet<String> = hidden
            .iter()
            .map(|column| match beyond.of_servers.get(&column.at.schema) {
                Some(schema) => format!("{place}: tables of schema {schema}, which this user may not read"),
                None => format!("{place}: {}, which this user may not read", column.at.table_name()),
            })
            .collect();
        self.scanned.not_looked_at.extend(hidden);
        for at in all.unseen.iter().filter(|at| !beyond.neighbours.is_any(&at.schema)) {
            let what = if let Holds::Unseen(what) = &at.holds { what } else { "" };
            self.scanned.not_looked_at.push(format!("{place}: {at}, {what}"));
        }
        let own: BTreeSet<&str> =
            all.columns.iter().filter(|it| it.at.schema.is_empty()).map(|it| &*it.at.table).collect();
        let doing = self.activity.begin(Task::Scan, &place, Some(readable.len() as u64));
        for columns in readable
            .chunk_by(|one, other| (&one.at.schema, &one.at.table) == (&other.at.schema, &other.at.table))
        {
            if self.stop.requested() {
                return Ok(());
            }
            doing.advance(columns.len() as u64);
            let left: Vec<ScanColumn> =
                columns.iter().filter_map(|column| self.left(db, &own, column)).collect();
            let at = &columns[0].at;
            let is_new = at.schema.is_empty() || self.looked.insert((at.schema.clone(), at.table.clone()));
            // Both databases of one server show what is beside them.
            if left.is_empty() || (!is_new && !beyond.neighbours.ours.is_empty()) {
                continue;
            }
            self.table(db, &left, &beyond).await?;
            async_failpoint!("scan-after-table", Error::new(Id::Database, "failure planned by a test"));
        }
        Ok(())
    }

    /// The column, with the rows that no rotation reaches, as it never does what a table was; none if it reaches all.
    fn left(&self, db: &Db, own: &BTreeSet<&str>, column: &ScanColumn) -> Option<ScanColumn> {
        let at = &column.at;
        let reach = if at.schema.is_empty() {
            self.deployment.reaches(db, own, &at.table, &at.column)
        } else {
            Reach::Nothing
        };
        let only_where = match reach {
            Reach::Nothing => return Some(column.clone()),
            Reach::All if at.has_history => EARLIER.to_owned(),
            Reach::All => return None,
            Reach::AllBut(rows) if at.has_history => format!("(({rows}) OR {EARLIER})"),
            Reach::AllBut(rows) => rows,
        };
        Some(ScanColumn { only_where: Some(only_where), ..column.clone() })
    }

    /// Looks through columns of one table, unless an interrupted scan has.
    async fn table(&mut self, db: &Db, columns: &[ScanColumn], beyond: &Beyond) -> Result<()> {
        let name = name(db, columns);
        let scan = if let Some(scan) = self.progress.earlier(&name) {
            scan
        } else {
            let scan = self.look_through(db, columns, beyond).await?;
            // What could not be looked at is tried again.
            if !self.stop.requested() && scan.not_looked_at.is_none() {
                self.progress.keep(name, &scan);
            }
            scan
        };
        let scanned = &mut self.scanned;
        scanned.columns += scan.columns;
        scanned.found.extend(scan.found);
        scanned.not_looked_at.extend(scan.not_looked_at);
        scanned.of_servers.extend(scan.of_server);
        scanned.of_servers.dedup();
        Ok(())
    }

    async fn look_through(&self, db: &Db, columns: &[ScanColumn], beyond: &Beyond) -> Result<TableScan> {
        let (place, recoder) = (db.place(), self.recoder);
        let (schema, table) = (&columns[0].at.schema, columns[0].at.table_name());
        let mut found: Vec<Outside> =
            columns.iter().map(|column| Outside::at(format!("{place}: {}", column.at))).collect();
        let looked = db
            .look_through(columns, |at, value| {
                if let Some(bytes) = value.as_bytes() {
                    found[at].look_into(recoder, bytes);
                }
            })
            .await;
        let mut scan = TableScan::default();
        match looked {
            Ok(LookedThrough::Whole) => scan.columns = columns.len() as u64,
            Ok(LookedThrough::Part(rows)) => {
                scan.not_looked_at = Some(format!("{place}: {table}, after {rows} rows with ciphertext"));
            }
            Ok(LookedThrough::OddName) => {
                scan.not_looked_at =
                    Some(format!("{place}: {table}, which has a name that is too unusual for a query"));
            }
            // What is lost of a table that stands elsewhere is the way to there.
            Err(error) if error.class == Class::Lost && !columns[0].at.is_foreign => {
                return Err(failed(db, &error));
            }
            Err(error) => scan.not_looked_at = Some(format!("{place}: {table}: {error}")),
        }
        let is_of_server = beyond.of_servers.contains(schema);
        if is_of_server {
            // What opens under none of our keys is another server's own affair.
            for outside in &mut found {
                outside.unknown = 0;
            }
        }
        found.retain(|outside| !outside.is_empty());
        scan.of_server = (is_of_server && !found.is_empty()).then(|| format!("{place}: schema {schema}"));
        scan.found = found;
        Ok(scan)
    }
}

/// What tells a table's columns, and the rows in which they are looked at, from others.
fn name(db: &Db, columns: &[ScanColumn]) -> String {
    let each = columns.iter().map(|column| format!("{} {:?}", column.at, column.only_where));
    std::iter::once(db.place()).chain(each).collect::<Vec<_>>().join("\n")
}

fn failed(db: &Db, error: &DbError) -> Error {
    Error::new(Id::Database, format!("{}: {error}", db.place()))
        .fix("correct what the message names, then run the same command again, with --resume-scan")
}

/// What a database shows beside its own tables.
struct Beyond {
    neighbours: Neighbours,
    /// Schemas with tables that are named like a target's.
    of_servers: BTreeSet<String>,
}

impl Beyond {
    async fn of(
        deployment: &Deployment,
        db: &Db,
        old: &OldDatabases,
        columns: &[ScanColumn],
    ) -> Result<Self> {
        let beyond: Vec<&ScanColumn> = columns.iter().filter(|column| !column.at.schema.is_empty()).collect();
        let is_target =
            |column: &&&ScanColumn| deployment.targets.table_named(&column.at.table.to_uppercase()).is_some();
        let of_servers = beyond.iter().filter(is_target).map(|column| column.at.schema.clone()).collect();
        let neighbours =
            if beyond.is_empty() { Neighbours::default() } else { deployment.neighbours(db, old).await? };
        Ok(Self { neighbours, of_servers })
    }
}

/// The files of all targets.
fn target_files(jobs: &[Job]) -> Result<BTreeSet<PathBuf>> {
    let mut all = BTreeSet::new();
    for job in jobs {
        if let Source::Files(rows) = &job.source {
            all.extend(rows.list()?.candidates.into_iter().map(|file| file.path));
        }
    }
    Ok(all)
}
