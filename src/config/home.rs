//! What a folder with an Identity Server tells about the server: its version, and whether it looks
//! for a key id in each encrypted value.
//!
//! Nothing here fails: what cannot be read is unknown. `deployment.toml` holds secrets, so
//! a problem with it is told by its line alone.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

/// A version: major, minor, patch.
pub type Version = (u32, u32, u32);

/// The first Identity Server, and the first kernel in it, that uses key ids.
pub(super) const KEY_IDS_SINCE: Version = (7, 1, 0);
const KEY_IDS_SINCE_KERNEL: Version = (4, 10, 24);

/// Where a server keeps its settings.
pub const DEPLOYMENT: &str = "repository/conf/deployment.toml";

/// No file that is read here is larger.
const LARGEST: u64 = 4 * 1024 * 1024;

/// What is known of a server by its folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Home {
    /// The Identity Server's version.
    pub version: Option<Version>,
    /// The version of the kernel below it.
    pub kernel: Option<Version>,
    /// `[encryption] enable_key_id` of `deployment.toml`.
    pub enable_key_id: Option<bool>,
    /// Whether there is such an entry that is neither: it stands in the server's environment, or is a number.
    pub odd_key_id: bool,
    /// Whether `[encryption] old_key` is set, to anything but an empty text.
    pub old_key: bool,
    /// Why `deployment.toml` could not be read, if it exists.
    pub problem: Option<String>,
}

impl Home {
    /// Looks at the server in `folder`.
    pub fn inspect(folder: &Path) -> Self {
        let line = |file: &str| read(&folder.join(file)).ok().and_then(|text| version_in(&text));
        let mut home = Self {
            version: line("bin/version.txt"),
            kernel: line("bin/wso2carbon-version.txt").or_else(|| kernel_jar(folder)),
            ..Self::default()
        };
        match read(&folder.join(DEPLOYMENT)) {
            Ok(text) => home.read_deployment(&text),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => home.problem = Some(e.to_string()),
        }
        home
    }

    fn read_deployment(&mut self, text: &str) {
        let table = match text.parse::<toml::Table>() {
            Ok(table) => table,
            Err(error) => {
                self.problem = Some(first_line_that_is_not_toml(text, &error));
                return;
            }
        };
        let Some(encryption) = table.get("encryption") else { return };
        self.old_key = match encryption.get("old_key") {
            Some(toml::Value::String(key)) => !key.trim().is_empty(),
            other => other.is_some(),
        };
        self.enable_key_id = match encryption.get("enable_key_id") {
            Some(toml::Value::Boolean(on)) => Some(*on),
            Some(toml::Value::String(on)) => on.trim().to_ascii_lowercase().parse().ok(),
            _ => None,
        };
        self.odd_key_id = self.enable_key_id.is_none() && encryption.get("enable_key_id").is_some();
    }

    /// Whether the server looks for key ids; `None` when nothing tells.
    ///
    /// An explicit `enable_key_id` counts most, then `old_key` (without key ids the server would
    /// open every rewritten value with that one), then the version.
    pub fn key_ids(&self) -> Option<bool> {
        let version = self.version.map(|v| v >= KEY_IDS_SINCE);
        let kernel = self.kernel.map(|v| v >= KEY_IDS_SINCE_KERNEL);
        self.enable_key_id.or(self.old_key.then_some(true)).or(version).or(kernel)
    }
}

/// Where a text stops being TOML, without showing any of it.
pub(super) fn first_line_that_is_not_toml(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    format!("line {} is not TOML", before.matches('\n').count() + 1)
}

pub(super) fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    if !path.metadata()?.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    File::open(path)?.take(LARGEST).read_to_string(&mut text)?;
    Ok(text)
}

/// The kernel's version by the name of its core jar, `org.wso2.carbon.core_4.10.42.jar`.
fn kernel_jar(folder: &Path) -> Option<Version> {
    fs::read_dir(folder.join("repository/components/plugins"))
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| version_in(name.strip_prefix("org.wso2.carbon.core_")?.strip_suffix(".jar")?))
        .max()
}

/// The first version in a text like `WSO2 Identity Server v7.1.0`.
fn version_in(text: &str) -> Option<Version> {
    // The name's own digit (`WSO2`) stands in a word with letters, a version's word does not.
    text.split_whitespace().find_map(|word| version(word.strip_prefix('v').unwrap_or(word)))
}

/// Reads `7.1`, `7.1.0`, `7.1.0-beta2` or `7.1.0.17`.
pub(super) fn version(text: &str) -> Option<Version> {
    let numbers = text.split_once('-').map_or(text, |(numbers, _)| numbers);
    let mut parts = numbers
        .split('.')
        .map(|part| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<u32>().ok()).flatten());
    let version = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    parts.all(|part| part.is_some()).then_some(version)
}
