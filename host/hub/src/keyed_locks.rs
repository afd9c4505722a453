//! One lock per key: the same package is not loaded twice at once, and the versions of one plugin are
//! put in place one after the other, while other plugins go on.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OwnedMutexGuard;

/// Locks by key, made when asked for.
pub(crate) struct KeyedLocks<K> {
    locks: Mutex<HashMap<K, Arc<tokio::sync::Mutex<()>>>>,
}

impl<K: Hash + Eq + Clone> KeyedLocks<K> {
    pub(crate) fn new() -> Self {
        Self { locks: Mutex::new(HashMap::new()) }
    }

    /// Waits for the key's lock. It is free again when the guard is dropped.
    pub(crate) async fn lock(&self, key: &K) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            // a lock that only this map holds is neither held nor waited for
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(locks.entry(key.clone()).or_default())
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_key_waits_and_another_does_not() {
        let locks = KeyedLocks::new();
        let held = locks.lock(&1).await;
        assert!(locks.lock(&1).now_or_never().is_none());
        assert!(locks.lock(&2).now_or_never().is_some());
        drop(held);
        assert!(locks.lock(&1).now_or_never().is_some());
    }
}
