//! What the tests share: a deployment in a folder of its own, the program as a process, and judges
//! that know nothing of the program's code.

#[path = "../../support/columns.rs"]
mod columns;
mod disk;
#[path = "../../support/driver.rs"]
mod driver;
mod envelopes;
mod opener;
mod place;
mod program;
#[path = "../../support/proxy.rs"]
mod proxy;
mod random;
#[path = "../../support/rights.rs"]
mod rights;
#[path = "../../support/seal.rs"]
mod seal;
#[path = "../../support/server.rs"]
mod server;
#[path = "../../support/server_keys.rs"]
pub(crate) mod server_keys;
#[path = "../../support/site.rs"]
mod site;
mod snapshot;
mod tables;

pub(crate) use disk::{Fault, Report};
pub(crate) use envelopes::{apart, flip_a_bit, xml};
pub(crate) use place::{Place, counts};
pub(crate) use program::{Ran, Running};
pub(crate) use proxy::{Proxy, Trouble};
pub(crate) use random::{Random, is_brief, rounds};
pub(crate) use seal::{seal, seal_short};
pub(crate) use server::{ADMIN, Admin, Engine, OwnServers, database_of_its_own, stand_in};
pub(crate) use site::{PASSWORD, Site};
pub(crate) use snapshot::{Except, Snapshot, Spot, updates};
pub(crate) use tables::{Cell, Table, execute, number, tables};

use std::future::Future;

/// Runs something asynchronous to its end.
pub(crate) fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Makes tests of a function, one for each engine: `name: sqlite mysql, slow: mariadb;`. CI runs those before `slow`, which
/// prove the same for the others (docs/testing.md).
macro_rules! on_engines {
    ($($test:ident: $($engine:ident)+ $(, slow: $($other:ident)+)?;)+) => {
        $(mod $test {
            $(#[test] fn $engine() { super::$test(crate::support::engine!($engine)); })+
            $(mod slow { $(#[test] fn $other() { super::super::$test(crate::support::engine!($other)); })+ })?
        })+
    };
}
macro_rules! engine {
    (sqlite) => {
        crate::support::Engine::Sqlite
    };
    (postgresql) => {
        crate::support::Engine::Postgres
    };
    (mysql) => {
        crate::support::Engine::MySql
    };
    (mariadb) => {
        crate::support::Engine::MariaDb
    };
}
pub(crate) use {engine, on_engines};
