-- Removes the change log that oldMySQL.sql, or the script of the Java tool, has installed.
--
-- Guide, step 4: run it in the COPY, which has inherited the change log, before the rotation. At the very end,
-- when nobody needs the old database's changes any more, run it in the old database, too:
--
--   mysql identity_copy < newMySQL.sql
--
-- Triggers go before their tables, so that a running server is not disturbed. It may be run again, and needs
-- none of the tables. A table that is busy for more than ten seconds is an error: run it again. It takes DROP
-- and TRIGGER on the database and, with binary logging on, SUPER or log_bin_trust_function_creators = 1.

SET SESSION lock_wait_timeout = 10;

-- table: IDN_IDENTITY_USER_DATA
DROP TRIGGER IF EXISTS totp_sync_insert;
DROP TRIGGER IF EXISTS totp_sync_key;
DROP TRIGGER IF EXISTS totp_sync_update;
DROP TRIGGER IF EXISTS totp_sync_delete;
DROP TABLE IF EXISTS IDN_IDENTITY_USER_DATA_TEMP;

-- table: IDN_OAUTH2_AUTHORIZATION_CODE
DROP TRIGGER IF EXISTS oauth2_code_sync_insert;
DROP TRIGGER IF EXISTS oauth2_code_sync_key;
DROP TRIGGER IF EXISTS oauth2_code_sync_update;
DROP TRIGGER IF EXISTS oauth2_code_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_AUTHORIZATION_CODE_TEMP;

-- table: IDN_OAUTH2_ACCESS_TOKEN
DROP TRIGGER IF EXISTS token_sync_insert;
DROP TRIGGER IF EXISTS token_sync_key;
DROP TRIGGER IF EXISTS token_sync_update;
DROP TRIGGER IF EXISTS token_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_ACCESS_TOKEN_TEMP;

-- table: IDN_OAUTH2_AUTHZ_CODE_SCOPE
DROP TRIGGER IF EXISTS code_scope_sync_insert;
DROP TRIGGER IF EXISTS code_scope_sync_key;
DROP TRIGGER IF EXISTS code_scope_sync_update;
DROP TRIGGER IF EXISTS code_scope_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP;

-- table: IDN_OAUTH2_ACCESS_TOKEN_SCOPE
DROP TRIGGER IF EXISTS scope_sync_insert;
DROP TRIGGER IF EXISTS scope_sync_key;
DROP TRIGGER IF EXISTS scope_sync_update;
DROP TRIGGER IF EXISTS scope_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP;

-- table: IDN_OAUTH2_TOKEN_BINDING
DROP TRIGGER IF EXISTS token_binding_sync_insert;
DROP TRIGGER IF EXISTS token_binding_sync_key;
DROP TRIGGER IF EXISTS token_binding_sync_update;
DROP TRIGGER IF EXISTS token_binding_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_TOKEN_BINDING_TEMP;

-- table: IDN_OAUTH2_REFRESH_TOKEN
DROP TRIGGER IF EXISTS refresh_token_sync_insert;
DROP TRIGGER IF EXISTS refresh_token_sync_key;
DROP TRIGGER IF EXISTS refresh_token_sync_update;
DROP TRIGGER IF EXISTS refresh_token_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_REFRESH_TOKEN_TEMP;

-- table: IDN_OAUTH2_REFRESH_TOKEN_SCOPE
DROP TRIGGER IF EXISTS refresh_scope_sync_insert;
DROP TRIGGER IF EXISTS refresh_scope_sync_key;
DROP TRIGGER IF EXISTS refresh_scope_sync_update;
DROP TRIGGER IF EXISTS refresh_scope_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP;

-- table: IDN_OAUTH2_REFRESH_TOKEN_BINDING
DROP TRIGGER IF EXISTS refresh_binding_sync_insert;
DROP TRIGGER IF EXISTS refresh_binding_sync_key;
DROP TRIGGER IF EXISTS refresh_binding_sync_update;
DROP TRIGGER IF EXISTS refresh_binding_sync_delete;
DROP TABLE IF EXISTS IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP;
