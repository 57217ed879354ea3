//! A report as a file.

use std::io::{BufWriter, ErrorKind};
use std::path::Path;

use super::{Document, Format, Source, WriteError};
use crate::error::{Error, Id, Result};

/// Writes a file that is there whole or not at all, for its owner's eyes only.
pub fn write_file(
    document: &Document,
    format: Format,
    sources: &[Source<'_>],
    path: &Path,
    force: bool,
) -> Result<()> {
    let failed = |error: std::io::Error| Error::new(Id::File, format!("{}: {error}", path.display()));
    let exists = || {
        Error::new(Id::CommandLineValue, format!("{} exists already", path.display()))
            .fix("name another file with --output, or overwrite it with --force")
    };
    if !force && path.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let file = tempfile::Builder::new().prefix(".keyrotation-").suffix(".tmp").tempfile_in(folder);
    let file = file.map_err(failed)?; // of mode 0600
    let mut out = BufWriter::new(file);
    match document.write(format, sources, &mut out) {
        Err(WriteError::Output(error)) => return Err(failed(error)),
        Err(WriteError::Journal(error)) => return Err(error),
        Ok(()) => {}
    }
    let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
    file.as_file().sync_all().map_err(failed)?;
    let placed = if force { file.persist(path) } else { file.persist_noclobber(path) };
    match placed {
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists && !force => return Err(exists()),
        Err(error) => return Err(failed(error.error)),
        Ok(_) => {}
    }
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}
