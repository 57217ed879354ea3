//! The side of the program that works: takes connections and answers them, beside its work.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::socket::{Socket, listen};
use super::{Answer, Answering, Ask, LONGEST_REQUEST, Request, VERSION};

/// Connections at once. More are closed at once: so many are an error or an attack.
const CONNECTIONS: usize = 16;

/// How long a client may say nothing, and how long it may take to read an answer.
const SILENCE: Duration = Duration::from_mins(1);
const READING: Duration = Duration::from_secs(10);

/// How long a program that ends waits until the client that changed something has the answer.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Why accepting may fail for a moment: no more files can be opened.
const BREATH: Duration = Duration::from_millis(200);

/// Answers clients until it is dropped.
#[derive(Debug)]
pub struct Server {
    task: JoinHandle<()>,
    /// One permit for each answer that must not be lost, while it is on its way.
    answering: Arc<Semaphore>,
    _socket: Socket,
}

impl Server {
    /// Begins to listen in the folder of a journal that this process holds.
    pub fn start(dir: &Path, handler: impl Answering) -> io::Result<Self> {
        let (socket, listener) = listen(dir)?;
        let answering = Arc::new(Semaphore::new(CONNECTIONS));
        let task = tokio::spawn(accept(listener, handler, Arc::clone(&answering)));
        Ok(Self { task, answering, _socket: socket })
    }

    /// Stops listening once the client that asked for a change has its answer, such as one that asked to stop.
    pub async fn close(self) {
        let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
        let _ = timeout(LAST_WORDS, self.answering.acquire_many(all)).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort(); // and with it all connections
    }
}

async fn accept(listener: UnixListener, handler: impl Answering, answering: Arc<Semaphore>) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = clients.join_next() => {}
            client = listener.accept() => match client {
                Ok((client, _)) if clients.len() < CONNECTIONS => {
                    clients.spawn(serve(client, handler.clone(), Arc::clone(&answering)));
                }
                Ok(_) => tracing::debug!("control: too many connections"),
                Err(error) => {
                    tracing::debug!("control: {error}");
                    tokio::time::sleep(BREATH).await;
                }
            },
        }
    }
}

/// Answers one client until it goes, falls silent, or talks nonsense.
async fn serve(mut client: UnixStream, handler: impl Answering, answering: Arc<Semaphore>) {
    let own = rustix::process::geteuid().as_raw();
    let peer = client.peer_cred().map(|peer| peer.uid());
    let uid = peer.as_ref().copied().unwrap_or(u32::MAX);
    if !peer.as_ref().is_ok_and(|peer| is_heard(*peer, own)) {
        tracing::warn!("control: refused a client of another user ({peer:?})");
        let _ = answer(&mut client, &Answer::refused("only the same user and root may send requests")).await;
        return;
    }
    let (reader, mut writer) = client.split();
    let mut reader = BufReader::new(reader);
    loop {
        let request = match timeout(SILENCE, read(&mut reader)).await {
            Ok(Ok(Some(line))) => understand(&line),
            _ => return,
        };
        // A client that only reads may wait long for an answer, and loses nothing without one.
        let changes = request
            .as_ref()
            .is_ok_and(|request| !matches!(request.ask, Ask::Status { .. } | Ask::Journal { .. }));
        let _answering = if changes { answering.acquire().await.ok() } else { None };
        let (said, more) = match request {
            Ok(request) => {
                let user = vouched(&request.user, uid);
                (handler.answer(&Request { user, ..request }).await, true)
            }
            Err(why) => (Answer::refused(why), false),
        };
        if answer(&mut writer, &said).await.is_err() || !more {
            return;
        }
    }
}

/// Whether this user may control a program of that user.
pub(super) fn is_heard(peer: u32, own: u32) -> bool {
    peer == own || peer == 0
}

/// A user as a client names itself, with the number that the kernel knows in the place of any that the client
/// gives. Which user has become root by sudo is root's word.
pub(super) fn vouched(user: &str, uid: u32) -> String {
    let (name, claim) = user.split_once(" (uid ").unwrap_or((user, ""));
    let name: String = name.chars().filter(|c| !matches!(c, '(' | ')')).collect();
    let sudo = claim.trim_end_matches(')').split_once(", sudo by uid ").filter(|_| uid == 0);
    let sudo = sudo.and_then(|(_, sudo)| sudo.parse::<u32>().ok());
    let sudo = sudo.map(|sudo| format!(", sudo by uid {sudo}")).unwrap_or_default();
    format!("{name} (uid {uid}{sudo})")
}

/// The next line, at most a little more than may be in it; none at the end.
async fn read(reader: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    reader.take(LONGEST_REQUEST + 1).read_until(b'\n', &mut line).await?;
    Ok((!line.is_empty()).then_some(line))
}

/// What a line asks for.
pub(super) fn understand(line: &[u8]) -> Result<Request, String> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        version: u32,
    }
    if line.len() as u64 > LONGEST_REQUEST {
        return Err(format!("a request has no more than {LONGEST_REQUEST} bytes"));
    }
    let Ok(versioned) = serde_json::from_slice::<Versioned>(line) else {
        return Err("a request is one line of JSON with its version".to_owned());
    };
    if versioned.version != VERSION {
        return Err(format!(
            "this program speaks version {VERSION} of the protocol, not {}: use the keyrotation that runs it",
            versioned.version
        ));
    }
    serde_json::from_slice(line).map_err(|_| "there is no such request".to_owned())
}

async fn answer(client: &mut (impl tokio::io::AsyncWrite + Unpin), answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    timeout(READING, client.write_all(&line)).await?
}
