//! Walks over tables with difficult keys, on SQLite.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use super::*;
use crate::db::{Access, Identifier, Relation};
use crate::target::Store;

const VALUE: Identifier = Identifier::constant("V");

fn relation() -> Relation {
    let [table, key] = ["ROWS", "K"].map(Identifier::constant);
    Relation { table, key: vec![key], filter: None }
}

/// Keys as SQL, in SQLite's order. It takes NULL and texts that are none even in a primary key.
fn key(n: u8) -> String {
    match n % 8 {
        0 | 1 => "NULL".to_owned(),
        2 => format!("{n}.5"),
        3 => format!("CAST(x'ff{n:02x}' AS TEXT)"),
        4 => format!("x'{n:02x}'"),
        _ => format!("'{}'", n % 40),
    }
}

async fn table_with(path: &Path, keys: &[String]) -> Walk {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    let rows =
        keys.iter().enumerate().map(|(n, key)| format!("INSERT OR IGNORE INTO ROWS VALUES ({key}, {n});"));
    let create = "CREATE TABLE ROWS (K VARCHAR(9) UNIQUE, V INTEGER);".to_owned();
    let sql: String = std::iter::once(create).chain(rows).collect();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let db = Db::open_sqlite(path, Access::ReadOnly).await.unwrap();
    let info = db.table("ROWS").await.unwrap().unwrap();
    let guard = Guard::new(db.clone(), Store::Identity, Duration::ZERO);
    let table = Table::new(relation(), &[&VALUE], &info);
    Walk::new(&db, &Arc::new(table), [Expression::from(&VALUE)], &Arc::new(guard))
}

fn numbers(page: &[Record]) -> Vec<i64> {
    page.iter().map(|record| record[1].as_int().unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_row_is_met_once_whatever_its_key(
        keys in proptest::collection::vec(any::<u8>().prop_map(key), 0..40),
        limit in 1_usize..9,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut walk = table_with(&folder.path().join("t.db"), &keys).await;
            let all = walk.db.read("SELECT K, V FROM ROWS ORDER BY V", &[]).await.unwrap();
            let all = numbers(&all);
            for _ in 0..2 {
                let mut met = Vec::new();
                while let Some(page) = walk.next(limit).await.unwrap() {
                    assert!(!page.is_empty());
                    met.extend(numbers(&page));
                }
                assert!(walk.next(limit).await.unwrap().is_none());
                met.sort_unstable();
                assert_eq!(met, all);
                walk.begin_again();
            }
            let (mut met, mut is_last) = (Vec::new(), false);
            while !is_last {
                let (page, last) = walk.fill(limit).await.unwrap();
                assert!(last || page.len() >= limit);
                met.extend(numbers(&page));
                is_last = last;
            }
            met.sort_unstable();
            assert_eq!(met, all);
        });
    }
}

/// A server that gives the same rows again whatever it is asked for is told from a table without an end.
#[test]
fn a_walk_that_stands_still_ends_with_an_error() {
    let rows: Vec<u32> = (0..40).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        // From some key on it takes every other for one below it, as a cast to a type that is too narrow does.
        for clamped in [0_u32, 1, 7, 39] {
            for limit in 1..9 {
                let read = |after: Option<u32>, _, limit: usize| {
                    let after = after.map(|after| after.min(clamped));
                    let page = rows.iter().copied().filter(|row| after.is_none_or(|after| *row > after));
                    std::future::ready(Ok::<Vec<u32>, String>(page.take(limit).collect()))
                };
                let mut course = Course::default();
                let mut met = 0;
                let end = loop {
                    let next = course
                        .next(limit, read, |row| Some(*row), |row, key| row == key, |key| format!("at {key}"))
                        .await;
                    match next {
                        Ok(Some(page)) => met += page.len(),
                        end => break end,
                    }
                    assert!(met <= 80, "it goes on for ever");
                };
                assert_eq!(end.is_err(), clamped < 38, "{clamped} {limit}: {end:?}");
            }
        }
    });
}
