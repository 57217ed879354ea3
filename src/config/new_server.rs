//! What the new server's `deployment.toml` is to say: the new key, and where the copies are.

use std::path::{Path, PathBuf};

use super::home::Home;
use super::keys::Key;
use super::resolve::{Origin, Resolver};
use super::secret::Secret;
use super::syntax::Raw;
use super::url::without_log_on;
use super::{JdbcUrl, Mode, Notice, Version};
use crate::cipher::{KeyRing, SecretKey};
use crate::error::{Error, Id, Result};

/// What the new server's `deployment.toml` is to say.
#[derive(Debug)]
pub struct NewServer {
    /// What is rotated: in place it is that of the servers that there are.
    pub mode: Mode,
    /// Its folder: absolute, without symbolic links.
    pub home: Option<PathBuf>,
    /// The folders of all servers on the database, where it is rotated in place.
    pub nodes: Vec<PathBuf>,
    /// Its version, if that is known.
    pub version: Option<Version>,
    /// The old key, as it is written and as it is used.
    pub old_key: (Secret, SecretKey),
    /// The new key, likewise.
    pub new_key: (Secret, SecretKey),
    /// All keys.
    pub keys: KeyRing,
    /// Whether the rotation writes the new key's id into every value.
    pub key_ids: bool,
    /// Its identity database.
    pub identity: Option<NewDatabase>,
    /// Its registry (shared) database.
    pub registry: Option<NewDatabase>,
    /// The old server's identity database, which nothing of the new one should name.
    pub old_identity: Option<JdbcUrl>,
}

/// A database of the new server.
#[derive(Debug)]
pub struct NewDatabase {
    /// The key that named it, such as `newIdnDBUrl`.
    pub key: &'static str,
    /// Its URL, less user and password.
    pub url: Secret,
    /// The same, taken apart; `None` for kinds that are not rotated here.
    pub parsed: Option<JdbcUrl>,
    /// Who logs on.
    pub user: Option<String>,
    /// That user's password.
    pub password: Option<Secret>,
}

/// What the new server's own configuration is to say, with what the operator should know.
pub(super) fn new_server(raw: &Raw, origin: Origin<'_>, elsewhere: bool) -> Result<(NewServer, Vec<Notice>)> {
    let mut resolver = Resolver::new(raw, origin);
    let server = resolver.new_server(elsewhere)?;
    resolver.warn_of_exposure(origin);
    Ok((server, resolver.notices))
}

impl Resolver<'_> {
    /// The new server, as far as the file tells: parts that are switched off count, too, since the
    /// server needs all of them.
    fn new_server(&mut self, elsewhere: bool) -> Result<NewServer> {
        let keys = self.key_ring()?;
        let [old_key, new_key] = self.keys()?;
        let mode = self.mode()?;
        let mut nodes = self.nodes()?;
        let home = match nodes.first() {
            Some(first) if self.given(Key::NewIsHome).is_none() => Some(first.clone()),
            _ => self.home(!elsewhere)?,
        };
        nodes.retain(|node| Some(node) != home.as_ref());
        nodes.splice(..0, home.clone());
        let key_ids = self.key_id(home.as_deref())? || mode.is_in_place();
        let version = home.as_deref().map(Home::inspect).unwrap_or_default().version;
        if mode.is_in_place() {
            // Its servers go on with the databases that they have.
            let (identity, registry, old_identity) = (None, None, None);
            return Ok(NewServer {
                mode,
                home,
                nodes,
                version,
                old_key,
                new_key,
                keys,
                key_ids,
                identity,
                registry,
                old_identity,
            });
        }
        let identity = self.new_database(Key::NewIdnDbUrl, Key::NewIdnUsername, Key::NewIdnPassword)?;
        let registry = self.new_database(Key::NewRegDbUrl, Key::NewRegUsername, Key::NewRegPassword)?;
        if identity.is_none() && registry.is_none() {
            let what =
                "neither newIdnDBUrl nor newRegDBUrl is given, so the new server's databases are not known";
            return Err(Error::new(Id::ConfigMissingKey, what));
        }
        let old_identity = self.given(Key::OldIdnDbUrl).and_then(|entry| self.url(entry).ok());
        Ok(NewServer {
            mode,
            nodes: home.iter().cloned().collect(),
            home,
            version,
            old_key,
            keys,
            new_key,
            key_ids,
            identity,
            registry,
            old_identity,
        })
    }

    fn new_database(&mut self, url: Key, user: Key, password: Key) -> Result<Option<NewDatabase>> {
        let Some(entry) = self.given(url) else { return Ok(None) };
        let parsed = match self.url(entry) {
            Ok(parsed) => Some(parsed),
            Err(error) => return Err(super::databases::explain(entry, error)),
        };
        let text = match &parsed {
            Some(known @ JdbcUrl::Sqlite { .. }) => known.to_string(),
            Some(JdbcUrl::Bridged(known)) => known.url.expose().to_owned(),
            _ => without_log_on(entry.value.expose()),
        };
        let (in_url, secret_in_url) = match &parsed {
            Some(JdbcUrl::Server(known)) => (known.user.clone(), known.password.clone()),
            Some(JdbcUrl::Bridged(known)) => (known.user.clone(), known.password.clone()),
            Some(JdbcUrl::Sqlite { .. }) | None => (None, None),
        };
        let name = self.given(user).map(|entry| entry.value.expose().to_owned());
        let secret = self.password(password)?;
        Ok(Some(NewDatabase {
            key: url.name(),
            user: name.or(in_url),
            password: secret.or(secret_in_url),
            url: Secret::from(text),
            parsed,
        }))
    }
}

/// A URL as a server's own configuration has it.
pub fn read_url(text: &str, folder: &Path) -> Option<JdbcUrl> {
    JdbcUrl::parse(text, folder).ok()
}
