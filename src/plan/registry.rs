//! Which descriptors a rotation works with: the one place where they are chosen.

use std::sync::Arc;

use keyrotation_journal::Rotation;
use serde::Deserialize;

use crate::config::{OwnTable, Settings};
use crate::db::{Identifier, Relation};
use crate::error::{Error, Id, Result};
use crate::target::{Column, Presence, Store, Target, TargetRegistry};

/// What is built in.
pub fn built_in() -> Arc<TargetRegistry> {
    Arc::new(TargetRegistry::built_in())
}

/// What a rotation that is to begin works with.
pub fn registry(settings: &Settings) -> Result<Arc<TargetRegistry>> {
    described(settings).map(Arc::new)
}

/// Likewise for who only looks: with what is left out.
pub fn whole_registry(settings: &Settings) -> Result<Arc<TargetRegistry>> {
    described(settings).map(|registry| Arc::new(registry.whole()))
}

fn described(settings: &Settings) -> Result<TargetRegistry> {
    let refused = |what: String| Error::new(Id::ConfigTargets, format!("targets: {what}"));
    let own = settings.own.tables.iter().map(own_target).collect();
    let registry = TargetRegistry::built_in().with(&settings.own.left_out, own).map_err(refused)?;
    match registry.unsynced() {
        Some(table) if settings.sync_tables.is_some() => Err(refused(format!(
            "{table} is kept in step, and rows from the old server are encrypted with the new key: while \
             enableSyncMigrator is on, do not leave it out or describe it differently"
        ))),
        _ => Ok(registry),
    }
}

fn own_target(own: &OwnTable) -> Target {
    let built_in = [Store::Identity, Store::Registry].into_iter().find(|store| store.name() == own.store);
    let store = built_in.unwrap_or_else(|| Store::Further(own.store.clone()));
    let plain = |name: &Identifier| Column { name: name.clone(), hash: None };
    let words = own.table.to_lowercase().replace(['_', '$', '#'], "-");
    Target {
        id: format!("own-{}-{words}", own.store),
        store,
        presence: Presence::Own,
        relation: Relation { table: own.table.clone(), key: own.key.clone(), filter: own.filter.clone() },
        values: own.values.iter().map(plain).collect(),
        codec: own.codec.clone(),
        label: format!("{} (targets)", own.table),
        groups: None,
    }
}

/// What a rotation was begun with, as its journal has it: another version of this program may know of other columns.
/// Journals of versions that did not record it are of what is built in, of which nothing has changed since.
pub fn recorded(rotation: &Rotation) -> Arc<TargetRegistry> {
    #[derive(Deserialize)]
    struct Recorded {
        descriptors: Option<TargetRegistry>,
    }
    let recorded: Option<Recorded> = serde_json::from_slice(&rotation.fingerprint).ok();
    recorded.and_then(|recorded| recorded.descriptors).map_or_else(built_in, Arc::new)
}

/// The ids of what a rotation was begun with and this version describes otherwise, or not at all.
pub fn described_otherwise(recorded: &TargetRegistry) -> Vec<String> {
    let now = built_in();
    let built_in = recorded.tables().iter().filter(|table| table.presence != Presence::Own);
    let tables = built_in.filter(|table| now.table(&table.id) != Some(table));
    let files = recorded.files().iter().filter(|group| now.file_group(&group.id) != Some(group));
    let synced = recorded.synced().iter().filter(|table| now.sync_table(&table.id) != Some(table));
    let tables = tables.map(|table| table.id.clone()).chain(files.map(|group| group.id.clone()));
    tables.chain(synced.map(|table| table.id.clone())).collect()
}

#[cfg(test)]
mod tests {
    use keyrotation_journal::Rotation;
    use serde::Serialize;

    use super::*;
    use crate::Fingerprint;

    /// What the journal in `tests/vectors/journal_1` has, byte for byte.
    const EARLIER: &str = concat!(
        r#"{"old_key":"76267dca757ad0fc","new_key":"a4eb51e86e44494a","identity":"sqlite:/srv/is/new-identity.db","#,
        r#""registry":"sqlite:/srv/is/new-registry.db","home":"/srv/is/wso2is-new","old_identity":null,"#,
        r#""upgrade":false,"targets":["identity-user-data","oauth2-authorization-code","oauth2-access-token","#,
        r#""oauth2-refresh-token","oauth2-access-token-audit","oauth-consumer-apps","oauth-consumer-secrets","#,
        r#""workflow-bps-profile","workflow-request","identity-secret","xacml-subscriber-property","#,
        r#""registry-property","key-store","super-tenant-userstores","tenant-userstores","event-publishers","#,
        r#""event-receivers"]}"#
    );

    fn rotation(fingerprint: &str) -> Rotation {
        let (version, fingerprint) = ("0.1.0".to_owned(), fingerprint.as_bytes().to_vec());
        Rotation { id: [1; 16], created_at: 0, version, fingerprint, targets: Vec::new() }
    }

