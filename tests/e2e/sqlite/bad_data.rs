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

use crate::kit::{Kit, query};
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
    let keys = query(
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

/// Users whose name is a text that is none, of one tenant: so many, with this value.
fn nameless(kit: &Kit, tenant: &str, first: u8, count: u8, value: &str) {
    for n in first..first + count {
        kit.sql(&format!(
            "INSERT INTO IDN_IDENTITY_USER_DATA (TENANT_ID, USER_NAME, DATA_KEY, DATA_VALUE) \
             VALUES ({tenant}, CAST(x'ff{n:02x}' AS TEXT), 'k', '{value}')"
        ));
    }
}

/// What became of the table of claims.
fn claims(kit: &Kit) -> Value {
    let status = kit.run(&["status", "--json", "--failures"]).exits(0).json();
    let mut targets = status["targets"].as_array().unwrap().iter();
    targets.find(|target| target["place"] == "IDN_IDENTITY_USER_DATA").unwrap().clone()
}

/// One row never stops the rest, not even one of which nobody can read the key.
#[test]
fn a_key_that_cannot_be_read_stops_its_own_row_alone() {
    let kit = Kit::new();
    let sound = kit.copy();
    sound.run(&["run"]).exits(0);
    nameless(&kit, "1", 0x41, 1, "true");
    for command in [&["plan"][..], &["run", "--dry-run"], &["run"], &["verify"], &["keys"]] {
        kit.run(command).exits(0); // nothing of it is under a key
    }
    assert_eq!(claims(&kit)["rotated"], claims(&Kit::around(sound))["rotated"]);
    // At both ends of the table, more than a page has, and in the midst.
    let old = seal(&kit.deployment.spec.old_key, "left behind");
    nameless(&kit, "-99999", 0x61, 7, &old);
    nameless(&kit, "1", 0x61, 1, &old);
    nameless(&kit, "1.5", 0x61, 1, &old);
    nameless(&kit, "99999", 0x61, 7, &old);
    let verified = kit.run(&["verify"]).exits(1);
    assert!(verified.stdout.contains(r"1/\xffa/k"), "{verified}");
    let keys = kit.run(&["keys", "--json"]).exits(1);
    assert!(keys.stdout.contains(r"\\xffa/k"), "{keys}");
    for size in [3, 100] {
        assert_eq!(kit.start_with_pages_of(size, &["run", "--dry-run"]).wait().code(), Some(1));
        kit.start_with_pages_of(size, &["run", "--new"]).wait().exits(1);
        let found = claims(&kit);
        let counts = ["failed", "gone", "rotated"].map(|count| found[count].as_u64().unwrap());
        assert_eq!(counts, [16, 0, 0], "{found}");
        let failures = found["failures"].as_array().unwrap();
        assert_eq!(failures.len(), 16, "{found}");
        let is_named = |failure: &Value| {
            failure["key"].as_str().unwrap().contains(r"/\xff")
                && failure["reason"].as_str().unwrap().contains("cannot be read")
        };
        assert!(failures.iter().all(is_named), "{found}");
        let verified = kit.start_with_pages_of(size, &["verify", "--json"]).wait().exits(1).json();
        assert_eq!(verified["differences"], 16, "{verified}");
        kit.start_with_pages_of(size, &["resume", "--retry-failed"]).wait().exits(1);
        let again = claims(&kit);
        assert_eq!((&again["failed"], &again["gone"]), (&16.into(), &0.into()), "{again}");
    }
    // With a key that can be read they are rows like any other.
    kit.sql(
        "UPDATE IDN_IDENTITY_USER_DATA SET USER_NAME = 'user' || hex(USER_NAME), TENANT_ID = CAST(TENANT_ID * 10 AS INTEGER) \
         WHERE substr(hex(USER_NAME), 1, 2) = 'FF'",
    );
    kit.run(&["resume", "--retry-failed"]).exits(0);
    kit.run(&["verify"]).exits(0);
    kit.run(&["keys"]).exits(0);
}

/// A kill changes nothing of it.
#[test]
fn a_key_that_cannot_be_read_is_no_row_that_is_gone_after_a_crash() {
    let kit = Kit::new();
    let old = seal(&kit.deployment.spec.old_key, "left behind");
    for tenant in ["-99999", "1", "99999"] {
        nameless(&kit, tenant, 0x61, 2, &old);
    }
    kit.run_at("table-before-commit=1*return(kill)", &["run", "--chunk-size", "5"]);
    for turn in 0..4 {
        kit.run_at("table-after-commit=2*off->1*return(kill)", &["resume", "--chunk-size", "5"]);
        assert!(turn == 0 || !claims(&kit)["rotated"].is_null());
    }
    kit.run(&["resume"]).exits(1);
    let found = claims(&kit);
    assert_eq!((&found["failed"], &found["gone"]), (&6.into(), &0.into()), "{found}");
}
