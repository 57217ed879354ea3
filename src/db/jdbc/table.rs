//! What a table is like, as a driver describes it.

use super::super::table::{ColumnInfo, Kind, Limit, Shape, TableInfo, Unit, unique_sets};
use super::super::{Record, Value};

/// From rows as the bridge describes a table: columns (0, …), then the columns of unique sets (1, …).
pub(super) fn by_driver(records: Vec<Record>) -> Option<TableInfo> {
    let (columns, unique): (Vec<Record>, Vec<Record>) =
        records.into_iter().partition(|record| record.first() == Some(&Value::Int(0)));
    if columns.is_empty() {
        return None;
    }
    let mut info = TableInfo { is_typed: true, ..TableInfo::default() };
    for record in &columns {
        let [
            _,
            Value::Text(name),
            Value::Int(kind),
            Value::Text(type_name),
            length,
            not_null,
            computed,
            digits,
        ] = record.as_slice()
        else {
            continue;
        };
        let shape = shape(*kind, type_name, length, digits);
        // SQL Server counts it up with each change of the row.
        let is_version = *kind == BINARY && matches!(shape.name.as_str(), "timestamp" | "rowversion");
        // Of a large object some drivers tell the length of what stands in the row.
        let is_large = LARGE.contains(kind);
        let kind = kind_of(*kind);
        let limit = match kind {
            _ if is_large => None,
            Kind::Text => length.as_length().map(|length| Limit { length, unit: Unit::Characters }),
            Kind::Bytes => length.as_length().map(|length| Limit { length, unit: Unit::Bytes }),
            Kind::Integer | Kind::Decimal | Kind::Other => None,
        };
        // Without a limit some drivers say 0.
        let limit = limit.filter(|limit| limit.length > 0);
        let not_null = *not_null == Value::Int(1);
        let computed = *computed == Value::Int(1) || is_version;
        let column = ColumnInfo { kind, limit, not_null, computed, ..ColumnInfo::default() };
        info.types.insert(name.to_uppercase(), type_name.clone());
        info.shapes.insert(name.to_uppercase(), shape);
        info.columns.insert(name.to_uppercase(), column);
    }
    let upper = |record: Record| {
        let mut parts = record.into_iter().skip(1);
        let (index, column) = (parts.next()?, parts.next()?);
        Some(vec![index, Value::Text(column.as_text()?.to_uppercase())])
    };
    info.unique = unique_sets(unique.into_iter().filter_map(upper).collect());
    Some(info)
}

/// What a column takes, by the driver's answers.
fn shape(number: i64, type_name: &str, length: &Value, digits: &Value) -> Shape {
    let kind = kind_of(number);
    let bits = match number {
        -6 => Some(8),
        5 => Some(16),
        4 => Some(32),
        -5 => Some(64),
        _ => None,
    };
    let name = type_name.to_lowercase();
    // Without a limit drivers say 0, or more digits behind the point than there are.
    let is_limited =
        length.as_int().is_some_and(|length| length > 0) && digits.as_int().is_some_and(|d| d > -100);
    let is_decimal = kind == Kind::Decimal && is_limited;
    let has_scale = is_decimal || kind == Kind::Other;
    Shape {
        bits,
        digits: length.as_int().filter(|_| is_decimal),
        scale: digits.as_int().filter(|_| has_scale),
        unsigned: name.contains("unsigned"),
        charset: None,
        name,
    }
}

/// `BINARY`.
const BINARY: i64 = -2;

/// `BLOB`, `CLOB` and `NCLOB` among them.
const LARGE: [i64; 3] = [2004, 2005, 2011];

/// By the numbers of `java.sql.Types`.
fn kind_of(number: i64) -> Kind {
    match number {
        -6 | 5 | 4 | -5 => Kind::Integer, // TINYINT SMALLINT INTEGER BIGINT
        2 | 3 => Kind::Decimal,           // NUMERIC DECIMAL
        1 | 12 | -1 | -15 | -9 | -16 | 2005 | 2011 => Kind::Text, // CHAR VARCHAR LONGVARCHAR N… CLOB NCLOB
        -2 | -3 | -4 | 2004 => Kind::Bytes, // BINARY VARBINARY LONGVARBINARY BLOB
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_driver_says_becomes_columns_and_unique_sets() {
        let text = |text: &str| Value::Text(text.to_owned());
        let column = |name, kind, length, not_null| {
            vec![
                Value::Int(0),
                text(name),
                Value::Int(kind),
                text("T"),
                Value::Int(length),
                Value::Int(not_null),
                Value::Int(0),
                Value::Null,
            ]
        };
        let unique = |index, column| vec![Value::Int(1), text(index), text(column)];
        let info = by_driver(vec![
            column("id", 4, 10, 1),
            column("VALUE", 12, 255, 0),
            column("DOC", 2004, 4000, 0),
            unique("primary key", "id"),
            unique("U", "VALUE"),
            unique("U", "ID"),
        ])
        .unwrap();
        assert_eq!(
            info.columns["ID"],
            ColumnInfo { kind: Kind::Integer, not_null: true, ..ColumnInfo::default() }
        );
        assert_eq!(info.columns["VALUE"].limit, Some(Limit { length: 255, unit: Unit::Characters }));
        assert_eq!(info.columns["DOC"].limit, None);
        assert_eq!(info.unique, [vec!["ID"], vec!["VALUE", "ID"]]);
        assert!(by_driver(vec![unique("U", "ID")]).is_none());
    }
}
