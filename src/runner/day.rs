//! The day, as it stands: what is known of its steps, and whether what people say of them is so.

use keyrotation_journal::submitted_steps;

use super::reading::view;
use super::steps::{Place, Side, open_side};
use crate::config::{self, DraftConfig};
use crate::db::Access;
use crate::error::{Error, Id, Result};
use crate::plan;
use crate::runbook::{
    Advice, COPY_CLEANED, Facts, Item, Mark, Named, Objection, StepState, TRIGGERS_INSTALLED,
    TRIGGERS_REMOVED, Variant, advice, objection, page,
};
use crate::triggers;

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

    /// Refuses to record items that are not so, or cannot be yet.
    pub async fn check(&self, place: &Place, named: &Named) -> Result<()> {
        // All of them before any is recorded.
        for item in &named.items {
            match objection(named.step, item, &self.facts) {
                Some(Objection::Refuse(why)) => return Err(Error::new(Id::StepNotSo, why)),
                Some(Objection::Warn(why)) => tracing::warn!("{why}"),
                None => {}
            }
            look_at(place, self, item).await?;
        }
        Ok(())
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
    if item.name == "deployment/edited" {
        return edited(place, day);
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
            tracing::warn!("taken at your word, since the database cannot be looked at: {}", error.what());
            Ok(())
        }
    }
}

/// Whether the new server's file has the new key, where both can be read.
fn edited(place: &Place, day: &Day) -> Result<()> {
    let Some(home) = &day.outline.home else { return Ok(()) };
    let refuse = |why: &str| {
        let file = home.join(config::DEPLOYMENT);
        Err(Error::new(Id::StepNotSo, format!("{}: {why}", file.display()))
            .fix("`keyrotation configure` puts the new key there"))
    };
    let said = match config::Deployment::read(home) {
        Ok(Some(toml)) => toml.key(),
        Ok(None) => return Ok(()), // on nodes that are not this one
        Err(why) => return refuse(&why),
    };
    let unknown = |why: &str| {
        tracing::warn!("taken at your word: whether deployment.toml has the new key cannot be seen: {why}");
        Ok(())
    };
    let keys = match config::keys_at_hand(&place.config) {
        Ok(Some(keys)) => keys,
        Ok(None) => return unknown("the keys are asked for"),
        Err(error) => return unknown(error.what()),
    };
    match said {
        config::Said::This(key) if key == *keys.new_key() => Ok(()),
        config::Said::This(key) if keys.old_keys().any(|old| *old == key) => refuse("it has the old key"),
        config::Said::This(_) => refuse("[encryption] key is neither the old key nor the new one"),
        config::Said::Nothing => refuse("[encryption] key is not set"),
        config::Said::Unusable(why) => refuse(&format!("[encryption] key cannot be used: {why}")),
        config::Said::Elsewhere => unknown("it stands in the server's secrets or environment"),
    }
}
