//! One transaction of handing on.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use patchbay_model::{OrgId, Timestamp};
use patchbay_storage::{Change, EventSpan, NewDelivery, RawEvent, RelayCursor, StorageError, Tx};

use super::{EVENTS, FAR, Known, Pass, SPAN, Trouble, UNCONCERNED, matching, matching::Subscribers};
use crate::hub::{Inner, lock};

impl Inner {
    pub(super) async fn relay_once(self: &Arc<Self>, orgs: &[OrgId], move_on: bool) -> Result<Pass, Trouble> {
        let now = self.clock.now();
        let mut pass = Pass::default();
        let mut tx = self.database.begin().await?;
        let cursors = tx.orgs(orgs.iter().copied()).relay_cursors().await?;
        self.note_others(&mut tx, orgs, &cursors, &mut pass).await?;
        if cursors.is_empty() {
            return Ok(pass);
        }
        let (concerned, unprepared) = self.concerned_orgs(&cursors).await;
        if !unprepared.is_empty() {
            // whoever changes something need not wait for what is looked up
            drop(tx);
            for (consumer, org) in unprepared {
                consumer.prepare(org).await?;
            }
            return Err(Trouble::Unprepared);
        }
        {
            let mut state = lock(&self.relay.state);
            for cursor in &cursors {
                state.unconcerned.remove(&cursor.org);
            }
        }
        let mut known = HashMap::with_capacity(cursors.len());
        let mut spans = Vec::with_capacity(cursors.len());
        let share = i64::try_from(cursors.len()).ok().and_then(|orgs| EVENTS.checked_div(orgs));
        let span = share.unwrap_or(1).clamp(1, SPAN);
        for cursor in &cursors {
            let one = self.subscribers(&mut tx, cursor).await?;
            let after = cursor.last.max(one.seen);
            let to = cursor.newest.min(after + span);
            if to < cursor.newest {
                pass.more.push(cursor.org);
            }
            spans.push(EventSpan { org: cursor.org, after, to });
            known.insert(cursor.org, one);
        }
        let wanted: Vec<EventSpan> = spans.iter().filter(|span| span.to > span.after).copied().collect();
        let events = match wanted.is_empty() {
            true => Vec::new(),
            false => tx.orgs(wanted.iter().map(|span| span.org)).events_in(&wanted).await?,
        };
        let new = matching::deliveries(&events, |org| known.get(&org).map(|one| &*one.subscribers));
        let consumed = self.hand_to_consumers(&mut tx, &cursors, &events).await?;
        pass.consumed = !consumed.is_empty();
        let produced: HashSet<OrgId> = new.iter().map(|one| one.org).chain(consumed).collect();
        let ended = self.end_unconcerned(&mut tx, &cursors, &known, &concerned).await?;
        let moved: Vec<(OrgId, i64)> = cursors
            .iter()
            .zip(&spans)
            .filter(|(cursor, span)| {
                let far = span.to - cursor.last >= FAR;
                !ended.contains(&cursor.org) && (move_on || far || produced.contains(&cursor.org))
            })
            .map(|(cursor, span)| (cursor.org, span.to))
            .collect();
        if !new.is_empty() {
            self.queue(&mut tx, &new, now, &mut pass).await?;
        }
        if !moved.is_empty() {
            tx.orgs(moved.iter().map(|(org, _)| *org)).relayed(&moved).await?;
        }
        pass.did_something = !produced.is_empty();
        if !moved.is_empty() || !ended.is_empty() {
            tx.commit().await?;
        }
        self.keep_payloads(&events, &new).await;
        let mut state = lock(&self.relay.state);
        for span in &spans {
            match known.remove(&span.org) {
                Some(mut one) if !ended.contains(&span.org) => {
                    one.seen = span.to;
                    state.known.insert(span.org, one);
                }
                _ => drop(state.known.remove(&span.org)),
            }
        }
        Ok(pass)
    }

    /// Adds deliveries, and tells other hubs of lanes that are theirs.
    async fn queue(
        &self,
        tx: &mut Tx,
        new: &[NewDelivery],
        now: Timestamp,
        pass: &mut Pass,
    ) -> Result<(), StorageError> {
        let owners = tx.orgs(new.iter().map(|one| one.org)).add_deliveries(new, now).await?;
        for owner in owners {
            let elsewhere = owner.held.filter(|lease| lease.node != self.node.id && lease.until > now);
            if elsewhere.is_some() {
                tx.hub().notify(Change::Lane { org: owner.key.org, endpoint: owner.key.endpoint }).await?;
            } else {
                pass.lanes.push(owner.key);
            }
        }
        Ok(())
    }

    /// Tells orgs whose events concern nobody from those that another hub is at.
    async fn note_others(
        &self,
        tx: &mut Tx,
        orgs: &[OrgId],
        cursors: &[RelayCursor],
        pass: &mut Pass,
    ) -> Result<(), StorageError> {
        let others = orgs.iter().filter(|org| !cursors.iter().any(|cursor| cursor.org == **org));
        let others: Vec<OrgId> = others.copied().collect();
        if others.is_empty() {
            return Ok(());
        }
        let waiting = tx.orgs(others.iter().copied()).relays().await?;
        let mut state = lock(&self.relay.state);
        for org in others {
            match waiting.iter().find(|(of, _)| *of == org) {
                Some((_, is_behind)) => {
                    // it may have been noted while that changed
                    state.unconcerned.remove(&org);
                    if *is_behind {
                        pass.busy.push(org);
                    }
                }
                None => {
                    if state.unconcerned.len() >= UNCONCERNED {
                        state.unconcerned.clear();
                    }
                    state.unconcerned.insert(org);
                    state.known.remove(&org);
                }
            }
        }
        Ok(())
    }

    /// Who is concerned by an org's events, as of this transaction.
    async fn subscribers(&self, tx: &mut Tx, cursor: &RelayCursor) -> Result<Known, StorageError> {
        let known = lock(&self.relay.state).known.get(&cursor.org).cloned();
        // what was looked at in vain came before who is concerned from this version on
        let seen = known.as_ref().map_or(0, |known| known.seen);
        if let Some(known) = known.filter(|known| known.version == cursor.version) {
            return Ok(known);
        }
        let endpoints = tx.org(cursor.org).endpoints().enabled().await?;
        let subscribers = Arc::new(Subscribers::of(&endpoints));
        Ok(Known { version: cursor.version, subscribers, seen })
    }

    /// Takes the cursor away of orgs whose events concern nobody any more.
    async fn end_unconcerned(
        &self,
        tx: &mut Tx,
        cursors: &[RelayCursor],
        known: &HashMap<OrgId, Known>,
        concerned: &HashSet<OrgId>,
    ) -> Result<HashSet<OrgId>, StorageError> {
        let mut ended = HashSet::new();
        for cursor in cursors {
            let subscribed = known.get(&cursor.org).is_some_and(|one| !one.subscribers.is_empty());
            if subscribed || concerned.contains(&cursor.org) {
                continue;
            }
            if tx.org(cursor.org).relay().end(cursor.version).await? {
                ended.insert(cursor.org);
            }
        }
        Ok(ended)
    }

    /// What was read anyway need not be read again when it is sent.
    async fn keep_payloads(&self, events: &[RawEvent], new: &[NewDelivery]) {
        let wanted: HashSet<(OrgId, i64)> = new.iter().map(|one| (one.org, one.sequence)).collect();
        for event in events.iter().filter(|event| wanted.contains(&(event.org, event.sequence))) {
            self.deliveries.keep_payload(event).await;
        }
    }
}
