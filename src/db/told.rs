//! What MySQL and MariaDB tell of themselves by name, and values as texts.

use super::{Record, Value};

/// The most that a cluster takes in one transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TransactionLimits {
    /// Rows.
    pub rows: Option<usize>,
    /// Bytes of the values that are compared and written: the rest of the rows goes with them.
    pub bytes: Option<usize>,
}

/// What `SHOW VARIABLES` and `SHOW STATUS` have told.
#[derive(Debug, Clone, Default)]
pub(super) struct Told(Vec<(String, String)>);

impl Told {
    pub(super) fn add(&mut self, records: &[Record]) {
        self.0.extend(records.iter().map(|record| (word(record.first()), word(record.get(1)))));
    }

    /// What a name stands for; nothing if the server does not know it.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(told, _)| told.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    pub(super) fn is_on(&self, name: &str) -> bool {
        matches!(self.get(name).to_ascii_uppercase().as_str(), "ON" | "1" | "YES")
    }

    pub(super) fn is_mariadb(&self) -> bool {
        ["version", "version_comment"]
            .iter()
            .any(|name| self.get(name).to_ascii_lowercase().contains("mariadb"))
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.get(name).parse().ok()
    }

    /// What a transaction may hold, with much room for what is not counted here: whole rows before and after.
    pub(super) fn limits(&self) -> TransactionLimits {
        let number =
            |name| self.number(name).and_then(|most| usize::try_from(most).ok()).filter(|most| *most > 0);
        let bytes = if self.is_on("wsrep_on") {
            "wsrep_max_ws_size"
        } else {
            "group_replication_transaction_size_limit"
        };
        let rows = number("wsrep_max_ws_rows").filter(|_| self.is_on("wsrep_on"));
        TransactionLimits { rows: rows.map(|rows| rows / 2), bytes: number(bytes).map(|bytes| bytes / 8) }
    }

    /// Whether named locks may be taken. A Percona cluster may forbid what is local to one node.
    pub(super) fn has_named_locks(&self) -> bool {
        !matches!(self.get("pxc_strict_mode").to_ascii_uppercase().as_str(), "ENFORCING" | "MASTER")
    }

    /// The cluster in which every node takes writes, if it is in one: in words.
    pub(super) fn cluster(&self) -> Option<String> {
        if self.is_on("wsrep_on") {
            let (node, name) = (self.get("wsrep_node_name"), self.get("wsrep_cluster_name"));
            let size = self.get("wsrep_cluster_size");
            return Some(format!("node {node} of the Galera cluster {name}, which has {size}"));
        }
        let group = self.get("group_replication_group_name");
        (!group.is_empty()).then(|| format!("a member of the replication group {group}"))
    }
}

/// A value as a text, whatever its type.
pub(super) fn word(value: Option<&Value>) -> String {
    match value {
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Int(number)) => number.to_string(),
        Some(Value::Real(number)) => number.to_string(),
        Some(Value::Bytes(bytes) | Value::NotText(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(Value::Null) | None => String::new(),
    }
}

pub(super) fn number(value: Option<&Value>) -> i64 {
    word(value).parse().unwrap_or_default()
}
