//! The tables that are kept in step with the old server's, resolved against both databases.

use std::sync::Arc;

use keyrotation_journal::{Key, TargetHead, TargetId, TargetKind};

use super::checks::Deployment;
use super::open::open;
use super::shapes;
use super::{idle, protect};
use crate::config::{Settings, SyncChoice};
use crate::db::{
    Access, Db, DbError, Expression, Filter, Identifier, Kind, Relation, Table, TableInfo, TransactionLimits,
    Value, sql,
};
use crate::error::{Error, Id, Result};
use crate::guard::{Guard, refused};
use crate::sizes::Sizes;
use crate::source::{Walk, key_part};
use crate::target::sync::{APPLICATION_NAME, CHANGED_AT, Parent, SYNCED, applications};
use crate::target::{Column, Store, SyncTable, TargetRegistry};

/// Both databases, and what is kept in step between them.
#[derive(Debug, Clone)]
pub struct SyncPlan {
    /// What can be rotated and kept in step.
    pub targets: Arc<TargetRegistry>,
    /// The old identity database.
    pub old: Db,
    /// The new one.
    pub new: Db,
    /// Watches the new one.
    pub guard: Arc<Guard>,
    /// Waits for the old one when it is gone for a while.
    pub old_guard: Arc<Guard>,
    /// The tables, parents before children.
    pub jobs: Vec<SyncJob>,
    /// Applications in the old database and in the new one, if there is such a table.
    pub applications: Option<(Arc<Table>, Arc<Table>)>,
    /// How much is read and written at once.
    pub sizes: Sizes,
    /// The most that the new one takes in a transaction, where it is a cluster's.
    pub limits: TransactionLimits,
    /// Likewise the old one, in which the change log's entries are acknowledged.
    pub old_limits: TransactionLimits,
}

impl SyncPlan {
    /// A walk over a table of the old database.
    pub fn walk_old(&self, table: &Arc<Table>, columns: &[Expression]) -> Walk {
        Walk::new(&self.old, table, columns, &self.old_guard)
    }

    /// A walk over a table of the new one.
    pub fn walk_new(&self, table: &Arc<Table>, columns: &[Expression]) -> Walk {
        Walk::new(&self.new, table, columns, &self.guard)
    }
}

/// One table that is kept in step.
#[derive(Debug, Clone)]
pub struct SyncJob {
    /// Its position in the journal's list of targets.
    pub index: TargetId,
    /// What it is.
    pub table: Arc<SyncTable>,
    /// The table in the old database.
    pub old: Arc<Table>,
    /// The table in the new one.
    pub new: Arc<Table>,
    /// The change log in the old one.
    pub log: Arc<Table>,
    /// How old an entry of it is, as an expression; none where it has no times.
    pub age: Option<Expression>,
    /// The columns besides the key that both have.
    pub columns: Vec<Identifier>,
    /// How they are read from the old table.
    pub read_old: Vec<Expression>,
    /// How they are read from the new one.
    pub read_new: Vec<Expression>,
    /// Those of them that hold values under the key.
    pub ciphers: Vec<Cipher>,
    /// The columns that are unique together, besides the key.
    pub unique: Vec<Identifier>,
    /// What the key's columns hold in the new table.
    pub key_kinds: Vec<Kind>,
    /// Whether the server takes keys for the same that are not, byte for byte.
    pub folds: bool,
}

/// A column with values under the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cipher {
    /// Its place among the columns.
    pub column: usize,
    /// The place of the column with the hash of its plaintext.
    pub hash: Option<usize>,
}

impl SyncJob {
    /// Whether another tool has made its change log.
    pub fn is_foreign(&self) -> bool {
        self.age.is_none()
    }

    /// The table's name.
    pub fn place(&self) -> &Identifier {
        &self.table.relation.table
    }

    /// A key as read from either table or from the change log, in the form that the new table has it in: what
    /// is a number in one of them may be a decimal, which travels as text, in another.
    pub fn key(&self, values: impl Iterator<Item = Value>) -> Option<Key> {
        let in_form = |(value, kind): (Value, &Kind)| match (kind, value) {
            (Kind::Decimal, Value::Int(number)) => Value::Text(number.to_string()),
            (Kind::Decimal, Value::Text(text)) => Value::Text(without_zeros(&text).to_owned()),
            (Kind::Integer, Value::Text(text)) => {
                without_zeros(&text).parse().map_or_else(|_| Value::Text(text.clone()), Value::Int)
            }
            (_, value) => value,
        };
        values.zip(&self.key_kinds).map(in_form).map(key_part).collect::<Option<_>>().map(Key)
    }

