//! The program `keyrotation`: see `keyrotation::cli`.

use std::process::ExitCode;

/// The journal and the database pages come and go in many sizes on several threads: glibc's
/// allocator keeps twice the memory for them.
#[cfg(not(feature = "glibc"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _failpoints = fail::FailScenario::setup(); // as the environment has them
    keyrotation::cli::main().into()
}
