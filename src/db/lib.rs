//! Databases: thin drivers behind one type, SQL as data.
//!
//! Invariants: this crate knows nothing of ours; every statement stands in a [`Dialect`] or is
//! rendered in [`sql`] from one and a [`Relation`]; names in it are [`Identifier`]s, which are checked when they are
//! made, and values are always bound; an error never carries a value.

mod asked;
mod batches;
mod claim;
mod claimed;
mod cluster_lock;
pub mod columns;
mod copies;
mod copy;
mod database;
pub mod dialect;
mod driver;
mod error;
pub mod feeds;
pub mod history;
pub mod holdups;
mod identifier;
pub mod identity;
pub mod indexes;
mod jdbc;
pub mod load;
mod log_table;
mod mysql;
mod native;
mod near;
mod neighbour;
pub mod nodes;
mod own_sessions;
pub mod policies;
mod pool;
mod postgres;
pub mod preflight_questions;
pub mod proof;
mod refusal;
mod relation;
mod remote;
mod rows;
pub mod scan;
pub mod server;
pub mod sessions;
pub mod sizes;
pub mod sql;
mod sqlite;
mod table;
mod told;
mod value;
mod write;

pub use claim::LockState;
pub use database::{Db, Transaction};
pub use dialect::{
    DB2, DIALECTS, Dialect, H2, MSSQL, MYSQL, ORACLE, POSTGRES, Paging, Rewrite, SQLITE, Write,
};
pub use driver::{Taker, Wait};
pub use error::{Class, DbError};
pub use identifier::{Expression, Identifier, Literal, Unfit};
pub use refusal::Refusal;
pub use relation::{Filter, Relation};
pub use server::{Access, Server};
pub use sql::Lifetimes;
pub use table::{ColumnInfo, Kind, Limit, Shape, Table, TableInfo, Unit};
pub use told::TransactionLimits;
pub use value::{Record, Value};
pub use write::{Changed, CompareAndSet, WriteMode};
