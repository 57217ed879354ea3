//! A read-only look at everything that a new rotation would touch.
//!
//! Every row is read once and every envelope's form is counted. Of the GCM values a spread over
//! all tables and key ranges is opened, to know that the old key is the right one; of ECB and CBC
//! values all are, since those that open under both keys must be known before anything is written. Where
//! the spread says that nothing is under the old key, or that many values open under neither, all are
//! opened in a second pass: what stops a rotation is counted, not guessed.

use keyrotation_journal::failpoint;
use serde::Serialize;

use crate::activity::{Activity, Task};
use crate::blocking::blocking;
use crate::codec::Codec;
use crate::codec::Reason;
use crate::codec::envelope::{Form, form};
use crate::codec::value::{Evidence, Recoder, Verdict};
use crate::db::{Limit, Value};
use crate::error::{Error, Id, Result};
use crate::plan::{Accepted, Job};
use crate::signals::Stop;
use crate::source::Row;

/// GCM values of a target that are opened before only every [`SAMPLE_EVERY`]th is.
const SAMPLE_FIRST: u64 = 20;
const SAMPLE_EVERY: u64 = 64;

/// By no more than this does a value grow when it is sealed anew: a longer IV, a key id, GCM for ECB.
const GROWTH: usize = 512;

/// What stands in one target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct JobSurvey {
    /// The target's id.
    pub id: &'static str,
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
    /// Values that were opened, and opened under the old key.
    pub under_old: u64,
    /// … under the new key.
    pub under_new: u64,
    /// Of these, without the new key's id, which the new server asks for.
    pub without_id: u64,
    /// … under neither.
    pub unreadable: u64,
    /// Values whose new value would be longer than their column.
    pub too_long: u64,
}

impl JobSurvey {
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
    /// Every value was opened, not only a spread.
    pub whole: bool,
}

/// Of the values that were opened, one in so many may open under no key before it is too many; and so
/// many may in any case.
const UNREADABLE_SHARE: u64 = 20;
const UNREADABLE_FEW: u64 = 2;

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

    /// Values that were opened, and open under neither key.
    fn unreadable(&self) -> u64 {
        self.sum(|job| job.unreadable)
    }

    /// Whether so many of the values that were opened open under neither key that somebody has to look.
    fn is_mostly_strange(&self) -> bool {
        let unreadable = self.unreadable();
        let opened = self.sum(|job| job.under_old + job.under_new) + unreadable;
        unreadable > UNREADABLE_FEW && unreadable * UNREADABLE_SHARE > opened
    }

    /// Whether nothing that was opened is under the old key, and something under the new one.
    pub fn is_all_new(&self) -> bool {
        self.sum(|job| job.under_old) == 0 && self.sum(|job| job.under_new) > 0
    }

    /// Whether a spread of the values is not enough to go by.
    fn asks_for_all(&self) -> bool {
        self.is_all_new() || self.is_mostly_strange()
    }

    /// What the values say of the keys, for the screen; an error if the old key cannot be the right one, or
    /// if somebody has to look and has not said the word.
    pub fn check_keys(&self, accepted: &Accepted) -> Result<String> {
        let (old, new) = (self.sum(|job| job.under_old), self.sum(|job| job.under_new));
        let sampled = old + new + self.unreadable();
        if self.encrypted() == 0 {
            return Ok("nothing is encrypted here: there is nothing to rotate".to_owned());
        }
        if sampled > 0 && old + new == 0 {
            return Err(Error::new(
                Id::WrongOldKey,
                format!("oldSecretKey: none of {sampled} sampled values opens under the old or the new key"),
            ));
        }
        if old == 0 && sampled - new > new {
            return Err(Error::new(
                Id::WrongOldKey,
                format!(
                    "oldSecretKey: none of {sampled} sampled values opens under it, and only {new} under the new key"
                ),
            ));
        }
        if self.is_mostly_strange() {
            self.check_unreadable(sampled, accepted.unreadable)?;
        }
        let without_id = match self.sum(|job| job.without_id) {
            0 => String::new(),
            count => format!(" ({count} of them without its id, which the new server asks for)"),
        };
        let sample = if self.whole { "" } else { "sampled " };
        if self.is_all_new() {
            let why = match &accepted.explained {
                Some(why) => why.as_str(),
                None if accepted.all_already_new => "--all-already-new was given",
                None => {
                    return Err(Error::new(
                        Id::AllAlreadyNew,
                        format!(
                            "oldSecretKey, newSecretKey: of {sampled} values none is under the old key, and {new} are \
                             under the new one{without_id}; probably the two keys are the wrong way round"
                        ),
                    ));
                }
            };
            return Ok(format!("all {new} values are already under the new key{without_id}: {why}"));
        }
        Ok(format!(
            "of {sampled} {sample}values {old} open under the old key and {new} under the new one{without_id}"
        ))
    }

    fn check_unreadable(&self, opened: u64, accepted: Option<u64>) -> Result<()> {
        let found = self.unreadable();
        if accepted.is_some_and(|accepted| found <= accepted) {
            return Ok(());
        }
        let places = self.jobs.iter().filter(|job| job.unreadable > 0);
        let places: Vec<_> = places.map(|job| format!("{} in {}", job.unreadable, job.place)).collect();
        let what = format!(
            "of {opened} values {found} open under neither the old nor the new key: {}",
            places.join(", ")
        );
        Err(Error::new(Id::MostUnreadable, what).fix(format!(
            "see whether they are under a third key, and whether this is the right copy; to leave them as they are \
             and rotate the rest, add --accept-unreadable {found}"
        )))
    }

    /// Refuses to begin over values that open under both keys, unless exactly that many are
    /// accepted.
    pub fn check_ambiguous(&self, accepted: Option<u64>) -> Result<()> {
        let found = self.ambiguous();
        if found == 0 || accepted == Some(found) {
            return Ok(());
        }
        let places: Vec<_> =
            self.jobs.iter().filter(|job| job.ambiguous > 0).map(|job| &*job.place).collect();
        Err(Error::new(
            Id::Ambiguous,
            format!("{found} ECB or CBC values open under both keys, in {}", places.join(", ")),
        )
        .fix(format!(
            "look at the rows; to leave them as they are and rotate the rest, add --accept-ambiguous {found}"
        )))
    }
}

