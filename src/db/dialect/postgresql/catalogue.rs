//! How PostgreSQL's catalogue describes a table.

use super::super::Catalogue;
use crate::table::{ColumnInfo, Kind, Limit, Shape, TableInfo, Unit, unique_sets};
use crate::value::{Record, Value};

pub(super) const CATALOGUE: Catalogue = Catalogue {
    columns: "SELECT pg_catalog.upper(a.attname::text), t.typname::text, \
              CASE WHEN t.typname OPERATOR(pg_catalog.=) 'varchar'::name AND a.atttypmod OPERATOR(pg_catalog.>) 4 \
              THEN a.atttypmod OPERATOR(pg_catalog.-) 4 END, a.attnotnull, \
              a.attgenerated OPERATOR(pg_catalog.<>) ''::\"char\" OR a.attidentity OPERATOR(pg_catalog.=) 'a'::\"char\", \
              a.atttypmod FROM pg_catalog.pg_attribute a \
              JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid \
              JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) a.attrelid \
              WHERE a.attrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(pg_catalog.lower($1::text))::oid \
              AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p}'::\"char\"[]) AND NOT c.relispartition \
              AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped ORDER BY a.attnum",
    unique: "SELECT i.indexrelid::bigint, pg_catalog.upper(coalesce(a.attname::text, '')) FROM pg_catalog.pg_index i \
             CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place) \
             LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) i.indrelid \
             AND a.attnum OPERATOR(pg_catalog.=) k.attnum \
             WHERE i.indrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(pg_catalog.lower($1::text))::oid \
             AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL \
             AND k.place OPERATOR(pg_catalog.<=) i.indnkeyatts ORDER BY i.indisprimary DESC, i.indexrelid, k.place",
    table,
    triggers: "",
    engine: "",
};

/// A table, as the catalogue's answers have it.
fn table(columns: &[Record], unique: Vec<Record>) -> TableInfo {
    let mut info = TableInfo { is_typed: true, ..TableInfo::default() };
    for record in columns {
        let [Value::Text(column), Value::Text(kind), length, not_null, computed, modifier] =
            record.as_slice()
        else {
            continue;
        };
        let limit = length.as_length().map(|length| Limit { length, unit: Unit::Characters });
        let not_null = *not_null == Value::Int(1);
        let computed = *computed == Value::Int(1);
        let kind_of_it = kind_of(kind);
        let column_info = ColumnInfo { kind: kind_of_it, limit, not_null, computed, ..ColumnInfo::default() };
        info.types.insert(column.clone(), kind.clone());
        info.shapes.insert(column.clone(), shape(kind, modifier.as_int().unwrap_or(-1)));
        info.columns.insert(column.clone(), column_info);
    }
    info.unique = unique_sets(unique);
    info
}

/// What a column takes, by its type and what modifies that.
fn shape(kind: &str, modifier: i64) -> Shape {
    let mut shape = Shape { name: kind.to_owned(), ..Shape::default() };
    let given = (modifier >= 0).then_some(modifier);
    match kind {
        "int2" => shape.bits = Some(16),
        "int4" => shape.bits = Some(32),
        "int8" => shape.bits = Some(64),
        "numeric" => {
            // Eleven bits with a sign.
            let scale = |modifier: i64| (((modifier - 4) & 0x7ff) ^ 1024) - 1024;
            shape.digits = given.map(|modifier| ((modifier - 4) >> 16) & 0xffff);
            shape.scale = given.map(scale);
        }
        "timestamp" | "timestamptz" | "time" | "timetz" => shape.scale = Some(given.unwrap_or(6)),
        "bpchar" => shape.scale = given.map(|modifier| modifier - 4), // it is no text of ours
        "varchar" | "text" | "bytea" => {}                            // their lengths are limits
        _ => shape.scale = given,
    }
    shape
}

fn kind_of(name: &str) -> Kind {
    match name {
        "int2" | "int4" | "int8" => Kind::Integer,
        "numeric" => Kind::Decimal,
        "varchar" | "text" => Kind::Text,
        "bytea" => Kind::Bytes,
        _ => Kind::Other,
    }
}
