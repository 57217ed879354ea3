//! The operator's whole day as a list of steps: the guide's nine and a tenth, *retire*.
//!
//! Pure: the steps are one table ([`STEPS`]), how far they are is a fold over what is known
//! (`progress`), what to do in each is text made from the deployment's outline (`advice`). What the
//! program can see it sees for itself; what only a human knows is confirmed, recorded, and can be
//! taken back. There are two variants of the same table: with sync, and with a maintenance window.

use keyrotation_common::{fit, invocation};
use keyrotation_config as config;
use keyrotation_db as db;
use keyrotation_report as report;
use keyrotation_sync as sync;

mod advice;
mod confirm;
mod doubts;
mod dump;
mod gap;
mod progress;
mod retired;
mod steps;
#[cfg(test)]
mod tests;
mod text;
mod vendors;

use serde::Serialize;

use crate::config::DraftConfig;
use crate::report::StatusView;

pub use advice::{Advice, advice};
pub use confirm::{Named, Objection, confirmable, find, objections, old_key_is_needed, step_names};
pub use gap::{copy_is_older, is_preparation};
pub use progress::{Facts, ItemState, Mark, Progress, StepState, progress};
pub use retired::{against_end, is_retired, retirement};
pub use steps::{
    ALREADY, BOTH_KEYS, BY_HAND, CONFIGURED, COPY_CLEANED, FROM_NOW_ON, IN_PLACE, OLD_KEY_DESTROYED,
    OLD_SERVER_STOPPED, ONE_KEY, STEPS, TRIGGERS_INSTALLED, TRIGGERS_REMOVED,
};
pub use text::{items, list, page};

/// How users are served meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// By the old server, whose changes are carried over (`enableSyncMigrator: true`).
    ZeroDowntime,
    /// Not at all: the old server is stopped.
    MaintenanceWindow,
    /// By the same servers, which know both keys (`mode: in-place`).
    InPlace,
}

impl Variant {
    /// The variant with or without sync.
    pub const fn of(sync: bool) -> Self {
        if sync { Self::ZeroDowntime } else { Self::MaintenanceWindow }
    }

    /// The variant of a rotation that was begun.
    pub fn of_status(status: &StatusView) -> Self {
        if status.mode.is_in_place() { Self::InPlace } else { Self::of(status.sync.is_some()) }
    }

    /// The variant that a properties file asks for.
    pub fn of_draft(draft: &DraftConfig) -> Self {
        if draft.in_place { Self::InPlace } else { Self::of(draft.sync) }
    }

    /// Its steps, in order.
    pub fn steps(self) -> &'static [Step] {
        if self == Self::InPlace { IN_PLACE } else { STEPS }
    }

    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::ZeroDowntime => "zero downtime",
            Self::MaintenanceWindow => "maintenance window",
            Self::InPlace => "in place",
        }
    }
}

/// A step of the day.
#[derive(Debug)]
pub struct Step {
    /// Its number, for a copy that of the guide.
    pub number: u8,
    /// Its stable name.
    pub id: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// What it is called in a maintenance window, where that differs; empty if there is no such step.
    pub in_window: &'static str,
    /// Whether it comes before a rotation begins; what was recorded of a later one before that is of another rotation.
    pub comes_before: bool,
    /// Whether each of its items must be confirmed by itself.
    pub item_by_item: bool,
    /// What makes it done.
    pub items: &'static [Item],
}

impl Step {
    /// What it is called; none if the variant does not have it.
    pub const fn title(&self, variant: Variant) -> Option<&'static str> {
        match variant {
            Variant::ZeroDowntime | Variant::InPlace => Some(self.title),
            Variant::MaintenanceWindow if self.in_window.is_empty() => None,
            Variant::MaintenanceWindow => Some(self.in_window),
        }
    }

    /// What makes it done.
    pub fn items(&self, variant: Variant) -> impl Iterator<Item = &'static Item> + use<> {
        let items = self.items;
        items.iter().filter(move |item| item.only.is_none_or(|only| only == variant))
    }
}

/// A part of a step that is done or not.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    /// What it is recorded as; unless it is a name of its own, the step's, a slash and the item's.
    pub name: &'static str,
    /// What is so when it is done.
    pub title: &'static str,
    /// The variant that has it, if only one has.
    pub only: Option<Variant>,
    /// Who knows.
    pub known_by: KnownBy,
}

/// Who knows whether an item is done.
#[derive(Debug, Clone, Copy)]
pub enum KnownBy {
    /// People, who confirm it.
    People,
    /// The program sees it; people may say so where it cannot look.
    Both(fn(&Facts) -> Finding),
    /// The program alone.
    Program(fn(&Facts) -> Finding),
}

/// What the program sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It is so, and by what it is known; since when, if that is known, RFC 3339 in UTC.
    So(String, Option<String>),
    /// It is not so, and why.
    Not(String),
    /// It cannot tell.
    Unknown,
}
