-- Removes the change log that oldSQLite.sql has installed.
--
-- Guide, step 4: run it in the COPY, which has inherited the change log, before the rotation. At the very end,
-- when nobody needs the old database's changes any more, run it in the old database, too:
--
--   sqlite3 -bail identity_copy.db < newSQLite.sql
--
-- It may be run again, and needs none of the tables. SQLite keeps its own table sqlite_sequence, without entries
-- of the log.

-- table: ${TABLE}
BEGIN IMMEDIATE;
DROP TRIGGER IF EXISTS ${triggers}_insert;
DROP TRIGGER IF EXISTS ${triggers}_update;
DROP TRIGGER IF EXISTS ${triggers}_delete;
DROP TABLE IF EXISTS ${LOG};
COMMIT;
