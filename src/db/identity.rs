//! Which data this is: what a server says of itself, of the cluster that it belongs to, and of the
//! database. SQL as data.
//!
//! Identifiers can settle little. A copy of a server's files has its identifiers, and two nodes of a
//! cluster have different ones; so two answers are certain, and the third is "undecided": then
//! [`super::proof`] has to show it.

use super::server::Kind;
use super::{Class, Db, DbError, Record, Value};

/// Whether two connections lead to the same data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sameness {
    /// They do, for this reason.
    Same(String),
    /// They do not, as far as the servers tell.
    Different,
    /// What the servers tell does not settle it, for this reason.
    Undecided(String),
}

/// What a server says of itself and of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// In words.
    words: String,
    kind: Option<Kind>,
    /// The database within the server.
    database: String,
    /// The running server: nothing but one process has it.
    server: String,
    /// When that process began, in seconds, where that is told apart.
    began: Option<i64>,
    /// What all servers of one cluster have, and copies of their files, too; empty where it has none.
    cluster: String,
    /// What only servers have that are in one cluster at this moment; likewise.
    together: String,
    /// It is a node of a cluster of which others take writes, too (MySQL and MariaDB).
    is_node: bool,
    /// Where it is in the cluster's log, and whether it only follows.
    log: Option<Log>,
}

/// A place in the log of a PostgreSQL cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Log {
    follows: bool,
    at: i64,
    followers: i64,
}

/// Which PostgreSQL this is: only one process began then and has that port.
const POSTGRES_SERVER: &str = "SELECT current_database()::text, \
     pg_postmaster_start_time()::text || ' ' || current_setting('port')";
/// What all servers that began as one have.
const POSTGRES_CLUSTER: &str = "SELECT system_identifier::text FROM pg_control_system()";
/// Where it is in its log: a standby, in what it has replayed. And how many follow it.
const POSTGRES_LOG: &str = "SELECT pg_is_in_recovery(), (CASE WHEN pg_is_in_recovery() \
     THEN coalesce(pg_last_wal_replay_lsn(), '0/0') ELSE pg_current_wal_insert_lsn() END - '0/0'::pg_lsn)::bigint, \
     (SELECT count(*) FROM pg_stat_replication)";

/// Which MySQL or MariaDB this is. By name, since each version has some of them.
const MYSQL_VARIABLES: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('hostname', 'port', 'server_id', \
     'server_uuid', 'server_uid', 'datadir', 'wsrep_on', 'wsrep_cluster_name', 'wsrep_node_name', \
     'group_replication_group_name', 'wsrep_max_ws_rows', 'wsrep_max_ws_size', \
     'group_replication_transaction_size_limit', 'pxc_strict_mode', 'innodb_read_only', 'read_only', \
     'slave_run_triggers_for_rbr', 'version', 'version_comment')";
/// How it stands in its cluster.
const MYSQL_STATUS: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN ('Uptime', 'wsrep_cluster_state_uuid', \
     'wsrep_cluster_conf_id', 'wsrep_cluster_size', 'wsrep_cluster_status', 'Slaves_running')";
/// The database, and the server's time.
const MYSQL_DATABASE: &str = "SELECT DATABASE(), UNIX_TIMESTAMP()";

/// The database of SQL Server, and what all replicas of an availability group have.
const MSSQL_SERVER: &str = "SELECT DB_NAME(), CAST(SERVERPROPERTY('ServerName') AS NVARCHAR(256)), \
     COALESCE(CAST(group_database_id AS NVARCHAR(36)), N'') FROM sys.databases WHERE database_id = DB_ID()";
/// The schema of Oracle, and what all instances and standbys of one database have.
const ORACLE_SERVER: &str = "SELECT SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') || ' in ' \
     || SYS_CONTEXT('USERENV', 'CON_NAME'), SYS_CONTEXT('USERENV', 'DB_UNIQUE_NAME') || ' ' \
     || SYS_CONTEXT('USERENV', 'SERVER_HOST') || ' ' || SYS_CONTEXT('USERENV', 'INSTANCE_NAME'), \
     SYS_CONTEXT('USERENV', 'DB_NAME') FROM DUAL";

