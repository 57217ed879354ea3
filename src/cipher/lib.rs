//! Keys and cipher transformations: the only place where bytes are encrypted.
//!
//! Invariants: this crate knows nothing of ours, and nothing of the envelope around a
//! ciphertext; a key never shows itself (`Debug` prints its fingerprint); plaintexts are
//! zeroized when dropped.

mod derive;
mod guess;
mod key;
mod modes;
mod ring;

pub use derive::{Digest, Digester, chain_key};
pub use key::{KeyError, SecretKey};
pub use ring::{KeyRing, RingError, RingKey};

use std::cell::RefCell;

use zeroize::Zeroizing;

/// A decrypted value; its memory is wiped when it goes.
pub type Plaintext = Zeroizing<Vec<u8>>;

/// Bytes of the IV that this program writes, for GCM and CBC alike.
pub const IV_LENGTH: usize = 16;

/// Bytes of the tag that the JCE appends to a GCM ciphertext.
pub const TAG_LENGTH: usize = 16;

/// A cipher transformation in the JCE's sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transformation {
    /// `AES/GCM/NoPadding`, tag of 128 bits behind the ciphertext, no associated data.
    Gcm,
    /// `AES/ECB/PKCS5Padding`, which the JCE also takes for a bare `AES`.
    Ecb,
    /// `AES/CBC/PKCS5Padding`.
    Cbc,
}

impl Transformation {
    /// Whether opening a value proves that it was sealed with this key.
    pub const fn authenticates(self) -> bool {
        matches!(self, Self::Gcm)
    }
}

/// Why a ciphertext did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another key, or a changed ciphertext: the two cannot be told apart.
    #[error("the key does not fit")]
    WrongKey,
    /// This transformation takes no initialization vector of this length.
    #[error("initialization vector of {0} bytes")]
    IvLength(usize),
    /// The ciphertext's length is impossible for this transformation.
    #[error("ciphertext of {0} bytes")]
    CiphertextLength(usize),
}

/// Opens `ciphertext` with `key`.
///
/// GCM takes an IV of 12, 16 or 128 bytes (all that WSO2 has written), CBC one of 16; ECB ignores
/// it. ECB and CBC only check the padding: see [`Transformation::authenticates`].
pub fn open(
    key: &SecretKey,
    transformation: Transformation,
    iv: &[u8],
    ciphertext: &[u8],
) -> Result<Plaintext, OpenError> {
    let modes = key.modes();
    match transformation {
        Transformation::Gcm => modes.gcm_open(iv, ciphertext),
        Transformation::Ecb => modes.ecb_open(ciphertext),
        Transformation::Cbc => modes.cbc_open(iv, ciphertext),
    }
}

/// Seals `plaintext` with `key` under the given IV (12, 16 or 128 bytes for GCM, 16 for CBC,
/// ignored for ECB). The caller never uses an IV twice: take [`random_iv`].
pub fn seal(
    key: &SecretKey,
    transformation: Transformation,
    iv: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, OpenError> {
    let modes = key.modes();
    match transformation {
        Transformation::Gcm => modes.gcm_seal(iv, plaintext),
        Transformation::Ecb => Ok(modes.ecb_seal(plaintext)),
        Transformation::Cbc => modes.cbc_seal(iv, plaintext),
    }
}

/// How many IVs are asked of the system at once: a call takes as long for these as for one.
const IVS_AT_ONCE: usize = 64;

/// Random bytes of the system's that were not used yet.
struct Drawn {
    ivs: [[u8; IV_LENGTH]; IVS_AT_ONCE],
    left: usize,
}

thread_local! {
    static DRAWN: RefCell<Drawn> = const { RefCell::new(Drawn { ivs: [[0; IV_LENGTH]; IVS_AT_ONCE], left: 0 }) };
}

/// A fresh random IV of [`IV_LENGTH`] bytes from the operating system.
pub fn random_iv() -> Result<[u8; IV_LENGTH], getrandom::Error> {
    DRAWN.with_borrow_mut(|drawn| {
        if drawn.left == 0 {
            getrandom::fill(drawn.ivs.as_flattened_mut())?;
            drawn.left = IVS_AT_ONCE;
        }
        drawn.left -= 1; // none is given twice
        Ok(drawn.ivs[drawn.left])
    })
}

#[cfg(test)]
mod tests;
