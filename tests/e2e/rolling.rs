//! Around a rotation in place: restarts of one node after the other, by which servers get both keys without a stop, and the
//! next rotation.

use std::fs;

use crate::in_place::in_place;
use crate::kit::Refused as _;

/// Without a stop: every node reads both keys before any of them writes with the new one.
#[test]
fn two_restarts_of_one_node_after_the_other_give_servers_both_keys() {
    let kit = in_place();
    let (old, new) = (kit.deployment.spec.old_key.clone(), kit.deployment.spec.new_key.clone());
    let file = kit.deployment.home.join("repository/conf/deployment.toml");
    let write = |key: &str, old_key: Option<&str>| {
        let old_key = old_key.map(|key| format!("old_key = \"{key}\"\n")).unwrap_or_default();
        fs::write(&file, format!("[encryption]\nkey = \"{key}\"\n{old_key}")).unwrap();
    };
    let keys = || {
        let text = fs::read_to_string(&file).unwrap();
        let of = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} = ")));
            line.map(|value| value.trim_matches('"').to_owned())
        };
        (of("key").unwrap(), of("old_key"))
    };
    fs::create_dir_all(kit.deployment.home.join("bin")).unwrap();
    fs::write(kit.deployment.home.join("bin/version.txt"), "WSO2 Identity Server v7.1.0\n").unwrap();
    write(&old, None);
    let said = kit.run(&["configure", "--rolling"]).exits(0).stdout;
    assert_eq!(keys(), (old.clone(), Some(new.clone())), "{said}");
    assert!(said.contains("without a key id") && !said.contains(&new), "{said}");
    // Again it changes nothing, and the step of giving servers both keys is not done by it.
    kit.run(&["configure", "--rolling"]).exits(0);
    assert_eq!(keys(), (old.clone(), Some(new.clone())));
    kit.run(&["confirm", "both-keys"]).refused(2, "KR-CFG-024");
    kit.run(&["run", "--servers-have-both-keys"]).refused(2, "KR-CFG-062");
    // The second.
    kit.run(&["configure"]).exits(0);
    assert_eq!(keys(), (new.clone(), Some(old.clone())));
    // A node does not go back by accident, and a third key is nobody's to overwrite.
    kit.run(&["configure", "--rolling"]).refused(2, "KR-CFG-061");
    write(&old, Some(&"e".repeat(32)));
    kit.run(&["configure", "--rolling"]).refused(2, "KR-CFG-061");
    write(&new, Some(&old));
    kit.run(&["run", "--servers-have-both-keys"]).exits(0);
    write(&old, None);
    let late = kit.run(&["configure", "--rolling"]).refused(2, "KR-CFG-024");
    assert!(late.stderr.contains("has begun"), "{late}");
    assert_eq!(keys(), (old, None));
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
