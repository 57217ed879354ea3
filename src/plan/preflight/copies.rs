//! Checks for copies of ciphertext beside what is rotated: they stay under the old key, whoever holds it.

use super::facts::{Asked, Server, target_of};
use super::{Check, Facts, Found, Needs, unless_any};
use crate::db::{Db, DbError};
use crate::plan::Deployment;
use crate::source::Source;
use crate::source::files::Level;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "kept-copies",
        title: "the server keeps no copies of rotated rows",
        needs: Needs::Databases,
        warns: "history tables, archives, rules or publications keep or send on what stood there, under the old key",
        refuses: &[],
        fix: "switch them off in the copy before the rotation, and purge them when the old key is retired",
        look: |facts| of_databases(facts, |server| server.kept.clone(), "none that this user sees"),
    },
    Check {
        id: "statement-logs",
        title: "the server logs no statements with their values",
        needs: Needs::Databases,
        warns: "it does: the old ciphertexts stand in its logs, since every row is compared with them",
        refuses: &[],
        fix: "switch it off for the rotation, or purge these logs when the old key is retired",
        look: |facts| of_databases(facts, |server| server.statement_logs.clone(), "none"),
    },
    Check {
        id: "ciphertext-elsewhere",
        title: "no other table holds ciphertext",
        needs: Needs::Databases,
        warns: "columns of other tables do: audit tables, copies, extensions; they stay under the old key",
        refuses: &[],
        fix: "empty or drop them in the copy if nobody needs them; what a server reads from there is lost with the old key",
        look: |facts| of_databases(facts, |server| server.elsewhere.clone(), "none"),
    },
];

fn of_databases(facts: &Facts<'_>, ask: fn(&Server) -> Asked<Option<Vec<String>>>, well: &str) -> Found {
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

/// Copies of ciphertext beside the targets, one text each, for who is about to retire the old key; what cannot
/// be asked is said, too.
pub async fn beside(deployment: &Deployment) -> Vec<String> {
    let mut found = Vec::new();
    for db in deployment.distinct() {
        let asked = [
            ("copies that the server keeps", kept(db).await),
            ("logs of statements", logs(db).await),
            ("other tables", elsewhere(db).await),
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
        let Ok(listing) = rows.list() else { continue };
        let grave = listing.remarks.iter().filter(|remark| remark.level == Level::Warning);
        found.extend(grave.map(|remark| format!("{}: {}", remark.relative.escape_debug(), remark.text)));
        let failed =
            listing.failed.iter().map(|file| format!("{}: {}", file.relative.escape_debug(), file.refusal));
        found.extend(failed);
    }
    found
}

/// Of which rotated tables the server itself keeps copies.
pub(super) async fn kept(db: &Db) -> Result<Option<Vec<String>>, DbError> {
    let kept = db.kept_copies().await?;
    let of_ours = |kept: Vec<(String, String)>| {
        let ours = kept.into_iter().filter(|(table, _)| target_of(table).is_some());
        ours.map(|(table, how)| format!("{table}: {how}")).collect()
    };
    // A file keeps nothing by itself.
    Ok(kept.map(of_ours).or_else(|| db.server_kind().is_none().then(Vec::new)))
}

/// Settings by which statements are logged.
pub(super) async fn logs(db: &Db) -> Result<Option<Vec<String>>, DbError> {
    let logs = db.statement_logs().await?;
    let said =
        |logs: Vec<(String, String)>| logs.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    Ok(logs.map(said).or_else(|| db.server_kind().is_none().then(Vec::new)))
}

/// Columns of other tables that hold ciphertext.
pub(super) async fn elsewhere(db: &Db) -> Result<Option<Vec<String>>, DbError> {
    db.ciphertext_in(|table| target_of(table).is_none()).await
}
