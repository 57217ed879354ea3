//! Where ciphertexts may stand: the scope of a rotation, written down a second time, and the
//! envelopes within what is stored.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Cell, Random};

/// The tables and columns of the scope.
const COLUMNS: &[(&str, &[&str])] = &[
    ("IDN_IDENTITY_USER_DATA", &["DATA_VALUE"]),
    ("IDN_OAUTH2_AUTHORIZATION_CODE", &["AUTHORIZATION_CODE"]),
    ("IDN_OAUTH2_ACCESS_TOKEN", &["ACCESS_TOKEN", "REFRESH_TOKEN"]),
    ("IDN_OAUTH2_ACCESS_TOKEN_AUDIT", &["ACCESS_TOKEN", "REFRESH_TOKEN"]),
    ("IDN_OAUTH2_REFRESH_TOKEN", &["REFRESH_TOKEN"]),
    ("IDN_OAUTH_CONSUMER_APPS", &["CONSUMER_SECRET"]),
    ("IDN_OAUTH_CONSUMER_SECRETS", &["SECRET_VALUE"]),
    ("WF_BPS_PROFILE", &["PASSWORD"]),
    ("WF_REQUEST", &["REQUEST"]),
    ("IDN_SECRET", &["SECRET_VALUE"]),
    ("IDN_XACML_SUBSCRIBER_PROPERTY", &["PROPERTY_VALUE"]),
    ("REG_PROPERTY", &["REG_VALUE"]),
    ("KEY_STORE", &["PASSWORD", "PRIVATE_KEY_PASS"]),
];

/// Whether a rotation looks at this column of this table.
pub(super) fn in_scope(table: &str, column: &str) -> bool {
    COLUMNS.iter().any(|(name, columns)| *name == table && columns.contains(&column))
}

/// Whether a rotation looks at this row; `value` gives its columns' texts.
pub(super) fn row_in_scope<'a>(table: &str, value: impl Fn(&str) -> Option<&'a [u8]>) -> bool {
    let is = |column, wanted: &[&str]| wanted.iter().any(|text| value(column) == Some(text.as_bytes()));
    match table {
        "REG_PROPERTY" => is("REG_NAME", &["password", "privatekeyPass", "subscriberPassword"]),
        "IDN_XACML_SUBSCRIBER_PROPERTY" => is("IS_SECRET", &["1"]),
        _ => true,
    }
}

/// What is stored, taken apart: the envelopes, and all that is around them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Apart {
    pub(crate) envelopes: Vec<String>,
    pub(crate) rest: Vec<u8>,
}

/// What is stored in a column of a table; nothing if it is no text.
pub(crate) fn apart(table: &str, cell: &Cell) -> Option<Apart> {
    if table == "WF_REQUEST" && cell.kind == "blob" {
        Some(java(&cell.bytes))
    } else {
        cell.text().map(value)
    }
}

/// Another envelope, of the same length: one bit of the ciphertext is the other one.
pub(crate) fn flip_a_bit(envelope: &str, random: &mut Random) -> String {
    let compact: String = envelope.split_ascii_whitespace().collect();
    let outer = String::from_utf8(STANDARD.decode(compact).unwrap()).unwrap();
    let c = member(&outer, "c");
    let inner = STANDARD.decode(&c).unwrap();
    let is_json = inner.starts_with(b"{");
    let mut flip = |text: &str| {
        let mut bytes = STANDARD.decode(text).unwrap();
        let bit = random.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        STANDARD.encode(bytes)
    };
    let flipped = if is_json {
        let inner = String::from_utf8(inner).unwrap();
        let cipher = member(&inner, "cipher");
        STANDARD.encode(replace(&inner, &cipher, &flip(&cipher)))
    } else {
        flip(&c)
    };
    STANDARD.encode(replace(&outer, &c, &flipped))
}

fn member(json: &str, name: &str) -> String {
    serde_json::from_str::<serde_json::Value>(json).unwrap()[name].as_str().unwrap().to_owned()
}

/// Replaces what is encoded in base64; the sign at its end may be escaped in JSON, and stays.
fn replace(text: &str, old: &str, new: &str) -> String {
    let (old, new) = (old.trim_end_matches('='), new.trim_end_matches('='));
    assert_eq!(text.matches(old).count(), 1, "{old} in {text}");
    text.replace(old, new)
}

/// Every envelope is the base64 of `{"`.
const BEGIN: &[u8] = b"eyJ";

/// A whole value.
pub(super) fn value(text: &str) -> Apart {
    Apart { envelopes: vec![text.to_owned()], rest: Vec::new() }
}

/// Envelopes among the strings of a serialized Java object, with their lengths.
pub(super) fn java(bytes: &[u8]) -> Apart {
    take(bytes, |at| {
        let (head, length) = match *bytes.get(at..)? {
            [0x74, a, b, ..] => (3, usize::from(u16::from_be_bytes([a, b]))),
            [0x7c, 0, 0, 0, 0, a, b, c, d, ..] => (9, u32::from_be_bytes([a, b, c, d]).try_into().ok()?),
            _ => return None,
        };
        let text = bytes.get(at + head..at + head + length)?;
        Some((head, text)).filter(|(_, text)| text.starts_with(BEGIN))
    })
}

/// Envelopes in an XML file, outside comments.
pub(crate) fn xml(bytes: &[u8]) -> Apart {
    let mut comment = false;
    take(bytes, |at| {
        let here = bytes.get(at..)?;
        comment = (comment || here.starts_with(b"<!--")) && !here.starts_with(b"-->");
        if comment || !here.starts_with(BEGIN) {
            return None;
        }
        let inside = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=\r\n".contains(byte);
        let length = here.iter().position(|byte| !inside(byte)).unwrap_or(here.len());
        Some((0, here[..length].trim_ascii_end()))
    })
}

/// Takes out what `found` finds at a place: so many bytes before it, and the envelope.
fn take<'a>(bytes: &'a [u8], mut found: impl FnMut(usize) -> Option<(usize, &'a [u8])>) -> Apart {
    let mut apart = Apart { envelopes: Vec::new(), rest: Vec::new() };
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if let Some((head, text)) = found(at) {
            apart.envelopes.push(String::from_utf8(text.to_vec()).unwrap());
            apart.rest.extend(b"<an envelope>");
            at += head + text.len();
        } else {
            apart.rest.push(*byte);
            at += 1;
        }
    }
    apart
}
