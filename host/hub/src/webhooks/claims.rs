//! Who works on which webhook: one at a time. In this process only; hubs that share a database take a lease
//! as well.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use patchbay_model::WebhookId;
use tokio::sync::watch;

use crate::hub::lock;

/// The webhooks that are being worked on.
#[derive(Clone)]
pub(super) struct Claims(Arc<Inner>);

struct Inner {
    ids: Mutex<HashSet<WebhookId>>,
    count: watch::Sender<usize>,
}

impl Default for Claims {
    fn default() -> Self {
        Self(Arc::new(Inner { ids: Mutex::default(), count: watch::Sender::new(0) }))
    }
}

/// A webhook that nobody else works on until this is dropped.
pub(super) struct Claim {
    claims: Claims,
    id: WebhookId,
}

impl Claims {
    /// None if somebody works on it.
    pub(super) fn claim(&self, id: WebhookId) -> Option<Claim> {
        let mut ids = lock(&self.0.ids);
        if !ids.insert(id) {
            return None;
        }
        self.0.count.send_replace(ids.len());
        Some(Claim { claims: self.clone(), id })
    }

    pub(super) fn is_claimed(&self, id: WebhookId) -> bool {
        lock(&self.0.ids).contains(&id)
    }

    /// Waits until nothing is worked on.
    pub(super) async fn idle(&self) {
        let mut count = self.0.count.subscribe();
        // cannot fail: the sender is alive as long as `self`
        let _ = count.wait_for(|count| *count == 0).await;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut ids = lock(&self.claims.0.ids);
        ids.remove(&self.id);
        self.claims.0.count.send_replace(ids.len());
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use patchbay_model::{SeededRandom, SystemClock};

    use super::*;

    #[test]
    fn a_webhook_is_worked_on_by_one_at_a_time() {
        let (claims, id) = (Claims::default(), WebhookId::new(&SystemClock, &SeededRandom::new(1)));
        let claim = claims.claim(id).unwrap();
        assert!(claims.claim(id).is_none() && claims.is_claimed(id));
        assert!(claims.idle().now_or_never().is_none());
        drop(claim);
        assert!(claims.idle().now_or_never().is_some());
        assert!(claims.claim(id).is_some());
    }
}
