//! The change log of the old identity database: scripts that install and remove it, one for each
//! dialect, as data. A DBA can run them, too: `triggers` has them with all tables.

use keyrotation_common::error;
use keyrotation_db as db;
use keyrotation_target as target;

mod client;
mod required;
mod template;

use crate::db::preflight_questions::Trigger;
use crate::db::{Db, DbError, Filter, Identifier, Refusal, Relation, Table, server::Kind};
use crate::error::{Error, Id, Result};
use crate::target::sync::SYNCED;
use crate::target::{SyncTable, TargetRegistry};

pub use client::Client;
pub use required::{State, state_among};

/// The error with which MySQL refuses triggers while it writes a binary log.
const NOT_TRUSTED: &str = "(error 1419)";

/// Databases whose driver takes a script whole.
const NATIVE: [Option<Kind>; 2] = [None, Some(Kind::Postgres)];

/// What a script does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Makes the change log.
    Install,
    /// Takes it away, whole.
    Remove,
}

/// What is there of the change log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Tables with all their triggers, which fire, and their log.
    pub whole: Vec<Identifier>,
    /// Tables of which only a part is there, or does not fire.
    pub parts: Vec<Identifier>,
    /// What is wrong with the triggers of such a table, or that the log is missing.
    pub broken: Vec<String>,
    /// Tables of which nothing is there, although there is no sync without them.
    pub missing: Vec<String>,
    /// Change logs that are no ordinary tables, or have triggers, and why.
    pub flaws: Vec<String>,
    /// Log tables with other columns than ours: the Java tool's.
    pub foreign: Vec<Identifier>,
}

/// The name of a kind of database, as in the names of the scripts, and what its scripts are made of: the one that
/// installs, and the one that removes. Without a kind it is SQLite.
const fn templates(kind: Option<Kind>) -> (&'static str, [&'static str; 2]) {
    macro_rules! of {
        ($name:literal) => {{
            let install = include_str!(concat!("../../triggers/templates/old", $name, ".sql"));
            ($name, [install, include_str!(concat!("../../triggers/templates/new", $name, ".sql"))])
        }};
    }
    match kind {
        None => of!("SQLite"),
        Some(Kind::Postgres) => of!("PostgreSQL"),
        Some(Kind::MySql) => of!("MySQL"),
        Some(Kind::H2) => of!("H2"),
        Some(Kind::Oracle) => of!("Oracle"),
        Some(Kind::SqlServer) => of!("MSSQL"),
        Some(Kind::Db2) => of!("DB2"),
    }
}

/// The script for a kind of database, with the tables that are there.
fn script(
    targets: &TargetRegistry,
    kind: Option<Kind>,
    action: Action,
    is_there: impl Fn(&str) -> bool,
) -> String {
    let (_, [install, remove]) = templates(kind);
    template::render(targets, if action == Action::Install { install } else { remove }, is_there)
}

/// Every script with its name in the folder `triggers`.
pub fn scripts(targets: &TargetRegistry) -> Vec<(String, String)> {
    let kinds = NATIVE.into_iter().chain(Client::ALL.map(|client| Some(client.kind())));
    let both = |kind| {
        [("old", Action::Install), ("new", Action::Remove)].map(|(side, action)| {
            (format!("{side}{}.sql", templates(kind).0), script(targets, kind, action, |_| true))
        })
    };
    kinds.flat_map(both).collect()
}

/// The client that a kind of database's script is written for, where no driver takes it whole.
fn client(kind: Option<Kind>) -> Option<Client> {
    Client::ALL.into_iter().find(|client| Some(client.kind()) == kind)
}

/// The script for this database: without the sections of tables that it does not have.
pub async fn script_for(db: &Db, targets: &TargetRegistry, action: Action) -> Result<String> {
    if action == Action::Remove {
        return Ok(script(targets, db.server_kind(), action, |_| true));
    }
    let tables = tables(db, targets).await?;
    if tables.is_empty() {
        let text =
            format!("{}: this user sees none of the tables whose changes are to be recorded", db.place());
        return Err(Error::new(Id::Privilege, text).fix(
            "correct the database's name (oldIdnDBUrl), or let a DBA grant this user SELECT on its tables",
        ));
    }
    Ok(script(targets, db.server_kind(), action, |table| tables.iter().any(|there| *there == table)))
}

/// The tables that are there of those whose changes are recorded.
async fn tables(db: &Db, targets: &TargetRegistry) -> Result<Vec<Identifier>> {
    let names = db.table_names().await.map_err(|error| failed(db, &error))?;
    let tables = targets.synced().iter().map(|table| &table.relation.table);
    Ok(tables.filter(|table| names.iter().any(|name| *table == name)).cloned().collect())
}

