//! Events on their way to endpoints: handed on once, held by one hub, written down in bulk.

use std::collections::BTreeMap;

use patchbay_model::{
    DeliveryId, EndpointId, OrgId, Timestamp,
    delivery::{Attempt, AttemptError, Delivery, DeliveryStatus},
    endpoint::{Disabled, DisabledReason, Endpoint, EndpointSettings, EventTypes, Signing},
    event::Event,
};
use patchbay_storage::{
    DeliveryOutcome, DueDelivery, EventSpan, LaneAsk, LaneKey, LaneState, Lease, NewDelivery, Replayed, StorageError,
};
use serde_json::json;
use uuid::Uuid;

use crate::Store;

pub fn endpoint(store: &Store, org: OrgId) -> Endpoint {
    store.tick();
    Endpoint {
        id: EndpointId::new(&store.clock, &store.random),
        org,
        settings: EndpointSettings {
            url: "https://example.com/hooks".to_owned(),
            description: "ours".to_owned(),
            types: EventTypes(vec!["call.*".to_owned()]),
            filter: Some(json!({"z": 1, "a": {"gte": 1.50}, "t": "a\u{0}"})),
            transform: None,
            headers: BTreeMap::from([("x-env".to_owned(), "test".to_owned())]),
            secret_headers: std::collections::BTreeSet::from(["authorization".to_owned()]),
            rate: Some("10/s".parse().unwrap()),
            fifo: false,
            signing: Signing::Hmac,
            public_key: None,
            former_until: None,
        },
        disabled: None,
        from_sequence: 0,
        version: 1,
        sealed: [&[1, 0, 0, 0, 1][..], &[7; 30]].concat(),
        created_at: store.now(),
        updated_at: store.now(),
    }
}

async fn publish(store: &Store, org: OrgId, count: usize) -> Vec<Event> {
    let mut tx = store.database.begin().await.unwrap();
    let mut events = Vec::new();
    for _ in 0..count {
        store.tick();
        let event = store.event(org, "call.created", None);
        tx.org(org).events().append(&event).await.unwrap();
        events.push(event);
    }
    tx.commit().await.unwrap();
    events
}

fn new(event: &Event, sequence: i64, endpoint: EndpointId) -> NewDelivery {
    NewDelivery { org: event.org, endpoint, event: event.id, sequence, kind: event.kind.clone() }
}

/// Queues this many events for an endpoint.
pub async fn queue(store: &Store, org: OrgId, count: usize) -> (LaneKey, Vec<NewDelivery>) {
    let endpoint = EndpointId::new(&store.clock, &store.random);
    let events = publish(store, org, count).await;
    let all: Vec<_> = events.iter().zip(1..).map(|(event, sequence)| new(event, sequence, endpoint)).collect();
    let mut tx = store.database.begin().await.unwrap();
    tx.orgs([org]).add_deliveries(&all, store.now()).await.unwrap();
    tx.commit().await.unwrap();
    (LaneKey { org, endpoint }, all)
}

async fn due(store: &Store, key: LaneKey, fifo: bool, most: u32) -> Vec<DueDelivery> {
    let mut tx = store.database.read().await.unwrap();
    let mut rows = tx.orgs([key.org]).due_deliveries(&[LaneAsk { key, fifo, most }]).await.unwrap();
    rows.sort_by_key(|row| if fifo { (0, row.sequence) } else { (row.due_at.timestamp_micros(), row.sequence) });
    rows
}

async fn get(store: &Store, org: OrgId, id: DeliveryId) -> (Delivery, Vec<Attempt>) {
    let mut tx = store.database.read().await.unwrap();
    let delivery = tx.org(org).deliveries().get(id).await.unwrap().unwrap();
    (delivery, tx.org(org).deliveries().attempts(id).await.unwrap())
}

fn failed(at: Timestamp) -> Attempt {
    let detail = Some("no \"luck\"\u{0}".to_owned());
    Attempt { at, ms: 3, status: Some(500), error: Some(AttemptError::Status), detail, answer: None }
}

