//! Two identity databases of one deployment, the old server's and the copy, both in use while the
//! program is at work.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use keyrotation::demo::Spec;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _, SqliteConnection};

use crate::support::{Admin, Engine, Place, Ran, Running, Site, wait};

/// A row as texts.
pub(crate) type Row = Vec<Option<String>>;

/// Which of the two databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Old,
    New,
}

impl Side {
    /// 0 or 1.
    pub(crate) const fn number(self) -> u64 {
        match self {
            Self::Old => 0,
            Self::New => 1,
        }
    }
}

/// Both databases, the copy being as it was made, with triggers on the old one.
pub(crate) struct Pair {
    pub(crate) place: Place,
    pub(crate) engine: Engine,
    site: Option<Arc<Site>>,
}

impl Pair {
    /// A deployment of which the old database records changes, and a fresh copy of it.
    pub(crate) fn new(engine: Engine, tokens: u64) -> Self {
        let pair = Self::without_triggers(engine, tokens);
        pair.run(&["triggers", "install"]).exits(0);
        pair
    }

    /// Likewise, with nothing installed yet.
    pub(crate) fn without_triggers(engine: Engine, tokens: u64) -> Self {
        let pair = Self::without_rights(engine, tokens);
        if let Some(servers) = &pair.site {
            servers.grant_all();
        }
        pair
    }

    /// Likewise, and the user who rotates has only what docs/databases.md grants.
    pub(crate) fn without_rights(engine: Engine, tokens: u64) -> Self {
        let place = Place::in_files(&Spec { tokens, ..Spec::default() });
        let d = &place.deployment;
        let files = vec![d.new_identity.clone(), d.new_registry.clone(), d.old_identity.clone()];
        let config = fs::read_to_string(&d.config).unwrap();
        let config = config.replace("enableSyncMigrator: false", "enableSyncMigrator: true");
        let (config, site) = if engine == Engine::Sqlite {
            (config, None)
        } else {
            let site = Site::new(engine, files);
            let config = site.all_properties(&config);
            site.push();
            (config, Some(Arc::new(site)))
        };
        fs::write(&d.config, config).unwrap();
        Self { place, engine, site }
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.place.run_unlooked(args)
    }

    /// Runs it to its end, with what is to happen at its failpoints.
    pub(crate) fn run_at(&self, points: &str, args: &[&str]) -> Ran {
        self.place.start_unlooked(points, args).wait()
    }

