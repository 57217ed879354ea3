-- Change log of the old identity database, for PostgreSQL 12 and later.
--
-- Guide, step 2: the server keeps using the old database while its copy is rotated. These triggers record
-- which rows the server inserts, updates and deletes meanwhile, and keyrotation carries them over. They record
-- only keys, no secrets.
--
-- Run it in the OLD identity database, before the copy is made, as the owner of its tables:
--
--   psql -v ON_ERROR_STOP=1 -f oldPostgreSQL.sql "dbname=identity"
--
-- The server may be running, and the script may be run again: entries that are there already stay, and no change
-- is missed meanwhile. Each table is locked for some milliseconds. A table that is busy for more than
-- five seconds is an error: run the script again. Tables that the database does not have are left out.
-- TRUNCATE is not recorded. Changes that a subscription applies are: the triggers always fire. newPostgreSQL.sql removes everything.
--
-- The Identity Server's own user needs nothing: the triggers work with the rights of the table's owner, or of the one who
-- runs this script. Objects of another role under these names are refused, and so is a log that would do more
-- than take entries: that has triggers, rules, row security, checks, partitions or defaults of somebody's making.
-- Both are looked at under locks, so that nobody can change them before the script ends.
-- The user of keyrotation needs, where its name and the schema are yours:
--
--   GRANT USAGE ON SCHEMA public TO keyrotation;
--   GRANT SELECT ON IDN_OAUTH_CONSUMER_APPS TO keyrotation;
--   GRANT SELECT ON IDN_IDENTITY_USER_DATA TO keyrotation;
--   GRANT SELECT ON IDN_OAUTH2_AUTHORIZATION_CODE TO keyrotation;
--   GRANT SELECT ON IDN_OAUTH2_ACCESS_TOKEN TO keyrotation;
--   GRANT SELECT ON IDN_OAUTH2_AUTHZ_CODE_SCOPE TO keyrotation;
--   GRANT SELECT ON IDN_OAUTH2_ACCESS_TOKEN_SCOPE TO keyrotation;
--   GRANT SELECT ON IDN_OAUTH2_TOKEN_BINDING TO keyrotation;
--   GRANT SELECT, UPDATE, DELETE ON IDN_IDENTITY_USER_DATA_TEMP TO keyrotation;
--   GRANT SELECT, UPDATE, DELETE ON IDN_OAUTH2_AUTHORIZATION_CODE_TEMP TO keyrotation;
--   GRANT SELECT, UPDATE, DELETE ON IDN_OAUTH2_ACCESS_TOKEN_TEMP TO keyrotation;
--   GRANT SELECT, UPDATE, DELETE ON IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP TO keyrotation;
--   GRANT SELECT, UPDATE, DELETE ON IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP TO keyrotation;
--   GRANT SELECT, UPDATE, DELETE ON IDN_OAUTH2_TOKEN_BINDING_TEMP TO keyrotation;
-- and with the refresh token tables of 7.3:
--   GRANT SELECT ON IDN_OAUTH2_REFRESH_TOKEN TO keyrotation;
--   GRANT SELECT ON IDN_OAUTH2_REFRESH_TOKEN_SCOPE TO keyrotation;
--   GRANT SELECT ON IDN_OAUTH2_REFRESH_TOKEN_BINDING TO keyrotation;
--   GRANT SELECT, UPDATE, DELETE ON IDN_OAUTH2_REFRESH_TOKEN_TEMP TO keyrotation;
--   GRANT SELECT, UPDATE, DELETE ON IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP TO keyrotation;
--   GRANT SELECT, UPDATE, DELETE ON IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP TO keyrotation;

-- table: IDN_IDENTITY_USER_DATA
BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = warning;
DO $section$
DECLARE
    source regclass := pg_catalog.to_regclass('IDN_IDENTITY_USER_DATA');
    place text := (SELECT c.relnamespace::pg_catalog.regnamespace FROM pg_catalog.pg_class c
        WHERE c.oid OPERATOR(pg_catalog.=) source::pg_catalog.oid);
    owner oid;
    log regclass;
BEGIN
    IF source IS NULL THEN
        RETURN;
    END IF;
    -- From here on nothing that another role has made is called.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    EXECUTE format($sql$
        LOCK TABLE %2$s IN ACCESS EXCLUSIVE MODE;
        CREATE TABLE IF NOT EXISTS %1$s.IDN_IDENTITY_USER_DATA_TEMP (
            SYNC_ID BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            TENANT_ID INTEGER,
            USER_NAME TEXT COLLATE "C",
            DATA_KEY TEXT COLLATE "C",
            AVAILABILITY INTEGER NOT NULL,
            SYNCED INTEGER NOT NULL DEFAULT 0,
            CHANGED_AT TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
        );
        LOCK TABLE %1$s.IDN_IDENTITY_USER_DATA_TEMP IN SHARE ROW EXCLUSIVE MODE;
        CREATE OR REPLACE FUNCTION %1$s.totp_sync_log() RETURNS trigger LANGUAGE plpgsql
            SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $log$
        BEGIN
            IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND (
                OLD.TENANT_ID IS DISTINCT FROM NEW.TENANT_ID OR
                OLD.USER_NAME COLLATE "C" IS DISTINCT FROM NEW.USER_NAME OR
                OLD.DATA_KEY COLLATE "C" IS DISTINCT FROM NEW.DATA_KEY) THEN
                INSERT INTO %1$s.IDN_IDENTITY_USER_DATA_TEMP (TENANT_ID, USER_NAME, DATA_KEY, AVAILABILITY)
                VALUES (OLD.TENANT_ID, OLD.USER_NAME, OLD.DATA_KEY, 0);
            END IF;
            IF TG_OP <> 'DELETE' THEN
                INSERT INTO %1$s.IDN_IDENTITY_USER_DATA_TEMP (TENANT_ID, USER_NAME, DATA_KEY, AVAILABILITY)
                VALUES (NEW.TENANT_ID, NEW.USER_NAME, NEW.DATA_KEY, 1);
            END IF;
            RETURN NULL;
        END $log$;
    $sql$, place, source);
    -- Nobody can change these any more: the tables are locked, and the function was written by this transaction.
    log := to_regclass(place || '.IDN_IDENTITY_USER_DATA_TEMP');
    owner := (SELECT relowner FROM pg_class WHERE oid = source);
    IF (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped
        AND attrelid = log)
        <> '{sync_id,tenant_id,user_name,data_key,availability,synced,changed_at}' THEN
        RAISE EXCEPTION 'IDN_IDENTITY_USER_DATA_TEMP has other columns: it is not of this script'
            USING HINT = 'Run newPostgreSQL.sql first, or keep the triggers of the Java tool: keyrotation reads them.';
    END IF;
    IF EXISTS (
        SELECT FROM (
            SELECT relowner AS role FROM pg_class WHERE oid = log
            UNION ALL
            SELECT proowner FROM pg_proc WHERE oid = to_regprocedure(place || '.totp_sync_log()')
        ) AS made JOIN pg_roles ON pg_roles.oid = made.role
        WHERE made.role <> owner AND NOT rolsuper AND rolname <> current_user) THEN
        RAISE EXCEPTION 'IDN_IDENTITY_USER_DATA_TEMP or totp_sync_log() is of a role that does not own IDN_IDENTITY_USER_DATA'
            USING HINT = 'Find out who made it, and drop it.';
    END IF;
    IF EXISTS (SELECT FROM pg_class WHERE oid = log
            AND (relkind <> 'r' OR relpersistence <> 'p' OR relrowsecurity OR relispartition))
        OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = log)
        OR EXISTS (SELECT FROM pg_rewrite WHERE ev_class = log)
        OR EXISTS (SELECT FROM pg_inherits WHERE log IN (inhrelid, inhparent))
        OR EXISTS (SELECT FROM pg_constraint WHERE conrelid = log AND contype NOT IN ('p', 'n'))
        OR EXISTS (SELECT FROM pg_index WHERE indrelid = log
            AND (indisunique <> indisprimary OR indexprs IS NOT NULL OR indpred IS NOT NULL))
        OR EXISTS (SELECT FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
            WHERE attrelid = log AND attnum > 0 AND NOT attisdropped AND (typnamespace <> 'pg_catalog'::regnamespace
                OR attgenerated <> '' OR (attname = 'sync_id') = (attidentity = '')))
        OR (SELECT array_agg(pg_get_expr(adbin, adrelid) ORDER BY adnum) FROM pg_attrdef WHERE adrelid = log)
            IS DISTINCT FROM '{0,clock_timestamp()}' THEN
        RAISE EXCEPTION 'IDN_IDENTITY_USER_DATA_TEMP would do more than take entries: it is not as this script makes it'
            USING HINT = 'Find out who made or changed it (triggers, rules, row security, checks, defaults); then run newPostgreSQL.sql.';
    END IF;
    EXECUTE format($sql$
        CREATE INDEX IF NOT EXISTS totp_sync_todo ON %1$s.IDN_IDENTITY_USER_DATA_TEMP (SYNCED, SYNC_ID);
        REVOKE ALL ON FUNCTION %1$s.totp_sync_log() FROM PUBLIC;
        DROP TRIGGER IF EXISTS totp_sync_insert ON %2$s;
        DROP TRIGGER IF EXISTS totp_sync_update ON %2$s;
        DROP TRIGGER IF EXISTS totp_sync_delete ON %2$s;
        CREATE TRIGGER totp_sync_insert AFTER INSERT ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.totp_sync_log();
        CREATE TRIGGER totp_sync_update AFTER UPDATE ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.totp_sync_log();
        CREATE TRIGGER totp_sync_delete AFTER DELETE ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.totp_sync_log();
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER totp_sync_insert;
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER totp_sync_update;
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER totp_sync_delete;
    $sql$, place, source);
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('ALTER TABLE %1$s.IDN_IDENTITY_USER_DATA_TEMP OWNER TO %2$s; ALTER FUNCTION %1$s.totp_sync_log() OWNER TO %2$s',
            place, owner::regrole);
    END IF;
