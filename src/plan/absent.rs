//! Tables that are not there: what is skipped, what is said of it, and what is refused.
//!
//! Invariants: a table that every version has is never passed over in silence, and neither is one that
//! the journal has begun with.

use keyrotation_journal::{JobState, Phase, TargetKind};

use super::Deployment;
use super::protect::failed;
use crate::config::{Home, Settings};
use crate::db::{Class, Db};
use crate::error::{Error, Id, Result};
use crate::target::{Presence, Store, Target, Version};

/// How a version is written.
fn shown((major, minor, patch): Version) -> String {
    format!("{major}.{minor}.{patch}")
}

/// The version of the server whose home is given.
pub(super) fn version(settings: &Settings) -> Option<Version> {
    Home::inspect(&settings.files.as_ref()?.home).version
}

/// Said of a table that is skipped because people have named it.
pub const AT_YOUR_WORD: &str = ", as --without-table says";

/// Why a table is skipped.
pub(super) fn reason(target: &Target, version: Option<Version>, left_out: bool) -> String {
    let plain = format!("the {} database has no such table", target.store.name());
    if left_out {
        let text = format!("{plain}{AT_YOUR_WORD}");
        tracing::warn!("{}: {text}", target.relation.table);
        return text;
    }
    match (target.presence.in_version(version), version) {
        (Some(false), Some(version)) => format!("{plain}, nor has Identity Server {}", shown(version)),
        (Some(true), Some(version)) => {
            format!("{plain}, though Identity Server {} has it", shown(version))
        }
        _ => plain,
    }
}

fn dropped_out(table: &str, why: &str) -> Error {
    let text = format!("{table} was kept in step, but now {why}: its changes are not carried over any more");
    Error::new(Id::SyncNoTriggers, text).fix(
        "check that oldIdnDBUrl names the right database; let a DBA run what `keyrotation triggers print` \
         prints, then run this command again: it compares every row first",
    )
}

impl Deployment {
    /// Refuses a new rotation without a table that every version has, or this one, naming what is near; and without one
    /// that some versions have, if something near it has rows.
    pub(super) async fn refuse_absent(&self, without: &[String]) -> Result<()> {
        for name in without {
            let is_absent = |target: &Target| {
                let index = self.heads.iter().position(|head| head.id == target.id);
                index.is_some_and(|at| self.absent.iter().any(|(absent, _)| absent.position() == at))
            };
            let known = self.targets.table_named(&name.to_ascii_uppercase());
            if known.is_none_or(|known| !is_absent(known)) {
                let what =
                    format!("--without-table {name}: the table exists, or no table of that name is rotated");
                return Err(
                    Error::new(Id::CommandLineValue, what).fix("name tables that the deployment lacks")
                );
            }
        }
        let is_left_out =
            |target: &Target| without.iter().any(|name| target.relation.table.eq_ignore_ascii_case(name));
        let (always, others): (Vec<&Target>, Vec<&Target>) = self
            .absent_targets()
            .filter(|target| !is_left_out(target))
            .partition(|target| target.presence.is_certain_in(self.version));
        if let Some((first, more)) = always.split_first() {
            let near = self.near(first, false).await?;
            return Err(self.refusal(first, more, &near));
        }
        for target in others {
            let near = self.near(target, true).await?;
            if !near.is_empty() {
                return Err(self.refusal(target, &[], &near));
            }
        }
        Ok(())
    }

    /// Refuses to go on without a table that the journal has begun with, or to call it verified.
    pub async fn refuse_vanished(&self, state: &JobState) -> Result<()> {
        for (index, why) in &self.absent {
            let phase = state.targets.get(index.position()).map(|target| &target.phase);
            let Some(head) = self.heads.get(index.position()) else { continue };
            if let (Some(_), Some(table)) = (&self.sync, self.targets.sync_table(&head.id)) {
                // One that was kept in step, and of which changes may be in no change log now.
                if state.sync.started_at.is_some() && !matches!(phase, Some(Phase::Skipped { .. })) {
                    return Err(dropped_out(&table.relation.table, why));
                }
                continue;
            }
            let Some(target) = self.targets.table(&head.id) else { continue };
            let begun = !matches!(phase, None | Some(Phase::Pending | Phase::Skipped { .. }));
            // A process that died before it recorded the table has not recorded that it may be absent.
            let unsaid = phase == Some(&Phase::Pending)
                && target.presence.is_certain_in(self.version)
                && !self.without.iter().any(|name| target.relation.table.eq_ignore_ascii_case(name));
            if (begun || unsaid) && head.kind == TargetKind::Table {
                let near = self.near(target, false).await?;
                return Err(self.refusal(target, &[], &near));
            }
        }
        Ok(())
    }

    fn absent_targets(&self) -> impl Iterator<Item = &Target> {
        let ids = self.absent.iter().filter_map(|(index, _)| self.heads.get(index.position()));
        ids.filter_map(|head| self.targets.table(&head.id)).map(|target| &**target)
    }

    /// The database that a target belongs to, and the other one.
    fn here_and_there(&self, target: &Target) -> (Option<&Db>, Option<&Db>) {
        let there = match target.store {
            Store::Identity => self.databases.of(&Store::Registry),
            Store::Registry => self.databases.of(&Store::Identity),
            Store::Further(_) => None,
        };
        (self.databases.of(&target.store), there)
    }

    /// What is named like a target's table; only what may have rows, if that is asked for.
    async fn near(&self, target: &Target, with_rows: bool) -> Result<Vec<String>> {
        let table = &target.relation.table;
        let (here, there) = self.here_and_there(target);
        let mut near = Vec::new();
        if let Some(db) = here {
            let found = if with_rows { db.near_with_rows(table).await } else { db.near(table).await };
            match found {
                Ok(found) => near.extend(found),
                Err(error) if error.class == Class::Lost => return Err(failed(db, &error)),
                // If similar objects cannot be found, the message still names what is missing.
                Err(error) => {
                    tracing::warn!("{table}: tables with similar names were not looked for: {error}");
                }
            }
        }
        if let (Some(here), Some(there)) = (here, there)
            && !here.is_same_handle(there)
            && there.table(table).await.ok().flatten().is_some()
        {
            near.push(format!("a table {table} in the other database, {}", there.place()));
        }
        Ok(near)
    }

    fn refusal(&self, target: &Target, more: &[&Target], near: &[String]) -> Error {
        let table = &target.relation.table;
        let (here, _) = self.here_and_there(target);
        let near = if near.is_empty() { String::new() } else { format!("; near it: {}", near.join(", ")) };
        let names: Vec<&str> = more.iter().map(|target| target.relation.table.as_str()).collect();
        let words = names.iter().fold(String::new(), |words, name| words + " --without-table " + name);
        let more = match names.as_slice() {
            [] => String::new(),
            names => format!("; nor is {} there", names.join(", nor ")),
        };
        let place = here.map(Db::place).unwrap_or_default();
        let key = target.store.key();
        let has_it = match (target.presence, self.version) {
            (Presence::Own, _) => ", which `targets` names".to_owned(),
            (Presence::Always, _) => ", which every version has".to_owned(),
            (presence, Some(version)) if presence.is_certain_in(Some(version)) => {
                format!(", which Identity Server {} has", shown(version))
            }
            _ => String::new(),
        };
        let what = format!("{table}{has_it}: {key} ({place}) has no such table{near}{more}");
        Error::new(Id::TableAbsent, what).fix(format!(
            "check that {key} names the right database and schema; if the deployment really has no such \
             table, start with --without-table {table}{words}"
        ))
    }
}
