-- Change log of the old identity database, for H2 1.4.200 and 2.x.
--
-- Guide, step 2: while the server goes on with the old database, its copy is rotated. These triggers note
-- which rows the server inserts, updates and deletes meanwhile, and keyrotation brings them over. Only keys
-- are noted, no secrets.
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
-- It may be run again: what is noted already is kept, and triggers that are there stay.
--
-- Before 7.3 there is no table IDN_OAUTH2_REFRESH_TOKEN. Then delete the three sections from there to the end,
-- or take what `keyrotation triggers print` prints. If the tool stops there, all before is complete.
--
-- "Column count does not match": there is a log table of another tool, with more columns. Run newH2.sql first.
-- TRUNCATE is not noted. Who runs it has to be an administrator of the database, and so the user of keyrotation
-- may be, too. newH2.sql removes everything. Executed here on H2 1.4.200 and 2.1.214.
--
-- Each trigger is one class, named like it: H2 1.4.200 compiles no more. All sessions share it, so it keeps nothing
-- of a row (as H2 1.4.200's TriggerAdapter does, which mixes up the rows of two sessions).

SET LOCK_TIMEOUT 5000;

-- table: IDN_IDENTITY_USER_DATA
CREATE TABLE IF NOT EXISTS IDN_IDENTITY_USER_DATA_TEMP (
    SYNC_ID BIGINT AUTO_INCREMENT PRIMARY KEY,
    TENANT_ID INTEGER,
    USER_NAME VARCHAR(2048),
    DATA_KEY VARCHAR(2048),
    AVAILABILITY INTEGER NOT NULL,
    SYNCED INTEGER DEFAULT 0 NOT NULL,
    CHANGED_AT TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP NOT NULL
);
-- Inserts nothing: an error if there are more columns than these.
INSERT INTO IDN_IDENTITY_USER_DATA_TEMP SELECT 0, NULL, NULL, NULL, 1, 0, CURRENT_TIMESTAMP WHERE FALSE;
CREATE INDEX IF NOT EXISTS totp_sync_todo ON IDN_IDENTITY_USER_DATA_TEMP (SYNCED, SYNC_ID);
CREATE TRIGGER IF NOT EXISTS TOTP_SYNC_INSERT AFTER INSERT ON IDN_IDENTITY_USER_DATA
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.h2.api.Trigger;

public class TOTP_SYNC_INSERT implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new TOTP_SYNC_INSERT();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        note(connection, after, 1);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_IDENTITY_USER_DATA_TEMP (TENANT_ID, USER_NAME, DATA_KEY, AVAILABILITY)"
                + " VALUES (?, ?, ?, ?)")) {
            entry.setObject(1, row[columns.indexOf("TENANT_ID")]);
            entry.setObject(2, row[columns.indexOf("USER_NAME")]);
            entry.setObject(3, row[columns.indexOf("DATA_KEY")]);
            entry.setInt(4, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;
CREATE TRIGGER IF NOT EXISTS TOTP_SYNC_UPDATE AFTER UPDATE ON IDN_IDENTITY_USER_DATA
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.h2.api.Trigger;

public class TOTP_SYNC_UPDATE implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new TOTP_SYNC_UPDATE();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        if (moves("TENANT_ID", before, after) ||
                moves("USER_NAME", before, after) ||
                moves("DATA_KEY", before, after)) {
            note(connection, before, 0);
        }
        note(connection, after, 1);
    }

    private boolean moves(String column, Object[] before, Object[] after) {
        int at = columns.indexOf(column);
        return !Objects.equals(before[at], after[at]);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_IDENTITY_USER_DATA_TEMP (TENANT_ID, USER_NAME, DATA_KEY, AVAILABILITY)"
                + " VALUES (?, ?, ?, ?)")) {
            entry.setObject(1, row[columns.indexOf("TENANT_ID")]);
            entry.setObject(2, row[columns.indexOf("USER_NAME")]);
            entry.setObject(3, row[columns.indexOf("DATA_KEY")]);
            entry.setInt(4, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;
CREATE TRIGGER IF NOT EXISTS TOTP_SYNC_DELETE AFTER DELETE ON IDN_IDENTITY_USER_DATA
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.h2.api.Trigger;

public class TOTP_SYNC_DELETE implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new TOTP_SYNC_DELETE();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        note(connection, before, 0);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_IDENTITY_USER_DATA_TEMP (TENANT_ID, USER_NAME, DATA_KEY, AVAILABILITY)"
                + " VALUES (?, ?, ?, ?)")) {
            entry.setObject(1, row[columns.indexOf("TENANT_ID")]);
            entry.setObject(2, row[columns.indexOf("USER_NAME")]);
            entry.setObject(3, row[columns.indexOf("DATA_KEY")]);
            entry.setInt(4, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;

-- table: IDN_OAUTH2_AUTHORIZATION_CODE
CREATE TABLE IF NOT EXISTS IDN_OAUTH2_AUTHORIZATION_CODE_TEMP (
    SYNC_ID BIGINT AUTO_INCREMENT PRIMARY KEY,
    CODE_ID VARCHAR(2048),
    AVAILABILITY INTEGER NOT NULL,
    SYNCED INTEGER DEFAULT 0 NOT NULL,
    CHANGED_AT TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP NOT NULL
);
-- Inserts nothing: an error if there are more columns than these.
INSERT INTO IDN_OAUTH2_AUTHORIZATION_CODE_TEMP SELECT 0, NULL, 1, 0, CURRENT_TIMESTAMP WHERE FALSE;
CREATE INDEX IF NOT EXISTS oauth2_code_sync_todo ON IDN_OAUTH2_AUTHORIZATION_CODE_TEMP (SYNCED, SYNC_ID);
CREATE TRIGGER IF NOT EXISTS OAUTH2_CODE_SYNC_INSERT AFTER INSERT ON IDN_OAUTH2_AUTHORIZATION_CODE
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.h2.api.Trigger;

public class OAUTH2_CODE_SYNC_INSERT implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new OAUTH2_CODE_SYNC_INSERT();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        note(connection, after, 1);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_AUTHORIZATION_CODE_TEMP (CODE_ID, AVAILABILITY)"
                + " VALUES (?, ?)")) {
            entry.setObject(1, row[columns.indexOf("CODE_ID")]);
            entry.setInt(2, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;
CREATE TRIGGER IF NOT EXISTS OAUTH2_CODE_SYNC_UPDATE AFTER UPDATE ON IDN_OAUTH2_AUTHORIZATION_CODE
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.h2.api.Trigger;

public class OAUTH2_CODE_SYNC_UPDATE implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new OAUTH2_CODE_SYNC_UPDATE();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        if (moves("CODE_ID", before, after)) {
            note(connection, before, 0);
        }
        note(connection, after, 1);
    }

    private boolean moves(String column, Object[] before, Object[] after) {
        int at = columns.indexOf(column);
        return !Objects.equals(before[at], after[at]);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_AUTHORIZATION_CODE_TEMP (CODE_ID, AVAILABILITY)"
                + " VALUES (?, ?)")) {
            entry.setObject(1, row[columns.indexOf("CODE_ID")]);
            entry.setInt(2, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;
CREATE TRIGGER IF NOT EXISTS OAUTH2_CODE_SYNC_DELETE AFTER DELETE ON IDN_OAUTH2_AUTHORIZATION_CODE
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.h2.api.Trigger;

public class OAUTH2_CODE_SYNC_DELETE implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new OAUTH2_CODE_SYNC_DELETE();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        note(connection, before, 0);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_AUTHORIZATION_CODE_TEMP (CODE_ID, AVAILABILITY)"
                + " VALUES (?, ?)")) {
            entry.setObject(1, row[columns.indexOf("CODE_ID")]);
            entry.setInt(2, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;

-- table: IDN_OAUTH2_ACCESS_TOKEN
CREATE TABLE IF NOT EXISTS IDN_OAUTH2_ACCESS_TOKEN_TEMP (
    SYNC_ID BIGINT AUTO_INCREMENT PRIMARY KEY,
    TOKEN_ID VARCHAR(2048),
    AVAILABILITY INTEGER NOT NULL,
    SYNCED INTEGER DEFAULT 0 NOT NULL,
    CHANGED_AT TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP NOT NULL
);
-- Inserts nothing: an error if there are more columns than these.
INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_TEMP SELECT 0, NULL, 1, 0, CURRENT_TIMESTAMP WHERE FALSE;
CREATE INDEX IF NOT EXISTS token_sync_todo ON IDN_OAUTH2_ACCESS_TOKEN_TEMP (SYNCED, SYNC_ID);
CREATE TRIGGER IF NOT EXISTS TOKEN_SYNC_INSERT AFTER INSERT ON IDN_OAUTH2_ACCESS_TOKEN
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.h2.api.Trigger;

public class TOKEN_SYNC_INSERT implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new TOKEN_SYNC_INSERT();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        note(connection, after, 1);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_TEMP (TOKEN_ID, AVAILABILITY)"
                + " VALUES (?, ?)")) {
            entry.setObject(1, row[columns.indexOf("TOKEN_ID")]);
            entry.setInt(2, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;
CREATE TRIGGER IF NOT EXISTS TOKEN_SYNC_UPDATE AFTER UPDATE ON IDN_OAUTH2_ACCESS_TOKEN
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.h2.api.Trigger;

public class TOKEN_SYNC_UPDATE implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new TOKEN_SYNC_UPDATE();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        if (moves("TOKEN_ID", before, after)) {
            note(connection, before, 0);
        }
        note(connection, after, 1);
    }

    private boolean moves(String column, Object[] before, Object[] after) {
        int at = columns.indexOf(column);
        return !Objects.equals(before[at], after[at]);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_TEMP (TOKEN_ID, AVAILABILITY)"
                + " VALUES (?, ?)")) {
            entry.setObject(1, row[columns.indexOf("TOKEN_ID")]);
            entry.setInt(2, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;
CREATE TRIGGER IF NOT EXISTS TOKEN_SYNC_DELETE AFTER DELETE ON IDN_OAUTH2_ACCESS_TOKEN
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.h2.api.Trigger;

public class TOKEN_SYNC_DELETE implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new TOKEN_SYNC_DELETE();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        note(connection, before, 0);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_TEMP (TOKEN_ID, AVAILABILITY)"
                + " VALUES (?, ?)")) {
            entry.setObject(1, row[columns.indexOf("TOKEN_ID")]);
            entry.setInt(2, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;

-- table: IDN_OAUTH2_ACCESS_TOKEN_SCOPE
CREATE TABLE IF NOT EXISTS IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP (
    SYNC_ID BIGINT AUTO_INCREMENT PRIMARY KEY,
    TOKEN_ID VARCHAR(2048),
    TOKEN_SCOPE VARCHAR(2048),
    AVAILABILITY INTEGER NOT NULL,
    SYNCED INTEGER DEFAULT 0 NOT NULL,
    CHANGED_AT TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP NOT NULL
);
-- Inserts nothing: an error if there are more columns than these.
INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP SELECT 0, NULL, NULL, 1, 0, CURRENT_TIMESTAMP WHERE FALSE;
CREATE INDEX IF NOT EXISTS scope_sync_todo ON IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP (SYNCED, SYNC_ID);
CREATE TRIGGER IF NOT EXISTS SCOPE_SYNC_INSERT AFTER INSERT ON IDN_OAUTH2_ACCESS_TOKEN_SCOPE
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.h2.api.Trigger;

public class SCOPE_SYNC_INSERT implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new SCOPE_SYNC_INSERT();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        note(connection, after, 1);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP (TOKEN_ID, TOKEN_SCOPE, AVAILABILITY)"
                + " VALUES (?, ?, ?)")) {
            entry.setObject(1, row[columns.indexOf("TOKEN_ID")]);
            entry.setObject(2, row[columns.indexOf("TOKEN_SCOPE")]);
            entry.setInt(3, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;
CREATE TRIGGER IF NOT EXISTS SCOPE_SYNC_UPDATE AFTER UPDATE ON IDN_OAUTH2_ACCESS_TOKEN_SCOPE
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.h2.api.Trigger;

public class SCOPE_SYNC_UPDATE implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new SCOPE_SYNC_UPDATE();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        if (moves("TOKEN_ID", before, after) || moves("TOKEN_SCOPE", before, after)) {
            note(connection, before, 0);
        }
        note(connection, after, 1);
    }

    private boolean moves(String column, Object[] before, Object[] after) {
        int at = columns.indexOf(column);
        return !Objects.equals(before[at], after[at]);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP (TOKEN_ID, TOKEN_SCOPE, AVAILABILITY)"
                + " VALUES (?, ?, ?)")) {
            entry.setObject(1, row[columns.indexOf("TOKEN_ID")]);
            entry.setObject(2, row[columns.indexOf("TOKEN_SCOPE")]);
            entry.setInt(3, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;
CREATE TRIGGER IF NOT EXISTS SCOPE_SYNC_DELETE AFTER DELETE ON IDN_OAUTH2_ACCESS_TOKEN_SCOPE
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.h2.api.Trigger;

public class SCOPE_SYNC_DELETE implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new SCOPE_SYNC_DELETE();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        note(connection, before, 0);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP (TOKEN_ID, TOKEN_SCOPE, AVAILABILITY)"
                + " VALUES (?, ?, ?)")) {
            entry.setObject(1, row[columns.indexOf("TOKEN_ID")]);
            entry.setObject(2, row[columns.indexOf("TOKEN_SCOPE")]);
            entry.setInt(3, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;

-- table: IDN_OAUTH2_TOKEN_BINDING
CREATE TABLE IF NOT EXISTS IDN_OAUTH2_TOKEN_BINDING_TEMP (
    SYNC_ID BIGINT AUTO_INCREMENT PRIMARY KEY,
    TOKEN_ID VARCHAR(2048),
    TOKEN_BINDING_TYPE VARCHAR(2048),
    TOKEN_BINDING_VALUE VARCHAR(2048),
    AVAILABILITY INTEGER NOT NULL,
    SYNCED INTEGER DEFAULT 0 NOT NULL,
    CHANGED_AT TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP NOT NULL
);
-- Inserts nothing: an error if there are more columns than these.
INSERT INTO IDN_OAUTH2_TOKEN_BINDING_TEMP SELECT 0, NULL, NULL, NULL, 1, 0, CURRENT_TIMESTAMP WHERE FALSE;
CREATE INDEX IF NOT EXISTS token_binding_sync_todo ON IDN_OAUTH2_TOKEN_BINDING_TEMP (SYNCED, SYNC_ID);
CREATE TRIGGER IF NOT EXISTS TOKEN_BINDING_SYNC_INSERT AFTER INSERT ON IDN_OAUTH2_TOKEN_BINDING
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.h2.api.Trigger;

public class TOKEN_BINDING_SYNC_INSERT implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new TOKEN_BINDING_SYNC_INSERT();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        note(connection, after, 1);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_TOKEN_BINDING_TEMP"
                + " (TOKEN_ID, TOKEN_BINDING_TYPE, TOKEN_BINDING_VALUE, AVAILABILITY)"
                + " VALUES (?, ?, ?, ?)")) {
            entry.setObject(1, row[columns.indexOf("TOKEN_ID")]);
            entry.setObject(2, row[columns.indexOf("TOKEN_BINDING_TYPE")]);
            entry.setObject(3, row[columns.indexOf("TOKEN_BINDING_VALUE")]);
            entry.setInt(4, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;
CREATE TRIGGER IF NOT EXISTS TOKEN_BINDING_SYNC_UPDATE AFTER UPDATE ON IDN_OAUTH2_TOKEN_BINDING
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.h2.api.Trigger;

public class TOKEN_BINDING_SYNC_UPDATE implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new TOKEN_BINDING_SYNC_UPDATE();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        if (moves("TOKEN_ID", before, after) ||
                moves("TOKEN_BINDING_TYPE", before, after) ||
                moves("TOKEN_BINDING_VALUE", before, after)) {
            note(connection, before, 0);
        }
        note(connection, after, 1);
    }

    private boolean moves(String column, Object[] before, Object[] after) {
        int at = columns.indexOf(column);
        return !Objects.equals(before[at], after[at]);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_TOKEN_BINDING_TEMP"
                + " (TOKEN_ID, TOKEN_BINDING_TYPE, TOKEN_BINDING_VALUE, AVAILABILITY)"
                + " VALUES (?, ?, ?, ?)")) {
            entry.setObject(1, row[columns.indexOf("TOKEN_ID")]);
            entry.setObject(2, row[columns.indexOf("TOKEN_BINDING_TYPE")]);
            entry.setObject(3, row[columns.indexOf("TOKEN_BINDING_VALUE")]);
            entry.setInt(4, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;
CREATE TRIGGER IF NOT EXISTS TOKEN_BINDING_SYNC_DELETE AFTER DELETE ON IDN_OAUTH2_TOKEN_BINDING
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.h2.api.Trigger;

public class TOKEN_BINDING_SYNC_DELETE implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new TOKEN_BINDING_SYNC_DELETE();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        note(connection, before, 0);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_TOKEN_BINDING_TEMP"
                + " (TOKEN_ID, TOKEN_BINDING_TYPE, TOKEN_BINDING_VALUE, AVAILABILITY)"
                + " VALUES (?, ?, ?, ?)")) {
            entry.setObject(1, row[columns.indexOf("TOKEN_ID")]);
            entry.setObject(2, row[columns.indexOf("TOKEN_BINDING_TYPE")]);
            entry.setObject(3, row[columns.indexOf("TOKEN_BINDING_VALUE")]);
            entry.setInt(4, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;

-- table: IDN_OAUTH2_AUTHZ_CODE_SCOPE
CREATE TABLE IF NOT EXISTS IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP (
    SYNC_ID BIGINT AUTO_INCREMENT PRIMARY KEY,
    CODE_ID VARCHAR(2048),
    SCOPE VARCHAR(2048),
    AVAILABILITY INTEGER NOT NULL,
    SYNCED INTEGER DEFAULT 0 NOT NULL,
    CHANGED_AT TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP NOT NULL
);
-- Inserts nothing: an error if there are more columns than these.
INSERT INTO IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP SELECT 0, NULL, NULL, 1, 0, CURRENT_TIMESTAMP WHERE FALSE;
CREATE INDEX IF NOT EXISTS code_scope_sync_todo ON IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP (SYNCED, SYNC_ID);
CREATE TRIGGER IF NOT EXISTS CODE_SCOPE_SYNC_INSERT AFTER INSERT ON IDN_OAUTH2_AUTHZ_CODE_SCOPE
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.h2.api.Trigger;

public class CODE_SCOPE_SYNC_INSERT implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new CODE_SCOPE_SYNC_INSERT();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        note(connection, after, 1);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP (CODE_ID, SCOPE, AVAILABILITY)"
                + " VALUES (?, ?, ?)")) {
            entry.setObject(1, row[columns.indexOf("CODE_ID")]);
            entry.setObject(2, row[columns.indexOf("SCOPE")]);
            entry.setInt(3, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;
CREATE TRIGGER IF NOT EXISTS CODE_SCOPE_SYNC_UPDATE AFTER UPDATE ON IDN_OAUTH2_AUTHZ_CODE_SCOPE
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.h2.api.Trigger;

public class CODE_SCOPE_SYNC_UPDATE implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new CODE_SCOPE_SYNC_UPDATE();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        if (moves("CODE_ID", before, after) || moves("SCOPE", before, after)) {
            note(connection, before, 0);
        }
        note(connection, after, 1);
    }

    private boolean moves(String column, Object[] before, Object[] after) {
        int at = columns.indexOf(column);
        return !Objects.equals(before[at], after[at]);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP (CODE_ID, SCOPE, AVAILABILITY)"
                + " VALUES (?, ?, ?)")) {
            entry.setObject(1, row[columns.indexOf("CODE_ID")]);
            entry.setObject(2, row[columns.indexOf("SCOPE")]);
            entry.setInt(3, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;
CREATE TRIGGER IF NOT EXISTS CODE_SCOPE_SYNC_DELETE AFTER DELETE ON IDN_OAUTH2_AUTHZ_CODE_SCOPE
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.h2.api.Trigger;

public class CODE_SCOPE_SYNC_DELETE implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new CODE_SCOPE_SYNC_DELETE();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        note(connection, before, 0);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP (CODE_ID, SCOPE, AVAILABILITY)"
                + " VALUES (?, ?, ?)")) {
            entry.setObject(1, row[columns.indexOf("CODE_ID")]);
            entry.setObject(2, row[columns.indexOf("SCOPE")]);
            entry.setInt(3, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;

-- table: IDN_OAUTH2_REFRESH_TOKEN
CREATE TABLE IF NOT EXISTS IDN_OAUTH2_REFRESH_TOKEN_TEMP (
    SYNC_ID BIGINT AUTO_INCREMENT PRIMARY KEY,
    REFRESH_TOKEN_ID VARCHAR(2048),
    AVAILABILITY INTEGER NOT NULL,
    SYNCED INTEGER DEFAULT 0 NOT NULL,
    CHANGED_AT TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP NOT NULL
);
-- Inserts nothing: an error if there are more columns than these.
INSERT INTO IDN_OAUTH2_REFRESH_TOKEN_TEMP SELECT 0, NULL, 1, 0, CURRENT_TIMESTAMP WHERE FALSE;
CREATE INDEX IF NOT EXISTS refresh_token_sync_todo ON IDN_OAUTH2_REFRESH_TOKEN_TEMP (SYNCED, SYNC_ID);
CREATE TRIGGER IF NOT EXISTS REFRESH_TOKEN_SYNC_INSERT AFTER INSERT ON IDN_OAUTH2_REFRESH_TOKEN
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.h2.api.Trigger;

public class REFRESH_TOKEN_SYNC_INSERT implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new REFRESH_TOKEN_SYNC_INSERT();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        note(connection, after, 1);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_REFRESH_TOKEN_TEMP (REFRESH_TOKEN_ID, AVAILABILITY)"
                + " VALUES (?, ?)")) {
            entry.setObject(1, row[columns.indexOf("REFRESH_TOKEN_ID")]);
            entry.setInt(2, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;
CREATE TRIGGER IF NOT EXISTS REFRESH_TOKEN_SYNC_UPDATE AFTER UPDATE ON IDN_OAUTH2_REFRESH_TOKEN
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.h2.api.Trigger;

public class REFRESH_TOKEN_SYNC_UPDATE implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new REFRESH_TOKEN_SYNC_UPDATE();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        if (moves("REFRESH_TOKEN_ID", before, after)) {
            note(connection, before, 0);
        }
        note(connection, after, 1);
    }

    private boolean moves(String column, Object[] before, Object[] after) {
        int at = columns.indexOf(column);
        return !Objects.equals(before[at], after[at]);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_REFRESH_TOKEN_TEMP (REFRESH_TOKEN_ID, AVAILABILITY)"
                + " VALUES (?, ?)")) {
            entry.setObject(1, row[columns.indexOf("REFRESH_TOKEN_ID")]);
            entry.setInt(2, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;
CREATE TRIGGER IF NOT EXISTS REFRESH_TOKEN_SYNC_DELETE AFTER DELETE ON IDN_OAUTH2_REFRESH_TOKEN
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.h2.api.Trigger;

public class REFRESH_TOKEN_SYNC_DELETE implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new REFRESH_TOKEN_SYNC_DELETE();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        note(connection, before, 0);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_REFRESH_TOKEN_TEMP (REFRESH_TOKEN_ID, AVAILABILITY)"
                + " VALUES (?, ?)")) {
            entry.setObject(1, row[columns.indexOf("REFRESH_TOKEN_ID")]);
            entry.setInt(2, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;

-- table: IDN_OAUTH2_REFRESH_TOKEN_SCOPE
CREATE TABLE IF NOT EXISTS IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP (
    SYNC_ID BIGINT AUTO_INCREMENT PRIMARY KEY,
    REFRESH_TOKEN_ID VARCHAR(2048),
    TOKEN_SCOPE VARCHAR(2048),
    AVAILABILITY INTEGER NOT NULL,
    SYNCED INTEGER DEFAULT 0 NOT NULL,
    CHANGED_AT TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP NOT NULL
);
-- Inserts nothing: an error if there are more columns than these.
INSERT INTO IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP SELECT 0, NULL, NULL, 1, 0, CURRENT_TIMESTAMP WHERE FALSE;
CREATE INDEX IF NOT EXISTS refresh_scope_sync_todo ON IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP (SYNCED, SYNC_ID);
CREATE TRIGGER IF NOT EXISTS REFRESH_SCOPE_SYNC_INSERT AFTER INSERT ON IDN_OAUTH2_REFRESH_TOKEN_SCOPE
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.h2.api.Trigger;

public class REFRESH_SCOPE_SYNC_INSERT implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new REFRESH_SCOPE_SYNC_INSERT();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        note(connection, after, 1);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP (REFRESH_TOKEN_ID, TOKEN_SCOPE, AVAILABILITY)"
                + " VALUES (?, ?, ?)")) {
            entry.setObject(1, row[columns.indexOf("REFRESH_TOKEN_ID")]);
            entry.setObject(2, row[columns.indexOf("TOKEN_SCOPE")]);
            entry.setInt(3, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;
CREATE TRIGGER IF NOT EXISTS REFRESH_SCOPE_SYNC_UPDATE AFTER UPDATE ON IDN_OAUTH2_REFRESH_TOKEN_SCOPE
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.h2.api.Trigger;

public class REFRESH_SCOPE_SYNC_UPDATE implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new REFRESH_SCOPE_SYNC_UPDATE();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        if (moves("REFRESH_TOKEN_ID", before, after) || moves("TOKEN_SCOPE", before, after)) {
            note(connection, before, 0);
        }
        note(connection, after, 1);
    }

    private boolean moves(String column, Object[] before, Object[] after) {
        int at = columns.indexOf(column);
        return !Objects.equals(before[at], after[at]);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP (REFRESH_TOKEN_ID, TOKEN_SCOPE, AVAILABILITY)"
                + " VALUES (?, ?, ?)")) {
            entry.setObject(1, row[columns.indexOf("REFRESH_TOKEN_ID")]);
            entry.setObject(2, row[columns.indexOf("TOKEN_SCOPE")]);
            entry.setInt(3, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;
CREATE TRIGGER IF NOT EXISTS REFRESH_SCOPE_SYNC_DELETE AFTER DELETE ON IDN_OAUTH2_REFRESH_TOKEN_SCOPE
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.h2.api.Trigger;

public class REFRESH_SCOPE_SYNC_DELETE implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new REFRESH_SCOPE_SYNC_DELETE();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        note(connection, before, 0);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP (REFRESH_TOKEN_ID, TOKEN_SCOPE, AVAILABILITY)"
                + " VALUES (?, ?, ?)")) {
            entry.setObject(1, row[columns.indexOf("REFRESH_TOKEN_ID")]);
            entry.setObject(2, row[columns.indexOf("TOKEN_SCOPE")]);
            entry.setInt(3, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;

-- table: IDN_OAUTH2_REFRESH_TOKEN_BINDING
CREATE TABLE IF NOT EXISTS IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP (
    SYNC_ID BIGINT AUTO_INCREMENT PRIMARY KEY,
    REFRESH_TOKEN_ID VARCHAR(2048),
    TOKEN_BINDING_TYPE VARCHAR(2048),
    TOKEN_BINDING_VALUE VARCHAR(2048),
    AVAILABILITY INTEGER NOT NULL,
    SYNCED INTEGER DEFAULT 0 NOT NULL,
    CHANGED_AT TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP NOT NULL
);
-- Inserts nothing: an error if there are more columns than these.
INSERT INTO IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP SELECT 0, NULL, NULL, NULL, 1, 0, CURRENT_TIMESTAMP WHERE FALSE;
CREATE INDEX IF NOT EXISTS refresh_binding_sync_todo ON IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP (SYNCED, SYNC_ID);
CREATE TRIGGER IF NOT EXISTS REFRESH_BINDING_SYNC_INSERT AFTER INSERT ON IDN_OAUTH2_REFRESH_TOKEN_BINDING
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.h2.api.Trigger;

public class REFRESH_BINDING_SYNC_INSERT implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new REFRESH_BINDING_SYNC_INSERT();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        note(connection, after, 1);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP"
                + " (REFRESH_TOKEN_ID, TOKEN_BINDING_TYPE, TOKEN_BINDING_VALUE, AVAILABILITY)"
                + " VALUES (?, ?, ?, ?)")) {
            entry.setObject(1, row[columns.indexOf("REFRESH_TOKEN_ID")]);
            entry.setObject(2, row[columns.indexOf("TOKEN_BINDING_TYPE")]);
            entry.setObject(3, row[columns.indexOf("TOKEN_BINDING_VALUE")]);
            entry.setInt(4, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;
CREATE TRIGGER IF NOT EXISTS REFRESH_BINDING_SYNC_UPDATE AFTER UPDATE ON IDN_OAUTH2_REFRESH_TOKEN_BINDING
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.h2.api.Trigger;

public class REFRESH_BINDING_SYNC_UPDATE implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new REFRESH_BINDING_SYNC_UPDATE();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        if (moves("REFRESH_TOKEN_ID", before, after) ||
                moves("TOKEN_BINDING_TYPE", before, after) ||
                moves("TOKEN_BINDING_VALUE", before, after)) {
            note(connection, before, 0);
        }
        note(connection, after, 1);
    }

    private boolean moves(String column, Object[] before, Object[] after) {
        int at = columns.indexOf(column);
        return !Objects.equals(before[at], after[at]);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP"
                + " (REFRESH_TOKEN_ID, TOKEN_BINDING_TYPE, TOKEN_BINDING_VALUE, AVAILABILITY)"
                + " VALUES (?, ?, ?, ?)")) {
            entry.setObject(1, row[columns.indexOf("REFRESH_TOKEN_ID")]);
            entry.setObject(2, row[columns.indexOf("TOKEN_BINDING_TYPE")]);
            entry.setObject(3, row[columns.indexOf("TOKEN_BINDING_VALUE")]);
            entry.setInt(4, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;
CREATE TRIGGER IF NOT EXISTS REFRESH_BINDING_SYNC_DELETE AFTER DELETE ON IDN_OAUTH2_REFRESH_TOKEN_BINDING
FOR EACH ROW AS $$package org.h2.dynamic.trigger;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.h2.api.Trigger;

public class REFRESH_BINDING_SYNC_DELETE implements Trigger {
    private final List<String> columns = new ArrayList<>();

    public static Trigger log() {
        return new REFRESH_BINDING_SYNC_DELETE();
    }

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        try (PreparedStatement ask = connection.prepareStatement(
                "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS"
                + " WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION")) {
            ask.setString(1, schema);
            ask.setString(2, table);
            try (ResultSet names = ask.executeQuery()) {
                while (names.next()) {
                    columns.add(names.getString(1));
                }
            }
        }
    }

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        note(connection, before, 0);
    }

    private void note(Connection connection, Object[] row, int availability) throws SQLException {
        try (PreparedStatement entry = connection.prepareStatement(
                "INSERT INTO IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP"
                + " (REFRESH_TOKEN_ID, TOKEN_BINDING_TYPE, TOKEN_BINDING_VALUE, AVAILABILITY)"
                + " VALUES (?, ?, ?, ?)")) {
            entry.setObject(1, row[columns.indexOf("REFRESH_TOKEN_ID")]);
            entry.setObject(2, row[columns.indexOf("TOKEN_BINDING_TYPE")]);
            entry.setObject(3, row[columns.indexOf("TOKEN_BINDING_VALUE")]);
            entry.setInt(4, availability);
            entry.executeUpdate();
        }
    }

    @Override
    public void close() {
    }

    @Override
    public void remove() {
    }
}
$$;
