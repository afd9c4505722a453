//! Events from outside: listed, read, followed.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures::StreamExt as _;
use patchbay_tests::{Fixture, Org, TestHub};
use serde_json::{Value, json};

/// Far longer than anything here takes; a test that meets it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// An org whose plugin says what it is told to.
struct Scene {
    hub: TestHub,
    org: Org,
    said: AtomicU64,
}

impl Scene {
    async fn start() -> Self {
        let hub = TestHub::start().await;
        let org = hub.org("acme").await;
        let _ = org.upload(Fixture::load("scribe").pack()).await.expect(201);
        let _ = org.install("scribe", json!({})).await.expect(200);
        Self { hub, org, said: AtomicU64::new(0) }
    }

    /// Publishes so many more events; their counts go on from the last.
    async fn say(&self, count: u64) {
        for _ in 0..count {
            let number = self.said.fetch_add(1, Ordering::SeqCst) + 1;
            say(&self.org, number).await;
        }
    }
}

async fn say(org: &Org, number: u64) {
    let said = json!({"op": "publish", "object": "scribe.counted", "id": "n", "data": {"count": number}});
    let _ = org.act("scribe", "run", &said).await.expect(200);
}

/// A client of server-sent events (WHATWG HTML, 9.2).
struct Client {
    response: std::pin::Pin<Box<dyn futures::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    text: String,
    last_id: Option<String>,
}

/// An event as a client dispatches it.
#[derive(Debug)]
struct Dispatched {
    kind: String,
    data: Value,
}

impl Client {
    async fn open(org: &Org, query: &str, last_id: Option<&str>) -> Self {
        let mut call = org.call("GET", &format!("/v1/events/stream{query}"));
        if let Some(last_id) = last_id {
            call = call.header("last-event-id", last_id);
        }
        let response = call.open().await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let mut client = Self { response: Box::pin(response.bytes_stream()), text: String::new(), last_id: None };
        // the hub says at once that it is there, and its place is taken by then
        assert!(client.more().await, "the stream begins");
        client
    }

    async fn more(&mut self) -> bool {
        match tokio::time::timeout(PATIENCE, self.response.next()).await.expect("something comes") {
            Some(Ok(bytes)) => {
                self.text.push_str(std::str::from_utf8(&bytes).unwrap());
                true
            }
            _ => false,
        }
    }

    /// The next event; none if the stream has ended.
    async fn next(&mut self) -> Option<Dispatched> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (mut kind, mut data) = ("message".to_owned(), String::new());
                for line in block.lines() {
                    match line.split_once(": ") {
                        Some(("id", id)) => self.last_id = Some(id.to_owned()),
                        Some(("event", name)) => kind = name.to_owned(),
                        Some(("data", text)) => data.push_str(text),
                        _ => {}
                    }
                }
                self.text = rest.to_owned();
                if !data.is_empty() {
                    return Some(Dispatched { kind, data: serde_json::from_str(&data).unwrap() });
                }
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// The counts of the next so many events.
    async fn counts(&mut self, count: usize) -> Vec<u64> {
        let mut counts = Vec::new();
        while counts.len() < count {
            let event = self.next().await.expect("an event");
            assert_eq!(event.kind, "message", "{event:?}");
            counts.push(event.data["data"]["count"].as_u64().unwrap());
        }
        counts
    }
}

pub async fn an_event_is_the_same_cloud_event_in_a_list_by_its_id_and_in_a_stream() {
    let scene = Scene::start().await;
    let mut client = Client::open(&scene.org, "", None).await;
    scene.say(1).await;
    let streamed = client.next().await.unwrap().data;
    let listed = scene.org.get("/v1/events").await.expect(200).json()["items"][0].clone();
    let read = scene.org.get(&format!("/v1/events/{}", listed["id"].as_str().unwrap())).await.expect(200).json();
    assert_eq!((&streamed, &read), (&listed, &listed));
    assert_eq!(
        (&listed["specversion"], &listed["type"], &listed["source"], &listed["orgid"]),
        (&json!("1.0"), &json!("scribe.counted"), &json!("/plugins/scribe"), &json!(scene.org.id))
    );
    let run = scene.org.get(&format!("/v1/runs/{}", listed["runid"].as_str().unwrap())).await.expect(200).json();
    assert_eq!(run["plugin"], "scribe");
    assert_eq!(client.last_id.as_deref(), Some("1"));
}

