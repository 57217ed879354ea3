//! What each command does with each kind of journal, and that those who look change nothing.

use std::fs;
use std::path::{Path, PathBuf};

use crate::kit::{Kit, Refused as _, query, same_tree, tree};

#[test]
fn plan_folds_no_log_of_a_crashed_server_into_its_database() {
    let kit = Kit::new();
    let database = &kit.deployment.new_identity;
    query(database, "PRAGMA journal_mode = WAL");
    // A copy taken while a server has the database open: a log with a change that is not in the file.
    let (copy, log) = (kit.beside("copy.db"), kit.beside("copy.db-wal"));
    crate::support::wait(async {
        use sqlx::{ConnectOptions as _, Connection as _};
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database);
        let mut server = options.connect().await.unwrap();
        sqlx::raw_sql("PRAGMA wal_autocheckpoint = 0; CREATE TABLE LATE (A)")
            .execute(&mut server)
            .await
            .unwrap();
        fs::copy(database, &copy).unwrap();
        fs::copy(database.with_extension("db-wal"), &log).unwrap();
        server.close().await.unwrap();
    });
    fs::copy(&copy, database).unwrap();
    fs::copy(&log, database.with_extension("db-wal")).unwrap();

    let before = tree(kit.folder());
    kit.run(&["plan"]).exits(0);
    let mut after = tree(kit.folder());
    // SQLite's index of the log: memory that happens to have a name.
    after.remove(&database.with_extension("db-shm"));
    same_tree(&before, &after);
    assert_eq!(kit.sql("SELECT COUNT(*) FROM LATE"), [[Some("0".to_owned())]]);
}

#[test]
fn plan_says_that_a_transaction_must_be_rolled_back_first() {
    let kit = Kit::new();
    let database = &kit.deployment.new_identity;
    let rollback = leave_unfinished(database);

    let before = tree(kit.folder());
    let done = kit.run(&["plan"]).refused(3, "KR-DB-001");
    assert!(done.error().contains("rolled back first"), "{}", done.error());
    assert!(done.error().contains("`keyrotation run` rolls it back"), "{}", done.error());
    same_tree(&before, &tree(kit.folder()));
    kit.run(&["run"]).exits(0);
    assert!(!rollback.exists());
}

#[test]
fn run_says_what_will_change_before_it_writes() {
    let kit = Kit::new();
    let done = kit.run(&["run"]).exits(0);
    let position =
        |text: &str| done.stderr.find(text).unwrap_or_else(|| panic!("no {text} in {}", done.stderr));
    let written = position("Successfully updated");
    for place in [&kit.deployment.new_identity, &kit.deployment.new_registry, &kit.deployment.home] {
        assert!(position(&place.canonicalize().unwrap().display().to_string()) < written);
    }
    assert!(kit.log().contains("this will change: identity database"));
    // stdout is the result: the table and, last, one sentence.
    let last = done.stdout.lines().last().unwrap();
    let rotated: u64 = kit.deployment.counts.tables().map(|(_, count)| count.sealed_rows).sum();
    assert!(last.starts_with(&format!("{rotated} rows and ")) && last.ends_with("0 failed."), "{last}");
}

#[test]
fn a_second_process_is_told_who_holds_the_journal_and_the_database() {
    let kit = Kit::new();
    let running = kit.start_slow(2500, &["run"]);
    let pid = format!("process {}", running.pid());
    for command in [&["resume"][..], &["run"], &["run", "--new"], &["verify"]] {
        let done = kit.run(command).refused(4, "KR-JRN-001");
        assert!(done.error().contains(&pid), "{}", done.error());
    }
    // The last of them was `verify`, for which it is too early.
    assert!(kit.run(&["verify"]).error().contains("`keyrotation status --wait re-encrypted`; then"));
    let other = kit.beside("other-journal");
    let done = kit.run(&["run", "--journal", other.to_str().unwrap()]).refused(3, "KR-DB-003");
    assert!(done.error().contains("new-identity.db"), "{}", done.error());
    assert!(!other.exists(), "nothing was begun");
    running.wait().exits(0);
    kit.run(&["verify"]).exits(0);
}

/// A transaction that was killed after a part of it was written to the file: SQLite keeps what is to be rolled back
/// beside it.
fn leave_unfinished(database: &Path) -> PathBuf {
    let rollback = database.with_extension("db-journal");
    let (file, journal) = crate::support::wait(async {
        use sqlx::{ConnectOptions as _, Connection as _};
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database);
        let mut writer =
            options.pragma("cache_size", "5").pragma("cache_spill", "ON").connect().await.unwrap();
        sqlx::raw_sql("BEGIN; UPDATE IDN_OAUTH2_ACCESS_TOKEN SET AUTHZ_USER = 'x', REFRESH_TOKEN = 'y'")
            .execute(&mut writer)
            .await
            .unwrap();
        let left = (fs::read(database).unwrap(), fs::read(&rollback).unwrap());
        writer.close().await.unwrap();
        left
    });
    fs::write(database, file).unwrap();
    fs::write(&rollback, journal).unwrap();
    rollback
}

#[test]
fn what_a_killed_rotation_left_unfinished_is_rolled_back_by_the_next_command() {
    for (command, code) in [("plan", 0), ("keys", 1), ("preflight", 0), ("verify", 1)] {
        let kit = Kit::new();
        kit.interrupt();
        let rollback = leave_unfinished(&kit.deployment.new_identity);
        kit.run(&["status"]).exits(0);
        assert!(rollback.exists(), "status opens no database");

        let looked = kit.run(&[command]);
        assert!(looked.stderr.contains("had left unfinished"), "{command}: {looked}");
        assert!(!rollback.exists(), "{command}: {looked}");
        looked.exits(code);
        kit.run(&["resume"]).exits(0);
        kit.run(&["verify"]).exits(0);
    }
}
