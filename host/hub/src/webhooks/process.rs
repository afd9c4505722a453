//! The work of a webhook that is committed: one attempt, and what comes after it.

use std::{
    pin::pin,
    sync::{Arc, atomic::Ordering},
};

use patchbay_model::{
    Code, Failure,
    run::RunKind,
    webhook::{Webhook, WebhookStatus},
};
use patchbay_runtime::{Answer, Reach, Receipt, WebhookCall};
use patchbay_storage::WebhookOutcome;
use tracing::Instrument as _;

use super::{
    claims::Claim,
    in_any_case::ANSWER,
    in_line::{Told, Vendor},
    receive::MOST_REASON_CHARS,
};
use crate::{
    backoff,
    call::{Call, told},
    hub::Inner,
    tenant::Serving,
};

impl Inner {
    /// Tries the webhook's work once. Its effects and the webhook's new status are one transaction; a
    /// failure plans the next attempt.
    pub(super) async fn process(
        &self,
        webhook: Arc<Webhook>,
        vendor: Option<&mut Vendor>,
        claim: Claim,
    ) -> Result<Option<Answer>, Failure> {
        let result = self.attempt(&webhook, vendor).await;
        drop(claim);
        if let Err(failure) = &result {
            tracing::debug!(webhook.id = %webhook.id, error = %failure, "a webhook's work failed");
        }
        result
    }

    async fn attempt(&self, webhook: &Webhook, vendor: Option<&mut Vendor>) -> Result<Option<Answer>, Failure> {
        let version = webhook.replay.as_ref().and_then(|replay| replay.version.as_deref());
        let callable = match version {
            Some(version) => self.callable_at(webhook.org, &webhook.plugin, version).await,
            None => self.callable(webhook.org, &webhook.plugin).await,
        };
        let serving = match callable {
            Ok(serving) => serving,
            Err(failure) => return self.settle_webhook(webhook, failure).await,
        };
        if webhook.replay.as_ref().is_some_and(|replay| replay.unverified) {
            return match self.verify_anew(webhook, &serving).await? {
                Some(genuine) => self.work_on(&genuine, serving, vendor).await,
                None => Ok(None),
            };
        }
        self.work_on(webhook, serving, vendor).await
    }

    async fn work_on(
        &self,
        webhook: &Webhook,
        serving: Arc<Serving>,
        vendor: Option<&mut Vendor>,
    ) -> Result<Option<Answer>, Failure> {
        let in_line = vendor.is_some();
        let vendor = vendor.filter(|vendor| vendor.in_any_case);
        let mut call = Call::new(self, serving, RunKind::Webhook, webhook.kind.clone());
        call.is_behind = !in_line;
        if vendor.is_some() {
            call.reach = Reach::Within(ANSWER);
        }
        let receipt = Receipt {
            id: webhook.vendor_id.clone(),
            kind: webhook.kind.clone(),
            occurred_at: webhook.occurred_at.and_then(|at| u64::try_from(at.timestamp_millis()).ok()),
            in_line,
        };
        let request = request(webhook);
        let span = call.span.clone();
        let mut finished =
            call.plugin().process_webhook(call.invocation(None), &receipt, &request).instrument(span).await;
        let mut in_case = vendor.map(|vendor| (vendor, finished.result.clone()));
        if let Some((vendor, answer)) = &mut in_case
            && (finished.effects.lacked_storage || call.answered_alone.load(Ordering::SeqCst))
            && finished.result.is_ok()
        {
            vendor.tell(answer.clone());
            // the vendor has its answer; what the plugin could not read or write is done with the next attempt
            finished.result =
                Err(Failure::new(Code::Unavailable, "the database did not answer while the vendor waited"));
        }
        let outcome = self.outcome(webhook, finished.result.as_ref().err());
        let planned = outcome.next_attempt_at;
        let committing = call.commit(self, finished, Some(outcome));
        let ended = match in_case {
            None => committing.await,
            Some((vendor, answer)) => told_in_time(committing, vendor, answer).await,
        };
        if let Some(at) = planned {
            self.webhooks.due_at(at);
        }
        match ended.result {
            // settled with the run
            Err(failure) if ended.run.is_some() && failure.code != Code::Conflict => Err(failure),
            // no run was stored, or what came with it was not
            Err(failure) => self.settle_webhook(webhook, failure).await,
            Ok(answer) => Ok(answer),
        }
    }

