//! Who follows an org's events is woken when there are new ones.
//!
//! One task hears of all orgs and rings the bells of those that are followed, so that a stream is woken by its own org's
//! events and not by everybody's.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use patchbay_model::OrgId;
use patchbay_storage::Fresh;
use tokio::sync::watch;

use crate::hub::{Hub, lock};

/// The bells of orgs that are followed.
#[derive(Debug, Default)]
pub(crate) struct Bells(Mutex<HashMap<OrgId, Arc<watch::Sender<()>>>>);

impl Bells {
    /// A bell that rings from now on whenever the org may have new events.
    pub(crate) fn of(&self, org: OrgId) -> watch::Receiver<()> {
        let mut bells = lock(&self.0);
        // those that nobody listens to any more
        bells.retain(|_, bell| bell.receiver_count() > 0);
        bells.entry(org).or_default().subscribe()
    }

    fn ring(&self, fresh: Fresh) {
        let bells = lock(&self.0);
        match fresh {
            Fresh::Here(org) | Fresh::Elsewhere(org) => {
                bells.get(&org).into_iter().for_each(|bell| bell.send_modify(|()| {}))
            }
            Fresh::Any => bells.values().for_each(|bell| bell.send_modify(|()| {})),
        }
    }
}

/// Rings until the hub ends.
pub(crate) fn start(hub: &Hub) {
    let (weak, stop, mut published) = (hub.downgrade(), hub.0.stop.clone(), hub.0.database.published());
    tokio::spawn(async move {
        while let Some(Some(fresh)) = stop.run_until_cancelled(published.next()).await {
            let Some(hub) = weak.upgrade() else { return };
            hub.bells.ring(fresh);
        }
    });
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_bell_rings_for_its_org_alone_unless_anything_may_have_happened() {
        let bells = Bells::default();
        let [ours, theirs] = [1, 2].map(|id| OrgId(Uuid::from_u128(id)));
        let (mut our_bell, mut their_bell) = (bells.of(ours), bells.of(theirs));
        bells.ring(Fresh::Here(ours));
        assert!(our_bell.has_changed().unwrap() && !their_bell.has_changed().unwrap());
        our_bell.mark_unchanged();
        bells.ring(Fresh::Any);
        assert!(our_bell.has_changed().unwrap() && their_bell.has_changed().unwrap());
        their_bell.mark_unchanged();
        drop(our_bell);
        bells.ring(Fresh::Elsewhere(ours));
        assert!(!their_bell.has_changed().unwrap());
    }
}
