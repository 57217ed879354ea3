-- Removes the change log that oldPostgreSQL.sql, or the script of the Java tool, has installed.
--
-- Guide, step 4: run it in the COPY, which has inherited the change log, before the rotation. At the very end,
-- when nobody needs the old database's changes any more, run it in the old database, too. As the owner:
--
--   psql -v ON_ERROR_STOP=1 -f newPostgreSQL.sql "dbname=identity_copy"
--
-- Triggers go before their tables, so that a running server is not disturbed. It may be run again. Tables that
-- are not there are left out. A table that is busy for more than five seconds is an error: run it again.

-- table: IDN_IDENTITY_USER_DATA
BEGIN;
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = warning;
DO $section$
DECLARE
    source regclass := pg_catalog.to_regclass('IDN_IDENTITY_USER_DATA');
    place text := coalesce((SELECT c.relnamespace::pg_catalog.regnamespace::text FROM pg_catalog.pg_class c
        WHERE c.oid OPERATOR(pg_catalog.=) source::pg_catalog.oid), pg_catalog.quote_ident(pg_catalog.current_schema()));
    functions regprocedure[];
    entry regprocedure;
BEGIN
    -- From here on nothing that another role has made is called.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    functions := ARRAY(
        SELECT tgfoid FROM pg_trigger WHERE tgrelid = source AND starts_with(tgname, 'totp_sync_')
        UNION SELECT to_regprocedure(place || '.totp_sync_log()'));
    IF source IS NOT NULL THEN
        EXECUTE format($sql$
            DROP TRIGGER IF EXISTS totp_sync_insert ON %1$s;
            DROP TRIGGER IF EXISTS totp_sync_update ON %1$s;
            DROP TRIGGER IF EXISTS totp_sync_delete ON %1$s;
        $sql$, source);
    END IF;
    FOREACH entry IN ARRAY array_remove(functions, NULL) LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %s', entry);
    END LOOP;
    EXECUTE format('DROP TABLE IF EXISTS %s.IDN_IDENTITY_USER_DATA_TEMP', place);
END $section$;
COMMIT;

-- table: IDN_OAUTH2_AUTHORIZATION_CODE
BEGIN;
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = warning;
DO $section$
DECLARE
    source regclass := pg_catalog.to_regclass('IDN_OAUTH2_AUTHORIZATION_CODE');
    place text := coalesce((SELECT c.relnamespace::pg_catalog.regnamespace::text FROM pg_catalog.pg_class c
        WHERE c.oid OPERATOR(pg_catalog.=) source::pg_catalog.oid), pg_catalog.quote_ident(pg_catalog.current_schema()));
    functions regprocedure[];
    entry regprocedure;
BEGIN
    -- From here on nothing that another role has made is called.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    functions := ARRAY(
        SELECT tgfoid FROM pg_trigger WHERE tgrelid = source AND starts_with(tgname, 'oauth2_code_sync_')
        UNION SELECT to_regprocedure(place || '.oauth2_code_sync_log()'));
    IF source IS NOT NULL THEN
        EXECUTE format($sql$
            DROP TRIGGER IF EXISTS oauth2_code_sync_insert ON %1$s;
            DROP TRIGGER IF EXISTS oauth2_code_sync_update ON %1$s;
            DROP TRIGGER IF EXISTS oauth2_code_sync_delete ON %1$s;
        $sql$, source);
    END IF;
    FOREACH entry IN ARRAY array_remove(functions, NULL) LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %s', entry);
    END LOOP;
    EXECUTE format('DROP TABLE IF EXISTS %s.IDN_OAUTH2_AUTHORIZATION_CODE_TEMP', place);
END $section$;
COMMIT;

-- table: IDN_OAUTH2_ACCESS_TOKEN
BEGIN;
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = warning;
DO $section$
DECLARE
    source regclass := pg_catalog.to_regclass('IDN_OAUTH2_ACCESS_TOKEN');
    place text := coalesce((SELECT c.relnamespace::pg_catalog.regnamespace::text FROM pg_catalog.pg_class c
        WHERE c.oid OPERATOR(pg_catalog.=) source::pg_catalog.oid), pg_catalog.quote_ident(pg_catalog.current_schema()));
    functions regprocedure[];
    entry regprocedure;
BEGIN
    -- From here on nothing that another role has made is called.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    functions := ARRAY(
        SELECT tgfoid FROM pg_trigger WHERE tgrelid = source AND starts_with(tgname, 'token_sync_')
        UNION SELECT to_regprocedure(place || '.token_sync_log()'));
    IF source IS NOT NULL THEN
        EXECUTE format($sql$
            DROP TRIGGER IF EXISTS token_sync_insert ON %1$s;
            DROP TRIGGER IF EXISTS token_sync_update ON %1$s;
            DROP TRIGGER IF EXISTS token_sync_delete ON %1$s;
        $sql$, source);
    END IF;
    FOREACH entry IN ARRAY array_remove(functions, NULL) LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %s', entry);
    END LOOP;
    EXECUTE format('DROP TABLE IF EXISTS %s.IDN_OAUTH2_ACCESS_TOKEN_TEMP', place);
