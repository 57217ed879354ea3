//! The day, as it stands: what is known of its steps, and whether what people say of them is so.

use std::path::PathBuf;

use keyrotation_journal::submitted_steps;

use super::reading::view;
use super::steps::{Place, Side, open_side};
use super::triggers::waits_in_old;
use crate::config::{self, DraftConfig};
use crate::db::Access;
use crate::error::{Error, Id, Result};
use crate::plan::{self, KeyFingerprints, ServerKeys};
use crate::runbook::{
    Advice, BOTH_KEYS, COPY_CLEANED, Facts, Item, Mark, Named, OLD_KEY_DESTROYED, ONE_KEY, Objection,
    StepState, TRIGGERS_INSTALLED, TRIGGERS_REMOVED, Variant, advice, objections, page,
};
use keyrotation_triggers as triggers;

/// What begins the part of a step's note that says against what it was confirmed.
const DESPITE: &str = "despite what is on record: ";

/// What people say of items.
#[derive(Debug, Clone, Copy)]
pub struct Word<'a> {
    /// What there is to say of it.
    pub note: &'a str,
    /// That they know better than what is on record.
    pub despite_findings: bool,
}

/// All that is known of the day without asking a database.
#[derive(Debug)]
pub struct Day {
    outline: DraftConfig,
    /// What is known.
    pub facts: Facts,
    /// With sync, or without.
    pub variant: Variant,
}

impl Day {
    /// Looks at the properties file, and at the journal or what waits for it.
    pub fn look(place: &Place) -> Result<Self> {
        let outline = config::draft(&place.config);
        let status = match view(&place.journal) {
            Ok(view) => Some(view),
            Err(error) if error.id() == Id::JournalAbsent => None,
            Err(error) => return Err(error),
        };
        // A rotation that was begun is what it is, whatever the file says now.
        let variant = status.as_ref().map_or_else(|| Variant::of_draft(&outline), Variant::of_status);
        let configured = Some(outline.problem.clone().map_or(Ok(()), Err));
        let facts = Facts { configured, ..Facts::new(status, &submitted_steps(&place.journal)?) };
        Ok(Self { outline, facts, variant })
    }

    /// One step as a page.
    pub fn page(&self, state: &StepState) -> String {
        page(state, &self.advice(state))
    }

    /// What to do in it.
    pub fn advice(&self, state: &StepState) -> Vec<Advice> {
        let mut steps = self.variant.steps().iter();
        let step = steps.find(|step| step.id == state.id && state.state != Mark::NotNeeded);
        step.map(|step| advice(step, self.variant, &self.outline)).unwrap_or_default()
    }

    /// Refuses to record items that are not so, or cannot be yet. With the note that each is to get.
    pub async fn check(
        &self,
        place: &Place,
        named: &Named,
        word: Word<'_>,
    ) -> Result<Vec<(&'static Item, String)>> {
        let mut notes = Vec::new();
        // All of them before any is recorded.
        for item in &named.items {
            let against = self.against(place, named, item, word.despite_findings).await?;
            look_at(place, self, item).await?;
            let despite = format!("{DESPITE}{}", against.join("; "));
            let note = match (against.is_empty(), word.note) {
                (true, note) => note.to_owned(),
                (false, "") => despite,
                (false, note) => format!("{note}; {despite}"),
            };
            notes.push((*item, note));
        }
        Ok(notes)
    }

    /// What stands against an item, and is confirmed all the same.
    async fn against(&self, place: &Place, named: &Named, item: &Item, despite: bool) -> Result<Vec<String>> {
        let (mut refused, mut against, mut warned) = (Vec::new(), Vec::new(), Vec::new());
        for objection in objections(named.step, item, &self.facts) {
            match objection {
                Objection::Refuse(why) => refused.push(why),
                Objection::Against(why) => against.push(why),
                Objection::Warn(why) => warned.push(why),
            }
        }
        if refused.is_empty() && self.variant == Variant::ZeroDowntime && item.name.starts_with("retire/") {
            against.extend(waits_in_old(place, &self.facts).await);
        }
        for why in &warned {
            tracing::warn!("{why}");
        }
        let is_known_better = despite && refused.is_empty();
        if is_known_better || (refused.is_empty() && against.is_empty()) {
            for why in &against {
                tracing::warn!("{} is confirmed although {why}", item.name);
            }
            return Ok(against);
        }
        let is_open = refused.is_empty();
        refused.extend(against);
        let error =
            Error::new(Id::StepNotSo, format!("{} cannot be done yet: {}", item.name, refused.join("; ")));
        Err(if is_open {
            error.fix(format!(
                "correct it; or, if you know better, `keyrotation confirm {} --despite-findings`, which \
                 writes all that into the step's note",
                item.name
            ))
        } else {
            error
        })
    }
}

