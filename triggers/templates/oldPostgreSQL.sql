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
--   GRANT SELECT ON ${TABLE} TO keyrotation;
--   GRANT SELECT, UPDATE, DELETE ON ${LOG} TO keyrotation;
-- and with the refresh token tables of 7.3:
--   GRANT SELECT ON ${newer TABLE} TO keyrotation;
--   GRANT SELECT, UPDATE, DELETE ON ${newer LOG} TO keyrotation;

-- table: ${TABLE}
BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = warning;
DO $section$
DECLARE
    source regclass := pg_catalog.to_regclass('${TABLE}');
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
        CREATE TABLE IF NOT EXISTS %1$s.${LOG} (
            SYNC_ID BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            ${COLUMN} ${number INTEGER}${text TEXT COLLATE "C"},
            AVAILABILITY INTEGER NOT NULL,
            SYNCED INTEGER NOT NULL DEFAULT 0,
            CHANGED_AT TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
        );
        LOCK TABLE %1$s.${LOG} IN SHARE ROW EXCLUSIVE MODE;
        CREATE OR REPLACE FUNCTION %1$s.${triggers}_log() RETURNS trigger LANGUAGE plpgsql
            SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $log$
        BEGIN
            IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND (
                OLD.${COLUMN}${text  COLLATE "C"} IS DISTINCT FROM NEW.${COLUMN}${more  OR}${last ) THEN}
                INSERT INTO %1$s.${LOG} (${each COLUMN}, AVAILABILITY)
                VALUES (${each OLD.COLUMN}, 0);
            END IF;
            IF TG_OP <> 'DELETE' THEN
                INSERT INTO %1$s.${LOG} (${each COLUMN}, AVAILABILITY)
                VALUES (${each NEW.COLUMN}, 1);
            END IF;
            RETURN NULL;
        END $log$;
    $sql$, place, source);
    -- Nobody can change these any more: the tables are locked, and the function was written by this transaction.
    log := to_regclass(place || '.${LOG}');
    owner := (SELECT relowner FROM pg_class WHERE oid = source);
    IF (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped
        AND attrelid = log)
        <> '{sync_id,${each column|,},availability,synced,changed_at}' THEN
        RAISE EXCEPTION '${LOG} has other columns: it is not of this script'
            USING HINT = 'Run newPostgreSQL.sql first, or keep the triggers of the Java tool: keyrotation reads them.';
    END IF;
    IF EXISTS (
        SELECT FROM (
            SELECT relowner AS role FROM pg_class WHERE oid = log
            UNION ALL
            SELECT proowner FROM pg_proc WHERE oid = to_regprocedure(place || '.${triggers}_log()')
        ) AS made JOIN pg_roles ON pg_roles.oid = made.role
        WHERE made.role <> owner AND NOT rolsuper AND rolname <> current_user) THEN
        RAISE EXCEPTION '${LOG} or ${triggers}_log() is of a role that does not own ${TABLE}'
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
        RAISE EXCEPTION '${LOG} would do more than take entries: it is not as this script makes it'
            USING HINT = 'Find out who made or changed it (triggers, rules, row security, checks, defaults); then run newPostgreSQL.sql.';
    END IF;
    EXECUTE format($sql$
        CREATE INDEX IF NOT EXISTS ${triggers}_todo ON %1$s.${LOG} (SYNCED, SYNC_ID);
        REVOKE ALL ON FUNCTION %1$s.${triggers}_log() FROM PUBLIC;
        DROP TRIGGER IF EXISTS ${triggers}_insert ON %2$s;
        DROP TRIGGER IF EXISTS ${triggers}_update ON %2$s;
        DROP TRIGGER IF EXISTS ${triggers}_delete ON %2$s;
        CREATE TRIGGER ${triggers}_insert AFTER INSERT ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.${triggers}_log();
        CREATE TRIGGER ${triggers}_update AFTER UPDATE ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.${triggers}_log();
        CREATE TRIGGER ${triggers}_delete AFTER DELETE ON %2$s FOR EACH ROW EXECUTE FUNCTION %1$s.${triggers}_log();
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER ${triggers}_insert;
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER ${triggers}_update;
        ALTER TABLE %2$s ENABLE ALWAYS TRIGGER ${triggers}_delete;
    $sql$, place, source);
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('ALTER TABLE %1$s.${LOG} OWNER TO %2$s; ALTER FUNCTION %1$s.${triggers}_log() OWNER TO %2$s',
            place, owner::regrole);
    END IF;
END $section$;
COMMIT;
