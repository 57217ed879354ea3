//! Tables that are kept in step with the old server's while it still serves users.

use serde::{Deserialize, Serialize};

use super::{names, relation};
use crate::db::{Identifier, Relation};

/// One table whose changes are carried over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncTable {
    /// Its name in the journal and in reports; never changes.
    pub id: String,
    /// The table, and what tells its rows apart.
    pub relation: Relation,
    /// Its change log in the old database: the same key, and what [`ENTRY`] names.
    pub log: Identifier,
    /// What its triggers' names begin with.
    pub triggers: Identifier,
    /// What its rows are called in the log.
    pub label: String,
    /// What its rows belong to.
    pub parent: Option<Parent>,
    /// The column with the state of a row, which only [`ACTIVE`] makes usable.
    pub state: Option<Identifier>,
    /// Columns that are unique together, besides the key.
    pub unique: Vec<Identifier>,
    /// The column among them that may hold any text for a moment, to make way.
    pub park: Option<Identifier>,
    /// Its key has names in it that a server may take for the same in another case.
    pub names: bool,
    /// The guide has it: there is no sync without it.
    pub needed: bool,
}

/// What a row belongs to: without it the row cannot be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parent {
    /// A row of another table that is kept in step, by its only key column.
    Synced {
        /// The column that names it.
        column: Identifier,
        /// Its table.
        table: Identifier,
    },
    /// An application ([`applications`]), by its number.
    Application {
        /// The column that names it.
        column: Identifier,
    },
}

/// The state in which a token or code is good for something.
pub const ACTIVE: &str = "ACTIVE";

/// The state of a token or code that was taken out of use.
pub const REVOKED: &str = "REVOKED";

/// The columns of keys that are numbers. All others are texts.
pub const NUMBERS: &[&str] = &["TENANT_ID"];

/// The column of a change log that orders its entries.
pub const ENTRY: Identifier = Identifier::constant("SYNC_ID");

/// The column of a change log that says whether the row was there after the change (1), or deleted by it (0).
pub const AVAILABILITY: Identifier = Identifier::constant("AVAILABILITY");

/// The column of a change log that says whether an entry was seen to (1), or waits (0).
pub const SYNCED: Identifier = Identifier::constant("SYNCED");

/// The column of a change log with the time of the change; other tools' logs have none.
pub const CHANGED_AT: Identifier = Identifier::constant("CHANGED_AT");

/// Applications, which are not kept in step: registration is blocked meanwhile.
pub fn applications() -> Relation {
    relation("IDN_OAUTH_CONSUMER_APPS", &["ID"])
}

/// The column that tells whether two applications with the same number are one.
pub const APPLICATION_NAME: Identifier = Identifier::constant("CONSUMER_KEY");