/// Every statement of this file and of those that rest on it: dialect, what it is for, text.
pub const STATEMENTS: &[(&str, &str, &str)] = &[
    ("PostgreSQL", "which server and database", POSTGRES_SERVER),
    ("PostgreSQL", "which cluster", POSTGRES_CLUSTER),
    ("PostgreSQL", "where in its log", POSTGRES_LOG),
    ("MySQL and MariaDB", "which server", MYSQL_VARIABLES),
    ("MySQL and MariaDB", "how it stands in its cluster", MYSQL_STATUS),
    ("MySQL and MariaDB", "which database", MYSQL_DATABASE),
    ("SQL Server", "which server and database", MSSQL_SERVER),
    ("Oracle", "which server and schema", ORACLE_SERVER),
];

/// The most that a cluster takes in one transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TransactionLimits {
    /// Rows.
    pub rows: Option<usize>,
    /// Bytes of the values that are compared and written: what else is in the rows goes with them.
    pub bytes: Option<usize>,
}

/// What `SHOW VARIABLES` and `SHOW STATUS` have told.
#[derive(Debug, Clone, Default)]
pub(super) struct Told(Vec<(String, String)>);

impl Told {
    pub(super) fn add(&mut self, records: &[Record]) {
        self.0.extend(records.iter().map(|record| (word(record.first()), word(record.get(1)))));
    }

    /// What a name stands for; nothing if the server does not know it.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(told, _)| told.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    pub(super) fn is_on(&self, name: &str) -> bool {
        matches!(self.get(name).to_ascii_uppercase().as_str(), "ON" | "1" | "YES")
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.get(name).parse().ok()
    }

    /// What a transaction may hold, with much room for what is not counted here: whole rows before and after.
    fn limits(&self) -> TransactionLimits {
        let number =
            |name| self.number(name).and_then(|most| usize::try_from(most).ok()).filter(|most| *most > 0);
        let bytes = if self.is_on("wsrep_on") {
            "wsrep_max_ws_size"
        } else {
            "group_replication_transaction_size_limit"
        };
        let rows = number("wsrep_max_ws_rows").filter(|_| self.is_on("wsrep_on"));
        TransactionLimits { rows: rows.map(|rows| rows / 2), bytes: number(bytes).map(|bytes| bytes / 8) }
    }

    /// Whether named locks may be taken. A Percona cluster may forbid what is local to one node.
    pub(super) fn has_named_locks(&self) -> bool {
        !matches!(self.get("pxc_strict_mode").to_ascii_uppercase().as_str(), "ENFORCING" | "MASTER")
    }

    /// The cluster in which every node takes writes, if it is in one: in words.
    pub(super) fn cluster(&self) -> Option<String> {
        if self.is_on("wsrep_on") {
            let (node, name) = (self.get("wsrep_node_name"), self.get("wsrep_cluster_name"));
            let size = self.get("wsrep_cluster_size");
            return Some(format!("node {node} of the Galera cluster {name}, which has {size}"));
        }
        let group = self.get("group_replication_group_name");
        (!group.is_empty()).then(|| format!("a member of the replication group {group}"))
    }
}

