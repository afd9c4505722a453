//! When keys and sessions were last used: noted in memory, written once a minute.
//!
//! A write per call would cost more than the call. What is lost with a hub that dies is a minute of a column that people look
//! at to find keys that nobody uses.

use std::{
    collections::HashMap,
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

/// Uses that are not written yet.
#[derive(Default)]
pub(crate) struct Uses {
    keys: Mutex<HashMap<(OrgId, ApiKeyId), Timestamp>>,
    sessions: Mutex<HashMap<(OrgId, SessionId), Timestamp>>,
}

impl Uses {
    pub(crate) fn key(&self, org: OrgId, id: ApiKeyId, at: Timestamp) {
        lock(&self.keys).insert((org, id), at);
    }

    pub(crate) fn session(&self, org: OrgId, id: SessionId, at: Timestamp) {
        lock(&self.sessions).insert((org, id), at);
    }
}

impl Inner {
    /// Writes what was noted. What cannot be written is given up: the next use is noted anew.
    pub(crate) async fn write_uses(&self) {
        let keys: Vec<_> = mem::take(&mut *lock(&self.uses.keys)).into_iter().collect();
        let sessions: Vec<_> = mem::take(&mut *lock(&self.uses.sessions)).into_iter().collect();
        let write = async {
            for batch in keys.chunks(BATCH) {
                let mut tx = self.database.begin().await?;
                for ((org, id), at) in batch {
                    tx.org(*org).api_keys().used(*id, *at).await?;
                }
                tx.commit().await?;
            }
            for batch in sessions.chunks(BATCH) {
                let mut tx = self.database.begin().await?;
                for ((org, id), at) in batch {
                    tx.org(*org).sessions().used(*id, *at).await?;
                }
                tx.commit().await?;
            }
            Ok::<_, StorageError>(())
        };
        if let Err(error) = write.await {
            tracing::warn!(%error, "when keys and sessions were last used was not written");
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Duration};

    use super::*;

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
