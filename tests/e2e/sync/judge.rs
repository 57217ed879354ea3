//! Whether two databases say the same, told by plain SQL and an opener of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::pair::{Pair, Row, Session, Side};
use super::workload::JournalHandle;
use crate::kit::open_values;
use crate::support::Engine;

/// A table with its key, its other columns, and those with ciphertexts.
struct Table {
    name: &'static str,
    key: &'static [&'static str],
    columns: &'static [&'static str],
    sealed: &'static [&'static str],
}

const TABLES: &[Table] = &[
    Table {
        name: "IDN_IDENTITY_USER_DATA",
        key: &["TENANT_ID", "USER_NAME", "DATA_KEY"],
        columns: &["DATA_VALUE"],
        sealed: &["DATA_VALUE"],
    },
    Table {
        name: "IDN_OAUTH2_AUTHORIZATION_CODE",
        key: &["CODE_ID"],
        columns: &[
            "AUTHORIZATION_CODE",
            "CONSUMER_KEY_ID",
            "CALLBACK_URL",
            "SCOPE",
            "AUTHZ_USER",
            "TENANT_ID",
            "USER_DOMAIN",
            "TIME_CREATED",
            "VALIDITY_PERIOD",
            "STATE",
            "TOKEN_ID",
            "SUBJECT_IDENTIFIER",
            "AUTHORIZATION_CODE_HASH",
            "IDP_ID",
        ],
        sealed: &["AUTHORIZATION_CODE"],
    },
    Table {
        name: "IDN_OAUTH2_ACCESS_TOKEN",
        key: &["TOKEN_ID"],
        columns: &[
            "ACCESS_TOKEN",
            "REFRESH_TOKEN",
            "CONSUMER_KEY_ID",
            "AUTHZ_USER",
            "TENANT_ID",
            "USER_DOMAIN",
            "USER_TYPE",
            "GRANT_TYPE",
            "TIME_CREATED",
            "REFRESH_TOKEN_TIME_CREATED",
            "VALIDITY_PERIOD",
            "REFRESH_TOKEN_VALIDITY_PERIOD",
            "TOKEN_SCOPE_HASH",
            "TOKEN_STATE",
            "TOKEN_STATE_ID",
            "SUBJECT_IDENTIFIER",
            "ACCESS_TOKEN_HASH",
            "REFRESH_TOKEN_HASH",
            "IDP_ID",
            "TOKEN_BINDING_REF",
            "CONSENTED_TOKEN",
            "AUTHORIZED_ORGANIZATION",
        ],
        sealed: &["ACCESS_TOKEN", "REFRESH_TOKEN"],
    },
    Table {
        name: "IDN_OAUTH2_ACCESS_TOKEN_SCOPE",
        key: &["TOKEN_ID", "TOKEN_SCOPE"],
        columns: &["TENANT_ID"],
        sealed: &[],
    },
    Table {
        name: "IDN_OAUTH2_TOKEN_BINDING",
        key: &["TOKEN_ID"],
        columns: &["TOKEN_BINDING_TYPE", "TOKEN_BINDING_REF", "TOKEN_BINDING_VALUE", "TENANT_ID"],
        sealed: &[],
    },
    Table {
        name: "IDN_OAUTH2_AUTHZ_CODE_SCOPE",
        key: &["CODE_ID", "SCOPE"],
        columns: &["TENANT_ID"],
        sealed: &[],
    },
    Table {
        name: "IDN_OAUTH2_REFRESH_TOKEN",
        key: &["REFRESH_TOKEN_ID"],
        columns: &["REFRESH_TOKEN", "CONSUMER_KEY_ID", "AUTHZ_USER", "TOKEN_STATE", "REFRESH_TOKEN_HASH"],
        sealed: &["REFRESH_TOKEN"],
    },
];

/// A row's table and key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    table: &'static str,
    key: Vec<String>,
}

/// A row's columns besides its key.
pub(crate) type Content = Vec<Option<String>>;

impl Place {
    pub(crate) fn new<const N: usize>(table: &'static str, key: [&str; N]) -> Self {
        Self { table, key: key.map(str::to_owned).to_vec() }
    }
}

fn table(name: &str) -> &'static Table {
    TABLES.iter().find(|table| table.name == name).unwrap()
}

