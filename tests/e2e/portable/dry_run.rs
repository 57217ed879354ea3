//! A dry run: it says what a rotation then does, row by row and word for word, and changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::PathBuf;

use serde_json::Value;

use crate::kit::{Kit, Refused as _, same_tree, tree};
use crate::support::{counts, execute, seal};

const DRY: [&str; 3] = ["run", "--dry-run", "--json"];

/// Every failure of a document: target, key, column and reason.
fn failures(document: &Value) -> Vec<[String; 4]> {
    let lists = ["targets", "files"].map(|list| document[list].as_array().unwrap());
    let mut found = Vec::new();
    for target in lists.into_iter().flatten() {
        for failure in target["failures"].as_array().unwrap() {
            let fields = [&target["id"], &failure["key"], &failure["column"], &failure["reason"]];
            found.push(fields.map(|field| field.as_str().unwrap().to_owned()));
        }
    }
    found.sort();
    found
}

/// When the content and the inode of everything in the deployment's folder changed last.
fn times(kit: &Kit) -> BTreeMap<PathBuf, [i64; 4]> {
    let entries = walkdir::WalkDir::new(kit.folder()).into_iter().map(|entry| entry.unwrap());
    let times = |entry: walkdir::DirEntry| {
        let found = entry.metadata().unwrap();
        let times = [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()];
        (entry.into_path(), times)
    };
    entries.map(times).collect()
}

/// A deployment with every kind of value and file that cannot be rotated.
fn spoiled() -> Kit {
    let kit = Kit::new();
    assert!(kit.damage().len() >= 9);
    let stores = kit.deployment.home.join("repository/deployment/server/userstores");
    let store = |value: &str| format!("<UserStoreManager><Property encrypted=\"true\">{value}</Property>");
    let old = seal(&kit.deployment.spec.old_key, "a secret");
    let foreign = seal("00112233445566778899aabbccddeeff", "a secret");
    for (name, bytes) in [
        ("A-UNCLOSED.xml", store(&old).into_bytes()),
        ("B-FOREIGN.xml", format!("{}</UserStoreManager>", store(&foreign)).into_bytes()),
        ("C-LATIN1.xml", [store(&old).as_bytes(), b"<!-- caf\xe9 --></UserStoreManager>"].concat()),
        (
            "D-BOTH.xml",
            format!("{}<Property encrypted=\"true\">{foreign}</Property></UserStoreManager>", store(&old))
                .into_bytes(),
        ),
    ] {
        fs::write(stores.join(name), bytes).unwrap();
    }
    symlink("/etc/hostname", stores.join("E-OUTSIDE.xml")).unwrap();
    symlink("nowhere.xml", stores.join("F-DANGLING.xml")).unwrap();
    // One value of a row can be rotated, the other cannot.
    let table = "IDN_OAUTH2_ACCESS_TOKEN";
    let (identity, half) = (&kit.deployment.new_identity, "TOKEN_ID = 'spoiled-wrapped'");
    execute(identity, &format!("UPDATE {table} SET ACCESS_TOKEN = '{old}' WHERE {half}"));
    kit
}

#[test]
fn it_foresees_exactly_what_a_rotation_then_does() {
    let kit = spoiled();
    let dry = [&DRY[..], &["--accept-ambiguous", "1"]].concat();
    let foreseen = kit.run(&dry).exits(1).json();
    let text = kit.run(&["run", "--dry-run", "--accept-ambiguous", "1"]).exits(1).stdout;
    kit.run(&["run", "--accept-ambiguous", "1"]).exits(1);
    let status = kit.status();
    assert!(failures(&status).len() >= 14, "{status}");
    assert_eq!(failures(&foreseen), failures(&status));
    assert_eq!(counts(&foreseen), counts(&status));
    assert_eq!(foreseen["exit_code"], 1);
    for [_, key, column, reason] in failures(&status) {
        assert!(text.contains(&format!("{key} {column}: {reason}")), "{text}");
    }
}

#[test]
fn it_foresees_a_rotation_without_failures_and_what_is_there_already() {
    let kit = Kit::new();
    let foreseen = kit.run(&DRY).exits(0).json();
    kit.run(&["run"]).exits(0);
    assert_eq!(counts(&foreseen), counts(&kit.status()));
    // The journal of that rotation is none of a dry run's business, but it says that it is there.
    let again = kit.run(&DRY).exits(0);
    assert!(again.stderr.contains("needs --new"), "{again}");
    kit.run(&["run", "--new"]).exits(0);
    assert_eq!(counts(&again.json()), counts(&kit.status()));
}

#[test]
fn it_changes_nothing_not_even_the_time_of_a_file() {
    let kit = spoiled();
    kit.count_updates();
    kit.run(&["plan"]).exits(5); // a server holds the deployment from here on
    let (files, before) = (tree(kit.folder()), times(&kit));
    kit.run(&["run", "--dry-run", "--accept-ambiguous", "1"]).exits(1);
    same_tree(&files, &tree(kit.folder()));
    assert_eq!(times(&kit), before);
    assert!(crate::support::updates(&kit).is_empty());
    assert!(!kit.journal().exists() && kit.logs().is_empty());
}

#[test]
fn it_refuses_what_a_rotation_refuses() {
    spoiled().run(&["run", "--dry-run"]).refused(5, "KR-RUN-002");
    let kit = Kit::new();
    kit.configure("oldSecretKey", Some("00000000000000000000000000000000"));
    for args in [&["run", "--dry-run"][..], &["run"]] {
        kit.run(args).refused(2, "KR-CFG-051");
    }
    let misplaced = kit.run(&["run", "--json"]).exits(2);
    assert!(misplaced.stderr.contains("--dry-run"), "{misplaced}");
}

/// More failures than a screen or a journal's state lists: the document has them all.
#[test]
fn it_lists_every_failure_in_its_document() {
    let kit = Kit::new();
    let foreign = seal("00112233445566778899aabbccddeeff", "a secret");
    execute(
        &kit.deployment.new_identity,
        &format!("UPDATE IDN_OAUTH2_ACCESS_TOKEN SET REFRESH_TOKEN = '{foreign}'"),
    );
    let accept = ["--accept-unreadable", "1000"]; // half a table under a third key is refused otherwise
    let foreseen = kit.run(&[&DRY[..], &accept].concat()).exits(1).json();
    let text = kit.run(&[&["run", "--dry-run"], &accept[..]].concat()).exits(1).stdout;
    kit.run(&[&["run"], &accept[..]].concat()).exits(1);
    let all = kit.run(&["status", "--failures", "--json"]).exits(0).json();
    assert!(failures(&all).len() > 100);
    assert_eq!(failures(&foreseen), failures(&all));
    assert_eq!(text.matches("failed: ").count(), 100);
    assert!(text.contains("--json lists them all"), "{text}");
}
