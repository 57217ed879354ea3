//! How many values are under which key: a look at every row and file, without a journal and without a change.
//!
//! Invariants: every value of every target is opened, none is judged by what it says of itself or by a sample; what
//! cannot be looked into is counted as that, never as nothing.

use keyrotation_cipher as cipher;
use keyrotation_codec as codec;
use keyrotation_common::{activity, blocking, error, failpoint, signals};
use keyrotation_db as db;
use keyrotation_engine as engine;
use keyrotation_plan as plan;
use keyrotation_source as source;

mod beside;
mod files;
mod progress;
mod scan;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::activity::{Activity, Task};
use crate::blocking::blocking;
use crate::cipher::RingKey;
use crate::codec::Reason;
use crate::codec::value::{Recoder, Under};
use crate::engine::{Flow, Pacer};
use crate::error::Result;
use crate::plan::{Job, is_too_many};
use crate::signals::Stop;
use crate::source::Row;

pub use beside::Beside;
pub use files::Folders;
pub use progress::{Earlier, Progress};
pub use scan::{Outside, Scanned, Surroundings, scan};

/// Rows that are named for each key of a target; all are counted.
const NAMED: usize = 3;

/// What stands in one target.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TargetInventory {
    /// The target's id.
    pub id: String,
    /// The table or kind of files.
    pub place: String,
    /// Rows or files.
    pub rows: u64,
    /// Ciphertexts by the fingerprint of the key that they are under.
    pub keys: BTreeMap<String, KeyCount>,
    /// Ciphertexts in ECB or CBC that open under several keys: by their fingerprints, with commas.
    pub one_of: BTreeMap<String, u64>,
    /// Ciphertexts under none of the keys, by the id of the key that they name; empty where they name none.
    pub unknown: BTreeMap<String, u64>,
    /// Ciphertexts that no such key opens, by the reason.
    pub unreadable: BTreeMap<String, u64>,
    /// Values of which it is not known whether there is a ciphertext in them, by the reason.
    pub not_looked_into: BTreeMap<String, u64>,
    /// Ciphertexts in its columns and files that are none of its values.
    pub beside: Beside,
    /// Ciphertexts that another key than these has sealed, or that are damaged so that it looks like that.
    #[serde(skip)]
    strange: u64,
    /// Ciphertexts that were tried with the keys.
    #[serde(skip)]
    opened: u64,
}

/// How many ciphertexts are under a key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct KeyCount {
    /// All.
    pub values: u64,
    /// Of these, those that do not name the key, though a server may look for its id.
    pub without_id: u64,
    /// The keys of the first rows.
    pub rows: Vec<String>,
}

/// Looks at every row of every job, at no more rows in a second than asked for. Ends early, with what it has, when
/// asked to stop.
pub async fn inventory(
    jobs: &[Job],
    recoder: &Recoder,
    pacer: &Pacer,
    activity: &Activity,
    stop: &Stop,
) -> Result<Vec<TargetInventory>> {
    let mut targets = Vec::new();
    for job in jobs {
        let mut found = TargetInventory {
            id: job.id.to_string(),
            place: job.place.clone(),
            ..TargetInventory::default()
        };
        let doing = activity.begin(Task::Inventory, &job.place, None);
        let most = pacer.pace().map_or(usize::MAX, |most| most as usize);
        let mut pages = job.source.walk_all().ahead(job.page_rows().min(most));
        while !stop.requested() {
            let Some(page) = pages.next().await? else { break };
            if pacer.wait(page.len(), stop).await == Flow::Interrupted {
                break;
            }
            doing.advance(page.len() as u64);
            let (job, recoder) = (job.clone(), recoder.clone());
            found = blocking(move || {
                for row in &page {
                    found.row(&job, &recoder, row);
                }
                Ok(found)
            })
            .await?;
        }
        targets.push(found);
    }
    Ok(targets)
}

impl TargetInventory {
    fn row(&mut self, job: &Job, recoder: &Recoder, row: &Row) {
        self.rows += 1;
        if let Some(problem) = &row.problem {
            *self.not_looked_into.entry(problem.clone()).or_default() += 1;
            return;
        }
        for (column, value) in row.values.iter().enumerate() {
            let Some(stored) = value.as_bytes() else { continue };
            self.beside.value(job, recoder, row, column, stored);
            let hash = row.hashes.get(column).and_then(Option::as_deref);
            match recoder.ciphertexts(&job.codec, stored, hash) {
                Ok(all) => all.iter().for_each(|under| self.ciphertext(recoder, row, under)),
                Err(reason) => *self.not_looked_into.entry(reason.to_string()).or_default() += 1,
            }
        }
    }

