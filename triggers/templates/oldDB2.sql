-- Change log of the old identity database, for Db2 for Linux, UNIX and Windows, 10.5 and later. Not for z/OS or
-- IBM i.
--
-- Guide, step 2: the server keeps using the old database while its copy is rotated. These triggers record
-- which rows the server inserts, updates and deletes meanwhile, and keyrotation carries them over. They record
-- only keys, no secrets.
--
-- Run it in the OLD identity database, before the copy is made, with the terminator @:
--
--   db2 connect to identity user owner
--   db2 set current schema identity
--   db2 -td@ -s -f oldDB2.sql
--
-- The server may be running, and the script may be run again: entries that are there already stay, and no change
-- is missed meanwhile. Each table is locked for some milliseconds, once its transactions have ended, and
-- each section is a transaction: whole, or nothing. Leave autocommit on. A table that is busy for more than five
-- seconds is an error (SQL0911N, reason 68): run the script again. Tables that the database does not have are
-- left out. TRUNCATE, and LOAD, are not recorded. newDB2.sql removes everything.
--
-- NOT YET RUN ON A DB2 SERVER. What was done instead: Apache Derby, whose SQL is a part of Db2's, executes the log
-- tables, the locks and all triggers (without OR REPLACE, which it does not have), and HSQLDB the blocks around
-- them, as procedures. Run it in a copy of your database first: docs/databases.md has a list for that.
--
-- Db2's own ways, and what is done about them:
-- * There is no CREATE TABLE IF NOT EXISTS before 11.5: the catalogue is asked, and what is made is a text.
-- * A key column counts bytes or characters. A log that is narrower than its table would refuse the server's
--   writes, so the script compares both, and ends with SQLSTATE 75001 before it does so.
-- * The log's rows fit a page of 4 KB, whatever table space they come to be in.
-- * Comparisons may ignore case. So keys are not compared: an UPDATE that names a key column notes the old key.
-- * CHANGED_AT is the server's local time. In the hour when clocks go back, how long an entry has waited is wrong.
-- * Numbers of entries have gaps, which does not matter.
--
-- Who runs it needs CREATETAB, CREATEIN on the schema and CONTROL on the tables, or DBADM. Triggers work with the
-- rights of who made them: this user has to keep them. The Identity Server's own user needs nothing. The user of
-- keyrotation needs, where its name and the schema are yours:
--
--   GRANT SELECT ON IDN_OAUTH_CONSUMER_APPS TO USER keyrotation
--   GRANT SELECT ON ${TABLE} TO USER keyrotation
--   GRANT SELECT, UPDATE, DELETE ON ${LOG} TO USER keyrotation
-- and with the refresh token tables of 7.3:
--   GRANT SELECT ON ${newer TABLE} TO USER keyrotation
--   GRANT SELECT, UPDATE, DELETE ON ${newer LOG} TO USER keyrotation

SET CURRENT LOCK TIMEOUT 5@

-- table: ${TABLE}
BEGIN
    IF EXISTS (
        SELECT 1 FROM SYSCAT.TABLES
        WHERE TABSCHEMA = CURRENT SCHEMA AND TABNAME = '${TABLE}' AND TYPE = 'T'
    ) THEN
        IF EXISTS (
            SELECT 1 FROM SYSCAT.COLUMNS
            WHERE TABSCHEMA = CURRENT SCHEMA AND TABNAME = '${LOG}'
                AND COLNAME NOT IN ('SYNC_ID', ${each 'COLUMN'}, 'AVAILABILITY', 'SYNCED', 'CHANGED_AT')
        ) THEN
            SIGNAL SQLSTATE '75000' SET MESSAGE_TEXT = 'the log has other columns: run newDB2.sql first';
        END IF;
        EXECUTE IMMEDIATE 'LOCK TABLE ${TABLE} IN EXCLUSIVE MODE';
        IF NOT EXISTS (
            SELECT 1 FROM SYSCAT.TABLES
            WHERE TABSCHEMA = CURRENT SCHEMA AND TABNAME = '${LOG}'
        ) THEN
            EXECUTE IMMEDIATE '
            CREATE TABLE ${LOG} (
                SYNC_ID BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY,
                ${COLUMN} ${number INTEGER}${text VARCHAR(1020)|TOKEN_BINDING_TYPE: VARCHAR(512)|TOKEN_BINDING_VALUE: VARCHAR(2048)},
                AVAILABILITY INTEGER NOT NULL,
                SYNCED INTEGER NOT NULL DEFAULT 0,
                CHANGED_AT TIMESTAMP NOT NULL DEFAULT CURRENT TIMESTAMP,
                PRIMARY KEY (SYNC_ID),
                CONSTRAINT ${triggers}_todo UNIQUE (SYNCED, SYNC_ID)
            )';
        END IF;
        IF EXISTS (
            SELECT 1 FROM SYSCAT.COLUMNS AS s JOIN SYSCAT.COLUMNS AS l
                ON l.TABSCHEMA = s.TABSCHEMA AND l.COLNAME = s.COLNAME AND l.LENGTH < s.LENGTH
            WHERE s.TABSCHEMA = CURRENT SCHEMA
                AND s.TABNAME = '${TABLE}' AND l.TABNAME = '${LOG}'
        ) THEN
            SIGNAL SQLSTATE '75001' SET MESSAGE_TEXT = 'a key column is wider than in the log: widen it here';
        END IF;
        EXECUTE IMMEDIATE '
            CREATE OR REPLACE TRIGGER ${triggers}_insert
            AFTER INSERT ON ${TABLE}
            REFERENCING NEW AS n FOR EACH ROW MODE DB2SQL
            INSERT INTO ${LOG} (${each COLUMN}, AVAILABILITY)
            VALUES (${each n.COLUMN}, 1)';
        EXECUTE IMMEDIATE '
            CREATE OR REPLACE TRIGGER ${triggers}_key
            AFTER UPDATE OF ${each COLUMN} ON ${TABLE}
            REFERENCING OLD AS o FOR EACH ROW MODE DB2SQL
            INSERT INTO ${LOG} (${each COLUMN}, AVAILABILITY)
            VALUES (${each o.COLUMN}, 0)';
        EXECUTE IMMEDIATE '
            CREATE OR REPLACE TRIGGER ${triggers}_update
            AFTER UPDATE ON ${TABLE}
            REFERENCING NEW AS n FOR EACH ROW MODE DB2SQL
            INSERT INTO ${LOG} (${each COLUMN}, AVAILABILITY)
            VALUES (${each n.COLUMN}, 1)';
        EXECUTE IMMEDIATE '
            CREATE OR REPLACE TRIGGER ${triggers}_delete
            AFTER DELETE ON ${TABLE}
            REFERENCING OLD AS o FOR EACH ROW MODE DB2SQL
            INSERT INTO ${LOG} (${each COLUMN}, AVAILABILITY)
            VALUES (${each o.COLUMN}, 0)';
    END IF;
END@
