//! The disk that fails: `tests/support/faulty_disk.c` between the program and the kernel.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

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
        command.env("LD_PRELOAD", shim()).env("FAULTY_ROOT", root).env("FAULTY_LOST", lost.path());
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
        }
        let ran = Ran::of(&mut command, self.site.clone());
        let counted = fs::read_to_string(&report).ok().map(|text| {
            let numbers: Vec<u64> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
            let [changes, syncs, lost_sectors, undone_names] = numbers[..] else { panic!("{text}") };
            Report { changes, syncs, lost_sectors, undone_names }
        });
        (ran, counted)
    }
}

/// The shim, compiled. It needs a C compiler and a dynamic loader with LD_PRELOAD, which glibc has.
fn shim() -> &'static Path {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/faulty_disk.c");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let made = target.join(format!("faulty_disk-{}.so", std::process::id()));
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"]);
        let built = compiler.arg(&made).arg(source).output();
        let built = built.expect("a C compiler is needed: install gcc; power cannot be cut without");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let shim = target.join("faulty_disk.so");
        fs::rename(&made, &shim).unwrap();
        shim
    })
}
