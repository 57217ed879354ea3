//! A deployment's databases on a server: the same tests, with the database as a parameter.
//!
//! `KEYROTATION_E2E=postgresql` or `mariadb` chooses one of the servers that
//! `tests/support/servers.py` starts. The SQLite files of a place stay what a test reads and
//! changes: before the program starts they are pushed to the server, after it has ended they are
//! pulled back, every column of every row.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::columns::{Column, Dump, columns, counted, counts_updates, joined, key_text, keys, table_names};
use super::place::UPDATES;
use super::server::{Session, stand_in};
use super::{Admin, Engine, wait};

/// The password of the user who rotates.
pub(crate) const PASSWORD: &str = "ro%20t&a=te\"'\\";

/// Rows in one statement.
const ROWS: usize = 200;

/// Bytes of a file with few rows.
const FEW: u64 = 8 << 20;

/// Rows by table and by the condition on their key: each column with its value.
type Rows = BTreeMap<(String, String), BTreeMap<String, String>>;

/// The databases of one deployment on a server. Dropped, they and their user are gone.
pub(crate) struct Site {
    pub(crate) engine: Engine,
    name: String,
    pub(super) files: Vec<PathBuf>,
    /// What each file held when server and file were the same last.
    same: Mutex<Vec<Vec<u8>>>,
    /// What the server held when it was looked at last.
    seen: Mutex<Vec<Vec<u8>>>,
}

impl Site {
    /// Databases for these files; nothing is on the server yet.
    pub(crate) fn new(engine: Engine, files: Vec<PathBuf>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("e2e_{}_{number}", std::process::id());
        let [same, seen] = [0, 1].map(|_| Mutex::new(vec![Vec::new(); files.len()]));
        Self { engine, name, files, same, seen }
    }

    /// The database that a file stands for.
    pub(crate) fn database(&self, at: usize) -> String {
        format!("{}_{at}", self.name)
    }

    /// The user who rotates.
    pub(crate) fn user(&self) -> String {
        format!("{}:r@t/e", self.name)
    }

    /// The JDBC URL of a database on these hosts, with these parameters.
    pub(crate) fn url(&self, at: usize, hosts: &str, parameters: &str) -> String {
        match stand_in().as_deref() {
            Some("oracle") => return format!("jdbc:oracle:thin:@//{hosts}/{}", self.database(at)),
            Some("sqlserver") => {
                return format!("jdbc:sqlserver://{hosts};databaseName={}", self.database(at));
            }
            Some(scheme) => return format!("jdbc:{scheme}://{hosts}/{}", self.database(at)),
            None => {}
        }
        let guides_own = self.engine == Engine::MySql && parameters.is_empty();
        let parameters = if guides_own { "?useSSL=false" } else { parameters };
        format!("jdbc:{}://{hosts}/{}{parameters}", self.engine.scheme(), self.database(at))
    }

    /// A properties.yaml that names these databases.
    pub(crate) fn properties(&self, properties: &str) -> String {
        let server = format!("127.0.0.1:{}", self.engine.port());
        let url = |at| self.url(at, &server, "");
        let registry = url(self.files.len() - 1);
        let (user, password) = (self.user(), STANDARD.encode(PASSWORD));
        let line = |line: &str| {
            let key = line.split(':').next().unwrap_or_default();
            match key {
                "newIdnDBUrl" => format!("{key}: {}", url(0)),
                "newRegDBUrl" => format!("{key}: {registry}"),
                "newIdnUsername" | "newRegUsername" => format!("{key}: '{user}'"),
                "newIdnPassword" | "newRegPassword" => format!("{key}: {password}"),
                _ => line.to_owned(),
            }
        };
        self.engine.by_driver(properties.lines().map(line))
    }

    /// From now on the server counts the updates of every row.
    pub(crate) fn count_updates(&self) {
        let mut same = self.same.lock().unwrap();
        for (at, file) in self.files.iter().enumerate() {
            let was_same = same[at] == digest(file);
            let log = format!("CREATE TABLE {UPDATES} (TAB TEXT NOT NULL, ROW INTEGER NOT NULL)");
            super::execute(file, &log);
            if was_same {
                wait(self.count_now(at, file));
                same[at] = digest(file);
            }
        }
    }

