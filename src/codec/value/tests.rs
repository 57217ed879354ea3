//! Which key opens what, what is written instead, and that other programs can read it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use keyrotation_cipher::Transformation;

mod evidence;
mod properties;
mod ring;
mod writers;

const OLD: &str = "03BAFEB27A8E871CAD83C5CD4E771DAB";
const NEW: &str = "b988c775c435f05c3da1fbecfe76c1e7";
const OTHER: &str = "22b97077751bc066067ffeefb83a1c16";

const AS_READ: Policy = Policy { upgrade: false, key_id: KeyIdPolicy::AsRead };
const SERVER: &str = include_str!("../../../tests/vectors/server_7_1.txt");

fn key(text: &str) -> SecretKey {
    SecretKey::parse(text).unwrap()
}

fn recoder(policy: Policy) -> Recoder {
    Recoder::new(KeyRing::new(key(OLD), key(NEW)), policy)
}

fn outer(outer: &Value) -> String {
    STANDARD.encode(outer.to_string())
}

fn gcm(ciphertext: &[u8], iv: &[u8], key_id: Option<&str>) -> String {
    let mut inner =
        json!({"cipher": STANDARD.encode(ciphertext), "initializationVector": STANDARD.encode(iv)});
    if let Some(key_id) = key_id {
        inner["keyId"] = key_id.into();
    }
    let c = STANDARD.encode(inner.to_string());
    outer(&json!({"c": c, "t": "AES/GCM/NoPadding", "iv": STANDARD.encode(iv)}))
}

fn ecb(ciphertext: &[u8]) -> String {
    outer(&json!({"c": STANDARD.encode(ciphertext), "t": "AES"}))
}

fn cbc(ciphertext: &[u8], iv: &[u8]) -> String {
    outer(&json!({"c": STANDARD.encode(ciphertext), "t": "AES/CBC/PKCS5Padding", "iv": STANDARD.encode(iv)}))
}

/// A stored value of each form.
fn seal(transformation: Transformation, key: &SecretKey, iv: &[u8], plaintext: &[u8]) -> String {
    let ciphertext = cipher::seal(key, transformation, iv, plaintext).unwrap();
    match transformation {
        Transformation::Gcm => gcm(&ciphertext, iv, None),
        Transformation::Ecb => ecb(&ciphertext),
        Transformation::Cbc => cbc(&ciphertext, iv),
    }
}

fn classify(recoder: &Recoder, stored: &str) -> Verdict {
    recoder.classify(&Codec::Envelope, stored.as_bytes(), Evidence::default())
}

fn under_old(recoder: &Recoder, stored: &str) -> Opened {
    match classify(recoder, stored) {
        Verdict::UnderOld(opened) => opened,
        other => panic!("{other:?}"),
    }
}

fn under_new(recoder: &Recoder, stored: &str) -> Opened {
    match classify(recoder, stored) {
        Verdict::UnderNew(opened) => opened,
        other => panic!("{other:?}"),
    }
}

fn unreadable(stored: &str, evidence: Evidence<'_>) -> Reason {
    match recoder(AS_READ).classify(&Codec::Envelope, stored.as_bytes(), evidence) {
        Verdict::Unreadable(reason) => reason,
        other => panic!("{other:?}"),
    }
}

fn reseal(recoder: &Recoder, stored: &str) -> String {
    let resealed = recoder.reseal(stored.as_bytes(), &under_old(recoder, stored)).unwrap();
    String::from_utf8(resealed).unwrap()
}

