//! keyrotation: rotates the data encryption key of a WSO2 Identity Server deployment.

pub mod activity;
mod blocking;
pub mod cipher;
pub mod cli;
pub mod codec;
pub mod config;
pub mod configure;
pub mod control;
pub mod db;
pub mod demo;
pub mod engine;
pub mod error;
pub mod exit;
mod failpoint;
pub mod guard;
pub mod plan;
pub mod report;
pub mod runbook;
pub mod signals;
pub mod sink;
pub mod sizes;
pub mod source;
pub mod sync;
pub mod target;
pub mod telemetry;
pub mod triggers;
pub mod verify;
