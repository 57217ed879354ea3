//! Tables of the registry (shared) database.

use super::{Filter, Group, Groups, Presence, Relation, Store, Target, plain};
use crate::codec::Codec;

/// Registry properties by name: there is no index on the name, so one pass serves all three.
pub(super) const PROPERTY: Target = Target {
    id: "registry-property",
    store: Store::Registry,
    presence: Presence::Always,
    relation: Relation {
        table: "REG_PROPERTY",
        key: &["REG_ID", "REG_TENANT_ID"],
        filter: Some(Filter::OneOf("REG_NAME", &["password", "privatekeyPass", "subscriberPassword"])),
    },
    values: &[plain("REG_VALUE")],
    codec: Codec::Envelope,
    label: "registry property",
    groups: Some(Groups {
        column: "REG_NAME",
        list: &[
            Group { label: "keystore password property", values: &["password"] },
            Group { label: "keystore privatekeyPass property", values: &["privatekeyPass"] },
            Group { label: "subscriber password property", values: &["subscriberPassword"] },
        ],
    }),
};

/// From 7.1 on: the keystores of tenants.
pub(super) const KEY_STORE: Target = Target {
    id: "key-store",
    store: Store::Registry,
    presence: Presence::Since((7, 1, 0)),
    relation: Relation { table: "KEY_STORE", key: &["ID"], filter: None },
    values: &[plain("PASSWORD"), plain("PRIVATE_KEY_PASS")],
    codec: Codec::Envelope,
    label: "tenant keystore",
    groups: None,
};
