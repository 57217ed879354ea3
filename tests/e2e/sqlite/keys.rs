//! `keys`: every value is opened and counted under its key, and an old key may go only if nothing may be under it.

use serde_json::Value;

use crate::kit::{Kit, Refused as _, seal};
use crate::portable::keys::{keys, of, target};

const OTHER: &str = "f7b2b39207523b43a56540d30656b19b";

fn add_secret(kit: &Kit, value: &str) {
    kit.sql(&format!(
        "INSERT INTO IDN_IDENTITY_USER_DATA (TENANT_ID, USER_NAME, DATA_KEY, DATA_VALUE) VALUES (-1234, 'one more', \
         'secret', '{value}')"
    ));
}

/// One value in a place that no sample would look at.
#[test]
fn one_value_under_an_old_key_is_enough() {
    let kit = Kit::new();
    kit.run(&["run"]).exits(0);
    add_secret(&kit, &seal(&kit.deployment.spec.old_key, "left behind"));
    let inventory = keys(&kit, 1);
    let found = target(&inventory, "identity-user-data");
    let fingerprint = of(&inventory, "old")["fingerprint"].as_str().unwrap();
    assert_eq!(found["keys"][fingerprint]["rows"], serde_json::json!(["-1234/one more/secret"]), "{found}");
    kit.sql("DELETE FROM IDN_IDENTITY_USER_DATA WHERE USER_NAME = 'one more'");
    keys(&kit, 0);
    // The same within a value under the new key: a server that opens both layers needs both keys.
    let inner = seal(&kit.deployment.spec.old_key, "the inner layer");
    add_secret(&kit, &seal(&kit.deployment.spec.new_key, &inner));
    assert_eq!(of(&keys(&kit, 1), "old")["values"], 1);
    // Deeper than anybody looks nothing is known.
    kit.sql("DELETE FROM IDN_IDENTITY_USER_DATA WHERE USER_NAME = 'one more'");
    let mut value = "the innermost".to_owned();
    for _ in 0..5 {
        value = seal(&kit.deployment.spec.new_key, &value);
    }
    kit.sql(&format!(
        "INSERT INTO IDN_IDENTITY_USER_DATA (TENANT_ID, USER_NAME, DATA_KEY, DATA_VALUE) VALUES (-1234, 'one more', 'deep', '{value}')"
    ));
    let inventory = keys(&kit, 1);
    assert!(
        of(&inventory, "old")["why"].as_str().unwrap().contains("1 values may be under it"),
        "{inventory}"
    );
}

