//! `report`: what was done, for whoever has to answer for it; and whether a report is what the
//! journal says.

use std::io::{BufWriter, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use keyrotation_journal::{Journal, Step, Submission, submissions};

use super::args::{ReportArgs, ReportFormat};
use super::check_report::{Checked, check};
use super::{Session, out, print, status};
use crate::activity::{Activity, Doing, Task};
use crate::cipher::chain_key;
use crate::config;
use crate::error::{Error, Id, Result};
use crate::exit::Exit;
use crate::plan::Fingerprint;
use crate::report::{Document, Format, Made, Reporter, Source, WriteError};
use crate::telemetry::Progress;
use crate::who::whoami;

/// A journal that is held open, or read along with the process that works on it, while its report is
/// written.
struct Opened {
    dir: PathBuf,
    journal: Journal,
    left: Vec<Step>,
    held: bool,
    /// Whether its MACs were checked.
    checked: bool,
}

impl Opened {
    fn source<'a>(&'a self, doing: Option<&'a Doing>) -> Source<'a> {
        let Self { dir, journal, left, held, checked } = self;
        Source { dir, journal, left, held: *held, checked: *checked, doing }
    }
}

/// Writes a report, or checks one.
pub(super) async fn report(session: &Session, args: &ReportArgs) -> Result<Exit> {
    let format = format_of(args);
    if args.rows && format == Format::Html && args.check.is_none() {
        return Err(Error::new(Id::CommandLineValue, "--rows lists every row, which no page can hold")
            .fix("add --format json or --format csv"));
    }
    let mut opened = open_all(session, args).await?;
    // On a terminal a report would stand among it.
    let shows = output(args).is_some() || args.check.is_some();
    let progress = if shows { session.global.progress() } else { Progress::None };
    let activity = Activity::default();
    let reporter = Reporter::of(activity.clone(), progress, &session.progress);
    let checked = check_macs(session, &mut opened, &activity);
    let doing = activity.begin(Task::Report, "the journal", None);
    let done = checked.and_then(|()| write_or_check(args, format, &opened, &doing));
    drop(doing);
    reporter.finish().await;
    let (said, exit) = done?;
    print(&said)?;
    Ok(exit)
}

/// Does it, and returns what is to be said of it.
fn write_or_check(
    args: &ReportArgs,
    format: Format,
    opened: &[Opened],
    doing: &Doing,
) -> Result<(String, Exit)> {
    let sources: Vec<Source<'_>> = opened.iter().map(|one| one.source(Some(doing))).collect();
    let made = made(args);
    if let Some(path) = &args.check {
        let checked = check(path, &sources, made)?;
        let exit = if matches!(checked, Checked::Same) { Exit::Done } else { Exit::Differences };
        let unchecked = if sources.iter().all(|source| source.checked) { "" } else { UNCHECKED };
        return Ok((format!("{}: {}{unchecked}\n", path.display(), checked.words()), exit));
    }
    let document = Document::new(&sources, made.bound_to(&sources)?)?;
    let Some(path) = output(args) else {
        to_stdout(&document, format, &sources)?;
        return Ok((String::new(), Exit::Done));
    };
    to_file(&document, format, &sources, path, args.force)?;
    Ok((format!("wrote {}: {}\n", path.display(), document.verdict.headline), Exit::Done))
}

/// What is added to the word on a report where nobody can tell whether the journal was edited.
const UNCHECKED: &str =
    "; its MACs were not checked, since the new key is not at hand: an edit of both would not be seen";

/// Checks the MACs of all records, where the new key can be had without asking anybody for it. A journal that was
/// edited is refused; of one that could not be checked the report says so.
fn check_macs(session: &Session, opened: &mut [Opened], activity: &Activity) -> Result<()> {
    let key = match config::new_key_for_a_check(&session.global.config) {
        Ok(key) => key,
        Err(error) => {
            tracing::debug!("the new key is not at hand: {}", error.what());
            None
        }
    };
    for one in opened {
        let state = one.journal.state();
        let (id, total) = (state.rotation.id, state.entries);
        let of_it = Fingerprint::decode(&state.rotation.fingerprint)?.new_key;
        let Some(key) = key.as_ref().filter(|key| key.fingerprint() == of_it) else { continue };
        let doing = activity.begin(Task::Chain, "the journal", Some(total));
        one.journal.unlock(&chain_key(key, &id))?;
        one.journal.check_chain(|_, _| doing.advance(1))?;
        one.checked = true;
    }
    Ok(())
}

/// The file to write; none for standard output.
fn output(args: &ReportArgs) -> Option<&Path> {
    args.output.as_deref().filter(|path| *path != Path::new("-"))
}

/// What was asked for, else what the file's name says, else a page.
fn format_of(args: &ReportArgs) -> Format {
    let named = args.output.as_ref().and_then(|path| path.extension()?.to_str());
    match (args.format, named) {
        (Some(ReportFormat::Json), _) | (None, Some("json")) => Format::Json,
        (Some(ReportFormat::Csv), _) | (None, Some("csv")) => Format::Csv,
        (Some(ReportFormat::Html) | None, _) => Format::Html,
    }
}

async fn open_all(session: &Session, args: &ReportArgs) -> Result<Vec<Opened>> {
    let mut opened: Vec<Opened> = Vec::new();
    for dir in std::iter::once(session.global.journal_dir()).chain(args.also.iter().cloned()) {
        if opened.iter().any(|other| is_same(&other.dir, &dir)) {
            return Err(Error::new(Id::CommandLineValue, format!("--also {} is named twice", dir.display()))
                .fix("name each journal once"));
        }
        let left = submissions(&dir)?; // first: what is recorded meanwhile is then in both, and not in neither
        let (journal, held) = status::read(&dir).await?;
        let id = journal.state().rotation.id;
        let is_its = |left: &Submission| left.rotation.is_none_or(|rotation| rotation == id);
        let left = left.into_iter().filter(is_its).map(|left| left.step).collect();
        opened.push(Opened { dir, journal, left, held, checked: false });
    }
    Ok(opened)
}

fn is_same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn made(args: &ReportArgs) -> Made {
    let (host, user) = whoami();
    Made {
        at: Timestamp::now().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        user,
        host,
        rows: args.rows,
        redacted: args.redact,
        key_in_use_since: args.key_in_use_since.map(|date| date.to_string()),
        next_rotation_due: args.next_rotation_due.map(|date| date.to_string()),
        of: Vec::new(),
    }
}

fn to_stdout(document: &Document, format: Format, sources: &[Source<'_>]) -> Result<()> {
    let mut out = BufWriter::new(out::stdout());
    let written = document.write(format, sources, &mut out).and_then(|()| Ok(out.flush()?));
    match written {
        Err(WriteError::Output(error)) => out::trouble(error),
        Err(WriteError::Journal(error)) => Err(error),
        Ok(()) => Ok(()),
    }
}

/// Writes a file that is there whole or not at all, for its owner's eyes only.
fn to_file(
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
