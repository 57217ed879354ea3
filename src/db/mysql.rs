//! The driver of MySQL and MariaDB: moves values, nothing else.

mod login;

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use sqlx::mysql::{
    MySqlArguments, MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlRow, MySqlSslMode,
};
use sqlx::{AssertSqlSafe, ConnectOptions as _, MySql, Row as _, Type, TypeInfo as _, ValueRef as _};

use super::guard::{MYSQL_QUESTIONS, Room};
use super::native::{NativeDb, NativeTransaction};
use super::own_sessions::{Greeting, OwnSessions};
use super::pool::{Native, Session};
use super::server::{Host, Kind as ServerKind, Server, TlsMode};
use super::table::{ColumnInfo, Kind, Limit, Shape, TableInfo, Unit};
use super::{Access, Class, DbError, MYSQL, Record, Value};
use super::{remedy, remote};

/// What makes a server tell the whole truth and take what it is given, whatever its defaults, the user's or
/// those of `init_connect` are: answers are not cut short and show the present, checks are made, a value that
/// does not fit is refused and not cut, and what another database holds (zero dates, a zero in a column that
/// counts by itself) is taken as it is. What is written without a transaction is committed at once, and a commit
/// ends neither the session nor begins the next transaction. `max_join_size` comes before `sql_big_selects`, since it
/// resets it.
const WHOLE_TRUTH: &[&str] = &[
    "SET SESSION autocommit = 1, SESSION completion_type = 0",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'",
    "SET SESSION sql_select_limit = 18446744073709551615, SESSION max_join_size = 18446744073709551615",
    "SET SESSION sql_big_selects = 1, SESSION sql_safe_updates = 0, SESSION sql_auto_is_null = 0",
    "SET SESSION foreign_key_checks = 1, SESSION unique_checks = 1 \
     /*M!100300 , SESSION check_constraint_checks = 1, SESSION system_versioning_asof = DEFAULT */",
];
const READ_COMMITTED: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
/// Sizes as they are, not as they were within the last day.
const FRESH_SIZES: &str = "SET SESSION information_schema_stats_expiry = 0";
const READ_ONLY: &str = "SET SESSION TRANSACTION READ ONLY";
/// What our own driver sees to by itself.
const UTC: &str = "SET SESSION time_zone = '+00:00'";
// Newer ones of MariaDB have names for its values.
pub(super) const IS_READ_ONLY: &str =
    "SELECT CAST(@@global.read_only AS CHAR) NOT IN ('0', 'OFF') OR @@global.innodb_read_only";
/// Of a Galera node; MariaDB says of every other server, too, that it is not ready.
const READINESS: [&str; 2] =
    ["SHOW GLOBAL VARIABLES LIKE 'wsrep_on'", "SHOW GLOBAL STATUS LIKE 'wsrep_ready'"];
pub(super) const MAX_PACKET: &str = "SELECT @@max_allowed_packet";
pub(super) const ENGINE: &str = "SELECT ENGINE FROM information_schema.TABLES \
                      WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND ENGINE <> 'InnoDB'";
pub(super) const TRIGGERS: &str = "SELECT 1 FROM information_schema.TRIGGERS \
                        WHERE EVENT_OBJECT_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = ? LIMIT 1";

/// How often a user is made known to a server that has forgotten it.
const LOGINS: usize = 3;

/// A MySQL or MariaDB database.
pub(super) type MySqlDb = NativeDb<MySqlConnection>;

impl MySqlDb {
    pub(super) async fn table(&self, name: &str) -> Result<Option<TableInfo>, DbError> {
        let name = [Value::Text(name.to_owned())];
        let Some([columns, unique]) = self.catalogue(&MYSQL, &name).await? else { return Ok(None) };
        let mut info = table_info(&columns, unique);
        info.has_triggers |= !self.read(TRIGGERS, &name).await?.is_empty();
        info.without_transactions = engine(&self.read(ENGINE, &name).await?);
        Ok(Some(info))
    }
}

/// A writing transaction.
pub(super) type MySqlTransaction = NativeTransaction<MySqlConnection>;

