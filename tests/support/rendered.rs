//! Every statement that the program can send, by dialect and target.

use keyrotation::db::preflight_questions;
use keyrotation::db::sql::{self, Ends};
use keyrotation::db::{
    ColumnInfo, Dialect, Expression, Filter, Identifier, Kind, Relation, Table, TableInfo, Write,
};
use keyrotation::plan::TOKENS;
use keyrotation_target::sync::{CHANGED_AT, ENTRY, SYNCED};
use keyrotation_target::{SyncTable, Target, TargetRegistry};

/// Rows in the statements that name several.
const ROWS: usize = 2;
/// Rows of a page, where that is written out.
const PAGE: usize = 1000;

/// Statements that belong together: what each is for, and its text.
pub(crate) struct Section {
    /// The target; none for what names no table of ours.
    pub(crate) title: Option<String>,
    /// The statements.
    pub(crate) statements: Vec<(String, String)>,
}

/// Everything that is sent in a dialect.
pub(crate) fn sections(dialect: &Dialect) -> Vec<Section> {
    let fixed = Section { title: None, statements: fixed(dialect) };
    let known = TargetRegistry::built_in();
    let targets = known.tables().iter().map(|target| Section {
        title: Some(format!("{} ({} database)", target.id, target.store.name())),
        statements: of_target(dialect, target),
    });
    let synced = known
        .synced()
        .iter()
        .map(|sync| Section { title: Some(sync.id.clone()), statements: of_sync(dialect, sync) });
    std::iter::once(fixed).chain(targets).chain(synced).collect()
}

/// Statements that name no table of ours.
fn fixed(dialect: &Dialect) -> Vec<(String, String)> {
    let outlived = sql::outlived(dialect, &TOKENS);
    let mut all: Vec<(&str, &str)> = dialect.session.iter().map(|sql| ("first of all", *sql)).collect();
    let [columns, unique] = dialect.catalogue.as_ref().map_or([""; 2], |asks| [asks.columns, asks.unique]);
    all.extend([
        ("begin", dialect.begin),
        ("savepoint", dialect.savepoint),
        ("back to it", dialect.to_savepoint),
        ("forget it", dialect.release_savepoint),
        ("before a commit", dialect.fire_deferred),
        ("catalogue: columns", columns),
        ("catalogue: unique columns", unique),
        ("catalogue: tables", dialect.tables),
        ("catalogue: tables and triggers", dialect.objects),
        ("catalogue: bytes on disk", dialect.table_bytes),
        ("tokens that nobody needs", &outlived),
    ]);
    let questions = dialect.questions;
    all.extend([
        ("make the lock", questions.lock_row.map_or("", |row| row.make[0])),
        ("wait no longer for the lock", questions.lock_row.map_or("", |row| row.patience)),
        ("take the lock", questions.claim),
        ("give it back", questions.release),
        ("take its table away", questions.lock_row.map_or("", |row| row.remove)),
        ("is it ours", questions.is_ours),
        ("sessions", questions.sessions),
        ("this session", questions.session),
        ("which server", questions.identity),
        ("settings that lose commits", questions.lossy),
        ("are sessions hidden", questions.is_blind),
        ("limits of statements", questions.limits),
    ]);
    all.extend(questions.room.asks.iter().map(|sql| ("room for sessions", *sql)));
    if let Some(blind) = dialect.blind {
        all.extend([("sessions that are hidden", blind.sessions), ("so they are", blind.is_blind)]);
    }
    all.extend(dialect.triggers.iter().map(|sql| ("triggers", *sql)));
    all.extend([("its time", dialect.clock), ("its logs", dialect.logs)]);
    all.extend(dialect.statements);
    if let Some(holdups) = &dialect.holdups {
        let waits = holdups.waits.iter().chain([&holdups.at_least]);
        all.extend(waits.map(|sql| ("what sessions wait for", *sql)));
    }
    for policy in dialect.policies {
        all.extend([(policy.what, policy.found), ("are they hidden", policy.is_blind)]);
    }
    all.extend([
        ("copies that the server keeps", dialect.kept_copies),
        ("logs of statements", dialect.statement_logs),
        ("the schema of the tables", dialect.own_schema),
        ("columns in which ciphertext may stand", dialect.text_columns),
        ("is a change log an ordinary table", dialect.log_table),
        ("what is named like a table", dialect.near),
    ]);
    all.retain(|(_, sql)| !sql.is_empty()); // the driver's own affair, or not asked
    all.into_iter().map(|(what, sql)| (what.to_owned(), sql.to_owned())).collect()
}

