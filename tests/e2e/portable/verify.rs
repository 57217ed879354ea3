//! `verify`: each verdict, each exit code, and journals that do not belong or were tampered with.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::kit::{Kit, Refused as _, plaintext, query, seal, tree};
use crate::support::Ran;

/// What `verify --json` counts for a table or kind of files, without `same`.
fn verdicts(report: &Value, id: &str) -> BTreeMap<String, u64> {
    let target = report["targets"].as_array().unwrap().iter().find(|target| target["id"] == id).unwrap();
    let counts = target["verdicts"].as_object().unwrap().iter();
    counts
        .map(|(word, count)| (word.clone(), count.as_u64().unwrap()))
        .filter(|(word, _)| word != "same")
        .collect()
}

fn one(verdict: &str) -> BTreeMap<String, u64> {
    BTreeMap::from([(verdict.to_owned(), 1)])
}

/// The finding on the row with this key.
#[track_caller]
fn finding<'a>(report: &'a Value, key: &str) -> &'a Value {
    let targets = report["targets"].as_array().unwrap().iter();
    let mut findings = targets.flat_map(|target| target["findings"].as_array().unwrap());
    findings.find(|finding| finding["key"] == key).unwrap_or_else(|| panic!("nothing on {key}: {report}"))
}

/// Asserts the verdict on one row of one table before the new server runs, and that it is all there is.
#[track_caller]
fn finds(kit: &Kit, id: &str, verdict: &str, why: &str) {
    let report = kit.run(&["verify", "--json"]).exits(1).json();
    assert_eq!(report["differences"], 1, "{report}");
    assert_eq!(verdicts(&report, id), one(verdict), "{report}");
    let target = report["targets"].as_array().unwrap().iter().find(|target| target["id"] == id).unwrap();
    let finding = &target["findings"][0];
    assert_eq!(finding["verdict"], verdict);
    assert!(finding["what"].as_str().unwrap().contains(why), "{finding}");
    // The same in words.
    let text = kit.run(&["verify"]).exits(1).stdout;
    let line =
        format!("{verdict}: {} {}", target["place"].as_str().unwrap(), finding["key"].as_str().unwrap());
    assert!(text.contains(&line) && text.contains(why), "no {line} in\n{text}");
}

/// Asserts what the same difference is to a deployment whose server runs.
#[track_caller]
fn live(kit: &Kit, code: i32) -> Ran {
    kit.run(&["verify", "--live"]).exits(code)
}

/// An access token under both keys by its id, with its plaintext.
fn token(kit: &Kit) -> (String, String, String) {
    let sql = "SELECT TOKEN_ID, ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN WHERE ACCESS_TOKEN_HASH IS NOT NULL
               AND length(ACCESS_TOKEN) > 200 ORDER BY TOKEN_ID LIMIT 1 OFFSET 7";
    let row = kit.sql(sql).remove(0);
    let (id, stored) = (row[0].clone().unwrap(), row[1].clone().unwrap());
    let opened = plaintext(&kit.deployment.spec.new_key, &stored).expect("it is under the new key");
    (id, stored, opened)
}

/// The value of a column before the rotation.
fn old_value(kit: &Kit, sql: &str) -> String {
    query(&kit.deployment.old_identity, sql).remove(0).remove(0).unwrap()
}

