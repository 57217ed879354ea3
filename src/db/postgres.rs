//! The PostgreSQL driver: moves values, nothing else.

use std::borrow::Cow;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgDatabaseError, PgRow, PgSslMode};
use sqlx::{
    Arguments as _, AssertSqlSafe, ConnectOptions as _, Postgres, Row as _, TypeInfo as _, ValueRef as _,
};

use super::guard::{POSTGRES_QUESTIONS, Room};
use super::native::{NativeDb, NativeTransaction};
use super::own_sessions::OwnSessions;
use super::pool::{Native, Session};
use super::server::{Host, Kind as ServerKind, Server, TlsMode};
use super::table::{ColumnInfo, Kind, Limit, Shape, TableInfo, Unit};
use super::{Access, Class, DbError, POSTGRES, Record, Value};
use super::{remedy, remote};

/// How long a statement waits for a row that somebody else has locked, before it is tried again.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '30s'";
const READ_COMMITTED: &str = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED";
/// Rows are looked up by their keys, of which a statement names hundreds: always by the index. The
/// planner, which cannot know how many there are, would now and then read the whole table.
/// To such a planner, what cannot be done by an index costs so much that the server would compile each
/// statement of that kind first, which takes half a second; those of the catalogue, too: so without JIT.
const BY_INDEX: &str =
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off";
/// What makes a server tell the whole truth or refuse, whatever the role's or the database's settings are: a
/// row security policy that would hide rows from this user makes the query fail, NULL is equal to nothing, and
/// the text of a value is one that both databases read alike and without loss.
const WHOLE_TRUTH: &str = "SET row_security = off; SET transform_null_equals = off; SET DateStyle = 'ISO, MDY'; \
     SET IntervalStyle = 'postgres'; SET extra_float_digits = 1; SET bytea_output = 'hex'; SET xmloption = 'content'; \
     SET array_nulls = on; SET backslash_quote = 'safe_encoding'; SET standard_conforming_strings = on";
/// What the path of a role or a database puts before PostgreSQL's own schema would be called first even where both
/// fit alike: left out of the path, that schema comes before all others.
const OWN_SCHEMA_FIRST: &str = "SELECT pg_catalog.set_config('search_path', pg_catalog.array_to_string(ARRAY( \
     SELECT pg_catalog.quote_ident(s::pg_catalog.text) FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) AS s \
     WHERE s OPERATOR(pg_catalog.<>) 'pg_catalog'::pg_catalog.name), ', '), false) \
     WHERE 'pg_catalog'::pg_catalog.name OPERATOR(pg_catalog.=) ANY (pg_catalog.current_schemas(false))";
/// PostgreSQL calls what fits the types best, wherever it stands in the path: a role that may create functions or
/// operators in the schema could have its own called, as this user, in the place of PostgreSQL's. So a session is
/// refused where a role has made such ones that owns neither the schema nor the database, and is no superuser. That it
/// owns a table there is nothing: whoever may make functions may make one, too, by any name that is free. Nor is it
/// anything to own a schema of this user's name: whoever may make schemas may make that one, and it comes first in the path.
/// What such a role makes in mid-session is not called either: in all statements of this program functions and operators
/// are named with their schema, or take exactly the types of PostgreSQL's own (`tests/statements.rs`).
const REFUSE_SHADOWS: &str = "DO $check$
DECLARE
    shadow pg_catalog.text;
BEGIN
    SELECT pg_catalog.format('%I.%s is of the role %s and may be called in the place of the server''s own: \
        drop it, and take CREATE on the schema from that role', n.nspname, o.name, r.rolname) INTO shadow
    FROM (
        SELECT p.proname AS name, p.pronamespace AS place, p.proowner AS role FROM pg_catalog.pg_proc p
        WHERE EXISTS (SELECT FROM pg_catalog.pg_proc b WHERE b.proname OPERATOR(pg_catalog.=) p.proname
            AND b.pronamespace OPERATOR(pg_catalog.=) 11::pg_catalog.oid)
        UNION ALL
        SELECT p.oprname, p.oprnamespace, p.oprowner FROM pg_catalog.pg_operator p
        WHERE EXISTS (SELECT FROM pg_catalog.pg_operator b WHERE b.oprname OPERATOR(pg_catalog.=) p.oprname
            AND b.oprnamespace OPERATOR(pg_catalog.=) 11::pg_catalog.oid)
    ) AS o
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) o.place
    JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) o.role
    WHERE n.nspname OPERATOR(pg_catalog.=) ANY (pg_catalog.current_schemas(false))
        AND n.nspname OPERATOR(pg_catalog.<>) 'pg_catalog'::pg_catalog.name
        AND NOT r.rolsuper
        AND r.rolname OPERATOR(pg_catalog.<>) current_user
        AND (o.role OPERATOR(pg_catalog.<>) n.nspowner OR n.nspname OPERATOR(pg_catalog.=) current_user)
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_database d WHERE d.datdba OPERATOR(pg_catalog.=) o.role
            AND d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
    LIMIT 1;
    IF shadow IS NOT NULL THEN
        RAISE EXCEPTION USING MESSAGE = shadow, ERRCODE = '42P17';
    END IF;
