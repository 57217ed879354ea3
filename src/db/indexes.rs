//! Indexes that only make queries quick: they can be dropped while all rows of a table are rewritten, and made
//! again after it, exactly as they were. SQL as data.
//!
//! An index is left alone if a constraint, a foreign key, a replica identity or CLUSTER needs it, if something
//! depends on it, or if it is of a kind whose definition the catalogue may not tell in full.

use std::collections::{BTreeMap, HashSet};

use super::mysql::MySqlDb;
use super::{Class, Db, DbError, Identifier, Record, Table, Value};

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

/// The ones of a table on SQLite that hold one of the columns: name and text. None where a view or a trigger
/// names an index.
const SQLITE: &str = "SELECT m.name, m.sql FROM sqlite_master AS m JOIN pragma_index_list(m.tbl_name) AS l ON l.name = m.name \
     WHERE m.type = 'index' AND m.tbl_name = ?1 COLLATE NOCASE AND m.sql IS NOT NULL AND l.\"unique\" = 0 \
     AND NOT EXISTS (SELECT 1 FROM pragma_index_xinfo(m.name) AS x WHERE x.key = 1 AND x.cid = -2) \
     AND EXISTS (SELECT 1 FROM pragma_index_info(m.name) AS i WHERE instr(?2, ',' || upper(i.name) || ',') > 0) \
     AND NOT EXISTS (SELECT 1 FROM sqlite_master AS v WHERE v.type IN ('view', 'trigger') AND v.sql LIKE '%INDEXED%BY%') \
     ORDER BY m.name";

