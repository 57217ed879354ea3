//! A file of this program's that takes a place which the user has named: whole or not at all, for its owner's eyes only,
//! and in the place of a regular file alone.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::error::{Error, Id, Result};

/// Why a file was not written.
#[derive(Debug)]
pub enum Unwritten {
    /// The file takes nothing.
    Output(io::Error),
    /// What it was to hold could not be made.
    Content(Error),
}

impl From<io::Error> for Unwritten {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Writes a file of mode 0600. With `force` it takes the place of one that is there. `option` names the file.
pub fn write_whole(
    path: &Path,
    force: bool,
    option: &str,
    write: impl FnOnce(&mut BufWriter<NamedTempFile>) -> std::result::Result<(), Unwritten>,
) -> Result<()> {
    let failed = |error: io::Error| Error::new(Id::File, format!("{}: {error}", path.display()));
    let exists = || {
        Error::new(Id::CommandLineValue, format!("{} exists already", path.display()))
            .fix(format!("name another file with {option}, or overwrite it with --force"))
    };
    if !force && path.symlink_metadata().is_ok() {
        return Err(exists());
    }
    must_be_replaceable(path, &format!("name another file with {option}"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = tempfile::Builder::new().prefix(".keyrotation-").suffix(".tmp").tempfile_in(folder);
    let mut out = BufWriter::new(file.map_err(failed)?); // of mode 0600
    match write(&mut out) {
        Err(Unwritten::Output(error)) => return Err(failed(error)),
        Err(Unwritten::Content(error)) => return Err(error),
        Ok(()) => out.flush().map_err(failed)?,
    }
    let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
    file.as_file().sync_all().map_err(failed)?;
    let placed = if force { file.persist(path) } else { file.persist_noclobber(path) };
    match placed {
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists && !force => return Err(exists()),
        Err(error) => return Err(failed(error.error)),
        Ok(_) => {}
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// Replaces the file at `path` by one that everybody may read, at once. It need not outlive a power loss, so nothing waits
/// for the disk.
pub fn replace_readable(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |error: io::Error| Error::new(Id::File, format!("{}: {error}", path.display()));
    must_be_replaceable(path, "name another file")?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = tempfile::Builder::new().prefix(".keyrotation-").suffix(".tmp").tempfile_in(folder);
    let mut file = file.map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Moves the files that `make` makes in a folder of its own into the one that the user has named, over those of an earlier
/// version.
pub fn write_all(folder: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
    let failed = |error: io::Error| Error::new(Id::File, format!("{}: {error}", folder.display()));
    let own = tempfile::Builder::new().prefix(".keyrotation-").tempdir_in(folder).map_err(failed)?;
    make(own.path()).map_err(failed)?;
    for page in fs::read_dir(own.path()).map_err(failed)? {
        let page = page.map_err(failed)?;
        let place = folder.join(page.file_name());
        must_be_replaceable(&place, "remove it, or name another folder")?;
        fs::rename(page.path(), &place).map_err(failed)?;
    }
    Ok(())
}

/// Refuses a place at which something stands that is no regular file: a device or a FIFO is not replaced by a file, nor is
/// a link, whatever it leads to.
fn must_be_replaceable(path: &Path, fix: &str) -> Result<()> {
    let Ok(found) = path.symlink_metadata() else { return Ok(()) };
    let kind = found.file_type();
    let what = match kind {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_symlink() => "a link",
        kind if kind.is_dir() => "a folder",
        kind if kind.is_fifo() => "a FIFO",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    };
    let what = format!("{} is {what}, and is not replaced by a file", path.display());
    Err(Error::new(Id::CommandLineValue, what).fix(fix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_regular_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &Path, text: &str| {
            write_whole(path, true, "--output", |out| Ok(out.write_all(text.as_bytes())?))
        };
        let file = folder.path().join("file");
        write(&file, "one").unwrap();
        write(&file, "two").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "two");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for (path, what) in [(&*link, "is a link"), (Path::new("/dev/null"), "is a device")] {
            let refused = must_be_replaceable(path, "name another").unwrap_err();
            assert!(refused.what().contains(what), "{refused}");
        }
        assert!(write(&link, "three").is_err());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "two");
        let socket = folder.path().join("socket");
        let _listens = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(write(&socket, "three").unwrap_err().what().contains("is a socket"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "nothing is left behind");
    }
}
