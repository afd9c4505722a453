//! A hub whose plans are sold, its operator's org with Stripe behind it, and an org that buys.

use std::{collections::BTreeMap, sync::Arc};

use patchbay_hub::{Billing, PlanSettings, Plans};
use patchbay_model::{Clock, OrgId, Random as _, SeededRandom, identity::Role};
use patchbay_tests::{Fixture, Org, Stripe, TestHub, stripe::StripeSender, stripe::vector::SECRET};
use serde_json::{Value, json};

use crate::identity::scene::{PASSWORD, add};

/// Until when the hub's own worker has done what is due: it may be in the middle of it.
pub(super) const SOON: std::time::Duration = std::time::Duration::from_secs(30);

/// The operator's key at Stripe.
pub const KEY: &str = "sk_test_simulated000000000000000000000001";
/// Who owns the org that buys.
pub const OWNER: &str = "owner@example.com";

/// What is bought at Stripe, as the installation's settings name it.
pub struct Catalogue {
    pub settings: Value,
}

impl Catalogue {
    /// Products, a meter of calls, and prices: of the plans, and of a call above each.
    pub fn make(stripe: &Stripe, report_seconds: u32) -> Self {
        let id = |object: Value| object["id"].as_str().unwrap().to_owned();
        let meter = id(stripe.ask(
            "POST",
            "/v1/billing/meters",
            &json!({
                "display_name": "Calls", "event_name": "patchbay_calls", "default_aggregation": {"formula": "sum"},
            }),
        ));
        let product = id(stripe.ask("POST", "/v1/products", &json!({"name": "Plans"})));
        let price = |amount: u64| {
            let recurring = json!({"interval": "month"});
            let body = json!({"currency": "usd", "product": product, "unit_amount": amount, "recurring": recurring});
            id(stripe.ask("POST", "/v1/prices", &body))
        };
        let metered = |amount: u64| {
            let recurring = json!({"interval": "month", "usage_type": "metered", "meter": meter});
            let body = json!({"currency": "usd", "product": product, "unit_amount": amount, "recurring": recurring});
            id(stripe.ask("POST", "/v1/prices", &body))
        };
        let settings = json!({"platform": {
            "plans": {
                "pro": {"price": price(4_900), "metered": [metered(50)]},
                "business": {"price": price(19_900), "metered": [metered(30)]},
            },
            "meters": {"calls": {"event_name": "patchbay_calls", "meter": meter}},
            "success_url": "https://app.example.com/bought?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://app.example.com/plans",
            "return_url": "https://app.example.com/",
            "grace_days": 7,
            "report_seconds": report_seconds,
        }});
        Self { settings }
    }
}

/// The plans that this operator sells. Prices are those of the catalogue.
pub fn plans(operator: OrgId) -> Plans {
    let billing = json!({"default_plan": "free", "org": operator, "plugin": "stripe"});
    let settings = json!({
        "free": {"limits": {"calls": 2}},
        "pro": {"limits": {"calls": 3}, "overage": {"calls": {"price": 50, "per": 1}}},
        "business": {"limits": {"calls": 5}, "overage": {"calls": {"price": 30, "per": 1}}},
    });
    let billing: Billing = serde_json::from_value(billing).unwrap();
    let settings: BTreeMap<String, PlanSettings> = serde_json::from_value(settings).unwrap();
    Plans::new(&billing, &settings, &BTreeMap::new()).unwrap()
}

pub struct Scene {
    pub hub: TestHub,
    pub stripe: Stripe,
    /// Whose plans they are.
    pub operator: Org,
    /// Who buys, with a key that every scope is in.
    pub buyer: Org,
    /// The path of the operator's webhooks.
    pub hook: String,
    pub sender: StripeSender,
    /// Shuffles what is delivered, each event twice; none: once and in order.
    shuffles: Option<SeededRandom>,
}

