//! Tables that nothing keeps in step: rows that the old database has and the new one has not.
//!
//! Rows that only the new database has are the new server's work; rows that only the old one has would
//! be lost with it. Where a table has a key, rows are compared by it; where not, only their number is.

use std::collections::HashSet;
use std::sync::Arc;

use keyrotation_journal::Key;
use serde::Serialize;

use crate::activity::{Activity, Doing, Task};
use crate::db::{Class, DbError, Identifier, Kind, Relation, Table, TableInfo, Value, sql};
use crate::error::Result;
use crate::failpoint::async_failpoint;
use crate::plan::SyncPlan;
use crate::signals::Stop;
use crate::source::key_part;

use super::failed;

/// Keys that are listed for each table.
const LISTED: usize = 5;

/// What a server forgets by itself, and a user has again after a login: of no account.
const SESSIONS: &[&str] = &[
    "IDN_AUTH_SESSION_APP_INFO",
    "IDN_AUTH_SESSION_META_DATA",
    "IDN_AUTH_SESSION_STORE",
    "IDN_AUTH_TEMP_SESSION_STORE",
    "IDN_AUTH_USER_SESSION_MAPPING",
    "IDN_FED_AUTH_SESSION_MAPPING",
];

/// A table whose rows differ, though nothing keeps it in step.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Drift {
    /// The table.
    pub table: String,
    /// How many rows the old database has.
    pub old: u64,
    /// How many the new one has.
    pub new: u64,
    /// How many only the old one has; none where there is no key to tell them by.
    pub only_old: Option<u64>,
    /// The first of them.
    pub keys: Vec<String>,
    /// How many of the old one have an unreadable key, so that they cannot be compared with the new one's.
    pub nameless: u64,
}

impl Drift {
    /// What stands against retiring the old database, if anything does.
    pub(super) fn reason(&self) -> Option<String> {
        let Self { table, old, new, only_old, keys, nameless } = self;
        if *nameless > 0 {
            let too = only_old.filter(|count| *count > 0);
            let too = too
                .map_or_else(String::new, |count| format!("{count} rows are in the old database only, and "));
            return Some(format!(
                "{table}: {too}{nameless} rows of the old database have a key that cannot be read, so it is \
                 not known whether the new one has them"
            ));
        }
        match only_old {
            Some(0) => None,
            Some(count) => {
                let first = if keys.is_empty() { String::new() } else { format!(": {}", keys.join(", ")) };
                Some(format!("{table}: {count} rows are in the old database only{first}"))
            }
            None if old == new => None,
            None => Some(format!(
                "{table}: {old} rows in the old database, {new} in the new one, and no key to compare them by"
            )),
        }
    }
}

/// What looking at all other tables came to.
#[derive(Debug, Default)]
pub(super) struct Drifts {
    /// Tables whose rows differ.
    pub(super) tables: Vec<Drift>,
    /// Tables that could not be read, and why: nothing tells what they have.
    pub(super) unread: Vec<String>,
    /// What was not looked at, or not wholly.
    pub(super) unseen: Vec<String>,
    /// Tables that there are.
    pub(super) names: Vec<String>,
}

/// Compares all tables of both databases but those that are kept in step. Ends early when asked to stop.
pub(super) async fn drift(plan: &SyncPlan, activity: &Activity, stop: &Stop) -> Result<Drifts> {
    let names = plan.guard.try_reading("its tables", || plan.new.table_names()).await;
    let there: HashSet<String> = names.map_err(|error| failed("its tables", &error))?.into_iter().collect();
    let names = plan.old_guard.try_reading("its tables", || plan.old.table_names()).await;
    let names = names.map_err(|error| failed("its tables", &error))?;
    let mut found = Drifts::default();
    let (mut odd, mut counted, mut sessions) = (vec![], vec![], vec![]);
    for name in names {
        let is_sync = plan.jobs.iter().any(|job| *job.place() == name || job.table.log == name);
        let is_log = plan.targets.synced().iter().any(|table| table.log == name);
        let is_plain = |name: &Identifier| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if is_sync || is_log {
            continue;
        }
        if SESSIONS.contains(&name.as_str()) {
            sessions.push(name);
            continue;
        }
        let Some(table) = Identifier::new(&name).ok().filter(is_plain) else {
            odd.push(name.escape_debug().to_string());
            continue;
        };
        if stop.requested() {
            break;
        }
        let doing = activity.begin(Task::Compare, &table, None);
        match compare(plan, &table, there.contains(&name), &doing, stop).await {
            Ok(drift) => {
                if drift.only_old.is_none() {
                    counted.push(name.clone());
                }
                let differs = drift.old != drift.new || drift.only_old.is_some_and(|count| count > 0);
                if differs || drift.nameless > 0 {
                    found.tables.push(drift);
                }
            }
            // A server that is gone says nothing; one that refuses is not asked again.
            Err(error) if matches!(error.class, Class::Lost | Class::Retry) => {
                return Err(failed(&name, &error));
            }
            Err(error) => found.unread.push(format!("{name} ({error})")),
        }
        found.names.push(name);
    }
    let mut note = |what: &str, names: &[String]| {
        if !names.is_empty() {
            found.unseen.push(format!("{what}: {}", names.join(", ")));
        }
    };
    note("tables with a name that no version of WSO2's has given", &odd);
    note("tables without a key: only their rows were counted", &counted);
    note("sessions, which end with the old server", &sessions);
    found.unseen.push(
        "in tables that are not kept in step, only the keys were compared, not the other columns".to_owned(),
    );
    Ok(found)
}

