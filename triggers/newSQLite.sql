-- Removes the change log that oldSQLite.sql has installed.
--
-- Guide, step 4: run it in the COPY, which has inherited the change log, before the rotation. At the very end,
-- when nobody needs the old database's changes any more, run it in the old database, too:
--
--   sqlite3 -bail identity_copy.db < newSQLite.sql
--
-- It may be run again, and needs none of the tables. SQLite keeps its own table sqlite_sequence, without entries
-- of the log.

-- table: IDN_IDENTITY_USER_DATA
BEGIN IMMEDIATE;
DROP TRIGGER IF EXISTS totp_sync_insert;
DROP TRIGGER IF EXISTS totp_sync_update;
DROP TRIGGER IF EXISTS totp_sync_delete;
DROP TABLE IF EXISTS IDN_IDENTITY_USER_DATA_TEMP;
COMMIT;

-- table: IDN_OAUTH2_AUTHORIZATION_CODE
BEGIN IMMEDIATE;
DROP TRIGGER IF EXISTS oauth2_code_sync_insert;
DROP TRIGGER IF EXISTS oauth2_code_sync_update;
DROP TRIGGER IF EXISTS oauth2_code_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_AUTHORIZATION_CODE_TEMP;
COMMIT;

-- table: IDN_OAUTH2_ACCESS_TOKEN
BEGIN IMMEDIATE;
DROP TRIGGER IF EXISTS token_sync_insert;
DROP TRIGGER IF EXISTS token_sync_update;
DROP TRIGGER IF EXISTS token_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_ACCESS_TOKEN_TEMP;
COMMIT;

-- table: IDN_OAUTH2_AUTHZ_CODE_SCOPE
BEGIN IMMEDIATE;
DROP TRIGGER IF EXISTS code_scope_sync_insert;
DROP TRIGGER IF EXISTS code_scope_sync_update;
DROP TRIGGER IF EXISTS code_scope_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP;
COMMIT;

-- table: IDN_OAUTH2_ACCESS_TOKEN_SCOPE
BEGIN IMMEDIATE;
DROP TRIGGER IF EXISTS scope_sync_insert;
DROP TRIGGER IF EXISTS scope_sync_update;
DROP TRIGGER IF EXISTS scope_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP;
COMMIT;

-- table: IDN_OAUTH2_TOKEN_BINDING
BEGIN IMMEDIATE;
DROP TRIGGER IF EXISTS token_binding_sync_insert;
DROP TRIGGER IF EXISTS token_binding_sync_update;
DROP TRIGGER IF EXISTS token_binding_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_TOKEN_BINDING_TEMP;
COMMIT;

-- table: IDN_OAUTH2_REFRESH_TOKEN
BEGIN IMMEDIATE;
DROP TRIGGER IF EXISTS refresh_token_sync_insert;
DROP TRIGGER IF EXISTS refresh_token_sync_update;
DROP TRIGGER IF EXISTS refresh_token_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_REFRESH_TOKEN_TEMP;
COMMIT;

-- table: IDN_OAUTH2_REFRESH_TOKEN_SCOPE
BEGIN IMMEDIATE;
DROP TRIGGER IF EXISTS refresh_scope_sync_insert;
DROP TRIGGER IF EXISTS refresh_scope_sync_update;
DROP TRIGGER IF EXISTS refresh_scope_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP;
COMMIT;

-- table: IDN_OAUTH2_REFRESH_TOKEN_BINDING
BEGIN IMMEDIATE;
DROP TRIGGER IF EXISTS refresh_binding_sync_insert;
DROP TRIGGER IF EXISTS refresh_binding_sync_update;
DROP TRIGGER IF EXISTS refresh_binding_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP;
COMMIT;
