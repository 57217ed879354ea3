//! End to end: the real program on a real deployment, one module a topic.
//!
//! What a deployment must look like afterwards is judged by a second implementation
//! (`tests/support/open_values.py`), never by the program's own code.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what is wrong by panicking")]
#![allow(clippy::format_push_string, clippy::format_collect, reason = "SQL is put together to be read")]
#![allow(clippy::print_stdout, reason = "a long run says what it did")]
// Many tests need the crash points: cargo test --features failpoints --test e2e

#[cfg(not(feature = "failpoints"))]
compile_error!("these tests need failpoints: run them with --features failpoints, or all by tests/run.sh");

mod kit;
mod support;

mod clusters;
mod contract;
mod jdbc;
mod portable;
mod servers;
mod sqlite;
mod sync;
