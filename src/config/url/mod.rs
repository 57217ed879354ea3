//! JDBC URLs, as far as this program can connect to what they name.

mod bridged;
mod db2;
mod decider;
mod h2;
mod harmless;
mod options;
mod oracle;
mod parameters;
mod server;
mod sql_server;

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::expand;
pub use bridged::BridgedUrl;
pub(super) use server::CONNECT_TIMEOUT;
pub use server::ServerUrl;

/// A database by its JDBC URL. `Display` shows no user and no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JdbcUrl {
    /// An SQLite file that exists.
    Sqlite {
        /// Absolute, without symbolic links.
        path: PathBuf,
    },
    /// A database on a server; there is no connection to it yet.
    Server(Box<ServerUrl>),
    /// A database that only its JDBC driver can reach.
    Bridged(Box<BridgedUrl>),
}

/// Why a text is no URL of a database that can be rotated. No variant shows the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UrlError {
    /// Not a URL, or not one that its database takes; says what is wrong.
    Malformed(&'static str),
    /// Likewise, with the name of a parameter in it.
    Said(String),
    /// A path with `~`, explained.
    Path(String),
    /// An unknown scheme.
    Unknown(String),
    /// No such file, or one that cannot be looked at.
    Missing(PathBuf, String),
    /// A folder or device.
    NotAFile(PathBuf),
}

/// The schemes of servers that are supported.
const SERVERS: &[&str] = &["postgresql", "mysql", "mariadb"];

/// Those that only their own driver reads.
const VENDORS: &[(&str, Vendor)] =
    &[("oracle", oracle::oracle), ("sqlserver", sql_server::sql_server), ("db2", db2::db2)];

type Vendor = fn(&str) -> Result<BridgedUrl, UrlError>;

impl JdbcUrl {
    /// Reads a URL; a relative path is relative to `folder`. The file is looked at, not opened.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, UrlError> {
        use UrlError::Malformed;
        if text.is_empty() {
            return Err(Malformed("is empty"));
        }
        let rest = strip_prefix(text, "jdbc:").ok_or(Malformed("does not begin with jdbc:"))?;
        let (scheme, rest) =
            rest.split_once(':').ok_or(Malformed("has no second colon, as in jdbc:sqlite:"))?;
        if scheme.eq_ignore_ascii_case("sqlite") {
            return sqlite(rest, folder);
        }
        if scheme.eq_ignore_ascii_case("h2") {
            return h2::h2(rest, folder).map(|url| Self::Bridged(Box::new(url)));
        }
        if let Some(known) = SERVERS.iter().find(|known| scheme.eq_ignore_ascii_case(known)) {
            return ServerUrl::parse(known, rest, text).map(|url| Self::Server(Box::new(url)));
        }
        if let Some((_, read)) = VENDORS.iter().find(|(known, _)| scheme.eq_ignore_ascii_case(known)) {
            return read(rest).map(|url| Self::Bridged(Box::new(url)));
        }
        // A word can be shown; anything else might be a misplaced secret.
        let is_word = scheme.len() <= 16 && scheme.chars().all(|c| c.is_ascii_lowercase());
        Err(UrlError::Unknown(if is_word { format!("jdbc:{scheme}:") } else { "its scheme".into() }))
    }

    /// The database's name for the journal's fingerprint: the same for every way of writing it.
    pub fn identity(&self) -> String {
        match self {
            Self::Sqlite { path } => format!("sqlite:{}", path.display()),
            Self::Server(url) => url.identity(),
            Self::Bridged(url) => url.identity(),
        }
    }

    /// Whether there is a database for each user under that name: a schema of his own.
    pub fn is_of_user(&self) -> bool {
        matches!(self, Self::Bridged(url) if url.of_user)
    }

    /// Whether both name one database: for SQLite the same device and inode, whatever the paths; for
    /// servers as far as their names tell, since only the servers themselves know.
    pub fn same_database(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sqlite { path: a }, Self::Sqlite { path: b }) => match (a.metadata(), b.metadata()) {
                (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
                _ => a == b,
            },
            (Self::Server(a), Self::Server(b)) => a.same_database(b),
            (Self::Bridged(a), Self::Bridged(b)) => a.same_database(b),
            _ => false,
        }
    }
}

impl fmt::Display for JdbcUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => write!(f, "jdbc:sqlite:{}", path.display()),
            Self::Server(url) => url.fmt(f),
            Self::Bridged(url) => url.fmt(f),
        }
    }
}

/// A URL without the parameters that log on: those stand beside it.
pub(super) fn without_log_on(text: &str) -> String {
    let Some((place, query)) = text.split_once('?') else { return text.to_owned() };
    let separator = if query.contains("&amp;") { "&amp;" } else { "&" };
    let logs_on =
        |part: &str| matches!(part.split_once('=').map_or(part, |(name, _)| name), "user" | "password");
    let kept: Vec<_> = query.split(separator).filter(|part| !logs_on(part)).collect();
    if kept.is_empty() { place.to_owned() } else { format!("{place}?{}", kept.join(separator)) }
}

fn sqlite(rest: &str, folder: &Path) -> Result<JdbcUrl, UrlError> {
    use UrlError::Malformed;
    if rest.is_empty() || rest.starts_with(':') {
        // `jdbc:sqlite:` alone is a database in memory to the JDBC driver.
        return Err(Malformed("names no file: a database in memory cannot be rotated"));
    }
    if rest.contains('?') {
        return Err(Malformed("has parameters (`?`), which are not supported for SQLite"));
    }
    if strip_prefix(rest, "file:").is_some() {
        return Err(Malformed("has a path that begins with file:; write the plain path"));
    }
    let path = expand(rest, folder).map_err(UrlError::Path)?;
    let metadata = path.metadata().map_err(|e| UrlError::Missing(path.clone(), e.to_string()))?;
    if !metadata.is_file() {
        return Err(UrlError::NotAFile(path));
    }
    match path.canonicalize() {
        Ok(path) => Ok(JdbcUrl::Sqlite { path }),
        Err(e) => Err(UrlError::Missing(path, e.to_string())),
    }
}

fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}
