//! Envelopes anywhere: in texts, documents and bytes of which nothing else is known.
//!
//! Found is what begins as servers write an envelope, in base64 or not. One that stands in base64 or in quotes a second
//! time, or is compressed, is not found.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, STANDARD};

use super::text::words;
use super::{Codec, envelope};

/// What stands in everything that begins as an envelope does: base64 of `{"c":"`, or the member's name where it is not
/// in base64, with whatever white space around it. Who asks a server for one of these misses none of [`envelopes`].
pub const MARKS: [&str; 2] = ["eyJjIjoi", "\"c\""];

/// Without padding; what is left over of the last letter is not looked at.
const UNPADDED: GeneralPurpose =
    GeneralPurpose::new(&base64::alphabet::STANDARD, NO_PAD.with_decode_allow_trailing_bits(true));

/// The texts of all envelopes in some bytes, in base64.
pub fn envelopes(bytes: &[u8]) -> Vec<String> {
    begun_before(bytes, bytes.len()).whole
}

/// The texts of those envelopes in a stored value, in base64, that its codec does not read: they stand outside of its
/// slots, or in one that is no envelope as a whole.
pub fn beside(codec: &Codec, stored: &[u8]) -> Vec<String> {
    // Most values are one envelope and nothing else.
    if codec.is_envelope() && words(stored).next() == Some(0..stored.len()) {
        return Vec::new();
    }
    let mut places = places(stored);
    if places.is_empty() {
        return Vec::new();
    }
    let mut slots = codec.slots(stored).unwrap_or_default();
    slots.retain(|slot| !matches!(envelope::parse(&slot.text), Ok(envelope::Content::Plain)));
    places.retain(|(range, _)| {
        let is_in = |slot: &super::Slot| {
            // What is behind a slot may be of the same letters as what is in it.
            let both = range.start.max(slot.range.start)..range.end.min(slot.range.end);
            let text = stored.get(both).and_then(|bytes| std::str::from_utf8(bytes).ok());
            text.is_some_and(|text| !text.is_empty() && slot.text.contains(text))
        };
        !slots.iter().any(is_in)
    });
    places.into_iter().map(|(_, envelope)| envelope).collect()
}

/// Where envelopes stand in some bytes that are there whole, and their texts in base64.
fn places(bytes: &[u8]) -> Vec<(Range<usize>, String)> {
    let others = starts(bytes).filter_map(|start| {
        let object = bytes.get(start..)?;
        let object = object.get(..=object.iter().position(|byte| *byte == b'}')?)?;
        Some((start..start + object.len(), STANDARD.encode(object)))
    });
    in_base64(bytes).chain(others).collect()
}

/// Where envelopes stand in base64, and their texts: as far as the object goes that is in them. What comes behind may be
/// of the same letters: a mark of serialized Java, another envelope.
fn in_base64(bytes: &[u8]) -> impl Iterator<Item = (Range<usize>, String)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let range = words(bytes.get(at..)?).next()?;
        let word = bytes.get(at + range.start..at + range.end)?;
        let (length, text) =
            object(word).unwrap_or_else(|| (word.len(), word.iter().copied().map(char::from).collect()));
        let start = at + range.start;
        at = start + length;
        Some((start..at, text))
    })
}

/// How many letters of a word are base64 of one object, and these, padded; none if they are not of a whole one. The
/// padding itself may be missing, since some write `=` as an escape.
fn object(word: &[u8]) -> Option<(usize, String)> {
    let letters = word.split(|byte| *byte == b'=').next()?;
    let letters = if letters.len() % 4 == 1 { letters.get(..letters.len() - 1)? } else { letters };
    let mut json = UNPADDED.decode(letters).ok()?;
    json.truncate(json.iter().position(|byte| *byte == b'}')? + 1);
    Some((word.len().min(json.len().div_ceil(3) * 4), STANDARD.encode(json)))
}

/// Envelopes in the first part of something longer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Begun {
    /// Those that end in it, in base64.
    pub whole: Vec<String>,
    /// How many go on to its end, and perhaps beyond.
    pub cut: usize,
    /// Up to where it need not be looked at again.
    pub end: usize,
}

/// The envelopes that begin before `end`.
pub fn begun_before(bytes: &[u8], end: usize) -> Begun {
    let mut begun = Begun { end, ..Begun::default() };
    for (range, text) in in_base64(bytes).take_while(|(range, _)| range.start < end) {
        begun.end = begun.end.max(range.end);
        // At the end of all there is nothing beyond.
        begun.cut += usize::from(range.end == bytes.len() && end < bytes.len());
        begun.whole.push(text);
    }
    for start in starts(bytes).take_while(|start| *start < end) {
        let object = bytes.get(start..).unwrap_or_default();
        match object.iter().position(|byte| *byte == b'}') {
            Some(last) => {
                begun.end = begun.end.max(start + last + 1);
                begun.whole.push(STANDARD.encode(object.get(..=last).unwrap_or_default()));
            }
            None => begun.cut += 1,
        }
    }
    begun
}

