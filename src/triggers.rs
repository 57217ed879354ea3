//! The change log of the old identity database: scripts that install and remove it, one for each
//! dialect, as data. A DBA can run them, too.

mod client;

use crate::db::{Db, DbError, Refusal, server::Kind};
use crate::error::{Error, Id, Result};
use crate::target::{SYNC_TABLES, SyncTable};

pub use client::Client;

/// What a line says before the name of the table that the statements below it are for.
const SECTION: &str = "-- table: ";

/// The error with which MySQL refuses triggers while it writes a binary log.
const NOT_TRUSTED: &str = "(error 1419)";

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
    /// Tables with all their triggers and their log.
    pub whole: Vec<&'static str>,
    /// Tables of which only a part is there.
    pub parts: Vec<&'static str>,
    /// Log tables with other columns than ours: the Java tool's.
    pub foreign: Vec<&'static str>,
}

/// The script for a kind of database; for SQLite without one.
pub const fn script(kind: Option<Kind>, action: Action) -> &'static str {
    match (kind, action) {
        (None, Action::Install) => include_str!("../triggers/oldSQLite.sql"),
        (None, Action::Remove) => include_str!("../triggers/newSQLite.sql"),
        (Some(Kind::Postgres), Action::Install) => include_str!("../triggers/oldPostgreSQL.sql"),
        (Some(Kind::Postgres), Action::Remove) => include_str!("../triggers/newPostgreSQL.sql"),
        (Some(Kind::MySql), action) => Client::MySql.script(action),
        (Some(Kind::H2), action) => Client::H2.script(action),
        (Some(Kind::Oracle), action) => Client::SqlPlus.script(action),
        (Some(Kind::SqlServer), action) => Client::Sqlcmd.script(action),
        (Some(Kind::Db2), action) => Client::Db2.script(action),
    }
}

/// The client that a kind of database's script is written for, where no driver takes it whole.
const fn client(kind: Option<Kind>) -> Option<Client> {
    match kind {
        Some(Kind::Oracle) => Some(Client::SqlPlus),
        Some(Kind::SqlServer) => Some(Client::Sqlcmd),
        Some(Kind::Db2) => Some(Client::Db2),
        Some(Kind::H2) => Some(Client::H2),
        Some(Kind::MySql) => Some(Client::MySql),
        Some(Kind::Postgres) | None => None,
    }
}

/// The script for this database: without the sections of tables that it does not have.
pub async fn script_for(db: &Db, action: Action) -> Result<String> {
    let script = script(db.server_kind(), action);
    if action == Action::Remove {
        return Ok(script.to_owned());
    }
    let tables = tables(db).await?;
    if tables.is_empty() {
        let text =
            format!("{}: this user sees none of the tables whose changes are to be recorded", db.place());
        return Err(Error::new(Id::Privilege, text).fix(
            "correct the database's name (oldIdnDBUrl), or let a DBA grant this user SELECT on its tables",
        ));
    }
    Ok(without_absent(script, |table| tables.contains(&table)))
}

/// The tables that are there of those whose changes are recorded.
async fn tables(db: &Db) -> Result<Vec<&'static str>> {
    let names = db.table_names().await.map_err(|error| failed(db, &error))?;
    let tables = SYNC_TABLES.iter().map(|table| table.relation.table);
    Ok(tables.filter(|table| names.iter().any(|name| name == table)).collect())
}

fn without_absent(script: &str, is_there: impl Fn(&str) -> bool) -> String {
    let mut keep = true;
    let mut out = String::new();
    for line in script.split_inclusive('\n') {
        if let Some(table) = line.strip_prefix(SECTION) {
            keep = is_there(table.trim());
        }
        if keep {
            out.push_str(line);
        }
    }
    out
}

/// Makes the change log, whatever is there of it already. A DBA may have made it, where this user may not.
pub async fn install(db: &Db) -> Result<()> {
    let refused = match run(db, Action::Install).await {
        Err(error) if error.what().contains(NOT_TRUSTED) => error,
        ran => return ran,
    };
    let found = find(db).await?;
    let is_whole =
        found.parts.is_empty() && tables(db).await?.iter().all(|table| found.whole.contains(table));
    if !is_whole {
        return Err(refused);
    }
    tracing::info!("{}: a DBA has installed the triggers, and they are left as they are", db.place());
    Ok(())
}