    async fn count_now(&self, at: usize, file: &Path) {
        let mut db = Session::open(self.engine, &self.database(at)).await;
        let mut source = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
        for table in table_names(&mut source).await {
            let columns = columns(&mut source, &table).await;
            db.run(&self.counter(&table, &keys(&columns))).await;
        }
        db.leave(self.engine).await;
    }

    /// Changes the files, and the server likewise, row by row: what others do to databases that are
    /// in use.
    pub(crate) fn meanwhile(&self, edit: impl FnOnce()) {
        self.pull();
        let before: Vec<_> = self.files.iter().map(|file| wait(self.rows(file))).collect();
        edit();
        let mut same = self.same.lock().unwrap();
        for (at, file) in self.files.iter().enumerate() {
            let after = wait(self.rows(file));
            wait(self.apply(at, &before[at], &after));
            same[at] = digest(file);
        }
        drop(same);
        self.pull(); // what the server counted
    }

    /// Every row of a file by table and key: its assignments in the server's words.
    async fn rows(&self, file: &Path) -> Rows {
        let mut source = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
        let mut rows = Rows::new();
        for table in table_names(&mut source).await {
            let columns = columns(&mut source, &table).await;
            let names: Vec<_> = columns.iter().map(|column| column.name.clone()).collect();
            let key: Vec<_> = keys(&columns).into_iter().map(|column| column.name.clone()).collect();
            for row in self.engine.rows(&mut source, &table, &columns).await {
                let row: BTreeMap<String, String> = names.iter().cloned().zip(row).collect();
                let key: Vec<_> = key.iter().map(|name| format!("{name} = {}", row[name])).collect();
                rows.insert((table.clone(), key.join(" AND ")), row);
            }
        }
        rows
    }

