//! The lines that the guide tells people to look for in the log, word for word, and those that the Java tool writes
//! in their place.

use super::TargetView;
use keyrotation_journal::TargetKind;

/// The lines of one target: how many were updated and how many failed, for each group of rows.
pub fn guide_lines(view: &TargetView, kind: TargetKind) -> Vec<String> {
    match kind {
        TargetKind::Files => {
            vec![
                format!("Updated {}: {}", view.label, view.rotated),
                // The Java tool's own spelling.
                format!("Successfully updated {}: {}", view.label, view.rotated),
                format!("Failed {}: {}", view.label, view.failed),
            ]
        }
        TargetKind::Sync => Vec::new(),
        TargetKind::Table if view.groups.is_empty() => {
            table_lines(&view.label, view, view.rotated, view.failed)
        }
        TargetKind::Table => view
            .groups
            .iter()
            .flat_map(|group| table_lines(&group.label, view, group.rotated, group.failed))
            .collect(),
    }
}

fn table_lines(label: &str, view: &TargetView, rotated: u64, failed: u64) -> Vec<String> {
    vec![
        format!("Successfully updated {label} data records in {}: {rotated}", view.place),
        format!("Failed {label} data records in {}: {failed}", view.place),
    ]
}