/// What stands at a place.
pub(crate) fn read(session: &mut Session, engine: Engine, place: &Place) -> Option<Content> {
    let table = table(place.table);
    let same = table.key.iter().zip(&place.key).map(|(column, value)| {
        let value = value.replace('\'', "''");
        // Byte for byte, whatever the collation takes for equal.
        match (engine, *column) {
            (_, "TENANT_ID") => format!("{column} = {value}"),
            (Engine::MariaDb | Engine::MySql, _) => format!("BINARY {column} = BINARY '{value}'"),
            _ => format!("{column} = '{value}'"),
        }
    });
    let same: Vec<String> = same.collect();
    let columns: Vec<String> = table.columns.iter().map(|column| engine.text(column)).collect();
    let sql = format!("SELECT {} FROM {} WHERE {}", columns.join(", "), table.name, same.join(" AND "));
    session.rows(&sql).into_iter().next()
}

/// All rows of the tables that are kept in step.
fn everything(pair: &Pair, side: Side) -> BTreeMap<Place, Content> {
    let mut session = pair.session(side);
    let mut all = BTreeMap::new();
    for table in TABLES {
        let columns = table.key.iter().chain(table.columns).map(|column| pair.engine.text(column));
        let sql = format!("SELECT {} FROM {}", columns.collect::<Vec<_>>().join(", "), table.name);
        for row in session.rows(&sql) {
            let mut row: Row = row;
            let content = row.split_off(table.key.len());
            let key = row.into_iter().map(Option::unwrap).collect();
            all.insert(Place { table: table.name, key }, content);
        }
    }
    all
}

/// The plaintexts of ciphertexts under a key, all in one go.
fn opened(rows: &BTreeMap<Place, Content>, key: &str) -> BTreeMap<Place, Content> {
    let is_sealed = |place: &Place, at: usize, value: &Option<String>| {
        let table = table(place.table);
        table.sealed.contains(&table.columns[at])
            && value.as_ref().is_some_and(|text| text.starts_with("eyJ"))
    };
    let cells = rows.iter().flat_map(|(place, content)| {
        let sealed = content.iter().enumerate().filter(|(at, value)| is_sealed(place, *at, value));
        sealed.filter_map(|(_, value)| value.as_deref())
    });
    let values: Vec<&str> = cells.collect();
    let mut plain =
        open_values(key, &values).into_iter().map(|answer| answer["plaintext"].as_str().map(str::to_owned));
    let mut opened = rows.clone();
    for (place, content) in &mut opened {
        for (at, value) in content.iter_mut().enumerate() {
            if is_sealed(place, at, value) {
                *value = Some(
                    plain
                        .next()
                        .unwrap()
                        .map_or_else(|| "it does not open".to_owned(), |hex| format!("plain {hex}")),
                );
            }
        }
    }
    opened
}

/// Every row that only the old server has touched is the same when opened, under the new key; what
/// the new server has left is as it left it; nothing is lost, and nothing is there besides.
#[track_caller]
pub(crate) fn must_be_settled(pair: &Pair, left_by_new: &JournalHandle) {
    let [old_key, new_key] = pair.keys();
    let (old, new) = (everything(pair, Side::Old), everything(pair, Side::New));
    let (old_plain, new_plain) = (opened(&old, old_key), opened(&new, new_key));
    let places: BTreeSet<&Place> = old.keys().chain(new.keys()).chain(left_by_new.keys()).collect();
    let mut problems = Vec::new();
    for place in places {
        if let Some(left) = left_by_new.get(place) {
            if new.get(place) != left.as_ref() {
                problems
                    .push(format!("{place:?}: the new server left {left:?}, there is {:?}", new.get(place)));
            }
        } else if old_plain.get(place) != new_plain.get(place) {
            problems.push(format!(
                "{place:?}: old {:?}\n  new {:?}",
                old_plain.get(place),
                new_plain.get(place)
            ));
        }
    }
    let unopened =
        old_plain.values().flatten().flatten().filter(|value| *value == "it does not open").count();
    assert_eq!(unopened, 0, "values of the old database that the judge cannot open");
    assert!(
        problems.is_empty(),
        "{} rows differ:\n{}",
        problems.len(),
        problems[..problems.len().min(8)].join("\n")
    );
}
