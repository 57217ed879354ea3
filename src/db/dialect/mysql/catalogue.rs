//! How the catalogue of MySQL and MariaDB describes a table.

use super::super::Catalogue;
use crate::table::{ColumnInfo, Kind, Limit, Shape, TableInfo, Unit, unique_sets};
use crate::value::{Record, Value};

pub(super) const CATALOGUE: Catalogue = Catalogue {
    columns: "SELECT UPPER(COLUMN_NAME), LOWER(DATA_TYPE), CHARACTER_MAXIMUM_LENGTH, IS_NULLABLE = 'NO', \
              COLUMN_DEFAULT IS NULL AND REPLACE(EXTRA, 'INVISIBLE', '') = '', LOWER(EXTRA) LIKE '%on update%', \
              LOWER(EXTRA) LIKE '%virtual%' OR LOWER(EXTRA) LIKE '%stored%' OR LOWER(EXTRA) LIKE '%persistent%' \
              OR (COLUMN_NAME = 'my_row_id' AND LOWER(EXTRA) LIKE '%auto_increment%' AND LOWER(EXTRA) LIKE '%invisible%'), \
              NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION, LOWER(COLUMN_TYPE), LOWER(CHARACTER_SET_NAME) \
              FROM information_schema.COLUMNS AS c \
              WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND NOT EXISTS (SELECT 1 \
              FROM information_schema.TABLES AS t WHERE t.TABLE_SCHEMA = c.TABLE_SCHEMA \
              AND t.TABLE_NAME = c.TABLE_NAME AND t.TABLE_TYPE = 'VIEW') ORDER BY ORDINAL_POSITION",
    unique: "SELECT INDEX_NAME, UPPER(COALESCE(COLUMN_NAME, '')) FROM information_schema.STATISTICS \
             WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND NON_UNIQUE = 0 \
             ORDER BY INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX",
    table,
    triggers: "SELECT 1 FROM information_schema.TRIGGERS \
               WHERE EVENT_OBJECT_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = ? LIMIT 1",
    engine: "SELECT ENGINE FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND ENGINE <> 'InnoDB'",
};

/// A table, as the catalogue's answers have it.
fn table(columns: &[Record], unique: Vec<Record>) -> TableInfo {
    let mut info = TableInfo { is_typed: true, ..TableInfo::default() };
    for record in columns {
        let [Value::Text(column), Value::Text(name), length, flags @ ..] = record.as_slice() else {
            continue;
        };
        let [not_null, no_default, on_update, computed, size @ ..] = flags else { continue };
        let is = |flag: &Value| *flag == Value::Int(1);
        let kind = kind_of(name);
        let unit = if kind == Kind::Bytes { Unit::Bytes } else { Unit::Characters };
        let column_info = ColumnInfo {
            kind,
            limit: length.as_length().map(|length| Limit { length, unit }),
            not_null: is(not_null),
            required: is(not_null) && is(no_default),
            on_update: is(on_update),
            computed: is(computed),
        };
        let shape = shape(name, size);
        let sized = shape.digits.zip(shape.scale).filter(|_| kind == Kind::Decimal);
        let named = sized.map_or_else(|| name.clone(), |(digits, scale)| format!("{name}({digits},{scale})"));
        info.types.insert(column.clone(), named);
        info.shapes.insert(column.clone(), shape);
        info.has_triggers |= is(computed);
        info.columns.insert(column.clone(), column_info);
    }
    info.unique = unique_sets(unique);
    info
}

/// What a column takes, by its type and what the catalogue says of its size.
fn shape(name: &str, size: &[Value]) -> Shape {
    let number =
        |at: usize| size.get(at).and_then(Value::as_length).and_then(|number| i64::try_from(number).ok());
    let text = |at: usize| size.get(at).and_then(Value::as_text).map(str::to_owned);
    let full = text(3).unwrap_or_default();
    let bits = match name {
        "tinyint" => Some(8),
        "smallint" => Some(16),
        "mediumint" => Some(24),
        "int" => Some(32),
        "bigint" => Some(64),
        _ => None,
    };
    let is_decimal = name == "decimal";
    Shape {
        bits,
        digits: number(0).filter(|_| is_decimal),
        scale: number(1).filter(|_| is_decimal).or(number(2)),
        unsigned: full.contains("unsigned"),
        charset: text(4),
        // The names that it may hold are its type.
        name: if matches!(name, "enum" | "set") { full } else { name.to_owned() },
    }
}

fn kind_of(name: &str) -> Kind {
    match name {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => Kind::Integer,
        "decimal" => Kind::Decimal,
        "varchar" | "char" | "tinytext" | "text" | "mediumtext" | "longtext" => Kind::Text,
        "varbinary" | "binary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Kind::Bytes,
        _ => Kind::Other,
    }
}
