//! Exit codes, part of the program's interface (docs/exit-codes.md).

use std::process::ExitCode;

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// All that was asked is done.
    Done = 0,
    /// Finished, but rows or files failed, or `verify` found differences.
    Differences = 1,
    /// The command line or properties.yaml must be changed.
    Usage = 2,
    /// A database, file or permission stood in the way.
    Environment = 3,
    /// The journal is locked, damaged or belongs to another rotation.
    Journal = 4,
    /// A human must look before anything more is written.
    Human = 5,
    /// No process works on the rotation: there is nothing to control, or what was waited for did not
    /// come.
    NotRunning = 6,
    /// What was waited for did not come in time.
    TimedOut = 124,
    /// Interrupted at a safe point; `resume` goes on.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
