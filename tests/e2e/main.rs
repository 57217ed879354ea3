//! End to end: the real program on a real deployment, one module a topic.
//!
//! What a deployment must look like afterwards is judged by a second implementation
//! (`tests/support/open_values.py`), never by the program's own code.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what is wrong by panicking")]
#![allow(clippy::format_push_string, clippy::format_collect, reason = "SQL is put together to be read")]
// Many tests need the crash points: cargo test --features failpoints --test e2e
#![cfg_attr(not(feature = "failpoints"), allow(dead_code, unused_imports))]

mod support;

#[cfg(feature = "failpoints")]
mod begin_again;
mod copies;
mod failures;
mod kill;
#[cfg(feature = "failpoints")]
mod meddling;
#[cfg(feature = "failpoints")]
mod points;
#[cfg(feature = "failpoints")]
mod prefixes;
mod signals;
mod smoke;