async fn settle(store: &Store, outcomes: &[DeliveryOutcome]) {
    let mut tx = store.database.begin().await.unwrap();
    tx.orgs(outcomes.iter().map(|one| one.lane.org)).settle_deliveries(outcomes, store.now()).await.unwrap();
    tx.commit().await.unwrap();
}

pub async fn an_endpoint_is_read_back_as_it_was_put(store: Store) {
    let mut one = endpoint(&store, store.ours);
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).endpoints().put(&one).await.unwrap();
    tx.commit().await.unwrap();
    one.disabled = Some(Disabled { reason: DisabledReason::Gone, at: store.now() });
    one.version = 2;
    one.settings.former_until = Some(store.later(5));
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    assert_eq!((ours.endpoints().count().await.unwrap(), ours.endpoints().enabled().await.unwrap().len()), (1, 1));
    ours.endpoints().put(&one).await.unwrap();
    assert_eq!(ours.endpoints().get(one.id).await.unwrap().as_ref(), Some(&one));
    assert_eq!(ours.endpoints().list(None, 10).await.unwrap(), [one.clone()]);
    assert_eq!(ours.endpoints().enabled().await.unwrap(), []);
    assert!(tx.org(store.theirs).endpoints().get(one.id).await.unwrap().is_none());
    assert!(!tx.org(store.theirs).endpoints().delete(one.id).await.unwrap());
    assert!(tx.org(store.ours).endpoints().delete(one.id).await.unwrap());
}

pub async fn events_wait_to_be_handed_on_from_when_they_concern_somebody(store: Store) {
    publish(&store, store.ours, 2).await;
    let mut tx = store.database.begin().await.unwrap();
    assert_eq!(tx.hub().relays_behind(10).await.unwrap(), []);
    tx.org(store.ours).relay().changed().await.unwrap();
    tx.commit().await.unwrap();
    publish(&store, store.ours, 3).await;
    publish(&store, store.theirs, 1).await;
    let mut given_up = store.database.begin().await.unwrap();
    assert_eq!(given_up.orgs([store.ours]).relay_cursors().await.unwrap().len(), 1);
    // what follows finds it held by nobody
    given_up.rollback().await;
    let mut tx = store.database.begin().await.unwrap();
    assert_eq!(tx.hub().relays_behind(10).await.unwrap(), [store.ours]);
    let cursors = tx.orgs([store.ours, store.theirs]).relay_cursors().await.unwrap();
    assert_eq!(cursors.len(), 1);
    assert_eq!((cursors[0].org, cursors[0].last, cursors[0].newest), (store.ours, 2, 5));
    let version = cursors[0].version;
    assert_eq!(tx.org(store.ours).relay().version().await.unwrap(), Some(version));
    let spans = [EventSpan { org: store.ours, after: 2, to: 4 }];
    let events = tx.orgs([store.ours]).events_in(&spans).await.unwrap();
    assert_eq!(events.iter().map(|event| event.sequence).collect::<Vec<_>>(), [3, 4]);
    let facts: serde_json::Value = serde_json::from_str(&events[0].data).unwrap();
    assert_eq!(facts["text"], "a\u{0}b\"\\é");
    tx.orgs([store.ours]).relayed(&[(store.ours, 5)]).await.unwrap();
    assert_eq!(tx.orgs([store.ours, store.theirs]).relays().await.unwrap(), [(store.ours, false)]);
    tx.org(store.ours).relay().changed().await.unwrap();
    assert!(!tx.org(store.ours).relay().end(version).await.unwrap(), "who is concerned has changed since");
    assert!(tx.org(store.ours).relay().end(version + 1).await.unwrap());
    assert_eq!(tx.org(store.ours).relay().version().await.unwrap(), None);
    tx.org(store.ours).relay().changed().await.unwrap();
    let anew = tx.org(store.ours).relay().version().await.unwrap().unwrap();
    assert!(anew > version + 1, "nobody takes it for the one that went");
    tx.commit().await.unwrap();
}