END $section$;
COMMIT;

-- table: IDN_OAUTH2_AUTHORIZATION_CODE
BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = warning;
DO $section$
DECLARE
    source regclass := pg_catalog.to_regclass('IDN_OAUTH2_AUTHORIZATION_CODE');
    place text := (SELECT c.relnamespace::pg_catalog.regnamespace FROM pg_catalog.pg_class c
        WHERE c.oid OPERATOR(pg_catalog.=) source::pg_catalog.oid);
    owner oid;
    log regclass;
BEGIN
    IF source IS NULL THEN
        RETURN;
    END IF;
    -- From here on nothing that another role has made is called.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    EXECUTE format($sql$
        LOCK TABLE %2$s IN ACCESS EXCLUSIVE MODE;
        CREATE TABLE IF NOT EXISTS %1$s.IDN_OAUTH2_AUTHORIZATION_CODE_TEMP (
            SYNC_ID BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            CODE_ID TEXT COLLATE "C",
            AVAILABILITY INTEGER NOT NULL,
            SYNCED INTEGER NOT NULL DEFAULT 0,
            CHANGED_AT TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
        );
        LOCK TABLE %1$s.IDN_OAUTH2_AUTHORIZATION_CODE_TEMP IN SHARE ROW EXCLUSIVE MODE;
        CREATE OR REPLACE FUNCTION %1$s.oauth2_code_sync_log() RETURNS trigger LANGUAGE plpgsql
            SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $log$
        BEGIN
            IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND (
                OLD.CODE_ID COLLATE "C" IS DISTINCT FROM NEW.CODE_ID) THEN
                INSERT INTO %1$s.IDN_OAUTH2_AUTHORIZATION_CODE_TEMP (CODE_ID, AVAILABILITY)
                VALUES (OLD.CODE_ID, 0);
            END IF;
            IF TG_OP <> 'DELETE' THEN
                INSERT INTO %1$s.IDN_OAUTH2_AUTHORIZATION_CODE_TEMP (CODE_ID, AVAILABILITY)
                VALUES (NEW.CODE_ID, 1);
            END IF;
            RETURN NULL;
        END $log$;
    $sql$, place, source);
    -- Nobody can change these any more: the tables are locked, and the function was written by this transaction.
    log := to_regclass(place || '.IDN_OAUTH2_AUTHORIZATION_CODE_TEMP');
    owner := (SELECT relowner FROM pg_class WHERE oid = source);
    IF (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped
        AND attrelid = log)
        <> '{sync_id,code_id,availability,synced,changed_at}' THEN
        RAISE EXCEPTION 'IDN_OAUTH2_AUTHORIZATION_CODE_TEMP has other columns: it is not of this script'
            USING HINT = 'Run newPostgreSQL.sql first, or keep the triggers of the Java tool: keyrotation reads them.';
    END IF;
    IF EXISTS (
        SELECT FROM (
            SELECT relowner AS role FROM pg_class WHERE oid = log
            UNION ALL
            SELECT proowner FROM pg_proc WHERE oid = to_regprocedure(place || '.oauth2_code_sync_log()')
        ) AS made JOIN pg_roles ON pg_roles.oid = made.role
        WHERE made.role <> owner AND NOT rolsuper AND rolname <> current_user) THEN
        RAISE EXCEPTION 'IDN_OAUTH2_AUTHORIZATION_CODE_TEMP or oauth2_code_sync_log() is of a role that does not own IDN_OAUTH2_AUTHORIZATION_CODE'
            USING HINT = 'Find out who made it, and drop it.';
    END IF;
    IF EXISTS (SELECT FROM pg_class WHERE oid = log
            AND (relkind <> 'r' OR relpersistence <> 'p' OR relrowsecurity OR relispartition))
        OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = log)
        OR EXISTS (SELECT FROM pg_rewrite WHERE ev_class = log)
        OR EXISTS (SELECT FROM pg_inherits WHERE log IN (inhrelid, inhparent))
        OR EXISTS (SELECT FROM pg_constraint WHERE conrelid = log AND contype NOT IN ('p', 'n'))
        OR EXISTS (SELECT FROM pg_index WHERE indrelid = log
            AND (indisunique <> indisprimary OR indexprs IS NOT NULL OR indpred IS NOT NULL))
        OR EXISTS (SELECT FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
            WHERE attrelid = log AND attnum > 0 AND NOT attisdropped AND (typnamespace <> 'pg_catalog'::regnamespace
                OR attgenerated <> '' OR (attname = 'sync_id') = (attidentity = '')))
        OR (SELECT array_agg(pg_get_expr(adbin, adrelid) ORDER BY adnum) FROM pg_attrdef WHERE adrelid = log)
            IS DISTINCT FROM '{0,clock_timestamp()}' THEN
        RAISE EXCEPTION 'IDN_OAUTH2_AUTHORIZATION_CODE_TEMP would do more than take entries: it is not as this script makes it'
            USING HINT = 'Find out who made or changed it (triggers, rules, row security, checks, defaults); then run newPostgreSQL.sql.';
    END IF;
    EXECUTE format($sql$
        CREATE INDEX IF NOT EXISTS oauth2_code_sync_todo ON %1$s.IDN_OAUTH2_AUTHORIZATION_CODE_TEMP (SYNCED, SYNC_ID);
        REVOKE ALL ON FUNCTION %1$s.oauth2_code_sync_log() FROM PUBLIC;
        DROP TRIGGER IF EXISTS oauth2_code_sync_insert ON %2$s;
        DROP TRIGGER IF EXISTS oauth2_code_sync_update ON %2$s;
        DROP TRIGGER IF EXISTS oauth2_code_sync_delete ON %2$s;
        CREATE TRIGGER oauth2_code_sync_insert AFTER INSERT ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.oauth2_code_sync_log();
        CREATE TRIGGER oauth2_code_sync_update AFTER UPDATE ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.oauth2_code_sync_log();
        CREATE TRIGGER oauth2_code_sync_delete AFTER DELETE ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.oauth2_code_sync_log();
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER oauth2_code_sync_insert;
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER oauth2_code_sync_update;
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER oauth2_code_sync_delete;
    $sql$, place, source);
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('ALTER TABLE %1$s.IDN_OAUTH2_AUTHORIZATION_CODE_TEMP OWNER TO %2$s; ALTER FUNCTION %1$s.oauth2_code_sync_log() OWNER TO %2$s',
            place, owner::regrole);
    END IF;
