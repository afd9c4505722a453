//! Holding on to what is worked on, for as long as it is.

use std::sync::Arc;

use patchbay_model::Failure;

use super::{BEAT, LEASE};
use crate::hub::{Hub, Inner};

/// Starts it. It ends with the hub, but not before the jobs that run then.
pub(super) fn start(hub: &Hub) {
    let weak = hub.downgrade();
    tokio::spawn(async move {
        let mut beats = tokio::time::interval(BEAT);
        loop {
            beats.tick().await;
            let Some(hub) = weak.upgrade() else { return };
            if hub.stop.is_cancelled() && hub.jobs.underway.held().is_empty() {
                return;
            }
            if let Err(failure) = hub.prolong_jobs().await {
                tracing::warn!(error = %failure, "the leases of jobs were not prolonged");
            }
        }
    });
}

impl Inner {
    /// Prolongs all leases, and breaks off what somebody does not want any more.
    pub(super) async fn prolong_jobs(self: &Arc<Self>) -> Result<(), Failure> {
        let held = self.jobs.underway.held();
        if held.is_empty() {
            return Ok(());
        }
        let mut tx = self.database.begin().await?;
        let unwanted = tx.hub().prolong_jobs(&held, self.clock.now() + LEASE).await?;
        tx.commit().await?;
        for id in unwanted {
            self.jobs.break_off(id);
        }
        Ok(())
    }
}