/// Where envelopes begin that are not in base64: `{"c":"`, with white space as databases and people print it.
fn starts(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let braces = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'{').map(|(at, _)| at);
    braces.filter(|at| {
        let rest = bytes.get(at + 1..).unwrap_or_default().trim_ascii_start();
        let Some(rest) = rest.strip_prefix(b"\"c\"") else { return false };
        let rest = rest.trim_ascii_start();
        rest.strip_prefix(b":").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"\""))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::{Form, form};

    #[test]
    fn envelopes_are_found_wherever_they_stand() {
        let envelope = include_str!("../../tests/vectors/server_7_1.txt").trim();
        let plain = STANDARD.decode(envelope).unwrap();
        let text = String::from_utf8(plain.clone()).unwrap();
        let spaced = text.replace("\":", "\": ").replace(",\"", ", \"");
        let pretty = text.replace('{', "{\n  ").replace("\":", "\" : ");
        let json = [br#"{"encrypted":true,"value":"#.as_slice(), &plain, b"}"].concat();
        for (stored, count) in [
            (envelope.as_bytes().to_vec(), 1),
            (format!("<a>{envelope}</a><b x='{envelope}'/>").into_bytes(), 2),
            ([b"\xac\xed\0\x05t\x01D".as_slice(), envelope.as_bytes(), b"\xff"].concat(), 1),
            (format!("{envelope}sr\0").into_bytes(), 1),
            (format!("{{\"a\":\"{}\"}}", envelope.replace('=', "\\u003d")).into_bytes(), 1),
            (format!("{envelope}{envelope}xp{envelope}").into_bytes(), 3),
            (json, 1),
            (format!("{{\"a\": {spaced}}}").into_bytes(), 1),
            (pretty.into_bytes(), 1),
            (b"eyJj is no envelope".to_vec(), 0),
            (Vec::new(), 0),
        ] {
            let found = envelopes(&stored);
            assert_eq!(found.len(), count, "{found:?}");
            assert!(found.iter().all(|text| form(text) == Form::Gcm), "{found:?}");
        }
    }

    /// Whatever the codec: what stands in its slots is none of these, and everything else is.
    #[test]
    fn what_a_codec_does_not_read_is_beside() {
        let envelope = include_str!("../../tests/vectors/server_7_1.txt").trim();
        let plain = String::from_utf8(STANDARD.decode(envelope).unwrap()).unwrap();
        let escaped = envelope.replace('/', "\\/").replace('=', "\\u003d");
        let json = Codec::Json(vec![crate::json::Path::new("$.a").unwrap()].into());
        let property = format!("<Property encrypted=\"true\">{envelope}</Property>");
        for (codec, stored, count) in [
            (Codec::Envelope, envelope.to_owned(), 0),
            (Codec::Envelope, format!(" {envelope}\n"), 0),
            (Codec::Envelope, format!("{{\"a\":\"{envelope}\"}}"), 1),
            (Codec::Envelope, plain.clone(), 1),
            (Codec::Envelope, format!("{envelope},{envelope}"), 0),
            (Codec::Text, format!("a={envelope};b={envelope}"), 0),
            (Codec::Text, format!("a={envelope};b={plain}"), 1),
            (json.clone(), format!("{{\"a\":\"{escaped}\"}}"), 0),
            (json.clone(), format!("{{\"a\":\"{envelope}\",\"b\":\"{envelope}\",\"d\":{plain}}}"), 2),
            (json, format!("{{\"a\":\"x {envelope}\"}}"), 1),
            (Codec::Xml, format!("<a>{property}</a>"), 0),
            (Codec::Xml, format!("<a x='{envelope}'><!-- {property} -->{property}<b>{envelope}</b></a>"), 3),
            (Codec::Xml, format!("<a>{}</a>", property.replace(envelope, &format!("<!--{envelope}-->x"))), 1),
            (Codec::XmlElements, format!("<a><b>{envelope}</b>{property}</a>"), 1),
            (Codec::Java, format!("no object: {envelope}"), 1),
        ] {
            assert_eq!(beside(&codec, stored.as_bytes()).len(), count, "{codec:?}: {stored}");
        }
    }

    /// Who filters by the marks, as a server does, misses nothing.
    #[test]
    fn every_envelope_has_a_mark() {
        for space in ["", " ", "\t", "\r\n  "] {
            let text = format!("{{{space}\"c\"{space}:{space}\"AA==\",\"t\":\"AES\"}}");
            assert_eq!(envelopes(text.as_bytes()).len(), 1, "{text}");
            assert!(MARKS.iter().any(|mark| text.contains(mark)), "{text}");
        }
        assert!(MARKS[0].as_bytes() == crate::text::START);
    }

    #[test]
    fn what_goes_on_beyond_a_part_is_not_taken_for_whole() {
        let envelope = include_str!("../../tests/vectors/server_7_1.txt").trim();
        let plain = String::from_utf8(STANDARD.decode(envelope).unwrap()).unwrap();
        for (text, marks) in [(envelope, 1), (plain.as_str(), 1)] {
            let bytes = format!("- {text} -").into_bytes();
            let begun = begun_before(&bytes, 10);
            assert_eq!((begun.whole.len(), begun.cut, begun.end), (marks, 0, 2 + text.len()));
            assert_eq!(begun_before(&bytes, 2), Begun { end: 2, ..Begun::default() });
            assert_eq!(begun_before(&bytes[..40], 10).cut, 1);
        }
    }
}
