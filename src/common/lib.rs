//! What every part of the program needs: errors and exit codes, activities, signals, the log, files that are replaced
//! whole, how the program was called.
//!
//! Invariant: this crate knows the journal's errors, and nothing else of ours.

pub mod activity;
pub mod blocking;
pub mod error;
pub mod exit;
pub mod failpoint;
pub mod fit;
pub mod hidden;
pub mod invocation;
pub mod placed;
pub mod signals;
pub mod telemetry;
pub mod who;
