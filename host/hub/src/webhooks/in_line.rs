//! Answers that a vendor waits for.
//!
//! The webhook is committed first, as all are, so the wait is bounded by what the vendor grants and not by what the work
//! takes: when the manifest's time is over the vendor gets a plain answer, and the very same call of the plugin goes on to
//! its end. Nothing is begun anew for that. Stopping the call at the deadline was rejected: its effects would be lost, and
//! the vendor, which was told that all is well, would not send again.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};
use patchbay_model::{Failure, PluginId, webhook::Webhook};
use patchbay_package::manifest::{ANSWER_MS, Fallback, Webhooks};
use patchbay_runtime::Answer;
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

    /// What comes in time; nothing otherwise.
    pub(super) async fn wait_for<T>(&self, coming: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout_at(self.until, coming).await.ok()
    }

    /// What the vendor gets of what the plugin answers.
    pub(super) fn answer(&self, told: Told) -> Result<WebhookAnswer, Failure> {
        match told {
            Ok(answer) => answer.map_or_else(|| Ok(WebhookAnswer::acknowledged()), WebhookAnswer::try_from),
            Err(failure) => self.fallback().ok_or(failure),
        }
    }

    /// What the vendor gets where that comes too late.
    pub(super) fn too_late(&self, plugin: &PluginId) -> WebhookAnswer {
        measure::received(plugin, "late");
        self.fallback().unwrap_or_else(WebhookAnswer::acknowledged)
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

/// A vendor that waits for the end of an attempt.
pub(super) struct Vendor {
    /// Until it was told.
    tell: Option<oneshot::Sender<Told>>,
    /// It is answered also if the database is away when the attempt ends.
    pub(super) in_any_case: bool,
}

/// What the plugin answers.
pub(super) type Told = Result<Option<Answer>, Failure>;

impl Vendor {
    /// One that waits, and where it hears.
    pub(super) fn waiting(in_any_case: bool) -> (Self, oneshot::Receiver<Told>) {
        let (tell, told) = oneshot::channel();
        (Self { tell: Some(tell), in_any_case }, told)
    }

    /// Says what the plugin answers. What is said first counts; nobody waits any more, perhaps.
    pub(super) fn tell(&mut self, told: Told) {
        if let Some(tell) = self.tell.take() {
            let _ = tell.send(told);
        }
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
        let (mut vendor, told) = Vendor::waiting(serving.plugin.manifest().answers_offline());
        let (hub, plugin) = (self.clone(), webhook.plugin.clone());
        self.0.start_call(serving, async move {
            // its failure is kept with the webhook
            let end = hub.0.process(webhook, Some(&mut vendor), claim).await;
            vendor.tell(end);
        });
        match patience.wait_for(told).await {
            Some(Ok(told)) => patience.answer(told),
            Some(Err(gone)) => Err(Failure::internal(gone)),
            None => Ok(patience.too_late(&plugin)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fallback_is_what_the_manifest_says() {
        let webhooks = |fallback| Webhooks {
            body_kib: 100,
            answer_ms: Some(3_000),
            fallback,
            answers_offline: false,
            shared: None,
        };
        assert_eq!(Patience::of(&webhooks(None)).fallback(), None);
        let xml = Fallback { status: 200, content_type: Some("text/xml".to_owned()), body: "<Response/>".to_owned() };
        let answer = Patience::of(&webhooks(Some(xml))).fallback().unwrap();
        assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"<Response/>"[..]));
        assert_eq!(answer.headers[CONTENT_TYPE], "text/xml");
    }
}
