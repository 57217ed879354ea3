//! Which transactions a server of MySQL or MariaDB has, by their GTIDs: whether it has had any of another's.
//!
//! How far a replica says that it is behind is no proof: a link that is frozen, a source that is itself late, or a
//! filter hides a token for ever, and the replica says "0 s". What it has had of a server stays in its set of
//! GTIDs, whatever came of it.

use std::collections::HashMap;

use super::dialect::mysql::statements as mysql;
use super::feeds::unless_denied;
use super::server::Kind;
use super::told::{Told, word};
use super::{Db, DbError};

/// Numbers of transactions, from and to.
type Runs = Vec<(u64, u64)>;

/// The transactions that a server has, and those that it gives away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    is_mariadb: bool,
    /// What it writes under.
    own: Vec<String>,
    /// By who wrote them first.
    had: HashMap<String, Runs>,
    /// Whether another server can be fed from it: by its binary log, or by another node of its cluster.
    feeds_others: bool,
    /// Whether what it writes has a GTID.
    tells: bool,
    /// In words, the cluster of which it is a node.
    cluster: Option<String>,
    /// Where that is Galera's.
    galera: Option<Galera>,
}

/// A node of a Galera cluster, in which transactions do not keep the name of who wrote them first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Galera {
    /// What all nodes have.
    pub cluster: String,
    /// What only this one has.
    pub node: String,
    /// How many nodes there are now.
    pub size: usize,
}

impl History {
    /// Whether a server can be fed from this one at all.
    pub fn feeds_others(&self) -> bool {
        self.feeds_others
    }

    /// The cluster of which it is a node, in words.
    pub fn cluster(&self) -> Option<&str> {
        self.cluster.as_deref()
    }

    /// Likewise, where it is Galera's.
    pub fn galera(&self) -> Option<&Galera> {
        self.galera.as_ref()
    }

    /// Whether a server calls itself that.
    pub fn is_called(&self, name: &str) -> bool {
        self.own.iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// Whether it has transactions that the other one wrote; what both would write under one name tells nothing.
    pub fn has_of(&self, other: &Self) -> bool {
        let is_others = |writer: &str| other.is_called(writer) && !self.is_called(writer);
        self.had.keys().any(|key| is_others(self.writer(key)))
    }

    /// The number of the last transaction that it wrote itself, summed up over the names that it writes under; none where
    /// what it writes has no GTID.
    pub fn written(&self) -> Option<i64> {
        self.tells.then(|| self.last_of(self).unwrap_or_default())
    }

    /// Likewise, the last one of another server's own that it has; none if it has none.
    pub fn last_of(&self, other: &Self) -> Option<i64> {
        let own = self.had.iter().filter(|(key, _)| other.is_called(self.writer(key)));
        let last = own.filter_map(|(_, runs)| i64::try_from(runs.iter().map(|(_, last)| *last).max()?).ok());
        last.fold(None, |sum: Option<i64>, last| Some(sum.unwrap_or_default().saturating_add(last)))
    }

    /// Whether it has transactions of any other server.
    pub(super) fn has_of_others(&self) -> bool {
        self.had.keys().any(|key| !self.is_called(self.writer(key)))
    }

    /// Whether it cannot be behind the other one alone: what the other writes would show in its set, and it has what
    /// the other has not.
    pub fn is_apart_from(&self, other: &Self) -> bool {
        let is_there = |(key, runs): (&String, &Runs)| {
            let there = other.had.get(key);
            runs.iter().all(|(from, to)| {
                there.is_some_and(|there| there.iter().any(|(first, last)| first <= from && to <= last))
            })
        };
        other.tells && !self.has_of(other) && !self.had.iter().all(is_there)
    }

    fn writer<'a>(&self, key: &'a str) -> &'a str {
        if self.is_mariadb {
            key.split_once('-').map_or(key, |(_, server)| server)
        } else {
            key.split(':').next().unwrap_or(key)
        }
    }
}

impl Db {
    /// Which transactions this server has; nothing if it is neither MySQL nor MariaDB.
    pub async fn history(&self) -> Result<Option<History>, DbError> {
        if self.server_kind() != Some(Kind::MySql) {
            return Ok(None);
        }
        let told = self.told().await?;
        let is_mariadb = told.is_mariadb();
        let answer = unless_denied(
            self.read(if is_mariadb { mysql::MARIADB_EXECUTED } else { mysql::EXECUTED }, &[]).await,
        )?;
        let set = word(answer.unwrap_or_default().first().and_then(|record| record.first()));
        Ok(Some(of(&told, is_mariadb, &set)))
    }
}

fn of(told: &Told, is_mariadb: bool, set: &str) -> History {
    let names: &[&str] = if is_mariadb {
        &["server_id"]
    } else {
        &["server_uuid", "group_replication_group_name", "group_replication_view_change_uuid"]
    };
    let own = names.iter().map(|name| told.get(name).to_owned()).filter(|name| !name.is_empty()).collect();
    let has_log = told.is_on("log_bin");
    let cluster = told.cluster();
    let tells = is_mariadb || told.get("gtid_mode").to_ascii_uppercase().starts_with("ON");
    History {
        is_mariadb,
        own,
        had: if is_mariadb { mariadb_set(set) } else { mysql_set(set) },
        feeds_others: has_log || cluster.is_some(),
        tells: has_log && tells,
        cluster,
        galera: told.is_on("wsrep_on").then(|| Galera {
            cluster: told.get("wsrep_cluster_state_uuid").to_owned(),
            node: format!("{} {} {}", told.get("wsrep_node_name"), told.get("hostname"), told.get("port")),
            size: told
                .number("wsrep_cluster_size")
                .and_then(|size| usize::try_from(size).ok())
                .unwrap_or(usize::MAX),
        }),
    }
}

