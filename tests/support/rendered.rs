//! Every statement that the program can send, by dialect and target.

use keyrotation::db::columns;
use keyrotation::db::guard::{MYSQL_QUESTIONS, POSTGRES_QUESTIONS, Questions};
use keyrotation::db::preflight_questions::{self, PREFLIGHT_QUESTIONS, PreflightQuestions};
use keyrotation::db::sql::{self, Ends};
use keyrotation::db::{
    ColumnInfo, DB2, DB2_BLIND, DB2_QUESTIONS, DB2_SESSION, Expression, Filter, H2, H2_QUESTIONS, Identifier,
    Kind, MSSQL, MSSQL_QUESTIONS, MSSQL_SESSION, MYSQL, ORACLE, ORACLE_BLIND, ORACLE_QUESTIONS,
    ORACLE_SESSION, POSTGRES, Relation, Syntax, Table, TableInfo, Write,
};
use keyrotation::db::{
    POSTGRES_SESSION, asked, cluster_lock, copies, feeds, history, holdups, identity, indexes, load,
    log_table, near, nodes, policies, proof,
};
use keyrotation::plan::TOKENS;
use keyrotation::target::sync::{CHANGED_AT, ENTRY, SYNCED};
use keyrotation::target::{SyncTable, Target, TargetRegistry};

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
pub(crate) fn sections(syntax: &Syntax) -> Vec<Section> {
    let owned = |(what, sql): (&str, &str)| (what.to_owned(), sql.to_owned());
    let asked = questions(syntax).into_iter().chain(looks(syntax)).chain(clusters(syntax)).map(owned);
    let session = session(syntax).iter().map(|sql| ("first of all".to_owned(), (*sql).to_owned()));
    let statements = session.chain(fixed(syntax)).chain(asked).collect();
    let fixed = Section { title: None, statements };
    let known = TargetRegistry::built_in();
    let targets = known.tables().iter().map(|target| Section {
        title: Some(format!("{} ({} database)", target.id, target.store.name())),
        statements: of_target(syntax, target),
    });
    let synced = known
        .synced()
        .iter()
        .map(|sync| Section { title: Some(sync.id.clone()), statements: of_sync(syntax, sync) });
    std::iter::once(fixed).chain(targets).chain(synced).collect()
}

/// What each session is told first.
fn session(syntax: &Syntax) -> &'static [&'static str] {
    match syntax.name {
        name if name == ORACLE.name => ORACLE_SESSION,
        name if name == MSSQL.name => MSSQL_SESSION,
        name if name == DB2.name => DB2_SESSION,
        _ => &[], // their drivers' own affair
    }
}

/// Statements that name no table of ours.
fn fixed(syntax: &Syntax) -> Vec<(String, String)> {
    [
        ("begin", syntax.begin),
        ("savepoint", syntax.savepoint),
        ("back to it", syntax.to_savepoint),
        ("forget it", syntax.release_savepoint),
        ("catalogue: columns", syntax.columns),
        ("catalogue: unique columns", syntax.unique),
        ("catalogue: tables", syntax.tables),
        ("catalogue: tables and triggers", syntax.objects),
        ("catalogue: bytes on disk", syntax.table_bytes),
        ("tokens that nobody needs", &sql::outlived(syntax, &TOKENS)),
    ]
    .into_iter()
    .filter(|(_, sql)| !sql.is_empty()) // the driver's own affair
    .map(|(what, sql)| (what.to_owned(), sql.to_owned()))
    .collect()
}

/// What is asked of servers.
fn questions(syntax: &Syntax) -> Vec<(&'static str, &'static str)> {
    let asked: Option<&Questions> = match syntax.name {
        name if name == POSTGRES.name => Some(&POSTGRES_QUESTIONS),
        name if name == MYSQL.name => Some(&MYSQL_QUESTIONS),
        name if name == H2.name => Some(&H2_QUESTIONS),
        name if name == ORACLE.name => Some(&ORACLE_QUESTIONS),
        name if name == MSSQL.name => Some(&MSSQL_QUESTIONS),
        name if name == DB2.name => Some(&DB2_QUESTIONS),
        _ => None,
    };
    let each = |questions: &Questions| {
        let mut asked = vec![
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
        ];
        asked.extend(questions.room.asks.iter().map(|ask| ("room for sessions", *ask)));
        asked
    };
    let blind: Option<&Questions> = match syntax.name {
        name if name == ORACLE.name => Some(&ORACLE_BLIND),
        name if name == DB2.name => Some(&DB2_BLIND),
        _ => None,
    };
    let unseen = |questions: &Questions| {
        vec![("sessions that are hidden", questions.sessions), ("so they are", questions.is_blind)]
    };
    let mut asked = asked.map(each).unwrap_or_default();
    asked.extend(blind.map(unseen).unwrap_or_default());
    asked.retain(|(_, sql)| !sql.is_empty());
    asked
}

/// What a preflight asks.
fn looks(syntax: &Syntax) -> Vec<(&'static str, &'static str)> {
    let look = PREFLIGHT_QUESTIONS.iter().find(|look| look.dialect == syntax.name);
    let each = |look: &PreflightQuestions| {
        let others = [("its time", look.clock), ("its logs", look.logs)];
        let triggers = look.triggers.iter().map(|sql| ("triggers", *sql));
        triggers.chain(others.into_iter().filter_map(|(what, sql)| Some((what, sql?)))).collect()
    };
    look.map(each).unwrap_or_default()
}

