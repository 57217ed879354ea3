//! The report as JSON: the model, then, if asked for, one line for each row.

use std::io::Write;

use serde_json::to_string_pretty;

use super::rows::each_row;
use super::{Document, Source, WriteError};
use crate::error::{Error, Id};

/// Writes the document; with sources, all their rows are its last member.
pub(super) fn write(
    document: &Document,
    sources: &[Source<'_>],
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    let text = to_string_pretty(document).map_err(|error| not_json(&error))?;
    // The document is closed by hand, so that rows can follow without being collected first.
    let open = text.strip_suffix("\n}").unwrap_or(&text);
    out.write_all(open.as_bytes())?;
    if document.made.rows {
        out.write_all(b",\n  \"rows\": [")?;
        let mut before: &[u8] = b"\n    ";
        for source in sources {
            each_row(source.journal, &document.redactor, |row| {
                source.advance();
                let row = serde_json::to_vec(row).map_err(|error| not_json(&error))?;
                out.write_all(before)?;
                before = b",\n    ";
                Ok::<(), WriteError>(out.write_all(&row)?)
            })?;
        }
        out.write_all(b"\n  ]")?;
    }
    Ok(out.write_all(b"\n}\n")?)
}

fn not_json(error: &serde_json::Error) -> Error {
    Error::new(Id::System, format!("the report cannot be written as JSON: {error}"))
}
