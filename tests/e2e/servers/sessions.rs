//! Sessions that are shared: what becomes of one that is given back.

use std::time::{Duration, Instant};

use keyrotation::db::{Access, Class, Db, Value};

use crate::support::{Engine, database_of_its_own, wait};

crate::support::on_engines! {
    what_was_begun_is_rolled_back_and_the_session_is_used_again: postgresql mysql mariadb;
    one_in_the_midst_of_something_is_cut_off: postgresql mysql mariadb;
    one_that_the_server_ended_is_lost_and_another_takes_its_place: postgresql mysql mariadb;
}

/// The server's number for the session that comes next.
async fn session(db: &Db, engine: Engine) -> Value {
    let number = if engine == Engine::Postgres { "pg_backend_pid()::bigint" } else { "CONNECTION_ID()" };
    db.read(&format!("SELECT {number}"), &[]).await.unwrap()[0][0].clone()
}

fn what_was_begun_is_rolled_back_and_the_session_is_used_again(engine: Engine) {
    let (server, mut admin) = database_of_its_own(engine);
    admin.execute("CREATE TABLE E2E_SESSIONS (A INTEGER PRIMARY KEY)");
    wait(async {
        let db = Db::open_server(&server, Access::ReadWrite, 1).await.unwrap();
        let first = session(&db, engine).await;
        for commits in [false, true] {
            let mut transaction = db.begin().await.unwrap();
            transaction.run("INSERT INTO E2E_SESSIONS VALUES (1)", &[]).await.unwrap();
            if commits {
                transaction.commit().await.unwrap();
            } else {
                drop(transaction);
            }
            assert_eq!(session(&db, engine).await, first);
            let rows = db.read("SELECT A FROM E2E_SESSIONS", &[]).await.unwrap();
            assert_eq!(rows.len(), usize::from(commits));
        }
        // What the server refuses is an answer: the session goes on.
        let mut transaction = db.begin().await.unwrap();
        transaction.run("INSERT INTO E2E_SESSIONS VALUES (1)", &[]).await.unwrap_err();
        drop(transaction);
        assert_eq!(session(&db, engine).await, first);
        db.close().await;
    });
}

fn one_in_the_midst_of_something_is_cut_off(engine: Engine) {
    let (server, _admin) = database_of_its_own(engine);
    let sleep = if engine == Engine::Postgres { "SELECT pg_sleep(30)" } else { "SELECT SLEEP(30)" };
    wait(async {
        let db = Db::open_server(&server, Access::ReadWrite, 1).await.unwrap();
        let first = session(&db, engine).await;
        let begun = Instant::now();
        tokio::time::timeout(Duration::from_millis(300), db.read(sleep, &[])).await.unwrap_err();
        assert_ne!(session(&db, engine).await, first);
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        db.close().await;
    });
}

/// As servers do with what is idle.
fn one_that_the_server_ended_is_lost_and_another_takes_its_place(engine: Engine) {
    let (server, mut admin) = database_of_its_own(engine);
    // Before version 14 PostgreSQL has no such setting, and somebody ends the session.
    let soon = match engine {
        Engine::Postgres => {
            "SELECT set_config(name, '300ms', false) FROM pg_settings WHERE name = 'idle_session_timeout'"
        }
        _ => "SET SESSION wait_timeout = 1",
    };
    wait(async {
        let db = Db::open_server(&server, Access::ReadWrite, 1).await.unwrap();
        let first = session(&db, engine).await;
        if db.read(soon, &[]).await.unwrap().is_empty() && engine == Engine::Postgres {
            let end = format!("SELECT pg_terminate_backend({})", first.as_int().unwrap());
            // On a thread of its own: this one has a runtime already.
            std::thread::scope(|scope| scope.spawn(|| admin.execute(&end)).join().unwrap());
        }
        tokio::time::sleep(Duration::from_millis(1_800)).await;
        let error = db.read("SELECT 1", &[]).await.unwrap_err();
        assert_eq!(error.class, Class::Lost, "{error}");
        assert_ne!(session(&db, engine).await, first);
        db.close().await;
    });
}
