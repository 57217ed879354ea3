-- Change log of the old identity database, for SQL Server 2016 SP1 and later, and Azure SQL.
--
-- Guide, step 2: the server keeps using the old database while its copy is rotated. These triggers record
-- which rows the server inserts, updates and deletes meanwhile, and keyrotation carries them over. They record
-- only keys, no secrets.
--
-- Run it in the OLD identity database, before the copy is made, as a user whose default schema has the server's
-- tables (dbo, as a rule), with ALTER on that schema and CREATE TABLE:
--
--   sqlcmd -b -I -S host -d identity -U user -i oldMSSQL.sql
--
-- The server may be running, and the script may be run again: entries that are there already stay, and no change
-- is missed meanwhile. Each table is locked for some milliseconds, once its transactions have ended. A
-- table that is busy for more than five seconds is an error (1222): run the script again. Tables that the
-- database does not have are left out. TRUNCATE is not recorded, nor is a bulk copy without FIRE_TRIGGERS.
-- newMSSQL.sql removes everything.
--
-- NOT YET RUN ON AN SQL SERVER. What was done instead: another parser of T-SQL reads every batch; H2 in its
-- mode for SQL Server executes the log tables, and Derby the triggers' INSERTs, as triggers for statements with
-- the tables inserted and deleted. T-SQL's own statements were only read. Run it in a copy of your database first: docs/databases.md has a list for that.
--
-- SQL Server's own ways, and what is done about them:
-- * A trigger runs once for a statement and sees all its rows in the tables inserted and deleted.
-- * Without SET NOCOUNT ON a trigger's own counts would reach the server's JDBC driver.
-- * Keys are recorded as NVARCHAR with a binary collation, whatever the collation of the database.
-- * QUOTED_IDENTIFIER and ANSI_NULLS are kept with a trigger as they are when it is made: both on, or a table
--   with a filtered index or an indexed view refuses what the trigger does.
-- * A trigger that somebody has disabled is enabled again.
-- * Before 2016 SP1 there is no CREATE OR ALTER: error 156, and nothing is changed.
-- * CHANGED_AT is UTC. Numbers of entries may jump by thousands after a restart, which does not matter.
--
-- The Identity Server's own user needs nothing: the log belongs to who owns the tables. The user of keyrotation
-- needs, where its name and the schema are yours:
--
--   GRANT VIEW DEFINITION ON SCHEMA::dbo TO keyrotation;
--   GRANT SELECT ON IDN_OAUTH_CONSUMER_APPS TO keyrotation;
--   GRANT SELECT ON ${TABLE} TO keyrotation;
--   GRANT SELECT, UPDATE, DELETE ON ${LOG} TO keyrotation;
-- and with the refresh token tables of 7.3:
--   GRANT SELECT ON ${newer TABLE} TO keyrotation;
--   GRANT SELECT, UPDATE, DELETE ON ${newer LOG} TO keyrotation;

SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
SET NOCOUNT ON;
SET LOCK_TIMEOUT 5000;
GO

-- table: ${TABLE}
IF OBJECT_ID(N'${TABLE}', N'U') IS NULL
    SET NOEXEC ON;
GO
IF EXISTS (
    SELECT 1 FROM sys.columns WHERE object_id = OBJECT_ID(N'${LOG}', N'U')
        AND name NOT IN (N'SYNC_ID', ${each N'COLUMN'}, N'AVAILABILITY', N'SYNCED', N'CHANGED_AT')
)
BEGIN
    RAISERROR(N'${LOG} has other columns: run newMSSQL.sql first, or keep the Java tool''s.', 16, 1);
    SET NOEXEC ON;
END;
GO
IF OBJECT_ID(N'${LOG}', N'U') IS NULL
    CREATE TABLE ${LOG} (
        SYNC_ID BIGINT IDENTITY(1, 1) NOT NULL PRIMARY KEY,
        ${COLUMN} ${number INTEGER NULL}${text NVARCHAR(4000) COLLATE Latin1_General_BIN2 NULL},
        AVAILABILITY INTEGER NOT NULL,
        SYNCED INTEGER NOT NULL DEFAULT 0,
        CHANGED_AT DATETIME2(6) NOT NULL DEFAULT SYSUTCDATETIME(),
        INDEX ${triggers}_todo (SYNCED, SYNC_ID)
    );
GO
CREATE OR ALTER TRIGGER ${triggers}_insert ON ${TABLE} AFTER INSERT AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO ${LOG} (${each COLUMN}, AVAILABILITY)
    SELECT ${each COLUMN}, 1 FROM inserted;
END;
GO
CREATE OR ALTER TRIGGER ${triggers}_update ON ${TABLE} AFTER UPDATE AS
BEGIN
    SET NOCOUNT ON;
    IF ${each UPDATE(COLUMN)| OR }
        INSERT INTO ${LOG} (${each COLUMN}, AVAILABILITY)
        SELECT ${each COLUMN}, 0 FROM deleted;
    INSERT INTO ${LOG} (${each COLUMN}, AVAILABILITY)
    SELECT ${each COLUMN}, 1 FROM inserted;
END;
GO
CREATE OR ALTER TRIGGER ${triggers}_delete ON ${TABLE} AFTER DELETE AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO ${LOG} (${each COLUMN}, AVAILABILITY)
    SELECT ${each COLUMN}, 0 FROM deleted;
END;
GO
ENABLE TRIGGER ${triggers}_insert, ${triggers}_update, ${triggers}_delete ON ${TABLE};
GO
SET NOEXEC OFF;
GO
