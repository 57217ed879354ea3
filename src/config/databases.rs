//! The databases: their URLs, who logs on to them, and that none of them is the old one.

use super::keys::Key;
use zeroize::Zeroizing;

use super::resolve::{Resolver, wrong};
use super::secret::{Origin, Secret, from_base64};
use super::syntax::{Entry, items};
use super::url::{CONNECT_TIMEOUT, UrlError};
use super::{BridgedUrl, Database, DatabaseJob, JdbcUrl, Level, ServerUrl, expand};
use crate::db::Server;
use crate::db::server::{PublicKey, Route, Tls, TlsMode};
use crate::error::{Error, Id, Result};

/// The keys of one database.
pub(super) struct Keys {
    pub(super) url: Key,
    pub(super) user: Key,
    pub(super) password: Key,
}

const OLD_IDENTITY: Keys =
    Keys { url: Key::OldIdnDbUrl, user: Key::OldIdnUsername, password: Key::OldIdnPassword };
const NEW_IDENTITY: Keys =
    Keys { url: Key::NewIdnDbUrl, user: Key::NewIdnUsername, password: Key::NewIdnPassword };
const NEW_REGISTRY: Keys =
    Keys { url: Key::NewRegDbUrl, user: Key::NewRegUsername, password: Key::NewRegPassword };
const OLD_REGISTRY: Keys =
    Keys { url: Key::OldRegDbUrl, user: Key::OldRegUsername, password: Key::OldRegPassword };

