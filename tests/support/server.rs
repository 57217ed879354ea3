//! The servers that `tests/support/servers.py` starts, for an administrator.

#[path = "h2_session.rs"]
mod h2_session;

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use keyrotation::db::{self, server};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _};

use h2_session::H2Session;

/// The administrators' password, see `tests/support/servers.py`.
pub(crate) const ADMIN: &str = "p@ss wörd/:'%";

/// Which database the deployments of this run are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
    MariaDb,
    MySql,
    H2,
}

impl Engine {
    /// What `KEYROTATION_E2E` asks for.
    pub(crate) fn asked() -> Self {
        match std::env::var("KEYROTATION_E2E").as_deref() {
            Err(_) | Ok("sqlite") => Self::Sqlite,
            Ok("postgresql" | "postgresql-jdbc") => Self::Postgres,
            Ok("mariadb" | "mariadb-jdbc") => Self::MariaDb,
            Ok("mysql") => Self::MySql,
            Ok("h2" | "h2-as-oracle" | "h2-as-sqlserver" | "h2-as-db2") => Self::H2,
            Ok(other) => panic!(
                "KEYROTATION_E2E={other} is none of sqlite, postgresql, postgresql-jdbc, mariadb, mariadb-jdbc, mysql, h2, \
                 h2-as-oracle, h2-as-sqlserver, h2-as-db2"
            ),
        }
    }

    /// Where its server listens on 127.0.0.1.
    pub(crate) fn port(self) -> u16 {
        self.told(match self {
            Self::Postgres => "KEYROTATION_TEST_POSTGRESQL",
            Self::H2 => "KEYROTATION_TEST_H2",
            Self::MySql => "KEYROTATION_TEST_MYSQL",
            Self::MariaDb | Self::Sqlite => "KEYROTATION_TEST_MARIADB",
        })
    }

    /// Its name, as `tests/support/servers.py` has it.
    const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::MariaDb => "mariadb",
            Self::MySql => "mysql",
            Self::H2 => "h2",
            Self::Sqlite => "sqlite",
        }
    }

    /// A port that the servers have told of.
    #[allow(clippy::unused_self)]
    fn told(self, name: &str) -> u16 {
        let own = OWN.get().and_then(|own| own.get(name).cloned());
        let port = own.or_else(|| std::env::var(name).ok());
        port.unwrap_or_else(|| panic!("{name} is not set: see docs/testing.md on servers")).parse().unwrap()
    }

    /// A PATH on which its own programs come first, where they are unpacked and not installed.
    pub(crate) fn with_its_programs(self) -> String {
        let path = std::env::var("PATH").unwrap();
        let name = format!("KEYROTATION_TEST_{}_PROGRAMS", self.name().to_uppercase());
        let own = OWN.get().and_then(|own| own.get(&name).cloned()).or_else(|| std::env::var(name).ok());
        own.map_or(path.clone(), |own| format!("{own}:{path}"))
    }

    /// A database that is always there.
    pub(crate) const fn home(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::H2 => "home",
            Self::MariaDb | Self::MySql | Self::Sqlite => "mysql",
        }
    }
}

/// The database that H2 stands in for, by the scheme of its URLs: see `tests/support/java/StandIn.java`.
pub(crate) fn stand_in() -> Option<String> {
    std::env::var("KEYROTATION_E2E").ok()?.strip_prefix("h2-as-").map(str::to_owned)
}

/// An administrator's connection.
pub(crate) struct Admin {
    runtime: tokio::runtime::Runtime,
    session: Session,
}

impl Admin {
    /// Connects to a database.
    pub(crate) fn connect(engine: Engine, database: &str) -> Self {
        Self::at(engine, engine.port(), database)
    }

