//! Tables that are kept in step with the old server's while it still serves users.

use super::{Column, Presence, TARGETS};
use crate::db::Relation;

/// One table whose changes are carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncTable {
    /// Its name in the journal and in reports; never changes.
    pub id: &'static str,
    /// The table, and what tells its rows apart.
    pub relation: Relation,
    /// Its change log in the old database: the same key, and what [`ENTRY`] names.
    pub log: &'static str,
    /// What its triggers' names begin with.
    pub triggers: &'static str,
    /// What its rows are called in the log.
    pub label: &'static str,
    /// What its rows belong to.
    pub parent: Option<Parent>,
    /// The column with the state of a row, which only [`ACTIVE`] makes usable.
    pub state: Option<&'static str>,
    /// Columns that are unique together, besides the key.
    pub unique: &'static [&'static str],
    /// The column among them that may hold any text for a moment, to make way.
    pub park: Option<&'static str>,
    /// Its key has names in it that a server may take for the same in another case.
    pub names: bool,
    /// The guide has it: there is no sync without it.
    pub needed: bool,
}

/// What a row belongs to: without it the row cannot be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parent {
    /// A row of another table that is kept in step, by its only key column.
    Synced {
        /// The column that names it.
        column: &'static str,
        /// Its table.
        table: &'static str,
    },
    /// An application ([`APPLICATIONS`]), by its number.
    Application {
        /// The column that names it.
        column: &'static str,
    },
}

/// The state in which a token or code is good for something.
pub const ACTIVE: &str = "ACTIVE";

/// The state of a token or code that was taken out of use.
pub const REVOKED: &str = "REVOKED";

/// The columns of keys that are numbers. All others are texts.
pub const NUMBERS: &[&str] = &["TENANT_ID"];

/// The column of a change log that orders its entries.
pub const ENTRY: &str = "SYNC_ID";

/// The column of a change log that says whether the row was there after the change (1), or deleted by it (0).
pub const AVAILABILITY: &str = "AVAILABILITY";

/// Applications, which are not kept in step: registration is blocked meanwhile.
pub const APPLICATIONS: Relation = Relation { table: "IDN_OAUTH_CONSUMER_APPS", key: &["ID"], filter: None };

/// The column that tells whether two applications with the same number are one.
pub const APPLICATION_NAME: &str = "CONSUMER_KEY";

const fn table(
    id: &'static str,
    label: &'static str,
    triggers: &'static str,
    [name, log]: [&'static str; 2],
    key: &'static [&'static str],
) -> SyncTable {
    let relation = Relation { table: name, key, filter: None };
    SyncTable {
        id,
        relation,
        log,
        triggers,
        label,
        parent: None,
        state: None,
        unique: &[],
        park: None,
        names: false,
        needed: false,
    }
}

const fn child_of(name: &'static str, column: &'static str) -> Parent {
    Parent::Synced { column, table: name }
}

const OF_APPLICATION: Option<Parent> = Some(Parent::Application { column: "CONSUMER_KEY_ID" });

