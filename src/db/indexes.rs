//! Indexes that only make queries quick: they can be dropped while all rows of a table are rewritten, and made
//! again after it, exactly as they were. SQL as data.
//!
//! An index is left alone if a constraint, a foreign key, a replica identity or CLUSTER needs it, if something
//! depends on it, or if it is of a kind whose definition the catalogue may not tell in full.

use std::collections::{BTreeMap, HashSet};

use super::database::{AnyDriver, Db};
use super::dialect::mysql::statements as mysql;
use super::dialect::postgresql::statements as postgresql;
use super::dialect::sqlite;
use super::driver::Driver as _;
use super::error::{Class, DbError};
use super::identifier::Identifier;
use super::mysql::MySqlDb;
use super::table::Table;
use super::value::{Record, Value};

/// An index, in the catalogue's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// The statements that make it, in their order, without a semicolon.
    pub create: Vec<String>,
}

/// One that is there, with its name as an identifier of SQL.
struct Found {
    index: Index,
    identifier: String,
}

/// An index that no table has: who may not change the table is refused before that is noticed.
const NO_INDEX: &str = "keyrotation_no_such_index";

impl Db {
    /// Whether indexes can be dropped and made again: by the drivers of this program.
    pub fn can_rebuild_indexes(&self) -> bool {
        !matches!(self.driver, AnyDriver::Jdbc(_))
    }

    /// The indexes of a table that slow down writing to these columns and that nothing but queries needs.
    pub async fn rebuildable_indexes(
        &self,
        table: &Table,
        columns: &[Identifier],
    ) -> Result<Vec<Index>, DbError> {
        Ok(self.found(table, columns).await?.into_iter().map(|found| found.index).collect())
    }

    async fn found(&self, table: &Table, columns: &[Identifier]) -> Result<Vec<Found>, DbError> {
        let name = table.relation.table.as_str();
        let listed: Vec<&str> = columns.iter().map(Identifier::as_str).collect();
        let params =
            [Value::Text(name.to_owned()), Value::Text(format!(",{},", listed.join(",").to_uppercase()))];
        match &self.driver {
            AnyDriver::Sqlite(db) => {
                Ok(db.read(sqlite::INDEXES, &params).await?.iter().filter_map(of_sqlite).collect())
            }
            AnyDriver::Postgres(db) => {
                Ok(db.read(postgresql::INDEXES, &params).await?.iter().filter_map(of_postgresql).collect())
            }
            AnyDriver::MySql(db) => of_mysql(db, name, columns).await,
            AnyDriver::Jdbc(_) => Ok(Vec::new()),
        }
    }

    /// What this user lacks to drop the indexes of a table and make them again, in words. Changes nothing.
    pub async fn lacks_for_indexes(&self, table: &Table) -> Result<Option<String>, DbError> {
        let name = table.relation.table.as_str();
        match &self.driver {
            AnyDriver::Sqlite(_) | AnyDriver::Jdbc(_) => Ok(None),
            AnyDriver::Postgres(db) => {
                let lacks = db.read(postgresql::LACKS_FOR_INDEXES, &[Value::Text(name.to_owned())]).await?;
                Ok(lacks.first().and_then(|record| Some(record.first()?.as_text()?.to_owned())))
            }
            AnyDriver::MySql(db) => {
                let nothing = format!("ALTER TABLE {} DROP INDEX {NO_INDEX}", backquoted(name));
                match db.statements(&[nothing]).await {
                    // There is no such index: it was allowed to look.
                    Err(error) if error.to_string().contains("(error 1091)") => Ok(None),
                    // Nobody may, in a session that only reads.
                    Err(error) if error.to_string().contains("(error 1792)") => Ok(None),
                    Err(error) if error.class == Class::Environment => {
                        Ok(Some(format!("GRANT ALTER ON {name}: {error}")))
                    }
                    tried => tried.map(|()| None),
                }
            }
        }
    }

    /// Drops those of the indexes that are there as they are described: all of them at once, or none.
    pub async fn drop_indexes(
        &self,
        table: &Table,
        columns: &[Identifier],
        indexes: &[Index],
    ) -> Result<(), DbError> {
        let there =
            self.found(table, columns).await?.into_iter().filter(|found| indexes.contains(&found.index));
        let drops: Vec<String> = there.map(|found| format!("DROP INDEX {}", found.identifier)).collect();
        match &self.driver {
            _ if drops.is_empty() => Ok(()),
            AnyDriver::Sqlite(db) => {
                db.script(&format!("BEGIN IMMEDIATE; {}; COMMIT", drops.join("; "))).await
            }
            AnyDriver::Postgres(db) => db.script(&format!("BEGIN; {}; COMMIT", drops.join("; "))).await,
            AnyDriver::MySql(db) => {
                let begin = mysql_alter(&table.relation.table);
                db.statements(&mysql_session(format!("{begin}{}", drops.join(", ")))).await
            }
            AnyDriver::Jdbc(_) => Ok(()),
        }
    }

