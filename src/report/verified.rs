//! What `verify` found, kept as a step: a line of `name=value` pairs that people can read and
//! programs can take apart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::thousands;

/// Recorded by `safe-to-retire` when it is.
pub const RETIRABLE: &str = "safe-to-retire";

/// Recorded by `keys` in place when nothing needs an old key any more.
pub(super) const OLD_KEYS_MAY_GO: &str = "old-keys-may-go";

/// Recorded by `keys` in place when something does, or may.
pub(super) const OLD_KEYS_MAY_NOT_GO: &str = "old-keys-may-not-go";

/// The step that says that everything is as it should be.
pub const VERIFIED: &str = "verified";

/// The step that says that something is not.
pub const VERIFY_DIFFERENCES: &str = "verify-differences";

/// What one call of `verify` found. The journal's chain was whole, or there would be no such step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Whether the new server might be running, so that what it changes is no difference.
    pub live: bool,
    /// The part of the chunks that was asked for, such as `5%`; `all` without `--sample`.
    pub sample: String,
    /// Chunks that were checked.
    pub chunks_checked: u64,
    /// Chunks that there were.
    pub chunks: u64,
    /// Events of the journal whose chain was checked: all that there were.
    pub events: u64,
    /// Rows and files that were compared with their record.
    pub rows: u64,
    /// Of these, as recorded.
    pub same: u64,
    /// Recorded, and not there any more.
    pub gone: u64,
    /// Under the new key, and unknown to the journal.
    pub new: u64,
    /// Under the new key, and not what was recorded.
    pub changed: u64,
    /// Recorded as failed, and still so.
    pub failed: u64,
    /// Under the old key, unreadable, or with another plaintext.
    pub bad: u64,
    /// Rows that hold plain values or NULL only.
    pub without_ciphertext: u64,
    /// Ciphertexts outside the targets that are under an old key, or may be; none if nobody looked there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<u64>,
    /// Places outside the targets that could not be looked at.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unseen: u64,
    /// What counted as a difference, outside of the targets, too.
    pub differences: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Verification {
    /// Whether every chunk was checked.
    pub fn is_whole(&self) -> bool {
        self.sample == "all"
    }

    /// Whether it takes changes for the new server's, because it was told that one may run.
    pub fn takes_changes_on_trust(&self) -> bool {
        self.live && self.changed + self.gone > 0
    }

    /// The same with what was found outside the targets.
    #[must_use]
    pub fn with_outside(mut self, under_old: u64, unseen: u64) -> Self {
        self.outside = Some(under_old);
        self.unseen = unseen;
        self.differences += under_old + unseen;
        self
    }

    /// Rows and files that differ.
    pub fn in_targets(&self) -> u64 {
        self.differences.saturating_sub(self.outside.unwrap_or_default() + self.unseen)
    }

    /// Whether what differs in the targets is no more than what had failed: that differs, too.
    pub fn is_of_failed_rows(&self) -> bool {
        self.in_targets() == self.failed && self.unseen == 0
    }

    /// What differs, in words.
    pub fn words(&self) -> String {
        let outside = self.outside.unwrap_or_default();
        let mut words = vec![format!("{} rows or files differ", thousands(self.in_targets()))];
        words.retain(|_| self.in_targets() > 0 || outside + self.unseen == 0);
        if outside > 0 {
            let count = thousands(outside);
            words.push(format!("{count} values outside the targets are under an old key, or may be"));
        }
        if self.unseen > 0 {
            words.push(format!("{} places outside the targets were not looked at", thousands(self.unseen)));
        }
        words.join(", ")
    }

    /// The step that it is left as.
    pub fn step_name(&self) -> &'static str {
        if self.differences == 0 { VERIFIED } else { VERIFY_DIFFERENCES }
    }

    /// What a step says that was left by `verify`; none for every other step.
    pub fn of_step(name: &str, note: &str) -> Option<Self> {
        [VERIFIED, VERIFY_DIFFERENCES].contains(&name).then(|| Self::parse(note)).flatten()
    }

    /// The step's note.
    pub fn note(&self) -> String {
        let live = if self.live { "yes" } else { "no" };
        let outside = match self.outside {
            Some(outside) => format!(" outside={outside} outside-unseen={}", self.unseen),
            None => String::new(),
        };
        format!(
            "live={live} sample={} chunks={}/{} events={} rows={} same={} gone={} new={} changed={} failed={} \
             bad={} without-ciphertext={}{outside} differences={}",
            self.sample,
            self.chunks_checked,
            self.chunks,
            self.events,
            self.rows,
            self.same,
            self.gone,
            self.new,
            self.changed,
            self.failed,
            self.bad,
            self.without_ciphertext,
            self.differences
        )
    }

    /// What a note says; none if it is not one of ours. Pairs that are not known are passed over.
    pub fn parse(note: &str) -> Option<Self> {
        let pairs: BTreeMap<&str, &str> =
            note.split_whitespace().map(|word| word.split_once('=')).collect::<Option<_>>()?;
        let count = |name: &str| pairs.get(name)?.parse().ok();
        let (checked, chunks) = pairs.get("chunks")?.split_once('/')?;
        Some(Self {
            live: *pairs.get("live")? == "yes",
            sample: (*pairs.get("sample")?).to_owned(),
            chunks_checked: checked.parse().ok()?,
            chunks: chunks.parse().ok()?,
            events: count("events")?,
            rows: count("rows")?,
            same: count("same")?,
            gone: count("gone")?,
            new: count("new")?,
            changed: count("changed")?,
            failed: count("failed")?,
            bad: count("bad")?,
            without_ciphertext: count("without-ciphertext")?,
            outside: count("outside"),
            unseen: count("outside-unseen").unwrap_or_default(),
            differences: count("differences")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{VERIFY_DIFFERENCES, Verification};

    #[test]
    fn a_note_says_what_was_found() {
        let found = Verification {
            live: true,
            sample: "5%".into(),
            chunks_checked: 3,
            chunks: 40,
            events: 110,
            rows: 900,
            same: 890,
            changed: 9,
            bad: 1,
            without_ciphertext: 7,
            differences: 1,
            ..Verification::default()
        };
        let note = found.note();
        assert!(note.starts_with("live=yes sample=5% chunks=3/40 events=110 rows=900 same=890 "), "{note}");
        assert_eq!(Verification::parse(&note), Some(found.clone()));
        assert_eq!(
            Verification::parse(&format!("{note} later=1")),
            Some(found.clone()),
            "what is not known is passed over"
        );
        // What stands outside the targets is a difference, too; earlier notes do not tell.
        assert_eq!(found.outside, None);
        let looked = found.clone().with_outside(2, 1);
        assert!(looked.note().ends_with("without-ciphertext=7 outside=2 outside-unseen=1 differences=4"));
        assert_eq!(Verification::parse(&looked.note()), Some(looked.clone()));
        assert_eq!((looked.in_targets(), looked.step_name()), (1, VERIFY_DIFFERENCES));
        let only = Verification::default().with_outside(0, 1);
        assert_eq!(only.step_name(), VERIFY_DIFFERENCES);
        assert_eq!(only.words(), "1 places outside the targets were not looked at");
        for other in ["", "by hand", "live=no", &note.replace("rows=900", "rows=many")] {
            assert_eq!(Verification::parse(other), None, "{other}");
        }
    }
}
