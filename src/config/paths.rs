//! Paths as `properties.yaml` writes them.

use std::path::{Path, PathBuf};

/// A path as the file writes it, made absolute. `~` is a shell's word, so it is refused.
pub(super) fn expand(path: &str, folder: &Path) -> Result<PathBuf, String> {
    if path.is_empty() {
        return Err("names no path".into());
    }
    if path == "~" || path.starts_with("~/") {
        return Err(
            "begins with ~, which is not replaced by the home folder here; write the whole path".into()
        );
    }
    Ok(folder.join(path))
}
