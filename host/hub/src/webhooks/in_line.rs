//! Answers that a vendor waits for.
//!
//! The webhook is committed first, as all are, so the wait is bounded by what the vendor grants and not by what the work
//! takes: when the manifest's time is over the vendor gets a plain answer, and the very same call of the plugin goes on to
//! its end. Nothing is begun anew for that. Stopping the call at the deadline was rejected: its effects would be lost, and
//! the vendor, which was told that all is well, would not send again.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};
use patchbay_model::{Failure, webhook::Webhook};
use patchbay_package::manifest::{ANSWER_MS, Fallback, Webhooks};
use tokio::{sync::oneshot, time::Instant};

use super::{claims::Claim, receive::WebhookAnswer};
use crate::{hub::Hub, measure, tenant::Serving};

/// How long a vendor waits, and what it gets then.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    until: Instant,
    fallback: Option<Fallback>,
}

impl Patience {
    /// From now on, when the vendor's request has come.
    pub(super) fn of(webhooks: &Webhooks) -> Self {
        let wait = Duration::from_millis(webhooks.answer_ms.unwrap_or(ANSWER_MS).into());
        let now = Instant::now();
        Self { until: now.checked_add(wait).unwrap_or(now), fallback: webhooks.fallback.clone() }
    }

    fn fallback(&self) -> Option<WebhookAnswer> {
        let Fallback { status, content_type, body } = self.fallback.clone()?;
        let mut headers = HeaderMap::new();
        // the manifest was checked: what is left out could not be sent
        if let Some(media) = content_type.and_then(|media| HeaderValue::try_from(media).ok()) {
            headers.insert(CONTENT_TYPE, media);
        }
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        Some(WebhookAnswer { status, headers, body: Bytes::from(body) })
    }
}

impl Hub {
    /// Works on a webhook that is committed, and gives what the plugin answers; something plain if that takes longer than
    /// the vendor waits.
    pub(super) async fn answer_in_line(
        &self,
        serving: &Arc<Serving>,
        webhook: Arc<Webhook>,
        claim: Claim,
        patience: &Patience,
    ) -> Result<WebhookAnswer, Failure> {
        let (tell, told) = oneshot::channel();
        let (hub, plugin) = (self.clone(), webhook.plugin.clone());
        self.0.start_call(serving, async move {
            // nobody waits any more, perhaps; its failure is kept with the webhook
            let _ = tell.send(hub.0.process(webhook, true, claim).await);
        });
        match tokio::time::timeout_at(patience.until, told).await {
            Ok(Ok(Ok(answer))) => answer.map_or_else(|| Ok(WebhookAnswer::acknowledged()), WebhookAnswer::try_from),
            Ok(Ok(Err(failure))) => patience.fallback().ok_or(failure),
            Ok(Err(gone)) => Err(Failure::internal(gone)),
            Err(_) => {
                measure::received(&plugin, "late");
                Ok(patience.fallback().unwrap_or_else(WebhookAnswer::acknowledged))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fallback_is_what_the_manifest_says() {
        let webhooks = |fallback| Webhooks { body_kib: 100, answer_ms: Some(3_000), fallback };
        assert_eq!(Patience::of(&webhooks(None)).fallback(), None);
        let xml = Fallback { status: 200, content_type: Some("text/xml".to_owned()), body: "<Response/>".to_owned() };
        let answer = Patience::of(&webhooks(Some(xml))).fallback().unwrap();
        assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"<Response/>"[..]));
        assert_eq!(answer.headers[CONTENT_TYPE], "text/xml");
    }
}
