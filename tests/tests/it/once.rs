//! Idempotency-Key: a write that is asked for again is not done again.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use chrono::Duration as Span;
use futures::future::join_all;
use patchbay_model::{Clock as _, ManualClock, SystemClock, org::Scope};
use patchbay_package::Manifest;
use patchbay_tests::{Fixture, Org, Reply, TestHub, Vendor};
use serde_json::{Value, json};

use crate::scene::OpenAiScene;

const KEY: &str = "idempotency-key";
const REPLAYED: &str = "idempotent-replayed";

/// `fetcher`, which may also ask `/once` and `/silent` with POST.
pub fn writer(header: Option<&str>) -> Fixture {
    let edit = |manifest: &mut Manifest| {
        let vendor = &mut manifest.egress[0];
        vendor.methods.push("POST".to_owned());
        vendor.paths.extend(["/once".to_owned(), "/limited".to_owned()]);
        vendor.idempotency_header = header.map(str::to_owned);
    };
    Fixture::load("fetcher").edit(edit)
}

pub fn write(path: &str) -> Value {
    json!({"method": "POST", "text": format!("https://vendor.test{path}")})
}

struct Scene {
    hub: TestHub,
    org: Org,
    vendor: Vendor,
    clock: Arc<ManualClock>,
}

impl Scene {
    async fn start(header: Option<&str>) -> Self {
        let vendor = Vendor::start().await;
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let hub = TestHub::setup().upstream("vendor.test", &vendor.url()).clock(clock.clone()).start().await;
        let org = hub.org("acme").await;
        for fixture in [Fixture::load("echo"), writer(header)] {
            let _ = org.upload(fixture.pack()).await.expect(201);
            let _ = org.install(fixture.manifest.id.as_str(), json!({})).await.expect(200);
        }
        Self { hub, org, vendor, clock }
    }

    async fn act(&self, action: &str, key: &str, input: &Value) -> Reply {
        self.org.call("POST", &format!("/v1/actions/{action}")).header(KEY, key).json(input).send().await
    }

    /// The keys that came to the vendor, by path.
    fn asked(&self) -> HashMap<String, Vec<Option<String>>> {
        asked(&self.vendor)
    }
}

/// The keys that came to a vendor, by path.
pub fn asked(vendor: &Vendor) -> HashMap<String, Vec<Option<String>>> {
    let mut asked: HashMap<String, Vec<_>> = HashMap::new();
    for request in vendor.requests() {
        asked.entry(request.path.clone()).or_default().push(request.header(KEY).map(str::to_owned));
    }
    asked
}

fn assert_same(first: &Reply, second: &Reply) {
    assert_eq!((first.status, &first.body), (second.status, &second.body));
    for name in ["content-type", "patchbay-run"] {
        assert_eq!(first.header(name), second.header(name), "{name}");
    }
    assert_eq!((first.header(REPLAYED), second.header(REPLAYED)), (None, Some("true")));
    // a vendor's own stays, and the hub's is beside it then
    let id = |reply: &Reply| reply.header("patchbay-request-id").or(reply.header("x-request-id")).map(str::to_owned);
    assert_ne!(id(first), id(second));
}

