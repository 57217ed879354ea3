//! Change logs that another tool has made, and may have read before.
//!
//! The Java tool marks entries as carried over before it carries them over: what it had marked when it died
//! is in no copy. Those entries look like the others, so all of them are processed once more. A row
//! that is the same in both databases is not written again.

use super::failed;
use crate::error::{Error, Id, Result};
use crate::plan::SyncPlan;

/// Lets all entries of foreign change logs wait again. Called once, before the first of them is carried over.
pub async fn take_over(plan: &SyncPlan) -> Result<()> {
    for job in plan.jobs.iter().filter(|job| job.is_foreign()) {
        let log = &job.table.log;
        let count = || plan.old.acknowledged(&job.log);
        let marked = plan.old_guard.try_reading(log, count).await.map_err(|error| failed(log, &error))?;
        if marked == 0 {
            continue;
        }
        tracing::warn!(
            "{log}: another tool created it, and marked {marked} entries as carried over. It is not known \
             whether they were, so all of them are compared once"
        );
        plan.old.reopen(&job.log).await.map_err(|error| {
            let what = format!(
                "{log}: another tool has marked {marked} entries as carried over, and they cannot be made to wait \
                 again: {error}"
            );
            Error::new(Id::Database, what).fix(format!(
                "let a DBA run `UPDATE {log} SET SYNCED = 0 WHERE SYNCED <> 0` in the old database, then `keyrotation \
                 resume`"
            ))
        })?;
    }
    Ok(())
}
