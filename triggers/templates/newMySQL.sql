-- Removes the change log that oldMySQL.sql, or the script of the Java tool, has installed.
--
-- Guide, step 4: run it in the COPY, which has inherited the change log, before the rotation. At the very end,
-- when nobody needs the old database's changes any more, run it in the old database, too:
--
--   mysql identity_copy < newMySQL.sql
--
-- Triggers go before their tables, so that a running server is not disturbed. It may be run again, and needs
-- none of the tables. A table that is busy for more than ten seconds is an error: run it again. It takes DROP
-- and TRIGGER on the database and, with binary logging on, SUPER or log_bin_trust_function_creators = 1.

SET SESSION lock_wait_timeout = 10;

-- table: ${TABLE}
DROP TRIGGER IF EXISTS ${triggers}_insert;
DROP TRIGGER IF EXISTS ${triggers}_key;
DROP TRIGGER IF EXISTS ${triggers}_update;
DROP TRIGGER IF EXISTS ${triggers}_delete;
DROP TABLE IF EXISTS ${LOG};
