//! Columns whose values cannot be carried over exactly: found before anything is written, since a server changes
//! what does not fit, or refuses it row by row.

use crate::db::{Db, Kind, Limit, Shape, TableInfo};
use crate::error::{Error, Id, Result};

/// Refuses columns whose values cannot be carried over exactly: they would be changed without a word.
pub(super) fn exact<'a>(
    new: &Db,
    place: &str,
    columns: impl Iterator<Item = &'a str>,
    infos: [&TableInfo; 2],
) -> Result<()> {
    for name in columns {
        let of = infos.map(|info| Column::of(info, name));
        let [Some(here), Some(there)] = &of else { continue };
        let is_inexact = |column: &Column<'_>| {
            let name = column.type_name.split('(').next().unwrap_or_default().trim();
            column.kind == Kind::Other && new.dialect().inexact.contains(&name)
        };
        if is_inexact(here) || is_inexact(there) {
            let odd = if is_inexact(there) { there } else { here };
            let text = format!(
                "{place}: {name} is of type {}, whose values cannot be carried over exactly",
                odd.type_name
            );
            return Err(Error::new(Id::Schema, text).fix(format!(
                "WSO2 has no such column; take it out of the table while you rotate, or leave the table out: \
                 `syncTables: [-{place}]`, if it may be (docs/sync.md)"
            )));
        }
        let Some(why) = here.exceeds(there) else { continue };
        let text = format!(
            "{place}: {name} is of type {} in the old table, and {} in the new one: {why}",
            here.shown(),
            there.shown()
        );
        return Err(Error::new(Id::Schema, text).fix(format!(
            "give {name} of the copy the type that the old table has, or leave the table out: `syncTables: \
             [-{place}]`, if it may be (docs/sync.md)"
        )));
    }
    Ok(())
}

/// A column of one of the tables.
struct Column<'a> {
    kind: Kind,
    type_name: String,
    limit: Option<Limit>,
    shape: Option<&'a Shape>,
    /// Its table's columns hold what they are declared to hold.
    is_typed: bool,
}

impl<'a> Column<'a> {
    fn of(info: &'a TableInfo, name: &str) -> Option<Self> {
        let column = info.columns.get(name)?;
        Some(Self {
            kind: column.kind,
            type_name: info
                .types
                .get(name)
                .map_or_else(|| "another type".to_owned(), |name| name.to_lowercase()),
            limit: column.limit,
            shape: info.shapes.get(name),
            is_typed: info.is_typed,
        })
    }

    /// Why another column does not take all of its values as they are; none if it does.
    fn exceeds(&self, new: &Self) -> Option<&'static str> {
        let (Some(old_shape), Some(new_shape)) = (self.shape, new.shape) else { return None };
        if !self.is_typed || !new.is_typed {
            return None;
        }
        if self.kind != new.kind {
            return Some("they do not hold the same kind of value");
        }
        match self.kind {
            Kind::Integer => (!takes_whole(old_shape, new_shape)).then_some("its numbers are smaller"),
            Kind::Decimal => decimal(old_shape, new_shape),
            Kind::Text => self.text(old_shape, new, new_shape),
            Kind::Bytes => self.is_longer(new).then_some("it is shorter"),
            Kind::Other if old_shape.name != new_shape.name => Some("they are not the same type"),
            Kind::Other => {
                (old_shape.scale != new_shape.scale).then_some("they are not as fine as each other")
            }
        }
    }

    fn is_longer(&self, new: &Self) -> bool {
        let Some(there) = new.limit else { return false };
        self.limit.is_none_or(|here| here.unit == there.unit && here.length > there.length)
    }

    fn text(&self, old_shape: &Shape, new: &Self, new_shape: &Shape) -> Option<&'static str> {
        // `char`, `bpchar` and their like fill up with blanks.
        let is_fixed = |shape: &Shape| {
            matches!(shape.name.as_str(), "char" | "bpchar" | "character" | "nchar" | "national character")
        };
        // Of SQL Server and Oracle: texts in Unicode, where the others are in the database's own encoding.
        let is_national = |shape: &Shape| {
            ["nchar", "nvarchar", "ntext", "nclob", "national"]
                .iter()
                .any(|name| shape.name.starts_with(name))
        };
        if self.is_longer(new) {
            return Some("it is shorter");
        }
        if is_fixed(new_shape) && !is_fixed(old_shape) {
            return Some("it fills up its texts with blanks");
        }
        let is_narrower = match (&old_shape.charset, &new_shape.charset) {
            (Some(here), Some(there)) => !takes_charset(here, there),
            _ => is_national(old_shape) && !is_national(new_shape),
        };
        is_narrower.then_some("its character set is another one")
    }

    fn shown(&self) -> String {
        let Some(shape) = self.shape else { return self.type_name.clone() };
        let mut text = self.type_name.clone();
        if !text.contains('(') {
            let length = self.limit.map(|limit| limit.length.to_string());
            let size = match (shape.digits, shape.scale) {
                (Some(digits), Some(scale)) => Some(format!("{digits}, {scale}")),
                (None, Some(scale)) => Some(scale.to_string()),
                _ => length,
            };
            text += &size.map_or_else(String::new, |size| format!("({size})"));
        }
        if shape.unsigned && !text.contains("unsigned") {
            text += " unsigned";
        }
        if let Some(charset) = &shape.charset {
            text = format!("{text} in {charset}");
        }
        text
    }
}

