//! What people and scripts get to see of a rotation: made from the journal's state alone.

use keyrotation_common::{error, fit, invocation, placed, telemetry};
use keyrotation_control as control;
use keyrotation_engine as engine;
use keyrotation_plan as plan;
use keyrotation_target as target;
use keyrotation_verify as verify;

mod activity;
mod announcer;
mod checks;
mod compared;
mod demo;
pub mod document;
mod dry_run;
mod events;
mod frame;
mod gauge;
mod inventory;
mod lines;
#[cfg(test)]
mod made;
mod meter;
mod metrics;
mod planned;
mod progress;
mod reasons;
mod retirable;
mod show;
mod standing;
mod status;
mod steps;
mod sync;
mod taken_up;
mod text;
mod verified;
mod watchers;

pub use activity::{ActivityView, PausedView, TaskView};
pub use announcer::{Announcement, Announcements};
pub use checks::checks_text;
pub use compared::{comparison_text, verification};
pub use demo::{demo_afterword, demo_made};
pub use document::{
    Bound, Checked, Document, Format, HTML_META, Made, REASON, Source, WriteError, check, write_file,
};
pub use dry_run::DryRunView;
pub use events::{publish, published};
pub use frame::{FrameStyle, frame, line};
pub use inventory::{inventory_text, scan_text};
pub use keyrotation_sync::MAY_HAVE_RUN;
pub use lines::guide_lines;
pub use planned::PlanView;
pub use progress::{Reporter, Sources};
pub use retirable::Retirable;
pub use standing::{Found, KeysFound, Standing, Taken};
pub use status::{FailureView, RunState, StatusView, TargetView, failures_of, moment};
pub use steps::{PLACES, StepView, VerifiedView};
pub use sync::{SyncTableView, SyncView};
pub use taken_up::taken_up;
pub use text::{
    bytes, printable, second, state_words, status_text, summary_sentence, thousands, whole_status_text,
};
pub use verified::{RETIRABLE, VERIFIED, VERIFY_DIFFERENCES, Verification};
pub use watchers::{Ending, Watchers};