END $section$;
COMMIT;

-- table: IDN_OAUTH2_ACCESS_TOKEN
BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = warning;
DO $section$
DECLARE
    source regclass := pg_catalog.to_regclass('IDN_OAUTH2_ACCESS_TOKEN');
    place text := (SELECT c.relnamespace::pg_catalog.regnamespace FROM pg_catalog.pg_class c
        WHERE c.oid OPERATOR(pg_catalog.=) source::pg_catalog.oid);
    owner oid;
    log regclass;
BEGIN
    IF source IS NULL THEN
        RETURN;
    END IF;
    -- From here on nothing that another role has made is called.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    EXECUTE format($sql$
        LOCK TABLE %2$s IN ACCESS EXCLUSIVE MODE;
        CREATE TABLE IF NOT EXISTS %1$s.IDN_OAUTH2_ACCESS_TOKEN_TEMP (
            SYNC_ID BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            TOKEN_ID TEXT COLLATE "C",
            AVAILABILITY INTEGER NOT NULL,
            SYNCED INTEGER NOT NULL DEFAULT 0,
            CHANGED_AT TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
        );
        LOCK TABLE %1$s.IDN_OAUTH2_ACCESS_TOKEN_TEMP IN SHARE ROW EXCLUSIVE MODE;
        CREATE OR REPLACE FUNCTION %1$s.token_sync_log() RETURNS trigger LANGUAGE plpgsql
            SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $log$
        BEGIN
            IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND (
                OLD.TOKEN_ID COLLATE "C" IS DISTINCT FROM NEW.TOKEN_ID) THEN
                INSERT INTO %1$s.IDN_OAUTH2_ACCESS_TOKEN_TEMP (TOKEN_ID, AVAILABILITY)
                VALUES (OLD.TOKEN_ID, 0);
            END IF;
            IF TG_OP <> 'DELETE' THEN
                INSERT INTO %1$s.IDN_OAUTH2_ACCESS_TOKEN_TEMP (TOKEN_ID, AVAILABILITY)
                VALUES (NEW.TOKEN_ID, 1);
            END IF;
            RETURN NULL;
        END $log$;
    $sql$, place, source);
    -- Nobody can change these any more: the tables are locked, and the function was written by this transaction.
    log := to_regclass(place || '.IDN_OAUTH2_ACCESS_TOKEN_TEMP');
    owner := (SELECT relowner FROM pg_class WHERE oid = source);
    IF (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped
        AND attrelid = log)
        <> '{sync_id,token_id,availability,synced,changed_at}' THEN
        RAISE EXCEPTION 'IDN_OAUTH2_ACCESS_TOKEN_TEMP has other columns: it is not of this script'
            USING HINT = 'Run newPostgreSQL.sql first, or keep the triggers of the Java tool: keyrotation reads them.';
    END IF;
    IF EXISTS (
        SELECT FROM (
            SELECT relowner AS role FROM pg_class WHERE oid = log
            UNION ALL
            SELECT proowner FROM pg_proc WHERE oid = to_regprocedure(place || '.token_sync_log()')
        ) AS made JOIN pg_roles ON pg_roles.oid = made.role
        WHERE made.role <> owner AND NOT rolsuper AND rolname <> current_user) THEN
        RAISE EXCEPTION 'IDN_OAUTH2_ACCESS_TOKEN_TEMP or token_sync_log() is of a role that does not own IDN_OAUTH2_ACCESS_TOKEN'
            USING HINT = 'Find out who made it, and drop it.';
    END IF;
    IF EXISTS (SELECT FROM pg_class WHERE oid = log
            AND (relkind <> 'r' OR relpersistence <> 'p' OR relrowsecurity OR relispartition))
        OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = log)
        OR EXISTS (SELECT FROM pg_rewrite WHERE ev_class = log)
        OR EXISTS (SELECT FROM pg_inherits WHERE log IN (inhrelid, inhparent))
        OR EXISTS (SELECT FROM pg_constraint WHERE conrelid = log AND contype NOT IN ('p', 'n'))
        OR EXISTS (SELECT FROM pg_index WHERE indrelid = log
            AND (indisunique <> indisprimary OR indexprs IS NOT NULL OR indpred IS NOT NULL))
        OR EXISTS (SELECT FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
            WHERE attrelid = log AND attnum > 0 AND NOT attisdropped AND (typnamespace <> 'pg_catalog'::regnamespace
                OR attgenerated <> '' OR (attname = 'sync_id') = (attidentity = '')))
        OR (SELECT array_agg(pg_get_expr(adbin, adrelid) ORDER BY adnum) FROM pg_attrdef WHERE adrelid = log)
            IS DISTINCT FROM '{0,clock_timestamp()}' THEN
        RAISE EXCEPTION 'IDN_OAUTH2_ACCESS_TOKEN_TEMP would do more than take entries: it is not as this script makes it'
            USING HINT = 'Find out who made or changed it (triggers, rules, row security, checks, defaults); then run newPostgreSQL.sql.';
    END IF;
    EXECUTE format($sql$
        CREATE INDEX IF NOT EXISTS token_sync_todo ON %1$s.IDN_OAUTH2_ACCESS_TOKEN_TEMP (SYNCED, SYNC_ID);
        REVOKE ALL ON FUNCTION %1$s.token_sync_log() FROM PUBLIC;
        DROP TRIGGER IF EXISTS token_sync_insert ON %2$s;
        DROP TRIGGER IF EXISTS token_sync_update ON %2$s;
        DROP TRIGGER IF EXISTS token_sync_delete ON %2$s;
        CREATE TRIGGER token_sync_insert AFTER INSERT ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.token_sync_log();
        CREATE TRIGGER token_sync_update AFTER UPDATE ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.token_sync_log();
        CREATE TRIGGER token_sync_delete AFTER DELETE ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.token_sync_log();
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER token_sync_insert;
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER token_sync_update;
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER token_sync_delete;
    $sql$, place, source);
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('ALTER TABLE %1$s.IDN_OAUTH2_ACCESS_TOKEN_TEMP OWNER TO %2$s; ALTER FUNCTION %1$s.token_sync_log() OWNER TO %2$s',
            place, owner::regrole);
    END IF;
END $section$;
COMMIT;

-- table: IDN_OAUTH2_AUTHZ_CODE_SCOPE
BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = warning;
DO $section$
DECLARE
    source regclass := pg_catalog.to_regclass('IDN_OAUTH2_AUTHZ_CODE_SCOPE');
    place text := (SELECT c.relnamespace::pg_catalog.regnamespace FROM pg_catalog.pg_class c
        WHERE c.oid OPERATOR(pg_catalog.=) source::pg_catalog.oid);
    owner oid;
    log regclass;