async fn compare(
    plan: &SyncPlan,
    name: &Identifier,
    is_in_both: bool,
    doing: &Doing,
    stop: &Stop,
) -> std::result::Result<Drift, DbError> {
    let (old, new) = (&plan.old, &plan.new);
    let counted = plan.old_guard.try_reading(name, || old.count_rows(name)).await?;
    let mut drift = Drift { table: name.to_string(), old: counted, ..Drift::default() };
    if !is_in_both {
        drift.only_old = Some(counted);
        return Ok(drift);
    }
    drift.new = plan.guard.try_reading(name, || new.count_rows(name)).await?;
    let here = plan.old_guard.try_reading(name, || old.table(name)).await?;
    let there = plan.guard.try_reading(name, || new.table(name)).await?;
    let (Some(here), Some(there)) = (here, there) else { return Ok(drift) };
    // By each of them: both servers may have given the same number to different things.
    for key in common_keys(&here, &there) {
        let relation = Relation { table: name.clone(), key, filter: None };
        let not_null = |name: &Identifier| here.columns.get(&**name).is_some_and(|column| column.not_null);
        let may_be_null = !relation.key.iter().all(not_null);
        let to = Table::new(relation.clone(), &[], &there);
        let from = Arc::new(Table::new(relation, &[], &here));
        let ask = sql::null_key(old.dialect(), &from);
        if may_be_null && !old.read(&ask, &[]).await?.is_empty() {
            continue;
        }
        let (only_old, keys, nameless) = missing(plan, &from, &to, doing, stop).await?;
        drift.nameless = drift.nameless.max(nameless);
        if drift.only_old.is_none_or(|most| most < only_old) {
            (drift.only_old, drift.keys) = (Some(only_old), keys);
        }
    }
    Ok(drift)
}

/// How many rows of the old table have no row with their key in the new one, the first of these keys, and how many
/// rows have a key that cannot be read.
async fn missing(
    plan: &SyncPlan,
    from: &Arc<Table>,
    to: &Table,
    doing: &Doing,
    stop: &Stop,
) -> std::result::Result<(u64, Vec<String>, u64), DbError> {
    let name = &from.relation.table;
    let (mut only_old, mut keys, mut nameless) = (0, Vec::new(), 0);
    let mut walk = plan.walk_old(from, &[]);
    while let Some(page) = walk.next(plan.sizes.rows).await? {
        doing.advance(page.len() as u64);
        async_failpoint!("drift-page", DbError::new(Class::Environment, "failure planned by a test"));
        if stop.requested() {
            break;
        }
        let (page, unread): (Vec<_>, Vec<_>) =
            page.into_iter().partition(|record| key_of(record.clone()).is_some());
        nameless += unread.len() as u64;
        let found = plan.guard.try_reading(name, || plan.new.rows(to, &[], &page)).await?;
        let found: HashSet<Option<Key>> = found.into_iter().map(key_of).collect();
        for record in page {
            let Some(key) = key_of(record) else { continue };
            if found.contains(&Some(key.clone())) {
                continue;
            }
            only_old += 1;
            if keys.len() < LISTED {
                keys.push(key.to_string());
            }
        }
    }
    Ok((only_old, keys, nameless))
}

fn key_of(record: Vec<Value>) -> Option<Key> {
    record.into_iter().map(key_part).collect::<Option<_>>().map(Key)
}

/// The sets of columns by which rows of both tables can be told.
fn common_keys(old: &TableInfo, new: &TableInfo) -> Vec<Vec<Identifier>> {
    let is_comparable = |column: &String| {
        let kind = |info: &TableInfo| info.columns.get(column).map(|column| column.kind);
        // SQLite's columns hold anything.
        let any = !old.is_typed && !new.is_typed;
        let is_computed = |info: &TableInfo| info.columns.get(column).is_some_and(|column| column.computed);
        kind(old).is_some_and(|kind| any || (kind != Kind::Other && kind != Kind::Bytes))
            && kind(old) == kind(new)
            && !is_computed(old)
            && !is_computed(new)
    };
    let fits = |key: &&Vec<String>| !key.is_empty() && key.iter().all(is_comparable) && new.is_unique(key);
    // A key with another name in it is not one that a statement can name.
    let named = |key: &Vec<String>| key.iter().map(|name| Identifier::new(name).ok()).collect();
    old.unique.iter().filter(fits).filter_map(named).collect()
}
