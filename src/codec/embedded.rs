//! Envelopes anywhere: in texts, documents and bytes of which nothing else is known.
//!
//! Found is what begins as servers write an envelope, in base64 or not. One that stands in base64 or in quotes a second
//! time, or is compressed, is not found.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::text::words;

/// What an envelope begins with.
const PLAIN: &[u8] = b"{\"c\":\"";

/// The texts of all envelopes in some bytes, in base64.
pub fn envelopes(bytes: &[u8]) -> Vec<String> {
    let word = |range| bytes.get::<std::ops::Range<usize>>(range).unwrap_or_default();
    let mut found: Vec<String> =
        words(bytes).map(|range| word(range).iter().copied().map(char::from).collect()).collect();
    let plain = starts(bytes).filter_map(|at| {
        let end = at + bytes[at..].iter().position(|byte| *byte == b'}')? + 1;
        Some(STANDARD.encode(&bytes[at..end]))
    });
    found.extend(plain);
    found
}

/// Where envelopes begin that are not in base64.
fn starts(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    bytes.windows(PLAIN.len()).enumerate().filter(|(_, window)| *window == PLAIN).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::{Form, form};

    #[test]
    fn envelopes_are_found_wherever_they_stand() {
        let envelope = include_str!("../../tests/vectors/server_7_1.txt").trim();
        let plain = STANDARD.decode(envelope).unwrap();
        let json = [br#"{"encrypted":true,"value":"#.as_slice(), &plain, b"}"].concat();
        for (stored, count) in [
            (envelope.as_bytes().to_vec(), 1),
            (format!("<a>{envelope}</a><b x='{envelope}'/>").into_bytes(), 2),
            ([b"\xac\xed\0\x05t\x01D".as_slice(), envelope.as_bytes(), b"\xff"].concat(), 1),
            (json, 1),
            (b"eyJj is no envelope".to_vec(), 0),
            (Vec::new(), 0),
        ] {
            let found = envelopes(&stored);
            assert_eq!(found.len(), count, "{found:?}");
            assert!(found.iter().all(|text| form(text) == Form::Gcm), "{found:?}");
        }
    }
}
