//! Which keys the ciphertexts of a stored value are under, each by itself: to count them, not to change them.

use keyrotation_cipher::{Plaintext, RingKey};

use super::{Evidence, MOST_LAYERS, Recoder, parse_bytes};
use crate::envelope::{self, Content, Sealed};
use crate::{Codec, Reason, embedded};

/// The key that a ciphertext is under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Under {
    /// This one of the ring.
    Key {
        /// The key.
        key: RingKey,
        /// Whether a server that looks for key ids takes it for one under another key: it is in GCM and does not name the
        /// key. In ECB and CBC no value does, and none is looked for, nor in TOTP secrets under a key of their own.
        lacks_id: bool,
    },
    /// One of these: it is in ECB or CBC, opens under all of them, and nothing decides.
    OneOf(Vec<RingKey>),
    /// None of the ring's.
    Unknown {
        /// The id of the key that the envelope names.
        named: Option<String>,
    },
    /// No key opens it: it is damaged, or wrapped by the keystore's RSA key.
    Unreadable(Reason),
}

impl Recoder {
    /// What each ciphertext of a stored value is under, those within others included; an error if it is not known
    /// whether there are any.
    pub fn ciphertexts(
        &self,
        codec: &Codec,
        stored: &[u8],
        hash: Option<&str>,
    ) -> Result<Vec<Under>, Reason> {
        let slots = codec.slots(stored)?;
        let alone = slots.len() == 1;
        let mut all = Vec::with_capacity(slots.len());
        for slot in slots {
            let evidence = Evidence { hash: hash.filter(|_| alone), recorded: None };
            match envelope::parse(&slot.text) {
                Ok(Content::Empty(Some(sealed))) => all.extend(self.under_name(&sealed)),
                Ok(Content::Plain | Content::Empty(None)) => {}
                Ok(Content::Sealed(sealed)) => self.layers(&sealed, evidence, &mut all)?,
                Err(reason) => all.push(Under::Unreadable(reason)),
            }
        }
        Ok(all)
    }

    /// What the envelopes in a stored value are under that its codec does not read; those of which more is within than
    /// anybody looks are under any key.
    pub fn beside(&self, codec: &Codec, stored: &[u8]) -> Vec<Under> {
        let each = |envelope: &String| self.embedded(envelope);
        embedded::beside(codec, stored).iter().flat_map(each).collect()
    }

    /// What an envelope that was found somewhere is under, and those within it.
    pub fn embedded(&self, envelope: &str) -> Vec<Under> {
        let any = |_| vec![Under::OneOf(self.ring.in_order().collect())];
        self.ciphertexts(&Codec::Envelope, envelope.as_bytes(), None).unwrap_or_else(any)
    }

    /// Whether an envelope in a stored value that its codec does not read is under a key that another takes the place
    /// of, or may be.
    pub fn has_old_beside(&self, codec: &Codec, stored: &[u8]) -> bool {
        let is_old = |key: &RingKey| self.ring.replacement(*key).is_some();
        self.beside(codec, stored).iter().any(|under| match under {
            Under::Key { key, .. } => is_old(key),
            Under::OneOf(keys) => keys.iter().any(is_old),
            Under::Unknown { .. } | Under::Unreadable(_) => false,
        })
    }

    /// An envelope with nothing in it is under no key, but nobody may be left to go on naming an old one.
    fn under_name(&self, empty: &Sealed) -> Option<Under> {
        let key = self.named(empty)?;
        self.names_old_key(empty).then_some(Under::Key { key, lacks_id: false })
    }

    /// The ciphertext, and what is within it; an error if that goes deeper than anybody looks.
    fn layers(&self, sealed: &Sealed, evidence: Evidence<'_>, all: &mut Vec<Under>) -> Result<(), Reason> {
        let (under, mut within) = self.under(sealed, evidence);
        all.push(under);
        for depth in 1.. {
            let Some(text) = within.take() else { break };
            let next = match parse_bytes(&text) {
                Ok(Content::Sealed(next)) => next,
                Ok(Content::Empty(Some(empty))) => {
                    all.extend(self.under_name(&empty));
                    break;
                }
                _ => break,
            };
            let (under, plaintext) = self.under(&next, Evidence::default());
            // What only looks like an envelope is a plaintext like any other.
            if !matches!(under, Under::Key { .. } | Under::OneOf(_)) {
                break;
            }
            if depth == MOST_LAYERS {
                return Err(Reason::Nested(MOST_LAYERS));
            }
            all.push(under);
            within = plaintext;
        }
        Ok(())
    }

    fn under(&self, sealed: &Sealed, evidence: Evidence<'_>) -> (Under, Option<Plaintext>) {
        match self.open_one(sealed, evidence) {
            Ok((key, plaintext)) => {
                let is_of_new_key = self.ring.is_new_key(self.ring.replacement(key).unwrap_or(key));
                let lacks_id = is_of_new_key
                    && sealed.shape.transformation.authenticates()
                    && self.named(sealed) != Some(key);
                (Under::Key { key, lacks_id }, Some(plaintext))
            }
            Err(Reason::ForeignKey) => (Under::Unknown { named: sealed.key_id.clone() }, None),
            Err(Reason::Ambiguous) => {
                let fits = self.fits(sealed, evidence).unwrap_or_default();
                (Under::OneOf(fits.into_iter().map(|(key, _)| key).collect()), None)
            }
            Err(reason) => (Under::Unreadable(reason), None),
        }
    }
}