/// All of them, parents before children.
pub const SYNC_TABLES: &[&SyncTable] = &[
    &SyncTable {
        // In PostgreSQL from 2026 on, with LOWER(USER_NAME).
        unique: &["TENANT_ID", "USER_NAME", "DATA_KEY"],
        names: true,
        needed: true,
        ..table(
            "sync-identity-user-data",
            "totp",
            "totp_sync",
            ["IDN_IDENTITY_USER_DATA", "IDN_IDENTITY_USER_DATA_TEMP"],
            &["TENANT_ID", "USER_NAME", "DATA_KEY"],
        )
    },
    &SyncTable {
        parent: OF_APPLICATION,
        state: Some("STATE"),
        needed: true,
        ..table(
            "sync-oauth2-authorization-code",
            "OAuth code",
            "oauth2_code_sync",
            ["IDN_OAUTH2_AUTHORIZATION_CODE", "IDN_OAUTH2_AUTHORIZATION_CODE_TEMP"],
            &["CODE_ID"],
        )
    },
    &SyncTable {
        parent: OF_APPLICATION,
        state: Some("TOKEN_STATE"),
        unique: &[
            "CONSUMER_KEY_ID",
            "AUTHZ_USER",
            "TENANT_ID",
            "USER_DOMAIN",
            "USER_TYPE",
            "TOKEN_SCOPE_HASH",
            "TOKEN_STATE",
            "TOKEN_STATE_ID",
            "IDP_ID",
            "TOKEN_BINDING_REF",
            "AUTHORIZED_ORGANIZATION",
        ],
        park: Some("TOKEN_STATE_ID"),
        needed: true,
        ..table(
            "sync-oauth2-access-token",
            "OAuth token",
            "token_sync",
            ["IDN_OAUTH2_ACCESS_TOKEN", "IDN_OAUTH2_ACCESS_TOKEN_TEMP"],
            &["TOKEN_ID"],
        )
    },
    &SyncTable {
        parent: OF_APPLICATION,
        state: Some("TOKEN_STATE"),
        ..table(
            "sync-oauth2-refresh-token",
            "OAuth refresh token",
            "refresh_token_sync",
            ["IDN_OAUTH2_REFRESH_TOKEN", "IDN_OAUTH2_REFRESH_TOKEN_TEMP"],
            &["REFRESH_TOKEN_ID"],
        )
    },
    &SyncTable {
        parent: Some(child_of("IDN_OAUTH2_AUTHORIZATION_CODE", "CODE_ID")),
        ..table(
            "sync-oauth2-authz-code-scope",
            "OAuth code scope",
            "code_scope_sync",
            ["IDN_OAUTH2_AUTHZ_CODE_SCOPE", "IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP"],
            &["CODE_ID", "SCOPE"],
        )
    },
    &SyncTable {
        parent: Some(child_of("IDN_OAUTH2_ACCESS_TOKEN", "TOKEN_ID")),
        needed: true,
        ..table(
            "sync-oauth2-access-token-scope",
            "OAuth scope",
            "scope_sync",
            ["IDN_OAUTH2_ACCESS_TOKEN_SCOPE", "IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP"],
            &["TOKEN_ID", "TOKEN_SCOPE"],
        )
    },
    &SyncTable {
        parent: Some(child_of("IDN_OAUTH2_ACCESS_TOKEN", "TOKEN_ID")),
        ..table(
            "sync-oauth2-token-binding",
            "OAuth token binding",
            "token_binding_sync",
            ["IDN_OAUTH2_TOKEN_BINDING", "IDN_OAUTH2_TOKEN_BINDING_TEMP"],
            &["TOKEN_ID", "TOKEN_BINDING_TYPE", "TOKEN_BINDING_VALUE"],
        )
    },
    &SyncTable {
        parent: Some(child_of("IDN_OAUTH2_REFRESH_TOKEN", "REFRESH_TOKEN_ID")),
        ..table(
            "sync-oauth2-refresh-token-scope",
            "OAuth refresh token scope",
            "refresh_scope_sync",
            ["IDN_OAUTH2_REFRESH_TOKEN_SCOPE", "IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP"],
            &["REFRESH_TOKEN_ID", "TOKEN_SCOPE"],
        )
    },
    &SyncTable {
        parent: Some(child_of("IDN_OAUTH2_REFRESH_TOKEN", "REFRESH_TOKEN_ID")),
        ..table(
            "sync-oauth2-refresh-token-binding",
            "OAuth refresh token binding",
            "refresh_binding_sync",
            ["IDN_OAUTH2_REFRESH_TOKEN_BINDING", "IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP"],
            &["REFRESH_TOKEN_ID", "TOKEN_BINDING_TYPE", "TOKEN_BINDING_VALUE"],
        )
    },
];

impl SyncTable {
    /// The columns with values under the key: those of the table's target, if it is one.
    pub fn values(&self) -> &'static [Column] {
        let target = TARGETS.iter().find(|target| target.relation.table == self.relation.table);
        target.map_or(&[], |target| target.values)
    }

    /// Which versions have it: those that have its target, or its parent's.
    pub fn presence(&self) -> Presence {
        let name = match self.parent {
            Some(Parent::Synced { table, .. }) => table,
            _ => self.relation.table,
        };
        let target = TARGETS.iter().find(|target| target.relation.table == name);
        target.map_or(Presence::Always, |target| target.presence)
    }

    /// Its change log as a relation: entries by their number.
    pub const fn entries(&self) -> Relation {
        Relation { table: self.log, key: &[ENTRY], filter: None }
    }

    /// The names of the triggers that the Java tool's script makes, one for each event, in upper case. Those that ours
    /// make are in the scripts.
    pub fn java_triggers(&self) -> [(String, &'static str); 3] {
        ["INSERT", "UPDATE", "DELETE"].map(|event| (self.trigger_of(event), event))
    }

    /// Whether a trigger has a name, in upper case, that any script gives to one of this table's.
    pub fn is_trigger(&self, name: &str) -> bool {
        ["INSERT", "KEY", "UPDATE", "DELETE", "CHANGE"].iter().any(|end| self.trigger_of(end) == name)
    }

    fn trigger_of(&self, event: &str) -> String {
        format!("{}_{event}", self.triggers).to_uppercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_come_first_and_ids_are_unique() {
        for (at, table) in SYNC_TABLES.iter().enumerate() {
            assert_eq!(table.log, format!("{}_TEMP", table.relation.table));
            let earlier = &SYNC_TABLES[..at];
            assert!(earlier.iter().all(|other| other.id != table.id && other.triggers != table.triggers));
            if let Some(Parent::Synced { table: parent, column }) = table.parent {
                assert!(earlier.iter().any(|other| other.relation.table == parent));
                assert_eq!(table.relation.key.first(), Some(&column));
            }
        }
    }

    #[test]
    fn newer_tables_are_known() {
        let newer = SYNC_TABLES.iter().filter(|table| table.presence() != Presence::Always);
        let names: Vec<_> = newer.map(|table| table.triggers).collect();
        assert_eq!(names, ["refresh_token_sync", "refresh_scope_sync", "refresh_binding_sync"]);
    }

    #[test]
    fn what_is_under_the_key_is_what_is_rotated() {
        let names = |id| {
            let table = SYNC_TABLES.iter().find(|table| table.id == id).unwrap();
            table.values().iter().map(|value| value.name).collect::<Vec<_>>()
        };
        assert_eq!(names("sync-oauth2-access-token"), ["ACCESS_TOKEN", "REFRESH_TOKEN"]);
        assert_eq!(names("sync-oauth2-access-token-scope"), [""; 0]);
    }
}
