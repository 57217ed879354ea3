//! The program `keyrotation`: see `keyrotation::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    keyrotation::cli::main().into()
}
