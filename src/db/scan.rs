//! Looking for ciphertext in columns that nobody rotates: all texts, documents and bytes of a database. SQL as data.

use super::columns::{Holds, TextColumn};
use super::{Db, DbError, Record, Value};
use crate::sizes::Sizes;

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
    /// Those whose content is not known.
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
    /// All columns in which ciphertext may stand, in all schemas that this user sees.
    pub async fn scan_columns(&self) -> Result<ScanColumns, DbError> {
        let all = self.text_columns().await?;
        let (unseen, seen): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|column| matches!(column.holds, Holds::Unseen(_)));
        let columns = seen.into_iter().map(|at| ScanColumn { at, only_where: None }).collect();
        Ok(ScanColumns { columns, unseen, without_bytes: !self.dialect().scan.has_bytes })
    }

    /// Hands on every value of these columns of one table in which an envelope may stand, with the column's place
    /// among them.
    pub async fn look_through(
        &self,
        columns: &[ScanColumn],
        mut found: impl FnMut(usize, &Value) + Send,
    ) -> Result<LookedThrough, DbError> {
        let (dialect, scan) = (self.dialect(), &self.dialect().scan);
        let Some(first) = columns.first() else { return Ok(LookedThrough::OddName) };
        let Some(table) = dialect.quoted_table(&first.at.schema, &first.at.table) else {
            return Ok(LookedThrough::OddName);
        };
        let (mut selected, mut conditions) = (Vec::new(), Vec::new());
        for column in columns {
            let Some(name) = dialect.quoted(&column.at.column) else {
                return Ok(LookedThrough::OddName);
            };
            let is_bytes = matches!(column.at.holds, Holds::Bytes | Holds::Objects);
            let shown = match column.at.holds {
                Holds::List => scan.list,
                Holds::Printed => scan.printed,
                Holds::Objects => scan.objects,
                Holds::Text | Holds::Document | Holds::Bytes | Holds::Unseen(_) => "{column}",
            };
            let name = shown.replace("{column}", &name);
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
        // By way of a driver that does not hand rows on as they come, only so many.
        let most = (!self.hands_on()).then(|| Sizes::new().looked_through);
        let sql = most.map_or_else(|| sql.clone(), |most| (dialect.limited)(&sql, &most.to_string()));
        let mut count = 0;
        let mut each = |record: Record| {
            count += 1;
            for (at, value) in record.iter().enumerate() {
                found(at, value);
            }
            None
        };
        self.each(&sql, &mut each).await?;
        if most == Some(count) {
            return Ok(LookedThrough::Part(count));
        }
        tracing::trace!("{table}: reads {count} rows in which ciphertext may stand");
        Ok(LookedThrough::Whole)
    }
}

/// With a table's earlier rows (MariaDB).
const HISTORY: &str = " FOR SYSTEM_TIME ALL";
/// Only those.
pub const EARLIER: &str = "ROW_END < NOW(6)";

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02X}"))
}
