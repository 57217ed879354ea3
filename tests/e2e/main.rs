//! The program end to end: a made deployment, the real binary, the databases and files after it.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod commands;
mod files;
mod kit;
mod refusals;
mod secrets;
mod smoke;
mod status;
mod support;
mod values;
mod verify;
