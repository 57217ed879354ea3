//! The ciphers against published vectors, against OpenSSL, and against themselves.

use proptest::prelude::*;

use super::*;

/// The data encryption key that every release ships with.
const SHIPPED: &str = "03BAFEB27A8E871CAD83C5CD4E771DAB";
const KEYS: [&str; 3] = ["0123456789abcdef", "0123456789abcdef01234567", SHIPPED];
const TRANSFORMATIONS: [Transformation; 3] = [Transformation::Gcm, Transformation::Ecb, Transformation::Cbc];

fn key(text: &str) -> SecretKey {
    SecretKey::parse(text).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// 0, 1, 2, …
fn counting(length: u8) -> Vec<u8> {
    (0..length).collect()
}

#[test]
fn a_key_is_hexadecimal_at_48_and_64_characters_and_its_own_bytes_otherwise() {
    assert_eq!(key(SHIPPED).bytes(), SHIPPED.as_bytes());
    assert_eq!(key("0123456789abcdef").bytes(), b"0123456789abcdef");
    assert_eq!(key("1234567890123e15").bytes(), b"1234567890123e15");
    assert_eq!(key(&"0a".repeat(24)).bytes(), [0x0a; 24]);
    assert_eq!(key(&"fF".repeat(32)).bytes(), [0xff; 32]);
    assert_ne!(key(SHIPPED), key(&SHIPPED.to_lowercase()), "case matters where the bytes are the key");
    assert_eq!(key(&"FF".repeat(32)), key(&"ff".repeat(32)), "and does not where it is hexadecimal");
}

#[test]
fn an_impossible_key_says_what_is_wrong_without_showing_it() {
    let error = |text: &str| SecretKey::parse(text).unwrap_err();
    for length in [0, 1, 15, 17, 23, 25, 31, 33, 47, 49, 63, 65, 128] {
        assert_eq!(error(&"a".repeat(length)), KeyError::Length(length));
    }
    assert_eq!(error("öööööööö-"), KeyError::Length(17), "counted in bytes");
    assert_eq!(error(&format!("{}x", "a".repeat(47))), KeyError::Hex { length: 48, at: 48 });
    assert_eq!(error(&format!("g{}", "a".repeat(63))), KeyError::Hex { length: 64, at: 1 });
    assert!(!error(&format!("{}zz", "1234567890".repeat(6) + "12")).to_string().contains("1234567890"));
}

#[test]
fn key_ids_are_those_of_the_server() {
    for (secret, id) in [
        (SHIPPED, "YpQYJpoqCVLjTT8EJsa87dKjKLw7ai4UWQ3ogj0p164="),
        ("9501cb661d04b0dbe68d17bff2060737", "0ho7aAJ0x5e6uzVdvgV0v+zCZT2fisMGO5WGFnmYpiw="),
        ("b5d030394142dda37b22997dbcc5640c", "IkM5x/de8ejV4GMRr0FdJIO5LcT0+b/wxLTsQWnmRE8="),
        ("b988c775c435f05c3da1fbecfe76c1e7", "b4UeiZoEU1cIKsmuv8P03NFwtKUymlmohrffKv8KwTM="),
        ("22b97077751bc066067ffeefb83a1c16", "Z32/u7zUsrJgVy7/i9vcXKhYFbewmKkI3YE74ywlvns="),
    ] {
        assert_eq!(key(secret).key_id(), id);
    }
}

#[test]
fn a_key_never_shows_itself() {
    let shown = format!("{:?}", key(SHIPPED));
    assert_eq!(shown, format!("SecretKey({})", key(SHIPPED).fingerprint()));
    assert!(!shown.contains(&SHIPPED[..6]));
}

/// NIST SP 800-38A (F.1.3, F.1.5, F.2.3, F.2.5) and test case 15 of the GCM specification.
#[test]
fn published_vectors_hold() {
    let aes192 = key("8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b");
    let aes256 = key("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
    let block = unhex("6bc1bee22e409f96e93d7e117393172a");
    for (key, transformation, first_block) in [
        (&aes192, Transformation::Ecb, "bd334f1d6e45f25ff712a214571fa5cc"),
        (&aes256, Transformation::Ecb, "f3eed1bdb5d2a03c064b5a7e3db181f8"),
        (&aes192, Transformation::Cbc, "4f021db243bc633d7178183a9fa071e8"),
        (&aes256, Transformation::Cbc, "f58c4c04d6e5f1ba779eabfb5f7bfbd6"),
    ] {
        let sealed = seal(key, transformation, &counting(16), &block).unwrap();
        assert_eq!(sealed[..16], unhex(first_block));
    }

    let gcm = key(&"feffe9928665731c6d6a8f9467308308".repeat(2));
    let plaintext = unhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
         1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
    );
    let sealed = unhex(
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
         8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad\
         b094dac5d93471bdec1a502270e3cc6c",
    );
    let iv = unhex("cafebabefacedbaddecaf888");
    assert_eq!(seal(&gcm, Transformation::Gcm, &iv, &plaintext).unwrap(), sealed);
    assert_eq!(*open(&gcm, Transformation::Gcm, &iv, &sealed).unwrap(), plaintext);
}

/// Made with OpenSSL by way of Python's `cryptography`: "wso2carbon" under the IV 0, 1, 2, ….
#[test]
fn openssl_agrees_for_every_key_and_iv_length() {
    const GCM: [[(u8, &str); 3]; 3] = [
        [
            (12, "8a4cab2f7d154954874890206d2c432a824dc0418460f0053e09"),
            (16, "e29be039f445419cccbd6e21a09d7ac0f4f95bf276fbfafe3f71"),
            (128, "7956715b1f5add557961883a342f3cf243ed8c1aa81bfa58535f"),
        ],
        [
            (12, "d868cd01fa93329d73e66720a3d6b486fe7d353961999e3d8b96"),
            (16, "27b590b1d4aa113013727977b2a956539c88e8e198ce30228635"),
            (128, "99286b632e705482d02c4ef472efb16ec9f530445cd07ea033ba"),
        ],
        [
            (12, "8e684804609a0382b2553d346d0677e49cd8f93c388dc18cc620"),
            (16, "4dd866ac30a2e615f64f880d62a922cfd63ff1037b845a91eae3"),
            (128, "d523c746ae7d6c305c96a3c94e0560a3c1a2394e44887d1a3f84"),
        ],
    ];
    const ECB: [&str; 3] = [
        "30e75f2c222dc8a7d5743d7a95850ed7",
        "c625d3aa6723ecb31d2cca0355219ed3",
        "2c89c359a77930a1127d310d9736ed9f",
    ];
    const CBC: [&str; 3] = [
        "a7f8f1050f194437f744d7fed1bb48e1",
        "6cd4f6e7755b2d8b2c9e30fae67ba77a",
        "b1538e7099419ca676b1dfcbbf9f1542",
    ];
    for (at, text) in KEYS.into_iter().enumerate() {
        let key = key(text);
        let both_ways = |transformation, iv_length, sealed: &str| {
            let (iv, sealed) = (counting(iv_length), unhex(sealed));
            assert_eq!(seal(&key, transformation, &iv, b"wso2carbon").unwrap(), sealed);
            assert_eq!(*open(&key, transformation, &iv, &sealed).unwrap(), b"wso2carbon");
        };
        for (iv_length, sealed) in GCM[at] {
            both_ways(Transformation::Gcm, iv_length, sealed);
        }
        both_ways(Transformation::Ecb, 0, ECB[at]);
        both_ways(Transformation::Cbc, 16, CBC[at]);
    }
}

#[test]
fn impossible_lengths_are_told_from_a_wrong_key() {
    let key = key(SHIPPED);
    for length in [0, 1, 11, 13, 15, 17, 127, 129] {
        let iv = counting(length);
        let wrong = OpenError::IvLength(length.into());
        assert_eq!(open(&key, Transformation::Gcm, &iv, &[0; 32]), Err(wrong));
        assert_eq!(open(&key, Transformation::Cbc, &iv, &[0; 32]), Err(wrong));
        assert_eq!(seal(&key, Transformation::Gcm, &iv, b""), Err(wrong));
        assert_eq!(seal(&key, Transformation::Cbc, &iv, b""), Err(wrong));
    }
    let iv = counting(16);
    for length in [0, 1, 15] {
        let wrong = Err(OpenError::CiphertextLength(length));
        for transformation in TRANSFORMATIONS {
            assert_eq!(open(&key, transformation, &iv, &vec![0; length]), wrong);
        }
    }
    for length in [17, 31, 33] {
        let wrong = Err(OpenError::CiphertextLength(length));
        assert_eq!(open(&key, Transformation::Ecb, &iv, &vec![0; length]), wrong);
        assert_eq!(open(&key, Transformation::Cbc, &iv, &vec![0; length]), wrong);
    }
    assert_eq!(open(&key, Transformation::Gcm, &iv, &[0; 16]), Err(OpenError::WrongKey));
}

#[test]
fn only_gcm_authenticates() {
    assert_eq!(TRANSFORMATIONS.map(Transformation::authenticates), [true, false, false]);
}

#[test]
fn no_iv_comes_twice() {
    let many = || (0..1000).map(|_| random_iv().unwrap()).collect::<Vec<_>>();
    let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(many)).collect();
    let ivs: std::collections::HashSet<_> =
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).chain(many()).collect();
    assert_eq!(ivs.len(), 5000);
}

