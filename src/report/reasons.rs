//! Why values failed, as one of a few words: what monitoring may tell apart, and no part of a row.

/// How a reason begins, and its word. Journals of earlier versions have other words for some.
const WORDS: [(&str, &str); 23] = [
    ("neither the old nor the new key decrypts", "neither_key"),
    ("opens under neither", "neither_key"),
    ("still wrapped by", "keystore_wrapped"),
    ("damaged: ", "damaged"),
    ("encrypted with a cipher transformation", "unknown_transformation"),
    ("sealed with a cipher transformation", "unknown_transformation"),
    ("both keys decrypt it", "ambiguous"),
    ("opens under both keys", "ambiguous"),
    ("decrypted, but the row's hash", "hash_disagrees"),
    ("opens, but not to what", "hash_disagrees"),
    ("encrypted more than", "nested"),
    ("it contains an envelope under the old key", "beside"),
    ("an envelope under the old key stands in it", "beside"),
    ("not a text in", "not_understood"),
    ("serialized Java object not understood", "not_understood"),
    ("XML not understood", "not_understood"),
    ("JSON not understood", "not_understood"),
    ("the operating system gave no random", "internal"),
    ("the new value could not be decrypted", "internal"),
    ("the new value did not open again", "internal"),
    ("the new value has", "too_long"),
    ("a server was working with it", "in_use"),
    ("it kept changing", "in_use"),
];

/// The word for a reason; `other` for what only a server or a file system says.
pub(super) fn word_for(reason: &str) -> &'static str {
    WORDS.iter().find(|(begins, _)| reason.starts_with(begins)).map_or("other", |(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyrotation_codec::Reason;

    #[test]
    fn every_reason_of_a_value_has_a_word() {
        let all = [
            Reason::ForeignKey,
            Reason::KeystoreWrapped,
            Reason::Damaged("x"),
            Reason::UnknownTransformation,
            Reason::Ambiguous,
            Reason::HashDisagrees,
            Reason::Nested(3),
            Reason::Beside,
            Reason::NotText,
            Reason::Java("x"),
            Reason::Xml("x".to_owned()),
            Reason::Json("x"),
            Reason::NoRandomness,
            Reason::SealedWrong,
        ];
        for reason in all {
            assert_ne!(word_for(&reason.to_string()), "other", "{reason}");
        }
        assert_eq!(word_for("duplicate key value (anna) violates"), "other");
    }
}
