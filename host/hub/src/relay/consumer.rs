//! What else events concern beside endpoints.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError},
};

use futures::future::BoxFuture;
use patchbay_model::{Failure, OrgId};
use patchbay_storage::{RawEvent, RelayCursor, Tx};

use super::Trouble;
use crate::hub::Inner;

/// Consumes events, in their order, each once: what it writes is committed with the cursor that passes them.
///
/// An org's events are handed on only while they concern somebody. Whoever makes them concern this consumer (a plugin that
/// consumes events is switched on, a version of it that does comes into use) says so in that transaction by
/// `tx.org(org).relay().changed()`, and in memory afterwards. Each such change is a new version of who is concerned by the org's
/// events, and the consumer is asked what holds under it.
pub trait EventConsumer: Send + Sync + 'static {
    /// Looks up whether an org's events concern it, and keeps that for the version that holds now. Called outside of any
    /// transaction, so it may take its time.
    fn prepare(&self, org: OrgId) -> BoxFuture<'_, Result<(), Failure>>;

    /// True if the org's events concern it under this version; none if it is not prepared for that. Asked for each batch in
    /// its transaction, so it must be known without a query.
    fn concerns(&self, org: OrgId, version: u64) -> BoxFuture<'_, Option<bool>>;

    /// Takes in events of one org. True if it wrote something; none if it is not prepared for this version any more.
    fn take<'a>(
        &'a self,
        tx: &'a mut Tx,
        org: OrgId,
        version: u64,
        events: &'a [RawEvent],
    ) -> BoxFuture<'a, Result<Option<bool>, Failure>>;

    /// What it wrote last was committed.
    fn committed(&self) {}
}

impl Inner {
    pub(super) fn consumers(&self) -> Vec<Arc<dyn EventConsumer>> {
        self.relay.consumers.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The orgs whose events concern a consumer, and the consumers that are to be prepared before that is known.
    pub(super) async fn concerned_orgs(&self, cursors: &[RelayCursor]) -> (HashSet<OrgId>, Unprepared) {
        let (mut concerned, mut unprepared) = (HashSet::new(), Unprepared::new());
        for consumer in self.consumers() {
            for cursor in cursors {
                match consumer.concerns(cursor.org, cursor.version).await {
                    Some(true) => {
                        concerned.insert(cursor.org);
                    }
                    Some(false) => {}
                    None => unprepared.push((Arc::clone(&consumer), cursor.org)),
                }
            }
        }
        (concerned, unprepared)
    }

    /// Gives the orgs for which something was written. `events` are by org and in their order.
    pub(super) async fn hand_to_consumers(
        &self,
        tx: &mut Tx,
        cursors: &[RelayCursor],
        events: &[RawEvent],
    ) -> Result<Vec<OrgId>, Trouble> {
        let consumers = self.consumers();
        let mut wrote = Vec::new();
        for of_org in events.chunk_by(|one, other| one.org == other.org) {
            let org = of_org.first().map(|event| event.org);
            let Some(cursor) = cursors.iter().find(|cursor| Some(cursor.org) == org) else { continue };
            for consumer in &consumers {
                match consumer.take(tx, cursor.org, cursor.version, of_org).await? {
                    Some(true) => wrote.push(cursor.org),
                    Some(false) => {}
                    None => return Err(Trouble::Unprepared),
                }
            }
        }
        Ok(wrote)
    }
}

/// Consumers that do not know yet whether an org's events concern them.
pub(super) type Unprepared = Vec<(Arc<dyn EventConsumer>, OrgId)>;

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    };

    use patchbay_model::{EventId, event::Event};
    use serde_json::json;

    use super::*;
    use crate::{hub::lock, testing::TestHub};

    /// Notes what it gets, once that is committed: a transaction that another one got in the way of begins anew.
    #[derive(Default)]
    struct Noting {
        taking: Mutex<Vec<i64>>,
        taken: Mutex<Vec<i64>>,
        fails: AtomicBool,
    }

    impl EventConsumer for Noting {
        fn prepare(&self, _org: OrgId) -> BoxFuture<'_, Result<(), Failure>> {
            Box::pin(std::future::ready(Ok(())))
        }

        fn concerns(&self, _org: OrgId, _version: u64) -> BoxFuture<'_, Option<bool>> {
            Box::pin(std::future::ready(Some(true)))
        }

        fn take<'a>(
            &'a self,
            tx: &'a mut Tx,
            org: OrgId,
            _version: u64,
            events: &'a [RawEvent],
        ) -> BoxFuture<'a, Result<Option<bool>, Failure>> {
            Box::pin(async move {
                if self.fails.load(Ordering::SeqCst) {
                    return Err(Failure::internal("not now"));
                }
                assert!(tx.org(org).relay().last().await?.is_some());
                *lock(&self.taking) = events.iter().map(|event| event.sequence).collect();
                Ok(Some(true))
            })
        }

        fn committed(&self) {
            lock(&self.taken).append(&mut lock(&self.taking));
        }
    }

    async fn publish(test: &TestHub, org: OrgId, count: usize) {
        let hub = &test.hub.0;
        let mut tx = hub.database.begin().await.unwrap();
        for _ in 0..count {
            let event = Event {
                id: EventId::new(&*hub.clock, &*hub.random),
                org,
                source: None,
                kind: "call.created".to_owned(),
                subject: String::new(),
                data: json!({}),
                dedupe: None,
                run: None,
                at: hub.clock.now(),
                hops: 0,
            };
            tx.org(org).events().append(&event).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    #[tokio::test]
    async fn a_consumer_gets_each_event_once_in_order_from_when_they_concern_it() {
        let test = TestHub::open().await;
        let (ours, theirs) = (test.org().await.id, test.org().await.id);
        let consumer = Arc::new(Noting::default());
        test.hub.consume_events(Arc::clone(&consumer) as _);
        publish(&test, ours, 2).await;
        let mut tx = test.hub.0.database.begin().await.unwrap();
        tx.org(ours).relay().changed().await.unwrap();
        tx.commit().await.unwrap();
        publish(&test, ours, 300).await;
        publish(&test, theirs, 5).await;
        assert!(test.hub.relay_events().await.unwrap());
        while test.hub.relay_events().await.unwrap() {}
        assert_eq!(*lock(&consumer.taken), (3..=302).collect::<Vec<_>>());
        publish(&test, ours, 1).await;
        consumer.fails.store(true, Ordering::SeqCst);
        assert!(test.hub.relay_events().await.is_err(), "what is not taken in is not passed");
        consumer.fails.store(false, Ordering::SeqCst);
        assert!(test.hub.relay_events().await.unwrap(), "and is held by nobody");
        assert_eq!(lock(&consumer.taken).last(), Some(&303));
        assert_eq!(lock(&consumer.taken).len(), 301);
    }
}
