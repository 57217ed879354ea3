//! Where a database keeps copies of what stands in its tables: history, rules, logs of statements, and tables
//! that nobody rotates. SQL as data; what a dialect has no question for is not known, and said to be so.

use std::fmt;

use super::near::{quoted, quoted_name};
use super::questions::POSTGRES_SCHEMA;
use super::{Db, DbError, POSTGRES, Record, Value};

/// How a dialect answers.
struct Asks {
    dialect: &'static str,
    /// Tables of which the server itself keeps or sends on what stood there: table, and how.
    kept: &'static str,
    /// Settings by which statements are logged with their values: name and value.
    logs: &'static str,
    /// Columns of texts that are long enough for an envelope: schema, if it is not the one in which tables are
    /// looked for, table and column, as they are written, and 0 if this user may not read it.
    texts: &'static str,
    /// The schema in which the tables are looked for.
    schema: &'static str,
}

const ASKS: &[Asks] = &[
    Asks {
        dialect: "SQLite",
        kept: "",
        logs: "",
        texts: "SELECT '', m.name, i.name, 1 FROM sqlite_master AS m, pragma_table_info(m.name) AS i \
                WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' ORDER BY 2, 3",
        schema: "",
    },
    Asks {
        dialect: "PostgreSQL",
        kept: "SELECT pg_catalog.upper(c.relname::text), pg_catalog.concat('the rule ', r.rulename) \
               FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) r.ev_class \
               WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p}'::\"char\"[]) AND pg_catalog.pg_table_is_visible(c.oid) \
               UNION ALL SELECT pg_catalog.upper(c.relname::text), pg_catalog.concat('the publication ', p.pubname) \
               FROM pg_catalog.pg_publication_tables p \
               JOIN pg_catalog.pg_class c ON c.relname OPERATOR(pg_catalog.=) p.tablename \
               JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
               AND n.nspname OPERATOR(pg_catalog.=) p.schemaname \
               WHERE pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1, 2",
        logs: "SELECT name, setting FROM pg_catalog.pg_settings WHERE (name OPERATOR(pg_catalog.=) 'log_statement'::text \
               AND setting OPERATOR(pg_catalog.=) ANY ('{mod,all}'::text[])) OR (name OPERATOR(pg_catalog.=) ANY \
               ('{log_min_duration_statement,log_min_duration_sample,auto_explain.log_min_duration}'::text[]) \
               AND setting OPERATOR(pg_catalog.<>) '-1'::text) \
               OR (name OPERATOR(pg_catalog.=) 'log_parameter_max_length_on_error'::text \
               AND setting OPERATOR(pg_catalog.<>) '0'::text) OR (name OPERATOR(pg_catalog.=) 'pgaudit.log'::text \
               AND setting OPERATOR(pg_catalog.<>) ALL ('{\"\",none}'::text[])) ORDER BY 1",
        texts: "SELECT CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN '' ELSE n.nspname::text END, \
                c.relname::text, a.attname::text, \
                (pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
                AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT'))::int::bigint \
                FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
                JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid \
                JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid \
                WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,m}'::\"char\"[]) AND NOT c.relispartition \
                AND n.nspname::text OPERATOR(pg_catalog.!~~) 'pg\\_%'::text \
                AND n.nspname OPERATOR(pg_catalog.<>) 'information_schema'::name \
                AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped \
                AND t.typnamespace OPERATOR(pg_catalog.=) 'pg_catalog'::regnamespace::oid \
                AND t.typname OPERATOR(pg_catalog.=) ANY ('{varchar,text,bpchar}'::name[]) \
                AND (a.atttypmod OPERATOR(pg_catalog.<) 0 OR a.atttypmod OPERATOR(pg_catalog.>) 200) ORDER BY 1, 2, 3",
        schema: POSTGRES_SCHEMA,
    },
    Asks {
        dialect: "MySQL and MariaDB",
        kept: "SELECT UPPER(TABLE_NAME), 'system-versioned history' FROM information_schema.TABLES \
               WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'SYSTEM VERSIONED' ORDER BY 1",
        logs: "SHOW GLOBAL VARIABLES WHERE Variable_name IN \
               ('general_log', 'slow_query_log', 'server_audit_logging', 'audit_log_policy') \
               AND Value NOT IN ('OFF', '0', 'NONE')",
        texts: "SELECT IF(c.TABLE_SCHEMA = DATABASE(), '', c.TABLE_SCHEMA), c.TABLE_NAME, c.COLUMN_NAME, 1 \
                FROM information_schema.COLUMNS AS c \
                JOIN information_schema.TABLES AS t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME \
                WHERE c.TABLE_SCHEMA NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys') \
                AND t.TABLE_TYPE NOT IN ('VIEW', 'SYSTEM VIEW') AND c.CHARACTER_MAXIMUM_LENGTH >= 200 \
                AND c.DATA_TYPE IN ('varchar', 'char', 'tinytext', 'text', 'mediumtext', 'longtext') ORDER BY 1, 2, 3",
        schema: "SELECT DATABASE()",
    },
    Asks {
        dialect: "H2",
        kept: "",
        logs: "",
        // The types that are no texts are bytes, by their numbers in 1.4 and, without a length, by their names in 2.x.
        texts: "SELECT CASE WHEN c.TABLE_SCHEMA = SCHEMA() THEN '' ELSE c.TABLE_SCHEMA END, \
                c.TABLE_NAME, c.COLUMN_NAME, 1 FROM INFORMATION_SCHEMA.COLUMNS AS c JOIN INFORMATION_SCHEMA.TABLES AS t \
                ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME \
                WHERE c.TABLE_SCHEMA <> 'INFORMATION_SCHEMA' AND t.TABLE_TYPE NOT IN ('VIEW', 'SYSTEM TABLE') \
                AND c.CHARACTER_MAXIMUM_LENGTH >= 200 \
                AND CAST(c.DATA_TYPE AS VARCHAR) NOT IN ('-2', '-3', '-4', '2004', '1111', '2000', '2003') ORDER BY 1, 2, 3",
        schema: "SELECT SCHEMA()",
    },
    Asks {
        dialect: "Oracle",
        kept: "SELECT TABLE_NAME, 'the flashback archive ' || FLASHBACK_ARCHIVE_NAME FROM USER_FLASHBACK_ARCHIVE_TABLES ORDER BY 1",
        logs: "",
        texts: "SELECT CASE WHEN c.OWNER = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') THEN '' ELSE c.OWNER END, \
                c.TABLE_NAME, c.COLUMN_NAME, 1 FROM ALL_TAB_COLUMNS c \
                JOIN ALL_TABLES t ON t.OWNER = c.OWNER AND t.TABLE_NAME = c.TABLE_NAME \
                JOIN ALL_USERS u ON u.USERNAME = c.OWNER WHERE u.ORACLE_MAINTAINED = 'N' AND t.TEMPORARY = 'N' \
                AND (c.DATA_TYPE IN ('CLOB', 'NCLOB') OR (c.DATA_TYPE IN ('VARCHAR2', 'NVARCHAR2', 'CHAR', 'NCHAR') \
                AND c.CHAR_LENGTH >= 200)) ORDER BY 1, 2, 3",
        schema: "SELECT SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') FROM DUAL",
    },
    Asks {
        dialect: "SQL Server",
        kept: "SELECT UPPER(name), CONCAT(N'the history table ', OBJECT_NAME(history_table_id)) FROM sys.tables \
               WHERE temporal_type = 2 ORDER BY 1",
        logs: "",
        texts: "SELECT CASE WHEN t.object_id = OBJECT_ID(QUOTENAME(t.name)) THEN N'' ELSE SCHEMA_NAME(t.schema_id) END, \
                t.name, c.name, COALESCE(HAS_PERMS_BY_NAME(CONCAT(QUOTENAME(SCHEMA_NAME(t.schema_id)), N'.', \
                QUOTENAME(t.name)), N'OBJECT', N'SELECT'), 0) FROM sys.tables AS t \
                JOIN sys.columns AS c ON c.object_id = t.object_id \
                JOIN sys.types AS y ON y.user_type_id = c.system_type_id \
                WHERE t.is_ms_shipped = 0 AND (y.name IN (N'text', N'ntext') \
                OR (y.name IN (N'varchar', N'char') AND (c.max_length = -1 OR c.max_length >= 200)) \
                OR (y.name IN (N'nvarchar', N'nchar') AND (c.max_length = -1 OR c.max_length >= 400))) ORDER BY 1, 2, 3",
        schema: "SELECT COALESCE(OBJECT_SCHEMA_NAME(COALESCE(OBJECT_ID(N'IDN_IDENTITY_USER_DATA'), \
                 OBJECT_ID(N'REG_PROPERTY'))), SCHEMA_NAME())",
    },
    Asks {
        dialect: "Db2",
        kept: "SELECT TABNAME, 'a history table' FROM SYSCAT.TABLES WHERE TABSCHEMA = CURRENT SCHEMA \
               AND TEMPORALTYPE IN ('S', 'B') ORDER BY 1",
        logs: "",
        texts: "SELECT CASE WHEN c.TABSCHEMA = CURRENT SCHEMA THEN '' ELSE c.TABSCHEMA END, c.TABNAME, c.COLNAME, 1 \
                FROM SYSCAT.COLUMNS AS c JOIN SYSCAT.TABLES AS t ON t.TABSCHEMA = c.TABSCHEMA AND t.TABNAME = c.TABNAME \
                WHERE t.TYPE IN ('T', 'S') AND c.TABSCHEMA NOT LIKE 'SYS%' AND c.TYPENAME IN ('VARCHAR', 'CHARACTER', \
                'CLOB', 'LONG VARCHAR', 'VARGRAPHIC', 'DBCLOB') AND (c.LENGTH >= 200 OR c.TYPENAME LIKE '%CLOB') \
                ORDER BY 1, 2, 3",
        schema: "SELECT CURRENT SCHEMA FROM SYSIBM.SYSDUMMY1",
    },
];

