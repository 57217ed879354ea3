//! The envelope around a ciphertext, as WSO2's crypto service stores it.
//!
//! ```text
//! stored = base64({"c":…,"t":"AES/GCM/NoPadding","iv":…})       c = base64(inner)
//! inner  =        {"cipher":…,"initializationVector":…,"keyId":…}
//! ```
//!
//! For ECB and CBC `c` is the base64 of the ciphertext itself, and for CBC `iv` is what opens it.
//!
//! Invariants: [`parse`] reads whatever the server would read, leniently as its Gson does, and takes
//! nothing else for an envelope; [`write()`] writes byte for byte what the server's Gson would write. Time and memory
//! grow with the text's length only, whatever it holds: members that are not asked for are
//! skipped without recursion and without being built. Of a member that occurs twice the last
//! counts, as in Gson.

mod base64;
mod lenient;
mod quick;

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use self::base64::{decode, encode, strict};
use super::Reason;
use super::text::START;
use keyrotation_cipher::Transformation;

const GCM: &str = "AES/GCM/NoPadding";

/// Every name that `t` may have, beside those that begin with `RSA`.
const NAMES: [(&str, Transformation); 6] = [
    (GCM, Transformation::Gcm),
    // What the server writes for every transformation but GCM, and the JCE reads as the next.
    ("AES", Transformation::Ecb),
    ("AES/ECB/PKCS5Padding", Transformation::Ecb),
    ("AES/ECB/PKCS7Padding", Transformation::Ecb),
    ("AES/CBC/PKCS5Padding", Transformation::Cbc),
    ("AES/CBC/PKCS7Padding", Transformation::Cbc),
];

/// What stands in a slot.
#[derive(Debug)]
pub enum Content {
    /// No envelope.
    Plain,
    /// An envelope whose ciphertext is empty. The server reads it as the empty text and never
    /// authenticates it, so it is under no key at all; but it may name one.
    Empty(Option<Sealed>),
    /// An envelope with a ciphertext.
    Sealed(Sealed),
}

/// The parts of an envelope that do not depend on the key: what must be as before once the
/// value is sealed anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// What `t` stands for.
    pub transformation: Transformation,
    /// Whether the inner object names the key.
    pub key_id: bool,
    /// `t` as it was read: a name from [`NAMES`], but for the case of its letters.
    name: Cow<'static, str>,
}

impl Shape {
    /// The form that servers write today.
    pub const fn gcm(key_id: bool) -> Self {
        Self { transformation: Transformation::Gcm, key_id, name: Cow::Borrowed(GCM) }
    }

    /// Reads `t`. Names are compared as the JCE does, without regard to case.
    fn read(name: Option<&str>) -> Result<Self, Reason> {
        // Gson leaves an absent `t` at the field's initial value, "RSA".
        let name = name.unwrap_or("RSA");
        if name.as_bytes().get(..3).is_some_and(|start| start.eq_ignore_ascii_case(b"RSA")) {
            return Err(Reason::KeystoreWrapped);
        }
        let (known, transformation) = NAMES
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .ok_or(Reason::UnknownTransformation)?;
        let name = if known == name { Cow::Borrowed(known) } else { Cow::Owned(name.to_owned()) };
        Ok(Self { transformation, key_id: false, name })
    }
}

/// An envelope taken apart.
pub struct Sealed {
    /// What stays the same when the value is sealed anew.
    pub shape: Shape,
    /// The inner `keyId`. A hint at the key, no proof: a server with a TOTP key of its own writes
    /// the id of another key than the one it used.
    pub key_id: Option<String>,
    /// The initialization vector; empty for ECB.
    pub iv: Vec<u8>,
    /// The ciphertext, for GCM with its tag behind it.
    pub ciphertext: Vec<u8>,
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { shape, key_id: _, iv, ciphertext } = self;
        let (iv, ciphertext) = (iv.len(), ciphertext.len());
        write!(f, "Sealed({shape:?}, IV of {iv} bytes, ciphertext of {ciphertext} bytes)")
    }
}

/// What a slot holds, told without any key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// No envelope, or one with nothing in it.
    Plain,
    /// Sealed with AES in GCM.
    Gcm,
    /// Sealed with AES in ECB.
    Ecb,
    /// Sealed with AES in CBC.
    Cbc,
    /// Sealed with the keystore's RSA key.
    Keystore,
    /// An envelope that cannot be read.
    Other,
}

/// The form of a slot's text.
pub fn form(text: &str) -> Form {
    form_of(&parse(text))
}

