//! Runs one target on mutated inputs until time is up or something is found.
//!
//! What a target returns says what it saw; an input that made it see something new is kept and mutated
//! further, in place of coverage, which only an instrumented build could measure. The target runs on a
//! thread with the stack of a worker of the program, so an overflow shows here too (it ends the process:
//! run again with the same seed). The main thread watches over time and memory.

use std::collections::HashSet;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::mutate::{Random, mutate};

const STACK: usize = 2 * 1024 * 1024;
/// How much the process may grow over what it takes with the seeds loaded.
const MEMORY_LIMIT_KIB: u64 = 64 * 1024;
/// No input takes longer than this, even on a busy machine.
const HANG: Duration = Duration::from_secs(30);
/// Larger inputs are slow and say little: they are chosen seldom and not kept.
const SMALL: usize = 8 * 1024;
const CORPUS_LIMIT_BYTES: usize = 8 * 1024 * 1024;

pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// Panics if a property does not hold; returns a digest of what it saw.
    pub(crate) run: fn(&[u8]) -> u64,
    /// Tokens of the format.
    pub(crate) dictionary: &'static [&'static [u8]],
    /// Folders of real inputs, below the package.
    pub(crate) seeds: &'static [&'static str],
}

/// What a run without findings did.
pub(crate) struct Report {
    name: &'static str,
    seed: u64,
    seconds: f64,
    executions: u64,
    seeds: usize,
    corpus: usize,
    slowest: Duration,
    memory_kib: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[allow(clippy::cast_precision_loss, reason = "a rate for the screen")]
        let rate = self.executions as f64 / self.seconds.max(0.001);
        write!(
            f,
            "{}: {} executions in {:.0} s ({rate:.0}/s), corpus {} of which {} seeds, slowest {:.1} ms, \
             memory +{} KiB, seed {}: nothing found",
            self.name,
            self.executions,
            self.seconds,
            self.corpus,
            self.seeds,
            self.slowest.as_secs_f64() * 1000.0,
            self.memory_kib,
            self.seed
        )
    }
}

/// What the worker is doing, for the watching thread.
struct Current {
    since: Instant,
    input: Vec<u8>,
}

enum Finding {
    Panic(Vec<u8>, String),
    Done(Report),
}

/// Runs a target; the error says what was found and where the input is.
pub(crate) fn fuzz(target: &'static Target, time: Duration, seed: u64) -> Result<Report, String> {
    let seeds = load(target.seeds);
    assert!(!seeds.is_empty(), "no seeds for {}", target.name);
    let baseline = peak_memory_kib();
    let current = Mutex::new(Current { since: Instant::now(), input: Vec::new() });
    let (sender, findings) = mpsc::channel();

    panic::set_hook(Box::new(|_| {}));
    let result = thread::scope(|scope| {
        let work = || {
            let _ = sender.send(work(target, seeds, time, seed, &current));
        };
        thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).expect("a thread");
        loop {
            let finding = findings.recv_timeout(Duration::from_millis(200));
            let memory = peak_memory_kib() - baseline;
            let hung = lock(&current).since.elapsed() > HANG;
            let (input, what) = match finding {
                Ok(Finding::Done(report)) if memory <= MEMORY_LIMIT_KIB => {
                    return Ok(Report { memory_kib: memory, ..report });
                }
                Ok(Finding::Panic(input, message)) => (input, format!("panic: {message}")),
                _ if memory > MEMORY_LIMIT_KIB => {
                    (lock(&current).input.clone(), format!("memory grew by {memory} KiB"))
                }
                Err(mpsc::RecvTimeoutError::Timeout) if !hung => continue,
                _ => (lock(&current).input.clone(), format!("no end after {} s", HANG.as_secs())),
            };
            let finding = format!("{what} (seed {seed})\n{}", save(target, &input));
            // The worker may never end: leave without joining it.
            if !what.starts_with("panic") {
                println!("fuzz {}: {finding}", target.name);
                std::process::exit(1);
            }
            return Err(finding);
        }
    });
    drop(panic::take_hook());
    result
}

fn work(
    target: &Target,
    seeds: Vec<Vec<u8>>,
    time: Duration,
    seed: u64,
    current: &Mutex<Current>,
) -> Finding {
    let start = Instant::now();
    let mut random = Random(seed);
    let mut digests = HashSet::new();
    let mut size: usize = seeds.iter().map(Vec::len).sum();
    let seed_count = seeds.len();
    let mut corpus = seeds;
    let mut slowest = Duration::ZERO;
    let mut executions = 0;
    while start.elapsed() < time || executions < seed_count as u64 {
        // The seeds first, as they are: they are the regression tests of earlier findings.
        let seed = usize::try_from(executions).ok().filter(|index| *index < seed_count);
        let input = if let Some(index) = seed {
            corpus[index].clone()
        } else {
            let (base, other) = (choose(&corpus, &mut random), choose(&corpus, &mut random));
            mutate(base, other, target.dictionary, &mut random)
        };
        let began = Instant::now();
        {
            let mut current = lock(current);
            current.since = began;
            current.input.clone_from(&input);
        }
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| (target.run)(&input)));
        executions += 1;
        slowest = slowest.max(began.elapsed());
        match outcome {
            Ok(digest) => {
                let keep = seed.is_none() && input.len() <= SMALL && size + input.len() <= CORPUS_LIMIT_BYTES;
                if digests.insert(digest) && keep {
                    size += input.len();
                    corpus.push(input);
                }
            }
            Err(panic) => return Finding::Panic(input, message(&*panic)),
        }
    }
    Finding::Done(Report {
        name: target.name,
        seed,
        seconds: start.elapsed().as_secs_f64(),
        executions,
        seeds: seed_count,
        corpus: corpus.len(),
        slowest,
        memory_kib: 0,
    })
}

fn choose<'a>(corpus: &'a [Vec<u8>], random: &mut Random) -> &'a [u8] {
    loop {
        let input = &corpus[random.below(corpus.len())];
        if input.len() <= SMALL || random.below(64) == 0 {
            return input;
        }
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

fn lock(current: &Mutex<Current>) -> MutexGuard<'_, Current> {
    current.lock().unwrap_or_else(PoisonError::into_inner)
}

fn load(folders: &[&str]) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in folders {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let entries = std::fs::read_dir(&folder).expect("a folder of seeds");
        files.extend(entries.map(|entry| entry.expect("a seed").path()));
    }
    // The order of a folder is not the same everywhere; the inputs of a seed must be.
    files.sort();
    files.retain(|path| path.extension().is_some_and(|extension| extension != "json"));
    files.iter().map(|path| std::fs::read(path).expect("a seed")).collect()
}

/// Writes the input that did it to a file; says where and what to do with it.
fn save(target: &Target, input: &[u8]) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{}.bin", target.name));
    std::fs::write(&path, input).expect("the finding is written");
    format!(
        "input: {}\nCopy it to {} under a name that says what it is: it runs first from then on.",
        path.display(),
        target.seeds[0]
    )
}

/// The most memory that the process ever had.
fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
