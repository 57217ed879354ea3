//! What `properties.yaml` says so far: enough to tell people what to do next, long before it is
//! complete. Nothing here is an error, no secret is asked for, and no connection is made.

use std::path::{Path, PathBuf};

use super::home::{Home, Version};
use super::keys::Key;
use super::syntax::{Raw, items, parts};
use super::url::UrlError;
use super::{JdbcUrl, Overrides, expand, load, parse, read, stores};
use crate::db::server::{Host, Kind, Tls};
use crate::error::Error;

/// Where secrets come from that somebody must be asked for: nobody is, only to be told what to do.
const ASKED_FOR: [&str; 3] = ["stdin:", "prompt:", "cmd:"];

/// A deployment as far as it is described.
#[derive(Debug, Clone, Default)]
pub struct DraftConfig {
    /// Whether there is a file at all.
    pub written: bool,
    /// Whether it is rotated in place (`mode`).
    pub in_place: bool,
    /// Whether changes are carried over (`enableSyncMigrator`).
    pub sync: bool,
    /// The old server's identity database.
    pub old_identity: Option<Site>,
    /// The copy of it.
    pub new_identity: Option<Site>,
    /// The old server's registry database, if it is named.
    pub old_registry: Option<Site>,
    /// The copy of the registry database.
    pub new_registry: Option<Site>,
    /// Further databases: name, the old server's, and the copy of it.
    pub stores: Vec<(String, Option<Site>, Option<Site>)>,
    /// The new server's folder, which may not be there yet.
    pub home: Option<PathBuf>,
    /// The folders of all servers on the database, where it is rotated in place.
    pub nodes: Vec<PathBuf>,
    /// The old server's folder, if it is named.
    pub old_home: Option<PathBuf>,
    /// The version of the server in it.
    pub version: Option<Version>,
    /// Why `run` would refuse the file; none if it would not.
    pub problem: Option<String>,
}

/// Where a database is, without any secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Site {
    /// An SQLite file, which may not be there yet.
    File(PathBuf),
    /// Likewise H2's, for one program at a time.
    H2File(PathBuf),
    /// A database that an H2 server has, by its URL without what is secret.
    H2Server(String),
    /// A database on a server.
    Server {
        /// The kind of server.
        kind: Kind,
        /// Whether its URL is one of MariaDB's.
        is_mariadb: bool,
        /// The first of its hosts.
        host: Host,
        /// The database.
        database: String,
        /// Who logs on, if that is said.
        user: Option<String>,
        /// How the connection is protected, if the URL or tlsCaFile says it.
        tls: Option<Tls>,
    },
    /// A database that only its vendor's driver reaches.
    Vendor {
        /// The kind of server.
        kind: Kind,
        /// Host, port and name, as the URL says them.
        place: String,
        /// Who logs on, if that is said.
        user: Option<String>,
    },
}

impl std::fmt::Display for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) | Self::H2File(path) => write!(f, "{}", path.display()),
            Self::H2Server(url) => write!(f, "{url}"),
            Self::Server { kind, host, database, .. } => {
                write!(f, "{database} on {host} ({})", kind.name())
            }
            Self::Vendor { kind, place, .. } => write!(f, "{place} ({})", kind.name()),
        }
    }
}

/// What the properties file at `path` says; nothing if there is no such file.
pub fn draft(path: &Path) -> DraftConfig {
    let written = path.exists();
    let unknown = |error: &Error| DraftConfig {
        written,
        problem: Some(error.what().to_owned()),
        ..DraftConfig::default()
    };
    let file = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let raw = match read(&file).and_then(|(text, _)| parse(&text)) {
        Ok(raw) => raw,
        Err(error) => return unknown(&error),
    };
    let asks = |key: &Key| is_asked_for(&raw, *key);
    let problem = match Key::ALL.iter().find(|key| asks(key)) {
        Some(key) => Some(format!("{key} is asked for: `keyrotation plan` tells whether all is there")),
        None => load(path, &Overrides::default()).err().map(|error| error.what().to_owned()),
    };
    let folder = file.parent().unwrap_or(&file);
    let home = given(&raw, Key::NewIsHome).and_then(|home| expand(home, folder).ok());
    let in_place = given(&raw, Key::Mode) == Some("in-place");
    let homes = given(&raw, Key::Homes).map(items).unwrap_or_default();
    let homes = homes.into_iter().filter_map(|home| expand(home, folder).ok());
    let mut nodes: Vec<PathBuf> = Vec::new();
    for node in home.clone().into_iter().chain(homes).filter(|_| in_place) {
        let node = node.canonicalize().unwrap_or(node);
        if !nodes.contains(&node) {
            nodes.push(node);
        }
    }
    let stores = stores::each(&raw).into_iter().map(|(name, raw)| {
        let [old, new] = [(Key::OldStoreUrl, Key::OldStoreUsername), (Key::StoreUrl, Key::StoreUsername)]
            .map(|(url, user)| site(&raw, folder, url, user));
        (name, old, new)
    });
    let stores = stores.collect();
    let site = |url, user| site(&raw, folder, url, user);
    DraftConfig {
        written,
        in_place,
        nodes,
        sync: given(&raw, Key::EnableSyncMigrator).is_some_and(|on| on.eq_ignore_ascii_case("true")),
        old_identity: site(Key::OldIdnDbUrl, Key::OldIdnUsername),
        new_identity: site(Key::NewIdnDbUrl, Key::NewIdnUsername),
        old_registry: site(Key::OldRegDbUrl, Key::OldRegUsername),
        new_registry: site(Key::NewRegDbUrl, Key::NewRegUsername),
        stores,
        old_home: given(&raw, Key::OldIsHome).and_then(|home| expand(home, folder).ok()),
        version: home.as_deref().and_then(|home| Home::inspect(home).version),
        home,
        problem,
    }
}

