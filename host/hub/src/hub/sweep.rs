//! What is looked after each minute: expired values, what others left behind, and numbers to look at.

use std::{sync::Arc, time::Duration};

use patchbay_model::Failure;
use patchbay_storage::Ended;

use super::{Hub, Inner};
use crate::{identity, measure};

/// How often expired values are taken out of the database.
const SWEEP_TIME: Duration = Duration::from_secs(60);

impl Hub {
    pub(super) fn start_sweeping(&self) {
        let (weak, stop) = (self.downgrade(), self.0.stop.clone());
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(SWEEP_TIME);
            while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                let Some(hub) = weak.upgrade() else { return };
                if let Err(failure) = hub.sweep().await {
                    tracing::warn!(error = %failure, "expired values were not swept");
                }
            }
        });
    }
}

impl Inner {
    async fn measure_backlog(&self) -> Result<(), Failure> {
        let mut tx = self.database.read().await?;
        measure::job_backlog(tx.hub().job_backlog().await?);
        Ok(())
    }

    async fn sweep(self: &Arc<Self>) -> Result<(), Failure> {
        const BATCH: u32 = 1000;
        self.deliveries.live.sweep().await;
        self.clear_gone_endpoints().await?;
        self.tenants.sweep().await;
        self.takers.sweep().await;
        self.outward.sweep().await;
        self.described.sweep().await;
        self.standings.sweep().await;
        self.keys.sweep().await;
        self.sessions.sweep().await;
        self.write_uses().await;
        self.hooks.sweep().await;
        self.rates.sweep().await;
        self.settle_leftovers().await;
        self.measure_backlog().await?;
        self.settle_exports().await?;
        if self.database.is_shared() {
            // a notice may have been lost without the connection that brings them
            self.registry.round();
            self.load_missing(None).await?;
        }
        if let Err(failure) = self.clear_expired_answers().await {
            // what else is to be swept need not wait for a file that cannot be removed
            tracing::warn!(error = %failure, "expired answers were not taken away");
        }
        loop {
            let mut tx = self.database.begin().await?;
            let now = self.clock.now();
            let ended = Ended {
                now,
                idle_since: now - identity::IDLE,
                forget_before: now - identity::attempts::FORGOTTEN_AFTER,
            };
            let mut swept = tx.hub().sweep_kv(now, BATCH).await?;
            swept = swept.max(tx.hub().sweep_oauth_authorizations(now, BATCH).await?);
            swept = swept.max(tx.hub().sweep_idempotency(now, BATCH).await?);
            swept = swept.max(tx.hub().identities().sweep(ended, BATCH).await?);
            tx.commit().await?;
            if swept < u64::from(BATCH) {
                return Ok(());
            }
        }
    }
}