pub(crate) fn all_is_the_same_after_a_rotation_and_nothing_is_changed_by_looking() {
    let kit = Kit::rotated();
    let data = || {
        let mut all = tree(kit.folder());
        all.retain(|path, _| !path.starts_with(kit.journal()));
        all
    };
    let before = data();
    let done = kit.run(&["verify"]).exits(0);
    assert!(
        done.stdout.contains("the journal is whole")
            && done.stdout.lines().next().unwrap().ends_with(" 0 differ."),
        "{}",
        done.stdout
    );
    let report = kit.run(&["verify", "--json"]).exits(0).json();
    assert_eq!((&report["schema"], &report["differences"]), (&1.into(), &0.into()));
    let same: u64 = report["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["verdicts"]["same"].as_u64().unwrap_or(0))
        .sum();
    let counts = &kit.deployment.counts;
    let sealed: u64 = counts.tables().map(|(_, count)| count.sealed_rows).sum();
    assert_eq!(same, sealed + counts.files.sealed_files);
    live(&kit, 0);
    crate::kit::same_tree(&before, &data());
}

pub(crate) fn changed_is_another_ciphertext_of_the_recorded_plaintext() {
    let kit = Kit::rotated();
    let (id, _, opened) = token(&kit);
    let again = seal(&kit.deployment.spec.new_key, &opened);
    kit.put("IDN_OAUTH2_ACCESS_TOKEN", "ACCESS_TOKEN", &format!("TOKEN_ID = '{id}'"), &again);
    finds(&kit, "oauth2-access-token", "changed", "not as it was recorded");
    let done = live(&kit, 0);
    assert!(
        done.stdout.contains(&format!("changed: IDN_OAUTH2_ACCESS_TOKEN {id} ACCESS_TOKEN")),
        "{}",
        done.stdout
    );
}

#[test]
fn gone_is_a_row_or_file_that_was_recorded() {
    let kit = Kit::rotated();
    let (id, ..) = token(&kit);
    kit.sql(&format!("DELETE FROM IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_ID = '{id}'"));
    finds(&kit, "oauth2-access-token", "gone", "not there any more");
    fs::remove_file(kit.deployment.home.join("repository/tenants/1/userstores/SALES.xml")).unwrap();
    let report = kit.run(&["verify", "--json"]).exits(1).json();
    assert_eq!(finding(&report, "repository/tenants/1/userstores/SALES.xml")["verdict"], "gone");
    live(&kit, 0);
}

#[test]
fn new_is_a_row_under_the_new_key_that_the_journal_does_not_know() {
    let kit = Kit::rotated();
    let value = seal(&kit.deployment.spec.new_key, "issued by the new server");
    for key in ["00-before-all-others", "zz-behind-all-others"] {
        kit.sql(&format!(
            "INSERT INTO IDN_OAUTH_CONSUMER_SECRETS (SECRET_ID, SECRET_VALUE) VALUES ('{key}', '{value}')"
        ));
    }
    let report = kit.run(&["verify", "--json"]).exits(1).json();
    assert_eq!(verdicts(&report, "oauth-consumer-secrets"), BTreeMap::from([("new".to_owned(), 2)]));
    live(&kit, 0);
    // Under the old key it is no news but a stray.
    let value = seal(&kit.deployment.spec.old_key, "issued by the old server");
    kit.put("IDN_OAUTH_CONSUMER_SECRETS", "SECRET_VALUE", "SECRET_ID = 'zz-behind-all-others'", &value);
    let report = kit.run(&["verify", "--json"]).exits(1).json();
    assert_eq!(finding(&report, "zz-behind-all-others")["verdict"], "bad");
    live(&kit, 1);
}

#[test]
fn bad_is_an_old_value_put_back() {
    let kit = Kit::rotated();
    let (id, ..) = token(&kit);
    let row = format!("TOKEN_ID = '{id}'");
    let old = old_value(&kit, &format!("SELECT ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN WHERE {row}"));
    kit.put("IDN_OAUTH2_ACCESS_TOKEN", "ACCESS_TOKEN", &row, &old);
    finds(&kit, "oauth2-access-token", "bad", "under the old key");
    live(&kit, 1);
}

#[test]
fn bad_is_another_plaintext_under_the_new_key() {
    let kit = Kit::rotated();
    let row =
        kit.sql("SELECT SECRET_ID FROM IDN_OAUTH_CONSUMER_SECRETS LIMIT 1").remove(0).remove(0).unwrap();
    let other = seal(&kit.deployment.spec.new_key, "not the secret that was here");
    kit.put("IDN_OAUTH_CONSUMER_SECRETS", "SECRET_VALUE", &format!("SECRET_ID = '{row}'"), &other);
    finds(&kit, "oauth-consumer-secrets", "bad", "plaintext is not the one that was recorded");
    // A running server may give a row a new secret: nothing but the hash could tell.
    let done = live(&kit, 0);
    assert!(done.stdout.contains(&format!("changed: IDN_OAUTH_CONSUMER_SECRETS {row}")), "{}", done.stdout);
}

#[test]
fn bad_is_a_plaintext_that_the_hash_contradicts_also_live() {
    let kit = Kit::rotated();
    let (id, ..) = token(&kit);
    let row = format!("TOKEN_ID = '{id}'");
    let other = seal(&kit.deployment.spec.new_key, "not the token that was here");
    kit.put("IDN_OAUTH2_ACCESS_TOKEN", "ACCESS_TOKEN", &row, &other);
    finds(&kit, "oauth2-access-token", "bad", "hash");
    live(&kit, 1);
}

#[test]
fn bad_is_a_row_whose_hash_was_changed() {
    let kit = Kit::rotated();
    let (id, ..) = token(&kit);
    let hash = format!(r#"{{"hash":"{}","algorithm":"SHA-256"}}"#, "0".repeat(64));
    kit.put("IDN_OAUTH2_ACCESS_TOKEN", "ACCESS_TOKEN_HASH", &format!("TOKEN_ID = '{id}'"), &hash);
    finds(&kit, "oauth2-access-token", "bad", "hash");
    live(&kit, 1);
}

#[test]
fn bad_is_what_cannot_be_read_and_what_was_removed() {
    let kit = Kit::rotated();
    let (id, stored, _) = token(&kit);
    let row = format!("TOKEN_ID = '{id}'");
    // One digit in the middle of the ciphertext: the tag does not fit any more.
    let mut damaged = stored.clone().into_bytes();
    let middle = damaged.len() / 2;
    damaged[middle] = if damaged[middle] == b'A' { b'B' } else { b'A' };
    kit.put("IDN_OAUTH2_ACCESS_TOKEN", "ACCESS_TOKEN", &row, std::str::from_utf8(&damaged).unwrap());
    finds(&kit, "oauth2-access-token", "bad", "");
    live(&kit, 1);

    kit.sql(&format!("UPDATE IDN_OAUTH2_ACCESS_TOKEN SET ACCESS_TOKEN = NULL WHERE {row}"));
    finds(&kit, "oauth2-access-token", "bad", "removed");
    live(&kit, 0); // a server may take a value away
    kit.put("IDN_OAUTH2_ACCESS_TOKEN", "ACCESS_TOKEN", &row, "a plain token");
    finds(&kit, "oauth2-access-token", "bad", "plain");
}

#[test]
fn bad_is_a_file_with_another_secret_and_one_put_back() {
    let kit = Kit::rotated();
    let file = "repository/deployment/server/userstores/ACME.xml";
    let old = fs::read(kit.folder().join("wso2is-old").join(file)).unwrap();
    let rotated = fs::read_to_string(kit.deployment.home.join(file)).unwrap();
    fs::write(kit.deployment.home.join(file), old).unwrap();
    let report = kit.run(&["verify", "--json"]).exits(1).json();
    assert_eq!(finding(&report, file)["verdict"], "bad");
    // A comment more, and the file is no more what was recorded, but its secrets are.
    fs::write(kit.deployment.home.join(file), rotated + "<!-- looked at -->\n").unwrap();
    let report = kit.run(&["verify", "--json"]).exits(1).json();
    assert_eq!(finding(&report, file)["verdict"], "changed");
    live(&kit, 0);
}

pub(crate) fn failed_is_what_was_recorded_as_failed_and_is_still_so() {
    let kit = Kit::new();
    let spoiled = kit.damage();
    kit.run(&["run", "--accept-ambiguous", "1"]).exits(1);
    let report = kit.run(&["verify", "--json"]).exits(1).json();
    assert_eq!(report["differences"], spoiled.len(), "{report}");
    assert_eq!(verdicts(&report, "oauth2-access-token"), BTreeMap::from([("failed".to_owned(), 4)]));
    assert_eq!(finding(&report, "spoiled-wrapped")["verdict"], "failed");
    live(&kit, 1);
    // Put right by hand: under the new key, but nothing that the journal knows.
    let value = seal(&kit.deployment.spec.new_key, "put right");
    kit.put("IDN_OAUTH2_ACCESS_TOKEN", "REFRESH_TOKEN", "TOKEN_ID = 'spoiled-wrapped'", &value);
    let report = kit.run(&["verify", "--json"]).exits(1).json();
    assert_eq!(finding(&report, "spoiled-wrapped")["verdict"], "changed");
}

#[test]
fn what_a_running_server_changed_does_not_hide_what_is_bad() {
    let kit = Kit::new();
    let value = seal(&kit.deployment.spec.old_key, "one of many");
    kit.sql(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
         INSERT INTO IDN_OAUTH_CONSUMER_SECRETS (SECRET_ID, SECRET_VALUE) SELECT 'row-' || i, '{value}' FROM n"
    ));
    kit.run(&["run"]).exits(0);
    let changed = seal(&kit.deployment.spec.new_key, "given by the new server");
    kit.sql(&format!(
        "UPDATE IDN_OAUTH_CONSUMER_SECRETS SET SECRET_VALUE = '{changed}' WHERE SECRET_ID LIKE 'row-%'"
    ));
    kit.sql(&format!(
        "INSERT INTO IDN_OAUTH_CONSUMER_SECRETS (SECRET_ID, SECRET_VALUE) VALUES ('zz-the-last', '{value}')"
    ));
    let done = live(&kit, 1);
    assert!(done.stdout.contains("bad: IDN_OAUTH_CONSUMER_SECRETS zz-the-last"), "{}", done.stdout);
    assert_eq!(done.stdout.matches("changed: IDN_OAUTH_CONSUMER_SECRETS row-").count(), 100);
    assert!(done.stdout.contains("changed: IDN_OAUTH_CONSUMER_SECRETS and 200 more"), "{}", done.stdout);
}

pub(crate) fn an_unfinished_rotation_is_said_to_be_unfinished() {
    let kit = Kit::new();
    kit.interrupt();
    let done = kit.run(&["verify", "--json"]).exits(1);
    assert!(done.stderr.contains("the rotation is not finished"), "{}", done.stderr);
    assert_eq!(done.json()["finished"], false);
    assert!(done.json()["differences"].as_u64().unwrap() > 50);
}

pub(crate) fn a_sample_says_what_it_did_not_check() {
    let kit = Kit::new();
    kit.run(&["run", "--chunk-size", "5"]).exits(0);
    let report = kit.run(&["verify", "--json", "--sample", "10%"]).exits(0).json();
    assert_eq!(report["sample_percent"], 10.0);
    let (mut checked, mut all) = (0, 0);
    for target in report["targets"].as_array().unwrap() {
        let chunks = target["chunks"].as_array().unwrap();
        assert!(chunks[0].as_u64().unwrap() >= 1, "at least one chunk of each: {target}");
        checked += chunks[0].as_u64().unwrap();
        all += chunks[1].as_u64().unwrap();
    }
    assert!(checked < all / 2, "{checked} of {all}");
    let text = kit.run(&["verify", "--sample", "10%"]).exits(0).stdout;
    assert!(text.contains(&format!(" of {all} chunks were checked; rows outside them")), "{text}");
    for wrong in ["0%", "101%", "five"] {
        kit.run(&["verify", "--sample", wrong]).exits(2);
    }
}

/// Replaces the journal by a copy of an untouched one.
fn restore(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    for (path, (_, bytes)) in tree(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, bytes).unwrap();
    }
}

