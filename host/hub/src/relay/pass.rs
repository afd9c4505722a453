//! One transaction of handing on.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use patchbay_model::{OrgId, Timestamp};
use patchbay_storage::{Change, DueDelivery, EventSpan, LaneKey, NewDelivery, RawEvent, RelayCursor, StorageError, Tx};

use super::{
    EVENTS, FAR, Known, Pass, SPAN, Trouble, UNCONCERNED, consumer::Unprepared, matching, matching::Subscribers,
};
use crate::{
    deliveries::Queued,
    hub::{Inner, lock},
};

/// What is to be kept in mind once the transaction is over.
struct Seen {
    events: Vec<RawEvent>,
    new: Vec<NewDelivery>,
    spans: Vec<EventSpan>,
    known: HashMap<OrgId, Known>,
    ended: HashSet<OrgId>,
}

/// Why a transaction is given up.
enum Stop {
    /// Consumers have to look something up first.
    Unprepared(Unprepared),
    Trouble(Trouble),
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<StorageError> for Stop {
    fn from(error: StorageError) -> Self {
        Self::Trouble(error.into())
    }
}

impl Inner {
    pub(super) async fn relay_once(self: &Arc<Self>, orgs: &[OrgId], move_on: bool) -> Result<Pass, Trouble> {
        let mut tx = self.database.begin().await?;
        match self.relay_in(&mut tx, orgs, move_on).await {
            Ok((pass, seen)) => {
                if pass.writes {
                    tx.commit().await?;
                } else {
                    // whoever looks next, this hub or another, is not to find the rows held
                    tx.rollback().await;
                }
                self.note_seen(seen).await;
                Ok(pass)
            }
            Err(stop) => {
                // likewise for who begins anew; and whoever changes something need not wait for what is looked up
                tx.rollback().await;
                match stop {
                    Stop::Unprepared(unprepared) => {
                        for (consumer, org) in unprepared {
                            consumer.prepare(org).await?;
                        }
                        Err(Trouble::Unprepared)
                    }
                    Stop::Trouble(trouble) => Err(trouble),
                }
            }
        }
    }

    async fn relay_in(
        self: &Arc<Self>,
        tx: &mut Tx,
        orgs: &[OrgId],
        move_on: bool,
    ) -> Result<(Pass, Option<Seen>), Stop> {
        let now = self.clock.now();
        let mut pass = Pass::default();
        let cursors = tx.orgs(orgs.iter().copied()).relay_cursors().await?;
        self.note_others(tx, orgs, &cursors, &mut pass).await?;
        if cursors.is_empty() {
            return Ok((pass, None));
        }
        let (concerned, unprepared) = self.concerned_orgs(&cursors).await;
        if !unprepared.is_empty() {
            return Err(Stop::Unprepared(unprepared));
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
            let one = self.subscribers(tx, cursor).await?;
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
        let consumed = self.hand_to_consumers(tx, &cursors, &events).await?;
        pass.consumed = !consumed.is_empty();
        let produced: HashSet<OrgId> = new.iter().map(|one| one.org).chain(consumed).collect();
        let ended = self.end_unconcerned(tx, &cursors, &known, &concerned).await?;
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
            self.queue(tx, &new, now, &mut pass).await?;
            pass.note_oldest(&events);
        }
        if !moved.is_empty() {
            tx.orgs(moved.iter().map(|(org, _)| *org)).relayed(&moved).await?;
        }
        pass.did_something = !produced.is_empty();
        pass.writes = !moved.is_empty() || !ended.is_empty();
        Ok((pass, Some(Seen { events, new, spans, known, ended })))
    }

    /// Keeps in mind what a transaction has found that is over now.
    async fn note_seen(&self, seen: Option<Seen>) {
        let Some(Seen { events, new, spans, mut known, ended }) = seen else { return };
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
    }

    /// Adds deliveries, and tells other hubs of lanes that are theirs.
    async fn queue(
        &self,
        tx: &mut Tx,
        new: &[NewDelivery],
        now: Timestamp,
        pass: &mut Pass,
    ) -> Result<(), StorageError> {
        let mut rows: HashMap<LaneKey, Vec<DueDelivery>> = HashMap::new();
        for one in new {
            let lane = LaneKey { org: one.org, endpoint: one.endpoint };
            let (sequence, id, event) = (one.sequence, one.id(), one.event);
            let due = DueDelivery { lane, sequence, id, event, due_at: now, attempts: 0 };
            rows.entry(lane).or_default().push(due);
        }
        let mut orgs = tx.orgs(new.iter().map(|one| one.org));
        let owners = orgs.add_deliveries(new, now).await?;
        let mut told = Vec::new();
        for owner in owners {
            let LaneKey { org, endpoint } = owner.key;
            match owner.held.filter(|lease| lease.node != self.node.id && lease.until > now) {
                Some(lease) => {
                    told.push(Change::Lane { org, endpoint });
                    pass.elsewhere.entry(org).or_default().leases.push(lease);
                }
                None => {
                    let rows = rows.remove(&owner.key).unwrap_or_default();
                    pass.lanes.push(Queued { owner, rows });
                }
            }
        }
        orgs.notify(told).await
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
