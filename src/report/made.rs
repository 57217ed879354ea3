//! A rotation as tests of what is shown need it.

use keyrotation_journal::{JobState, Rotation, TargetHead, TargetKind};

use super::StatusView;

/// One that runs, with these tables, of which nothing is done.
pub(super) fn status(tables: &[&str]) -> StatusView {
    let head = |id: &&str| TargetHead {
        id: (*id).to_owned(),
        label: (*id).to_owned(),
        kind: TargetKind::Table,
        groups: Vec::new(),
    };
    let rotation = Rotation {
        id: [1; 16],
        created_at: 1,
        version: "test".into(),
        fingerprint: Vec::new(),
        targets: tables.iter().map(head).collect(),
    };
    StatusView::new(&JobState::new(rotation), true)
}