    /// The place of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| *column == *name)
    }
}

/// The tables that are to be kept in step, as the journal names them.
pub(super) fn heads(settings: &Settings, targets: &TargetRegistry) -> Result<Vec<TargetHead>> {
    let Some(choices) = &settings.sync_tables else { return Ok(Vec::new()) };
    if let Some(unknown) = choices.iter().find(|choice| targets.sync_table_named(&choice.table).is_none()) {
        let known: Vec<_> = targets.synced().iter().map(|table| table.relation.table.as_str()).collect();
        let text = format!("syncTables names {}, which cannot be kept in step", unknown.table);
        return Err(Error::new(Id::ConfigValue, text).fix(format!("these can: {}", known.join(", "))));
    }
    let chosen: Vec<_> = targets.synced().iter().filter(|table| is_wanted(choices, table)).collect();
    for table in &chosen {
        if let Some(Parent::Synced { table: parent, .. }) = &table.parent
            && !chosen.iter().any(|other| other.relation.table == *parent)
        {
            let place = &table.relation.table;
            let text = format!("syncTables leaves out {parent}, but {place} needs it");
            return Err(Error::new(Id::ConfigValue, text).fix(format!("leave out {place}, too")));
        }
    }
    let head = |table: &&Arc<SyncTable>| TargetHead {
        id: table.id.clone(),
        label: table.label.clone(),
        kind: TargetKind::Sync,
        groups: Vec::new(),
    };
    Ok(chosen.iter().map(head).collect())
}

fn is_wanted(choices: &[SyncChoice], table: &SyncTable) -> bool {
    let choice = choices.iter().rev().find(|choice| table.relation.table == choice.table);
    choice.is_none_or(|choice| choice.wanted)
}

impl Deployment {
    /// Connects to the old identity database and looks at its triggers.
    pub(super) async fn open_old(&mut self, settings: &Settings, access: Access) -> Result<()> {
        let (Some(databases), Some(new)) = (&settings.databases, self.databases.of(&Store::Identity)) else {
            return Ok(());
        };
        let Some(database) = &databases.old_identity else { return Ok(()) };
        let new = new.clone();
        let old = open(database, settings, access).await?;
        idle::refuse_untriggered(&old).await?;
        let old_limits = protect::cluster(&old).await?.map(|on| on.limits).unwrap_or_default();
        let guard = self.databases.guard(&Store::Identity, &new);
        let limits = self.databases.transaction_limits(&new);
        let old_guard = Arc::new(Guard::new(old.clone(), Store::Identity, settings.patience));
        let applications = match (table(&old, applications()).await?, table(&new, applications()).await?) {
            (Some((old, old_info)), Some((new, new_info))) => {
                let has = |info: &TableInfo| info.columns.contains_key(&*APPLICATION_NAME);
                (has(&old_info) && has(&new_info)).then_some((old, new))
            }
            _ => None,
        };
        self.beside.push(format!(
            "only the change log in the old identity database {}: entries are deleted once they are carried over",
            database.url
        ));
        self.sync = Some(SyncPlan {
            targets: Arc::clone(&self.targets),
            old,
            new,
            guard,
            old_guard,
            jobs: Vec::new(),
            applications,
            sizes: settings.sizes,
            limits,
            old_limits,
        });
        Ok(())
    }

    /// Resolves one table that is to be kept in step.
    pub(super) async fn resolve_sync(&mut self, index: TargetId, table: &Arc<SyncTable>) -> Result<()> {
        let Some(plan) = &self.sync else {
            self.absent.push((index, "the old identity database is not known".to_owned()));
            return Ok(());
        };
        match job(plan, index, table).await? {
            Resolved::InStep(job) => {
                if let Some(plan) = &mut self.sync {
                    plan.jobs.push(*job);
                }
            }
            Resolved::LeftOut(why) => self.absent.push((index, why.to_owned())),
        }
        Ok(())
    }
}

/// Why a table that only some versions have is not kept in step, though the copy has it.
pub const ABSENT_IN_OLD: &str = "the old identity database has no such table";

