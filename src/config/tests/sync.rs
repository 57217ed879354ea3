//! What sync needs, and which tables it is for.

use super::super::SyncChoice;
use super::Bench;
use crate::error::Id;

fn synced() -> Bench {
    Bench::new().set("enableSyncMigrator", "true").set("oldIdnDBUrl", "jdbc:sqlite:old.db")
}

#[test]
fn sync_needs_the_old_database_and_that_databases_are_rotated() {
    assert_eq!(Bench::new().settings().sync_tables, None);
    assert_eq!(synced().settings().sync_tables, Some(Vec::new()));
    synced().unset("oldIdnDBUrl").fails(Id::ConfigMissingKey, "oldIdnDBUrl is missing");
    synced().set("oldIdnDBUrl", "").fails(Id::ConfigUrl, "oldIdnDBUrl");
    synced().set("enableDBMigrator", "false").fails(Id::ConfigValue, "no database is rotated");
    synced().set("oldIdnDBUrl", "jdbc:sqlite:identity.db").fails(Id::ConfigOldDatabase, "the same database");
}

#[test]
fn the_old_database_is_of_the_same_kind() {
    synced()
        .set("oldIdnDBUrl", "jdbc:postgresql://localhost/old")
        .set("oldIdnUsername", "u")
        .fails(Id::ConfigValue, "of another kind");
}

#[test]
fn tables_are_added_and_left_out() {
    let choice = |table: &str, wanted| SyncChoice { table: table.into(), wanted };
    let settings =
        synced().set("syncTables", "[-IDN_OAUTH2_TOKEN_BINDING, idn_oauth2_refresh_token]").settings();
    let expected = vec![choice("IDN_OAUTH2_TOKEN_BINDING", false), choice("IDN_OAUTH2_REFRESH_TOKEN", true)];
    assert_eq!(settings.sync_tables, Some(expected));
    synced().set("syncTables", "[-]").fails(Id::ConfigValue, "is not a list of tables");
    synced().set("syncTables", "a; b").fails(Id::ConfigValue, "is not a list of tables");
}
