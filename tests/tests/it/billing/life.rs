//! The life of an org, from its first call to its last bill; and the same with every webhook twice and in any order.

use std::sync::Arc;

use chrono::Duration;
use patchbay_model::{Clock as _, ManualClock, Timestamp};
use patchbay_tests::{Fixture, Org, stripe::VISA};
use serde_json::{Value, json};

use super::scene::{SOON, Scene, counted, plan};

/// What has become of it all.
#[derive(Debug, PartialEq)]
struct Outcome {
    subscription: Value,
    /// What the owner sees of the past, with what it cost.
    history: Vec<(String, Option<i64>)>,
    /// At Stripe, the newest first.
    invoices: Vec<(String, i64)>,
    /// Units that Stripe's meter has.
    metered: i64,
    /// What the org was told.
    notices: Vec<String>,
}

struct Life {
    scene: Scene,
    clock: Arc<ManualClock>,
}

impl Life {
    async fn begin(seed: Option<u64>) -> Self {
        let born: Timestamp = "2027-01-04T09:17:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(born));
        let scene = Scene::start(clock.clone(), 300, seed).await;
        Self { scene, clock }
    }

    fn buyer(&self) -> &Org {
        &self.scene.buyer
    }

    async fn call(&self, times: usize) {
        for _ in 0..times {
            let _ = self.buyer().act("echo", "run", &json!({"text": "hi"})).await.expect(200);
        }
    }

    /// Lets time pass, and does what is due then.
    async fn wait(&self, time: Duration) {
        self.clock.advance(time);
        self.scene.stripe.catch_up();
        self.scene.deliver().await;
    }

    /// To two hours after the end of the period that is billed now: by then Stripe has asked for its money.
    async fn wait_for_the_bill(&self) {
        let ends = self.subscription().await["subscribed"]["period_ends_at"].as_str().unwrap().to_owned();
        let ends: Timestamp = ends.parse().unwrap();
        self.wait(ends + Duration::hours(2) - self.clock.now()).await;
    }

    async fn subscription(&self) -> Value {
        self.scene.owner().await.get("/v1/billing/subscription").await.expect(200).json()
    }

    /// Waits until Stripe was told of so many units, of all periods: the hub's own worker may be in the middle of it.
    async fn has_metered(&self, units: i64) {
        let is_told = || async {
            self.scene.work().await;
            (self.metered() == units).then_some(())
        };
        self.scene.operator.wait_for(SOON, is_told).await;
    }

    fn metered(&self) -> i64 {
        self.scene.stripe.meter_events().iter().map(|event| event.value).sum()
    }

    fn customer(&self) -> String {
        let found = self.scene.stripe.ask("GET", "/v1/customers", &json!({}));
        assert_eq!(found["data"].as_array().unwrap().len(), 1, "an org is one customer");
        found["data"][0]["id"].as_str().unwrap().to_owned()
    }

    async fn invoices(&self) -> Vec<Value> {
        let owner = self.scene.owner().await;
        let page = owner.get("/v1/billing/invoices?limit=100").await.expect(200).json();
        page["items"].as_array().unwrap().clone()
    }

    async fn outcome(self) -> Outcome {
        self.scene.deliver_all_again().await;
        let owner = self.scene.owner().await;
        let history = owner.get("/v1/billing/history?limit=200").await.expect(200).json();
        let entry = |entry: &Value| (entry["kind"].as_str().unwrap().to_owned(), entry["amount"].as_i64());
        let mut history: Vec<_> = history["items"].as_array().unwrap().iter().map(entry).collect();
        history.sort();
        let invoice = |one: &Value| (one["status"].as_str().unwrap().to_owned(), one["total"].as_i64().unwrap());
        let invoices = self.invoices().await.iter().map(invoice).collect();
        let events = self.buyer().get("/v1/events?type=billing.*&limit=200").await.expect(200).json();
        let kind = |event: &Value| event["type"].as_str().unwrap().to_owned();
        let mut notices: Vec<_> = events["items"].as_array().unwrap().iter().map(kind).collect();
        notices.sort();
        assert_eq!(self.scene.stripe.violations(), [] as [String; 0]);
        Outcome { subscription: self.subscription().await, history, invoices, metered: self.metered(), notices }
    }
}

