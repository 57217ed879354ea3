//! Standard output: the one place that writes to it. A result that could not be written is an error: whoever
//! takes it from a file would take nothing for a result. A reader that went away is none.

use std::io::{self, ErrorKind, IsTerminal as _, Write};

use serde::Serialize;

use crate::error::{Error, Id, Result};

/// Prints a result.
pub(super) fn print(text: &str) -> Result<()> {
    let mut out = stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).or_else(trouble)
}

/// Prints a document as JSON.
pub(super) fn print_json(document: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(document)
        .map_err(|error| Error::new(Id::System, format!("the result cannot be written as JSON: {error}")))?;
    print(&format!("{text}\n"))
}

/// Standard output for whoever writes piece by piece.
pub(super) fn stdout() -> io::StdoutLock<'static> {
    io::stdout().lock()
}

/// Says so if a secret that is printed goes to a file that others may read: its mode is the shell's affair.
pub(super) fn warn_if_others_may_read() {
    let Ok(file) = rustix::fs::fstat(io::stdout()) else { return };
    let kind = rustix::fs::FileType::from_raw_mode(file.st_mode);
    if kind == rustix::fs::FileType::RegularFile && file.st_mode & 0o044 != 0 {
        tracing::warn!(
            "standard output is a file that others may read (mode {:o}), and a secret goes there: `chmod 600` it, and \
             say `umask 077` before you redirect one",
            file.st_mode & 0o777
        );
    }
}

/// Whether somebody looks at it.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Columns and lines of the terminal, if it is one that says so.
pub(super) fn size() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then(|| (size.ws_col.into(), size.ws_row.into()))
}

/// What became of a result that could not be written.
#[allow(clippy::needless_pass_by_value)] // as `or_else` wants it
pub(super) fn trouble(error: io::Error) -> Result<()> {
    if error.kind() == ErrorKind::BrokenPipe {
        return Ok(());
    }
    Err(Error::new(Id::Output, format!("standard output: {error}")))
}
