//! The report as CSV (RFC 4180): one line for each table and file group, or for each row.
//!
//! No cell is one that a spreadsheet would run: see [`defused`].

use std::io::Write;

use csv::{Terminator, WriterBuilder};

use super::rows::each_row;
use super::safe::{defused, visible};
use super::{Document, RotationPart, Source, TargetPart, WriteError};

const TABLES: [&str; 21] = [
    "rotation_id",
    "kind",
    "id",
    "label",
    "place",
    "state",
    "skipped",
    "total",
    "rows",
    "rotated",
    "already_new",
    "plain",
    "null",
    "failed",
    "gone",
    "chunks",
    "sweeps",
    "strays",
    "began_at",
    "done_at",
    "milliseconds",
];

const ROWS: [&str; 7] = ["rotation_id", "id", "place", "key", "outcome", "at", "values"];

/// Writes one line for each table and file group; with sources, one for each of their rows.
pub(super) fn write(
    document: &Document,
    sources: &[Source<'_>],
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    let mut csv = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
    if document.made.rows {
        csv.write_record(ROWS).map_err(output)?;
        for source in sources {
            each_row(source.journal, &document.redactor, |row| {
                source.advance();
                let values = row.values.iter().map(|value| match &value.reason {
                    Some(reason) => format!("{} {}: {reason}", value.column, value.outcome),
                    None => format!("{} {}", value.column, value.outcome),
                });
                let values = values.collect::<Vec<_>>().join(" | ");
                let at = row.at.as_deref().unwrap_or_default();
                let cells = [row.rotation_id, row.target, row.place, &row.key, row.outcome, at, &values];
                csv.write_record(cells.map(cell)).map_err(output)
            })?;
        }
    } else {
        csv.write_record(TABLES).map_err(output)?;
        for rotation in &document.rotations {
            for (kind, targets) in [("table", &rotation.targets), ("files", &rotation.files)] {
                for target in targets {
                    csv.write_record(line(rotation, kind, target).map(|text| cell(&text))).map_err(output)?;
                }
            }
        }
    }
    Ok(csv.flush()?)
}

fn line(rotation: &RotationPart, kind: &str, target: &TargetPart) -> [String; TABLES.len()] {
    let (view, times) = (&target.view, &target.times);
    let number = |count: u64| count.to_string();
    [
        rotation.rotation_id.clone(),
        kind.to_owned(),
        view.id.clone(),
        view.label.clone(),
        view.place.clone(),
        view.state.clone(),
        view.skipped.clone().unwrap_or_default(),
        view.total.map(number).unwrap_or_default(),
        number(view.rows),
        number(view.rotated),
        number(view.already_new),
        number(view.plain),
        number(view.null),
        number(view.failed),
        number(view.gone),
        number(times.chunks),
        times.sweeps.len().to_string(),
        number(times.sweeps.iter().map(|sweep| sweep.strays).sum()),
        times.began_at.clone().unwrap_or_default(),
        times.done_at.clone().unwrap_or_default(),
        times.milliseconds.map(number).unwrap_or_default(),
    ]
}

/// What cannot be seen is written out first, so that a line is a line.
fn cell(text: &str) -> String {
    defused(&visible(text))
}

fn output(error: csv::Error) -> WriteError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => WriteError::Output(error),
        other => WriteError::Output(std::io::Error::other(format!("{other:?}"))),
    }
}
