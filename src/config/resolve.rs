//! From keys and values to [`Settings`]: what they mean, and whether they fit together.
//!
//! Every check that needs no open database is here. The first thing wrong ends it, save that all
//! missing keys are named at once.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::home::{DEPLOYMENT, Home, KEY_IDS_SINCE};
use super::interactive::Stdin;
use super::keys::Key;
use super::secret::Lookup;
use super::syntax::{Entry, Raw, items};
use super::taken;
use super::{
    CHUNK_DEFAULT, CHUNK_LITERAL_MAX, CHUNK_MAX, CHUNK_MIN, CONNECTIONS_MAX, ChunkSize, Database, FilesJob,
    Level, Mode, Notice, Overrides, PATIENCE, RebuildIndexes, Settings, SyncChoice,
};
use crate::error::{Error, Id, Result};
use crate::sizes::Sizes;

/// How far behind followers may be, where they can be seen and nobody says anything, beside servers that work.
const MAX_LAG: Duration = Duration::from_secs(10);

/// Where the values come from.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    /// The properties file, absolute.
    pub(super) file: &'a Path,
    /// Whether everyone may read it.
    pub(super) exposed: bool,
    /// The environment.
    pub(super) env: &'a dyn Fn(&str) -> Option<OsString>,
    /// Standard input.
    pub(super) stdin: &'a Stdin,
}

/// Checks the values and puts them together.
pub(super) fn settings(raw: &Raw, origin: Origin<'_>, overrides: Overrides) -> Result<Settings> {
    let mut resolver = Resolver::new(raw, origin);
    let mode = resolver.mode()?;
    let parts = resolver.parts()?;
    resolver.require(&parts, mode)?;

    let keys = resolver.key_ring()?;
    let chunk_size = resolver.chunk_size(overrides)?;
    let connections = resolver.number(Key::Connections, overrides.connections, CONNECTIONS_MAX)?;
    let max_rows_per_second =
        resolver.number(Key::MaxRowsPerSecond, overrides.max_rows_per_second, u32::MAX)?;
    let upgrade = resolver.upgrade()?;
    let rebuild_indexes = resolver.rebuild_indexes(overrides.rebuild_indexes)?;
    resolver.refuse_old_database()?;
    let mut databases = parts.databases.then(|| resolver.databases(parts.sync)).transpose()?;
    let sync_tables = resolver.sync_tables(parts.sync)?;
    let own = resolver.own_targets(parts.databases)?;
    if let Some(databases) = &mut databases {
        resolver.stores(mode, databases, &own)?;
    }
    let replicas = resolver.replicas()?;
    let mut nodes = resolver.nodes()?;
    let home = match nodes.first() {
        Some(first) if resolver.given(Key::NewIsHome).is_none() => Some(first.clone()),
        _ => resolver.home(parts.files)?,
    };
    if let Some(home) = home.as_ref().filter(|_| mode.is_in_place()) {
        nodes.retain(|node| node != home);
        nodes.insert(0, home.clone());
    }
    let key_id = resolver.key_id(home.as_deref())? || mode.is_in_place();
    let old_home = resolver.old_home(home.as_deref())?;
    let files = match home {
        Some(home) if parts.files => Some(FilesJob {
            home,
            further_homes: nodes.get(1..).unwrap_or_default().to_vec(),
            allowed_roots: resolver.allowed_roots()?,
        }),
        _ => None,
    };
    let on_event = resolver.on_event()?;
    resolver.warn_of_exposure(origin);

    let (file, folder) = (origin.file.to_owned(), resolver.lookup.folder.to_owned());
    let notices = resolver.notices;
    Ok(Settings {
        file,
        folder,
        mode,
        nodes,
        keys,
        files,
        old_home,
        databases,
        sync_tables,
        chunk_size,
        connections,
        max_rows_per_second,
        own,
        max_lag: overrides.max_lag.or(mode.is_in_place().then_some(MAX_LAG)),
        max_load: overrides.max_load,
        gives_way: overrides.max_lag.is_some() || overrides.max_load.is_some(),
        replicas,
        without_tables: Vec::new(),
        patience: overrides.patience.unwrap_or(PATIENCE),
        rebuild_indexes,
        sizes: if mode.is_in_place() { Sizes::gentle() } else { Sizes::new() },
        upgrade,
        key_id,
        on_event,
        notices,
    })
}

/// One identity database alone, with what the operator should know.
pub(super) fn identity(raw: &Raw, origin: Origin<'_>, old: bool) -> Result<(Database, Vec<Notice>)> {
    let mut resolver = Resolver::new(raw, origin);
    let database = resolver.identity(old)?;
    Ok((database, resolver.notices))
}

/// The parts of the rotation that are switched on.
struct Parts {
    databases: bool,
    files: bool,
    sync: bool,
}

/// The values, and what was found out while reading them.
pub(super) struct Resolver<'a> {
    pub(super) raw: &'a Raw,
    pub(super) lookup: Lookup<'a>,
    pub(super) notices: Vec<Notice>,
    pub(super) new_key_is_hex: bool,
}

