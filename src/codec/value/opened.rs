//! A stored value, opened.

use std::fmt;

use keyrotation_cipher::{Plaintext, RingKey};
use zeroize::Zeroizing;

use crate::envelope::Shape;
use crate::{Codec, Slot};

/// A stored value with all its ciphertexts open.
pub struct Opened {
    pub(super) codec: Codec,
    pub(super) parts: Vec<Part>,
    /// All plaintexts in one, where there are several.
    joined: Option<Plaintext>,
}

pub(super) struct Part {
    /// Which of the codec's slots it is.
    pub(super) index: usize,
    pub(super) slot: Slot,
    /// One, or more where a plaintext is an envelope itself: from the outermost in.
    pub(super) layers: Vec<Layer>,
}

/// A ciphertext, opened.
pub(super) struct Layer {
    pub(super) shape: Shape,
    /// The key that it is under; none if it is empty.
    pub(super) key: Option<RingKey>,
    /// The key that it is to be under; none if it is under that one.
    pub(super) to: Option<RingKey>,
    /// It does not name its key, and has to.
    pub(super) lacks_id: bool,
    pub(super) plaintext: Plaintext,
}

impl Layer {
    pub(super) const fn is_under_old(&self) -> bool {
        self.to.is_some()
    }

    pub(super) const fn stays(&self) -> bool {
        self.to.is_none() && !self.lacks_id
    }
}

impl Part {
    /// What is within all layers.
    pub(super) fn plaintext(&self) -> &[u8] {
        self.layers.last().map_or(&[], |layer| &layer.plaintext)
    }

    pub(super) fn has(&self, test: impl Fn(&Layer) -> bool) -> bool {
        self.layers.iter().any(test)
    }
}

impl Opened {
    pub(super) fn new(codec: Codec, parts: Vec<Part>) -> Self {
        let joined = (parts.len() > 1).then(|| join(&parts));
        Self { codec, parts, joined }
    }

    /// What is encrypted in the value: the plaintext of its only ciphertext, or of several each
    /// with its length (eight bytes, little endian) in front, so that no two lists look the same.
    pub fn plaintext(&self) -> &[u8] {
        match (&self.joined, self.parts.first()) {
            (Some(joined), _) => joined,
            (None, Some(only)) => only.plaintext(),
            (None, None) => &[],
        }
    }

    /// How many ciphertexts the value holds.
    pub fn slots(&self) -> usize {
        self.parts.len()
    }

    /// The keys that its ciphertexts are under, each as often as it occurs.
    pub fn keys(&self) -> impl Iterator<Item = RingKey> {
        self.parts.iter().flat_map(|part| &part.layers).filter_map(|layer| layer.key)
    }

    /// Whether opening it proved the key: every ciphertext is in GCM.
    pub fn authenticated(&self) -> bool {
        self.parts
            .iter()
            .flat_map(|part| &part.layers)
            .all(|layer| layer.shape.transformation.authenticates())
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layers = self.parts.iter().flat_map(|part| &part.layers);
        let parts = layers.map(|layer| {
            let under = if layer.is_under_old() { "old" } else { "new" };
            (under, layer.shape.transformation)
        });
        f.write_str("Opened")?;
        f.debug_list().entries(parts).finish()
    }
}

fn join(parts: &[Part]) -> Plaintext {
    // Sized beforehand: a vector that grows leaves copies of secrets behind.
    let size = parts.iter().map(|part| 8 + part.plaintext().len()).sum();
    let mut joined = Zeroizing::new(Vec::with_capacity(size));
    for part in parts {
        joined.extend_from_slice(&(part.plaintext().len() as u64).to_le_bytes());
        joined.extend_from_slice(part.plaintext());
    }
    joined
}
