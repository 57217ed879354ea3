//! Credentials in a serialized `WorkflowRequest` (column REQUEST of WF_REQUEST).
//!
//! Such a request is a list of `RequestParameter`s, each with a `name` and a `value`; the server
//! encrypts the value of the one named `Credential`. Nothing is deserialized: the stream is walked
//! (module `stream`), and new strings are spliced into it. So classes that nobody here has heard of stay as
//! they are, byte for byte.
//!
//! What counts as a credential: the `value` of an object of class `RequestParameter` (or a subclass;
//! any serialVersionUID) whose `name` is `Credential`. A null is not a slot and no error. An object that is
//! no string (a `char[]`, say) makes the request unreadable: it is not known what a server makes of it, and
//! it may hold ciphertext.
//!
//! Strings may be shared: a stream holds each object once, and refers to it by its handle (a running
//! number) from then on. Credentials that share a string go on sharing it and are one slot. If another use
//! shares it (a parameter of another name, say), only the credentials change: the string is split in
//! two, the new one at the first credential, the old one at the first other use. This takes one more
//! handle, so the references that follow are renumbered; it is the only case in which bytes outside
//! of the slots change, and each reference still leads to the object to which it led.
//!
//! What is written at each place of a string that is replaced, in the order of the stream:
//!
//! ```text
//!                            a credential                    another use
//! the string itself          the new string, same handle     the old string, same handle
//! a reference to it, and
//!   that half is written     a reference to the new one      a reference to the old one
//!   that half is not yet     the new string, one more handle the old string, one more handle
//! ```
//!
//! A reference to any other object goes to its handle plus the number of strings put in before that object.

mod class;
mod input;
mod stream;
#[cfg(test)]
mod tests;
mod text;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use self::input::{TC_LONGSTRING, TC_STRING, Text};
use self::stream::{BASE_HANDLE, Stream, TC_REFERENCE};
use super::{Reason, Slot};

/// A reference is a type byte and a handle.
const REFERENCE_LENGTH: usize = 5;

/// Finds the credentials of a serialized request.
///
/// A slot's range is where the value of the (first) parameter stands: the whole element of the
/// string, from its type byte, or a reference to a string that stands further ahead.
pub fn slots(stored: &[u8]) -> Result<Vec<Slot>, Reason> {
    let stream = Stream::read(stored)?;
    let mut seen = HashSet::new();
    let mut slots = Vec::new();
    for credential in &stream.credentials {
        if seen.insert(credential.handle) {
            let text = stream.text(credential.handle)?;
            let length = if text.at == credential.at { text.element.len() } else { REFERENCE_LENGTH };
            let range = credential.at..credential.at + length;
            slots.push(Slot { range, text: text::decode(text.content)? });
        }
    }
    Ok(slots)
}

/// The serialized request with new texts in some of its slots.
///
/// The slots must be ones that [`slots`] gave for these very bytes.
pub fn splice(stored: &[u8], replacements: &[(&Slot, &str)]) -> Result<Vec<u8>, Reason> {
    let stream = Stream::read(stored)?;
    let mut shared = HashMap::new();
    for (slot, text) in replacements {
        let found = stream.credentials.binary_search_by_key(&slot.range.start, |credential| credential.at);
        let credential = found.ok().and_then(|index| stream.credentials.get(index));
        let handle = credential.ok_or(Reason::Java("a slot is not one of this value"))?.handle;
        let old = stream.text(handle)?;
        shared.insert(handle, Halves { old: Half::new(old.element), new: Half::new(element(text)) });
    }

    let mut sites = Vec::with_capacity(stream.references.len() + shared.len());
    for &handle in shared.keys() {
        let Text { at, element, .. } = stream.text(handle)?;
        sites.push(Site { at, length: element.len(), handle, taken: handle, definition: true });
    }
    sites.extend(stream.references.iter().map(|reference| Site {
        at: reference.at,
        length: REFERENCE_LENGTH,
        handle: reference.handle,
        taken: reference.taken,
        definition: false,
    }));
    sites.sort_unstable_by_key(|site| site.at);

    let mut out = Vec::with_capacity(stored.len());
    let mut numbering = Numbering::default();
    let mut done = 0;
    for site in sites {
        out.extend_from_slice(stored.get(done..site.at).unwrap_or_default());
        done = site.at + site.length;
        let Some(halves) = shared.get_mut(&site.handle) else {
            write_reference(&mut out, numbering.of(site.handle));
            continue;
        };
        let half = if stream.is_credential(site.at) { &mut halves.new } else { &mut halves.old };
        if let Some(number) = half.number {
            write_reference(&mut out, number);
        } else {
            let number =
                if site.definition { numbering.of(site.handle) } else { numbering.insert(site.taken) };
            half.number = Some(number);
            out.extend_from_slice(&half.element);
        }
    }
    out.extend_from_slice(stored.get(done..).unwrap_or_default());
    Ok(out)
}

/// A place where an object stands or is referred to.
struct Site {
    at: usize,
    length: usize,
    handle: u32,
    /// How many handles were taken before it.
    taken: u32,
    definition: bool,
}

/// A string to be replaced: its old text for its other uses, its new one for its credentials.
struct Halves<'a> {
    old: Half<'a>,
    new: Half<'a>,
}

struct Half<'a> {
    element: Cow<'a, [u8]>,
    /// Its handle in the new stream, once it has been written.
    number: Option<u32>,
}

impl<'a> Half<'a> {
    fn new(element: impl Into<Cow<'a, [u8]>>) -> Self {
        Self { element: element.into(), number: None }
    }
}

/// How the handles of the old stream are numbered in the new one.
#[derive(Default)]
struct Numbering {
    /// For each object put in, how many handles of the old stream were taken before it; ascending.
    inserted: Vec<u32>,
}

impl Numbering {
    /// The number of an object of the old stream. A reference only looks back, so that everything put
    /// in before the object is known by the time of the question.
    fn of(&self, handle: u32) -> u32 {
        handle + count(self.inserted.partition_point(|taken| *taken <= handle))
    }

    /// Puts an object in; gives its number.
    fn insert(&mut self, taken: u32) -> u32 {
        let number = taken + count(self.inserted.len());
        self.inserted.push(taken);
        number
    }
}

/// Fewer objects are put in than there are handles, and these are counted in 31 bits.
fn count(objects: usize) -> u32 {
    u32::try_from(objects).unwrap_or(u32::MAX)
}

fn write_reference(out: &mut Vec<u8>, number: u32) {
    out.push(TC_REFERENCE);
    out.extend_from_slice(&(BASE_HANDLE + number).to_be_bytes());
}

/// A string as the stream holds it; its length decides which of the two forms, as in Java.
fn element(text: &str) -> Vec<u8> {
    let content = text::encode(text);
    let mut element = Vec::with_capacity(content.len() + 9);
    if let Ok(length) = u16::try_from(content.len()) {
        element.push(TC_STRING);
        element.extend_from_slice(&length.to_be_bytes());
    } else {
        element.push(TC_LONGSTRING);
        element.extend_from_slice(&(content.len() as u64).to_be_bytes());
    }
    element.extend(content);
    element
}
