//! PostgreSQL.

mod catalogue;
mod errors;
mod questions;
mod session;
pub(crate) mod statements;

use super::parts::{JdbcDriver, Tokens};
use super::{Dialect, Holdups, Paging, Rewrite, Scan, Write};
use crate::server::Kind as ServerKind;
use crate::table::Kind;

/// PostgreSQL 12 and later.
pub const POSTGRES: Dialect = Dialect {
    name: "PostgreSQL",
    kind: Some(ServerKind::Postgres),
    max_parameters: 65_535,
    rows_at_once: 2000,
    parameter: |number, kind| format!("${number}::{}", type_of(kind)),
    key_column: |name, kind| match kind {
        Kind::Decimal => format!("{name}::text"),
        _ => name.to_owned(),
    },
    own: "pg_catalog.",
    fire_deferred: "SET CONSTRAINTS ALL IMMEDIATE",
    operator: |sign| format!("OPERATOR(pg_catalog.{sign})"),
    as_text: |column| format!("{column}::text"),
    portable: |column| format!("{column}::text"),
    // By the locale; cut to one bit or character by its own name; what a number means is another thing there.
    inexact: &[
        "money",
        "bit",
        "char",
        "regclass",
        "regcollation",
        "regconfig",
        "regdictionary",
        "regnamespace",
        "regoper",
        "regoperator",
        "regproc",
        "regprocedure",
        "regrole",
        "regtype",
    ],
    log_age: |column| {
        format!(
            "(EXTRACT(EPOCH FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) {column}::timestamptz)::numeric \
             OPERATOR(pg_catalog.*) 1000::numeric)::bigint"
        )
    },
    paging: Paging::Rows,
    lock: ["", " FOR UPDATE OF t"],
    write: Write::Arrays,
    same: |column, mark, _| format!("{column} OPERATOR(pg_catalog.=) {mark}"),
    is_true: |column| format!("{column}::text IN ('1', 't', 'true', 'TRUE', 'Y')"),
    begin: "BEGIN",
    // Whoever reads, or asks the catalogue, waits as long as ever: a table may be locked for a moment.
    lock_wait: Some(|wait| format!("; SET LOCAL lock_timeout = '{}ms'", wait.as_millis())),
    catalogue: Some(catalogue::CATALOGUE),
    tables: "SELECT pg_catalog.upper(c.relname::text) FROM pg_catalog.pg_class c \
             WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p}'::\"char\"[]) AND pg_catalog.pg_table_is_visible(c.oid) \
             AND NOT EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.oid OPERATOR(pg_catalog.=) c.relnamespace \
             AND n.nspname OPERATOR(pg_catalog.=) ANY ('{pg_catalog,information_schema}'::name[])) ORDER BY 1",
    objects: "SELECT pg_catalog.upper(c.relname::text) FROM pg_catalog.pg_class c \
              WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p}'::\"char\"[]) AND pg_catalog.pg_table_is_visible(c.oid) \
              UNION SELECT pg_catalog.upper(g.tgname::text) FROM pg_catalog.pg_trigger g \
              WHERE NOT g.tgisinternal AND pg_catalog.pg_table_is_visible(g.tgrelid)",
    table_bytes: "SELECT pg_catalog.pg_total_relation_size(pg_catalog.to_regclass(pg_catalog.lower($1::text)))",
    age: |column| {
        format!(
            "(EXTRACT(EPOCH FROM (pg_catalog.now() AT TIME ZONE 'UTC') OPERATOR(pg_catalog.-) {column}::timestamp)::numeric \
             OPERATOR(pg_catalog.*) 1000::numeric)"
        )
    },
    rewrite: Rewrite { files: 70, log: 200 },
    triggers: &[
        "SELECT pg_catalog.upper(c.relname::text), pg_catalog.upper(t.tgname::text), pg_catalog.concat_ws(' ', \
         CASE WHEN (t.tgtype::int OPERATOR(pg_catalog.&) 4) OPERATOR(pg_catalog.>) 0 THEN 'INSERT' END, \
         CASE WHEN (t.tgtype::int OPERATOR(pg_catalog.&) 8) OPERATOR(pg_catalog.>) 0 THEN 'DELETE' END, \
         CASE WHEN (t.tgtype::int OPERATOR(pg_catalog.&) 16) OPERATOR(pg_catalog.>) 0 THEN 'UPDATE' END), \
         CASE WHEN t.tgenabled OPERATOR(pg_catalog.=) ANY ('{D,R}'::\"char\"[]) THEN 'is disabled' \
         WHEN t.tgqual IS NOT NULL THEN 'fires only on a condition' \
         WHEN t.tgattr::text OPERATOR(pg_catalog.<>) ''::text THEN 'fires for some columns only' ELSE '' END \
         FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) t.tgrelid \
         WHERE NOT t.tgisinternal AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1, 2",
    ],
    clock: "SELECT (EXTRACT(EPOCH FROM pg_catalog.clock_timestamp())::numeric OPERATOR(pg_catalog.*) 1000::numeric)::bigint",
    logs: "SELECT pg_catalog.concat('replication slot ', slot_name), 'nobody reads from it' \
           FROM pg_catalog.pg_replication_slots WHERE NOT active UNION ALL SELECT name, setting \
           FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'archive_mode'::text \
           AND setting OPERATOR(pg_catalog.<>) 'off'::text UNION ALL SELECT 'max_wal_size', \
           pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_wal_size'))::text",
    near: "SELECT n.nspname::text, c.relname::text, CASE WHEN c.relispartition THEN 'a partition' \
           WHEN c.relkind OPERATOR(pg_catalog.=) 'r'::\"char\" THEN 'a table' \
           WHEN c.relkind OPERATOR(pg_catalog.=) 'p'::\"char\" THEN 'a partitioned table' \
           WHEN c.relkind OPERATOR(pg_catalog.=) 'v'::\"char\" THEN 'a view' \
           WHEN c.relkind OPERATOR(pg_catalog.=) 'm'::\"char\" THEN 'a materialized view' ELSE 'a foreign table' END \
           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
           WHERE pg_catalog.lower(c.relname::text) OPERATOR(pg_catalog.=) pg_catalog.lower($1::text) \
           AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,m,f}'::\"char\"[]) ORDER BY 1, 2",
    log_table: "SELECT CASE WHEN c.relkind OPERATOR(pg_catalog.<>) 'r'::\"char\" THEN 'is no ordinary table' \
                WHEN c.relpersistence OPERATOR(pg_catalog.<>) 'p'::\"char\" THEN 'does not outlast a crash or the session' \
                WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite r WHERE r.ev_class OPERATOR(pg_catalog.=) c.oid) THEN 'has rules' \
                ELSE '' END FROM pg_catalog.pg_class c \
                WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(pg_catalog.lower($1::text))::oid",
    // Of a domain its type counts. Partitions are read by their table, and so are those that are elsewhere.
    text_columns: "WITH RECURSIVE kinds AS (SELECT t.oid AS kind, t.oid AS base FROM pg_catalog.pg_type t \
                   WHERE t.typtype OPERATOR(pg_catalog.<>) 'd'::\"char\" UNION ALL SELECT d.oid, k.base FROM pg_catalog.pg_type d \
                   JOIN kinds k ON k.kind OPERATOR(pg_catalog.=) d.typbasetype WHERE d.typtype OPERATOR(pg_catalog.=) 'd'::\"char\"), \
                   types AS (SELECT k.kind, t.typlen, t.typrelid, t.typelem, t.typcategory AS category, \
                   CASE WHEN t.typnamespace OPERATOR(pg_catalog.=) 'pg_catalog'::regnamespace::oid THEN t.typname::text \
                   ELSE ''::text END AS own FROM kinds k JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) k.base) \
                   SELECT f.schema, f.relation, f.col, f.how, f.holds FROM (SELECT \
                   CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN '' ELSE n.nspname::text END AS schema, \
                   c.relname::text AS relation, a.attname::text AS col, \
                   CASE WHEN NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
                   AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')) THEN 0 \
                   WHEN c.relkind OPERATOR(pg_catalog.=) 'f'::\"char\" THEN 2 ELSE 1 END::bigint AS how, \
                   CASE WHEN t.own OPERATOR(pg_catalog.=) 'bytea'::text THEN 'bytes' \
                   WHEN t.own OPERATOR(pg_catalog.=) ANY ('{json,jsonb,xml}'::text[]) THEN 'document' \
                   WHEN t.category OPERATOR(pg_catalog.=) 'S'::\"char\" THEN CASE WHEN t.typlen OPERATOR(pg_catalog.<>) 1 \
                   AND (t.own OPERATOR(pg_catalog.=) ''::text OR a.atttypmod OPERATOR(pg_catalog.<) 0 \
                   OR a.atttypmod OPERATOR(pg_catalog.>) 33) THEN 'text' END \
                   WHEN t.category OPERATOR(pg_catalog.=) 'A'::\"char\" THEN CASE \
                   WHEN e.own OPERATOR(pg_catalog.=) 'bytea'::text OR e.category OPERATOR(pg_catalog.=) ANY ('{A,C}'::\"char\"[]) \
                   THEN 'an array of bytes or of rows' WHEN (e.category OPERATOR(pg_catalog.=) 'S'::\"char\" \
                   AND e.typlen OPERATOR(pg_catalog.<>) 1) OR e.own OPERATOR(pg_catalog.=) ANY ('{json,jsonb,xml}'::text[]) \
                   OR (e.own OPERATOR(pg_catalog.=) ''::text \
                   AND e.category OPERATOR(pg_catalog.<>) ALL ('{N,B,D,T,I,G,V,E}'::\"char\"[])) THEN 'list' END \
                   WHEN t.category OPERATOR(pg_catalog.=) 'C'::\"char\" AND EXISTS (SELECT FROM pg_catalog.pg_attribute m \
                   JOIN types p ON p.kind OPERATOR(pg_catalog.=) m.atttypid WHERE m.attrelid OPERATOR(pg_catalog.=) t.typrelid \
                   AND m.attnum OPERATOR(pg_catalog.>) 0 AND NOT m.attisdropped AND (p.own OPERATOR(pg_catalog.=) 'bytea'::text \
                   OR p.category OPERATOR(pg_catalog.=) ANY ('{A,C}'::\"char\"[]))) THEN 'a row that holds bytes, arrays or rows' \
                   WHEN t.own OPERATOR(pg_catalog.=) ''::text \
                   AND t.category OPERATOR(pg_catalog.<>) ALL ('{N,B,D,T,I,G,V,E}'::\"char\"[]) THEN 'printed' END AS holds \
                   FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
                   JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid \
                   JOIN types t ON t.kind OPERATOR(pg_catalog.=) a.atttypid \
                   LEFT JOIN types e ON e.kind OPERATOR(pg_catalog.=) t.typelem \
                   WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,m,f}'::\"char\"[]) AND NOT c.relispartition \
                   AND n.nspname::text OPERATOR(pg_catalog.!~~) 'pg\\_%'::text \
                   AND n.nspname OPERATOR(pg_catalog.<>) 'information_schema'::name \
                   AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped \
                   UNION ALL SELECT '', 'pg_largeobject_metadata', 'oid', 1, 'objects' \
                   WHERE EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)) f WHERE f.holds IS NOT NULL ORDER BY 1, 2, 3",
    kept_copies: "SELECT pg_catalog.upper(c.relname::text), pg_catalog.concat('the rule ', r.rulename) \
                  FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) r.ev_class \
                  WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p}'::\"char\"[]) AND pg_catalog.pg_table_is_visible(c.oid) \
                  UNION ALL SELECT pg_catalog.upper(c.relname::text), pg_catalog.concat('the publication ', p.pubname) \
                  FROM pg_catalog.pg_publication_tables p \
                  JOIN pg_catalog.pg_class c ON c.relname OPERATOR(pg_catalog.=) p.tablename \
                  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
                  AND n.nspname OPERATOR(pg_catalog.=) p.schemaname \
                  WHERE pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1, 2",
    statement_logs: "SELECT name, setting FROM pg_catalog.pg_settings WHERE (name OPERATOR(pg_catalog.=) 'log_statement'::text \
                     AND setting OPERATOR(pg_catalog.=) ANY ('{mod,all}'::text[])) OR (name OPERATOR(pg_catalog.=) ANY \
                     ('{log_min_duration_statement,log_min_duration_sample,auto_explain.log_min_duration}'::text[]) \
                     AND setting OPERATOR(pg_catalog.<>) '-1'::text) \
                     OR (name OPERATOR(pg_catalog.=) 'log_parameter_max_length_on_error'::text \
                     AND setting OPERATOR(pg_catalog.<>) '0'::text) OR (name OPERATOR(pg_catalog.=) 'pgaudit.log'::text \
                     AND setting OPERATOR(pg_catalog.<>) ALL ('{\"\",none}'::text[])) ORDER BY 1",
    own_schema: questions::SCHEMA,
    scan: Scan {
        has_bytes: true,
        // By its bytes: a collation that takes different texts for equal finds nothing in any.
        in_text: "pg_catalog.strpos({column}::text COLLATE pg_catalog.\"C\", '{text}'::text) \
                  OPERATOR(pg_catalog.>) 0",
        in_bytes: "pg_catalog.\"position\"({column}, pg_catalog.convert_to('{text}'::text, 'UTF8'::name)) \
                   OPERATOR(pg_catalog.>) 0",
        text: "{column}::text",
        list: "pg_catalog.array_to_string({column}, pg_catalog.chr(10))",
        printed: "pg_catalog.replace(pg_catalog.replace({column}::text, '\\\"'::text, '\"'::text), '\"\"'::text, '\"'::text)",
        objects: "pg_catalog.lo_get({column})",
    },
    holdups: Some(Holdups {
        // A row that is waited for is waited for as its owner's transaction; one that is prepared has no session.
        waits: &["SELECT a.pid::bigint, pg_catalog.concat(a.wait_event_type, ' ', a.wait_event, \
                  CASE WHEN a.wait_event OPERATOR(pg_catalog.=) 'SyncRep'::text \
                  THEN pg_catalog.format(', an acknowledgement by synchronous_standby_names = ''%s''', \
                  pg_catalog.current_setting('synchronous_standby_names')) END), \
                  coalesce((SELECT pg_catalog.string_agg(CASE WHEN o.pid OPERATOR(pg_catalog.=) 0 THEN coalesce((SELECT \
                  pg_catalog.string_agg(pg_catalog.format('the prepared transaction ''%s'' of %s since %s', p.gid, p.owner, \
                  p.prepared), ', '::text) FROM pg_catalog.pg_prepared_xacts p \
                  WHERE p.database OPERATOR(pg_catalog.=) pg_catalog.current_database() \
                  AND (EXISTS (SELECT 1 FROM pg_catalog.pg_locks l WHERE l.pid OPERATOR(pg_catalog.=) a.pid AND NOT l.granted \
                  AND l.transactionid OPERATOR(pg_catalog.=) p.transaction) OR NOT EXISTS \
                  (SELECT 1 FROM pg_catalog.pg_locks l WHERE l.pid OPERATOR(pg_catalog.=) a.pid AND NOT l.granted \
                  AND l.transactionid IS NOT NULL))), 'a prepared transaction') \
                  ELSE pg_catalog.concat('session ', o.pid, (SELECT pg_catalog.format(' of %s, %s, %s', s.usename, \
                  CASE WHEN s.application_name OPERATOR(pg_catalog.<>) ''::text THEN s.application_name \
                  ELSE 'a program without a name' END, coalesce(s.state, '?')) \
                  FROM pg_catalog.pg_stat_activity s WHERE s.pid OPERATOR(pg_catalog.=) o.pid)) END, ', '::text) \
                  FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids(a.pid)) AS o(pid)), '') \
                  FROM pg_catalog.pg_stat_activity a \
                  WHERE a.application_name OPERATOR(pg_catalog.=) pg_catalog.current_setting('application_name') \
                  AND a.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid() AND a.state OPERATOR(pg_catalog.=) 'active'::text \
                  AND (a.wait_event_type OPERATOR(pg_catalog.=) 'Lock'::text OR a.wait_event OPERATOR(pg_catalog.=) 'SyncRep'::text) \
                  AND (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) a.state_change) \
                  OPERATOR(pg_catalog.>) interval '1 second' ORDER BY 1"],
        at_least: "",
        cancel: |session| format!("SELECT pg_catalog.pg_cancel_backend({session})"),
    }),
    own_words: "CURRENT_CATALOG CURRENT_DATE CURRENT_ROLE CURRENT_SCHEMA CURRENT_TIME CURRENT_TIMESTAMP \
                CURRENT_USER DEFAULT FALSE LOCALTIME LOCALTIMESTAMP NULL SESSION_USER SYSTEM_USER TRUE \
                USER",
    questions: &questions::QUESTIONS,
    // By its bytes: some collations know no LIKE.
    begins: |column, text| {
        format!("{column}::text COLLATE pg_catalog.\"C\" OPERATOR(pg_catalog.~~) '{text}%'")
    },
    is_read_only: session::IS_READ_ONLY,
    is_standby: session::IS_STANDBY,
    setup: session::setup,
    statements: statements::STATEMENTS,
    tokens: Tokens {
        put: statements::PUT_OBJECT,
        has: statements::HAS_OBJECT,
        take: statements::TAKE_OBJECT,
    },
    class: errors::class,
    code: |_, state| format!("SQLSTATE {state}"),
    remedy: errors::remedy,
    hides_rows: errors::hides_rows,
    // One that the server does not answer is noticed, and the sessions go by their name.
    driver: JdbcDriver {
        program: "ApplicationName",
        properties: &[("tcpKeepAlive", "true")],
        null_type: 0,
        utf8: "PostgreSQL JDBC Driver",
    },
    ..Dialect::PLAIN
};

/// What a parameter is cast to. Decimals are bound as text.
pub(crate) const fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer => "bigint",
        Kind::Decimal => "numeric",
        Kind::Bytes => "bytea",
        Kind::Text | Kind::Other => "text",
    }
}
