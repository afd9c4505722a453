//! The worker: takes up webhooks whose work is due, after a failure, a crash or a crowd.
//!
//! It is woken when work is planned and when that work is due, and looks by itself every half minute for
//! what it was not told of.

use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use futures::future::join_all;
use patchbay_model::{
    Failure, PluginId, Timestamp,
    webhook::{Webhook, WebhookStatus},
};
use patchbay_storage::DueWebhook;
use tokio::task::JoinHandle;

use crate::hub::{Hub, Inner};

/// How often to look without being told.
const LOOK: Duration = Duration::from_secs(30);
/// How long to wait after the database failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Webhooks that are fetched at once, beside those that are worked on.
const BATCH: usize = 100;
/// Webhooks that are taken up side by side: each needs a look, and a lease where several hubs are, whose commits the database
/// makes durable together.
const AT_ONCE: usize = 8;

/// Starts the worker. It ends with the hub.
pub(crate) fn start(hub: &Hub) {
    let (weak, stop, wake) = (hub.downgrade(), hub.0.stop.clone(), Arc::clone(&hub.0.webhooks.wake));
    tokio::spawn(async move {
        loop {
            let Some(hub) = weak.upgrade().map(Hub) else { return };
            let wait = match hub.start_due_webhooks(None).await {
                Ok(()) => hub.0.until_next_due(),
                Err(failure) => {
                    tracing::warn!(error = %failure, "due webhooks were not fetched");
                    AFTER_FAILURE
                }
            };
            drop(hub);
            // either way it is time to look again
            let woken = stop.run_until_cancelled(tokio::time::timeout(wait, wake.notified())).await;
            if woken.is_none() {
                return;
            }
        }
    });
}

impl Hub {
    /// Does the work of webhooks that is due now and waits for it and for what is under way; gives how
    /// many were taken up. The worker does the same by itself: this is for tests and operators who do not
    /// want to wait for it.
    pub async fn process_due_webhooks(&self) -> Result<usize, Failure> {
        let mut started = Vec::new();
        self.start_due_webhooks(Some(&mut started)).await?;
        let count = started.len();
        for work in started {
            work.await.map_err(Failure::internal)?;
        }
        self.0.webhooks.claims.idle().await;
        Ok(count)
    }

    /// `started`: for whoever waits. A handle keeps what its work has used until it is dropped, and a backlog may be long.
    async fn start_due_webhooks(&self, mut started: Option<&mut Vec<JoinHandle<()>>>) -> Result<(), Failure> {
        let queue = &self.0.webhooks;
        let planned = queue.next_due.swap(i64::MAX, Ordering::SeqCst);
        // what is worked on is due as well until it is done, so ask for more than that
        let limit = u32::try_from(queue.capacity + BATCH).unwrap_or(u32::MAX).min(1000);
        loop {
            self.0.running()?;
            let now = self.0.clock.now();
            if planned > now.timestamp_micros() {
                queue.next_due.fetch_min(planned, Ordering::SeqCst);
            }
            let mut tx = self.0.database.read().await?;
            let due = tx.hub().due_webhooks(now, limit).await?;
            drop(tx);
            let fresh: Vec<_> = due.into_iter().filter(|webhook| !queue.claims.is_claimed(webhook.id)).collect();
            if fresh.is_empty() {
                return Ok(());
            }
            for some in fresh.chunks(AT_ONCE) {
                let mut starting = Vec::with_capacity(AT_ONCE);
                for webhook in some {
                    starting.push(self.start_webhook(webhook, now));
                }
                // all of them, also if one fails: what has a lease is worked on
                for result in join_all(starting).await {
                    if let (Some(work), Some(started)) = (result?, started.as_deref_mut()) {
                        started.push(work);
                    }
                }
            }
        }
    }

    async fn start_webhook(&self, look: &DueWebhook, now: Timestamp) -> Result<Option<JoinHandle<()>>, Failure> {
        let queue = &self.0.webhooks;
        let permit = Arc::clone(&queue.permits).acquire_owned().await.map_err(Failure::internal)?;
        let Some(claim) = queue.claims.claim(look.id) else { return Ok(None) };
        // it may have been done between the look and the claim
        let mut tx = self.0.database.read().await?;
        let Some(mut webhook) = tx.org(look.org).webhooks().get(look.id).await? else { return Ok(None) };
        drop(tx);
        let due = webhook.next_attempt_at.filter(|at| webhook.status == WebhookStatus::Pending && *at <= now);
        let Some(due) = due else { return Ok(None) };
        if queue.shared {
            let Some(lease) = self.lease(&webhook, due, now).await? else { return Ok(None) };
            webhook.next_attempt_at = Some(lease);
        }
        let hub = self.clone();
        Ok(Some(self.0.start_behind(async move {
            let _permit = permit;
            // its failure is kept with the webhook
            let _ = hub.0.process(webhook, false, claim).await;
        })))
    }

    /// Until when it is this hub's; nothing if another one was faster.
    async fn lease(&self, webhook: &Webhook, due: Timestamp, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
        let call = self.0.longest_call(&webhook.plugin);
        // one that has to be verified first is called for twice
        let calls = if webhook.replay.as_ref().is_some_and(|replay| replay.unverified) { call * 2 } else { call };
        let until = self.0.webhooks.lease(now, calls);
        let mut tx = self.0.database.begin().await?;
        let taken = tx.org(webhook.org).webhooks().take(webhook.id, due, until).await?;
        tx.commit().await?;
        Ok(taken.then_some(until))
    }
}

impl Inner {
    /// How long a call of the plugin can take, whichever version it will be. Asks nobody: webhooks are taken up one after
    /// the other, and must not wait for one that needs its vendor before it can be called.
    fn longest_call(&self, plugin: &PluginId) -> Duration {
        let catalogue = self.registry.catalogue();
        let longest = catalogue.versions(plugin).iter().map(|loaded| loaded.plugin.limits().timeout).max();
        longest.unwrap_or(self.config.runtime.ceilings.timeout)
    }

    fn until_next_due(&self) -> Duration {
        let due = self.webhooks.next_due.load(Ordering::SeqCst);
        let micros = due.saturating_sub(self.clock.now().timestamp_micros());
        Duration::from_micros(u64::try_from(micros).unwrap_or(0)).min(LOOK)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::TestHub;

    #[tokio::test]
    async fn what_no_loaded_version_bounds_is_leased_for_as_long_as_a_call_may_take_at_most() {
        let test = TestHub::open().await;
        let longest = test.hub.0.longest_call(&"nothing".parse().unwrap());
        assert_eq!(longest, test.hub.0.config.runtime.ceilings.timeout);
    }
}
