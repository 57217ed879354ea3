//! Where a database server is and how to log on to it, as plain data.

use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

/// What a database is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Only to read: not a byte of it changes.
    ReadOnly,
    /// To read and write.
    ReadWrite,
}

/// A kind of database server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// PostgreSQL.
    Postgres,
    /// MySQL or MariaDB.
    MySql,
    /// H2, embedded or on a server.
    H2,
    /// Oracle.
    Oracle,
    /// SQL Server, and Azure SQL.
    SqlServer,
    /// Db2 for Linux, UNIX and Windows.
    Db2,
}

impl Kind {
    /// The name that people know it by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MySQL",
            Self::H2 => "H2",
            Self::Oracle => "Oracle",
            Self::SqlServer => "SQL Server",
            Self::Db2 => "Db2",
        }
    }

    /// Whether this program was tested without a server of this kind.
    pub const fn is_untried(self) -> bool {
        matches!(self, Self::Oracle | Self::SqlServer | Self::Db2)
    }
}

/// Which RSA key of MySQL's a password may be encrypted with, where the connection has no TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PublicKey {
    /// Nothing was said: the server's, where nobody can stand between, on this machine.
    #[default]
    Unsaid,
    /// None.
    Refused,
    /// Whatever key the server sends.
    FromServer,
    /// The key in this PEM file.
    File(PathBuf),
}

/// A host with its port. `Display` sets an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// A name or an address, without brackets.
    pub name: String,
    /// The port.
    pub port: u16,
}

impl Host {
    /// Whether it is this machine, by its name.
    pub(super) fn is_loopback(&self) -> bool {
        let address = self.name.parse::<IpAddr>();
        self.name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
    }
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

impl Tls {
    /// The same, at least verified, by these authorities if no others are named.
    #[must_use]
    pub fn trusting(mut self, authorities: PathBuf) -> Self {
        self.mode = self.mode.max(TlsMode::VerifyCa);
        self.authorities.get_or_insert(authorities);
        self
    }
}

/// A database on a server and how to log on to it. `Debug` shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// Its kind.
    pub kind: Kind,
    /// Where it is; the first host that answers and can be written to is taken. None for a file.
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
    /// What protects the password of MySQL's users where the connection has no TLS.
    pub public_key: PublicKey,
    /// How long a statement waits for somebody else's lock; as long as is usual without it.
    pub lock_wait: Option<Duration>,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long to wait for an answer; forever without one.
    pub socket_timeout: Option<Duration>,
    /// By which JDBC driver it is reached; without one, by this program's own.
    pub route: Option<Route>,
}

/// A Java virtual machine and the JDBC drivers in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Java {
    /// The program `java`.
    pub program: PathBuf,
    /// The drivers' files.
    pub drivers: Vec<PathBuf>,
}

impl Java {
    /// The drivers as Java's class path.
    pub(super) fn class_path(&self) -> OsString {
        let mut path = OsString::new();
        for (at, driver) in self.drivers.iter().enumerate() {
            path.push(if at == 0 { "" } else { ":" });
            path.push(driver);
        }
        path
    }
}

/// A way by a JDBC driver.
#[derive(Clone)]
pub struct Route {
    /// The virtual machine.
    pub java: Java,
    /// The URL as the driver takes it, without user and password.
    pub url: Zeroizing<String>,
    /// What is put behind it to only read.
    pub read_only: &'static str,
    /// It is a file that only one process at a time can open.
    pub sole: bool,
    /// What else the driver is told, such as whom to trust.
    pub properties: Vec<(&'static str, String)>,
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        (&self.java, &*self.url, &self.properties) == (&other.java, &*other.url, &other.properties)
    }
}

impl Eq for Route {}

/// Without the URL, which may carry secrets.
impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("java", &self.java).field("sole", &self.sole).finish_non_exhaustive()
    }
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

impl Server {
    /// All hosts with their positions, from this one on.
    pub(super) fn hosts_from(&self, first: usize) -> impl Iterator<Item = (usize, &Host)> {
        let count = self.hosts.len();
        self.hosts.iter().enumerate().cycle().skip(first).take(count)
    }
}

/// `host:port/database`, with all hosts; the database alone, if it has no host.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.hosts.is_empty() {
            return f.write_str(&self.database);
        }
        for (at, host) in self.hosts.iter().enumerate() {
            write!(f, "{}{host}", if at == 0 { "" } else { "," })?;
        }
        write!(f, "/{}", self.database)
    }
}
