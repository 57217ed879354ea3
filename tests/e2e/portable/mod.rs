//! What runs on any database: on SQLite in CI, on the servers by `tests/matrix.sh` (`KEYROTATION_E2E`).

pub(crate) mod begin_again;
pub(crate) mod commands;
pub(crate) mod control;
pub(crate) mod copies;
pub(crate) mod dry_run;
pub(crate) mod failures;
pub(crate) mod files;
pub(crate) mod indexes;
pub(crate) mod keys;
pub(crate) mod kill;
pub(crate) mod meddling;
pub(crate) mod nothing;
pub(crate) mod plan;
pub(crate) mod points;
pub(crate) mod prefixes;
pub(crate) mod preflight;
pub(crate) mod refusals;
pub(crate) mod secrets;
pub(crate) mod signals;
pub(crate) mod smoke;
pub(crate) mod status;
pub(crate) mod tables;
pub(crate) mod values;
pub(crate) mod verify;
