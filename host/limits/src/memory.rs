//! Counts in this hub's memory.
//!
//! A limiter of `governor` per key: a quota may change from one request to the next, which its keyed limiters do
//! not know. A read lock over a map and one atomic word is all that a request costs here.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::{InMemoryState, NotKeyed},
};
use patchbay_model::rate::Rate;

use crate::{
    key::LimitKey,
    limiter::{Standing, Verdict, Wanted},
};

/// From so many keys on, those whose counts tell nothing any more are looked for when one is added.
const MANY: usize = 20_000;

type Counter<C> = RateLimiter<NotKeyed, InMemoryState, C, StateInformationMiddleware>;

struct Entry<C: Clock> {
    rate: Rate,
    counter: Counter<C>,
    /// In seconds of this process.
    used: AtomicU64,
}

/// The counts.
pub(crate) struct Memory<C: Clock = DefaultClock> {
    entries: RwLock<HashMap<LimitKey, Entry<C>>>,
    clock: C,
    started: Instant,
    many: usize,
}

impl<C: Clock + Clone> Memory<C> {
    pub(crate) fn new(clock: C) -> Self {
        Self { entries: RwLock::default(), clock, started: Instant::now(), many: MANY }
    }

    /// Counts one request against each limit, in their order, up to the first that refuses it.
    pub(crate) fn check(&self, wanted: &[Wanted]) -> Verdict {
        let mut standings = Vec::with_capacity(wanted.len());
        for one in wanted {
            match self.count(one) {
                Ok(remaining) => standings.push(Standing::new(one, remaining)),
                Err(wait) => return Verdict::Refused { by: Standing::used_up(one, wait), wait },
            }
        }
        Verdict::Allowed(standings)
    }

    /// How many may come right after it, or how long until one may.
    fn count(&self, wanted: &Wanted) -> Result<u32, Duration> {
        {
            let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(entry) = entries.get(&wanted.key).filter(|entry| entry.rate == wanted.rate) {
                entry.used.store(self.seconds(), Ordering::Relaxed);
                return self.take(&entry.counter);
            }
        }
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= self.many {
            self.forget_full(&mut entries);
        }
        let anew = || Entry {
            rate: wanted.rate,
            counter: RateLimiter::direct_with_clock(quota(wanted.rate), self.clock.clone())
                .with_middleware::<StateInformationMiddleware>(),
            used: AtomicU64::new(self.seconds()),
        };
        let entry = entries.entry(wanted.key.clone()).or_insert_with(anew);
        if entry.rate != wanted.rate {
            *entry = anew();
        }
        self.take(&entry.counter)
    }

    fn take(&self, counter: &Counter<C>) -> Result<u32, Duration> {
        match counter.check() {
            Ok(snapshot) => Ok(snapshot.remaining_burst_capacity()),
            Err(until) => Err(until.wait_time_from(self.clock.now())),
        }
    }

    /// What was not used for its whole window has as much room as one that is new.
    fn forget_full(&self, entries: &mut HashMap<LimitKey, Entry<C>>) {
        let now = self.seconds();
        entries.retain(|_, entry| {
            now.saturating_sub(entry.used.load(Ordering::Relaxed)) <= u64::from(entry.rate.window_s())
        });
    }

    fn seconds(&self) -> u64 {
        self.started.elapsed().as_secs()
    }
}

fn quota(rate: Rate) -> Quota {
    let quota = Quota::with_period(rate.interval().max(Duration::from_nanos(1)));
    quota.unwrap_or(Quota::per_second(NonZeroU32::MIN)).allow_burst(rate.requests())
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;
    use patchbay_model::OrgId;
    use uuid::Uuid;

    use super::*;

    fn org(number: u128, rate: &str) -> Wanted {
        Wanted { key: LimitKey::Org(OrgId(Uuid::from_u128(number))), rate: rate.parse().unwrap() }
    }

    fn memory() -> (Memory<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Memory::new(clock.clone()), clock)
    }

    fn remaining(verdict: Verdict) -> Option<u32> {
        match verdict {
            Verdict::Allowed(standings) => standings.first().map(|standing| standing.remaining),
            Verdict::Refused { .. } => None,
        }
    }

    #[test]
    fn all_may_come_at_once_and_then_one_per_interval() {
        let (memory, clock) = memory();
        let limit = org(1, "3/min");
        for left in [2, 1, 0] {
            assert_eq!(remaining(memory.check(std::slice::from_ref(&limit))), Some(left));
        }
        let Verdict::Refused { by, wait } = memory.check(std::slice::from_ref(&limit)) else { panic!("a fourth") };
        assert_eq!((by.name, by.remaining, wait), ("org", 0, Duration::from_secs(20)));
        clock.advance(Duration::from_secs(20));
        assert_eq!(remaining(memory.check(std::slice::from_ref(&limit))), Some(0));
        clock.advance(Duration::from_secs(60));
        assert_eq!(remaining(memory.check(&[limit])), Some(2));
    }

    #[test]
    fn each_key_counts_for_itself_and_a_new_rate_counts_from_the_front() {
        let (memory, _) = memory();
        assert_eq!(remaining(memory.check(&[org(1, "1/min")])), Some(0));
        assert_eq!(remaining(memory.check(&[org(1, "1/min")])), None);
        assert_eq!(remaining(memory.check(&[org(2, "1/min")])), Some(0));
        assert_eq!(remaining(memory.check(&[org(1, "5/min")])), Some(4));
    }

    #[test]
    fn what_a_first_limit_refuses_is_not_counted_against_the_next() {
        let (memory, _) = memory();
        let both = [org(1, "1/min"), org(2, "10/min")];
        assert!(remaining(memory.check(&both)).is_some());
        assert!(remaining(memory.check(&both)).is_none());
        assert_eq!(remaining(memory.check(&[org(2, "10/min")])), Some(8));
    }

    #[test]
    fn counts_that_tell_nothing_any_more_are_let_go() {
        let (mut memory, _) = memory();
        memory.many = 10;
        for number in 0..10 {
            memory.check(&[org(number, "1/s")]);
        }
        memory.started -= Duration::from_secs(5);
        memory.check(&[org(100, "1/s")]);
        assert_eq!(memory.entries.read().unwrap().len(), 1);
    }
}