/// A table, as the catalogue's answers have it.
pub(super) fn table_info(columns: &[Record], unique: Vec<Record>) -> TableInfo {
    let mut info = TableInfo { is_typed: true, ..TableInfo::default() };
    for record in columns {
        let [Value::Text(column), Value::Text(name), length, flags @ ..] = record.as_slice() else {
            continue;
        };
        let [not_null, no_default, on_update, computed, size @ ..] = flags else { continue };
        let is = |flag: &Value| *flag == Value::Int(1);
        let kind = kind_of(name);
        let unit = if kind == Kind::Bytes { Unit::Bytes } else { Unit::Characters };
        let column_info = ColumnInfo {
            kind,
            limit: length.as_length().map(|length| Limit { length, unit }),
            not_null: is(not_null),
            required: is(not_null) && is(no_default),
            on_update: is(on_update),
            computed: is(computed),
        };
        let shape = shape(name, size);
        let sized = shape.digits.zip(shape.scale).filter(|_| kind == Kind::Decimal);
        let named = sized.map_or_else(|| name.clone(), |(digits, scale)| format!("{name}({digits},{scale})"));
        info.types.insert(column.clone(), named);
        info.shapes.insert(column.clone(), shape);
        info.has_triggers |= is(computed);
        info.columns.insert(column.clone(), column_info);
    }
    info.unique = remote::unique_sets(unique);
    info
}

/// What a column takes, by its type and what the catalogue says of its size.
fn shape(name: &str, size: &[Value]) -> Shape {
    let number =
        |at: usize| size.get(at).and_then(Value::as_length).and_then(|number| i64::try_from(number).ok());
    let text = |at: usize| size.get(at).and_then(Value::as_text).map(str::to_owned);
    let full = text(3).unwrap_or_default();
    let bits = match name {
        "tinyint" => Some(8),
        "smallint" => Some(16),
        "mediumint" => Some(24),
        "int" => Some(32),
        "bigint" => Some(64),
        _ => None,
    };
    let is_decimal = name == "decimal";
    Shape {
        bits,
        digits: number(0).filter(|_| is_decimal),
        scale: number(1).filter(|_| is_decimal).or(number(2)),
        unsigned: full.contains("unsigned"),
        charset: text(4),
        // The names that it may hold are its type.
        name: if matches!(name, "enum" | "set") { full } else { name.to_owned() },
    }
}

/// The storage engine that knows no transactions, if it is one.
pub(super) fn engine(answer: &[Record]) -> Option<String> {
    answer.first().and_then(|record| Some(record.first()?.as_text()?.to_owned()))
}

/// The statements that prepare a session of another driver.
pub(super) fn setup(access: Access) -> Vec<String> {
    let read_only = (access == Access::ReadOnly).then_some(READ_ONLY);
    let all = [UTC, READ_COMMITTED].into_iter().chain(WHOLE_TRUTH.iter().copied()).chain(read_only);
    all.map(str::to_owned).collect()
}

fn options(server: &Server, host: &Host) -> MySqlConnectOptions {
    let mode = match server.tls.mode {
        TlsMode::Disabled => MySqlSslMode::Disabled,
        TlsMode::Preferred => MySqlSslMode::Preferred,
        TlsMode::Required => MySqlSslMode::Required,
        TlsMode::VerifyCa => MySqlSslMode::VerifyCa,
        TlsMode::VerifyFull => MySqlSslMode::VerifyIdentity,
    };
    let mut options = MySqlConnectOptions::new()
        .host(&host.name)
        .port(host.port)
        .database(&server.database)
        .username(&server.user)
        .ssl_mode(mode)
        .charset("utf8mb4")
        .statement_cache_capacity(remote::STATEMENTS)
        .disable_statement_logging();
    if !server.password.is_empty() {
        options = options.password(&server.password); // an empty one is not the same as none
    }
    if let Some(authorities) = &server.tls.authorities {
        options = options.ssl_ca(authorities);
    }
    if let Some((certificate, key)) = &server.tls.client {
        options = options.ssl_client_cert(certificate).ssl_client_key(key);
    }
    options
}

impl Native for MySqlConnection {
    type Values = MySqlArguments;

