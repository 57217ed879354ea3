//! What people and scripts get to see of a rotation: made from the journal's state alone.

mod activity;
mod dry_run;
mod lines;
mod progress;
mod status;
mod sync;
mod text;

pub use activity::{ActivityView, PausedView};
pub use dry_run::DryRunView;
pub use lines::guide_lines;
pub use progress::{Reporter, Sources, publish};
pub use status::{FailureView, RunState, StatusView, TargetView, failures_of};
pub use sync::{SyncTableView, SyncView};
pub use text::{bytes, printable, status_text, summary_sentence, thousands};