/// Makes the change log, whatever is there of it already. A DBA may have made it, where this user may not.
pub async fn install(db: &Db, targets: &TargetRegistry) -> Result<()> {
    if let Some(flaw) = find(db, targets).await?.flaws.first() {
        let text = format!("{}: {flaw}, so nothing was installed", db.place());
        return Err(Error::new(Id::SyncNoTriggers, text).fix(FLAWED));
    }
    let refused = match run(db, targets, Action::Install).await {
        Err(error) if error.what().contains(NOT_TRUSTED) => error,
        ran => return ran,
    };
    let found = find(db, targets).await?;
    let there = tables(db, targets).await?;
    let is_whole = found.parts.is_empty() && there.iter().all(|table| found.whole.contains(table));
    if !is_whole {
        return Err(refused);
    }
    tracing::info!("{}: a DBA has installed the triggers, and they are left as they are", db.place());
    Ok(())
}

/// Runs the script on this database.
pub async fn run(db: &Db, targets: &TargetRegistry, action: Action) -> Result<()> {
    if action == Action::Install && db.is_sole() {
        let text = format!("{}: an embedded H2 file cannot be read beside the server", db.place());
        return Err(Error::new(Id::ConfigUnsupportedDatabase, text)
            .fix("stop the old server while you rotate, with `enableSyncMigrator: false`"));
    }
    if action == Action::Install && db.server_kind() == Some(Kind::H2) {
        tracing::warn!(
            "{}: H2 compiles these triggers each time it opens the database; if its Java has no compiler then, every \
             write to these tables fails",
            db.place()
        );
    }
    let script = script_for(db, targets, action).await?;
    let ran = match client(db.server_kind()) {
        Some(client) => db.statements(&client.statements(&script)).await,
        None => db.script(&script).await,
    };
    ran.map_err(|error| {
        let refusal = error.refusal();
        if let Some(advice) = refusal.advice() {
            return Error::new(Id::Database, format!("{}: {error}", db.place())).fix(advice);
        }
        if refusal == Refusal::Other {
            return Error::new(Id::Database, format!("{}: {error}", db.place()))
                .fix("correct what the message names, then run the same command again");
        }
        let refused = Error::new(Id::Privilege, format!("{}: {error}", db.place()));
        if error.to_string().contains(NOT_TRUSTED) {
            return refused.fix(
                "let a DBA run `SET GLOBAL log_bin_trust_function_creators = 1`, or let a user with the \
                 privilege SUPER run what `keyrotation triggers print` prints",
            );
        }
        refused.fix("let a DBA run what `keyrotation triggers print` prints, in the database's own client")
    })
}

/// Looks for the change log.
pub async fn find(db: &Db, targets: &TargetRegistry) -> Result<Found> {
    let names = db.object_names().await.map_err(|error| failed(db, &error))?;
    let has = |name: &str| names.iter().any(|known| known == name);
    let triggers = triggers(db).await?;
    let mut found = Found::default();
    for table in targets.synced() {
        let place = &table.relation.table;
        let has_log = has(&table.log);
        let is_foreign = has_log && is_foreign(db, table).await?;
        if is_foreign {
            found.foreign.push(place.clone());
        }
        let broken = match (state_of(db, targets, table, is_foreign, &triggers).await?, has_log) {
            (State::Flawed(why), _) => {
                found.flaws.push(why.clone());
                why
            }
            (State::Whole, true) => {
                found.whole.push(place.clone());
                continue;
            }
            (State::Absent, false) => {
                if table.needed {
                    found.missing.push(format!("there are no sync triggers on {place}"));
                }
                continue;
            }
            (State::Broken(why), _) => why,
            (_, true) => format!("there are no sync triggers on {place}"),
            (_, false) => format!("there is no table {}", table.log),
        };
        found.parts.push(place.clone());
        found.broken.push(broken);
    }
    Ok(found)
}

/// How many entries wait in the change logs, by log; none of those in which nothing waits.
pub async fn waiting(db: &Db, targets: &TargetRegistry) -> Result<Vec<(Identifier, u64)>> {
    let mut waiting = Vec::new();
    for table in targets.synced() {
        let entries = Relation { filter: Some(Filter::IsZero(SYNCED)), ..table.entries() };
        let Some(info) = db.table(&table.log).await.map_err(|error| failed(db, &error))? else { continue };
        let entries = Table::new(entries, &[], &info);
        let count = db.pending(&entries).await.map_err(|error| failed(db, &error))?;
        waiting.extend((count > 0).then(|| (table.log.clone(), count)));
    }
    Ok(waiting)
}

