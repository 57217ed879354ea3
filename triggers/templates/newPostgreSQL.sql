-- Removes the change log that oldPostgreSQL.sql, or the script of the Java tool, has installed.
--
-- Guide, step 4: run it in the COPY, which has inherited the change log, before the rotation. At the very end,
-- when nobody needs the old database's changes any more, run it in the old database, too. As the owner:
--
--   psql -v ON_ERROR_STOP=1 -f newPostgreSQL.sql "dbname=identity_copy"
--
-- Triggers go before their tables, so that a running server is not disturbed. It may be run again. Tables that
-- are not there are left out. A table that is busy for more than five seconds is an error: run it again.

-- table: ${TABLE}
BEGIN;
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = warning;
DO $section$
DECLARE
    source regclass := pg_catalog.to_regclass('${TABLE}');
    place text := coalesce((SELECT c.relnamespace::pg_catalog.regnamespace::text FROM pg_catalog.pg_class c
        WHERE c.oid OPERATOR(pg_catalog.=) source::pg_catalog.oid), pg_catalog.quote_ident(pg_catalog.current_schema()));
    functions regprocedure[];
    entry regprocedure;
BEGIN
    -- From here on nothing that another role has made is called.
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    functions := ARRAY(
        SELECT tgfoid FROM pg_trigger WHERE tgrelid = source AND starts_with(tgname, '${triggers}_')
        UNION SELECT to_regprocedure(place || '.${triggers}_log()'));
    IF source IS NOT NULL THEN
        EXECUTE format($sql$
            DROP TRIGGER IF EXISTS ${triggers}_insert ON %1$s;
            DROP TRIGGER IF EXISTS ${triggers}_update ON %1$s;
            DROP TRIGGER IF EXISTS ${triggers}_delete ON %1$s;
        $sql$, source);
    END IF;
    FOREACH entry IN ARRAY array_remove(functions, NULL) LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %s', entry);
    END LOOP;
    EXECUTE format('DROP TABLE IF EXISTS %s.${LOG}', place);
END $section$;
COMMIT;
