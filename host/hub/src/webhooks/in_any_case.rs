//! Vendors that are answered whether the database is there or not.
//!
//! A caller on the line hears silence while a webhook waits for its commit. So for plugins that say so
//! (`answers-offline`) the commit is waited for a moment only. If it does not come, the webhook is kept in memory, the plugin
//! is called for its answer alone, with what the hub has in memory and nothing that it leaves kept, and the vendor has the
//! answer. The webhook is stored when the database is back, and worked on then like any other: what it meters, publishes and
//! writes is done there, once. The first attempt to store it is not given up meanwhile: it may have been done.
//!
//! Rejected: to answer first and store afterwards in any case, which would lose what was answered with each hub that is killed, and
//! not only while the database is away; and a log on the hub's own disk, which is as much of a database to look after, and
//! is away with the machine.

use std::{sync::Arc, time::Duration};

use patchbay_model::{Code, Failure, PluginId, Timestamp, run::RunKind, webhook::Webhook};
use patchbay_runtime::{Finished, Reach, Receipt};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};
use tracing::Instrument as _;

use super::{
    claims::Claim,
    held::{Place, Waiting},
    line::Work,
    process::request,
    receive::{Receiving, WebhookAnswer, left_nothing},
};
use crate::{
    call::Call,
    hub::{Hub, Inner},
    measure,
    offline::is_away,
};

/// How long a webhook's commit is waited for.
pub(super) const COMMIT: Duration = Duration::from_millis(1_500);
/// The same while others wait for theirs in vain.
const COMMIT_WHILE_AWAY: Duration = Duration::from_millis(200);
/// How long an answer of the database is waited for within a call that a vendor waits for.
pub(super) const ANSWER: Duration = Duration::from_millis(500);
/// Between two attempts to store what is kept in memory.
const AGAIN: Duration = Duration::from_secs(1);
/// When a vendor may send again that found no place.
const RETRY: Duration = Duration::from_secs(5);

/// Storing a webhook: true if it was new.
type Storing = JoinHandle<Result<bool, Failure>>;

impl Receiving {
    /// Stores a genuine webhook whose vendor waits, and answers: also if it cannot be stored now.
    pub(super) async fn answer_in_any_case(
        &self,
        receipt: Receipt,
        call: Call,
        finished: Finished<()>,
    ) -> Result<WebhookAnswer, Failure> {
        let hub = &*self.hub.0;
        let queue = &hub.webhooks;
        let plugin = &self.serving.plugin.manifest().id;
        let webhook = Arc::new(self.pending(&receipt, hub.lease_of_new(plugin)));
        let key = (webhook.installation, webhook.vendor_id.clone());
        if queue.held.has(&key) {
            measure::received(plugin, "duplicate");
            drop(call.end_unrecorded(hub, finished));
            return self.answer_alone(&webhook).await;
        }
        let Some(place) = queue.held.place(webhook.body.len()) else {
            measure::received(plugin, "no_room");
            let detail = "the database is away, and no more webhooks can be kept until it is back";
            return Err(Failure::new(Code::Unavailable, detail).retry_after(RETRY));
        };
        // claimed before it is stored: the worker must not take it from under us
        let claim = queue.claims.claim(webhook.id);
        let patience = if queue.held.any() { COMMIT_WHILE_AWAY } else { COMMIT };
        let mut storing = self.store(call, finished, Arc::clone(&webhook));
        let stored = timeout(patience, &mut storing).await;
        let first = match stored {
            Ok(stored) => match stored.map_err(Failure::internal)? {
                Ok(is_new) => {
                    drop(place);
                    let claim = claim.filter(|_| is_new);
                    measure::received(plugin, if is_new { "new" } else { "duplicate" });
                    // a vendor that sends again has not heard the answer, and waits for it still
                    let Some(claim) = claim else { return self.answer_alone(&webhook).await };
                    return self.hub.answer_in_line(&self.serving, webhook, claim, &self.patience).await;
                }
                Err(failure) if is_away(&failure) => None,
                Err(failure) => return Err(failure),
            },
            Err(_) => Some(storing),
        };
        self.keep(place, claim, Arc::clone(&webhook), first);
        self.answer_alone(&webhook).await
    }

    /// Goes on whoever waits for it.
    fn store(&self, call: Call, finished: Finished<()>, webhook: Arc<Webhook>) -> Storing {
        let task_hub = self.hub.clone();
        self.hub.0.work.spawn(async move {
            let hub = &*task_hub.0;
            let storing = hub.journal.receive(webhook);
            let (ended, new) = if left_nothing(&finished) {
                (call.end_unrecorded(hub, finished), storing.await)
            } else {
                tokio::join!(call.commit(hub, finished, None), storing)
            };
            ended.result?;
            Ok::<_, Failure>(new?)
        })
    }