/// Whether one kind of whole number takes all of another's.
fn takes_whole(old: &Shape, new: &Shape) -> bool {
    let (Some(here), Some(there)) = (old.bits, new.bits) else {
        return old.bits.is_none() || new.bits.is_none();
    };
    match (old.unsigned, new.unsigned) {
        (false, true) => false,
        (true, false) => there > here,
        _ => there >= here,
    }
}

/// With another number of digits behind the point the same number is another text.
fn decimal(old: &Shape, new: &Shape) -> Option<&'static str> {
    if new.unsigned && !old.unsigned {
        return Some("it takes no negative numbers");
    }
    let there = new.digits?; // else it takes any
    let Some(here) = old.digits else { return Some("its numbers are smaller") };
    if old.scale != new.scale {
        return Some("they have not as many digits behind the point");
    }
    (there < here).then_some("its numbers are smaller")
}

fn takes_charset(old: &str, new: &str) -> bool {
    old == new
        || new == "utf8mb4"
        || (new.starts_with("utf8") && matches!(old, "ascii" | "latin1" | "utf8" | "utf8mb3"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{ColumnInfo, Unit};

    fn info(kind: Kind, length: Option<usize>, shape: Shape) -> TableInfo {
        let limit = length.map(|length| Limit { length, unit: Unit::Characters });
        let mut info = TableInfo { is_typed: true, ..TableInfo::default() };
        info.types.insert("C".into(), shape.name.clone());
        info.columns.insert("C".into(), ColumnInfo { kind, limit, ..ColumnInfo::default() });
        info.shapes.insert("C".into(), shape);
        info
    }

    fn named(name: &str) -> Shape {
        Shape { name: name.into(), ..Shape::default() }
    }

    #[track_caller]
    fn is_taken(expected: bool, old: &TableInfo, new: &TableInfo) {
        let [here, there] = [old, new].map(|info| Column::of(info, "C").unwrap());
        assert_eq!(here.exceeds(&there).is_none(), expected, "{} to {}", here.shown(), there.shown());
    }

    #[test]
    fn a_number_is_taken_where_all_of_its_kind_are() {
        let whole =
            |bits, unsigned| info(Kind::Integer, None, Shape { bits: Some(bits), unsigned, ..named("int") });
        is_taken(true, &whole(32, false), &whole(64, false));
        is_taken(false, &whole(64, false), &whole(32, false));
        is_taken(false, &whole(32, true), &whole(32, false));
        is_taken(true, &whole(32, true), &whole(64, false));
        is_taken(false, &whole(32, false), &whole(64, true));
        let decimal = |digits, scale| info(Kind::Decimal, None, Shape { digits, scale, ..named("numeric") });
        is_taken(false, &decimal(Some(38), Some(4)), &decimal(Some(10), Some(2)));
        is_taken(false, &decimal(Some(10), Some(2)), &decimal(Some(10), Some(4)));
        is_taken(false, &decimal(None, None), &decimal(Some(38), Some(0)));
        is_taken(true, &decimal(Some(10), Some(2)), &decimal(None, None));
        is_taken(true, &decimal(Some(10), Some(2)), &decimal(Some(12), Some(2)));
        is_taken(false, &whole(32, false), &decimal(Some(38), Some(0)));
    }

    #[test]
    fn a_text_and_a_time_are_taken_where_nothing_of_them_is_lost() {
        let text = |name: &str, length| info(Kind::Text, length, named(name));
        is_taken(true, &text("varchar", Some(60)), &text("varchar", Some(255)));
        is_taken(false, &text("varchar", Some(255)), &text("varchar", Some(60)));
        is_taken(false, &text("text", None), &text("varchar", Some(60)));
        is_taken(false, &text("varchar", Some(6)), &text("bpchar", Some(6)));
        is_taken(false, &text("nvarchar", Some(6)), &text("varchar", Some(6)));
        let in_set = |charset: &str| {
            info(Kind::Text, Some(9), Shape { charset: Some(charset.into()), ..named("varchar") })
        };
        is_taken(false, &in_set("utf8mb4"), &in_set("latin1"));
        is_taken(true, &in_set("latin1"), &in_set("utf8mb4"));
        let time = |name: &str, scale| info(Kind::Other, None, Shape { scale: Some(scale), ..named(name) });
        is_taken(false, &time("timestamp", 6), &time("timestamp", 0));
        is_taken(false, &time("timestamp", 6), &time("timestamptz", 6));
        is_taken(true, &time("timestamp", 6), &time("timestamp", 6));
    }
}
