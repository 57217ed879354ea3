//! Work that blocks or computes for long, off the asynchronous threads.

use crate::error::Result;

/// Runs something that blocks or computes for long on a thread made for that.
pub async fn blocking<R: Send + 'static>(work: impl FnOnce() -> Result<R> + Send + 'static) -> Result<R> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
