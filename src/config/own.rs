//! `targets`: tables of people's own that are rotated, too, and what of the built-in ones is left out.
//!
//! Invariant: what comes from here are names that can stand in a statement as they are ([`Identifier`], [`Literal`]);
//! whether the tables are there is the catalogue's word, later.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::keys::Key;
use super::resolve::{Resolver, wrong};
use super::syntax::Entry;
use crate::codec::Codec;
use crate::codec::json::Path;
use crate::db::{Filter, Identifier, Literal};
use crate::error::{Error, Id, Result};

/// What `targets` says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnTargets {
    /// Tables that are rotated beside the built-in ones.
    pub tables: Vec<OwnTable>,
    /// Tables and groups of files that are left out: a table's name, in upper case, or a target's id.
    pub left_out: Vec<String>,
}

/// A table of people's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnTable {
    /// The database that it is in: `identity`, `registry`, or one of `stores`.
    pub store: String,
    /// Its name.
    pub table: Identifier,
    /// The columns that tell its rows apart.
    pub key: Vec<Identifier>,
    /// The columns with values.
    pub values: Vec<Identifier>,
    /// Which rows matter; none for all.
    pub filter: Option<Filter>,
    /// How values stand in the columns.
    pub codec: Codec,
}

impl OwnTargets {
    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.left_out.is_empty()
    }
}

impl fmt::Display for OwnTargets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        let without = self.left_out.iter().map(|name| format!("without {name}"));
        let all: Vec<String> = self.tables.iter().map(OwnTable::to_string).chain(without).collect();
        f.write_str(&all.join(", "))
    }
}

impl fmt::Display for OwnTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { store, table, key, values, filter, codec } = self;
        write!(f, "{table} ({store}; {}; {}", key.join("+"), values.join("+"))?;
        if let Some(filter) = filter {
            write!(f, "; {}", rows(filter))?;
        }
        write!(f, "; {})", name_of(codec))
    }
}

fn rows(filter: &Filter) -> String {
    match filter {
        Filter::OneOf(column, values) => {
            let values: Vec<&str> = values.iter().map(Literal::as_str).collect();
            format!("{column} is {}", values.join(" or "))
        }
        Filter::IsTrue(column) => format!("{column} is true"),
        Filter::IsZero(column) => format!("{column} is 0"),
        Filter::But(first, second) => {
            let first = first.as_ref().map(|first| format!("{} and ", rows(first))).unwrap_or_default();
            format!("{first}not: {}", rows(second))
        }
    }
}

fn name_of(codec: &Codec) -> String {
    match codec {
        Codec::Envelope => "envelope".to_owned(),
        Codec::Java => "java".to_owned(),
        Codec::Xml | Codec::XmlElements => "xml".to_owned(),
        Codec::Text => "text".to_owned(),
        Codec::Json(paths) => {
            let paths: Vec<String> = Vec::<Path>::from(paths.clone()).into_iter().map(String::from).collect();
            format!("json {}", paths.join(" "))
        }
    }
}

/// One item of the list, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Item {
    leave_out: Option<String>,
    store: Option<String>,
    table: Option<String>,
    #[serde(default)]
    key: Words,
    #[serde(default)]
    values: Words,
    #[serde(rename = "where")]
    filter: Option<BTreeMap<String, Words>>,
    codec: Option<String>,
    #[serde(default)]
    paths: Words,
}

