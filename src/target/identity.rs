//! Tables of the identity database.

use super::{Column, Filter, Groups, Presence, Relation, Store, Target, group, hashed, plain, relation};
use crate::codec::Codec;
use crate::db::Identifier;

fn identity(
    id: &'static str,
    label: &str,
    table: &'static str,
    key: &[&'static str],
    values: impl Into<Vec<Column>>,
) -> Target {
    Target {
        id: id.into(),
        store: Store::Identity,
        presence: Presence::Always,
        relation: relation(table, key),
        values: values.into(),
        codec: Codec::Envelope,
        label: label.to_owned(),
        groups: None,
    }
}

/// In the order in which they are rotated.
pub(super) fn all() -> Vec<Target> {
    vec![
        user_data(),
        authorization_code(),
        access_token(),
        refresh_token(),
        access_token_audit(),
        consumer_apps(),
        consumer_secrets(),
        bps_profile(),
        workflow_request(),
        secret(),
        xacml_subscriber_property(),
    ]
}

/// Any claim can be encrypted (`EnableEncryption`); the guide's line counts the two of TOTP.
pub(super) fn user_data() -> Target {
    let totp =
        ["http://wso2.org/claims/identity/secretkey", "http://wso2.org/claims/identity/verifySecretkey"];
    Target {
        groups: Some(Groups {
            column: Identifier::constant("DATA_KEY"),
            list: vec![group("totp", &totp), group("other identity claim", &[])],
        }),
        ..identity(
            "identity-user-data",
            "identity claim",
            "IDN_IDENTITY_USER_DATA",
            &["TENANT_ID", "USER_NAME", "DATA_KEY"],
            [plain("DATA_VALUE")],
        )
    }
}

fn authorization_code() -> Target {
    identity(
        "oauth2-authorization-code",
        "OAuth2 authorization code",
        "IDN_OAUTH2_AUTHORIZATION_CODE",
        &["CODE_ID"],
        [hashed("AUTHORIZATION_CODE", "AUTHORIZATION_CODE_HASH")],
    )
}

fn access_token() -> Target {
    identity(
        "oauth2-access-token",
        "OAuth2 access and refresh tokens",
        "IDN_OAUTH2_ACCESS_TOKEN",
        &["TOKEN_ID"],
        [hashed("ACCESS_TOKEN", "ACCESS_TOKEN_HASH"), hashed("REFRESH_TOKEN", "REFRESH_TOKEN_HASH")],
    )
}

/// From 7.3 on, for access tokens that are not persisted.
fn refresh_token() -> Target {
    Target {
        presence: Presence::Since((7, 3, 0)),
        ..identity(
            "oauth2-refresh-token",
            "OAuth2 refresh token",
            "IDN_OAUTH2_REFRESH_TOKEN",
            &["REFRESH_TOKEN_ID"],
            [hashed("REFRESH_TOKEN", "REFRESH_TOKEN_HASH")],
        )
    }
}

/// Copies of tokens that were revoked, ciphertext and all.
fn access_token_audit() -> Target {
    Target {
        presence: Presence::Some,
        ..identity(
            "oauth2-access-token-audit",
            "OAuth2 access token audit",
            "IDN_OAUTH2_ACCESS_TOKEN_AUDIT",
            &["ID"],
            [hashed("ACCESS_TOKEN", "ACCESS_TOKEN_HASH"), hashed("REFRESH_TOKEN", "REFRESH_TOKEN_HASH")],
        )
    }
}

fn consumer_apps() -> Target {
    identity(
        "oauth-consumer-apps",
        "OAuth consumer secret",
        "IDN_OAUTH_CONSUMER_APPS",
        &["ID"],
        [plain("CONSUMER_SECRET")],
    )
}

/// After 7.3: several secrets an application.
fn consumer_secrets() -> Target {
    Target {
        presence: Presence::Since((7, 4, 0)),
        ..identity(
            "oauth-consumer-secrets",
            "OAuth consumer secrets",
            "IDN_OAUTH_CONSUMER_SECRETS",
            &["SECRET_ID"],
            [plain("SECRET_VALUE")],
        )
    }
}

/// Gone in 7.x.
fn bps_profile() -> Target {
    Target {
        presence: Presence::Before((7, 0, 0)),
        ..identity(
            "workflow-bps-profile",
            "BPS profile",
            "WF_BPS_PROFILE",
            &["PROFILE_NAME", "TENANT_ID"],
            [plain("PASSWORD")],
        )
    }
}

fn workflow_request() -> Target {
    Target {
        codec: Codec::Java,
        presence: Presence::Some,
        ..identity("workflow-request", "WF request", "WF_REQUEST", &["UUID"], [plain("REQUEST")])
    }
}

/// From 6.0 on: secrets of identity providers, actions, connectors.
fn secret() -> Target {
    Target {
        presence: Presence::Since((6, 0, 0)),
        ..identity("identity-secret", "identity secret", "IDN_SECRET", &["ID"], [plain("SECRET_VALUE")])
    }
}

fn xacml_subscriber_property() -> Target {
    let table = "IDN_XACML_SUBSCRIBER_PROPERTY";
    let key = ["PROPERTY_ID", "SUBSCRIBER_ID", "TENANT_ID"];
    Target {
        presence: Presence::Some,
        relation: Relation {
            filter: Some(Filter::IsTrue(Identifier::constant("IS_SECRET"))),
            ..relation(table, &key)
        },
        ..identity(
            "xacml-subscriber-property",
            "XACML subscriber property",
            table,
            &key,
            [plain("PROPERTY_VALUE")],
        )
    }
}
