//! JSON objects as servers write them, read without a parser for all of JSON.
//!
//! Invariant: what is read here, the standard's reader reads in the same way. Whatever is written in another way is
//! left to that one.

use std::borrow::Cow;

/// What Gson writes for `=` unless it is told not to.
const EQUALS: &str = r"\u003d";

/// The wanted members of an object that holds texts only. `None` if there is white space in it, an escape other than
/// [`EQUALS`] at the end of a text, a control character, a sign beyond ASCII, or a wanted name twice.
pub(super) fn members<'json, const N: usize>(
    json: &'json [u8],
    names: [&'static str; N],
) -> Option<[Option<Cow<'json, str>>; N]> {
    // All of it is looked at in one go: a processor compares many bytes at once.
    if !json.iter().fold(true, |all, byte| all & matches!(byte, b' '..=0x7f)) {
        return None;
    }
    let json = std::str::from_utf8(json).ok()?;
    let mut found = [const { None }; N];
    let mut rest = json.strip_prefix('{')?;
    loop {
        let (name, behind) = text(rest)?;
        let (value, behind) = text(behind.strip_prefix(':')?)?;
        if let Some((_, place)) = names.iter().zip(&mut found).find(|(wanted, _)| **wanted == name)
            && place.replace(value).is_some()
        {
            return None;
        }
        rest = match behind.strip_prefix(',') {
            Some(rest) => rest,
            None => return (behind == "}").then_some(found),
        };
    }
}

/// A text that begins here, and what follows it.
fn text(json: &str) -> Option<(Cow<'_, str>, &str)> {
    let json = json.strip_prefix('"')?;
    let end = memchr::memchr2(b'"', b'\\', json.as_bytes())?;
    let (raw, behind) = json.split_at_checked(end)?;
    if let Some(behind) = behind.strip_prefix('"') {
        return Some((Cow::Borrowed(raw), behind));
    }
    let behind_escapes = behind.trim_start_matches(EQUALS);
    let count = (behind.len() - behind_escapes.len()) / EQUALS.len();
    let behind = behind_escapes.strip_prefix('"')?;
    Some((Cow::Owned(format!("{raw}{}", "=".repeat(count))), behind))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Read, read_any};
    use super::members;

    /// What looks much like the objects that servers write, and is in part.
    fn nearly_an_object() -> impl Strategy<Value = String> {
        let text = prop::sample::select(vec![
            "c",
            "t",
            "iv",
            "kid",
            "",
            "AAAA",
            r"AA\u003d\u003d",
            r"\u003dA",
            r"\\",
            r"\n",
            "\n",
            "é",
            "}",
            "{",
            "a b",
        ]);
        let member = (text.clone(), text).prop_map(|(name, value)| format!(r#""{name}":"{value}""#));
        let odd =
            prop::sample::select(vec![r#""c":null"#, r#""t":1"#, r#""x":{"c":"y"}"#, r#" "c" : "z" "#, ""]);
        let members = prop::collection::vec(prop_oneof![8 => member, 1 => odd.prop_map(str::to_owned)], 0..5);
        let ends = prop::sample::select(vec!["}", "}", "}", "", "}}", "} ", ",}"]);
        (members, ends).prop_map(|(members, end)| format!("{{{}{end}", members.join(",")))
    }

    proptest! {
        #[test]
        fn what_is_read_quickly_is_read_the_same_by_the_standard(json in nearly_an_object()) {
            let names = ["c", "t", "iv"];
            if let Some(quick) = members(json.as_bytes(), names) {
                let Read::Whole(whole) = read_any(json.as_bytes(), names) else {
                    return Err(TestCaseError::fail("the standard does not read it"));
                };
                prop_assert_eq!(quick, whole);
            }
        }
    }
}