    /// Connects to a database on another server.
    pub(crate) fn at(engine: Engine, port: u16, database: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let session = runtime.block_on(Session::connect(engine, port, database, "a test"));
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

    /// Ends every session of others in a database, and in none of it.
    pub(crate) fn end_sessions(&mut self, database: &str) {
        match self.session {
            Session::Postgres(_) => {
                let of = format!("WHERE datname = '{database}' AND pid <> pg_backend_pid()");
                self.rows(&format!("SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity {of}"));
            }
            Session::MySql(_) => {
                for (id, _) in self.sessions_in(database) {
                    let _ = self.attempt(&format!("KILL {id}"));
                }
            }
            Session::H2(_) => panic!("no test ends sessions of H2's"),
        }
    }

    /// Number and state of each session in a database of MySQL or MariaDB. Not from information_schema.PROCESSLIST,
    /// which fails while any session's statement has what utf8mb3 has not.
    pub(crate) fn sessions_in(&mut self, database: &str) -> Vec<(String, Option<String>)> {
        let here = |row: &Vec<Option<String>>| row[3].as_deref() == Some(database);
        let shown = self.rows(PROCESSES).into_iter().filter(here);
        shown.map(|mut row| (row[0].take().unwrap(), row[6].take())).collect()
    }

    /// Runs statements that may fail.
    pub(crate) fn attempt(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        self.runtime.block_on(self.session.attempt(sql))
    }

    /// The first column of the first row.
    #[track_caller]
    pub(crate) fn text(&mut self, sql: &str) -> String {
        self.rows(sql).swap_remove(0).swap_remove(0).unwrap_or_default()
    }
}

const PROCESSES: &str = "SHOW PROCESSLIST";

pub(super) enum Session {
    Postgres(PgConnection),
    MySql(MySqlConnection),
    H2(H2Session),
}

impl Session {
    pub(super) async fn open(engine: Engine, database: &str) -> Self {
        Self::connect(engine, engine.port(), database, "a test").await
    }

    /// A session that a running rotation takes for none of its database's, and what to put before
    /// a table's name in it.
    pub(super) async fn unseen(engine: Engine, database: &str) -> (Self, String) {
        if engine == Engine::Postgres {
            let running = format!(
                "SELECT application_name FROM pg_stat_activity \
                 WHERE datname = '{database}' AND application_name LIKE 'keyrotation %'"
            );
            let running = Self::open(engine, engine.home()).await.texts(&running).await;
            let name = running.first().and_then(|row| row[0].as_deref()).unwrap_or("a test");
            (Self::connect(engine, engine.port(), database, name).await, String::new())
        } else if engine == Engine::H2 {
            (Self::open(engine, database).await, String::new())
        } else {
            (Self::open(engine, engine.home()).await, format!("{database}."))
        }
    }

    async fn connect(engine: Engine, port: u16, database: &str, application: &str) -> Self {
        if engine == Engine::Postgres {
            let options =
                PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(port).username("postgres");
            let options = options.password(ADMIN).database(database).ssl_mode(PgSslMode::Disable);
            let options = options.application_name(application).disable_statement_logging();
            Self::Postgres(options.connect().await.unwrap())
        } else if engine == Engine::H2 {
            Self::H2(H2Session::open(engine.told("KEYROTATION_TEST_H2_ADMIN"), database))
        } else {
            let options =
                MySqlConnectOptions::new().host("127.0.0.1").port(port).username("root").password(ADMIN);
            let options = options.database(database).disable_statement_logging();
            Self::MySql(options.connect().await.unwrap())
        }
    }

    pub(super) async fn run(&mut self, sql: &str) {
        let done = self.attempt(sql).await;
        let shown: String = sql.chars().take(300).collect();
        done.unwrap_or_else(|error| panic!("{shown}: {error}"));
    }