BEGIN
    IF source IS NULL THEN
        RETURN;
    END IF;
    -- From here on nothing that another role has made is called.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    EXECUTE format($sql$
        LOCK TABLE %2$s IN ACCESS EXCLUSIVE MODE;
        CREATE TABLE IF NOT EXISTS %1$s.IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP (
            SYNC_ID BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            CODE_ID TEXT COLLATE "C",
            SCOPE TEXT COLLATE "C",
            AVAILABILITY INTEGER NOT NULL,
            SYNCED INTEGER NOT NULL DEFAULT 0,
            CHANGED_AT TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
        );
        LOCK TABLE %1$s.IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP IN SHARE ROW EXCLUSIVE MODE;
        CREATE OR REPLACE FUNCTION %1$s.code_scope_sync_log() RETURNS trigger LANGUAGE plpgsql
            SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $log$
        BEGIN
            IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND (
                OLD.CODE_ID COLLATE "C" IS DISTINCT FROM NEW.CODE_ID OR
                OLD.SCOPE COLLATE "C" IS DISTINCT FROM NEW.SCOPE) THEN
                INSERT INTO %1$s.IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP (CODE_ID, SCOPE, AVAILABILITY)
                VALUES (OLD.CODE_ID, OLD.SCOPE, 0);
            END IF;
            IF TG_OP <> 'DELETE' THEN
                INSERT INTO %1$s.IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP (CODE_ID, SCOPE, AVAILABILITY)
                VALUES (NEW.CODE_ID, NEW.SCOPE, 1);
            END IF;
            RETURN NULL;
        END $log$;
    $sql$, place, source);
    -- Nobody can change these any more: the tables are locked, and the function was written by this transaction.
    log := to_regclass(place || '.IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP');
    owner := (SELECT relowner FROM pg_class WHERE oid = source);
    IF (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped
        AND attrelid = log)
        <> '{sync_id,code_id,scope,availability,synced,changed_at}' THEN
        RAISE EXCEPTION 'IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP has other columns: it is not of this script'
            USING HINT = 'Run newPostgreSQL.sql first, or keep the triggers of the Java tool: keyrotation reads them.';
    END IF;
    IF EXISTS (
        SELECT FROM (
            SELECT relowner AS role FROM pg_class WHERE oid = log
            UNION ALL
            SELECT proowner FROM pg_proc WHERE oid = to_regprocedure(place || '.code_scope_sync_log()')
        ) AS made JOIN pg_roles ON pg_roles.oid = made.role
        WHERE made.role <> owner AND NOT rolsuper AND rolname <> current_user) THEN
        RAISE EXCEPTION 'IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP or code_scope_sync_log() is of a role that does not own IDN_OAUTH2_AUTHZ_CODE_SCOPE'
            USING HINT = 'Find out who made it, and drop it.';
    END IF;
    IF EXISTS (SELECT FROM pg_class WHERE oid = log
            AND (relkind <> 'r' OR relpersistence <> 'p' OR relrowsecurity OR relispartition))
        OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = log)
        OR EXISTS (SELECT FROM pg_rewrite WHERE ev_class = log)
        OR EXISTS (SELECT FROM pg_inherits WHERE log IN (inhrelid, inhparent))
        OR EXISTS (SELECT FROM pg_constraint WHERE conrelid = log AND contype NOT IN ('p', 'n'))
        OR EXISTS (SELECT FROM pg_index WHERE indrelid = log
            AND (indisunique <> indisprimary OR indexprs IS NOT NULL OR indpred IS NOT NULL))
        OR EXISTS (SELECT FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
            WHERE attrelid = log AND attnum > 0 AND NOT attisdropped AND (typnamespace <> 'pg_catalog'::regnamespace
                OR attgenerated <> '' OR (attname = 'sync_id') = (attidentity = '')))
        OR (SELECT array_agg(pg_get_expr(adbin, adrelid) ORDER BY adnum) FROM pg_attrdef WHERE adrelid = log)
            IS DISTINCT FROM '{0,clock_timestamp()}' THEN
        RAISE EXCEPTION 'IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP would do more than take entries: it is not as this script makes it'
            USING HINT = 'Find out who made or changed it (triggers, rules, row security, checks, defaults); then run newPostgreSQL.sql.';
    END IF;
    EXECUTE format($sql$
        CREATE INDEX IF NOT EXISTS code_scope_sync_todo ON %1$s.IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP (SYNCED, SYNC_ID);
        REVOKE ALL ON FUNCTION %1$s.code_scope_sync_log() FROM PUBLIC;
        DROP TRIGGER IF EXISTS code_scope_sync_insert ON %2$s;
        DROP TRIGGER IF EXISTS code_scope_sync_update ON %2$s;
        DROP TRIGGER IF EXISTS code_scope_sync_delete ON %2$s;
        CREATE TRIGGER code_scope_sync_insert AFTER INSERT ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.code_scope_sync_log();
        CREATE TRIGGER code_scope_sync_update AFTER UPDATE ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.code_scope_sync_log();
        CREATE TRIGGER code_scope_sync_delete AFTER DELETE ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.code_scope_sync_log();
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER code_scope_sync_insert;
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER code_scope_sync_update;
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER code_scope_sync_delete;
    $sql$, place, source);
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('ALTER TABLE %1$s.IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP OWNER TO %2$s; ALTER FUNCTION %1$s.code_scope_sync_log() OWNER TO %2$s',
            place, owner::regrole);
    END IF;
END $section$;
COMMIT;

-- table: IDN_OAUTH2_ACCESS_TOKEN_SCOPE
BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = warning;
DO $section$
DECLARE
    source regclass := pg_catalog.to_regclass('IDN_OAUTH2_ACCESS_TOKEN_SCOPE');
    place text := (SELECT c.relnamespace::pg_catalog.regnamespace FROM pg_catalog.pg_class c
        WHERE c.oid OPERATOR(pg_catalog.=) source::pg_catalog.oid);
    owner oid;
    log regclass;
