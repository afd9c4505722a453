//! Whose turn it is: orgs one after the other, and the endpoints of each one after the other, so that an org with a
//! thousand endpoints gets no more than one with a single one.

use std::collections::{HashMap, HashSet, VecDeque};

use patchbay_model::OrgId;
use patchbay_storage::LaneKey;

/// Lanes that may have something to send.
#[derive(Debug, Default)]
pub(super) struct Turns {
    orgs: VecDeque<OrgId>,
    lanes: HashMap<OrgId, VecDeque<LaneKey>>,
    waiting: HashSet<LaneKey>,
}

impl Turns {
    /// Lets a lane wait for its turn, if it does not.
    pub(super) fn push(&mut self, key: LaneKey) {
        if self.waiting.insert(key) {
            let lanes = self.lanes.entry(key.org).or_default();
            if lanes.is_empty() {
                self.orgs.push_back(key.org);
            }
            lanes.push_back(key);
        }
    }

    /// The lane whose turn it is, of the orgs that may have one. One that may not keeps its lanes as they are, however many
    /// there are: this is asked after each delivery.
    pub(super) fn pop(&mut self, may: impl Fn(OrgId) -> bool) -> Option<LaneKey> {
        for _ in 0..self.orgs.len() {
            let org = self.orgs.pop_front()?;
            if !may(org) {
                self.orgs.push_back(org);
                continue;
            }
            let lanes = self.lanes.get_mut(&org)?;
            let key = lanes.pop_front()?;
            if lanes.is_empty() {
                self.lanes.remove(&org);
            } else {
                self.orgs.push_back(org);
            }
            self.waiting.remove(&key);
            return Some(key);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use patchbay_model::EndpointId;
    use uuid::Uuid;

    use super::*;

    fn key(org: u128, endpoint: u128) -> LaneKey {
        LaneKey { org: OrgId(Uuid::from_u128(org)), endpoint: EndpointId(Uuid::from_u128(endpoint)) }
    }

    #[test]
    fn orgs_take_turns_however_many_endpoints_they_have() {
        let mut turns = Turns::default();
        for endpoint in 0..3 {
            turns.push(key(1, endpoint));
        }
        turns.push(key(2, 9));
        turns.push(key(1, 0));
        let order: Vec<_> = std::iter::from_fn(|| turns.pop(|_| true))
            .map(|key| (key.org.0.as_u128(), key.endpoint.0.as_u128()))
            .collect();
        assert_eq!(order, [(1, 0), (2, 9), (1, 1), (1, 2)], "each waits once");
    }

    #[test]
    fn an_org_that_has_its_share_is_passed_over_and_keeps_its_place_among_its_own() {
        let mut turns = Turns::default();
        for endpoint in 0..2 {
            turns.push(key(1, endpoint));
        }
        turns.push(key(2, 9));
        let full = key(1, 0).org;
        assert_eq!(turns.pop(|org| org != full), Some(key(2, 9)));
        assert_eq!(turns.pop(|org| org != full), None);
        assert_eq!([turns.pop(|_| true), turns.pop(|_| true)], [Some(key(1, 0)), Some(key(1, 1))]);
    }
}
