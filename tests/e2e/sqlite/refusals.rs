//! Refusals that need a deployment; those of properties.yaml alone are cases in `tests/cmd`.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::kit::Kit;
use crate::portable::refusals::both_refuse;

#[test]
fn a_database_with_what_sync_left_is_the_old_one_or_lacks_step_4() {
    let kit = Kit::new();
    let table = |name: &str| (format!("CREATE TABLE {name} (SYNC_ID INTEGER)"), format!("DROP TABLE {name}"));
    let trigger = |name: &str| {
        let on = "AFTER INSERT ON IDN_SECRET_TYPE BEGIN SELECT 1; END";
        (format!("CREATE TRIGGER {name} {on}"), format!("DROP TRIGGER {name}"))
    };
    let leftovers = [
        ("IDN_IDENTITY_USER_DATA_TEMP", table("IDN_IDENTITY_USER_DATA_TEMP")),
        ("IDN_OAUTH2_AUTHORIZATION_CODE_TEMP", table("idn_oauth2_authorization_code_temp")),
        ("IDN_OAUTH2_ACCESS_TOKEN_TEMP", table("IDN_OAUTH2_ACCESS_TOKEN_TEMP")),
        ("IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP", table("IDN_OAUTH2_ACCESS_TOKEN_SCOPE_TEMP")),
        ("TOTP_SYNC_INSERT", trigger("totp_sync_insert")),
        ("OAUTH2_CODE_SYNC_UPDATE", trigger("oauth2_code_sync_update")),
        ("TOKEN_SYNC_DELETE", trigger("token_sync_delete")),
        ("SCOPE_SYNC_INSERT", trigger("SCOPE_SYNC_INSERT")),
    ];
    for (name, (make, remove)) in leftovers {
        kit.sql(&make);
        let error = both_refuse(&kit, 2, "KR-CFG-050");
        assert!(error.contains(name) && error.contains("newIdnDBUrl"), "{error}");
        kit.sql(&remove);
    }
    kit.run(&["plan"]).exits(0);
}

#[test]
fn the_old_database_is_found_behind_links_too() {
    let kit = Kit::new();
    let (old, new) = (&kit.deployment.old_identity, &kit.deployment.new_identity);
    fs::remove_file(new).unwrap();
    symlink(old, new).unwrap();
    let error = both_refuse(&kit, 2, "KR-CFG-016");
    assert!(error.contains("newIdnDBUrl is the same database as oldIdnDBUrl"), "{error}");
    fs::remove_file(new).unwrap();
    fs::hard_link(old, new).unwrap();
    both_refuse(&kit, 2, "KR-CFG-016");
}

#[test]
fn secrets_that_everyone_may_read_are_a_warning() {
    let kit = Kit::new();
    let set = |mode| fs::set_permissions(&kit.deployment.config, fs::Permissions::from_mode(mode)).unwrap();
    set(0o644);
    let done = kit.run(&["plan", "-q"]).exits(0);
    assert!(
        done.stderr.contains("everyone may read") && done.stderr.contains("oldSecretKey"),
        "{}",
        done.stderr
    );
    set(0o640);
    assert_eq!(kit.run(&["plan", "-q"]).exits(0).stderr, "");
    // Secrets elsewhere: what counts is who may read that place.
    set(0o644);
    let file = kit.beside("new.key");
    fs::write(&file, format!("{}\n", kit.deployment.spec.new_key)).unwrap();
    kit.configure("newSecretKey", Some(&format!("file:{}", file.display())));
    kit.configure("oldSecretKey", Some("env:OLD_KEY"));
    kit.configure("newRegPassword", Some(""));
    set(0o644);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let plan = || kit.command(&["plan", "-q"]).env("OLD_KEY", &kit.deployment.spec.old_key).output().unwrap();
    let said = String::from_utf8(plan().stderr).unwrap();
    assert!(said.contains("new.key") && said.lines().count() == 1, "{said}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let output = plan();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn what_is_no_database_is_named() {
    let kit = Kit::new();
    fs::write(
        &kit.deployment.new_registry,
        "This is a letter and no database, whatever its name says.\n".repeat(40),
    )
    .unwrap();
    let error = both_refuse(&kit, 3, "KR-DB-001");
    assert!(error.contains("newRegDBUrl") && error.contains("new-registry.db"), "{error}");
}
