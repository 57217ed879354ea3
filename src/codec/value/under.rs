//! Which keys the ciphertexts of a stored value are under, each by itself: to count them, not to change them.

use keyrotation_cipher::{Plaintext, RingKey};

use super::{Evidence, MOST_LAYERS, Recoder, parse_bytes};
use crate::envelope::{self, Content, Sealed};
use crate::{Codec, Reason};

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
                Ok(Content::Plain | Content::Empty(_)) => {}
                Ok(Content::Sealed(sealed)) => self.layers(&sealed, evidence, &mut all)?,
                Err(reason) => all.push(Under::Unreadable(reason)),
            }
        }
        Ok(all)
    }

    /// The ciphertext, and what is within it; an error if that goes deeper than anybody looks.
    fn layers(&self, sealed: &Sealed, evidence: Evidence<'_>, all: &mut Vec<Under>) -> Result<(), Reason> {
        let (under, mut within) = self.under(sealed, evidence);
        all.push(under);
        for depth in 1.. {
            let Some(text) = within.take() else { break };
            let Ok(Content::Sealed(next)) = parse_bytes(&text) else { break };
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