    async fn apply(&self, at: usize, before: &Rows, after: &Rows) {
        let mut db = Session::open(self.engine, &self.database(at)).await;
        for ((table, key), _) in before.iter().filter(|(key, _)| !after.contains_key(*key)) {
            db.run(&format!("DELETE FROM {table} WHERE {key}")).await;
        }
        for ((table, key), row) in after.iter().filter(|(key, row)| before.get(*key) != Some(*row)) {
            db.run(&if before.contains_key(&(table.clone(), key.clone())) {
                let set: Vec<_> = row.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                format!("UPDATE {table} SET {} WHERE {key}", set.join(", "))
            } else {
                let (names, values): (Vec<_>, Vec<_>) =
                    row.iter().map(|(name, value)| (name.as_str(), value.as_str())).unzip();
                format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), values.join(", "))
            })
            .await;
        }
        db.leave(self.engine).await;
    }

    /// Makes the server hold what the files do, where that is not so.
    pub(crate) fn push(&self) {
        let (mut same, mut seen) = (self.same.lock().unwrap(), self.seen.lock().unwrap());
        for (at, file) in self.files.iter().enumerate() {
            let digest = digest(file);
            if same[at] != digest {
                seen[at] = wait(self.push_one(at, file));
                same[at] = digest;
            }
        }
    }

    /// Returns a digest of what the server holds then.
    async fn push_one(&self, at: usize, file: &Path) -> Vec<u8> {
        self.load(at, file).await;
        let mut source = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
        Sha256::digest(format!("{:?}", self.dump(at, &mut source).await)).to_vec()
    }

    /// Makes a database of what is in a file.
    pub(crate) async fn load(&self, at: usize, file: &Path) {
        let name = self.database(at);
        let home = if self.engine == Engine::H2 { &name } else { self.engine.home() };
        let mut admin = Session::open(self.engine, home).await;
        for statement in self.create(&name) {
            admin.run(&statement).await;
        }
        let mut db = Session::open(self.engine, &name).await;
        let mut source = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
        let objects: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT type, tbl_name, sql FROM sqlite_master \
             WHERE sql IS NOT NULL AND type IN ('table', 'index') AND name <> ?",
        )
        .bind(UPDATES)
        .fetch_all(&mut source)
        .await
        .unwrap();
        let of = |kind: &'static str| objects.iter().filter(move |(found, ..)| found == kind);
        // Of many rows it is quicker to make them when all are there, as the benchmarks do.
        let with_indexes = matches!(self.engine, Engine::MariaDb | Engine::MySql)
            && std::fs::metadata(file).unwrap().len() < FEW;
        for (_, table, sql) in of("table") {
            let indexes = of("index").filter(|index| with_indexes && index.1 == *table);
            let indexes: Vec<_> = indexes.map(|(.., sql)| sql.as_str()).collect();
            db.run(&self.engine.dialect(table, sql, &indexes)).await;
        }
        db.run(self.engine.without_checks()).await;
        for (_, table, _) in of("table") {
            let columns = columns(&mut source, table).await;
            for insert in self.inserts(&mut source, table, &columns).await {
                db.run(&insert).await;
            }
        }
        let mut seen = "";
        for (_, table, sql) in of("index") {
            if !with_indexes {
                db.run(sql).await;
            } else if seen != table {
                seen = table; // what is estimated of an index is of all rows, too
                db.run(&format!("ANALYZE NO_WRITE_TO_BINLOG TABLE {table}")).await;
            }
        }
        if counts_updates(&mut source).await {
            for (_, table, _) in of("table") {
                let columns = columns(&mut source, table).await;
                db.run(&self.counter(table, &keys(&columns))).await;
            }
            for (table, key) in counted(&mut source).await {
                db.run(&format!("INSERT INTO e2e_updates VALUES ('{table}', '{key}')")).await;
            }
        }
        db.run(&self.grants(&name)).await;
    }

    /// Makes the files hold what the server does, in its own words: it may write times otherwise.
    pub(crate) fn adopt(&self) {
        self.seen.lock().unwrap().fill(Vec::new());
        self.pull();
    }

    /// Makes the files hold what the server does.
    pub(crate) fn pull(&self) {
        let (mut same, mut seen) = (self.same.lock().unwrap(), self.seen.lock().unwrap());
        for (at, file) in self.files.iter().enumerate() {
            // What a test has changed since is on its way to the server.
            if same[at] == digest(file) {
                wait(self.pull_one(at, file, &mut seen[at]));
                same[at] = digest(file);
            }
        }
    }

    async fn pull_one(&self, at: usize, file: &Path, seen: &mut Vec<u8>) {
        let mut target =
            SqliteConnectOptions::new().filename(file).foreign_keys(false).connect().await.unwrap();
        let dump = self.dump(at, &mut target).await;
        let digest = Sha256::digest(format!("{dump:?}")).to_vec();
        if *seen != digest {
            dump.write(&mut target).await;
            *seen = digest;
        }
        target.close().await.unwrap();
    }

    /// What the server holds of the tables in a file.
    async fn dump(&self, at: usize, file: &mut SqliteConnection) -> Dump {
        let (mut db, schema) = Session::unseen(self.engine, &self.database(at)).await;
        // As of one moment, whatever a rotation writes meanwhile.
        for statement in self.engine.one_moment() {
            db.run(statement).await;
        }
        let mut dump = Dump::default();
        if counts_updates(file).await {
            let mut counted = db.texts(&format!("SELECT TAB, K FROM {schema}e2e_updates")).await;
            counted.sort();
            dump.counted =
                Some(counted.into_iter().map(|row| [0, 1].map(|at| row[at].clone().unwrap())).collect());
        }
        for table in table_names(file).await {
            let columns = columns(file, &table).await;
            let select: Vec<_> = columns.iter().map(|column| self.engine.as_text(column)).collect();
            let select =
                format!("SELECT {}, {} FROM {schema}{table}", key_text(&keys(&columns)), select.join(", "));
            let mut rows = db.texts(&select).await;
            rows.sort();
            dump.tables.push((table, rows));
        }
        db.run("COMMIT").await;
        dump
    }

    /// The statements that make an empty database and its user.
    fn create(&self, name: &str) -> Vec<String> {
        let (user, password) = (self.user(), PASSWORD.replace('\'', "''"));
        match self.engine {
            Engine::Postgres => vec![
                format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
                format!("CREATE DATABASE {name}"),
                format!(
                    "DO $$ BEGIN CREATE ROLE \"{user}\" LOGIN PASSWORD '{password}'; \
                     EXCEPTION WHEN duplicate_object THEN NULL; END $$"
                ),
            ],
            Engine::H2 => vec![
                // It stays as long as the server does.
                "DROP ALL OBJECTS".to_owned(),
                format!("CREATE USER \"{}\" PASSWORD '{password}' ADMIN", user.to_uppercase()),
            ],
            _ => vec![
                format!("DROP DATABASE IF EXISTS {name}"),
                // In utf8mb4 some of the keys would be longer than InnoDB has them.
                format!("CREATE DATABASE {name} DEFAULT CHARACTER SET latin1"),
                format!(
                    "CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY '{}'",
                    password.replace('\\', "\\\\")
                ),
            ],
        }
    }

    /// What docs/databases.md tells a DBA to grant.
    fn grants(&self, name: &str) -> String {
        let user = self.user();
        match self.engine {
            // Before PostgreSQL 15 every role may create in the schema, which a preflight warns of.
            Engine::Postgres => format!(
                "REVOKE CREATE ON SCHEMA public FROM PUBLIC; \
                 GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA public TO \"{user}\""
            ),
            // An administrator, as the user of an Identity Server is.
            Engine::H2 => "SET REFERENTIAL_INTEGRITY TRUE".to_owned(),
            _ => format!(
                "GRANT SELECT, INSERT, UPDATE, TRIGGER ON {name}.* TO '{user}'@'%'; \
                 GRANT CREATE, DROP, DELETE ON {name}.KEYROTATION_LOCK TO '{user}'@'%'; \
                 GRANT PROCESS ON *.* TO '{user}'@'%'"
            ),
        }
    }

    async fn inserts(&self, source: &mut SqliteConnection, table: &str, columns: &[Column]) -> Vec<String> {
        let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
        let rows = self.engine.rows(source, table, columns).await;
        let insert = |rows: &[Vec<String>]| {
            let rows: Vec<_> = rows.iter().map(|row| format!("({})", row.join(", "))).collect();
            format!("INSERT INTO {table} ({}) VALUES {}", names.join(", "), rows.join(", "))
        };
        rows.chunks(ROWS).map(insert).collect()
    }

    /// A trigger that counts the updates of a table.
    fn counter(&self, table: &str, key: &[&Column]) -> String {
        let log = "CREATE TABLE IF NOT EXISTS e2e_updates (TAB VARCHAR(100), K VARCHAR(2000))";
        let text = joined(&key.iter().map(|column| format!("NEW.{}", column.name)).collect::<Vec<_>>());
        match self.engine {
            Engine::Postgres => format!(
                "{log}; CREATE FUNCTION count_{table}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ \
                 BEGIN INSERT INTO public.e2e_updates VALUES ('{table}', {text}); RETURN NULL; END $$; \
                 CREATE TRIGGER e2e_{table} AFTER UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION count_{table}()"
            ),
            Engine::H2 => format!(
                "{log}; CREATE TRIGGER e2e_{table} AFTER UPDATE ON {table} FOR EACH ROW CALL \"CountUpdates\""
            ),
            _ => format!(
                "{log} CHARACTER SET utf8mb4; CREATE TRIGGER e2e_{table} AFTER UPDATE ON {table} FOR EACH ROW \
                 INSERT INTO e2e_updates VALUES ('{table}', {text})"
            ),
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return; // perhaps for want of the server: a second panic would hide the first
        }
        if self.engine == Engine::H2 {
            for at in 0..self.files.len() {
                Admin::connect(self.engine, &self.database(at)).execute("FORGET");
            }
            return;
        }
        let mut admin = Admin::connect(self.engine, self.engine.home());
        for at in 0..self.files.len() {
            let force = if self.engine == Engine::Postgres { " WITH (FORCE)" } else { "" };
            admin.execute(&format!("DROP DATABASE IF EXISTS {}{force}", self.database(at)));
        }
        let user = self.user();
        admin.execute(&match self.engine {
            Engine::Postgres => format!("DROP ROLE IF EXISTS \"{user}\""),
            _ => format!("DROP USER IF EXISTS '{user}'@'%'"),
        });
    }
}

fn digest(file: &Path) -> Vec<u8> {
    Sha256::digest(std::fs::read(file).unwrap()).to_vec()
}