    /// Starts it.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        self.place.start_unlooked("", args)
    }

    /// Starts it with so few rows a page.
    pub(crate) fn start_with_pages_of(&self, rows: u64, args: &[&str]) -> Running {
        self.place.start_with_pages_of(rows, args)
    }

    /// Starts it and waits until the sync phase has begun.
    pub(crate) fn start_syncing(&self, args: &[&str]) -> Running {
        let mut running = self.start(args);
        running.until_it_says("NEW_IS_HOME may be started now");
        running
    }

    /// People say what must be so before the old database can be retired.
    pub(crate) fn say_that_the_old_server_is_out_of_use(&self) {
        for step in ["route-traffic", "old-server-stopped"] {
            self.run(&["confirm", step]).exits(0);
        }
    }

    /// The number of a database among the site's.
    fn at(side: Side) -> usize {
        match side {
            Side::New => 0,
            Side::Old => 2,
        }
    }

    fn file(&self, side: Side) -> PathBuf {
        match side {
            Side::New => self.place.deployment.new_identity.clone(),
            Side::Old => self.place.deployment.old_identity.clone(),
        }
    }

    /// A session of a server in one of the databases.
    pub(crate) fn session(&self, side: Side) -> Session {
        if let Some(servers) = &self.site {
            return Session::Server(Admin::connect(self.engine, &servers.database(Self::at(side))));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(self.file(side))
            .busy_timeout(Duration::from_mins(1))
            .disable_statement_logging();
        let connection = runtime.block_on(options.connect()).unwrap();
        Session::Sqlite(Box::new(connection), runtime)
    }

    /// Runs statements in one of the databases.
    #[track_caller]
    pub(crate) fn execute(&self, side: Side, sql: &str) {
        self.session(side).try_run(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    /// Likewise, as the owner of its tables: what is made then is the owner's.
    #[track_caller]
    pub(crate) fn execute_as_owner(&self, side: Side, sql: &str) {
        match (&self.site, self.engine) {
            (Some(servers), Engine::Postgres) => {
                self.execute(side, &format!("SET ROLE \"{}\"; {sql}", servers.user()));
            }
            _ => self.execute(side, sql),
        }
    }

    /// Likewise, as another user of MariaDB.
    #[track_caller]
    pub(crate) fn execute_as(&self, side: Side, user: &str, password: &str, sql: &str) {
        let name = self.site.as_ref().unwrap().database(Self::at(side));
        let options = MySqlConnectOptions::new().host("127.0.0.1").port(self.engine.port());
        let options = options.username(user).password(password).database(&name);
        wait(async {
            let mut connection = options.connect().await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
        });
    }

    /// Rows of one of the databases.
    #[track_caller]
    pub(crate) fn rows(&self, side: Side, sql: &str) -> Vec<Row> {
        self.session(side).rows(sql)
    }

    /// How many rows match.
    #[track_caller]
    pub(crate) fn count(&self, side: Side, table_and_condition: &str) -> u64 {
        let text = self.engine.text("COUNT(*)");
        let rows = self.rows(side, &format!("SELECT {text} FROM {table_and_condition}"));
        rows[0][0].as_deref().unwrap().parse().unwrap()
    }

    /// The name of one of the databases on its server.
    pub(crate) fn database(&self, side: Side) -> String {
        self.site.as_ref().unwrap().database(Self::at(side))
    }

    /// The user who rotates, as MySQL and MariaDB name it.
    pub(crate) fn user(&self) -> String {
        format!("'{}'@'%'", self.site.as_ref().unwrap().user())
    }

    /// Grants the user who rotates this in one of the databases, and takes all else away.
    pub(crate) fn grant_only(&self, side: Side, grants: &[String]) {
        self.site.as_ref().unwrap().grant_only(Self::at(side), grants);
    }

    /// Executes SQL on the new registry database, which is a file.
    pub(crate) fn registry(&self, sql: &str) {
        match &self.site {
            Some(site) => Admin::connect(self.engine, &site.database(1)).execute(sql),
            None => drop(crate::kit::query(&self.place.deployment.new_registry, sql)),
        }
    }

    /// The member `sync` of the status.
    pub(crate) fn sync_status(&self) -> serde_json::Value {
        self.run(&["status", "--json"]).exits(0).json()["sync"].clone()
    }

    /// The keys, as deployment.toml has them.
    pub(crate) fn keys(&self) -> [&str; 2] {
        [&self.place.deployment.spec.old_key, &self.place.deployment.spec.new_key]
    }
}

/// A connection that stays open.
pub(crate) enum Session {
    Sqlite(Box<SqliteConnection>, tokio::runtime::Runtime),
    Server(Admin),
}

impl Session {
    /// Runs statements, which may fail.
    pub(crate) fn try_run(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection, runtime) => {
                let statements = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
                runtime.block_on(statements.execute(&mut **connection)).map(drop)
            }
            Self::Server(admin) => admin.attempt(sql),
        }
    }

    /// Runs statements as one transaction; whether it was committed. Somebody may be in the way.
    pub(crate) fn transaction(&mut self, statements: &[String]) -> bool {
        let begin = if matches!(self, Self::Sqlite(..)) { "BEGIN IMMEDIATE" } else { "BEGIN" };
        let all: Vec<&str> = statements.iter().map(String::as_str).collect();
        let done = self.try_run(&format!("{begin}; {}; COMMIT", all.join("; ")));
        if done.is_err() {
            let _ = self.try_run("ROLLBACK");
        }
        done.is_ok()
    }

    #[track_caller]
    pub(crate) fn rows(&mut self, sql: &str) -> Vec<Row> {
        match self {
            Self::Sqlite(connection, runtime) => {
                let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
                let rows = runtime.block_on(query.fetch_all(&mut **connection));
                let rows = rows.unwrap_or_else(|error| panic!("{error}: {sql}"));
                let texts = |row: &SqliteRow| (0..row.len()).map(|at| row.get(at)).collect();
                rows.iter().map(texts).collect()
            }
            Self::Server(admin) => admin.rows(sql),
        }
    }
}

impl Engine {
    /// An expression as text.
    pub(crate) fn text(self, expression: &str) -> String {
        match self {
            Self::Postgres => format!("({expression})::text"),
            Self::MariaDb | Self::MySql => format!("CAST({expression} AS CHAR)"),
            Self::Sqlite | Self::H2 => format!("CAST({expression} AS TEXT)"),
        }
    }
}
