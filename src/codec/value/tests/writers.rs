//! Values of every writer, as Java's ciphers make them (`tests/support/java/MakeVectors.java`).

use serde_json::Value;

use super::*;

/// The values, one JSON object a line.
const WRITERS: &str = include_str!("../../../../tests/vectors/writers.jsonl");

#[test]
fn the_values_of_every_writer_are_opened_and_keep_their_shape() {
    let vectors: Vec<Value> = WRITERS.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(vectors.len() > 70);
    let (mut resealed, mut plaintexts) = (Vec::new(), Vec::new());
    for vector in &vectors {
        let text = |name: &str| vector[name].as_str().unwrap();
        let (stored, plaintext) = (text("stored"), unhex(&vector["plaintext"]));
        let recoder = Recoder::new(KeyRing::new(key(text("key")), key(NEW)), AS_READ);
        let verdict = recoder.classify(&Codec::Envelope, stored.as_bytes(), Evidence::default());
        let opened = match verdict {
            Verdict::UnderOld(opened) => opened,
            // Servers seal nothing of an empty text.
            Verdict::Plain if plaintext.is_empty() => continue,
            other => panic!("{}: {other:?}", text("writer")),
        };
        assert_eq!(opened.plaintext(), plaintext, "{}", text("writer"));
        let new = String::from_utf8(recoder.reseal(stored.as_bytes(), &opened).unwrap()).unwrap();
        let [before, after] = [stored, &new].map(members);
        assert_eq!(before, after, "{}", text("writer"));
        if !plaintext.is_empty() {
            resealed.push((NEW, new));
            plaintexts.push(vector["plaintext"].clone());
        }
    }
    assert!(resealed.len() > 50);
    for (opened, plaintext) in open_elsewhere(&resealed).iter().zip(plaintexts) {
        assert_eq!(opened["plaintext"], plaintext, "{opened}");
    }
}

/// The names of all members of both layers: what a reader looks for.
fn members(stored: &str) -> Vec<String> {
    let outer: Value = serde_json::from_slice(&STANDARD.decode(stored).unwrap()).unwrap();
    let names = |object: &Value| object.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let inner = STANDARD.decode(outer["c"].as_str().unwrap()).unwrap();
    let inner: Option<Value> = serde_json::from_slice(&inner).ok();
    [names(&outer), inner.map(|inner| names(&inner)).unwrap_or_default()].concat()
}
