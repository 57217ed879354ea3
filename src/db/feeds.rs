//! What brings changes into a database from elsewhere: a subscription, replica threads, a primary that a
//! standby follows. SQL as data.

use std::time::Duration;

use super::dialect::mysql::statements as mysql;
use super::dialect::postgresql::statements as postgresql;
use super::server::Kind;
use super::told::{Told, number, word};
use super::value::text_at;
use super::{Class, Db, DbError, Record, Value};

/// One thing that brings changes from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// What it is.
    pub what: String,
    /// The statement that ends it.
    pub end: String,
    /// Whether it brings them now; else it is only set up.
    pub runs: bool,
    /// How far it is behind, where the server tells.
    pub lag: Option<Duration>,
    /// The slot of the publisher that a subscription reads; nothing for other feeds.
    pub slot: Option<String>,
    /// The server that it reads from, as that calls itself: its UUID (MySQL) or its number (MariaDB).
    pub source: Option<String>,
}

impl Feed {
    /// Whether it overwrites what is rotated, now or once it begins again by itself, as a replica does with its server.
    pub fn overwrites(&self) -> bool {
        self.runs || self.brings_all()
    }

    /// Whether it brings all that its source has, and a token with it: a subscription brings the rows of its tables.
    pub fn brings_all(&self) -> bool {
        self.slot.is_none()
    }
}

/// Everything that is seen of that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Feeds {
    /// What there is.
    pub found: Vec<Feed>,
    /// Why more may be there.
    pub unseen: Option<String>,
    /// Why more may be there that stands still.
    pub unseen_at_rest: Option<String>,
    /// Where that is not seen: whether it has changes of another server, as one that was a replica does.
    pub was_fed: bool,
}

impl Feeds {
    /// What may bring changes into a database that is rotated, and is not seen, in a line each.
    pub fn warnings(&self) -> impl Iterator<Item = &String> {
        self.unseen
            .iter()
            .chain(self.unseen_at_rest.as_ref().filter(|_| self.was_fed && self.unseen.is_none()))
    }

    /// Those that run.
    pub fn running(&self) -> impl Iterator<Item = &Feed> {
        self.found.iter().filter(|feed| feed.runs)
    }

    /// Why more may be there, whether it runs or stands still.
    pub fn all_unseen(&self) -> Option<&String> {
        self.unseen.as_ref().or(self.unseen_at_rest.as_ref())
    }
}

const GROUPS_CHANNELS: [&str; 2] = ["group_replication_applier", "group_replication_recovery"];

impl Db {
    /// What brings changes into this database from elsewhere.
    pub async fn feeds(&self) -> Result<Feeds, DbError> {
        match self.server_kind() {
            Some(Kind::Postgres) => self.postgres_feeds().await,
            Some(Kind::MySql) => self.mysql_feeds().await,
            _ => Ok(Feeds::default()),
        }
    }

    /// Whether this database has a slot of this name for subscriptions, and if so, whether one reads it now (PostgreSQL).
    pub async fn reads_slot(&self, slot: &str) -> Result<Option<bool>, DbError> {
        let answer = self.read(postgresql::SLOT, &[Value::Text(slot.to_owned())]).await?;
        Ok(answer.first().map(|record| number(record.first()) == 1))
    }

    /// The triggers that do not always fire, by name, each with its state (PostgreSQL).
    pub async fn trigger_states(&self) -> Result<Vec<(String, String)>, DbError> {
        if self.server_kind() != Some(Kind::Postgres) {
            return Ok(Vec::new());
        }
        let records = self.read(postgresql::TRIGGER_STATES, &[]).await?;
        Ok(records.iter().map(|record| (word(record.first()), word(record.get(1)))).collect())
    }

    /// What brings rows into this database for which no trigger fires, as replication of rows does on MySQL and MariaDB.
    /// On PostgreSQL each trigger says it for itself: [`Db::trigger_states`].
    pub async fn feeds_beside_triggers(&self) -> Result<Feeds, DbError> {
        let may_be = self.server_kind() == Some(Kind::MySql);
        let fires = "slave_run_triggers_for_rbr";
        if !may_be || !["", "NO"].contains(&&*self.told().await?.get(fires).to_ascii_uppercase()) {
            return Ok(Feeds::default());
        }
        self.feeds().await
    }

