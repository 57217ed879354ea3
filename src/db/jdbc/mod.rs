//! Databases by way of their JDBC drivers: a bridge in Java moves statements and rows, nothing else.
//! All SQL comes from here, as for the other drivers.

mod ask;
mod database;
mod errors;
mod java;
mod opened;
mod pooled;
mod postgres;
mod process;
mod session;
mod stalled;
mod table;
mod wire;

pub(crate) use database::JdbcDb;
pub(crate) use pooled::{BridgeSession, JdbcTransaction};
