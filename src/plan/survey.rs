//! A read-only look at everything that a new rotation would touch.
//!
//! Every row is read once and every envelope's form is counted. Of the GCM values a spread over
//! all tables and key ranges is opened, to know that the old key is the right one; of ECB and CBC
//! values all are, since those that open under both keys must be known before anything is written. Where
//! the spread says that next to nothing is under the old key, all are opened in a second pass; where
//! more than a few of a target's open under neither, all of that target's: what stops a rotation is counted, not guessed.

mod keys;

use keyrotation_journal::failpoint;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::Job;
use crate::activity::{Activity, Doing, Part, Task};
use crate::blocking::blocking;
use crate::codec::Codec;
use crate::codec::Reason;
use crate::codec::envelope::{Form, form, form_and_whole};
use crate::codec::json::Path;
use crate::codec::value::{Evidence, Opened, Recoder, Verdict};
use crate::db::{Limit, Value};
use crate::error::Result;
use crate::signals::Stop;
use crate::source::{Page, Row, Source};

pub use keys::is_too_many;

/// GCM values of a target that are opened before only every [`SAMPLE_EVERY`]th is.
const SAMPLE_FIRST: u64 = 500;
const SAMPLE_EVERY: u64 = 64;

/// By no more than this does a value grow when it is sealed anew: a longer IV, a key id, GCM for ECB.
const GROWTH: usize = 512;

/// What stands in one target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct JobSurvey {
    /// The target's id.
    pub id: String,
    /// The table or folders.
    pub place: String,
    /// Rows or files.
    pub rows: u64,
    /// Rows or files with an envelope in them.
    pub encrypted_rows: u64,
    /// Bytes of stored values.
    pub bytes: u64,
    /// GCM envelopes.
    pub gcm: u64,
    /// ECB and CBC envelopes.
    pub unauthenticated: u64,
    /// Envelopes that cannot be rotated: keystore-wrapped, or of an unknown transformation.
    pub foreign: u64,
    /// Plain values.
    pub plain: u64,
    /// NULL values.
    pub null: u64,
    /// Values that open under both keys.
    pub ambiguous: u64,
    /// Values that were opened, and opened under an old key.
    pub under_old: u64,
    /// Of these, how many under which of the old keys, by its fingerprint; a value may have several.
    pub under: BTreeMap<String, u64>,
    /// … under the new key.
    pub under_new: u64,
    /// Of these, without the new key's id, which the new server asks for.
    pub without_id: u64,
    /// … under a key that stays.
    #[serde(skip_serializing_if = "is_none")]
    pub under_kept: u64,
    /// ECB and CBC envelopes of values under an old key: they cannot name it.
    #[serde(skip)]
    pub unnamed_old: u64,
    /// … under neither.
    pub unreadable: u64,
    /// Values whose new value would be longer than their column.
    pub too_long: u64,
    /// Values with an envelope under an old key, or that may be, where the codec does not look.
    pub beside: u64,
    /// Paths of its codec that lead to no text in any row.
    pub idle_paths: Vec<String>,
    /// GCM values that were not opened, since a spread of them is enough.
    #[serde(skip)]
    pub passed_over: u64,
    /// How many values those under the old key stand for: one of a spread stands for its neighbours, too.
    #[serde(skip)]
    about_old: u64,
    /// Likewise, under the new key.
    #[serde(skip)]
    about_new: u64,
    /// Likewise, under neither.
    #[serde(skip)]
    about_strange: u64,
}

impl JobSurvey {
    fn count_keys(&mut self, recoder: &Recoder, opened: &Opened) {
        let ring = recoder.ring();
        let old: BTreeSet<_> = opened.keys().filter(|key| ring.replacement(*key).is_some()).collect();
        for key in old {
            *self.under.entry(ring.key(key).fingerprint().to_owned()).or_default() += 1;
        }
    }

    /// Values in an envelope.
    pub fn encrypted(&self) -> u64 {
        self.gcm + self.unauthenticated + self.foreign
    }
}

/// What stands in all targets.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// One entry for each target that is there.
    pub jobs: Vec<JobSurvey>,
}

impl Survey {
    /// Rows and files.
    pub fn rows(&self) -> u64 {
        self.sum(|job| job.rows)
    }

