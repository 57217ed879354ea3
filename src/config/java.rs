//! Lines, keys and values as `java.util.Properties` reads them.

/// White space to `java.util.Properties`.
pub(super) const WHITE: [char; 3] = [' ', '\t', '\u{c}'];

/// A line cut in two, escapes not yet resolved.
pub(super) struct Pair<'a> {
    pub(super) key: &'a str,
    /// Without the white space before it, with any after it.
    pub(super) value: &'a str,
    /// Whether `=` or `:` stands between the two, rather than white space or nothing.
    pub(super) separated: bool,
}

/// The lines with their numbers, counted from 1. A line ends with LF, CR or both.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = Some(text);
    let lines = std::iter::from_fn(move || {
        let text = rest?;
        let Some((line, _)) = text.split_once(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let end = text.get(line.len()..).unwrap_or_default();
        rest = end.strip_prefix("\r\n").or_else(|| end.strip_prefix(['\n', '\r']));
        Some(line)
    });
    (1..).zip(lines)
}

/// Cuts a line that does not begin with white space at its first bare separator.
pub(super) fn split(line: &str) -> Pair<'_> {
    let mut escaped = false;
    let end = line.char_indices().find_map(|(at, c)| {
        let ends = !escaped && (matches!(c, '=' | ':') || WHITE.contains(&c));
        escaped = c == '\\' && !escaped;
        ends.then_some(at)
    });
    let (key, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start_matches(WHITE);
    let value = rest.strip_prefix(['=', ':']);
    Pair { key, value: value.unwrap_or(rest).trim_start_matches(WHITE), separated: value.is_some() }
}

/// Whether a line that ends so goes on in the next one: an odd number of backslashes.
pub(super) fn continues(value: &str) -> bool {
    let slashes = value.len() - value.trim_end_matches('\\').len();
    slashes % 2 == 1
}

/// Resolves escapes; `None` where Java throws, and for halves of surrogate pairs, which
/// no text has. A lone backslash at the end is dropped, as at the end of a file.
pub(super) fn unescape(value: &str) -> Option<String> {
    let mut units = Vec::with_capacity(value.len());
    let mut chars = value.chars();
    let mut buffer = [0; 2];
    while let Some(c) = chars.next() {
        let c = match c {
            '\\' => match chars.next() {
                None => break,
                Some('u') => {
                    let digits = chars.as_str().get(..4)?;
                    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                        return None;
                    }
                    units.push(u16::from_str_radix(digits, 16).ok()?);
                    chars = chars.as_str().get(4..)?.chars();
                    continue;
                }
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some(other) => other,
            },
            plain => plain,
        };
        units.extend_from_slice(c.encode_utf16(&mut buffer));
    }
    let text = String::from_utf16(&units).ok();
    zeroize::Zeroize::zeroize(&mut units);
    text
}
