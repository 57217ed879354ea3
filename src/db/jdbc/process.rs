//! The bridge's process: a Java virtual machine that all databases of this process with the same
//! drivers share. Two threads move frames; callers wait for an answer asynchronously.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::super::remote::redact;
use super::super::server::Java;
use super::super::{DbError, Record};
use super::java::{self, not_started};
use super::wire::{self, Answer, Done, Failure, Request};

/// How long it may take to say that it is there, on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// Lines of its standard error that are kept to explain its end.
const KEPT: usize = 20;

/// Those that run, for callers that need the same drivers.
static RUNNING: tokio::sync::Mutex<Vec<Weak<Process>>> = tokio::sync::Mutex::const_new(Vec::new());

/// A running bridge. Dropped, it ends.
#[derive(Debug)]
pub(super) struct Process {
    java: Java,
    /// Its number in the operating system.
    pub(super) pid: u32,
    requests: Sender<Zeroizing<Vec<u8>>>,
    shared: Arc<Shared>,
    requested: AtomicU32,
    sessions: AtomicU32,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// What it said last on its standard error.
    said: Mutex<Vec<String>>,
    /// What must not be shown, if it says it.
    secrets: Mutex<Vec<Zeroizing<String>>>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// By the number of the request: the rows so far, and whom to tell.
    requests: HashMap<u32, (Vec<Record>, oneshot::Sender<Outcome>)>,
    /// It has ended.
    over: bool,
}

/// The result of a request: the rows, and other answers.
pub(super) type Outcome = Result<(Vec<Record>, Done), Failure>;

impl Process {
    /// One with these drivers: that which runs, or a new one.
    pub(super) async fn with(java: &Java) -> Result<Arc<Self>, DbError> {
        let mut running = RUNNING.lock().await;
        running.retain(|one| one.strong_count() > 0);
        let fits = |one: &Arc<Self>| one.java == *java && !one.is_over();
        if let Some(found) = running.iter().filter_map(Weak::upgrade).find(fits) {
            return Ok(found);
        }
        let started = Arc::new(Self::start(java).await?);
        running.push(Arc::downgrade(&started));
        Ok(started)
    }

    async fn start(java: &Java) -> Result<Self, DbError> {
        let (mut child, _source) =
            java::start(java).map_err(|error| not_started(java, &error.to_string()))?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(not_started(java, "it has no pipes"));
        };
        let shared = Arc::new(Shared::default());
        let (tell, hello) = oneshot::channel();
        shared.waiting().requests.insert(0, (Vec::new(), tell)); // it speaks first
        let pid = child.id();
        let (requests, to_write) = mpsc::channel();
        thread::spawn(move || write(stdin, &to_write));
        thread::spawn({
            let shared = Arc::clone(&shared);
            let listener = thread::spawn({
                let shared = Arc::clone(&shared);
                move || listen(stderr, &shared)
            });
            move || {
                read(stdout, &shared);
                let _ = listener.join(); // why it ended is on its standard error
                end(child, &shared);
            }
        });
        let process = Self {
            java: java.clone(),
            pid,
            requests,
            shared,
            requested: AtomicU32::new(1),
            sessions: AtomicU32::new(1),
        };
        match tokio::time::timeout(PATIENCE, hello).await {
            Ok(Ok(Ok(_))) => Ok(process),
            Ok(_) => Err(not_started(java, &process.last_words())),
            Err(_) => Err(not_started(java, &format!("it said nothing for {} s", PATIENCE.as_secs()))),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.shared.waiting().over
    }

    /// A number for a new session.
    pub(super) fn session(&self) -> u32 {
        self.sessions.fetch_add(1, Ordering::Relaxed)
    }

    /// A number for a request.
    pub(super) fn number(&self) -> u32 {
        self.requested.fetch_add(1, Ordering::Relaxed)
    }

    /// From now on this is not shown.
    pub(super) fn hide(&self, secret: &str) {
        let mut secrets = locked(&self.shared.secrets);
        // Each session that is opened hides the same ones again.
        if !secret.is_empty() && !secrets.iter().any(|known| **known == secret) {
            secrets.push(Zeroizing::new(secret.to_owned()));
        }
    }

    /// Sends a request, and returns the handle that will have its result.
    pub(super) fn ask(&self, number: u32, request: Request) -> oneshot::Receiver<Outcome> {
        let (tell, told) = oneshot::channel();
        let mut waiting = self.shared.waiting();
        if !waiting.over {
            waiting.requests.insert(number, (Vec::new(), tell));
            // If its input is closed, it ends, and all who wait are told.
            let _ = self.requests.send(request.into_frame());
        }
        told
    }

    /// Sends a request that nobody waits for.
    pub(super) fn tell(&self, request: Request) {
        let _ = self.requests.send(request.into_frame());
    }

    /// Why it has ended.
    pub(super) fn failure(&self) -> Failure {
        let text = format!("the JDBC bridge has ended: {}", self.last_words());
        Failure { gone: true, text, ..Failure::default() }
    }

    fn last_words(&self) -> String {
        let said = locked(&self.shared.said);
        let telling = |line: &&String| !line.trim().is_empty() && !line.starts_with("\tat ");
        said.iter().find(telling).cloned().unwrap_or_else(|| "it said nothing".to_owned())
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        locked(&self.waiting)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write(mut stdin: ChildStdin, requests: &Receiver<Zeroizing<Vec<u8>>>) {
    while let Ok(frame) = requests.recv() {
        if stdin.write_all(&frame).is_err() {
            return; // it has ended, which the reader notices, too
        }
    }
}

fn read(stdout: ChildStdout, shared: &Shared) {
    let mut stdout = BufReader::with_capacity(1 << 16, stdout);
    let mut frame = Vec::new();
    loop {
        let mut length = [0; 4];
        if stdout.read_exact(&mut length).is_err() {
            return;
        }
        frame.resize(usize::try_from(u32::from_be_bytes(length)).unwrap_or_default(), 0);
        if stdout.read_exact(&mut frame).is_err() {
            return;
        }
        let Some((number, answer)) = wire::answer(&frame) else { return };
        shared.waiting().take(number, answer);
    }
}

impl Waiting {
    fn take(&mut self, number: u32, answer: Answer) {
        let outcome = match answer {
            Answer::Rows(rows) => {
                if let Some((so_far, _)) = self.requests.get_mut(&number) {
                    so_far.extend(rows);
                }
                return;
            }
            Answer::Done(done) => Ok(done),
            Answer::Failed(failure) => Err(failure),
        };
        // Whoever asked may not wait any more.
        if let Some((rows, tell)) = self.requests.remove(&number) {
            let _ = tell.send(outcome.map(|done| (rows, done)));
        }
    }
}

/// Writes its output to our log, for those who look for details.
fn listen(stderr: ChildStderr, shared: &Shared) {
    for line in BufReader::new(stderr).split(b'\n') {
        let Ok(line) = line else { return };
        let mut line = String::from_utf8_lossy(&line).into_owned();
        for secret in locked(&shared.secrets).iter() {
            line = line.replace(secret.as_str(), "…");
        }
        let line = redact(&line);
        tracing::debug!("JDBC bridge: {line}");
        let mut said = locked(&shared.said);
        if said.len() == KEPT {
            said.remove(0);
        }
        said.push(line);
    }
}

fn end(mut child: Child, shared: &Shared) {
    let _ = child.kill(); // if it has only closed its output
    if let Ok(status) = child.wait() {
        locked(&shared.said).push(status.to_string());
    }
    let mut waiting = shared.waiting();
    waiting.over = true;
    waiting.requests.clear(); // all who wait are told by that
}
