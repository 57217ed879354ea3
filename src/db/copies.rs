//! Where a database keeps copies of what stands in its tables: history, rules, logs of statements, and tables
//! that nobody rotates. SQL as data; what a dialect has no question for is not known, and said to be so.

use super::{Db, DbError, Record, Value};

/// How a dialect answers.
struct Asks {
    dialect: &'static str,
    /// Tables of which the server itself keeps or sends on what stood there: table, and how.
    kept: &'static str,
    /// Settings by which statements are logged with their values: name and value.
    logs: &'static str,
    /// Columns of texts that are long enough for an envelope: table and column, as they are written.
    texts: &'static str,
    /// What an identifier stands in.
    quote: char,
}

const ASKS: &[Asks] = &[
    Asks {
        dialect: "SQLite",
        kept: "",
        logs: "",
        texts: "SELECT m.name, i.name FROM sqlite_master AS m, pragma_table_info(m.name) AS i \
                WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' ORDER BY 1, 2",
        quote: '"',
    },
    Asks {
        dialect: "PostgreSQL",
        kept: "SELECT upper(c.relname::text), 'the rule ' || r.rulename::text FROM pg_catalog.pg_rewrite r \
               JOIN pg_catalog.pg_class c ON c.oid = r.ev_class WHERE c.relkind IN ('r', 'p') \
               AND pg_catalog.pg_table_is_visible(c.oid) \
               UNION ALL SELECT upper(c.relname::text), 'the publication ' || p.pubname::text \
               FROM pg_catalog.pg_publication_tables p JOIN pg_catalog.pg_class c ON c.relname = p.tablename \
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = p.schemaname \
               WHERE pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1, 2",
        logs: "SELECT name, setting FROM pg_catalog.pg_settings WHERE (name = 'log_statement' AND setting IN ('mod', 'all')) \
               OR (name IN ('log_min_duration_statement', 'log_min_duration_sample', 'auto_explain.log_min_duration') \
               AND setting <> '-1') OR (name = 'log_parameter_max_length_on_error' AND setting <> '0') \
               OR (name = 'pgaudit.log' AND setting NOT IN ('', 'none')) ORDER BY 1",
        texts: "SELECT c.relname::text, a.attname::text FROM pg_catalog.pg_class c \
                JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
                WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND pg_catalog.pg_table_is_visible(c.oid) \
                AND c.relnamespace NOT IN (SELECT n.oid FROM pg_catalog.pg_namespace n \
                WHERE n.nspname IN ('pg_catalog', 'information_schema')) AND a.attnum > 0 AND NOT a.attisdropped \
                AND t.typname IN ('varchar', 'text', 'bpchar') AND (a.atttypmod < 0 OR a.atttypmod > 200) ORDER BY 1, 2",
        quote: '"',
    },
    Asks {
        dialect: "MySQL and MariaDB",
        kept: "SELECT UPPER(TABLE_NAME), 'system-versioned history' FROM information_schema.TABLES \
               WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'SYSTEM VERSIONED' ORDER BY 1",
        logs: "SHOW GLOBAL VARIABLES WHERE Variable_name IN \
               ('general_log', 'slow_query_log', 'server_audit_logging', 'audit_log_policy') \
               AND Value NOT IN ('OFF', '0', 'NONE')",
        texts: "SELECT c.TABLE_NAME, c.COLUMN_NAME FROM information_schema.COLUMNS AS c \
                JOIN information_schema.TABLES AS t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME \
                WHERE c.TABLE_SCHEMA = DATABASE() AND t.TABLE_TYPE <> 'VIEW' AND c.CHARACTER_MAXIMUM_LENGTH >= 200 \
                AND c.DATA_TYPE IN ('varchar', 'char', 'text', 'mediumtext', 'longtext') ORDER BY 1, 2",
        quote: '`',
    },
    Asks { dialect: "H2", kept: "", logs: "", texts: "", quote: '"' },
    Asks {
        dialect: "Oracle",
        kept: "SELECT TABLE_NAME, 'the flashback archive ' || FLASHBACK_ARCHIVE_NAME FROM USER_FLASHBACK_ARCHIVE_TABLES ORDER BY 1",
        logs: "",
        texts: "",
        quote: '"',
    },
    Asks {
        dialect: "SQL Server",
        kept: "SELECT UPPER(name), CONCAT(N'the history table ', OBJECT_NAME(history_table_id)) FROM sys.tables \
               WHERE temporal_type = 2 ORDER BY 1",
        logs: "",
        texts: "",
        quote: '"',
    },
    Asks {
        dialect: "Db2",
        kept: "SELECT TABNAME, 'a history table' FROM SYSCAT.TABLES WHERE TABSCHEMA = CURRENT SCHEMA \
               AND TEMPORALTYPE IN ('S', 'B') ORDER BY 1",
        logs: "",
        texts: "",
        quote: '"',
    },
];