/// `uuid:1-5:7,uuid:tag:1-3`, over several lines.
fn mysql_set(set: &str) -> HashMap<String, Runs> {
    let mut had: HashMap<String, Runs> = HashMap::new();
    for item in set.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let mut parts = item.split(':').map(str::trim);
        let writer = parts.next().unwrap_or_default().to_ascii_lowercase();
        let mut key = writer.clone();
        for part in parts {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            match (from.parse(), to.parse()) {
                (Ok(from), Ok(to)) => had.entry(key.clone()).or_default().push((from, to)),
                _ => key = format!("{writer}:{part}"),
            }
        }
    }
    had
}

/// `domain-server-number,…`, of each the last.
fn mariadb_set(set: &str) -> HashMap<String, Runs> {
    let mut had: HashMap<String, Runs> = HashMap::new();
    for item in set.split(',').map(str::trim) {
        let Some((key, number)) = item.rsplit_once('-') else { continue };
        let Ok(number) = number.parse::<u64>() else { continue };
        let runs = had.entry(key.to_owned()).or_default();
        let last = runs.first().map_or(number, |(_, last)| number.max(*last));
        *runs = vec![(1, last)];
    }
    had
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    const P: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    const C: &str = "6f0a6b5e-3c1d-4c0f-9a53-6a1d1f0c2b77";
    const R: &str = "0b1e3f0a-1111-11e1-9e33-c80aa9429563";

    fn server(is_mariadb: bool, name: &str, set: &str) -> History {
        let mut told = Told::default();
        let id = if is_mariadb { "server_id" } else { "server_uuid" };
        for (name, value) in [(id, name), ("log_bin", "ON"), ("gtid_mode", "ON")] {
            told.add(&[vec![Value::Text(name.to_owned()), Value::Text(value.to_owned())]]);
        }
        of(&told, is_mariadb, set)
    }

    #[test]
    fn a_replica_has_what_its_source_wrote_however_late_it_is() {
        let source = server(false, P, &format!("{P}:1-900"));
        let late = server(false, R, &format!("{}:1-7:9,\n{R}:1-3", P.to_uppercase()));
        assert!(late.has_of(&source) && !source.has_of(&late));
        assert!(!late.is_apart_from(&source), "whatever it wrote itself");
        let fresh = server(false, C, &format!("{P}:1-900,{C}:1-2"));
        let behind = server(false, R, &format!("{P}:1-800"));
        assert!(!behind.has_of(&fresh) && !behind.is_apart_from(&fresh), "it has all that this one has");
    }

    #[test]
    fn a_replica_of_production_is_apart_from_a_copy_of_production() {
        let copy = server(false, C, &format!("{P}:1-900,{C}:1-40"));
        let replica = server(false, R, &format!("{P}:1-950"));
        assert!(!replica.has_of(&copy) && replica.is_apart_from(&copy));
        let silent = History { tells: false, ..copy };
        assert!(!replica.is_apart_from(&silent), "what it writes would not show");
        // A copy of the files, as long as it calls itself as production does.
        let copy = server(false, P, &format!("{P}:1-910"));
        let production = server(false, P, &format!("{P}:1-950"));
        assert!(!production.has_of(&copy), "both write under one name");
    }

    #[test]
    fn mariadb_tells_by_servers_numbers() {
        let source = server(true, "1", "0-1-900");
        let replica = server(true, "2", "0-1-700,0-1-650,0-2-3");
        assert!(replica.has_of(&source) && !source.has_of(&replica));
        let copy = server(true, "7", "0-7-40");
        assert!(!replica.has_of(&copy) && replica.is_apart_from(&copy));
        assert!(!server(true, "2", "").is_apart_from(&copy), "nothing is known of it");
    }

    #[test]
    fn how_far_a_replica_has_come_is_told_by_what_it_has() {
        let source = server(false, P, &format!("{P}:1-900,{C}:1-40"));
        let late = server(false, R, &format!("{P}:1-700:702,{R}:1-3"));
        assert_eq!((source.written(), late.last_of(&source)), (Some(900), Some(702)));
        assert_eq!(server(false, R, &format!("{R}:1-3")).last_of(&source), None);
        assert_eq!(History { tells: false, ..source }.written(), None);
        let source = server(true, "1", "0-1-900,7-1-5,0-2-950");
        assert_eq!(
            (source.written(), server(true, "2", "0-1-880,7-1-5").last_of(&source)),
            (Some(905), Some(885))
        );
        assert_eq!(server(true, "3", "").written(), Some(0));
    }

    #[test]
    fn transactions_with_tags_are_those_of_their_server() {
        let tagged = mysql_set(&format!("{P}:1-5:7:nightly:1-3"));
        assert_eq!(tagged[P], [(1, 5), (7, 7)]);
        assert_eq!(tagged[&format!("{P}:nightly")], [(1, 3)]);
        assert!(server(false, R, &format!("{P}:nightly:1")).has_of(&server(false, P, "")));
    }
}
