//! JSON objects as servers write them, read without a parser for all of JSON.
//!
//! Invariant: what is read here, the standard's reader reads in the same way. Whatever is written in another way is
//! left to that one.

use std::borrow::Cow;

/// What Gson writes for `=` unless it is told not to.
const EQUALS: &str = r"\u003d";

/// The wanted members of an object that holds texts only. `None` if there is white space in it, an escape other than
/// [`EQUALS`] at the end of a text, a sign beyond ASCII, or a wanted name twice.
pub(super) fn members<'json, const N: usize>(
    json: &'json [u8],
    names: [&'static str; N],
) -> Option<[Option<Cow<'json, str>>; N]> {
    let json = std::str::from_utf8(json).ok().filter(|json| json.is_ascii())?;
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

/// A text that begins here, and what stands behind it.
fn text(json: &str) -> Option<(Cow<'_, str>, &str)> {
    let (raw, behind) = json.strip_prefix('"')?.split_once('"')?;
    // All bytes are looked at, as this is quicker than to stop at the first.
    let is_as_it_stands = raw.bytes().fold(true, |so_far, byte| so_far & (byte >= b' ') & (byte != b'\\'));
    if is_as_it_stands {
        return Some((Cow::Borrowed(raw), behind));
    }
    let start = raw.trim_end_matches(EQUALS);
    if start.bytes().any(|byte| byte < b' ' || byte == b'\\') {
        return None;
    }
    let count = (raw.len() - start.len()) / EQUALS.len();
    Some((Cow::Owned(format!("{start}{}", "=".repeat(count))), behind))
}
