//! A report as a file.

use std::path::Path;

use super::{Document, Format, Source, WriteError};
use crate::error::Result;
use crate::placed::{Unwritten, write_whole};

/// Writes a file that is there whole or not at all, for its owner's eyes only.
pub fn write_file(
    document: &Document,
    format: Format,
    sources: &[Source<'_>],
    path: &Path,
    force: bool,
) -> Result<()> {
    write_whole(path, force, "--output", |out| {
        document.write(format, sources, out).map_err(|error| match error {
            WriteError::Output(error) => Unwritten::Output(error),
            WriteError::Journal(error) => Unwritten::Content(error),
        })
    })
}
