//! Envelopes anywhere: in texts, documents and bytes of which nothing else is known.
//!
//! Found is what begins as servers write an envelope, in base64 or not. One that stands in base64 or in quotes a second
//! time, or is compressed, is not found.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What an envelope begins with, and the same in base64.
const PLAIN: &[u8] = b"{\"c\":\"";
const BASE64: &[u8] = b"eyJjIjoi";

/// The texts of all envelopes in some bytes, in base64.
pub fn envelopes(bytes: &[u8]) -> Vec<String> {
    let mut found: Vec<String> = starts(bytes, BASE64)
        .map(|at| {
            let is_of_it = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
            let word = bytes[at..].iter().copied().take_while(is_of_it);
            word.map(char::from).collect()
        })
        .collect();
    let plain = starts(bytes, PLAIN).filter_map(|at| {
        let end = at + bytes[at..].iter().position(|byte| *byte == b'}')? + 1;
        Some(STANDARD.encode(&bytes[at..end]))
    });
    found.extend(plain);
    found
}

/// Where a text stands.
fn starts<'a>(bytes: &'a [u8], text: &'static [u8]) -> impl Iterator<Item = usize> + 'a {
    let mut at = 0;
    std::iter::from_fn(move || {
        let next = bytes.get(at..)?.windows(text.len()).position(|window| window == text)?;
        let start = at + next;
        at = start + text.len();
        Some(start)
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