    /// Whether anybody asks what brings changes into this database.
    pub fn tells_feeds(&self) -> bool {
        !matches!(self.server_kind(), Some(Kind::SqlServer | Kind::Oracle | Kind::Db2))
    }

    async fn postgres_feeds(&self) -> Result<Feeds, DbError> {
        let mut feeds = Feeds::default();
        if let Some(answer) = unless_denied(self.read(postgresql::STANDBY, &[]).await)?
            && let Some(record) = answer.first()
            && number(record.first()) == 1
        {
            feeds.found.push(Feed {
                what: "it is a standby, and replays what its primary writes".to_owned(),
                end: "SELECT pg_promote()".to_owned(),
                runs: true,
                lag: u64::try_from(number(record.get(1))).ok().map(Duration::from_millis),
                slot: None,
                source: None,
            });
        }
        match unless_denied(self.read(postgresql::SUBSCRIPTIONS, &[]).await)? {
            None => feeds.unseen = Some("this user may not see subscriptions".to_owned()),
            Some(answer) => feeds.found.extend(answer.iter().map(|record| {
                let name = word(record.first());
                Feed {
                    what: format!("the subscription {name}"),
                    end: format!("ALTER SUBSCRIPTION \"{}\" DISABLE", name.replace('"', "\"\"")),
                    runs: number(record.get(1)) == 1,
                    lag: None,
                    slot: Some(word(record.get(2))),
                    source: None,
                }
            })),
        }
        Ok(feeds)
    }

    async fn mysql_feeds(&self) -> Result<Feeds, DbError> {
        let told = self.told().await?;
        let is_mariadb = told.is_mariadb();
        let mut feeds = self.replicas_feeds(&told, is_mariadb).await?;
        if told.is_on("innodb_read_only") && feeds.found.is_empty() {
            feeds.found.push(Feed {
                what: "it is a reader (innodb_read_only), which shows what its writer has".to_owned(),
                end: "restart it without innodb_read_only".to_owned(),
                runs: true,
                lag: None,
                slot: None,
                source: None,
            });
        }
        Ok(feeds)
    }

    async fn replicas_feeds(&self, told: &Told, is_mariadb: bool) -> Result<Feeds, DbError> {
        let mut feeds = Feeds::default();
        let mut seen = false;
        for sql in if is_mariadb { &mysql::SOURCES[..1] } else { &mysql::SOURCES[1..] } {
            if let Some(answer) = unless_denied(self.read(sql, &[]).await)? {
                let others = answer.iter().filter(|record| !is_groups_channel(record));
                feeds.found = others.map(|record| source(record, is_mariadb)).collect();
                seen = true;
                break;
            }
        }
        if seen {
            return Ok(feeds);
        }
        feeds.was_fed = self.history().await?.is_some_and(|history| history.has_of_others());
        let grant = if is_mariadb {
            "SLAVE MONITOR (before MariaDB 10.5 REPLICATION CLIENT)"
        } else {
            "REPLICATION CLIENT"
        };
        feeds.unseen_at_rest = Some(format!("this user may not see a stopped replica: grant it {grant}"));
        let threads = self.read(mysql::THREADS, &[]).await?;
        let in_group = threads.iter().any(is_groups);
        let is_feed = if in_group { reads_from_source } else { is_replicas };
        let runs = threads.iter().any(is_feed);
        if runs || told.number("Slaves_running").is_some_and(|running| running > 0) {
            feeds.found.push(Feed {
                what: "threads of a replica, which bring changes from another server".to_owned(),
                end: ending(is_mariadb, ""),
                runs: true,
                lag: None,
                slot: None,
                source: None,
            });
        } else if in_group {
            let why = "the threads of a replication group hide those of a replica: grant this user REPLICATION CLIENT";
            feeds.unseen = Some(why.to_owned());
        } else if self.is_blind().await? {
            feeds.unseen =
                Some(format!("this user may not see threads of a replica: grant it PROCESS or {grant}"));
        }
        Ok(feeds)
    }
}

/// Whether a line of SHOW PROCESSLIST is a thread of a replica: user, command and state tell.
fn is_replicas(shown: &Record) -> bool {
    let text = |at| text_at(shown, at);
    let is_at_it = ["Connect", "Query", "Slave_IO", "Slave_SQL", "Slave_worker"].contains(&text(4));
    text(1) == "system user" && is_at_it && !text(6).starts_with("wsrep")
}

