//! Modified UTF-8, the form in which Java streams hold strings.
//!
//! It differs from UTF-8 in two points: U+0000 is `C0 80`, and a character above U+FFFF is a pair of
//! UTF-16 surrogates of three bytes each. Decoding is strict: only what [`encode`] or Java's own
//! writer produces is accepted, so decoding and encoding again gives the same bytes.

use super::Reason;

/// Reads modified UTF-8; an unpaired surrogate, which no Rust string can hold, is refused.
pub(super) fn decode(bytes: &[u8]) -> Result<String, Reason> {
    if let Ok(text) = std::str::from_utf8(bytes)
        && text.bytes().all(|byte| (0x01..=0x7F).contains(&byte))
    {
        return Ok(text.to_owned());
    }
    let mut rest = bytes;
    let units = std::iter::from_fn(|| {
        (!rest.is_empty()).then(|| {
            let (unit, after) = unit(rest).ok_or(Reason::Java("a credential is not in modified UTF-8"))?;
            rest = after;
            Ok(unit)
        })
    });
    let units = units.collect::<Result<Vec<u16>, Reason>>()?;
    String::from_utf16(&units).map_err(|_| Reason::Java("a credential has an unpaired surrogate"))
}

/// The first UTF-16 unit and the bytes after it; none if it is cut, overlong or no unit at all.
fn unit(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let continuation = |byte: u8| (byte & 0xC0 == 0x80).then_some(u16::from(byte & 0x3F));
    match *bytes {
        [a @ 0x01..=0x7F, ref rest @ ..] => Some((u16::from(a), rest)),
        [a @ 0xC0..=0xDF, b, ref rest @ ..] => {
            let unit = u16::from(a & 0x1F) << 6 | continuation(b)?;
            (unit == 0 || unit >= 0x80).then_some((unit, rest))
        }
        [a @ 0xE0..=0xEF, b, c, ref rest @ ..] => {
            let unit = u16::from(a & 0x0F) << 12 | continuation(b)? << 6 | continuation(c)?;
            (unit >= 0x800).then_some((unit, rest))
        }
        _ => None,
    }
}

/// Writes modified UTF-8.
#[allow(clippy::cast_possible_truncation, reason = "each byte is masked to the bits it carries")]
pub(super) fn encode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for unit in text.encode_utf16() {
        match unit {
            0x01..=0x7F => bytes.push(unit as u8),
            0 | 0x80..=0x7FF => bytes.extend([0xC0 | (unit >> 6) as u8, 0x80 | (unit & 0x3F) as u8]),
            0x800.. => bytes.extend([
                0xE0 | (unit >> 12) as u8,
                0x80 | (unit >> 6 & 0x3F) as u8,
                0x80 | (unit & 0x3F) as u8,
            ]),
        }
    }
    bytes
}
