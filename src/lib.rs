//! keyrotation: rotates the data encryption key of a WSO2 Identity Server deployment.
//!
//! This crate is the command line. What it calls are crates of their own in the folders beside it (docs/how-it-works.md).

pub mod cli;

pub use keyrotation_cipher as cipher;
pub use keyrotation_common::{activity, error, exit, fit, hidden, invocation, telemetry, who};
pub use keyrotation_config as config;
pub use keyrotation_configure as configure;
pub use keyrotation_control as control;
pub use keyrotation_db as db;
#[cfg(feature = "demo")]
pub use keyrotation_demo as demo;
pub use keyrotation_manual as manual;
pub use keyrotation_plan as plan;
pub use keyrotation_report as report;
pub use keyrotation_runbook as runbook;
pub use keyrotation_runner as runner;
pub use keyrotation_triggers as triggers;

use keyrotation_common::placed;
