use patchbay_model::{
    DeliveryId, EndpointId, EventId, OrgId,
    endpoint::{Endpoint, EndpointSettings, EventTypes, Signing},
};
use uuid::Uuid;

use super::*;
use crate::testing::TestHub;

fn due(org: OrgId, now: Timestamp) -> DueDelivery {
    let lane = LaneKey { org, endpoint: EndpointId(Uuid::from_u128(2)) };
    let (id, event) = (DeliveryId(Uuid::from_u128(3)), EventId(Uuid::from_u128(4)));
    DueDelivery { lane, sequence: 1, id, event, due_at: now, attempts: 9 }
}

fn endpoint(lane: LaneKey, now: Timestamp) -> Endpoint {
    Endpoint {
        id: lane.endpoint,
        org: lane.org,
        settings: EndpointSettings {
            url: "https://example.com".to_owned(),
            description: String::new(),
            types: EventTypes::default(),
            filter: None,
            transform: None,
            headers: BTreeMap::new(),
            secret_headers: BTreeSet::new(),
            rate: None,
            fifo: false,
            signing: Signing::Hmac,
            public_key: None,
            former_until: None,
        },
        disabled: None,
        from_sequence: 0,
        version: 2,
        sealed: vec![1],
        created_at: now,
        updated_at: now,
    }
}

#[tokio::test]
async fn what_was_given_up_for_an_org_that_is_gone_holds_up_nobody_else() {
    let test = TestHub::open().await;
    let hub = &test.hub.0;
    let due = due(OrgId(Uuid::from_u128(1)), hub.clock.now());
    let (lane, id, status) = (due.lane, due.id, DeliveryStatus::Exhausted);
    let outcome = Some(DeliveryOutcome { lane, sequence: 1, id, attempt: None, status, next: None });
    let kind = "call.created".to_owned();
    let ended = Ended { due, outcome, goes_on: false, kind, effect: Effect::None };
    let written = hub.write(&[ended], &[]).await.expect("it is written down as if nothing had been");
    assert!(written.resting.is_empty() && written.disabled.is_empty());
}

#[tokio::test]
async fn an_endpoint_that_was_changed_since_it_was_tried_is_not_switched_off() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let hub = &test.hub.0;
    let now = hub.clock.now();
    let lane = due(org.id, now).lane;
    let mut tx = hub.database.begin().await.unwrap();
    tx.org(org.id).endpoints().put(&endpoint(lane, now)).await.unwrap();
    tx.commit().await.unwrap();
    for (tried, is_off) in [(1, false), (2, true)] {
        let effect = Effect::Disable(DisabledReason::Gone, tried);
        let ended = Ended { due: due(org.id, now), outcome: None, goes_on: true, kind: String::new(), effect };
        let written = hub.write(&[ended], &[]).await.unwrap();
        assert_eq!(!written.disabled.is_empty(), is_off, "it was tried at version {tried}");
    }
}

#[tokio::test]
async fn nothing_more_is_sent_for_an_org_that_is_deleted() {
    let test = TestHub::open().await;
    let orgs = [test.org().await.id, test.org().await.id];
    let hub = &test.hub.0;
    let keys = orgs.map(|org| due(org, hub.clock.now()).lane);
    hub.deliveries.poke(keys, &*hub.clock);
    test.hub.delete_org(orgs[0]).await.unwrap();
    let lanes: Vec<LaneKey> = lock(&hub.deliveries.state).lanes.keys().copied().collect();
    assert_eq!(lanes, [keys[1]]);
}