/// The form of a stored text, and whether it is one envelope from its first to its last byte, written as servers do: then
/// no other is in it.
pub fn form_and_whole(text: &str) -> (Form, bool) {
    if let Ok(json) = strict(text.as_bytes())
        && let Some([Some(c), t, iv]) = quick::members(&json, ["c", "t", "iv"])
    {
        let whole = text.as_bytes().starts_with(START) && ends_with_its_only_brace(&json);
        return (form_of(&content(&json, &c, t.as_deref(), iv.as_deref())), whole);
    }
    (form(text), is_as_servers_write(text.as_bytes()))
}

fn form_of(content: &Result<Content, Reason>) -> Form {
    match content {
        Ok(Content::Plain | Content::Empty(_)) => Form::Plain,
        Ok(Content::Sealed(sealed)) => match sealed.shape.transformation {
            Transformation::Gcm => Form::Gcm,
            Transformation::Ecb => Form::Ecb,
            Transformation::Cbc => Form::Cbc,
        },
        Err(Reason::KeystoreWrapped) => Form::Keystore,
        Err(_) => Form::Other,
    }
}

/// Reads a slot's text.
///
/// An envelope is the base64 of a JSON object with a text `c`; anything else is plain, unless it
/// begins as the server's envelopes do and then breaks off: that is a damaged one.
pub fn parse(text: &str) -> Result<Content, Reason> {
    if base64::first(text.as_bytes()).is_some_and(|first| !lenient::may_begin(&[first, b'{'])) {
        return Ok(Content::Plain); // most plaintexts end here
    }
    let json = decode(text.as_bytes());
    let (c, t, iv) = match read(&json, ["c", "t", "iv"]) {
        Read::Whole([Some(c), t, iv]) => (c, t, iv),
        Read::Broken([c, ..]) if c.is_some() || json.starts_with(br#"{"c":""#) => {
            return Err(Reason::Damaged("the envelope is cut off, or is not JSON"));
        }
        Read::Whole(_) | Read::Broken(_) => return Ok(Content::Plain),
    };
    content(&json, &c, t.as_deref(), iv.as_deref())
}

/// What the members of an envelope's object come to.
fn content(json: &[u8], c: &str, t: Option<&str>, iv: Option<&str>) -> Result<Content, Reason> {
    if t.is_none() && lenient::has(json, "t") {
        // Gson sets the field to null then: not the keystore's, but nothing that any server reads.
        return Err(Reason::Damaged("the envelope names null as its cipher transformation"));
    }
    let shape = Shape::read(t)?;
    let c = decode(c.as_bytes());
    match shape.transformation {
        Transformation::Gcm => parse_inner(shape, &c),
        _ if c.is_empty() => Ok(Content::Empty(None)),
        Transformation::Ecb => {
            Ok(Content::Sealed(Sealed { shape, key_id: None, iv: Vec::new(), ciphertext: c }))
        }
        Transformation::Cbc => {
            let iv = iv.ok_or(Reason::Damaged("the envelope has no initialization vector"))?;
            Ok(Content::Sealed(Sealed { shape, key_id: None, iv: decode(iv.as_bytes()), ciphertext: c }))
        }
    }
}

/// Reads the inner object of a GCM value. The outer `iv` only repeats the inner one, and the
/// server does not look at it.
fn parse_inner(shape: Shape, json: &[u8]) -> Result<Content, Reason> {
    let [cipher, iv, key_id] = members(json, ["cipher", "initializationVector", "keyId"])
        .ok_or(Reason::Damaged("the content of the envelope is not a JSON object"))?;
    let shape = Shape { key_id: key_id.is_some(), ..shape };
    let cipher = cipher.ok_or(Reason::Damaged("the envelope has no ciphertext"))?;
    let ciphertext = decode(cipher.as_bytes());
    let key_id = key_id.map(Cow::into_owned);
    if ciphertext.is_empty() {
        let sealed = |key_id| Sealed { shape, key_id: Some(key_id), iv: Vec::new(), ciphertext };
        return Ok(Content::Empty(key_id.map(sealed)));
    }
    let iv = iv.ok_or(Reason::Damaged("the envelope has no initialization vector"))?;
    Ok(Content::Sealed(Sealed { shape, key_id, iv: decode(iv.as_bytes()), ciphertext }))
}

/// Whether some text is one envelope from its first to its last byte, written as servers do: then no other is in it.
pub(super) fn is_as_servers_write(text: &[u8]) -> bool {
    if !text.starts_with(START) {
        return false;
    }
    let Ok(json) = strict(text) else { return false };
    matches!(quick::members(&json, ["c"]), Some([Some(_)])) && ends_with_its_only_brace(&json)
}

