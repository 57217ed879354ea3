//! What holds for any key, value and envelope.

use proptest::prelude::*;

use super::*;

fn any_key() -> impl Strategy<Value = SecretKey> {
    prop_oneof!["[ -~]{16}", "[ -~]{24}", "[ -~]{32}", "[0-9a-f]{48}", "[0-9a-f]{64}"]
        .prop_map(|text| key(&text))
}

fn any_form() -> impl Strategy<Value = (Transformation, Vec<u8>)> {
    prop_oneof![
        prop_oneof![Just(12), Just(16), Just(128)]
            .prop_flat_map(|length| (Just(Transformation::Gcm), prop::collection::vec(any::<u8>(), length))),
        Just((Transformation::Ecb, vec![])),
        (Just(Transformation::Cbc), prop::collection::vec(any::<u8>(), 16)),
    ]
}

proptest! {
    #[test]
    fn resealing_moves_any_value_to_the_new_key(
        (old, new) in (any_key(), any_key()).prop_filter("two keys", |(old, new)| old != new),
        (transformation, iv) in any_form(), plaintext in any::<String>(), upgrade: bool, always: bool,
    ) {
        let key_id = if always { KeyIdPolicy::Always } else { KeyIdPolicy::AsRead };
        let recoder = Recoder::new(KeyRing::new(old.clone(), new), Policy { upgrade, key_id });
        let value = seal(transformation, &old, &iv, plaintext.as_bytes());
        // Where both keys fit by chance, it is the journal that knows.
        let recorded = |text: &[u8]| text == plaintext.as_bytes();
        let evidence = Evidence { hash: None, recorded: Some(&recorded) };
        let Verdict::UnderOld(opened) = recoder.classify(&Codec::Envelope, value.as_bytes(), evidence) else {
            panic!()
        };
        let resealed = recoder.reseal(value.as_bytes(), &opened).unwrap();
        let Verdict::UnderNew(again) = recoder.classify(&Codec::Envelope, &resealed, evidence) else { panic!() };
        prop_assert_eq!(again.plaintext(), plaintext.as_bytes());
        let wanted = if upgrade { Transformation::Gcm } else { transformation };
        prop_assert_eq!(again.parts[0].layers[0].shape.transformation, wanted);
        prop_assert_eq!(again.parts[0].layers[0].shape.key_id, always && wanted == Transformation::Gcm);
    }

    #[test]
    fn no_flipped_bit_of_a_gcm_value_opens_to_something_else(flip in any::<prop::sample::Index>()) {
        let recoder = Recoder::new(KeyRing::new(key(OTHER), key(NEW)), AS_READ);
        let mut stored = SERVER.trim_end().as_bytes().to_vec();
        let bit = flip.index(8 * stored.len());
        stored[bit / 8] ^= 1 << (bit % 8);
        if let Verdict::UnderOld(opened) | Verdict::UnderNew(opened) =
            recoder.classify(&Codec::Envelope, &stored, Evidence::default())
        {
            // The flip hit something that does not matter, like the outer IV.
            prop_assert_eq!(opened.plaintext(), b"wso2carbon");
        }
    }

    #[test]
    fn no_bytes_make_classifying_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300), hash in any::<String>(),
    ) {
        let recoder = recoder(AS_READ);
        let evidence = Evidence { hash: Some(&hash), recorded: None };
        let _ = recoder.classify(&Codec::Envelope, &bytes, evidence);
        let _ = recoder.classify(&Codec::Envelope, gcm(&bytes, &bytes, None).as_bytes(), evidence);
        let _ = recoder.classify(&Codec::Envelope, ecb(&bytes).as_bytes(), evidence);
        let _ = recoder.classify(&Codec::Envelope, cbc(&bytes, &bytes).as_bytes(), evidence);
    }
}