/// What every envelope of a server begins with: base64 of `{"c":"`.
const BEGINS: &str = "eyJjIjoi";

impl Db {
    fn asks_of_copies(&self) -> Option<&'static Asks> {
        ASKS.iter().find(|asks| asks.dialect == self.syntax().name)
    }

    /// Tables of which the server itself keeps or sends on what stood there, in upper case, and how. None where
    /// it cannot be asked.
    pub async fn kept_copies(&self) -> Result<Option<Vec<(String, String)>>, DbError> {
        self.pairs(self.asks_of_copies().map_or("", |asks| asks.kept)).await
    }

    /// Settings by which the server logs statements with the values in them. None where it cannot be asked.
    pub async fn statement_logs(&self) -> Result<Option<Vec<(String, String)>>, DbError> {
        self.pairs(self.asks_of_copies().map_or("", |asks| asks.logs)).await
    }

    /// Columns with a text that begins as envelopes do, in tables for which `is_meant` is true: each as
    /// `TABLE.COLUMN`. Reads these tables whole. None where it cannot be asked.
    pub async fn ciphertext_in(
        &self,
        is_meant: impl Fn(&str) -> bool,
    ) -> Result<Option<Vec<String>>, DbError> {
        let Some(asks) = self.asks_of_copies() else { return Ok(None) };
        let Some(columns) = self.pairs(asks.texts).await? else { return Ok(None) };
        let mut found = Vec::new();
        for (table, column) in columns.iter().filter(|(table, _)| is_meant(&table.to_uppercase())) {
            let (Some(table_quoted), Some(column_quoted)) =
                (quoted(table, asks.quote), quoted(column, asks.quote))
            else {
                found.push(format!("{table}.{column} (its name is too odd to look into it)"));
                continue;
            };
            let sql = format!("SELECT 1 FROM {table_quoted} WHERE {column_quoted} LIKE '{BEGINS}%' LIMIT 1");
            if !self.read(&sql, &[]).await?.is_empty() {
                found.push(format!("{table}.{column}"));
            }
        }
        Ok(Some(found))
    }

    async fn pairs(&self, sql: &str) -> Result<Option<Vec<(String, String)>>, DbError> {
        if sql.is_empty() {
            return Ok(None);
        }
        let text = |record: &Record, at: usize| {
            record.get(at).and_then(Value::as_text).unwrap_or_default().trim().to_owned()
        };
        let pairs = self.read(sql, &[]).await?;
        let pairs = pairs.iter().map(|record| (text(record, 0), text(record, 1)));
        Ok(Some(pairs.filter(|(_, how)| !how.is_empty()).collect()))
    }
}

/// An identifier of plain characters, quoted as it is written.
fn quoted(name: &str, quote: char) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_$# -".contains(c);
    (!name.is_empty() && name.chars().all(plain)).then(|| format!("{quote}{name}{quote}"))
}
