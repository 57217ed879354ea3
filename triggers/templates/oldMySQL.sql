-- Change log of the old identity database, for MySQL 5.7 and later and MariaDB 10.3 and later, with InnoDB.
--
-- Guide, step 2: the server keeps using the old database while its copy is rotated. These triggers record
-- which rows the server inserts, updates and deletes meanwhile, and keyrotation carries them over. They record
-- only keys, no secrets.
--
-- Run it in the OLD identity database, before the copy is made:
--
--   mysql identity < oldMySQL.sql
--
-- The server may be running, and the script may be run again: entries that are there already stay, and no change
-- is missed meanwhile, since each table is locked while its triggers are replaced. A table that is busy
-- for more than ten seconds is an error: run the script again. On a cluster with several writers the lock
-- holds on one node only: run it again only while nothing is written on the others.
--
-- Before 7.3 there is no table IDN_OAUTH2_REFRESH_TOKEN. Then delete the three sections from there to the end,
-- or use the output of `keyrotation triggers print`. If the client stops there, all before is complete.
--
-- "Column count doesn't match value count": there is a log table of the Java tool, with more columns. Run
-- newMySQL.sql first, or keep the triggers of the Java tool: keyrotation reads them, too.
--
-- The triggers work with the rights of the account that runs this script. It has to stay, with its rights, as
-- long as they are there: CREATE, TRIGGER, LOCK TABLES, SELECT, INSERT and, for newMySQL.sql, DROP on the
-- identity database. With binary logging on, it also needs SUPER, or log_bin_trust_function_creators = 1, or
-- error 1419 ends the script before anything is changed that was there. binlog_format should be ROW or MIXED.
--
-- InnoDB runs no triggers for rows that a foreign key deletes (ON DELETE CASCADE): keyrotation finds these by
-- itself. Nor does TRUNCATE.
--
-- The Identity Server's own user needs nothing. The user of keyrotation needs, where its name is yours
-- (TRIGGER lets it see that the triggers are there):
--
--   GRANT SELECT ON IDN_OAUTH_CONSUMER_APPS TO 'keyrotation'@'%';
--   GRANT SELECT, TRIGGER ON ${TABLE} TO 'keyrotation'@'%';
--   GRANT SELECT, UPDATE, DELETE ON ${LOG} TO 'keyrotation'@'%';
-- and with the refresh token tables of 7.3:
--   GRANT SELECT, TRIGGER ON ${newer TABLE} TO 'keyrotation'@'%';
--   GRANT SELECT, UPDATE, DELETE ON ${newer LOG} TO 'keyrotation'@'%';
--
-- newMySQL.sql removes everything.

SET SESSION lock_wait_timeout = 10;

-- table: ${TABLE}
CREATE TABLE IF NOT EXISTS ${LOG} (
    SYNC_ID BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    ${COLUMN} ${number INTEGER NULL}${text VARCHAR(2048) NULL},
    AVAILABILITY INTEGER NOT NULL,
    SYNCED INTEGER NOT NULL DEFAULT 0,
    CHANGED_AT TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    INDEX ${triggers}_todo (SYNCED, SYNC_ID)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
-- Inserts nothing: an error if there are more columns than these.
INSERT INTO ${LOG} SELECT NULL, ${each NULL}, 1, 0, CURRENT_TIMESTAMP(6) FROM DUAL WHERE FALSE;
-- Does nothing: an error, while all is as it was, if this account may make no triggers.
DROP TRIGGER IF EXISTS ${triggers}_try;
CREATE TRIGGER ${triggers}_try BEFORE INSERT ON ${LOG} FOR EACH ROW SET NEW.SYNCED = NEW.SYNCED;
DROP TRIGGER ${triggers}_try;
LOCK TABLES ${TABLE} WRITE;
DROP TRIGGER IF EXISTS ${triggers}_insert;
CREATE TRIGGER ${triggers}_insert AFTER INSERT ON ${TABLE} FOR EACH ROW
    INSERT INTO ${LOG} (${each COLUMN}, AVAILABILITY)
    VALUES (${each NEW.COLUMN}, 1);
DROP TRIGGER IF EXISTS ${triggers}_key;
CREATE TRIGGER ${triggers}_key AFTER UPDATE ON ${TABLE} FOR EACH ROW
    INSERT INTO ${LOG} (${each COLUMN}, AVAILABILITY)
    SELECT ${each OLD.COLUMN}, 0 FROM DUAL
    WHERE NOT (
        ${number OLD.COLUMN <=> NEW.COLUMN}${text CAST(OLD.COLUMN AS BINARY) <=> CAST(NEW.COLUMN AS BINARY)}${more  AND}${last );}
DROP TRIGGER IF EXISTS ${triggers}_update;
CREATE TRIGGER ${triggers}_update AFTER UPDATE ON ${TABLE} FOR EACH ROW
    INSERT INTO ${LOG} (${each COLUMN}, AVAILABILITY)
    VALUES (${each NEW.COLUMN}, 1);
DROP TRIGGER IF EXISTS ${triggers}_delete;
CREATE TRIGGER ${triggers}_delete AFTER DELETE ON ${TABLE} FOR EACH ROW
    INSERT INTO ${LOG} (${each COLUMN}, AVAILABILITY)
    VALUES (${each OLD.COLUMN}, 0);
UNLOCK TABLES;