/// All of a table on PostgreSQL, since no update of an indexed column leaves the others untouched: name, schema and
/// name as an identifier, text, tablespace and comment, both quoted. Not one that a new value may be too long for:
/// with the index in its place that value's row alone is refused.
const POSTGRES: &str = "SELECT i.relname::text, pg_catalog.format('%I.%I', n.nspname, i.relname), \
     pg_catalog.pg_get_indexdef(i.oid), (SELECT pg_catalog.quote_ident(s.spcname::text) \
     FROM pg_catalog.pg_tablespace s WHERE s.oid OPERATOR(pg_catalog.=) i.reltablespace), \
     pg_catalog.quote_literal(pg_catalog.obj_description(i.oid, 'pg_class')) \
     FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid OPERATOR(pg_catalog.=) x.indexrelid \
     JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) x.indrelid \
     JOIN pg_catalog.pg_am m ON m.oid OPERATOR(pg_catalog.=) i.relam \
     JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) i.relnamespace \
     WHERE x.indrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(pg_catalog.lower($1::text))::oid \
     AND t.relkind OPERATOR(pg_catalog.=) 'r'::\"char\" AND NOT t.relispartition \
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h \
     WHERE h.inhparent OPERATOR(pg_catalog.=) t.oid OR h.inhrelid OPERATOR(pg_catalog.=) t.oid) \
     AND i.relkind OPERATOR(pg_catalog.=) 'i'::\"char\" AND m.amname OPERATOR(pg_catalog.=) ANY ('{btree,hash}'::name[]) \
     AND x.indisvalid AND x.indisready AND x.indislive \
     AND NOT (x.indisunique OR x.indisprimary OR x.indisexclusion OR x.indisclustered OR x.indisreplident) \
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.conindid OPERATOR(pg_catalog.=) i.oid) \
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
     WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::regclass::oid AND d.refobjid OPERATOR(pg_catalog.=) i.oid) \
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
     WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::regclass::oid AND d.objid OPERATOR(pg_catalog.=) i.oid \
     AND d.deptype OPERATOR(pg_catalog.<>) ALL ('{a,n}'::\"char\"[])) \
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid OPERATOR(pg_catalog.=) i.oid \
     AND coalesce(a.attstattarget, -1) OPERATOR(pg_catalog.>=) 0) \
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_seclabel l \
     WHERE l.classoid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::regclass::oid AND l.objoid OPERATOR(pg_catalog.=) i.oid) \
     AND (i.reltablespace OPERATOR(pg_catalog.=) 0::oid OR pg_catalog.has_tablespace_privilege(i.reltablespace, 'CREATE')) \
     AND (m.amname OPERATOR(pg_catalog.=) 'hash'::name OR NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a \
     WHERE a.attrelid OPERATOR(pg_catalog.=) i.oid AND pg_catalog.strpos($2::text, \
     pg_catalog.concat(',', pg_catalog.upper(a.attname::text), ',')) OPERATOR(pg_catalog.>) 0) \
     OR 2600::bigint OPERATOR(pg_catalog.>=) (SELECT pg_catalog.sum(CASE WHEN a.atttypmod OPERATOR(pg_catalog.>) 4 \
     THEN a.atttypmod OPERATOR(pg_catalog.-) 4 WHEN a.attlen OPERATOR(pg_catalog.>) 0 THEN a.attlen ELSE 9999 END) \
     FROM pg_catalog.pg_attribute a WHERE a.attrelid OPERATOR(pg_catalog.=) i.oid \
     AND a.attnum OPERATOR(pg_catalog.>) 0)) ORDER BY 1";
/// What this user lacks to drop and make them on PostgreSQL, in words; no row, if nothing.
const POSTGRES_LACKS: &str = "SELECT CASE WHEN NOT pg_catalog.pg_has_role(t.relowner, 'USAGE') \
     THEN pg_catalog.format('membership in the role %I, which owns the table', r.rolname) \
     ELSE pg_catalog.format('GRANT CREATE ON SCHEMA %I', n.nspname) END \
     FROM pg_catalog.pg_class t JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.relnamespace \
     JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) t.relowner \
     WHERE t.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(pg_catalog.lower($1::text))::oid \
     AND NOT (pg_catalog.pg_has_role(t.relowner, 'USAGE') AND pg_catalog.has_schema_privilege(n.oid, 'CREATE'))";
/// How a session makes indexes on PostgreSQL: for as long as it takes, where they belong, with room to sort.
const POSTGRES_SESSION: [&str; 4] = [
    "SET statement_timeout = 0",
    "SET default_tablespace = ''",
    "SELECT pg_catalog.set_config('maintenance_work_mem', '256MB', false) WHERE pg_catalog.pg_size_bytes(\
     pg_catalog.current_setting('maintenance_work_mem')) OPERATOR(pg_catalog.<) 268435456::bigint",
    "SET client_min_messages = warning",
];

/// The B-trees of a table on MySQL and MariaDB that are not unique: name, its columns in their order.
const MYSQL: &str = "SELECT INDEX_NAME, UPPER(COLUMN_NAME), INDEX_TYPE, NON_UNIQUE FROM information_schema.STATISTICS \
     WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY INDEX_NAME, SEQ_IN_INDEX";
/// The columns of its foreign keys, and those that others refer to.
const MYSQL_FOREIGN_KEYS: &str = "SELECT UPPER(COLUMN_NAME) FROM information_schema.KEY_COLUMN_USAGE \
     WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND REFERENCED_TABLE_NAME IS NOT NULL \
     UNION SELECT UPPER(REFERENCED_COLUMN_NAME) FROM information_schema.KEY_COLUMN_USAGE \
     WHERE REFERENCED_TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME = ?";
/// How a session drops and makes them: it waits for nobody for long, may take its time, and has room to sort.
const MYSQL_SESSION: &str = "SET SESSION lock_wait_timeout = 20 /*M!100300 , SESSION max_statement_time = 0 */ \
     /*!80027 , SESSION innodb_ddl_buffer_size = 134217728, SESSION innodb_ddl_threads = 4 */";
/// An index that no table has: who may not change the table is refused before that is noticed.
const NO_INDEX: &str = "keyrotation_no_such_index";

/// The catalogue's questions of this file: dialect, what it is for, text.
pub const STATEMENTS: &[(&str, &str, &str)] = &[
    ("SQLite", "indexes", SQLITE),
    ("PostgreSQL", "indexes", POSTGRES),
    ("PostgreSQL", "indexes: what this user lacks", POSTGRES_LACKS),
    ("MySQL and MariaDB", "indexes", MYSQL),
    ("MySQL and MariaDB", "indexes: foreign keys", MYSQL_FOREIGN_KEYS),
];

impl Db {
    /// Whether indexes can be dropped and made again: by the drivers of this program.
    pub fn can_rebuild_indexes(&self) -> bool {
        !matches!(self, Self::Jdbc(_))
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
        match self {
            Self::Sqlite(db) => Ok(db.read(SQLITE, &params).await?.iter().filter_map(sqlite).collect()),
            Self::Postgres(db) => Ok(db.read(POSTGRES, &params).await?.iter().filter_map(postgres).collect()),
            Self::MySql(db) => mysql(db, name, columns).await,
            Self::Jdbc(_) => Ok(Vec::new()),
        }
    }

    /// What this user lacks to drop the indexes of a table and make them again, in words. Changes nothing.
    pub async fn lacks_for_indexes(&self, table: &Table) -> Result<Option<String>, DbError> {
        let name = table.relation.table.as_str();
        match self {
            Self::Sqlite(_) | Self::Jdbc(_) => Ok(None),
            Self::Postgres(db) => {
                let lacks = db.read(POSTGRES_LACKS, &[Value::Text(name.to_owned())]).await?;
                Ok(lacks.first().and_then(|record| Some(record.first()?.as_text()?.to_owned())))
            }
            Self::MySql(db) => {
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
        match self {
            _ if drops.is_empty() => Ok(()),
            Self::Sqlite(db) => db.script(&format!("BEGIN IMMEDIATE; {}; COMMIT", drops.join("; "))).await,
            Self::Postgres(db) => db.script(&format!("BEGIN; {}; COMMIT", drops.join("; "))).await,
            Self::MySql(db) => {
                let begin = mysql_alter(&table.relation.table);
                db.statements(&mysql_session(format!("{begin}{}", drops.join(", ")))).await
            }
            Self::Jdbc(_) => Ok(()),
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
        match self {
            _ if missing.is_empty() => return Ok(()),
            Self::Sqlite(db) => {
                let all = missing.iter().map(|index| (index.name.as_str(), index.create.join("; ")));
                db.make_indexes(&all.collect::<Vec<_>>()).await?;
            }
            Self::Postgres(db) => {
                for index in missing {
                    // With its comment or not at all: one without it would pass for another of its name.
                    let create = format!("BEGIN; {}; COMMIT", index.create.join("; "));
                    let all: Vec<String> = POSTGRES_SESSION
                        .iter()
                        .map(|setting| (*setting).to_owned())
                        .chain([create])
                        .collect();
                    db.statements(&all).await.map_err(|error| error.about(&index.name))?;
                }
            }
            Self::MySql(db) => {
                let begin = mysql_alter(&table.relation.table);
                let adds: Vec<&str> = missing
                    .iter()
                    .flat_map(|index| &index.create)
                    .filter_map(|create| create.strip_prefix(&begin))
                    .collect();
                db.statements(&mysql_session(format!("{begin}{}", adds.join(", ")))).await?;
            }
            Self::Jdbc(_) => {
                let text = "only this program's own driver makes indexes again: take `driver: jdbc` out of properties.yaml";
                return Err(DbError::new(Class::Environment, text));
            }
        }
        let there = self.rebuildable_indexes(table, columns).await?;
        match indexes.iter().find(|index| !there.contains(index)) {
            None => Ok(()),
            Some(index) => {
                let text = "it was made, and the catalogue describes it otherwise than before";
                Err(DbError::new(Class::Environment, text).about(&index.name))
            }
        }
    }
}

fn text(record: &Record, at: usize) -> Option<&str> {
    record.get(at)?.as_text()
}

fn sqlite(record: &Record) -> Option<Found> {
    let (name, create) = (text(record, 0)?.to_owned(), vec![text(record, 1)?.to_owned()]);
    let identifier = format!("\"{}\"", name.replace('"', "\"\""));
    Some(Found { index: Index { name, create }, identifier })
}

/// A text that the catalogue gives names no tablespace, and no comment.
fn postgres(record: &Record) -> Option<Found> {
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
async fn mysql(db: &MySqlDb, table: &str, columns: &[Identifier]) -> Result<Vec<Found>, DbError> {
    let name = [Value::Text(table.to_owned())];
    let mut parts: BTreeMap<String, Vec<(Option<String>, bool)>> = BTreeMap::new();
    for record in db.read(MYSQL, &name).await? {
        let is_plain = text(&record, 2) == Some("BTREE") && record.get(3).and_then(Value::as_int) == Some(1);
        let Some(index) = text(&record, 0) else { continue };
        parts.entry(index.to_owned()).or_default().push((text(&record, 1).map(str::to_owned), is_plain));
    }
    let keys = db.read(MYSQL_FOREIGN_KEYS, &[name[0].clone(), name[0].clone()]).await?;
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
    vec![MYSQL_SESSION.to_owned(), statement]
}

fn backquoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
