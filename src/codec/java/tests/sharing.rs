//! Strings, parameters and names that are written once and referred to from then on.

use proptest::prelude::*;

use super::build::{Builder, PARAMETER, SERIALIZABLE};
use super::{golden, refused, replaced, slots, texts};

/// What a parameter is called and which of the strings it holds.
type Parameter = (&'static str, usize);

/// A list of parameters; names and strings are written at their first use and then referred to, as
/// Java's writer does. Each parameter's type refers to the parameter, so that every handle counts.
fn request(parameters: &[Parameter], strings: &[&str]) -> Vec<u8> {
    let mut stream = Builder::new();
    let mut class = None;
    let mut names: Vec<(&str, u32)> = Vec::new();
    let mut handles: Vec<Option<u32>> = vec![None; strings.len()];
    stream.array(u32::try_from(parameters.len()).unwrap());
    for (name, string) in parameters {
        let parameter = stream.parameter(&mut class);
        if let Some((_, handle)) = names.iter().find(|(seen, _)| seen == name) {
            stream.reference(*handle);
        } else {
            let handle = stream.string(name);
            names.push((name, handle));
        }
        match handles[*string] {
            Some(handle) => {
                stream.reference(handle);
            }
            None => handles[*string] = Some(stream.string(strings[*string])),
        }
        stream.reference(parameter);
    }
    stream.bytes
}

const CREDENTIAL: &str = "Credential";

#[test]
fn credentials_that_share_a_string_are_one_slot_and_go_on_sharing_it() {
    let parameters = [(CREDENTIAL, 0), ("a", 1), (CREDENTIAL, 0), (CREDENTIAL, 2)];
    let stored = request(&parameters, &["old", "other", "third"]);
    assert_eq!(texts(&stored), ["old", "third"]);
    assert_eq!(
        replaced(&stored, &["a longer text", "3"]),
        request(&parameters, &["a longer text", "other", "3"])
    );
}

#[test]
fn a_string_shared_with_another_parameter_is_split_credential_first() {
    let stored = request(&[(CREDENTIAL, 0), ("copy", 0), ("again", 0), ("last", 1)], &["old", "end"]);
    assert_eq!(texts(&stored), ["old"]);
    let expected =
        request(&[(CREDENTIAL, 0), ("copy", 1), ("again", 1), ("last", 2)], &["new", "old", "end"]);
    assert_eq!(replaced(&stored, &["new"]), expected);
}

#[test]
fn a_string_shared_with_another_parameter_is_split_credential_last() {
    let stored =
        request(&[("other", 0), (CREDENTIAL, 0), ("x", 0), (CREDENTIAL, 0), ("y", 1)], &["old", "y"]);
    let slots = slots(&stored).unwrap();
    assert_eq!(slots.len(), 1);
    assert_eq!(slots[0].text, "old");
    assert_eq!(stored[slots[0].range.start], 0x71, "the slot is where the credential stands");
    let expected =
        request(&[("other", 0), (CREDENTIAL, 1), ("x", 0), (CREDENTIAL, 1), ("y", 2)], &["old", "new", "y"]);
    assert_eq!(replaced(&stored, &["new"]), expected);
}

#[test]
fn a_credential_whose_string_is_its_own_name_keeps_its_name() {
    let mut stream = Builder::new();
    stream.parameter(&mut None);
    let name = stream.string(CREDENTIAL);
    stream.reference(name).null();
    assert_eq!(texts(&stream.bytes), [CREDENTIAL]);
    assert_eq!(texts(&replaced(&stream.bytes, &["new"])), ["new"]);
}

#[test]
fn references_after_a_split_lead_where_they_led() {
    // Two strings, each shared with a parameter of another name; the array ends with references to what
    // was written before both splits, between them and after them. `put` writes a string that shares
    // one before the splice and stands alone after it.
    let build = |texts: [&str; 2], put: fn(&mut Builder, u32, &str)| {
        let mut stream = Builder::new();
        let mut class = None;
        stream.array(8);
        let before = stream.parameter(&mut class);
        stream.string("other");
        let first = stream.string("old 1");
        stream.null();
        stream.parameter(&mut class);
        let name = stream.string(CREDENTIAL);
        put(&mut stream, first, texts[0]);
        stream.null();
        let between = stream.parameter(&mut class);
        stream.reference(name);
        let second = stream.string(texts[1]);
        stream.null();
        stream.parameter(&mut class);
        stream.string("copy");
        put(&mut stream, second, "old 2");
        stream.null();
        let after = stream.parameter(&mut class);
        stream.string("last");
        stream.null().null();
        for handle in [before, between, after] {
            stream.reference(handle);
        }
        (stream.bytes, [before, between, after])
    };
    let (stored, old) = build(["old 1", "old 2"], |stream, handle, _| {
        stream.reference(handle);
    });
    let (expected, new) = build(["new 1", "new 2"], |stream, _, text| {
        stream.string(text);
    });
    assert_eq!(texts(&stored), ["old 1", "old 2"]);
    assert_eq!(replaced(&stored, &["new 1", "new 2"]), expected);
    assert_eq!(new, [old[0], old[1] + 1, old[2] + 2]);
}

#[test]
fn a_parameter_listed_twice_is_one_slot() {
    let mut stream = Builder::new();
    stream.array(2);
    let parameter = stream.parameter(&mut None);
    stream.string(CREDENTIAL);
    stream.string("old");
    stream.null().reference(parameter);
    assert_eq!(texts(&stream.bytes), ["old"]);
}

#[test]
fn fields_are_read_by_name_in_the_order_of_the_descriptor() {
    let mut stream = Builder::new();
    stream.raw(&[0x73]);
    let fields = [('J', "since"), ('L', "value"), ('L', "valueType"), ('L', "extra"), ('L', "name")];
    stream.class(PARAMETER, SERIALIZABLE, &fields);
    stream.null().take_handle();
    stream.raw(&[0; 8]);
    stream.string("old");
    stream.string("type");
    stream.string("extra");
    stream.string(CREDENTIAL);
    assert_eq!(texts(&stream.bytes), ["old"]);
    assert_eq!(texts(&replaced(&stream.bytes, &["new"])), ["new"]);
}

#[test]
fn a_subclass_of_the_parameter_class_counts_another_class_of_like_name_does_not() {
    let mut stream = Builder::new();
    stream.raw(&[0x73]);
    stream.class("com.example.Extended", SERIALIZABLE, &[('I', "more")]);
    stream.parameter_class();
    stream.take_handle();
    stream.raw(&[1]);
    stream.string(CREDENTIAL);
    stream.string("old");
    stream.null().raw(&[0; 4]);
    assert_eq!(texts(&stream.bytes), ["old"]);

    let mut stream = Builder::new();
    stream.raw(&[0x73]);
    stream.class("com.example.RequestParameter", SERIALIZABLE, &[('L', "name"), ('L', "value")]);
    stream.null().take_handle();
    stream.string(CREDENTIAL);
    stream.string("old");
    assert_eq!(texts(&stream.bytes), [""; 0]);
}

#[test]
fn a_null_is_no_slot_and_an_array_of_characters_is_refused() {
    let with = |value: &str| {
        let mut stream = Builder::new();
        stream.parameter(&mut None);
        stream.string(CREDENTIAL);
        stream.raw(value.as_bytes()).null();
        stream.bytes
    };
    assert_eq!(texts(&with("\x70")), [""; 0]);
    let characters = "\x75\x72\0\x02[C\x07\x07\x07\x07\x07\x07\x07\x07\x02\0\0\x78\x70\0\0\0\x01\0a";
    refused(&with(characters), "a credential that is not a string");
}

#[test]
fn a_parameter_without_a_name_is_none_but_a_name_that_is_no_string_is_refused() {
    let mut stream = Builder::new();
    let this = stream.parameter(&mut None);
    let mut other = stream.clone();
    stream.null().null().null();
    assert_eq!(texts(&stream.bytes), [""; 0]);
    other.reference(this).null().null();
    refused(&other.bytes, "a parameter's name is not a string");
}

#[test]
fn credentials_stand_in_the_order_of_the_stream() {
    // The outer parameter ends after the inner one, but its value stands before it.
    let mut stream = Builder::new();
    let mut class = None;
    stream.parameter(&mut class);
    stream.string(CREDENTIAL);
    stream.string("outer");
    stream.parameter(&mut class);
    stream.string("Credential");
    stream.string("inner");
    stream.null();
    assert_eq!(texts(&stream.bytes), ["outer", "inner"]);
    assert_eq!(texts(&replaced(&stream.bytes, &["1", "2"])), ["1", "2"]);
}

/// Names and strings of any parameter list, with sharing of every kind.
fn parameters() -> impl Strategy<Value = Vec<Parameter>> {
    prop::collection::vec((prop::sample::select(vec![CREDENTIAL, "Username", "Copy"]), 0..5_usize), 0..12)
}

proptest! {
    #[test]
    fn a_splice_changes_the_credentials_and_nothing_else(
        parameters in parameters(),
        new in prop::collection::vec("[ -~]{0,300}", 5),
    ) {
        let old = ["zero", "one", "two", "three", "four"];
        let stored = request(&parameters, &old);
        let found = slots(&stored).unwrap();
        let number = |text: &str| old.iter().position(|old| *old == text).unwrap();
        let texts: Vec<&str> = found.iter().map(|slot| new[number(&slot.text)].as_str()).collect();

        // The same request, written from the start with new strings for the credentials alone.
        let strings: Vec<&str> = old.into_iter().chain(new.iter().map(String::as_str)).collect();
        let moved: Vec<Parameter> = parameters
            .iter()
            .map(|(name, string)| (*name, if *name == CREDENTIAL { string + 5 } else { *string }))
            .collect();
        prop_assert_eq!(replaced(&stored, &texts), request(&moved, &strings));
    }

    #[test]
    fn golden_streams_keep_every_byte_outside_of_the_slots(which in 0..12_usize, new in "[ -~]{0,400}") {
        let (name, stored, _) = golden().swap_remove(which);
        let found = slots(&stored).unwrap();
        let spliced = replaced(&stored, &vec![new.as_str(); found.len()]);
        prop_assert_eq!(texts(&spliced), vec![new.clone(); found.len()]);
        if !name.starts_with("09") && !name.starts_with("10") {
            let mut expected = stored;
            for slot in found.iter().rev() {
                let length = u16::try_from(new.len()).unwrap().to_be_bytes();
                let element = [&[0x74][..], &length, new.as_bytes()].concat();
                expected.splice(slot.range.clone(), element);
            }
            prop_assert_eq!(spliced, expected);
        }
    }
}

/// What the server would read as a credential, and this program cannot, is not passed over.
#[test]
fn a_credential_that_is_no_string_is_refused() {
    let mut stream = Builder::new();
    stream.array(1);
    stream.parameter(&mut None);
    stream.string("Credential");
    stream.array(1);
    stream.string("in an array");
    stream.null();
    super::refused(&stream.bytes, "a credential that is not a string");
    let mut stream = Builder::new();
    stream.array(1);
    stream.parameter(&mut None);
    stream.string("Credential");
    stream.null().null();
    assert!(super::texts(&stream.bytes).is_empty());
}
