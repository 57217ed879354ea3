-- Change log of the old identity database, for SQLite 3.35 and later.
--
-- Guide, step 2: the server keeps using the old database while its copy is rotated. These triggers record
-- which rows the server inserts, updates and deletes meanwhile, and keyrotation carries them over. They record
-- only keys, no secrets.
--
-- Run it in the OLD identity database, before the copy is made:
--
--   sqlite3 -bail identity.db < oldSQLite.sql
--
-- The server may be running, and the script may be run again: entries that are there already stay, and no change
-- is missed meanwhile. A database that is busy is an error: run the script again.
--
-- Before 7.3 there is no table IDN_OAUTH2_REFRESH_TOKEN. Then delete the three sections from there to the end,
-- or use the output of `keyrotation triggers print`. If the client stops there, all before is complete.
--
-- "table ... has ... columns but ... values were supplied": there is a log table of another tool, with more
-- columns. Run newSQLite.sql first, or keep the triggers of that tool: keyrotation reads them, too.
--
-- A row that INSERT OR REPLACE removes is not recorded, unless PRAGMA recursive_triggers is on.
-- SQLite has no users: whoever may write the file needs nothing else. newSQLite.sql removes everything.

-- table: ${TABLE}
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS ${LOG} (
    SYNC_ID INTEGER PRIMARY KEY AUTOINCREMENT,
    ${COLUMN} ${number INTEGER}${text TEXT},
    AVAILABILITY INTEGER NOT NULL,
    SYNCED INTEGER NOT NULL DEFAULT 0,
    CHANGED_AT TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
);
-- Inserts nothing: an error if there are more columns than these.
INSERT INTO ${LOG} SELECT NULL, ${each NULL}, 1, 0, '' WHERE FALSE;
CREATE INDEX IF NOT EXISTS ${triggers}_todo ON ${LOG} (SYNCED, SYNC_ID);
DROP TRIGGER IF EXISTS ${triggers}_insert;
DROP TRIGGER IF EXISTS ${triggers}_update;
DROP TRIGGER IF EXISTS ${triggers}_delete;
CREATE TRIGGER ${triggers}_insert AFTER INSERT ON ${TABLE} BEGIN
    INSERT INTO ${LOG} (${each COLUMN}, AVAILABILITY)
    VALUES (${each NEW.COLUMN}, 1);
END;
CREATE TRIGGER ${triggers}_update AFTER UPDATE ON ${TABLE} BEGIN
    INSERT INTO ${LOG} (${each COLUMN}, AVAILABILITY)
    SELECT ${each OLD.COLUMN}, 0
    WHERE
        OLD.${COLUMN} IS NOT NEW.${COLUMN}${text  COLLATE BINARY}${more  OR}${last ;}
    INSERT INTO ${LOG} (${each COLUMN}, AVAILABILITY)
    VALUES (${each NEW.COLUMN}, 1);
END;
CREATE TRIGGER ${triggers}_delete AFTER DELETE ON ${TABLE} BEGIN
    INSERT INTO ${LOG} (${each COLUMN}, AVAILABILITY)
    VALUES (${each OLD.COLUMN}, 0);
END;
COMMIT;
