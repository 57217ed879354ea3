//! Checks for copies of ciphertext beside what is rotated: they stay under the old key.

use std::collections::BTreeSet;

use super::facts::{Asked, Server};
use super::{Check, Facts, Found, Needs, unless_any};
use crate::Deployment;
use crate::db::columns::{Holds, TextColumn};
use crate::db::preflight_questions::Trigger;
use crate::db::{Class, Db, DbError};
use crate::source::Source;
use crate::source::files::{Level, Listing};
use crate::target::TargetRegistry;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "kept-copies",
        title: "the server keeps no copies of rotated rows",
        needs: Needs::Databases,
        warns: "history tables, archives, rules or publications keep or forward the earlier values, under the old key",
        refuses: &[],
        fix: "switch them off in the copy before the rotation, and purge them when the old key is retired",
        look: |facts| of_databases(facts, |server| server.kept.clone(), "none that this user sees"),
    },
    Check {
        id: "statement-logs",
        title: "the server logs no statements with their values",
        needs: Needs::Databases,
        warns: "it logs them: its logs will hold the old ciphertexts, since each write is compared with them",
        refuses: &[],
        fix: "switch it off for the rotation, or purge these logs when the old key is retired",
        look: |facts| of_databases(facts, |server| server.statement_logs.clone(), "none"),
    },
    Check {
        id: "ciphertext-elsewhere",
        title: "no other table holds ciphertext, in any schema",
        needs: Needs::Databases,
        warns: "columns of other tables do (audit tables, copies, extensions): their values stay under the old key",
        refuses: &[],
        fix: "empty or drop them in the copy if nobody needs them; no server can read those values once the \
              old key is gone",
        look: |facts| of_databases(facts, |server| server.elsewhere.clone(), "none that this user sees"),
    },
];

pub(super) fn of_databases(
    facts: &Facts<'_>,
    ask: fn(&Server) -> Asked<Option<Vec<String>>>,
    well: &str,
) -> Found {
    let mut found = Vec::new();
    for server in &facts.servers {
        match ask(server) {
            Ok(Some(copies)) => {
                found.extend(copies.into_iter().map(|copy| format!("{}: {copy}", server.place)));
            }
            Ok(None) => return Found::NotChecked(format!("{}: it cannot be asked", server.place)),
            Err(why) => return Found::NotChecked(format!("{}: {why}", server.place)),
        }
    }
    unless_any(&found, well)
}

/// Copies of ciphertext beside the targets, one text each, for who is about to retire the old key: all that the
/// checks of a preflight find, in the databases and in the folders; what cannot be asked is said, too.
pub async fn beside(deployment: &Deployment) -> Vec<String> {
    let (mut found, targets) = (Vec::new(), &*deployment.targets);
    for db in deployment.databases.distinct() {
        let asked = [
            ("copies that the server keeps", kept(db, targets).await),
            ("triggers", triggers(db, targets).await),
            ("tables named like copies", backups(db, targets).await.map(Some)),
            ("logs of statements", logs(db).await),
            ("other tables", elsewhere(db, targets, &other_schemas(deployment, db).await).await),
        ];
        for (what, answer) in asked {
            match answer {
                Ok(Some(copies)) => found.extend(copies.iter().map(|copy| format!("{}: {copy}", db.place()))),
                Ok(None) => found.push(format!("{}: not looked at: {what}", db.place())),
                Err(error) => found.push(format!("{}: not looked at: {what}: {error}", db.place())),
            }
        }
    }
    for job in &deployment.jobs {
        let Source::Files(rows) = &job.source else { continue };
        match rows.list() {
            Ok(listing) => found.extend(in_files(&listing)),
            Err(error) => found.push(format!("not looked at: {}: {}", job.place, error.what())),
        }
    }
    found
}

/// Files that hold or may hold ciphertext and are not rotated, one text each.
pub(super) fn in_files(listing: &Listing) -> Vec<String> {
    let grave = listing.remarks.iter().filter(|remark| remark.level == Level::Warning);
    let grave = grave.map(|remark| format!("{}: {}", remark.relative.escape_debug(), remark.text));
    let failed = listing.failed.iter();
    let failed = failed.map(|file| format!("{}: {}", file.relative.escape_debug(), file.refusal));
    grave.chain(failed).collect()
}

/// Of which rotated tables the server itself keeps copies.
pub(super) async fn kept(db: &Db, targets: &TargetRegistry) -> Result<Option<Vec<String>>, DbError> {
    let kept = db.kept_copies().await?;
    let of_ours = |kept: Vec<(String, String)>| {
        let ours = kept.into_iter().filter(|(table, _)| targets.table_named(table).is_some());
        ours.map(|(table, how)| format!("{table}: {how}")).collect()
    };
    // A file keeps nothing by itself.
    Ok(kept.map(of_ours).or_else(|| db.server_kind().is_none().then(Vec::new)))
}