/// A word, or a list of them.
#[derive(Default, Deserialize)]
#[serde(from = "OneOrMany")]
struct Words(Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(Word),
    Many(Vec<Word>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Word {
    Text(String),
    Number(i64),
}

impl From<OneOrMany> for Words {
    fn from(words: OneOrMany) -> Self {
        let words = match words {
            OneOrMany::One(word) => vec![word],
            OneOrMany::Many(words) => words,
        };
        let text = |word| match word {
            Word::Text(text) => text,
            Word::Number(number) => number.to_string(),
        };
        Self(words.into_iter().map(text).collect())
    }
}

impl Resolver<'_> {
    /// What `targets` says; `databases` is whether any are rotated.
    pub(super) fn own_targets(&self, databases: bool) -> Result<OwnTargets> {
        let Some(entry) = self.given(Key::Targets) else { return Ok(OwnTargets::default()) };
        let own = read(entry)?;
        if !own.tables.is_empty() && !databases {
            let what = "names tables, and enableDBMigrator is not true";
            return Err(wrong(Id::ConfigValue, entry, what).fix("set `enableDBMigrator: true`"));
        }
        Ok(own)
    }
}

fn read(entry: &Entry) -> Result<OwnTargets> {
    let refused = |what: String| wrong(Id::ConfigTargets, entry, what);
    let items: Vec<Item> = serde_yaml::from_str(entry.value.expose()).map_err(|error| {
        let line = error.location().map_or(entry.line, |place| entry.line + place.line() - 1);
        Error::new(Id::ConfigTargets, format!("line {line}: targets: {error}"))
    })?;
    let mut own = OwnTargets::default();
    for (number, item) in (1..).zip(items) {
        let refused = |what: String| refused(format!("item {number}: {what}"));
        match (&item.leave_out, &item.table) {
            (Some(name), None) if item.is_of_leave_out_alone() => own.left_out.push(left_out(name)),
            (None, Some(_)) => own.tables.push(item.table().map_err(refused)?),
            _ => {
                let what = "has neither a `table` with its `key` and `values` nor `leaveOut` alone";
                return Err(refused(what.to_owned()));
            }
        }
    }
    Ok(own)
}

/// Targets' ids are in lower case, tables are not.
fn left_out(name: &str) -> String {
    if name.contains('-') { name.to_lowercase() } else { name.to_uppercase() }
}

impl Item {
    fn is_of_leave_out_alone(&self) -> bool {
        let Self { leave_out: _, store, table, key, values, filter, codec, paths } = self;
        let has_words = [key, values, paths].into_iter().any(|words| !words.0.is_empty());
        store.is_none() && table.is_none() && filter.is_none() && codec.is_none() && !has_words
    }

    fn table(&self) -> Result<OwnTable, String> {
        let store = self.store.as_deref().unwrap_or("identity");
        if store.escape_debug().to_string() != store {
            return Err(format!("`{}` is not the name of a store", store.escape_debug()));
        }
        let table = named(self.table.as_deref().unwrap_or_default())?;
        let columns = |what: &str, words: &Words| {
            if words.0.is_empty() {
                return Err(format!("{table} has no `{what}`: write `{what}: [COLUMN, …]`"));
            }
            let columns: Vec<Identifier> =
                words.0.iter().map(|name| named(&name.to_uppercase())).collect::<Result<_, _>>()?;
            let mut seen = Vec::new();
            for column in &columns {
                if seen.contains(&column) {
                    return Err(format!("{table}: `{what}` has {column} twice"));
                }
                seen.push(column);
            }
            Ok(columns)
        };
        let (key, values) = (columns("key", &self.key)?, columns("values", &self.values)?);
        if let Some(both) = values.iter().find(|value| key.contains(value)) {
            return Err(format!("{table}: {both} cannot be part of the key and hold a value"));
        }
        let filter = self.filter.as_ref().map(filtered).transpose()?;
        let (store, codec) = (store.to_owned(), self.codec()?);
        Ok(OwnTable { store, table, key, values, filter, codec })
    }

    fn codec(&self) -> Result<Codec, String> {
        let name = self.codec.as_deref().unwrap_or("envelope");
        if name != "json" && !self.paths.0.is_empty() {
            return Err("`paths` are for `codec: json`".to_owned());
        }
        Ok(match name {
            "envelope" => Codec::Envelope,
            "java" => Codec::Java,
            "xml" => Codec::XmlElements,
            "text" => Codec::Text,
            "json" if self.paths.0.is_empty() => {
                return Err("`codec: json` needs `paths`, such as [$.name, '$.list[*].name']".to_owned());
            }
            "json" => {
                let paths: Result<Vec<Path>, String> =
                    self.paths.0.iter().cloned().map(Path::try_from).collect();
                Codec::Json(paths?.into())
            }
            other => {
                let other = other.escape_debug();
                return Err(format!("`{other}` is not a codec: write envelope, java, xml, json or text"));
            }
        })
    }
}

fn named(name: &str) -> Result<Identifier, String> {
    Identifier::new(name).map_err(|unfit| unfit.to_string())
}

fn filtered(filter: &BTreeMap<String, Words>) -> Result<Filter, String> {
    let mut columns = filter.iter();
    let (Some((column, values)), None) = (columns.next(), columns.next()) else {
        return Err("`where` has one column and its values: {COLUMN: [value, …]}".to_owned());
    };
    if values.0.is_empty() {
        return Err(format!("`where` has no value for {}", column.escape_debug()));
    }
    let literals = values.0.iter().map(|value| Literal::new(value).map_err(|unfit| unfit.to_string()));
    Ok(Filter::OneOf(named(&column.to_uppercase())?, literals.collect::<Result<_, String>>()?))
}
