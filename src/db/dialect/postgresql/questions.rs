//! What only a server of PostgreSQL can answer.

use super::super::{Questions, Room};

/// The schema in which PostgreSQL finds the tables, whatever the session's path: one database may hold two
/// deployments, or the two databases of one.
macro_rules! schema {
    () => {
        "coalesce((SELECT n.nspname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n \
         ON n.oid OPERATOR(pg_catalog.=) c.relnamespace WHERE c.oid OPERATOR(pg_catalog.=) \
         coalesce(pg_catalog.to_regclass('idn_identity_user_data'), pg_catalog.to_regclass('reg_property'))::oid), \
         pg_catalog.current_schema()::text, '')"
    };
}

/// Asks for it.
pub(super) const SCHEMA: &str = concat!("SELECT ", schema!());

/// The second number of the lock, for that schema.
macro_rules! lock {
    () => {
        concat!(
            "('x'::text OPERATOR(pg_catalog.||) pg_catalog.substr(pg_catalog.md5('keyrotation.'::text \
             OPERATOR(pg_catalog.||) ",
            schema!(),
            "), 1, 8))::bit(32)::int4"
        )
    };
}

/// PostgreSQL. Advisory locks belong to the database, so the schema is in the lock's number.
pub(super) const QUESTIONS: Questions = Questions {
    claim: concat!("SELECT pg_catalog.pg_try_advisory_lock(1801812338, ", lock!(), ")"),
    release: concat!("SELECT pg_catalog.pg_advisory_unlock(1801812338, ", lock!(), ")"),
    is_ours: concat!(
        "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_locks WHERE locktype OPERATOR(pg_catalog.=) 'advisory'::text \
         AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND classid OPERATOR(pg_catalog.=) 1801812338::oid \
         AND objid::int8 OPERATOR(pg_catalog.=) ((",
        lock!(),
        ")::int8 OPERATOR(pg_catalog.&) 4294967295::int8) AND granted)"
    ),
    sessions: "SELECT pid::bigint, usename::text, \
               CASE WHEN application_name::text OPERATOR(pg_catalog.<>) ''::text THEN application_name::text \
               ELSE 'a program without a name' END, \
               coalesce(pg_catalog.host(client_addr), 'this machine or an address that is hidden'), \
               coalesce(state::text, 'idle') OPERATOR(pg_catalog.<>) 'idle'::text FROM pg_catalog.pg_stat_activity \
               WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database() AND usename IS NOT NULL \
               AND coalesce(backend_type::text, 'client backend') OPERATOR(pg_catalog.=) 'client backend'::text \
               AND application_name::text IS DISTINCT FROM pg_catalog.current_setting('application_name') ORDER BY pid",
    session: "SELECT pg_catalog.pg_backend_pid()::bigint",
    identity: concat!(
        "SELECT pg_catalog.format('database %s of the cluster that began at %s, oid %s, schema %s', datname, \
         pg_catalog.pg_postmaster_start_time(), oid, ",
        schema!(),
        ") FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()"
    ),
    lossy: "SELECT pg_catalog.format('%s = %s', name, setting) FROM pg_catalog.pg_settings \
            WHERE name OPERATOR(pg_catalog.=) ANY ('{synchronous_commit,fsync,full_page_writes}'::text[]) \
            AND setting OPERATOR(pg_catalog.=) 'off'::text ORDER BY name",
    is_blind: "SELECT false",
    room: Room {
        asks: &["SELECT least(pg_catalog.current_setting('max_connections')::bigint \
                 OPERATOR(pg_catalog.-) pg_catalog.current_setting('superuser_reserved_connections')::bigint \
                 OPERATOR(pg_catalog.-) (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity), \
                 CASE WHEN r.rolconnlimit OPERATOR(pg_catalog.>=) 0 THEN r.rolconnlimit::bigint OPERATOR(pg_catalog.-) \
                 (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a \
                 WHERE a.usename OPERATOR(pg_catalog.=) r.rolname) END) \
                 FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) current_user"],
        left: |answers| answers.first()?.first()?.first()?.as_int(),
    },
    limits: "SELECT name, setting FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'statement_timeout'::text",
    by_number: false,
    ..Questions::PLAIN
};