async fn refuses_what_is_wrong(owner: &Org) {
    let bodies = [
        ("POST", "/v1/billing/checkout", json!({}), ""),
        ("POST", "/v1/billing/checkout", json!({"plan": "gold"}), "/plan"),
        ("POST", "/v1/billing/checkout", json!({"plan": "pro", "org": "x"}), "/org"),
        ("PUT", "/v1/billing/subscription", json!({"plan": "gold"}), "/plan"),
        ("PUT", "/v1/billing/subscription", json!({"plan": "pro", "as_of": "soon"}), "/as_of"),
        ("POST", "/v1/billing/subscription/preview", json!({"plan": 1}), "/plan"),
        ("POST", "/v1/billing/estimate", json!({"usage": {"tokens": 1}}), "/usage/tokens"),
        ("POST", "/v1/billing/estimate", json!({"plan": "gold"}), "/plan"),
    ];
    for (method, path, body, pointer) in bodies {
        let refused = owner.call(method, path).json(&body).send().await;
        refused.expect_problem("invalid_input");
        assert_eq!(refused.json()["violations"][0]["pointer"], pointer, "{path} {body}");
    }
    for query in ["history?before=x", "history?limit=0", "history?order=up", "reconciliation?limit=201"] {
        owner.get(&format!("/v1/billing/{query}")).await.expect_problem("invalid_request");
    }
    owner.get("/v1/billing/invoices?limit=101").await.expect_problem("invalid_request");
    for path in ["invoices", "upcoming"] {
        owner.get(&format!("/v1/billing/{path}")).await.expect_problem("conflict");
    }
    for (method, path) in [("POST", "portal"), ("POST", "subscription/resume"), ("DELETE", "subscription")] {
        owner.call(method, &format!("/v1/billing/{path}")).send().await.expect_problem("conflict");
    }
}

