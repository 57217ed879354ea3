//! JDBC URLs of databases that only their own driver can reach: kept whole for it. Here H2's.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{UrlError, expand, strip_prefix};
use crate::config::Secret;
use crate::db::server::Kind;

/// What H2 puts behind a database's name to make the name of its file: 2.x and 1.4, then 1.4 with PageStore.
const H2_FILES: [&str; 2] = [".mv.db", ".h2.db"];

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
    /// Reads what follows `jdbc:h2:`; a relative path is relative to `folder`.
    pub(super) fn h2(rest: &str, folder: &Path) -> Result<Self, UrlError> {
        use UrlError::{Malformed, Said};
        let mut parts = settings(rest).into_iter();
        let base = parts.next().unwrap_or_default();
        let (mut user, mut password, mut kept) = (None, None, String::new());
        let (mut auto_server, mut if_exists, mut access) = (false, false, false);
        for part in parts.filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match name.trim().to_ascii_uppercase().as_str() {
                "USER" => user = Some(value.to_owned()),
                "PASSWORD" => password = Some(Secret::from(value)),
                name => {
                    auto_server |= name == "AUTO_SERVER" && value.eq_ignore_ascii_case("true");
                    if_exists |= name == "IFEXISTS";
                    access |= name == "ACCESS_MODE_DATA";
                    kept.push(';');
                    kept.push_str(part);
                }
            }
        }
        let is_server = ["tcp:", "ssl:"].iter().any(|scheme| strip_prefix(base, scheme).is_some());
        if is_server {
            let url = Secret::from(format!("jdbc:h2:{base}{kept}"));
            let behind_host = base.split_once("//").and_then(|(_, rest)| rest.split_once('/'));
            let (place, name) = (base.to_owned(), behind_host.map_or(base, |(_, name)| name).to_owned());
            return Ok(Self {
                kind: Kind::H2,
                url,
                place,
                name,
                of_user: false,
                file: None,
                sole: false,
                user,
                password,
                read_only: "",
            });
        }
        if base.is_empty() || strip_prefix(base, "mem:").is_some() {
            return Err(Malformed("names no file: a database in memory cannot be rotated"));
        }
        let path = strip_prefix(base, "file:").unwrap_or(base);
        if let Some((scheme, _)) = path.split_once(':') {
            let scheme: String = scheme.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
            return Err(Said(format!(
                "names a file with {scheme}:, which is not supported; write the plain path"
            )));
        }
        let path = expand(path, folder).map_err(UrlError::Path)?;
        let (path, file) = find(&path)?;
        let sole = !auto_server;
        if !if_exists {
            kept.push_str(";IFEXISTS=TRUE"); // none is ever made
        }
        Ok(Self {
            kind: Kind::H2,
            url: Secret::from(format!("jdbc:h2:file:{}{kept}", path.display())),
            place: path.display().to_string(),
            name: path.display().to_string(),
            of_user: false,
            file: Some(file),
            sole,
            user,
            password,
            read_only: if sole && !access { ";ACCESS_MODE_DATA=r" } else { "" },
        })
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

/// Cuts a URL at each `;` that has no backslash before it.
fn settings(rest: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut escaped) = (0, false);
    for (at, c) in rest.char_indices() {
        if c == ';' && !escaped {
            parts.push(&rest[from..at]);
            from = at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(&rest[from..]);
    parts
}

/// The database's name and its file, both without symbolic links.
fn find(path: &Path) -> Result<(PathBuf, PathBuf), UrlError> {
    let with = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let missing = |error: &std::io::Error| UrlError::Missing(with(H2_FILES[0]), error.to_string());
    let found = H2_FILES.iter().find(|suffix| with(suffix).exists());
    let Some(suffix) = found else {
        return Err(UrlError::Missing(with(H2_FILES[0]), "there is no such file".to_owned()));
    };
    let file = with(suffix).canonicalize().map_err(|error| missing(&error))?;
    if !file.is_file() {
        return Err(UrlError::NotAFile(file));
    }
    let name = file.to_str().and_then(|file| file.strip_suffix(suffix)).map(PathBuf::from);
    // A link to a file of another name: H2 puts its own suffix behind whatever it is given.
    Ok((name.unwrap_or_else(|| path.to_owned()), file))
}
