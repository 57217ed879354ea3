//! End to end: the real program on a real deployment, one module a topic.
//!
//! What a deployment must look like afterwards is judged by a second implementation
//! (`tests/support/open_values.py`), never by the program's own code.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what is wrong by panicking")]

mod kit;
mod support;

#[cfg(feature = "failpoints")]
mod commands;
#[cfg(feature = "failpoints")]
mod files;
#[cfg(feature = "failpoints")]
mod kill;
#[cfg(feature = "failpoints")]
mod points;
mod refusals;
#[cfg(feature = "failpoints")]
mod secrets;
mod smoke;
#[cfg(feature = "failpoints")]
mod status;
mod tables;
mod values;
#[cfg(feature = "failpoints")]
mod verify;
