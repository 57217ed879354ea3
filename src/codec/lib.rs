//! From what a column or file holds to the plaintexts inside, and back.
//!
//! A [`Codec`] finds the *slots* of a stored value, the places that may hold an envelope, and
//! splices new texts into them; every other byte stays. What stands in a slot is the business of
//! [`envelope`]; which key opens it, of [`value`].

pub mod embedded;
pub mod envelope;
pub mod java;
pub mod json;
mod reason;
mod text;
pub mod value;
pub mod xml;

use std::fmt;
use std::ops::Range;

pub use reason::Reason;

/// How values are embedded in what is stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// The stored text is the envelope itself.
    Envelope,
    /// A Java-serialized `WorkflowRequest`; the slots are its `Credential` strings.
    Java,
    /// An XML configuration file; the slots are its properties marked as encrypted.
    Xml,
    /// Any XML document; the slots are its elements marked as encrypted, whatever their names.
    XmlElements,
    /// A JSON document; the slots are the strings at these paths.
    Json(json::Paths),
    /// Any text; the slots are the envelopes in it.
    Text,
}

/// A place inside a stored value, and the text that stands there. The text may be a secret, so
/// `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Slot {
    /// The bytes of the stored value that [`Codec::splice`] replaces.
    pub range: Range<usize>,
    /// The text there, decoded (entities resolved, modified UTF-8 read).
    pub text: String,
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slot({:?}, text of {} bytes)", self.range, self.text.len())
    }
}

impl Codec {
    /// Whether a stored value is one ciphertext, and not a document that may hold several.
    pub const fn is_envelope(&self) -> bool {
        matches!(self, Self::Envelope)
    }

    /// Where values stand, where that is said by paths.
    pub fn paths(&self) -> &[json::Path] {
        if let Self::Json(paths) = self { paths.each() } else { &[] }
    }

    /// Finds the slots of a stored value, in the order in which they stand.
    pub fn slots(&self, stored: &[u8]) -> Result<Vec<Slot>, Reason> {
        if self.is_without_document(stored) {
            return Ok(Vec::new());
        }
        match self {
            Self::Envelope => {
                let text = std::str::from_utf8(stored).map_err(|_| Reason::NotText)?;
                Ok(vec![Slot { range: 0..stored.len(), text: text.to_owned() }])
            }
            Self::Java => java::slots(stored),
            Self::Xml => xml::slots(stored),
            Self::XmlElements => xml::slots_of_any(stored),
            Self::Json(paths) => json::slots(stored, paths),
            Self::Text => text::slots(stored),
        }
    }

    /// The stored value with new texts (base64, so plain ASCII) in some of its slots.
    ///
    /// `replacements` are slots that [`Codec::slots`] gave for these very bytes, in order.
    pub fn splice(&self, stored: &[u8], replacements: &[(&Slot, &str)]) -> Result<Vec<u8>, Reason> {
        if self.is_without_document(stored) {
            return Ok(stored.to_vec());
        }
        match self {
            Self::Envelope | Self::Text => Ok(splice_slots(stored, replacements)),
            Self::Java => java::splice(stored, replacements),
            Self::Xml => xml::splice(stored, replacements),
            Self::XmlElements => xml::splice_any(stored, replacements),
            Self::Json(_) => json::splice(stored, replacements),
        }
    }

    /// Whether a column that is to hold a document is empty. An empty file may be about to be written.
    fn is_without_document(&self, stored: &[u8]) -> bool {
        matches!(self, Self::Java | Self::XmlElements | Self::Json(_)) && stored.trim_ascii().is_empty()
    }
}

fn splice_slots(stored: &[u8], replacements: &[(&Slot, &str)]) -> Vec<u8> {
    splice_bytes(stored, replacements.iter().map(|(slot, text)| (slot.range.clone(), *text)))
}

fn splice_bytes<'a>(stored: &[u8], edits: impl IntoIterator<Item = (Range<usize>, &'a str)>) -> Vec<u8> {
    let mut out = Vec::with_capacity(stored.len());
    let mut done = 0;
    for (range, text) in edits {
        out.extend_from_slice(&stored[done..range.start]);
        out.extend_from_slice(text.as_bytes());
        done = range.end;
    }
    out.extend_from_slice(&stored[done..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It is no damaged one that keeps the old key. A file is another matter.
    #[test]
    fn an_empty_document_holds_no_value() {
        let json = Codec::Json(vec![json::Path::new("$.a").unwrap()].into());
        for stored in [b"".as_slice(), b" \r\n\t"] {
            for codec in [&json, &Codec::XmlElements, &Codec::Java, &Codec::Text] {
                assert_eq!(codec.slots(stored), Ok(Vec::new()), "{codec:?}");
                assert_eq!(codec.splice(stored, &[]).as_deref(), Ok(stored), "{codec:?}");
            }
            assert!(Codec::Xml.slots(stored).is_err());
        }
        assert!(json.slots(b"x").is_err() && Codec::XmlElements.slots(b"x").is_err());
    }
}
