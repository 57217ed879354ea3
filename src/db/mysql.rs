//! The driver of MySQL and MariaDB: moves values, nothing else.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _};
use sqlx::mysql::{
    MySqlArguments, MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlRow, MySqlSslMode,
};
use sqlx::{
    Arguments as _, AssertSqlSafe, ConnectOptions as _, MySql, Row as _, Type, TypeInfo as _, ValueRef as _,
};

use super::guard::{Claim, MYSQL_QUESTIONS};
use super::own::Own;
use super::pool::{Lent, Native, Pool, Session};
use super::remote;
use super::server::{Host, Server, TlsMode};
use super::table::{ColumnInfo, Kind, Limit, TableInfo, Unit};
use super::{Access, Class, DbError, MYSQL, Record, Value};

/// A value that does not fit is refused, not cut, whatever the server's default is.
const STRICT: &str = "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')";
const READ_COMMITTED: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
const READ_ONLY: &str = "SET SESSION TRANSACTION READ ONLY";
/// What our own driver sees to by itself.
const UTC: &str = "SET SESSION time_zone = '+00:00'";
pub(super) const IS_READ_ONLY: &str = "SELECT @@global.read_only";
pub(super) const MAX_PACKET: &str = "SELECT @@max_allowed_packet";
pub(super) const ENGINE: &str = "SELECT ENGINE FROM information_schema.TABLES \
                      WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND ENGINE <> 'InnoDB'";
pub(super) const TRIGGERS: &str = "SELECT 1 FROM information_schema.TRIGGERS \
                        WHERE EVENT_OBJECT_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = ? LIMIT 1";

/// A MySQL or MariaDB database.
#[derive(Debug, Clone)]
pub struct MySqlDb {
    server: Arc<Server>,
    access: Access,
    pool: Arc<Pool<MySqlConnection>>,
    /// How many connections share the work.
    pub(super) connections: u32,
    /// The most bytes that a statement may have.
    pub(super) max_packet: usize,
    /// Who holds the database's advisory lock, if this process has it.
    pub(super) claim: Claim,
    own: Own,
}

impl MySqlDb {
    pub(super) async fn open(server: &Server, access: Access, connections: u32) -> Result<Self, DbError> {
        let own = Own::default();
        let mut session = Box::pin(reach(server, access, &own, None)).await?;
        let packet = session.fetch(MAX_PACKET, MySqlArguments::default()).await?;
        let max_packet = packet.first().and_then(|record| record.first()?.as_length()).unwrap_or(1 << 20);
        let room = session.fetch(MYSQL_QUESTIONS.room, MySqlArguments::default()).await?;
        let connections = remote::within_room(connections, &room);
        let session = session.limited(server.socket_timeout);
        let pool = Pool::new(session, connections, server.connect_timeout);
        let server = Arc::new(server.clone());
        Ok(Self { server, access, pool, connections, max_packet, claim: Claim::default(), own })
    }

