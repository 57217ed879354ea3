//! The sync phase, with servers at work on both databases.

mod judge;
pub(crate) mod pair;
mod workload;

pub(crate) mod absent;
pub(crate) mod copies;
mod day;
mod dumps;
pub(crate) mod exact;
pub(crate) mod flow;
mod foreign;
pub(crate) mod gap;
mod losses;
mod lost;
pub(crate) mod pause;
mod report;
pub(crate) mod retire;
mod retired;
mod roles;
pub(crate) mod steps;
pub(crate) mod together;
pub(crate) mod triggers;
mod truth;
mod walks;
pub(crate) mod whose;
