-- Removes the change log that oldOracle.sql, or the script of the Java tool, has installed.
--
-- Guide, step 4: run it in the COPY, which has inherited the change log, before the rotation. At the very end,
-- when nobody needs the old database's changes any more, run it in the old database, too:
--
--   sqlplus -L identity_copy@//host/service @newOracle.sql
--
-- as the owner, or as a DBA after ALTER SESSION SET CURRENT_SCHEMA = identity_copy. Triggers go before their
-- tables, so that a running server is not disturbed. It may be run again, and needs none of the tables. A table
-- that is busy for more than five seconds is an error (ORA-00054, ORA-04021): run it again.
--
-- NOT YET RUN ON AN ORACLE SERVER: another parser of Oracle's SQL reads it, no more. See oldOracle.sql.

WHENEVER SQLERROR EXIT FAILURE

ALTER SESSION SET DDL_LOCK_TIMEOUT = 5
/

-- table: ${TABLE}
BEGIN
    FOR found IN (
        SELECT OBJECT_NAME FROM ALL_OBJECTS
        WHERE OWNER = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND OBJECT_TYPE = 'TRIGGER' AND OBJECT_NAME
            IN ('${TRIGGERS}_INSERT', '${TRIGGERS}_UPDATE', '${TRIGGERS}_DELETE')
    ) LOOP
        EXECUTE IMMEDIATE 'DROP TRIGGER ' || found.OBJECT_NAME;
    END LOOP;
    FOR found IN (
        SELECT TABLE_NAME FROM ALL_TABLES
        WHERE OWNER = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND TABLE_NAME = '${LOG}'
    ) LOOP
        EXECUTE IMMEDIATE 'DROP TABLE ' || found.TABLE_NAME || ' PURGE';
    END LOOP;
END;
/
