//! SQLite, in this process.

use super::{Catalogue, Dialect, Paging, Rewrite, Scan, Write};
use std::collections::BTreeMap;

use crate::table::{ColumnInfo, Kind, Limit, TableInfo, Unit};
use crate::value::{Record, Value};

/// SQLite 3.35 and later.
pub const SQLITE: Dialect = Dialect {
    name: "SQLite",
    max_parameters: 32_766,
    rows_at_once: 200,
    // In a column without a type a number equals no text.
    as_text: |column| format!("CAST({column} AS TEXT)"),
    // Each value has its own type, whatever its column's.
    portable: str::to_owned,
    log_age: |column| format!("CAST((julianday('now') - julianday({column})) * 86400000 AS INTEGER)"),
    paging: Paging::Rows,
    lock: ["", ""], // the transaction has the whole database
    write: Write::Values,
    is_true: |column| format!("{column} IN (1, '1', 'true', 'TRUE', 'Y')"),
    // Takes the write lock at once: a transaction that reads first could deadlock on upgrading.
    begin: "BEGIN IMMEDIATE",
    catalogue: Some(Catalogue {
        // A view is no table.
        columns: "SELECT i.name, i.type, i.pk FROM sqlite_master AS m, pragma_table_info(m.name) AS i \
                  WHERE m.type = 'table' AND upper(m.name) = upper(?) ORDER BY i.pk",
        unique: "SELECT l.name, i.name FROM pragma_index_list(?) AS l, pragma_index_info(l.name) AS i \
                 WHERE l.\"unique\" = 1 AND l.partial = 0 ORDER BY l.name, i.seqno",
        table,
        triggers: "",
        engine: "",
    }),
    tables: "SELECT upper(name) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY 1",
    objects: "SELECT upper(name) FROM sqlite_master WHERE type IN ('table', 'trigger')",
    table_bytes: "SELECT SUM(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_master WHERE tbl_name = ?)",
    age: |column| format!("((julianday('now') - julianday({column})) * 86400000)"),
    rewrite: Rewrite { files: 0, log: 100 },
    triggers: &[
        "SELECT upper(tbl_name), upper(name), sql, '' FROM sqlite_master WHERE type = 'trigger' ORDER BY 1, 2",
    ],
    near: "SELECT '', name, 'a ' || type FROM sqlite_master WHERE upper(name) = upper(?) AND type IN ('table', 'view')",
    log_table: "SELECT CASE WHEN type <> 'table' THEN 'is a ' || type \
                WHEN upper(sql) LIKE 'CREATE VIRTUAL%' THEN 'is a virtual table' ELSE '' END \
                FROM sqlite_master WHERE upper(name) = ? AND type IN ('table', 'view')",
    // A column holds anything there, whatever is declared. Generated ones are hidden (2, 3), those of no table, too (1).
    text_columns: "SELECT '', m.name, i.name, 1, 'text' FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS i \
                   WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
                   AND m.sql NOT LIKE 'CREATE VIRTUAL TABLE%' AND i.hidden <> 1 \
                   UNION ALL SELECT '', name, '*', 1, 'a virtual table' FROM sqlite_master \
                   WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%' ORDER BY 2, 3",
    scan: Scan {
        has_bytes: true,
        // Beside a text, bytes are taken for one in the database's encoding, which may be UTF-16.
        in_text: "(instr({column}, '{text}') > 0 OR (typeof({column}) = 'blob' AND instr({column}, x'{hex}') > 0))",
        ..Scan::PLAIN
    },
    own_words: "CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP NULL",
    statements: &[("indexes", INDEXES)],
    ..Dialect::PLAIN
};

/// The ones of a table on SQLite that hold one of the columns: name and text. None where a view or a trigger
/// names an index.
pub(crate) const INDEXES: &str = "SELECT m.name, m.sql FROM sqlite_master AS m JOIN pragma_index_list(m.tbl_name) AS l ON l.name = m.name \
     WHERE m.type = 'index' AND m.tbl_name = ?1 COLLATE NOCASE AND m.sql IS NOT NULL AND l.\"unique\" = 0 \
     AND NOT EXISTS (SELECT 1 FROM pragma_index_xinfo(m.name) AS x WHERE x.key = 1 AND x.cid = -2) \
     AND EXISTS (SELECT 1 FROM pragma_index_info(m.name) AS i WHERE instr(?2, ',' || upper(i.name) || ',') > 0) \
     AND NOT EXISTS (SELECT 1 FROM sqlite_master AS v WHERE v.type IN ('view', 'trigger') AND v.sql LIKE '%INDEXED%BY%') \
     ORDER BY m.name";

/// A table, as the catalogue's answers have it.
fn table(columns: &[Record], indexes: Vec<Record>) -> TableInfo {
    let mut info = TableInfo::default();
    let mut primary = Vec::new();
    for record in columns {
        let [Value::Text(column), declared, Value::Int(position)] = record.as_slice() else { continue };
        let column = column.to_uppercase();
        if *position > 0 {
            primary.push(column.clone());
        }
        let limit = declared.as_text().and_then(declared_length);
        // Any column takes anything, whatever it is declared to hold.
        let column_info = ColumnInfo { kind: Kind::Other, limit, ..ColumnInfo::default() };
        info.columns.insert(column, column_info);
    }
    if !primary.is_empty() {
        info.unique.push(primary);
    }
    let mut unique: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in indexes {
        // An index over an expression has no column name: it is no key.
        let [Value::Text(index), column] = record.as_slice() else { continue };
        let column = column.as_text().unwrap_or_default().to_uppercase();
        unique.entry(index.clone()).or_default().push(column);
    }
    info.unique.extend(unique.into_values());
    info
}

/// The `n` of a declared type like `VARCHAR(n)`; SQLite counts characters, and does not enforce it.
fn declared_length(declared: &str) -> Option<Limit> {
    let upper = declared.to_uppercase();
    let (kind, rest) = upper.split_once('(')?;
    if !kind.contains("CHAR") && !kind.contains("TEXT") && !kind.contains("CLOB") {
        return None;
    }
    let length = rest.split([')', ',']).next()?.trim().split(' ').next()?.parse().ok()?;
    Some(Limit { length, unit: Unit::Characters })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_length_counts_only_for_texts() {
        let characters = |length| Some(Limit { length, unit: Unit::Characters });
        assert_eq!(declared_length("VARCHAR(2048)"), characters(2048));
        assert_eq!(declared_length("varchar2(255 char)"), characters(255));
        assert_eq!(declared_length("DECIMAL(31,0)"), None);
        assert_eq!(declared_length("BLOB"), None);
        assert_eq!(declared_length("VARCHAR"), None);
    }
}