BEGIN
    IF source IS NULL THEN
        RETURN;
    END IF;
    -- From here on nothing that another role has made is called.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    EXECUTE format($sql$
        LOCK TABLE %2$s IN ACCESS EXCLUSIVE MODE;
        CREATE TABLE IF NOT EXISTS %1$s.IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP (
            SYNC_ID BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            TOKEN_ID TEXT COLLATE "C",
            TOKEN_SCOPE TEXT COLLATE "C",
            AVAILABILITY INTEGER NOT NULL,
            SYNCED INTEGER NOT NULL DEFAULT 0,
            CHANGED_AT TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
        );
        LOCK TABLE %1$s.IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP IN SHARE ROW EXCLUSIVE MODE;
        CREATE OR REPLACE FUNCTION %1$s.scope_sync_log() RETURNS trigger LANGUAGE plpgsql
            SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $log$
        BEGIN
            IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND (
                OLD.TOKEN_ID COLLATE "C" IS DISTINCT FROM NEW.TOKEN_ID OR
                OLD.TOKEN_SCOPE COLLATE "C" IS DISTINCT FROM NEW.TOKEN_SCOPE) THEN
                INSERT INTO %1$s.IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP (TOKEN_ID, TOKEN_SCOPE, AVAILABILITY)
                VALUES (OLD.TOKEN_ID, OLD.TOKEN_SCOPE, 0);
            END IF;
            IF TG_OP <> 'DELETE' THEN
                INSERT INTO %1$s.IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP (TOKEN_ID, TOKEN_SCOPE, AVAILABILITY)
                VALUES (NEW.TOKEN_ID, NEW.TOKEN_SCOPE, 1);
            END IF;
            RETURN NULL;
        END $log$;
    $sql$, place, source);
    -- Nobody can change these any more: the tables are locked, and the function was written by this transaction.
    log := to_regclass(place || '.IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP');
    owner := (SELECT relowner FROM pg_class WHERE oid = source);
    IF (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped
        AND attrelid = log)
        <> '{sync_id,token_id,token_scope,availability,synced,changed_at}' THEN
        RAISE EXCEPTION 'IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP has other columns: it is not of this script'
            USING HINT = 'Run newPostgreSQL.sql first, or keep the triggers of the Java tool: keyrotation reads them.';
    END IF;
    IF EXISTS (
        SELECT FROM (
            SELECT relowner AS role FROM pg_class WHERE oid = log
            UNION ALL
            SELECT proowner FROM pg_proc WHERE oid = to_regprocedure(place || '.scope_sync_log()')
        ) AS made JOIN pg_roles ON pg_roles.oid = made.role
        WHERE made.role <> owner AND NOT rolsuper AND rolname <> current_user) THEN
        RAISE EXCEPTION 'IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP or scope_sync_log() is of a role that does not own IDN_OAUTH2_ACCESS_TOKEN_SCOPE'
            USING HINT = 'Find out who made it, and drop it.';
    END IF;
    IF EXISTS (SELECT FROM pg_class WHERE oid = log
            AND (relkind <> 'r' OR relpersistence <> 'p' OR relrowsecurity OR relispartition))
        OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = log)
        OR EXISTS (SELECT FROM pg_rewrite WHERE ev_class = log)
        OR EXISTS (SELECT FROM pg_inherits WHERE log IN (inhrelid, inhparent))
        OR EXISTS (SELECT FROM pg_constraint WHERE conrelid = log AND contype NOT IN ('p', 'n'))
        OR EXISTS (SELECT FROM pg_index WHERE indrelid = log
            AND (indisunique <> indisprimary OR indexprs IS NOT NULL OR indpred IS NOT NULL))
        OR EXISTS (SELECT FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
            WHERE attrelid = log AND attnum > 0 AND NOT attisdropped AND (typnamespace <> 'pg_catalog'::regnamespace
                OR attgenerated <> '' OR (attname = 'sync_id') = (attidentity = '')))
        OR (SELECT array_agg(pg_get_expr(adbin, adrelid) ORDER BY adnum) FROM pg_attrdef WHERE adrelid = log)
            IS DISTINCT FROM '{0,clock_timestamp()}' THEN
        RAISE EXCEPTION 'IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP would do more than take entries: it is not as this script makes it'
            USING HINT = 'Find out who made or changed it (triggers, rules, row security, checks, defaults); then run newPostgreSQL.sql.';
    END IF;
    EXECUTE format($sql$
        CREATE INDEX IF NOT EXISTS scope_sync_todo ON %1$s.IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP (SYNCED, SYNC_ID);
        REVOKE ALL ON FUNCTION %1$s.scope_sync_log() FROM PUBLIC;
        DROP TRIGGER IF EXISTS scope_sync_insert ON %2$s;
        DROP TRIGGER IF EXISTS scope_sync_update ON %2$s;
        DROP TRIGGER IF EXISTS scope_sync_delete ON %2$s;
        CREATE TRIGGER scope_sync_insert AFTER INSERT ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.scope_sync_log();
        CREATE TRIGGER scope_sync_update AFTER UPDATE ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.scope_sync_log();
        CREATE TRIGGER scope_sync_delete AFTER DELETE ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.scope_sync_log();
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER scope_sync_insert;
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER scope_sync_update;
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER scope_sync_delete;
    $sql$, place, source);
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('ALTER TABLE %1$s.IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP OWNER TO %2$s; ALTER FUNCTION %1$s.scope_sync_log() OWNER TO %2$s',
            place, owner::regrole);
    END IF;
END $section$;
COMMIT;

-- table: IDN_OAUTH2_TOKEN_BINDING
BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = warning;
DO $section$
DECLARE
    source regclass := pg_catalog.to_regclass('IDN_OAUTH2_TOKEN_BINDING');
    place text := (SELECT c.relnamespace::pg_catalog.regnamespace FROM pg_catalog.pg_class c
        WHERE c.oid OPERATOR(pg_catalog.=) source::pg_catalog.oid);
    owner oid;
    log regclass;
