//! Serialized Java objects: whatever can be read can be spliced, and says afterwards what was put in.

use std::hash::{DefaultHasher, Hash, Hasher};

use keyrotation_codec::{Codec, Reason};

use crate::splices::splices_hold;

pub(crate) const DICTIONARY: &[&[u8]] = &[
    b"\x70",
    b"\x71\x00\x7E\x00\x00",
    b"\x71\x00\x7E\x00\x01",
    b"\x71\x00\x7E\x00\x04",
    b"\x71\x00\x7E\x00\x07",
    b"\x71\x00\x7E\x00\x09",
    b"\x71\x00\x7E\x00\x0C",
    b"\x72\x00\x01C\0\0\0\0\0\0\0\0\x02\x00\x00\x78\x70",
    b"\x72\x00\x01C\0\0\0\0\0\0\0\0\x02\x00\x00\x78",
    b"\x73\x72\x00\x01C\0\0\0\0\0\0\0\0\x03\x00\x00\x78\x70",
    b"\x72\x00\x02[I\0\0\0\0\0\0\0\0\x02\x00\x00\x78\x70",
    b"\x73\x71\x00\x7E\x00\x00",
    b"\x73\x71\x00\x7E\x00\x07\x01",
    b"\x73\x71\x00\x7E\x00\x05\x00\x00\x00\x02\x77\x04\x00\x00\x00\x02",
    b"\x73\x72\x00\x01E\0\0\0\0\0\0\0\0\x0C\x00\x00\x78\x70",
    b"\x74\x00\x0ACredential",
    b"\x74\x00\x03abc",
    b"\x74\x00\x00",
    b"\x75\x72\x00\x13[Ljava.lang.Object;\0\0\0\0\0\0\0\0\x02\x00\x00\x78\x70\x00\x00\x00\x01",
    b"\x75\x71\x00\x7E\x00\x00\x7F\xFF\xFF\xFF",
    b"\x76\x72",
    b"\x77\x04\x00\x00\x00\x00",
    b"\x78",
    b"\x79",
    b"\x7A\x00\x00\x00\x02ab",
    b"\x7B",
    b"\x7C\x00\x00\x00\x00\x00\x00\x00\x03abc",
    b"\x7C\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
    b"\x7D\x00\x00\x00\x01\x00\x01I\x78\x70",
    b"\x7E\x71\x00\x7E\x00\x00\x74\x00\x01R",
    b"L\x00\x04name\x71\x00\x7E\x00\x01",
    b"L\x00\x05value\x71\x00\x7E\x00\x01",
    b"\xC0\x80",
    b"\xED\xA0\xBD",
    b"\xED\xA0\xBD\xED\xB4\x91",
    b"\xAC\xED\x00\x05",
];

/// The texts that go into slots: shorter and longer than what is there, and beyond a short string.
const TEXTS: [&str; 4] = ["", "new", "a\0\u{e9}\u{6f22}\u{1f511}", LONG];
const LONG: &str = match std::str::from_utf8(&[b'x'; 65_536]) {
    Ok(text) => text,
    Err(_) => "",
};

pub(crate) fn run(input: &[u8]) -> u64 {
    let mut seen = DefaultHasher::new();
    match Codec::Java.slots(input) {
        Ok(slots) => {
            splices_hold(&Codec::Java, input, &slots, &TEXTS);
            slots.len().min(16).hash(&mut seen);
            for slot in slots.iter().take(4) {
                (slot.range.start * 8 / input.len().max(1)).hash(&mut seen);
                slot.text.len().checked_ilog2().hash(&mut seen);
                (input.get(slot.range.start), slot.text.is_ascii()).hash(&mut seen);
            }
        }
        Err(reason) => {
            (reason.to_string(), reach(input, &reason)).hash(&mut seen);
        }
    }
    input.len().checked_ilog2().hash(&mut seen);
    seen.finish()
}

/// In which eighth of the input the walk ended: a prefix that ends before that place ends too early.
fn reach(input: &[u8], reason: &Reason) -> usize {
    let (mut low, mut high) = (0, 8);
    while high - low > 1 && !reason.to_string().ends_with("too early") {
        let middle = usize::midpoint(low, high);
        match Codec::Java.slots(&input[..input.len() * middle / 8]) {
            Err(other) if other.to_string().ends_with("too early") => low = middle,
            _ => high = middle,
        }
    }
    low
}
