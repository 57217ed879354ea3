//! What people and scripts get to see of a rotation: made from the journal's state alone.

mod activity;
pub mod document;
mod dry_run;
mod frame;
mod gauge;
mod lines;
mod meter;
mod progress;
mod show;
mod status;
mod sync;
mod text;
mod verified;

pub use activity::{ActivityView, PausedView, TaskView};
pub use document::{Bound, Document, Format, HTML_META, Made, REASON, Source, WriteError};
pub use dry_run::DryRunView;
pub use frame::{frame, line};
pub use lines::guide_lines;
pub use progress::{Reporter, Sources, publish, published};
pub use status::{FailureView, RunState, StatusView, StepView, TargetView, VerifiedView, failures_of};
pub use sync::{SyncTableView, SyncView};
pub use text::{bytes, printable, status_text, summary_sentence, thousands};
pub use verified::{RETIRABLE, VERIFIED, VERIFY_DIFFERENCES, Verification};
