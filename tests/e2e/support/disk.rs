//! The disk and the clock that fail: C between the program and the kernel (`tests/support/faulty_*.c`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use super::{Place, Ran};

/// What the disk does wrong; see the C file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing: it counts.
    None,
    PowerAt(u64),
    /// The disk confirms syncs that it does not do.
    LiesAndPowerAt(u64),
    /// The one sync fails, and the power is lost when the program has ended.
    SyncFailsAt(u64),
    ReadOnlyAt(u64),
    FullAfter(u64),
    /// One write that the journal makes in the background fails when its turn has long come.
    LateAt(u64),
}

/// What the shim counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Report {
    pub(crate) changes: u64,
    pub(crate) syncs: u64,
    pub(crate) lost_sectors: u64,
    pub(crate) undone_names: u64,
}

impl Place {
    /// Runs the program to its end on a disk that fails below `root`. No report: the process was
    /// killed by something else.
    pub(crate) fn run_on_disk(
        &self,
        root: &Path,
        fault: Fault,
        seed: u64,
        args: &[&str],
    ) -> (Ran, Option<Report>) {
        let lost = TempDir::new_in(self.deployment.folder.parent().unwrap()).unwrap();
        let report = lost.path().join("report");
        let mut command = self.command(args);
        command
            .env("LD_PRELOAD", shim("faulty_disk"))
            .env("FAULTY_ROOT", root)
            .env("FAULTY_LOST", lost.path());
        command.env("FAULTY_SEED", seed.to_string()).env("FAULTY_REPORT", &report);
        let mut set = |name, value: u64| _ = command.env(name, value.to_string());
        match fault {
            Fault::None => {}
            Fault::PowerAt(at) => set("FAULTY_POWER_AT", at),
            Fault::LiesAndPowerAt(at) => {
                set("FAULTY_POWER_AT", at);
                set("FAULTY_IGNORE_SYNC", 1);
            }
            Fault::SyncFailsAt(at) => {
                set("FAULTY_SYNC_FAILS_AT", at);
                set("FAULTY_POWER_AT_EXIT", 1);
            }
            Fault::ReadOnlyAt(at) => set("FAULTY_READ_ONLY_AT", at),
            Fault::FullAfter(bytes) => set("FAULTY_FULL_AFTER", bytes),
            Fault::LateAt(at) => set("FAULTY_LATE_AT", at),
        }
        let ran = Ran::of(&mut command, self.site.clone());
        let counted = fs::read_to_string(&report).ok().map(|text| {
            let numbers: Vec<u64> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
            let [changes, syncs, lost_sectors, undone_names] = numbers[..] else { panic!("{text}") };
            Report { changes, syncs, lost_sectors, undone_names }
        });
        (ran, counted)
    }

    /// Runs the program to its end with a wall clock that jumps (`tests/support/faulty_clock.c`), and with
    /// what is to happen at its failpoints.
    pub(crate) fn run_in_odd_times(&self, start: u64, points: &str, args: &[&str]) -> Ran {
        let mut command = self.command(args);
        command.env("LD_PRELOAD", shim("faulty_clock")).env("CLOCK_START", start.to_string());
        Ran::of(command.env("FAILPOINTS", points), self.site.clone())
    }
}

/// A shim, compiled. It needs a C compiler and a dynamic loader with LD_PRELOAD, which glibc has.
fn shim(name: &str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built.entry(name.to_owned()).or_insert_with(|| compiled(name)).clone()
}

fn compiled(name: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support").join(name).with_extension("c");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let made = target.join(format!("{name}-{}.so", std::process::id()));
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"]);
    let done = compiler.arg(&made).arg(source).output();
    let done = done.expect("a C compiler is needed: install gcc; power cannot be cut without");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let shim = target.join(name).with_extension("so");
    fs::rename(&made, &shim).unwrap();
    shim
}