    fn sum(&self, count: impl Fn(&JobSurvey) -> u64) -> u64 {
        self.jobs.iter().map(count).sum()
    }

    /// Values in an envelope.
    pub fn encrypted(&self) -> u64 {
        self.sum(JobSurvey::encrypted)
    }

    /// Values that open under both keys.
    pub fn ambiguous(&self) -> u64 {
        self.sum(|job| job.ambiguous)
    }
}

/// How much of a rotation's work the survey is, in thousandths.
pub const SURVEY_PERMILLE: u64 = 250;

/// Looks at every row of every job. Ends early, with what it has, when asked to stop. It is so many thousandths of the
/// whole work.
pub async fn survey(
    jobs: &[Job],
    recoder: &Recoder,
    activity: &Activity,
    stop: &Stop,
    permille: u64,
) -> Result<Survey> {
    let mut survey = Survey::default();
    let rows = count(jobs, activity, stop).await;
    let parts = parts((0, permille), &rows);
    for (job, part) in jobs.iter().zip(&parts) {
        let doing = activity.begin_part(Task::Survey, &job.place, part.rows, Some(part.part));
        survey.jobs.push(look_through(job, recoder, &doing, stop, false).await?);
    }
    let all = survey.is_nearly_all_new();
    for ((job, part), found) in jobs.iter().zip(&parts).zip(&mut survey.jobs) {
        let asks_for_all = all || found.may_be_strange();
        if found.passed_over > 0 && asks_for_all && !stop.requested() {
            let doing = activity.begin_part(Task::Survey, &job.place, Some(found.rows), Some(part.part));
            *found = look_through(job, recoder, &doing, stop, true).await?;
        }
    }
    Ok(survey)
}

/// How many rows each table has; none of files, which are few, and of tables that cannot be counted.
async fn count(jobs: &[Job], activity: &Activity, stop: &Stop) -> Vec<Option<u64>> {
    let mut rows = Vec::with_capacity(jobs.len());
    for job in jobs {
        let Source::Table(source) = &job.source else {
            rows.push(None);
            continue;
        };
        let _doing = activity.begin(Task::Count, &job.place, None);
        let counted = source.db().count_rows(&source.table().relation.table);
        rows.push(if stop.requested() { None } else { counted.await.ok() });
    }
    rows
}

/// One task among several of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobPart {
    /// Its place in the whole work.
    pub part: Part,
    /// How many rows it has, if that is known.
    pub rows: Option<u64>,
}

/// The tasks of one kind, of which these are the numbers of rows, over a span of the whole work.
pub fn parts(span: (u64, u64), rows: &[Option<u64>]) -> Vec<JobPart> {
    let all = rows.iter().flatten().sum();
    let mut before = 0;
    let part = |rows: &Option<u64>| {
        let part = Part { span, all, before };
        before += rows.unwrap_or_default();
        JobPart { part, rows: *rows }
    };
    rows.iter().map(part).collect()
}

async fn look_through(
    job: &Job,
    recoder: &Recoder,
    doing: &Doing,
    stop: &Stop,
    whole: bool,
) -> Result<JobSurvey> {
    let nothing = || JobSurvey { id: job.id.to_string(), place: job.place.clone(), ..JobSurvey::default() };
    let (mut found, mut idle) = (nothing(), job.codec.paths().to_vec());
    failpoint!(
        "survey-target",
        crate::error::Error::new(crate::error::Id::System, "failure planned by a test")
    );
    let mut pages = job.all_rows();
    while !stop.requested() {
        let page = match pages.next().await? {
            Page::Rows(page) => page,
            Page::Again => {
                (found, idle) = (nothing(), job.codec.paths().to_vec());
                doing.begin_again();
                continue;
            }
            Page::End => break,
        };
        doing.advance(page.len() as u64);
        let (job, recoder) = (job.clone(), recoder.clone());
        (found, idle) = blocking(move || {
            for row in &page {
                look_at(&job, &recoder, row, whole, &mut found);
                let leads =
                    |path: &Path| row.values.iter().filter_map(Value::as_bytes).any(|it| path.leads(it));
                idle.retain(|path| !leads(path));
            }
            Ok((found, idle))
        })
        .await?;
    }
    if found.rows > 0 {
        found.idle_paths = idle.into_iter().map(String::from).collect();
    }
    Ok(found)
}

