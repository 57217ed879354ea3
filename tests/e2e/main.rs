//! End to end: the real program on a real deployment, one module a topic.
//!
//! What a deployment must look like afterwards is judged by a second implementation
//! (`tests/support/open_values.py`), never by the program's own code.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what is wrong by panicking")]

mod support;

mod commands;
mod files;
mod kit;
mod refusals;
mod secrets;
#[cfg(feature = "failpoints")]
mod kill;
#[cfg(feature = "failpoints")]
mod points;
mod smoke;
mod status;
mod support;
mod values;
mod verify;
