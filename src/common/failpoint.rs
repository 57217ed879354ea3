//! Failpoints in asynchronous code: a test that holds the program at one holds that task only.

/// As [`keyrotation_journal::failpoint!`], for asynchronous code.
#[macro_export]
macro_rules! async_failpoint {
    ($name:literal, $error:expr) => {
        #[cfg(feature = "failpoints")]
        if $crate::failpoint::reached($name) {
            return Err($error);
        }
    };
}
pub use async_failpoint;

/// Does what was asked for at the point `name`, and says whether to fail there.
#[cfg(feature = "failpoints")]
pub fn reached(name: &str) -> bool {
    use tokio::runtime::{Handle, RuntimeFlavor};
    let reached = || keyrotation_journal::failpoint::reached(name);
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(reached),
        _ => reached(),
    }
}
