//! Connections are looked after while nobody calls.
//!
//! Tokens are renewed when they are due, so that no call waits for it, refresh tokens that end when they rest stay alive,
//! and it is known early that a person must help. Hubs on one database share the work: who looks after a connection says
//! so in its row. The rate is bounded, so that a hub which was away for a night does not fall upon the vendors.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};
use patchbay_model::{Failure, Timestamp, oauth::DueTokens};
use patchbay_oauth::Job;

use super::tokens;
use crate::hub::{Hub, Inner};

/// Connections that are renewed in one look, and how many of them at once.
const MOST: u32 = 500;
const AT_ONCE: usize = 8;
/// When one that could not be renewed is looked after again. Calls do not wait for that.
const AGAIN: Duration = Duration::from_secs(600);

/// Looks after connections until the hub ends.
pub(crate) fn start(hub: &Hub) {
    let (weak, stop, every) = (hub.downgrade(), hub.0.stop.clone(), hub.0.config.upkeep_every);
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let Some(hub) = weak.upgrade() else { return };
            // A renewal that has begun goes on in a task of its own.
            if let Some(Err(failure)) = stop.run_until_cancelled(hub.look_after_connections()).await {
                tracing::warn!(error = %failure, "connections were not looked after");
            }
        }
    });
}

impl Hub {
    /// Renews the tokens that are due and gives back those that shall be; gives how many of both. The hub does the same by
    /// itself twice a minute: this is for tests and operators who do not want to wait for it.
    pub async fn look_after_connections(&self) -> Result<usize, Failure> {
        self.0.look_after_connections().await
    }
}

impl Inner {
    async fn look_after_connections(self: &Arc<Self>) -> Result<usize, Failure> {
        self.running()?;
        // At the same time: a vendor that does not answer holds renewals up for minutes, and what somebody has
        // disconnected meanwhile should not stay good for so long.
        let (renewed, revoked) = tokio::join!(self.renew_due(), self.revoke_due());
        Ok(renewed? + revoked?)
    }

    async fn renew_due(self: &Arc<Self>) -> Result<usize, Failure> {
        let now = self.clock.now();
        let mut tx = self.database.read().await?;
        let due = tx.hub().due_oauth_tokens(now, MOST).await?;
        drop(tx);
        let count = due.len();
        let renewing = stream::iter(due).for_each_concurrent(AT_ONCE, |due| async move {
            if let Err(failure) = self.renew_one(&due, now).await {
                tracing::info!(org = %due.org, plugin = %due.plugin, error = %failure, "tokens that are due were not renewed");
            }
        });
        renewing.await;
        Ok(count)
    }

    async fn renew_one(&self, due: &DueTokens, now: Timestamp) -> Result<(), Failure> {
        let DueTokens { org, plugin, version } = due;
        let mut tx = self.database.begin().await?;
        if !tx.org(*org).oauth_tokens().claim_due(plugin, *version, now, now + AGAIN).await? {
            return Ok(());
        }
        tx.commit().await?;
        let mut tx = self.database.read().await?;
        let Some(row) = tx.org(*org).oauth_tokens().get(plugin).await? else { return Ok(()) };
        let seen = tokens::open(&self.vault, &mut tx.org(*org), &row).await?;
        drop(tx);
        let client = self.oauth_client_of(*org, plugin, Some(seen.tokens.grant)).await?;
        if client.parties() != seen.tokens.parties {
            // Said where the connection is shown, and to whoever calls.
            return Ok(());
        }
        let job = Job { key: (*org, plugin.clone()), client: Arc::new(client), seen };
        self.refresher.renew(&job).await?;
        Ok(())
    }
}
