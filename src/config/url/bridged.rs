//! JDBC URLs of databases that only their own driver can reach: kept whole for it, but for user and password.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use crate::Secret;
use crate::db::server::Kind;

/// What is said of a connection that anybody on its way can read.
pub(super) const NOT_ENCRYPTED: &str = "not encrypted";

/// A database by the URL of its driver. `Display` and `Debug` show no user, no password, no parameter.
#[derive(Clone)]
pub struct BridgedUrl {
    /// The kind of database.
    pub kind: Kind,
    /// The URL for the driver, without user and password.
    pub url: Secret,
    /// Where it is, for people.
    pub place: String,
    /// Its name for the journal's fingerprint: a server's host may change.
    pub(super) name: String,
    /// Whether there is one for each user under that name: a schema of his own.
    pub of_user: bool,
    /// The hosts that it names; none if they are named elsewhere, as by an alias of Oracle's.
    pub hosts: Vec<String>,
    /// What is missing for a connection that nobody else can read or answer.
    pub lacks: Option<String>,
    /// The file that it is in, if this machine has it.
    pub file: Option<PathBuf>,
    /// Whether one process at a time can open that file.
    pub sole: bool,
    /// The user, if the URL names one.
    pub user: Option<String>,
    /// The password, likewise.
    pub password: Option<Secret>,
    /// What the driver needs to only read the file.
    pub read_only: &'static str,
}

impl BridgedUrl {
    /// A database on a server, by its URL, by where it is for people, and by its name there.
    pub(super) fn on_server(kind: Kind, who: LogOn, url: String, place: String, name: String) -> Self {
        Self {
            kind,
            url: Secret::from(url),
            place,
            name,
            of_user: false,
            hosts: Vec::new(),
            lacks: None,
            file: None,
            sole: false,
            user: who.user,
            password: who.password,
            read_only: "",
        }
    }

    /// With its hosts, each as the URL has it, and what its connection lacks.
    pub(super) fn reached<'a>(self, hosts: impl IntoIterator<Item = &'a str>, lacks: Option<String>) -> Self {
        Self { hosts: hosts.into_iter().map(without_port).collect(), lacks, ..self }
    }

    /// Its scheme, which tells the driver.
    pub fn scheme(&self) -> &'static str {
        match self.kind {
            Kind::Postgres => "postgresql",
            Kind::MySql => "mysql",
            Kind::H2 => "h2",
            Kind::Oracle => "oracle",
            Kind::SqlServer => "sqlserver",
            Kind::Db2 => "db2",
        }
    }

    pub(super) fn identity(&self) -> String {
        format!("{}:{}", self.scheme(), self.name)
    }

    pub(super) fn same_database(&self, other: &Self) -> bool {
        let inode = |file: &PathBuf| file.metadata().ok().map(|file| (file.dev(), file.ino()));
        match (&self.file, &other.file) {
            (Some(one), Some(other)) => {
                one == other || inode(one).is_some_and(|one| Some(one) == inode(other))
            }
            (None, None) => self.kind == other.kind && self.place.eq_ignore_ascii_case(&other.place),
            _ => false,
        }
    }
}

impl PartialEq for BridgedUrl {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.place == other.place
    }
}

impl Eq for BridgedUrl {}

impl fmt::Display for BridgedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = match self.kind {
            Kind::Oracle => "thin:@",
            Kind::SqlServer | Kind::Db2 => "//",
            Kind::H2 | Kind::Postgres | Kind::MySql => "",
        };
        write!(f, "jdbc:{}:{before}{}", self.scheme(), self.place)
    }
}

impl fmt::Debug for BridgedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BridgedUrl({self})")
    }
}

/// What a URL says of who logs on.
#[derive(Default)]
pub(super) struct LogOn {
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
}

impl LogOn {
    /// Takes a parameter, if it is one of these; it does not stay in the URL.
    pub(super) fn takes(&mut self, name: &str, value: &str) -> bool {
        match name.trim().to_ascii_lowercase().as_str() {
            "user" | "username" => self.user = Some(value.to_owned()),
            "password" => self.password = Some(Secret::from(value)),
            _ => return false,
        }
        true
    }
}

/// A host as a URL has it, without its port, its instance and the brackets of an IPv6 address.
fn without_port(host: &str) -> String {
    let host = host.trim();
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default().to_owned(),
        None if host.matches(':').count() > 1 => host.to_owned(),
        None => host.split([':', '\\']).next().unwrap_or_default().to_owned(),
    }
}

/// What the tests of each kind look at: for people, for the driver, for the journal.
#[cfg(test)]
pub(super) fn shown(url: &BridgedUrl) -> [String; 3] {
    [url.to_string(), url.url.expose().to_owned(), url.identity()]
}