/// The table of a target, with what its columns hold in WSO2's schemas.
fn table(target: &Target) -> Table {
    let kind = |column: &str| match column {
        "TENANT_ID" | "REG_ID" | "REG_TENANT_ID" | "ID" if target.id != "identity-secret" => Kind::Integer,
        "REQUEST" => Kind::Bytes,
        _ => Kind::Text,
    };
    let mut info = TableInfo::default();
    for column in target.relation.key.iter().chain(target.columns()) {
        if kind(column) == Kind::Text {
            info.types.insert(column.to_string(), "varchar".to_owned());
        }
        info.columns.insert(column.to_string(), ColumnInfo { kind: kind(column), ..ColumnInfo::default() });
    }
    let created = ColumnInfo { on_update: true, ..ColumnInfo::default() };
    info.columns.insert("TIME_CREATED".to_owned(), created);
    Table::new(target.relation.clone(), &[], &info)
}

fn joined(names: &[&Identifier], between: &str) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

/// Rows in a statement that may name several.
fn rows(dialect: &Dialect) -> usize {
    if dialect.write == Write::Batch { 1 } else { ROWS }
}

fn of_target(dialect: &Dialect, target: &Target) -> Vec<(String, String)> {
    let table = table(target);
    let (names, time) = (target.value_names(), Identifier::constant("TIME_CREATED"));
    let columns: Vec<Expression> = target.columns().map(Expression::from).collect();
    let mut statements = vec![
        ("how many".to_owned(), sql::copy::count(&target.relation.table)),
        (
            "how old is the newest".to_owned(),
            preflight_questions::newest(dialect, &target.relation.table, &time),
        ),
        ("null key".to_owned(), sql::null_key(dialect, &table)),
        ("are we allowed".to_owned(), sql::rehearse(&table, &names)),
    ];
    for (after, upto) in [(false, false), (true, false), (false, true), (true, true)] {
        let what = match (after, upto) {
            (false, false) => "first page",
            (true, false) => "page after a key",
            (false, true) => "page up to a key",
            (true, true) => "page between keys",
        };
        let ends = Ends { after, upto };
        statements.push((what.to_owned(), sql::page(dialect, &table, &columns, ends, PAGE)));
    }
    statements.push(("all rows".to_owned(), sql::whole(dialect, &table, &columns)));
    let rows = rows(dialect);
    statements.push((format!("{rows} rows by key"), sql::by_keys(dialect, &table, &columns, rows)));
    for columns in column_sets(target) {
        for (what, sql) in writes(dialect, &table, &columns) {
            statements.push((format!("{what} {} in {rows} rows", joined(&columns, " and ")), sql));
        }
    }
    statements
}

