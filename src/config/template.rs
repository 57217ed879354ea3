//! The texts of `keyrotation init` and `keyrotation keygen`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::home::{KEY_IDS_SINCE, version};
use crate::error::{Error, Id, Result};
use crate::placed::write_whole;

/// A commented `properties.yaml` with every key, to be filled in.
pub fn template() -> &'static str {
    include_str!("template.yaml")
}

/// Writes it to a file that its owner alone may read.
///
/// What was there may be open to others, and the new one will hold keys. It is there whole or not at all: on a full disk
/// what was there stays.
pub fn write_template(path: &Path, force: bool) -> Result<()> {
    write_whole(path, force, "--config", |out| Ok(out.write_all(template().as_bytes())?))
}

/// A new key of random hexadecimal digits.
///
/// 32 digits, which every server takes for 32 bytes (AES-256); for servers from 7.1 on, if one is
/// named, 64 digits, which those read as 32 bytes of full entropy.
pub fn generate_key(for_version: Option<&str>) -> Result<String> {
    let bytes = match for_version {
        Some(text) if read(text)? >= KEY_IDS_SINCE => 32,
        _ => 16,
    };
    let mut random = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *random)
        .map_err(|e| Error::new(Id::NoRandomness, format!("no random bytes for a key: {e}")))?;
    let mut key = String::with_capacity(2 * bytes);
    for byte in random.iter().take(bytes) {
        // Writing to a String cannot fail.
        let _ = write!(key, "{byte:02x}");
    }
    Ok(key)
}

/// The version of a server that has symmetric encryption.
fn read(text: &str) -> Result<(u32, u32, u32)> {
    let wrong = |what: &str| {
        Error::new(Id::CommandLineValue, format!("--for {text:?} {what}"))
            .fix("give the new server's version, such as 5.11, 6.1, 7.0 or 7.1")
    };
    match version(text.strip_prefix('v').unwrap_or(text)) {
        None => Err(wrong("is not a version")),
        Some(version) if version < (5, 11, 0) => Err(wrong("is before 5.11, the first with such a key")),
        Some(version) => Ok(version),
    }
}
