//! The program as a process.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::Site;

/// Nothing here takes this long: whatever does hangs.
const PATIENCE: Duration = Duration::from_mins(10);

/// The program, having ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(super) fn of(command: &mut Command, site: Option<Arc<Site>>) -> Self {
        Running::of(command, site).wait()
    }

    /// The exit code; none if a signal ended it.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The signal that ended it.
    pub(crate) fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// Fails, with all that was said, unless it ended with this code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "{self}");
        self
    }

    /// Standard output as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n--- stdout\n{}\n--- stderr\n{}", self.status, self.stdout, self.stderr)
    }
}

/// The program, running. Dropped, it is killed.
pub(crate) struct Running {
    child: Child,
    said: TempDir,
    /// Where its databases are, if not in files.
    site: Option<Arc<Site>>,
}

impl Running {
    pub(crate) fn of(command: &mut Command, site: Option<Arc<Site>>) -> Self {
        if let Some(site) = &site {
            site.push();
        }
        // Into files: nobody needs to read them for the program to go on.
        let said = TempDir::with_prefix("keyrotation-said-").unwrap();
        let file = |name| Stdio::from(File::create(said.path().join(name)).unwrap());
        let (out, err) = (file("out"), file("err"));
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().unwrap();
        Self { child, said, site }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Whether it has ended.
    pub(crate) fn ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Ran {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "it hangs:\n{}", self.said("err"));
            thread::sleep(Duration::from_millis(2));
        };
        if let Some(site) = &self.site {
            site.pull();
        }
        Ran { status, stdout: self.said("out"), stderr: self.said("err") }
    }

    /// Waits for its end, without a look at the databases then.
    pub(crate) fn wait_unlooked(mut self) -> Ran {
        self.site = None;
        self.wait()
    }

    /// Kills it at once.
    pub(crate) fn kill(mut self) -> Ran {
        self.child.kill().unwrap();
        self.wait()
    }

    /// Waits until `happened`, and fails if it ends before that.
    #[track_caller]
    pub(crate) fn until(&mut self, happened: impl Fn() -> bool) {
        let begun = Instant::now();
        while !happened() {
            assert!(!self.ended(), "it ended too early:\n{}\n{}", self.said("out"), self.said("err"));
            assert!(begun.elapsed() < PATIENCE, "it does not happen:\n{}", self.said("err"));
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until the program stands at a failpoint for which `return(PATH)` was asked.
    #[track_caller]
    pub(crate) fn until_it_waits(&mut self, path: &Path) {
        self.until(|| path.exists());
    }

    /// Waits until it stands at a failpoint (true) or ends (false).
    #[track_caller]
    pub(crate) fn until_it_waits_or_ends(&mut self, path: &Path) -> bool {
        let begun = Instant::now();
        while !path.exists() {
            if self.ended() {
                return false;
            }
            assert!(begun.elapsed() < PATIENCE, "it hangs:\n{}", self.said("err"));
            thread::sleep(Duration::from_millis(2));
        }
        true
    }

    /// Waits until it has said this on the screen.
    #[track_caller]
    pub(crate) fn until_it_says(&mut self, text: &str) {
        self.until_it_says_one_of(&[text]);
    }

    #[track_caller]
    pub(crate) fn until_it_says_one_of(&mut self, texts: &[&str]) {
        let err = self.said.path().join("err");
        self.until(|| {
            let said = String::from_utf8_lossy(&fs::read(&err).unwrap()).into_owned();
            texts.iter().any(|text| said.contains(text))
        });
    }

    /// What it has said so far on `out` or `err`.
    pub(crate) fn said(&self, stream: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.said.path().join(stream)).unwrap()).into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
