//! JDBC URLs of database servers: `jdbc:postgresql:`, `jdbc:mysql:`, `jdbc:mariadb:`.

use std::fmt;
use std::time::Duration;

use percent_encoding::{percent_decode_str, percent_encode_byte};

use super::UrlError;
use super::decider::Decider;
use super::parameters::{self, Driver};
use crate::Secret;
use crate::db::server::{Host, Kind, PublicKey, Tls};

/// How long to wait for a connection when the URL does not say.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A database on a server, by its URL. `Display` and `Debug` show no user and no password.
#[derive(Clone)]
pub struct ServerUrl {
    /// The kind of server.
    pub kind: Kind,
    /// The whole URL, for a JDBC driver.
    pub text: Secret,
    /// Its scheme, which tells the driver.
    pub scheme: &'static str,
    /// The hosts, in the order in which they are tried.
    pub hosts: Vec<Host>,
    /// The database.
    pub database: String,
    /// The schema to look in, for PostgreSQL.
    pub schema: Option<String>,
    /// The user, if the URL names one.
    pub user: Option<String>,
    /// The password, likewise.
    pub password: Option<Secret>,
    /// How the connection is protected.
    pub tls: Tls,
    /// What protects the password of MySQL's users where the connection has no TLS.
    pub public_key: PublicKey,
    /// Whether the URL itself says how.
    pub tls_said: bool,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long to wait for an answer.
    pub socket_timeout: Option<Duration>,
    /// Parameters that are not known and were left out.
    pub unknown: Vec<String>,
    /// Parameters that narrow down how a JDBC driver connects, by name; this program's own driver does not go by them.
    pub idle: Vec<String>,
    /// What only the JDBC driver can do, and what to do about it.
    pub java_only: Option<String>,
    /// What takes the decision whom to trust from the JDBC driver's own settings.
    pub decider: Option<Decider>,
}

impl ServerUrl {
    /// Reads what follows `jdbc:postgresql:`, `jdbc:mysql:` or `jdbc:mariadb:`.
    pub(super) fn parse(scheme: &'static str, rest: &str, text: &str) -> Result<Self, UrlError> {
        let driver = match scheme {
            "postgresql" => Driver::Pg,
            "mysql" => Driver::ConnectorJ,
            _ => Driver::MariaDb,
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, database) = hosts_and_database(driver, place)?;
        let wanted = parameters::read(driver, &pairs(query)?).map_err(UrlError::Said)?;
        Ok(Self {
            kind: driver.kind(),
            text: Secret::from(text.replace("&amp;", "&")),
            scheme,
            hosts,
            database,
            schema: wanted.schema,
            user: wanted.user,
            password: wanted.password.map(Secret::from),
            tls: wanted.tls,
            public_key: wanted.public_key,
            tls_said: wanted.tls_said,
            connect_timeout: wanted.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
            socket_timeout: wanted.socket_timeout,
            unknown: wanted.unknown,
            idle: wanted.idle,
            java_only: wanted.java_only,
            decider: wanted.decider,
        })
    }

    /// Kind, name and schema: hosts may change while a rotation is interrupted.
    pub(super) fn identity(&self) -> String {
        let schema = self.schema.as_ref().map(|schema| format!("/{}", encoded(schema))).unwrap_or_default();
        format!("{}:{}{schema}", kind(self.kind), encoded(&self.database))
    }

    /// Whether both name one database by the same name on the same host.
    pub(super) fn same_database(&self, other: &Self) -> bool {
        let same_host =
            |a: &Host| other.hosts.iter().any(|b| a.name.eq_ignore_ascii_case(&b.name) && a.port == b.port);
        let same_name = match self.kind {
            Kind::Postgres => self.database == other.database && self.schema == other.schema,
            // Whether case matters there is the server's affair: to refuse is safer.
            Kind::MySql | Kind::H2 | Kind::Oracle | Kind::SqlServer | Kind::Db2 => {
                self.database.eq_ignore_ascii_case(&other.database)
            }
        };
        self.kind == other.kind && same_name && self.hosts.iter().any(same_host)
    }
}

impl PartialEq for ServerUrl {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity() && self.hosts == other.hosts
    }
}