/// What is asked and written to know whether two databases are one.
fn clusters(syntax: &Syntax) -> Vec<(&'static str, &'static str)> {
    let all = [
        asked::STATEMENTS,
        identity::STATEMENTS,
        feeds::STATEMENTS,
        history::STATEMENTS,
        load::STATEMENTS,
        nodes::STATEMENTS,
        proof::STATEMENTS,
        cluster_lock::STATEMENTS,
        indexes::STATEMENTS,
        POSTGRES_SESSION,
    ]
    .concat();
    all.into_iter()
        .chain(holdups::statements())
        .chain(policies::statements())
        .chain(copies::statements())
        .chain(columns::statements())
        .chain(log_table::statements())
        .chain(near::NEAR.iter().map(|(dialect, sql)| (*dialect, "what is named like a table", *sql)))
        .filter(|(dialect, ..)| *dialect == syntax.name)
        .map(|(_, what, sql)| (what, sql))
        .collect()
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
fn rows(syntax: &Syntax) -> usize {
    if syntax.write == Write::Batch { 1 } else { ROWS }
}

fn of_target(syntax: &Syntax, target: &Target) -> Vec<(String, String)> {
    let table = table(target);
    let (names, time) = (target.value_names(), Identifier::constant("TIME_CREATED"));
    let columns: Vec<Expression> = target.columns().map(Expression::from).collect();
    let mut statements = vec![
        ("how many".to_owned(), sql::copy::count(&target.relation.table)),
        (
            "how old is the newest".to_owned(),
            preflight_questions::newest(syntax, &target.relation.table, &time),
        ),
        ("null key".to_owned(), sql::null_key(syntax, &table)),
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
        statements.push((what.to_owned(), sql::page(syntax, &table, &columns, ends, PAGE)));
    }
    let rows = rows(syntax);
    statements.push((format!("{rows} rows by key"), sql::by_keys(syntax, &table, &columns, rows)));
    for columns in column_sets(target) {
        for (what, sql) in writes(syntax, &table, &columns) {
            statements.push((format!("{what} {} in {rows} rows", joined(&columns, " and ")), sql));
        }
    }
    statements
}

/// A table that is kept in step, with a state and a time besides its key, and its change log.
fn of_sync(syntax: &Syntax, sync: &SyncTable) -> Vec<(String, String)> {
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
    let read = others.each_ref().map(|column| sql::copy::portable(syntax, &table, column));
    let age = sql::copy::age(syntax, &CHANGED_AT);
    let logged: Vec<Expression> = sync.relation.key.iter().map(Expression::from).chain([age]).collect();
    let unique: Vec<&Identifier> = sync.unique.iter().collect();
    let rows = rows(syntax);
    let behind = Ends { after: true, upto: false };
    let mut statements = vec![
        ("entries behind a number", sql::page(syntax, &log, &logged, behind, PAGE)),
        ("how many wait", sql::copy::pending(syntax, &log)),
        ("acknowledge and keep", sql::copy::acknowledge(syntax, &log, rows)),
        ("acknowledge", sql::copy::delete(syntax, &log, rows)),
        ("rows to carry over", sql::by_keys(syntax, &table, &read, rows)),
        ("lock", sql::lock(syntax, &table, &read, rows)),
        ("insert", sql::copy::insert(syntax, &table, &columns, rows)),
        ("update", sql::copy::update(syntax, &table, &others.each_ref())),
        ("delete", sql::copy::delete(syntax, &table, rows)),
    ];
    if !unique.is_empty() {
        statements.push(("who is in the way", sql::copy::holders(syntax, &table, &unique, false)));
    }
    if !unique.is_empty() && syntax.write == Write::Arrays {
        statements
            .push(("who is in the way, in another case", sql::copy::holders(syntax, &table, &unique, true)));
    }
    statements.into_iter().map(|(what, sql)| (what.to_owned(), sql)).collect()
}

fn writes(syntax: &Syntax, table: &Table, columns: &[&Identifier]) -> Vec<(&'static str, String)> {
    let selected: Vec<Expression> = columns.iter().map(|name| Expression::from(*name)).collect();
    match syntax.write {
        Write::Values => vec![("compare and set", sql::set_from_values(syntax, table, columns, ROWS))],
        Write::Arrays => vec![("compare and set", sql::set_from_arrays(syntax, table, columns))],
        Write::Batch => vec![("compare and set, row by row", sql::set_if_same(syntax, table, columns))],
        Write::LockThenBatch => vec![
            ("lock", sql::lock(syntax, table, &selected, ROWS)),
            ("set one by one", sql::copy::set_one(syntax, table, columns)),
        ],
        Write::LockFirst => vec![
            ("lock", sql::lock(syntax, table, &selected, ROWS)),
            ("set locked", sql::set_locked(syntax, table, columns, ROWS)),
            ("set one by one", sql::copy::set_one(syntax, table, columns)),
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