async fn live(seed: Option<u64>) -> Outcome {
    let life = Life::begin(seed).await;
    let (scene, buyer) = (&life.scene, life.buyer());

    // free, to its end
    life.call(2).await;
    buyer.act("echo", "run", &json!({"text": "hi"})).await.expect_problem("plan_limit_reached");
    let pro = json!({"plan": "pro"});
    buyer.call("POST", "/v1/billing/checkout").json(&pro).send().await.expect_problem("forbidden");
    life.wait(Duration::hours(2)).await;

    // checkout, webhook, pro
    let owner = scene.owner().await;
    owner.call("PUT", "/v1/billing/subscription").json(&pro).send().await.expect_problem("conflict");
    refuses_what_is_wrong(&owner).await;
    let checkout = owner.call("POST", "/v1/billing/checkout").json(&pro).send().await.expect(200).json();
    let session = checkout["url"].as_str().unwrap().rsplit('/').next().unwrap();
    assert_eq!(plan(buyer).await, "free", "nothing is paid yet");
    scene.stripe.complete_checkout(session, VISA).unwrap();
    scene.deliver().await;
    assert_eq!(plan(buyer).await, "pro");
    owner.call("POST", "/v1/billing/checkout").json(&pro).send().await.expect_problem("conflict");

    // past what the plan includes
    assert_eq!(counted(buyer, "current").await, (0, 4_900), "what was used for free is not billed");
    life.call(5).await;
    life.wait(Duration::minutes(10)).await;
    life.has_metered(2).await;
    let estimate = owner.call("POST", "/v1/billing/estimate").json(&json!({})).send().await.expect(200).json();
    assert_eq!((&estimate["overage_cost"], &estimate["total"]), (&json!(100), &json!(5_000)));
    let upcoming = owner.get("/v1/billing/upcoming").await.expect(200).json();
    assert_eq!((&upcoming["id"], &upcoming["total"]), (&Value::Null, &json!(5_000)));
    let portal = owner.call("POST", "/v1/billing/portal").send().await.expect(200).json();
    assert!(portal["url"].as_str().unwrap().starts_with("https://billing.stripe.com/"), "{portal}");
    life.wait(Duration::minutes(10)).await;
    assert_eq!(life.metered(), 2, "nothing is told twice");

    // an upgrade costs what its preview says
    life.wait(Duration::days(10)).await;
    let owner = scene.owner().await;
    let business = json!({"plan": "business"});
    let preview =
        owner.call("POST", "/v1/billing/subscription/preview").json(&business).send().await.expect(200).json();
    assert_eq!(preview["total"], preview["proration"]);
    life.clock.advance(Duration::minutes(3));
    let change = json!({"plan": "business", "as_of": preview["as_of"]});
    let changed = owner.call("PUT", "/v1/billing/subscription").json(&change).send().await.expect(200).json();
    assert_eq!(changed["plan"], "business");
    scene.deliver().await;
    assert_eq!(life.invoices().await[0]["total"], preview["total"]);
    life.call(4).await;
    life.wait(Duration::minutes(10)).await;
    // nine, of which five are included
    life.has_metered(4).await;

    // the period turns: the counters begin anew, and the bill is what the hub says it is
    life.wait_for_the_bill().await;
    assert_eq!(counted(buyer, "current").await.0, 0);
    let (used, total) = counted(buyer, "previous").await;
    assert_eq!((used, total), (9, 19_900 + 4 * 30));
    assert_eq!(life.invoices().await[0]["total"].as_u64(), Some(total));
    life.call(1).await;

    // a payment fails, and the grace ends
    scene.stripe.decline(&life.customer(), "insufficient_funds");
    life.wait_for_the_bill().await;
    let late = life.subscription().await;
    assert_eq!((&late["plan"], &late["subscribed"]["status"]), (&json!("business"), &json!("past_due")));
    life.wait(Duration::days(7)).await;
    assert_eq!(plan(buyer).await, "free");

    // it is paid after all
    scene.stripe.accept(&life.customer());
    let open = life.invoices().await.into_iter().find(|one| one["status"] == "open").unwrap();
    scene.stripe.ask("POST", &format!("/v1/invoices/{}/pay", open["id"].as_str().unwrap()), &json!({}));
    scene.deliver().await;
    assert_eq!(plan(buyer).await, "business");

    // and canceled: first with the period, which is taken back, and then at once
    let owner = scene.owner().await;
    let ending = owner.call("DELETE", "/v1/billing/subscription").send().await.expect(200).json();
    assert!(ending["subscribed"]["ends_at"].is_string(), "{ending}");
    let resumed = owner.call("POST", "/v1/billing/subscription/resume").send().await.expect(200).json();
    assert!(resumed["subscribed"]["ends_at"].is_null(), "{resumed}");
    let _ = owner.call("DELETE", "/v1/billing/subscription?at_once=true").send().await.expect(200);
    scene.deliver().await;
    assert_eq!(plan(buyer).await, "free");
    life.outcome().await
}

pub async fn the_life_of_an_org() {
    let in_order = live(None).await;
    assert_eq!(in_order.metered, 4);
    assert_eq!(in_order.subscription["subscribed"]["status"], "canceled");
    assert!(in_order.notices.iter().any(|kind| kind == "billing.payment_failed"), "{:?}", in_order.notices);
    assert_eq!(live(Some(20_261_122)).await, in_order);
}

pub async fn entitlements_are_for_the_operators_org_alone() {
    let life = Life::begin(None).await;
    let other = life.scene.hub.org("other").await;
    life.scene.hub.hub.set_plan(other.id, "enterprise", None).await.unwrap();
    let _ = other.connect("stripe", "secret_key", super::scene::KEY).await.expect(200);
    let settings = Fixture::plugin("stripe").manifest.entitlements;
    assert!(settings, "the manifest asks for it");
    let catalogue = life.scene.operator.get("/v1/installations/stripe").await.expect(200).json()["config"].clone();
    let _ = other.install("stripe", catalogue).await.expect(200);
    let input = json!({"reference": life.buyer().id, "plan": "pro"});
    other.act("stripe", "billing-checkout", &input).await.expect_problem("plugin_denied");
    assert_eq!(life.scene.stripe.ask("GET", "/v1/customers", &json!({}))["data"], json!([]));
    assert_eq!(plan(life.buyer()).await, "free");
}
