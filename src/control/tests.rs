//! The socket and its clients: in time, too late, with nonsense, at once, or not at all.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use keyrotation_journal::{CONTROL, Event, Journal, MemoryStore, Rotation, Step};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::server::{is_heard, understand};
use super::*;
use crate::engine::{JournalHandle, Pacer, Pause};
use crate::signals::{Stop, Stopper};

/// A program that can be controlled, and does nothing.
struct Program {
    server: Server,
    controls: Controls,
    stop: Stop,
}

async fn program(dir: &Path) -> Program {
    let rotation = Rotation {
        id: [1; 16],
        created_at: 1,
        version: "test".into(),
        fingerprint: Vec::new(),
        targets: Vec::new(),
    };
    let journal = JournalHandle::new(Journal::begin_in(MemoryStore::new(), rotation, &[2; 32]).unwrap());
    let session = Event::SessionStarted {
        at: 1,
        pid: 1,
        host: "h".into(),
        user: "u".into(),
        version: "test".into(),
        command: String::new(),
    };
    journal.append(vec![session.into()]).await.unwrap();
    let (stopper, stop): (Stopper, Stop) = Stop::new();
    let controls = Controls {
        pacer: Pacer::new(keyrotation_db::sizes::Sizes::USUAL, 100, false),
        pause: Pause::default(),
        stopper,
        journal,
        feed: StatusFeed::default(),
        turn: std::sync::Arc::default(),
    };
    controls.feed.show(&serde_json::json!({ "rotation_id": "one" }), true);
    Program { server: Server::start(dir, controls.clone()).unwrap(), controls, stop }
}

async fn client(dir: &Path) -> Client {
    Client::connect(dir, "here".into(), "anna".into()).await.unwrap()
}

/// What comes back for these bytes until the connection ends.
async fn raw(dir: &Path, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(dir.join(CONTROL)).await.unwrap();
    // A program that has heard enough closes before it has heard all.
    let _ = stream.write_all(bytes).await;
    let mut back = Vec::new();
    let _ = stream.read_to_end(&mut back).await;
    String::from_utf8(back).unwrap()
}