    const ROOM: &'static Room = &MYSQL_QUESTIONS.room;
    const IS_READ_ONLY: &str = IS_READ_ONLY;
    const IS_STANDBY: &str = IS_READ_ONLY;
    const READINESS: Option<[&str; 2]> = Some(READINESS);
    const READ_ONLY: &str = "is set to read only, as replicas are: give the primary's host; where it was set for a switch-over, \
         let it take writes until its entries are acknowledged (`SET GLOBAL read_only = 0`), and lock the server's user instead";
    const MAX_PACKET: &str = MAX_PACKET;

    // Here the session's limit is for rows alone, which nobody who reads waits for.
    fn how_to_begin(_: Option<Duration>) -> String {
        "BEGIN".to_owned()
    }

    fn is_login_refused(error: &DbError) -> bool {
        error.to_string().contains("(error 1045)")
    }

    async fn reach(server: &Server, host: &Host) -> Result<Self, DbError> {
        let options = options(server, host);
        // Between its login and ours the server may forget the user again.
        for _ in 0..LOGINS {
            match options.connect().await {
                Err(error) if wants_rsa(&error) => login::log_in(server, host).await?,
                connected => return connected.map_err(explain),
            }
        }
        options.connect().await.map_err(explain)
    }

    async fn prepare(
        session: &mut Session<Self>,
        server: &Server,
        access: Access,
        own: &OwnSessions,
    ) -> Result<(), DbError> {
        let mut greeting = Greeting::new(&MYSQL_QUESTIONS);
        let mut answer = session.fetch(&greeting.sql, MySqlArguments::default()).await;
        if answer.as_ref().is_err_and(|error| error.class == Class::Environment) {
            greeting = Greeting::unmarked(&MYSQL_QUESTIONS); // a cluster that forbids such locks
            answer = session.fetch(&greeting.sql, MySqlArguments::default()).await;
        }
        own.note(&answer?, greeting.mark);
        let _ = session.script(FRESH_SIZES).await; // MySQL 8's and later; no other has it
        for setting in WHOLE_TRUTH {
            session.script(setting).await?;
        }
        session.script(READ_COMMITTED).await?;
        if let Some(wait) = server.lock_wait {
            let seconds = wait.as_secs().max(1); // MySQL knows no less
            session.script(&format!("SET SESSION innodb_lock_wait_timeout = {seconds}")).await?;
        }
        if access == Access::ReadOnly {
            session.script(READ_ONLY).await?;
        }
        Ok(())
    }

    fn bind<'a>(params: impl IntoIterator<Item = &'a Value>) -> Result<MySqlArguments, DbError> {
        remote::bind::<MySql>(params)
    }

    async fn fetch(&mut self, sql: &str, values: MySqlArguments) -> Result<Vec<Record>, DbError> {
        let sql = AssertSqlSafe(sql.to_owned());
        let rows = if is_dml(&sql.0) {
            sqlx::query_with(sql, values).fetch(self)
        } else {
            sqlx::raw_sql(sql).fetch(self)
        };
        rows.map(|row| row.and_then(|row| record(&row))).try_collect().await.map_err(explain)
    }

    async fn each(&mut self, sql: &str, found: &mut (dyn FnMut(Record) + Send)) -> Result<(), DbError> {
        let mut rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch(self);
        while let Some(row) = rows.try_next().await.map_err(explain)? {
            found(record(&row).map_err(explain)?);
        }
        Ok(())
    }

    async fn change(&mut self, sql: &str, values: MySqlArguments) -> Result<u64, DbError> {
        let query = sqlx::query_with(AssertSqlSafe(sql.to_owned()), values);
        query.execute(self).await.map(|done| done.rows_affected()).map_err(explain)
    }

    async fn script(&mut self, sql: &str) -> Result<(), DbError> {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(self).await.map(drop).map_err(explain)
    }
}

/// Whether a statement is plain DML. Nothing else is prepared: what a server can prepare beside it differs from
/// version to version.
fn is_dml(sql: &str) -> bool {
    let first = sql.split_whitespace().next().unwrap_or_default();
    ["SELECT", "INSERT", "UPDATE", "DELETE"].contains(&first)
}

/// Whether sqlx would need what only [`login`] does.
fn wants_rsa(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Configuration(cause) if cause.to_string().contains("RSA auth backend disabled"))
}

