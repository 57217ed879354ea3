//! The PostgreSQL driver: moves values, nothing else.

use std::borrow::Cow;

use futures_util::{StreamExt as _, TryStreamExt as _};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgDatabaseError, PgRow, PgSslMode};
use sqlx::{
    Arguments as _, AssertSqlSafe, ConnectOptions as _, Postgres, Row as _, TypeInfo as _, ValueRef as _,
};

use super::dialect::{Dialect, POSTGRES};
use super::driver::{self, Taker, hand_on};
use super::error::DbError;
use super::native::{NativeDb, NativeTransaction};
use super::own_sessions::OwnSessions;
use super::pool::{Native, Session};
use super::remote;
use super::server::{Access, Host, Server, TlsMode};
use super::table::Kind;
use super::value::{Record, Value};

/// A PostgreSQL database.
pub(super) type PostgresDb = NativeDb<PgConnection>;

/// A writing transaction.
pub(super) type PostgresTransaction = NativeTransaction<PgConnection>;

fn options(server: &Server, host: &Host) -> PgConnectOptions {
    let mode = match server.tls.mode {
        TlsMode::Disabled => PgSslMode::Disable,
        TlsMode::Preferred => PgSslMode::Prefer,
        TlsMode::Required => PgSslMode::Require,
        TlsMode::VerifyCa => PgSslMode::VerifyCa,
        TlsMode::VerifyFull => PgSslMode::VerifyFull,
    };
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(&host.name)
        .port(host.port)
        .database(&server.database)
        .username(&server.user)
        .ssl_mode(mode)
        .application_name(remote::application())
        .statement_cache_capacity(remote::STATEMENTS)
        .disable_statement_logging();
    if !server.password.is_empty() {
        options = options.password(&server.password); // an empty one is not the same as none
    }
    if let Some(authorities) = &server.tls.authorities {
        options = options.ssl_root_cert(authorities);
    }
    if let Some((certificate, key)) = &server.tls.client {
        options = options.ssl_client_cert(certificate).ssl_client_key(key);
    }
    options
}

impl Native for PgConnection {
    type Values = PgArguments;

    const DIALECT: &'static Dialect = &POSTGRES;
    const READ_ONLY: &str = "is a replica, or set to read only: give the primary's host";

    fn is_login_refused(_: &DbError) -> bool {
        false
    }

    async fn reach(server: &Server, host: &Host) -> Result<Self, DbError> {
        options(server, host).connect().await.map_err(explain)
    }

    async fn prepare(
        session: &mut Session<Self>,
        server: &Server,
        access: Access,
        _: &OwnSessions,
    ) -> Result<(), DbError> {
        session.script(&(POSTGRES.setup)(server, access).join("; ")).await
    }

    fn bind<'a>(params: impl IntoIterator<Item = &'a Value>) -> Result<PgArguments, DbError> {
        remote::bind::<Postgres>(params)
    }

    fn bind_arrays(arrays: &[(Kind, Vec<&Value>)]) -> Result<PgArguments, DbError> {
        let mut arguments = PgArguments::default();
        for (kind, values) in arrays {
            match kind {
                Kind::Integer => arguments.add(values.iter().map(|value| number(value)).collect::<Vec<_>>()),
                Kind::Bytes => arguments.add(values.iter().map(|value| value.as_bytes()).collect::<Vec<_>>()),
                Kind::Decimal => arguments.add(values.iter().map(|value| decimal(value)).collect::<Vec<_>>()),
                Kind::Text | Kind::Other => {
                    arguments.add(values.iter().map(|value| value.as_text()).collect::<Vec<_>>())
                }
            }
            .map_err(remote::not_encoded)?;
        }
        Ok(arguments)
    }

    async fn fetch(&mut self, sql: &str, values: PgArguments) -> Result<Vec<Record>, DbError> {
        let query = sqlx::query_with(AssertSqlSafe(sql.to_owned()), values);
        let rows = query.fetch(self).map(|row| row.and_then(|row| record(&row)));
        rows.try_collect().await.map_err(explain)
    }

    async fn each(&mut self, sql: &str, found: Taker<'_>) -> Result<(), DbError> {
        let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch(self);
        hand_on(rows.map(|row| row.and_then(|row| record(&row))), explain, found).await
    }

    async fn change(&mut self, sql: &str, values: PgArguments) -> Result<u64, DbError> {
        let query = sqlx::query_with(AssertSqlSafe(sql.to_owned()), values);
        query.execute(self).await.map(|done| done.rows_affected()).map_err(explain)
    }

    async fn script(&mut self, sql: &str) -> Result<(), DbError> {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(self).await.map(drop).map_err(explain)
    }
}

/// An integer, which another table may have as a decimal.
fn number(value: &Value) -> Option<i64> {
    value.as_int().or_else(|| value.as_text()?.parse().ok())
}

/// A decimal, which another table may have as an integer.
fn decimal(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Int(number) => Some(number.to_string().into()),
        value => value.as_text().map(Cow::from),
    }
}

fn record(row: &PgRow) -> Result<Record, sqlx::Error> {
    driver::record(row.len(), |column| value(row, column))
}

fn value(row: &PgRow, column: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(column)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    Ok(match raw.type_info().name() {
        "BOOL" => Value::Int(row.try_get::<bool, _>(column)?.into()),
        "INT2" => Value::Int(row.try_get::<i16, _>(column)?.into()),
        "INT4" => Value::Int(row.try_get::<i32, _>(column)?.into()),
        "INT8" => Value::Int(row.try_get(column)?),
        "FLOAT4" => Value::Real(row.try_get::<f32, _>(column)?.into()),
        "FLOAT8" => Value::Real(row.try_get(column)?),
        "BYTEA" => Value::Bytes(row.try_get(column)?),
        "TEXT" | "VARCHAR" | "CHAR" | "NAME" => remote::text(raw.as_bytes().map_err(sqlx::Error::Decode)?),
        // As the server sends it: nothing of ours is in such a column.
        _ => Value::Bytes(raw.as_bytes().map_err(sqlx::Error::Decode)?.to_vec()),
    })
}

#[allow(clippy::needless_pass_by_value)] // as `map_err` wants it
fn explain(error: sqlx::Error) -> DbError {
    let sqlx::Error::Database(database) = &error else { return remote::explain(&error) };
    let state = database.code().unwrap_or_default().into_owned();
    let class = (POSTGRES.class)(0, &state);
    // A prepared statement that is there twice, or not there: it was made in another session.
    let hint = match state.as_str() {
        "26000" | "42P05" => {
            "; a connection pooler in transaction mode does that: give the server's own host and port"
        }
        _ => "",
    };
    let routine = database.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::routine);
    let text = format!("{} (SQLSTATE {state}){hint}", remote::redact(database.message()));
    let error = DbError::new(class, text).with_remedy((POSTGRES.remedy)(0, &state, database.message()));
    if (POSTGRES.hides_rows)(&state, routine, database.message()) { error.hiding_rows() } else { error }
}
