//! What is asked of a connection of the bridge's, and how it is written.

use super::wire::{Operation, Request};
use crate::value::Value;

/// What a connection is opened with.
#[derive(Debug)]
pub(super) struct Opening<'a> {
    pub(super) url: &'a str,
    pub(super) read_only: bool,
    /// As what a NULL is bound, of `java.sql.Types`.
    pub(super) nulls: u32,
    /// The driver whose bytes of a text are UTF-8, see `JdbcDriver::utf8`.
    pub(super) utf8_driver: &'a str,
    pub(super) properties: &'a [(&'a str, &'a str)],
    /// Statements to run first.
    pub(super) setup: &'a [String],
}

/// What is asked of a session.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ask<'a> {
    /// A connection.
    Open(&'a Opening<'a>),
    /// One statement with its values.
    Query(&'a str, &'a [Value]),
    /// Likewise, with values from wherever they are.
    Change(&'a str, &'a [&'a Value]),
    /// One statement for each set of values.
    Many(Operation, &'a str, &'a [Vec<&'a Value>]),
    /// What takes a text.
    Text(Operation, &'a str),
    /// What takes nothing.
    Plain(Operation),
}

impl Ask<'_> {
    pub(super) const fn operation(&self) -> Operation {
        match self {
            Self::Open(_) => Operation::Open,
            Self::Query(..) | Self::Change(..) => Operation::Query,
            Self::Many(operation, ..) | Self::Text(operation, _) | Self::Plain(operation) => *operation,
        }
    }

    /// How many bytes it takes, roughly; with secrets in it, no fewer.
    pub(super) fn room(&self) -> usize {
        let weight = |value: &Value| value.weight() + 8;
        match self {
            Self::Open(with) => {
                let pairs: usize =
                    with.properties.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
                let setup: usize = with.setup.iter().map(|statement| statement.len() + 4).sum();
                with.url.len() + with.utf8_driver.len() + pairs + setup + 32
            }
            Self::Query(sql, params) => sql.len() + 16 + params.iter().map(weight).sum::<usize>(),
            Self::Change(sql, params) => {
                sql.len() + 16 + params.iter().map(|value| weight(value)).sum::<usize>()
            }
            Self::Many(_, sql, rows) => {
                sql.len() + 16 + rows.iter().flatten().map(|value| weight(value)).sum::<usize>()
            }
            Self::Text(_, text) => text.len() + 8,
            Self::Plain(_) => 0,
        }
    }

    pub(super) fn fill(&self, request: &mut Request) {
        match self {
            Self::Open(with) => {
                request.text(with.url).flag(with.read_only).number(with.nulls).text(with.utf8_driver);
                request.count(with.properties.len());
                for (name, value) in with.properties {
                    request.text(name).text(value);
                }
                request.count(with.setup.len());
                for statement in with.setup {
                    request.text(statement);
                }
            }
            Self::Query(sql, params) => {
                request.text(sql).count(params.len());
                for param in *params {
                    request.value(param);
                }
            }
            Self::Change(sql, params) => {
                request.text(sql).count(params.len());
                for param in *params {
                    request.value(param);
                }
            }
            Self::Many(_, sql, rows) => {
                request.text(sql).count(rows.first().map_or(0, Vec::len)).count(rows.len());
                for value in rows.iter().flatten() {
                    request.value(value);
                }
            }
            Self::Text(_, text) => drop(request.text(text)),
            Self::Plain(_) => {}
        }
    }
}
