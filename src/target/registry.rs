//! Tables of the registry (shared) database.

use super::{Filter, Groups, Presence, Relation, Store, Target, group, plain, relation};
use crate::codec::Codec;
use crate::db::{Identifier, Literal};

/// In the order in which they are rotated.
pub(super) fn all() -> Vec<Target> {
    vec![property(), key_store()]
}

/// Registry properties by name: there is no index on the name, so one pass serves all three.
pub(super) fn property() -> Target {
    let name = Identifier::constant("REG_NAME");
    let secrets = ["password", "privatekeyPass", "subscriberPassword"];
    let filter = Filter::OneOf(name.clone(), secrets.map(Literal::constant).into());
    Target {
        id: "registry-property".into(),
        store: Store::Registry,
        presence: Presence::Always,
        relation: Relation { filter: Some(filter), ..relation("REG_PROPERTY", &["REG_ID", "REG_TENANT_ID"]) },
        values: vec![plain("REG_VALUE")],
        codec: Codec::Envelope,
        label: "registry property".to_owned(),
        groups: Some(Groups {
            column: name,
            list: vec![
                group("keystore password property", &["password"]),
                group("keystore privatekeyPass property", &["privatekeyPass"]),
                group("subscriber password property", &["subscriberPassword"]),
            ],
        }),
    }
}

/// From 7.1 on: the keystores of tenants.
pub(super) fn key_store() -> Target {
    Target {
        id: "key-store".into(),
        store: Store::Registry,
        presence: Presence::Since((7, 1, 0)),
        relation: relation("KEY_STORE", &["ID"]),
        values: vec![plain("PASSWORD"), plain("PRIVATE_KEY_PASS")],
        codec: Codec::Envelope,
        label: "tenant keystore".to_owned(),
        groups: None,
    }
}
