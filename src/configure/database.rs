//! The table of one database: where the copy is, and who logs on.
//!
//! Where the file's URL is of the same kind, only its hosts, database and schema become those of
//! `properties.yaml`; the rest of it, which is for the server's driver, stays.

use std::path::Path;

use super::reference::reference;
use super::toml::entry;
use super::{ByHand, Change, Edit, mask};
use crate::config::{JdbcUrl, NewDatabase, ServerUrl, read_url};
use crate::db::server::{Host, Kind};

/// What the caller decides.
pub(super) struct Choice<'a> {
    /// A reference that is to stand for the password.
    pub(super) password_as: Option<&'a str>,
    /// Whether user and password stay.
    pub(super) keep_credentials: bool,
}

impl Edit<'_, '_> {
    /// Sets what differs in `[database.NAME]`.
    pub(super) fn database(
        &mut self,
        name: &str,
        wanted: &NewDatabase,
        choice: &Choice<'_>,
    ) -> Result<(), String> {
        let table = ["database", name];
        let old = self.toml.get(&table, "url")?.filter(|url| !url.is_empty());
        match &old {
            Some(url) if reference(url).is_some() => self.by_hand.push(ByHand {
                what: format!("{} is {url}", entry(&table, "url")),
                steps: vec![format!(
                    "where that is kept, set it to {}",
                    mask::masked_url(wanted.url.expose())
                )],
            }),
            Some(url) => self.url(&table, url, wanted)?,
            None if self.toml.get(&table, "hostname")?.is_some()
                || self.toml.get(&table, "name")?.is_some() =>
            {
                self.place(&table, wanted)?;
            }
            None => {
                self.kind(&table, wanted, true)?;
                self.set(&table, "url", wanted.url.expose(), &mask::masked_url(wanted.url.expose()))?;
            }
        }
        if choice.keep_credentials {
            return Ok(());
        }
        if let Some(JdbcUrl::Server(url)) = old.as_deref().and_then(read)
            && (url.user.is_some() || url.password.is_some())
        {
            self.by_hand.push(ByHand {
                what: format!("{} itself says who logs on", entry(&table, "url")),
                steps: vec![
                    "set user and password there, or take them out of it and call this again".to_owned(),
                ],
            });
            return Ok(());
        }
        self.credentials(&table, wanted, choice.password_as)
    }

    fn url(&mut self, table: &[&str], old: &str, wanted: &NewDatabase) -> Result<(), String> {
        let new = match (read(old), &wanted.parsed) {
            (Some(JdbcUrl::Server(here)), Some(JdbcUrl::Server(there))) if here.kind == there.kind => {
                if same_place(&here, there) {
                    return Ok(());
                }
                moved(old, wanted.url.expose(), &here, there)
            }
            (here, there) => {
                if here.as_ref() == there.as_ref() && here.is_some() || old == wanted.url.expose() {
                    return Ok(());
                }
                // A kind that is not known here keeps its type: both URLs begin alike.
                let scheme =
                    |url: &str| url.split(':').take(2).collect::<Vec<_>>().join(":").to_ascii_lowercase();
                if scheme(old) != scheme(wanted.url.expose()) {
                    self.kind(table, wanted, false)?;
                }
                wanted.url.expose().to_owned()
            }
        };
        self.set(table, "url", &new, &mask::masked_url(&new))
    }

    /// Host, port and name, each an entry of its own.
    fn place(&mut self, table: &[&str], wanted: &NewDatabase) -> Result<(), String> {
        let key = wanted.key;
        let told = |what: &str| {
            Err(format!(
                "[{}] has hostname and name, {what}: put `url = \"…\"` in their place and call this again",
                table.join(".")
            ))
        };
        let Some(JdbcUrl::Server(url)) = &wanted.parsed else {
            return told(&format!("which {key} cannot be taken apart into"));
        };
        let [host] = url.hosts.as_slice() else { return told(&format!("and {key} has several hosts")) };
        if url.schema.is_some() {
            return told(&format!("and {key} names a schema"));
        }
        let kind = self.toml.get(table, "type")?.unwrap_or_default();
        if !kind.is_empty() && kind_of(&kind) != Some(url.kind) {
            return told(&format!("type {kind:?}, and {key} is of another kind"));
        }
        let port = match self.toml.get(table, "port")? {
            Some(port) if reference(&port).is_some() => None,
            port => Some(port.unwrap_or_else(|| default_port(url.kind).to_string())),
        };
        for (entry, wanted) in [("hostname", &host.name), ("name", &url.database)] {
            self.part(table, entry, wanted)?;
        }
        match port {
            Some(port) if port.trim() == host.port.to_string() => Ok(()),
            Some(_) if self.toml.is_number(table, "port") => {
                self.changes.push(Change::new(table, "port", host.port.to_string()));
                self.editor.set_number(table, "port", host.port)
            }
            _ => self.part(table, "port", &host.port.to_string()),
        }
    }

    /// One part of a place, unless it is right or kept elsewhere.
    fn part(&mut self, table: &[&str], key: &str, wanted: &str) -> Result<(), String> {
        match self.toml.get(table, key)? {
            Some(here) if here == wanted || key == "hostname" && here.eq_ignore_ascii_case(wanted) => Ok(()),
            Some(here) if reference(&here).is_some() => {
                self.by_hand.push(ByHand {
                    what: format!("{} is {here}", entry(table, key)),
                    steps: vec![format!("where that is kept, set it to {wanted}")],
                });
                Ok(())
            }
            _ => self.set(table, key, wanted, wanted),
        }
    }

