//! Named points around every flush, commit and rename, at which a test lets the program fail, die
//! or wait. Only with the feature `failpoints`; a release build has nothing of it.
//!
//! What happens at a point is said in the environment as the crate `fail` has it, such as
//! `FAILPOINTS='table-before-commit=2*off->1*return'`: nothing the first two times, then
//!
//! - `return`: the operation fails with an error,
//! - `panic`: it panics,
//! - `return(kill)`: the process sends itself SIGKILL,
//! - `return(/path)`: it makes the file `/path`, and goes on once that is gone.

/// A named point: returns the error from the enclosing function if a test asked for that.
#[macro_export]
macro_rules! failpoint {
    ($name:literal, $error:expr) => {
        #[cfg(feature = "failpoints")]
        if $crate::failpoint::reached($name) {
            return Err($error);
        }
    };
}

/// Does what was asked for at the point `name`, and says whether to fail there.
#[cfg(feature = "failpoints")]
pub fn reached(name: &str) -> bool {
    tracing::trace!("failpoint {name}");
    fail::fail_point!(name, |act: Option<String>| match act.as_deref() {
        None => true,
        Some("kill") => kill(),
        Some(path) => {
            wait_at(path);
            false
        }
    });
    false
}

#[cfg(feature = "failpoints")]
fn kill() -> bool {
    use rustix::process::{Signal, getpid, kill_process};

    match kill_process(getpid(), Signal::KILL) {
        Ok(()) => loop {
            std::thread::park(); // for the moment that it takes
        },
        Err(error) => panic!("the failpoint cannot kill: {error}"),
    }
}

/// Tells a test that this point is reached, and waits for it to remove the file.
#[cfg(feature = "failpoints")]
fn wait_at(path: &str) {
    use std::time::Duration;

    if let Err(error) = std::fs::write(path, []) {
        panic!("the failpoint cannot make {path}: {error}");
    }
    while std::path::Path::new(path).exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
}
