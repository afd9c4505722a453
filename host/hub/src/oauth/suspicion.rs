//! Whether a vendor still takes an access token, by what it answers to calls.
//!
//! Tokens end without a word: a person takes the plugin's access away, an admin at the vendor ends a session. Then the API
//! refuses what the token endpoint called good. One refusal proves little, though. Some vendors answer 401 where the token
//! is fine and the right is missing, and some for a moment after they gave a token. So a refusal first makes the hub get
//! another token where it can; that the account must be connected again is believed only of the vendor's own account URL,
//! or of refusals that go on.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use chrono::Duration;
use patchbay_model::{Code, Timestamp};

use super::store::Key;
use crate::hub::lock;

/// How many refusals in a row are believed, if they go on for this long.
const ENOUGH: u32 = 3;
const LONG_ENOUGH: Duration = Duration::seconds(60);

/// What a call says of the token that it carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// The vendor took it.
    Taken,
    /// The vendor answered 401.
    Refused,
    /// The plugin, which knows its vendor, said that the connection must be authorized again.
    Ended,
}

impl Sign {
    /// Nothing for a call that did not carry the credential. `failed` is what the call failed with, if it did.
    pub(super) fn of(credential: &str, answered: &BTreeMap<String, u16>, failed: Option<Code>) -> Option<Self> {
        let status = *answered.get(credential)?;
        Some(match failed {
            Some(Code::ReauthorizationNeeded) => Self::Ended,
            _ if status == 401 => Self::Refused,
            _ => Self::Taken,
        })
    }
}

/// Connections whose tokens were refused of late. In this process only: it decides when to look more closely, and what is
/// then found is stored.
#[derive(Debug, Default)]
pub(crate) struct Suspicions {
    suspects: Mutex<HashMap<Key, Suspicion>>,
    /// Kept beside, so that calls that go well need no lock.
    count: AtomicUsize,
}

/// Refusals in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Suspicion {
    pub(super) since: Timestamp,
    pub(super) refusals: u32,
    /// Somebody asks the vendor at this moment.
    checking: bool,
}

impl Suspicion {
    /// True if it is no accident any more.
    pub(super) fn is_grave(self, now: Timestamp) -> bool {
        self.refusals >= ENOUGH && now - self.since >= LONG_ENOUGH
    }
}

impl Suspicions {
    /// One more refusal; gives all of them.
    pub(super) fn refused(&self, key: &Key, now: Timestamp) -> Suspicion {
        let mut suspects = lock(&self.suspects);
        let suspicion = suspects.entry(key.clone()).or_insert(Suspicion { since: now, refusals: 0, checking: false });
        suspicion.refusals = suspicion.refusals.saturating_add(1);
        let suspicion = *suspicion;
        self.count.store(suspects.len(), Ordering::Relaxed);
        suspicion
    }

    /// True for one caller until [`Self::end_check`]: however many calls are refused at once, the vendor is asked once.
    pub(super) fn begin_check(&self, key: &Key) -> bool {
        lock(&self.suspects).get_mut(key).is_some_and(|suspicion| !std::mem::replace(&mut suspicion.checking, true))
    }

    pub(super) fn end_check(&self, key: &Key) {
        if let Some(suspicion) = lock(&self.suspects).get_mut(key) {
            suspicion.checking = false;
        }
    }

    /// The vendor took the token, or there are others now.
    pub(crate) fn clear(&self, key: &Key) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut suspects = lock(&self.suspects);
        suspects.remove(key);
        self.count.store(suspects.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn at(second: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn key() -> Key {
        (format!("org_{:032x}", 1).parse().unwrap(), "demo".parse().unwrap())
    }

    #[test]
    fn only_requests_that_carried_the_token_say_something_of_it() {
        let answered = BTreeMap::from([("token".to_owned(), 200), ("other".to_owned(), 401)]);
        assert_eq!(Sign::of("token", &answered, None), Some(Sign::Taken));
        assert_eq!(Sign::of("other", &answered, None), Some(Sign::Refused));
        assert_eq!(Sign::of("nothing", &answered, Some(Code::ReauthorizationNeeded)), None);
        // A vendor that answers 200 with a refusal inside is the plugin's to understand.
        assert_eq!(Sign::of("token", &answered, Some(Code::ReauthorizationNeeded)), Some(Sign::Ended));
        assert_eq!(Sign::of("token", &answered, Some(Code::UpstreamError)), Some(Sign::Taken));
        assert_eq!(Sign::of("other", &answered, Some(Code::UpstreamError)), Some(Sign::Refused));
    }

    #[test]
    fn refusals_count_in_a_row_and_over_time() {
        let (suspicions, key) = (Suspicions::default(), key());
        assert!(!suspicions.refused(&key, at(0)).is_grave(at(0)));
        assert!(!suspicions.refused(&key, at(1)).is_grave(at(1)));
        assert!(!suspicions.refused(&key, at(2)).is_grave(at(2)), "three at once are one accident");
        assert!(suspicions.refused(&key, at(60)).is_grave(at(60)));
        suspicions.clear(&key);
        let anew = suspicions.refused(&key, at(90));
        assert_eq!((anew.since, anew.refusals), (at(90), 1));
        assert!(!suspicions.refused(&key, at(200)).is_grave(at(200)), "two are too few");
    }

    #[test]
    fn the_vendor_is_asked_by_one_at_a_time() {
        let (suspicions, key) = (Suspicions::default(), key());
        assert!(!suspicions.begin_check(&key), "nobody is suspected");
        suspicions.refused(&key, at(0));
        assert!(suspicions.begin_check(&key) && !suspicions.begin_check(&key));
        suspicions.end_check(&key);
        assert!(suspicions.begin_check(&key));
    }
}
