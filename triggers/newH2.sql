-- Removes the change log that oldH2.sql has installed.
--
-- Guide, step 4: run it in the COPY, which has inherited the change log, before the rotation. At the very end,
-- when nobody needs the old database's changes any more, run it in the old database, too:
--
--   java -cp h2.jar org.h2.tools.RunScript -url jdbc:h2:tcp://host/identity_copy -user sa -script newH2.sql
--
-- Triggers go before their tables, so that a running server is not disturbed. It may be run again, and needs
-- none of the tables. Executed here on H2 2.1.214.

SET LOCK_TIMEOUT 5000;

-- table: IDN_IDENTITY_USER_DATA
DROP TRIGGER IF EXISTS totp_sync_insert;
DROP TRIGGER IF EXISTS totp_sync_update;
DROP TRIGGER IF EXISTS totp_sync_delete;
DROP TABLE IF EXISTS IDN_IDENTITY_USER_DATA_TEMP;

-- table: IDN_OAUTH2_AUTHORIZATION_CODE
DROP TRIGGER IF EXISTS oauth2_code_sync_insert;
DROP TRIGGER IF EXISTS oauth2_code_sync_update;
DROP TRIGGER IF EXISTS oauth2_code_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_AUTHORIZATION_CODE_TEMP;

-- table: IDN_OAUTH2_ACCESS_TOKEN
DROP TRIGGER IF EXISTS token_sync_insert;
DROP TRIGGER IF EXISTS token_sync_update;
DROP TRIGGER IF EXISTS token_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_ACCESS_TOKEN_TEMP;

-- table: IDN_OAUTH2_ACCESS_TOKEN_SCOPE
DROP TRIGGER IF EXISTS scope_sync_insert;
DROP TRIGGER IF EXISTS scope_sync_update;
DROP TRIGGER IF EXISTS scope_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP;

-- table: IDN_OAUTH2_TOKEN_BINDING
DROP TRIGGER IF EXISTS token_binding_sync_insert;
DROP TRIGGER IF EXISTS token_binding_sync_update;
DROP TRIGGER IF EXISTS token_binding_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_TOKEN_BINDING_TEMP;

-- table: IDN_OAUTH2_AUTHZ_CODE_SCOPE
DROP TRIGGER IF EXISTS code_scope_sync_insert;
DROP TRIGGER IF EXISTS code_scope_sync_update;
DROP TRIGGER IF EXISTS code_scope_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP;

-- table: IDN_OAUTH2_REFRESH_TOKEN
DROP TRIGGER IF EXISTS refresh_token_sync_insert;
DROP TRIGGER IF EXISTS refresh_token_sync_update;
DROP TRIGGER IF EXISTS refresh_token_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_REFRESH_TOKEN_TEMP;

-- table: IDN_OAUTH2_REFRESH_TOKEN_SCOPE
DROP TRIGGER IF EXISTS refresh_scope_sync_insert;
DROP TRIGGER IF EXISTS refresh_scope_sync_update;
DROP TRIGGER IF EXISTS refresh_scope_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP;

-- table: IDN_OAUTH2_REFRESH_TOKEN_BINDING
DROP TRIGGER IF EXISTS refresh_binding_sync_insert;
DROP TRIGGER IF EXISTS refresh_binding_sync_update;
DROP TRIGGER IF EXISTS refresh_binding_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP;
