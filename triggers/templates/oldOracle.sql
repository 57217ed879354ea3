-- Change log of the old identity database, for Oracle 12.2 and later.
--
-- Guide, step 2: the server keeps using the old database while its copy is rotated. These triggers record
-- which rows the server inserts, updates and deletes meanwhile, and keyrotation carries them over. They record
-- only keys, no secrets.
--
-- Run it in the OLD identity database, before the copy is made, as the owner of its tables:
--
--   sqlplus -L identity@//host/service @oldOracle.sql
--
-- or as a DBA, after ALTER SESSION SET CURRENT_SCHEMA = identity. The server may be running, and the script may
-- be run again: entries that are there already stay, and no change is missed meanwhile. At the end of each
-- section the table is locked for a moment, so that no transaction is left which began without its triggers. A
-- table that is busy for more than five seconds is an error (ORA-00054, ORA-04021, ORA-30006): run the script
-- again. Tables that the database does not have are left out. TRUNCATE is not recorded. newOracle.sql removes
-- everything.
--
-- NOT YET RUN ON AN ORACLE SERVER. What was done instead: another parser of Oracle's SQL reads every statement
-- (but LOCK TABLE, which it does not know); H2 and HSQLDB in their Oracle modes execute the log tables, and HSQLDB
-- the triggers' INSERTs. PL/SQL was only read. Run it in a copy of your database first: docs/databases.md has a list for that.
--
-- Oracle's own ways, and what is done about them:
-- * Log tables have names of more than 30 bytes, which Oracle takes from 12.2 on with COMPATIBLE = 12.2.0 or
--   more. Before that the script ends with ORA-00972.
-- * A trigger that does not compile is there all the same, and every write of the server would fail (ORA-04098).
--   Such a trigger is dropped at once, and the script ends with ORA-24344.
-- * '' is NULL. None of these keys can be either, but for TOKEN_BINDING_TYPE and TOKEN_BINDING_VALUE.
-- * Names without quotes are in upper case in the catalogue, and so they are looked up.
-- * DDL commits. Each step is good by itself, and is passed over when it is there.
-- * CHANGED_AT is UTC, whatever the session's time zone.
-- * Numbers of entries have gaps, and on RAC they are not in the order of time. keyrotation needs neither.
--
-- Who runs it needs CREATE TABLE, CREATE TRIGGER and room in the tablespace (the roles CONNECT and RESOURCE and
-- a quota do). The Identity Server's own user needs nothing: triggers work with the rights of their owner. Let
-- keyrotation log on as the owner of the tables, too: Oracle shows a table's triggers to nobody else.

WHENEVER SQLERROR EXIT FAILURE

ALTER SESSION SET DDL_LOCK_TIMEOUT = 5
/

-- table: ${TABLE}
DECLARE
    place VARCHAR2(128) := SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA');
    found INTEGER;
    does_not_compile EXCEPTION;
    PRAGMA EXCEPTION_INIT(does_not_compile, -24344);
BEGIN
    SELECT COUNT(*) INTO found FROM ALL_TABLES
    WHERE OWNER = place AND TABLE_NAME = '${TABLE}';
    IF found = 0 THEN
        RETURN;
    END IF;
    SELECT COUNT(*) INTO found FROM ALL_TAB_COLUMNS
    WHERE OWNER = place AND TABLE_NAME = '${LOG}'
        AND COLUMN_NAME NOT IN ('SYNC_ID', ${each 'COLUMN'}, 'AVAILABILITY', 'SYNCED', 'CHANGED_AT');
    IF found > 0 THEN
        RAISE_APPLICATION_ERROR(-20000, '${LOG} has other columns: it is not of this script. '
            || 'Run newOracle.sql first, or keep the triggers of the Java tool: keyrotation reads them.');
    END IF;
    SELECT COUNT(*) INTO found FROM ALL_TABLES
    WHERE OWNER = place AND TABLE_NAME = '${LOG}';
    IF found = 0 THEN
        EXECUTE IMMEDIATE '
        CREATE TABLE ${LOG} (
            SYNC_ID NUMBER(19) GENERATED ALWAYS AS IDENTITY,
            ${COLUMN} ${number INTEGER}${text VARCHAR2(4000)},
            AVAILABILITY INTEGER NOT NULL,
            SYNCED INTEGER DEFAULT 0 NOT NULL,
            CHANGED_AT TIMESTAMP(6) DEFAULT SYS_EXTRACT_UTC(SYSTIMESTAMP) NOT NULL,
            PRIMARY KEY (SYNC_ID),
            CONSTRAINT ${triggers}_todo UNIQUE (SYNCED, SYNC_ID)
        )';
    END IF;
    EXECUTE IMMEDIATE '
        CREATE OR REPLACE TRIGGER ${triggers}_insert
        AFTER INSERT ON ${TABLE} FOR EACH ROW
        BEGIN
            INSERT INTO ${LOG} (${each COLUMN}, AVAILABILITY)
            VALUES (${each :NEW.COLUMN}, 1);
        END;';
    EXECUTE IMMEDIATE '
        CREATE OR REPLACE TRIGGER ${triggers}_update
        AFTER UPDATE ON ${TABLE} FOR EACH ROW
        BEGIN
            IF ${each UPDATING(''COLUMN'')| OR } THEN
                INSERT INTO ${LOG} (${each COLUMN}, AVAILABILITY)
                VALUES (${each :OLD.COLUMN}, 0);
            END IF;
            INSERT INTO ${LOG} (${each COLUMN}, AVAILABILITY)
            VALUES (${each :NEW.COLUMN}, 1);
        END;';
    EXECUTE IMMEDIATE '
        CREATE OR REPLACE TRIGGER ${triggers}_delete
        AFTER DELETE ON ${TABLE} FOR EACH ROW
        BEGIN
            INSERT INTO ${LOG} (${each COLUMN}, AVAILABILITY)
            VALUES (${each :OLD.COLUMN}, 0);
        END;';
    EXECUTE IMMEDIATE 'LOCK TABLE ${TABLE} IN EXCLUSIVE MODE WAIT 5';
    COMMIT;
EXCEPTION
    WHEN does_not_compile THEN
        FOR broken IN (
            SELECT OBJECT_NAME FROM ALL_OBJECTS
            WHERE OWNER = place AND OBJECT_TYPE = 'TRIGGER' AND STATUS = 'INVALID' AND OBJECT_NAME
                IN ('${TRIGGERS}_INSERT', '${TRIGGERS}_UPDATE', '${TRIGGERS}_DELETE')
        ) LOOP
            EXECUTE IMMEDIATE 'DROP TRIGGER ' || broken.OBJECT_NAME;
        END LOOP;
        RAISE;
END;
/
