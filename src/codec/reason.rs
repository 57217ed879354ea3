//! Why a value cannot be rotated, in words that an operator understands.

/// Why a value is left as it is and reported. Never carries any part of a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Neither key opens it.
    #[error(
        "neither the old nor the new key decrypts it: it was encrypted with another key, or it is damaged"
    )]
    ForeignKey,
    /// Sealed with the keystore's RSA key, as servers before 5.11 did.
    #[error(
        "still wrapped by the keystore's RSA key (written before IS 5.11): run WSO2's migration client first"
    )]
    KeystoreWrapped,
    /// The envelope is there, but broken.
    #[error("damaged: {0}")]
    Damaged(&'static str),
    /// A transformation that WSO2 never wrote.
    #[error("encrypted with a cipher transformation that is not known")]
    UnknownTransformation,
    /// Opens under both keys, and nothing decides.
    #[error("both keys decrypt it, and nothing in the row tells which one is right")]
    Ambiguous,
    /// A key opens it, but what comes out is not what the row's hash column says.
    #[error(
        "decrypted, but the row's hash does not match: it was encrypted with another key, or the hash is \
         not this value's"
    )]
    HashDisagrees,
    /// Envelopes within envelopes, more of them than anybody has made.
    #[error("encrypted more than {0} times over")]
    Nested(usize),
    /// An envelope where the codec does not look.
    #[error(
        "it contains an envelope under the old key that is not a value of its own, so nothing replaces it: \
         delete it, or name it in `targets`"
    )]
    Beside,
    /// Not a text where one is expected.
    #[error("not a text in UTF-8")]
    NotText,
    /// The serialized Java object is not understood.
    #[error("serialized Java object not understood: {0}")]
    Java(&'static str),
    /// The XML file is not understood.
    #[error("XML not understood: {0}")]
    Xml(String),
    /// The JSON document is not understood.
    #[error("JSON not understood: {0}")]
    Json(&'static str),
    /// No IV could be made.
    #[error("the operating system gave no random numbers")]
    NoRandomness,
    /// The new value does not open again: a fault of this program, found before it did harm.
    #[error("the new value could not be decrypted again; please report this")]
    SealedWrong,
}
