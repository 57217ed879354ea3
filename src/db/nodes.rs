//! The other nodes of a cluster in which every node takes writes (MySQL and MariaDB): what feeds one of them comes into
//! all, and no other node tells of it. So each is asked, as the same user, by the addresses that the cluster has for it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::dialect::mysql::statements as mysql;
use super::feeds::{Feeds, unless_denied};
use super::server::{Host, Kind, Server};
use super::told::{Told, word};
use super::{Access, Db, DbError, Record};

/// How long a node may take beyond the time for its connection.
const ANSWER: Duration = Duration::from_secs(10);

/// Another node, or several that nobody has an address of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherNode {
    /// Which it is.
    pub place: String,
    /// What feeds it; or why it is not known, and what to do.
    pub feeds: Result<Feeds, String>,
}

/// What a node that was asked says.
enum Answer {
    /// It is the one that asks.
    Own,
    Other(String, Feeds),
}

impl Db {
    /// The other nodes of the cluster, and what feeds them; none where it is no node of one.
    pub async fn other_nodes(&self) -> Result<Vec<OtherNode>, DbError> {
        if self.server_kind() != Some(Kind::MySql) {
            return Ok(Vec::new());
        }
        let told = self.told().await?;
        if told.cluster().is_none() {
            return Ok(Vec::new());
        }
        let statement = if told.is_mariadb() { "SHOW ALL SLAVES STATUS" } else { "SHOW REPLICA STATUS" };
        let unseen = |place: String, why: &str| OtherNode {
            place,
            feeds: Err(format!(
                "its sources cannot be seen: {why}; or check yourself: run `{statement}` there"
            )),
        };
        let Some(server) = self.server().filter(|server| server.route.is_none()) else {
            let why = "its JDBC URL names one node";
            return Ok(vec![unseen("the other nodes of its cluster".to_owned(), why)]);
        };
        let is_galera = told.is_on("wsrep_on");
        let size = told.number("wsrep_cluster_size").filter(|_| is_galera);
        let named = if is_galera { Some(galera_addresses(&told)) } else { self.other_members().await? };
        let Some(named) = named else {
            let why = "grant this user SELECT ON performance_schema.replication_group_members";
            return Ok(vec![unseen("the other members of its group".to_owned(), why)]);
        };
        let (mut nodes, mut seen) = (Vec::new(), BTreeSet::new());
        let of_url = server.hosts.iter().filter(|host| !named.contains(host));
        for (host, is_named) in named.iter().map(|host| (host, true)).chain(of_url.map(|host| (host, false)))
        {
            let alone = Server { hosts: vec![host.clone()], ..server.clone() };
            let longest = server.connect_timeout + ANSWER;
            match tokio::time::timeout(longest, ask(&alone, &told)).await {
                Ok(Ok(Answer::Own)) => {}
                Ok(Ok(Answer::Other(name, feeds))) => {
                    if seen.insert(name) {
                        nodes.push(OtherNode { place: host.to_string(), feeds: Ok(feeds) });
                    }
                }
                // A host of the URL alone may be none of this cluster.
                _ if !is_named => {}
                Ok(Err(why)) => {
                    seen.insert(host.to_string());
                    nodes.push(unseen(host.to_string(), &why));
                }
                Err(_) => {
                    seen.insert(host.to_string());
                    nodes.push(unseen(host.to_string(), "it does not answer"));
                }
            }
        }
        let others =
            size.and_then(|size| usize::try_from(size).ok()).map_or(0, |size| size.saturating_sub(1));
        if let Some(missing) = others.checked_sub(seen.len()).filter(|missing| *missing > 0) {
            let why = "the cluster has no address of it (wsrep_node_incoming_address): name all nodes in the URL, \
                       with commas between";
            nodes.push(unseen(format!("{missing} more of the {} nodes of its cluster", others + 1), why));
        }
        Ok(nodes)
    }

