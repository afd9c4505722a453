//! A cache in front of the database that never keeps what a change has made old.
//!
//! A plain cache has a race: a reader queries, a writer commits and invalidates, then the reader stores
//! what it read before. Here each change is counted, and a reader that finds the count moved while it
//! was reading throws its value away and reads again. A lock around load and change would be simpler but
//! would put every cold reader behind one query.

use std::{
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::future::Cache;

/// Values of the database by key.
pub(crate) struct ReadThrough<K, V> {
    cache: Cache<K, Arc<V>>,
    changes: AtomicU64,
}

impl<K, V> ReadThrough<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// At most `capacity` values, each for at most `time_to_live` (other processes may write too).
    pub(crate) fn new(capacity: u64, time_to_live: Duration) -> Self {
        let cache = Cache::builder().max_capacity(capacity).time_to_live(time_to_live).build();
        Self { cache, changes: AtomicU64::new(0) }
    }

    /// The value if it is here; no query.
    pub(crate) async fn cached(&self, key: &K) -> Option<Arc<V>> {
        self.cache.get(key).await
    }

    /// The value, by `load` if it is not here. What does not exist is not remembered.
    pub(crate) async fn get<E, F, L>(&self, key: &K, load: L) -> Result<Option<Arc<V>>, E>
    where
        L: Fn() -> F,
        F: Future<Output = Result<Option<V>, E>>,
    {
        if let Some(value) = self.cache.get(key).await {
            return Ok(Some(value));
        }
        loop {
            let before = self.changes.load(Ordering::SeqCst);
            let Some(value) = load().await?.map(Arc::new) else { return Ok(None) };
            self.cache.insert(key.clone(), Arc::clone(&value)).await;
            if self.changes.load(Ordering::SeqCst) == before {
                return Ok(Some(value));
            }
            self.cache.invalidate(key).await;
        }
    }

    /// Call after the change is committed: readers that are under way start again.
    pub(crate) fn changed(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// Call after a change to this key is committed.
    pub(crate) async fn invalidate(&self, key: &K) {
        self.changed();
        self.cache.invalidate(key).await;
    }

    /// Call after a change to keys that are not known.
    pub(crate) fn invalidate_all(&self) {
        self.changed();
        self.cache.invalidate_all();
    }

    /// Lets go of what was invalidated; the cache does that late otherwise.
    pub(crate) async fn sweep(&self) {
        self.cache.run_pending_tasks().await;
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, sync::atomic::AtomicU32};

    use super::*;

    fn cache() -> ReadThrough<u8, u32> {
        ReadThrough::new(10, Duration::from_secs(60))
    }

    #[tokio::test]
    async fn a_value_is_loaded_once() {
        let (cache, loads) = (cache(), AtomicU32::new(0));
        let load = || async { Ok::<_, Infallible>(Some(loads.fetch_add(1, Ordering::SeqCst))) };
        assert_eq!(cache.get(&1, load).await.unwrap().as_deref(), Some(&0));
        assert_eq!(cache.get(&1, load).await.unwrap().as_deref(), Some(&0));
        cache.invalidate(&1).await;
        assert_eq!(cache.get(&1, load).await.unwrap().as_deref(), Some(&1));
    }

    #[tokio::test]
    async fn a_value_read_before_a_change_is_not_kept() {
        let (cache, loads) = (cache(), AtomicU32::new(0));
        let load = || async {
            let value = loads.fetch_add(1, Ordering::SeqCst);
            if value == 0 {
                // a writer commits after this reader's query
                cache.invalidate(&1).await;
            }
            Ok::<_, Infallible>(Some(value))
        };
        assert_eq!(cache.get(&1, load).await.unwrap().as_deref(), Some(&1));
        assert_eq!(cache.cached(&1).await.as_deref(), Some(&1));
    }

    #[tokio::test]
    async fn what_is_missing_is_asked_for_again() {
        let (cache, loads) = (cache(), AtomicU32::new(0));
        let load = || async { Ok::<_, Infallible>((loads.fetch_add(1, Ordering::SeqCst) > 0).then_some(7)) };
        assert!(cache.get(&1, load).await.unwrap().is_none());
        assert!(cache.get(&1, load).await.unwrap().is_some());
    }
}