    fn ciphertext(&mut self, recoder: &Recoder, row: &Row, under: &Under) {
        let is_strange = matches!(under, Under::Unknown { .. } | Under::Unreadable(Reason::HashDisagrees));
        self.strange += u64::from(is_strange);
        self.opened += u64::from(is_strange || !matches!(under, Under::Unreadable(_)));
        match under {
            Under::Key { key, lacks_id } => {
                let count = self.keys.entry(fingerprint(recoder, *key).to_owned()).or_default();
                count.values += 1;
                count.without_id += u64::from(*lacks_id);
                if count.rows.len() < NAMED {
                    count.rows.push(row.key.to_string());
                }
            }
            Under::OneOf(keys) => {
                let keys: Vec<&str> = keys.iter().map(|key| fingerprint(recoder, *key)).collect();
                *self.one_of.entry(keys.join(", ")).or_default() += 1;
            }
            Under::Unknown { named } => {
                *self.unknown.entry(named.clone().unwrap_or_default()).or_default() += 1;
            }
            Under::Unreadable(reason) => *self.unreadable.entry(reason.to_string()).or_default() += 1,
        }
    }

    /// How many ciphertexts may be under a key, though it is not known.
    fn doubtful(&self, fingerprint: &str) -> u64 {
        let one_of = self.one_of.iter().filter(|(keys, _)| keys.split(", ").any(|key| key == fingerprint));
        one_of.map(|(_, count)| count).chain(self.not_looked_into.values()).sum()
    }
}

fn fingerprint(recoder: &Recoder, key: RingKey) -> &str {
    recoder.ring().key(key).fingerprint()
}

/// What an inventory says of one key.
#[derive(Debug, Clone, Serialize)]
pub struct KeyVerdict {
    /// The key's fingerprint.
    pub fingerprint: String,
    /// Which key it is: `old`, `new`, `totp-old`, `totp-new`, or `totp` if it stays.
    pub role: &'static str,
    /// Ciphertexts under it.
    pub values: u64,
    /// Of these, those that do not name it.
    pub without_id: u64,
    /// Ciphertexts outside the targets that are under it, or may be; none if they were not counted.
    pub outside: Option<u64>,
    /// Whether nothing needs it any more, where everything was looked at; none of a new key.
    pub may_go: Option<bool>,
    /// Why.
    pub why: String,
    /// Whether it may be another key than the one that was in use, so that nothing can be said of that one.
    #[serde(skip)]
    is_doubted: bool,
}

/// An inventory with what it says of each key.
#[derive(Debug, Clone, Serialize)]
pub struct Inventory {
    /// Every key of the ring, old ones first.
    pub keys: Vec<KeyVerdict>,
    /// One entry for each target.
    pub targets: Vec<TargetInventory>,
    /// Tables that are not there, with the reason.
    pub absent: Vec<(String, String)>,
    /// What was not looked at, and should have been before a key goes.
    pub not_looked_at: Vec<String>,
    /// What is outside the targets; none without a scan.
    pub outside: Option<Scanned>,
    /// Why nothing is under an old key, where that had to be explained and could be.
    pub explained: Option<String>,
}

/// What was looked at.
#[derive(Debug, Default)]
pub struct Looked {
    /// The targets.
    pub targets: Vec<TargetInventory>,
    /// Tables that are not there, with the reason.
    pub absent: Vec<(String, String)>,
    /// What was not looked at, and should have been before a key goes.
    pub not_looked_at: Vec<String>,
    /// What is outside the targets; none without a scan.
    pub outside: Option<Scanned>,
    /// The fingerprints of keys that servers go on writing with, each with the file that says so.
    pub in_use: BTreeMap<String, String>,
}

impl Inventory {
    /// What the targets say of each key. Where nothing is under an old one, `explain` is asked why that is so.
    pub fn of(recoder: &Recoder, looked: Looked, explain: impl FnOnce() -> Option<String>) -> Self {
        let Looked { targets, absent, mut not_looked_at, outside, in_use } = looked;
        not_looked_at.extend(outside.iter().flat_map(|scanned| scanned.not_looked_at.iter().cloned()));
        let ring = recoder.ring();
        let is_found = |key: RingKey| {
            let fingerprint = ring.key(key).fingerprint();
            targets.iter().any(|target| target.keys.contains_key(fingerprint))
        };
        // Keys that the same one takes the place of are right or wrong together.
        let is_seen =
            |new: RingKey| ring.in_order().any(|key| ring.replacement(key) == Some(new) && is_found(key));
        let is_default = |new: RingKey| ring.is_new_key(new);
        let needs_word = |new: RingKey| !is_seen(new) && (is_default(new) || is_found(new));
        let replaced: Vec<RingKey> = ring.in_order().filter_map(|key| ring.replacement(key)).collect();
        let explained = if replaced.iter().any(|new| needs_word(*new)) { explain() } else { None };
        let doubt = |new: RingKey| {
            let strange = strange(&targets);
            match explained {
                _ if strange > 0 => Some(format!(
                    "none of the keys decrypts {strange} values: is oldSecretKey the right one?"
                )),
                None if needs_word(new) => Some(
                    "no value is under an old key, and no journal says why: are the two keys swapped, or is \
                     one mistyped? If all values were rotated before, add --all-already-new"
                        .to_owned(),
                ),
                _ => None,
            }
        };
        let beside =
            |fingerprint: &str| targets.iter().map(|target| target.beside.under(fingerprint)).sum::<u64>();
        let keys = ring.in_order().map(|key| {
            let replacement = ring.replacement(key);
            let is_totp = !(ring.is_new_key(key) || replacement.is_some_and(is_default));
            let role = match (replacement.is_some(), is_totp) {
                (true, false) => "old",
                (false, false) => "new",
                (true, true) => "totp-old",
                (false, true) if ring.is_kept(key) => "totp",
                (false, true) => "totp-new",
            };
            let fingerprint = ring.key(key).fingerprint();
            // A scan includes the ciphertexts beside the values.
            let beside = if outside.is_some() { 0 } else { beside(fingerprint) };
            let outside = outside.as_ref().map(|scanned| scanned.under(fingerprint));
            let (is_old, doubt) = (replacement.is_some(), replacement.and_then(doubt));
            let in_use = in_use.get(fingerprint).map(String::as_str);
            let asked = Asked { fingerprint, role, is_old, doubt, beside, outside, in_use };
            verdict(asked, &targets, &not_looked_at)
        });
        Self { keys: keys.collect(), targets, absent, not_looked_at, outside, explained }
    }

