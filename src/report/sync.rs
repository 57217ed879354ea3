//! The sync phase as people and scripts see it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use keyrotation_journal::{JobState, Seen, TargetHead, TargetId, TargetKind};
use serde::{Deserialize, Serialize};

use super::status::time;
use super::thousands;
use crate::target::TargetRegistry;
use keyrotation_sync::Observation;

/// Where the sync phase stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncView {
    /// When it began, RFC 3339 in UTC; none before the new server may run.
    pub started_at: Option<String>,
    /// Entries of the change logs that are not acknowledged.
    pub pending: u64,
    /// Rows that wait for something that only people can do.
    pub held: u64,
    /// Rows that were carried over.
    pub applied: u64,
    /// Rows that cannot be carried over.
    pub failed: u64,
    /// Rows that were left alone, since the new server has made them its own.
    pub superseded: u64,
    /// How old the oldest change was when it was carried over, of those of the last second, in
    /// thousandths.
    pub lag_milliseconds: Option<u64>,
    /// Likewise, in seconds.
    pub lag_seconds: Option<u64>,
    /// When the oldest change happened that was seen to last, RFC 3339 in UTC; none if nothing waits.
    pub oldest_pending: Option<String>,
    /// Whether nothing waits but what is held or has failed.
    pub drained: bool,
    /// When the change logs were counted.
    pub as_of: Option<String>,
    /// Each table's part.
    pub tables: Vec<SyncTableView>,
}

/// One table's part of the sync phase.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncTableView {
    /// Its stable id.
    pub id: String,
    /// What its rows are called.
    pub label: String,
    /// The table.
    pub place: String,
    /// Its change log.
    #[serde(skip)]
    log: String,
    /// Why it is not kept in step, if it is not.
    pub skipped: Option<String>,
    /// Entries that are not acknowledged.
    pub pending: u64,
    /// Rows that wait for people.
    pub held: u64,
    /// Rows that were carried over.
    pub applied: u64,
    /// Rows that cannot be carried over.
    pub failed: u64,
    /// Rows that the new server has made its own.
    pub superseded: u64,
    /// Why rows are held, with their number.
    pub reasons: BTreeMap<String, u64>,
    /// The first rows that cannot be carried over: key and reason.
    pub failures: Vec<(String, String)>,
}

impl SyncView {
    /// What a journal's state tells; none for a rotation without sync.
    pub(super) fn of(known: &TargetRegistry, state: &JobState) -> Option<Self> {
        if !state.syncs() {
            return None;
        }
        let heads = TargetId::all().zip(&state.rotation.targets).zip(&state.targets);
        let tables =
            heads.filter(|((_, head), _)| head.kind == TargetKind::Sync).map(|((index, head), target)| {
                let tally = state.sync.tables.get(&index).copied().unwrap_or_default();
                let seen = state.sync.seen.iter().flat_map(|seen| &seen.tables).find(|t| t.target == index);
                let seen = seen.copied().unwrap_or_default();
                SyncTableView {
                    skipped: match &target.phase {
                        keyrotation_journal::Phase::Skipped { reason } => Some(reason.clone()),
                        _ => None,
                    },
                    pending: seen.entries,
                    held: seen.held,
                    failed: seen.failed,
                    applied: tally.applied,
                    superseded: tally.superseded,
                    ..SyncTableView::new(known, head)
                }
            });
        let seen: Option<&Seen> = state.sync.seen.as_ref();
        let view = Self {
            started_at: state.sync.started_at.map(time),
            lag_milliseconds: seen.and_then(|seen| seen.lag),
            drained: seen.is_some_and(|seen| seen.drained),
            as_of: seen.map(|seen| time(seen.at)),
            tables: tables.collect(),
            ..Self::default()
        };
        Some(view.summed())
    }

    /// The same with what a running sync phase sees.
    pub(super) fn observed(mut self, heads: &[TargetHead], seen: &Observation) -> Self {
        for table in &seen.tables {
            let id = heads.get(table.target.position()).map(|head| head.id.as_str());
            let Some(view) = self.tables.iter_mut().find(|view| Some(view.id.as_str()) == id) else {
                continue;
            };
            view.pending = table.pending;
            view.held = table.held.values().sum();
            view.failed = table.failures;
            view.reasons.clone_from(&table.held);
            view.failures = table.failed.iter().map(|(key, why)| (key.to_string(), why.clone())).collect();
        }
        self.lag_milliseconds = seen.lag.and_then(|lag| u64::try_from(lag.as_millis()).ok());
        self.as_of = Some(time(seen.at));
        self = self.summed();
        let stuck: u64 = seen.tables.iter().map(|table| table.stuck).sum();
        let waits = self.pending.saturating_sub(stuck);
        self.drained = seen.quiet.as_secs() >= 1 && waits == 0;
        let since = self.lag_milliseconds.and_then(|lag| seen.at.checked_sub_unsigned(lag));
        self.oldest_pending = since.filter(|_| self.pending > 0).map(time);
        self
    }

    fn summed(mut self) -> Self {
        let sum = |count: fn(&SyncTableView) -> u64| self.tables.iter().map(count).sum();
        let (pending, held, failed) = (sum(|t| t.pending), sum(|t| t.held), sum(|t| t.failed));
        let (applied, superseded) = (sum(|t| t.applied), sum(|t| t.superseded));
        (self.pending, self.held, self.failed) = (pending, held, failed);
        (self.applied, self.superseded) = (applied, superseded);
        self.lag_seconds = self.lag_milliseconds.map(|lag| lag.div_ceil(1000));
        self
    }

    /// The guide's lines.
    pub fn guide_lines(&self) -> Vec<String> {
        self.tables
            .iter()
            .flat_map(|table| {
                let (label, log) = (&table.label, &table.log);
                [
                    format!("Successfully transformed {label} data records in {log}: {}", table.applied),
                    format!(
                        "Transformation failed {label} data records in {log}: {}",
                        table.failed + table.held
                    ),
                ]
            })
            .collect()
    }

    /// For people: one line, then what waits and why.
    pub fn text(&self) -> String {
        if self.started_at.is_none() {
            return "sync: begins once everything is re-encrypted; do not start the new server yet\n"
                .to_owned();
        }
        let mut out = format!(
            "sync: {} carried over, {} entries wait, {} held, {} failed, {} left to the new server{}\n",
            thousands(self.applied),
            thousands(self.pending),
            thousands(self.held),
            thousands(self.failed),
            thousands(self.superseded),
            if self.drained { "; drained" } else { "" }
        );
        for table in &self.tables {
            for (why, rows) in &table.reasons {
                let _ = writeln!(out, "held: {} rows of {}: {why}", thousands(*rows), table.place);
            }
            for (key, why) in &table.failures {
                let _ = writeln!(out, "failed: {} {}: {why}", table.place, super::printable(key));
            }
        }
        out
    }
}

impl SyncTableView {
    fn new(known: &TargetRegistry, head: &TargetHead) -> Self {
        let table = known.sync_table(&head.id);
        Self {
            id: head.id.clone(),
            label: head.label.clone(),
            place: table.map(|table| table.relation.table.to_string()).unwrap_or_default(),
            log: table.map(|table| table.log.to_string()).unwrap_or_default(),
            ..Self::default()
        }
    }
}
