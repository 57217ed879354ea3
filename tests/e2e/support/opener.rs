//! The second implementation, `tests/support/open_values.py`, as a process that stays.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};

static OPENER: Mutex<Option<Opener>> = Mutex::new(None);

struct Opener {
    _child: Child, // ends with its input, that is with this process
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// What each text holds under the key; none if it does not open, nothing if it is the empty text.
pub(super) fn open<'a>(key: &str, texts: impl IntoIterator<Item = &'a str>) -> Vec<Option<Vec<u8>>> {
    let requests: Vec<String> =
        texts.into_iter().map(|text| format!("{}\n", json!({ "key": key, "value": text }))).collect();
    let mut opener = OPENER.lock().unwrap_or_else(PoisonError::into_inner);
    let Opener { requests: input, answers, .. } = opener.get_or_insert_with(start);
    let count = requests.len();
    thread::scope(|scope| {
        scope.spawn(move || requests.iter().for_each(|line| input.write_all(line.as_bytes()).unwrap()));
        (0..count).map(|_| plaintext(&read(answers))).collect()
    })
}

fn start() -> Opener {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/open_values.py");
    let mut child = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null()) // it may outlive the test for a moment
        .spawn()
        .expect("python3 runs");
    let (requests, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    Opener { _child: child, requests, answers: BufReader::new(answers) }
}

fn read(answers: &mut impl BufRead) -> Value {
    let mut line = String::new();
    answers.read_line(&mut line).unwrap();
    serde_json::from_str(&line).expect("an answer of open_values.py (python3-cryptography installed?)")
}

fn plaintext(answer: &Value) -> Option<Vec<u8>> {
    let hex = answer["plaintext"].as_str()?.as_bytes();
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    Some(hex.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect())
}
