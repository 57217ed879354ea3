//! Pages against the whole table, on SQLite.

use std::collections::BTreeSet;
use std::path::Path;

use keyrotation_journal::{Key, KeyPart};
use proptest::prelude::*;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::*;
use crate::db::Access;
use crate::target::TargetRegistry;
use crate::{Page, Pages, Source};

/// Keys that are easy to get wrong: prefixes of each other, quotes, case, beyond the BMP.
fn part() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        proptest::sample::select(vec!["a", "A", "b", "'", "/", " ", "é", "\u{10FFFF}", "~"]),
        0..4,
    )
    .prop_map(|parts| parts.concat())
}

async fn table_with(path: &Path, rows: &BTreeSet<(i64, String, String)>) -> TableSource {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::query(
        "CREATE TABLE IDN_IDENTITY_USER_DATA (TENANT_ID INTEGER NOT NULL, USER_NAME VARCHAR(255) NOT NULL, \
         DATA_KEY VARCHAR(255) NOT NULL, DATA_VALUE VARCHAR(2048), \
         PRIMARY KEY (TENANT_ID, USER_NAME, DATA_KEY))",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    sqlx::query("BEGIN").execute(&mut connection).await.unwrap();
    for (tenant, user, key) in rows {
        sqlx::query("INSERT INTO IDN_IDENTITY_USER_DATA VALUES (?, ?, ?, 'value')")
            .bind(tenant)
            .bind(user)
            .bind(key)
            .execute(&mut connection)
            .await
            .unwrap();
    }
    sqlx::query("COMMIT").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let db = Db::open_sqlite(path, Access::ReadOnly).await.unwrap();
    let target = Arc::clone(TargetRegistry::built_in().table("identity-user-data").unwrap());
    let info = db.table(&target.relation.table).await.unwrap().unwrap();
    let guard = Guard::new(db.clone(), target.store.clone(), std::time::Duration::ZERO);
    let table = Table::new(target.relation.clone(), &[], &info);
    TableSource::new(db, target, Arc::new(table), Arc::new(guard), |_| true)
}

async fn all_pages(source: &TableSource, upto: Option<&Key>, limit: usize) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    let mut walk = Source::Table(source.clone()).walk(None, upto);
    while let Some(page) = walk.next(limit).await.unwrap() {
        assert!((1..=limit).contains(&page.len()));
        keys.extend(page.into_iter().map(|row| row.key));
    }
    keys
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn pages_of_any_size_give_every_row_once_in_the_servers_order(
        rows in proptest::collection::btree_set((-2_i64..3, part(), part()), 0..40),
        limit in 1_usize..12,
        cut in any::<prop::sample::Index>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let source = table_with(&folder.path().join("t.db"), &rows).await;
            // SQLite compares texts byte by byte, as Rust does.
            let expected: Vec<Key> = rows
                .iter()
                .map(|(t, u, k)| {
                    Key(vec![KeyPart::Int(*t), KeyPart::Text(u.clone()), KeyPart::Text(k.clone())])
                })
                .collect();
            assert_eq!(all_pages(&source, None, limit).await, expected);
            if !expected.is_empty() {
                let at = cut.index(expected.len());
                assert_eq!(all_pages(&source, Some(&expected[at]), limit).await, expected[..=at]);
                let named: Vec<&Key> = expected.iter().step_by(2).collect();
                let mut found: Vec<Key> =
                    source.rows(&named).await.unwrap().into_iter().map(|row| row.key).collect();
                found.sort();
                assert_eq!(found.iter().collect::<Vec<_>>(), named);
            }
        });
    }
}

/// What pages give until they end or begin again, and whether they begin again.
async fn until_end_or_again(pages: &mut Pages, limit: usize) -> (Vec<Key>, bool) {
    let mut keys = Vec::new();
    loop {
        match pages.next().await.unwrap() {
            Page::Rows(page) => {
                assert!((1..=limit).contains(&page.len()));
                keys.extend(page.into_iter().map(|row| row.key));
            }
            Page::Again => return (keys, true),
            Page::End => return (keys, false),
        }
    }
}

#[tokio::test]
async fn one_statement_gives_every_row_once_and_makes_way() {
    let folder = tempfile::tempdir().unwrap();
    for count in [0, 1, 2, 3, 7, 2500] {
        let rows: BTreeSet<_> = (0..count).map(|n| (n, "user".to_owned(), "key".to_owned())).collect();
        let table = table_with(&folder.path().join(format!("{count}.db")), &rows).await;
        let source = Source::Table(table.clone());
        let all: BTreeSet<Key> = all_pages(&table, None, 100).await.into_iter().collect();
        let whole =
            |keys: Vec<Key>| keys.len() == rows.len() && keys.into_iter().collect::<BTreeSet<_>>() == all;
        for limit in [1, 2, 3, 1000] {
            let mut pages = source.all(limit, true);
            let (keys, again) = until_end_or_again(&mut pages, limit).await;
            assert!(whole(keys) && !again, "{count} rows, {limit} at a time");
            assert!(matches!(pages.next().await.unwrap(), Page::End), "it stays at its end");
            // Whoever has to write while it reads gets the connection, and everything is read once more.
            let mut pages = source.all(limit, true);
            drop(pages.next().await.unwrap());
            assert!(pages.make_way());
            let read = table.db.read("SELECT COUNT(*) FROM IDN_IDENTITY_USER_DATA", &[]);
            assert_eq!(read.await.unwrap(), [[Value::Int(count)]]);
            let (none, again) = until_end_or_again(&mut pages, limit).await;
            assert!(none.is_empty() && again);
            assert!(!pages.make_way(), "it is read by key now");
            let (keys, again) = until_end_or_again(&mut pages, limit).await;
            assert!(whole(keys) && !again, "{count} rows, {limit} at a time, after it has made way");
            // Nor does one that is given up keep the connection.
            let mut pages = source.all(limit, true);
            drop(pages.next().await.unwrap());
            drop(pages);
            assert_eq!(all_pages(&table, None, 100).await.len(), rows.len());
        }
    }
}