/// An error about a key's value.
pub(super) fn wrong(id: Id, entry: &Entry, what: impl std::fmt::Display) -> Error {
    Error::new(id, format!("line {}: {} {what}", entry.line, entry.name))
}

impl<'a> Resolver<'a> {
    pub(super) fn new(raw: &'a Raw, origin: Origin<'a>) -> Self {
        let folder = origin.file.parent().unwrap_or(origin.file);
        let lookup = Lookup { folder, env: origin.env, stdin: origin.stdin };
        // Before any command is run: what is a secret in the environment is no child's.
        for name in raw.texts().filter_map(|text| text.strip_prefix("env:")) {
            taken::remember(name);
        }
        Self { raw, lookup, notices: Vec::new(), new_key_is_hex: false }
    }

    pub(super) fn note(&mut self, level: Level, text: impl Into<String>) {
        self.notices.push(Notice { level, text: text.into() });
    }

    /// The key's entry if it has a value; an empty one says nothing where nothing is needed.
    pub(super) fn given(&self, key: Key) -> Option<&'a Entry> {
        self.raw.get(key).filter(|entry| !entry.value.expose().is_empty())
    }

    pub(super) fn needed(&self, key: Key) -> Result<&'a Entry> {
        self.raw.get(key).ok_or_else(|| Error::new(Id::ConfigMissingKey, format!("{key} is missing")))
    }

    fn flag(&self, key: Key) -> Result<Option<bool>> {
        let Some(entry) = self.raw.get(key) else { return Ok(None) };
        match entry.value.expose() {
            on if on.eq_ignore_ascii_case("true") => Ok(Some(true)),
            off if off.eq_ignore_ascii_case("false") => Ok(Some(false)),
            _ => Err(wrong(Id::ConfigValue, entry, "is neither true nor false")
                .fix(format!("write `{key}: true` or `{key}: false`"))),
        }
    }

    fn parts(&mut self) -> Result<Parts> {
        let mut part = |key, of: &str| {
            let on = self.flag(key)?;
            if on.is_none() {
                let text = format!("{key} is not given, so {of} are not rotated");
                self.note(Level::Warning, text);
            }
            Ok::<_, Error>(on.unwrap_or(false))
        };
        let databases = part(Key::EnableDbMigrator, "the databases")?;
        let files = part(Key::EnableConfigMigrator, "the configuration files")?;
        let sync = self.flag(Key::EnableSyncMigrator)? == Some(true);
        if sync && !databases {
            let entry = self.needed(Key::EnableSyncMigrator)?;
            return Err(wrong(Id::ConfigValue, entry, "is true, and no database is rotated")
                .fix("set `enableDBMigrator: true`, too"));
        }
        if databases || files {
            return Ok(Parts { databases, files, sync });
        }
        Err(Error::new(
            Id::ConfigNothingEnabled,
            "there is nothing to do: neither enableDBMigrator nor enableConfigMigrator is true",
        ))
    }

    /// User and password are not among the needed keys: SQLite has none, and URLs may carry them.
    fn require(&self, parts: &Parts, mode: Mode) -> Result<()> {
        let needed = [
            (Key::OldSecretKey, self.given(Key::OldSecretKeys).is_none()),
            (Key::NewSecretKey, true),
            (Key::NewIsHome, parts.files && self.given(Key::Homes).is_none()),
            (Key::NewIdnDbUrl, parts.databases),
            (Key::NewRegDbUrl, parts.databases),
            (Key::OldIdnDbUrl, parts.sync),
        ];
        let missing: Vec<_> = needed
            .into_iter()
            .filter(|(key, needed)| *needed && self.raw.get(*key).is_none())
            .map(|(key, _)| mode.name(key))
            .collect();
        match missing.as_slice() {
            [] => Ok(()),
            [one] => Err(Error::new(Id::ConfigMissingKey, format!("{one} is missing"))),
            many => Err(Error::new(Id::ConfigMissingKey, format!("these are missing: {}", many.join(", ")))),
        }
    }

    fn chunk_size(&mut self, overrides: Overrides) -> Result<ChunkSize> {
        if let Some(start) = overrides.chunk_size {
            if !(1..=CHUNK_LITERAL_MAX).contains(&start) {
                return Err(Error::new(
                    Id::CommandLineValue,
                    format!("--chunk-size {start} is not between 1 and {CHUNK_LITERAL_MAX}"),
                ));
            }
            return Ok(ChunkSize { start, fixed: true });
        }
        let Some(entry) = self.raw.get(Key::ChunkSize) else {
            return Ok(ChunkSize { start: CHUNK_DEFAULT, fixed: false });
        };
        let digits = entry.value.expose();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong(Id::ConfigValue, entry, "is not a whole number of rows")
                .fix(format!("write a number from {CHUNK_MIN} to {CHUNK_MAX}, or remove the line")));
        }
        // Only digits: a number that does not fit is too large.
        let asked = digits.parse::<u32>().unwrap_or(u32::MAX);
        let start = asked.clamp(CHUNK_MIN, CHUNK_MAX);
        if start != asked {
            let how = if start > asked { "raised" } else { "lowered" };
            self.note(Level::Info, format!("chunkSize is {how} to {start} rows; --chunk-size sets any size"));
        }
        Ok(ChunkSize { start, fixed: false })
    }

    /// A number from 1 to `most`: what the command line says, else what the file does.
    fn number(&self, key: Key, asked: Option<u32>, most: u32) -> Result<Option<u32>> {
        if asked.is_some() {
            return Ok(asked); // the command line checks its own
        }
        let Some(entry) = self.given(key) else { return Ok(None) };
        match entry.value.expose().parse() {
            Ok(number) if (1..=most).contains(&number) => Ok(Some(number)),
            _ => Err(wrong(Id::ConfigValue, entry, format!("is not a whole number from 1 to {most}"))),
        }
    }

    /// What `syncTables` adds to the tables that are kept in step, or leaves out.
    fn sync_tables(&self, sync: bool) -> Result<Option<Vec<SyncChoice>>> {
        if !sync {
            return Ok(None);
        }
        let key = Key::SyncTables;
        let Some(entry) = self.given(key) else { return Ok(Some(Vec::new())) };
        let choice = |item: &str| {
            let (wanted, name) = match item.strip_prefix('-') {
                Some(name) => (false, name),
                None => (true, item.strip_prefix('+').unwrap_or(item)),
            };
            let table = name.trim().to_uppercase();
            let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            (!table.is_empty() && is_name(&table)).then_some(SyncChoice { table, wanted })
        };
        let choices = items(entry.value.expose()).into_iter().map(choice).collect::<Option<_>>();
        choices.map(Some).ok_or_else(|| {
            wrong(Id::ConfigValue, entry, "is not a list of tables")
                .fix("write `syncTables: [-IDN_OAUTH2_TOKEN_BINDING]` to leave one out")
        })
    }

    fn upgrade(&self) -> Result<bool> {
        let Some(entry) = self.raw.get(Key::Transformation) else { return Ok(false) };
        if entry.value.expose() == "AES/GCM/NoPadding" {
            return Ok(true);
        }
        Err(wrong(Id::ConfigValue, entry, "is not AES/GCM/NoPadding")
            .fix("write `transformation: AES/GCM/NoPadding`, or remove the line to keep each value's own"))
    }

    /// What the command line says of the indexes, else what the file does.
    fn rebuild_indexes(&self, asked: Option<RebuildIndexes>) -> Result<RebuildIndexes> {
        let Some(entry) = self.given(Key::RebuildIndexes) else { return Ok(asked.unwrap_or_default()) };
        match entry.value.expose() {
            _ if asked.is_some() => Ok(asked.unwrap_or_default()),
            "auto" => Ok(RebuildIndexes::Auto),
            "always" => Ok(RebuildIndexes::Always),
            "never" => Ok(RebuildIndexes::Never),
            _ => Err(wrong(Id::ConfigValue, entry, "is not auto, always or never")),
        }
    }

    /// Whether new values carry the new key's id: as `enableKeyId` says, else as the server needs.
    pub(super) fn key_id(&mut self, folder: Option<&Path>) -> Result<bool> {
        let asked = self.flag(Key::EnableKeyId)?;
        let Some(folder) = folder else { return Ok(asked.unwrap_or(false)) };
        let home = Home::inspect(folder);
        if let Some(problem) = &home.problem {
            let text = format!(
                "{}: {problem}, so its [encryption] settings are not known",
                folder.join(DEPLOYMENT).display()
            );
            self.note(Level::Warning, text);
        }
        let needed = home.key_ids();
        match (asked, needed) {
            (Some(false), Some(true)) if home.old_key => {
                let entry = self.needed(Key::EnableKeyId)?;
                let what = "is false, but the new server's deployment.toml has old_key: it would decrypt \
                            values without an id with its old key, so it could read no rotated value";
                return Err(wrong(Id::ConfigValue, entry, what).fix("remove the line"));
            }
            (Some(false), Some(true)) => self.note(
                Level::Warning,
                "enableKeyId is false, but the new server looks for key ids: \
                 once its deployment.toml has old_key, it cannot read values without one",
            ),
            (None, None) => self.note(
                Level::Info,
                "the version of the server in newISHome is not known; \
                 set `enableKeyId: true` if it is 7.1 or later",
            ),
            _ => {}
        }
        self.warn_of_hex(&home);
        Ok(asked.or(needed).unwrap_or(false))
    }

    /// Servers before 7.1 take 48 or 64 characters for that many bytes, which no AES key has.
    fn warn_of_hex(&mut self, home: &Home) {
        let Some(version) = home.version.filter(|version| *version < KEY_IDS_SINCE) else { return };
        if self.new_key_is_hex {
            let text = format!(
                "newSecretKey is in hexadecimal digits, which the server in newISHome ({}.{}.{}) may not read; \
                 `keyrotation keygen` makes a key that every version takes",
                version.0, version.1, version.2
            );
            self.note(Level::Warning, text);
        }
    }
}
