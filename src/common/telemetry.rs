//! What the program says besides its results: the screen (stderr) and the rotation's log file.
//!
//! Library code only uses `tracing`; this is the only subscriber. The log file's name needs the
//! rotation's id, so lines are kept until [`LogFile::open`] names it.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::MultiProgress;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::fit::wrapped;
use crate::invocation::spelled;

/// The target of lines that go to the log file alone, since the screen shows them in another form.
pub const LOG_ONLY: &str = "keyrotation::log_only";

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Whether to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Color {
    /// On a terminal that knows colours, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Whether to colour what goes to stderr.
    pub fn on_stderr(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => std::env::var_os("NO_COLOR").is_none() && !is_dumb() && io::stderr().is_terminal(),
        }
    }
}

/// Whether the terminal can do no more than show lines.
pub fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Progress {
    /// A bar on a terminal, lines elsewhere.
    #[default]
    Auto,
    /// A bar that is drawn again and again; nothing where there is no terminal.
    Bar,
    /// A line every ten seconds or so.
    Plain,
    /// One JSON object a line, on stderr.
    Json,
    /// Not at all.
    None,
}

impl Progress {
    /// What `auto` comes to on this stderr.
    #[must_use]
    pub fn resolved(self) -> Self {
        match self {
            Self::Auto if io::stderr().is_terminal() && !is_dumb() => Self::Bar,
            Self::Auto => Self::Plain,
            other => other,
        }
    }
}

/// How much is said, and where.
#[derive(Debug, Clone, Copy)]
pub struct Verbosity {
    /// 0 is normal, 1 adds details, 2 everything.
    pub verbose: u8,
    /// Only warnings and errors on the screen.
    pub quiet: bool,
    /// How lines look.
    pub format: LogFormat,
    /// Whether to use colours.
    pub color: Color,
}

/// Starts listening to `tracing`. Returns the log file, which has no name yet, and the progress
/// bars' home, between which lines on the screen find their place.
pub fn start(verbosity: Verbosity) -> (LogFile, MultiProgress) {
    let log = LogFile::default();
    let progress = MultiProgress::new();
    let detail = match verbosity.verbose {
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // The crates' names all begin like this; what others log is not for people.
    let ours = |level| Targets::new().with_target("keyrotation", level);
    let screen = tracing_subscriber::fmt::layer()
        .with_target(false)
        .without_time()
        .with_ansi(verbosity.color.on_stderr())
        .with_writer(Screen { progress: progress.clone(), is_text: verbosity.format == LogFormat::Text });
    let file = tracing_subscriber::fmt::layer().with_target(false).with_ansi(false).with_writer(log.clone());
    let (screen, file) = match verbosity.format {
        LogFormat::Text => (screen.boxed(), file.boxed()),
        LogFormat::Json => (screen.json().boxed(), file.json().boxed()),
    };
    let shown = ours(if verbosity.quiet { LevelFilter::WARN } else { detail });
    let screen = screen.with_filter(shown.with_target(LOG_ONLY, LevelFilter::OFF));
    let file = file.with_filter(ours(detail));
    let subscriber = tracing_subscriber::registry().with(screen).with(file);
    // Only a second start, in a test, could fail; the first subscriber stays then.
    let _ = tracing::subscriber::set_global_default(subscriber);
    (log, progress)
}

/// The columns of the terminal on which lines are shown, if they are.
pub fn columns_of_stderr() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok()?;
    (size.ws_col > 0).then_some(size.ws_col.into())
}

/// Stderr, with the progress bars out of the way.
#[derive(Debug, Clone)]
struct Screen {
    progress: MultiProgress,
    /// For people, who may type a command that they read here.
    is_text: bool,
}

impl Write for Screen {
    /// Whole lines, as `fmt` hands them over.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // What is as it should be needs no colour.
        let text = String::from_utf8_lossy(bytes).replacen("\u{1b}[32m INFO\u{1b}[0m", " INFO", 1);
        let shown = if self.is_text { spelled(&text) } else { text.as_str().into() };
        let shown = if self.is_text { wrapped(&shown, columns_of_stderr()) } else { shown.as_ref().into() };
        self.progress.suspend(|| io::stderr().write_all(shown.as_bytes()))?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for Screen {
    type Writer = Self;
    fn make_writer(&'a self) -> Self::Writer {
        self.clone()
    }
}

/// The rotation's log file; until it has a name, lines are kept in memory.
#[derive(Debug, Clone, Default)]
pub struct LogFile {
    state: Arc<Mutex<State>>,
}

enum State {
    Waiting(Vec<u8>),
    Open(Box<dyn Write + Send>),
    /// No log file was requested.
    Off,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting(_) => "Waiting",
            Self::Open(_) => "Open",
            Self::Off => "Off",
        })
    }
}

impl Default for State {
    fn default() -> Self {
        Self::Waiting(Vec::new())
    }
}

impl LogFile {
    /// Names the file: what was said so far is appended to it, and all that follows. It names rows, so it is this user's
    /// own: nothing that a link leads to, and nothing that others own or may write to.
    pub fn open(&self, path: &Path) -> io::Result<()> {
        self.write_to(Box::new(own_file(path)?))
    }

    /// Likewise, into something that is open already. A reader that goes away ends nothing.
    pub fn write_to(&self, mut out: Box<dyn Write + Send>) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Waiting(lines) = &*state {
            unless_nobody_reads(out.write_all(lines).and_then(|()| out.flush()))?;
        }
        *state = State::Open(out);
        Ok(())
    }

    /// No log file is wanted.
    pub fn off(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::Off;
    }
}

fn unless_nobody_reads(written: io::Result<()>) -> io::Result<()> {
    written.or_else(|error| if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
}

/// Opens a file to append to it, or makes it for its owner only.
fn own_file(path: &Path) -> io::Result<File> {
    let refused = |why: String| Err(io::Error::new(ErrorKind::PermissionDenied, why));
    if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
        return refused("it is a link, and links are not followed".to_owned());
    }
    // Replacing it by a link or a FIFO meanwhile has no effect.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let found = file.metadata()?;
    let own = rustix::process::geteuid().as_raw();
    if !found.is_file() {
        return refused("it is not a regular file".to_owned());
    }
    if found.uid() != own {
        return refused(format!("it belongs to user {}, and this is user {own}", found.uid()));
    }
    if found.mode() & 0o022 != 0 {
        return refused(format!("it can be written by others (mode {:o})", found.mode() & 0o777));
    }
    Ok(file)
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Waiting(lines) => lines.write(bytes),
            State::Open(out) => {
                unless_nobody_reads(out.write_all(bytes).and_then(|()| out.flush()))?;
                Ok(bytes.len())
            }
            State::Off => Ok(bytes.len()),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Self;
    fn make_writer(&'a self) -> Self::Writer {
        self.clone()
    }
}
