//! Modified UTF-8, and strings around the border between the two forms.

use proptest::prelude::*;

use super::super::text::{decode, encode};
use super::build::Builder;
use super::{Reason, replaced, slots, texts};

fn one_credential(text: &str) -> Vec<u8> {
    let mut stream = Builder::new();
    stream.parameter(&mut None);
    stream.string("Credential");
    stream.string(text);
    stream.null();
    stream.bytes
}

#[test]
fn nul_and_supplementary_characters_have_their_own_forms() {
    assert_eq!(encode("a\0é漢🔑"), b"a\xC0\x80\xC3\xA9\xE6\xBC\xA2\xED\xA0\xBD\xED\xB4\x91");
    assert_eq!(decode(b"a\xC0\x80\xC3\xA9\xE6\xBC\xA2\xED\xA0\xBD\xED\xB4\x91").unwrap(), "a\0é漢🔑");
}

#[test]
fn what_no_writer_writes_is_refused() {
    let cut = Err(Reason::Java("a credential is not in modified UTF-8"));
    for bytes in [
        &b"\x00"[..],        // NUL in one byte
        b"\xC1\x81",         // overlong in two
        b"\xE0\x81\x81",     // overlong in three
        b"\xF0\x9F\x94\x91", // four bytes, as in real UTF-8
        b"\x80",             // a continuation byte alone
        b"\xC3",             // cut
        b"\xE6\xBC",         // cut
        b"\xC3A",            // no continuation
        b"a\xE6A\xA2",       // no continuation
    ] {
        assert_eq!(decode(bytes), cut, "{bytes:02X?}");
    }
}

#[test]
fn an_unpaired_surrogate_is_refused_in_a_credential_only() {
    let unpaired = Err(Reason::Java("a credential has an unpaired surrogate"));
    assert_eq!(decode(b"\xED\xA0\xBD"), unpaired);
    assert_eq!(decode(b"\xED\xB4\x91\xED\xA0\xBD"), unpaired);

    let lone = |name: &str| {
        let mut stream = Builder::new();
        stream.parameter(&mut None);
        stream.string(name);
        stream.raw(b"\x74\x00\x03\xED\xA0\xBD").null();
        slots(&stream.bytes).map(|slots| slots.len())
    };
    assert_eq!(lone("Username"), Ok(0));
    assert_eq!(lone("Credential"), Err(Reason::Java("a credential has an unpaired surrogate")));
}

#[test]
fn the_form_follows_the_new_length_in_bytes() {
    let lengths = [0, 1, 65_534, 65_535, 65_536, 65_537, 200_000];
    for old in lengths {
        let stored = one_credential(&"o".repeat(old));
        for new in lengths {
            let new = "n".repeat(new);
            let spliced = replaced(&stored, &[&new]);
            assert_eq!(spliced, one_credential(&new), "{old} to {}", new.len());
            assert_eq!(texts(&spliced), [new]);
        }
    }
    // 40,000 characters of two bytes each
    assert_eq!(texts(&replaced(&one_credential("o"), &[&"é".repeat(40_000)])), ["é".repeat(40_000)]);
}

#[test]
fn a_long_string_may_be_short() {
    let mut stream = Builder::new();
    stream.parameter(&mut None);
    stream.raw(b"\x7C\0\0\0\0\0\0\0\x0ACredential").take_handle();
    stream.raw(b"\x7C\0\0\0\0\0\0\0\x03old").take_handle();
    stream.null();
    assert_eq!(texts(&stream.bytes), ["old"]);
    assert_eq!(texts(&replaced(&stream.bytes, &["new"])), ["new"]);
}

#[test]
fn a_claimed_length_beyond_the_end_is_refused_without_allocating() {
    for claim in [u64::MAX, u64::MAX - 20, 1 << 40, 4] {
        let mut stream = Builder::new();
        stream.raw(&[0x7C]).raw(&claim.to_be_bytes()).raw(b"abc");
        super::refused(&stream.bytes, "it ends too early");
    }
}

proptest! {
    #[test]
    fn every_text_comes_back(text in any::<String>()) {
        prop_assert_eq!(decode(&encode(&text)).unwrap(), text);
    }

    #[test]
    fn what_decodes_encodes_to_the_same_bytes(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
        if let Ok(text) = decode(&bytes) {
            prop_assert_eq!(encode(&text), bytes);
        }
    }
}
