//! Java's own `ObjectInputStream` judges what we make of serialized requests.
//!
//! Every golden stream, and every stream of `MakeRequests.java`, gets new credentials; Java reads the
//! result, and nothing but the credentials may differ from what it reads from the original.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use keyrotation_codec::{Codec, Slot};
use serde_json::Value;
use tempfile::TempDir;

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/java");
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/wf_request");

/// Runs a program of the JDK and gives what it prints.
fn jdk(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| {
        panic!(
            "cannot start {}: {error}\nThis test needs a JDK 17 or later: apt-get install openjdk-17-jdk-headless",
            command.get_program().display()
        )
    });
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed:\n{errors}");
    String::from_utf8(output.stdout).expect("Java prints ASCII")
}

/// The compiler, which soon ends: no time is spent on becoming fast.
fn javac() -> Command {
    let mut javac = Command::new("javac");
    javac.args(["-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC"]);
    javac
}

/// The compiled helper classes, in a folder of their own.
fn compile() -> TempDir {
    let classes = tempfile::tempdir().unwrap();
    let mut javac = javac();
    javac.arg("-d").arg(classes.path()).args(["-sourcepath", SOURCES, "-encoding", "UTF-8"]);
    javac.args([format!("{SOURCES}/ReadRequests.java"), format!("{SOURCES}/MakeRequests.java")]);
    jdk(&mut javac);
    classes
}

fn java(classes: &TempDir, main: &str, folders: &[&Path]) -> String {
    jdk(Command::new("java").arg("-cp").arg(classes.path()).arg(main).args(folders))
}

/// What Java reads from the streams in a folder, by file name.
fn read_by_java(classes: &TempDir, folder: &Path) -> HashMap<String, Value> {
    let json: HashMap<PathBuf, Value> =
        serde_json::from_str(&java(classes, "ReadRequests", &[folder])).expect("JSON");
    json.into_iter()
        .map(|(path, request)| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            assert!(request.get("error").is_none(), "Java cannot read {name}: {request}");
            (name, request)
        })
        .collect()
}

fn streams(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "bin"));
    files
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()))
        .collect()
}

/// New texts of all kinds of lengths. The same old text always gets the same new one.
const NEW_TEXTS: [fn(&str) -> String; 4] = [
    |old| format!("rotated {}", old.len()),
    |old| old.chars().rev().collect(),
    |old| format!("{}{old}", "x".repeat(70_000)),
    |_| "=".to_owned(),
];

fn is_credential(parameter: &Value) -> bool {
    parameter["name"] == "Credential" && parameter["value"].is_string()
}

/// What Java must read once the credentials have been replaced.
fn expected(request: &Value, new_text: fn(&str) -> String) -> Value {
    let mut request = request.clone();
    // Objects are numbered as they are met. A string that a credential shared with something else is
    // two strings from now on.
    let mut numbers: HashMap<(i64, bool), i64> = HashMap::new();
    for parameter in request["parameters"].as_array_mut().unwrap() {
        let credential = is_credential(parameter);
        for (member, split) in [("object", false), ("valueObject", credential)] {
            let old = parameter[member].as_i64().unwrap();
            if old >= 0 {
                let next = i64::try_from(numbers.len()).unwrap();
                parameter[member] = Value::from(*numbers.entry((old, split)).or_insert(next));
            }
        }
    }
    replace_credentials(&mut request, new_text);
    request
}

fn replace_credentials(json: &mut Value, new_text: fn(&str) -> String) {
    if json.is_object() && is_credential(json) {
        json["value"] = Value::from(new_text(json["value"].as_str().unwrap()));
    }
    match json {
        Value::Object(members) => {
            for member in members.values_mut() {
                replace_credentials(member, new_text);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                replace_credentials(element, new_text);
            }
        }
        _ => {}
    }
}

/// Replaces the credentials of all streams in a folder and asks Java what came of it.
fn replaced_streams_differ_in_the_credentials_alone(classes: &TempDir, folder: &Path) {
    let originals = read_by_java(classes, folder);
    let spliced = tempfile::tempdir().unwrap();
    let mut wanted: HashMap<String, Value> = HashMap::new();
    for (name, stored) in streams(folder) {
        let found = Codec::Java.slots(&stored);
        if name.starts_with("refused") {
            assert!(found.is_err(), "{name}");
            continue;
        }
        let found = found.unwrap_or_else(|reason| panic!("{name}: {reason}"));
        let none = name.contains("none") || name.contains("no_credential");
        assert_eq!(found.is_empty(), none, "{name}");
        for (number, new_text) in NEW_TEXTS.into_iter().enumerate() {
            let texts: Vec<String> = found.iter().map(|slot| new_text(&slot.text)).collect();
            let replacements: Vec<(&Slot, &str)> =
                found.iter().zip(texts.iter().map(String::as_str)).collect();
            let new = Codec::Java.splice(&stored, &replacements).unwrap();
            let new_name = format!("{number}_{name}");
            fs::write(spliced.path().join(&new_name), new).unwrap();
            wanted.insert(new_name, expected(&originals[&name], new_text));
        }
    }
    let read = read_by_java(classes, spliced.path());
    assert_eq!(read.len(), wanted.len());
    for (name, request) in read {
        let wanted = &wanted[&name];
        assert!(request == *wanted, "{name}: Java reads\n{request:#}\ninstead of\n{wanted:#}");
    }
}

#[test]
fn golden_requests() {
    let classes = compile();
    let golden = Path::new(GOLDEN);
    for (name, request) in read_by_java(&classes, golden) {
        // The stand-in classes read what the real ones wrote.
        let json = fs::read_to_string(golden.join(&name).with_extension("json")).unwrap();
        let json: Value = serde_json::from_str(&json).unwrap();
        for member in ["uuid", "eventType", "tenantId"] {
            assert_eq!(request[member], json[member], "{name}");
        }
        let (read, wanted) = (&request["parameters"], json["parameters"].as_array().unwrap());
        assert_eq!(read.as_array().unwrap().len(), wanted.len(), "{name}");
        for (index, wanted) in wanted.iter().enumerate() {
            for member in ["name", "valueType", "requiredInWorkflow", "valueClass", "value"] {
                let given = wanted.get(member).is_none_or(|value| *value == read[index][member]);
                assert!(given, "{name}: {member} of parameter {index}");
            }
        }
    }
    replaced_streams_differ_in_the_credentials_alone(&classes, golden);
}

#[test]
fn requests_with_everything_that_java_can_serialize() {
    let classes = compile();
    let made = tempfile::tempdir().unwrap();
    java(&classes, "MakeRequests", &[made.path()]);
    assert!(streams(made.path()).len() >= 18);
    replaced_streams_differ_in_the_credentials_alone(&classes, made.path());
}

/// The checked-in values of every writer are what the generator makes, byte for byte.
#[test]
fn the_values_of_every_writer_are_what_java_makes() {
    let classes = tempfile::tempdir().unwrap();
    let mut javac = javac();
    javac.arg("-d").arg(classes.path()).args(["-encoding", "UTF-8"]);
    jdk(javac.arg(format!("{SOURCES}/MakeVectors.java")));
    let made = java(&classes, "MakeVectors", &[]);
    let kept =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/writers.jsonl")).unwrap();
    assert!(made == kept, "tests/vectors/writers.jsonl is not what MakeVectors.java prints");
}
