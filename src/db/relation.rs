//! A table as the program sees it.

use serde::{Deserialize, Serialize};

use crate::identifier::{Identifier, Literal};

/// A table as the program sees it: its key, and which of its rows matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    /// The table's name, in upper case as WSO2's scripts have it.
    pub table: Identifier,
    /// The columns of its primary key, in order.
    pub key: Vec<Identifier>,
    /// Which rows matter; all of them without one.
    pub filter: Option<Filter>,
}

/// Which rows of a table matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// The column has one of these values.
    OneOf(Identifier, Vec<Literal>),
    /// The column is true.
    IsTrue(Identifier),
    /// The column is the number zero.
    IsZero(Identifier),
    /// Those among the first, or among all, that are not among the second.
    But(Option<Box<Filter>>, Box<Filter>),
}

impl Filter {
    /// The columns that decide.
    pub fn columns(&self) -> Vec<&Identifier> {
        match self {
            Self::OneOf(column, _) | Self::IsTrue(column) | Self::IsZero(column) => vec![column],
            Self::But(first, second) => {
                first.iter().flat_map(|first| first.columns()).chain(second.columns()).collect()
            }
        }
    }
}