/// Made with Python's `cryptography` (HKDF) and `hmac`. These values stand in journals: they must
/// never change.
#[test]
fn what_the_journal_holds_is_derived_as_documented() {
    let key = key("b988c775c435f05c3da1fbecfe76c1e7");
    assert_eq!(key.fingerprint(), "30e6d2d2024139eb");
    assert_eq!(
        chain_key(&key, b"rotation-7").to_vec(),
        unhex("ef93ea6c248c77be41de6497d1f95cb861e5c46d6d09f178ac1d89dd54b81ea5")
    );
    let digest =
        Digester::new(&key, b"rotation-7").digest(&[b"oauth2-access-token", b"ACCESS_TOKEN", b"value"]);
    assert_eq!(digest.to_vec(), unhex("21ca09edccf6a95c6ea35ce4f85543db"));
}

#[test]
fn a_digest_depends_on_the_key_the_rotation_and_where_each_part_ends() {
    let digester = Digester::new(&key(SHIPPED), b"1");
    let digest = digester.digest(&[b"ab", b"c"]);
    assert_eq!(digest, digester.clone().digest(&[b"ab", b"c"]));
    assert_ne!(digest, digester.digest(&[b"a", b"bc"]));
    assert_ne!(digest, digester.digest(&[b"abc"]));
    assert_ne!(digest, digester.digest(&[b"ab", b"c", b""]));
    assert_ne!(digest, Digester::new(&key(SHIPPED), b"2").digest(&[b"ab", b"c"]));
    assert_ne!(digest, Digester::new(&key(KEYS[0]), b"1").digest(&[b"ab", b"c"]));
}