END $check$";
/// A database without an encoding holds texts of any: asked for UTF-8, it would refuse the whole answer for one of them.
const ANY_TEXT: &str = "SELECT pg_catalog.set_config('client_encoding', 'SQL_ASCII', false) \
     WHERE pg_catalog.current_setting('server_encoding') OPERATOR(pg_catalog.=) 'SQL_ASCII'";
const READ_ONLY: &str = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";
pub(super) const IS_REPLICA: &str = "SELECT pg_catalog.pg_is_in_recovery() \
     OR pg_catalog.current_setting('default_transaction_read_only')::pg_catalog.bool";
/// Likewise, in a session that is set to read only itself.
pub(super) const IS_STANDBY: &str = "SELECT pg_catalog.pg_is_in_recovery()";

/// What a session is told and asked at its beginning: what it is for, and the statement.
pub const SESSION: &[(&str, &str, &str)] = &[
    ("PostgreSQL", "its own schema first", OWN_SCHEMA_FIRST),
    ("PostgreSQL", "nobody shadows it", REFUSE_SHADOWS),
    ("PostgreSQL", "texts of any encoding", ANY_TEXT),
    ("PostgreSQL", "does it take writes", IS_REPLICA),
    ("PostgreSQL", "does it replay", IS_STANDBY),
];

/// A PostgreSQL database.
pub(super) type PostgresDb = NativeDb<PgConnection>;

impl PostgresDb {
    pub(super) async fn read_arrays(
        &self,
        sql: &str,
        arrays: &[(Kind, Vec<&Value>)],
    ) -> Result<Vec<Record>, DbError> {
        let values = bind_arrays(arrays)?;
        self.lend().await?.session()?.fetch(sql, values).await
    }

    pub(super) async fn table(&self, name: &str) -> Result<Option<TableInfo>, DbError> {
        let answers = self.catalogue(&POSTGRES, &[Value::Text(name.to_owned())]).await?;
        Ok(answers.map(|[columns, unique]| table_info(&columns, unique)))
    }
}

/// A writing transaction.
pub(super) type PostgresTransaction = NativeTransaction<PgConnection>;

impl PostgresTransaction {
    pub(super) async fn run_arrays(
        &mut self,
        sql: &str,
        arrays: &[(Kind, Vec<&Value>)],
    ) -> Result<Vec<Record>, DbError> {
        self.lent.session()?.fetch(sql, bind_arrays(arrays)?).await
    }
}

/// A table, as the catalogue's answers have it.
pub(super) fn table_info(columns: &[Record], unique: Vec<Record>) -> TableInfo {
    let mut info = TableInfo { is_typed: true, ..TableInfo::default() };
    for record in columns {
        let [Value::Text(column), Value::Text(kind), length, not_null, computed, modifier] =
            record.as_slice()
        else {
            continue;
        };
        let limit = length.as_length().map(|length| Limit { length, unit: Unit::Characters });
        let not_null = *not_null == Value::Int(1);
        let computed = *computed == Value::Int(1);
        let kind_of_it = kind_of(kind);
        let column_info = ColumnInfo { kind: kind_of_it, limit, not_null, computed, ..ColumnInfo::default() };
        info.types.insert(column.clone(), kind.clone());
        info.shapes.insert(column.clone(), shape(kind, modifier.as_int().unwrap_or(-1)));
        info.columns.insert(column.clone(), column_info);
    }
    info.unique = remote::unique_sets(unique);
    info
}

/// What a column takes, by its type and what modifies that.
fn shape(kind: &str, modifier: i64) -> Shape {
    let mut shape = Shape { name: kind.to_owned(), ..Shape::default() };
    let given = (modifier >= 0).then_some(modifier);
    match kind {
        "int2" => shape.bits = Some(16),
        "int4" => shape.bits = Some(32),
        "int8" => shape.bits = Some(64),
        "numeric" => {
            // Eleven bits with a sign.
            let scale = |modifier: i64| (((modifier - 4) & 0x7ff) ^ 1024) - 1024;
            shape.digits = given.map(|modifier| ((modifier - 4) >> 16) & 0xffff);
            shape.scale = given.map(scale);
        }
        "timestamp" | "timestamptz" | "time" | "timetz" => shape.scale = Some(given.unwrap_or(6)),
        "bpchar" => shape.scale = given.map(|modifier| modifier - 4), // it is no text of ours
        "varchar" | "text" | "bytea" => {}                            // their lengths are limits
        _ => shape.scale = given,
    }
    shape
}

/// The statements that prepare a session.
pub(super) fn setup(server: &Server, access: Access) -> Vec<String> {
    let mut setup: Vec<String> =
        [READ_COMMITTED, LOCK_TIMEOUT, BY_INDEX, WHOLE_TRUTH, ANY_TEXT].map(str::to_owned).into();
    if access == Access::ReadOnly {
        setup.push(READ_ONLY.to_owned());
    }
    if let Some(schema) = &server.schema {
        setup.push(format!("SELECT pg_catalog.set_config('search_path', '{}', false)", quoted(schema)));
    }
    setup.extend([OWN_SCHEMA_FIRST, REFUSE_SHADOWS].map(str::to_owned));
    setup
}

