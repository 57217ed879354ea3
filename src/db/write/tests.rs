//! Which rows a batch changes, on SQLite.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use super::*;
use crate::database::Db;
use crate::relation::Relation;
use crate::server::Access;

const COLUMNS: [Identifier; 2] = [Identifier::constant("V"), Identifier::constant("W")];

/// What may stand in a column, as SQL and as a value: the last three differ in their type alone.
fn held() -> [(&'static str, Value); 4] {
    [
        ("NULL", Value::Null),
        ("'7'", Value::Text("7".into())),
        ("x'37'", Value::Bytes(b"7".to_vec())),
        ("7", Value::Int(7)),
    ]
}

/// A row for every two of these.
fn pairs() -> Vec<[usize; 2]> {
    (0..held().len()).flat_map(|v| (0..held().len()).map(move |w| [v, w])).collect()
}

fn key(row: usize) -> Vec<Value> {
    vec![Value::Int(i64::try_from(row).unwrap()), Value::Text("k".into())]
}

async fn table_of_pairs(path: &Path) -> (Db, Table) {
    let mut connection =
        SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap();
    let create = "CREATE TABLE ROWS (K, L, V, W, UNIQUE (K, L));".to_owned();
    let rows = pairs().into_iter().enumerate().map(|(row, [v, w])| {
        let (v, w) = (held()[v].0, held()[w].0);
        format!("INSERT INTO ROWS VALUES ({row}, 'k', {v}, {w}), ('{row}', 'k', {v}, {w});")
    });
    let sql: String = std::iter::once(create).chain(rows).collect();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let db = Db::open_sqlite(path, Access::ReadWrite).await.unwrap();
    let info = db.table("ROWS").await.unwrap().unwrap();
    let [table, k, l] = ["ROWS", "K", "L"].map(Identifier::constant);
    let relation = Relation { table, key: vec![k, l], filter: None };
    (db, Table::new(relation, &[&COLUMNS[0], &COLUMNS[1]], &info))
}

/// Replaces what was read, and returns the numbers of the rows that are said to be changed, and of those that are.
async fn swapped(db: &Db, table: &Table, read: &[(usize, [Value; 2])]) -> (Vec<i64>, Vec<i64>) {
    let new = [Value::Text("new v".into()), Value::Text("new w".into())];
    let swaps: Vec<CompareAndSet<'_>> = read
        .iter()
        .map(|(row, old)| CompareAndSet {
            key: key(*row),
            old: old.iter().collect(),
            new: new.iter().collect(),
        })
        .collect();
    let mut transaction = db.begin_beside().await.unwrap();
    let columns = [&COLUMNS[0], &COLUMNS[1]];
    let changed =
        transaction.swap(table, &columns, &swaps.iter().collect::<Vec<_>>(), WriteMode::Fast).await.unwrap();
    let now = "SELECT K FROM ROWS WHERE V = 'new v' AND W = 'new w' ORDER BY K";
    let now = transaction.run(now, &[]).await.unwrap();
    transaction.rollback().await.unwrap();
    let numbers = |keys: Vec<Record>| -> Vec<i64> {
        keys.into_iter()
            .map(|key| key[0].as_int().expect("only rows with this very key are changed"))
            .collect()
    };
    let mut told = match changed {
        Changed::All => read.iter().map(|(row, _)| i64::try_from(*row).unwrap()).collect(),
        Changed::Only(keys) => numbers(keys),
    };
    told.sort_unstable();
    (told, numbers(now))
}

#[test]
fn rows_are_changed_and_told_only_where_they_hold_what_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (db, table) = table_of_pairs(&folder.path().join("t.db")).await;
        let values = |[v, w]: [usize; 2]| [held()[v].1.clone(), held()[w].1.clone()];
        let as_they_are: Vec<_> = pairs().into_iter().map(values).enumerate().collect();
        let all: Vec<i64> = (0..16).collect();
        assert_eq!(swapped(&db, &table, &as_they_are).await, (all.clone(), all.clone()));
        // One that is not there, beside them.
        let one_more = [as_they_are.clone(), vec![(16, values([0, 0]))]].concat();
        assert_eq!(swapped(&db, &table, &one_more).await, (all.clone(), all));
        for (row, pair) in pairs().into_iter().enumerate() {
            let one = vec![i64::try_from(row).unwrap()];
            let alike: Vec<_> = (0..16).map(|row| (row, values(pair))).collect();
            assert_eq!(swapped(&db, &table, &alike).await, (one.clone(), one));
            let others: Vec<_> = alike.into_iter().filter(|(at, _)| *at != row).collect();
            assert_eq!(swapped(&db, &table, &others).await, (vec![], vec![]));
        }
        db.close().await;
    });
}

#[test]
fn keys_that_differ_have_different_codes() {
    let text = |text: &str| Value::Text(text.into());
    let keys = [
        vec![text("a"), text("bc")],
        vec![text("ab"), text("c")],
        vec![Value::Int(97)],
        vec![text("a")],
        vec![Value::Bytes(vec![97])],
    ];
    let codes: std::collections::HashSet<_> = keys.iter().map(|key| code(key)).collect();
    assert_eq!(codes.len(), keys.len());
}