    /// Makes those of the indexes that are not there, then compares all of them with what they were.
    pub async fn create_indexes(
        &self,
        table: &Table,
        columns: &[Identifier],
        indexes: &[Index],
    ) -> Result<(), DbError> {
        let there = self.rebuildable_indexes(table, columns).await?;
        let missing: Vec<&Index> = indexes.iter().filter(|index| !there.contains(index)).collect();
        match &self.driver {
            _ if missing.is_empty() => return Ok(()),
            AnyDriver::Sqlite(db) => {
                let all = missing.iter().map(|index| (index.name.as_str(), index.create.join("; ")));
                db.make_indexes(&all.collect::<Vec<_>>()).await?;
            }
            AnyDriver::Postgres(db) => {
                for index in missing {
                    // With its comment or not at all: one without it would pass for another of its name.
                    let create = format!("BEGIN; {}; COMMIT", index.create.join("; "));
                    let all: Vec<String> = postgresql::SESSION_FOR_INDEXES
                        .iter()
                        .map(|setting| (*setting).to_owned())
                        .chain([create])
                        .collect();
                    db.statements(&all).await.map_err(|error| error.about(&index.name))?;
                }
            }
            AnyDriver::MySql(db) => {
                let begin = mysql_alter(&table.relation.table);
                let adds: Vec<&str> = missing
                    .iter()
                    .flat_map(|index| &index.create)
                    .filter_map(|create| create.strip_prefix(&begin))
                    .collect();
                db.statements(&mysql_session(format!("{begin}{}", adds.join(", ")))).await?;
            }
            AnyDriver::Jdbc(_) => {
                let text = "only this program's own driver creates indexes again: take `driver: jdbc` out \
                            of properties.yaml";
                return Err(DbError::new(Class::Environment, text));
            }
        }
        let there = self.rebuildable_indexes(table, columns).await?;
        match indexes.iter().find(|index| !there.contains(index)) {
            None => Ok(()),
            Some(index) => {
                let text = "it was created, but the catalogue describes it differently than before";
                Err(DbError::new(Class::Environment, text).about(&index.name))
            }
        }
    }
}

fn text(record: &Record, at: usize) -> Option<&str> {
    record.get(at)?.as_text()
}

fn of_sqlite(record: &Record) -> Option<Found> {
    let (name, create) = (text(record, 0)?.to_owned(), vec![text(record, 1)?.to_owned()]);
    let identifier = format!("\"{}\"", name.replace('"', "\"\""));
    Some(Found { index: Index { name, create }, identifier })
}

/// A text that the catalogue gives names no tablespace, and no comment.
fn of_postgresql(record: &Record) -> Option<Found> {
    let (identifier, create) = (text(record, 1)?, text(record, 2)?.to_owned());
    let tablespace = text(record, 3);
    let before = tablespace.map(|name| format!("SET default_tablespace = {name}"));
    let after = tablespace.map(|_| "SET default_tablespace = ''".to_owned());
    let comment = text(record, 4).map(|text| format!("COMMENT ON INDEX {identifier} IS {text}"));
    let create = before.into_iter().chain([create]).chain(after).chain(comment).collect();
    let index = Index { name: text(record, 0)?.to_owned(), create };
    Some(Found { index, identifier: identifier.to_owned() })
}

/// What MySQL and MariaDB say of a table's own text: each index has a line in it, which tells all of it.
async fn of_mysql(db: &MySqlDb, table: &str, columns: &[Identifier]) -> Result<Vec<Found>, DbError> {
    let name = [Value::Text(table.to_owned())];
    let mut parts: BTreeMap<String, Vec<(Option<String>, bool)>> = BTreeMap::new();
    for record in db.read(mysql::INDEXES, &name).await? {
        let is_plain = text(&record, 2) == Some("BTREE") && record.get(3).and_then(Value::as_int) == Some(1);
        let Some(index) = text(&record, 0) else { continue };
        parts.entry(index.to_owned()).or_default().push((text(&record, 1).map(str::to_owned), is_plain));
    }
    let keys = db.read(mysql::FOREIGN_KEYS, &[name[0].clone(), name[0].clone()]).await?;
    let foreign: HashSet<&str> = keys.iter().filter_map(|record| text(record, 0)).collect();
    let begin = mysql_alter(table);
    let shown = db.read(&format!("SHOW CREATE TABLE {}", backquoted(table)), &[]).await?;
    let shown = shown.first().and_then(|record| text(record, 1)).unwrap_or_default();
    let lines: Vec<&str> = shown.lines().map(|line| line.trim().trim_end_matches(',')).collect();
    // A foreign key takes an index that begins with its columns.
    let is_rebuildable = |parts: &[(Option<String>, bool)]| {
        let columns_of: Option<Vec<&str>> =
            parts.iter().map(|(column, is_plain)| column.as_deref().filter(|_| *is_plain)).collect();
        columns_of.is_some_and(|of| {
            let is_value =
                |column: &&str| columns.iter().any(|value| value.as_str().eq_ignore_ascii_case(column));
            of.iter().any(is_value) && of.first().is_some_and(|first| !foreign.contains(first))
        })
    };
    let rebuildable = parts.into_iter().filter(|(_, parts)| is_rebuildable(parts));
    Ok(rebuildable
        .filter_map(|(name, _)| {
            let identifier = backquoted(&name);
            let start = format!("KEY {identifier} ");
            let line = lines.iter().find(|line| line.starts_with(&start))?;
            Some(Found { index: Index { name, create: vec![format!("{begin}ADD {line}")] }, identifier })
        })
        .collect())
}

fn mysql_alter(table: &str) -> String {
    format!("ALTER TABLE {} ", backquoted(table))
}

/// A statement that changes a table, in a session for it.
fn mysql_session(statement: String) -> Vec<String> {
    vec![mysql::SESSION_FOR_INDEXES.to_owned(), statement]
}

fn backquoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
