//! A deployment of its own for each test, the binary that works on it, and eyes that share no code
//! with the program: plain SQL, Python for ciphertexts, the bytes of every file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use keyrotation::demo::Spec;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, TypeInfo as _, ValueRef as _};
use tempfile::TempDir;

pub(crate) use crate::support::seal;
use crate::support::{Place, Ran, Running, wait};

/// Tokens in a usual deployment: several hundred rows over all tables, made in a tenth of a second.
const TOKENS: u64 = 120;

/// A row as text; blobs in hexadecimal.
pub(crate) type Row = Vec<Option<String>>;

/// A program that refused to do what it was asked.
pub(crate) trait Refused {
    /// Asserts a refusal: its exit code, its id, one to three lines on stderr, nothing on stdout.
    #[track_caller]
    fn refused(self, code: i32, id: &str) -> Self;

    /// The error with which the program ended.
    fn error(&self) -> &str;
}

impl Refused for Ran {
    #[track_caller]
    fn refused(self, code: i32, id: &str) -> Self {
        let ran = self.exits(code);
        let error = ran.error();
        assert!(error.starts_with(&format!("error: [{id}] ")), "not {id}: {error}");
        let lines = error.lines().count();
        assert!((1..=3).contains(&lines), "{lines} lines: {error}");
        assert_eq!(ran.stdout, "", "a refusal is no result");
        ran
    }

    fn error(&self) -> &str {
        self.stderr.find("error: ").map_or("", |at| self.stderr.get(at..).unwrap_or_default())
    }
}

/// A deployment as the tests of this half want it; with a place beside it for other things.
pub(crate) struct Kit {
    place: Place,
    beside: TempDir,
}

impl Deref for Kit {
    type Target = Place;
    fn deref(&self) -> &Place {
        &self.place
    }
}

impl Kit {
    /// A small deployment.
    pub(crate) fn new() -> Self {
        Self::made(&Spec { tokens: TOKENS, ..Spec::default() })
    }

    /// One made to order.
    pub(crate) fn made(spec: &Spec) -> Self {
        Self::around(Place::of(spec))
    }

    /// One that is there.
    pub(crate) fn around(place: Place) -> Self {
        Self { place, beside: tempfile::tempdir().unwrap() }
    }

    /// One that has been rotated already.
    pub(crate) fn rotated() -> Self {
        let kit = Self::new();
        kit.run(&["run"]).exits(0);
        kit
    }

    /// The deployment's folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.deployment.folder
    }

    /// A path outside of the deployment's folder.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.beside.path().join(name)
    }

    /// Starts the program and waits until its first transaction sleeps for `milliseconds`.
    pub(crate) fn start_slow(&self, milliseconds: u32, args: &[&str]) -> Running {
        let mut running = self.start_at(&format!("table-before-commit=1*sleep({milliseconds})"), args);
        // What the program tells of itself: the first table that has a chunk is running.
        let live = self.journal().join("live");
        running.until(|| {
            fs::read_to_string(&live).is_ok_and(|text| text.contains("\"state\":\"running\",\"skipped\""))
        });
        running
    }

    /// Stops a rotation in the middle: the transaction fails after some chunks.
    pub(crate) fn interrupt(&self) {
        self.run_at("table-before-commit=2*off->return", &["run", "--chunk-size", "50"]).exits(3);
    }

    /// Replaces lines of properties.yaml; `None` removes the key, an unknown one is added.
    pub(crate) fn configure(&self, key: &str, value: Option<&str>) {
        let text = fs::read_to_string(&self.deployment.config).unwrap();
        let mut lines: Vec<String> =
            text.lines().filter(|line| !line.starts_with(&format!("{key}:"))).map(str::to_owned).collect();
        lines.extend(value.map(|value| format!("{key}: {value}")));
        fs::write(&self.deployment.config, lines.join("\n") + "\n").unwrap();
    }

    /// Executes SQL on the new identity database.
    pub(crate) fn sql(&self, sql: &str) -> Vec<Row> {
        query(&self.deployment.new_identity, sql)
    }

    /// Executes SQL on the new registry database.
    pub(crate) fn registry(&self, sql: &str) -> Vec<Row> {
        query(&self.deployment.new_registry, sql)
    }

    /// Gives a new text to every row that matches.
    pub(crate) fn put(&self, table: &str, column: &str, row: &str, text: &str) {
        let changed = self.sql(&format!("UPDATE {table} SET {column} = '{text}' WHERE {row} RETURNING 1"));
        assert_eq!(changed.len(), 1, "{table} where {row}");
    }

    /// The one log file.
    pub(crate) fn log(&self) -> String {
        let mut logs = self.logs();
        assert_eq!(logs.len(), 1, "{logs:?}");
        fs::read_to_string(logs.remove(0)).unwrap()
    }

    /// All log files beside the journal.
    pub(crate) fn logs(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "log")).collect()
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    let mut pause = Duration::from_millis(20);
    while !is_so() {
        assert!(since.elapsed() < Duration::from_secs(30), "it never was so that {what}");
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(160)); // to ask is often to start the program
    }
}

/// Executes one statement on a database file.
#[track_caller]
pub(crate) fn query(database: &Path, sql: &str) -> Vec<Row> {
    wait(async {
        let mut db = SqliteConnectOptions::new().filename(database).connect().await.unwrap();
        let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(&mut db).await;
        let rows = rows.unwrap_or_else(|error| panic!("{error}: {sql}"));
        db.close().await.unwrap();
        rows.iter().map(|row| (0..row.len()).map(|at| text_of(row, at)).collect()).collect()
    })
}

fn text_of(row: &SqliteRow, at: usize) -> Option<String> {
    let raw = row.try_get_raw(at).unwrap();
    if raw.is_null() {
        return None;
    }
    Some(match raw.type_info().name() {
        "BLOB" => hex(&row.get_unchecked::<Vec<u8>, _>(at)),
        _ => row.get_unchecked::<String, _>(at),
    })
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// What an independent reader makes of stored values: see `tests/support/open_values.py`.
pub(crate) fn open_values(key: &str, values: &[&str]) -> Vec<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/open_values.py");
    let mut child =
        Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let requests: Vec<String> = values
        .iter()
        .map(|value| format!("{}\n", serde_json::json!({ "key": key, "value": value })))
        .collect();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(requests.concat().as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "python3 with the package `cryptography` is needed");
    let answers: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), values.len());
    answers
}

/// The plaintext of a stored value under a key; `None` if it does not open.
pub(crate) fn plaintext(key: &str, value: &str) -> Option<String> {
    let answer = open_values(key, &[value]).remove(0);
    let hex = answer["plaintext"].as_str()?;
    let bytes: Vec<u8> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    Some(String::from_utf8(bytes).unwrap())
}

/// Every file under a folder, with its mode and its bytes.
pub(crate) fn tree(folder: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let files = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.unwrap().into_path());
    files
        .filter(|path| path.is_file())
        .map(|path| {
            let mode = path.metadata().unwrap().permissions().mode() & 0o7777;
            let bytes = fs::read(&path).unwrap();
            (path, (mode, bytes))
        })
        .collect()
}

/// Asserts that two trees are the same, and names the files in which they differ.
#[track_caller]
pub(crate) fn same_tree(
    before: &BTreeMap<PathBuf, (u32, Vec<u8>)>,
    after: &BTreeMap<PathBuf, (u32, Vec<u8>)>,
) {
    let differing: Vec<_> =
        before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path)).collect();
    assert!(differing.is_empty(), "these differ: {differing:?}");
}
