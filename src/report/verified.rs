//! What `verify` found, kept as a step: a line of `name=value` pairs that people can read and
//! programs can take apart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Recorded by `safe-to-retire` when it is.
pub const RETIRABLE: &str = "safe-to-retire";

/// The step that says that everything is as it should be.
pub const VERIFIED: &str = "verified";

/// The step that says that something is not.
pub const VERIFY_DIFFERENCES: &str = "verify-differences";

/// Steps that say that the new server may have run.
pub const MAY_HAVE_RUN: [&str; 3] =
    [crate::sync::NEW_SERVER_HAS_RUN, crate::sync::ROUTE_TRAFFIC, "start/started"];

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
    /// What counted as a difference.
    pub differences: u64,
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
        format!(
            "live={live} sample={} chunks={}/{} events={} rows={} same={} gone={} new={} changed={} failed={} \
             bad={} without-ciphertext={} differences={}",
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
            differences: count("differences")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Verification;

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
            Some(found),
            "what is not known is passed over"
        );
        for other in ["", "by hand", "live=no", &note.replace("rows=900", "rows=many")] {
            assert_eq!(Verification::parse(other), None, "{other}");
        }
    }
}
