//! The worker: takes up webhooks whose work is due, after a failure, a crash or a crowd.
//!
//! It is woken when work is planned and when that work is due, and looks by itself every half minute for
//! what it was not told of. It takes up many at once, as there is room for in memory: one look, and one statement for their
//! leases where several hubs are.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::FutureExt as _;
use patchbay_model::{Failure, PluginId, webhook::Webhook};
use patchbay_storage::{DueWebhook, TakeWebhook};

use super::line::Work;
use crate::hub::{Hub, Inner};

/// How often to look without being told.
const LOOK: Duration = Duration::from_secs(30);
/// How long to wait after the database failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Webhooks that are looked at in one query; those that this hub has in memory are among them.
const PAGE: u32 = 500;
/// Webhooks that are taken up in one transaction. All of them are read whole, which may be a megabyte each.
const AT_ONCE: usize = 50;

/// Starts the worker. It ends with the hub.
pub(crate) fn start(hub: &Hub) {
    let (weak, stop, wake) = (hub.downgrade(), hub.0.stop.clone(), Arc::clone(&hub.0.webhooks.wake));
    tokio::spawn(async move {
        loop {
            let Some(hub) = weak.upgrade().map(Hub) else { return };
            let wait = match hub.start_due_webhooks().await {
                Ok(_) => hub.0.until_next_due(),
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
        let count = self.start_due_webhooks().await?;
        self.0.webhooks.claims.idle().await;
        Ok(count)
    }

    /// Gives how many were taken up.
    async fn start_due_webhooks(&self) -> Result<usize, Failure> {
        let queue = &self.0.webhooks;
        let planned = queue.next_due.swap(i64::MAX, Ordering::SeqCst);
        let (mut count, mut before) = (0, 0);
        let mut last: Option<DueWebhook> = None;
        loop {
            self.0.running()?;
            let now = self.0.clock.now();
            if planned > now.timestamp_micros() {
                queue.next_due.fetch_min(planned, Ordering::SeqCst);
            }
            let mut tx = self.0.database.read().await?;
            let due = tx.hub().due_webhooks_after(last.as_ref(), now, PAGE).await?;
            drop(tx);
            last = due.last().cloned();
            if last.is_none() {
                if count == before {
                    return Ok(count);
                }
                // what came meanwhile may have been due before what was looked at
                before = count;
                continue;
            }
            let fresh: Vec<_> = due.into_iter().filter(|webhook| !queue.claims.is_claimed(webhook.id)).collect();
            for some in fresh.chunks(AT_ONCE) {
                count += self.take_up(some).await?;
            }
        }
    }

    /// Gives how many of them are this hub's now.
    async fn take_up(&self, due: &[DueWebhook]) -> Result<usize, Failure> {
        let queue = &self.0.webhooks;
        let mut room = queue.line.room(due.len()).await.map_err(Failure::internal)?;
        // That may have taken a while. A hub that stops waits until what is taken up here stands in line, where it lets go of it.
        let _taking_up = self.0.work.token();
        self.0.running()?;
        // before they are read: they may have been done between the look and the claim
        let claim = |webhook: &DueWebhook| Some((webhook.id, queue.claims.claim(webhook.id)?));
        let mut claims: HashMap<_, _> = due.iter().filter_map(claim).collect();
        let due: Vec<DueWebhook> = due.iter().filter(|webhook| claims.contains_key(&webhook.id)).cloned().collect();
        if due.is_empty() {
            return Ok(0);
        }
        let webhooks = if queue.shared {
            self.lease(due).await?
        } else {
            let mut tx = self.0.database.read().await?;
            tx.orgs(due.iter().map(|webhook| webhook.org)).webhooks_due(&due).await?
        };
        let mut count = 0;
        for webhook in webhooks {
            if let (Some(claim), Some(room)) = (claims.remove(&webhook.id), room.split(1)) {
                let room = queue.line.widened(room, webhook.body.len()).await.map_err(Failure::internal)?;
                self.hand_over(Work { webhook: Arc::new(webhook), claim, room });
                count += 1;
            }
        }
        Ok(count)
    }

    /// Takes them until their work must be over; gives those of which no other hub was faster.
    async fn lease(&self, due: Vec<DueWebhook>) -> Result<Vec<Webhook>, Failure> {
        let hub = &*self.0;
        let now = hub.clock.now();
        let wanted: Vec<_> = due
            .into_iter()
            .map(|due| {
                // nobody knows yet which of them have to be verified anew
                let until = hub.webhooks.lease(now, hub.longest_work(&due.plugin, true));
                TakeWebhook { due, until }
            })
            .collect();
        let mut tx = hub.database.begin().await?;
        let taken = tx.orgs(wanted.iter().map(|webhook| webhook.due.org)).take_webhooks(&wanted).await?;
        tx.commit().await?;
        Ok(taken)
    }

    /// Lets it be worked on when it is its turn.
    pub(super) fn hand_over(&self, work: Work) {
        if self.0.webhooks.line.push(work, self.0.journal.is_crowded()) {
            self.start_worker();
        }
    }

    /// One who takes what stands in line, one after the other, until nothing does.
    fn start_worker(&self) {
        let hub = self.clone();
        self.0.start_behind(async move {
            while !hub.0.stop.is_cancelled()
                && let Some((work, one_more)) = hub.0.webhooks.line.next(hub.0.journal.is_crowded())
            {
                if one_more {
                    hub.start_worker();
                }
                hub.work_off(work).await;
            }
        });
    }

    async fn work_off(&self, work: Work) {
        let hub = &*self.0;
        let Work { webhook, claim, room } = work;
        let (lease, longest) = (webhook.next_attempt_at, hub.longest_work(&webhook.plugin, is_unverified(&webhook)));
        if !hub.webhooks.covers(lease, hub.clock.now(), longest) {
            // it stood in line for too long: whoever is first takes it when its lease is over
            drop(claim);
            hub.webhooks.due_at(lease.unwrap_or(webhook.received_at));
            return;
        }
        // its failure is kept with the webhook
        if AssertUnwindSafe(hub.process(webhook, None, claim)).catch_unwind().await.is_err() {
            tracing::error!("the work on a webhook panicked; it is tried again when its lease is over");
        }
        drop(room);
    }

    /// Gives back what nobody has begun with, so that other hubs need not wait for its leases.
    pub(crate) async fn let_go_of_webhooks(&self) {
        let hub = &*self.0;
        let waiting = hub.webhooks.line.empty();
        if !hub.webhooks.shared {
            return;
        }
        let now = hub.clock.now();
        let held = waiting.iter().filter_map(|Work { webhook, .. }| {
            let since = webhook.next_attempt_at?;
            let due = DueWebhook { org: webhook.org, id: webhook.id, plugin: webhook.plugin.clone(), since };
            Some(TakeWebhook { due, until: now })
        });
        let held: Vec<_> = held.collect();
        for some in held.chunks(AT_ONCE) {
            let let_go = async {
                let mut tx = hub.database.begin().await?;
                tx.orgs(some.iter().map(|webhook| webhook.due.org)).take_webhooks(some).await?;
                tx.commit().await
            };
            if let Err(error) = let_go.await {
                tracing::debug!(%error, "other hubs take webhooks over when the leases of this one end");
                return;
            }
        }
    }
}

/// True for one that was refused and has to be verified before it is worked on.
fn is_unverified(webhook: &Webhook) -> bool {
    webhook.replay.as_ref().is_some_and(|replay| replay.unverified)
}

impl Inner {
    /// How long the work on a webhook of the plugin can take: one call, or two if it has to be verified first.
    pub(super) fn longest_work(&self, plugin: &PluginId, is_unverified: bool) -> Duration {
        let call = self.longest_call(plugin);
        if is_unverified { call * 2 } else { call }
    }

    /// How long a call of the plugin can take, whichever version it will be. Asks nobody: webhooks are taken up many
    /// at once, and must not wait for one that needs its vendor before it can be called.
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