#[tokio::test]
async fn what_is_asked_for_is_done_once_and_recorded_with_who_asked() {
    let dir = tempfile::tempdir().unwrap();
    let Program { server: _server, controls, stop } = program(dir.path()).await;
    let standing = controls.pause.clone();
    let stands = tokio::spawn(async move {
        standing.until_requested().await;
        let _still = standing.mark_paused();
        standing.until_lifted().await;
    });
    let mut client = client(dir.path()).await;
    let mut ask = async |ask| client.ask(ask).await.unwrap().unwrap();
    let pace = |rows_per_second| Ask::Pace { rows_per_second };

    let answer = ask(Ask::Continue).await;
    assert_eq!((answer.changed, &*answer.text), (false, "it was not paused"));
    let answer = ask(Ask::Pause).await;
    assert!(answer.changed && answer.text.contains("it is at a safe point"), "{answer:?}");
    let answer = ask(Ask::Pause).await;
    assert!(!answer.changed && answer.text.contains("by anna (uid "), "{answer:?}");
    assert!(ask(Ask::Continue).await.changed);
    stands.await.unwrap();

    assert!(ask(pace(Some(50))).await.changed);
    assert!(!ask(pace(Some(50))).await.changed);
    assert_eq!(controls.pacer.pace(), Some(50));
    assert!(ask(pace(None)).await.changed);
    assert_eq!(controls.pacer.pace(), None);

    assert!(ask(Ask::Stop).await.changed);
    assert!(!ask(Ask::Stop).await.changed, "asking again is no second signal");
    stop.asked().await;
    let now = tokio::time::timeout(Duration::from_millis(50), stop.now()).await;
    assert!(now.is_err(), "what is in flight is not rolled back");

    let steps = controls.journal.state(|state| state.steps.clone());
    let names: Vec<_> = steps.iter().map(|step| (&*step.name, &*step.note)).collect();
    let expected =
        [("paused", ""), ("continued", ""), ("pace", "50 rows/s"), ("pace", "without a limit"), ("stop", "")];
    assert_eq!(names, expected);
    assert!(steps.iter().all(|step| step.user.starts_with("anna (uid ") && step.host == "here"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_reads_the_journal_along_with_the_program() {
    let dir = tempfile::tempdir().unwrap();
    let Program { server, controls, .. } = program(dir.path()).await;
    let journal = read_along(dir.path(), client(dir.path()).await).await.unwrap().unwrap();
    assert_eq!(controls.journal.state(Clone::clone), *journal.state());
    let digest = controls.journal.read(|journal| journal.log_sha256(u64::MAX)).await.unwrap();
    let step = Step { at: 2, name: "a".into(), note: "b".into(), user: "u".into(), host: "h".into() };
    controls.journal.append(vec![Event::StepTaken(step).into()]).await.unwrap();
    assert_eq!(journal.log_sha256(u64::MAX).unwrap(), digest, "what came later is not seen");
    assert_eq!(journal.events().count(), 2);
    let asked = client(dir.path()).await.ask(Ask::Journal { from: Some("?".into()) }).await.unwrap().unwrap();
    assert_eq!(serde_json::to_value(asked.journal).unwrap()["values"], serde_json::json!([]));

    let (other, mut last) = (client(dir.path()).await, client(dir.path()).await);
    drop(server);
    assert!(read_along(dir.path(), other).await.unwrap_err().what().contains("has ended meanwhile"));
    assert!(!matches!(last.ask(Ask::Stop).await, Ok(Some(_))));
}

#[tokio::test]
async fn nonsense_is_answered_with_one_line_and_ends_the_connection() {
    let dir = tempfile::tempdir().unwrap();
    let Program { server: _server, controls, .. } = program(dir.path()).await;
    let long = [vec![b'x'; 100_000], b"\n".to_vec()].concat();
    let nonsense: [&[u8]; 7] = [
        b"\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"{}\n",
        b"{\"version\":1}\n",
        b"{\"version\":1,\"ask\":\"destroy\"}\n",
        b"\xff\xfe\x00\n",
        &long,
    ];
    for bytes in nonsense {
        let back = raw(dir.path(), bytes).await;
        // Of what is too long the rest is not read, so that the answer may be lost.
        let lines: Vec<Answer> = back.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.len() == 1 || bytes.len() > 4096, "{back}");
        assert!(lines.iter().all(|answer| answer.error.is_some()), "{back}");
    }
    let back = raw(dir.path(), b"{\"version\":7,\"ask\":\"pause\"}\n").await;
    assert!(back.contains("speaks version 1 of the protocol, not 7"), "{back}");
    assert!(controls.pause.current().is_none());
    assert!(client(dir.path()).await.ask(Ask::Pace { rows_per_second: Some(9) }).await.unwrap().is_some());
}

#[test]
fn control_characters_of_a_client_reach_neither_terminal_nor_journal() {
    let line = br#"{"version":1,"ask":"pause","user":"a\u001b[2Jb","host":""}"#;
    assert_eq!(understand(line).unwrap().user, "a\u{1b}[2Jb");
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let by = runtime.block_on(async {
        let Program { server: _server, controls, .. } = program(dir.path()).await;
        let _still = controls.pause.mark_paused();
        raw(dir.path(), &[line.as_slice(), b"\n\n"].concat()).await;
        controls.pause.current().unwrap().0.by
    });
    let own = rustix::process::geteuid().as_raw();
    assert_eq!(by, format!("a[2Jb (uid {own}) on unknown"));
}

#[tokio::test]
async fn clients_that_hang_keep_nobody_else_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let Program { server: _server, .. } = program(dir.path()).await;
    let mut silent = Vec::new();
    for _ in 0..10 {
        let mut one = UnixStream::connect(dir.path().join(CONTROL)).await.unwrap();
        one.write_all(b"{\"version\":1,\"ask\"").await.unwrap();
        silent.push(one);
    }
    let (mut one, mut two) = (client(dir.path()).await, client(dir.path()).await);
    let (first, second) = tokio::join!(
        one.ask(Ask::Pace { rows_per_second: Some(5) }),
        two.ask(Ask::Pace { rows_per_second: Some(5) })
    );
    let changed = [first, second].map(|answer| answer.unwrap().unwrap().changed);
    assert_eq!(changed.iter().filter(|changed| **changed).count(), 1, "one of two who ask for the same");
    drop(silent);
}

#[tokio::test]
async fn whoever_waits_for_news_gets_it_when_there_is_some() {
    let dir = tempfile::tempdir().unwrap();
    let Program { server, controls, .. } = program(dir.path()).await;
    let mut client = client(dir.path()).await;
    let first = client.ask(Ask::Status { after: None }).await.unwrap().unwrap();
    assert_eq!(first.status.unwrap()["rotation_id"], "one");
    let news = tokio::spawn(async move {
        let answer = client.ask(Ask::Status { after: first.number }).await.unwrap().unwrap();
        (client, answer)
    });
    controls.feed.show(&serde_json::json!({ "rotation_id": "one", "time": 2 }), false);
    controls.feed.show(&serde_json::json!({ "rotation_id": "two" }), true);
    let (mut client, answer) = news.await.unwrap();
    assert_eq!(answer.status.unwrap()["rotation_id"], "two");
    assert_ne!(answer.number, first.number);
    drop(server);
    assert_eq!(client.ask(Ask::Continue).await.unwrap(), None, "it has ended");
}

#[test]
fn nobody_but_the_same_user_and_root_is_heard() {
    assert!(is_heard(1000, 1000) && is_heard(0, 1000) && is_heard(0, 0));
    assert!(!is_heard(1001, 1000) && !is_heard(1000, 0) && !is_heard(65_534, 1000));
}

#[tokio::test]
async fn a_folder_of_any_length_has_a_socket_that_only_its_owner_reaches_and_that_goes_with_the_server() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["short".to_owned(), "long".repeat(60)] {
        let dir = folder.path().join(name);
        fs::create_dir(&dir).unwrap();
        // What a killed process has left.
        drop(std::os::unix::net::UnixListener::bind(folder.path().join("stale")).unwrap());
        fs::rename(folder.path().join("stale"), dir.join(CONTROL)).unwrap();
        let refused = Client::connect(&dir, String::new(), String::new()).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);

        let Program { server, .. } = program(&dir).await;
        let socket = fs::symlink_metadata(dir.join(CONTROL)).unwrap();
        assert!(socket.file_type().is_socket());
        assert_eq!(socket.permissions().mode() & 0o777, 0o600);
        let answer = client(&dir).await.ask(Ask::Status { after: None }).await.unwrap().unwrap();
        assert_eq!(answer.status.unwrap()["rotation_id"], "one");
        drop(server);
        assert!(!dir.join(CONTROL).exists());
    }
}

#[tokio::test]
async fn what_is_no_socket_is_not_removed() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(CONTROL), "mine").unwrap();
    assert!(super::socket::listen(dir.path()).is_err());
    assert_eq!(fs::read_to_string(dir.path().join(CONTROL)).unwrap(), "mine");
}

#[test]
fn the_kernel_names_the_peer() {
    let vouched = super::server::vouched;
    assert_eq!(vouched("anna (uid 1000)", 1000), "anna (uid 1000)");
    assert_eq!(vouched("root (uid 0)", 1000), "root (uid 1000)");
    assert_eq!(vouched("anna (uid 0, sudo by uid 7)", 0), "anna (uid 0, sudo by uid 7)");
    assert_eq!(vouched("anna (uid 0, sudo by uid 7)", 1000), "anna (uid 1000)");
    assert_eq!(vouched("x) (uid 0) (uid 0, sudo by uid 7; rm)", 0), "x (uid 0)");
}