impl Scene {
    pub async fn start(clock: Arc<dyn Clock>, report_seconds: u32, seed: Option<u64>) -> Self {
        let stripe = Stripe::start(KEY, Arc::clone(&clock)).await;
        let hub = TestHub::setup().clock(clock).upstream("api.stripe.com", &stripe.url()).start().await;
        let (operator, buyer) = (hub.org("operator").await, hub.org("acme").await);
        let selling = plans(operator.id);
        let hub = hub.restart_with(|config| config.plans = selling).await;
        let (operator, buyer) = (operator.at(&hub), buyer.at(&hub));
        // the operator does not pay itself
        hub.hub.set_plan(operator.id, "enterprise", None).await.unwrap();
        for plugin in [Fixture::plugin("stripe"), Fixture::load("echo")] {
            let _ = operator.upload(plugin.pack()).await.expect(201);
        }
        let secrets = json!({"credentials": {"secret_key": KEY, "webhook_secret": SECRET}});
        let _ = operator.call("PUT", "/v1/connections/stripe").json(&secrets).send().await.expect(200);
        let settings = Catalogue::make(&stripe, report_seconds).settings;
        let installed = operator.install("stripe", settings).await.expect(200).json();
        let hook = installed["webhook_url"].as_str().unwrap();
        let hook = hook[hook.find("/hooks/").unwrap()..].to_owned();
        let _ = buyer.install("echo", json!({})).await.expect(200);
        add(&hub, &buyer, OWNER, Role::Owner).await;
        let _ = stripe.take_events();
        let (sender, shuffles) = (StripeSender::new(SECRET), seed.map(SeededRandom::new));
        Self { hub, stripe, operator, buyer, hook, sender, shuffles }
    }

    /// The buyer as its owner sees it, who signs in now.
    pub async fn owner(&self) -> Org {
        signed_in(&self.buyer).await
    }

    /// Delivers what has happened at Stripe and does all that follows.
    pub async fn deliver(&self) {
        let mut events = self.stripe.take_events();
        if let Some(random) = &self.shuffles {
            events.extend(events.clone());
            shuffle(&mut events, random);
        }
        self.send(&events).await;
    }

    /// Delivers all that ever happened once more, in any order.
    pub async fn deliver_all_again(&self) {
        let Some(random) = &self.shuffles else { return };
        let mut events = self.stripe.events();
        shuffle(&mut events, random);
        self.send(&events).await;
    }

    async fn send(&self, events: &[Value]) {
        for event in events {
            let reply = self.stripe.deliver(&self.sender, &self.operator, &self.hook, event).await;
            assert!((200..300).contains(&reply.status), "{event}: {}", reply.text());
        }
        self.hub.hub.process_due_webhooks().await.unwrap();
        for status in ["failed", "pending"] {
            let left = self.operator.get(&format!("/v1/webhooks?status={status}")).await.expect(200).json();
            assert_eq!(left["items"], json!([]), "{status}");
        }
        self.work().await;
    }

    /// Does the jobs that are due.
    pub async fn work(&self) {
        self.hub.hub.work_due_jobs().await.unwrap();
    }
}

/// The org as its owner sees it, who signs in now.
pub async fn signed_in(org: &Org) -> Org {
    let body = json!({"email": OWNER, "password": PASSWORD, "as_token": true, "org": org.id});
    let reply = org.without_key("POST", "/v1/session").json(&body).send().await.expect(200).json();
    org.with_key(reply["token"].as_str().unwrap())
}

/// The plan that an org has.
pub async fn plan(org: &Org) -> String {
    org.get("/v1/plan").await.expect(200).json()["name"].as_str().unwrap().to_owned()
}

/// What a billing period counted of calls, and what it comes to.
pub async fn counted(org: &Org, period: &str) -> (u64, u64) {
    let usage = org.get(&format!("/v1/usage?period={period}")).await.expect(200).json();
    let metrics = usage["summary"]["metrics"].as_array().unwrap();
    let calls = metrics.iter().find(|one| one["metric"] == "calls").unwrap();
    (calls["used"].as_u64().unwrap(), usage["summary"]["total"].as_u64().unwrap())
}

fn shuffle(events: &mut [Value], random: &SeededRandom) {
    for last in (1..events.len()).rev() {
        let mut bytes = [0; 4];
        random.fill(&mut bytes);
        let other = usize::try_from(u32::from_le_bytes(bytes)).unwrap() % (last + 1);
        events.swap(last, other);
    }
}