    pub(super) fn outcome(&self, webhook: &Webhook, failure: Option<&Failure>) -> WebhookOutcome {
        let attempts = webhook.attempts + 1;
        // what is worked on is pending, and has one
        let lease = webhook.next_attempt_at.unwrap_or(webhook.received_at);
        let Some(failure) = failure else {
            return WebhookOutcome {
                id: webhook.id,
                lease,
                status: WebhookStatus::Processed,
                reason: None,
                attempts,
                next_attempt_at: None,
            };
        };
        let reason =
            Some(format!("{}: {}", failure.code.as_str(), told(failure)).chars().take(MOST_REASON_CHARS).collect());
        let now = self.clock.now();
        let (status, attempts, wait) = if had_no_room(failure.code) {
            (WebhookStatus::Pending, webhook.attempts, Some(backoff::wait_for_room(&*self.random)))
        } else if attempts < backoff::MOST_ATTEMPTS {
            (WebhookStatus::Pending, attempts, Some(backoff::wait_after(failure.code, attempts, &*self.random)))
        } else {
            (WebhookStatus::Failed, attempts, None)
        };
        let next_attempt_at = wait.map(|wait| now + wait);
        WebhookOutcome { id: webhook.id, lease, status, reason, attempts, next_attempt_at }
    }

    /// Stores what became of an attempt that left no run behind. Nothing if somebody else has taken the webhook up since.
    pub(super) async fn settle_webhook<T>(&self, webhook: &Webhook, failure: Failure) -> Result<T, Failure> {
        let outcome = self.outcome(webhook, Some(&failure));
        let mut tx = self.database.begin().await?;
        let settled = tx.org(webhook.org).webhooks().settle(&outcome).await?;
        tx.commit().await?;
        if settled && let Some(at) = outcome.next_attempt_at {
            self.webhooks.due_at(at);
        }
        Err(failure)
    }
}

/// Waits for the commit of an attempt. If that takes long, the vendor is told before it is done: the webhook is stored, and
/// worked on once more if the commit fails.
async fn told_in_time<T>(committing: impl Future<Output = T>, vendor: &mut Vendor, answer: Told) -> T {
    let mut committing = pin!(committing);
    match tokio::time::timeout(ANSWER, committing.as_mut()).await {
        Ok(ended) => ended,
        Err(_) => {
            vendor.tell(answer);
            committing.await
        }
    }
}

/// The vendor's request, as it was kept.
pub(super) fn request(webhook: &Webhook) -> WebhookCall {
    WebhookCall {
        method: webhook.method.clone(),
        url: webhook.url.clone(),
        headers: webhook.headers.clone(),
        body: webhook.body.clone().into(),
    }
}

/// True for failures that are the hub's lack of room, which no attempt is spent on.
const fn had_no_room(code: Code) -> bool {
    matches!(code, Code::ConcurrencyLimited | Code::Overloaded)
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn a_vendor_is_told_before_a_commit_that_takes_long_and_not_before_one_that_does_not() {
        let (mut vendor, mut told) = Vendor::waiting(true);
        assert_eq!(told_in_time(ready(7), &mut vendor, Ok(None)).await, 7);
        assert!(told.try_recv().is_err(), "whoever made the attempt says how it ended");
        let (mut vendor, told) = Vendor::waiting(true);
        let answer = Answer { status: 200, headers: Vec::new(), body: b"hello".to_vec() };
        tokio::select! {
            () = told_in_time(pending::<()>(), &mut vendor, Ok(Some(answer.clone()))) => panic!("it never ends"),
            told = told => assert_eq!(told.unwrap().unwrap(), Some(answer)),
        }
    }
}
