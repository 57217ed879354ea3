-- Removes the change log that oldH2.sql has installed.
--
-- Guide, step 4: run it in the COPY, which has inherited the change log, before the rotation. At the very end,
-- when nobody needs the old database's changes any more, run it in the old database, too:
--
--   java -cp h2.jar org.h2.tools.RunScript -url jdbc:h2:tcp://host/identity_copy -user sa -script newH2.sql
--
-- Triggers go before their tables, so that a running server is not disturbed. It may be run again, and needs
-- none of the tables. Executed here on H2 1.4.200 and 2.1.214.

SET LOCK_TIMEOUT 5000;

-- table: ${TABLE}
DROP TRIGGER IF EXISTS ${TRIGGERS}_CHANGE;
DROP TRIGGER IF EXISTS ${TRIGGERS}_INSERT;
DROP TRIGGER IF EXISTS ${TRIGGERS}_UPDATE;
DROP TRIGGER IF EXISTS ${TRIGGERS}_DELETE;
DROP TABLE IF EXISTS ${LOG};
