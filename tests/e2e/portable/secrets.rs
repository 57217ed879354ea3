//! No key, password, plaintext or ciphertext leaves the deployment: not to the screen, the log, an
//! error, a panic, nor to any file of the journal.

use std::collections::{BTreeSet, HashMap};
use std::fs;

use crate::kit::{Kit, open_values, tree};
use crate::support::{Place, Ran};

/// A secret shorter than this would be found everywhere by chance.
const SHORTEST: usize = 8;

/// Everything that must not leak.
struct Secrets {
    /// By what they are, for the message.
    all: BTreeSet<(String, Vec<u8>)>,
}

impl Secrets {
    fn of(kit: &Kit) -> Self {
        let spec = &kit.deployment.spec;
        let mut secrets = Self { all: BTreeSet::new() };
        secrets.add("the old key", &spec.old_key);
        secrets.add("the new key", &spec.new_key);
        for (what, key) in [("old", &spec.old_key), ("new", &spec.new_key)] {
            let bytes: Vec<u8> = key
                .as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
                .collect();
            secrets.all.insert((format!("the {what} key's digits as bytes"), bytes));
        }
        secrets.add("the registry's password", "wso2carbon");
        secrets.add("the registry's password in base64", "d3NvMmNhcmJvbg==");
        secrets
    }

    fn add(&mut self, what: &str, text: &str) {
        if text.len() >= SHORTEST {
            self.all.insert((what.to_owned(), text.as_bytes().to_vec()));
        }
    }

    /// All envelopes that stand in the deployment now, what they hold, and the plain values beside them.
    fn add_values(&mut self, place: &Place, key: &str) {
        let mut texts: Vec<String> = Vec::new();
        for database in place.databases() {
            for (name, table) in crate::support::tables(&database) {
                let scope = [
                    "ACCESS_TOKEN",
                    "REFRESH_TOKEN",
                    "AUTHORIZATION_CODE",
                    "CONSUMER_SECRET",
                    "SECRET_VALUE",
                    "PASSWORD",
                ];
                for row in table.rows.values() {
                    for (column, cell) in table.columns.iter().zip(row) {
                        texts.extend(envelopes(&cell.bytes));
                        if scope.contains(&column.as_str()) {
                            let text = String::from_utf8_lossy(&cell.bytes);
                            self.add(&format!("{name}.{column}"), &text);
                        }
                    }
                }
            }
        }
        texts.extend(place.files().values().flat_map(|bytes| envelopes(bytes)));
        assert!(texts.len() > 200);
        let refs: Vec<&str> = texts.iter().map(String::as_str).collect();
        for (text, opened) in texts.iter().zip(open_values(key, &refs)) {
            self.add("a ciphertext", text);
            // The beginning of every envelope is the same; its middle is its own.
            self.add("a piece of a ciphertext", text.get(120..160).unwrap_or_default());
            if let Some(hex) = opened["plaintext"].as_str() {
                let plain: Vec<u8> = (0..hex.len())
                    .step_by(2)
                    .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                    .collect();
                self.add("a plaintext", &String::from_utf8_lossy(&plain));
            }
        }
    }

    /// Looks for all of them at once, by their first bytes.
    #[track_caller]
    fn must_not_be_in(&self, place: &str, bytes: &[u8]) {
        let mut by_start: HashMap<&[u8], Vec<&(String, Vec<u8>)>> = HashMap::new();
        for secret in &self.all {
            by_start.entry(&secret.1[..SHORTEST]).or_default().push(secret);
        }
        for (at, start) in bytes.windows(SHORTEST).enumerate() {
            for (what, secret) in by_start.get(start).into_iter().flatten() {
                assert!(!bytes[at..].starts_with(secret), "{what} is in {place} at byte {at}");
            }
        }
    }

    #[track_caller]
    fn must_not_be_said(&self, ran: &Ran) {
        self.must_not_be_in("stdout", ran.stdout.as_bytes());
        self.must_not_be_in("stderr", ran.stderr.as_bytes());
    }
}

/// Everything in these bytes that looks like an envelope.
fn envelopes(bytes: &[u8]) -> Vec<String> {
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let words = bytes.split(|byte| !inside(byte));
    words
        .filter(|word| word.starts_with(b"eyJ"))
        .map(|word| String::from_utf8(word.to_vec()).unwrap())
        .collect()
}