    fn keep(&self, place: Place, claim: Option<Claim>, webhook: Arc<Webhook>, first: Option<Storing>) {
        let key = (webhook.installation, webhook.vendor_id.clone());
        // the same may have come twice at once: the other one is kept, and stored once
        let (Some((waiting, is_only)), Some(claim)) = (place.hold(key), claim) else { return };
        measure::received(&webhook.plugin, "held");
        if is_only {
            tracing::warn!(
                "webhooks cannot be stored: vendors that wait are answered from memory until the database is back"
            );
        }
        self.hub.store_at_last(webhook, first, claim, waiting);
    }

    /// What the plugin answers with what the hub has in memory. Nothing that it leaves is kept, and no run tells of it.
    async fn answer_alone(&self, webhook: &Webhook) -> Result<WebhookAnswer, Failure> {
        let hub = &*self.hub.0;
        let mut call = Call::new(hub, Arc::clone(&self.serving), RunKind::Webhook, webhook.kind.clone());
        call.reach = Reach::Nowhere;
        let receipt = Receipt {
            id: webhook.vendor_id.clone(),
            kind: webhook.kind.clone(),
            occurred_at: webhook.occurred_at.and_then(|at| u64::try_from(at.timestamp_millis()).ok()),
            in_line: true,
        };
        let (request, span) = (request(webhook), call.span.clone());
        let calling = call.plugin().process_webhook(call.invocation(None), &receipt, &request).instrument(span);
        match self.patience.wait_for(calling).await {
            Some(finished) => self.patience.answer(call.end_unrecorded(hub, finished).result),
            None => Ok(self.patience.too_late(&webhook.plugin)),
        }
    }
}

impl Hub {
    /// Stores a webhook that was answered, as soon as the database takes it, and has it worked on.
    fn store_at_last(&self, webhook: Arc<Webhook>, first: Option<Storing>, claim: Claim, waiting: Waiting) {
        let task_hub = self.clone();
        self.0.work.spawn(async move {
            let hub = &*task_hub.0;
            let (id, plugin) = (webhook.id, webhook.plugin.clone());
            let storing = hub.break_off.run_until_cancelled(hub.stored_at_last(webhook, first));
            let stored = storing.await.unwrap_or_else(|| Err(Failure::new(Code::Unavailable, "the hub stopped")));
            drop(waiting);
            match stored {
                Ok((webhook, true)) => match hub.webhooks.line.try_room(webhook.body.len()) {
                    Some(room) => task_hub.hand_over(Work { webhook, claim, room }),
                    None => task_hub.leave_claim(claim),
                },
                // it was stored by an attempt that seemed to fail, or when the vendor sent it again
                Ok((_, false)) => task_hub.leave_claim(claim),
                Err(failure) => tracing::error!(
                    webhook.id = %id, plugin.id = %plugin, error = %failure,
                    "a webhook that was answered is lost: it could not be stored"
                ),
            }
        });
    }

    /// Leaves a stored webhook to the worker.
    fn leave_claim(&self, claim: Claim) {
        drop(claim);
        self.0.webhooks.due_at(self.0.clock.now());
    }
}

impl Inner {
    /// Until when nobody else takes up a webhook of the plugin whose work begins now.
    fn lease_of_new(&self, plugin: &PluginId) -> Timestamp {
        self.webhooks.lease(self.clock.now(), self.longest_work(plugin, false))
    }

    /// Tries until it is stored, and once more when the hub stops. Gives it as it is stored, and whether it was new.
    async fn stored_at_last(
        &self,
        webhook: Arc<Webhook>,
        first: Option<Storing>,
    ) -> Result<(Arc<Webhook>, bool), Failure> {
        if let Some(first) = first {
            match first.await.map_err(Failure::internal)? {
                Ok(is_new) => return Ok((webhook, is_new)),
                Err(failure) if is_away(&failure) => {}
                Err(failure) => return Err(failure),
            }
        }
        loop {
            let is_last = self.stop.run_until_cancelled(sleep(AGAIN)).await.is_none();
            let lease = self.lease_of_new(&webhook.plugin);
            let anew = Arc::new(Webhook { next_attempt_at: Some(lease), ..Webhook::clone(&webhook) });
            match self.journal.receive(Arc::clone(&anew)).await.map_err(Failure::from) {
                Ok(is_new) => return Ok((anew, is_new)),
                Err(failure) if is_away(&failure) && !is_last => {}
                // by an attempt of ours that seemed to fail
                Err(failure) if failure.code == Code::Conflict => return Ok((anew, false)),
                Err(failure) => return Err(failure),
            }
        }
    }
}
