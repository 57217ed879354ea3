//! What asks a process to stop: signals, and an end that was planned.

use std::time::Duration;

use jiff::Timestamp;

use crate::error::{Error, Id, Result};
use crate::signals::{self, Stop, Stopper};

/// How often the clock is looked at meanwhile: it may be set, and a machine may sleep.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// A stop that signals ask for.
pub fn listen() -> Result<(Stopper, Stop)> {
    signals::listen().map_err(|error| Error::new(Id::System, format!("signals cannot be received: {error}")))
}

/// Likewise, and the end that is planned.
pub fn listen_until(end: Option<Timestamp>) -> Result<(Stopper, Stop)> {
    let (stopper, stop) = listen()?;
    if let Some(at) = end {
        keep_to(at, stopper.clone());
    }
    Ok((stopper, stop))
}

/// Asks to stop when the time has come.
fn keep_to(at: Timestamp, stopper: Stopper) {
    let local = at.to_zoned(jiff::tz::TimeZone::system());
    let local = local.strftime("%Y-%m-%d %H:%M:%S %Z").to_string();
    tracing::info!("it will stop at a safe point at {local}");
    tokio::spawn(async move {
        loop {
            let left = at.duration_since(Timestamp::now());
            let Ok(left) = Duration::try_from(left) else { break }; // it is past
            if left.is_zero() {
                break;
            }
            tokio::time::sleep(left.min(LOOK_EVERY)).await;
        }
        if stopper.ask_once() {
            tracing::warn!("it is {local}: stopping at the next safe point, as planned");
        }
    });
}
