//! PostgreSQL's statements in JDBC's words: marks without numbers, arrays as texts.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::super::table::Kind;
use super::super::{Dialect, Value, Write};

/// `$1`, `$2` … as `?`. They stand in a statement in their order, each once.
pub(super) fn marks<'a>(dialect: &Dialect, sql: &'a str) -> Cow<'a, str> {
    if dialect.write == Write::Arrays { without_numbers(sql) } else { sql.into() }
}

fn without_numbers(sql: &str) -> Cow<'_, str> {
    let mut parts = sql.split('$');
    let Some(first) = parts.next() else { return sql.into() };
    let mut out = first.to_owned();
    for part in parts {
        out.push('?');
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    out.into()
}

/// Arrays as their texts.
pub(super) fn literals(arrays: &[(Kind, Vec<&Value>)]) -> Vec<Value> {
    arrays.iter().map(|(_, values)| Value::Text(literal(values))).collect()
}

fn literal(values: &[&Value]) -> String {
    let mut out = String::with_capacity(2 + values.iter().map(|value| 2 * value.weight() + 4).sum::<usize>());
    out.push('{');
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        match value {
            Value::Null => out.push_str("NULL"),
            Value::Int(number) => drop(write!(out, "{number}")),
            Value::Real(number) => drop(write!(out, "{number}")),
            Value::Text(text) => quote(&mut out, text),
            Value::Bytes(bytes) | Value::NotText(bytes) => {
                out.push_str("\"\\\\x");
                for byte in bytes {
                    let _ = write!(out, "{byte:02x}");
                }
                out.push('"');
            }
        }
    }
    out.push('}');
    out
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    if text.contains(['"', '\\']) {
        for c in text.chars() {
            if matches!(c, '"' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
    } else {
        out.push_str(text); // as nearly all are
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_lose_their_numbers() {
        assert_eq!(
            without_numbers("K > $1::text AND K <= $2::text LIMIT $3"),
            "K > ?::text AND K <= ?::text LIMIT ?"
        );
        assert_eq!(without_numbers("SELECT 1"), "SELECT 1");
    }

    #[test]
    fn arrays_are_written_as_the_server_reads_them() {
        let values = [
            Value::Text(r#"a"b\c,{}"#.into()),
            Value::Null,
            Value::Text("NULL".into()),
            Value::Text(String::new()),
            Value::Int(-7),
            Value::Bytes(vec![0, 0xff]),
        ];
        let values: Vec<&Value> = values.iter().collect();
        assert_eq!(literal(&values), r#"{"a\"b\\c,{}",NULL,"NULL","",-7,"\\x00ff"}"#);
    }
}