fn any_key() -> impl Strategy<Value = SecretKey> {
    prop_oneof!["[ -~]{16}", "[ -~]{24}", "[ -~]{32}", "[0-9a-fA-F]{48}", "[0-9a-fA-F]{64}"]
        .prop_map(|text| key(&text))
}

fn any_iv() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just(12), Just(16), Just(128)]
        .prop_flat_map(|length| prop::collection::vec(any::<u8>(), length))
}

proptest! {
    #[test]
    fn what_is_sealed_opens(
        key in any_key(), iv in any_iv(), plaintext in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        for transformation in TRANSFORMATIONS {
            if transformation == Transformation::Cbc && iv.len() != IV_LENGTH {
                continue;
            }
            let sealed = seal(&key, transformation, &iv, &plaintext).unwrap();
            prop_assert_eq!(&*open(&key, transformation, &iv, &sealed).unwrap(), &plaintext);
        }
    }

    #[test]
    fn one_flipped_bit_closes_gcm(
        key in any_key(), iv in any_iv(), plaintext in prop::collection::vec(any::<u8>(), 0..100),
        flip in any::<prop::sample::Index>(),
    ) {
        let mut sealed = seal(&key, Transformation::Gcm, &iv, &plaintext).unwrap();
        let mut flipped_iv = iv.clone();
        let bit = flip.index(8 * (iv.len() + sealed.len()));
        match bit / 8 {
            byte if byte < iv.len() => flipped_iv[byte] ^= 1 << (bit % 8),
            byte => sealed[byte - iv.len()] ^= 1 << (bit % 8),
        }
        prop_assert_eq!(open(&key, Transformation::Gcm, &flipped_iv, &sealed), Err(OpenError::WrongKey));
    }

    #[test]
    fn another_key_does_not_open_gcm(one in any_key(), other in any_key(), iv in any_iv()) {
        prop_assume!(one != other);
        let sealed = seal(&one, Transformation::Gcm, &iv, b"").unwrap();
        prop_assert_eq!(open(&other, Transformation::Gcm, &iv, &sealed), Err(OpenError::WrongKey));
    }

    #[test]
    fn no_bytes_make_a_cipher_panic(
        key in any_key(), iv in prop::collection::vec(any::<u8>(), 0..140),
        ciphertext in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        for transformation in TRANSFORMATIONS {
            let _ = open(&key, transformation, &iv, &ciphertext);
        }
    }
}

