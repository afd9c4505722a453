//! A cache in front of the database that never keeps what a change has made old.
//!
//! A plain cache has a race: a reader queries, a writer commits and invalidates, then the reader stores
//! what it read before. Here each change is counted, and a reader that finds the count moved while it
//! was reading throws its value away and reads again. A lock around load and change would be simpler but
//! would put every cold reader behind one query.
//!
//! Changes are counted by key, a few keys to a counter, so that what happens to one org does not keep others reading. A
//! reader that is overtaken time and again answers with what it has read last and keeps nothing: that was true after it was
//! asked.

use std::{
    hash::{BuildHasher as _, Hash, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::future::Cache;

/// How many counters there are.
const COUNTERS: usize = 64;
/// How often a reader reads at most.
const READS: usize = 4;

/// Values of the database by key.
pub(crate) struct ReadThrough<K, V> {
    cache: Cache<K, Arc<V>>,
    /// Changes of keys that are not known.
    changes: AtomicU64,
    /// Changes of keys that are.
    by_key: [AtomicU64; COUNTERS],
    hasher: RandomState,
}

impl<K, V> ReadThrough<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// At most `capacity` values, each for at most `time_to_live` (other processes may write too).
    pub(crate) fn new(capacity: u64, time_to_live: Duration) -> Self {
        let cache = Cache::builder().max_capacity(capacity).time_to_live(time_to_live).build();
        let by_key = std::array::from_fn(|_| AtomicU64::new(0));
        Self { cache, changes: AtomicU64::new(0), by_key, hasher: RandomState::new() }
    }

    fn counter(&self, key: &K) -> &AtomicU64 {
        let place = usize::try_from(self.hasher.hash_one(key) % COUNTERS as u64).unwrap_or_default();
        self.by_key.get(place).unwrap_or(&self.changes)
    }

    fn count(&self, key: &K) -> (u64, u64) {
        (self.changes.load(Ordering::SeqCst), self.counter(key).load(Ordering::SeqCst))
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
        for _ in 1..READS {
            let before = self.count(key);
            let Some(value) = load().await?.map(Arc::new) else { return Ok(None) };
            self.cache.insert(key.clone(), Arc::clone(&value)).await;
            if self.count(key) == before {
                return Ok(Some(value));
            }
            self.cache.invalidate(key).await;
        }
        Ok(load().await?.map(Arc::new))
    }

    /// Call after the change is committed: readers that are under way start again.
    pub(crate) fn changed(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// Call after a change to this key is committed.
    pub(crate) async fn invalidate(&self, key: &K) {
        self.counter(key).fetch_add(1, Ordering::SeqCst);
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

    #[tokio::test]
    async fn a_reader_that_is_overtaken_each_time_answers_and_keeps_nothing() {
        let (cache, loads) = (cache(), AtomicU32::new(0));
        let load = || async {
            cache.invalidate(&1).await;
            Ok::<_, Infallible>(Some(loads.fetch_add(1, Ordering::SeqCst)))
        };
        assert_eq!(cache.get(&1, load).await.unwrap().as_deref(), Some(&3), "the last of four");
        assert!(cache.cached(&1).await.is_none());
    }

    #[tokio::test]
    async fn changes_of_one_key_do_not_keep_the_readers_of_others_reading() {
        let (cache, loads) = (cache(), AtomicU32::new(0));
        // of two keys, because some share a counter
        let other = (2..=u8::MAX).find(|key| !std::ptr::eq(cache.counter(key), cache.counter(&1))).unwrap();
        let load = || async {
            cache.invalidate(&other).await;
            Ok::<_, Infallible>(Some(loads.fetch_add(1, Ordering::SeqCst)))
        };
        assert_eq!(cache.get(&1, load).await.unwrap().as_deref(), Some(&0));
        assert_eq!(cache.cached(&1).await.as_deref(), Some(&0));
    }
}
