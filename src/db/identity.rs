//! Which data this is: what a server says of itself, of the cluster that it belongs to, and of the
//! database. SQL as data.
//!
//! Identifiers can settle little. A copy of a server's files has its identifiers, and two nodes of a
//! cluster have different ones; so two answers are certain, and the third is "undecided": then
//! [`super::proof`] has to show it.

use super::dialect::mysql::statements as mysql;
use super::dialect::postgresql::statements as postgresql;
use super::dialect::{mssql, oracle};
use super::server::Kind;
use super::told::{Told, number, word};
use super::{Class, Db, DbError, TransactionLimits};

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
    /// The schema in which its tables are found, where there are schemas, or the session's.
    schema: Option<String>,
    /// The schema of the tables is not known.
    unplaced: bool,
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

impl Identity {
    /// Server and database in words.
    pub fn words(&self) -> &str {
        &self.words
    }

    /// Whether this is the data of the other.
    pub fn compare(&self, other: &Self) -> Sameness {
        match self.compare_placed(other) {
            Sameness::Same(why) | Sameness::Undecided(why) if self.unplaced || other.unplaced => {
                let lost = if other.unplaced { other } else { self };
                Sameness::Undecided(format!(
                    "the user of {} does not find the tables there, so their schema is not known: name that \
                     schema in the URL or in the user's settings; {why}",
                    lost.words
                ))
            }
            sameness => sameness,
        }
    }

    fn compare_placed(&self, other: &Self) -> Sameness {
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
        let is_told = !self.cluster.is_empty() && !other.cluster.is_empty();
        if self.kind == Some(Kind::Postgres) && !is_told {
            return match (self.log, other.log) {
                (Some(one), Some(another)) if !one.follows && !another.follows => Sameness::Different,
                _ => Sameness::Undecided(
                    "the cluster of one of the servers cannot be seen: `GRANT EXECUTE ON FUNCTION \
                     pg_control_system() TO` its user"
                        .to_owned(),
                ),
            };
        }
        if !is_told || self.cluster != other.cluster {
            return Sameness::Different;
        }
        match (self.log, other.log) {
            (Some(one), Some(another)) => self.by_log(other, one, another),
            _ if !self.together.is_empty() && self.together == other.together => {
                Sameness::Same(format!("both belong to one cluster: {}; {}", self.words, other.words))
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

    /// The same, in a schema that nobody knows: that of a session in which no table is found is no other one.
    #[must_use]
    pub fn without_schema(self) -> Self {
        Self { unplaced: self.schema.is_some(), schema: None, ..self }
    }

    /// Whether the schema of the tables is not known.
    pub fn is_unplaced(&self) -> bool {
        self.unplaced
    }

    /// Whether the databases have one name within their servers, as far as is known. MySQL's may differ in case.
    pub fn is_named_as(&self, other: &Self) -> bool {
        let is_one_schema = self.schema == other.schema || self.unplaced || other.unplaced;
        is_one_schema && self.is_database_of(other)
    }

    fn is_database_of(&self, other: &Self) -> bool {
        match self.kind {
            Some(Kind::MySql) => self.database.eq_ignore_ascii_case(&other.database),
            _ => self.database == other.database,
        }
    }

    /// Whether both are databases of one running server, as far as its name for itself tells.
    pub fn is_on_server_of(&self, other: &Self) -> bool {
        let tells = !matches!(self.kind, Some(Kind::H2 | Kind::Db2) | None);
        let is_one_process = match (self.began, other.began) {
            (Some(one), Some(another)) => (one - another).abs() <= 3,
            _ => true,
        };
        tells
            && self.kind == other.kind
            && !self.server.is_empty()
            && self.server == other.server
            && is_one_process
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
            Some(Kind::SqlServer) => self.vendor_identity(mssql::SERVER, kind).await,
            Some(Kind::Oracle) => self.vendor_identity(oracle::SERVER, kind).await,
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
        let answer = self.read(postgresql::SERVER, &[]).await?;
        let record = answer.first().ok_or_else(nothing)?;
        let cluster = match self.read(postgresql::CLUSTER, &[]).await {
            Ok(answer) => word(answer.first().and_then(|record| record.first())),
            Err(error) if error.class == Class::Environment => String::new(), // somebody has revoked it
            Err(error) => return Err(error),
        };
        let log = match self.read(postgresql::LOG, &[]).await {
            Ok(answer) => answer.first().map(|record| Log {
                follows: number(record.first()) == 1,
                at: number(record.get(1)),
                followers: number(record.get(2)),
            }),
            Err(error) if error.class == Class::Environment => None, // as with those that only speak its protocol
            Err(error) => return Err(error),
        };
        let database = word(record.first());
        let (words, schema) = self.with_schema(&database).await?;
        Ok(Identity {
            words,
            kind,
            database,
            schema,
            server: word(record.get(1)),
            cluster,
            log,
            ..Identity::default()
        })
    }

    async fn mysql_identity(&self, kind: Option<Kind>) -> Result<Identity, DbError> {
        let told = self.told().await?;
        let answer = self.read(mysql::DATABASE, &[]).await?;
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
            ..Identity::default()
        })
    }

    async fn vendor_identity(&self, sql: &str, kind: Option<Kind>) -> Result<Identity, DbError> {
        let answer = self.read(sql, &[]).await?;
        let record = answer.first().ok_or_else(nothing)?;
        let at = |at| word(record.get(at));
        let (words, schema) = self.with_schema(&at(0)).await?;
        let (schema, database) = match kind {
            Some(Kind::Oracle) => (Some(at(0)), at(3)),
            _ => (schema, at(0)),
        };
        Ok(Identity {
            words,
            database,
            schema,
            server: at(1),
            // Only SQL Server's is of replicas that run together: Oracle's is a name.
            together: if kind == Some(Kind::SqlServer) { at(2) } else { String::new() },
            cluster: at(2),
            kind,
            ..Identity::default()
        })
    }

    /// The database in words, and the name of the schema in which the tables are, where the words have it.
    async fn with_schema(&self, database: &str) -> Result<(String, Option<String>), DbError> {
        let words = self.in_words().await?.unwrap_or_else(|| format!("database {database}"));
        let schema = words.rsplit_once(", schema ").map(|(_, schema)| schema.to_owned());
        Ok((words, schema))
    }

    /// Which server and database this is, as the dialect says it.
    async fn in_words(&self) -> Result<Option<String>, DbError> {
        let Some(questions) = self.questions() else { return Ok(None) };
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
        told.add(&self.read(mysql::VARIABLES, &[]).await?);
        told.add(&self.read(mysql::STATUS, &[]).await?);
        Ok(told)
    }
}

fn nothing() -> DbError {
    DbError::new(Class::Environment, "the server does not say which database this is")
}
