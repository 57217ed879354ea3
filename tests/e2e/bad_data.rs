//! A great many rows and files that cannot be rotated, in one run: each is reported and left as it is,
//! the rest is rotated, and memory does not grow with them. `bash tests/torture.sh bad-data` takes more.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyrotation::demo::Spec;
use serde_json::Value;

use crate::support::{Except, Place, Random, Snapshot, execute, flip_a_bit, number, rounds, seal, xml};

const TOKENS: &str = "IDN_OAUTH2_ACCESS_TOKEN";
const STORES: &str = "repository/deployment/server/userstores";
const FOREIGN_KEY: &str = "00112233445566778899aabbccddeeff";
/// What a run may take more than one of the same size in which nothing fails.
const MORE_KIB: u64 = 24 * 1024;

/// The values in GCM: what is wrong with those is certain.
fn authenticated(before: &Snapshot) -> Vec<String> {
    let is_gcm = |text: &&String| {
        STANDARD.decode(text).is_ok_and(|outer| String::from_utf8_lossy(&outer).contains("AES/GCM/NoPadding"))
    };
    let mut all: Vec<String> = before.sealed.keys().filter(is_gcm).cloned().collect();
    all.sort();
    all
}

/// A value that no key of the deployment opens.
fn spoilt(values: &[String], random: &mut Random) -> String {
    let value = &values[random.index(values.len())];
    match random.below(4) {
        0 => seal(FOREIGN_KEY, "another's"),
        1 => {
            // The inner object ends too early.
            let outer = STANDARD.decode(value).unwrap();
            let mut outer: Value = serde_json::from_slice(&outer).unwrap();
            let c = outer["c"].as_str().unwrap();
            outer["c"] = c[..4 * (1 + random.index(c.len() / 4 - 1))].into();
            STANDARD.encode(outer.to_string())
        }
        2 => {
            let outer = STANDARD.decode(value).unwrap();
            STANDARD.encode(
                String::from_utf8(outer).unwrap().replace("AES/GCM/NoPadding", "DES/CBC/PKCS5Padding"),
            )
        }
        _ => flip_a_bit(value, random),
    }
}

/// Spoils every second token, at most so many. Returns their row numbers.
fn spoil_rows(place: &Place, values: &[String], most: u64, random: &mut Random) -> BTreeSet<i64> {
    let database = &place.deployment.new_identity;
    let last = number(database, &format!("SELECT MAX(rowid) FROM {TOKENS}"));
    let mut sql = String::from("BEGIN;");
    let rows: BTreeSet<i64> =
        (1..=last).filter(|row| row % 2 == 0).take(usize::try_from(most).unwrap()).collect();
    for row in &rows {
        let (access, refresh) = (spoilt(values, random), spoilt(values, random));
        sql += &format!(
            "UPDATE {TOKENS} SET ACCESS_TOKEN = '{access}', REFRESH_TOKEN = '{refresh}' WHERE rowid = {row};"
        );
    }
    execute(database, &(sql + "COMMIT;"));
    rows
}

/// Adds so many user stores: some that are no XML, some with a value that does not open.
fn add_bad_files(home: &Path, count: u64, random: &mut Random) -> Vec<String> {
    let good = fs::read(home.join(STORES).join("ACME.xml")).unwrap();
    let envelope = xml(&good).envelopes.remove(0);
    let text = String::from_utf8(good).unwrap();
    let bad = |number: u64| {
        let name = format!("{STORES}/BAD{number:05}.xml");
        let bytes = match random.below(3) {
            0 => text[..text.len() / 2].to_owned(),
            1 => text.replace(&envelope, &seal(FOREIGN_KEY, "another's")),
            _ => text.replace(&envelope, &flip_a_bit(&envelope, random)),
        };
        fs::write(home.join(&name), bytes).unwrap();
        name
    };
    (0..count).map(bad).collect()
}

/// The program's exit code and the most memory that it had, as the kernel counts it.
fn run_and_measure(place: &Place, args: &[&str]) -> (i32, u64) {
    const MEASURE: &str = "import resource, subprocess, sys\n\
        code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n\
        print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let program = place.command(args);
    let mut command = Command::new("python3");
    command.args(["-c", MEASURE]).arg(program.get_program()).args(program.get_args());
    let output = command.env_remove("FAILPOINTS").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let (code, memory) = said.trim().split_once(' ').unwrap();
    (code.parse().unwrap(), memory.parse().unwrap())
}

/// What `status --failures` lists: the place and the key of each.
fn failures(place: &Place) -> BTreeSet<(String, String)> {
    let status = place.run(&["status", "--json", "--failures"]).exits(0).json();
    let lists = ["targets", "files"].map(|list| status[list].as_array().unwrap());
    let mut failures = BTreeSet::new();
    for target in lists.into_iter().flatten() {
        for failure in target["failures"].as_array().unwrap() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            assert!(text(&failure["reason"]).len() > 10, "{failure}");
            failures.insert((text(&target["place"]), text(&failure["key"])));
        }
    }
    failures
}

#[test]
fn thousands_of_bad_rows_and_files_are_reported_and_left_alone() {
    let count = rounds(300);
    let mut random = Random::seeded();
    let place = Place::in_files(&Spec { tokens: 2 * count + 20, ..Spec::default() });
    let sound = place.copy();
    let values = authenticated(&place.snapshot());
    let rows = spoil_rows(&place, &values, count, &mut random);
    assert_eq!(rows.len() as u64, count);
    let files = add_bad_files(&place.deployment.home, count / 10, &mut random);
    place.count_updates();
    let before = place.snapshot();

    let (code, memory) = run_and_measure(&place, &["run", "--accept-unreadable", "1000000"]);
    assert_eq!(code, 1);
    let (code, memory_of_sound) = run_and_measure(&sound, &["run"]);
    assert_eq!(code, 0);
    println!(
        "{} bad rows and {} bad files: {memory} KiB at most, {memory_of_sound} KiB with sound ones",
        rows.len(),
        files.len()
    );
    assert!(memory < memory_of_sound + MORE_KIB, "{memory} KiB, with sound rows {memory_of_sound} KiB");

    let listed = failures(&place);
    let keys = crate::kit::query(
        &place.deployment.new_identity,
        &format!("SELECT TOKEN_ID, rowid FROM {TOKENS} WHERE rowid % 2 = 0"),
    );
    let is_bad = |row: &&Vec<Option<String>>| rows.contains(&row[1].as_deref().unwrap().parse().unwrap());
    let names = keys.iter().filter(is_bad).map(|row| row[0].clone().unwrap());
    let expected: BTreeSet<String> = names.chain(files.iter().cloned()).collect();
    let found: BTreeSet<String> = listed.into_iter().map(|(_, key)| key).collect();
    assert!(found == expected, "other rows or files than the bad ones are listed");

    let bad_rows = rows.into_iter().map(|row| (TOKENS.to_owned(), row));
    let except = Except(bad_rows.chain(files.into_iter().map(|file| (file, 0))).collect());
    before.must_be_rotated(&place, &except);
    before.must_be_updated_once(&place, &except);
    let verified = place.run(&["verify", "--json"]).exits(1).json();
    assert_eq!(verified["differences"], expected.len(), "{}", verified["targets"]);
}