/// Whether a secret needs a prompt or a command.
pub(super) fn is_asked_for(raw: &Raw, key: Key) -> bool {
    given_parts(raw, key).iter().any(|value| ASKED_FOR.iter().any(|origin| value.starts_with(origin)))
}

/// Whether people must hand it over.
pub(super) fn is_for_people(raw: &Raw, key: Key) -> bool {
    given_parts(raw, key)
        .iter()
        .any(|value| ["prompt:", "stdin:"].iter().any(|origin| value.starts_with(origin)))
}

fn given_parts(raw: &Raw, key: Key) -> Vec<&str> {
    given(raw, key).map(|value| parts(key, value)).unwrap_or_default()
}

fn given(raw: &Raw, key: Key) -> Option<&str> {
    raw.get(key).map(|entry| entry.value.expose()).filter(|value| !value.is_empty())
}

fn site(raw: &Raw, folder: &Path, url: Key, user: Key) -> Option<Site> {
    let text = given(raw, url)?;
    match JdbcUrl::parse(text, folder) {
        Err(UrlError::Missing(path, _)) if is_h2(text) => Some(Site::H2File(path)),
        Ok(JdbcUrl::Sqlite { path }) | Err(UrlError::Missing(path, _) | UrlError::NotAFile(path)) => {
            Some(Site::File(path))
        }
        Ok(JdbcUrl::Server(url)) => Some(Site::Server {
            kind: url.kind,
            is_mariadb: url.scheme == "mariadb",
            host: url.hosts.first()?.clone(),
            database: url.database.clone(),
            user: given(raw, user).map(str::to_owned).or(url.user),
            tls: tls(raw, folder, url.tls, url.tls_said),
        }),
        Ok(JdbcUrl::Bridged(url)) if url.kind == Kind::H2 => Some(match url.file {
            Some(file) => Site::H2File(file),
            None => Site::H2Server(format!("jdbc:h2:{}", url.place)),
        }),
        Ok(JdbcUrl::Bridged(url)) => Some(Site::Vendor {
            kind: url.kind,
            user: given(raw, user).map(str::to_owned).or(url.user),
            place: url.place,
        }),
        Err(_) => None,
    }
}

fn is_h2(url: &str) -> bool {
    url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("jdbc:h2:"))
}

/// TLS as a connection will have it, if anybody has said anything of it.
fn tls(raw: &Raw, folder: &Path, of_url: Tls, said: bool) -> Option<Tls> {
    match given(raw, Key::TlsCaFile).map(|file| expand(file, folder)) {
        Some(Ok(file)) => Some(of_url.trusting(file)),
        _ => Some(of_url).filter(|_| said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_tells_what_it_has_and_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("properties.yaml");
        assert!(draft(&path).problem.unwrap().contains("properties.yaml"), "there is none");
        assert!(!draft(&path).written);
        std::fs::write(
            &path,
            "oldSecretKey: env:NOT_SET_ANYWHERE\nenableSyncMigrator: true\n\
             oldIdnDBUrl: jdbc:postgresql://db1,db2/identity?password=hunter2\noldIdnUsername: anna\n\
             oldIdnPassword: aHVudGVyMg==\noldISHome: old-home\noldRegDBUrl: jdbc:sqlite:reg.db\nnewIdnDBUrl: jdbc:sqlite:not-yet.db\n\
             newRegDBUrl: jdbc:db2://localhost:50000/reg\nnewISHome: new-home\n",
        )
        .unwrap();
        let outline = draft(&path);
        assert!(outline.written && outline.sync && outline.problem.is_some());
        let host = Host { name: "db1".to_owned(), port: 5432 };
        let (kind, database, user) = (Kind::Postgres, "identity".to_owned(), Some("anna".to_owned()));
        assert_eq!(
            outline.old_identity,
            Some(Site::Server { kind, is_mariadb: false, host, database, user, tls: None })
        );
        assert_eq!(outline.new_identity, Some(Site::File(folder.path().join("not-yet.db"))));
        assert_eq!(
            outline.new_registry,
            Some(Site::Vendor { kind: Kind::Db2, place: "localhost:50000/reg".to_owned(), user: None })
        );
        assert_eq!(outline.home, Some(folder.path().join("new-home")));
        assert_eq!(outline.old_home, Some(folder.path().join("old-home")));
        assert_eq!(outline.old_registry, Some(Site::File(folder.path().join("reg.db"))));
        assert!(!format!("{outline:?}").contains("hunter2"));
    }
}