BEGIN
    IF source IS NULL THEN
        RETURN;
    END IF;
    -- From here on nothing that another role has made is called.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    EXECUTE format($sql$
        LOCK TABLE %2$s IN ACCESS EXCLUSIVE MODE;
        CREATE TABLE IF NOT EXISTS %1$s.IDN_OAUTH2_TOKEN_BINDING_TEMP (
            SYNC_ID BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            TOKEN_ID TEXT COLLATE "C",
            TOKEN_BINDING_TYPE TEXT COLLATE "C",
            TOKEN_BINDING_VALUE TEXT COLLATE "C",
            AVAILABILITY INTEGER NOT NULL,
            SYNCED INTEGER NOT NULL DEFAULT 0,
            CHANGED_AT TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
        );
        LOCK TABLE %1$s.IDN_OAUTH2_TOKEN_BINDING_TEMP IN SHARE ROW EXCLUSIVE MODE;
        CREATE OR REPLACE FUNCTION %1$s.token_binding_sync_log() RETURNS trigger LANGUAGE plpgsql
            SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $log$
        BEGIN
            IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND (
                OLD.TOKEN_ID COLLATE "C" IS DISTINCT FROM NEW.TOKEN_ID OR
                OLD.TOKEN_BINDING_TYPE COLLATE "C" IS DISTINCT FROM NEW.TOKEN_BINDING_TYPE OR
                OLD.TOKEN_BINDING_VALUE COLLATE "C" IS DISTINCT FROM NEW.TOKEN_BINDING_VALUE) THEN
                INSERT INTO %1$s.IDN_OAUTH2_TOKEN_BINDING_TEMP (TOKEN_ID, TOKEN_BINDING_TYPE, TOKEN_BINDING_VALUE, AVAILABILITY)
                VALUES (OLD.TOKEN_ID, OLD.TOKEN_BINDING_TYPE, OLD.TOKEN_BINDING_VALUE, 0);
            END IF;
            IF TG_OP <> 'DELETE' THEN
                INSERT INTO %1$s.IDN_OAUTH2_TOKEN_BINDING_TEMP (TOKEN_ID, TOKEN_BINDING_TYPE, TOKEN_BINDING_VALUE, AVAILABILITY)
                VALUES (NEW.TOKEN_ID, NEW.TOKEN_BINDING_TYPE, NEW.TOKEN_BINDING_VALUE, 1);
            END IF;
            RETURN NULL;
        END $log$;
    $sql$, place, source);
    -- Nobody can change these any more: the tables are locked, and the function was written by this transaction.
    log := to_regclass(place || '.IDN_OAUTH2_TOKEN_BINDING_TEMP');
    owner := (SELECT relowner FROM pg_class WHERE oid = source);
    IF (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped
        AND attrelid = log)
        <> '{sync_id,token_id,token_binding_type,token_binding_value,availability,synced,changed_at}' THEN
        RAISE EXCEPTION 'IDN_OAUTH2_TOKEN_BINDING_TEMP has other columns: it is not of this script'
            USING HINT = 'Run newPostgreSQL.sql first, or keep the triggers of the Java tool: keyrotation reads them.';
    END IF;
    IF EXISTS (
        SELECT FROM (
            SELECT relowner AS role FROM pg_class WHERE oid = log
            UNION ALL
            SELECT proowner FROM pg_proc WHERE oid = to_regprocedure(place || '.token_binding_sync_log()')
        ) AS made JOIN pg_roles ON pg_roles.oid = made.role
        WHERE made.role <> owner AND NOT rolsuper AND rolname <> current_user) THEN
        RAISE EXCEPTION 'IDN_OAUTH2_TOKEN_BINDING_TEMP or token_binding_sync_log() is of a role that does not own IDN_OAUTH2_TOKEN_BINDING'
            USING HINT = 'Find out who made it, and drop it.';
    END IF;
    IF EXISTS (SELECT FROM pg_class WHERE oid = log
            AND (relkind <> 'r' OR relpersistence <> 'p' OR relrowsecurity OR relispartition))
        OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = log)
        OR EXISTS (SELECT FROM pg_rewrite WHERE ev_class = log)
        OR EXISTS (SELECT FROM pg_inherits WHERE log IN (inhrelid, inhparent))
        OR EXISTS (SELECT FROM pg_constraint WHERE conrelid = log AND contype NOT IN ('p', 'n'))
        OR EXISTS (SELECT FROM pg_index WHERE indrelid = log
            AND (indisunique <> indisprimary OR indexprs IS NOT NULL OR indpred IS NOT NULL))
        OR EXISTS (SELECT FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
            WHERE attrelid = log AND attnum > 0 AND NOT attisdropped AND (typnamespace <> 'pg_catalog'::regnamespace
                OR attgenerated <> '' OR (attname = 'sync_id') = (attidentity = '')))
        OR (SELECT array_agg(pg_get_expr(adbin, adrelid) ORDER BY adnum) FROM pg_attrdef WHERE adrelid = log)
            IS DISTINCT FROM '{0,clock_timestamp()}' THEN
        RAISE EXCEPTION 'IDN_OAUTH2_TOKEN_BINDING_TEMP would do more than take entries: it is not as this script makes it'
            USING HINT = 'Find out who made or changed it (triggers, rules, row security, checks, defaults); then run newPostgreSQL.sql.';
    END IF;
    EXECUTE format($sql$
        CREATE INDEX IF NOT EXISTS token_binding_sync_todo ON %1$s.IDN_OAUTH2_TOKEN_BINDING_TEMP (SYNCED, SYNC_ID);
        REVOKE ALL ON FUNCTION %1$s.token_binding_sync_log() FROM PUBLIC;
        DROP TRIGGER IF EXISTS token_binding_sync_insert ON %2$s;
        DROP TRIGGER IF EXISTS token_binding_sync_update ON %2$s;
        DROP TRIGGER IF EXISTS token_binding_sync_delete ON %2$s;
        CREATE TRIGGER token_binding_sync_insert AFTER INSERT ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.token_binding_sync_log();
        CREATE TRIGGER token_binding_sync_update AFTER UPDATE ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.token_binding_sync_log();
        CREATE TRIGGER token_binding_sync_delete AFTER DELETE ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.token_binding_sync_log();
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER token_binding_sync_insert;
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER token_binding_sync_update;
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER token_binding_sync_delete;
    $sql$, place, source);
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('ALTER TABLE %1$s.IDN_OAUTH2_TOKEN_BINDING_TEMP OWNER TO %2$s; ALTER FUNCTION %1$s.token_binding_sync_log() OWNER TO %2$s',
            place, owner::regrole);
    END IF;
END $section$;
COMMIT;

-- table: IDN_OAUTH2_REFRESH_TOKEN
BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = warning;
DO $section$
DECLARE
    source regclass := pg_catalog.to_regclass('IDN_OAUTH2_REFRESH_TOKEN');
    place text := (SELECT c.relnamespace::pg_catalog.regnamespace FROM pg_catalog.pg_class c
        WHERE c.oid OPERATOR(pg_catalog.=) source::pg_catalog.oid);
    owner oid;
    log regclass;
BEGIN
    IF source IS NULL THEN
        RETURN;
    END IF;
    -- From here on nothing that another role has made is called.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    EXECUTE format($sql$
        LOCK TABLE %2$s IN ACCESS EXCLUSIVE MODE;
        CREATE TABLE IF NOT EXISTS %1$s.IDN_OAUTH2_REFRESH_TOKEN_TEMP (
            SYNC_ID BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            REFRESH_TOKEN_ID TEXT COLLATE "C",
            AVAILABILITY INTEGER NOT NULL,
            SYNCED INTEGER NOT NULL DEFAULT 0,
            CHANGED_AT TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
        );
        LOCK TABLE %1$s.IDN_OAUTH2_REFRESH_TOKEN_TEMP IN SHARE ROW EXCLUSIVE MODE;
        CREATE OR REPLACE FUNCTION %1$s.refresh_token_sync_log() RETURNS trigger LANGUAGE plpgsql
            SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $log$
        BEGIN
            IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND (
                OLD.REFRESH_TOKEN_ID COLLATE "C" IS DISTINCT FROM NEW.REFRESH_TOKEN_ID) THEN
                INSERT INTO %1$s.IDN_OAUTH2_REFRESH_TOKEN_TEMP (REFRESH_TOKEN_ID, AVAILABILITY)
                VALUES (OLD.REFRESH_TOKEN_ID, 0);
            END IF;
            IF TG_OP <> 'DELETE' THEN
                INSERT INTO %1$s.IDN_OAUTH2_REFRESH_TOKEN_TEMP (REFRESH_TOKEN_ID, AVAILABILITY)
                VALUES (NEW.REFRESH_TOKEN_ID, 1);
            END IF;
            RETURN NULL;
        END $log$;
    $sql$, place, source);
    -- Nobody can change these any more: the tables are locked, and the function was written by this transaction.
    log := to_regclass(place || '.IDN_OAUTH2_REFRESH_TOKEN_TEMP');
    owner := (SELECT relowner FROM pg_class WHERE oid = source);
    IF (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped
        AND attrelid = log)
        <> '{sync_id,refresh_token_id,availability,synced,changed_at}' THEN
        RAISE EXCEPTION 'IDN_OAUTH2_REFRESH_TOKEN_TEMP has other columns: it is not of this script'
            USING HINT = 'Run newPostgreSQL.sql first, or keep the triggers of the Java tool: keyrotation reads them.';
    END IF;
    IF EXISTS (
        SELECT FROM (
            SELECT relowner AS role FROM pg_class WHERE oid = log
            UNION ALL
            SELECT proowner FROM pg_proc WHERE oid = to_regprocedure(place || '.refresh_token_sync_log()')
        ) AS made JOIN pg_roles ON pg_roles.oid = made.role
        WHERE made.role <> owner AND NOT rolsuper AND rolname <> current_user) THEN
        RAISE EXCEPTION 'IDN_OAUTH2_REFRESH_TOKEN_TEMP or refresh_token_sync_log() is of a role that does not own IDN_OAUTH2_REFRESH_TOKEN'
            USING HINT = 'Find out who made it, and drop it.';
    END IF;
    IF EXISTS (SELECT FROM pg_class WHERE oid = log
            AND (relkind <> 'r' OR relpersistence <> 'p' OR relrowsecurity OR relispartition))
        OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = log)
        OR EXISTS (SELECT FROM pg_rewrite WHERE ev_class = log)
        OR EXISTS (SELECT FROM pg_inherits WHERE log IN (inhrelid, inhparent))
        OR EXISTS (SELECT FROM pg_constraint WHERE conrelid = log AND contype NOT IN ('p', 'n'))
        OR EXISTS (SELECT FROM pg_index WHERE indrelid = log
            AND (indisunique <> indisprimary OR indexprs IS NOT NULL OR indpred IS NOT NULL))
        OR EXISTS (SELECT FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
            WHERE attrelid = log AND attnum > 0 AND NOT attisdropped AND (typnamespace <> 'pg_catalog'::regnamespace
                OR attgenerated <> '' OR (attname = 'sync_id') = (attidentity = '')))
        OR (SELECT array_agg(pg_get_expr(adbin, adrelid) ORDER BY adnum) FROM pg_attrdef WHERE adrelid = log)
            IS DISTINCT FROM '{0,clock_timestamp()}' THEN
        RAISE EXCEPTION 'IDN_OAUTH2_REFRESH_TOKEN_TEMP would do more than take entries: it is not as this script makes it'
            USING HINT = 'Find out who made or changed it (triggers, rules, row security, checks, defaults); then run newPostgreSQL.sql.';
    END IF;
    EXECUTE format($sql$
        CREATE INDEX IF NOT EXISTS refresh_token_sync_todo ON %1$s.IDN_OAUTH2_REFRESH_TOKEN_TEMP (SYNCED, SYNC_ID);
        REVOKE ALL ON FUNCTION %1$s.refresh_token_sync_log() FROM PUBLIC;
        DROP TRIGGER IF EXISTS refresh_token_sync_insert ON %2$s;
        DROP TRIGGER IF EXISTS refresh_token_sync_update ON %2$s;
        DROP TRIGGER IF EXISTS refresh_token_sync_delete ON %2$s;
        CREATE TRIGGER refresh_token_sync_insert AFTER INSERT ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.refresh_token_sync_log();
        CREATE TRIGGER refresh_token_sync_update AFTER UPDATE ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.refresh_token_sync_log();
        CREATE TRIGGER refresh_token_sync_delete AFTER DELETE ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.refresh_token_sync_log();
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER refresh_token_sync_insert;
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER refresh_token_sync_update;
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER refresh_token_sync_delete;
    $sql$, place, source);
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('ALTER TABLE %1$s.IDN_OAUTH2_REFRESH_TOKEN_TEMP OWNER TO %2$s; ALTER FUNCTION %1$s.refresh_token_sync_log() OWNER TO %2$s',
            place, owner::regrole);
    END IF;
