//! The driver of MySQL and MariaDB: moves values, nothing else.

mod login;
mod refused;

use futures_util::{StreamExt as _, TryStreamExt as _};
use sqlx::mysql::{
    MySqlArguments, MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlRow, MySqlSslMode,
};
use sqlx::{AssertSqlSafe, ConnectOptions as _, MySql, Row as _, Type, TypeInfo as _, ValueRef as _};

use super::dialect::mysql::session::{FRESH_SIZES, READ_COMMITTED, READ_ONLY, WHOLE_TRUTH};
use super::dialect::{Dialect, MYSQL};
use super::driver::{self, Taker, hand_on};
use super::error::{Class, DbError};
use super::native::{NativeDb, NativeTransaction};
use super::own_sessions::{Greeting, OwnSessions};
use super::pool::{Native, Session};
use super::remote;
use super::server::{Access, Host, Server, TlsMode};
use super::value::{Record, Value};

/// How often a user is made known to a server that has forgotten it.
const LOGINS: usize = 3;

/// A MySQL or MariaDB database.
pub(super) type MySqlDb = NativeDb<MySqlConnection>;

/// A writing transaction.
pub(super) type MySqlTransaction = NativeTransaction<MySqlConnection>;

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

    const DIALECT: &'static Dialect = &MYSQL;
    const READ_ONLY: &str = "is read only, as replicas are: give the primary's host; if it was made read \
                             only for a switch-over, allow writes until its entries are acknowledged (`SET \
                             GLOBAL read_only = 0`), and lock the server's user instead";

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
        let mut greeting = Greeting::new(MYSQL.questions);
        let mut answer = session.fetch(&greeting.sql, MySqlArguments::default()).await;
        if answer.as_ref().is_err_and(|error| error.class == Class::Environment) {
            greeting = Greeting::unmarked(MYSQL.questions); // a cluster that forbids such locks
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

    async fn each(&mut self, sql: &str, found: Taker<'_>) -> Result<(), DbError> {
        let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch(self);
        hand_on(rows.map(|row| row.and_then(|row| record(&row))), explain, found).await
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
    driver::record(row.len(), |column| value(row, column))
}

fn value(row: &MySqlRow, column: usize) -> Result<Value, sqlx::Error> {
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
}

#[allow(clippy::needless_pass_by_value)] // as `map_err` wants it
fn explain(error: sqlx::Error) -> DbError {
    let sqlx::Error::Database(database) = &error else { return explain_unsaid(&error) };
    let number = database.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number);
    refused::refusal(number, &database.code().unwrap_or_default(), database.message())
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
