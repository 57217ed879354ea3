//! Ciphertext outside the targets: in every other column of the databases, and in every other file under the homes.
//!
//! Invariants: nothing is judged by a sample; rows are handed on as they come, so that memory does not grow with a table;
//! what could not be looked at is named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;

use super::files::{Folders, files};
use super::fingerprint;
use crate::activity::{Activity, Task};
use crate::blocking::blocking;
use crate::cipher::KeyRing;
use crate::codec::value::{Recoder, Under};
use crate::codec::{Codec, Reason, embedded};
use crate::db::scan::{LookedThrough, ScanColumn};
use crate::db::{Class, Db, Value};
use crate::error::{Error, Id, Result};
use crate::plan::{Deployment, Job, Reach};
use crate::signals::Stop;
use crate::source::Source;

/// Ciphertexts in a column, or in a file, that no rotation reaches.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Outside {
    /// The database and the column, or the file.
    pub place: String,
    /// By the fingerprint of the key that they are under.
    pub keys: BTreeMap<String, u64>,
    /// In ECB or CBC, and open under several keys.
    pub one_of: u64,
    /// Under none of the keys.
    pub unknown: u64,
    /// Cut off, or damaged in another way: nobody knows under which key they were.
    #[serde(skip_serializing_if = "is_none")]
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
        self.found.iter().map(|outside| outside.one_of + outside.damaged).sum()
    }
}

impl Outside {
    pub(super) fn at(place: String) -> Self {
        Self { place, ..Self::default() }
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
        for envelope in envelopes {
            for under in recoder.ciphertexts(&Codec::Envelope, envelope.as_bytes(), None).unwrap_or_default()
            {
                match under {
                    Under::Key { key, .. } => {
                        *self.keys.entry(fingerprint(recoder, key).to_owned()).or_default() += 1;
                    }
                    Under::OneOf(_) => self.one_of += 1,
                    Under::Unreadable(Reason::Damaged(_)) => self.damaged += 1,
                    Under::Unknown { .. } | Under::Unreadable(_) => self.unknown += 1,
                }
            }
        }
    }
}

/// Looks through all other columns and files. Ends early, with what it has, when asked to stop.
pub async fn scan(
    deployment: &Deployment,
    folders: &Folders,
    recoder: &Recoder,
    activity: &Activity,
    stop: &Stop,
) -> Result<Scanned> {
    let mut scanned = Scanned::default();
    for db in deployment.each_database() {
        database(deployment, db, recoder, activity, stop, &mut scanned).await?;
    }
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

async fn database(
    deployment: &Deployment,
    db: &Db,
    recoder: &Recoder,
    activity: &Activity,
    stop: &Stop,
    scanned: &mut Scanned,
) -> Result<()> {
    let place = db.place();
    let failed = |error: &crate::db::DbError| Error::new(Id::Database, format!("{place}: {error}"));
    let Some(all) = db.scan_columns().await.map_err(|error| failed(&error))? else {
        scanned.not_looked_at.push(format!("{place}: its other tables"));
        return Ok(());
    };
    if all.without_bytes {
        scanned.not_looked_at.push(format!("{place}: columns of bytes in other tables"));
    }
    let has_targets = |column: &&ScanColumn| {
        !column.at.schema.is_empty()
            && deployment.targets.table_named(&column.at.table.to_uppercase()).is_some()
    };
    // What belongs to another Identity Server is its own affair.
    let foreign: BTreeSet<&str> =
        all.columns.iter().filter(has_targets).map(|column| column.at.schema.as_str()).collect();
    scanned.left_out.extend(
        foreign.iter().map(|schema| {
            format!("{place}: schema {schema}, which has the tables of another Identity Server")
        }),
    );
    let is_ours = |column: &&ScanColumn| !foreign.contains(column.at.schema.as_str());
    let (readable, hidden): (Vec<_>, Vec<_>) =
        all.columns.iter().filter(is_ours).partition(|column| column.at.is_readable);
    let hidden: BTreeSet<String> = hidden
        .iter()
        .map(|column| format!("{place}: {}, which this user may not read", column.at.table))
        .collect();
    scanned.not_looked_at.extend(hidden);
    let doing = activity.begin(Task::Scan, &place, Some(readable.len() as u64));
    for columns in
        readable.chunk_by(|one, other| (&one.at.schema, &one.at.table) == (&other.at.schema, &other.at.table))
    {
        if stop.requested() {
            return Ok(());
        }
        doing.advance(columns.len() as u64);
        let left = |column: &&ScanColumn| {
            let at = &column.at;
            let reach = if at.schema.is_empty() {
                deployment.reaches(db, &at.table, &at.column)
            } else {
                Reach::Nothing
            };
            match reach {
                Reach::All => None,
                Reach::Nothing => Some((*column).clone()),
                Reach::AllBut(rows) => Some(ScanColumn { only_where: Some(rows), ..(*column).clone() }),
            }
        };
        let columns: Vec<ScanColumn> = columns.iter().filter_map(left).collect();
        if columns.is_empty() {
            continue;
        }
        let mut found: Vec<Outside> =
            columns.iter().map(|column| Outside::at(format!("{place}: {}", column.at))).collect();
        let looked = db
            .look_through(&columns, |at, value| match value {
                Value::Null | Value::Int(_) | Value::Real(_) => {}
                Value::Text(text) => found[at].look_into(recoder, text.as_bytes()),
                Value::Bytes(bytes) | Value::NotText(bytes) => found[at].look_into(recoder, bytes),
            })
            .await;
        let table = &columns[0].at.table;
        match looked {
            Ok(LookedThrough::Whole) => scanned.columns += columns.len() as u64,
            Ok(LookedThrough::Part(rows)) => {
                scanned.not_looked_at.push(format!("{place}: {table}, after {rows} rows with ciphertext"));
            }
            Ok(LookedThrough::OddName) => {
                scanned.not_looked_at.push(format!("{place}: {table}, of which a name is too odd"));
            }
            Err(error) if error.class == Class::Lost => return Err(failed(&error)),
            Err(error) => scanned.not_looked_at.push(format!("{place}: {table}: {error}")),
        }
        scanned.found.extend(found.into_iter().filter(|outside| !outside.is_empty()));
    }
    Ok(())
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
