//! The program `keyrotation`: see `keyrotation::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _points = fail::FailScenario::setup(); // as the environment says
    keyrotation::cli::main().into()
}
