//! How far the drivers of others protect a connection, as the URL tells them.

use super::BridgedUrl;
use super::vendors::{properties, unbraced};
use crate::db::server::Kind;

impl BridgedUrl {
    /// The hosts that it names; none if they are named elsewhere, as by an alias of Oracle's.
    pub fn hosts(&self) -> Vec<String> {
        let url = self.url.expose();
        let hosts = match self.kind {
            Kind::Oracle => oracle_hosts(url),
            Kind::SqlServer => {
                let settings = settings(url);
                let of = |names: &[&str]| {
                    let named = settings.iter().filter(|(name, _)| names.contains(&name.as_str()));
                    named.map(|(_, value)| value.clone()).collect::<Vec<_>>()
                };
                let mut hosts = of(&["", "failoverpartner"]);
                if hosts.first().is_some_and(String::is_empty) {
                    hosts.splice(..1, of(&["servername", "server"]));
                }
                hosts
            }
            Kind::Db2 => {
                let place = url.split_once("//").map_or("", |(_, rest)| rest).split('/').next();
                let others = db2_settings(url).into_iter();
                let others = others.filter(|(name, _)| name == "clientreroutealternateservername");
                let others =
                    others.flat_map(|(_, value)| value.split(',').map(str::to_owned).collect::<Vec<_>>());
                place.map(str::to_owned).into_iter().chain(others).collect()
            }
            Kind::H2 | Kind::Postgres | Kind::MySql => {
                let place = url.split_once("//").map_or(url, |(_, rest)| rest).split('/').next();
                place.unwrap_or_default().split(',').map(str::to_owned).collect()
            }
        };
        hosts.iter().map(|host| without_port(host)).collect()
    }

    /// What is missing for a connection that nobody else can read or answer.
    pub fn lacks(&self) -> Option<String> {
        let url = self.url.expose();
        match self.kind {
            Kind::H2 if url.to_ascii_lowercase().starts_with("jdbc:h2:ssl:") => Some(
                "encrypted, and H2 takes any certificate: go to localhost through a tunnel (`ssh -L`)"
                    .to_owned(),
            ),
            Kind::H2 => Some(NOT_ENCRYPTED.to_owned()),
            Kind::Oracle => oracle(url),
            Kind::SqlServer => sql_server(&settings(url)),
            Kind::Db2 => {
                let on = db2_settings(url).into_iter().rfind(|(name, _)| name == "sslconnection");
                let on = on.is_some_and(|(_, value)| value.eq_ignore_ascii_case("true"));
                (!on).then(|| format!("{NOT_ENCRYPTED}: there is no sslConnection=true"))
            }
            Kind::Postgres | Kind::MySql => None, // by the driver's modes
        }
    }
}

const NOT_ENCRYPTED: &str = "not encrypted";

/// A host as a URL has it, without its port, its instance and the brackets of an IPv6 address.
fn without_port(host: &str) -> String {
    let host = host.trim();
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default().to_owned(),
        None if host.matches(':').count() > 1 => host.to_owned(),
        None => host.split([':', '\\']).next().unwrap_or_default().to_owned(),
    }
}

/// Every value of `(NAME = value)` in a description.
fn all_named(description: &str, name: &str) -> Vec<String> {
    let parts = description.split('(').filter_map(|part| part.split_once('='));
    let parts = parts.filter(|(found, _)| found.trim().eq_ignore_ascii_case(name));
    let values = parts.filter_map(|(_, value)| value.split(')').next());
    values.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()).collect()
}

/// What stands behind the `@`.
fn connect_identifier(url: &str) -> &str {
    url.split_once('@').map_or(url, |(_, connect)| connect)
}

fn oracle_hosts(url: &str) -> Vec<String> {
    let connect = connect_identifier(url);
    if connect.starts_with('(') {
        return all_named(connect, "HOST");
    }
    let place = connect.split('?').next().unwrap_or_default();
    let place = place.rsplit_once("//").map_or(place, |(_, place)| place);
    if !place.contains(['/', ':']) {
        return Vec::new(); // an alias
    }
    // Behind a host without a service stand its port and a SID.
    let hosts = match place.split_once('/') {
        Some((hosts, _)) => hosts,
        None => place.split(':').next().unwrap_or_default(),
    };
    hosts.split([',', ';']).map(str::to_owned).collect()
}

fn oracle(url: &str) -> Option<String> {
    let connect = connect_identifier(url);
    let text: String = connect.to_ascii_lowercase().split_whitespace().collect();
    let is_on =
        |name: &str| ["yes", "on", "true"].iter().any(|value| text.contains(&format!("{name}={value}")));
    let encrypted = if connect.starts_with('(') {
        let protocols = all_named(connect, "PROTOCOL");
        !protocols.is_empty() && protocols.iter().all(|protocol| protocol.eq_ignore_ascii_case("tcps"))
    } else {
        text.starts_with("tcps://")
    };
    if !encrypted {
        return Some(if oracle_hosts(url).is_empty() {
            "not known to be encrypted: tnsnames.ora says what an alias is".to_owned()
        } else {
            format!("{NOT_ENCRYPTED}: the protocol is not tcps")
        });
    }
    if is_on("ssl_server_dn_match") {
        return None;
    }
    Some("encrypted, with any server's certificate of a trusted authority: there is no ssl_server_dn_match=yes".to_owned())
}

/// The server (without a name), and all settings with their names in lower case.
fn settings(url: &str) -> Vec<(String, String)> {
    let rest = url.split_once("//").map_or("", |(_, rest)| rest);
    let mut parts = properties(rest).unwrap_or_default().into_iter();
    let server = (String::new(), parts.next().unwrap_or_default().to_owned());
    let named = parts.filter_map(|part| part.split_once('='));
    let named =
        named.map(|(name, value)| (name.trim().to_ascii_lowercase(), unbraced(value).trim().to_owned()));
    std::iter::once(server).chain(named).collect()
}

fn sql_server(settings: &[(String, String)]) -> Option<String> {
    let said = |wanted: &str| {
        let values = settings.iter().filter(move |(name, _)| name == wanted);
        values.map(|(_, value)| value.to_ascii_lowercase()).collect::<Vec<_>>()
    };
    let encrypt = said("encrypt");
    if encrypt.is_empty() {
        return Some(format!("{NOT_ENCRYPTED} by drivers before 10.1: there is no encrypt=true"));
    }
    if !encrypt.iter().all(|value| matches!(value.as_str(), "true" | "yes" | "mandatory" | "strict")) {
        return Some(format!("{NOT_ENCRYPTED}: encrypt is not true"));
    }
    let strict = encrypt.iter().all(|value| value == "strict");
    if !strict && said("trustservercertificate").iter().any(|value| !matches!(value.as_str(), "false" | "no"))
    {
        return Some("encrypted, with any certificate: trustServerCertificate is not false".to_owned());
    }
    let mut deciders = ["trustManagerClass", "socketFactoryClass"].into_iter();
    let decider = deciders.find(|name| !said(&name.to_ascii_lowercase()).is_empty());
    decider.map(|name| format!("encrypted, and {name} decides which certificates are taken"))
}

/// What stands behind the database's name, with the names in lower case.
fn db2_settings(url: &str) -> Vec<(String, String)> {
    let rest = url.split_once("//").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, rest)| rest);
    let settings = rest.split_once(':').map_or("", |(_, settings)| settings);
    let named = settings.split(';').filter_map(|part| part.split_once('='));
    named.map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned())).collect()
}