    /// The type, for a table whose URL is a new one; and what has to go with it.
    fn kind(&mut self, table: &[&str], wanted: &NewDatabase, fresh: bool) -> Result<(), String> {
        let known = match &wanted.parsed {
            Some(JdbcUrl::Server(url)) => Some(url.kind),
            Some(JdbcUrl::Bridged(url)) => Some(url.kind),
            Some(JdbcUrl::Sqlite { .. }) | None => None,
        };
        let word = known.map(|kind| match kind {
            Kind::Postgres => "postgre",
            Kind::MySql => "mysql",
            Kind::H2 => "h2",
            Kind::Oracle => "oracle",
            Kind::SqlServer => "mssql",
            Kind::Db2 => "db2",
        });
        match word {
            Some(word) => {
                if self.toml.get(table, "type")?.as_deref() != Some(word) {
                    self.set(table, "type", word, word)?;
                }
            }
            None => self.warn(format!(
                "[{}] type is not changed, since the server's word for {} is not known",
                table.join("."),
                wanted.key
            )),
        }
        if !fresh {
            self.warn(format!(
                "[{}] becomes a database of another kind: see that driver and validation query fit, and that the \
                 driver is in repository/components/lib",
                table.join(".")
            ));
        }
        Ok(())
    }

    fn credentials(
        &mut self,
        table: &[&str],
        wanted: &NewDatabase,
        password_as: Option<&str>,
    ) -> Result<(), String> {
        if let Some(user) = &wanted.user {
            let before = self.changes.len();
            self.part(table, "username", user)?;
            if self.changes.len() > before && self.toml.get(table, "username")?.is_some() {
                self.note(format!(
                    "[{}] username changes: the server needs a user with all its rights; if {user} is one for the \
                     rotation alone, use --keep-credentials",
                    table.join(".")
                ));
            }
        }
        let here = self.toml.get(table, "password")?;
        if let Some(reference) = password_as {
            if here.as_deref() != Some(reference) {
                self.set(table, "password", reference, reference)?;
            }
            return Ok(());
        }
        let Some(password) = &wanted.password else { return Ok(()) };
        match here {
            Some(here) if here == password.expose() => Ok(()),
            Some(here) if reference(&here).is_some() => {
                self.kept_elsewhere(
                    table,
                    "password",
                    &here,
                    "the copy's password, if it is another one",
                    None,
                );
                Ok(())
            }
            _ => {
                if password.expose().contains(['&', '<']) {
                    self.warn(format!(
                        "{} has & or <, and the server makes XML files of deployment.toml: see that it starts",
                        entry(table, "password")
                    ));
                }
                self.set(table, "password", password.expose(), "the copy's password")
            }
        }
    }
}

/// A URL of the file; a relative one is relative to wherever the server runs.
pub(super) fn read(url: &str) -> Option<JdbcUrl> {
    read_url(url, Path::new("/"))
}

fn same_place(here: &ServerUrl, there: &ServerUrl) -> bool {
    let same = |(here, there): (&Host, &Host)| {
        here.port == there.port && here.name.eq_ignore_ascii_case(&there.name)
    };
    here.hosts.len() == there.hosts.len()
        && here.hosts.iter().zip(&there.hosts).all(same)
        && here.database == there.database
        && here.schema == there.schema
}

/// The old URL, with hosts, database and schema of the new one.
fn moved(old: &str, new: &str, here: &ServerUrl, there: &ServerUrl) -> String {
    let place = |url: &str| {
        let after = url.splitn(3, ':').nth(2).unwrap_or_default();
        after.split('?').next().unwrap_or_default().to_owned()
    };
    let scheme_of = |url: &str| url.split(':').nth(1).unwrap_or_default().to_ascii_lowercase();
    if scheme_of(old) != scheme_of(new) && !place(new).starts_with("//") {
        return new.to_owned(); // a form of its own that only its driver understands
    }
    let scheme = old.split(':').take(2).collect::<Vec<_>>().join(":");
    let query = old.split_once('?').map(|(_, query)| query);
    let query = if here.schema == there.schema {
        query.map(str::to_owned)
    } else {
        with_schema(query.unwrap_or_default(), there.schema.as_deref())
    };
    format!("{scheme}:{}{}", place(new), query.map(|query| format!("?{query}")).unwrap_or_default())
}

fn with_schema(query: &str, schema: Option<&str>) -> Option<String> {
    let separator = if query.contains("&amp;") { "&amp;" } else { "&" };
    let kept = query.split(separator).filter(|part| !part.is_empty() && !part.starts_with("currentSchema="));
    let parts: Vec<_> =
        kept.map(str::to_owned).chain(schema.map(|schema| format!("currentSchema={schema}"))).collect();
    (!parts.is_empty()).then(|| parts.join(separator))
}

/// The kind of server that a `type` means.
fn kind_of(word: &str) -> Option<Kind> {
    match word.to_ascii_lowercase().as_str() {
        "postgre" | "postgresql" | "postgres" => Some(Kind::Postgres),
        "mysql" | "mariadb" => Some(Kind::MySql),
        "h2" => Some(Kind::H2),
        "oracle" => Some(Kind::Oracle),
        "mssql" => Some(Kind::SqlServer),
        "db2" => Some(Kind::Db2),
        _ => None,
    }
}

fn default_port(kind: Kind) -> u16 {
    match kind {
        Kind::Postgres => 5432,
        Kind::MySql => 3306,
        Kind::H2 => 9092,
        Kind::Oracle => 1521,
        Kind::SqlServer => 1433,
        Kind::Db2 => 50_000,
    }
}