/// Looks whether it is so, where the program can. What it cannot look at is taken for so, with a word.
async fn look_at(place: &Place, day: &Day, item: &Item) -> Result<()> {
    let refuse = |why: String| Err(Error::new(Id::StepNotSo, why));
    if item.name == "copy/home"
        && let Some(home) = day.outline.home.as_ref().filter(|home| !home.is_dir())
    {
        return refuse(format!("newISHome, {}, is not there", home.display()));
    }
    let wanted = match item.name {
        "deployment/edited" => Some(ServerKeys::New),
        BOTH_KEYS => Some(ServerKeys::Both),
        ONE_KEY => Some(ServerKeys::NewAlone),
        OLD_KEY_DESTROYED if day.variant == Variant::InPlace => Some(ServerKeys::NewAlone),
        _ => None,
    };
    if let Some(wanted) = wanted {
        return servers_have(place, day, wanted);
    }
    let (side, wanted) = match item.name {
        TRIGGERS_INSTALLED => (Side::Old, true),
        TRIGGERS_REMOVED => (Side::Old, false),
        COPY_CLEANED => (Side::New, false),
        _ => return Ok(()),
    };
    let found = match open_side(place, side, Access::ReadOnly).await {
        Ok(db) => {
            let found = triggers::find(&db, &plan::built_in()).await.map(|found| (db.place(), found));
            db.close().await;
            found
        }
        Err(error) => Err(error),
    };
    match found {
        Ok((named, found)) => {
            let is_clean = found.whole.is_empty() && found.parts.is_empty();
            match wanted {
                true if let Some(why) = found.broken.first().or(found.missing.first()) => {
                    refuse(format!("{named}: {why}"))
                }
                false if !is_clean => refuse(format!("{named}: there are sync triggers or a change log")),
                _ => Ok(()),
            }
        }
        Err(error) => {
            tracing::warn!("taken at your word, since the database cannot be read: {}", error.what());
            Ok(())
        }
    }
}

/// Whether every server that is named has the keys that it is to have, where that can be seen.
fn servers_have(place: &Place, day: &Day, wanted: ServerKeys) -> Result<()> {
    let nodes = match day.variant {
        // One that is named no more has its own deployment.toml all the same.
        Variant::InPlace => {
            let mut nodes = day.outline.nodes.clone();
            let begun_with = day.facts.status.iter().flat_map(|status| &status.homes).map(PathBuf::from);
            nodes.extend(begun_with.filter(|home| !day.outline.nodes.contains(home)));
            nodes
        }
        // On nodes that are not this one there may be others.
        _ => day.outline.home.iter().filter(|home| home.join(config::DEPLOYMENT).exists()).cloned().collect(),
    };
    let at_word = |why: &str| {
        tracing::warn!("taken at your word, since the keys in deployment.toml cannot be seen: {why}");
        Ok(())
    };
    if nodes.is_empty() {
        return if day.variant == Variant::InPlace { at_word("no homes are named") } else { Ok(()) };
    }
    let keys = match fingerprints(place, day, wanted) {
        Ok(keys) => keys,
        Err(why) => return at_word(&why),
    };
    for node in nodes {
        match plan::has_keys(&node, &keys, wanted) {
            Ok(unseen) if unseen.is_empty() => {}
            Ok(unseen) => {
                let file = node.join(config::DEPLOYMENT);
                tracing::warn!("taken at your word: {}: {}", file.display(), unseen.join(", "));
            }
            Err(why) => {
                let fix = match wanted {
                    ServerKeys::New => "`keyrotation configure` puts the new key there",
                    ServerKeys::NewAlone => {
                        "`keyrotation configure --remove-old-key` takes it out; then restart that node"
                    }
                    ServerKeys::Both => {
                        "`keyrotation configure` puts both keys there; then restart that node. If all servers are \
                         stopped until the rotation is over, there is nothing to confirm"
                    }
                };
                return Err(Error::new(Id::StepNotSo, why).fix(fix));
            }
        }
    }
    Ok(())
}

/// The fingerprints of the rotation's keys, as the journal has them, for which no command need be run. Before it is begun,
/// those of properties.yaml: what a journal tells then is of an earlier one. An error says why they are not known.
fn fingerprints(place: &Place, day: &Day, wanted: ServerKeys) -> Result<KeyFingerprints, String> {
    let recorded = day.facts.status.as_ref().and_then(|status| status.keys.clone());
    if let Some(keys) = recorded.clone().filter(|_| wanted != ServerKeys::Both) {
        return Ok(keys);
    }
    let unknown = match config::keys_at_hand(&place.config) {
        Ok(Some(keys)) => return Ok(KeyFingerprints::of(&keys)),
        Ok(None) => "the keys are asked for".to_owned(),
        Err(error) => error.what().to_owned(),
    };
    recorded.ok_or(unknown)
}
