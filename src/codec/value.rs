//! Which key opens a stored value, and sealing it with the one that takes its place.
//!
//! Invariants: a value is classified by opening it, never by what it says of itself; only a GCM
//! tag is proof, everything else is weighed ([`Recoder::classify`]); [`Recoder::reseal`] changes
//! nothing but slots under an old key, or without the id that the server asks for, and returns no value
//! that it has not opened again. A plaintext that is itself an envelope is a layer more: no layer is left
//! behind.

mod hash;
mod opened;
mod under;

use zeroize::Zeroizing;

use super::envelope::{self, Content, Sealed, Shape};
use super::{Codec, Reason, Slot};
use keyrotation_cipher::{self as cipher, KeyRing, OpenError, Plaintext, RingKey, SecretKey};

pub use super::envelope::{Form, form};
pub use hash::hash_agrees;
pub use opened::Opened;
use opened::{Layer, Part};
pub use under::Under;

/// When a value that is written names its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyIdPolicy {
    /// When the value that was read did.
    AsRead,
    /// Always: the server that reads it takes a value without a key id for one under its old key.
    Always,
}

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Whether values in ECB and CBC become GCM.
    pub upgrade: bool,
    /// When the key is named.
    pub key_id: KeyIdPolicy,
}

/// Whether a plaintext is the one whose digest the journal holds.
pub type Recorded<'a> = &'a dyn Fn(&[u8]) -> bool;

/// What is known of a value beside its bytes. It only ever decides about ECB and CBC, and only
/// where the value holds a single ciphertext, which is what it speaks of.
#[derive(Clone, Copy, Default)]
pub struct Evidence<'a> {
    /// The row's hash column for this value.
    pub hash: Option<&'a str>,
    /// What the journal knows of this value.
    pub recorded: Option<Recorded<'a>>,
}

/// What a stored value turned out to be.
#[derive(Debug)]
pub enum Verdict {
    /// Nothing in it is encrypted, or what is, is under no old key and not for the server to open.
    Plain,
    /// At least one ciphertext is under an old key, and every one opens.
    UnderOld(Opened),
    /// Every ciphertext is under the new key, and at least one does not name it, though the server that
    /// reads it takes such a one for one under the old key.
    WithoutId(Opened),
    /// Every ciphertext is under the new key.
    UnderNew(Opened),
    /// At least one ciphertext does not open; this is why the first of them does not.
    Unreadable(Reason),
}

impl Verdict {
    /// Whether the value opens under several keys and nothing decided.
    pub const fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Unreadable(Reason::Ambiguous))
    }
}

/// The most layers that are opened; a public report has two.
const MOST_LAYERS: usize = 4;

/// Opens stored values, and seals those under an old key with the one that takes its place.
#[derive(Debug, Clone)]
pub struct Recoder {
    ring: KeyRing,
    policy: Policy,
    /// What is tried first where a value does not name its key.
    new_key_first: bool,
}

impl Recoder {
    /// A recoder from the old keys of the ring to the new ones.
    pub fn new(ring: KeyRing, policy: Policy) -> Self {
        Self { ring, policy, new_key_first: false }
    }

    /// The same, for values of which most are under the new key already: that one is tried first.
    #[must_use]
    pub fn expecting_new(&self) -> Self {
        Self { new_key_first: true, ..self.clone() }
    }

    /// Its keys.
    pub const fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Opens every ciphertext of a stored value.
    ///
    /// GCM: the key whose tag fits. ECB and CBC: the key under which the padding is right and the
    /// plaintext is UTF-8. The row's hash overrules that, even where only one key fits, since a
    /// wrong key fits once in about a million values; with no hash and several keys fitting, the
    /// journal decides. A hash that contradicts a GCM value does not change its key: that is for
    /// a verifier to report.
    pub fn classify(&self, codec: &Codec, stored: &[u8], evidence: Evidence<'_>) -> Verdict {
        match codec.slots(stored).and_then(|slots| self.open(codec, slots, evidence)) {
            Err(reason) => Verdict::Unreadable(reason),
            Ok(opened) if opened.parts.is_empty() && self.has_old_beside(codec, stored) => {
                Verdict::Unreadable(Reason::Beside)
            }
            Ok(opened) if opened.parts.is_empty() => Verdict::Plain,
            Ok(opened) => {
                let any = |test: fn(&Layer) -> bool| opened.parts.iter().any(|part| part.has(test));
                if any(Layer::is_under_old) {
                    Verdict::UnderOld(opened)
                } else if any(|layer| layer.lacks_id) {
                    Verdict::WithoutId(opened)
                } else {
                    Verdict::UnderNew(opened)
                }
            }
        }
    }