impl Eq for ServerUrl {}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<_> = self.hosts.iter().map(Host::to_string).collect();
        write!(f, "jdbc:{}://{}/{}", kind(self.kind), hosts.join(","), encoded(&self.database))?;
        match &self.schema {
            Some(schema) => write!(f, "?currentSchema={}", encoded(&quoted(schema))),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({self})")
    }
}

/// What both of MySQL's schemes are called in a journal and on the screen.
const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Postgres => "postgresql",
        Kind::MySql => "mysql",
        // Only their own drivers read theirs.
        Kind::H2 | Kind::Oracle | Kind::SqlServer | Kind::Db2 => "bridged",
    }
}

fn hosts_and_database(driver: Driver, place: &str) -> Result<(Vec<Host>, String), UrlError> {
    use UrlError::{Malformed, Said};
    let port = match driver {
        Driver::Pg => 5432,
        Driver::ConnectorJ | Driver::MariaDb => 3306,
    };
    let (hosts, database) = match place.split_once("//") {
        Some(("" | "failover:" | "sequential:", rest)) => {
            rest.split_once('/').ok_or(Malformed("names no database: write //host:port/database"))?
        }
        Some((mode, _)) if mode.ends_with(':') => {
            return Err(Said(
                "spreads connections over several hosts: name the primary, or several hosts in order, \
                 as in //host1,host2/database"
                    .to_owned(),
            ));
        }
        // PostgreSQL's short form, without a host.
        None if driver == Driver::Pg => ("localhost", place),
        _ => return Err(Malformed("has no //host:port/database after its scheme")),
    };
    let database = decoded(database)?;
    if database.is_empty() {
        return Err(Malformed("names no database: write //host:port/database"));
    }
    if database.contains('/') && driver != Driver::Pg {
        return Err(Malformed("has a second / in the database's name"));
    }
    let hosts = if hosts.is_empty() { "localhost" } else { hosts };
    if hosts.contains('(') {
        return Err(Malformed("has hosts in brackets of the form address=(…): write host:port"));
    }
    if hosts.contains('@') {
        return Err(Malformed("has a user before its host: write user and password into their own keys"));
    }
    let hosts = hosts.split(',').map(|text| host(text.trim(), port)).collect::<Result<_, _>>()?;
    Ok((hosts, database))
}

fn host(text: &str, default_port: u16) -> Result<Host, UrlError> {
    use UrlError::Malformed;
    let (name, port) = if let Some(rest) = text.strip_prefix('[') {
        let (name, rest) = rest.split_once(']').ok_or(Malformed("has an IPv6 address without its ]"))?;
        let port = match rest {
            "" => None,
            rest => Some(rest.strip_prefix(':').ok_or(Malformed("has something after an IPv6 address"))?),
        };
        (name, port)
    } else {
        match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err(Malformed("has an IPv6 address without brackets: write [::1]:5432"));
            }
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        }
    };
    let port = match port {
        None | Some("") => default_port,
        Some(digits) => match digits.parse() {
            Ok(0) | Err(_) => return Err(Malformed("has a port that is not a number from 1 to 65535")),
            Ok(port) => port,
        },
    };
    if name.contains(|c: char| c.is_whitespace() || c.is_control() || "[]".contains(c)) {
        return Err(Malformed("has a host with white space or a bracket in it"));
    }
    let name = if name.is_empty() { "localhost" } else { name };
    Ok(Host { name: name.to_owned(), port })
}

/// The parameters, decoded. `&amp;` comes from XML files that URLs are copied from.
fn pairs(query: &str) -> Result<Vec<(String, String)>, UrlError> {
    let query = query.replace("&amp;", "&");
    let pair = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        Ok((decoded(name)?, decoded(value)?))
    };
    query.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}

/// What means something in a URL, or is seen by nobody, as a % code: names are shown as they are written.
fn encoded(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_control() || "%/?&".contains(c) {
            text.extend(c.encode_utf8(&mut [0; 4]).bytes().map(percent_encode_byte));
        } else {
            text.push(c);
        }
    }
    text
}

/// In quotes, if it would be read as another name without.
fn quoted(schema: &str) -> String {
    let plain = !schema.is_empty() && schema.trim() == schema && !schema.contains('"');
    if plain { schema.to_owned() } else { format!("\"{schema}\"") }
}

fn decoded(text: &str) -> Result<String, UrlError> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| UrlError::Malformed("has a % code that is not UTF-8"))
}