    /// Whether every old key may go.
    pub fn all_may_go(&self) -> bool {
        self.keys.iter().all(|key| key.may_go != Some(false))
    }

    /// How many ciphertexts in the targets are under an old key, or may be.
    pub fn under_old_keys(&self) -> u64 {
        let doubtful = |key: &KeyVerdict| {
            self.targets.iter().map(|target| target.doubtful(&key.fingerprint)).sum::<u64>()
        };
        let old = self.keys.iter().filter(|key| key.may_go.is_some());
        old.map(|key| key.values + doubtful(key)).sum()
    }

    /// Likewise outside of them; none without a scan.
    pub fn outside_under_old_keys(&self) -> Option<u64> {
        self.outside.as_ref()?;
        let old = self.keys.iter().filter(|key| key.may_go.is_some());
        Some(old.filter_map(|key| key.outside).sum())
    }

    /// Whether a human must look: an old key may be none of those that are in use.
    pub fn is_doubted(&self) -> bool {
        self.keys.iter().any(|key| key.is_doubted)
    }
}

/// How many ciphertexts open under none of the keys, where they are more than a few of those of a target, or of all.
fn strange(targets: &[TargetInventory]) -> u64 {
    let sum = |count: fn(&TargetInventory) -> u64| targets.iter().map(count).sum::<u64>();
    let (strange, opened) = (sum(|target| target.strange), sum(|target| target.opened));
    let of_one = targets.iter().any(|target| is_too_many(target.strange, target.opened));
    if of_one || is_too_many(strange, opened) { strange } else { 0 }
}

/// The key that a verdict is about.
struct Asked<'a> {
    fingerprint: &'a str,
    role: &'static str,
    is_old: bool,
    /// Why it may be none of those that were in use, if it may.
    doubt: Option<String>,
    /// Ciphertexts beside the values of the targets, without a scan.
    beside: u64,
    outside: Option<u64>,
    /// The `deployment.toml` by which a server goes on writing with it.
    in_use: Option<&'a str>,
}

fn verdict(asked: Asked<'_>, targets: &[TargetInventory], not_looked_at: &[String]) -> KeyVerdict {
    let Asked { fingerprint, role, is_old, doubt, beside, outside, in_use } = asked;
    let counts = || targets.iter().filter_map(|target| Some((target, target.keys.get(fingerprint)?)));
    let values = counts().map(|(_, count)| count.values).sum();
    let without_id = counts().map(|(_, count)| count.without_id).sum();
    let doubtful: u64 = targets.iter().map(|target| target.doubtful(fingerprint)).sum();
    let places: Vec<_> =
        counts().map(|(target, count)| format!("{} in {}", count.values, target.place)).collect();
    // A key that values are under is a right one.
    let doubt = doubt.filter(|_| values == 0);
    let is_doubted = doubt.is_some();
    let why = match (values, doubtful, not_looked_at) {
        (0, ..) if let Some(doubt) = doubt => doubt,
        (0, 0, _) if beside > 0 => format!(
            "{beside} ciphertexts under it are in columns and files of the targets, in places that are not rotated"
        ),
        (0, 0, _) if outside > Some(0) => "there are values outside the targets that are under it".to_owned(),
        (0, 0, _) if let Some(file) = in_use => {
            format!("{file} still has it as [encryption] totpKey: a server writes with it")
        }
        (0, 0, []) if outside.is_some() => {
            "no value is under it, in the targets or outside of them".to_owned()
        }
        (0, 0, []) => "no value in the targets is under it".to_owned(),
        (0, 0, _) => "no value that was looked at is under it, but not all values were looked at".to_owned(),
        (0, some, _) => format!("{some} values may be under it"),
        _ => places.join(", "),
    };
    let under = values + doubtful + beside + outside.unwrap_or_default();
    let may_go = is_old.then_some(under == 0 && not_looked_at.is_empty() && !is_doubted && in_use.is_none());
    let fingerprint = fingerprint.to_owned();
    KeyVerdict { fingerprint, role, values, without_id, outside, may_go, why, is_doubted }
}