fn table(
    id: &str,
    label: &str,
    triggers: &'static str,
    [name, log]: [&'static str; 2],
    key: &[&'static str],
) -> SyncTable {
    SyncTable {
        id: id.to_owned(),
        relation: relation(name, key),
        log: Identifier::constant(log),
        triggers: Identifier::constant(triggers),
        label: label.to_owned(),
        parent: None,
        state: None,
        unique: Vec::new(),
        park: None,
        names: false,
        needed: false,
    }
}

fn child_of(name: &'static str, column: &'static str) -> Parent {
    Parent::Synced { column: Identifier::constant(column), table: Identifier::constant(name) }
}

fn of_application() -> Parent {
    Parent::Application { column: Identifier::constant("CONSUMER_KEY_ID") }
}

/// All of them, parents before children.
pub(super) fn all() -> Vec<SyncTable> {
    [parents(), children()].concat()
}

/// Those that belong to no other that is kept in step.
fn parents() -> Vec<SyncTable> {
    let name = Identifier::constant;
    vec![
        SyncTable {
            // In PostgreSQL from 2026 on, with LOWER(USER_NAME).
            unique: names(&["TENANT_ID", "USER_NAME", "DATA_KEY"]),
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
        SyncTable {
            parent: Some(of_application()),
            state: Some(name("STATE")),
            needed: true,
            ..table(
                "sync-oauth2-authorization-code",
                "OAuth code",
                "oauth2_code_sync",
                ["IDN_OAUTH2_AUTHORIZATION_CODE", "IDN_OAUTH2_AUTHORIZATION_CODE_TEMP"],
                &["CODE_ID"],
            )
        },
        SyncTable {
            parent: Some(of_application()),
            state: Some(name("TOKEN_STATE")),
            unique: names(&[
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
            ]),
            park: Some(name("TOKEN_STATE_ID")),
            needed: true,
            ..table(
                "sync-oauth2-access-token",
                "OAuth token",
                "token_sync",
                ["IDN_OAUTH2_ACCESS_TOKEN", "IDN_OAUTH2_ACCESS_TOKEN_TEMP"],
                &["TOKEN_ID"],
            )
        },
        SyncTable {
            parent: Some(of_application()),
            state: Some(name("TOKEN_STATE")),
            ..table(
                "sync-oauth2-refresh-token",
                "OAuth refresh token",
                "refresh_token_sync",
                ["IDN_OAUTH2_REFRESH_TOKEN", "IDN_OAUTH2_REFRESH_TOKEN_TEMP"],
                &["REFRESH_TOKEN_ID"],
            )
        },
    ]
}

fn children() -> Vec<SyncTable> {
    vec![
        SyncTable {
            parent: Some(child_of("IDN_OAUTH2_AUTHORIZATION_CODE", "CODE_ID")),
            ..table(
                "sync-oauth2-authz-code-scope",
                "OAuth code scope",
                "code_scope_sync",
                ["IDN_OAUTH2_AUTHZ_CODE_SCOPE", "IDN_OAUTH2_AUTHZ_CODE_SCOPE_TEMP"],
                &["CODE_ID", "SCOPE"],
            )
        },
        SyncTable {
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
        SyncTable {
            parent: Some(child_of("IDN_OAUTH2_ACCESS_TOKEN", "TOKEN_ID")),
            ..table(
                "sync-oauth2-token-binding",
                "OAuth token binding",
                "token_binding_sync",
                ["IDN_OAUTH2_TOKEN_BINDING", "IDN_OAUTH2_TOKEN_BINDING_TEMP"],
                &["TOKEN_ID", "TOKEN_BINDING_TYPE", "TOKEN_BINDING_VALUE"],
            )
        },
        SyncTable {
            parent: Some(child_of("IDN_OAUTH2_REFRESH_TOKEN", "REFRESH_TOKEN_ID")),
            ..table(
                "sync-oauth2-refresh-token-scope",
                "OAuth refresh token scope",
                "refresh_scope_sync",
                ["IDN_OAUTH2_REFRESH_TOKEN_SCOPE", "IDN_OAUTH2_REFRESH_TOKEN_SCOPE_TEMP"],
                &["REFRESH_TOKEN_ID", "TOKEN_SCOPE"],
            )
        },
        SyncTable {
            parent: Some(child_of("IDN_OAUTH2_REFRESH_TOKEN", "REFRESH_TOKEN_ID")),
            ..table(
                "sync-oauth2-refresh-token-binding",
                "OAuth refresh token binding",
                "refresh_binding_sync",
                ["IDN_OAUTH2_REFRESH_TOKEN_BINDING", "IDN_OAUTH2_REFRESH_TOKEN_BINDING_TEMP"],
                &["REFRESH_TOKEN_ID", "TOKEN_BINDING_TYPE", "TOKEN_BINDING_VALUE"],
            )
        },
    ]
}

impl SyncTable {
    /// Its change log as a relation: entries by their number.
    pub fn entries(&self) -> Relation {
        Relation { table: self.log.clone(), key: vec![ENTRY], filter: None }
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
