//! Stored values through classifying and a rotation. What an input is, its first byte says: an
//! envelope, the JSON in it, the JSON in that, or a plaintext to be sealed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyrotation::cipher::{self, KeyRing, SecretKey, Transformation};
use keyrotation_codec::Codec;
use keyrotation_codec::value::{Evidence, KeyIdPolicy, Policy, Recoder, Verdict};

pub(crate) const DICTIONARY: &[&[u8]] = &[
    b"{\"c\":\"",
    b"\",\"t\":\"AES/GCM/NoPadding\"",
    b"\"t\":\"AES/CBC/PKCS5Padding\"",
    b"\"t\":\"AES\"",
    b"\"t\":\"AES/ECB/PKCS5Padding\"",
    b"\"t\":\"RSA/ECB/OAEPwithSHA1andMGF1Padding\"",
    b"\"t\":null",
    b"\"iv\":\"",
    b"{\"cipher\":\"",
    b"\"initializationVector\":\"",
    b"\"keyId\":\"",
    b"\\u003d",
    b"\\\"",
    b"=",
    b"==",
    b"AAAA",
    b"_-",
    b"\r\n",
    b"\"}",
    b"}",
    b"null",
    b"eyJjIjoi",
];

fn recoders() -> &'static [Recoder; 3] {
    static RECODERS: OnceLock<[Recoder; 3]> = OnceLock::new();
    RECODERS.get_or_init(|| {
        let policies = [
            Policy { upgrade: false, key_id: KeyIdPolicy::AsRead },
            Policy { upgrade: true, key_id: KeyIdPolicy::AsRead },
            Policy { upgrade: true, key_id: KeyIdPolicy::Always },
        ];
        policies.map(|policy| Recoder::new(KeyRing::new(old_key(), new_key()), policy))
    })
}

fn old_key() -> SecretKey {
    SecretKey::parse("7f3a9c51e8b24d60a1c7f05e92d4b836").expect("a key")
}

fn new_key() -> SecretKey {
    SecretKey::parse("2d8e61b7f94c03a5d6e18b7c40f9a253").expect("a key")
}

pub(crate) fn run(input: &[u8]) -> u64 {
    let mut seen = DefaultHasher::new();
    let Some((kind, rest)) = input.split_first() else { return 0 };
    let stored = match kind {
        b'1' => STANDARD.encode(rest).into_bytes(),
        b'2' => {
            let c = STANDARD.encode(rest);
            STANDARD.encode(format!(r#"{{"c":"{c}","t":"AES/GCM/NoPadding","iv":"AAAA"}}"#)).into_bytes()
        }
        b'3' => sealed(rest),
        _ => rest.to_vec(),
    };
    let recoder = &recoders()[rest.len() % 3];
    let verdict = recoder.classify(&Codec::Envelope, &stored, Evidence::default());
    kind.hash(&mut seen);
    match &verdict {
        Verdict::UnderOld(opened) => {
            if *kind == b'3' {
                assert!(opened.plaintext() == rest, "another plaintext than was sealed");
            }
            rotates(recoder, &stored, &verdict);
            (0, opened.slots(), opened.authenticated()).hash(&mut seen);
        }
        Verdict::UnderNew(opened) | Verdict::WithoutId(opened) => {
            (1, opened.slots(), opened.authenticated()).hash(&mut seen);
        }
        Verdict::Plain => 2.hash(&mut seen),
        Verdict::Unreadable(reason) => {
            assert!(*kind != b'3' || verdict.is_ambiguous(), "what was sealed cannot be read: {reason}");
            (3, reason.to_string()).hash(&mut seen);
        }
    }
    rest.len().checked_ilog2().hash(&mut seen);
    seen.finish()
}

/// A plaintext under the old key, in one of the forms that servers write.
fn sealed(plaintext: &[u8]) -> Vec<u8> {
    // What ECB and CBC hold is told from noise by being text.
    let transformation = match plaintext.len() % 3 {
        0 if std::str::from_utf8(plaintext).is_ok() && !plaintext.is_empty() => Transformation::Ecb,
        1 if std::str::from_utf8(plaintext).is_ok() => Transformation::Cbc,
        _ => Transformation::Gcm,
    };
    let iv = [0x5a; 16];
    let bytes = cipher::seal(&old_key(), transformation, &iv, plaintext).expect("it is sealed");
    let (bytes, iv) = (STANDARD.encode(bytes), STANDARD.encode(iv));
    let envelope = match transformation {
        Transformation::Gcm => {
            let inner = STANDARD.encode(format!(r#"{{"cipher":"{bytes}","initializationVector":"{iv}"}}"#));
            format!(r#"{{"c":"{inner}","t":"AES/GCM/NoPadding","iv":"{iv}"}}"#)
        }
        Transformation::Cbc => format!(r#"{{"c":"{bytes}","t":"AES/CBC/PKCS5Padding","iv":"{iv}"}}"#),
        Transformation::Ecb => format!(r#"{{"c":"{bytes}","t":"AES/ECB/PKCS5Padding"}}"#),
    };
    STANDARD.encode(envelope).into_bytes()
}

/// What is under the old key comes under the new one, and holds what it held.
fn rotates(recoder: &Recoder, stored: &[u8], verdict: &Verdict) {
    let Verdict::UnderOld(opened) = verdict else { return };
    let resealed = recoder.reseal(stored, opened).expect("what opens can be sealed");
    match recoder.classify(&Codec::Envelope, &resealed, Evidence::default()) {
        Verdict::UnderNew(again) => {
            assert!(again.plaintext() == opened.plaintext(), "it holds something else now");
        }
        other => assert!(other.is_ambiguous() && !opened.authenticated(), "{other:?} after a rotation"),
    }
}
