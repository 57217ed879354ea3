//! More than one old key, and a key of its own for TOTP secrets.

use super::*;

const OLDER: &str = "f7b2b39207523b43a56540d30656b19b";
const TOTP_OLD: &str = "9501cb661d04b0dbe68d17bff2060737";
const TOTP_NEW: &str = "b5d030394142dda37b22997dbcc5640c";

fn ring() -> KeyRing {
    let mut ring = KeyRing::new(key(OLD), key(NEW));
    ring.add_old(key(OLDER)).unwrap();
    ring.add_pair(key(TOTP_OLD), key(TOTP_NEW)).unwrap();
    ring
}

fn sealed(under: &str, plaintext: &[u8], named: Option<&str>) -> String {
    let iv = [7; 16];
    let ciphertext = cipher::seal(&key(under), Transformation::Gcm, &iv, plaintext).unwrap();
    let named = named.map(|named| key(named).key_id().to_owned());
    gcm(&ciphertext, &iv, named.as_deref())
}

fn opens_under(value: &str, under: &str) -> bool {
    let Ok(Content::Sealed(sealed)) = envelope::parse(value) else { panic!("no envelope") };
    open_with(&key(under), &sealed).unwrap().is_some()
}

fn names(value: &str) -> Option<String> {
    let Ok(Content::Sealed(sealed)) = envelope::parse(value) else { panic!("no envelope") };
    sealed.key_id
}

#[test]
fn whatever_is_under_any_old_key_goes_to_the_one_that_takes_its_place() {
    // A value may name no key, the right one, or another: only the tag counts.
    let named = [None, Some(OLD), Some(OLDER), Some(NEW), Some(OTHER)];
    for key_id in [KeyIdPolicy::AsRead, KeyIdPolicy::Always] {
        let recoder = Recoder::new(ring(), Policy { upgrade: false, key_id });
        for (under, to) in [(OLD, NEW), (OLDER, NEW), (TOTP_OLD, TOTP_NEW)] {
            for named in named {
                let old = sealed(under, b"a secret", named);
                let new = reseal(&recoder, &old);
                assert!(opens_under(&new, to), "{under}, naming {named:?}");
                // Servers name the new key in values under a key of their own, too.
                let expected = named.is_some() || key_id == KeyIdPolicy::Always;
                assert_eq!(names(&new), expected.then(|| key(NEW).key_id().to_owned()));
                assert!(matches!(classify(&recoder, &new), Verdict::UnderNew(_)), "{under}");
            }
        }
    }
}

#[test]
fn a_value_tells_which_keys_it_is_under() {
    let recoder = Recoder::new(ring(), AS_READ);
    for (under, old) in [(OLD, true), (OLDER, true), (TOTP_OLD, true), (NEW, false), (TOTP_NEW, false)] {
        let stored = sealed(under, b"a secret", None);
        let (Verdict::UnderOld(opened) | Verdict::UnderNew(opened)) = classify(&recoder, &stored) else {
            panic!("{under}")
        };
        let keys: Vec<_> = opened.keys().collect();
        assert!(matches!(&*keys, [only] if *recoder.ring().key(*only) == key(under)));
        assert_eq!(recoder.ring().replacement(keys[0]).is_some(), old);
    }
    assert!(matches!(
        classify(&recoder, &sealed(OTHER, b"a secret", None)),
        Verdict::Unreadable(Reason::ForeignKey)
    ));
}

/// A server opens values under its TOTP key with that key, whatever they name: nothing is asked of them.
#[test]
fn only_values_under_the_new_key_have_to_name_it() {
    let recoder = Recoder::new(ring(), Policy { upgrade: false, key_id: KeyIdPolicy::Always });
    assert!(matches!(classify(&recoder, &sealed(NEW, b"a secret", None)), Verdict::WithoutId(_)));
    assert!(matches!(classify(&recoder, &sealed(TOTP_NEW, b"a secret", None)), Verdict::UnderNew(_)));
}

#[test]
fn layers_under_different_keys_all_move() {
    let recoder = Recoder::new(ring(), AS_READ);
    let inner = sealed(OLDER, b"a secret", None);
    for outer in [OLD, NEW, OLDER] {
        let stored = sealed(outer, inner.as_bytes(), None);
        let new = reseal(&recoder, &stored);
        let Verdict::UnderNew(opened) = classify(&recoder, &new) else { panic!("{outer}") };
        assert_eq!(opened.plaintext(), b"a secret");
        assert!(opened.keys().all(|at| *recoder.ring().key(at) == key(NEW)), "{outer}");
    }
}

#[test]
fn an_empty_ciphertext_that_names_any_old_key_is_resealed() {
    let recoder = Recoder::new(ring(), AS_READ);
    for (named, stale) in [(OLD, true), (OLDER, true), (NEW, false), (OTHER, false)] {
        let stored = gcm(b"", &[7; 16], Some(key(named).key_id()));
        match classify(&recoder, &stored) {
            Verdict::UnderOld(opened) => {
                assert!(stale, "{named}");
                let new = recoder.reseal(stored.as_bytes(), &opened).unwrap();
                let new = String::from_utf8(new).unwrap();
                assert!(opens_under(&new, NEW) && names(&new).as_deref() == Some(key(NEW).key_id()));
            }
            Verdict::Plain => assert!(!stale, "{named}"),
            other => panic!("{other:?}"),
        }
    }
}

/// ECB says nothing of its key: with several that fit, the hash and the journal decide over all of them.
#[test]
fn a_value_without_proof_is_weighed_over_all_keys() {
    let (first, second) = two_keys_that_fit();
    let mut ring = KeyRing::new(key(OLD), key(NEW));
    ring.add_old(first.clone()).unwrap();
    ring.add_old(second.clone()).unwrap();
    let recoder = Recoder::new(ring, AS_READ);
    let (stored, plaintext) = ambiguous(&first);
    let classify = |evidence: Evidence<'_>| recoder.classify(&Codec::Envelope, stored.as_bytes(), evidence);
    assert!(classify(Evidence::default()).is_ambiguous());
    let recorded = |text: &[u8]| text == plaintext;
    let evidence = Evidence { hash: None, recorded: Some(&recorded) };
    let Verdict::UnderOld(opened) = classify(evidence) else { panic!("the journal knows it") };
    assert_eq!(opened.keys().map(|at| recoder.ring().key(at).clone()).collect::<Vec<_>>(), [first]);
    assert_eq!(opened.plaintext(), plaintext);
}

const SHORT: &[u8] = b"a token 123456";

fn ambiguous(under: &SecretKey) -> (String, &'static [u8]) {
    let bytes = cipher::seal(under, Transformation::Ecb, &[], SHORT).unwrap();
    (ecb(&bytes), SHORT)
}

/// A value that opens to text under a second key, too: found by trying keys.
fn two_keys_that_fit() -> (SecretKey, SecretKey) {
    let first = key(OLDER);
    let bytes = cipher::seal(&first, Transformation::Ecb, &[], SHORT).unwrap();
    let fits = |second: &SecretKey| {
        cipher::open(second, Transformation::Ecb, &[], &bytes)
            .is_ok_and(|text| std::str::from_utf8(&text).is_ok())
    };
    let second = (0..4_000_000u32).map(|n| key(&format!("{n:016}"))).find(fits);
    (first, second.expect("one key in about 60,000 fits a value of one block"))
}