    /// A session of its own, outside the pool. Its answers may take as long as a connection may.
    pub(super) async fn connect(&self) -> Result<Session<MySqlConnection>, DbError> {
        Box::pin(reach(&self.server, self.access, &self.own, Some(self.pool.host()))).await
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// Which of the server's sessions are this process's.
    pub(super) fn own(&self) -> &Own {
        &self.own
    }

    async fn lend(&self) -> Result<Lent<MySqlConnection>, DbError> {
        let new = async { Ok(self.connect().await?.limited(self.server.socket_timeout)) };
        self.pool.lend(new).await
    }

    pub(super) async fn read(&self, sql: &str, params: &[Value]) -> Result<Vec<Record>, DbError> {
        let values = bind(params)?;
        self.lend().await?.session()?.fetch(sql, values).await
    }

    pub(super) async fn script(&self, sql: &str) -> Result<(), DbError> {
        self.lend().await?.script(sql).await
    }

    pub(super) async fn begin(&self) -> Result<MySqlTransaction, DbError> {
        let mut lent = self.lend().await?;
        lent.session()?.begin().await?;
        Ok(MySqlTransaction { lent })
    }

    pub(super) async fn table(&self, name: &str) -> Result<Option<TableInfo>, DbError> {
        let name = [Value::Text(name.to_owned())];
        let columns = self.read(MYSQL.columns, &name).await?;
        if columns.is_empty() {
            return Ok(None);
        }
        let mut info = table_info(&columns, self.read(MYSQL.unique, &name).await?);
        info.has_triggers |= !self.read(TRIGGERS, &name).await?.is_empty();
        info.without_transactions = engine(&self.read(ENGINE, &name).await?);
        Ok(Some(info))
    }

    pub(super) async fn close(&self) {
        let claim = self.claim.lock().await.take();
        if let Some(claim) = claim {
            claim.close().await;
        }
        self.pool.close().await;
    }
}

/// A writing transaction.
#[derive(Debug)]
pub struct MySqlTransaction {
    lent: Lent<MySqlConnection>,
}

impl MySqlTransaction {
    pub(super) async fn run(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Record>, DbError> {
        self.lent.session()?.fetch(sql, bind(params)?).await
    }

    /// Runs a statement and returns how many rows the server says it affected.
    pub(super) async fn change(&mut self, sql: &str, values: MySqlArguments) -> Result<u64, DbError> {
        self.lent.session()?.change(sql, values).await
    }

    pub(super) async fn commit(self) -> Result<(), DbError> {
        self.lent.commit().await
    }

    pub(super) async fn rollback(self) -> Result<(), DbError> {
        self.lent.rollback().await
    }
}

/// A table, as the catalogue's answers have it.
pub(super) fn table_info(columns: &[Record], unique: Vec<Record>) -> TableInfo {
    let mut info = TableInfo { is_typed: true, ..TableInfo::default() };
    for record in columns {
        let [Value::Text(column), Value::Text(kind), length, flags @ ..] = record.as_slice() else {
            continue;
        };
        let [not_null, no_default, on_update, computed] = flags else { continue };
        let is = |flag: &Value| *flag == Value::Int(1);
        let kind = kind_of(kind);
        let unit = if kind == Kind::Bytes { Unit::Bytes } else { Unit::Characters };
        let column_info = ColumnInfo {
            kind,
            limit: length.as_length().map(|length| Limit { length, unit }),
            not_null: is(not_null),
            required: is(not_null) && is(no_default),
            on_update: is(on_update),
        };
        info.has_triggers |= is(computed);
        info.columns.insert(column.clone(), column_info);
    }
    info.unique = remote::unique_sets(unique);
    info
}

/// The storage engine that knows no transactions, if it is one.
pub(super) fn engine(answer: &[Record]) -> Option<String> {
    answer.first().and_then(|record| Some(record.first()?.as_text()?.to_owned()))
}

/// The statements that prepare a session of another driver.
pub(super) fn setup(access: Access) -> Vec<String> {
    let read_only = (access == Access::Look).then_some(READ_ONLY);
    [UTC, STRICT, READ_COMMITTED].into_iter().chain(read_only).map(str::to_owned).collect()
}

/// Connects to the first host that answers and, to change anything, takes writes; again, to that with which
/// the others are, if it does. Answers may take as long as a connection may.
async fn reach(
    server: &Server,
    access: Access,
    own: &Own,
    again: Option<usize>,
) -> Result<Session<MySqlConnection>, DbError> {
    let limit = Some(server.connect_timeout);
    let _opening = own.opening();
    let mut problems = remote::Problems::default();
    for (at, host) in server.hosts_from(again.unwrap_or(0)) {
        let options = options(server, host);
        let connecting = async { remote::connected(Box::pin(options.connect())).await.map_err(explain) };
        match remote::within(limit, connecting).await {
            Err(error) => problems.add(host, &error),
            Ok(connection) => {
                remote::set_up_sockets();
                let mut session = Session::new(connection, at, limit);
                prepare(&mut session, access, own).await?;
                if access == Access::Look || !is_read_only(&mut session).await? {
                    return Ok(session);
                }
                let text = "is set to read only, as replicas are: give the primary's host";
                // One that took writes before is about to do so again, or another one is.
                let class = if again.is_some() { Class::Lost } else { Class::Environment };
                problems.add(host, &DbError::new(class, text));
            }
        }
    }
    Err(problems.into_error())
}

async fn prepare(session: &mut Session<MySqlConnection>, access: Access, own: &Own) -> Result<(), DbError> {
    let answer = session.fetch(MYSQL_QUESTIONS.session, MySqlArguments::default()).await?;
    own.note(answer.first().and_then(|record| record.first()?.as_int()));
    session.script(STRICT).await?;
    session.script(READ_COMMITTED).await?;
    if access == Access::Look {
        session.script(READ_ONLY).await?;
    }
    Ok(())
}

async fn is_read_only(session: &mut Session<MySqlConnection>) -> Result<bool, DbError> {
    let records = session.fetch(IS_READ_ONLY, MySqlArguments::default()).await?;
    Ok(records.first().and_then(|record| record.first()?.as_int()).is_some_and(|flag| flag != 0))
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

    async fn fetch(&mut self, sql: &str, values: MySqlArguments) -> Result<Vec<Record>, DbError> {
        let query = sqlx::query_with(AssertSqlSafe(sql.to_owned()), values);
        let rows = query.fetch(self).map(|row| row.and_then(|row| record(&row)));
        rows.try_collect().await.map_err(explain)
    }

    async fn change(&mut self, sql: &str, values: MySqlArguments) -> Result<u64, DbError> {
        let query = sqlx::query_with(AssertSqlSafe(sql.to_owned()), values);
        query.execute(self).await.map(|done| done.rows_affected()).map_err(explain)
    }

    async fn script(&mut self, sql: &str) -> Result<(), DbError> {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(self).await.map(drop).map_err(explain)
    }
}

pub(super) fn bind<'a>(params: impl IntoIterator<Item = &'a Value>) -> Result<MySqlArguments, DbError> {
    let mut arguments = MySqlArguments::default();
    for param in params {
        match param {
            Value::Null => arguments.add(None::<&str>),
            Value::Int(number) => arguments.add(*number),
            Value::Real(number) => arguments.add(*number),
            Value::Text(text) => arguments.add(text.as_str()),
            Value::Bytes(bytes) | Value::NotText(bytes) => arguments.add(bytes.as_slice()),
        }
        .map_err(remote::not_encoded)?;
    }
    Ok(arguments)
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
    let sqlx::Error::Database(database) = &error else { return remote::explain(&error) };
    let number = database.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number);
    let class = class(number.into(), &database.code().unwrap_or_default());
    DbError::new(class, format!("{} (error {number})", remote::redact(database.message())))
}

/// What to do about an error, by its number and SQLSTATE.
pub(super) fn class(number: i64, state: &str) -> Class {
    match number {
        // lock wait timeout, deadlock, record changed, query interrupted, statement took too long
        1205 | 1213 | 1020 | 1317 | 1969 | 3024 => Class::Retry,
        // too many connections, shutting down, node not ready, connection killed, ended because it was idle
        1040 | 1203 | 1226 | 1053 | 1077 | 1047 | 1927 | 3169 | 4031 => Class::Lost,
        // NULL, duplicate, foreign key, too long, out of range, not in this character set, CHECK,
        // raised by a trigger, larger than a packet
        1048 | 1062 | 1451 | 1452 | 1406 | 1264 | 1265 | 1366 | 1292 | 3819 | 4025 | 1644 | 1153 | 1364 => {
            Class::Row
        }
        _ if state == "45000" => Class::Row,
        _ => Class::Environment,
    }
}
