//! Secrets and where they come from: the file itself, the environment, a file of their own, or what is
//! handed over while the program runs ([`interactive`]).
//!
//! Invariant: no error of this module shows a character of a secret; names of variables and paths
//! of files are no secrets.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::{Zeroize as _, Zeroizing};

use super::expand;
use super::interactive::{self, Stdin};
use super::keys::Key;
use super::others::{Stake, who_else_may_write};

/// A text that is never shown; its memory is wiped when it goes.
#[derive(Clone, Default)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The text itself, for the one who must use it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// No key and no password is longer; a file that is, was named by mistake.
pub(super) const LONGEST: u64 = 64 * 1024;

/// What a secret's value in `properties.yaml` says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin<'a> {
    /// The value is the secret.
    Here(&'a str),
    /// `env:NAME`
    Env(&'a str),
    /// `file:PATH`
    File(&'a str),
    /// `stdin:` or `stdin:LINE`
    Stdin(&'a str),
    /// `prompt:` or `prompt:TEXT`
    Prompt(&'a str),
    /// `cmd:PROGRAM ARGUMENT…`
    Command(&'a str),
}

impl<'a> Origin<'a> {
    pub(super) fn of(value: &'a str) -> Self {
        match value.split_once(':') {
            Some(("env", name)) => Self::Env(name),
            Some(("file", path)) => Self::File(path),
            Some(("stdin", line)) => Self::Stdin(line),
            Some(("prompt", text)) => Self::Prompt(text),
            Some(("cmd", command)) => Self::Command(command),
            _ => Self::Here(value),
        }
    }
}

/// Where secrets outside `properties.yaml` are looked up.
#[derive(Clone, Copy)]
pub(super) struct Lookup<'a> {
    /// The folder of `properties.yaml`.
    pub(super) folder: &'a Path,
    /// The environment.
    pub(super) env: &'a dyn Fn(&str) -> Option<OsString>,
    /// Standard input.
    pub(super) stdin: &'a Stdin,
}

/// A secret that was looked up.
pub(super) struct Found {
    pub(super) secret: Secret,
    /// The file that it came from, when everyone may read that file.
    pub(super) exposed: Option<PathBuf>,
}

/// Reads the value of `key` from where it is; the secret is what stands there, less one newline at
/// the end.
pub(super) fn look_up(key: Key, origin: Origin<'_>, lookup: Lookup<'_>) -> Result<Found, String> {
    let unexposed = |secret| Found { secret, exposed: None };
    match origin {
        Origin::Here(value) => Ok(unexposed(value.into())),
        Origin::Stdin(line) => lookup.stdin.line(line).map(unexposed),
        Origin::Prompt(text) => interactive::ask(key, text).map(unexposed),
        Origin::Command(command) => interactive::run(command, lookup.folder).map(unexposed),
        Origin::Env(name) => from_env(name, lookup.env),
        Origin::File(path) => from_file(&expand(path, lookup.folder)?),
    }
}

fn from_env(name: &str, env: &dyn Fn(&str) -> Option<OsString>) -> Result<Found, String> {
    let plausible = !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if !plausible {
        return Err("names no environment variable: after `env:` only letters, digits and _ may stand".into());
    }
    let value =
        env(name).ok_or_else(|| format!("names the environment variable {name}, which is not set"))?;
    match value.into_string() {
        Ok(text) => Ok(Found { secret: without_newline(text.into()), exposed: None }),
        Err(_) => Err(format!("names the environment variable {name}, which is not UTF-8 text")),
    }
}

fn from_file(path: &Path) -> Result<Found, String> {
    let failed = |problem: &dyn fmt::Display| format!("names the file {}, {problem}", path.display());
    // Asked before opening: opening a pipe would wait for its writer.
    let metadata = path.metadata().map_err(|e| failed(&format_args!("which cannot be read: {e}")))?;
    if !metadata.is_file() {
        return Err(failed(&"which is not a regular file"));
    }
    if let Some(who) = who_else_may_write(path, Stake::IsBelieved) {
        return Err(failed(&format_args!("and {who}, so others may have changed it; close it to others")));
    }
    if metadata.len() > LONGEST {
        return Err(failed(&"which is too large for a secret (more than 64 KiB)"));
    }
    let mut bytes =
        Zeroizing::new(Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default() + 1));
    File::open(path)
        .and_then(|file| file.take(LONGEST).read_to_end(&mut bytes))
        .map_err(|e| failed(&format_args!("which cannot be read: {e}")))?;
    let secret = utf8(bytes).ok_or_else(|| failed(&"which is not UTF-8 text"))?;
    let exposed = (metadata.permissions().mode() & 0o004 != 0).then(|| path.to_owned());
    Ok(Found { secret: without_newline(secret), exposed })
}

pub(super) fn without_newline(secret: Secret) -> Secret {
    let text = secret.expose();
    match text.strip_suffix('\n') {
        Some(line) => line.strip_suffix('\r').unwrap_or(line).into(),
        None => secret,
    }
}

/// Reads base64 as the Java tool does: the standard alphabet; the padding is whole or left off.
pub(super) fn from_base64(text: &str) -> Result<Secret, &'static str> {
    const JAVA: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    if text.ends_with('=') && !text.len().is_multiple_of(4) {
        return Err("is not base64");
    }
    let bytes = JAVA.decode(text).map_err(|_| "is not base64")?;
    utf8(Zeroizing::new(bytes)).ok_or("is base64 of something that is not UTF-8 text")
}

pub(super) fn utf8(mut bytes: Zeroizing<Vec<u8>>) -> Option<Secret> {
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Some(text.into()),
        Err(e) => {
            e.into_bytes().zeroize();
            None
        }
    }
}
