//! History that has grown old is cleared away, at ages that the operator sets; so are files that a hub which ended was
//! receiving.
//!
//! Usage records and the audit log are never cleared: the one is money, the other is what an investigation needs.
//! Webhooks that wait for their work stay as well. Everything goes in small transactions, because there is one writer and
//! calls wait for it. Rejected: an index by time for each table, paid for on every call; ids begin with their time,
//! so the primary keys do.

use std::time::Duration;

use patchbay_model::{Failure, OrgId, Timestamp};
use serde::Deserialize;

use crate::hub::{Hub, Inner};

/// How often it is looked for what has grown old.
const EVERY: Duration = Duration::from_secs(3600);
/// Rows of one table that go in one transaction.
const BATCH: u32 = 500;
/// Orgs read at a time.
const ORGS: u32 = 100;

/// For how long at least something waits for an endpoint that is switched off.
const LEAST_WAIT_DAYS: u32 = 7;

/// How long history is kept, in days; 0: for ever. It is the configuration's `[retention]` too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Runs with their logs; what they are billed for stays.
    pub run_days: u32,
    /// Published events, and with them the knowledge that an event was published before; and who deleted a record of a
    /// standard object.
    pub event_days: u32,
    /// Webhooks that were processed or failed for good, and with them the knowledge that one came before.
    pub webhook_days: u32,
    /// Webhooks that were refused.
    pub refused_webhook_days: u32,
    /// Jobs that have ended, with what they gave, exports, whose files go after a day, and what syncs have done: their runs, with
    /// what could not be taken over or had to give way.
    pub job_days: u32,
    /// Runs of syncs with what failed in them, and values that had to give way.
    pub sync_days: u32,
    /// Deliveries to endpoints with their attempts, unless the org's plan says otherwise; what waits for an endpoint that
    /// is switched off is given up after as long, and not before a week.
    pub delivery_days: u32,
}

impl Default for Retention {
    /// 90 days, jobs, syncs and deliveries 30, refused webhooks 7.
    fn default() -> Self {
        Self {
            run_days: 90,
            event_days: 90,
            webhook_days: 90,
            refused_webhook_days: 7,
            job_days: 30,
            sync_days: 30,
            delivery_days: 30,
        }
    }
}

/// Before when something is old; nothing is if it is kept for ever.
fn old_before(days: u32, now: Timestamp) -> Option<Timestamp> {
    (days > 0).then(|| now.checked_sub_signed(chrono::Duration::days(days.into()))).flatten()
}

/// Clears away until the hub ends.
pub(crate) fn start(hub: &Hub) {
    let (weak, stop) = (hub.downgrade(), hub.0.stop.clone());
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(EVERY);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let Some(hub) = weak.upgrade() else { return };
            if let Err(error) = hub.blobs.sweep(hub.clock.now().into()).await {
                tracing::warn!(%error, "files that were being received when a hub ended were not cleared away");
            }
            if let Some(Err(failure)) = stop.run_until_cancelled(hub.clear_old()).await {
                tracing::warn!(error = %failure, "old history was not cleared away");
            }
            if let Some(Err(failure)) = stop.run_until_cancelled(Hub(hub).finish_deletions()).await {
                tracing::warn!(error = %failure, "organizations whose deletion broke off were not deleted to the end");
            }
        }
    });
}

impl Inner {
    /// Clears away what is old now, org by org.
    pub(crate) async fn clear_old(&self) -> Result<(), Failure> {
        let mut after = None;
        loop {
            let orgs = {
                let mut tx = self.database.read().await?;
                tx.hub().orgs(after, ORGS).await?
            };
            for org in &orgs {
                while self.clear_batch(org.id).await? {}
                if let Err(failure) = self.remove_unused_exports(org.id).await {
                    tracing::warn!(error = %failure, org.id = %org.id, "files of exports that nobody needs were not cleared away");
                }
            }
            let Some(last) = orgs.last() else { return Ok(()) };
            after = Some(last.id);
        }
    }

    /// How long the org's deliveries are kept: as its plan says, or else the configuration.
    async fn delivery_days(&self, org: OrgId) -> u32 {
        // of an org that is being deleted nobody knows how it stands
        let by_plan = self.standing(org).await.ok().and_then(|standing| standing.plan.delivery_days);
        by_plan.unwrap_or(self.config.retention.delivery_days)
    }

