-- Removes the change log that oldDB2.sql, or the script of the Java tool, has installed.
--
-- Guide, step 4: run it in the COPY, which has inherited the change log, before the rotation. At the very end,
-- when nobody needs the old database's changes any more, run it in the old database, too:
--
--   db2 connect to identcpy user owner
--   db2 set current schema identity
--   db2 -td@ -s -f newDB2.sql
--
-- Triggers go before their tables, so that a running server is not disturbed. It may be run again, and needs
-- none of the tables. A table that is busy for more than five seconds is an error (SQL0911N, reason 68): run it
-- again.
--
-- NOT YET RUN ON A DB2 SERVER: Apache Derby executes what it drops with, the blocks were only read. See oldDB2.sql.

SET CURRENT LOCK TIMEOUT 5@

-- table: ${TABLE}
BEGIN
    IF EXISTS (
        SELECT 1 FROM SYSCAT.TRIGGERS
        WHERE TRIGSCHEMA = CURRENT SCHEMA AND TRIGNAME = '${TRIGGERS}_INSERT'
    ) THEN
        EXECUTE IMMEDIATE 'DROP TRIGGER ${triggers}_insert';
    END IF;
    IF EXISTS (
        SELECT 1 FROM SYSCAT.TRIGGERS
        WHERE TRIGSCHEMA = CURRENT SCHEMA AND TRIGNAME = '${TRIGGERS}_KEY'
    ) THEN
        EXECUTE IMMEDIATE 'DROP TRIGGER ${triggers}_key';
    END IF;
    IF EXISTS (
        SELECT 1 FROM SYSCAT.TRIGGERS
        WHERE TRIGSCHEMA = CURRENT SCHEMA AND TRIGNAME = '${TRIGGERS}_UPDATE'
    ) THEN
        EXECUTE IMMEDIATE 'DROP TRIGGER ${triggers}_update';
    END IF;
    IF EXISTS (
        SELECT 1 FROM SYSCAT.TRIGGERS
        WHERE TRIGSCHEMA = CURRENT SCHEMA AND TRIGNAME = '${TRIGGERS}_DELETE'
    ) THEN
        EXECUTE IMMEDIATE 'DROP TRIGGER ${triggers}_delete';
    END IF;
    IF EXISTS (
        SELECT 1 FROM SYSCAT.TABLES
        WHERE TABSCHEMA = CURRENT SCHEMA AND TABNAME = '${LOG}'
    ) THEN
        EXECUTE IMMEDIATE 'DROP TABLE ${LOG}';
    END IF;
END@