    async fn attempt(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let statement = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Postgres(connection) => statement.execute(connection).await.map(drop),
            Self::MySql(connection) => statement.execute(connection).await.map(drop),
            Self::H2(session) => session.ask(sql).map(drop).map_err(sqlx::Error::Protocol),
        }
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
            Self::MySql(connection) => {
                // Not prepared, so that numbers come as texts, too.
                let rows = sqlx::raw_sql(text)
                    .fetch_all(connection)
                    .await
                    .unwrap_or_else(|error| panic!("{sql}: {error}"));
                // Statements of other tests have bytes in them, and are cut off anywhere.
                let text = |bytes: Vec<u8>| match sql {
                    PROCESSES => String::from_utf8_lossy(&bytes).into_owned(),
                    _ => String::from_utf8(bytes).unwrap(),
                };
                let cell = |row: &sqlx::mysql::MySqlRow, at| {
                    row.try_get_unchecked::<Option<Vec<u8>>, _>(at).unwrap().map(text)
                };
                rows.iter().map(|row| (0..row.len()).map(|at| cell(row, at)).collect()).collect()
            }
            Self::H2(session) => session.ask(sql).unwrap_or_else(|error| panic!("{sql}: {error}")),
        }
    }

    /// Ends the session, and waits until the server has noticed.
    pub(super) async fn leave(mut self, engine: Engine) {
        if let Self::H2(session) = &mut self {
            session.send("");
            assert_eq!(session.number(), 0);
            return;
        }
        let (sql, find) = match &self {
            Self::Postgres(_) => {
                ("SELECT pg_backend_pid()::text", "SELECT 1::text FROM pg_stat_activity WHERE pid = ")
            }
            // MySQL's other list fails on what utf8mb3 has not, and MariaDB has this one switched off.
            Self::MySql(_) if engine == Engine::MySql => (
                "SELECT CAST(CONNECTION_ID() AS CHAR)",
                "SELECT 1 FROM performance_schema.threads WHERE PROCESSLIST_ID = ",
            ),
            Self::MySql(_) => (
                "SELECT CAST(CONNECTION_ID() AS CHAR)",
                "SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = ",
            ),
            Self::H2(_) => unreachable!(),
        };
        let id = self.texts(sql).await.swap_remove(0).swap_remove(0).unwrap();
        match self {
            Self::Postgres(connection) => connection.close().await.unwrap(),
            Self::MySql(connection) => connection.close().await.unwrap(),
            Self::H2(_) => unreachable!(),
        }
        let mut home = Self::open(engine, engine.home()).await;
        while !home.texts(&format!("{find}{id}")).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Where the servers of this test listen, if it has some of its own.
static OWN: OnceLock<HashMap<String, String>> = OnceLock::new();

/// Servers of this test alone, which it may kill. Dropped, they are stopped.
pub(crate) struct OwnServers {
    child: Child,
    said: BufReader<ChildStdout>,
    /// What they have told of themselves.
    pub(crate) environment: HashMap<String, String>,
}

impl OwnServers {
    /// Starts the one of an engine; all that this test does from then on is done there.
    pub(crate) fn start(engine: Engine) -> Self {
        Self::with(&[("KEYROTATION_TEST_SERVERS", engine.name())])
    }

    /// Likewise, with environment variables that say how: see `tests/support/servers.py`.
    pub(crate) fn with(environment: &[(&str, &str)]) -> Self {
        Self::of("servers.py", &["serve"], environment)
    }

    /// A cluster: see `tests/support/clusters.py`.
    pub(crate) fn cluster(kind: &str) -> Self {
        Self::of("clusters.py", &["serve", kind], &[])
    }

    fn of(script: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/");
        let mut command = Command::new("python3");
        command
            .arg(format!("{folder}{script}"))
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut servers = Self { child, said, environment: HashMap::new() };
        while let Some((name, value)) = servers.line().split_once('=') {
            servers.environment.insert(name.to_owned(), value.to_owned());
        }
        assert!(
            OWN.set(servers.environment.clone()).is_ok(),
            "each test has a process of its own: run them with cargo-nextest"
        );
        servers
    }

    /// Kills one as a crash of its machine would.
    pub(crate) fn kill(&mut self, engine: Engine) {
        self.ask("kill", engine);
    }

    /// Starts it again on the same data and port.
    pub(crate) fn start_again(&mut self, engine: Engine) {
        self.ask("start", engine);
    }

    /// Kills it, keeps a copy of its data, and starts it again.
    pub(crate) fn keep(&mut self, engine: Engine) {
        for what in ["kill", "keep", "start"] {
            self.ask(what, engine);
        }
    }

    /// Kills it and starts it again with the data that were kept: what it has committed since is lost.
    pub(crate) fn fall_back(&mut self, engine: Engine) {
        for what in ["kill", "put-back", "start"] {
            self.ask(what, engine);
        }
    }

    /// Does with one of a cluster's servers what `tests/support/clusters.py` knows.
    pub(crate) fn tell(&mut self, what: &str, name: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{what} {name}").unwrap();
        assert_eq!(self.line(), "done");
    }

    /// Where another of a cluster's servers listens: `SECOND` or `THIRD`.
    pub(crate) fn port(&self, which: &str) -> u16 {
        self.environment[&format!("KEYROTATION_TEST_{which}")].parse().unwrap()
    }

    fn ask(&mut self, what: &str, engine: Engine) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{what} {}", engine.name()).unwrap();
        assert_eq!(self.line(), "done");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for OwnServers {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// An empty database: how the program reaches it, and its administrator.
pub(crate) fn database_of_its_own(engine: Engine) -> (db::Server, Admin) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let database = format!("own_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    Admin::connect(engine, engine.home()).execute(&format!("CREATE DATABASE {database}"));
    let server = db::Server {
        kind: if engine == Engine::Postgres { server::Kind::Postgres } else { server::Kind::MySql },
        hosts: vec![server::Host { name: "127.0.0.1".to_owned(), port: engine.port() }],
        user: if engine == Engine::Postgres { "postgres" } else { "root" }.to_owned(),
        password: ADMIN.to_owned().into(),
        schema: None,
        tls: server::Tls { mode: server::TlsMode::Disabled, authorities: None, client: None },
        public_key: server::PublicKey::Unsaid,
        connect_timeout: Duration::from_secs(10),
        lock_wait: None,
        socket_timeout: None,
        route: None,
        database,
    };
    let admin = Admin::connect(engine, &server.database);
    (server, admin)
}
