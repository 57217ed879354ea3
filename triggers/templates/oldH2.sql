-- Change log of the old identity database, for H2 1.4.200 and 2.x.
--
-- Guide, step 2: the server keeps using the old database while its copy is rotated. These triggers record
-- which rows the server inserts, updates and deletes meanwhile, and keyrotation carries them over. They record
-- only keys, no secrets.
--
-- H2 IS NO DATABASE FOR THIS IN PRODUCTION. Its triggers are Java, which H2 compiles each time when it opens the
-- database, in the Java process that has it open. Where that process has no compiler (a JRE), or the compiler does
-- not find H2's classes (in a container of components such as the Identity Server's own), CREATE TRIGGER is an
-- error at best. At worst, after a restart with another Java, EVERY WRITE TO THESE TABLES FAILS, and nobody can log
-- in. So use it to try a rotation out, with H2 as a server of its own on a JDK:
--
--   java -cp h2.jar org.h2.tools.Server -tcp -baseDir /var/lib/h2
--
-- A file that the Identity Server itself has open cannot be read beside it. There, stop the server and rotate
-- without sync: that is all that most H2 databases need.
--
-- Run it in the OLD identity database, before the copy is made, while the Identity Server is stopped: H2 cannot
-- wait for transactions that are under way.
--
--   java -cp h2.jar org.h2.tools.RunScript -url jdbc:h2:tcp://host/identity -user sa -script oldH2.sql
--
-- It may be run again: entries that are there already stay, and so do the triggers.
--
-- Before 7.3 there is no table IDN_OAUTH2_REFRESH_TOKEN. Then delete the three sections from there to the end,
-- or use the output of `keyrotation triggers print`. If the tool stops there, all before is complete.
--
-- "Column count does not match": there is a log table of another tool, with more columns. Run newH2.sql first.
-- TRUNCATE is not recorded. The user who runs it must be an administrator of the database; the user of keyrotation
-- may be, too. newH2.sql removes everything. Executed here on H2 1.4.200 and 2.1.214.
--
-- Each trigger is one class, named like it: H2 1.4.200 compiles no more, and no trigger sees the class of another.
-- They differ by their names and by what they insert. All sessions share the trigger, so it keeps nothing of a row
-- (as H2 1.4.200's TriggerAdapter does, which mixes up the rows of two sessions), only the names of the table's
-- columns. What fire gets is the row before and after the change, or null where there is none.

SET LOCK_TIMEOUT 5000;

-- table: ${TABLE}
CREATE TABLE IF NOT EXISTS ${LOG} (
    SYNC_ID BIGINT AUTO_INCREMENT PRIMARY KEY,
    ${COLUMN} ${number INTEGER}${text VARCHAR(2048)},
    AVAILABILITY INTEGER NOT NULL,
    SYNCED INTEGER DEFAULT 0 NOT NULL,
    CHANGED_AT TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP NOT NULL
);
-- Inserts nothing: an error if there are more columns than these.
INSERT INTO ${LOG} SELECT 0, ${each NULL}, 1, 0, CURRENT_TIMESTAMP WHERE FALSE;
CREATE INDEX IF NOT EXISTS ${triggers}_todo ON ${LOG} (SYNCED, SYNC_ID);
CREATE TRIGGER IF NOT EXISTS ${TRIGGERS}_CHANGE AFTER INSERT, UPDATE, DELETE ON ${TABLE}
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.*;
import java.util.*;

public class ${TRIGGERS}_CHANGE implements org.h2.api.Trigger {
    private final List<String> names = new ArrayList<>();

    public static org.h2.api.Trigger log() { return new ${TRIGGERS}_CHANGE(); }

    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement("SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            for (ResultSet found = ask.executeQuery(); found.next();) names.add(found.getString(1));
        }
    }

    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        if (before != null && !Arrays.equals(key(before), key(after))) note(connection, key(before), 0);
        if (after != null) note(connection, key(after), 1);
    }

    private Object[] key(Object[] row) {
        return row == null ? null : new Object[] {${each row[names.indexOf("COLUMN")]}};
    }

    private void note(Connection connection, Object[] key, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO ${LOG} (${each COLUMN}, AVAILABILITY) VALUES (${each ?}, ?)")) {
            for (int at = 0; at < key.length; at++) entry.setObject(at + 1, key[at]);
            entry.setInt(key.length + 1, availability);
            entry.executeUpdate();
        }
    }

    public void close() { }

    public void remove() { }
}
$$;
-- What the script was before made one trigger for each. An entry that both wrote does no harm.
DROP TRIGGER IF EXISTS ${TRIGGERS}_INSERT;
DROP TRIGGER IF EXISTS ${TRIGGERS}_UPDATE;
DROP TRIGGER IF EXISTS ${TRIGGERS}_DELETE;
