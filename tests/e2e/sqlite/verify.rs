//! `verify`: each verdict, each exit code, and journals that do not belong or were tampered with.

use std::fs;

use crate::kit::{Kit, Refused as _};

#[test]
fn journals_of_another_key_home_or_database_are_named() {
    let kit = Kit::rotated();
    let original = fs::read_to_string(&kit.deployment.config).unwrap();
    let copy = kit.beside("another.db");
    fs::copy(&kit.deployment.new_identity, &copy).unwrap();
    let home = kit.beside("another-home");
    fs::create_dir_all(home.join("repository")).unwrap();
    let database = format!("jdbc:sqlite:{}", copy.display());
    let others = [
        ("newSecretKey", "0123456789abcdef0123456789abcdef"),
        ("oldSecretKey", "0123456789abcdef0123456789abcdef"),
        ("newISHome", home.to_str().unwrap()),
        ("newIdnDBUrl", &database),
        ("newRegDBUrl", &database),
        ("transformation", "AES/GCM/NoPadding"),
        ("enableConfigMigrator", "false"),
    ];
    for (key, value) in others {
        fs::write(&kit.deployment.config, &original).unwrap();
        kit.configure(key, Some(value));
        let named = if key == "enableConfigMigrator" { "newISHome" } else { key };
        for command in [&["verify"][..], &["resume", "--retry-failed"]] {
            let done = kit.run(command).refused(4, "KR-JRN-005");
            assert!(done.error().contains(named), "{}", done.error());
            assert!(!done.error().contains(value) || !key.ends_with("Key"), "{}", done.error());
        }
    }
    // What may differ.
    fs::write(&kit.deployment.config, &original).unwrap();
    kit.configure("chunkSize", Some("500"));
    kit.configure("newRegPassword", Some("b3RoZXI="));
    kit.run(&["verify"]).exits(0);
}