/// A refusal of a damaged journal: exit 4, what and where in one line, what to do in another.
#[track_caller]
fn refused_as_damaged(done: &Ran) {
    assert_eq!(done.code(), Some(4), "{}\n{}", done.stdout, done.stderr);
    let error = done.error();
    assert!(error.starts_with("error: [KR-JRN-00"), "{error}");
    assert_eq!(error.lines().count(), 2, "{error}");
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
}

#[test]
fn a_truncated_journal_is_refused_in_one_line() {
    let kit = Kit::rotated();
    let whole = kit.beside("whole");
    restore(&kit.journal(), &whole);
    let log = kit.journal().join("log/db");
    let length = fs::metadata(&log).unwrap().len();
    for cut in [1, 4096, 100_000, length] {
        restore(&whole, &kit.journal());
        fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(length - cut).unwrap();
        let before = fs::read(&log).unwrap();
        for command in [&["verify"][..], &["status"], &["resume"], &["run"]] {
            refused_as_damaged(&kit.run(command));
        }
        assert!(fs::read(&log).unwrap() == before, "a damaged journal is not touched");
    }
    for file in ["head", "log/db"] {
        restore(&whole, &kit.journal());
        fs::remove_file(kit.journal().join(file)).unwrap();
        refused_as_damaged(&kit.run(&["verify"]));
    }
    restore(&whole, &kit.journal());
    kit.run(&["verify"]).exits(0);
}

