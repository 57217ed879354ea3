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

/// Makes a test of each function for SQLite and each server.
macro_rules! on_each_engine {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test] fn $name() { super::$name(crate::support::Engine::Sqlite) })+
        }
        mod postgresql {
            $(#[test] fn $name() { super::$name(crate::support::Engine::Postgres) })+
        }
        mod mariadb {
            $(#[test] fn $name() { super::$name(crate::support::Engine::MariaDb) })+
        }
        mod mysql {
            $(#[test] fn $name() { super::$name(crate::support::Engine::MySql) })+
        }
    };
}
use on_each_engine;
