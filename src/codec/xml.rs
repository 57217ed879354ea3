//! XML configuration files: where their encrypted values stand, byte for byte.
//!
//! A slot is the value of an element `Property` or `property` (any namespace) that carries
//! `encrypted="true"` (any case, any namespace), as WSO2's readers of user stores, event
//! publishers and event receivers see it: character data joined, references resolved, comments
//! left out, trimmed. A property whose value comes from the secure vault (an attribute
//! `svns:secretAlias`, or `$secret{…}`) is not one: the server never looks at its text.
//!
//! Invariants:
//! - Only the bytes of a value are ever replaced. Whatever stands beside or within it (white
//!   space, comments, CDATA markers) stays, as does all the rest: byte order mark, line ends,
//!   DOCTYPE, quotes. A value cut in pieces by comments or CDATA markers is written into the first
//!   piece, the other pieces become empty.
//! - No entity of a DTD is expanded and nothing outside the given bytes is read. Where the DTD in
//!   the file could hide a value, the file is refused; one outside it is taken to hide none.
//! - Messages name lines, never content.

use std::ops::Range;

use quick_xml::XmlVersion;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::{Reason, Slot, splice_bytes};

/// Elements inside each other; the files in question have three or four.
const MAX_DEPTH: usize = 256;
const BOM: &[u8] = b"\xEF\xBB\xBF";
const CDATA_START: usize = "<![CDATA[".len();

/// Finds the encrypted values of a file, in the order in which they stand.
///
/// A property without a value has no slot. One with elements inside, or with a reference to an
/// entity that only a DTD could explain, makes the file unreadable, as does anything that is not
/// well-formed XML in UTF-8.
pub fn slots(stored: &[u8]) -> Result<Vec<Slot>, Reason> {
    slots_in(stored, Marked::Properties)
}

/// Likewise of any document, whatever the names of its encrypted elements.
pub fn slots_of_any(stored: &[u8]) -> Result<Vec<Slot>, Reason> {
    slots_in(stored, Marked::Elements)
}

fn slots_in(stored: &[u8], marked: Marked) -> Result<Vec<Slot>, Reason> {
    Ok(parse(stored, marked)?.values?.into_iter().map(|value| value.slot).collect())
}

/// The local name of a file's root element; the whole file must be well-formed.
pub fn root(stored: &[u8]) -> Result<String, Reason> {
    Ok(parse(stored, Marked::Properties)?.root)
}

/// The file with new texts in some of the slots that [`slots`] gave for these very bytes.
pub fn splice(stored: &[u8], replacements: &[(&Slot, &str)]) -> Result<Vec<u8>, Reason> {
    splice_in(stored, Marked::Properties, replacements)
}

/// Likewise with the slots of [`slots_of_any`].
pub fn splice_any(stored: &[u8], replacements: &[(&Slot, &str)]) -> Result<Vec<u8>, Reason> {
    splice_in(stored, Marked::Elements, replacements)
}

fn splice_in(stored: &[u8], marked: Marked, replacements: &[(&Slot, &str)]) -> Result<Vec<u8>, Reason> {
    let values = parse(stored, marked)?.values?;
    let mut edits = Vec::with_capacity(replacements.len());
    for (slot, text) in replacements {
        let Some(value) = values.iter().find(|value| value.slot == **slot) else {
            return Err(Reason::Xml("the value to replace is not in this file".to_owned()));
        };
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)) {
            return Err(Reason::Xml("the new value is not base64".to_owned()));
        }
        let texts = std::iter::once(*text).chain(std::iter::repeat(""));
        edits.extend(value.pieces.iter().cloned().zip(texts));
    }
    Ok(splice_bytes(stored, edits))
}

/// Which elements `encrypted="true"` marks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Marked {
    /// Those of the name `Property`, as in user stores, publishers and receivers.
    Properties,
    /// All.
    Elements,
}

/// What a well-formed file holds.
struct Document {
    root: String,
    /// The encrypted values, or why they cannot be told.
    values: Result<Vec<Value>, Reason>,
}

/// A slot, and the pieces into which markup cuts its range: one, almost always.
struct Value {
    slot: Slot,
    pieces: Vec<Range<usize>>,
}

fn parse(stored: &[u8], marked: Marked) -> Result<Document, Reason> {
    let (base, body) = match stored.strip_prefix(BOM) {
        Some(body) => (BOM.len(), body),
        None => (0, stored),
    };
    let text = std::str::from_utf8(body).map_err(|_| Reason::NotText)?;
    let values = Ok(Vec::new());
    Parser { text, base, marked, depth: 0, root: None, doctype: false, property: None, values }.run()
}

struct Parser<'a> {
    /// The file without its byte order mark, and how many bytes that had.
    text: &'a str,
    base: usize,
    marked: Marked,
    depth: usize,
    root: Option<String>,
    doctype: bool,
    /// The encrypted property that the parser is in.
    property: Option<Property>,
    values: Result<Vec<Value>, Reason>,
}

