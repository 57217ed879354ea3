//! Envelopes inside other text, where nothing is known of what is around them.
//!
//! A slot is a word of base64 characters that begins as the envelopes of servers do.
//!
//! Invariants: bytes that are no text are refused if there is an envelope in them, since lengths may be written beside
//! it; a word that is cut by an escape (`\u003d`, `\/`, `%3D`, `&#61;`) is never taken for a whole one: what an
//! escape stands for is part of the value, and this codec cannot tell which escapes the text has.

use std::ops::Range;

use super::{Reason, Slot};

/// What an envelope begins with, `{"c":"`, in base64.
pub(super) const START: &[u8] = b"eyJjIjoi";

/// Finds the envelopes, in the order in which they stand.
pub(super) fn slots(stored: &[u8]) -> Result<Vec<Slot>, Reason> {
    let mut found = Vec::new();
    let mut words = words(stored).peekable();
    if words.peek().is_some() {
        std::str::from_utf8(stored).map_err(|_| Reason::NotText)?;
    }
    for range in words {
        let word = stored.get(range.clone()).unwrap_or_default();
        let (next, before) =
            (stored.get(range.end), range.start.checked_sub(1).and_then(|at| stored.get(at)));
        if word.len() % 4 != 0
            || matches!(next, Some(b'\\' | b'%' | b'&'))
            || before.is_some_and(|byte| *byte != b'=' && is_of_word(*byte))
        {
            return Err(Reason::Damaged("an envelope in the text is cut off, or written with escapes"));
        }
        found.push(Slot { range, text: word.iter().copied().map(char::from).collect() });
    }
    Ok(found)
}

/// Where words stand that begin as an envelope does.
fn words(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..)?;
        let start = at + rest.windows(START.len()).position(|window| window == START)?;
        let word = bytes.get(start..)?;
        let length = word.iter().position(|byte| !is_of_word(*byte)).unwrap_or(word.len());
        at = start + length;
        Some(start..at)
    })
}

pub(super) const fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Codec;

    const ENVELOPE: &str = include_str!("../../tests/vectors/server_7_1.txt");

    #[test]
    fn envelopes_are_found_and_replaced_in_their_places() {
        let envelope = ENVELOPE.trim();
        let stored = format!("a={envelope};b='{envelope}', c: nothing");
        let found = slots(stored.as_bytes()).unwrap();
        assert_eq!(found.iter().map(|slot| slot.text.as_str()).collect::<Vec<_>>(), [envelope; 2]);
        let new = Codec::Text.splice(stored.as_bytes(), &[(&found[1], "NEW=")]);
        assert_eq!(new.unwrap(), format!("a={envelope};b='NEW=', c: nothing").into_bytes());
        assert_eq!(slots(b"nothing, not even \xff").unwrap(), []);
        assert_eq!(slots(envelope.as_bytes()).unwrap().len(), 1);
        assert_eq!(slots(&[envelope.as_bytes(), b"\xff"].concat()), Err(Reason::NotText));
    }

    #[test]
    fn what_is_escaped_is_never_taken_for_a_whole_one() {
        let envelope = ENVELOPE.trim();
        let bare = envelope.trim_end_matches('=');
        for odd in [
            format!("{bare}\\u003d"),
            format!("{bare}%3D"),
            format!("{}\\/{}", &envelope[..80], &envelope[80..]),
            format!("x{envelope}"),
            envelope[..41].to_owned(),
        ] {
            assert!(slots(odd.as_bytes()).is_err(), "{odd}");
        }
    }
}