pub async fn a_list_is_filtered_and_its_cursor_misses_nothing() {
    let scene = Scene::start().await;
    scene.say(3).await;
    let other = json!({"op": "publish", "object": "scribe.other", "id": "a-subject", "data": {}});
    let _ = scene.org.act("scribe", "run", &other).await.expect(200);
    let list = async |query: &str| scene.org.get(&format!("/v1/events{query}")).await.expect(200).json();
    let count = async |query: &str| list(query).await["items"].as_array().unwrap().len();
    assert_eq!(count("").await, 4);
    assert_eq!(count("?type=scribe.counted").await, 3);
    assert_eq!(count("?type=scribe.*,call.*").await, 4);
    assert_eq!(count("?type=call.*").await, 0);
    assert_eq!(count("?subject=a-subject").await, 1);
    assert_eq!((count("?source=scribe").await, count("?source=patchbay").await), (4, 0));
    assert_eq!((count("?from=2020-01-01T00:00:00Z").await, count("?to=2020-01-01T00:00:00Z").await), (4, 0));
    let first = list("?limit=3").await;
    assert_eq!((first["items"].as_array().unwrap().len(), first["next"].as_str()), (3, Some("3")));
    let rest = list("?limit=3&after=3").await;
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));
    let sequence = rest["items"][0]["sequence"].as_str().unwrap();
    assert_eq!(count(&format!("?after={sequence}")).await, 0, "the envelope's own spelling is a cursor too");
}

pub async fn the_catalogue_has_the_hubs_types_and_the_plugins() {
    let scene = Scene::start().await;
    let types = scene.org.get("/v1/event-types").await.expect(200).json();
    let of = |kind: &str| {
        let items = types["items"].as_array().unwrap();
        items.iter().find(|of| of["type"] == kind).unwrap_or_else(|| panic!("no {kind}")).clone()
    };
    assert_eq!(of("connection.reauthorization_needed")["source"], "/patchbay");
    assert_eq!(of("phone-number.created")["source"], Value::Null);
    let counted = of("scribe.counted");
    assert_eq!((&counted["source"], &counted["example"]), (&json!("/plugins/scribe"), &json!({"count": 1})));
    assert_eq!(counted["schema"]["required"], json!(["count"]));
    assert_eq!(of("scribe.*")["schema"], Value::Null);
    let off = json!({"op": "publish", "object": "scribe.counted", "id": "n", "data": {"count": "one"}});
    let refused = scene.org.act("scribe", "run", &off).await;
    assert_ne!(refused.status, 200, "what its schema does not allow is not published");
}

pub async fn a_stream_goes_on_across_a_restart_without_loss_or_repeat() {
    let scene = Scene::start().await;
    let mut client = Client::open(&scene.org, "", None).await;
    scene.say(5).await;
    let mut counts = client.counts(4).await;
    let last_id = client.last_id.clone().unwrap();
    scene.hub.hub.end_streams();
    // what was on its way may still come; a client that comes back by its last id does not count it twice
    while let Some(event) = client.next().await {
        assert_eq!(event.data["data"]["count"], 5, "{event:?}");
    }
    scene.say(3).await;
    let restarted = scene.hub.restart().await;
    let org = scene.org.at(&restarted);
    say(&org, 9).await;
    let mut client = Client::open(&org, "", Some(&last_id)).await;
    counts.extend(client.counts(5).await);
    assert_eq!(counts, (1..=9).collect::<Vec<_>>());
}

pub async fn a_stream_is_for_what_it_asks_for() {
    let scene = Scene::start().await;
    let other = scene.hub.org("other").await;
    let _ = other.install("scribe", json!({})).await.expect(200);
    let mut client = Client::open(&scene.org, "?type=scribe.counted&after=0", None).await;
    let noise = json!({"op": "publish", "object": "scribe.noise", "id": "n", "data": {}});
    let _ = scene.org.act("scribe", "run", &noise).await.expect(200);
    say(&other, 77).await;
    scene.say(1).await;
    assert_eq!(client.counts(1).await, [1], "neither another type nor another org's");
}

pub async fn streams_end_in_good_order_when_the_hub_stops() {
    let scene = Scene::start().await;
    let mut client = Client::open(&scene.org, "", None).await;
    let org = scene.org.clone();
    let (ended, ()) = tokio::join!(client.next(), scene.hub.stop());
    assert!(ended.is_none());
    assert!(org.call("GET", "/v1/events").try_send().await.is_none(), "it has stopped");
}

mod two_hubs {
    use std::time::Instant;

    use patchbay_tests::hub::on_postgres;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_stream_on_one_hub_has_what_another_one_publishes_within_a_second() {
        on_postgres(async {
            let scene = Scene::start().await;
            let beside = TestHub::setup().beside(&scene.hub).start().await;
            let elsewhere = scene.org.at(&beside);
            let mut client = Client::open(&elsewhere, "", None).await;
            let mut took = Vec::new();
            for number in 1..=20 {
                let begun = Instant::now();
                scene.say(1).await;
                assert_eq!(client.counts(1).await, [number]);
                took.push(begun.elapsed());
            }
            took.sort_unstable();
            // a slow machine may be late with some
            assert!(took[took.len() / 2] < Duration::from_secs(1), "{took:?}");
            // both publish at once: one order, each once
            let (ours, theirs) = (&scene.org, &elsewhere);
            futures::stream::iter(21..=60)
                .for_each_concurrent(8, |number| async move {
                    say(if number % 2 == 0 { ours } else { theirs }, number).await;
                })
                .await;
            let mut counts = client.counts(40).await;
            counts.sort_unstable();
            assert_eq!(counts, (21..=60).collect::<Vec<_>>());
        })
        .await;
    }
}
