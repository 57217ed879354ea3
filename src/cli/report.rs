//! `report`: what was done, for those who must answer for it; and whether a report is what the
//! journal says.

use std::io::{BufWriter, Write as _};
use std::path::Path;

use jiff::Timestamp;

use super::args::{ReportArgs, ReportFormat};
use super::{Session, out, tell};
use crate::activity::{Activity, Doing, Task};
use crate::error::{Error, Id, Result};
use crate::exit::Exit;
use crate::report::{
    Checked, Document, Format, Made, Reporter, Source, WriteError, check, moment, printable, write_file,
};
use crate::runner::{Opened, check_macs, open_all, take_waiting};
use crate::telemetry::Progress;
use crate::who::whoami;

/// Writes a report, or checks one.
pub(super) async fn report(session: &Session, args: &ReportArgs) -> Result<Exit> {
    let format = format_of(args)?;
    if format == Format::Html && args.output.is_none() && args.check.is_none() && out::is_terminal() {
        let what = "standard output is a terminal, where a page of HTML cannot be read";
        return Err(Error::new(Id::CommandLineValue, what).fix(
            "write it into a file with `keyrotation report --output report.html`; --output - prints it anyway",
        ));
    }
    if args.rows && format == Format::Html && args.check.is_none() {
        return Err(Error::new(
            Id::CommandLineValue,
            "--rows lists every row, which is too much for a page of HTML",
        )
        .fix("add --format json or --format csv"));
    }
    if args.check.is_none() {
        take_waiting(&session.place(), None).await; // what waits reaches no headline
    }
    let mut opened =
        open_all(std::iter::once(session.global.journal_dir()).chain(args.also.iter().cloned())).await?;
    // On a terminal a report would stand among it.
    let shows = output(args).is_some() || args.check.is_some();
    let progress = if shows { session.global.progress() } else { Progress::None };
    let activity = Activity::default();
    let reporter = Reporter::of(activity.clone(), progress, &session.progress);
    let checked = check_macs(&session.global.config, &mut opened, &activity);
    let doing = activity.begin(Task::Report, "the journal", None);
    let done = checked.and_then(|()| write_or_check(args, format, &opened, &doing));
    drop(doing);
    reporter.finish().await;
    let (said, exit) = done?;
    tell(&said)?;
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
        let exit = if matches!(checked, Checked::Same { .. }) { Exit::Done } else { Exit::Differences };
        let unchecked = if sources.iter().all(|source| source.checked) { "" } else { UNCHECKED };
        return Ok((format!("{}: {}{unchecked}\n", path.display(), checked.words()), exit));
    }
    let document = Document::new(&sources, made.bound_to(&sources)?)?;
    let Some(path) = output(args) else {
        to_stdout(&document, format, &sources)?;
        return Ok((String::new(), Exit::Done));
    };
    write_file(&document, format, &sources, path, args.force)?;
    Ok((format!("wrote {}: {}\n", path.display(), document.verdict.headline), Exit::Done))
}

/// What is added to the verdict on a report if it is not known whether the journal was edited.
const UNCHECKED: &str =
    "; its MACs were not checked, since the new key is not available: an edit of both would not be seen";

/// The file to write; none for standard output.
fn output(args: &ReportArgs) -> Option<&Path> {
    args.output.as_deref().filter(|path| *path != Path::new("-"))
}

/// What was asked for, else what the file's name says, else a page.
fn format_of(args: &ReportArgs) -> Result<Format> {
    let named = output(args).and_then(Path::extension).map(|ending| ending.to_string_lossy().to_lowercase());
    Ok(match (args.format, named.as_deref()) {
        (Some(ReportFormat::Json), _) | (None, Some("json")) => Format::Json,
        (Some(ReportFormat::Csv), _) | (None, Some("csv")) => Format::Csv,
        (Some(ReportFormat::Html), _) | (None, None | Some("html" | "htm")) => Format::Html,
        (None, Some(other)) => {
            let what = format!("a report is written as html, json or csv, not as {}", printable(other));
            return Err(Error::new(Id::CommandLineValue, what)
                .fix("let the file's name end in one of these, or say which with --format; a browser prints the page as PDF"));
        }
    })
}

fn made(args: &ReportArgs) -> Made {
    let (host, user) = whoami();
    Made {
        at: moment(Timestamp::now()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        user,
        host,
        rows: args.rows,
        redacted: args.redact,
        title: args.title.clone(),
        key_in_use_since: args.key_in_use_since.map(|date| date.to_string()),
        next_rotation_due: args.next_rotation_due.map(|date| date.to_string()),
        of: Vec::new(),
    }
}

fn to_stdout(document: &Document, format: Format, sources: &[Source<'_>]) -> Result<()> {
    let mut out = BufWriter::new(out::stdout()?);
    let written = document.write(format, sources, &mut out).and_then(|()| Ok(out.flush()?));
    match written {
        Err(WriteError::Output(error)) => out::trouble(error),
        Err(WriteError::Journal(error)) => Err(error),
        Ok(()) => Ok(()),
    }
}