/// Whether it is the thread by which a member of a replication group applies what other members write. With it come
/// threads that cannot be told from those that apply what a source sends.
fn is_groups(shown: &Record) -> bool {
    let text = |at| text_at(shown, at);
    text(1) == "system user"
        && [text(6), text(7)].iter().any(|text| text.to_ascii_lowercase().starts_with("group replication"))
}

/// Whether a source is a channel of a group's own, through which its members reach each other.
fn is_groups_channel(record: &Record) -> bool {
    let is_it = |value: &Value| value.as_text().is_some_and(|text| GROUPS_CHANNELS.contains(&text));
    record.iter().any(is_it)
}

/// Whether it is the thread that reads from a source, as its state tells: a group has none.
fn reads_from_source(shown: &Record) -> bool {
    let state = text_at(shown, 6);
    is_replicas(shown) && ["source", "master", "binlog dump"].iter().any(|word| state.contains(word))
}

/// A source of a replica, by the order of the columns, which has not changed for twenty years. MariaDB has
/// two more before them for its several sources.
fn source(record: &Record, is_mariadb: bool) -> Feed {
    let first = if is_mariadb { 2 } else { 0 };
    let at = |at: usize| word(record.get(first + at));
    let name = if is_mariadb { word(record.first()) } else { String::new() };
    let runs = !(at(10) == "No" && at(11) == "No");
    Feed {
        what: format!("it is a replica of {}:{}", at(1), at(3)),
        end: ending(is_mariadb, &name),
        runs,
        lag: at(32).parse().ok().map(Duration::from_secs),
        slot: None,
        source: Some(at(if is_mariadb { 39 } else { 40 })).filter(|source| !source.is_empty()),
    }
}

fn ending(is_mariadb: bool, name: &str) -> String {
    match (is_mariadb, name) {
        (false, _) => "STOP REPLICA; RESET REPLICA ALL".to_owned(),
        (true, "") => "STOP ALL SLAVES; RESET SLAVE ALL".to_owned(),
        (true, name) => {
            let name = name.replace('\'', "''");
            format!("STOP SLAVE '{name}'; RESET SLAVE '{name}' ALL")
        }
    }
}

/// Nothing where the user may not ask, or the server does not know the question.
pub(super) fn unless_denied(answer: Result<Vec<Record>, DbError>) -> Result<Option<Vec<Record>>, DbError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.class == Class::Environment => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What MySQL 9.7 shows of a member of a group, and what it shows beside it while a source is read.
    #[test]
    fn threads_of_a_group_are_no_replicas() {
        let thread = |command: &str, state: &str, info: &str| -> Record {
            ["16", "system user", "", "", command, "28", state, info]
                .map(|text| Value::Text(text.into()))
                .into()
        };
        let applier = thread("Connect", "waiting for handler commit", "Group replication applier module");
        let reader = thread("Query", "Replica has read all relay log; waiting for more updates", "");
        let source = thread("Connect", "Waiting for source to send event", "");
        assert!(is_groups(&applier) && !is_groups(&reader) && !is_groups(&source));
        assert!(!reads_from_source(&applier) && !reads_from_source(&reader) && reads_from_source(&source));
        assert!(is_replicas(&reader) && is_replicas(&source));
    }

    #[test]
    fn a_source_is_read_by_the_order_of_its_columns() {
        let text = |text: &str| Value::Text(text.to_owned());
        let mut record = vec![text("Waiting for source"), text("db1"), text("repl"), Value::Int(3306)];
        record.resize(40, text(""));
        record[10] = text("Yes");
        record[11] = text("Yes");
        record[32] = Value::Int(7);
        record[39] = Value::Int(1);
        record.push(text("3e11fa47-71ca-11e1-9e33-c80aa9429562"));
        let feed = source(&record, false);
        assert_eq!((feed.what.as_str(), feed.runs), ("it is a replica of db1:3306", true));
        assert_eq!(feed.lag, Some(Duration::from_secs(7)));
        assert_eq!(feed.source.as_deref(), Some("3e11fa47-71ca-11e1-9e33-c80aa9429562"));
        record.splice(0..0, [text("mine"), text("")]);
        record[12] = text("No");
        record[13] = text("No");
        record[34] = Value::Null;
        let feed = source(&record, true);
        assert_eq!((feed.runs, feed.lag, feed.source.as_deref()), (false, None, Some("1")));
        assert_eq!(feed.end, "STOP SLAVE 'mine'; RESET SLAVE 'mine' ALL");
    }
}
