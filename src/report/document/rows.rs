//! Every row and file of a journal with what became of it, one after the other: memory does not
//! grow with their number.

use std::collections::HashMap;

use keyrotation_journal::{CellOutcome, Journal, Key, Ordinal, RowRecord, TargetHead, TargetId, TargetKind};
use serde::Serialize;

use super::redact::Redactor;
use crate::engine::RowOutcome;
use crate::error::Result;
use crate::plan;
use crate::status::{column_name, place, time};
use crate::target::TargetRegistry;

/// A row or file that held an encrypted value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowPart<'a> {
    /// The rotation's id.
    pub rotation_id: &'a str,
    /// The table's or file group's id.
    pub target: &'a str,
    /// The table, or the kind of files.
    pub place: &'a str,
    /// The row's key, its parts divided by slashes, or the file's name.
    pub key: String,
    /// `rotated`, `already new`, `failed`, `gone`; `no ciphertext` for a row that held one when it was
    /// first looked at; `unknown` in a chunk that was begun and not finished.
    pub outcome: &'static str,
    /// When that was recorded, RFC 3339 in UTC.
    pub at: Option<String>,
    /// Each value.
    pub values: Vec<ValuePart>,
}

/// One encrypted value of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValuePart {
    /// The column; `content` for a file.
    pub column: String,
    /// What became of it.
    pub outcome: &'static str,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Hands every row of a journal to `take`, each once, by table and chunk.
pub(super) fn each_row<E: From<crate::error::Error>>(
    journal: &Journal,
    redactor: &Redactor,
    mut take: impl FnMut(&RowPart<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let rotation = &journal.state().rotation;
    let (name, known) = (rotation.name(), plan::recorded(rotation));
    for (target, head) in TargetId::all().zip(&rotation.targets) {
        if head.kind == TargetKind::Sync {
            continue;
        }
        let place = place(&known, head);
        // Rows that were tried again or found astray: their last record counts. They are few.
        let later = later(journal, target)?;
        for chunk in journal.chunks(target) {
            let (ordinal, _) = chunk.map_err(crate::error::Error::from)?;
            let times = journal.chunk_times(target, ordinal).map_err(crate::error::Error::from)?;
            for row in journal.rows(target, ordinal).map_err(crate::error::Error::from)? {
                if later.get(&row.key).is_some_and(|last| *last != ordinal) {
                    continue;
                }
                let part = RowPart {
                    rotation_id: &name,
                    target: &head.id,
                    place: &place,
                    key: redactor.key(&row.key.to_string()),
                    outcome: if times.done_at.is_some() { outcome(&row) } else { "unknown" },
                    at: times.done_at.map(time),
                    values: values(&known, head, &row),
                };
                take(&part)?;
            }
        }
    }
    Ok(())
}

/// The last chunk of each row that is in a chunk of named rows.
fn later(journal: &Journal, target: TargetId) -> Result<HashMap<Key, Ordinal>> {
    let mut last = HashMap::new();
    let open = journal.state().targets.get(target.position()).map(|target| &target.open);
    let named = open.into_iter().flatten().filter(|(_, chunk)| chunk.span == keyrotation_journal::Span::Keys);
    let closed: Vec<_> = journal.overlays(target).collect::<keyrotation_journal::Result<_>>()?;
    for ordinal in closed.into_iter().chain(named.map(|(ordinal, _)| *ordinal)) {
        for row in journal.rows(target, ordinal)? {
            let chunk = last.entry(row.key).or_insert(ordinal);
            *chunk = ordinal.max(*chunk);
        }
    }
    Ok(last)
}

/// What a row counts as: the same as in the tables' counts.
fn outcome(row: &RowRecord) -> &'static str {
    if row.cells.iter().any(|cell| cell.outcome == CellOutcome::Gone) {
        return word(&CellOutcome::Gone);
    }
    match row.cells.iter().map(|cell| RowOutcome::of(&cell.outcome)).max() {
        Some(RowOutcome::Failed) => "failed",
        Some(RowOutcome::Rotated) => "rotated",
        Some(RowOutcome::Resealed) => "resealed",
        Some(RowOutcome::AlreadyNew) => "already new",
        Some(RowOutcome::Plain | RowOutcome::Null) | None => "no ciphertext",
    }
}

fn word(outcome: &CellOutcome) -> &'static str {
    match outcome {
        CellOutcome::Rotated { .. } => "rotated",
        CellOutcome::Resealed { .. } => "resealed",
        CellOutcome::AlreadyNew { .. } => "already new",
        CellOutcome::Failed { .. } => "failed",
        CellOutcome::Gone => "gone",
    }
}

fn values(known: &TargetRegistry, head: &TargetHead, row: &RowRecord) -> Vec<ValuePart> {
    let value = |cell: &keyrotation_journal::CellRecord| ValuePart {
        column: column_name(known, &head.id, cell.column),
        outcome: word(&cell.outcome),
        reason: match &cell.outcome {
            CellOutcome::Failed { reason, .. } => Some(reason.clone()),
            _ => None,
        },
    };
    // That a row is gone is recorded of its first column, and true of all.
    row.cells.iter().filter(|cell| cell.outcome != CellOutcome::Gone).map(value).collect()
}
