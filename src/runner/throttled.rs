//! Giving way to the work of others: the task that asks the servers meanwhile.

use crate::config::Settings;
use crate::engine::{Limits, Throttle, Throttler};
use crate::error::{Error, Id, Result};
use crate::plan::{self, Access, Deployment};
use crate::signals::Stop;

/// The task; it ends when this is dropped.
pub(super) struct Asking(tokio::task::JoinHandle<()>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Refuses a requested limit that cannot be measured.
pub(super) async fn refuse_unknown(deployment: &Deployment, settings: &Settings) -> Result<()> {
    let throttler = throttler(deployment, settings, Throttle::default()).await?;
    let why = throttler.cannot_tell().await;
    throttler.close().await;
    let refused =
        |why: String| Err(Error::new(Id::CommandLineValue, format!("--max-lag, --max-load: {why}")));
    match why {
        Ok(None) => Ok(()),
        Ok(Some(why)) => {
            refused(why).map_err(|error| error.fix("do what the message says, or leave the option out"))
        }
        Err(error) => Err(Error::new(Id::Database, error.to_string())),
    }
}

/// Asks the servers from now on whether they have room, and holds `throttle` back where they have not.
pub(super) async fn ask_servers(
    deployment: &Deployment,
    settings: &Settings,
    throttle: &Throttle,
    stop: &Stop,
) -> Result<Asking> {
    let throttler = throttler(deployment, settings, throttle.clone()).await?;
    Ok(Asking(tokio::spawn(throttler.run(stop.clone()))))
}

async fn throttler(deployment: &Deployment, settings: &Settings, throttle: Throttle) -> Result<Throttler> {
    let limits = Limits { lag: settings.max_lag, load: settings.max_load, asked: settings.gives_way };
    let mut replicas = Vec::new();
    for database in settings.replicas.iter().filter(|_| limits.lag.is_some()) {
        replicas.push(plan::open_alone(database, Access::ReadOnly).await?);
    }
    let servers = deployment.each_database().into_iter().cloned().collect();
    Ok(Throttler::new(throttle, limits, servers, replicas))
}