fn unhex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// What another implementation makes of (key, value) pairs.
fn open_elsewhere(pairs: &[(&str, String)]) -> Vec<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/support/open_values.py");
    let mut python = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 with the package `cryptography` is installed");
    let mut stdin = python.stdin.take().unwrap();
    let requests: String =
        pairs.iter().map(|(key, value)| json!({"key": key, "value": value}).to_string() + "\n").collect();
    let writer = std::thread::spawn(move || stdin.write_all(requests.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().expect("the script reads its input (is the package `cryptography` installed?)");
    assert!(output.status.success());
    let answers: Vec<_> = output
        .stdout
        .split(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    assert_eq!(answers.len(), pairs.len());
    answers
}

fn vectors() -> Vec<Value> {
    let vectors: Vec<_> = serde_json::from_str(include_str!("../../../tests/vectors/vectors.json")).unwrap();
    assert!(vectors.len() > 100);
    vectors
}

#[test]
fn what_java_wrote_opens_under_its_key_and_is_resealed_with_the_other() {
    let mut resealed = Vec::new();
    let vectors = vectors();
    for vector in &vectors {
        let text = |name: &str| vector[name].as_str().unwrap();
        let recoder = Recoder::new(KeyRing::new(key(text("oldKey")), key(text("newKey"))), AS_READ);
        let plaintext = unhex(&vector["plaintextHex"]);

        assert_eq!(under_old(&recoder, text("oldCiphertext")).plaintext(), plaintext);
        assert_eq!(under_new(&recoder, text("newCiphertext")).plaintext(), plaintext);

        let value = reseal(&recoder, text("oldCiphertext"));
        assert_eq!(under_new(&recoder, &value).plaintext(), plaintext);
        assert_eq!(value.len(), text("newCiphertext").len());
        resealed.push((text("newKey"), value));
    }
    for (vector, opened) in vectors.iter().zip(open_elsewhere(&resealed)) {
        assert_eq!(opened["plaintext"], vector["plaintextHex"], "{opened}");
        assert_eq!((&opened["exact"], &opened["keyId"]), (&json!(true), &json!(null)));
    }
}

/// Every form that is read, under every length of key and every policy, rotated here and
/// opened by other code.
#[test]
fn another_implementation_opens_every_form_that_is_written() {
    let keys = [
        NEW.to_owned(),
        "0123456789abcdef".to_owned(),
        "24 characters are a key!".to_owned(),
        "5a".repeat(32),
    ];
    let iv = |length| (0..length).collect::<Vec<u8>>();
    let seal_gcm =
        |length| cipher::seal(&key(OLD), Transformation::Gcm, &iv(length), b"p\xc3\xa4ss").unwrap();
    let mut values = Vec::new();
    for length in [12, 16, 128] {
        values.push((gcm(&seal_gcm(length), &iv(length), None), "gcm", false));
        values.push((gcm(&seal_gcm(length), &iv(length), Some(key(OLD).key_id())), "gcm", true));
    }
    values.push((seal(Transformation::Ecb, &key(OLD), &[], b"p\xc3\xa4ss"), "ecb", false));
    values.push((seal(Transformation::Cbc, &key(OLD), &iv(16), b"p\xc3\xa4ss"), "cbc", false));

    let (mut pairs, mut expected) = (Vec::new(), Vec::new());
    for new in &keys {
        for upgrade in [false, true] {
            for key_id in [KeyIdPolicy::AsRead, KeyIdPolicy::Always] {
                let recoder = Recoder::new(KeyRing::new(key(OLD), key(new)), Policy { upgrade, key_id });
                for (value, form, had_key_id) in &values {
                    pairs.push((new.as_str(), reseal(&recoder, value)));
                    let form = if upgrade { "gcm" } else { form };
                    let named = form == "gcm" && (*had_key_id || key_id == KeyIdPolicy::Always);
                    expected.push((form, named));
                }
            }
        }
    }
    for (opened, (form, named)) in open_elsewhere(&pairs).iter().zip(expected) {
        assert_eq!(unhex(&opened["plaintext"]), b"p\xc3\xa4ss");
        assert_eq!(opened["form"], form);
        assert_eq!(opened["exact"], true);
        assert_eq!((&opened["ownKeyId"], opened["keyId"].is_string()), (&json!(named), named));
        assert_eq!(
            opened["iv"],
            if form == "ecb" { 0 } else { 16 },
            "a new IV has 16 bytes, whatever the old one had"
        );
    }
}

#[test]
fn a_value_of_a_7_1_server_keeps_its_key_id() {
    let recoder = Recoder::new(KeyRing::new(key(OTHER), key(NEW)), AS_READ);
    let value = reseal(&recoder, SERVER);
    let Ok(Content::Sealed(sealed)) = envelope::parse(&value) else { panic!() };
    assert_eq!(sealed.key_id.as_deref(), Some(key(NEW).key_id()));
    assert_eq!(under_new(&recoder, &value).plaintext(), b"wso2carbon");
}

#[test]
fn a_third_key_is_foreign() {
    for transformation in [Transformation::Gcm, Transformation::Ecb, Transformation::Cbc] {
        let value = seal(transformation, &key(OTHER), &[1; 16], b"secret");
        assert_eq!(unreadable(&value, Evidence::default()), Reason::ForeignKey, "{transformation:?}");
    }
}

#[test]
fn a_key_id_is_a_hint_and_never_proof() {
    let recoder = recoder(AS_READ);
    let sealed = |with: &str| cipher::seal(&key(with), Transformation::Gcm, &[1; 16], b"secret").unwrap();
    for lie in [OLD, NEW, OTHER].map(key) {
        let value = |with: &str| gcm(&sealed(with), &[1; 16], Some(lie.key_id()));
        assert_eq!(under_old(&recoder, &value(OLD)).plaintext(), b"secret");
        assert_eq!(under_new(&recoder, &value(NEW)).plaintext(), b"secret");
        assert_eq!(unreadable(&value(OTHER), Evidence::default()), Reason::ForeignKey);
    }
}

#[test]
fn ecb_and_cbc_that_do_not_open_to_text_are_foreign() {
    for transformation in [Transformation::Ecb, Transformation::Cbc] {
        let value = seal(transformation, &key(OLD), &[1; 16], b"\xff\xfe");
        assert_eq!(unreadable(&value, Evidence::default()), Reason::ForeignKey);
    }
    let value = seal(Transformation::Gcm, &key(OLD), &[1; 16], b"\xff\xfe");
    assert_eq!(
        under_old(&recoder(AS_READ), &value).plaintext(),
        b"\xff\xfe",
        "the tag vouches for any bytes"
    );
}

#[test]
fn what_has_nothing_encrypted_is_plain() {
    let empty = gcm(b"", &[1; 16], None);
    for value in ["", "secret", "c2VjcmV0", "{}", "e30=", &empty, &ecb(b""), &cbc(b"", &[1; 16])] {
        assert!(matches!(classify(&recoder(AS_READ), value), Verdict::Plain), "{value}");
    }
}

#[test]
fn what_cannot_be_opened_says_why() {
    let none = Evidence::default();
    assert_eq!(unreadable(&outer(&json!({"c": "AAAA", "t": "RSA"})), none), Reason::KeystoreWrapped);
    assert_eq!(unreadable(&outer(&json!({"c": "AAAA", "t": "DES"})), none), Reason::UnknownTransformation);
    for damaged in [
        gcm(&[7; 32], &[1; 15], None),
        gcm(&[7; 15], &[1; 16], None),
        ecb(&[7; 15]),
        cbc(&[7; 17], &[1; 16]),
        cbc(&[7; 16], &[1; 12]),
    ] {
        assert!(matches!(unreadable(&damaged, none), Reason::Damaged(_)));
    }
    let verdict = recoder(AS_READ).classify(&Codec::Envelope, b"\xff", none);
    assert!(matches!(verdict, Verdict::Unreadable(Reason::NotText)));
}

fn slots(texts: &[&str]) -> Vec<Slot> {
    texts.iter().map(|text| Slot { range: 0..0, text: (*text).to_owned() }).collect()
}

#[test]
fn of_several_slots_only_the_encrypted_count() {
    let (old, new) = (key(OLD), key(NEW));
    let gcm = |key, text: &[u8]| seal(Transformation::Gcm, key, &[1; 16], text);
    let open =
        |texts: &[&str]| recoder(AS_READ).open(&Codec::Xml, slots(texts), Evidence::default()).unwrap();

    let mixed = open(&["plain", &gcm(&old, b"one"), "", &gcm(&new, b"two!")]);
    assert_eq!(mixed.slots(), 2);
    assert_eq!(mixed.plaintext(), b"\x03\0\0\0\0\0\0\0one\x04\0\0\0\0\0\0\0two!");
    assert_eq!(
        mixed.parts.iter().map(|part| (part.index, part.layers[0].is_under_old())).collect::<Vec<_>>(),
        [(1, true), (3, false)]
    );

    assert_eq!(open(&["plain", &gcm(&old, b"one")]).plaintext(), b"one");
    assert_eq!((open(&["plain"]).slots(), open(&["plain"]).plaintext()), (0, &b""[..]));
    let guessed = seal(Transformation::Ecb, &old, &[], b"one");
    assert!(mixed.authenticated() && !open(&[&guessed, &gcm(&old, b"two")]).authenticated());
}

#[test]
fn one_unreadable_slot_makes_the_whole_value_unreadable() {
    let good = seal(Transformation::Gcm, &key(OLD), &[1; 16], b"secret");
    let foreign = seal(Transformation::Gcm, &key(OTHER), &[1; 16], b"secret");
    let opened = recoder(AS_READ).open(&Codec::Xml, slots(&[&good, &foreign]), Evidence::default());
    assert_eq!(opened.err(), Some(Reason::ForeignKey));
}

#[test]
fn the_same_value_is_never_sealed_the_same_way_twice() {
    let recoder = recoder(AS_READ);
    for transformation in [Transformation::Gcm, Transformation::Cbc] {
        let value = seal(transformation, &key(OLD), &[1; 16], b"secret");
        assert_ne!(reseal(&recoder, &value), reseal(&recoder, &value), "the IV is fresh");
    }
}

#[test]
fn what_is_under_the_new_key_is_left_byte_for_byte() {
    let recoder = recoder(Policy { upgrade: true, key_id: KeyIdPolicy::Always });
    let value = seal(Transformation::Ecb, &key(NEW), &[], b"secret");
    let opened = under_new(&recoder, &value);
    assert_eq!(recoder.reseal(value.as_bytes(), &opened), Ok(value.into_bytes()));
}

#[test]
fn a_value_that_does_not_read_back_is_never_returned() {
    let recoder = recoder(AS_READ);
    let value = seal(Transformation::Gcm, &key(OLD), &[1; 16], b"secret");
    let mut opened = under_old(&recoder, &value);
    // As if the codec had spliced into the wrong place, or into the wrong slot.
    let longer = format!("{value}{value}");
    assert_eq!(recoder.reseal(longer.as_bytes(), &opened), Err(Reason::SealedWrong));
    opened.parts[0].index = 1;
    assert_eq!(recoder.reseal(value.as_bytes(), &opened), Err(Reason::SealedWrong));
}

#[test]
fn nothing_that_is_printed_shows_a_secret() {
    let recoder = recoder(AS_READ);
    let value = seal(Transformation::Gcm, &key(OLD), &[1; 16], b"my secret");
    let slots = Codec::Envelope.slots(value.as_bytes()).unwrap();
    let shown =
        format!("{recoder:?} {:?} {slots:?} {:?}", classify(&recoder, &value), classify(&recoder, SERVER));
    for secret in ["my secret", "109, 121", OLD, NEW, &value[..12], "107, 50"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("UnderOld(Opened[(\"old\", Gcm)])"), "{shown}");
}

/// Encrypted twice: neither layer may stay under the old key.
#[test]
fn an_envelope_within_an_envelope_is_resealed_in_both_layers() {
    let recoder = recoder(AS_READ);
    for inner in [Transformation::Gcm, Transformation::Ecb] {
        let within = seal(inner, &key(OLD), &[3; 16], b"a secret of a secret");
        for outer_key in [OLD, NEW] {
            let stored = seal(Transformation::Gcm, &key(outer_key), &[5; 16], within.as_bytes());
            let value = reseal(&recoder, &stored);
            let outside = &open_elsewhere(&[(NEW, value.clone())])[0];
            let between = String::from_utf8(unhex(&outside["plaintext"])).unwrap();
            assert_ne!(between, within);
            let inside = &open_elsewhere(&[(NEW, between)])[0];
            assert_eq!(unhex(&inside["plaintext"]), b"a secret of a secret");
            assert_eq!(under_new(&recoder, &value).plaintext(), b"a secret of a secret");
        }
    }
    // Of another key, it is a text like any other.
    let foreign = seal(Transformation::Gcm, &key(OTHER), &[3; 16], b"not ours");
    let stored = seal(Transformation::Gcm, &key(OLD), &[5; 16], foreign.as_bytes());
    assert_eq!(under_new(&recoder, &reseal(&recoder, &stored)).plaintext(), foreign.as_bytes());
}

#[test]
fn an_empty_ciphertext_that_names_the_old_key_is_resealed() {
    let recoder = recoder(AS_READ);
    let stored = gcm(b"", &[9; 16], Some(key(OLD).key_id()));
    let value = reseal(&recoder, &stored);
    assert_eq!(under_new(&recoder, &value).plaintext(), b"");
    let elsewhere = &open_elsewhere(&[(NEW, value)])[0];
    assert_eq!((&elsewhere["plaintext"], &elsewhere["keyId"]), (&json!(""), &json!(key(NEW).key_id())));
    for other in [None, Some(key(NEW).key_id()), Some(key(OTHER).key_id())] {
        let verdict = classify(&recoder, &gcm(b"", &[9; 16], other));
        assert!(matches!(verdict, Verdict::Plain), "{verdict:?}");
    }
}
