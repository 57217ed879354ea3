//! Ciphertexts as the servers write them, forged independently of the codec that reads them:
//! one [`Form`] for each way that a release of IS from 5.11 to 7.x, or a tool beside it, has
//! stored a value.
//!
//! IVs are unique (a counter is in each) and predictable (they come from the seed), as the
//! servers' own time-based ones are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::random::Random;
use crate::cipher::{SecretKey, Transformation, seal};
use crate::error::{Error, Id, Result};

const GCM: &str = "AES/GCM/NoPadding";

/// A way in which a value is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Form {
    /// IS 5.11.0: GCM, IV of 16 bytes.
    Gcm16,
    /// Updated 5.11, 6.x, 7.0: GCM, the same 16 bytes and 112 zeros as IV.
    Gcm128,
    /// 7.1 and later: the same, and the key's id.
    Gcm128KeyId,
    /// The key's id in the outer object too.
    OuterKeyId,
    /// `=` written as `\u003d`, as Gson does unless it is told not to.
    Escaped,
    /// Lines of 76 characters: came through somebody's MIME encoder.
    Folded,
    /// No algorithm configured: the JCE takes `AES` for ECB.
    Ecb,
    /// CBC with its IV in the outer object.
    Cbc,
}

impl Form {
    pub(super) const ALL: [Self; 8] = [
        Self::Gcm16,
        Self::Gcm128,
        Self::Gcm128KeyId,
        Self::OuterKeyId,
        Self::Escaped,
        Self::Folded,
        Self::Ecb,
        Self::Cbc,
    ];
}

/// Seals values with one key, in any form.
pub(super) struct Forge {
    key: SecretKey,
    clock: u64,
    node: u64,
}

impl Forge {
    pub(super) fn new(key: SecretKey, random: &mut Random) -> Self {
        // 100 ns since 1582, as in a UUID of version 1: the year 2026.
        Self { key, clock: 0x1f0_ed00_0000_0000, node: random.next() }
    }

    /// The stored text of `plaintext`.
    pub(super) fn seal(&mut self, form: Form, plaintext: &str) -> Result<String> {
        match form {
            Form::Gcm16 => self.gcm(16, false, false, false, plaintext),
            Form::Gcm128 => self.gcm(128, false, false, false, plaintext),
            Form::Gcm128KeyId => self.gcm(128, true, false, false, plaintext),
            Form::OuterKeyId => self.gcm(128, true, true, false, plaintext),
            Form::Escaped => self.gcm(16, true, false, true, plaintext),
            Form::Folded => Ok(fold(&self.gcm(128, false, false, false, plaintext)?)),
            Form::Ecb => {
                let sealed = self.encrypt(Transformation::Ecb, &[], plaintext)?;
                Ok(ecb(&sealed))
            }
            Form::Cbc => {
                let iv = self.iv();
                let sealed = self.encrypt(Transformation::Cbc, &iv, plaintext)?;
                let (c, iv) = (STANDARD.encode(sealed), STANDARD.encode(iv));
                Ok(object(&[("c", &c), ("t", "AES/CBC/PKCS5Padding"), ("iv", &iv)], false))
            }
        }
    }

    /// What servers store for the empty text: no ciphertext, so no tag, which nothing authenticates.
    pub(super) fn empty(&mut self) -> String {
        let iv = padded(&self.iv(), 128);
        self.envelope("", &iv, false, false, false)
    }

    /// GCM with an IV of 12 bytes, which WSO2 has never written but other JCE code does.
    pub(super) fn short_iv(&mut self, plaintext: &str) -> Result<String> {
        self.gcm(12, false, false, false, plaintext)
    }

    fn gcm(&mut self, length: usize, id: bool, outer: bool, escape: bool, plaintext: &str) -> Result<String> {
        let iv = padded(&self.iv(), length);
        let sealed = self.encrypt(Transformation::Gcm, &iv, plaintext)?;
        Ok(self.envelope(&STANDARD.encode(sealed), &iv, id, outer, escape))
    }

    fn envelope(&self, cipher: &str, iv: &[u8], id: bool, outer: bool, escape: bool) -> String {
        let iv = STANDARD.encode(iv);
        let mut inner = vec![("cipher", cipher), ("initializationVector", &iv)];
        if id {
            inner.push(("keyId", self.key.key_id()));
        }
        let inner = object(&inner, escape);
        let mut fields = vec![("c", inner.as_str()), ("t", GCM), ("iv", &iv)];
        if outer {
            fields.push(("kid", self.key.key_id()));
        }
        object(&fields, escape)
    }

    fn encrypt(&self, transformation: Transformation, iv: &[u8], plaintext: &str) -> Result<Vec<u8>> {
        seal(&self.key, transformation, iv, plaintext.as_bytes()).map_err(|error| {
            Error::new(Id::DemoKey, format!("a value of the demo cannot be sealed: {error}"))
        })
    }

    /// The sixteen bytes of a UUID of version 1, never the same twice.
    fn iv(&mut self) -> [u8; 16] {
        self.clock += 10_007;
        let time = self.clock;
        let high = (time << 32) | ((time >> 16) & 0xffff_0000) | 0x1000 | ((time >> 48) & 0x0fff);
        let low = 0x8000_0000_0000_0000 | (self.node >> 2);
        let mut iv = [0; 16];
        for (at, byte) in high.to_be_bytes().into_iter().chain(low.to_be_bytes()).enumerate() {
            if let Some(place) = iv.get_mut(at) {
                *place = byte;
            }
        }
        iv
    }
}

/// The envelope around ECB ciphertext: always the literal `AES`, never an IV.
pub(super) fn ecb(ciphertext: &[u8]) -> String {
    object(&[("c", &STANDARD.encode(ciphertext)), ("t", "AES")], false)
}

/// A JSON object of texts that need no escaping (base64 and names), in base64.
pub(super) fn object(fields: &[(&str, &str)], escape: bool) -> String {
    let members: Vec<String> = fields
        .iter()
        .map(|(name, text)| {
            let text = if escape { text.replace('=', "\\u003d") } else { (*text).to_owned() };
            format!("\"{name}\":\"{text}\"")
        })
        .collect();
    STANDARD.encode(format!("{{{}}}", members.join(",")))
}

fn padded(iv: &[u8; 16], length: usize) -> Vec<u8> {
    iv.iter().copied().chain(std::iter::repeat(0)).take(length).collect()
}

fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len() + text.len() / 76);
    for (at, digit) in text.chars().enumerate() {
        if at > 0 && at % 76 == 0 {
            folded.push_str("\r\n");
        }
        folded.push(digit);
    }
    folded
}
