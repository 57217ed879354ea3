//! What a session of PostgreSQL is told and asked at its beginning.

use crate::server::{Access, Server};

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
pub(super) const OWN_SCHEMA_FIRST: &str = "SELECT pg_catalog.set_config('search_path', pg_catalog.array_to_string(ARRAY( \
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
pub(super) const REFUSE_SHADOWS: &str = "DO $check$
DECLARE
    shadow pg_catalog.text;
BEGIN
    SELECT pg_catalog.format('%I.%s is of the role %s and may be called in the place of the server''s own: \
        drop it, and take CREATE on the schema from that role', n.nspname, o.name, r.rolname) INTO shadow
    FROM (
        SELECT p.proname AS name, p.pronamespace AS place, p.proowner AS role FROM pg_catalog.pg_proc p
        WHERE EXISTS (SELECT FROM pg_catalog.pg_proc b WHERE b.proname OPERATOR(pg_catalog.=) p.proname
            AND b.pronamespace OPERATOR(pg_catalog.=) 11::pg_catalog.oid)
            AND p.pronamespace OPERATOR(pg_catalog.<>) 11::pg_catalog.oid
        UNION ALL
        SELECT p.oprname, p.oprnamespace, p.oprowner FROM pg_catalog.pg_operator p
        WHERE EXISTS (SELECT FROM pg_catalog.pg_operator b WHERE b.oprname OPERATOR(pg_catalog.=) p.oprname
            AND b.oprnamespace OPERATOR(pg_catalog.=) 11::pg_catalog.oid)
            AND p.oprnamespace OPERATOR(pg_catalog.<>) 11::pg_catalog.oid
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
pub(super) const ANY_TEXT: &str = "SELECT pg_catalog.set_config('client_encoding', 'SQL_ASCII', false) \
     WHERE pg_catalog.current_setting('server_encoding') OPERATOR(pg_catalog.=) 'SQL_ASCII'";
const READ_ONLY: &str = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";
pub(super) const IS_READ_ONLY: &str = "SELECT pg_catalog.pg_is_in_recovery() \
     OR pg_catalog.current_setting('default_transaction_read_only')::pg_catalog.bool";
/// Likewise, in a session that is set to read only itself.
pub(super) const IS_STANDBY: &str = "SELECT pg_catalog.pg_is_in_recovery()";

/// The statements that prepare a session.
pub(super) fn setup(server: &Server, access: Access) -> Vec<String> {
    let mut setup: Vec<String> =
        [READ_COMMITTED, LOCK_TIMEOUT, WHOLE_TRUTH, ANY_TEXT].map(str::to_owned).into();
    if access == Access::ReadOnly {
        setup.push(READ_ONLY.to_owned());
    }
    if let Some(schema) = &server.schema {
        setup.push(format!("SELECT pg_catalog.set_config('search_path', '{}', false)", quoted(schema)));
    }
    // The check reads whole catalogues, which takes twice as long by the index alone.
    setup.extend([OWN_SCHEMA_FIRST, REFUSE_SHADOWS, BY_INDEX].map(str::to_owned));
    setup
}

/// A schema's name as an identifier within a text.
fn quoted(schema: &str) -> String {
    format!("\"{}\"", schema.replace('"', "\"\"")).replace('\'', "''")
}
