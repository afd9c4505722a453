use patchbay_model::org::{Org, Scope};
use serde_json::json;

use super::*;
use crate::{
    events::{
        bells,
        own::{Fact, Own},
    },
    testing::TestHub,
};

struct Scene {
    test: TestHub,
    org: Org,
    token: SecretString,
    caller: Caller,
}

impl Scene {
    async fn open() -> Self {
        let test = TestHub::open().await;
        bells::start(&test.hub);
        let org = test.org().await;
        let token = test.key(&org, &[Scope::Read]).await;
        let caller = test.hub.authenticate(token.expose_secret()).await.unwrap();
        Self { test, org, token, caller }
    }

    /// Publishes so many events, each by itself.
    async fn publish(&self, count: usize) {
        let hub = &*self.test.hub.0;
        for _ in 0..count {
            self.test.clock.advance(chrono::Duration::milliseconds(1));
            let (at, subject) = (hub.clock.now(), "pro".to_owned());
            let data = json!({"from": at, "to": at, "calls": 1});
            let fact = Fact { org: self.org.id, subject, data, dedupe: None, at };
            let event = Own::LimitsUnchecked.event(fact, &*hub.clock, &*hub.random);
            let mut tx = hub.database.begin().await.unwrap();
            tx.org(self.org.id).events().append(&event).await.unwrap();
            tx.commit().await.unwrap();
        }
    }

    async fn follow(&self, filter: EventFilter) -> Result<EventStream, Failure> {
        self.test.hub.follow_events(&self.caller, self.token.clone(), filter).await
    }

    async fn from(&self, after: i64) -> EventStream {
        self.follow(EventFilter { after: Some(after), ..EventFilter::default() }).await.unwrap()
    }
}

/// The sequences of the next so many events.
async fn sequences(stream: &mut EventStream, count: usize) -> Vec<i64> {
    let mut found = Vec::new();
    while found.len() < count {
        match stream.next().await {
            Some(Streamed::Event(event)) => found.push(event.sequence),
            other => panic!("{other:?} after {found:?}"),
        }
    }
    found
}

#[tokio::test]
async fn a_stream_begins_now_and_goes_on_from_where_its_client_was() {
    let scene = Scene::open().await;
    scene.publish(2).await;
    let mut stream = scene.follow(EventFilter::default()).await.unwrap();
    scene.publish(120).await;
    assert_eq!(sequences(&mut stream, 100).await, (3..=102).collect::<Vec<_>>());
    drop(stream);
    scene.publish(1).await;
    assert_eq!(sequences(&mut scene.from(102).await, 21).await, (103..=123).collect::<Vec<_>>());
    assert_eq!(sequences(&mut scene.from(0).await, 1).await, [1], "from the beginning on");
}

#[tokio::test]
async fn a_stream_that_waits_is_woken_by_its_orgs_events() {
    let scene = Scene::open().await;
    let mut stream = scene.from(0).await;
    let (found, ()) = tokio::join!(sequences(&mut stream, 1), scene.publish(1));
    assert_eq!(found, [1]);
}

#[tokio::test]
async fn a_stream_passes_over_what_it_is_not_for() {
    let scene = Scene::open().await;
    scene.publish(60).await;
    let filter = |kinds: &[&str], source: Option<&str>| EventFilter {
        after: Some(0),
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        source: source.map(str::to_owned),
        ..EventFilter::default()
    };
    let mut others = scene.follow(filter(&["call.*"], None)).await.unwrap();
    others.beat_at = Instant::now();
    assert_eq!(others.next().await, Some(Streamed::Quiet(60)), "it knows how far it has looked");
    let mut ours = scene.follow(filter(&["plan.*"], Some("patchbay"))).await.unwrap();
    assert_eq!(sequences(&mut ours, 60).await.len(), 60);
    for wrong in [filter(&["plan"], None), filter(&[], Some("No One"))] {
        assert_eq!(scene.follow(wrong).await.err().unwrap().code, Code::InvalidRequest);
    }
}

#[tokio::test]
async fn who_comes_back_too_late_is_told_what_is_missing() {
    let scene = Scene::open().await;
    scene.publish(5).await;
    let mut tx = scene.test.hub.0.database.begin().await.unwrap();
    let now = scene.test.hub.0.clock.now();
    tx.org(scene.org.id).events().clear_before(now, None, 10).await.unwrap();
    tx.commit().await.unwrap();
    let mut stream = scene.from(1).await;
    assert_eq!(stream.next().await, Some(Streamed::Gap(2, 4)));
    assert_eq!(sequences(&mut stream, 1).await, [5]);
    assert_eq!(sequences(&mut scene.from(4).await, 1).await, [5], "nothing is missing here");
    let early = scene.follow(EventFilter { after: Some(6), ..EventFilter::default() }).await;
    assert_eq!(early.err().unwrap().code, Code::InvalidRequest, "there is no such place yet");
}

#[tokio::test]
async fn an_org_has_so_many_streams_and_no_more() {
    let scene = Scene::open().await;
    let most = scene.test.hub.0.config.event_streams;
    let mut open = Vec::new();
    for _ in 0..most {
        open.push(scene.from(0).await);
    }
    let refused = scene.follow(EventFilter::default()).await.err().unwrap();
    assert_eq!(refused.code, Code::ConcurrencyLimited);
    let other = scene.test.org().await;
    let caller = scene.test.caller(&other).await;
    assert!(scene.test.hub.follow_events(&caller, scene.token.clone(), EventFilter::default()).await.is_ok());
    open.pop();
    assert!(scene.follow(EventFilter::default()).await.is_ok(), "one that ended makes room");
}

#[tokio::test]
async fn a_stream_ends_when_its_key_does() {
    let scene = Scene::open().await;
    scene.publish(1).await;
    let mut stream = scene.from(0).await;
    let admin = scene.test.caller(&scene.org).await;
    let key = scene.caller.key().unwrap();
    scene.test.hub.end_api_key(&admin, key).await.unwrap();
    stream.check_at = Instant::now();
    assert_eq!(stream.next().await, None, "although there is something to read");
}

#[tokio::test]
async fn streams_end_before_the_hub_does() {
    let scene = Scene::open().await;
    let mut stream = scene.from(0).await;
    let (ended, ()) = tokio::join!(stream.next(), async { scene.test.hub.end_streams() });
    assert_eq!(ended, None);
    assert_eq!(scene.follow(EventFilter::default()).await.err().unwrap().code, Code::Unavailable);
}

#[tokio::test]
async fn who_may_not_read_activity_follows_nothing() {
    let scene = Scene::open().await;
    let token = scene.test.key(&scene.org, &[Scope::Invoke]).await;
    let caller = scene.test.hub.authenticate(token.expose_secret()).await.unwrap();
    let refused = scene.test.hub.follow_events(&caller, token, EventFilter::default()).await.err().unwrap();
    assert_eq!(refused.code, Code::ScopeMissing);
}
