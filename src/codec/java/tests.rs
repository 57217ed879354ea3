//! The traps of the stream format, each built by hand; `tests/java_stream.rs` asks Java itself.

mod build;
mod grammar;
mod sharing;
mod text;

use std::path::PathBuf;

use super::{Reason, Slot, slots, splice};

/// The golden streams, each with the digests of its credential strings (each string once).
fn golden() -> Vec<(String, Vec<u8>, Vec<String>)> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/wf_request"));
    let mut golden = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "bin") {
            let stored = std::fs::read(&path).unwrap();
            let json = std::fs::read_to_string(path.with_extension("json")).unwrap();
            let json: serde_json::Value = serde_json::from_str(&json).unwrap();
            let mut texts: Vec<String> = Vec::new();
            for parameter in json["parameters"].as_array().unwrap() {
                // A long value is given by its digest.
                let value = parameter["value"].as_str().map(sha256);
                let value = value.or(parameter["valueSha256"].as_str().map(str::to_owned));
                if parameter["name"] == "Credential"
                    && let Some(value) = value
                    && !texts.contains(&value)
                {
                    texts.push(value);
                }
            }
            golden.push((path.file_name().unwrap().to_string_lossy().into_owned(), stored, texts));
        }
    }
    assert_eq!(golden.len(), 12);
    golden.sort();
    golden
}

fn sha256(text: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn texts(stored: &[u8]) -> Vec<String> {
    slots(stored).unwrap().into_iter().map(|slot| slot.text).collect()
}

/// The stream with new texts in all of its slots.
fn replaced(stored: &[u8], new: &[&str]) -> Vec<u8> {
    let slots = slots(stored).unwrap();
    assert_eq!(slots.len(), new.len());
    splice(stored, &slots.iter().zip(new.iter().copied()).collect::<Vec<(&Slot, &str)>>()).unwrap()
}

#[track_caller]
fn refused(stored: &[u8], why: &'static str) {
    assert_eq!(slots(stored), Err(Reason::Java(why)), "slots");
}

#[test]
fn golden_streams_give_their_credentials() {
    for (name, stored, expected) in golden() {
        let digests: Vec<String> = texts(&stored).iter().map(|text| sha256(text)).collect();
        assert_eq!(digests, expected, "{name}");
    }
}

#[test]
fn golden_streams_with_the_same_texts_again_are_the_same_bytes_or_say_the_same() {
    for (name, stored, _) in golden() {
        let expected = texts(&stored);
        let again = replaced(&stored, &expected.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(texts(&again), expected, "{name}");
        // Two of them share the credential's string with a parameter of another name.
        let split = name.starts_with("09") || name.starts_with("10");
        assert_eq!(again == stored, !split, "{name}");
    }
}

#[test]
fn golden_streams_cut_anywhere_are_refused() {
    for (name, stored, _) in golden() {
        let near = |end: usize| end < 2048 || end.is_multiple_of(997) || end + 512 > stored.len();
        for end in (0..stored.len()).filter(|end| near(*end)) {
            assert!(slots(&stored[..end]).is_err(), "{name} cut at {end}");
        }
    }
}

#[test]
fn golden_streams_with_any_byte_broken_never_panic() {
    for (_, stored, _) in golden().into_iter().filter(|(_, stored, _)| stored.len() < 2048) {
        let mut broken = stored;
        for at in 0..broken.len() {
            let byte = broken[at];
            for other in [0x00, 0x7F, 0x80, 0xFF, byte ^ 1, byte.wrapping_add(1)] {
                broken[at] = other;
                if let Ok(slots) = slots(&broken) {
                    let all: Vec<(&Slot, &str)> = slots.iter().map(|slot| (slot, "x")).collect();
                    assert!(texts(&splice(&broken, &all).unwrap()).iter().all(|text| text == "x"));
                }
            }
            broken[at] = byte;
        }
    }
}

#[test]
fn a_slot_of_another_value_is_refused() {
    let golden = golden();
    let foreign = Slot { range: 3..9, text: String::new() };
    assert!(splice(&golden[1].1, &[(&foreign, "x")]).is_err());
}

#[test]
fn replacing_some_slots_leaves_the_others() {
    let (_, stored, _) = golden().remove(2);
    let slots = slots(&stored).unwrap();
    let new = splice(&stored, &[(&slots[1], "new")]).unwrap();
    assert_eq!(texts(&new), [slots[0].text.as_str(), "new"]);
}
