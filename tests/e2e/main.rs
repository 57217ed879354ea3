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

mod bad_data;
mod begin_again;
mod beside;
mod clock;
mod closed;
mod clusters;
mod commands;
mod configure;
mod control;
mod copies;
mod damage;
mod disk;
mod documented;
mod dry_run;
mod failures;
mod files;
mod follow;
mod golden;
mod handed;
mod in_place;
mod indexes;
mod jdbc;
mod json;
mod keys;
mod kill;
mod meddling;
mod nothing;
mod on_record;
mod output;
mod outside;
mod placements;
mod plan;
mod points;
mod prefixes;
mod preflight;
mod progress;
mod refusals;
mod report;
mod ring;
mod rogue;
mod rolling;
mod secrets;
mod server_keys;
mod servers;
mod signals;
mod smoke;
mod status;
mod stores;
mod sync;
mod tables;
mod targets;
mod values;
mod verify;
mod walks;
mod watched;
mod words;
