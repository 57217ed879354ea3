//! The program `keyrotation`: see `keyrotation::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _failpoints = fail::FailScenario::setup(); // as the environment has them
    keyrotation::cli::main().into()
}
