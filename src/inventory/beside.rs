//! Ciphertext in the columns and files of targets that is not one of their values: where their codec does not look.
//!
//! Invariant: each ciphertext is counted as a value or here, never as both.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::scan::Outside;
use crate::activity::{Activity, Task};
use crate::blocking::blocking;
use crate::codec::value::Recoder;
use crate::db::Value;
use crate::error::Result;
use crate::plan::Job;
use crate::signals::Stop;
use crate::source::{Row, Source};

/// Ciphertexts that are no values, by the column or file that they stand in.
#[derive(Debug, Clone, Default)]
pub struct Beside(BTreeMap<String, Outside>);

impl Serialize for Beside {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.found())
    }
}

impl Beside {
    /// Looks at every row of every job. Ends early, with what it has, when asked to stop.
    pub(super) async fn of(
        jobs: &[Job],
        recoder: &Recoder,
        activity: &Activity,
        stop: &Stop,
    ) -> Result<Self> {
        let mut beside = Self::default();
        for job in jobs {
            let doing = activity.begin(Task::Scan, &job.place, None);
            let mut pages = job.source.walk_all().ahead(job.page_rows());
            while !stop.requested() {
                let Some(page) = pages.next().await? else { break };
                doing.advance(page.len() as u64);
                let (job, recoder) = (job.clone(), recoder.clone());
                beside = blocking(move || {
                    for row in &page {
                        for (column, stored) in row.values.iter().map(Value::as_bytes).enumerate() {
                            beside.value(&job, &recoder, row, column, stored.unwrap_or_default());
                        }
                    }
                    Ok(beside)
                })
                .await?;
            }
        }
        Ok(beside)
    }

    /// Adds the ciphertexts beside the values in one cell or file.
    pub(super) fn value(&mut self, job: &Job, recoder: &Recoder, row: &Row, column: usize, stored: &[u8]) {
        let beside = recoder.beside(&job.codec, stored);
        if beside.is_empty() {
            return;
        }
        let place = match &job.source {
            Source::Files(files) => files.path_of(&row.key),
            Source::Table(table) => format!("{}: {}.{}", table.db().place(), job.place, job.columns[column]),
        };
        let found = self.0.entry(place).or_insert_with_key(|place| Outside::at(place.clone()));
        for under in &beside {
            found.add(recoder, under);
        }
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        for (place, found) in &other.0 {
            self.0.entry(place.clone()).or_insert_with(|| Outside::at(place.clone())).merge(found);
        }
    }

    /// How many are under a key, or may be.
    pub fn under(&self, fingerprint: &str) -> u64 {
        let of = |found: &Outside| found.keys.get(fingerprint).copied().unwrap_or_default() + found.one_of;
        self.found().map(of).sum()
    }

    /// One for each column or file.
    pub fn found(&self) -> impl Iterator<Item = &Outside> {
        self.0.values()
    }
}