END $section$;
COMMIT;

-- table: IDN_OAUTH2_REFRESH_TOKEN_SCOPE
BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = warning;
DO $section$
DECLARE
    source regclass := pg_catalog.to_regclass('IDN_OAUTH2_REFRESH_TOKEN_SCOPE');
    place text := (SELECT c.relnamespace::pg_catalog.regnamespace FROM pg_catalog.pg_class c
        WHERE c.oid OPERATOR(pg_catalog.=) source::pg_catalog.oid);
    owner oid;
    log regclass;
BEGIN
    IF source IS NULL THEN
        RETURN;
    END IF;
    -- From here on nothing that another role has made is called.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    EXECUTE format($sql$
        LOCK TABLE %2$s IN ACCESS EXCLUSIVE MODE;
        CREATE TABLE IF NOT EXISTS %1$s.IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP (
            SYNC_ID BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            REFRESH_TOKEN_ID TEXT COLLATE "C",
            TOKEN_SCOPE TEXT COLLATE "C",
            AVAILABILITY INTEGER NOT NULL,
            SYNCED INTEGER NOT NULL DEFAULT 0,
            CHANGED_AT TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
        );
        LOCK TABLE %1$s.IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP IN SHARE ROW EXCLUSIVE MODE;
        CREATE OR REPLACE FUNCTION %1$s.refresh_scope_sync_log() RETURNS trigger LANGUAGE plpgsql
            SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $log$
        BEGIN
            IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND (
                OLD.REFRESH_TOKEN_ID COLLATE "C" IS DISTINCT FROM NEW.REFRESH_TOKEN_ID OR
                OLD.TOKEN_SCOPE COLLATE "C" IS DISTINCT FROM NEW.TOKEN_SCOPE) THEN
                INSERT INTO %1$s.IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP (REFRESH_TOKEN_ID, TOKEN_SCOPE, AVAILABILITY)
                VALUES (OLD.REFRESH_TOKEN_ID, OLD.TOKEN_SCOPE, 0);
            END IF;
            IF TG_OP <> 'DELETE' THEN
                INSERT INTO %1$s.IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP (REFRESH_TOKEN_ID, TOKEN_SCOPE, AVAILABILITY)
                VALUES (NEW.REFRESH_TOKEN_ID, NEW.TOKEN_SCOPE, 1);
            END IF;
            RETURN NULL;
        END $log$;
    $sql$, place, source);
    -- Nobody can change these any more: the tables are locked, and the function was written by this transaction.
    log := to_regclass(place || '.IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP');
    owner := (SELECT relowner FROM pg_class WHERE oid = source);
    IF (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped
        AND attrelid = log)
        <> '{sync_id,refresh_token_id,token_scope,availability,synced,changed_at}' THEN
        RAISE EXCEPTION 'IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP has other columns: it is not of this script'
            USING HINT = 'Run newPostgreSQL.sql first, or keep the triggers of the Java tool: keyrotation reads them.';
    END IF;
    IF EXISTS (
        SELECT FROM (
            SELECT relowner AS role FROM pg_class WHERE oid = log
            UNION ALL
            SELECT proowner FROM pg_proc WHERE oid = to_regprocedure(place || '.refresh_scope_sync_log()')
        ) AS made JOIN pg_roles ON pg_roles.oid = made.role
        WHERE made.role <> owner AND NOT rolsuper AND rolname <> current_user) THEN
        RAISE EXCEPTION 'IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP or refresh_scope_sync_log() is of a role that does not own IDN_OAUTH2_REFRESH_TOKEN_SCOPE'
            USING HINT = 'Find out who made it, and drop it.';
    END IF;
    IF EXISTS (SELECT FROM pg_class WHERE oid = log
            AND (relkind <> 'r' OR relpersistence <> 'p' OR relrowsecurity OR relispartition))
        OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = log)
        OR EXISTS (SELECT FROM pg_rewrite WHERE ev_class = log)
        OR EXISTS (SELECT FROM pg_inherits WHERE log IN (inhrelid, inhparent))
        OR EXISTS (SELECT FROM pg_constraint WHERE conrelid = log AND contype NOT IN ('p', 'n'))
        OR EXISTS (SELECT FROM pg_index WHERE indrelid = log
            AND (indisunique <> indisprimary OR indexprs IS NOT NULL OR indpred IS NOT NULL))
        OR EXISTS (SELECT FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
            WHERE attrelid = log AND attnum > 0 AND NOT attisdropped AND (typnamespace <> 'pg_catalog'::regnamespace
                OR attgenerated <> '' OR (attname = 'sync_id') = (attidentity = '')))
        OR (SELECT array_agg(pg_get_expr(adbin, adrelid) ORDER BY adnum) FROM pg_attrdef WHERE adrelid = log)
            IS DISTINCT FROM '{0,clock_timestamp()}' THEN
        RAISE EXCEPTION 'IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP would do more than take entries: it is not as this script makes it'
            USING HINT = 'Find out who made or changed it (triggers, rules, row security, checks, defaults); then run newPostgreSQL.sql.';
    END IF;
    EXECUTE format($sql$
        CREATE INDEX IF NOT EXISTS refresh_scope_sync_todo ON %1$s.IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP (SYNCED, SYNC_ID);
        REVOKE ALL ON FUNCTION %1$s.refresh_scope_sync_log() FROM PUBLIC;
        DROP TRIGGER IF EXISTS refresh_scope_sync_insert ON %2$s;
        DROP TRIGGER IF EXISTS refresh_scope_sync_update ON %2$s;
        DROP TRIGGER IF EXISTS refresh_scope_sync_delete ON %2$s;
        CREATE TRIGGER refresh_scope_sync_insert AFTER INSERT ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.refresh_scope_sync_log();
        CREATE TRIGGER refresh_scope_sync_update AFTER UPDATE ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.refresh_scope_sync_log();
        CREATE TRIGGER refresh_scope_sync_delete AFTER DELETE ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.refresh_scope_sync_log();
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER refresh_scope_sync_insert;
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER refresh_scope_sync_update;
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER refresh_scope_sync_delete;
    $sql$, place, source);
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('ALTER TABLE %1$s.IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP OWNER TO %2$s; ALTER FUNCTION %1$s.refresh_scope_sync_log() OWNER TO %2$s',
            place, owner::regrole);
    END IF;
