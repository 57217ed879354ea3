//! What decides where a cipher does not.

use sha2::{Digest as _, Sha256};

use super::*;

/// ECB with right padding and valid UTF-8 under both keys, found by trying three million tokens.
const BOTH: &str = "93fadee20f06f976e05af376d1e1e441";
const BOTH_UNDER_OLD: &[u8] = b"tok000000159f49";
const BOTH_UNDER_NEW: &[u8] = b".cUJ\x17JXs<E\x02&4v ";

fn both() -> String {
    let bytes: Vec<_> =
        (0..BOTH.len()).step_by(2).map(|at| u8::from_str_radix(&BOTH[at..at + 2], 16).unwrap()).collect();
    ecb(&bytes)
}

fn hash_column(plaintext: &[u8]) -> String {
    let digits =
        Sha256::digest(plaintext).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    json!({"algorithm": "SHA-256", "hash": digits}).to_string()
}

#[test]
fn without_evidence_a_value_that_opens_under_both_keys_is_ambiguous() {
    let verdict = classify(&recoder(AS_READ), &both());
    assert!(verdict.is_ambiguous());
    assert!(!classify(&recoder(AS_READ), SERVER).is_ambiguous());
}

#[test]
fn the_rows_hash_decides_between_two_keys_that_fit() {
    let recoder = recoder(AS_READ);
    let classify = |hash: &str| {
        recoder.classify(&Codec::Envelope, both().as_bytes(), Evidence { hash: Some(hash), recorded: None })
    };
    assert!(
        matches!(classify(&hash_column(BOTH_UNDER_OLD)), Verdict::UnderOld(opened) if opened.plaintext() == BOTH_UNDER_OLD)
    );
    assert!(
        matches!(classify(&hash_column(BOTH_UNDER_NEW)), Verdict::UnderNew(opened) if opened.plaintext() == BOTH_UNDER_NEW)
    );
    assert!(matches!(classify(&hash_column(b"neither")), Verdict::Unreadable(Reason::HashDisagrees)));
    assert!(classify("no hash").is_ambiguous());
}

#[test]
fn the_journal_decides_where_no_hash_does() {
    let recoder = recoder(AS_READ);
    let classify = |recorded: Recorded<'_>, hash: Option<&str>| {
        recoder.classify(&Codec::Envelope, both().as_bytes(), Evidence { hash, recorded: Some(recorded) })
    };
    assert!(matches!(classify(&|text| text == BOTH_UNDER_OLD, None), Verdict::UnderOld(_)));
    assert!(matches!(classify(&|text| text == BOTH_UNDER_NEW, None), Verdict::UnderNew(_)));
    assert!(matches!(classify(&|text| text == BOTH_UNDER_NEW, Some("no hash")), Verdict::UnderNew(_)));
    assert!(classify(&|_| false, None).is_ambiguous());
    assert!(classify(&|_| true, None).is_ambiguous());

    let hash = hash_column(BOTH_UNDER_OLD);
    let overruled = classify(&|text| text == BOTH_UNDER_NEW, Some(&hash));
    assert!(matches!(overruled, Verdict::UnderOld(_)), "the hash comes first");
}

#[test]
fn the_journal_does_not_close_what_only_one_key_opens() {
    let value = seal(Transformation::Ecb, &key(OLD), &[], b"changed since");
    let evidence = Evidence { hash: None, recorded: Some(&|_| false) };
    let verdict = recoder(AS_READ).classify(&Codec::Envelope, value.as_bytes(), evidence);
    assert!(matches!(verdict, Verdict::UnderOld(_)));
}

#[test]
fn a_contradicting_hash_closes_ecb_and_cbc_but_not_gcm() {
    let hash = hash_column(b"another value");
    let evidence = Evidence { hash: Some(&hash), recorded: None };
    for transformation in [Transformation::Ecb, Transformation::Cbc] {
        let value = seal(transformation, &key(OLD), &[1; 16], b"secret");
        assert_eq!(unreadable(&value, evidence), Reason::HashDisagrees);
    }
    let value = seal(Transformation::Gcm, &key(OLD), &[1; 16], b"secret");
    let verdict = recoder(AS_READ).classify(&Codec::Envelope, value.as_bytes(), evidence);
    assert!(matches!(verdict, Verdict::UnderOld(_)));
}

#[test]
fn evidence_speaks_only_of_a_value_with_a_single_ciphertext() {
    let good = seal(Transformation::Gcm, &key(OLD), &[1; 16], b"secret");
    let evidence = Evidence { hash: None, recorded: Some(&|text| text == BOTH_UNDER_OLD) };
    let open = |texts: &[&str]| recoder(AS_READ).open(&Codec::Xml, slots(texts), evidence);
    assert_eq!(open(&["plain", &both()]).unwrap().plaintext(), BOTH_UNDER_OLD);
    assert_eq!(open(&[&good, &both()]).err(), Some(Reason::Ambiguous));
}

#[test]
fn a_hash_column_is_evidence_only_where_it_is_understood() {
    let column =
        |algorithm: &str, hash: &str| json!({"hash": hash, "algorithm": algorithm, "x": 1}).to_string();
    let sha256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"; // of "secret", by sha256sum
    let sha512 = "bd2b1aaf7ef4f09be9f52ce2d8d599674d81aa9d6a4421696dc4d93dd0619d682ce56b4d64a9ef097761ced99e0f67265b5f76085e5b0ee7ca4696b2ad6fe2b2";
    let sha384 =
        "58a775ba4112be3005ae4407ce757d88fda71d40497bb8026ecac54d4e3ffc7232ce8de3ab5acb30ae39760fee7c53ed";
    assert_eq!(hash_agrees(&column("SHA-256", sha256), b"secret"), Some(true));
    assert_eq!(hash_agrees(&column("sha-256", &sha256.to_uppercase()), b"secret"), Some(true));
    assert_eq!(hash_agrees(&column("SHA-512", sha512), b"secret"), Some(true));
    assert_eq!(hash_agrees(&column("SHA-384", sha384), b"secret"), Some(true));
    assert_eq!(hash_agrees(&column("SHA-256", sha256), b"Secret"), Some(false));
    assert_eq!(hash_agrees(&column("SHA-512", sha512), b""), Some(false));
    for nothing in [
        "",
        "null",
        "{}",
        sha256,
        "{\"algorithm\":\"SHA-256\"}",
        &column("MD5", sha256),
        &column("SHA-256", sha512),
        &column("SHA-256", ""),
        &column("SHA-384", &sha384[2..]),
        &column("SHA-256", &sha256.replace('2', "x")),
    ] {
        assert_eq!(hash_agrees(nothing, b"secret"), None, "{nothing}");
    }
}
