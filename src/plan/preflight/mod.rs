//! Preflight: everything that is looked at before the first write, as a registry of checks.
//!
//! First the facts are gathered, which asks servers and reads files and changes nothing; then each
//! check, a little data and one function without input or output, makes a finding of them. What
//! cannot be known is "not checked", with the reason, never left out.
//!
//! What is refused is decided where the rotation itself refuses it ([`super::connect`],
//! [`Deployment::claim`], [`Survey::check_keys`]): a check only says so, under the same error id.

mod copies;
mod databases;
mod deployment;
mod facts;
mod files;
mod old;
mod old_facts;
mod rows;
mod server;
mod transport;

use std::path::Path;

use serde::Serialize;

use super::{Accepted, Deployment, Survey};
use crate::activity::Activity;
use crate::config::{Mode, Settings};
use crate::error::{Error, Id, Result};
use crate::target::TargetRegistry;
pub use copies::beside;
pub use facts::Facts;

/// One check.
#[derive(Debug)]
pub struct Check {
    /// Its stable name.
    pub id: &'static str,
    /// What should be so.
    pub title: &'static str,
    /// What must be known for it.
    pub needs: Needs,
    /// When it warns; empty if it never does.
    pub warns: &'static str,
    /// The errors with which it refuses.
    pub refuses: &'static [Id],
    /// What to do when it warns.
    pub fix: &'static str,
    look: fn(&Facts<'_>) -> Found,
}

/// What must be known for a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// The settings.
    Settings,
    /// The new databases, connected.
    Databases,
    /// What stands in tables and files.
    Rows,
    /// The files of the new server.
    Files,
}

/// What a check makes of the facts.
enum Found {
    Ok(String),
    Warning(String),
    Refuse(Refusal),
    NotChecked(String),
}

/// An error that a rotation would end with before it writes.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Its id.
    pub id: Id,
    /// What was found.
    pub what: String,
    /// What to do.
    pub fix: String,
}

impl From<&Error> for Refusal {
    fn from(error: &Error) -> Self {
        Self { id: error.id(), what: error.what().to_owned(), fix: error.remedy().to_owned() }
    }
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// The rotation continues, and the user should know.
    Warning,
    /// The rotation does not begin.
    Refuse,
    /// It is unknown.
    NotChecked,
}

/// How a check came out, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check's name.
    pub id: &'static str,
    /// What should be so.
    pub title: &'static str,
    /// How it came out.
    pub outcome: Outcome,
    /// What was found, or why it was not checked.
    pub found: String,
    /// What to do, where something is to be done.
    pub fix: Option<String>,
    /// The error that a rotation would end with.
    pub error: Option<&'static str>,
}

/// Every check, in the order in which they are shown.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    [
        databases::CHECKS,
        copies::CHECKS,
        transport::CHECKS,
        server::CHECKS,
        rows::CHECKS,
        files::CHECKS,
        deployment::CHECKS,
        old::CHECKS,
    ]
    .into_iter()
    .flatten()
}

/// Checks that compare a copy with the old server, or the new server with the copy.
const OF_A_COPY: &[&str] = &[
    "copy-is-not-production",
    "sync-triggers",
    "deployment-key",
    "deployment-identity",
    "deployment-registry",
    "old-key-is-the-old-servers",
    "old-version",
    "old-files",
    "old-identity-rows",
    "old-registry-rows",
    "log-size", // in place the rotation is slow enough
];

/// Checks of a database that servers work with while it is rotated.
const IN_PLACE: &[&str] = &["nodes-have-both-keys", "nodes-databases", "unnamed-keys"];

/// What a rotation would be refused with, and what was known by then.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// The settings.
    pub settings: &'a Settings,
    /// The folder of the journal.
    pub journal: &'a Path,
    /// What can be rotated and kept in step.
    pub targets: &'a TargetRegistry,
    /// What there is to rotate, or why it is unknown.
    pub deployment: Result<&'a Deployment, &'a Error>,
    /// Its content, or why it is unknown.
    pub survey: Result<&'a Survey, &'a Error>,
    /// What the operator has checked and accepts.
    pub accepted: &'a Accepted,
    /// The databases are claimed for this process, strangers and privileges have been asked for.
    pub claimed: bool,
    /// Where it is said that the old databases' tables are being counted; none if they are not, since it is
    /// work for a server that users are on.
    pub counting: Option<&'a Activity>,
}

/// Looks at everything and lets every check judge it.
pub async fn preflight(ground: Ground<'_>) -> Vec<Finding> {
    let facts = facts::gather(ground).await;
    let refuses =
        |check: &Check| facts.refusal.as_ref().is_some_and(|found| check.refuses.contains(&found.id));
    let is_made = |check: &&Check| check.is_about(ground.settings.mode) || refuses(check);
    checks().filter(is_made).map(|check| check.judge(&facts)).collect()
}