pub async fn a_repeat_gets_the_first_answer_and_makes_no_second_run() {
    let scene = Scene::start(None).await;
    let input = json!({"text": "x"});
    let first = scene.act("echo/run", "order-1", &input).await.expect(200);
    for _ in 0..3 {
        assert_same(&first, &scene.act("echo/run", "order-1", &input).await);
    }
    assert_same(&first, &scene.act("echo/run", "\"order-1\"", &input).await);
    assert_eq!(scene.org.runs("echo").await.len(), 1);
    assert_eq!(scene.org.metered("echo", "calls").await, 1);
    let kept = scene.hub.kept().await;
    let sealed = kept.iter().all(|(_, bytes)| !bytes.windows(12).any(|part| part == br#"{"result":"x"#.as_slice()));
    assert!(sealed, "a stored answer is sealed");
}

pub async fn a_key_stands_for_one_caller_one_route_and_one_body() {
    let scene = Scene::start(None).await;
    let _ = scene.act("echo/run", "order-1", &json!({"text": "x"})).await.expect(200);
    let other = scene.act("echo/run", "order-1", &json!({"text": "y"})).await;
    other.expect_problem("idempotency_key_reused");
    let fetched = scene.act("echo/fetch", "order-1", &json!({"text": "https://vendor.test/ok"})).await.expect(200);
    assert_eq!(fetched.header(REPLAYED), None, "another route");
    let key = scene.org.new_key(&scene.hub, &Scope::ALL, None).await;
    let colleague = scene.org.with_key(&key).call("POST", "/v1/actions/echo/run").header(KEY, "order-1");
    let reply = colleague.json(&json!({"text": "y"})).send().await.expect(200);
    assert_eq!(reply.header(REPLAYED), None, "another caller");
    for bad in ["", &"k".repeat(256), "\"open"] {
        scene.act("echo/run", bad, &json!({"text": "x"})).await.expect_problem("invalid_request");
    }
}

pub async fn of_many_at_once_one_is_done_and_the_others_wait_or_get_its_answer() {
    let scene = Scene::start(Some(KEY)).await;
    let input = write("/once");
    let asking = || scene.act("fetcher/run", "order-1", &input);
    let replies = join_all((0..40).map(|_| asking())).await;
    let mut runs = BTreeSet::new();
    for reply in &replies {
        match reply.status {
            200 => drop(runs.insert(reply.header("patchbay-run").unwrap().to_owned())),
            _ => {
                reply.expect_problem("idempotency_in_progress");
                assert_eq!(reply.header("retry-after"), Some("1"));
            }
        }
    }
    assert_eq!((runs.len(), scene.asked()["/once"].len()), (1, 1));
    assert_eq!(asking().await.expect(200).header(REPLAYED), Some("true"));
}

pub async fn what_was_refused_before_anything_was_done_can_be_asked_for_again() {
    let scene = Scene::start(None).await;
    scene.act("echo/run", "order-1", &json!({"text": 7})).await.expect_problem("invalid_input");
    let _ = scene.act("echo/run", "order-1", &json!({"text": "x"})).await.expect(200);
    scene.act("echo/nothing", "order-2", &json!({})).await.expect_problem("action_not_found");
    // the vendor refuses it: what it refuses it has not done
    let refused = write("/limited?status=404&name=x-a&value=b");
    let answers = [
        scene.act("fetcher/run", "order-3", &refused).await,
        scene.act("fetcher/run", "order-4", &json!({"method": "POST", "text": "https://vendor.test/nothing"})).await,
    ];
    assert_eq!(answers[0].status, 200, "the guest takes any answer for a good one");
    answers[1].expect_problem("egress_denied");
    scene
        .act("fetcher/run", "order-4", &json!({"method": "POST", "text": "https://vendor.test/nothing"}))
        .await
        .expect_problem("egress_denied");
}

pub async fn a_failure_after_which_nobody_knows_is_what_a_repeat_gets() {
    let scene = Scene::start(None).await;
    let input = write("/silent");
    let first = scene.act("fetcher/run", "order-1", &input).await.expect(504);
    let second = scene.act("fetcher/run", "order-1", &input).await.expect(504);
    assert_eq!((first.code(), first.header("patchbay-run")), (second.code(), second.header("patchbay-run")));
    assert_eq!(second.header(REPLAYED), Some("true"));
    assert_eq!(scene.org.runs("fetcher").await.len(), 1);
}

pub async fn a_failure_behind_which_the_vendor_knows_repeats_is_tried_again_under_the_same_key() {
    let scene = Scene::start(Some(KEY)).await;
    let slow = write("/silent");
    let failed = scene.act("fetcher/run", "order-1", &slow).await.expect(504);
    let again = scene.act("fetcher/run", "order-1", &slow).await.expect(504);
    assert_ne!(failed.header("patchbay-run"), again.header("patchbay-run"));
    let input = write("/once");
    let body = |reply: Reply| reply.expect(200).json()["output"]["result"].as_str().unwrap().to_owned();
    let first = body(scene.act("fetcher/run", "order-2", &input).await);
    assert_eq!(body(scene.act("fetcher/run", "order-2", &input).await), first);
    let other = body(scene.act("fetcher/run", "order-3", &input).await);
    assert_ne!(first, other, "another write has another key");
    let asked = scene.asked();
    assert!(asked["/once"].iter().all(Option::is_some), "{asked:?}");
    assert_eq!(asked["/once"].len(), 2);
    let without = scene.org.act("fetcher", "run", &input).await.expect(200).json()["output"]["result"].clone();
    assert!(!without.as_str().unwrap().contains("without a key"), "the hub's own repeats are known too");
}

pub async fn a_proxied_write_is_done_once_as_well() {
    let scene = Scene::start(None).await;
    let send = |key: &str, body: &'static str, query: &str| {
        let call = scene.org.call("POST", &format!("/v1/proxy/echo/echo{query}"));
        call.header(KEY, key).body("text/plain", body).send()
    };
    let first = send("order-1", "hello", "").await.expect(200);
    assert_eq!(first.text(), "hello");
    assert_same(&first, &send("order-1", "hello", "").await);
    assert_eq!(scene.org.runs("echo").await.len(), 1);
    send("order-1", "other", "").await.expect_problem("idempotency_key_reused");
    send("order-1", "hello", "?a=1").await.expect_problem("idempotency_key_reused");
    let large = "x".repeat(60 << 10).leak();
    let whole = send("order-2", large, "").await.expect(200);
    assert_same(&whole, &send("order-2", large, "").await);
    let too_large = "x".repeat(70 << 10).leak();
    send("order-3", too_large, "").await.expect_problem("payload_too_large");
}

pub async fn an_answer_that_is_too_large_to_keep_is_told_by_its_run() {
    let scene = Scene::start(None).await;
    let large = Fixture::load("echo").version("1.0.1").edit(|manifest| {
        manifest.proxy.as_mut().unwrap().routes[0].body_kib = Some(4_096);
    });
    let _ = scene.org.upload(large.pack()).await.expect(201);
    let body = "x".repeat((1 << 20) + 1);
    let send = || {
        let call = scene.org.call("POST", "/v1/proxy/echo/echo").header(KEY, "order-1");
        call.body("text/plain", body.clone()).send()
    };
    let first = send().await.expect(200);
    assert_eq!(first.body.len(), body.len());
    let second = send().await;
    second.expect_problem("idempotency_answer_not_kept");
    assert_eq!(second.json()["run"].as_str(), first.header("patchbay-run"));
    assert_eq!(scene.org.runs("echo").await.len(), 1);
}

pub async fn a_streamed_answer_comes_back_whole() {
    let scene = OpenAiScene::start().await;
    let body = json!({"model": "gpt-4o-mini", "stream": true, "messages": [{"role": "user", "content": "Hello"}]});
    let ask = || scene.proxied("/v1/chat/completions", &body).header(KEY, "order-1").send();
    let first = ask().await.expect(200);
    assert!(first.text().ends_with("data: [DONE]\n\n"), "{}", first.text());
    let second = ask().await;
    assert_same(&first, &second);
    assert_eq!(scene.vendor.ledger().entries().len(), 1);
}

pub async fn an_answer_is_kept_for_a_day() {
    let scene = Scene::start(None).await;
    let input = json!({"text": "x"});
    let first = scene.act("echo/run", "order-1", &input).await.expect(200);
    scene.clock.advance(Span::hours(24) - Span::seconds(1));
    assert_same(&first, &scene.act("echo/run", "order-1", &input).await);
    scene.clock.advance(Span::seconds(1));
    let anew = scene.act("echo/run", "order-1", &input).await.expect(200);
    assert_eq!(anew.header(REPLAYED), None);
    assert_ne!(anew.header("patchbay-run"), first.header("patchbay-run"));
}

pub async fn a_client_that_leaves_finds_the_answer_when_it_comes_back() {
    let scene = Scene::start(Some(KEY)).await;
    let input = write("/once");
    let leaving = scene.org.call("POST", "/v1/actions/fetcher/run").header(KEY, "order-1").json(&input).open();
    tokio::select! {
        biased;
        () = scene.vendor.once_was_asked() => {}
        _ = leaving => panic!("it was answered before the vendor was asked"),
    }
    let org = scene.org.clone();
    let done = || async {
        let reply = scene.act("fetcher/run", "order-1", &input).await;
        (reply.status == 200).then_some(reply)
    };
    let _ = org.wait_for(Duration::from_secs(30), done).await;
    assert_eq!(scene.asked()["/once"].len(), 1);
}