#[test]
fn weak_keys_are_known_and_random_ones_are_not() {
    let key = |text: &str| SecretKey::parse(text).unwrap();
    let old = key("7c40f9a2532d8e61b7f94c03a5d6e18b");
    for weak in [
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "0123456789abcdef0123456789abcdef",
        "passwordpasswordpasswordpassword",
        "abcdefghijklmnopqrstuvwxyz012345",
        "11112222333344441111222233334444",
        "7c40f9a2532d8e61",
        "passwordpassword1passwordpasswor",
        "S3cret!keyS3cret!key-S3cret!key!",
        "00010203040506070809101112131415",
        "02040608101214161820222426283032",
        "000102030405060708090a0b0c0d0e0f",
        "31302928272625242322212019181716",
        "00100200300400500600700800901001",
        "123123412345123456123123412345az",
        "aabbaabbccddaabbccddaabbaabbccdd",
        "0000000000000000000000000000000000000000000000000000000000000001",
        // Rows and columns of keyboards.
        "qwertyuiopasdfghjklzxcvbnm123456",
        "QWERTYUIOPASDFGHJKLZXCVBNM!@#$%^",
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,",
        "poiuztrewqlkjhgfdsamnbvcxy098765",
        "qwertyuiop123456",
        // Near the old one: a digit changed, in capitals, backwards, from another place on, within a longer one.
        "7c40f9a2532d8e61b7f94c03a5d6e18c",
        "0c40f9a2532d8e61b7f94c03a5d6e18b",
        "7c40f9a2532d8e60b7f94c03a5d6e18b",
        "7C40F9A2532D8E61B7F94C03A5D6E18B",
        "b81e6d5a30c49f7b16e8d2352a9f04c7",
        "B81E6D5A30C49F7B16E8D2352A9F04C8",
        "9a2532d8e61b7f94c03a5d6e18b7c40f",
        "c40f9a2532d8e61b7f94c03a5d6e18bb",
        "37633430663961323533326438653631623766393463303361356436653138623",
        // The published one, nearly.
        "03bafeb27a8e871cad83c5cd4e771dac",
        "BAD177E4DC5C38DAC178E8A72BEFAB30",
    ] {
        let weak = if weak.len() == 65 { &weak[..64] } else { weak };
        assert!(key(weak).weakness(&old).is_some(), "{weak}");
    }
    // Known is whatever was a key once, not only what it replaces.
    let (other, near) = ("5e0d9c3b7a61f28440d1c6b8e97f3a52", "5e0d9c3b7a61f28440d1c6b8e97f3a53");
    assert_eq!(key(near).weakness(&old), None);
    assert!(key(near).is_like(&key(other)));
    assert!(!key(near).is_like(&old));
    let mut bytes = [0; 32];
    for round in 0..5_000 {
        getrandom::fill(&mut bytes).unwrap();
        let digit = |half: u8| char::from_digit(half.into(), 16).unwrap();
        let hex: String = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        for text in [&hex[..32], &hex] {
            assert_eq!(key(text).weakness(&old), None, "{text}");
        }
        // Of so few digits one key in a hundred thousand looks weak by chance.
        if round < 50 {
            assert_eq!(key(&hex[..16]).weakness(&key(&hex[16..32])), None, "{hex}");
        }
    }
}
