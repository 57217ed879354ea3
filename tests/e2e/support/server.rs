//! The servers that `tests/support/servers.py` starts, for an administrator.

use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _};

/// The administrators' password, see `tests/support/servers.py`.
const ADMIN: &str = "p@ss wörd/:'%";

/// Which database the deployments of this run are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
    MariaDb,
}

impl Engine {
    /// What `KEYROTATION_E2E` asks for.
    pub(crate) fn asked() -> Self {
        match std::env::var("KEYROTATION_E2E").as_deref() {
            Err(_) | Ok("sqlite") => Self::Sqlite,
            Ok("postgresql") => Self::Postgres,
            Ok("mariadb") => Self::MariaDb,
            Ok(other) => panic!("KEYROTATION_E2E={other} is none of sqlite, postgresql, mariadb"),
        }
    }

    /// Where its server listens on 127.0.0.1.
    pub(crate) fn port(self) -> u16 {
        let name =
            if self == Self::Postgres { "KEYROTATION_TEST_POSTGRESQL" } else { "KEYROTATION_TEST_MARIADB" };
        let port = std::env::var(name);
        port.unwrap_or_else(|_| panic!("{name} is not set: see docs/testing.md on servers")).parse().unwrap()
    }

    /// A database that is always there.
    pub(crate) const fn home(self) -> &'static str {
        if matches!(self, Self::Postgres) { "postgres" } else { "mysql" }
    }
}

/// An administrator's connection.
pub(crate) struct Admin {
    runtime: tokio::runtime::Runtime,
    session: Session,
}

impl Admin {
    /// Connects to a database.
    pub(crate) fn connect(engine: Engine, database: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let session = runtime.block_on(Session::open(engine, database));
        Self { runtime, session }
    }

    /// Runs statements.
    #[track_caller]
    pub(crate) fn execute(&mut self, sql: &str) {
        self.runtime.block_on(self.session.run(sql));
    }

    /// Rows of texts.
    #[track_caller]
    pub(crate) fn rows(&mut self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.runtime.block_on(self.session.texts(sql))
    }

    /// The first column of the first row.
    #[track_caller]
    pub(crate) fn text(&mut self, sql: &str) -> String {
        self.rows(sql).swap_remove(0).swap_remove(0).unwrap_or_default()
    }
}

pub(super) enum Session {
    Postgres(PgConnection),
    MariaDb(MySqlConnection),
}

impl Session {
    pub(super) async fn open(engine: Engine, database: &str) -> Self {
        let port = engine.port();
        if engine == Engine::Postgres {
            let options =
                PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(port).username("postgres");
            let options = options.password(ADMIN).database(database).ssl_mode(PgSslMode::Disable);
            Self::Postgres(options.disable_statement_logging().connect().await.unwrap())
        } else {
            let options =
                MySqlConnectOptions::new().host("127.0.0.1").port(port).username("root").password(ADMIN);
            let options = options.database(database).disable_statement_logging();
            Self::MariaDb(options.connect().await.unwrap())
        }
    }

    pub(super) async fn run(&mut self, sql: &str) {
        let statement = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        let done = match self {
            Self::Postgres(connection) => statement.execute(connection).await.map(drop),
            Self::MariaDb(connection) => statement.execute(connection).await.map(drop),
        };
        let shown: String = sql.chars().take(300).collect();
        done.unwrap_or_else(|error| panic!("{shown}: {error}"));
    }

    pub(super) async fn texts(&mut self, sql: &str) -> Vec<Vec<Option<String>>> {
        let text = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Postgres(connection) => {
                let rows = sqlx::query(text)
                    .fetch_all(connection)
                    .await
                    .unwrap_or_else(|error| panic!("{sql}: {error}"));
                rows.iter().map(|row| (0..row.len()).map(|at| row.get(at)).collect()).collect()
            }
            Self::MariaDb(connection) => {
                let rows = sqlx::query(text)
                    .fetch_all(connection)
                    .await
                    .unwrap_or_else(|error| panic!("{sql}: {error}"));
                let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
                let cell = |row: &sqlx::mysql::MySqlRow, at| {
                    row.try_get_unchecked::<Option<Vec<u8>>, _>(at).unwrap().map(text)
                };
                rows.iter().map(|row| (0..row.len()).map(|at| cell(row, at)).collect()).collect()
            }
        }
    }

    /// Ends the session, and waits until the server has noticed.
    pub(super) async fn leave(mut self, engine: Engine) {
        let (sql, find) = match &self {
            Self::Postgres(_) => {
                ("SELECT pg_backend_pid()::text", "SELECT 1::text FROM pg_stat_activity WHERE pid = ")
            }
            Self::MariaDb(_) => {
                ("SELECT CONNECTION_ID()", "SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = ")
            }
        };
        let id = self.texts(sql).await.swap_remove(0).swap_remove(0).unwrap();
        match self {
            Self::Postgres(connection) => connection.close().await.unwrap(),
            Self::MariaDb(connection) => connection.close().await.unwrap(),
        }
        let mut home = Self::open(engine, engine.home()).await;
        while !home.texts(&format!("{find}{id}")).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
