//! keyrotation: rotates the data encryption key of a WSO2 Identity Server deployment.

pub mod cli;
pub mod configure;
pub mod control;
#[cfg(feature = "demo")]
pub mod demo;
pub mod engine;
pub mod guard;
pub mod inventory;
pub mod manual;
pub mod plan;
pub mod report;
pub mod runbook;
pub mod runner;
pub mod sink;
pub mod source;
pub mod sync;
pub mod target;
pub mod triggers;
pub mod verify;
pub mod who;

pub use keyrotation_cipher as cipher;
pub use keyrotation_codec as codec;
pub use keyrotation_common::{activity, error, exit, fit, hidden, invocation, signals, telemetry};
pub use keyrotation_config as config;
pub use keyrotation_db as db;
pub use keyrotation_db::sizes;

use keyrotation_common::{blocking, failpoint, placed};
