//! Looking for ciphertext in columns that nobody rotates: all texts, documents and bytes of a database. SQL as data.

use super::copies::TextColumn;
use super::near::{quoted, quoted_name};
use super::{Db, DbError, Record, Value};
use crate::sizes::Sizes;

/// How a dialect is asked.
struct Scan {
    dialect: &'static str,
    /// Columns of documents, which are texts to whoever asks, and of bytes: schema, table, column, 0 if this user may
    /// not read it, 1 if it is one of bytes.
    others: &'static str,
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
    Scan { dialect, others: "", has_bytes: false, in_text, in_bytes: "", text: "{column}" }
}

const SCANS: &[Scan] = &[
    Scan {
        dialect: "SQLite",
        // Its columns hold anything: all are among those of texts.
        others: "",
        has_bytes: true,
        // Beside a text, bytes are taken for one in the database's encoding, which may be UTF-16.
        in_text: "(instr({column}, '{text}') > 0 OR (typeof({column}) = 'blob' AND instr({column}, x'{hex}') > 0))",
        in_bytes: "",
        text: "{column}",
    },
    Scan {
        dialect: "PostgreSQL",
        others: "SELECT CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN '' ELSE n.nspname::text END, \
                 c.relname::text, a.attname::text, \
                 (pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
                 AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT'))::int::bigint, \
                 (t.typname OPERATOR(pg_catalog.=) 'bytea'::name)::int::bigint \
                 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
                 JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid \
                 JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid \
                 WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,m}'::\"char\"[]) AND NOT c.relispartition \
                 AND n.nspname::text OPERATOR(pg_catalog.!~~) 'pg\\_%'::text \
                 AND n.nspname OPERATOR(pg_catalog.<>) 'information_schema'::name \
                 AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped \
                 AND t.typnamespace OPERATOR(pg_catalog.=) 'pg_catalog'::regnamespace::oid \
                 AND t.typname OPERATOR(pg_catalog.=) ANY ('{json,jsonb,xml,bytea}'::name[]) ORDER BY 1, 2, 3",
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
        others: "SELECT IF(c.TABLE_SCHEMA = DATABASE(), '', c.TABLE_SCHEMA), c.TABLE_NAME, c.COLUMN_NAME, 1, \
                 IF(c.DATA_TYPE = 'json', 0, 1) FROM information_schema.COLUMNS AS c \
                 JOIN information_schema.TABLES AS t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME \
                 WHERE c.TABLE_SCHEMA NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys') \
                 AND t.TABLE_TYPE NOT IN ('VIEW', 'SYSTEM VIEW') AND (c.DATA_TYPE = 'json' \
                 OR (c.CHARACTER_MAXIMUM_LENGTH >= 200 \
                 AND c.DATA_TYPE IN ('tinyblob', 'blob', 'mediumblob', 'longblob', 'varbinary', 'binary'))) ORDER BY 1, 2, 3",
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

/// Every question: dialect, what for, and the statement.
pub fn statements() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let each = |scan: &'static Scan| (scan.dialect, "columns of documents and bytes", scan.others);
    SCANS.iter().map(each).filter(|(_, _, sql)| !sql.is_empty())
}

/// A column in which ciphertext may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanColumn {
    /// Where it is.
    pub at: TextColumn,
    /// It holds bytes.
    pub is_bytes: bool,
    /// The condition for the rows in which it is looked at; all without one.
    pub only_where: Option<String>,
}

/// All columns in which ciphertext may stand.
#[derive(Debug, Clone, Default)]
pub struct ScanColumns {
    /// Those that can be looked through, by table.
    pub columns: Vec<ScanColumn>,
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
        let (Some(scan), Some(texts)) = (self.scan(), self.text_columns().await?) else { return Ok(None) };
        let mut all: Vec<ScanColumn> =
            texts.into_iter().map(|at| ScanColumn { at, is_bytes: false, only_where: None }).collect();
        if !scan.others.is_empty() {
            let is_bytes = |record: &Record| record.get(4).and_then(Value::as_int) == Some(1);
            let others = self.read(scan.others, &[]).await?;
            all.extend(others.iter().map(|it| ScanColumn {
                at: TextColumn::of(it),
                is_bytes: is_bytes(it),
                only_where: None,
            }));
        }
        all.sort_by(|one, other| (&one.at.schema, &one.at.table).cmp(&(&other.at.schema, &other.at.table)));
        Ok(Some(ScanColumns { columns: all, without_bytes: !scan.has_bytes }))
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
            let read = if column.is_bytes { name.clone() } else { scan.text.replace("{column}", &name) };
            selected.push(match &column.only_where {
                Some(rows) => format!("CASE WHEN {rows} THEN {read} END"),
                None => read,
            });
            let holds = if column.is_bytes { scan.in_bytes } else { scan.in_text };
            let condition = |text: &&str| {
                let holds =
                    holds.replace("{column}", &name).replace("{text}", text).replace("{hex}", &hex(text));
                column.only_where.as_ref().map_or(holds.clone(), |rows| format!("({holds} AND {rows})"))
            };
            conditions.extend(TEXTS.iter().map(condition));
        }
        let sql = format!("SELECT {} FROM {table} WHERE {}", selected.join(", "), conditions.join(" OR "));
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

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02X}"))
}