/// With nothing in it, it is under no key, but names one that must not go then.
#[test]
fn an_empty_value_that_names_an_old_key_keeps_it() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let kit = Kit::new();
    kit.run(&["run"]).exits(0);
    keys(&kit, 0);
    let id = keyrotation::cipher::SecretKey::parse(&kit.deployment.spec.old_key).unwrap().key_id().to_owned();
    let inner = STANDARD.encode(format!(r#"{{"cipher":"","initializationVector":"AAAA","keyId":"{id}"}}"#));
    let outer = STANDARD.encode(format!(r#"{{"c":"{inner}","t":"AES/GCM/NoPadding","iv":"AAAA"}}"#));
    add_secret(&kit, &outer);
    assert_eq!(of(&keys(&kit, 1), "old")["values"], 1);
}

#[test]
fn what_is_under_a_key_that_nobody_named_is_told_apart() {
    let kit = Kit::new();
    kit.run(&["run"]).exits(0);
    add_secret(&kit, &seal(OTHER, "of somebody else"));
    let inventory = keys(&kit, 0); // no key that may go opens it
    assert_eq!(target(&inventory, "identity-user-data")["unknown"], serde_json::json!({ "": 1 }));
    let text = kit.run(&["keys"]).exits(0).stdout;
    assert!(
        text.contains("1 value in IDN_IDENTITY_USER_DATA is under no key that properties.yaml names"),
        "{text}"
    );
    kit.configure("oldSecretKeys", Some(OTHER));
    let inventory = keys(&kit, 1);
    let old: Vec<&Value> =
        inventory["keys"].as_array().unwrap().iter().filter(|key| key["role"] == "old").collect();
    assert_eq!(old.iter().map(|key| &key["may_go"]).collect::<Vec<_>>(), [true, false]);
}

/// A green word is given only for what was looked into.
#[test]
fn what_cannot_be_looked_into_keeps_an_old_key() {
    let kit = Kit::new();
    kit.run(&["run"]).exits(0);
    keys(&kit, 0);
    let is_kept = |why: &str| {
        let inventory = keys(&kit, 1);
        let old = of(&inventory, "old");
        assert!(old["may_go"] == false && old["values"] == 0, "{old}");
        assert!(old["why"].as_str().unwrap().contains(why), "{old}");
        assert!(kit.run(&["keys"]).exits(1).stdout.contains("may not go yet"));
    };
    for part in ["enableConfigMigrator", "enableDBMigrator"] {
        kit.configure(part, Some("false"));
        is_kept("not all values were looked at");
        kit.configure(part, Some("true"));
    }
    let row = "SELECT UUID FROM WF_REQUEST ORDER BY UUID LIMIT 1";
    let uuid = kit.sql(row)[0][0].clone().unwrap();
    let request = kit.sql(&format!("SELECT REQUEST FROM WF_REQUEST WHERE UUID = '{uuid}'"));
    let broken = &request[0][0].clone().unwrap()[..40];
    kit.sql(&format!("UPDATE WF_REQUEST SET REQUEST = x'{broken}' WHERE UUID = '{uuid}'"));
    is_kept("1 values may be under it");
}

/// Without it the verdict is about the targets alone, and says so.
#[test]
fn a_scan_finds_what_stands_outside_the_targets() {
    let kit = Kit::new();
    kit.run(&["run"]).exits(0);
    let (old, new) = (kit.deployment.spec.old_key.clone(), kit.deployment.spec.new_key.clone());
    let scan = |code: i32| kit.run(&["keys", "--scan", "--json"]).exits(code).json()["inventory"].clone();
    let clean = scan(0);
    assert_eq!(of(&clean, "old")["outside"], 0);
    assert!(clean["outside"]["columns"].as_u64() > Some(20) && clean["outside"]["files"].as_u64() > Some(0));
    let text = kit.run(&["keys", "--scan"]).exits(0).stdout;
    assert!(text.contains("no value is under it, in the targets or outside of them"), "{text}");
    assert!(kit.run(&["keys"]).exits(0).stdout.contains("Other tables and files (`--scan`)"));

    // A table of a target has rows that are none: they are looked at, and the target's are not counted twice.
    let of_registry = format!(
        "INSERT INTO REG_PROPERTY (REG_ID, REG_NAME, REG_VALUE, REG_TENANT_ID) VALUES (999999, 'another', '{}', -1234)",
        seal(&old, "no target")
    );
    kit.registry(&of_registry);
    let found = scan(1);
    assert_eq!(of(&found, "old")["outside"], 1, "{}", found["outside"]);
    assert_eq!(found["outside"]["found"].as_array().unwrap().len(), 1, "{}", found["outside"]);
    kit.run(&["verify"]).exits(0);
    kit.run(&["verify", "--scan"]).exits(1);
    kit.registry("DELETE FROM REG_PROPERTY WHERE REG_ID = 999999");

    // In a document, in bytes, without a key, beside others; and a column of a target that holds no values as a rule.
    kit.sql("CREATE TABLE ELSEWHERE (DOCUMENT TEXT, CONTENT BLOB)");
    let value = seal(&old, "a copy");
    kit.sql(&format!(
        "INSERT INTO ELSEWHERE VALUES ('{{\"secret\":\"{value}\"}}', CAST('xx{value}' AS BLOB))"
    ));
    kit.sql(&format!("INSERT INTO ELSEWHERE VALUES ('{}', NULL)", seal(&new, "its own")));
    kit.sql(&format!("INSERT INTO ELSEWHERE VALUES ('{}', NULL)", seal(OTHER, "of somebody else")));
    let file = kit.deployment.home.join("repository/notes.txt");
    std::fs::write(&file, format!("key: {value}\n")).unwrap();
    kit.run(&["keys"]).exits(0);
    let found = scan(1);
    assert_eq!(of(&found, "old")["outside"], 3, "{}", found["outside"]);
    assert_eq!(of(&found, "old")["may_go"], false);
    let places: Vec<&str> = found["outside"]["found"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["place"].as_str().unwrap())
        .collect();
    assert_eq!(places.len(), 3, "{places:?}");
    for place in ["ELSEWHERE.DOCUMENT", "ELSEWHERE.CONTENT", "repository/notes.txt"] {
        assert!(places.iter().any(|found| found.ends_with(place)), "no {place} in {places:?}");
    }
    let text = kit.run(&["keys", "--scan"]).exits(1).stdout;
    assert!(text.contains("1 under no key that properties.yaml names"), "{text}");
    // `verify` says the same of a rotation that is otherwise as it should be.
    kit.run(&["verify"]).exits(0);
    let verified = kit.run(&["verify", "--scan", "--json"]).exits(1).json();
    assert!(verified["differences"] == 3 && verified["outside"]["under_old"] == 3, "{verified}");
    let text = kit.run(&["verify", "--scan"]).exits(1).stdout;
    assert!(text.contains("outside the targets: 3 values are under an old key"), "{text}");
    kit.sql("DROP TABLE ELSEWHERE");
    std::fs::remove_file(file).unwrap();
    scan(0);
    kit.run(&["verify", "--scan"]).exits(0);
}

/// A table that every version has is not absent without a word.
#[test]
fn a_table_that_is_not_there_is_refused() {
    let kit = Kit::new();
    kit.run(&["run"]).exits(0);
    kit.sql("ALTER TABLE IDN_IDENTITY_USER_DATA RENAME TO SOMETHING_ELSE");
    assert!(kit.run(&["keys"]).exits(3).error().contains("IDN_IDENTITY_USER_DATA"));
    let text = kit.run(&["keys", "--without-table", "IDN_IDENTITY_USER_DATA"]).exits(1).stdout;
    assert!(text.contains("not looked at: the table IDN_IDENTITY_USER_DATA"), "{text}");
}

/// A statement about the key that was typed is none about the key in use.
#[test]
fn a_mistyped_old_key_gets_no_green_word() {
    let kit = Kit::new();
    let right = kit.deployment.spec.old_key.clone();
    kit.configure("oldSecretKey", Some(OTHER));
    let inventory = keys(&kit, 5);
    let old = of(&inventory, "old");
    assert!(old["may_go"] == false && old["values"] == 0, "{old}");
    assert!(old["why"].as_str().unwrap().contains("is oldSecretKey the right one?"), "{old}");
    let text = kit.run(&["keys"]).exits(5).stdout;
    assert!(text.contains("may not go yet") && !text.contains("may go:"), "{text}");
    // One of several that is right does not make another so.
    kit.configure("oldSecretKey", Some(&right));
    kit.configure("oldSecretKeys", Some(OTHER));
    let inventory = keys(&kit, 1);
    let old: Vec<&Value> =
        inventory["keys"].as_array().unwrap().iter().filter(|key| key["role"] == "old").collect();
    assert_eq!(old.iter().map(|key| &key["may_go"]).collect::<Vec<_>>(), [false, true]);
    let third = seal("00112233445566778899aabbccddeeff", "somebody else's");
    kit.sql(&format!(
        "UPDATE IDN_IDENTITY_USER_DATA SET DATA_VALUE = '{third}' WHERE DATA_VALUE LIKE 'eyJ%'"
    ));
    let inventory = keys(&kit, 5);
    assert!(inventory["keys"].to_string().contains("none of the keys decrypts"), "{}", inventory["keys"]);
}

/// No value is under it: is it the right one? A journal of the two keys says so, or `deployment.toml`, or somebody's word.
#[test]
fn keys_the_wrong_way_round_get_no_green_word() {
    let kit = Kit::new();
    let (old, new) = (kit.deployment.spec.old_key.clone(), kit.deployment.spec.new_key.clone());
    let swap = |one: &str, other: &str| {
        kit.configure("oldSecretKey", Some(one));
        kit.configure("newSecretKey", Some(other));
    };
    swap(&new, &old);
    let inventory = keys(&kit, 5);
    assert_eq!(of(&inventory, "old")["may_go"], false);
    assert!(
        of(&inventory, "old")["why"].as_str().unwrap().contains("are the two keys swapped"),
        "{inventory}"
    );
    kit.run(&["keys", "--all-already-new"]).exits(0);
    swap(&old, &new);
    kit.run(&["run"]).exits(0);
    keys(&kit, 0);
    // Once everything is rotated, a mistyped key has nothing under it either.
    swap(OTHER, &new);
    keys(&kit, 5);
    swap(&old, &new);
    // What explains it: a journal that was put aside, or a server that has both keys.
    let aside = kit.journal().with_file_name("keyrotation-journal-earlier");
    std::fs::rename(kit.journal(), &aside).unwrap();
    keys(&kit, 0);
    std::fs::remove_dir_all(&aside).unwrap();
    keys(&kit, 5);
    let toml = kit.deployment.home.join("repository/conf/deployment.toml");
    let was = std::fs::read_to_string(&toml).unwrap();
    let both = was.replace("\"$secret{encryption_key}\"", &format!("'{new}'\nold_key = '{old}'"));
    std::fs::write(&toml, both).unwrap();
    keys(&kit, 0);
}
