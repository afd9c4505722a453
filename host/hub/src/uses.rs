//! When keys and sessions were last used: noted in memory, written once a minute.
//!
//! A write per call would cost more than the call. What is lost with a hub that dies is a minute of a column that people look
//! at to find keys that nobody uses.

use std::{
    collections::HashMap,
    hash::Hash,
    mem,
    sync::{
        Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use patchbay_model::{ApiKeyId, OrgId, SessionId, Timestamp};
use patchbay_storage::StorageError;

use crate::hub::{Inner, lock};

/// A use is news if the last one that was noted is so long ago, in microseconds.
const COARSE: i64 = 60_000_000;
/// Rows in one transaction: SQLite's one writer is not held for longer.
const BATCH: usize = 200;

/// When something was last used, beside what is cached of it.
pub(crate) struct LastUse {
    at: AtomicI64,
    noted: AtomicI64,
}

impl LastUse {
    /// As it is stored.
    pub(crate) fn new(stored: Option<Timestamp>) -> Self {
        let micros = stored.map_or(i64::MIN, |at| at.timestamp_micros());
        Self { at: AtomicI64::new(micros), noted: AtomicI64::new(micros) }
    }

    /// When it was, in microseconds.
    pub(crate) fn micros(&self) -> i64 {
        self.at.load(Ordering::Relaxed)
    }

    /// Notes a use. True for one caller if it is worth a write.
    pub(crate) fn is_news(&self, now: Timestamp) -> bool {
        let now = now.timestamp_micros();
        self.at.fetch_max(now, Ordering::Relaxed);
        let noted = self.noted.load(Ordering::Relaxed);
        now.saturating_sub(noted) >= COARSE
            && self.noted.compare_exchange(noted, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// When each was used last.
type Noted<I> = Mutex<HashMap<(OrgId, I), Timestamp>>;

/// Uses that are not written yet.
#[derive(Default)]
pub(crate) struct Uses {
    keys: Noted<ApiKeyId>,
    sessions: Noted<SessionId>,
}

impl Uses {
    pub(crate) fn key(&self, org: OrgId, id: ApiKeyId, at: Timestamp) {
        lock(&self.keys).insert((org, id), at);
    }

    pub(crate) fn session(&self, org: OrgId, id: SessionId, at: Timestamp) {
        lock(&self.sessions).insert((org, id), at);
    }
}

/// Takes what was noted, in the same order on every hub: two that write the same rows do not wait for each other in a
/// circle.
fn take<I: Ord>(noted: &Noted<I>) -> Vec<((OrgId, I), Timestamp)> {
    let mut taken: Vec<_> = mem::take(&mut *lock(noted)).into_iter().collect();
    taken.sort_unstable();
    taken
}

/// Notes again what was not written; what was noted meanwhile is newer.
fn put_back<I: Copy + Eq + Hash>(noted: &Noted<I>, left: &[((OrgId, I), Timestamp)], written: usize) {
    let mut noted = lock(noted);
    for (key, at) in left.iter().skip(written) {
        noted.entry(*key).or_insert(*at);
    }
}

impl Inner {
    /// Writes what was noted. What cannot be written is noted again, for the next time.
    pub(crate) async fn write_uses(&self) {
        let (keys, sessions) = (take(&self.uses.keys), take(&self.uses.sessions));
        let (mut keys_written, mut sessions_written) = (0, 0);
        let write = async {
            for batch in keys.chunks(BATCH) {
                let mut tx = self.database.begin().await?;
                for ((org, id), at) in batch {
                    tx.org(*org).api_keys().used(*id, *at).await?;
                }
                tx.commit().await?;
                keys_written += batch.len();
            }
            for batch in sessions.chunks(BATCH) {
                let mut tx = self.database.begin().await?;
                for ((org, id), at) in batch {
                    tx.org(*org).sessions().used(*id, *at).await?;
                }
                tx.commit().await?;
                sessions_written += batch.len();
            }
            Ok::<_, StorageError>(())
        };
        if let Err(error) = write.await {
            tracing::warn!(%error, "when keys and sessions were last used was not written");
            put_back(&self.uses.keys, &keys, keys_written);
            put_back(&self.uses.sessions, &sessions, sessions_written);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Duration};

    use super::*;
    use crate::testing::TestHub;

    fn uuid(number: u128) -> uuid::Uuid {
        uuid::Uuid::from_u128(number)
    }

    #[test]
    fn uses_are_written_in_one_order() {
        let (uses, at) = (Uses::default(), DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        let ids: Vec<_> = (0..100).map(|number| (OrgId(uuid(number / 10)), ApiKeyId(uuid(number % 10)))).collect();
        for (org, id) in ids.iter().rev() {
            uses.key(*org, *id, at);
        }
        assert_eq!(take(&uses.keys).into_iter().map(|(key, _)| key).collect::<Vec<_>>(), ids);
        assert_eq!(take(&uses.keys), []);
    }

    #[test]
    fn what_was_noted_meanwhile_stays_and_what_was_written_does_not_come_back() {
        let (uses, at) = (Uses::default(), DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        let one = |number| (OrgId(uuid(1)), ApiKeyId(uuid(number)));
        let later = at + Duration::seconds(1);
        uses.key(one(2).0, one(2).1, later);
        put_back(&uses.keys, &[(one(1), at), (one(2), at), (one(3), at)], 1);
        assert_eq!(take(&uses.keys), [(one(2), later), (one(3), at)]);
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_noted_again() {
        let test = TestHub::open().await;
        let (hub, at) = (&test.hub.0, test.hub.0.clock.now());
        hub.database.close().await;
        hub.uses.key(OrgId(uuid(1)), ApiKeyId(uuid(2)), at);
        hub.uses.session(OrgId(uuid(1)), SessionId(uuid(3)), at);
        hub.write_uses().await;
        assert_eq!(take(&hub.uses.keys), [((OrgId(uuid(1)), ApiKeyId(uuid(2))), at)]);
        assert_eq!(take(&hub.uses.sessions), [((OrgId(uuid(1)), SessionId(uuid(3))), at)]);
    }

    #[test]
    fn a_use_is_news_once_a_minute() {
        let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let last = LastUse::new(None);
        let news: Vec<bool> = (0..5).map(|step| last.is_news(start + Duration::seconds(step * 30))).collect();
        assert_eq!(news, [true, false, true, false, true]);
        assert_eq!(last.micros(), (start + Duration::seconds(120)).timestamp_micros());
        assert!(!LastUse::new(Some(start)).is_news(start + Duration::seconds(59)));
    }
}
