-- Removes the change log that oldMSSQL.sql, or the script of the Java tool, has installed.
--
-- Guide, step 4: run it in the COPY, which has inherited the change log, before the rotation. At the very end,
-- when nobody needs the old database's changes any more, run it in the old database, too:
--
--   sqlcmd -b -I -S host -d identity_copy -U user -i newMSSQL.sql
--
-- Triggers go before their tables, so that a running server is not disturbed. It may be run again, and needs
-- none of the tables. A table that is busy for more than five seconds is an error (1222): run it again.
--
-- NOT YET RUN ON AN SQL SERVER: another parser of T-SQL reads it, no more. See oldMSSQL.sql.

SET LOCK_TIMEOUT 5000;
GO

-- table: ${TABLE}
DROP TRIGGER IF EXISTS ${triggers}_insert, ${triggers}_update, ${triggers}_delete;
GO
DROP TABLE IF EXISTS ${LOG};
GO
