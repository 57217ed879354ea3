//! The sync phase, with servers at work on both databases.

mod judge;
mod pair;
mod workload;

mod day;
mod flow;
mod pause;
mod report;
mod steps;
mod together;

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
    };
}
use on_each_engine;
