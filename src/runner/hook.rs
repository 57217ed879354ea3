//! Tells the command of `onEvent` what happens: one run of it for each announcement, one after the other.
//!
//! A thread of its own does so, since starting programs and waiting for them blocks. The rotation never waits for it, but
//! at its very end, and then no longer than one run may take.

use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::sync::oneshot;

use crate::config::EventCommand;
use crate::report::{Announcement, Announcements, printable};

/// How long one run may take; then it is killed, with all that it has started.
const LIMIT: Duration = Duration::from_secs(10);

/// How often it is looked whether it has ended.
const BEAT: Duration = Duration::from_millis(10);

/// How much of what it says on standard error is shown, in bytes.
const SHOWN: u64 = 1000;

/// How long standard error is read once the command has ended: what it has started may keep it open.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// The thread.
pub(super) struct Hook {
    queue: Announcements,
    ended: oneshot::Receiver<()>,
}

impl Hook {
    /// Tells `command` of all that comes in `queue`. If no thread can be had it is told nothing.
    pub(super) fn start(command: EventCommand, queue: Announcements) -> Option<Self> {
        let (end, ended) = oneshot::channel();
        let of_thread = queue.clone();
        let work = move || {
            tell_all(&command, &of_thread, LIMIT);
            let _ = end.send(());
        };
        match thread::Builder::new().name("on-event".to_owned()).spawn(work) {
            Ok(_) => Some(Self { queue, ended }),
            Err(error) => {
                tracing::warn!("onEvent gets no announcements: {error}");
                None
            }
        }
    }

    /// Waits until all is told, or until the time for it is over.
    pub(super) async fn close(self) {
        self.queue.close();
        // The thread holds to the limit by itself; this is for one that cannot.
        let _ = tokio::time::timeout(LIMIT + Duration::from_secs(2), self.ended).await;
    }
}

fn tell_all(command: &EventCommand, queue: &Announcements, limit: Duration) {
    while let Some(announcement) = queue.take() {
        if announcement.lost() > 0 {
            tracing::warn!("onEvent was too slow: {} announcements were lost", announcement.lost());
        }
        let begun = Instant::now();
        let deadline = || deadline(begun, limit, queue.closed());
        if let Err(problem) = tell(command, &announcement, deadline) {
            let (program, event) = (printable(command.program()), announcement.event);
            tracing::warn!("onEvent: {program}, run for the event `{event}`, {problem}");
            if queue.closed().is_some() {
                queue.keep_last();
            }
        }
    }
}

/// Until when a run may take. Once the queue is closed all of it has as long as one run, and the last one a part of that.
fn deadline(begun: Instant, limit: Duration, closed: Option<(Instant, bool)>) -> Instant {
    let own = begun + limit;
    let Some((closed, is_last)) = closed else { return own };
    let (end, from) = (closed + limit, begun.max(closed));
    let left = end.saturating_duration_since(from);
    own.min(if is_last { end } else { from + left / 2 })
}

fn tell(
    command: &EventCommand,
    announcement: &Announcement,
    deadline: impl Fn() -> Instant,
) -> Result<(), String> {
    let mut line = serde_json::to_vec(announcement).map_err(|error| format!("cannot be: {error}"))?;
    line.push(b'\n');
    let mut child = command
        .to_start()
        .map_err(|who| format!("does not run: {who}"))?
        .process_group(0) // so that all of it can be killed
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot be started: {error}"))?;
    if let Some(mut input) = child.stdin.take() {
        // Of its own, for a command that does not read; one that closes its input does not want it.
        thread::spawn(move || input.write_all(&line));
    }
    let said = LastWords::of(&mut child);
    let Some(status) = wait(&mut child, deadline) else {
        end(&mut child);
        return Err(format!("takes too long, and was killed{}", said.text()));
    };
    if status.success() { Ok(()) } else { Err(format!("ended with {}{}", ending(status), said.text())) }
}

/// Waits for its end; none if the time is over.
fn wait(child: &mut Child, deadline: impl Fn() -> Instant) -> Option<ExitStatus> {
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() >= deadline() {
            return None;
        }
        thread::sleep(BEAT);
    }
}

/// Kills it with all that it has started, before its number can be another's.
fn end(child: &mut Child) {
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.kill();
    let _ = child.wait();
}

/// What a command says on standard error.
struct LastWords {
    said: Arc<Mutex<Vec<u8>>>,
    ended: mpsc::Receiver<()>,
}

impl LastWords {
    fn of(child: &mut Child) -> Self {
        let said = Arc::<Mutex<Vec<u8>>>::default();
        let (end, ended) = mpsc::channel();
        if let Some(mut output) = child.stderr.take() {
            let said = Arc::clone(&said);
            thread::spawn(move || {
                let mut left = SHOWN;
                let mut part = [0; 256];
                while let Ok(read @ 1..) = output.read(&mut part) {
                    let kept = read.min(usize::try_from(left).unwrap_or(usize::MAX));
                    left -= kept as u64;
                    let part = part.get(..kept).unwrap_or_default();
                    said.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(part);
                }
                let _ = end.send(());
            });
        }
        Self { said, ended }
    }

    /// Fit to follow what is said of its end.
    fn text(&self) -> String {
        let _ = self.ended.recv_timeout(LAST_WORDS);
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&said);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if words.is_empty() { String::new() } else { format!(": {}", printable(&words)) }
    }
}

fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        _ => "no exit code".to_owned(),
    }
}

#[cfg(test)]
mod tests;