END $section$;
COMMIT;

-- table: IDN_OAUTH2_AUTHZ_CODE_SCOPE
BEGIN;
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = warning;
DO $section$
DECLARE
    source regclass := pg_catalog.to_regclass('IDN_OAUTH2_AUTHZ_CODE_SCOPE');
    place text := coalesce((SELECT c.relnamespace::pg_catalog.regnamespace::text FROM pg_catalog.pg_class c
        WHERE c.oid OPERATOR(pg_catalog.=) source::pg_catalog.oid), pg_catalog.quote_ident(pg_catalog.current_schema()));
    functions regprocedure[];
    entry regprocedure;
BEGIN
    -- From here on nothing that another role has made is called.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    functions := ARRAY(
        SELECT tgfoid FROM pg_trigger WHERE tgrelid = source AND starts_with(tgname, 'code_scope_sync_')
        UNION SELECT to_regprocedure(place || '.code_scope_sync_log()'));
    IF source IS NOT NULL THEN
        EXECUTE format($sql$
            DROP TRIGGER IF EXISTS code_scope_sync_insert ON %1$s;
            DROP TRIGGER IF EXISTS code_scope_sync_update ON %1$s;
            DROP TRIGGER IF EXISTS code_scope_sync_delete ON %1$s;
        $sql$, source);
    END IF;
    FOREACH entry IN ARRAY array_remove(functions, NULL) LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %s', entry);
    END LOOP;
    EXECUTE format('DROP TABLE IF EXISTS %s.IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP', place);
END $section$;
COMMIT;

-- table: IDN_OAUTH2_ACCESS_TOKEN_SCOPE
BEGIN;
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = warning;
DO $section$
DECLARE
    source regclass := pg_catalog.to_regclass('IDN_OAUTH2_ACCESS_TOKEN_SCOPE');
    place text := coalesce((SELECT c.relnamespace::pg_catalog.regnamespace::text FROM pg_catalog.pg_class c
        WHERE c.oid OPERATOR(pg_catalog.=) source::pg_catalog.oid), pg_catalog.quote_ident(pg_catalog.current_schema()));
    functions regprocedure[];
    entry regprocedure;
BEGIN
    -- From here on nothing that another role has made is called.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    functions := ARRAY(
        SELECT tgfoid FROM pg_trigger WHERE tgrelid = source AND starts_with(tgname, 'scope_sync_')
        UNION SELECT to_regprocedure(place || '.scope_sync_log()'));
    IF source IS NOT NULL THEN
        EXECUTE format($sql$
            DROP TRIGGER IF EXISTS scope_sync_insert ON %1$s;
            DROP TRIGGER IF EXISTS scope_sync_update ON %1$s;
            DROP TRIGGER IF EXISTS scope_sync_delete ON %1$s;
        $sql$, source);
    END IF;
    FOREACH entry IN ARRAY array_remove(functions, NULL) LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %s', entry);
    END LOOP;
    EXECUTE format('DROP TABLE IF EXISTS %s.IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP', place);
END $section$;
COMMIT;

-- table: IDN_OAUTH2_TOKEN_BINDING
BEGIN;
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = warning;
DO $section$
DECLARE
    source regclass := pg_catalog.to_regclass('IDN_OAUTH2_TOKEN_BINDING');
    place text := coalesce((SELECT c.relnamespace::pg_catalog.regnamespace::text FROM pg_catalog.pg_class c
        WHERE c.oid OPERATOR(pg_catalog.=) source::pg_catalog.oid), pg_catalog.quote_ident(pg_catalog.current_schema()));
    functions regprocedure[];
    entry regprocedure;
BEGIN
    -- From here on nothing that another role has made is called.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    functions := ARRAY(
        SELECT tgfoid FROM pg_trigger WHERE tgrelid = source AND starts_with(tgname, 'token_binding_sync_')
        UNION SELECT to_regprocedure(place || '.token_binding_sync_log()'));
    IF source IS NOT NULL THEN
        EXECUTE format($sql$
            DROP TRIGGER IF EXISTS token_binding_sync_insert ON %1$s;
            DROP TRIGGER IF EXISTS token_binding_sync_update ON %1$s;
            DROP TRIGGER IF EXISTS token_binding_sync_delete ON %1$s;
        $sql$, source);
    END IF;
    FOREACH entry IN ARRAY array_remove(functions, NULL) LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %s', entry);
    END LOOP;
    EXECUTE format('DROP TABLE IF EXISTS %s.IDN_OAUTH2_TOKEN_BINDING_TEMP', place);
