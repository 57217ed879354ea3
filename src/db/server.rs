//! Where a database server is and how to log on to it, as plain data.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

/// A kind of database server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// PostgreSQL.
    Postgres,
    /// MySQL or MariaDB.
    MySql,
}

impl Kind {
    /// The name that people know it by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MySQL",
        }
    }
}

/// A host with its port. `Display` sets an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// A name or an address, without brackets.
    pub name: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsMode {
    /// Never encrypted.
    Disabled,
    /// Encrypted if the server can.
    Preferred,
    /// Encrypted, whoever the server is.
    Required,
    /// Encrypted, and the server's certificate comes from a known authority.
    VerifyCa,
    /// Likewise, and it is for this host.
    VerifyFull,
}

/// TLS of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// How much is asked of it.
    pub mode: TlsMode,
    /// A PEM file with the authorities that are trusted; without one, the public ones.
    pub authorities: Option<PathBuf>,
    /// PEM files with the client's certificate and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// A database on a server and how to log on to it. `Debug` shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// Its kind.
    pub kind: Kind,
    /// Where it is; the first host that answers and can be written to is taken.
    pub hosts: Vec<Host>,
    /// The database's name.
    pub database: String,
    /// The schema to look in first, where the URL names one (PostgreSQL).
    pub schema: Option<String>,
    /// The user.
    pub user: String,
    /// The user's password.
    pub password: Zeroizing<String>,
    /// How the connection is protected.
    pub tls: Tls,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long to wait for an answer; forever without one.
    pub socket_timeout: Option<Duration>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("kind", &self.kind)
            .field("hosts", &self.hosts)
            .field("database", &self.database)
            .field("schema", &self.schema)
            .field("user", &self.user)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// `host:port/database`, with all hosts.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, host) in self.hosts.iter().enumerate() {
            write!(f, "{}{host}", if at == 0 { "" } else { "," })?;
        }
        write!(f, "/{}", self.database)
    }
}
