//! Tables of the identity database.

use super::{Column, Filter, Group, Groups, Presence, Relation, Store, Target, hashed, plain};
use crate::codec::Codec;

const fn identity(
    id: &'static str,
    label: &'static str,
    table: &'static str,
    key: &'static [&'static str],
    values: &'static [Column],
) -> Target {
    Target {
        id,
        store: Store::Identity,
        presence: Presence::Always,
        relation: Relation { table, key, filter: None },
        values,
        codec: Codec::Envelope,
        label,
        groups: None,
    }
}

/// Any claim can be encrypted (`EnableEncryption`); the guide's line counts the two of TOTP.
pub(super) const USER_DATA: Target = Target {
    groups: Some(Groups {
        column: "DATA_KEY",
        list: &[
            Group {
                label: "totp",
                values: &[
                    "http://wso2.org/claims/identity/secretkey",
                    "http://wso2.org/claims/identity/verifySecretkey",
                ],
            },
            Group { label: "other identity claim", values: &[] },
        ],
    }),
    ..identity(
        "identity-user-data",
        "identity claim",
        "IDN_IDENTITY_USER_DATA",
        &["TENANT_ID", "USER_NAME", "DATA_KEY"],
        &[plain("DATA_VALUE")],
    )
};

pub(super) const AUTHORIZATION_CODE: Target = identity(
    "oauth2-authorization-code",
    "OAuth2 authorization code",
    "IDN_OAUTH2_AUTHORIZATION_CODE",
    &["CODE_ID"],
    &[hashed("AUTHORIZATION_CODE", "AUTHORIZATION_CODE_HASH")],
);

pub(super) const ACCESS_TOKEN: Target = identity(
    "oauth2-access-token",
    "OAuth2 access and refresh tokens",
    "IDN_OAUTH2_ACCESS_TOKEN",
    &["TOKEN_ID"],
    &[hashed("ACCESS_TOKEN", "ACCESS_TOKEN_HASH"), hashed("REFRESH_TOKEN", "REFRESH_TOKEN_HASH")],
);

/// From 7.3 on, for access tokens that are not persisted.
pub(super) const REFRESH_TOKEN: Target = Target {
    presence: Presence::Since((7, 3, 0)),
    ..identity(
        "oauth2-refresh-token",
        "OAuth2 refresh token",
        "IDN_OAUTH2_REFRESH_TOKEN",
        &["REFRESH_TOKEN_ID"],
        &[hashed("REFRESH_TOKEN", "REFRESH_TOKEN_HASH")],
    )
};

/// Copies of tokens that were revoked, ciphertext and all.
pub(super) const ACCESS_TOKEN_AUDIT: Target = Target {
    presence: Presence::Some,
    ..identity(
        "oauth2-access-token-audit",
        "OAuth2 access token audit",
        "IDN_OAUTH2_ACCESS_TOKEN_AUDIT",
        &["ID"],
        &[hashed("ACCESS_TOKEN", "ACCESS_TOKEN_HASH"), hashed("REFRESH_TOKEN", "REFRESH_TOKEN_HASH")],
    )
};

pub(super) const CONSUMER_APPS: Target = identity(
    "oauth-consumer-apps",
    "OAuth consumer secret",
    "IDN_OAUTH_CONSUMER_APPS",
    &["ID"],
    &[plain("CONSUMER_SECRET")],
);

/// After 7.3: several secrets an application.
pub(super) const CONSUMER_SECRETS: Target = Target {
    presence: Presence::Since((7, 4, 0)),
    ..identity(
        "oauth-consumer-secrets",
        "OAuth consumer secrets",
        "IDN_OAUTH_CONSUMER_SECRETS",
        &["SECRET_ID"],
        &[plain("SECRET_VALUE")],
    )
};

/// Gone in 7.x.
pub(super) const BPS_PROFILE: Target = Target {
    presence: Presence::Before((7, 0, 0)),
    ..identity(
        "workflow-bps-profile",
        "BPS profile",
        "WF_BPS_PROFILE",
        &["PROFILE_NAME", "TENANT_ID"],
        &[plain("PASSWORD")],
    )
};

pub(super) const WORKFLOW_REQUEST: Target = Target {
    codec: Codec::Java,
    presence: Presence::Some,
    ..identity("workflow-request", "WF request", "WF_REQUEST", &["UUID"], &[plain("REQUEST")])
};

/// From 6.0 on: secrets of identity providers, actions, connectors.
pub(super) const SECRET: Target = Target {
    presence: Presence::Since((6, 0, 0)),
    ..identity("identity-secret", "identity secret", "IDN_SECRET", &["ID"], &[plain("SECRET_VALUE")])
};

pub(super) const XACML_SUBSCRIBER_PROPERTY: Target = Target {
    presence: Presence::Some,
    relation: Relation {
        table: "IDN_XACML_SUBSCRIBER_PROPERTY",
        key: &["PROPERTY_ID", "SUBSCRIBER_ID", "TENANT_ID"],
        filter: Some(Filter::IsTrue("IS_SECRET")),
    },
    ..identity(
        "xacml-subscriber-property",
        "XACML subscriber property",
        "IDN_XACML_SUBSCRIBER_PROPERTY",
        &[],
        &[plain("PROPERTY_VALUE")],
    )
};