    /// One transaction for one org; true if there may be more.
    async fn clear_batch(&self, org: OrgId) -> Result<bool, Failure> {
        let (ages, now) = (self.config.retention, self.clock.now());
        let delivery_days = self.delivery_days(org).await;
        let mut cleared = Vec::new();
        let mut tx = self.database.begin().await?;
        let mut ours = tx.org(org);
        if let Some(at) = old_before(ages.run_days, now) {
            cleared.push(ours.runs().clear_before(at, BATCH).await?);
        }
        if let Some(at) = old_before(ages.event_days, now) {
            // what is still to be handed on or sent
            let relayed = ours.relay().last().await?.map(|last| last + 1);
            let queued = ours.deliveries().oldest_queued().await?;
            let kept_from = relayed.into_iter().chain(queued).min();
            cleared.push(ours.events().clear_before(at, kept_from, BATCH).await?);
            cleared.push(ours.objects().clear_deleted_before(at, BATCH).await?);
        }
        if let Some(at) = old_before(ages.job_days, now) {
            cleared.push(ours.jobs().clear_before(at, BATCH).await?);
            cleared.push(ours.exports().clear_before(at, BATCH).await?);
            cleared.push(ours.syncs().clear_runs_before(at, BATCH).await?);
            cleared.push(ours.syncs().clear_failures_before(at, BATCH).await?);
            cleared.push(ours.syncs().clear_conflicts_before(at, BATCH).await?);
        }
        if let Some(at) = old_before(ages.sync_days, now) {
            cleared.push(ours.syncs().clear_runs_before(at, BATCH).await?);
            cleared.push(ours.syncs().clear_failures_before(at, BATCH).await?);
            cleared.push(ours.syncs().clear_conflicts_before(at, BATCH).await?);
        }
        if let Some(at) = old_before(delivery_days, now) {
            cleared.push(ours.deliveries().clear_before(at, BATCH).await?);
        }
        if let Some(at) = old_before(delivery_days.max(LEAST_WAIT_DAYS), now).filter(|_| delivery_days > 0) {
            cleared.push(ours.deliveries().cancel_before(at, now, BATCH).await?);
        }
        for (days, refused) in [(ages.webhook_days, false), (ages.refused_webhook_days, true)] {
            if let Some(at) = old_before(days, now) {
                cleared.push(ours.webhooks().clear_before(at, refused, BATCH).await?);
            }
        }
        if cleared.iter().any(|count| *count > 0) {
            tx.commit().await?;
        }
        Ok(cleared.contains(&BATCH.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RunFilter, testing::TestHub};

    async fn runs(test: &TestHub, caller: &crate::Caller) -> usize {
        test.hub.runs(caller, RunFilter { limit: Some(200), ..RunFilter::default() }).await.unwrap().items.len()
    }

    #[tokio::test]
    async fn runs_go_when_they_are_as_old_as_the_operator_says() {
        let test = TestHub::open().await;
        let (ours, theirs) = (test.org().await, test.org().await);
        let (our_caller, their_caller) = (test.caller(&ours).await, test.caller(&theirs).await);
        test.run(&ours, "openai", None).await;
        test.clock.advance(chrono::Duration::days(89));
        test.run(&ours, "openai", None).await;
        test.run(&theirs, "openai", None).await;
        test.hub.0.clear_old().await.unwrap();
        assert_eq!(runs(&test, &our_caller).await, 2);
        test.clock.advance(chrono::Duration::days(2));
        test.hub.0.clear_old().await.unwrap();
        assert_eq!((runs(&test, &our_caller).await, runs(&test, &their_caller).await), (1, 1));
    }

    #[tokio::test]
    async fn more_than_fits_in_one_transaction_goes_in_several() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let caller = test.caller(&org).await;
        for _ in 0..=BATCH {
            test.run(&org, "openai", None).await;
        }
        test.clock.advance(chrono::Duration::days(91));
        test.hub.0.clear_old().await.unwrap();
        assert_eq!(runs(&test, &caller).await, 0);
    }

    #[test]
    fn no_days_are_for_ever() {
        let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        assert_eq!(old_before(0, now), None);
        assert_eq!(old_before(1, now), Some(now - chrono::Duration::days(1)));
    }
}
