//! Envelopes anywhere: in texts, documents and bytes of which nothing else is known.
//!
//! Found is what begins as servers write an envelope, in base64 or not. One that stands in base64 or in quotes a second
//! time, or is compressed, is not found.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::text::words;

/// The texts of all envelopes in some bytes, in base64.
pub fn envelopes(bytes: &[u8]) -> Vec<String> {
    begun_before(bytes, bytes.len()).whole
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
    for range in words(bytes).take_while(|range| range.start < end) {
        begun.end = begun.end.max(range.end);
        // At the end of all there is nothing beyond.
        begun.cut += usize::from(range.end == bytes.len() && end < bytes.len());
        let word = bytes.get(range).unwrap_or_default();
        begun.whole.push(word.iter().copied().map(char::from).collect());
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
