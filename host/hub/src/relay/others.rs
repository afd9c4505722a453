//! Leaving an org's events to the hub that sends to its endpoints.
//!
//! That hub is told of what others publish, and what it queues in its own lanes it sends from memory. Two hubs that hand on
//! for one org wait for each other at its cursor and at its lanes, and what the wrong one queues has to be told, and read back.
//! So a hub that has found all lanes of an org with another one stands back, for a moment: that hub may be slow, or gone.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use patchbay_model::{OrgId, Timestamp};
use patchbay_storage::Lease;

use super::UNCONCERNED;

/// How long the other hub may take.
pub(super) const STAND_BACK: Duration = Duration::from_millis(100);
/// How long nobody stands back after it took longer.
const IN_VAIN: Duration = Duration::from_secs(15);

/// What is known of other hubs.
#[derive(Debug, Default)]
pub(super) struct Others {
    left: HashMap<OrgId, Left>,
    /// Orgs with new events that are left to another hub, and when to look whether it handed them on.
    waiting: HashMap<OrgId, Instant>,
}

/// Whether an org's events are left to another hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// As long as that hub's leases last.
    Until(Timestamp),
    /// It was too slow: not before this.
    NotBefore(Instant),
}

/// In which lanes something was queued, as far as they are other hubs'.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    pub(super) leases: Vec<Lease>,
    /// When the oldest of the org's events of this pass was published.
    pub(super) oldest: Option<Timestamp>,
}

impl Others {
    /// Learns from a pass who sends to endpoints. `here`: orgs with lanes that are this hub's, or nobody's.
    pub(super) fn learn(
        &mut self,
        here: &HashSet<OrgId>,
        elsewhere: &HashMap<OrgId, Elsewhere>,
        now: Timestamp,
        at: Instant,
    ) {
        if self.left.len() >= UNCONCERNED {
            self.left.clear();
        }
        for org in here {
            self.left.remove(org);
        }
        for (org, found) in elsewhere.iter().filter(|(org, _)| !here.contains(*org)) {
            let until = found.leases.iter().map(|lease| lease.until).min();
            let nodes: HashSet<_> = found.leases.iter().map(|lease| lease.node).collect();
            let Some(until) = until.filter(|_| nodes.len() == 1) else {
                // nobody could hand on for all of them better than this hub
                self.left.remove(org);
                continue;
            };
            let age = found.oldest.and_then(|oldest| (now - oldest).to_std().ok()).unwrap_or_default();
            let left = match self.left.get(org).copied() {
                Some(Left::NotBefore(then)) if then > at => continue,
                Some(Left::Until(_)) if age >= STAND_BACK => Left::NotBefore(at + IN_VAIN),
                _ => Left::Until(until),
            };
            self.left.insert(*org, left);
        }
    }

    /// True if another hub hands on for the org.
    pub(super) fn has(&self, org: OrgId, now: Timestamp) -> bool {
        matches!(self.left.get(&org), Some(Left::Until(until)) if *until > now)
    }

    /// An org has new events that are left to another hub. True if that was not known.
    pub(super) fn wait(&mut self, org: OrgId, at: Instant) -> bool {
        let mut is_new = false;
        self.waiting.entry(org).or_insert_with(|| {
            is_new = true;
            at + STAND_BACK
        });
        is_new
    }

    /// Those that are waited for no longer.
    pub(super) fn over(&mut self, at: Instant) -> Vec<OrgId> {
        let over: Vec<OrgId> = self.waiting.iter().filter(|(_, until)| **until <= at).map(|(org, _)| *org).collect();
        for org in &over {
            self.waiting.remove(org);
        }
        over
    }

    /// When the next one is waited for no longer.
    pub(super) fn next(&self) -> Option<Instant> {
        self.waiting.values().min().copied()
    }

    pub(super) fn forget(&mut self, org: OrgId) {
        self.left.remove(&org);
        self.waiting.remove(&org);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const ORG: OrgId = OrgId(Uuid::from_u128(1));

    fn now() -> Timestamp {
        Timestamp::from_timestamp(1_800_000_000, 0).unwrap()
    }

    /// Of lanes of these hubs, and events that are so old.
    fn found(nodes: &[u128], age: Duration) -> HashMap<OrgId, Elsewhere> {
        let until = now() + Duration::from_secs(15);
        let leases = nodes.iter().map(|node| Lease { node: Uuid::from_u128(*node), until }).collect();
        HashMap::from([(ORG, Elsewhere { leases, oldest: Some(now() - age) })])
    }

    fn learn(others: &mut Others, nodes: &[u128], age: Duration, at: Instant) -> bool {
        others.learn(&HashSet::new(), &found(nodes, age), now(), at);
        others.has(ORG, now())
    }

    #[test]
    fn an_org_is_left_to_the_one_hub_that_holds_all_of_its_lanes_for_as_long_as_it_does() {
        let (mut others, at) = (Others::default(), Instant::now());
        assert!(!others.has(ORG, now()));
        assert!(!learn(&mut others, &[7, 8], Duration::ZERO, at), "two hubs hold some");
        assert!(learn(&mut others, &[7, 7], Duration::ZERO, at));
        assert!(!others.has(ORG, now() + Duration::from_secs(15)), "its leases have ended");
        others.learn(&HashSet::from([ORG]), &found(&[7], Duration::ZERO), now(), at);
        assert!(!others.has(ORG, now()), "some are this hub's");
    }

    #[test]
    fn a_hub_that_does_not_hand_on_in_time_is_not_waited_for_again_soon() {
        let (mut others, at) = (Others::default(), Instant::now());
        assert!(learn(&mut others, &[7], STAND_BACK, at), "nobody has waited for it yet");
        assert!(!learn(&mut others, &[7], STAND_BACK, at));
        assert!(!learn(&mut others, &[7], Duration::ZERO, at + Duration::from_secs(1)));
        assert!(learn(&mut others, &[7], Duration::ZERO, at + IN_VAIN));
    }

    #[test]
    fn what_is_left_to_another_hub_is_looked_at_once_its_time_is_over() {
        let (mut others, at) = (Others::default(), Instant::now());
        assert!(others.wait(ORG, at) && !others.wait(ORG, at + STAND_BACK / 2));
        assert_eq!((others.over(at), others.next()), (vec![], Some(at + STAND_BACK)));
        assert_eq!((others.over(at + STAND_BACK), others.next()), (vec![ORG], None));
    }
}