impl Parser<'_> {
    fn run(mut self) -> Result<Document, Reason> {
        if let Some((at, _)) = self.text.char_indices().find(|(_, c)| is_forbidden(*c)) {
            return Err(self.reason(at, "a character that XML forbids (is the file in UTF-16?)"));
        }
        let mut reader = Reader::from_str(self.text);
        reader.config_mut().enable_all_checks(true);
        loop {
            let start = position(reader.buffer_position());
            let event = reader
                .read_event()
                .map_err(|error| self.reason(position(reader.error_position()), describe(&error)))?;
            let span = start..position(reader.buffer_position());
            match event {
                Event::Start(tag) => self.open(&tag, start)?,
                Event::Empty(tag) => {
                    self.open(&tag, start)?;
                    self.close();
                }
                Event::End(_) => self.close(),
                Event::Text(_) => self.characters(span)?,
                Event::CData(_) => self.cdata(span)?,
                Event::GeneralRef(reference) => self.reference(&reference, span)?,
                Event::Comment(_) | Event::PI(_) => {
                    if let Some(property) = &mut self.property {
                        property.interrupt();
                    }
                }
                Event::Decl(declaration) => self.declaration(&declaration, start)?,
                Event::DocType(dtd) => self.doctype(&dtd, start)?,
                Event::Eof if self.depth > 0 => {
                    return Err(self.reason(start, "the file ends inside an element"));
                }
                Event::Eof => break,
            }
        }
        let end = self.text.len();
        let Some(root) = self.root.take() else { return Err(self.reason(end, "no root element")) };
        Ok(Document { root, values: self.values })
    }

    fn declaration(&self, declaration: &BytesDecl<'_>, at: usize) -> Result<(), Reason> {
        if at != 0 {
            return Err(self.reason(at, "an XML declaration that is not at the beginning"));
        }
        match declaration.encoding() {
            None => Ok(()),
            Some(Ok(name)) if ["utf-8", "utf8"].contains(&name.to_ascii_lowercase().as_str()) => Ok(()),
            Some(Ok(_)) => Err(self.reason(at, "declared to be in another encoding than UTF-8")),
            Some(Err(_)) => Err(self.reason(at, "malformed XML declaration")),
        }
    }

    fn doctype(&mut self, dtd: &str, at: usize) -> Result<(), Reason> {
        if self.doctype || self.root.is_some() {
            return Err(self.reason(at, "a DOCTYPE that is not before the root element"));
        }
        self.doctype = true;
        // An entity or a default attribute of the DTD could mark values that the text does not show.
        if dtd.to_ascii_lowercase().contains("encrypted") {
            self.refuse(at, "its DTD speaks of encrypted values, and DTDs are never expanded");
        }
        Ok(())
    }

    fn open(&mut self, tag: &BytesStart<'_>, at: usize) -> Result<(), Reason> {
        let name = tag.name();
        if !is_name(name.as_ref()) {
            return Err(self.reason(at, "a tag without a proper name"));
        }
        let local = name.local_name().into_inner();
        let is_property = self.marked == Marked::Elements || local.eq_ignore_ascii_case("property");
        let marked = self.attributes(tag, at, is_property)?;
        if self.depth == 0 && self.root.replace(local.to_owned()).is_some() {
            return Err(self.reason(at, "a second root element"));
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.reason(at, "too many elements inside each other"));
        }
        if self.property.is_some() {
            self.refuse(at, "an encrypted property with elements inside");
        } else if marked {
            self.property = Some(Property { depth: self.depth, ..Property::default() });
        }
        Ok(())
    }

    /// Whether the tag marks its text as an encrypted value.
    fn attributes(&self, tag: &BytesStart<'_>, at: usize, is_property: bool) -> Result<bool, Reason> {
        let (mut encrypted, mut in_vault) = (false, false);
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|_| self.reason(at, "a malformed or repeated attribute"))?;
            let (local, prefix) = attribute.key.decompose();
            if attribute.value.contains('<') || !is_name(attribute.key.as_ref()) {
                return Err(self.reason(at, "a malformed attribute"));
            }
            if !is_property || prefix.is_some_and(|prefix| prefix.is_xmlns()) {
                continue;
            }
            match local.into_inner() {
                "encrypted" => {
                    let value = attribute
                        .normalized_value(XmlVersion::Implicit1_0)
                        .map_err(|_| self.reason(at, "a reference in the attribute encrypted"))?;
                    encrypted |= value.eq_ignore_ascii_case("true");
                }
                "secretAlias" => in_vault |= prefix.is_some(),
                _ => {}
            }
        }
        Ok(encrypted && !in_vault)
    }

    fn close(&mut self) {
        if let Some(property) = self.property.take_if(|property| property.depth == self.depth)
            && let (Some(value), Ok(values)) = (property.value(), &mut self.values)
        {
            values.push(value);
        }
        self.depth -= 1;
    }

    fn characters(&mut self, span: Range<usize>) -> Result<(), Reason> {
        let text = self.text.get(span.clone()).unwrap_or_default();
        if self.depth == 0
            && let Some(at) = text.find(|character| !is_blank(character))
        {
            return Err(self.reason(span.start + at, "text outside the root element"));
        }
        if let Some(at) = text.find("]]>") {
            return Err(self.reason(span.start + at, "the end of a CDATA section that did not begin"));
        }
        if let Some(property) = &mut self.property {
            property.characters(text, self.base + span.start);
        }
        Ok(())
    }

    fn cdata(&mut self, span: Range<usize>) -> Result<(), Reason> {
        let inner = span.start + CDATA_START..span.end - "]]>".len();
        if self.depth == 0 {
            return Err(self.reason(span.start, "text outside the root element"));
        }
        if let Some(property) = &mut self.property {
            property.interrupt();
            property.characters(self.text.get(inner.clone()).unwrap_or_default(), self.base + inner.start);
            property.interrupt();
        }
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>, span: Range<usize>) -> Result<(), Reason> {
        let at = span.start;
        if self.depth == 0 {
            return Err(self.reason(at, "text outside the root element"));
        }
        let resolved = match reference.resolve_char_ref() {
            Err(_) => return Err(self.reason(at, "a malformed character reference")),
            Ok(Some(character)) => Some(character),
            Ok(None) => resolve_xml_entity(reference).and_then(|text| text.chars().next()),
        };
        match (&mut self.property, resolved) {
            (Some(property), Some(character)) => {
                property.push(character, self.base + at..self.base + span.end);
            }
            (Some(_), None) => self.refuse(at, "an entity in an encrypted value; DTDs are never expanded"),
            (None, _) => {}
        }
        Ok(())
    }

    /// The values of this file cannot be told, though it is well-formed. The first reason stays.
    fn refuse(&mut self, at: usize, what: &str) {
        if self.values.is_ok() {
            self.values = Err(self.reason(at, what));
        }
    }

    fn reason(&self, at: usize, what: &str) -> Reason {
        let line = 1 + self.text.bytes().take(at).filter(|byte| *byte == b'\n').count();
        Reason::Xml(format!("line {line}: {what}"))
    }
}