fn look_at(job: &Job, recoder: &Recoder, row: &Row, whole: bool, found: &mut JobSurvey) {
    let before = found.encrypted();
    look_at_values(job, recoder, row, whole, found);
    found.rows += 1;
    found.encrypted_rows += u64::from(found.encrypted() > before);
}

fn look_at_values(job: &Job, recoder: &Recoder, row: &Row, whole: bool, found: &mut JobSurvey) {
    for (column, value) in row.values.iter().enumerate() {
        found.bytes += value.weight() as u64;
        let stored = match value {
            Value::Null => {
                found.null += 1;
                continue;
            }
            Value::Int(_) | Value::Real(_) => {
                found.plain += 1;
                continue;
            }
            Value::Text(text) => text.as_bytes(),
            Value::Bytes(bytes) | Value::NotText(bytes) => bytes,
        };
        let (forms, is_one) = forms(&job.codec, stored);
        found.beside += u64::from(!is_one && recoder.has_old_beside(&job.codec, stored));
        let Some(forms) = forms else {
            found.foreign += 1; // a rotation reports it as failed
            continue;
        };
        let count = |wanted: &[Form]| forms.iter().filter(|form| wanted.contains(form)).count() as u64;
        let (gcm, unauthenticated) = (count(&[Form::Gcm]), count(&[Form::Ecb, Form::Cbc]));
        let foreign = count(&[Form::Keystore, Form::Other]);
        let is_among_first = whole || found.gcm < SAMPLE_FIRST;
        let spread = is_among_first || found.gcm % SAMPLE_EVERY < gcm;
        let stands_for = if is_among_first || gcm == 0 { 1 } else { SAMPLE_EVERY };
        found.gcm += gcm;
        found.unauthenticated += unauthenticated;
        found.foreign += foreign;
        if gcm + unauthenticated + foreign == 0 {
            found.plain += 1;
        }
        let is_near = |limit: Limit| stored.len() + GROWTH > limit.length;
        let tight = job.limits.get(column).copied().flatten().is_some_and(is_near);
        if unauthenticated > 0 || (gcm > 0 && (spread || tight)) {
            let before = (found.under_old, found.under_new, found.unreadable);
            let hash = row.hashes.get(column).and_then(Option::as_deref);
            match recoder.classify(&job.codec, stored, Evidence { hash, recorded: None }) {
                Verdict::Plain => {}
                Verdict::UnderOld(opened) => {
                    found.under_old += 1;
                    found.unnamed_old += unauthenticated;
                    found.count_keys(recoder, &opened);
                    let new = recoder.reseal(stored, &opened).ok().filter(|_| tight);
                    found.too_long += u64::from(new.is_some_and(|new| job.too_long(column, &new).is_some()));
                }
                Verdict::UnderNew(opened) if opened.keys().all(|key| recoder.ring().is_kept(key)) => {
                    found.under_kept += 1;
                }
                Verdict::UnderNew(_) => found.under_new += 1,
                Verdict::WithoutId(_) => {
                    found.under_new += 1;
                    found.without_id += 1;
                }
                Verdict::Unreadable(Reason::Ambiguous) => found.ambiguous += 1,
                Verdict::Unreadable(_) => found.unreadable += 1,
            }
            if unauthenticated > 0 || spread {
                found.about_old += stands_for * (found.under_old - before.0);
                found.about_new += stands_for * (found.under_new - before.1);
                found.about_strange += stands_for * (found.unreadable - before.2);
            }
        } else {
            found.passed_over += gcm;
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_none(count: &u64) -> bool {
    *count == 0
}

/// The forms of the texts in a value's slots, none if the value is not understood; and whether it is one envelope and
/// nothing beside it.
fn forms(codec: &Codec, stored: &[u8]) -> (Option<Vec<Form>>, bool) {
    if codec.is_envelope() {
        let Ok(text) = std::str::from_utf8(stored) else { return (None, false) };
        let (form, is_one) = form_and_whole(text);
        return (Some(vec![form]), is_one);
    }
    let slots = codec.slots(stored).ok();
    (slots.map(|slots| slots.iter().map(|slot| form(&slot.text)).collect()), false)
}
