//! Groups of configuration files: folders under newISHome, and what makes an XML file one of the group.

use serde::{Deserialize, Serialize};

/// A kind of configuration files that is counted and reported as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileGroup {
    /// Its stable name in the journal and in `status --json`.
    pub id: String,
    /// What the guide calls it in `Updated <label>: <count>`.
    pub label: String,
    /// Its folders under newISHome; a segment `*` stands for every folder there.
    pub folders: Vec<String>,
    /// The local name of the root element of its files.
    pub root: String,
}

fn files(id: &str, label: &str, folders: &[&str], root: &str) -> FileGroup {
    FileGroup {
        id: id.into(),
        label: format!("{label} configuration files"),
        folders: folders.iter().map(|folder| (*folder).to_owned()).collect(),
        root: root.to_owned(),
    }
}

/// In the order of work.
pub(super) fn all() -> Vec<FileGroup> {
    vec![
        files(
            "super-tenant-userstores",
            "super tenant secondary userstore",
            &["repository/deployment/server/userstores"],
            "UserStoreManager",
        ),
        files(
            "tenant-userstores",
            "tenant secondary userstore",
            &["repository/tenants/*/userstores"],
            "UserStoreManager",
        ),
        files(
            "event-publishers",
            "event publisher",
            &["repository/deployment/server/eventpublishers", "repository/tenants/*/eventpublishers"],
            "eventPublisher",
        ),
        files(
            "event-receivers",
            "event receiver",
            &["repository/deployment/server/eventreceivers", "repository/tenants/*/eventreceivers"],
            "eventReceiver",
        ),
    ]
}