pub async fn a_delivery_is_added_once_however_often_it_is_handed_on(store: Store) {
    let (key, all) = queue(&store, store.ours, 3).await;
    let mut tx = store.database.begin().await.unwrap();
    let lanes = tx.orgs([store.ours]).add_deliveries(&all, store.later(1_000)).await.unwrap();
    assert_eq!((lanes.len(), lanes[0].key, lanes[0].added, lanes[0].all_new), (1, key, 6, false));
    tx.commit().await.unwrap();
    let rows = due(&store, key, false, 10).await;
    assert_eq!(
        rows.iter().map(|row| (row.sequence, row.due_at)).collect::<Vec<_>>(),
        [1, 2, 3].map(|n| (n, store.now()))
    );
    let (delivery, attempts) = get(&store, store.ours, all[0].id()).await;
    assert_eq!((delivery.status, delivery.attempts, attempts.len()), (DeliveryStatus::Pending, 0, 0));
    assert_eq!((delivery.next_attempt_at, delivery.kind.as_str()), (Some(store.now()), "call.created"));
}

pub async fn what_became_of_deliveries_is_written_in_bulk(store: Store) {
    let (ours, our_all) = queue(&store, store.ours, 3).await;
    let (theirs, their_all) = queue(&store, store.theirs, 1).await;
    let outcome = |lane: LaneKey, one: &NewDelivery, status, next| DeliveryOutcome {
        lane,
        sequence: one.sequence,
        id: one.id(),
        attempt: Some(failed(store.now())),
        status,
        next,
    };
    let again = store.later(5_000);
    settle(
        &store,
        &[
            outcome(ours, &our_all[0], DeliveryStatus::Pending, Some((again, 1))),
            outcome(ours, &our_all[1], DeliveryStatus::Exhausted, None),
            outcome(theirs, &their_all[0], DeliveryStatus::Succeeded, None),
        ],
    )
    .await;
    let (first, attempts) = get(&store, store.ours, our_all[0].id()).await;
    assert_eq!((first.status, first.attempts, first.next_attempt_at), (DeliveryStatus::Pending, 1, Some(again)));
    assert_eq!((attempts, first.finished_at), (vec![failed(store.now())], None));
    let (second, _) = get(&store, store.ours, our_all[1].id()).await;
    assert_eq!((second.status, second.finished_at), (DeliveryStatus::Exhausted, Some(store.now())));
    assert_eq!(due(&store, theirs, false, 10).await, []);
    let rows = due(&store, ours, false, 10).await;
    assert_eq!(rows.iter().map(|row| (row.sequence, row.attempts)).collect::<Vec<_>>(), [(3, 0), (1, 1)]);
    let rows = due(&store, ours, true, 1).await;
    assert_eq!(
        rows.iter().map(|row| row.sequence).collect::<Vec<_>>(),
        [1],
        "in a lane of order the first comes first"
    );
}

pub async fn of_many_attempts_the_newest_are_kept(store: Store) {
    let (lane, all) = queue(&store, store.ours, 1).await;
    for count in 0..53_u32 {
        let attempt = Attempt { ms: count.into(), ..failed(store.now()) };
        let next = Some((store.later(1), count));
        let one = DeliveryOutcome {
            lane,
            sequence: 1,
            id: all[0].id(),
            attempt: Some(attempt),
            status: DeliveryStatus::Pending,
            next,
        };
        settle(&store, &[one]).await;
    }
    let (delivery, attempts) = get(&store, store.ours, all[0].id()).await;
    assert_eq!((delivery.attempts, attempts.len()), (53, 50));
    assert_eq!((attempts[0].ms, attempts[49].ms), (3, 52));
}

