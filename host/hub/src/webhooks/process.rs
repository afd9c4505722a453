//! The work of a webhook that is committed: one attempt, and what comes after it.

use std::sync::Arc;

use patchbay_model::{
    Code, Failure,
    run::RunKind,
    webhook::{Webhook, WebhookStatus},
};
use patchbay_runtime::{Answer, Receipt, WebhookCall};
use patchbay_storage::WebhookOutcome;
use tracing::Instrument as _;

use super::{claims::Claim, receive::MOST_REASON_CHARS};
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
        in_line: bool,
        claim: Claim,
    ) -> Result<Option<Answer>, Failure> {
        let result = self.attempt(&webhook, in_line).await;
        drop(claim);
        if let Err(failure) = &result {
            tracing::debug!(webhook.id = %webhook.id, error = %failure, "a webhook's work failed");
        }
        result
    }

    async fn attempt(&self, webhook: &Webhook, in_line: bool) -> Result<Option<Answer>, Failure> {
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
                Some(genuine) => self.work_on(&genuine, serving, in_line).await,
                None => Ok(None),
            };
        }
        self.work_on(webhook, serving, in_line).await
    }

    async fn work_on(
        &self,
        webhook: &Webhook,
        serving: Arc<Serving>,
        in_line: bool,
    ) -> Result<Option<Answer>, Failure> {
        let mut call = Call::new(self, serving, RunKind::Webhook, webhook.kind.clone());
        call.is_behind = !in_line;
        let receipt = Receipt {
            id: webhook.vendor_id.clone(),
            kind: webhook.kind.clone(),
            occurred_at: webhook.occurred_at.and_then(|at| u64::try_from(at.timestamp_millis()).ok()),
            in_line,
        };
        let request = request(webhook);
        let span = call.span.clone();
        let finished = call.plugin().process_webhook(call.invocation(None), &receipt, &request).instrument(span).await;
        let outcome = self.outcome(webhook, finished.result.as_ref().err());
        let planned = outcome.next_attempt_at;
        let ended = call.commit(self, finished, Some(outcome)).await;
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
            (WebhookStatus::Pending, attempts, Some(backoff::wait(attempts, &*self.random)))
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
