//! Envelopes anywhere: in texts, documents and bytes of which nothing else is known.
//!
//! Found is what begins as servers write an envelope, in base64 or not: with its signs escaped as JSON, properties, XML and
//! URLs do, and wrapped, too. One that stands in base64 or in quotes a second time, or is compressed, is not found.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use super::text::{START, is_of_word};
use super::{Codec, envelope};

/// What stands in everything that begins as an envelope does: base64 of `{"c":"`, or the member's name where it is not
/// in base64, with whatever white space around it. Who asks a server for one of these misses none of [`envelopes`].
pub const MARKS: [&str; 2] = ["eyJjIjoi", "\"c\""];

/// The texts of all envelopes in some bytes, in base64.
pub fn envelopes(bytes: &[u8]) -> Vec<String> {
    begun_before(bytes, bytes.len()).whole
}

/// The texts of those envelopes in a stored value, in base64, that its codec does not read: they stand outside of its
/// slots, or in one that is no envelope as a whole.
pub fn beside(codec: &Codec, stored: &[u8]) -> Vec<String> {
    // Most values are one envelope and nothing else.
    let is_one = || words(stored).next().is_some_and(|word| word.range == (0..stored.len()));
    if codec.is_envelope() && (envelope::is_as_servers_write(stored) || is_one()) {
        return Vec::new();
    }
    let mut places = places(stored);
    if places.is_empty() {
        return Vec::new();
    }
    let mut slots = codec.slots(stored).unwrap_or_default();
    slots.retain(|slot| !matches!(envelope::parse(&slot.text), Ok(envelope::Content::Plain)));
    places.retain(|(range, found)| {
        let is_in = |slot: &super::Slot| {
            // What is behind a slot may be of the same letters as what is in it, and what is in it escaped.
            let both = range.start.max(slot.range.start)..range.end.min(slot.range.end);
            let text = stored.get(both).and_then(|bytes| std::str::from_utf8(bytes).ok());
            text.is_some_and(|text| {
                let is_there = slot.text.contains(text) || slot.text.contains(found.trim_end_matches('='));
                !text.is_empty() && is_there
            })
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
    words(bytes).map(|word| (word.range, word.text)).chain(others).collect()
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
    for word in words(bytes).take_while(|word| word.range.start < end) {
        begun.end = begun.end.max(word.range.end);
        // At the end of all there is nothing beyond.
        begun.cut += usize::from(word.goes_on && end < bytes.len());
        begun.whole.push(word.text);
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

/// An envelope in base64, as it stands there.
struct Word {
    range: Range<usize>,
    /// Without escapes and white space, and padded.
    text: String,
    /// It is read up to the end of the bytes, and may not end there.
    goes_on: bool,
}

/// Those that begin as an envelope does.
fn words(bytes: &[u8]) -> impl Iterator<Item = Word> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..)?;
        let start = at + rest.windows(START.len()).position(|window| window == START)?;
        let word = word(bytes, start);
        at = word.range.end;
        Some(word)
    })
}

fn word(bytes: &[u8], start: usize) -> Word {
    let (mut text, mut at, mut end) = (String::new(), start, start);
    let rest = |at: usize| bytes.get(at..).unwrap_or_default();
    while let Some((sign, length)) = sign(rest(at)) {
        if is_of_word(sign) {
            text.push(char::from(sign));
            at += length;
            end = at;
            // What follows may look like more of it, as in serialized Java.
            if matches!(sign, b'9' | b'=') && text.len().is_multiple_of(4) && is_complete(&text) {
                break;
            }
        } else if is_complete(&text) {
            break;
        } else {
            // It is wrapped, unless another one begins there.
            at += length;
            if rest(at).starts_with(START) {
                break;
            }
        }
    }
    let goes_on = at == bytes.len() && !is_complete(&text);
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    Word { range: start..end, text, goes_on }
}

/// Whether the object that some base64 stands for has come to its end: no other `}` is in it.
fn is_complete(text: &str) -> bool {
    let text = text.trim_end_matches('=');
    let quantum = text.len().saturating_sub(1) / 4 * 4;
    let mut last = text.get(quantum..).unwrap_or_default().to_owned();
    while !last.len().is_multiple_of(4) {
        last.push('=');
    }
    STANDARD_LENIENT.decode(last).is_ok_and(|last| last.ends_with(b"}"))
}

/// Does not look at the bits that padding leaves over, as servers do not.
const STANDARD_LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// A sign of base64, or white space, that some bytes begin with, escaped or not; and how long it is there.
fn sign(bytes: &[u8]) -> Option<(u8, usize)> {
    let is_one = |sign: &u8| is_of_word(*sign) || sign.is_ascii_whitespace();
    let first = *bytes.first()?;
    if is_one(&first) {
        return Some((first, 1));
    }
    let coded = |from: usize, length: usize, radix: u32| {
        let digits = std::str::from_utf8(bytes.get(from..from + length)?).ok()?;
        u8::from_str_radix(digits, radix).ok().filter(is_one)
    };
    let (sign, length) = match (first, *bytes.get(1)?) {
        (b'\\', b'u') => (coded(4, 2, 16).filter(|_| bytes.get(2..4) == Some(b"00"))?, 6),
        (b'\\', b'x') => (coded(2, 2, 16)?, 4),
        (b'\\', b'n' | b'r' | b't') => (b'\n', 2),
        (b'\\', sign) => (Some(sign).filter(|sign| !sign.is_ascii_alphanumeric()).filter(is_one)?, 2),
        (b'%', _) => (coded(1, 2, 16)?, 3),
        (b'&', b'#') => {
            let end = bytes.iter().take(8).position(|byte| *byte == b';')?;
            let (from, radix) = if matches!(bytes.get(2)?, b'x' | b'X') { (3, 16) } else { (2, 10) };
            (coded(from, end.checked_sub(from)?, radix)?, end + 1)
        }
        _ => return None,
    };
    Some((sign, length))
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

    /// Whatever its length, and wherever it is broken.
    #[test]
    fn envelopes_that_are_escaped_or_wrapped_are_found() {
        type Written = fn(&str) -> String;
        let wrapped = |by: &'static str| {
            move |text: &str| {
                let lines: Vec<&str> =
                    text.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
                lines.join(by)
            }
        };
        let envelope = include_str!("../../tests/vectors/server_7_1.txt").trim();
        let object = String::from_utf8(STANDARD.decode(envelope).unwrap()).unwrap();
        for more in 0..3 {
            // The server writes no member more; with one the padding is another.
            let object = format!("{},\"x\":\"{}\"}}", &object[..object.len() - 1], "?".repeat(more));
            let envelope = STANDARD.encode(&object);
            let escapes: [Written; 7] = [
                |text| text.replace('=', "\\u003d").replace('/', "\\/"),
                |text| text.replace('=', "\\u003D").replace('+', "\\u002b"),
                |text| text.replace('=', "\\="),
                |text| text.replace('=', "%3D").replace('+', "%2B").replace('/', "%2f"),
                |text| text.replace('=', "&#61;").replace('+', "&#x2B;"),
                |text| text.trim_end_matches('=').to_owned(),
                |text| text.replace('=', "\\075"),
            ];
            for written in escapes {
                let written = written(&envelope);
                for around in [format!("\"{written}\""), format!("{written}\nand more"), written.clone()] {
                    assert_eq!(envelopes(around.as_bytes()), [envelope.as_str()], "{around}");
                }
            }
            for by in ["\n", "\r\n", "\n    ", "\\n", "\\r\\n", "&#10;", "&#xD;\n", "\\\n  ", "%0D%0A"] {
                let written = wrapped(by)(&envelope);
                for around in [
                    format!("<a>\n{written}\n</a>"),
                    format!("{written}\nand more {written} {written}"),
                    format!("{written}{by}{written}"),
                ] {
                    let found = envelopes(around.as_bytes());
                    assert!(!found.is_empty() && found.iter().all(|found| *found == envelope), "{around}");
                    assert_eq!(found.len(), around.matches("eyJjIjoi").count(), "{around}");
                }
            }
        }
        // One that breaks off takes none with it.
        let cut = format!("{}\n{envelope}\n{envelope}", &envelope[..100]);
        assert_eq!(envelopes(cut.as_bytes())[1..], [envelope, envelope]);
    }

    /// For every codec: what is in its slots is not among these, and everything else is.
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
