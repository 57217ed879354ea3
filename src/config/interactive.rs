//! Secrets that are handed over while the program runs: lines of standard input, answers on the
//! terminal, the output of a command.
//!
//! Invariants: as in [`secret`](super::secret) no error shows a character of a secret; what was read is
//! wiped when it goes; a command is waited for, and read, only within bounds.

use std::cell::OnceCell;
use std::fmt;
use std::io::{IsTerminal as _, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::keys::Key;
use super::others::{Stake, who_else_may_write};
use super::secret::{LONGEST, Secret, utf8, without_newline};
use super::taken;

/// How long a command may take. People may have to touch a token meanwhile.
const PATIENCE: Duration = Duration::from_mins(1);

/// More than all secrets together.
const LONGEST_INPUT: u64 = 8 * LONGEST;

/// Standard input, read once and only if some secret stands there.
pub(super) struct Stdin {
    open: fn() -> Result<Box<dyn Read>, String>,
    text: OnceCell<Result<Secret, String>>,
}

impl Stdin {
    /// What is handed to this process.
    pub(super) fn of_this_process() -> Self {
        Self { open: this_process, text: OnceCell::new() }
    }

    /// Standard input with this in it.
    #[cfg(test)]
    pub(super) fn of(bytes: &[u8]) -> Self {
        let stdin = Self { open: || Err(String::new()), text: OnceCell::new() };
        let _ = stdin.text.set(read(bytes));
        stdin
    }

    /// A line: the first one, or the one with this number.
    pub(super) fn line(&self, number: &str) -> Result<Secret, String> {
        let wanted: usize = match number {
            "" => 1,
            digits => match digits.parse() {
                Ok(0) | Err(_) => {
                    return Err("names no line of standard input: write `stdin:` or `stdin:2`".to_owned());
                }
                Ok(wanted) => wanted,
            },
        };
        let text = self.text.get_or_init(|| (self.open)().and_then(read)).as_ref().map_err(Clone::clone)?;
        // Lines as `env:` and `file:` end them: a newline at the end begins no further line.
        let mut lines = text.expose().split_inclusive('\n');
        let Some(line) = lines.nth(wanted - 1) else {
            let has = text.expose().split_inclusive('\n').count();
            return Err(format!("names line {wanted} of standard input, which has {has}"));
        };
        Ok(without_newline(line.into()))
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stdin")
    }
}

fn this_process() -> Result<Box<dyn Read>, String> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err("names standard input, which is a terminal: write `prompt:` to be asked".to_owned());
    }
    Ok(Box::new(stdin))
}

fn read(input: impl Read) -> Result<Secret, String> {
    match whole(input, LONGEST_INPUT) {
        Ok(Some(bytes)) => {
            utf8(bytes).ok_or_else(|| "names standard input, which is not UTF-8 text".to_owned())
        }
        Ok(None) => {
            Err("names standard input, which is too large for secrets (more than 512 KiB)".to_owned())
        }
        Err(error) => Err(format!("names standard input, which cannot be read: {error}")),
    }
}

/// All of `input`, unless there is more of it than `most` bytes. One buffer, so that no copy stays behind.
fn whole(input: impl Read, most: u64) -> std::io::Result<Option<Zeroizing<Vec<u8>>>> {
    let room = usize::try_from(most).unwrap_or(usize::MAX).saturating_add(64);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    input.take(most + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}

/// Asks on the terminal, without echo.
pub(super) fn ask(key: Key, text: &str) -> Result<Secret, String> {
    let question = match text.trim() {
        "" => format!("{key}: "),
        text => format!("{text} ({key}): "),
    };
    rpassword::prompt_password(question)
        .map(Secret::from)
        .map_err(|error| format!("is to be asked for, and there is no terminal to ask on: {error}"))
}

/// Runs a command, and takes what it prints. No shell has a look at it: the words are what white
/// space separates. Its standard error is ours, its standard input is empty.
pub(super) fn run(command: &str, folder: &Path) -> Result<Secret, String> {
    run_for(command, folder, PATIENCE)
}

pub(super) fn run_for(command: &str, folder: &Path, patience: Duration) -> Result<Secret, String> {
    let mut words = command.split_whitespace();
    let program = words.next().ok_or("names no command: write `cmd:program argument…`")?;
    let failed = |what: &dyn fmt::Display| format!("names the command {program}, {what}");
    let begun = Instant::now();
    let path = found(program, folder);
    let arguments: Vec<&str> = words.collect();
    if let Some(who) = someone_elses(&path, &arguments, folder) {
        return Err(failed(&format_args!(
            "and {who}: a command that runs here and its folders must belong to this user or root, and be \
             closed to others"
        )));
    }
    let mut child = taken::without_secrets(&mut Command::new(path))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&format_args!("which cannot be started: {error}")))?;
    let printed = printed(&mut child);
    let left = |begun: Instant| patience.saturating_sub(begun.elapsed());
    let Ok(said) = printed.recv_timeout(left(begun)) else {
        return Err(failed(&too_long(&mut child, patience)));
    };
    if matches!(said, Ok(None)) {
        end(&mut child);
        return Err(failed(&"which prints too much for a secret (more than 64 KiB)"));
    }
    let Some(status) = wait(&mut child, || left(begun)) else {
        return Err(failed(&too_long(&mut child, patience)));
    };
    match said {
        _ if !status.success() => Err(failed(&format_args!("which failed: {}", ending(status)))),
        Ok(Some(bytes)) => {
            let text = utf8(bytes).ok_or_else(|| failed(&"which prints something that is not UTF-8 text"))?;
            Ok(without_newline(text))
        }
        Ok(None) => Err(failed(&"which prints too much")),
        Err(error) => Err(failed(&format_args!("whose output cannot be read: {error}"))),
    }
}

/// A path is relative to the folder of `properties.yaml`; a plain name is looked for in PATH.
pub(super) fn found(program: &str, folder: &Path) -> PathBuf {
    if program.contains('/') { folder.join(program) } else { PathBuf::from(program) }
}

/// Who else may write to the program, or to a file that is one of its arguments: it may be a script.
pub(super) fn someone_elses(program: &Path, arguments: &[&str], folder: &Path) -> Option<String> {
    let program = if program.components().count() > 1 {
        Some(program.to_owned())
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
    };
    let named = arguments.iter().flat_map(|word| [Some(*word), word.split_once('=').map(|(_, value)| value)]);
    let files = named.flatten().map(|name| folder.join(name)).filter(|file| file.is_file());
    program.into_iter().chain(files).find_map(|file| who_else_may_write(&file, Stake::Runs))
}

type Said = std::io::Result<Option<Zeroizing<Vec<u8>>>>;

/// What the command prints, once it has closed its output.
fn printed(child: &mut Child) -> mpsc::Receiver<Said> {
    let (sender, receiver) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        thread::spawn(move || sender.send(whole(output, LONGEST)));
    }
    receiver
}

fn wait(child: &mut Child, left: impl Fn() -> Duration) -> Option<ExitStatus> {
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if left().is_zero() {
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn too_long(child: &mut Child, patience: Duration) -> String {
    end(child);
    format!("which takes longer than {} s", patience.as_secs())
}

fn end(child: &mut Child) {
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        _ => "it did not end".to_owned(),
    }
}