    /// The addresses of the other members of a replication group; none where this user may not see them.
    async fn other_members(&self) -> Result<Option<Vec<Host>>, DbError> {
        let members = unless_denied(self.read(mysql::MEMBERS, &[]).await)?;
        let text = |member: &Record| format!("{}:{}", word(member.first()), word(member.get(1)));
        Ok(members.map(|members| members.iter().filter_map(|member| address(&text(member))).collect()))
    }
}

/// Asks one node; an error says why it cannot be asked.
async fn ask(server: &Server, ours: &Told) -> Result<Answer, String> {
    let db = Db::open_server(server, Access::ReadOnly, 1).await.map_err(|error| error.to_string())?;
    let asked = async { Ok::<_, DbError>((db.told().await?, db.feeds().await?)) }.await;
    db.close().await;
    let (theirs, feeds) = asked.map_err(|error| error.to_string())?;
    if cluster(&theirs) != cluster(ours) {
        return Err("the server there is not a node of this cluster".to_owned());
    }
    let name = node(&theirs);
    Ok(if name == node(ours) { Answer::Own } else { Answer::Other(name, feeds) })
}

/// What all nodes of one cluster have.
fn cluster(told: &Told) -> &str {
    told.get(if told.is_on("wsrep_on") { "wsrep_cluster_state_uuid" } else { "group_replication_group_name" })
}

/// What only one has.
fn node(told: &Told) -> String {
    ["server_uuid", "wsrep_node_name", "hostname", "port"].map(|name| told.get(name)).join(" ")
}

/// The addresses of the other nodes, as far as Galera knows them: its own place is left out.
fn galera_addresses(told: &Told) -> Vec<Host> {
    let entries: Vec<&str> = told.get("wsrep_incoming_addresses").split(',').map(str::trim).collect();
    let is_whole = told.number("wsrep_cluster_size") == u64::try_from(entries.len()).ok();
    let own = told.number("wsrep_local_index").filter(|_| is_whole);
    let is_other = |at: &usize| u64::try_from(*at).ok() != own;
    entries.iter().enumerate().filter(|(at, _)| is_other(at)).filter_map(|(_, text)| address(text)).collect()
}

/// `host:port` or `[host]:port`; none where it is `AUTO`, `unspecified`, or has no port.
fn address(text: &str) -> Option<Host> {
    let (name, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    (!name.is_empty()).then(|| Host { name: name.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    fn told(pairs: &[(&str, &str)]) -> Told {
        let mut told = Told::default();
        for (name, value) in pairs {
            told.add(&[vec![Value::Text((*name).to_owned()), Value::Text((*value).to_owned())]]);
        }
        told
    }

    #[test]
    fn addresses_of_nodes_are_read_in_every_form() {
        let host = |name: &str, port| Some(Host { name: name.to_owned(), port });
        assert_eq!(address("10.0.0.2:3306"), host("10.0.0.2", 3306));
        assert_eq!(address("db-2.example:3307"), host("db-2.example", 3307));
        assert_eq!(address("[fd00::2]:3306"), host("fd00::2", 3306));
        for none in ["", "AUTO", "unspecified", "10.0.0.2", "10.0.0.2:0", ":3306", "10.0.0.2:port"] {
            assert_eq!(address(none), None, "{none}");
        }
    }

    #[test]
    fn ones_own_address_is_left_out() {
        let addresses = "10.0.0.1:3306,10.0.0.2:3306, [::1]:3306";
        let of = |index: &str, size: &str| {
            let told = told(&[
                ("wsrep_incoming_addresses", addresses),
                ("wsrep_local_index", index),
                ("wsrep_cluster_size", size),
            ]);
            galera_addresses(&told).iter().map(Host::to_string).collect::<Vec<_>>()
        };
        assert_eq!(of("1", "3"), ["10.0.0.1:3306", "[::1]:3306"]);
        // It is not known which is whose: all are asked, and the own one tells.
        assert_eq!(of("1", "4").len(), 3);
        assert_eq!(galera_addresses(&told(&[("wsrep_incoming_addresses", "AUTO,AUTO")])), []);
    }
}
