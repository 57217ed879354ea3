//! Standard output: the one place that writes to it. A result that could not be written is an error: whoever
//! takes it from a file would take nothing for a result. A reader that went away is none.

use std::io::{self, ErrorKind, IsTerminal as _, Write};

use serde::Serialize;

use crate::error::{Error, Id, Result};
use crate::fit::{self, wrapped};
use crate::invocation::spelled;

/// Prints a result for people. If standard output is closed, the result would be lost.
pub(super) fn print(text: &str) -> Result<()> {
    must_be_open()?;
    tell(text)
}

/// Prints a result for programs, as it stands.
pub(super) fn print_raw(text: &str) -> Result<()> {
    must_be_open()?;
    write(text)
}

/// Prints the result of something that is done, and that the exit code tells, too: a caller that has closed standard output goes
/// by that.
pub(super) fn tell(text: &str) -> Result<()> {
    write(&wrapped(&spelled(text), fit::columns()))
}

fn write(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).or_else(trouble)
}

/// Prints a document as JSON.
pub(super) fn print_json(document: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(document)
        .map_err(|error| Error::new(Id::System, format!("the result cannot be written as JSON: {error}")))?;
    print_raw(&format!("{text}\n"))
}

/// Standard output for a result that is written piece by piece.
pub(super) fn stdout() -> Result<io::StdoutLock<'static>> {
    must_be_open()?;
    Ok(io::stdout().lock())
}

/// Prints a result that is a secret, or has one in it. A file that others may read is closed to them first, since its mode
/// is the shell's affair; where that cannot be, and where nobody would get it, nothing is printed.
pub(super) fn print_secret(text: &str) -> Result<()> {
    must_be_open()?;
    close_to_others()?;
    write(text)
}

/// Standard output for a log, beside results for people.
pub(super) fn for_log() -> Box<dyn io::Write + Send> {
    Box::new(io::stdout())
}

/// An error if standard output was closed when the program began. What runs before it has put something in its place that
/// takes everything, and is open for reading, too.
pub(super) fn must_be_open() -> Result<()> {
    let closed = || -> rustix::io::Result<bool> {
        let (out, null) = (rustix::fs::fstat(io::stdout())?, rustix::fs::stat("/dev/null")?);
        let is_null = rustix::fs::FileType::from_raw_mode(out.st_mode)
            == rustix::fs::FileType::CharacterDevice
            && out.st_rdev == null.st_rdev;
        Ok(is_null && rustix::fs::fcntl_getfl(io::stdout())?.contains(rustix::fs::OFlags::RDWR))
    };
    if closed().unwrap_or(false) {
        let what = "standard output: it is closed, so nobody would get the result";
        return Err(Error::new(Id::Output, what)
            .fix("leave it open; to throw the result away, redirect it (`>/dev/null`), which opens that for writing only"));
    }
    Ok(())
}

fn close_to_others() -> Result<()> {
    let Ok(file) = rustix::fs::fstat(io::stdout()) else { return Ok(()) };
    let kind = rustix::fs::FileType::from_raw_mode(file.st_mode);
    if kind != rustix::fs::FileType::RegularFile || file.st_mode & 0o044 == 0 {
        return Ok(());
    }
    let mode = file.st_mode & 0o777;
    let (read, write) = (rustix::fs::Mode::RUSR, rustix::fs::Mode::WUSR);
    rustix::fs::fchmod(io::stdout(), read | write).map_err(|error| {
        let what =
            format!("standard output is a file that others may read (mode {mode:o}) and that cannot be closed to them: {error}");
        Error::new(Id::Output, what).fix("redirect it to a file of your own, after `umask 077`")
    })?;
    tracing::warn!(
        "standard output was a file that others may read (mode {mode:o}), and a secret goes there: it is closed to them now \
         (mode 600)"
    );
    Ok(())
}

/// Whether it is a terminal.
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
