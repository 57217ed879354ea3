//! `stores`: further databases with tables of people's own, such as one that a user store has for itself.

use serde::Deserialize;

use super::databases::Keys;
use super::keys::Key;
use super::resolve::{Resolver, wrong};
use super::secret::Secret;
use super::{Database, DatabaseJob, JdbcUrl, Level, Mode, OwnTargets, Raw};
use crate::error::{Error, Id, Result};

/// A further database.
#[derive(Debug, Clone)]
pub struct FurtherStore {
    /// What `targets` calls it.
    pub name: String,
    /// The one that is rotated.
    pub new: Database,
    /// The old server's, when the file names one that can be looked at: only compared with the new ones.
    pub old: Option<Database>,
}

impl DatabaseJob {
    /// All that are rotated.
    pub fn new_ones(&self) -> impl Iterator<Item = &Database> {
        [&self.identity, &self.registry].into_iter().chain(self.stores.iter().map(|store| &store.new))
    }

    /// All of the old server's that are known.
    pub fn old_ones(&self) -> impl Iterator<Item = &Database> {
        let built_in = [&self.old_identity, &self.old_registry].into_iter().flatten();
        built_in.chain(self.stores.iter().filter_map(|store| store.old.as_ref()))
    }
}

const NEW: Keys = Keys { url: Key::StoreUrl, user: Key::StoreUsername, password: Key::StorePassword };
const OLD: Keys =
    Keys { url: Key::OldStoreUrl, user: Key::OldStoreUsername, password: Key::OldStorePassword };

/// What the file says of all databases.
const SHARED: [Key; 3] = [Key::TlsCaFile, Key::Driver, Key::JdbcDrivers];

/// Names of databases that have keys of their own.
const BUILT_IN: [&str; 2] = ["identity", "registry"];

/// The longest name of one.
const LONGEST: usize = 30;

/// One item of the list, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Item {
    name: String,
    url: String,
    username: Option<String>,
    password: Option<String>,
    old_url: Option<String>,
    old_username: Option<String>,
    old_password: Option<String>,
}

impl Item {
    fn values(self) -> Vec<(Key, Secret)> {
        let Self { name: _, url, username, password, old_url, old_username, old_password } = self;
        let all = [
            (Key::StoreUrl, Some(url)),
            (Key::StoreUsername, username),
            (Key::StorePassword, password),
            (Key::OldStoreUrl, old_url),
            (Key::OldStoreUsername, old_username),
            (Key::OldStorePassword, old_password),
        ];
        all.into_iter().filter_map(|(key, value)| Some((key, value?.into()))).collect()
    }
}

/// Each item that can be read, with its name, as if it stood in the file by itself.
pub(super) fn each(raw: &Raw) -> Vec<(String, Raw)> {
    let Some(entry) = raw.get(Key::Stores) else { return Vec::new() };
    let items: Vec<Item> = serde_yaml::from_str(entry.value.expose()).unwrap_or_default();
    let of = |item: Item| (item.name.clone(), raw.of_item(&SHARED, entry.line, item.values()));
    items.into_iter().map(of).collect()
}

impl Resolver<'_> {
    /// What `stores` says, each with a table of `own`, and none the database of another.
    pub(super) fn stores(&mut self, mode: Mode, databases: &mut DatabaseJob, own: &OwnTargets) -> Result<()> {
        let named = |name: &str| own.tables.iter().any(|table| table.store == name);
        if let Some(entry) = self.given(Key::Stores) {
            let items: Vec<Item> = serde_yaml::from_str(entry.value.expose()).map_err(|error| {
                let line = error.location().map_or(entry.line, |place| entry.line + place.line() - 1);
                // What it says may have a password in it.
                let what = "is not understood: items have name, url, username, password, oldUrl, oldUsername, \
                            oldPassword, each a text";
                Error::new(Id::ConfigStores, format!("line {line}: stores: {what}"))
            })?;
            for item in items {
                let name = item.name.clone();
                let refused = |what: &str| {
                    let name = name.escape_debug();
                    wrong(Id::ConfigStores, entry, format!("has a store `{name}`, {what}"))
                };
                if !is_fit(&name) {
                    return Err(refused(
                        "whose name must begin with a letter and have only small letters, digits and -, 30 \
                         at most, and must not be the name of a known database",
                    ));
                }
                if databases.stores.iter().any(|store| store.name == name) {
                    return Err(refused("twice"));
                }
                if !named(&name) {
                    return Err(refused(&format!("and no table of `targets` has `store: {name}`")));
                }
                let raw = self.raw.of_item(&SHARED, entry.line, item.values());
                let store = self.store(mode, name.clone(), &raw, databases).map_err(|error| {
                    Error::new(error.id(), format!("the store {name}: {}", error.what())).fix(error.remedy())
                })?;
                databases.stores.push(store);
            }
        }
        let is_known =
            |name: &str| BUILT_IN.contains(&name) || databases.stores.iter().any(|store| store.name == name);
        match own.tables.iter().find(|table| !is_known(&table.store)) {
            None => Ok(()),
            Some(table) => {
                let what = format!(
                    "targets: {}: the store `{}` is neither `identity` nor `registry`, nor does `stores` have it",
                    table.table, table.store
                );
                Err(Error::new(Id::ConfigTargets, what))
            }
        }
    }

    fn store(
        &mut self,
        mode: Mode,
        name: String,
        raw: &Raw,
        databases: &DatabaseJob,
    ) -> Result<FurtherStore> {
        let mut inner =
            Resolver { raw, lookup: self.lookup, notices: Vec::new(), new_key_is_hex: self.new_key_is_hex };
        let new = inner.database(&NEW)?;
        let old = inner.old_database(&OLD, &[&new])?;
        let url = inner.needed(Key::StoreUrl)?;
        if let Some(entry) = inner.given(Key::OldStoreUrl) {
            if mode.is_in_place() {
                let what = "is given, and with `mode: in-place` there is no old deployment";
                return Err(wrong(Id::ConfigValue, entry, what));
            }
        } else if !mode.is_in_place() {
            let text = format!(
                "the store {name} has no oldUrl, so nothing proves that it is not the old server's own database"
            );
            inner.note(Level::Warning, text);
        }
        if let Some(other) = databases.new_ones().find(|other| other.is_same(&new)) {
            let what = format!("is the same database as {}", other.key);
            return Err(wrong(Id::ConfigStores, url, what).fix(
                "name the table with the store of that database: `store: identity` or `store: registry`",
            ));
        }
        let raw_old = inner.given(Key::OldStoreUrl).map(|entry| inner.url(entry)).and_then(Result::ok);
        let is_new = |old: JdbcUrl| {
            old.same_database(&new.url) || databases.new_ones().any(|one| old.same_database(&one.url))
        };
        if raw_old.is_some_and(is_new) || databases.old_ones().chain(&old).any(|old| old.is_same(&new)) {
            return Err(wrong(Id::ConfigOldDatabase, url, "is the same database as one of the old server's"));
        }
        self.notices.append(&mut inner.notices);
        Ok(FurtherStore { name, new, old })
    }
}

fn is_fit(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !BUILT_IN.contains(&name)
        && name.len() <= LONGEST
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(fits)
}
