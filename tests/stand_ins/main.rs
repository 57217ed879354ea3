//! Databases that are not here (Oracle, SQL Server, Db2), as far as they can be tried without them.
//!
//! A parser that is not ours (sqlfluff) reads what is sent to them; stand-ins execute it: Derby, whose SQL
//! is a part of Db2's; HSQLDB and H2 in their modes for other databases. What had to be changed for a stand-in
//! is here, as a replacement of text; what no stand-in takes was only read.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

#[path = "../support/rendered.rs"]
mod rendered;
mod scripts;
mod statements;

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const SUPPORT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support");
const JARS: &str = "/usr/share/java/h2.jar:/usr/share/java/hsqldb.jar:/usr/share/java/derby.jar";

/// For a Java that soon ends: it does not try hard to become fast.
const QUICKLY: [&str; 2] = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];

/// Feeds a program and gives what it prints.
fn fed(command: &mut Command, input: &str) -> Result<String, String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {}: {error}", command.get_program().display()));
    // A program that ends before it has read all says why.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// A folder with the stand-ins' Java, compiled; in its `driver` what makes the stand-in a driver. It is compiled once
/// for all tests, which have a process each.
fn classes() -> String {
    let sources = ["RunStatements", "StandIn"].map(|name| format!("{SUPPORT}/java/{name}.java"));
    let mut hasher = DefaultHasher::new();
    sources.each_ref().map(|source| fs::read(source).unwrap()).hash(&mut hasher);
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = place.join(format!("stand-ins-{:x}", hasher.finish()));
    let lock = File::create(place.join("stand-ins.lock")).unwrap();
    lock.lock().unwrap();
    if !folder.exists() {
        let made = tempfile::tempdir_in(place).unwrap(); // what is cut short is none
        let mut javac = Command::new("javac");
        javac.args(QUICKLY.map(|option| format!("-J{option}"))).args(["--release", "17", "-cp", JARS, "-d"]);
        assert!(javac.arg(made.path()).args(&sources).status().unwrap().success());
        let services = made.path().join("driver/META-INF/services");
        fs::create_dir_all(&services).unwrap();
        fs::write(services.join("java.sql.Driver"), "StandIn\n").unwrap();
        fs::rename(made.keep(), &folder).unwrap();
    }
    folder.into_os_string().into_string().unwrap()
}

/// Runs statements in a new database of a stand-in and gives the rows of its queries.
fn run(url: &str, statements: &[String]) -> Result<String, String> {
    run_with(&usual(), url, statements)
}

/// The classes for a stand-in that is a database of its own.
fn usual() -> String {
    format!("{}:{JARS}", classes())
}

/// Likewise, with these classes.
fn run_with(classes: &str, url: &str, statements: &[String]) -> Result<String, String> {
    let mut java = Command::new("java");
    java.args(QUICKLY).args(["-Dderby.stream.error.file=/dev/null", "-cp", classes]);
    java.args(["RunStatements", url]);
    fed(&mut java, &statements.join("\0"))
}

fn rows(url: &str, statements: &[String]) -> String {
    run(url, statements).unwrap_or_else(|error| panic!("{url}: {error}"))
}

const DERBY: &str = "jdbc:derby:memory:stand_in;create=true";

/// What another parser does not understand of statements, each in its dialect.
fn complaints(asked: &[(&str, String)]) -> Vec<Option<String>> {
    let input = serde_json::to_string(asked).unwrap();
    let answer = fed(Command::new("python3").arg(format!("{SUPPORT}/parse_sql.py")), &input);
    let answer =
        answer.unwrap_or_else(|error| panic!("python3 with the package `sqlfluff` is needed: {error}"));
    let complaints: Vec<Option<String>> = serde_json::from_str(&answer).unwrap();
    assert_eq!(complaints.len(), asked.len());
    complaints
}

/// Statements that the other parser must understand.
fn must_be_understood(asked: &[(&str, String)]) {
    for ((dialect, statement), complaint) in asked.iter().zip(complaints(asked)) {
        assert!(complaint.is_none(), "{dialect}: {}\nin: {statement}", complaint.unwrap_or_default());
    }
}

#[test]
fn the_other_parser_can_say_no() {
    let wrong = [("oracle", "CREATE TRIGGER AFTER a"), ("tsql", "SELECT FROM WHERE"), ("db2", "DROP x y z")]
        .map(|(dialect, statement)| (dialect, statement.to_owned()));
    assert!(complaints(&wrong).iter().all(Option::is_some));
}