END $section$;
COMMIT;

-- table: IDN_OAUTH2_REFRESH_TOKEN
BEGIN;
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = warning;
DO $section$
DECLARE
    source regclass := pg_catalog.to_regclass('IDN_OAUTH2_REFRESH_TOKEN');
    place text := coalesce((SELECT c.relnamespace::pg_catalog.regnamespace::text FROM pg_catalog.pg_class c
        WHERE c.oid OPERATOR(pg_catalog.=) source::pg_catalog.oid), pg_catalog.quote_ident(pg_catalog.current_schema()));
    functions regprocedure[];
    entry regprocedure;
BEGIN
    -- From here on nothing that another role has made is called.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    functions := ARRAY(
        SELECT tgfoid FROM pg_trigger WHERE tgrelid = source AND starts_with(tgname, 'refresh_token_sync_')
        UNION SELECT to_regprocedure(place || '.refresh_token_sync_log()'));
    IF source IS NOT NULL THEN
        EXECUTE format($sql$
            DROP TRIGGER IF EXISTS refresh_token_sync_insert ON %1$s;
            DROP TRIGGER IF EXISTS refresh_token_sync_update ON %1$s;
            DROP TRIGGER IF EXISTS refresh_token_sync_delete ON %1$s;
        $sql$, source);
    END IF;
    FOREACH entry IN ARRAY array_remove(functions, NULL) LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %s', entry);
    END LOOP;
    EXECUTE format('DROP TABLE IF EXISTS %s.IDN_OAUTH2_REFRESH_TOKEN_TEMP', place);
END $section$;
COMMIT;

-- table: IDN_OAUTH2_REFRESH_TOKEN_SCOPE
BEGIN;
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = warning;
DO $section$
DECLARE
    source regclass := pg_catalog.to_regclass('IDN_OAUTH2_REFRESH_TOKEN_SCOPE');
    place text := coalesce((SELECT c.relnamespace::pg_catalog.regnamespace::text FROM pg_catalog.pg_class c
        WHERE c.oid OPERATOR(pg_catalog.=) source::pg_catalog.oid), pg_catalog.quote_ident(pg_catalog.current_schema()));
    functions regprocedure[];
    entry regprocedure;
BEGIN
    -- From here on nothing that another role has made is called.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    functions := ARRAY(
        SELECT tgfoid FROM pg_trigger WHERE tgrelid = source AND starts_with(tgname, 'refresh_scope_sync_')
        UNION SELECT to_regprocedure(place || '.refresh_scope_sync_log()'));
    IF source IS NOT NULL THEN
        EXECUTE format($sql$
            DROP TRIGGER IF EXISTS refresh_scope_sync_insert ON %1$s;
            DROP TRIGGER IF EXISTS refresh_scope_sync_update ON %1$s;
            DROP TRIGGER IF EXISTS refresh_scope_sync_delete ON %1$s;
        $sql$, source);
    END IF;
    FOREACH entry IN ARRAY array_remove(functions, NULL) LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %s', entry);
    END LOOP;
    EXECUTE format('DROP TABLE IF EXISTS %s.IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP', place);
END $section$;
COMMIT;

-- table: IDN_OAUTH2_REFRESH_TOKEN_BINDING
BEGIN;
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = warning;
DO $section$
DECLARE
    source regclass := pg_catalog.to_regclass('IDN_OAUTH2_REFRESH_TOKEN_BINDING');
    place text := coalesce((SELECT c.relnamespace::pg_catalog.regnamespace::text FROM pg_catalog.pg_class c
        WHERE c.oid OPERATOR(pg_catalog.=) source::pg_catalog.oid), pg_catalog.quote_ident(pg_catalog.current_schema()));
    functions regprocedure[];
    entry regprocedure;
BEGIN
    -- From here on nothing that another role has made is called.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    functions := ARRAY(
        SELECT tgfoid FROM pg_trigger WHERE tgrelid = source AND starts_with(tgname, 'refresh_binding_sync_')
        UNION SELECT to_regprocedure(place || '.refresh_binding_sync_log()'));
    IF source IS NOT NULL THEN
        EXECUTE format($sql$
            DROP TRIGGER IF EXISTS refresh_binding_sync_insert ON %1$s;
            DROP TRIGGER IF EXISTS refresh_binding_sync_update ON %1$s;
            DROP TRIGGER IF EXISTS refresh_binding_sync_delete ON %1$s;
        $sql$, source);
    END IF;
    FOREACH entry IN ARRAY array_remove(functions, NULL) LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %s', entry);
    END LOOP;
    EXECUTE format('DROP TABLE IF EXISTS %s.IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP', place);
END $section$;
COMMIT;
