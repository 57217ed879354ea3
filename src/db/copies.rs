//! Where a server itself keeps copies of what stands in its tables: history, rules, logs of statements.
//! SQL as data; what a dialect has no question for is not known, and said to be so.

use super::questions::POSTGRES_SCHEMA;
use super::{Db, DbError, Record, Value};

/// How a dialect answers.
struct Asks {
    dialect: &'static str,
    /// Tables of which the server itself keeps or sends on what stood there: table, and how.
    kept: &'static str,
    /// Settings by which statements are logged with their values: name and value.
    logs: &'static str,
    /// The schema in which the tables are looked for.
    schema: &'static str,
}

const ASKS: &[Asks] = &[
    Asks { dialect: "SQLite", kept: "", logs: "", schema: "" },
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
        schema: POSTGRES_SCHEMA,
    },
    Asks {
        dialect: "MySQL and MariaDB",
        kept: "SELECT UPPER(TABLE_NAME), 'system-versioned history' FROM information_schema.TABLES \
               WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'SYSTEM VERSIONED' ORDER BY 1",
        logs: "SHOW GLOBAL VARIABLES WHERE Variable_name IN \
               ('general_log', 'slow_query_log', 'server_audit_logging', 'audit_log_policy') \
               AND Value NOT IN ('OFF', '0', 'NONE')",
        schema: "SELECT DATABASE()",
    },
    Asks { dialect: "H2", kept: "", logs: "", schema: "SELECT SCHEMA()" },
    Asks {
        dialect: "Oracle",
        kept: "SELECT TABLE_NAME, 'the flashback archive ' || FLASHBACK_ARCHIVE_NAME FROM USER_FLASHBACK_ARCHIVE_TABLES ORDER BY 1",
        logs: "",
        schema: "SELECT SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') FROM DUAL",
    },
    Asks {
        dialect: "SQL Server",
        kept: "SELECT UPPER(name), CONCAT(N'the history table ', OBJECT_NAME(history_table_id)) FROM sys.tables \
               WHERE temporal_type = 2 ORDER BY 1",
        logs: "",
        schema: "SELECT COALESCE(OBJECT_SCHEMA_NAME(COALESCE(OBJECT_ID(N'IDN_IDENTITY_USER_DATA'), \
                 OBJECT_ID(N'REG_PROPERTY'))), SCHEMA_NAME())",
    },
    Asks {
        dialect: "Db2",
        kept: "SELECT TABNAME, 'a history table' FROM SYSCAT.TABLES WHERE TABSCHEMA = CURRENT SCHEMA \
               AND TEMPORALTYPE IN ('S', 'B') ORDER BY 1",
        logs: "",
        schema: "SELECT CURRENT SCHEMA FROM SYSIBM.SYSDUMMY1",
    },
];

/// Every question: dialect, what for, and the statement.
pub fn statements() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let each = |asks: &'static Asks| {
        [
            (asks.dialect, "copies that the server keeps", asks.kept),
            (asks.dialect, "logs of statements", asks.logs),
            (asks.dialect, "the schema of the tables", asks.schema),
        ]
    };
    ASKS.iter().flat_map(each).filter(|(_, _, sql)| !sql.is_empty())
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

pub(super) fn text(record: &Record, at: usize) -> String {
    record.get(at).and_then(Value::as_text).unwrap_or_default().trim().to_owned()
}
