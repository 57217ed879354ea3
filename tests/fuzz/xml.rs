//! XML files: whatever can be read can be spliced, and only the slots change.

use std::hash::{DefaultHasher, Hash, Hasher};

use keyrotation_codec::{Codec, Slot};

use crate::splices::splices_hold;

pub(crate) const DICTIONARY: &[&[u8]] = &[
    b"<",
    b">",
    b"/>",
    b"</Property>",
    b"<Property name=\"password\" encrypted=\"true\">",
    b"<Property encrypted='true' name='a'/>",
    b"<property name=\"connection.password\" encrypted=\"true\">",
    b"encrypted=\"true\"",
    b" encrypted=\"false\"",
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"]]>",
    b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
    b"<?xml version=\"1.0\" encoding=\"UTF-16\"?>",
    b"<!DOCTYPE a [<!ENTITY e \"x\">]>",
    b"&amp;",
    b"&#x41;",
    b"&#0;",
    b"&e;",
    b"xmlns=\"http://wso2.org/projects/carbon\"",
    b"\xEF\xBB\xBF",
    b"\xFF\xFE",
    b"\r\n",
    b"eyJjIjoi",
];

const TEXTS: [&str; 3] = ["bmV3", "eyJjIjoiIn0=", LONG];
const LONG: &str = match std::str::from_utf8(&[b'A'; 9_000]) {
    Ok(text) => text,
    Err(_) => "",
};

pub(crate) fn run(input: &[u8]) -> u64 {
    let mut seen = DefaultHasher::new();
    match Codec::Xml.slots(input) {
        Ok(slots) => {
            splices_hold(&Codec::Xml, input, &slots, &TEXTS);
            rest_stays(input, &slots);
            slots.len().min(16).hash(&mut seen);
            for slot in slots.iter().take(4) {
                (slot.range.start * 8 / input.len().max(1)).hash(&mut seen);
                (slot.text.len().checked_ilog2(), slot.text.len() == slot.range.len()).hash(&mut seen);
            }
        }
        Err(reason) => reason.to_string().hash(&mut seen),
    }
    input.len().checked_ilog2().hash(&mut seen);
    seen.finish()
}

/// Every byte outside of the slots is as it was.
fn rest_stays(input: &[u8], slots: &[Slot]) {
    let has_markup = |slot: &Slot| {
        let stored = &input[slot.range.clone()];
        stored.contains(&b'<') || stored.windows(3).any(|end| end == b"]]>")
    };
    if slots.iter().any(has_markup) {
        return; // a comment or CDATA marker within: it stays, and may stand behind the value afterwards
    }
    let replacements: Vec<(&Slot, &str)> = slots.iter().map(|slot| (slot, "bmV3")).collect();
    let spliced = Codec::Xml.splice(input, &replacements).expect("what can be read can be spliced");
    let again = Codec::Xml.slots(&spliced).expect("what was spliced can be read");
    let rest = |bytes: &[u8], slots: &[Slot]| {
        let mut rest = Vec::new();
        let mut done = 0;
        for slot in slots {
            rest.extend_from_slice(&bytes[done..slot.range.start]);
            done = slot.range.end;
        }
        rest.extend_from_slice(&bytes[done..]);
        rest
    };
    assert!(rest(input, slots) == rest(&spliced, &again), "something outside of the slots changed");
}