/// Triggers on rotated tables: they see every value that is replaced, and may write it elsewhere.
pub(super) async fn triggers(db: &Db, targets: &TargetRegistry) -> Result<Option<Vec<String>>, DbError> {
    let of_ours = |triggers: Vec<Trigger>| {
        let ours = triggers.into_iter().filter(|trigger| targets.table_named(&trigger.table).is_some());
        let mut ours: Vec<String> =
            ours.map(|trigger| format!("{} on {}", trigger.name, trigger.table)).collect();
        ours.dedup();
        ours
    };
    Ok(db.triggers().await?.map(of_ours))
}

/// Tables that are named like copies of rotated ones.
pub(super) async fn backups(db: &Db, targets: &TargetRegistry) -> Result<Vec<String>, DbError> {
    Ok(db.table_names().await?.into_iter().filter(|name| is_copy(name, targets)).collect())
}

fn is_copy(name: &str, targets: &TargetRegistry) -> bool {
    const MARKS: &[&str] = &["BACKUP", "BACK", "BAK", "BKP", "OLD", "COPY", "ORIG", "TMP", "TEMP", "SAVE"];
    let longer = targets.tables().iter().find_map(|target| name.strip_prefix(target.relation.table.as_str()));
    longer.is_some_and(|rest| {
        let rest = rest.trim_start_matches('_');
        !rest.is_empty()
            && rest.split('_').any(|word| {
                MARKS.contains(&word.trim_end_matches(|c: char| c.is_ascii_digit()))
                    || (word.len() >= 4 && word.bytes().all(|b| b.is_ascii_digit()))
            })
    })
}

/// Settings by which statements are logged.
pub(super) async fn logs(db: &Db) -> Result<Option<Vec<String>>, DbError> {
    let logs = db.statement_logs().await?;
    let said =
        |logs: Vec<(String, String)>| logs.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    Ok(logs.map(said).or_else(|| db.server_kind().is_none().then(Vec::new)))
}

/// The schemas in which the deployment's other databases have their tables: those are rotated themselves.
pub(super) async fn other_schemas(deployment: &Deployment, db: &Db) -> Vec<String> {
    let mut schemas = Vec::new();
    for other in deployment.databases.distinct() {
        if !other.is_same_handle(db) {
            schemas.extend(db.schema_of(other).await.ok().flatten());
        }
    }
    schemas
}

/// Columns of other tables that hold ciphertext, in any schema but these; and what cannot be looked into.
pub(super) async fn elsewhere(
    db: &Db,
    targets: &TargetRegistry,
    rotated: &[String],
) -> Result<Option<Vec<String>>, DbError> {
    let mut columns = db.text_columns().await?;
    columns.retain(|column| column.holds == Holds::Text);
    let is_target = |column: &&TextColumn| targets.table_named(&column.table.to_uppercase()).is_some();
    // What belongs to another Identity Server is its own affair, and may be in use.
    let servers: BTreeSet<&str> = columns
        .iter()
        .filter(|column| !column.schema.is_empty() && is_target(column))
        .map(|column| column.schema.as_str())
        .collect();
    let unread: BTreeSet<String> = columns
        .iter()
        .filter(|column| !column.is_readable && !servers.contains(column.schema.as_str()))
        .map(|column| {
            if column.schema.is_empty() { column.table.clone() } else { format!("schema {}", column.schema) }
        })
        .collect();
    let mut found = Vec::new();
    let is_looked_at = |column: &&TextColumn| {
        let is_rotated = column.schema.is_empty() && is_target(column);
        !is_rotated && column.is_readable && !servers.contains(column.schema.as_str())
    };
    let looked_at: Vec<&TextColumn> = columns.iter().filter(is_looked_at).collect();
    for table in looked_at.chunk_by(|one, other| (&one.schema, &one.table) == (&other.schema, &other.table)) {
        let Some(first) = table.first() else { continue };
        if first.is_foreign {
            let place = TextColumn { column: "*".to_owned(), ..(*first).clone() };
            found.push(format!("not looked at: {place}, which stands on another server"));
        } else if db.has_ciphertext(table).await.ok() != Some(Some(false)) {
            // Which column it is, or why it cannot be looked into.
            for column in table {
                found.extend(in_column(db, column).await?);
            }
        }
    }
    let foreign = servers.into_iter().filter(|schema| !rotated.iter().any(|ours| ours == schema));
    found.extend(foreign.map(|schema| {
        format!("not looked at: schema {schema}, which has the tables of another Identity Server")
    }));
    found.extend(
        unread.into_iter().map(|place| format!("not looked at: {place}: this user may not read all of it")),
    );
    Ok(Some(found))
}

/// A column of another table, if it holds ciphertext or cannot be looked into.
async fn in_column(db: &Db, column: &TextColumn) -> Result<Option<String>, DbError> {
    match db.has_ciphertext(&[column]).await {
        Ok(Some(false)) => Ok(None),
        Ok(Some(true)) => Ok(Some(column.to_string())),
        Ok(None) => Ok(Some(format!("{column} (its name is too unusual for a query)"))),
        Err(error) if error.class == Class::Lost => Err(error),
        Err(error) => Ok(Some(format!("not looked at: {column}: {error}"))),
    }
}