    fn with_descriptors() -> String {
        let plan = Fingerprint::decode(EARLIER.as_bytes()).unwrap();
        let plan = Fingerprint { descriptors: Some(TargetRegistry::built_in()), ..plan };
        String::from_utf8(plan.encode()).unwrap()
    }

    #[test]
    fn an_earlier_journal_is_of_what_is_built_in() {
        let earlier = Fingerprint::decode(EARLIER.as_bytes()).unwrap();
        assert_eq!((&earlier.descriptors, earlier.encode().as_slice()), (&None, EARLIER.as_bytes()));
        let known = recorded(&rotation(EARLIER));
        assert_eq!((&known, described_otherwise(&known)), (&built_in(), Vec::new()));
        assert!(earlier.targets.iter().all(|id| known.table(id).is_some() || known.file_group(id).is_some()));
    }

    #[test]
    fn a_rotation_keeps_to_what_it_was_begun_with_and_what_differs_now_is_told() {
        let text = with_descriptors();
        assert_eq!(recorded(&rotation(&text)), built_in());
        let other = text.replace("\"SECRET_VALUE\"", "\"SECRET_TEXT\"").replace("tenants/*", "tenants/1");
        let known = recorded(&rotation(&other));
        assert_eq!(*known.table("identity-secret").unwrap().values[0].name, *"SECRET_TEXT");
        assert_eq!(
            described_otherwise(&known),
            [
                "oauth-consumer-secrets",
                "identity-secret",
                "tenant-userstores",
                "event-publishers",
                "event-receivers"
            ]
        );
    }

    #[test]
    fn a_recorded_name_is_checked_like_any_other() {
        let forged = with_descriptors().replace("\"IDN_SECRET\"", "\"IDN_SECRET; DROP TABLE IDN_SECRET\"");
        let refused = Fingerprint::decode(forged.as_bytes()).unwrap_err();
        assert_eq!(refused.id(), Id::JournalFormat);
        let forged = with_descriptors().replace("\"subscriberPassword\"", "\"' OR '1' = '1\"");
        assert!(Fingerprint::decode(forged.as_bytes()).is_err());
    }

    /// A later version must read it: a member is never renamed, and a new one has a default.
    #[test]
    fn descriptors_are_recorded_in_this_form() {
        fn json<T: Serialize>(one: Option<&Arc<T>>) -> String {
            serde_json::to_string(&**one.unwrap()).unwrap()
        }
        let known = built_in();
        assert_eq!(
            json(known.table("registry-property")),
            concat!(
                r#"{"id":"registry-property","store":"registry","presence":"always","relation":{"table":"REG_PROPERTY","#,
                r#""key":["REG_ID","REG_TENANT_ID"],"filter":{"one_of":["REG_NAME",["password","privatekeyPass","#,
                r#""subscriberPassword"]]}},"values":[{"name":"REG_VALUE","hash":null}],"codec":"envelope","#,
                r#""label":"registry property","groups":{"column":"REG_NAME","list":["#,
                r#"{"label":"keystore password property","values":["password"]},"#,
                r#"{"label":"keystore privatekeyPass property","values":["privatekeyPass"]},"#,
                r#"{"label":"subscriber password property","values":["subscriberPassword"]}]}}"#
            )
        );
        assert_eq!(
            json(known.table("oauth2-refresh-token")),
            concat!(
                r#"{"id":"oauth2-refresh-token","store":"identity","presence":{"since":[7,3,0]},"#,
                r#""relation":{"table":"IDN_OAUTH2_REFRESH_TOKEN","key":["REFRESH_TOKEN_ID"],"filter":null},"#,
                r#""values":[{"name":"REFRESH_TOKEN","hash":"REFRESH_TOKEN_HASH"}],"codec":"envelope","#,
                r#""label":"OAuth2 refresh token","groups":null}"#
            )
        );
        assert_eq!(
            json(known.sync_table("sync-oauth2-access-token-scope")),
            concat!(
                r#"{"id":"sync-oauth2-access-token-scope","relation":{"table":"IDN_OAUTH2_ACCESS_TOKEN_SCOPE","#,
                r#""key":["TOKEN_ID","TOKEN_SCOPE"],"filter":null},"log":"IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP","#,
                r#""triggers":"scope_sync","label":"OAuth scope","parent":{"synced":{"column":"TOKEN_ID","#,
                r#""table":"IDN_OAUTH2_ACCESS_TOKEN"}},"state":null,"unique":[],"park":null,"names":false,"needed":true}"#
            )
        );
        assert_eq!(
            json(known.file_group("tenant-userstores")),
            concat!(
                r#"{"id":"tenant-userstores","label":"tenant secondary userstore configuration files","#,
                r#""folders":["repository/tenants/*/userstores"],"root":"UserStoreManager"}"#
            )
        );
    }
}