/// A table that is kept in step, with a state and a time besides its key, and its change log.
fn of_sync(dialect: &Dialect, sync: &SyncTable) -> Vec<(String, String)> {
    let info = |names: &[&Identifier]| {
        let mut info = TableInfo::default();
        for name in names {
            let kind = match name.as_str() {
                "TENANT_ID" | "SYNC_ID" => Kind::Integer,
                "TIME_CREATED" => Kind::Other,
                _ => Kind::Text,
            };
            if kind == Kind::Text {
                info.types.insert(name.to_string(), "varchar".to_owned());
            }
            info.columns.insert(name.to_string(), ColumnInfo { kind, ..ColumnInfo::default() });
        }
        info.types.insert("TIME_CREATED".to_owned(), "timestamp".to_owned());
        info
    };
    let others = ["STATE", "TIME_CREATED"].map(Identifier::constant);
    let columns: Vec<&Identifier> = sync.relation.key.iter().chain(&others).collect();
    let table = Table::new(sync.relation.clone(), &[], &info(&columns));
    let entries = Relation { filter: Some(Filter::IsZero(SYNCED)), ..sync.entries() };
    let entry = ENTRY;
    let in_log: Vec<&Identifier> = [&entry].into_iter().chain(&sync.relation.key).collect();
    let log = Table::new(entries, &[], &info(&in_log));
    let read = others.each_ref().map(|column| sql::copy::portable(dialect, &table, column));
    let age = sql::copy::age(dialect, &CHANGED_AT);
    let logged: Vec<Expression> = sync.relation.key.iter().map(Expression::from).chain([age]).collect();
    let unique: Vec<&Identifier> = sync.unique.iter().collect();
    let rows = rows(dialect);
    let behind = Ends { after: true, upto: false };
    let mut statements = vec![
        ("entries behind a number", sql::page(dialect, &log, &logged, behind, PAGE)),
        ("how many wait", sql::copy::pending(dialect, &log)),
        ("acknowledge and keep", sql::copy::acknowledge(dialect, &log, rows)),
        ("acknowledge", sql::copy::delete(dialect, &log, rows)),
        ("rows to carry over", sql::by_keys(dialect, &table, &read, rows)),
        ("lock", sql::lock(dialect, &table, &read, rows)),
        ("insert", sql::copy::insert(dialect, &table, &columns, rows)),
        ("update", sql::copy::update(dialect, &table, &others.each_ref())),
        ("delete", sql::copy::delete(dialect, &table, rows)),
    ];
    if !unique.is_empty() {
        statements.push(("who is in the way", sql::copy::holders(dialect, &table, &unique, false)));
    }
    if !unique.is_empty() && dialect.write == Write::Arrays {
        statements
            .push(("who is in the way, in another case", sql::copy::holders(dialect, &table, &unique, true)));
    }
    statements.into_iter().map(|(what, sql)| (what.to_owned(), sql)).collect()
}

fn writes(dialect: &Dialect, table: &Table, columns: &[&Identifier]) -> Vec<(&'static str, String)> {
    let selected: Vec<Expression> = columns.iter().map(|name| Expression::from(*name)).collect();
    match dialect.write {
        Write::Values => vec![
            ("compare and set", sql::set_from_values(dialect, table, columns, ROWS)),
            ("which of them hold it now", sql::holding_values(dialect, table, columns, ROWS)),
        ],
        Write::Arrays => vec![("compare and set", sql::set_from_arrays(dialect, table, columns))],
        Write::Batch => vec![("compare and set, row by row", sql::set_if_same(dialect, table, columns))],
        Write::LockThenBatch => vec![
            ("lock", sql::lock(dialect, table, &selected, ROWS)),
            ("set one by one", sql::copy::set_one(dialect, table, columns)),
        ],
        Write::LockFirst => vec![
            ("lock", sql::lock(dialect, table, &selected, ROWS)),
            ("set locked", sql::set_locked(dialect, table, columns, ROWS)),
            ("set one by one", sql::copy::set_one(dialect, table, columns)),
        ],
    }
}

/// Every set of value columns that a row may need changed.
fn column_sets(target: &Target) -> Vec<Vec<&Identifier>> {
    let names = target.value_names();
    (1..1_u32 << names.len())
        .map(|set| {
            names.iter().enumerate().filter(|(at, _)| set & (1 << at) != 0).map(|(_, name)| *name).collect()
        })
        .collect()
}
