//! The databases: their URLs, who logs on to them, and that none of them is the old one.

use super::keys::Key;
use super::resolve::{Resolver, wrong};
use super::secret::{Origin, Secret, from_base64};
use super::syntax::Entry;
use super::url::UrlError;
use super::{Database, DatabaseJob, JdbcUrl, Level};
use crate::error::{Error, Id, Result};

/// The keys of one database.
struct Keys {
    url: Key,
    password: Key,
}

const OLD_IDENTITY: Keys = Keys { url: Key::OldIdnDbUrl, password: Key::OldIdnPassword };
const NEW_IDENTITY: Keys = Keys { url: Key::NewIdnDbUrl, password: Key::NewIdnPassword };
const NEW_REGISTRY: Keys = Keys { url: Key::NewRegDbUrl, password: Key::NewRegPassword };

impl Resolver<'_> {
    /// The databases to rotate, and the old one if it is given.
    pub(super) fn databases(&mut self) -> Result<DatabaseJob> {
        let identity = self.database(&NEW_IDENTITY)?;
        let registry = self.database(&NEW_REGISTRY)?;
        let old_identity = self.old_database()?;
        Ok(DatabaseJob { identity, registry, old_identity })
    }

    /// Refuses to rewrite the old server's database. Holds for whatever URLs are given, also those
    /// of parts that are switched off now: with those, other problems are left for later.
    pub(super) fn refuse_old_database(&self) -> Result<()> {
        let Some(Ok(old)) = self.given(OLD_IDENTITY.url).map(|entry| self.url(entry)) else { return Ok(()) };
        for Keys { url: key, .. } in [NEW_IDENTITY, NEW_REGISTRY] {
            let Some(entry) = self.given(key) else { continue };
            if self.url(entry).is_ok_and(|new| new.same_database(&old)) {
                return Err(wrong(
                    Id::ConfigOldDatabase,
                    key,
                    entry,
                    format!("is the same database as oldIdnDBUrl ({old})"),
                ));
            }
        }
        Ok(())
    }

    fn database(&self, keys: &Keys) -> Result<Database> {
        let entry = self.needed(keys.url)?;
        let url = self.url(entry).map_err(|e| explain(keys.url, entry, e))?;
        self.log_on(keys, url)
    }

    /// The old database. Without sync nothing is read from it, so one that cannot be found, or is of
    /// another kind, only leaves the operator without the proof that it is not rewritten.
    fn old_database(&mut self) -> Result<Option<Database>> {
        let key = OLD_IDENTITY.url;
        let Some(entry) = self.given(key) else { return Ok(None) };
        match self.url(entry) {
            Ok(url) => self.log_on(&OLD_IDENTITY, url).map(Some),
            Err(UrlError::Unsupported(_)) => Ok(None), // of another kind, so not the same
            Err(e @ (UrlError::Missing(..) | UrlError::NotAFile(_))) => {
                let problem = explain(key, entry, e);
                let text = format!("{}, so it cannot be compared with the new databases", problem.what());
                self.note(Level::Warning, text);
                Ok(None)
            }
            Err(e) => Err(explain(key, entry, e)),
        }
    }

    fn url(&self, entry: &Entry) -> Result<JdbcUrl, UrlError> {
        JdbcUrl::parse(entry.value.expose(), self.lookup.folder)
    }

    fn log_on(&self, keys: &Keys, url: JdbcUrl) -> Result<Database> {
        let (user, password) = match url {
            JdbcUrl::Sqlite { .. } => {
                // SQLite has no users, but a password that is written wrongly is still a mistake.
                self.check_base64(keys.password)?;
                (String::new(), Secret::default())
            }
        };
        Ok(Database { key: keys.url.name(), url, user, password })
    }

    fn check_base64(&self, key: Key) -> Result<()> {
        let Some(entry) = self.given(key) else { return Ok(()) };
        let Origin::Here(text) = Origin::of(entry.value.expose()) else { return Ok(()) };
        from_base64(text).map(drop).map_err(|problem| wrong(Id::ConfigBase64, key, entry, problem))
    }
}

/// An error about a URL, which itself is never shown: it may carry a password.
fn explain(key: Key, entry: &Entry, error: UrlError) -> Error {
    let because = |id, what: String| wrong(id, key, entry, what);
    match error {
        UrlError::Malformed(what) => because(Id::ConfigUrl, what.to_owned()),
        UrlError::Path(what) => because(Id::ConfigUrl, what),
        UrlError::Unknown(scheme) => {
            because(Id::ConfigUrl, format!("begins with a scheme that is not known ({scheme})")).fix(format!(
                "write `jdbc:sqlite:/path/to/file.db`; known, but not supported yet: {}",
                JdbcUrl::unsupported()
            ))
        }
        UrlError::Unsupported(name) => because(
            Id::ConfigUnsupportedDatabase,
            format!("names a database of {name}, which is not supported yet"),
        ),
        UrlError::Missing(path, problem) => because(
            Id::ConfigDatabaseFile,
            format!("names {}, which cannot be found: {problem}", path.display()),
        ),
        UrlError::NotAFile(path) => {
            because(Id::ConfigDatabaseFile, format!("names {}, which is not a regular file", path.display()))
        }
    }
}