#[test]
fn an_edited_journal_is_refused_in_one_line() {
    let kit = Kit::rotated();
    let whole = kit.beside("whole");
    restore(&kit.journal(), &whole);
    let log = kit.journal().join("log/db");
    let bytes = fs::read(&log).unwrap();
    // The key of a rotated file stands in its record: change it wherever it stands.
    let id = "repository/tenants/1/userstores/SALES.xml";
    let places: Vec<_> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(id.as_bytes())).collect();
    assert!(!places.is_empty(), "the journal names the rows that it tells of");
    let mut edited = bytes.clone();
    for at in places {
        edited[at] ^= 1;
    }
    restore(&whole, &kit.journal());
    fs::write(&log, edited).unwrap();
    refused_as_damaged(&kit.run(&["verify"]));

    // Any bit anywhere: refused, or of no meaning; never a panic, never another result.
    let step = bytes.len() / 16;
    for round in 0..16 {
        let at = round * step + round * 37 % step;
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        restore(&whole, &kit.journal());
        fs::write(&log, flipped).unwrap();
        let done = kit.run(&["verify"]);
        match done.code() {
            Some(0) => assert!(done.stdout.contains("the journal is whole"), "{}", done.stdout),
            _ => refused_as_damaged(&done),
        }
    }
}