fn ends_with_its_only_brace(json: &[u8]) -> bool {
    json.iter().position(|byte| *byte == b'}').is_some_and(|at| at + 1 == json.len())
}

/// The text of an envelope, as Gson writes it with HTML escaping off: these members in this
/// order, no spaces, nothing escaped.
///
/// `key_id` is written for GCM only; no other form has a place for it.
pub fn write(shape: &Shape, key_id: Option<&str>, iv: &[u8], ciphertext: &[u8]) -> String {
    let mut outer = String::with_capacity(2 * ciphertext.len() + 4 * iv.len() + 256);
    outer.push_str(r#"{"c":""#);
    match shape.transformation {
        Transformation::Gcm => encode(write_inner(key_id, iv, ciphertext), &mut outer),
        Transformation::Ecb | Transformation::Cbc => encode(ciphertext, &mut outer),
    }
    outer.push_str(r#"","t":""#);
    outer.push_str(&shape.name);
    if shape.transformation != Transformation::Ecb {
        outer.push_str(r#"","iv":""#);
        encode(iv, &mut outer);
    }
    outer.push_str(r#""}"#);
    let mut text = String::new();
    encode(outer, &mut text);
    text
}

fn write_inner(key_id: Option<&str>, iv: &[u8], ciphertext: &[u8]) -> String {
    let mut inner = String::with_capacity(2 * (ciphertext.len() + iv.len()) + 128);
    inner.push_str(r#"{"cipher":""#);
    encode(ciphertext, &mut inner);
    inner.push_str(r#"","initializationVector":""#);
    encode(iv, &mut inner);
    if let Some(key_id) = key_id {
        inner.push_str(r#"","keyId":""#);
        inner.push_str(key_id);
    }
    inner.push_str(r#""}"#);
    inner
}

/// Some text members of a JSON object, `None` where one is absent or null. `None` altogether if
/// this is no JSON object, or one of these members is no text.
pub(super) fn members<'json, const N: usize>(
    json: &'json [u8],
    names: [&'static str; N],
) -> Option<[Option<Cow<'json, str>>; N]> {
    match read(json, names) {
        Read::Whole(found) => Some(found),
        Read::Broken(_) => None,
    }
}

/// What is read of a JSON object.
enum Read<'json, const N: usize> {
    /// All of it.
    Whole([Option<Cow<'json, str>>; N]),
    /// It is no such object, or breaks off: these members were read before.
    Broken([Option<Cow<'json, str>>; N]),
}

/// Reads what servers write, which is quick; anything else as the standard has it, and where that fails as Gson does.
fn read<'json, const N: usize>(json: &'json [u8], names: [&'static str; N]) -> Read<'json, N> {
    if !lenient::may_begin(json) {
        return Read::Broken([const { None }; N]); // most plain values end here
    }
    match quick::members(json, names) {
        Some(found) => Read::Whole(found),
        None => read_any(json, names),
    }
}

fn read_any<'json, const N: usize>(json: &'json [u8], names: [&'static str; N]) -> Read<'json, N> {
    let mut strict = serde_json::Deserializer::from_slice(json);
    if let Ok(found) = Members(names).deserialize(&mut strict)
        && strict.end().is_ok()
    {
        return Read::Whole(found);
    }
    match lenient::members(json, names) {
        None => Read::Broken([const { None }; N]),
        Some(found) => {
            let members = found.members.map(|member| member.map(Cow::Owned));
            if found.whole { Read::Whole(members) } else { Read::Broken(members) }
        }
    }
}

struct Members<const N: usize>([&'static str; N]);

/// A JSON text, borrowed from the input unless it has escapes.
#[derive(Deserialize)]
struct Text<'json>(#[serde(borrow)] Cow<'json, str>);

impl<'json, const N: usize> DeserializeSeed<'json> for Members<N> {
    type Value = [Option<Cow<'json, str>>; N];

    fn deserialize<D: Deserializer<'json>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'json, const N: usize> Visitor<'json> for Members<N> {
    type Value = [Option<Cow<'json, str>>; N];

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'json>>(self, mut object: M) -> Result<Self::Value, M::Error> {
        let mut found = [const { None }; N];
        while let Some(Text(name)) = object.next_key()? {
            match self.0.iter().zip(&mut found).find(|(wanted, _)| **wanted == name) {
                Some((_, place)) => {
                    *place = object.next_value::<Option<Text<'json>>>()?.map(|Text(text)| text);
                }
                None => {
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
