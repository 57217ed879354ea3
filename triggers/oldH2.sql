-- Change log of the old identity database, for H2 2.x. (1.4.200 cannot compile these triggers: tried here.)
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
-- may be, too. newH2.sql removes everything. Executed here on H2 2.1.214.

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
CREATE TRIGGER IF NOT EXISTS totp_sync_insert AFTER INSERT ON IDN_IDENTITY_USER_DATA
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            note(connection, after, 1);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_IDENTITY_USER_DATA_TEMP (TENANT_ID, USER_NAME, DATA_KEY, AVAILABILITY)"
                    + " VALUES (?, ?, ?, ?)")) {
                entry.setObject(1, row.getObject("TENANT_ID"));
                entry.setObject(2, row.getObject("USER_NAME"));
                entry.setObject(3, row.getObject("DATA_KEY"));
                entry.setInt(4, availability);
                entry.executeUpdate();
            }
        }
    };
}
$$;
CREATE TRIGGER IF NOT EXISTS totp_sync_update AFTER UPDATE ON IDN_IDENTITY_USER_DATA
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            if (!java.util.Objects.equals(before.getObject("TENANT_ID"), after.getObject("TENANT_ID")) ||
                    !java.util.Objects.equals(before.getObject("USER_NAME"), after.getObject("USER_NAME")) ||
                    !java.util.Objects.equals(before.getObject("DATA_KEY"), after.getObject("DATA_KEY"))) {
                note(connection, before, 0);
            }
            note(connection, after, 1);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_IDENTITY_USER_DATA_TEMP (TENANT_ID, USER_NAME, DATA_KEY, AVAILABILITY)"
                    + " VALUES (?, ?, ?, ?)")) {
                entry.setObject(1, row.getObject("TENANT_ID"));
                entry.setObject(2, row.getObject("USER_NAME"));
                entry.setObject(3, row.getObject("DATA_KEY"));
                entry.setInt(4, availability);
                entry.executeUpdate();
            }
        }
    };
}
$$;
CREATE TRIGGER IF NOT EXISTS totp_sync_delete AFTER DELETE ON IDN_IDENTITY_USER_DATA
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            note(connection, before, 0);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_IDENTITY_USER_DATA_TEMP (TENANT_ID, USER_NAME, DATA_KEY, AVAILABILITY)"
                    + " VALUES (?, ?, ?, ?)")) {
                entry.setObject(1, row.getObject("TENANT_ID"));
                entry.setObject(2, row.getObject("USER_NAME"));
                entry.setObject(3, row.getObject("DATA_KEY"));
                entry.setInt(4, availability);
                entry.executeUpdate();
            }
        }
    };
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
CREATE TRIGGER IF NOT EXISTS oauth2_code_sync_insert AFTER INSERT ON IDN_OAUTH2_AUTHORIZATION_CODE
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            note(connection, after, 1);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_AUTHORIZATION_CODE_TEMP (CODE_ID, AVAILABILITY)"
                    + " VALUES (?, ?)")) {
                entry.setObject(1, row.getObject("CODE_ID"));
                entry.setInt(2, availability);
                entry.executeUpdate();
            }
        }
    };
}
$$;
CREATE TRIGGER IF NOT EXISTS oauth2_code_sync_update AFTER UPDATE ON IDN_OAUTH2_AUTHORIZATION_CODE
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            if (!java.util.Objects.equals(before.getObject("CODE_ID"), after.getObject("CODE_ID"))) {
                note(connection, before, 0);
            }
            note(connection, after, 1);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_AUTHORIZATION_CODE_TEMP (CODE_ID, AVAILABILITY)"
                    + " VALUES (?, ?)")) {
                entry.setObject(1, row.getObject("CODE_ID"));
                entry.setInt(2, availability);
                entry.executeUpdate();
            }
        }
    };
}
$$;
CREATE TRIGGER IF NOT EXISTS oauth2_code_sync_delete AFTER DELETE ON IDN_OAUTH2_AUTHORIZATION_CODE
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            note(connection, before, 0);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_AUTHORIZATION_CODE_TEMP (CODE_ID, AVAILABILITY)"
                    + " VALUES (?, ?)")) {
                entry.setObject(1, row.getObject("CODE_ID"));
                entry.setInt(2, availability);
                entry.executeUpdate();
            }
        }
    };
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
CREATE TRIGGER IF NOT EXISTS token_sync_insert AFTER INSERT ON IDN_OAUTH2_ACCESS_TOKEN
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            note(connection, after, 1);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_TEMP (TOKEN_ID, AVAILABILITY)"
                    + " VALUES (?, ?)")) {
                entry.setObject(1, row.getObject("TOKEN_ID"));
                entry.setInt(2, availability);
                entry.executeUpdate();
            }
        }
    };
}
$$;
CREATE TRIGGER IF NOT EXISTS token_sync_update AFTER UPDATE ON IDN_OAUTH2_ACCESS_TOKEN
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            if (!java.util.Objects.equals(before.getObject("TOKEN_ID"), after.getObject("TOKEN_ID"))) {
                note(connection, before, 0);
            }
            note(connection, after, 1);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_TEMP (TOKEN_ID, AVAILABILITY)"
                    + " VALUES (?, ?)")) {
                entry.setObject(1, row.getObject("TOKEN_ID"));
                entry.setInt(2, availability);
                entry.executeUpdate();
            }
        }
    };
}
$$;
CREATE TRIGGER IF NOT EXISTS token_sync_delete AFTER DELETE ON IDN_OAUTH2_ACCESS_TOKEN
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            note(connection, before, 0);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_TEMP (TOKEN_ID, AVAILABILITY)"
                    + " VALUES (?, ?)")) {
                entry.setObject(1, row.getObject("TOKEN_ID"));
                entry.setInt(2, availability);
                entry.executeUpdate();
            }
        }
    };
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
CREATE TRIGGER IF NOT EXISTS scope_sync_insert AFTER INSERT ON IDN_OAUTH2_ACCESS_TOKEN_SCOPE
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            note(connection, after, 1);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP (TOKEN_ID, TOKEN_SCOPE, AVAILABILITY)"
                    + " VALUES (?, ?, ?)")) {
                entry.setObject(1, row.getObject("TOKEN_ID"));
                entry.setObject(2, row.getObject("TOKEN_SCOPE"));
                entry.setInt(3, availability);
                entry.executeUpdate();
            }
        }
    };
}
$$;
CREATE TRIGGER IF NOT EXISTS scope_sync_update AFTER UPDATE ON IDN_OAUTH2_ACCESS_TOKEN_SCOPE
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            if (!java.util.Objects.equals(before.getObject("TOKEN_ID"), after.getObject("TOKEN_ID")) ||
                    !java.util.Objects.equals(before.getObject("TOKEN_SCOPE"), after.getObject("TOKEN_SCOPE"))) {
                note(connection, before, 0);
            }
            note(connection, after, 1);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP (TOKEN_ID, TOKEN_SCOPE, AVAILABILITY)"
                    + " VALUES (?, ?, ?)")) {
                entry.setObject(1, row.getObject("TOKEN_ID"));
                entry.setObject(2, row.getObject("TOKEN_SCOPE"));
                entry.setInt(3, availability);
                entry.executeUpdate();
            }
        }
    };
}
$$;
CREATE TRIGGER IF NOT EXISTS scope_sync_delete AFTER DELETE ON IDN_OAUTH2_ACCESS_TOKEN_SCOPE
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            note(connection, before, 0);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP (TOKEN_ID, TOKEN_SCOPE, AVAILABILITY)"
                    + " VALUES (?, ?, ?)")) {
                entry.setObject(1, row.getObject("TOKEN_ID"));
                entry.setObject(2, row.getObject("TOKEN_SCOPE"));
                entry.setInt(3, availability);
                entry.executeUpdate();
            }
        }
    };
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
CREATE TRIGGER IF NOT EXISTS token_binding_sync_insert AFTER INSERT ON IDN_OAUTH2_TOKEN_BINDING
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            note(connection, after, 1);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_TOKEN_BINDING_TEMP (TOKEN_ID, TOKEN_BINDING_TYPE, TOKEN_BINDING_VALUE, AVAILABILITY)"
                    + " VALUES (?, ?, ?, ?)")) {
                entry.setObject(1, row.getObject("TOKEN_ID"));
                entry.setObject(2, row.getObject("TOKEN_BINDING_TYPE"));
                entry.setObject(3, row.getObject("TOKEN_BINDING_VALUE"));
                entry.setInt(4, availability);
                entry.executeUpdate();
            }
        }
    };
}
$$;
CREATE TRIGGER IF NOT EXISTS token_binding_sync_update AFTER UPDATE ON IDN_OAUTH2_TOKEN_BINDING
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            if (!java.util.Objects.equals(before.getObject("TOKEN_ID"), after.getObject("TOKEN_ID")) ||
                    !java.util.Objects.equals(before.getObject("TOKEN_BINDING_TYPE"), after.getObject("TOKEN_BINDING_TYPE")) ||
                    !java.util.Objects.equals(before.getObject("TOKEN_BINDING_VALUE"), after.getObject("TOKEN_BINDING_VALUE"))) {
                note(connection, before, 0);
            }
            note(connection, after, 1);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_TOKEN_BINDING_TEMP (TOKEN_ID, TOKEN_BINDING_TYPE, TOKEN_BINDING_VALUE, AVAILABILITY)"
                    + " VALUES (?, ?, ?, ?)")) {
                entry.setObject(1, row.getObject("TOKEN_ID"));
                entry.setObject(2, row.getObject("TOKEN_BINDING_TYPE"));
                entry.setObject(3, row.getObject("TOKEN_BINDING_VALUE"));
                entry.setInt(4, availability);
                entry.executeUpdate();
            }
        }
    };
}
$$;
CREATE TRIGGER IF NOT EXISTS token_binding_sync_delete AFTER DELETE ON IDN_OAUTH2_TOKEN_BINDING
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            note(connection, before, 0);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_TOKEN_BINDING_TEMP (TOKEN_ID, TOKEN_BINDING_TYPE, TOKEN_BINDING_VALUE, AVAILABILITY)"
                    + " VALUES (?, ?, ?, ?)")) {
                entry.setObject(1, row.getObject("TOKEN_ID"));
                entry.setObject(2, row.getObject("TOKEN_BINDING_TYPE"));
                entry.setObject(3, row.getObject("TOKEN_BINDING_VALUE"));
                entry.setInt(4, availability);
                entry.executeUpdate();
            }
        }
    };
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
CREATE TRIGGER IF NOT EXISTS code_scope_sync_insert AFTER INSERT ON IDN_OAUTH2_AUTHZ_CODE_SCOPE
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            note(connection, after, 1);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP (CODE_ID, SCOPE, AVAILABILITY)"
                    + " VALUES (?, ?, ?)")) {
                entry.setObject(1, row.getObject("CODE_ID"));
                entry.setObject(2, row.getObject("SCOPE"));
                entry.setInt(3, availability);
                entry.executeUpdate();
            }
        }
    };
}
$$;
CREATE TRIGGER IF NOT EXISTS code_scope_sync_update AFTER UPDATE ON IDN_OAUTH2_AUTHZ_CODE_SCOPE
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            if (!java.util.Objects.equals(before.getObject("CODE_ID"), after.getObject("CODE_ID")) ||
                    !java.util.Objects.equals(before.getObject("SCOPE"), after.getObject("SCOPE"))) {
                note(connection, before, 0);
            }
            note(connection, after, 1);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP (CODE_ID, SCOPE, AVAILABILITY)"
                    + " VALUES (?, ?, ?)")) {
                entry.setObject(1, row.getObject("CODE_ID"));
                entry.setObject(2, row.getObject("SCOPE"));
                entry.setInt(3, availability);
                entry.executeUpdate();
            }
        }
    };
}
$$;
CREATE TRIGGER IF NOT EXISTS code_scope_sync_delete AFTER DELETE ON IDN_OAUTH2_AUTHZ_CODE_SCOPE
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            note(connection, before, 0);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP (CODE_ID, SCOPE, AVAILABILITY)"
                    + " VALUES (?, ?, ?)")) {
                entry.setObject(1, row.getObject("CODE_ID"));
                entry.setObject(2, row.getObject("SCOPE"));
                entry.setInt(3, availability);
                entry.executeUpdate();
            }
        }
    };
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
CREATE TRIGGER IF NOT EXISTS refresh_token_sync_insert AFTER INSERT ON IDN_OAUTH2_REFRESH_TOKEN
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            note(connection, after, 1);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_REFRESH_TOKEN_TEMP (REFRESH_TOKEN_ID, AVAILABILITY)"
                    + " VALUES (?, ?)")) {
                entry.setObject(1, row.getObject("REFRESH_TOKEN_ID"));
                entry.setInt(2, availability);
                entry.executeUpdate();
            }
        }
    };
}
$$;
CREATE TRIGGER IF NOT EXISTS refresh_token_sync_update AFTER UPDATE ON IDN_OAUTH2_REFRESH_TOKEN
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            if (!java.util.Objects.equals(before.getObject("REFRESH_TOKEN_ID"), after.getObject("REFRESH_TOKEN_ID"))) {
                note(connection, before, 0);
            }
            note(connection, after, 1);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_REFRESH_TOKEN_TEMP (REFRESH_TOKEN_ID, AVAILABILITY)"
                    + " VALUES (?, ?)")) {
                entry.setObject(1, row.getObject("REFRESH_TOKEN_ID"));
                entry.setInt(2, availability);
                entry.executeUpdate();
            }
        }
    };
}
$$;
CREATE TRIGGER IF NOT EXISTS refresh_token_sync_delete AFTER DELETE ON IDN_OAUTH2_REFRESH_TOKEN
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            note(connection, before, 0);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_REFRESH_TOKEN_TEMP (REFRESH_TOKEN_ID, AVAILABILITY)"
                    + " VALUES (?, ?)")) {
                entry.setObject(1, row.getObject("REFRESH_TOKEN_ID"));
                entry.setInt(2, availability);
                entry.executeUpdate();
            }
        }
    };
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
CREATE TRIGGER IF NOT EXISTS refresh_scope_sync_insert AFTER INSERT ON IDN_OAUTH2_REFRESH_TOKEN_SCOPE
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            note(connection, after, 1);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP (REFRESH_TOKEN_ID, TOKEN_SCOPE, AVAILABILITY)"
                    + " VALUES (?, ?, ?)")) {
                entry.setObject(1, row.getObject("REFRESH_TOKEN_ID"));
                entry.setObject(2, row.getObject("TOKEN_SCOPE"));
                entry.setInt(3, availability);
                entry.executeUpdate();
            }
        }
    };
}
$$;
CREATE TRIGGER IF NOT EXISTS refresh_scope_sync_update AFTER UPDATE ON IDN_OAUTH2_REFRESH_TOKEN_SCOPE
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            if (!java.util.Objects.equals(before.getObject("REFRESH_TOKEN_ID"), after.getObject("REFRESH_TOKEN_ID")) ||
                    !java.util.Objects.equals(before.getObject("TOKEN_SCOPE"), after.getObject("TOKEN_SCOPE"))) {
                note(connection, before, 0);
            }
            note(connection, after, 1);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP (REFRESH_TOKEN_ID, TOKEN_SCOPE, AVAILABILITY)"
                    + " VALUES (?, ?, ?)")) {
                entry.setObject(1, row.getObject("REFRESH_TOKEN_ID"));
                entry.setObject(2, row.getObject("TOKEN_SCOPE"));
                entry.setInt(3, availability);
                entry.executeUpdate();
            }
        }
    };
}
$$;
CREATE TRIGGER IF NOT EXISTS refresh_scope_sync_delete AFTER DELETE ON IDN_OAUTH2_REFRESH_TOKEN_SCOPE
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            note(connection, before, 0);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP (REFRESH_TOKEN_ID, TOKEN_SCOPE, AVAILABILITY)"
                    + " VALUES (?, ?, ?)")) {
                entry.setObject(1, row.getObject("REFRESH_TOKEN_ID"));
                entry.setObject(2, row.getObject("TOKEN_SCOPE"));
                entry.setInt(3, availability);
                entry.executeUpdate();
            }
        }
    };
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
CREATE TRIGGER IF NOT EXISTS refresh_binding_sync_insert AFTER INSERT ON IDN_OAUTH2_REFRESH_TOKEN_BINDING
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            note(connection, after, 1);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP (REFRESH_TOKEN_ID, TOKEN_BINDING_TYPE, TOKEN_BINDING_VALUE, AVAILABILITY)"
                    + " VALUES (?, ?, ?, ?)")) {
                entry.setObject(1, row.getObject("REFRESH_TOKEN_ID"));
                entry.setObject(2, row.getObject("TOKEN_BINDING_TYPE"));
                entry.setObject(3, row.getObject("TOKEN_BINDING_VALUE"));
                entry.setInt(4, availability);
                entry.executeUpdate();
            }
        }
    };
}
$$;
CREATE TRIGGER IF NOT EXISTS refresh_binding_sync_update AFTER UPDATE ON IDN_OAUTH2_REFRESH_TOKEN_BINDING
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            if (!java.util.Objects.equals(before.getObject("REFRESH_TOKEN_ID"), after.getObject("REFRESH_TOKEN_ID")) ||
                    !java.util.Objects.equals(before.getObject("TOKEN_BINDING_TYPE"), after.getObject("TOKEN_BINDING_TYPE")) ||
                    !java.util.Objects.equals(before.getObject("TOKEN_BINDING_VALUE"), after.getObject("TOKEN_BINDING_VALUE"))) {
                note(connection, before, 0);
            }
            note(connection, after, 1);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP (REFRESH_TOKEN_ID, TOKEN_BINDING_TYPE, TOKEN_BINDING_VALUE, AVAILABILITY)"
                    + " VALUES (?, ?, ?, ?)")) {
                entry.setObject(1, row.getObject("REFRESH_TOKEN_ID"));
                entry.setObject(2, row.getObject("TOKEN_BINDING_TYPE"));
                entry.setObject(3, row.getObject("TOKEN_BINDING_VALUE"));
                entry.setInt(4, availability);
                entry.executeUpdate();
            }
        }
    };
}
$$;
CREATE TRIGGER IF NOT EXISTS refresh_binding_sync_delete AFTER DELETE ON IDN_OAUTH2_REFRESH_TOKEN_BINDING
FOR EACH ROW AS $$
org.h2.api.Trigger log() {
    return new org.h2.tools.TriggerAdapter() {
        @Override
        public void fire(java.sql.Connection connection, java.sql.ResultSet before, java.sql.ResultSet after)
                throws java.sql.SQLException {
            note(connection, before, 0);
        }

        private void note(java.sql.Connection connection, java.sql.ResultSet row, int availability)
                throws java.sql.SQLException {
            try (java.sql.PreparedStatement entry = connection.prepareStatement(
                    "INSERT INTO IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP (REFRESH_TOKEN_ID, TOKEN_BINDING_TYPE, TOKEN_BINDING_VALUE, AVAILABILITY)"
                    + " VALUES (?, ?, ?, ?)")) {
                entry.setObject(1, row.getObject("REFRESH_TOKEN_ID"));
                entry.setObject(2, row.getObject("TOKEN_BINDING_TYPE"));
                entry.setObject(3, row.getObject("TOKEN_BINDING_VALUE"));
                entry.setInt(4, availability);
                entry.executeUpdate();
            }
        }
    };
}
$$;