fn record(row: &MySqlRow) -> Result<Record, sqlx::Error> {
    (0..row.len())
        .map(|column| {
            let raw = row.try_get_raw(column)?;
            if raw.is_null() {
                return Ok(Value::Null);
            }
            Ok(match raw.type_info().name() {
                "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => {
                    Value::Int(row.try_get_unchecked(column)?)
                }
                kind if kind.ends_with("INT UNSIGNED") => {
                    let number: u64 = row.try_get_unchecked(column)?;
                    i64::try_from(number).map_or_else(|_| Value::Text(number.to_string()), Value::Int)
                }
                "FLOAT" => Value::Real(row.try_get_unchecked::<f32, _>(column)?.into()),
                "DOUBLE" => Value::Real(row.try_get_unchecked(column)?),
                // Not by its name: a text with a binary collation (`utf8mb4_bin`) is called VARBINARY.
                kind if kind == "DECIMAL" || <str as Type<MySql>>::compatible(&raw.type_info()) => {
                    remote::text(row.try_get_unchecked::<&[u8], _>(column)?)
                }
                _ => Value::Bytes(row.try_get_unchecked(column)?),
            })
        })
        .collect()
}

fn kind_of(name: &str) -> Kind {
    match name {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => Kind::Integer,
        "decimal" => Kind::Decimal,
        "varchar" | "char" | "tinytext" | "text" | "mediumtext" | "longtext" => Kind::Text,
        "varbinary" | "binary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Kind::Bytes,
        _ => Kind::Other,
    }
}

#[allow(clippy::needless_pass_by_value)] // as `map_err` wants it
pub(super) fn explain(error: sqlx::Error) -> DbError {
    let sqlx::Error::Database(database) = &error else { return explain_unsaid(&error) };
    let number = database.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number);
    refusal(number, &database.code().unwrap_or_default(), database.message())
}

/// What the server has refused.
fn refusal(number: u16, state: &str, message: &str) -> DbError {
    let class = class(number.into(), state);
    let text = format!("{} (error {number})", remote::redact(message));
    DbError::new(class, text).with_remedy(remedy::of_login(ServerKind::MySql, number.into(), state, message))
}

/// An error that no server sent. A way to log in that sqlx does not know is none that comes back.
fn explain_unsaid(error: &sqlx::Error) -> DbError {
    let explained = remote::explain(error);
    if matches!(error, sqlx::Error::Protocol(text) if text.contains("authentication plugin")) {
        let remedy = "let a DBA change how the user logs in, to caching_sha2_password or mysql_native_password, or write \
                      `driver: jdbc`";
        return DbError::new(Class::Environment, explained.to_string()).with_remedy(Some(remedy));
    }
    explained
}

/// What to do about an error, by its number and SQLSTATE.
pub(super) fn class(number: i64, state: &str) -> Class {
    match number {
        // lock wait timeout, deadlock, record changed, query interrupted, statement took too long
        // the list of sessions has a statement with bytes in it that are no text
        // a replication group did not take a transaction: it was too large or its member leaves, another was first
        // a transaction has no room in the binary log's cache (max_binlog_cache_size)
        1205 | 1213 | 1020 | 1317 | 1969 | 3024 | 3854 | 3100 | 3101 | 1197 => Class::Retry,
        // too many connections, shutting down, node not ready, nothing is known of a commit, connection
        // killed, ended because it was idle
        1040 | 1203 | 1226 | 1053 | 1077 | 1047 | 1180 | 1927 | 3169 | 4031
        // read only, which is a failover or a switch-over: as an option, in InnoDB; offline; TLS asked for meanwhile
        | 1290 | 1836 | 3032 | 3159 => Class::Lost,
        // NULL, duplicate, foreign key, too long, out of range, not in this character set, CHECK,
        // raised by a trigger, larger than a packet
        1048 | 1062 | 1451 | 1452 | 1406 | 1264 | 1265 | 1366 | 1292 | 3819 | 4025 | 1644 | 1153 | 1364 => {
            Class::Row
        }
        _ if state == "45000" => Class::Row,
        _ => Class::Environment,
    }
}