/// A value as a text, whatever its type.
pub(super) fn word(value: Option<&Value>) -> String {
    match value {
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Int(number)) => number.to_string(),
        Some(Value::Real(number)) => number.to_string(),
        Some(Value::Bytes(bytes) | Value::NotText(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(Value::Null) | None => String::new(),
    }
}

pub(super) fn number(value: Option<&Value>) -> i64 {
    word(value).parse().unwrap_or_default()
}

impl Identity {
    /// Server and database in words.
    pub fn words(&self) -> &str {
        &self.words
    }

    /// Whether this is the data of the other.
    pub fn compare(&self, other: &Self) -> Sameness {
        if self.kind != other.kind || !self.is_named_as(other) {
            return Sameness::Different;
        }
        if !self.server.is_empty() && self.server == other.server {
            return match (self.began, other.began) {
                // Times of one clock; one of them may have been read a second later.
                (Some(one), Some(another)) if (one - another).abs() > 3 => {
                    Sameness::Undecided("both servers have the same identifiers".to_owned())
                }
                _ => Sameness::Same(format!("both are {}", self.words)),
            };
        }
        if self.cluster.is_empty() || self.cluster != other.cluster {
            return Sameness::Different;
        }
        match (self.log, other.log) {
            (Some(one), Some(another)) => self.by_log(other, one, another),
            _ if !self.together.is_empty() && self.together == other.together => {
                Sameness::Same(format!("both are one cluster's: {}; {}", self.words, other.words))
            }
            _ => Sameness::Undecided(format!(
                "both servers are of the cluster {}, or one is a copy of such a server",
                self.cluster
            )),
        }
    }

    /// Two servers of one PostgreSQL cluster, or of copies of its files.
    fn by_log(&self, other: &Self, one: Log, another: Log) -> Sameness {
        let (standby, primary) = match (one.follows, another.follows) {
            // Nothing brings one's changes to the other as long as both take writes.
            (false, false) => return Sameness::Different,
            (true, true) => {
                return Sameness::Undecided(
                    "both are standbys of clusters with the same identifier".to_owned(),
                );
            }
            (true, false) => (one, another),
            (false, true) => (another, one),
        };
        if standby.at == primary.at && primary.followers > 0 {
            return Sameness::Same(format!(
                "one is a standby of the other, at the same place of its log: {}; {}",
                self.words, other.words
            ));
        }
        Sameness::Undecided("one is a standby of a cluster that has the other's identifier".to_owned())
    }

    /// Whether the databases have one name within their servers. MySQL's may differ in case.
    pub fn is_named_as(&self, other: &Self) -> bool {
        match self.kind {
            Some(Kind::MySql) => self.database.eq_ignore_ascii_case(&other.database),
            _ => self.database == other.database,
        }
    }

    /// The same, as if its database had the other's name.
    pub(super) fn named_as(&self, other: &Self) -> Self {
        Self { database: other.database.clone(), ..self.clone() }
    }

    /// The database within the server, and its schema.
    pub(super) fn database(&self) -> &str {
        &self.database
    }

    /// What kind of server it is.
    pub(super) const fn kind(&self) -> Option<Kind> {
        self.kind
    }

    /// Whether other servers may have the same data, as the nodes of a cluster do.
    pub fn is_node(&self) -> bool {
        self.is_node
    }
}

impl Db {
    /// Which server and database this is.
    pub async fn identity(&self) -> Result<Identity, DbError> {
        let kind = self.server_kind();
        let by_place = || Identity {
            words: self.place(),
            kind,
            database: self.place(),
            server: self.place(),
            ..Identity::default()
        };
        match kind {
            Some(Kind::Postgres) => self.postgres_identity(kind).await,
            Some(Kind::MySql) => self.mysql_identity(kind).await,
            Some(Kind::SqlServer) => self.vendor_identity(MSSQL_SERVER, kind).await,
            Some(Kind::Oracle) => self.vendor_identity(ORACLE_SERVER, kind).await,
            Some(Kind::H2 | Kind::Db2) => {
                let mut identity = by_place();
                if let Some(words) = self.in_words().await? {
                    identity.words = format!("{words} of {}", self.place());
                    identity.server = format!("{} {words}", identity.server);
                }
                Ok(identity)
            }
            None => Ok(by_place()),
        }
    }

    async fn postgres_identity(&self, kind: Option<Kind>) -> Result<Identity, DbError> {
        let answer = self.read(POSTGRES_SERVER, &[]).await?;
        let record = answer.first().ok_or_else(nothing)?;
        let cluster = match self.read(POSTGRES_CLUSTER, &[]).await {
            Ok(answer) => word(answer.first().and_then(|record| record.first())),
            Err(error) if error.class == Class::Environment => String::new(), // somebody has revoked it
            Err(error) => return Err(error),
        };
        let log = match self.read(POSTGRES_LOG, &[]).await {
            Ok(answer) => answer.first().map(|record| Log {
                follows: number(record.first()) == 1,
                at: number(record.get(1)),
                followers: number(record.get(2)),
            }),
            Err(error) if error.class == Class::Environment => None, // as with those that only speak its protocol
            Err(error) => return Err(error),
        };
        let (words, database) = self.with_schema(&word(record.first())).await?;
        Ok(Identity {
            words,
            kind,
            database,
            server: word(record.get(1)),
            cluster,
            log,
            ..Identity::default()
        })
    }

    async fn mysql_identity(&self, kind: Option<Kind>) -> Result<Identity, DbError> {
        let told = self.told().await?;
        let answer = self.read(MYSQL_DATABASE, &[]).await?;
        let record = answer.first().ok_or_else(nothing)?;
        let database = word(record.first());
        let began = told.number("Uptime").and_then(|uptime| i64::try_from(uptime).ok());
        let server: Vec<&str> = ["server_uuid", "server_uid", "hostname", "port", "server_id", "datadir"]
            .into_iter()
            .map(|name| told.get(name))
            .collect();
        let words = format!(
            "database {database} of {}:{}, server id {}",
            told.get("hostname"),
            told.get("port"),
            told.get("server_id")
        );
        let words = told.cluster().map_or_else(|| words.clone(), |cluster| format!("{words}, {cluster}"));
        let (cluster, together) = if told.is_on("wsrep_on") {
            let names = ["wsrep_cluster_state_uuid", "wsrep_cluster_conf_id", "wsrep_cluster_size"];
            (told.get(names[0]).to_owned(), names.map(|name| told.get(name)).join(" "))
        } else {
            (told.get("group_replication_group_name").to_owned(), String::new())
        };
        Ok(Identity {
            words,
            kind,
            database,
            server: server.join(" "),
            began: began.map(|uptime| number(record.get(1)) - uptime),
            cluster,
            together,
            is_node: told.cluster().is_some(),
            log: None,
        })
    }

    async fn vendor_identity(&self, sql: &str, kind: Option<Kind>) -> Result<Identity, DbError> {
        let answer = self.read(sql, &[]).await?;
        let record = answer.first().ok_or_else(nothing)?;
        let at = |at| word(record.get(at));
        let (words, database) = self.with_schema(&at(0)).await?;
        Ok(Identity {
            words,
            database,
            server: at(1),
            // Only SQL Server's is of replicas that run together: Oracle's is a name.
            together: if kind == Some(Kind::SqlServer) { at(2) } else { String::new() },
            cluster: at(2),
            kind,
            ..Identity::default()
        })
    }

    /// The database in words, and its name with that of the schema in which the tables are.
    async fn with_schema(&self, database: &str) -> Result<(String, String), DbError> {
        let words = self.in_words().await?.unwrap_or_else(|| format!("database {database}"));
        let schema = words.rsplit_once(", schema ").map(|(_, schema)| format!("{database}, schema {schema}"));
        Ok((words, schema.unwrap_or_else(|| database.to_owned())))
    }

    /// Which server and database this is, as the dialect says it.
    async fn in_words(&self) -> Result<Option<String>, DbError> {
        let Some((_, questions)) = self.claimed() else { return Ok(None) };
        if questions.identity.is_empty() {
            return Ok(None);
        }
        let answer = self.read(questions.identity, &[]).await?;
        Ok(answer.first().and_then(|record| record.first()?.as_text().map(str::to_owned)))
    }

    /// The cluster of which this server is one node among several that take writes, if it is: in words. And the
    /// most that it takes in one transaction.
    pub async fn cluster(&self) -> Result<Option<(String, TransactionLimits)>, DbError> {
        if self.server_kind() != Some(Kind::MySql) {
            return Ok(None);
        }
        let told = self.told().await?;
        Ok(told.cluster().map(|words| (words, told.limits())))
    }

    /// What MySQL or MariaDB tells of itself and its cluster.
    pub(super) async fn told(&self) -> Result<Told, DbError> {
        let mut told = Told::default();
        told.add(&self.read(MYSQL_VARIABLES, &[]).await?);
        told.add(&self.read(MYSQL_STATUS, &[]).await?);
        Ok(told)
    }
}

fn nothing() -> DbError {
    DbError::new(Class::Environment, "the server does not say which database this is")
}