pub async fn a_lane_is_held_by_one_hub_until_its_lease_ends(store: Store) {
    let (key, _) = queue(&store, store.ours, 1).await;
    let (us, them) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let take = async |node, until: Timestamp, now| {
        let mut tx = store.database.begin().await.unwrap();
        let taken = tx.orgs([store.ours]).take_lanes(&[key], Some(Lease { node, until }), now).await.unwrap();
        tx.commit().await.unwrap();
        taken.len()
    };
    let looked = async |node, now| {
        let mut tx = store.database.read().await.unwrap();
        tx.hub().due_lanes(now, node, 10).await.unwrap()
    };
    assert_eq!(looked(us, store.now()).await, [key]);
    assert_eq!(take(us, store.later(1_000), store.now()).await, 1);
    assert_eq!(take(them, store.later(9_000), store.later(999)).await, 0);
    assert_eq!((looked(us, store.now()).await, looked(them, store.later(999)).await), (vec![key], vec![]));
    assert_eq!(take(us, store.later(2_000), store.later(500)).await, 1, "its own it takes again");
    let mut tx = store.database.begin().await.unwrap();
    assert_eq!(tx.orgs([store.ours]).held_lanes(&[key], them).await.unwrap(), []);
    assert_eq!(tx.orgs([store.ours]).held_lanes(&[key], us).await.unwrap(), [key]);
    drop(tx);
    assert_eq!(looked(them, store.later(2_000)).await, [key]);
    assert_eq!(take(them, store.later(9_000), store.later(2_000)).await, 1);
    let mut tx = store.database.begin().await.unwrap();
    assert_eq!(tx.orgs([store.ours]).held_lanes(&[key], us).await.unwrap(), [], "who stood still holds it no more");
}

pub async fn a_lane_rests_only_if_nothing_was_queued_since_it_was_counted(store: Store) {
    let (key, all) = queue(&store, store.ours, 2).await;
    let mut tx = store.database.begin().await.unwrap();
    let lanes = tx.orgs([store.ours]).take_lanes(&[key], None, store.now()).await.unwrap();
    assert_eq!((lanes[0].added, lanes[0].failures), (2, 0));
    let state = |added, failures, paused_until| LaneState {
        key,
        failures,
        failing_since: Some(store.now()),
        paused_until,
        changed: true,
        rest: Some((added, Some(store.later(60_000)))),
    };
    assert_eq!(tx.orgs([store.ours]).put_lanes(&[state(1, 3, None)]).await.unwrap(), []);
    assert_eq!(tx.hub().due_lanes(store.now(), Uuid::nil(), 10).await.unwrap(), [key]);
    assert_eq!(tx.orgs([store.ours]).put_lanes(&[state(2, 4, None)]).await.unwrap(), [key]);
    assert_eq!(tx.hub().due_lanes(store.now(), Uuid::nil(), 10).await.unwrap(), []);
    assert_eq!(tx.hub().due_lanes(store.later(60_000), Uuid::nil(), 10).await.unwrap(), [key]);
    let owners = tx.orgs([store.ours]).add_deliveries(&all[..1], store.now()).await.unwrap();
    assert_eq!((owners[0].key, owners[0].held), (key, None));
    assert_eq!(tx.hub().due_lanes(store.now(), Uuid::nil(), 10).await.unwrap(), [key]);
    let pause = LaneState { rest: None, ..state(0, 5, Some(store.later(5_000))) };
    assert_eq!(tx.orgs([store.ours]).put_lanes(&[pause]).await.unwrap(), []);
    assert_eq!(
        tx.hub().due_lanes(store.later(4_999), Uuid::nil(), 10).await.unwrap(),
        [],
        "what is queued does not end a pause"
    );
    assert_eq!(tx.hub().due_lanes(store.later(5_000), Uuid::nil(), 10).await.unwrap(), [key]);
    let lane = tx.org(store.ours).deliveries().lane(key.endpoint).await.unwrap().unwrap();
    assert_eq!(
        (lane.failures, lane.failing_since, lane.paused_until),
        (5, Some(store.now()), Some(store.later(5_000)))
    );
    tx.org(store.ours).deliveries().wake_lane(key.endpoint, store.now()).await.unwrap();
    let rest = LaneState { changed: false, ..state(0, 5, Some(store.later(5_000))) };
    assert_eq!(tx.orgs([store.ours]).put_lanes(&[rest]).await.unwrap(), []);
    let lane = tx.org(store.ours).deliveries().lane(key.endpoint).await.unwrap().unwrap();
    assert_eq!((lane.failures, lane.paused_until), (0, None), "it was switched on since it was read");
    tx.org(store.ours).deliveries().wake_lane(key.endpoint, store.now()).await.unwrap();
    assert_eq!(tx.hub().due_lanes(store.now(), Uuid::nil(), 10).await.unwrap(), [key]);
    tx.org(store.ours).deliveries().rest_lane(key.endpoint).await.unwrap();
    assert_eq!(tx.hub().due_lanes(store.later(99_999), Uuid::nil(), 10).await.unwrap(), []);
}

