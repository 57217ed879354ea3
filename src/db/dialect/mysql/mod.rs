//! MySQL and MariaDB.

mod catalogue;
mod errors;
mod questions;
pub(crate) mod session;
pub(crate) mod statements;

use super::parts::{JdbcDriver, LOCK_ROWS, Tokens};
use super::{Dialect, Holdups, Paging, Rewrite, Scan, Write};
use crate::server::Kind as ServerKind;
use crate::table::Kind;

/// MySQL 5.7 and later, and MariaDB 10.3 and later, with InnoDB.
pub const MYSQL: Dialect = Dialect {
    name: "MySQL and MariaDB",
    kind: Some(ServerKind::MySql),
    max_parameters: 65_535,
    // Compared with a text, a decimal would become a floating-point number; and a cast cuts what has more digits.
    compared: |mark, column| match column.strip_prefix("decimal") {
        Some(size) => format!("CAST({mark} AS DECIMAL{})", widest_decimal(size)),
        None => mark,
    },
    key_column: |name, kind| match kind {
        Kind::Decimal => format!("CAST({name} AS CHAR)"),
        _ => name.to_owned(),
    },
    portable: |column| format!("CAST({column} AS CHAR)"),
    // Six digits; bytes.
    inexact: &[
        "float",
        "bit",
        "vector",
        "geometry",
        "point",
        "linestring",
        "polygon",
        "multipoint",
        "multilinestring",
        "multipolygon",
        "geometrycollection",
        "geomcollection",
    ],
    log_age: |column| format!("(TIMESTAMPDIFF(MICROSECOND, {column}, CURRENT_TIMESTAMP(6)) DIV 1000)"),
    paging: Paging::Ways,
    write: Write::LockFirst,
    ignores_case: true,
    // Compared with a text that is no number, a number would be compared with zero.
    is_true: |column| format!("CAST({column} AS CHAR) IN ('1', 'true', 'Y')"),
    begin: "BEGIN",
    catalogue: Some(catalogue::CATALOGUE),
    tables: "SELECT UPPER(TABLE_NAME) FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE' ORDER BY 1",
    objects: "SELECT UPPER(TABLE_NAME) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
              UNION SELECT UPPER(TRIGGER_NAME) FROM information_schema.TRIGGERS \
              WHERE TRIGGER_SCHEMA = DATABASE()",
    table_bytes: "SELECT DATA_LENGTH + INDEX_LENGTH FROM information_schema.TABLES \
                  WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?",
    // Sessions of this program are at +00:00.
    age: |column| format!("(TIMESTAMPDIFF(SECOND, {column}, UTC_TIMESTAMP()) * 1000)"),
    rewrite: Rewrite { files: 25, log: 140 },
    triggers: &["SELECT UPPER(EVENT_OBJECT_TABLE), UPPER(TRIGGER_NAME), EVENT_MANIPULATION, '' \
                 FROM information_schema.TRIGGERS \
                 WHERE EVENT_OBJECT_SCHEMA = DATABASE() ORDER BY 1, 2"],
    clock: "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)",
    // The second is MySQL 8's, the third MariaDB's and older MySQL's; so it is with the last three.
    logs: "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_expire_logs_seconds', 'expire_logs_days', \
           'innodb_redo_log_capacity', 'innodb_log_file_size', 'innodb_log_files_in_group')",
    near: "SELECT TABLE_SCHEMA, TABLE_NAME, CASE TABLE_TYPE WHEN 'VIEW' THEN 'a view' ELSE 'a table' END \
           FROM information_schema.TABLES WHERE LOWER(TABLE_NAME) = LOWER(?) ORDER BY 1, 2",
    log_table: "SELECT CASE WHEN t.TABLE_TYPE <> 'BASE TABLE' THEN CONCAT('is a ', LOWER(t.TABLE_TYPE)) \
                WHEN COALESCE(e.TRANSACTIONS, 'NO') <> 'YES' \
                THEN CONCAT('is kept by ', COALESCE(t.ENGINE, 'nothing'), ', which knows no transactions') ELSE '' END \
                FROM information_schema.TABLES AS t LEFT JOIN information_schema.ENGINES AS e ON e.ENGINE = t.ENGINE \
                WHERE t.TABLE_SCHEMA = DATABASE() AND UPPER(t.TABLE_NAME) = ?",
    // Of what has a length, only bytes have no character set. A FEDERATED table and its like stand elsewhere.
    text_columns: "SELECT IF(c.TABLE_SCHEMA = DATABASE(), '', c.TABLE_SCHEMA), c.TABLE_NAME, c.COLUMN_NAME, \
                   CASE WHEN t.TABLE_TYPE = 'SYSTEM VERSIONED' THEN 3 WHEN t.ENGINE IN ('FEDERATED', 'CONNECT', 'SPIDER') THEN 2 \
                   ELSE 1 END, CASE WHEN c.DATA_TYPE = 'json' THEN 'document' WHEN c.CHARACTER_SET_NAME IS NULL THEN 'bytes' \
                   ELSE 'text' END FROM information_schema.COLUMNS AS c \
                   JOIN information_schema.TABLES AS t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME \
                   WHERE c.TABLE_SCHEMA NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys') \
                   AND t.TABLE_TYPE NOT IN ('VIEW', 'SYSTEM VIEW') AND c.DATA_TYPE NOT IN ('enum', 'set') \
                   AND (c.DATA_TYPE = 'json' OR c.CHARACTER_MAXIMUM_LENGTH >= 30) ORDER BY 1, 2, 3",
    kept_copies: "SELECT UPPER(TABLE_NAME), 'system-versioned history' FROM information_schema.TABLES \
                  WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'SYSTEM VERSIONED' ORDER BY 1",
    statement_logs: "SHOW GLOBAL VARIABLES WHERE Variable_name IN \
                     ('general_log', 'slow_query_log', 'server_audit_logging', 'audit_log_policy') \
                     AND Value NOT IN ('OFF', '0', 'NONE')",
    own_schema: "SELECT DATABASE()",
    scan: Scan {
        has_bytes: true,
        in_text: "LOCATE('{text}', {column}) > 0",
        in_bytes: "LOCATE('{text}', {column}) > 0",
        // A cast of MariaDB's is NULL where the value is longer than max_allowed_packet.
        text: "CONVERT({column} USING utf8mb4)",
        ..Scan::PLAIN
    },
    holdups: Some(Holdups {
        // The second is MySQL 8's, and the last, since its other list fails while anybody sends bytes. A transaction
        // that is prepared has no session.
        waits: &[
            "SELECT r.trx_mysql_thread_id, 'a row lock', \
             CASE WHEN b.trx_mysql_thread_id = 0 THEN 'a prepared transaction (XA RECOVER names it)' \
             ELSE CONCAT('session ', b.trx_mysql_thread_id, COALESCE(CONCAT(' of ', p.USER, ', ', p.COMMAND), '')) END \
             FROM information_schema.INNODB_LOCK_WAITS w \
             JOIN information_schema.INNODB_TRX r ON r.trx_id = w.requesting_trx_id \
             JOIN information_schema.INNODB_TRX b ON b.trx_id = w.blocking_trx_id \
             LEFT JOIN information_schema.PROCESSLIST p ON p.ID = b.trx_mysql_thread_id",
            "SELECT r.PROCESSLIST_ID, 'a row lock', CASE WHEN b.THREAD_ID IS NULL \
             THEN 'a prepared transaction (XA RECOVER names it)' \
             ELSE CONCAT('session ', b.PROCESSLIST_ID, ' of ', b.PROCESSLIST_USER, ', ', b.PROCESSLIST_COMMAND) END \
             FROM performance_schema.data_lock_waits w \
             JOIN performance_schema.threads r ON r.THREAD_ID = w.REQUESTING_THREAD_ID \
             LEFT JOIN performance_schema.threads b ON b.THREAD_ID = w.BLOCKING_THREAD_ID",
            "SELECT ID, STATE, '' FROM information_schema.PROCESSLIST \
             WHERE TIME >= 2 AND (STATE LIKE 'Waiting for semi-sync%' OR STATE LIKE 'Waiting for table%' \
             OR STATE LIKE 'Waiting for global%' OR STATE LIKE '%backup lock%')",
            "SELECT ID, STATE, '' FROM performance_schema.processlist \
             WHERE TIME >= 2 AND (STATE LIKE 'Waiting for semi-sync%' OR STATE LIKE 'Waiting for table%' \
             OR STATE LIKE 'Waiting for global%' OR STATE LIKE '%backup lock%')",
        ],
        at_least: "SELECT trx_mysql_thread_id, 'a row lock', \
                   'a session that this user may not see (SELECT on performance_schema names it)' \
                   FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'",
        cancel: |session| format!("KILL QUERY {session}"),
    }),
    own_words: "CURRENT_DATE CURRENT_ROLE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER DEFAULT FALSE \
                LOCALTIME LOCALTIMESTAMP NULL ROWNUM SYSDATE TRUE UTC_DATE UTC_TIME UTC_TIMESTAMP",
    questions: &questions::QUESTIONS,
    quote: '`',
    // Newer ones of MariaDB have names for its values.
    is_read_only: IS_READ_ONLY,
    is_standby: IS_READ_ONLY,
    // Of a Galera node; MariaDB says of every other server, too, that it is not ready.
    readiness: Some(["SHOW GLOBAL VARIABLES LIKE 'wsrep_on'", "SHOW GLOBAL STATUS LIKE 'wsrep_ready'"]),
    max_packet: "SELECT @@max_allowed_packet",
    setup: session::setup,
    statements: statements::STATEMENTS,
    tokens: Tokens { put: statements::PUT_ROW, ..LOCK_ROWS },
    class: errors::class,
    remedy: errors::remedy,
    driver: JdbcDriver {
        program: "",
        properties: &[("allowMultiQueries", "true")],
        null_type: 0,
        utf8: "MariaDB Connector/J", // MySQL's gives them as they stand in the column
    },
    ..Dialect::PLAIN
};

// Newer ones of MariaDB have names for its values.
const IS_READ_ONLY: &str =
    "SELECT CAST(@@global.read_only AS CHAR) NOT IN ('0', 'OFF') OR @@global.innodb_read_only";

/// The decimal that holds every value of a column of this size, such as `(50,0)`, with as many digits behind the point as
/// are left then: MySQL has 65 digits, 30 of them behind the point.
fn widest_decimal(size: &str) -> String {
    let mut digits = size.trim_matches(['(', ')']).split(',').map(|number| number.trim().parse::<u32>().ok());
    let (digits, scale) = (digits.next().flatten().unwrap_or(35), digits.next().flatten().unwrap_or(0));
    let whole = digits.saturating_sub(scale);
    format!("(65, {})", 65_u32.saturating_sub(whole).min(30))
}
