//! A finished rotation answers for itself: not for other keys, databases or settings.

use std::fs;

use crate::kit::{Kit, Refused as _};
use crate::sqlite::in_place::in_place;

/// A rotation that is finished has moved nothing to a key, and nothing of a database, that was named since.
#[test]
fn a_finished_rotation_is_no_answer_for_another() {
    let next = "0d6c2b7f94e1a8035b97d4c26e810fa3";
    let kit = Kit::rotated();
    let begun_with = fs::read_to_string(&kit.deployment.config).unwrap();
    let new = kit.deployment.spec.new_key.clone();
    let refused = |settings: &[(&str, &str)], says: &str| {
        for (key, value) in settings {
            kit.configure(key, Some(value));
        }
        for command in ["run", "resume"] {
            let ran = kit.run(&[command]).refused(4, "KR-JRN-005");
            assert!(ran.error().contains(says) && ran.error().contains("run --new"), "{command}: {ran}");
        }
        fs::write(&kit.deployment.config, &begun_with).unwrap();
    };
    fs::copy(&kit.deployment.old_identity, kit.path("another.db")).unwrap();
    let quoted = |key: &str| format!("'{key}'");
    refused(&[("newSecretKey", &quoted(next))], "newSecretKey (fingerprint) is");
    refused(
        &[("oldSecretKey", &quoted(&new)), ("newSecretKey", &quoted(next))],
        "oldSecretKey (fingerprint) is",
    );
    kit.configure("oldSecretKeys", Some(&format!("['{next}']")));
    let ran = kit.run(&["run"]).refused(4, "KR-JRN-005");
    assert!(ran.error().contains("oldSecretKeys has") && ran.error().contains("--retry-failed"), "{ran}");
    fs::write(&kit.deployment.config, &begun_with).unwrap();
    refused(&[("newIdnDBUrl", "jdbc:sqlite:another.db")], "newIdnDBUrl is");
    refused(&[("transformation", "AES/GCM/NoPadding")], "transformation is");
    refused(&[("enableSyncMigrator", "true")], "with enableSyncMigrator");
    for command in ["run", "resume"] {
        kit.run(&[command]).exits(0);
    }
    // Once it is retired, the next one is between other keys, and the old databases are gone.
    kit.run(&["verify"]).exits(0);
    kit.run(&["confirm", "retire/old-key"]).exits(0);
    refused(
        &[("oldSecretKey", &quoted(&new)), ("newSecretKey", &quoted(next))],
        "newSecretKey (fingerprint) is",
    );
    refused(&[("newIdnDBUrl", "jdbc:sqlite:another.db")], "newIdnDBUrl is");
    kit.configure("oldIdnDBUrl", None);
    let ran = kit.run(&["run"]).exits(0);
    assert!(ran.stdout.contains("Finished and retired"), "{ran}");
}

/// Whoever goes back, or changes the key once more, and forgets `--new` has rotated nothing.
#[test]
fn a_finished_rotation_is_none_of_other_keys_or_databases() {
    let kit = in_place();
    let (old, new) = (kit.deployment.spec.old_key.clone(), kit.deployment.spec.new_key.clone());
    kit.run(&["run"]).exits(0);
    let keys = |old: &str, new: &str| {
        kit.configure("oldSecretKey", Some(old));
        kit.configure("newSecretKey", Some(new));
    };
    let refused = |why: &str| {
        for command in ["run", "resume"] {
            let refused = kit.run(&[command]).refused(4, "KR-JRN-005");
            assert!(
                refused.error().contains(why) && refused.error().contains("keyrotation run --new"),
                "{refused}"
            );
        }
    };
    keys(&new, &old);
    refused("oldSecretKey (fingerprint) is");
    keys(&old, "5f0e9a71c3d8264bb71e93a04c65d82f");
    refused("newSecretKey (fingerprint) is");
    keys(&old, &new);
    let database = kit.deployment.new_identity.with_file_name("another.db");
    fs::copy(&kit.deployment.new_identity, &database).unwrap();
    kit.configure("idnDBUrl", Some(&format!("jdbc:sqlite:{}", database.display())));
    refused("newIdnDBUrl is");
    kit.configure("idnDBUrl", Some(&format!("jdbc:sqlite:{}", kit.deployment.new_identity.display())));
    // Nor when it is retired.
    kit.run(&["verify"]).exits(0);
    kit.run(&["keys"]).exits(0);
    for step in ["one-key", "retire/proved", "retire/old-key"] {
        kit.run(&["confirm", step]).exits(0);
    }
    let retired = kit.run(&["run"]).exits(0);
    assert!(retired.stdout.contains("Finished and retired"), "{retired}");
    keys(&new, "5f0e9a71c3d8264bb71e93a04c65d82f");
    refused("newSecretKey (fingerprint) is");
    keys(&new, &old);
    kit.run(&["run", "--new"]).exits(0);
    kit.run(&["keys"]).exits(0);
}
