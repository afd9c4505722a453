//! Until when a vendor does not want to be asked.
//!
//! Per connection and host: a vendor counts by account, and an account is one connection. A pause that was learnt is
//! never shortened by another answer, because answers overtake each other.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use patchbay_model::{OrgId, PluginId};

use crate::store::Store;

/// From so many pauses on, those that are over are looked for when one is added.
const MANY: usize = 1_000;
/// The longest pause that is kept: a vendor that asks for more is asked again after it.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A connection, and the host behind which it counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PauseKey {
    /// Whose connection.
    pub org: OrgId,
    /// For which plugin.
    pub plugin: PluginId,
    /// The vendor's host name.
    pub host: String,
}

impl fmt::Display for PauseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}:{}:{}", self.org, self.plugin, self.host)
    }
}

/// The pauses.
#[derive(Debug, Default)]
pub struct Pauses {
    until: RwLock<HashMap<PauseKey, Instant>>,
    store: Option<Arc<Store>>,
}

impl Pauses {
    /// Shared with other hubs by a store, if there is one.
    #[must_use]
    pub fn new(store: Option<Arc<Store>>) -> Self {
        Self { until: RwLock::default(), store }
    }

    /// How long the vendor wants to be left alone still; none if it may be asked.
    pub async fn left(&self, key: &PauseKey) -> Option<Duration> {
        if let Some(left) = self.known(key) {
            return Some(left);
        }
        let left = match &self.store {
            Some(store) => store.pause(key).await?,
            None => return None,
        };
        self.keep(key, left);
        Some(left)
    }

    /// The vendor asked to be left alone for so long, at most a day of which counts.
    pub async fn begin(&self, key: &PauseKey, pause: Duration) {
        let pause = pause.min(LONGEST);
        self.keep(key, pause);
        if let Some(store) = &self.store {
            store.begin_pause(key, pause).await;
        }
    }

    /// Forgets an org's pauses, because its credentials changed and with them perhaps the account. Must be called within
    /// a tokio runtime.
    pub fn forget(&self, org: OrgId) {
        let mut forgotten = Vec::new();
        self.until.write().unwrap_or_else(PoisonError::into_inner).retain(|key, _| {
            let stays = key.org != org;
            if !stays {
                forgotten.push(key.clone());
            }
            stays
        });
        if let (Some(store), false) = (&self.store, forgotten.is_empty()) {
            let store = Arc::clone(store);
            tokio::spawn(async move { store.end_pauses(&forgotten).await });
        }
    }

    fn known(&self, key: &PauseKey) -> Option<Duration> {
        let until = *self.until.read().unwrap_or_else(PoisonError::into_inner).get(key)?;
        Some(until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    fn keep(&self, key: &PauseKey, pause: Duration) {
        let now = Instant::now();
        let Some(end) = now.checked_add(pause) else { return };
        let mut until = self.until.write().unwrap_or_else(PoisonError::into_inner);
        if until.len() >= MANY {
            until.retain(|_, end| *end > now);
        }
        let known = until.entry(key.clone()).or_insert(end);
        *known = end.max(*known);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn key(plugin: &str) -> PauseKey {
        PauseKey { org: OrgId(Uuid::nil()), plugin: plugin.parse().unwrap(), host: "api.vendor.test".to_owned() }
    }

    #[tokio::test]
    async fn a_pause_is_of_one_connection_and_is_not_shortened() {
        let pauses = Pauses::default();
        pauses.begin(&key("a"), Duration::from_secs(60)).await;
        pauses.begin(&key("a"), Duration::from_secs(1)).await;
        assert!(pauses.left(&key("a")).await.unwrap() > Duration::from_secs(50));
        assert_eq!(pauses.left(&key("b")).await, None);
    }

    #[tokio::test]
    async fn other_credentials_are_not_held_to_what_the_former_ones_were_asked() {
        let pauses = Pauses::default();
        pauses.begin(&key("a"), Duration::from_secs(60)).await;
        pauses.forget(OrgId(Uuid::max()));
        assert!(pauses.left(&key("a")).await.is_some());
        pauses.forget(OrgId(Uuid::nil()));
        assert_eq!(pauses.left(&key("a")).await, None);
    }

    #[tokio::test]
    async fn a_pause_of_more_than_a_day_is_one_of_a_day() {
        let pauses = Pauses::default();
        pauses.begin(&key("a"), Duration::MAX).await;
        assert!(pauses.left(&key("a")).await.unwrap() <= LONGEST);
        pauses.begin(&key("b"), Duration::ZERO).await;
        assert_eq!(pauses.left(&key("b")).await, None);
    }
}