/// What there is of a table's triggers and change log.
pub async fn state(db: &Db, targets: &TargetRegistry, table: &SyncTable) -> Result<State> {
    let is_foreign = is_foreign(db, table).await?;
    state_of(db, targets, table, is_foreign, &triggers(db).await?).await
}

/// Likewise, of a log whose maker is known, among all triggers of the database.
async fn state_of(
    db: &Db,
    targets: &TargetRegistry,
    table: &SyncTable,
    is_foreign: bool,
    triggers: &[Trigger],
) -> Result<State> {
    let flaw = db.log_table_flaw(&table.log).await.map_err(|error| failed(db, &error))?;
    Ok(match flaw {
        Some(flaw) => State::Flawed(format!("the change log {} {flaw}", table.log)),
        None => state_among(targets, db.server_kind(), table, is_foreign, triggers),
    })
}

/// What to do about such a change log.
pub const FLAWED: &str = "find out who made it, and drop it with what belongs to it; then run `keyrotation triggers \
                          install` before the copy is made";

async fn triggers(db: &Db) -> Result<Vec<Trigger>> {
    Ok(db.triggers().await.map_err(|error| failed(db, &error))?.unwrap_or_default())
}

async fn is_foreign(db: &Db, table: &SyncTable) -> Result<bool> {
    let info = db.table(&table.log).await.map_err(|error| failed(db, &error))?;
    let ours = |name: &str| {
        table.relation.key.iter().any(|key| key == name)
            || ["SYNC_ID", "AVAILABILITY", "SYNCED", "CHANGED_AT"].contains(&name)
    };
    Ok(info.is_some_and(|info| !info.columns.keys().all(|name| ours(name))))
}

fn failed(db: &Db, error: &DbError) -> Error {
    Error::new(Id::Database, format!("{}: {error}", db.place()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_script_has_a_section_for_every_table_and_all_its_triggers() {
        let known = TargetRegistry::built_in();
        for kind in NATIVE.into_iter().chain(Client::ALL.map(|client| Some(client.kind()))) {
            for table in known.synced() {
                let only = |action| {
                    script(&known, kind, action, |name| table.relation.table == *name).to_uppercase()
                };
                let (install, remove) = (only(Action::Install), only(Action::Remove));
                let section = format!("-- TABLE: {}\n", table.relation.table);
                let triggers: Vec<String> = match kind {
                    Some(Kind::H2) => vec![format!("{}_CHANGE", table.triggers.to_uppercase())],
                    _ => table.java_triggers().map(|(name, _)| name).to_vec(),
                };
                for (script, made) in [(&install, "CREATE"), (&remove, "DROP")] {
                    let name = format!("{kind:?} {made} {}", table.id);
                    assert_eq!(script.matches("-- TABLE: ").count(), 1, "{name}");
                    let (_, script) = script.split_once(&section).unwrap();
                    assert!(script.contains(made) && script.contains(table.log.as_str()), "{name}");
                    assert!(triggers.iter().all(|trigger| script.contains(trigger)), "{name}");
                }
                let (first, last) = (remove.find(triggers.last().unwrap()), remove.rfind(table.log.as_str()));
                assert!(first < last, "{kind:?} {}: the log goes after its triggers", table.id);
            }
        }
    }

    #[test]
    fn nothing_in_a_template_is_left_as_it_is() {
        let known = TargetRegistry::built_in();
        for (name, script) in scripts(&known) {
            assert_eq!(script.matches("-- table: IDN_").count(), known.synced().len(), "{name}");
            assert!(!script.contains("${") && !script.contains("COLUMN}"), "{name}");
            assert!(script.ends_with('\n') && !script.ends_with("\n\n"), "{name}");
            assert!(!script.lines().any(|line| line.ends_with(' ')), "{name}");
        }
    }

    /// H2 1.4.200's `TriggerAdapter` has the rows of one session in fields that all sessions share, and takes no class
    /// within a class.
    #[test]
    fn triggers_of_h2_keep_nothing_of_a_row() {
        let known = TargetRegistry::built_in();
        let script = script(&known, Some(Kind::H2), Action::Install, |_| true);
        let count = |text: &str| script.matches(text).count();
        let each = known.synced().len();
        assert_eq!((count("_CHANGE implements org.h2.api.Trigger {\n"), count(" extends ")), (each, 0));
        assert_eq!((count("public class "), count(" class ")), (each, each + count("sees the class ")));
        assert_eq!(count(";\n\n    public static"), each, "one field");
        assert_eq!(count("    private final List<String> names ="), each, "and that is it");
    }
}
