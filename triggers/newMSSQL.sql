-- Removes the change log that oldMSSQL.sql, or the script of the Java tool, has installed.
--
-- Guide, step 4: run it in the COPY, which has inherited the change log, before the rotation. At the very end,
-- when nobody needs the old database's changes any more, run it in the old database, too:
--
--   sqlcmd -b -I -S host -d identity_copy -U user -i newMSSQL.sql
--
-- Triggers go before their tables, so that a running server is not disturbed. It may be run again, and needs
-- none of the tables. A table that is busy for more than five seconds is an error (1222): run it again.
--
-- NOT YET RUN ON AN SQL SERVER: another parser of T-SQL reads it, no more. See oldMSSQL.sql.

SET LOCK_TIMEOUT 5000;
GO

-- table: IDN_IDENTITY_USER_DATA
DROP TRIGGER IF EXISTS totp_sync_insert, totp_sync_update, totp_sync_delete;
GO
DROP TABLE IF EXISTS IDN_IDENTITY_USER_DATA_TEMP;
GO

-- table: IDN_OAUTH2_AUTHORIZATION_CODE
DROP TRIGGER IF EXISTS oauth2_code_sync_insert, oauth2_code_sync_update, oauth2_code_sync_delete;
GO
DROP TABLE IF EXISTS IDN_OAUTH2_AUTHORIZATION_CODE_TEMP;
GO

-- table: IDN_OAUTH2_ACCESS_TOKEN
DROP TRIGGER IF EXISTS token_sync_insert, token_sync_update, token_sync_delete;
GO
DROP TABLE IF EXISTS IDN_OAUTH2_ACCESS_TOKEN_TEMP;
GO

-- table: IDN_OAUTH2_AUTHZ_CODE_SCOPE
DROP TRIGGER IF EXISTS code_scope_sync_insert, code_scope_sync_update, code_scope_sync_delete;
GO
DROP TABLE IF EXISTS IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP;
GO

-- table: IDN_OAUTH2_ACCESS_TOKEN_SCOPE
DROP TRIGGER IF EXISTS scope_sync_insert, scope_sync_update, scope_sync_delete;
GO
DROP TABLE IF EXISTS IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP;
GO

-- table: IDN_OAUTH2_TOKEN_BINDING
DROP TRIGGER IF EXISTS token_binding_sync_insert, token_binding_sync_update, token_binding_sync_delete;
GO
DROP TABLE IF EXISTS IDN_OAUTH2_TOKEN_BINDING_TEMP;
GO

-- table: IDN_OAUTH2_REFRESH_TOKEN
DROP TRIGGER IF EXISTS refresh_token_sync_insert, refresh_token_sync_update, refresh_token_sync_delete;
GO
DROP TABLE IF EXISTS IDN_OAUTH2_REFRESH_TOKEN_TEMP;
GO

-- table: IDN_OAUTH2_REFRESH_TOKEN_SCOPE
DROP TRIGGER IF EXISTS refresh_scope_sync_insert, refresh_scope_sync_update, refresh_scope_sync_delete;
GO
DROP TABLE IF EXISTS IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP;
GO

-- table: IDN_OAUTH2_REFRESH_TOKEN_BINDING
DROP TRIGGER IF EXISTS refresh_binding_sync_insert, refresh_binding_sync_update, refresh_binding_sync_delete;
GO
DROP TABLE IF EXISTS IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP;
GO
