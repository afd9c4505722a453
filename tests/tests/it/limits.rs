//! Rate limits, ours and vendors'.

use std::time::Duration;

use patchbay_model::{org::Scope, rate::Rate};
use patchbay_test_redis::TestRedis;
use patchbay_tests::{Fixture, Org, Reply, TestHub, Vendor, hub::Setup};
use serde_json::{Value, json};

use crate::{
    hubs::{COMPILED, SECOND, within},
    once::writer,
};

async fn echo(setup: Setup) -> (TestHub, Org) {
    let hub = setup.start().await;
    let org = hub.org("acme").await;
    let _ = org.upload(Fixture::load("echo").pack()).await.expect(201);
    let _ = org.install("echo", json!({})).await.expect(200);
    (hub, org)
}

async fn set(org: &Org, limits: Value) {
    let _ = org.call("PUT", "/v1/rate-limits").json(&limits).send().await.expect(200);
}

async fn run(org: &Org) -> Reply {
    org.act("echo", "run", &json!({"text": "x"})).await
}

fn number(reply: &Reply, name: &str) -> u64 {
    reply.header(name).and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {reply:?}"))
}

pub async fn an_answer_says_how_the_limits_stand() {
    let (_hub, org) = echo(TestHub::setup()).await;
    set(&org, json!({"key": "100/h", "actions": {"echo/run": "10/h"}})).await;
    let reply = run(&org).await.expect(200);
    assert_eq!((number(&reply, "ratelimit-limit"), number(&reply, "ratelimit-remaining")), (10, 9));
    assert_eq!(number(&reply, "ratelimit-reset"), 360);
    let policy = reply.header("ratelimit-policy").unwrap();
    assert_eq!(policy, r#""action";q=10;w=3600, "key";q=100;w=3600, "org";q=120000;w=60"#);
    let state = reply.header("ratelimit").unwrap();
    assert!(state.starts_with(r#""action";r=9;t=360, "key";r="#), "{state}");
    let listed = org.get("/v1/runs").await.expect(200);
    assert_eq!(number(&listed, "ratelimit-limit"), 100, "the action's limit is not the list's");
    let own = org.get("/v1/rate-limits").await.expect(200).json();
    assert_eq!(own["own"], json!({"key": "100/h", "actions": {"echo/run": "10/h"}}));
    assert_eq!(own["configured"]["org"], "120000/min");
}

pub async fn a_reached_limit_refuses_with_its_name_and_when_to_come_again() {
    let (hub, org) = echo(TestHub::setup()).await;
    let other = org.with_key(&org.new_key(&hub, &Scope::ALL, None).await);
    for (limits, name) in [
        (json!({"actions": {"echo/run": "2/h"}}), "action"),
        (json!({"plugins": {"echo": "2/h"}}), "plugin"),
        (json!({"endpoints": {"actions": "2/h"}}), "endpoint"),
        (json!({"org": "3/h"}), "org"),
        (json!({"key": "3/h"}), "key"),
    ] {
        // what the request to set them counts against is as it was before
        set(&org, limits).await;
        let mut last = run(&org).await;
        for _ in 0..3 {
            last = run(&org).await;
        }
        last.expect_problem("rate_limited");
        assert!(last.json()["detail"].as_str().unwrap().contains(&format!("`{name}`")), "{}", last.text());
        assert!((1..=3600).contains(&number(&last, "retry-after")), "{last:?}");
        assert_eq!(number(&last, "ratelimit-remaining"), 0);
        assert!(last.header("ratelimit").unwrap().starts_with(&format!("\"{name}\";r=0;t=")));
        let neighbour = run(&other).await;
        assert_eq!(neighbour.status, if name == "key" { 200 } else { 429 }, "{name}");
        // the operator lifts them: no limit is on the way
        let limits = json!({"org": "unlimited", "key": "unlimited"});
        let _ = hub.hub.put_rate_limits_of(org.id, serde_json::from_value(limits).unwrap()).await.unwrap();
    }
}

pub async fn a_manifests_rate_holds_for_each_org_until_it_sets_its_own() {
    let hub = TestHub::start().await;
    let (org, other) = (hub.org("acme").await, hub.org("other").await);
    let rate: Rate = "2/h".parse().unwrap();
    let fixture = Fixture::load("echo").edit(|manifest| manifest.actions[0].rate = Some(rate));
    let _ = org.upload(fixture.pack()).await.expect(201);
    for org in [&org, &other] {
        let _ = org.install("echo", json!({})).await.expect(200);
        for status in [200, 200, 429] {
            assert_eq!(run(org).await.status, status);
        }
    }
    set(&org, json!({"actions": {"echo/run": "unlimited"}})).await;
    assert_eq!((run(&org).await.status, run(&other).await.status), (200, 429));
}

pub async fn asking_who_one_is_counts_as_everything_else_that_one_asks_for() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    set(&org, json!({"endpoints": {"read": "2/h"}})).await;
    let _ = org.get("/v1/session").await.expect(200);
    let _ = org.get("/openapi.json").await.expect(200);
    for path in ["/v1/session", "/openapi.json", "/v1/runs"] {
        org.get(path).await.expect_problem("rate_limited");
    }
}

pub async fn routes_without_a_key_are_limited_by_address() {
    let setup = TestHub::setup().edit(|config| {
        config.rates.addresses.webhooks = Some("3/h".parse().unwrap());
        config.rates.addresses.oauth_callback = Some("3/h".parse().unwrap());
    });
    let hub = setup.start().await;
    for path in [format!("/hooks/{}", "a".repeat(64)), "/oauth/callback/echo?state=x".to_owned()] {
        for _ in 0..3 {
            assert_ne!(hub.get(&path).await.status, 429);
        }
        let refused = hub.get(&path).await;
        refused.expect_problem("rate_limited");
        assert!(refused.json()["detail"].as_str().unwrap().contains("`address`"));
    }
    assert_eq!(hub.get("/healthz").await.status, 200);
}

/// What follows in their paths is a secret that one could try to guess.
pub async fn pages_that_people_open_by_a_link_are_limited_by_address() {
    let pages = [
        ("GET", "/connect/pbc_x"),
        ("POST", "/connect/pbc_x/echo"),
        ("POST", "/connect/pbc_x/echo/authorize"),
        ("GET", "/invitations/pbi_x"),
        ("GET", "/oauth/connect/x"),
        ("POST", "/oauth/connect/x"),
    ];
    let signing_in = [
        ("POST", "/invitations/pbi_x"),
        ("POST", "/invitations/pbi_x/oidc"),
        ("POST", "/v1/oidc/authorize"),
        ("GET", "/v1/oidc/callback"),
        ("POST", "/v1/session"),
        ("POST", "/v1/invitations/accept"),
    ];
    let setup = TestHub::setup().edit(|config| {
        config.rates.addresses.pages = Some("6/h".parse().unwrap());
        config.rates.addresses.sign_in = Some("6/h".parse().unwrap());
    });
    let hub = setup.start().await;
    let org = hub.org("acme").await;
    for routes in [pages, signing_in] {
        for limited in [false, true] {
            for (method, path) in routes {
                let reply = org.without_key(method, path).send().await;
                assert_eq!(reply.status == 429, limited, "{method} {path}: {}", reply.text());
            }
        }
    }
}

/// That the other hub knows the limit, `processes` sees; here it refuses by it.
async fn changing_limits_on_one_of_two_hubs() {
    let (first, org) = echo(TestHub::setup()).await;
    let second = TestHub::setup().beside(&first).start().await;
    let there = org.at(&second);
    set(&org, json!({"endpoints": {"read": "1/day"}})).await;
    within(SECOND, &there, async |org| org.get("/v1/runs").await.status == 429).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_set_on_one_hub_refuses_on_the_other_within_a_second() {
    patchbay_tests::hub::on_postgres(changing_limits_on_one_of_two_hubs()).await;
}

async fn one_limit_over_two_hubs() {
    let Some(redis) = TestRedis::start() else { return };
    let url = redis.url();
    let setup = move || {
        let url = url.clone();
        TestHub::setup().edit(move |config| config.rates.store = Some(url.parse().unwrap()))
    };
    let (first, org) = echo(setup()).await;
    let second = setup().beside(&first).start().await;
    let there = org.at(&second);
    within(COMPILED, &there, async |org| run(org).await.status == 200).await;
    set(&org, json!({"actions": {"echo/run": "10/day"}})).await;
    // until both hubs know of the limit and of the store
    let counted = |reply: &Reply| reply.header("ratelimit-policy").is_some_and(|policy| policy.contains("q=10;"));
    for org in [&org, &there] {
        within(COMPILED, org, async |org| counted(&run(org).await)).await;
    }
    let mut passed = 2;
    for round in 0..30 {
        let reply = run(if round % 2 == 0 { &org } else { &there }).await;
        if reply.status == 200 {
            passed += 1;
        } else {
            reply.expect_problem("rate_limited");
        }
    }
    assert!((3..=11).contains(&passed), "{passed} of 10 passed on two hubs together");
}

#[tokio::test(flavor = "multi_thread")]
async fn hubs_with_a_store_count_together() {
    patchbay_tests::hub::on_postgres(one_limit_over_two_hubs()).await;
}

struct Vendors {
    _hub: TestHub,
    orgs: [Org; 2],
    vendor: Vendor,
}

impl Vendors {
    async fn start() -> Self {
        let vendor = Vendor::start().await;
        let hub = TestHub::setup().upstream("vendor.test", &vendor.url()).start().await;
        let orgs = [hub.org("acme").await, hub.org("other").await];
        // a call that waits for the end of a pause is not stopped by the clock
        let fixture = writer(None).edit(|manifest| manifest.limits.timeout_ms = Some(50_000));
        let _ = orgs[0].upload(fixture.pack()).await.expect(201);
        for org in &orgs {
            let _ = org.install("fetcher", json!({})).await.expect(200);
        }
        Self { _hub: hub, orgs, vendor }
    }

    async fn ask(&self, org: usize, status: u16, header: &str, value: &str) -> Reply {
        let url = format!("https://vendor.test/limited?status={status}&name={header}&value={value}");
        self.orgs[org].act("fetcher", "run", &json!({"text": url})).await
    }
}

pub async fn a_vendor_that_asks_for_a_pause_is_not_asked_before_its_end() {
    for (status, header, value, longest) in
        [(429, "retry-after", "60", 60), (200, "x-ratelimit-reset-requests", "6m0s", 0), (503, "retry-after", "90", 90)]
    {
        let scene = Vendors::start().await;
        let _ = scene.ask(0, status, header, value).await;
        let asked = scene.vendor.requests().len();
        let held = scene.ask(0, status, header, value).await;
        if longest == 0 {
            // a reset alone does not say that nothing is left
            assert_eq!(held.status, 200, "{}", held.text());
            continue;
        }
        held.expect_problem("vendor_rate_limited");
        assert!((longest - 30..=longest).contains(&number(&held, "retry-after")), "{held:?}");
        assert_eq!(scene.vendor.requests().len(), asked, "the vendor was not asked");
        let _ = scene.ask(1, 200, "x-a", "b").await.expect(200);
    }
}

pub async fn a_short_pause_is_waited_for() {
    let scene = Vendors::start().await;
    // it has begun before the answer comes back, which may take a while on a machine that is busy otherwise
    let _ = scene.ask(0, 429, "retry-after-ms", "2000").await;
    let start = std::time::Instant::now();
    let _ = scene.ask(0, 200, "x-a", "b").await.expect(200);
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
}

pub async fn other_credentials_are_not_held_back() {
    let scene = Vendors::start().await;
    let _ = scene.ask(0, 429, "retry-after", "60").await;
    scene.ask(0, 200, "x-a", "b").await.expect_problem("vendor_rate_limited");
    let _ = scene.orgs[0].connect("fetcher", "secret_key", "another-account").await.expect(200);
    let _ = scene.ask(0, 200, "x-a", "b").await.expect(200);
}