    /// The stored value with everything that was under an old key sealed with the one that takes its place, and
    /// everything that lacked the new key's id with it.
    ///
    /// `stored` are the bytes that `opened` came from. The result has been read back and every
    /// new ciphertext in it opened and compared.
    pub fn reseal(&self, stored: &[u8], opened: &Opened) -> Result<Vec<u8>, Reason> {
        let stale = || opened.parts.iter().filter(|part| part.has(|layer| !layer.stays()));
        let texts = stale().map(|part| self.seal_part(part)).collect::<Result<Vec<_>, _>>()?;
        let replacements: Vec<_> =
            stale().map(|part| &part.slot).zip(texts.iter().map(String::as_str)).collect();
        let resealed = opened.codec.splice(stored, &replacements)?;
        let slots = opened.codec.slots(&resealed).map_err(|_| Reason::SealedWrong)?;
        if stale().all(|part| self.reads_back(part, &slots)) {
            Ok(resealed)
        } else {
            Err(Reason::SealedWrong)
        }
    }

    /// Whether the slot where the part stands now holds its plaintext under new keys, through all layers.
    fn reads_back(&self, part: &Part, slots: &[Slot]) -> bool {
        let Some(slot) = slots.get(part.index) else { return false };
        let mut text = Zeroizing::new(slot.text.clone().into_bytes());
        for layer in &part.layers {
            let Ok(Content::Sealed(sealed)) = parse_bytes(&text) else { return false };
            let Ok(Some(plaintext)) = open_with(self.target_key(layer), &sealed) else { return false };
            text = plaintext;
        }
        text.as_slice() == part.plaintext()
    }

    fn open(&self, codec: &Codec, slots: Vec<Slot>, evidence: Evidence<'_>) -> Result<Opened, Reason> {
        let mut sealed = Vec::new();
        for (index, slot) in slots.into_iter().enumerate() {
            match envelope::parse(&slot.text)? {
                Content::Sealed(envelope) => sealed.push((index, slot, envelope)),
                // Under no key, but it must not go on naming one that nobody will have.
                Content::Empty(Some(envelope)) if self.names_old_key(&envelope) => {
                    sealed.push((index, slot, envelope));
                }
                Content::Empty(_) | Content::Plain => {}
            }
        }
        let evidence = if sealed.len() == 1 { evidence } else { Evidence::default() };
        let parts = sealed.into_iter().map(|(index, slot, envelope)| {
            let mut layers = vec![self.open_layer(envelope, evidence)?];
            while let Some(next) =
                layers.last().map(|layer| self.open_within(&layer.plaintext)).transpose()?.flatten()
            {
                if layers.len() == MOST_LAYERS {
                    return Err(Reason::Nested(MOST_LAYERS));
                }
                layers.push(next);
            }
            Ok(Part { index, slot, layers })
        });
        Ok(Opened::new(codec.clone(), parts.collect::<Result<_, _>>()?))
    }

    fn open_layer(&self, sealed: Sealed, evidence: Evidence<'_>) -> Result<Layer, Reason> {
        if sealed.ciphertext.is_empty() {
            let to = self.named(&sealed).and_then(|key| self.ring.replacement(key));
            let plaintext = Plaintext::default();
            return Ok(Layer { shape: sealed.shape, key: None, to, lacks_id: false, plaintext });
        }
        let (key, plaintext) = self.open_one(&sealed, evidence)?;
        let asked = self.policy.key_id == KeyIdPolicy::Always && sealed.shape.transformation.authenticates();
        // A server names the new key in values under a key of their own, too, and does not read that.
        let lacks_id = asked
            && self.ring.is_new_key(key)
            && sealed.key_id.as_deref() != Some(self.ring.new_key().key_id());
        let to = self.ring.replacement(key);
        Ok(Layer { shape: sealed.shape, key: Some(key), to, lacks_id, plaintext })
    }

    /// The key that the envelope names, if it is one of the ring's.
    fn named(&self, sealed: &Sealed) -> Option<RingKey> {
        self.ring.by_id(sealed.key_id.as_deref()?)
    }

    fn names_old_key(&self, sealed: &Sealed) -> bool {
        self.named(sealed).is_some_and(|key| self.ring.replacement(key).is_some())
    }

    /// The layer within a plaintext; none if it is no envelope, or one under no key of the ring.
    fn open_within(&self, plaintext: &[u8]) -> Result<Option<Layer>, Reason> {
        let sealed = match parse_bytes(plaintext) {
            Ok(Content::Sealed(sealed)) => sealed,
            Ok(Content::Empty(Some(sealed))) if self.names_old_key(&sealed) => sealed,
            _ => return Ok(None),
        };
        match self.open_layer(sealed, Evidence::default()) {
            Ok(layer) => Ok(Some(layer)),
            Err(Reason::Ambiguous) => Err(Reason::Ambiguous),
            Err(_) => Ok(None),
        }
    }

