//! Zapier as a client of the hub, and its hooks as the hub's receivers.

use std::sync::Arc;

use patchbay_model::SystemClock;
use patchbay_tests::{Fixture, Org, Reply, TestHub, Zapier};
use serde_json::{Value, json};

struct Scene {
    hub: TestHub,
    org: Org,
    zapier: Zapier,
}

impl Scene {
    async fn start() -> Self {
        let zapier = Zapier::start(Arc::new(SystemClock)).await;
        let hub = TestHub::setup().upstream("hooks.zapier.com", &zapier.url()).start().await;
        let org = hub.org("acme").await;
        let _ = org.upload(Fixture::plugin("zapier").pack()).await.expect(201);
        let _ = org.install("zapier", json!({"label": "Acme"})).await.expect(200);
        Self { hub, org, zapier }
    }

    /// As Zapier calls it.
    async fn rest(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        let call = self.org.call(method, &format!("/v1/proxy/zapier{path}"));
        match body {
            Some(body) => call.json(&body).send().await,
            None => call.send().await,
        }
    }
}

pub async fn a_zap_subscribes_and_unsubscribes_by_the_rest_surface() {
    let scene = Scene::start().await;
    // 1: the key is tested
    let me = scene.rest("GET", "/me", None).await.expect(200).json();
    assert_eq!(me["name"], "Acme");
    let stranger = scene.org.with_key("pb_nobody");
    assert_eq!(stranger.get("/v1/proxy/zapier/me").await.status, 401);
    // 2: the same twice is one hook
    let wish = json!({"target_url": Zapier::standard("123456", "abcdef"), "event": "stripe.*", "filters": {"object.currency": "usd"}});
    let hook = scene.rest("POST", "/hooks", Some(wish.clone())).await.expect(201).json();
    assert_eq!(scene.rest("POST", "/hooks", Some(wish.clone())).await.expect(201).json(), hook);
    assert_eq!(scene.rest("GET", "/hooks", None).await.expect(200).json(), json!([hook.clone()]));
    let one = format!("/hooks/{}", hook["id"].as_str().unwrap());
    assert_eq!(scene.rest("GET", &one, None).await.expect(200).json(), hook);
    // another organization sees nothing of it
    let other = scene.hub.org("other").await;
    let _ = other.install("zapier", json!({})).await.expect(200);
    assert_eq!(other.get(&format!("/v1/proxy/zapier{one}")).await.status, 404);
    assert_eq!(other.get("/v1/proxy/zapier/hooks").await.json(), json!([]));
    // a refusal has the words that Zapier shows
    let refused =
        scene.rest("POST", "/hooks", Some(json!({"target_url": "https://example.com/", "event": "a.b"}))).await;
    assert!(
        refused.status == 400 && refused.json()["message"].as_str().unwrap().contains("URL of Zapier"),
        "{}",
        refused.text()
    );
    // 3: no sample is an empty list
    assert_eq!(
        scene.rest("GET", "/samples?event=stripe.invoice.paid&limit=3", None).await.expect(200).json(),
        json!([])
    );
    // 9: unsubscribed twice
    let _ = scene.rest("DELETE", &one, None).await.expect(200);
    let _ = scene.rest("DELETE", &one, None).await.expect(200);
    assert_eq!(scene.rest("GET", &one, None).await.status, 404);
    // the same by actions
    let hook = scene.org.act("zapier", "subscribe", &wish).await.expect(200).json()["output"].clone();
    let listed = scene.org.act("zapier", "list-hooks", &json!({})).await.expect(200).json()["output"].clone();
    assert_eq!(listed, json!([hook.clone()]));
    let ended = scene.org.act("zapier", "unsubscribe", &json!({"id": hook["id"]})).await.expect(200).json();
    assert_eq!(ended["output"]["existed"], true);
}

pub async fn a_catch_hook_is_pushed_to_and_its_url_is_known_to_the_hub_alone() {
    let scene = Scene::start().await;
    let url = "https://hooks.zapier.com/hooks/catch/123456/canaryCatchHook00/";
    let _ = scene.org.connect("zapier", "catch_hook_url", url).await.expect(200);
    let pushed = scene.org.act("zapier", "push", &json!({"payload": {"id": "evt_1", "a": 1}})).await.expect(200).json();
    assert_eq!(pushed["output"]["id"], "evt_1");
    assert_eq!(scene.zapier.pushes(url), [json!({"id": "evt_1", "a": 1})]);
    for (path, bytes) in scene.hub.kept().await {
        assert!(!bytes.windows(17).any(|window| window == b"canaryCatchHook00"), "{}", path.display());
    }
    assert_eq!(scene.zapier.violations(), Vec::<String>::new());
}
