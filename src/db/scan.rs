//! Looking for ciphertext in columns that nobody rotates: all texts, documents and bytes of a database. SQL as data.

use super::columns::{Holds, TextColumn};
use super::near::{quoted, quoted_name};
use super::{Db, DbError, Record, Value};
use crate::sizes::Sizes;

/// How a dialect is asked.
struct Scan {
    dialect: &'static str,
    /// Whether bytes can be looked through.
    has_bytes: bool,
    /// Whether `{text}` stands anywhere in `{column}`, of texts and documents; `{hex}` are its bytes.
    in_text: &'static str,
    /// Likewise, of bytes.
    in_bytes: &'static str,
    /// What `{column}` is read as.
    text: &'static str,
}

/// One of which no more is known than that it has LIKE.
const fn plain(dialect: &'static str) -> Scan {
    let in_text = "{column} LIKE '%{text}%'";
    Scan { dialect, has_bytes: false, in_text, in_bytes: "", text: "{column}" }
}

const SCANS: &[Scan] = &[
    Scan {
        dialect: "SQLite",
        has_bytes: true,
        // Beside a text, bytes are taken for one in the database's encoding, which may be UTF-16.
        in_text: "(instr({column}, '{text}') > 0 OR (typeof({column}) = 'blob' AND instr({column}, x'{hex}') > 0))",
        in_bytes: "",
        text: "{column}",
    },
    Scan {
        dialect: "PostgreSQL",
        has_bytes: true,
        // By its bytes: a collation that takes different texts for equal finds nothing in any.
        in_text: "pg_catalog.strpos({column}::text COLLATE pg_catalog.\"C\", '{text}'::text) \
                  OPERATOR(pg_catalog.>) 0",
        in_bytes: "pg_catalog.\"position\"({column}, pg_catalog.convert_to('{text}'::text, 'UTF8'::name)) \
                   OPERATOR(pg_catalog.>) 0",
        text: "{column}::text",
    },
    Scan {
        dialect: "MySQL and MariaDB",
        has_bytes: true,
        in_text: "LOCATE('{text}', {column}) > 0",
        in_bytes: "LOCATE('{text}', {column}) > 0",
        text: "CAST({column} AS CHAR)",
    },
    plain("H2"),
    plain("Oracle"),
    plain("SQL Server"),
    plain("Db2"),
];

/// What stands in everything that the finder of envelopes takes for one, whatever white space it has
/// (`MARKS` in `src/codec/embedded.rs`).
pub const TEXTS: [&str; 2] = ["eyJjIjoi", "\"c\""];

/// A column in which ciphertext may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanColumn {
    /// Where it is.
    pub at: TextColumn,
    /// The condition for the rows in which it is looked at; all without one.
    pub only_where: Option<String>,
}

/// All columns in which ciphertext may stand.
#[derive(Debug, Clone, Default)]
pub struct ScanColumns {
    /// Those that can be looked through, by table.
    pub columns: Vec<ScanColumn>,
    /// Those of which nobody can tell what is in them.
    pub unseen: Vec<TextColumn>,
    /// Whether columns of bytes are not among them.
    pub without_bytes: bool,
}

/// Whether a table was looked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookedThrough {
    /// To its end.
    Whole,
    /// Only so many rows of those in which something stands.
    Part(usize),
    /// Not at all: a name is too odd.
    OddName,
}

impl Db {
    fn scan(&self) -> Option<&'static Scan> {
        SCANS.iter().find(|scan| scan.dialect == self.syntax().name)
    }

    /// All columns in which ciphertext may stand, in all schemas that this user sees. None where it cannot be asked.
    pub async fn scan_columns(&self) -> Result<Option<ScanColumns>, DbError> {
        let (Some(scan), Some(all)) = (self.scan(), self.text_columns().await?) else { return Ok(None) };
        let (unseen, seen): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|column| matches!(column.holds, Holds::Unseen(_)));
        let columns = seen.into_iter().map(|at| ScanColumn { at, only_where: None }).collect();
        Ok(Some(ScanColumns { columns, unseen, without_bytes: !scan.has_bytes }))
    }

    /// Hands on every value of these columns of one table in which an envelope may stand, with the column's place
    /// among them.
    pub async fn look_through(
        &self,
        columns: &[ScanColumn],
        mut found: impl FnMut(usize, &Value) + Send,
    ) -> Result<LookedThrough, DbError> {
        let (syntax, scan) = (self.syntax(), self.scan());
        let (Some(scan), Some(first)) = (scan, columns.first()) else { return Ok(LookedThrough::OddName) };
        let Some(table) = quoted(syntax, &first.at.schema, &first.at.table) else {
            return Ok(LookedThrough::OddName);
        };
        let (mut selected, mut conditions) = (Vec::new(), Vec::new());
        for column in columns {
            let Some(name) = quoted_name(syntax, &column.at.column) else {
                return Ok(LookedThrough::OddName);
            };
            let is_bytes = matches!(column.at.holds, Holds::Bytes | Holds::Objects);
            let name = shown(&column.at.holds).replace("{column}", &name);
            let read = if is_bytes { name.clone() } else { scan.text.replace("{column}", &name) };
            selected.push(match &column.only_where {
                Some(rows) => format!("CASE WHEN {rows} THEN {read} END"),
                None => read,
            });
            let holds = if is_bytes { scan.in_bytes } else { scan.in_text };
            let condition = |text: &&str| {
                let holds =
                    holds.replace("{column}", &name).replace("{text}", text).replace("{hex}", &hex(text));
                column.only_where.as_ref().map_or(holds.clone(), |rows| format!("({holds} AND {rows})"))
            };
            conditions.extend(TEXTS.iter().map(condition));
        }
        let history = if first.at.has_history { HISTORY } else { "" };
        let sql =
            format!("SELECT {} FROM {table}{history} WHERE {}", selected.join(", "), conditions.join(" OR "));
        let mut count = 0;
        let mut each = |record: Record| {
            count += 1;
            for (at, value) in record.iter().enumerate() {
                found(at, value);
            }
        };
        match self {
            Self::Sqlite(db) => db.each(&sql, &mut each).await?,
            Self::Postgres(db) => db.each(&sql, &mut each).await?,
            Self::MySql(db) => db.each(&sql, &mut each).await?,
            Self::Jdbc(db) => {
                let most = Sizes::new().looked_through;
                let records = db.read(&(syntax.limited)(&sql, &most.to_string()), &[]).await?;
                records.into_iter().for_each(each);
                if count == most {
                    return Ok(LookedThrough::Part(most));
                }
            }
        }
        tracing::trace!("{table}: reads {count} rows in which ciphertext may stand");
        Ok(LookedThrough::Whole)
    }
}

/// As what a column's values are looked at: elements without what an array puts around them, and what a type of
/// somebody's own prints without the quotes that stand for one.
const fn shown(holds: &Holds) -> &'static str {
    match holds {
        Holds::List => "pg_catalog.array_to_string({column}, pg_catalog.chr(10))",
        Holds::Printed => {
            "pg_catalog.replace(pg_catalog.replace({column}::text, '\\\"'::text, '\"'::text), '\"\"'::text, '\"'::text)"
        }
        Holds::Objects => "pg_catalog.lo_get({column})",
        Holds::Text | Holds::Document | Holds::Bytes | Holds::Unseen(_) => "{column}",
    }
}

/// With a table's earlier rows (MariaDB).
const HISTORY: &str = " FOR SYSTEM_TIME ALL";
/// Only those.
pub const EARLIER: &str = "ROW_END < NOW(6)";

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02X}"))
}