pub async fn events_are_queued_again_as_somebody_asks(store: Store) {
    let (lane, all) = queue(&store, store.ours, 4).await;
    let end = |one: &NewDelivery, status| DeliveryOutcome {
        lane,
        sequence: one.sequence,
        id: one.id(),
        attempt: None,
        status,
        next: None,
    };
    settle(&store, &[end(&all[0], DeliveryStatus::Succeeded), end(&all[1], DeliveryStatus::Exhausted)]).await;
    let late = publish(&store, store.ours, 1).await;
    let mut given = all.clone();
    given.push(new(&late[0], 5, lane.endpoint));
    for (which, expected) in [(Replayed::Failed, 1), (Replayed::Missing, 2), (Replayed::All, 3)] {
        let mut tx = store.database.begin().await.unwrap();
        let queued = tx.org(store.ours).deliveries().queue_again(&given, which, store.now()).await.unwrap();
        assert_eq!(queued.count, expected, "{which:?}");
    }
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).deliveries().queue_again(&given, Replayed::All, store.later(7)).await.unwrap();
    tx.commit().await.unwrap();
    let rows = due(&store, lane, true, 10).await;
    assert_eq!(rows.iter().map(|row| row.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    let (again, _) = get(&store, store.ours, all[0].id()).await;
    assert_eq!((again.status, again.finished_at), (DeliveryStatus::Pending, None));
}

pub async fn what_is_left_of_a_deleted_endpoint_is_cancelled_and_cleared_away(store: Store) {
    let (lane, all) = queue(&store, store.ours, 3).await;
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.ours).deliveries().abandon_lane(lane.endpoint).await.unwrap();
    assert_eq!(tx.hub().gone_lanes(10).await.unwrap(), [lane]);
    assert_eq!(tx.orgs([store.ours]).take_lanes(&[lane], None, store.now()).await.unwrap(), []);
    let now = store.now();
    let mut ours = tx.org(store.ours);
    assert_eq!(ours.deliveries().cancel_some(lane.endpoint, now, 2).await.unwrap(), 2);
    assert_eq!(ours.deliveries().cancel_some(lane.endpoint, now, 2).await.unwrap(), 1);
    assert_eq!(ours.deliveries().cancel_some(lane.endpoint, now, 2).await.unwrap(), 0);
    ours.deliveries().forget_lane(lane.endpoint).await.unwrap();
    assert_eq!(tx.hub().gone_lanes(10).await.unwrap(), []);
    tx.commit().await.unwrap();
    assert_eq!(get(&store, store.ours, all[0].id()).await.0.status, DeliveryStatus::Cancelled);
}

pub async fn old_deliveries_go_and_those_that_wait_stay(store: Store) {
    let (lane, all) = queue(&store, store.ours, 2).await;
    let done = DeliveryOutcome {
        lane,
        sequence: 1,
        id: all[0].id(),
        attempt: None,
        status: DeliveryStatus::Succeeded,
        next: None,
    };
    settle(&store, &[done]).await;
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    assert_eq!(ours.deliveries().oldest_queued().await.unwrap(), Some(2));
    assert_eq!(
        ours.events().clear_before(store.later(10_000), Some(2), 10).await.unwrap(),
        1,
        "what is queued needs its event"
    );
    assert_eq!(ours.deliveries().clear_before(store.later(10_000), 10).await.unwrap(), 1);
    assert!(ours.deliveries().get(all[1].id()).await.unwrap().is_some());
    assert_eq!(
        ours.deliveries().cancel_before(store.later(10_000), store.now(), 10).await.unwrap(),
        1,
        "nobody takes it"
    );
}

pub async fn nothing_is_queued_for_an_org_that_does_not_exist(store: Store) {
    let event = store.event(OrgId(Uuid::from_u128(404)), "call.created", None);
    let mut tx = store.database.begin().await.unwrap();
    let added = tx.orgs([event.org]).add_deliveries(&[new(&event, 1, EndpointId(Uuid::nil()))], store.now()).await;
    assert!(matches!(added, Err(StorageError::Missing(_))), "{added:?}");
}
