//! A page reads about as many index entries as it has rows, whatever the key and its collation: a
//! server that read the table for each page would make a rotation take days.

use std::collections::BTreeSet;

use keyrotation::db::{Access, Db, Expression, Identifier, Relation, Table, Value};

use super::outside;
use crate::support::{Engine, database_of_its_own, wait};

const ROWS: usize = 40_000;
const PAGE: usize = 500;
/// So many pages are counted together.
const COUNTED_TOGETHER: usize = 8;

/// A table with one key column, or with three, as IDN_IDENTITY_USER_DATA has them.
fn relation(key: &[&'static str]) -> Relation {
    let key = key.iter().map(|name| Identifier::constant(name)).collect();
    Relation { table: Identifier::constant("E2E_PAGES"), key, filter: None }
}

/// Text in both cases, with accents where the character set has them.
const TEXT: &str =
    "CONCAT(CASE WHEN n % 3 = 0 THEN 'user' WHEN n % 3 = 1 THEN 'User' ELSE 'usér' END, n % 61)";

#[test]
fn postgresql() {
    for collation in ["\"C\"", "\"en-x-icu\"", "\"und-x-icu\"", "\"default\""] {
        let columns =
            format!("A INTEGER, B VARCHAR(255) COLLATE {collation}, C VARCHAR(255) COLLATE {collation}");
        check(Engine::Postgres, &columns, &["A", "B", "C"], &format!("n % 5, {TEXT}, CAST(n AS VARCHAR)"));
    }
    check(Engine::Postgres, "A NUMERIC(31,0)", &["A"], "n * 7919 % 99991");
    check(Engine::Postgres, "A BIGINT", &["A"], "-n");
}

#[test]
fn mariadb() {
    for collation in
        ["latin1_swedish_ci", "latin1_bin", "utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_bin"]
    {
        let set = collation.split('_').next().unwrap();
        let text = format!("VARCHAR(255) CHARACTER SET {set} COLLATE {collation}");
        let columns = format!("A INTEGER, B {text}, C {text}");
        check(Engine::MariaDb, &columns, &["A", "B", "C"], &format!("n % 5, {TEXT}, CAST(n AS CHAR)"));
    }
    check(Engine::MariaDb, "A DECIMAL(31,0)", &["A"], "n * 7919 % 99991");
    check(Engine::MariaDb, "A BIGINT", &["A"], "-n");
}

/// Collations of MySQL 8 and later take spaces at the end for what they are.
#[test]
fn mysql() {
    for collation in ["utf8mb4_0900_ai_ci", "utf8mb4_0900_as_cs", "utf8mb4_0900_bin", "latin1_swedish_ci"] {
        let set = collation.split('_').next().unwrap();
        let text = format!("VARCHAR(255) CHARACTER SET {set} COLLATE {collation}");
        let columns = format!("A INTEGER, B {text}, C {text}");
        let last = if set == "latin1" { "CAST(n AS CHAR)" } else { "CONCAT(n DIV 2, REPEAT(' ', n % 2))" };
        check(Engine::MySql, &columns, &["A", "B", "C"], &format!("1, {TEXT_OF_PAIRS}, {last}"));
    }
}

/// The same of two rows that follow each other, so that only a space at the end tells these apart.
const TEXT_OF_PAIRS: &str = "CONCAT('usér', n DIV 2 % 61)";

fn check(engine: Engine, columns: &str, key: &[&'static str], row: &str) {
    let (relation, value) = (relation(key), Identifier::constant("V"));
    let selected = [Expression::from(&value)];
    let (server, mut admin) = database_of_its_own(engine);
    let numbers = match engine {
        Engine::Postgres => format!("generate_series(1, {ROWS}) AS n"),
        Engine::MySql => format!(
            "(WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {ROWS}) \
             SELECT n FROM number) AS numbers"
        ),
        _ => format!("(SELECT seq AS n FROM seq_1_to_{ROWS}) AS numbers"),
    };
    let key = relation.key.join(", ");
    admin.execute(&format!("CREATE TABLE E2E_PAGES ({columns}, V VARCHAR(40), PRIMARY KEY ({key}))"));
    if engine == Engine::MySql {
        admin.execute(&format!("SET SESSION cte_max_recursion_depth = {ROWS}"));
    }
    admin.execute(&format!("INSERT INTO E2E_PAGES SELECT {row}, 'value' FROM {numbers}"));
    admin.execute(if engine == Engine::Postgres { "ANALYZE E2E_PAGES" } else { "ANALYZE TABLE E2E_PAGES" });
    wait(async {
        let db = Db::open_server(&server, Access::ReadOnly, 1).await.unwrap();
        let info = db.table("E2E_PAGES").await.unwrap().unwrap();
        let table = Table::new(relation.clone(), &[&value], &info);
        let mut keys: Vec<Vec<Value>> = Vec::new();
        let mut since: Vec<usize> = Vec::new(); // the pages since it was counted last
        let mut before = entries_read(engine, &db).await;
        loop {
            let page = db.page(&table, &selected, keys.last().map(Vec::as_slice), None, PAGE).await.unwrap();
            since.push(page.len());
            let is_last = page.is_empty() || keys.len() > ROWS;
            keys.extend(page.into_iter().map(|row| row[..relation.key.len()].to_vec()));
            if is_last || since.len() == COUNTED_TOGETHER {
                let read = entries_read(engine, &db).await - before - own_cost(engine, &db).await;
                let rows: usize = since.iter().sum();
                assert!(
                    read <= 2 * rows + PAGE,
                    "{engine:?} {columns}: {} pages of {rows} read {read}",
                    since.len()
                );
                assert!(read >= rows, "the counter does not count: {read}");
                since.clear();
                before = entries_read(engine, &db).await;
            }
            if is_last {
                break;
            }
        }
        let text = |part: &Value| {
            part.as_int().map_or_else(|| part.as_text().unwrap().to_owned(), |n| n.to_string())
        };
        let different: BTreeSet<Vec<String>> =
            keys.iter().map(|key| key.iter().map(text).collect()).collect();
        assert_eq!(
            (keys.len(), different.len()),
            (ROWS, ROWS),
            "{engine:?} {columns}: rows left out or twice"
        );

        // A range with both ends is what a resumed chunk reads.
        let (after, upto) = (&keys[ROWS / 2], &keys[ROWS / 2 + PAGE]);
        let before = entries_read(engine, &db).await;
        let range = db.page(&table, &selected, Some(after), Some(upto), ROWS).await.unwrap();
        let read = entries_read(engine, &db).await - before - own_cost(engine, &db).await;
        assert_eq!(range.len(), PAGE);
        assert!(read <= 2 * PAGE, "{engine:?} {columns}: a range of {PAGE} reads {read}");

        // So are rows by their keys. Of so small a table a server rightly reads all for many of them.
        let wanted: Vec<_> = keys.iter().step_by(ROWS / 20).cloned().collect();
        let before = entries_read(engine, &db).await;
        let rows = db.rows(&table, &selected, &wanted).await.unwrap();
        let read = entries_read(engine, &db).await - before - own_cost(engine, &db).await;
        assert_eq!(rows.len(), wanted.len());
        assert!(read <= 2 * wanted.len(), "{engine:?} {columns}: {} keys read {read}", wanted.len());
        db.close().await;
    });
    drop(admin);
    outside(engine).execute(&format!("DROP DATABASE {}", server.database));
}

/// Rows and index entries that this session has read.
async fn entries_read(engine: Engine, db: &Db) -> usize {
    let sql = if engine == Engine::Postgres {
        tell_what_was_read(db).await;
        "SELECT (i.idx_tup_read + t.seq_tup_read)::bigint FROM pg_stat_user_indexes i \
         JOIN pg_stat_user_tables t USING (relid) WHERE t.relname = 'e2e_pages'"
    } else if engine == Engine::MySql {
        "SELECT CAST(SUM(VARIABLE_VALUE) AS SIGNED) FROM performance_schema.session_status \
         WHERE VARIABLE_NAME LIKE 'HANDLER_READ%'"
    } else {
        "SELECT CAST(SUM(VARIABLE_VALUE) AS SIGNED) FROM information_schema.SESSION_STATUS \
         WHERE VARIABLE_NAME LIKE 'HANDLER_READ%'"
    };
    let rows = db.read(sql, &[]).await.unwrap();
    usize::try_from(rows[0][0].as_int().unwrap()).unwrap()
}

/// Lets PostgreSQL count what this session has read so far. Before version 15 a collector counts, which a session tells
/// at most twice a second, and which answers with what it knew half a second ago.
async fn tell_what_was_read(db: &Db) {
    let version = db.read("SELECT current_setting('server_version_num')::bigint", &[]).await.unwrap();
    if version[0][0].as_int().unwrap() >= 150_000 {
        db.read("SELECT pg_stat_force_next_flush()", &[]).await.unwrap();
        return;
    }
    for _ in 0..2 {
        db.read("SELECT pg_sleep(0.6)::text", &[]).await.unwrap();
    }
    db.read("SELECT pg_stat_clear_snapshot()::text", &[]).await.unwrap();
}

/// What asking costs by itself.
async fn own_cost(engine: Engine, db: &Db) -> usize {
    let before = entries_read(engine, db).await;
    entries_read(engine, db).await - before
}
