//! keyrotation: rotates the data encryption key of a WSO2 Identity Server deployment.

pub mod activity;
mod blocking;
pub mod cli;
pub mod config;
pub mod configure;
pub mod control;
#[cfg(feature = "demo")]
pub mod demo;
pub mod engine;
pub mod error;
pub mod exit;
mod failpoint;
pub mod fit;
pub mod guard;
pub mod hidden;
pub mod inventory;
pub mod invocation;
pub mod manual;
mod placed;
pub mod plan;
pub mod report;
pub mod runbook;
pub mod runner;
pub mod signals;
pub mod sink;
pub mod source;
pub mod sync;
pub mod target;
pub mod telemetry;
pub mod triggers;
pub mod verify;
pub mod who;

pub use keyrotation_cipher as cipher;
pub use keyrotation_codec as codec;
pub use keyrotation_db as db;
pub use keyrotation_db::sizes;