/// A schema's name as an identifier within a text.
fn quoted(schema: &str) -> String {
    format!("\"{}\"", schema.replace('"', "\"\"")).replace('\'', "''")
}

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

    const ROOM: &'static Room = &POSTGRES_QUESTIONS.room;
    const IS_READ_ONLY: &str = IS_REPLICA;
    const IS_STANDBY: &str = IS_STANDBY;
    const READINESS: Option<[&str; 2]> = None;
    const READ_ONLY: &str = "is a replica, or set to read only: give the primary's host";
    const MAX_PACKET: &str = "";

    // Whoever reads, or asks the catalogue, waits as long as ever: a table may be locked for a moment.
    fn how_to_begin(lock_wait: Option<Duration>) -> String {
        match lock_wait {
            Some(wait) => format!("BEGIN; SET LOCAL lock_timeout = '{}ms'", wait.as_millis()),
            None => "BEGIN".to_owned(),
        }
    }

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
        session.script(&setup(server, access).join("; ")).await
    }

    fn bind<'a>(params: impl IntoIterator<Item = &'a Value>) -> Result<PgArguments, DbError> {
        remote::bind::<Postgres>(params)
    }

    async fn fetch(&mut self, sql: &str, values: PgArguments) -> Result<Vec<Record>, DbError> {
        let query = sqlx::query_with(AssertSqlSafe(sql.to_owned()), values);
        let rows = query.fetch(self).map(|row| row.and_then(|row| record(&row)));
        rows.try_collect().await.map_err(explain)
    }

    async fn each(&mut self, sql: &str, found: &mut (dyn FnMut(Record) + Send)) -> Result<(), DbError> {
        let mut rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch(self);
        while let Some(row) = rows.try_next().await.map_err(explain)? {
            found(record(&row).map_err(explain)?);
        }
        Ok(())
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

/// Binds one array for each column.
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

fn record(row: &PgRow) -> Result<Record, sqlx::Error> {
    (0..row.len())
        .map(|column| {
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
                "TEXT" | "VARCHAR" | "CHAR" | "NAME" => {
                    remote::text(raw.as_bytes().map_err(sqlx::Error::Decode)?)
                }
                // As the server sends it: nothing of ours is in such a column.
                _ => Value::Bytes(raw.as_bytes().map_err(sqlx::Error::Decode)?.to_vec()),
            })
        })
        .collect()
}

fn kind_of(name: &str) -> Kind {
    match name {
        "int2" | "int4" | "int8" => Kind::Integer,
        "numeric" => Kind::Decimal,
        "varchar" | "text" => Kind::Text,
        "bytea" => Kind::Bytes,
        _ => Kind::Other,
    }
}

/// Whether a query was refused since a policy would have hidden rows from it. The server's words may be in any
/// language; only what raised the error is always called the same.
pub(super) fn hides_rows(state: &str, routine: Option<&str>, message: &str) -> bool {
    state == "42501" && (routine == Some("check_enable_rls") || message.contains("row-level security"))
}

/// What to do about an error, by its SQLSTATE.
pub(super) fn class(state: &str) -> Class {
    match state {
        // serialization failure, deadlock, lock not available, statement canceled
        "40001" | "40P01" | "55P03" | "57014" => Class::Retry,
        // shutting down, crashed, starting up, database dropped, too many connections; ended because it
        // was idle, in a transaction or not, or because its transaction took too long
        "57P01" | "57P02" | "57P03" | "57P04" | "53300" | "57P05" | "25P03" | "25P04" => Class::Lost,
        // CHECK OPTION, raised by a trigger
        "44000" | "P0001" => Class::Row,
        state => match state.get(..2) {
            Some("08") => Class::Lost,
            // data, integrity constraint, triggered data change, program limit
            Some("22" | "23" | "27" | "54") => Class::Row,
            _ => Class::Environment,
        },
    }
}

#[allow(clippy::needless_pass_by_value)] // as `map_err` wants it
pub(super) fn explain(error: sqlx::Error) -> DbError {
    let sqlx::Error::Database(database) = &error else { return remote::explain(&error) };
    let state = database.code().unwrap_or_default().into_owned();
    let class = class(&state);
    // A prepared statement that is there twice, or not there: it was made in another session.
    let hint = match state.as_str() {
        "26000" | "42P05" => {
            "; a connection pooler in transaction mode does that: give the server's own host and port"
        }
        _ => "",
    };
    let routine = database.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::routine);
    let text = format!("{} (SQLSTATE {state}){hint}", remote::redact(database.message()));
    let error = DbError::new(class, text).with_remedy(remedy::of_login(
        ServerKind::Postgres,
        0,
        &state,
        database.message(),
    ));
    if hides_rows(&state, routine, database.message()) { error.hiding_rows() } else { error }
}