/// Runs the script on this database.
pub async fn run(db: &Db, action: Action) -> Result<()> {
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
    let script = script_for(db, action).await?;
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
                .fix("put right what the message names, then run the same command again");
        }
        let refused = Error::new(Id::Privilege, format!("{}: {error}", db.place()));
        if error.to_string().contains(NOT_TRUSTED) {
            return refused.fix(
                "let a DBA run `SET GLOBAL log_bin_trust_function_creators = 1`, or run as a user with \
                 the privilege SUPER what `keyrotation triggers print` prints",
            );
        }
        refused.fix("let a DBA run what `keyrotation triggers print` prints, in the database's own client")
    })
}

/// Looks for the change log.
pub async fn find(db: &Db) -> Result<Found> {
    let names = db.object_names().await.map_err(|error| failed(db, &error))?;
    let has = |name: &str| names.iter().any(|known| known == name);
    let mut found = Found::default();
    for table in SYNC_TABLES {
        let place = table.relation.table;
        let triggers = table.trigger_names().iter().filter(|name| has(name)).count();
        match (triggers, has(table.log)) {
            (3, true) => found.whole.push(place),
            (0, false) => {}
            _ => found.parts.push(place),
        }
        if has(table.log) && is_foreign(db, table).await? {
            found.foreign.push(place);
        }
    }
    Ok(found)
}

async fn is_foreign(db: &Db, table: &SyncTable) -> Result<bool> {
    let info = db.table(table.log).await.map_err(|error| failed(db, &error))?;
    let ours = |name: &str| {
        table.relation.key.contains(&name)
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

    const KINDS: [Option<Kind>; 2] = [None, Some(Kind::Postgres)];

    /// Every pair of scripts, with a name for it.
    fn scripts() -> Vec<(String, &'static str, &'static str)> {
        let native = KINDS
            .map(|kind| (format!("{kind:?}"), script(kind, Action::Install), script(kind, Action::Remove)));
        let bridged = Client::ALL.map(|client| {
            (client.database().to_owned(), client.script(Action::Install), client.script(Action::Remove))
        });
        native.into_iter().chain(bridged).collect()
    }

    #[test]
    fn each_script_has_a_section_for_every_table_and_all_its_triggers() {
        for (name, install, remove) in scripts() {
            let sections: Vec<_> = install.lines().filter_map(|line| line.strip_prefix(SECTION)).collect();
            assert_eq!(sections.len(), SYNC_TABLES.len(), "{name}");
            for table in SYNC_TABLES {
                assert!(sections.contains(&table.relation.table), "{name} {}", table.id);
                let only = without_absent(install, |name| name == table.relation.table);
                assert!(only.contains(table.log), "{name} {}", table.id);
                let (only, remove) = (only.to_uppercase(), remove.to_uppercase());
                for trigger in table.trigger_names() {
                    assert!(only.contains(&trigger) && remove.contains(&trigger), "{name} {trigger}");
                }
                let (first, last) = (remove.find(&table.trigger_names()[2]), remove.rfind(table.log));
                assert!(first < last, "{name} {}: the log goes after its triggers", table.id);
            }
        }
    }

    /// H2 1.4.200's `TriggerAdapter` has the rows of one session in fields that all sessions share.
    #[test]
    fn triggers_of_h2_keep_nothing_of_a_row() {
        let script = Client::H2.script(Action::Install);
        let count = |text: &str| script.matches(text).count();
        assert_eq!(count(" implements Trigger {\n"), 3 * SYNC_TABLES.len());
        assert_eq!(
            (count(" extends "), count("\n    private final List<String> columns =")),
            (0, 3 * SYNC_TABLES.len())
        );
        assert_eq!(
            count("\n    private "),
            7 * SYNC_TABLES.len(),
            "columns, note, and in one of three moves"
        );
    }

    #[test]
    fn sections_of_absent_tables_are_cut() {
        let script = "head\n-- table: A\none\n-- table: B\ntwo\n-- table: C\nthree\n";
        assert_eq!(
            without_absent(script, |table| table != "B"),
            "head\n-- table: A\none\n-- table: C\nthree\n"
        );
    }
}