/// An encrypted property while it is being read.
#[derive(Default)]
struct Property {
    depth: usize,
    text: String,
    pieces: Vec<Range<usize>>,
    /// Markup came in between: the next character begins a piece.
    interrupted: bool,
}

impl Property {
    fn characters(&mut self, text: &str, start: usize) {
        for (at, character) in text.char_indices() {
            self.push(character, start + at..start + at + character.len_utf8());
        }
    }

    /// A character of the value, and the bytes that it is written with.
    fn push(&mut self, character: char, bytes: Range<usize>) {
        self.text.push(character);
        if is_blank(character) {
            return;
        }
        match self.pieces.last_mut() {
            Some(piece) if !self.interrupted => piece.end = bytes.end,
            _ => self.pieces.push(bytes),
        }
        self.interrupted = false;
    }

    fn interrupt(&mut self) {
        self.interrupted = true;
    }

    fn value(self) -> Option<Value> {
        let range = self.pieces.first()?.start..self.pieces.last()?.end;
        let text = self.text.trim_matches(is_blank);
        if text.contains("$secret{") {
            return None;
        }
        Some(Value { slot: Slot { range, text: text.to_owned() }, pieces: self.pieces })
    }
}

/// White space as the server trims it.
fn is_blank(character: char) -> bool {
    character <= ' '
}

fn is_forbidden(character: char) -> bool {
    matches!(character, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}')
}

fn is_name(name: &str) -> bool {
    let is_part = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "_:-.".contains(c);
    name.chars().all(is_part)
        && !name.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.')
        && !name.is_empty()
}

/// Positions in a slice fit in `usize`; the parser counts them in `u64`.
fn position(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// The parser's own messages quote names from the file, so they are not passed on.
fn describe(error: &Error) -> &'static str {
    match error {
        Error::Syntax(_) => "a tag, comment, CDATA section or DOCTYPE is broken or does not end",
        Error::IllFormed(IllFormedError::MismatchedEndTag { .. }) => {
            "an end tag that does not match its start tag"
        }
        Error::IllFormed(IllFormedError::UnmatchedEndTag(_)) => "an end tag without a start tag",
        Error::IllFormed(IllFormedError::DoubleHyphenInComment) => "two hyphens inside a comment",
        Error::IllFormed(IllFormedError::UnclosedReference) => "an ampersand that begins no reference",
        _ => "not well-formed",
    }
}

#[cfg(test)]
mod tests;