END $section$;
COMMIT;

-- table: IDN_OAUTH2_REFRESH_TOKEN_BINDING
BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = warning;
DO $section$
DECLARE
    source regclass := pg_catalog.to_regclass('IDN_OAUTH2_REFRESH_TOKEN_BINDING');
    place text := (SELECT c.relnamespace::pg_catalog.regnamespace FROM pg_catalog.pg_class c
        WHERE c.oid OPERATOR(pg_catalog.=) source::pg_catalog.oid);
    owner oid;
    log regclass;
BEGIN
    IF source IS NULL THEN
        RETURN;
    END IF;
    -- From here on nothing that another role has made is called.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    EXECUTE format($sql$
        LOCK TABLE %2$s IN ACCESS EXCLUSIVE MODE;
        CREATE TABLE IF NOT EXISTS %1$s.IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP (
            SYNC_ID BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            REFRESH_TOKEN_ID TEXT COLLATE "C",
            TOKEN_BINDING_TYPE TEXT COLLATE "C",
            TOKEN_BINDING_VALUE TEXT COLLATE "C",
            AVAILABILITY INTEGER NOT NULL,
            SYNCED INTEGER NOT NULL DEFAULT 0,
            CHANGED_AT TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
        );
        LOCK TABLE %1$s.IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP IN SHARE ROW EXCLUSIVE MODE;
        CREATE OR REPLACE FUNCTION %1$s.refresh_binding_sync_log() RETURNS trigger LANGUAGE plpgsql
            SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $log$
        BEGIN
            IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND (
                OLD.REFRESH_TOKEN_ID COLLATE "C" IS DISTINCT FROM NEW.REFRESH_TOKEN_ID OR
                OLD.TOKEN_BINDING_TYPE COLLATE "C" IS DISTINCT FROM NEW.TOKEN_BINDING_TYPE OR
                OLD.TOKEN_BINDING_VALUE COLLATE "C" IS DISTINCT FROM NEW.TOKEN_BINDING_VALUE) THEN
                INSERT INTO %1$s.IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP (REFRESH_TOKEN_ID, TOKEN_BINDING_TYPE, TOKEN_BINDING_VALUE, AVAILABILITY)
                VALUES (OLD.REFRESH_TOKEN_ID, OLD.TOKEN_BINDING_TYPE, OLD.TOKEN_BINDING_VALUE, 0);
            END IF;
            IF TG_OP <> 'DELETE' THEN
                INSERT INTO %1$s.IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP (REFRESH_TOKEN_ID, TOKEN_BINDING_TYPE, TOKEN_BINDING_VALUE, AVAILABILITY)
                VALUES (NEW.REFRESH_TOKEN_ID, NEW.TOKEN_BINDING_TYPE, NEW.TOKEN_BINDING_VALUE, 1);
            END IF;
            RETURN NULL;
        END $log$;
    $sql$, place, source);
    -- Nobody can change these any more: the tables are locked, and the function was written by this transaction.
    log := to_regclass(place || '.IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP');
    owner := (SELECT relowner FROM pg_class WHERE oid = source);
    IF (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped
        AND attrelid = log)
        <> '{sync_id,refresh_token_id,token_binding_type,token_binding_value,availability,synced,changed_at}' THEN
        RAISE EXCEPTION 'IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP has other columns: it is not of this script'
            USING HINT = 'Run newPostgreSQL.sql first, or keep the triggers of the Java tool: keyrotation reads them.';
    END IF;
    IF EXISTS (
        SELECT FROM (
            SELECT relowner AS role FROM pg_class WHERE oid = log
            UNION ALL
            SELECT proowner FROM pg_proc WHERE oid = to_regprocedure(place || '.refresh_binding_sync_log()')
        ) AS made JOIN pg_roles ON pg_roles.oid = made.role
        WHERE made.role <> owner AND NOT rolsuper AND rolname <> current_user) THEN
        RAISE EXCEPTION 'IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP or refresh_binding_sync_log() is of a role that does not own IDN_OAUTH2_REFRESH_TOKEN_BINDING'
            USING HINT = 'Find out who made it, and drop it.';
    END IF;
    IF EXISTS (SELECT FROM pg_class WHERE oid = log
            AND (relkind <> 'r' OR relpersistence <> 'p' OR relrowsecurity OR relispartition))
        OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = log)
        OR EXISTS (SELECT FROM pg_rewrite WHERE ev_class = log)
        OR EXISTS (SELECT FROM pg_inherits WHERE log IN (inhrelid, inhparent))
        OR EXISTS (SELECT FROM pg_constraint WHERE conrelid = log AND contype NOT IN ('p', 'n'))
        OR EXISTS (SELECT FROM pg_index WHERE indrelid = log
            AND (indisunique <> indisprimary OR indexprs IS NOT NULL OR indpred IS NOT NULL))
        OR EXISTS (SELECT FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
            WHERE attrelid = log AND attnum > 0 AND NOT attisdropped AND (typnamespace <> 'pg_catalog'::regnamespace
                OR attgenerated <> '' OR (attname = 'sync_id') = (attidentity = '')))
        OR (SELECT array_agg(pg_get_expr(adbin, adrelid) ORDER BY adnum) FROM pg_attrdef WHERE adrelid = log)
            IS DISTINCT FROM '{0,clock_timestamp()}' THEN
        RAISE EXCEPTION 'IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP would do more than take entries: it is not as this script makes it'
            USING HINT = 'Find out who made or changed it (triggers, rules, row security, checks, defaults); then run newPostgreSQL.sql.';
    END IF;
    EXECUTE format($sql$
        CREATE INDEX IF NOT EXISTS refresh_binding_sync_todo ON %1$s.IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP (SYNCED, SYNC_ID);
        REVOKE ALL ON FUNCTION %1$s.refresh_binding_sync_log() FROM PUBLIC;
        DROP TRIGGER IF EXISTS refresh_binding_sync_insert ON %2$s;
        DROP TRIGGER IF EXISTS refresh_binding_sync_update ON %2$s;
        DROP TRIGGER IF EXISTS refresh_binding_sync_delete ON %2$s;
        CREATE TRIGGER refresh_binding_sync_insert AFTER INSERT ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.refresh_binding_sync_log();
        CREATE TRIGGER refresh_binding_sync_update AFTER UPDATE ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.refresh_binding_sync_log();
        CREATE TRIGGER refresh_binding_sync_delete AFTER DELETE ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.refresh_binding_sync_log();
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER refresh_binding_sync_insert;
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER refresh_binding_sync_update;
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER refresh_binding_sync_delete;
    $sql$, place, source);
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('ALTER TABLE %1$s.IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP OWNER TO %2$s; ALTER FUNCTION %1$s.refresh_binding_sync_log() OWNER TO %2$s',
            place, owner::regrole);
    END IF;
END $section$;
COMMIT;
