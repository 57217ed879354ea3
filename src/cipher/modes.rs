//! The block cipher modes, once for all three key lengths.

use aes::cipher::{
    BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, BlockSizeUser, InnerIvInit,
    KeyInit, array::ArraySize, block_padding::Pkcs7, common::InnerInit, consts::U12, consts::U16,
    consts::U128, inout::InOutBuf,
};
use aes_gcm::aead::AeadInOut;
use aes_gcm::{AesGcm, Nonce, Tag};
use zeroize::Zeroizing;

use super::{OpenError, Plaintext, TAG_LENGTH};

const BLOCK_LENGTH: usize = 16;

/// What a key can do, whatever its length.
pub(super) trait Modes: Send + Sync {
    fn gcm_open(&self, iv: &[u8], ciphertext: &[u8]) -> Result<Plaintext, OpenError>;
    fn gcm_seal(&self, iv: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, OpenError>;
    fn ecb_open(&self, ciphertext: &[u8]) -> Result<Plaintext, OpenError>;
    fn ecb_seal(&self, plaintext: &[u8]) -> Vec<u8>;
    fn cbc_open(&self, iv: &[u8], ciphertext: &[u8]) -> Result<Plaintext, OpenError>;
    fn cbc_seal(&self, iv: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, OpenError>;
}

/// An expanded AES key, ready for every mode and every IV length that WSO2 writes.
pub(super) struct Expanded<A> {
    block: A,
    gcm12: AesGcm<A, U12>,
    gcm16: AesGcm<A, U16>,
    gcm128: AesGcm<A, U128>,
}

/// What the modes ask of a block cipher.
pub(super) trait Aes:
    BlockSizeUser<BlockSize = U16> + BlockCipherEncrypt + BlockCipherDecrypt + KeyInit + Clone + Send + Sync
{
}
impl<A> Aes for A where
    A: BlockSizeUser<BlockSize = U16>
        + BlockCipherEncrypt
        + BlockCipherDecrypt
        + KeyInit
        + Clone
        + Send
        + Sync
{
}

impl<A: Aes> Expanded<A> {
    pub(super) fn new(block: A) -> Self {
        Self {
            gcm12: AesGcm::from(block.clone()),
            gcm16: AesGcm::from(block.clone()),
            gcm128: AesGcm::from(block.clone()),
            block,
        }
    }
}

impl<A: Aes> Modes for Expanded<A> {
    fn gcm_open(&self, iv: &[u8], ciphertext: &[u8]) -> Result<Plaintext, OpenError> {
        match iv.len() {
            12 => gcm_open(&self.gcm12, iv, ciphertext),
            16 => gcm_open(&self.gcm16, iv, ciphertext),
            128 => gcm_open(&self.gcm128, iv, ciphertext),
            other => Err(OpenError::IvLength(other)),
        }
    }

    fn gcm_seal(&self, iv: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, OpenError> {
        match iv.len() {
            12 => gcm_seal(&self.gcm12, iv, plaintext),
            16 => gcm_seal(&self.gcm16, iv, plaintext),
            128 => gcm_seal(&self.gcm128, iv, plaintext),
            other => Err(OpenError::IvLength(other)),
        }
    }

    fn ecb_open(&self, ciphertext: &[u8]) -> Result<Plaintext, OpenError> {
        whole_blocks(ciphertext)?;
        ecb::Decryptor::inner_init(self.block.clone())
            .decrypt_padded_vec::<Pkcs7>(ciphertext)
            .map(Zeroizing::new)
            .map_err(|_| OpenError::WrongKey)
    }

    fn ecb_seal(&self, plaintext: &[u8]) -> Vec<u8> {
        ecb::Encryptor::inner_init(self.block.clone()).encrypt_padded_vec::<Pkcs7>(plaintext)
    }

    fn cbc_open(&self, iv: &[u8], ciphertext: &[u8]) -> Result<Plaintext, OpenError> {
        whole_blocks(ciphertext)?;
        let iv = block_iv(iv)?;
        cbc::Decryptor::inner_iv_init(self.block.clone(), &iv.into())
            .decrypt_padded_vec::<Pkcs7>(ciphertext)
            .map(Zeroizing::new)
            .map_err(|_| OpenError::WrongKey)
    }

    fn cbc_seal(&self, iv: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, OpenError> {
        let iv = block_iv(iv)?;
        Ok(cbc::Encryptor::inner_iv_init(self.block.clone(), &iv.into())
            .encrypt_padded_vec::<Pkcs7>(plaintext))
    }
}

fn whole_blocks(ciphertext: &[u8]) -> Result<(), OpenError> {
    if ciphertext.is_empty() || !ciphertext.len().is_multiple_of(BLOCK_LENGTH) {
        return Err(OpenError::CiphertextLength(ciphertext.len()));
    }
    Ok(())
}

fn block_iv(iv: &[u8]) -> Result<[u8; BLOCK_LENGTH], OpenError> {
    iv.try_into().map_err(|_| OpenError::IvLength(iv.len()))
}

fn gcm_open<A: Aes, N: ArraySize>(
    gcm: &AesGcm<A, N>,
    iv: &[u8],
    ciphertext: &[u8],
) -> Result<Plaintext, OpenError> {
    let nonce = Nonce::<N>::try_from(iv).map_err(|_| OpenError::IvLength(iv.len()))?;
    let body =
        ciphertext.len().checked_sub(TAG_LENGTH).ok_or(OpenError::CiphertextLength(ciphertext.len()))?;
    let (body, tag) = ciphertext.split_at(body);
    let tag = Tag::<U16>::try_from(tag).map_err(|_| OpenError::CiphertextLength(ciphertext.len()))?;
    let mut plaintext = Zeroizing::new(body.to_vec());
    gcm.decrypt_inout_detached(&nonce, &[], InOutBuf::from(plaintext.as_mut_slice()), &tag)
        .map_err(|_| OpenError::WrongKey)?;
    Ok(plaintext)
}

fn gcm_seal<A: Aes, N: ArraySize>(
    gcm: &AesGcm<A, N>,
    iv: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, OpenError> {
    let nonce = Nonce::<N>::try_from(iv).map_err(|_| OpenError::IvLength(iv.len()))?;
    let mut sealed = Vec::with_capacity(plaintext.len() + TAG_LENGTH);
    sealed.extend_from_slice(plaintext);
    let tag = gcm
        .encrypt_inout_detached(&nonce, &[], InOutBuf::from(sealed.as_mut_slice()))
        .map_err(|_| OpenError::CiphertextLength(plaintext.len()))?;
    sealed.extend_from_slice(&tag);
    Ok(sealed)
}