/// Logs what the servers of a connected deployment should be known for, as warnings.
pub async fn warn_of_servers(deployment: &Deployment, settings: &Settings, journal: &Path) {
    let nobody_knows = Error::new(Id::System, "it is not looked at here");
    let accepted = Accepted::default();
    let ground = Ground {
        settings,
        journal,
        targets: &deployment.targets,
        deployment: Ok(deployment),
        survey: Err(&nobody_knows),
        accepted: &accepted,
        claimed: true,
        counting: None,
    };
    let facts = facts::of_servers(ground).await;
    log(&server::CHECKS.iter().map(|check| check.judge(&facts)).collect::<Vec<_>>());
}

/// Logs the warnings that count when a rotation begins. What the configuration and the files are warned
/// for is said where they are read, and deployment.toml is for a later step.
pub fn log(findings: &[Finding]) {
    let elsewhere =
        |id: &str| matches!(id, "configuration" | "file-remarks") || id.starts_with("deployment-");
    let warnings = findings.iter().filter(|finding| finding.outcome == Outcome::Warning);
    for finding in warnings.filter(|finding| !elsewhere(finding.id)) {
        let fix = finding.fix.as_ref().map(|fix| format!("; {fix}")).unwrap_or_default();
        tracing::warn!("{}: {}{fix}", finding.id, finding.found);
    }
}

/// How many checks came out so.
pub fn count(findings: &[Finding], outcome: Outcome) -> usize {
    findings.iter().filter(|finding| finding.outcome == outcome).count()
}

/// The error of the first check that refuses.
pub fn first_refusal(findings: &[Finding]) -> Option<Id> {
    let code = findings.iter().find_map(|finding| finding.error)?;
    Id::ALL.iter().find(|id| id.code() == code).copied()
}

impl Check {
    /// Whether there is anything to be checked in a rotation of this kind.
    pub fn is_about(&self, mode: Mode) -> bool {
        let others = if mode.is_in_place() { OF_A_COPY } else { IN_PLACE };
        !others.contains(&self.id)
    }

    fn judge(&self, facts: &Facts<'_>) -> Finding {
        let (outcome, found, fix, error) = match self.found(facts) {
            Found::Ok(found) => (Outcome::Ok, found, None, None),
            Found::NotChecked(why) => (Outcome::NotChecked, why, None, None),
            Found::Warning(found) => (Outcome::Warning, found, Some(self.fix.to_owned()), None),
            Found::Refuse(refusal) => {
                (Outcome::Refuse, refusal.what, Some(refusal.fix), Some(refusal.id.code()))
            }
        };
        let fix = fix.filter(|fix| !fix.is_empty());
        Finding { id: self.id, title: self.title, outcome, found, fix, error }
    }

    fn found(&self, facts: &Facts<'_>) -> Found {
        if let Some(refusal) = &facts.refusal {
            if self.refuses.contains(&refusal.id) {
                return Found::Refuse(refusal.clone());
            }
            let unknown = match self.needs {
                Needs::Databases => facts.deployment.is_none(),
                Needs::Rows => facts.survey.is_none(),
                Needs::Settings | Needs::Files => false,
            };
            if unknown {
                return Found::NotChecked(format!("an earlier error prevented it: [{}]", refusal.id));
            }
        }
        let missing = match self.needs {
            Needs::Databases if facts.settings.databases.is_none() => Some("no database is rotated"),
            Needs::Files if facts.settings.files.is_none() => Some("no configuration files are rotated"),
            _ => None,
        };
        missing.map_or_else(|| (self.look)(facts), |why| Found::NotChecked(why.to_owned()))
    }
}

/// What was asked, unless the question failed.
fn known<T>(asked: &Result<T, String>, judge: impl FnOnce(&T) -> Found) -> Found {
    match asked {
        Ok(answer) => judge(answer),
        Err(why) => Found::NotChecked(why.clone()),
    }
}

/// A warning that lists what was found, or that all is well.
fn unless_any(found: &[String], well: impl Into<String>) -> Found {
    if found.is_empty() { Found::Ok(well.into()) } else { Found::Warning(listed(found)) }
}

/// The first few, and how many more there are.
fn listed(found: &[String]) -> String {
    const NAMED: usize = 5;
    let mut named = found.iter().take(NAMED).cloned().collect::<Vec<_>>();
    if found.len() > NAMED {
        named.push(format!("and {} more", found.len() - NAMED));
    }
    named.join("; ")
}

#[cfg(test)]
mod tests;