/// Looks at every row of every job. Ends early, with what it has, when asked to stop.
pub async fn survey(jobs: &[Job], recoder: &Recoder, activity: &Activity, stop: &Stop) -> Result<Survey> {
    let found = pass(jobs, recoder, activity, stop, false).await?;
    if found.asks_for_all() && !stop.requested() {
        return pass(jobs, recoder, activity, stop, true).await;
    }
    Ok(found)
}

async fn pass(
    jobs: &[Job],
    recoder: &Recoder,
    activity: &Activity,
    stop: &Stop,
    whole: bool,
) -> Result<Survey> {
    let mut survey = Survey { whole, ..Survey::default() };
    for job in jobs {
        let mut found = JobSurvey { id: job.id, place: job.place.clone(), ..JobSurvey::default() };
        let doing = activity.begin(Task::Survey, &job.place, None);
        failpoint!("survey-target", Error::new(Id::System, "failure planned by a test"));
        let mut pages = job.source.walk_all().ahead(job.page_rows());
        while !stop.requested() {
            let Some(page) = pages.next().await? else { break };
            doing.advance(page.len() as u64);
            let (job, recoder) = (job.clone(), recoder.clone());
            found = blocking(move || {
                for row in &page {
                    look_at(&job, &recoder, row, whole, &mut found);
                }
                Ok(found)
            })
            .await?;
        }
        survey.jobs.push(found);
    }
    Ok(survey)
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
        let Some(forms) = forms(job.codec, stored) else {
            found.foreign += 1; // a rotation reports it as failed
            continue;
        };
        let count = |wanted: &[Form]| forms.iter().filter(|form| wanted.contains(form)).count() as u64;
        let (gcm, unauthenticated) = (count(&[Form::Gcm]), count(&[Form::Ecb, Form::Cbc]));
        let foreign = count(&[Form::Keystore, Form::Other]);
        let spread = whole || found.gcm < SAMPLE_FIRST || found.gcm % SAMPLE_EVERY < gcm;
        found.gcm += gcm;
        found.unauthenticated += unauthenticated;
        found.foreign += foreign;
        if gcm + unauthenticated + foreign == 0 {
            found.plain += 1;
        }
        let is_near = |limit: Limit| stored.len() + GROWTH > limit.length;
        let tight = job.limits.get(column).copied().flatten().is_some_and(is_near);
        if unauthenticated > 0 || (gcm > 0 && (spread || tight)) {
            let hash = row.hashes.get(column).and_then(Option::as_deref);
            match recoder.classify(job.codec, stored, Evidence { hash, recorded: None }) {
                Verdict::Plain => {}
                Verdict::UnderOld(opened) => {
                    found.under_old += 1;
                    let new = recoder.reseal(stored, &opened).ok().filter(|_| tight);
                    found.too_long += u64::from(new.is_some_and(|new| job.too_long(column, &new).is_some()));
                }
                Verdict::UnderNew(_) => found.under_new += 1,
                Verdict::WithoutId(_) => {
                    found.under_new += 1;
                    found.without_id += 1;
                }
                Verdict::Unreadable(Reason::Ambiguous) => found.ambiguous += 1,
                Verdict::Unreadable(_) => found.unreadable += 1,
            }
        }
    }
}

/// The forms of what stands in a value's slots; none if it is not understood.
fn forms(codec: Codec, stored: &[u8]) -> Option<Vec<Form>> {
    match codec {
        Codec::Envelope => std::str::from_utf8(stored).ok().map(|text| vec![form(text)]),
        Codec::Java | Codec::Xml => {
            codec.slots(stored).ok().map(|slots| slots.iter().map(|slot| form(&slot.text)).collect())
        }
    }
}