/// Likewise, though both have it.
const NO_TRIGGERS: &str = "the old identity database has no sync triggers on it";

/// The copy has a table that the old database has not: another database or schema, or one that was not restored.
async fn absent_in_old(old: &Db, place: &str) -> Error {
    let near = old.near(place).await.unwrap_or_default(); // or it is said at least what is missing
    let near = if near.is_empty() { String::new() } else { format!("; near it: {}", near.join(", ")) };
    let what = format!("{place}, which the copy has: oldIdnDBUrl ({}) has no such table{near}", old.place());
    Error::new(Id::TableAbsent, what).fix(
        "check that oldIdnDBUrl names the right database and schema, and that the user may see its tables",
    )
}

/// What becomes of a table in sync.
enum Resolved {
    /// It is kept in step.
    InStep(Box<SyncJob>),
    /// It is not: why.
    LeftOut(&'static str),
}

/// The table with all that sync needs to know of it, or why it is not kept in step.
async fn job(plan: &SyncPlan, index: TargetId, sync: &Arc<SyncTable>) -> Result<Resolved> {
    let (old, new) = (&plan.old, &plan.new);
    let place = &sync.relation.table;
    let Some((new_table, new_info)) = table(new, sync.relation.clone()).await? else {
        return Ok(Resolved::LeftOut("the identity database has no such table"));
    };
    let Some((old_table, old_info)) = table(old, sync.relation.clone()).await? else {
        if sync.needed {
            return Err(absent_in_old(old, place).await);
        }
        return Ok(Resolved::LeftOut(ABSENT_IN_OLD));
    };
    for info in [&old_info, &new_info] {
        check_key(sync, info)?;
    }
    let entries = Relation { filter: Some(Filter::IsZero(SYNCED)), ..sync.entries() };
    let log = table(old, entries).await?;
    let has_triggers = idle::has_triggers(old, &plan.targets, sync).await?;
    let Some((log, log_info)) = log.filter(|_| has_triggers) else {
        if sync.needed {
            return Err(Error::new(
                Id::SyncNoTriggers,
                format!("oldIdnDBUrl: the old identity database has no sync triggers on {place}"),
            ));
        }
        tracing::warn!("{place}: the old database has no sync triggers on it, so it is not kept in step");
        return Ok(Resolved::LeftOut(NO_TRIGGERS));
    };
    let key_kinds = key_kinds(sync, [&new_info, &old_info, &log_info])?;
    let values = plan.targets.values_of(sync);
    let columns = carried_columns(sync, values, &old_info, &new_info)?;
    let own_word = |db: &Db| {
        let word = columns.iter().find(|column| db.dialect().has_own(column))?;
        Some(super::columns::own_word(place, word, db.dialect()))
    };
    if let Some(refusal) = own_word(old).or_else(|| own_word(new)) {
        return Err(refusal);
    }
    let is_key = |name: &Identifier| sync.relation.key.contains(name);
    // A key's number is told whatever holds it.
    let is_text = |name: &&Identifier| {
        [&old_info, &new_info]
            .iter()
            .all(|info| info.columns.get(name.as_str()).is_some_and(|c| c.kind == Kind::Text))
    };
    let carried = sync.relation.key.iter().filter(is_text).chain(&columns).map(Identifier::as_str);
    shapes::exact(new, place, carried, [&old_info, &new_info])?;
    let names: Vec<&Identifier> = columns.iter().collect();
    let at = |name: &Identifier| columns.iter().position(|column| column == name);
    let hash = |value: &Column| value.hash.as_ref().and_then(at);
    let ciphers =
        values.iter().filter_map(|value| at(&value.name).map(|column| Cipher { column, hash: hash(value) }));
    let unique = sync.unique.iter().filter(|name| is_key(name) || at(name).is_some());
    let has_times = log_info.columns.contains_key(&*CHANGED_AT);
    let age = has_times.then(|| sql::copy::age(old.dialect(), &CHANGED_AT));
    if age.is_none() {
        tracing::info!(
            "{}: another tool created it. It has no times, so its lag is not known; an index on (SYNCED, \
             SYNC_ID) would make reading it cheaper for the old server",
            sync.log
        );
    }
    Ok(Resolved::InStep(Box::new(SyncJob {
        index,
        table: Arc::clone(sync),
        age,
        read_old: old.portable(&old_table, &names),
        read_new: new.portable(&new_table, &names),
        ciphers: ciphers.collect(),
        unique: unique.cloned().collect(),
        key_kinds,
        folds: sync.names && new.dialect().ignores_case,
        old: old_table,
        new: new_table,
        log,
        columns,
    })))
}

/// The columns beside the key that are carried over: those of both tables that the new server does not compute.
fn carried_columns(
    sync: &SyncTable,
    values: &[Column],
    old: &TableInfo,
    new: &TableInfo,
) -> Result<Vec<Identifier>> {
    let place = &sync.relation.table;
    let is_key = |name: &str| sync.relation.key.iter().any(|key| key == name);
    let (in_old, in_new) = (columns(place, old)?, columns(place, new)?);
    for (which, here, there) in [("old", &in_old, &in_new), ("new", &in_new, &in_old)] {
        for only in here.iter().filter(|name| !there.contains(name)) {
            tracing::warn!("{place}: only the {which} table has {only}, so it is not carried over");
        }
    }
    let is_computed = |name: &str| new.columns.get(name).is_some_and(|column| column.computed);
    let computed: Vec<&str> =
        new.columns.iter().filter(|(_, column)| column.computed).map(|(name, _)| name.as_str()).collect();
    if let Some(odd) =
        computed.iter().find(|name| is_key(name) || values.iter().any(|value| value.name == **name))
    {
        let text = format!("{place}: the server computes {odd} itself, so no row can be carried over");
        return Err(Error::new(Id::Schema, text));
    }
    if !computed.is_empty() {
        tracing::info!("{place}: the server computes {}, so it is not carried over", computed.join(", "));
    }
    let is_carried = |name: &Identifier| in_new.contains(name) && !is_key(name) && !is_computed(name);
    Ok(in_old.into_iter().filter(is_carried).collect())
}

async fn table(db: &Db, relation: Relation) -> Result<Option<(Arc<Table>, TableInfo)>> {
    let info = db.table(&relation.table).await.map_err(|error| failed(&relation.table, &error))?;
    Ok(info.map(|info| (Arc::new(Table::new(relation, &[], &info)), info)))
}

fn check_key(sync: &SyncTable, info: &TableInfo) -> Result<()> {
    let place = &sync.relation.table;
    let is_missing = |name: &&Identifier| !info.columns.contains_key(name.as_str());
    if let Some(missing) = sync.relation.key.iter().find(is_missing) {
        return Err(Error::new(Id::Schema, format!("{place}: there is no column {missing}")));
    }
    if !info.is_unique(&sync.relation.key) {
        let key = sync.relation.key.join(", ");
        return Err(Error::new(Id::Schema, format!("{place}: nothing makes ({key}) unique")));
    }
    Ok(())
}

/// What the key's columns hold in the first of these, the new table: numbers in all of them, or the same.
fn key_kinds(sync: &SyncTable, infos: [&TableInfo; 3]) -> Result<Vec<Kind>> {
    let class = |kind: Kind| if kind == Kind::Decimal { Kind::Integer } else { kind };
    let kind = |name: &str| {
        let mut kinds = infos.iter().filter_map(|info| Some(info.columns.get(name)?.kind));
        let new = kinds.next().unwrap_or_default();
        if kinds.all(|other| class(other) == class(new)) {
            return Ok(new);
        }
        let place = &sync.relation.table;
        let text = format!(
            "{place}: {name} has different types in the old table, the new one and {}, so changed rows \
             would not be found",
            sync.log
        );
        Err(Error::new(Id::Schema, text))
    };
    sync.relation.key.iter().map(|name| kind(name)).collect()
}

/// A number as text, without the zeros that a scale adds.
fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// The columns of a table whose rows are carried over. Any that is not named as WSO2 names columns is refused.
fn columns(place: &str, info: &TableInfo) -> Result<Vec<Identifier>> {
    let is_plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    let named = |name: &String| {
        Identifier::new(name).ok().filter(|name| name.bytes().all(is_plain)).ok_or_else(|| {
            let text = format!("{place}: no column of WSO2 has a name like {}", name.escape_debug());
            Error::new(Id::Schema, text)
        })
    };
    info.columns.keys().map(named).collect()
}

fn failed(place: &str, error: &DbError) -> Error {
    refused(place, error)
}