#[test]
fn nothing_secret_is_said_or_recorded() {
    let kit = Kit::new();
    kit.damage();
    let mut secrets = Secrets::of(&kit);
    secrets.add_values(&kit, &kit.deployment.spec.old_key);

    let mut runs = vec![
        kit.run(&["plan", "-vv"]).exits(5),
        kit.run(&["plan", "-vv", "--json", "--log-format", "json"]).exits(5),
        kit.run(&["run", "-vv"]).exits(5),
    ];
    let stop = "table-before-commit=2*off->return";
    runs.push(kit.run_at(stop, &["run", "-vv", "--accept-ambiguous", "1", "--chunk-size", "40"]).exits(3));
    // A fault of the program itself: its message is all that a panic may show.
    let panicked = kit.run_at("table-before-commit=1*off->panic", &["resume", "-vv"]);
    assert!(panicked.stderr.contains("panicked"), "{panicked}");
    runs.push(panicked);
    runs.push(kit.run(&["resume", "-vv", "--log-format", "json"]).exits(1));
    runs.push(kit.run(&["resume", "--retry-failed", "-vv"]).exits(1));
    runs.push(kit.run(&["status", "-vv", "--failures"]).exits(0));
    runs.push(kit.run(&["status", "-vv", "--json", "--failures"]).exits(0));
    runs.push(kit.run(&["verify", "-vv"]).exits(1));
    runs.push(kit.run(&["verify", "-vv", "--json", "--log-format", "json"]).exits(1));
    secrets.add_values(&kit, &kit.deployment.spec.new_key);
    assert!(secrets.all.len() > 1500, "{}", secrets.all.len());

    for ran in &runs {
        secrets.must_not_be_said(ran);
    }
    let log = kit.log();
    assert!(log.lines().count() > 60);
    secrets.must_not_be_in("the log", log.as_bytes());
    let journal = tree(&kit.journal());
    assert!(journal.len() >= 4);
    for (path, (_, bytes)) in &journal {
        secrets.must_not_be_in(&path.display().to_string(), bytes);
    }
}

#[test]
fn the_search_finds_what_it_looks_for() {
    let kit = Kit::new();
    let mut secrets = Secrets::of(&kit);
    secrets.add_values(&kit, &kit.deployment.spec.old_key);
    let token =
        kit.sql("SELECT ACCESS_TOKEN FROM IDN_OAUTH2_ACCESS_TOKEN WHERE ACCESS_TOKEN LIKE 'eyJj%' LIMIT 1");
    let token = token[0][0].clone().unwrap();
    let opened = crate::kit::plaintext(&kit.deployment.spec.old_key, &token).unwrap();
    for text in [&kit.deployment.spec.new_key, &token, &opened] {
        let line = format!("INFO something about {text}\n");
        let found = std::panic::catch_unwind(|| secrets.must_not_be_in("a line", line.as_bytes()));
        assert!(found.is_err(), "{text} was not found");
    }
}

#[test]
fn refusals_show_no_value() {
    let kit = Kit::new();
    let text = fs::read_to_string(&kit.deployment.config).unwrap();
    let marker = "Zq7vK2mXw9";
    let wrong = [
        ("oldSecretKey", format!("{marker}{marker}{marker}")),
        ("newSecretKey", format!("{marker}{marker}{marker}{marker}{marker}{}", "0".repeat(14))),
        ("newSecretKey", format!("'{marker}''{marker}'")),
        ("newSecretKey", format!("{marker} # {marker}")),
        ("newRegPassword", format!("{marker}!")),
        ("newIdnDBUrl", format!("jdbc:{marker}://user:{marker}@host/db")),
        ("newIdnDBUrl", format!("jdbc:mysql://user:{marker}@host/db?password={marker}")),
        ("newIdnDBUrl", marker.to_owned()),
        ("newRegDBUrl", format!("jdbc:sqlite:new-registry.db?key={marker}")),
        ("oldIdnDBUrl", format!("jdbc:oracle:thin:scott/{marker}@//db/IS")),
        ("newSecretKy", marker.to_owned()),
    ];
    for (key, value) in wrong {
        fs::write(&kit.deployment.config, &text).unwrap();
        kit.configure(key, Some(&value));
        for args in [&["plan", "-vv"][..], &["run", "-vv", "--log-format", "json"]] {
            let ran = kit.run(args);
            assert!(ran.code() == Some(2) || key == "oldIdnDBUrl", "{key}: {ran}");
            assert!(!ran.stderr.contains(marker) && !ran.stdout.contains(marker), "{key}: {ran}");
        }
    }
}