/// What every envelope of a server begins with: base64 of `{"c":"`.
const BEGINS: &str = "eyJjIjoi";

/// Every question: dialect, what for, and the statement.
pub fn statements() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let each = |asks: &'static Asks| {
        [
            (asks.dialect, "copies that the server keeps", asks.kept),
            (asks.dialect, "logs of statements", asks.logs),
            (asks.dialect, "columns of texts", asks.texts),
            (asks.dialect, "the schema of the tables", asks.schema),
        ]
    };
    ASKS.iter().flat_map(each).filter(|(_, _, sql)| !sql.is_empty())
}

/// A column of texts that are long enough for an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextColumn {
    /// The schema; empty for the one in which tables are looked for.
    pub schema: String,
    /// The table, as it is written.
    pub table: String,
    /// The column, as it is written.
    pub column: String,
    /// Whether this user may read it.
    pub is_readable: bool,
}

impl TextColumn {
    pub(super) fn of(record: &Record) -> Self {
        Self {
            schema: text(record, 0),
            table: text(record, 1),
            column: text(record, 2),
            is_readable: record.get(3).and_then(Value::as_int) != Some(0),
        }
    }
}

impl fmt::Display for TextColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { schema, table, column, .. } = self;
        if schema.is_empty() { write!(f, "{table}.{column}") } else { write!(f, "{schema}.{table}.{column}") }
    }
}

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

    /// All columns of texts that are long enough for an envelope, in all schemas that this user sees. None where
    /// it cannot be asked.
    pub async fn text_columns(&self) -> Result<Option<Vec<TextColumn>>, DbError> {
        let sql = self.asks_of_copies().map_or("", |asks| asks.texts);
        if sql.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.read(sql, &[]).await?.iter().map(TextColumn::of).collect()))
    }

    /// Whether a column holds a text that begins as envelopes do. Reads the table to its end if none does. None
    /// if its name is too odd to look into it.
    pub async fn has_ciphertext(&self, at: &TextColumn) -> Result<Option<bool>, DbError> {
        let syntax = self.syntax();
        let names = quoted(syntax, &at.schema, &at.table).zip(quoted_name(syntax, &at.column));
        let Some((table, column)) = names else { return Ok(None) };
        // By its bytes: some collations of PostgreSQL know no LIKE.
        let (column, like) = match syntax.name {
            name if name == POSTGRES.name => {
                let exact = format!("{} COLLATE pg_catalog.\"C\"", (syntax.as_text)(&column));
                (exact, "OPERATOR(pg_catalog.~~)")
            }
            _ => (column, "LIKE"),
        };
        let sql = format!("SELECT 1 FROM {table} WHERE {column} {like} '{BEGINS}%'");
        Ok(Some(!self.read(&(syntax.limited)(&sql, "1"), &[]).await?.is_empty()))
    }

    /// The schema in which the tables are looked for. None where it cannot be asked.
    pub async fn own_schema(&self) -> Result<Option<String>, DbError> {
        let sql = self.asks_of_copies().map_or("", |asks| asks.schema);
        if sql.is_empty() {
            return Ok(None);
        }
        Ok(self.read(sql, &[]).await?.first().map(|record| text(record, 0)))
    }

    async fn pairs(&self, sql: &str) -> Result<Option<Vec<(String, String)>>, DbError> {
        if sql.is_empty() {
            return Ok(None);
        }
        let pairs = self.read(sql, &[]).await?;
        let pairs = pairs.iter().map(|record| (text(record, 0), text(record, 1)));
        Ok(Some(pairs.filter(|(_, how)| !how.is_empty()).collect()))
    }
}

fn text(record: &Record, at: usize) -> String {
    record.get(at).and_then(Value::as_text).unwrap_or_default().trim().to_owned()
}