    fn open_one(&self, sealed: &Sealed, evidence: Evidence<'_>) -> Result<(RingKey, Plaintext), Reason> {
        if sealed.shape.transformation.authenticates() {
            self.open_authenticated(sealed)
        } else {
            self.open_guarded(sealed, evidence)
        }
    }

    /// Tries the key first that the value names, then those under which most values are.
    fn open_authenticated(&self, sealed: &Sealed) -> Result<(RingKey, Plaintext), Reason> {
        let likely = self.named(sealed).or(self.new_key_first.then_some(KeyRing::NEW));
        let others = self.ring.in_order().filter(|key| Some(*key) != likely);
        for key in likely.into_iter().chain(others) {
            if let Some(plaintext) = open_with(self.ring.key(key), sealed)? {
                return Ok((key, plaintext));
            }
        }
        Err(Reason::ForeignKey)
    }

    /// The one key that fits a value that carries no proof.
    fn open_guarded(&self, sealed: &Sealed, evidence: Evidence<'_>) -> Result<(RingKey, Plaintext), Reason> {
        let mut fits = self.fits(sealed, evidence)?;
        match (fits.pop(), fits.pop()) {
            (Some(only), None) => Ok(only),
            _ => Err(Reason::Ambiguous),
        }
    }

    /// Weighs what all keys make of a value that carries no proof: those that fit.
    fn fits(&self, sealed: &Sealed, evidence: Evidence<'_>) -> Result<Vec<(RingKey, Plaintext)>, Reason> {
        let mut fits = Vec::with_capacity(2);
        for key in self.ring.in_order() {
            let opened = open_with(self.ring.key(key), sealed)?;
            fits.extend(opened.filter(|text| std::str::from_utf8(text).is_ok()).map(|text| (key, text)));
        }
        if fits.is_empty() {
            return Err(Reason::ForeignKey);
        }
        if let Some(hash) = evidence.hash {
            fits.retain(|(_, plaintext)| hash_agrees(hash, plaintext) != Some(false));
            if fits.is_empty() {
                return Err(Reason::HashDisagrees);
            }
        }
        if let (2.., Some(recorded)) = (fits.len(), evidence.recorded) {
            fits.retain(|(_, plaintext)| recorded(plaintext));
        }
        Ok(fits)
    }

    /// The part's new text: what does not stay is sealed anew, and whatever is around it.
    fn seal_part(&self, part: &Part) -> Result<String, Reason> {
        let mut text: Option<String> = None;
        for layer in part.layers.iter().rev() {
            if text.is_some() || !layer.stays() {
                let plaintext = text.as_deref().map_or(layer.plaintext.as_slice(), str::as_bytes);
                text = Some(self.seal(&layer.shape, self.target_key(layer), plaintext)?);
            }
        }
        text.ok_or(Reason::SealedWrong)
    }

    fn seal(&self, shape: &Shape, key: &SecretKey, plaintext: &[u8]) -> Result<String, Reason> {
        let upgraded =
            (self.policy.upgrade && !shape.transformation.authenticates()).then(|| Shape::gcm(false));
        let shape = upgraded.as_ref().unwrap_or(shape);
        let key_id = shape.key_id || self.policy.key_id == KeyIdPolicy::Always;
        let iv = cipher::random_iv().map_err(|_| Reason::NoRandomness)?;
        let ciphertext =
            cipher::seal(key, shape.transformation, &iv, plaintext).map_err(|_| Reason::SealedWrong)?;
        Ok(envelope::write(shape, key_id.then(|| self.ring.new_key().key_id()), &iv, &ciphertext))
    }

    /// The key that a ciphertext is to be under.
    fn target_key(&self, layer: &Layer) -> &SecretKey {
        layer.to.or(layer.key).map_or(self.ring.new_key(), |key| self.ring.key(key))
    }
}

fn parse_bytes(text: &[u8]) -> Result<Content, Reason> {
    envelope::parse(std::str::from_utf8(text).map_err(|_| Reason::NotText)?)
}

/// The plaintext, if the key fits; an error if no key can.
fn open_with(key: &SecretKey, sealed: &Sealed) -> Result<Option<Plaintext>, Reason> {
    match cipher::open(key, sealed.shape.transformation, &sealed.iv, &sealed.ciphertext) {
        Ok(plaintext) => Ok(Some(plaintext)),
        Err(OpenError::WrongKey) => Ok(None),
        Err(OpenError::IvLength(_)) => {
            Err(Reason::Damaged("the initialization vector has a length that servers never write"))
        }
        Err(OpenError::CiphertextLength(_)) => {
            Err(Reason::Damaged("the ciphertext has a length that its transformation never gives"))
        }
    }
}

#[cfg(test)]
mod tests;