impl Resolver<'_> {
    /// The databases to rotate, and the old one if it is given.
    pub(super) fn databases(&mut self, sync: bool) -> Result<DatabaseJob> {
        let identity = self.database(&NEW_IDENTITY)?;
        let registry = self.database(&NEW_REGISTRY)?;
        let old_identity = if sync {
            Some(self.synced_database(&identity)?)
        } else {
            self.old_database(&OLD_IDENTITY, &[&identity, &registry])?
        };
        let old_registry = self.old_database(&OLD_REGISTRY, &[&identity, &registry])?;
        Ok(DatabaseJob { identity, registry, old_identity, old_registry, stores: Vec::new() })
    }

    /// Servers that follow those that are written to. Who logs on to the new identity database logs on there, too.
    pub(super) fn replicas(&mut self) -> Result<Vec<Database>> {
        let Some(entry) = self.given(Key::Replicas) else { return Ok(Vec::new()) };
        let mut replicas = Vec::new();
        for item in items(entry.value.expose()) {
            let url = JdbcUrl::parse(item, self.lookup.folder).map_err(|error| explain(entry, error))?;
            if !matches!(url, JdbcUrl::Server(_)) {
                let what = "takes only URLs of PostgreSQL, MySQL or MariaDB";
                return Err(wrong(Id::ConfigUrl, entry, what));
            }
            let database = self.log_on(&NEW_IDENTITY, url)?;
            replicas.push(Database { key: Key::Replicas.name(), ..database });
        }
        Ok(replicas)
    }

    /// The old identity database, or the new one, alone.
    pub(super) fn identity(&mut self, old: bool) -> Result<Database> {
        self.database(if old { &OLD_IDENTITY } else { &NEW_IDENTITY })
    }

    /// Refuses to rewrite the old server's database. Holds for whatever URLs are given, also those
    /// of parts that are switched off now: with those, other problems are left for later.
    pub(super) fn refuse_old_database(&self) -> Result<()> {
        for of_old in [OLD_IDENTITY, OLD_REGISTRY] {
            let Some(Ok(old)) = self.given(of_old.url).map(|entry| self.url(entry)) else { continue };
            for of_new in [NEW_IDENTITY, NEW_REGISTRY] {
                let Some(entry) = self.given(of_new.url) else { continue };
                let Ok(new) = self.url(entry) else { continue };
                if new.same_database(&old) && !self.are_of_two_users((&of_old, &old), (&of_new, &new)) {
                    let what = format!("is the same database as {} ({old})", of_old.url);
                    return Err(wrong(Id::ConfigOldDatabase, entry, what));
                }
            }
        }
        Ok(())
    }

    /// Whether two databases of one name are the schemas of two users.
    fn are_of_two_users(&self, one: (&Keys, &JdbcUrl), other: (&Keys, &JdbcUrl)) -> bool {
        let user = |(keys, url): (&Keys, &JdbcUrl)| match url {
            JdbcUrl::Bridged(url) if url.of_user => {
                let here = self.given(keys.user).map(|entry| entry.value.expose().to_owned());
                here.or_else(|| url.user.clone()).map(|user| user.to_lowercase())
            }
            _ => None,
        };
        matches!((user(one), user(other)), (Some(one), Some(other)) if one != other)
    }

    pub(super) fn database(&mut self, keys: &Keys) -> Result<Database> {
        let entry = self.needed(keys.url)?;
        let url = self.url(entry).map_err(|e| explain(entry, e))?;
        self.log_on(keys, url)
    }

    /// The old database, to be kept in step with: of the same kind as the new one.
    fn synced_database(&mut self, new: &Database) -> Result<Database> {
        let old = self.database(&OLD_IDENTITY)?;
        let is_sole = |database: &Database| matches!(&database.url, JdbcUrl::Bridged(url) if url.sole);
        if is_sole(&old) || is_sole(new) {
            let entry = self.needed(Key::EnableSyncMigrator)?;
            let what =
                "is true, and an embedded H2 file is open to one program at a time: the server's, or this";
            return Err(wrong(Id::ConfigUnsupportedDatabase, entry, what)
                .fix("set `enableSyncMigrator: false` and stop the old server while you rotate"));
        }
        if old.server.as_ref().map(|server| server.kind) == new.server.as_ref().map(|server| server.kind) {
            return Ok(old);
        }
        let entry = self.needed(OLD_IDENTITY.url)?;
        let what = "names a database of another kind than newIdnDBUrl, and rows are carried over as they are";
        Err(wrong(Id::ConfigValue, entry, what)
            .fix("make the copy on the same kind of database, or set `enableSyncMigrator: false`"))
    }

    /// An old database. Without sync nothing is read from it, so one that cannot be found, or is of
    /// another kind, only leaves the operator without the proof that it is not rewritten.
    pub(super) fn old_database(&mut self, keys: &Keys, new: &[&Database]) -> Result<Option<Database>> {
        let key = keys.url;
        let Some(entry) = self.given(key) else { return Ok(None) };
        match self.url(entry) {
            Ok(JdbcUrl::Server(url)) if !new.iter().any(|new| new.is_on(url.kind)) => Ok(None), // likewise
            Ok(JdbcUrl::Bridged(url)) if !new.iter().any(|new| new.is_on(url.kind)) => Ok(None),
            // The files themselves were compared, and the old server may have its own open.
            Ok(JdbcUrl::Bridged(url)) if url.file.is_some() => Ok(None),
            Ok(url) => self.log_on(keys, url).map(Some),
            Err(e @ (UrlError::Missing(..) | UrlError::NotAFile(_))) => {
                let problem = explain(entry, e);
                let text = format!("{}, so it cannot be compared with the new databases", problem.what());
                self.note(Level::Warning, text);
                Ok(None)
            }
            Err(e) => Err(explain(entry, e)),
        }
    }

    pub(super) fn url(&self, entry: &Entry) -> Result<JdbcUrl, UrlError> {
        JdbcUrl::parse(entry.value.expose(), self.lookup.folder)
    }

    fn log_on(&mut self, keys: &Keys, url: JdbcUrl) -> Result<Database> {
        let server = match &url {
            JdbcUrl::Sqlite { .. } => {
                // SQLite has no users, but a password that is written wrongly is still a mistake.
                self.check_base64(keys.password)?;
                None
            }
            JdbcUrl::Server(url) => Some(self.server(keys, url)?),
            JdbcUrl::Bridged(url) => Some(self.bridged(keys, url)?),
        };
        let key = self.given(keys.url).map_or(keys.url.name(), |entry| entry.name);
        Ok(Database { key, url, server })
    }

    /// The server with everything that is needed to log on.
    fn server(&mut self, keys: &Keys, url: &ServerUrl) -> Result<Server> {
        for name in &url.unknown {
            let text =
                format!("{} has the parameter {name}, which is not known and does nothing here", keys.url);
            self.note(Level::Warning, text);
        }
        let (user, password) = self.who(keys, url.user.clone(), url.password.clone())?;
        let by_jdbc = self.by_jdbc()?;
        if let (false, Some(problem)) = (by_jdbc, &url.java_only) {
            let entry = self.needed(keys.url)?;
            return Err(explain(entry, UrlError::Said(problem.clone())));
        }
        for name in url.idle.iter().filter(|_| !by_jdbc) {
            let text = format!(
                "{} has the parameter {name}, which has no effect here: it is for a JDBC driver (`driver: jdbc`)",
                keys.url
            );
            self.note(Level::Warning, text);
        }
        let java = if by_jdbc { Some(self.java(url.scheme)?) } else { None };
        let tls = self.tls(keys.url, url)?;
        let route = match java {
            Some(java) => {
                let properties = self.trust(keys.url, url, &tls)?;
                let url = Zeroizing::new(url.text.expose().to_owned());
                Some(Route { java, url, read_only: "", sole: false, properties })
            }
            None => None,
        };
        Ok(Server {
            kind: url.kind,
            hosts: url.hosts.clone(),
            database: url.database.clone(),
            schema: url.schema.clone(),
            user,
            password,
            tls,
            public_key: url.public_key.clone(),
            connect_timeout: url.connect_timeout,
            lock_wait: None,
            socket_timeout: url.socket_timeout,
            route,
        })
    }

    /// A database that only its JDBC driver can reach, likewise.
    fn bridged(&mut self, keys: &Keys, url: &BridgedUrl) -> Result<Server> {
        let (user, password) = self.who(keys, url.user.clone(), url.password.clone())?;
        if url.kind.is_untried() {
            let text = format!(
                "this version was not tested on a real {}, only on stand-ins: rehearse on a copy first, by \
                 the checklist in docs/databases.md",
                url.kind.name()
            );
            if !self.notices.iter().any(|notice| notice.text == text) {
                self.note(Level::Warning, text);
            }
        }
        if let Some(entry) = self.given(Key::Driver)
            && !self.by_jdbc()?
        {
            let what = format!("is native, and {} names a database of {}", keys.url, url.kind.name());
            return Err(wrong(Id::ConfigValue, entry, what).fix("write `driver: jdbc`"));
        }
        let route = Route {
            java: self.java(url.scheme())?,
            url: Zeroizing::new(url.url.expose().to_owned()),
            read_only: url.read_only,
            sole: url.sole,
            properties: self.trust_of_vendor(keys.url, url)?,
        };
        Ok(Server {
            kind: url.kind,
            hosts: Vec::new(),
            database: url.place.clone(),
            schema: None,
            user,
            password,
            tls: Tls { mode: TlsMode::Preferred, authorities: None, client: None },
            public_key: PublicKey::Unsaid,
            connect_timeout: CONNECT_TIMEOUT,
            lock_wait: None,
            socket_timeout: None,
            route: Some(route),
        })
    }

    /// User and password, by their keys or in the URL.
    fn who(
        &mut self,
        keys: &Keys,
        user_in_url: Option<String>,
        password_in_url: Option<Secret>,
    ) -> Result<(String, Zeroizing<String>)> {
        let user = self.given(keys.user).map(|entry| Secret::from(entry.value.expose()));
        let user = Self::one_of(keys.user, user, user_in_url.map(Secret::from))?;
        let user = user.ok_or_else(|| missing(keys.user))?;
        let password = self.password(keys.password)?;
        let password = Self::one_of(keys.password, password, password_in_url)?.unwrap_or_default();
        Ok((user.expose().to_owned(), Zeroizing::new(password.expose().to_owned())))
    }

    /// What the key and the URL say, which must not be two different things.
    fn one_of(key: Key, here: Option<Secret>, in_url: Option<Secret>) -> Result<Option<Secret>> {
        if let (Some(here), Some(there)) = (&here, &in_url)
            && here.expose() != there.expose()
        {
            let what = format!("{key} and the URL of the same database say two different things");
            return Err(
                Error::new(Id::ConfigValue, what).fix(format!("keep {key}, and take it out of the URL"))
            );
        }
        Ok(here.or(in_url))
    }

    /// The password: base64 in the file itself, as it is anywhere else.
    pub(super) fn password(&mut self, key: Key) -> Result<Option<Secret>> {
        let Some(entry) = self.given(key) else { return Ok(None) };
        match Origin::of(entry.value.expose()) {
            Origin::Here(text) => {
                from_base64(text).map(Some).map_err(|problem| wrong(Id::ConfigBase64, entry, problem))
            }
            _ => self.secret(key, entry).map(Some),
        }
    }

    /// TLS as the URL has it, with the authorities of `tlsCaFile`.
    fn tls(&self, key: Key, url: &ServerUrl) -> Result<Tls> {
        let tls = url.tls.clone();
        let Some(entry) = self.given(Key::TlsCaFile) else { return Ok(tls) };
        let path = expand(entry.value.expose(), self.lookup.folder)
            .map_err(|problem| wrong(Id::ConfigValue, entry, problem))?;
        if !path.is_file() {
            let problem = format!("names {}, which is not a file", path.display());
            return Err(wrong(Id::ConfigValue, entry, problem));
        }
        if url.tls_said && tls.mode == TlsMode::Disabled {
            let problem = format!("names authorities, and {key} forbids TLS");
            return Err(wrong(Id::ConfigValue, entry, problem)
                .fix(format!("take tlsCaFile out, or what forbids TLS in {key}")));
        }
        Ok(tls.trusting(path))
    }

    fn check_base64(&self, key: Key) -> Result<()> {
        let Some(entry) = self.given(key) else { return Ok(()) };
        let Origin::Here(text) = Origin::of(entry.value.expose()) else { return Ok(()) };
        from_base64(text).map(drop).map_err(|problem| wrong(Id::ConfigBase64, entry, problem))
    }
}

/// An error about a URL, which itself is never shown: it may carry a password.
pub(super) fn explain(entry: &Entry, error: UrlError) -> Error {
    let because = |id, what: String| wrong(id, entry, what);
    match error {
        UrlError::Malformed(what) => because(Id::ConfigUrl, what.to_owned()),
        UrlError::Said(what) | UrlError::Path(what) => because(Id::ConfigUrl, what),
        UrlError::Unknown(scheme) => {
            because(Id::ConfigUrl, format!("begins with a scheme that is not known ({scheme})")).fix(
                "write jdbc:postgresql://…, jdbc:mysql://…, jdbc:mariadb://…, jdbc:h2:…, jdbc:oracle:thin:@…, jdbc:sqlserver://…, jdbc:db2://… or jdbc:sqlite:/path/to/file.db",
            )
        }
        UrlError::Missing(path, problem) => because(
            Id::ConfigDatabaseFile,
            format!("names {}, which cannot be found: {problem}", path.display()),
        ),
        UrlError::NotAFile(path) => {
            because(Id::ConfigDatabaseFile, format!("names {}, which is not a regular file", path.display()))
        }
    }
}

fn missing(key: Key) -> Error {
    Error::new(Id::ConfigMissingKey, format!("{key} is missing"))
}
