//! A webhook that was refused, asked about once more because somebody replayed it: after a secret was mended, most often.
//!
//! The plugin judges what was kept, as of when it came: a signature is good for minutes, and that it is late now says
//! nothing. What was kept is without the connection's secrets, so a vendor that proves itself by sending the secret cannot
//! be believed a second time.

use std::sync::Arc;

use patchbay_model::{
    Failure,
    run::RunKind,
    webhook::{Replay, Webhook, WebhookStatus},
};
use patchbay_runtime::Verdict;
use patchbay_storage::{StorageError, WebhookOutcome};
use tracing::Instrument as _;

use super::{
    process::request,
    receive::{MOST_REASON_CHARS, judged},
};
use crate::{call::Call, hub::Inner, measure, tenant::Serving};

impl Inner {
    /// Asks whether a webhook is genuine. Gives it as it is known now, if there is work to do.
    pub(super) async fn verify_anew(
        &self,
        webhook: &Webhook,
        serving: &Arc<Serving>,
    ) -> Result<Option<Webhook>, Failure> {
        let mut call = Call::new(self, Arc::clone(serving), RunKind::Webhook, "verify".to_owned());
        call.is_behind = true;
        call.calls_nobody();
        let (span, request) = (call.span.clone(), request(webhook));
        let invocation = call.invocation(None);
        let finished =
            call.plugin().verify_webhook(invocation, &request, Some(webhook.received_at)).instrument(span).await;
        let (verdict, finished) = judged(finished);
        let ended = call.commit(self, finished, None).await;
        let verdict = match (verdict, ended.result) {
            (Ok(verdict), Ok(())) => verdict,
            (Err(failure), _) | (_, Err(failure)) => return self.settle_webhook(webhook, failure).await,
        };
        let receipt = match verdict {
            Verdict::Genuine(receipt) => receipt,
            Verdict::Refused(reason) => return self.close(webhook, WebhookStatus::Refused, Some(reason)).await,
            // nobody waits for it, and there is nothing else to do
            Verdict::Answer(_) => return self.close(webhook, WebhookStatus::Processed, None).await,
        };
        let millis = receipt.occurred_at.and_then(|millis| i64::try_from(millis).ok());
        let occurred_at = millis.and_then(chrono::DateTime::from_timestamp_millis);
        let lease = webhook.next_attempt_at.unwrap_or(webhook.received_at);
        let mut tx = self.database.begin().await?;
        let stored =
            tx.org(webhook.org).webhooks().verified(webhook.id, lease, &receipt.id, &receipt.kind, occurred_at).await;
        match stored {
            Ok(true) => tx.commit().await?,
            // somebody else has taken it up since
            Ok(false) => return Ok(None),
            Err(StorageError::AlreadyExists(_)) => {
                drop(tx);
                let reason = format!("it is genuine, and was taken in when it came another time: {}", receipt.id);
                return self.close(webhook, WebhookStatus::Refused, Some(reason)).await;
            }
            Err(error) => return Err(error.into()),
        }
        measure::received(&webhook.plugin, "verified");
        let version = webhook.replay.as_ref().and_then(|replay| replay.version.clone());
        let replay = version.map(|version| Replay { version: Some(version), unverified: false });
        Ok(Some(Webhook { vendor_id: receipt.id, kind: receipt.kind, occurred_at, replay, ..webhook.clone() }))
    }

    /// Writes down that there is nothing more to do.
    async fn close(
        &self,
        webhook: &Webhook,
        status: WebhookStatus,
        reason: Option<String>,
    ) -> Result<Option<Webhook>, Failure> {
        let reason = reason.map(|reason| reason.chars().take(MOST_REASON_CHARS).collect());
        let outcome = WebhookOutcome { status, reason, ..self.outcome(webhook, None) };
        let mut tx = self.database.begin().await?;
        tx.org(webhook.org).webhooks().settle(&outcome).await?;
        tx.commit().await?;
        Ok(None)
    }
}
