//! What the simulator does with money and time, asked without a socket.

use std::{collections::BTreeMap, sync::Arc};

use chrono::Duration;
use patchbay_model::ManualClock;
use serde_json::{Value, json};

use super::{FAILING, Stripe, VISA, vector::TIME};

const DAY: i64 = 86_400;

struct Scene {
    stripe: Stripe,
    clock: Arc<ManualClock>,
}

impl Scene {
    async fn start() -> Self {
        let clock = Arc::new(ManualClock::new(chrono::DateTime::from_timestamp(TIME, 0).unwrap()));
        Self { stripe: Stripe::start("sk_test_1", clock.clone()).await, clock }
    }

    fn post(&self, path: &str, parameters: Value) -> Value {
        self.stripe.ask("POST", path, &parameters)
    }

    fn price(&self, parameters: Value) -> String {
        let mut price =
            json!({"currency": "usd", "product_data": {"name": "Plan"}, "recurring": {"interval": "month"}});
        price.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
        id(&self.post("/v1/prices", price))
    }

    fn customer(&self) -> String {
        id(&self.post("/v1/customers", json!({"invoice_settings": {"default_payment_method": VISA}})))
    }

    fn days(&self, days: i64) {
        self.clock.advance(Duration::days(days));
    }

    /// How often each type was told since the last time.
    fn told(&self) -> BTreeMap<String, usize> {
        let mut told = BTreeMap::new();
        for event in self.stripe.take_events() {
            *told.entry(event["type"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        told
    }

    fn status(&self, subscription: &str) -> Value {
        self.stripe.object(subscription).unwrap()["status"].clone()
    }
}

fn id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_checkout_begins_a_subscription_that_renews_with_what_was_used() {
    let scene = Scene::start().await;
    let meter = json!({"display_name": "Minutes", "event_name": "minutes", "default_aggregation": {"formula": "sum"}});
    let meter = id(&scene.post("/v1/billing/meters", meter));
    let recurring = json!({"interval": "month", "usage_type": "metered", "meter": meter});
    let flat = scene.price(json!({"unit_amount": 4_900}));
    let used = scene.price(json!({"unit_amount_decimal": "1.3", "recurring": recurring}));
    let session = json!({
        "mode": "subscription", "success_url": "https://example.com", "line_items": [{"price": flat, "quantity": 1}, {"price": used}],
    });
    let session = id(&scene.post("/v1/checkout/sessions", session));
    assert_eq!(scene.stripe.complete_checkout(&session, FAILING), Err("generic_decline".to_owned()));
    scene.stripe.complete_checkout(&session, VISA).unwrap();
    let session = scene.stripe.object(&session).unwrap();
    assert_eq!((&session["status"], &session["amount_total"]), (&json!("complete"), &json!(4_900)));
    let (customer, subscription) = (session["customer"].as_str().unwrap(), session["subscription"].as_str().unwrap());
    assert_eq!(scene.status(subscription), "active");

    let event = |identifier: &str, value: &str| {
        let payload = json!({"stripe_customer_id": customer, "value": value});
        json!({"event_name": "minutes", "identifier": identifier, "payload": payload})
    };
    scene.days(10);
    scene.post("/v1/billing/meter_events", event("a", "100"));
    assert!(scene.stripe.try_ask("POST", "/v1/billing/meter_events", &event("a", "100")).is_err());
    scene.post("/v1/billing/meter_events", event("b", "1"));
    scene.post("/v1/billing/meter_events", event("c", "many"));
    assert_eq!(scene.stripe.meter_events().len(), 2);
    assert_eq!(scene.stripe.rejected_meter_events()[0].code, "meter_event_invalid_value");
    let summaries = format!("/v1/billing/meters/{meter}/event_summaries");
    let range =
        json!({"customer": customer, "start_time": TIME, "end_time": TIME + 30 * DAY, "value_grouping_window": "day"});
    let sums = scene.stripe.ask("GET", &summaries, &range);
    assert_eq!((sums["data"].as_array().unwrap().len(), &sums["data"][0]["aggregated_value"]), (1, &json!(101)));

    let preview = scene.post("/v1/invoices/create_preview", json!({"subscription": subscription}));
    scene.told();
    scene.days(21);
    let told = scene.told();
    for kind in ["invoice.upcoming", "invoice.created", "invoice.payment_succeeded", "customer.subscription.updated"] {
        assert_eq!(told.get(kind), Some(&1), "{kind}: {told:?}");
    }
    let latest = scene.stripe.object(subscription).unwrap()["latest_invoice"].as_str().unwrap().to_owned();
    let invoice = scene.stripe.object(&latest).unwrap();
    // 101 minutes at 1.3 cents are 131.3 cents
    assert_eq!((&invoice["total"], &invoice["total"]), (&json!(4_900 + 131), &preview["total"]));
    assert_eq!(invoice["status"], "paid");
    let item = &scene.stripe.object(subscription).unwrap()["items"]["data"][0];
    assert_eq!(item["current_period_start"], TIME + 30 * DAY);
}

#[tokio::test]
async fn a_payment_that_fails_is_tried_again_until_the_subscription_ends() {
    let scene = Scene::start().await;
    let (customer, price) = (scene.customer(), scene.price(json!({"unit_amount": 1_000})));
    let subscription = json!({"customer": customer, "items": [{"price": price}]});
    let (first, second) = (id(&scene.post("/v1/subscriptions", subscription.clone())), scene.customer());
    scene.stripe.decline(&customer, "expired_card");
    scene.told();
    scene.days(31);
    assert_eq!(scene.status(&first), "past_due");
    assert_eq!(scene.told().get("invoice.payment_failed"), Some(&1));
    scene.days(3);
    assert_eq!(scene.told().get("invoice.payment_failed"), Some(&1));
    scene.stripe.accept(&customer);
    scene.days(5);
    assert_eq!(scene.status(&first), "active");

    scene.stripe.decline(&customer, "expired_card");
    scene.days(60);
    assert_eq!(scene.status(&first), "canceled");
    let ended = scene.stripe.object(&first).unwrap();
    assert_eq!(ended["cancellation_details"]["reason"], "payment_failed");
    let refused = json!({"customer": second, "items": [{"price": price}], "default_payment_method": FAILING});
    let open = id(&scene.post("/v1/subscriptions", refused));
    assert_eq!(scene.status(&open), "incomplete");
    scene.days(1);
    assert_eq!(scene.status(&open), "incomplete_expired");
}

#[tokio::test]
async fn changes_cost_what_their_preview_says_and_credits_are_kept_for_the_customer() {
    let scene = Scene::start().await;
    let (customer, cheap) = (scene.customer(), scene.price(json!({"unit_amount": 999})));
    let dear = scene.price(json!({"unit_amount": 4_901}));
    let yearly = scene.price(json!({"unit_amount": 40_000, "recurring": {"interval": "year"}}));
    let made = scene.post("/v1/subscriptions", json!({"customer": customer, "items": [{"price": cheap}]}));
    let subscription = id(&made);
    let item = made["items"]["data"][0]["id"].clone();
    for (days, price, behavior) in
        [(7, &dear, "always_invoice"), (2, &cheap, "always_invoice"), (1, &yearly, "create_prorations")]
    {
        scene.days(days);
        let details = json!({"items": [{"id": item, "price": price}], "proration_behavior": behavior});
        let about = json!({"subscription": subscription, "subscription_details": details});
        let preview = scene.post("/v1/invoices/create_preview", about);
        let changed = scene.post(&format!("/v1/subscriptions/{subscription}"), details);
        let invoice = scene.stripe.object(changed["latest_invoice"].as_str().unwrap()).unwrap();
        for member in ["total", "amount_due", "starting_balance"] {
            assert_eq!(invoice[member], preview[member], "{member} of {price}");
        }
        assert_eq!(invoice["status"], "paid");
        let balance = scene.stripe.object(&customer).unwrap()["balance"].as_i64().unwrap();
        assert_eq!(balance < 0, invoice["total"].as_i64().unwrap() < 0);
    }
    let renewed = scene.stripe.object(&subscription).unwrap();
    assert_eq!(renewed["items"]["data"][0]["current_period_start"], TIME + 10 * DAY);
}

#[tokio::test]
async fn a_subscription_that_is_to_end_with_its_period_ends_with_it() {
    let scene = Scene::start().await;
    let (customer, price) = (scene.customer(), scene.price(json!({"unit_amount": 1_000})));
    let subscription = id(&scene.post("/v1/subscriptions", json!({"customer": customer, "items": [{"price": price}]})));
    let path = format!("/v1/subscriptions/{subscription}");
    scene.post(&path, json!({"cancel_at_period_end": true}));
    scene.days(29);
    assert_eq!(scene.status(&subscription), "active");
    scene.days(1);
    assert_eq!(scene.status(&subscription), "canceled");
    let told = scene.told();
    assert_eq!(told.get("customer.subscription.deleted"), Some(&1));
    assert_eq!((told.get("invoice.created"), told.get("invoice.upcoming")), (Some(&1), None));
    let again = scene.stripe.try_ask("POST", &path, &json!({"cancel_at_period_end": false})).unwrap_err();
    assert_eq!(again["error"]["type"], "invalid_request_error");
}

#[tokio::test]
async fn what_stripe_does_not_know_is_refused_before_anything_is_done() {
    let scene = Scene::start().await;
    for (path, parameters, param) in [
        ("/v1/customers", json!({"prize": 1}), "prize"),
        ("/v1/customers", json!({"address": {"planet": "x"}}), "address[planet]"),
        ("/v1/products", json!({}), "name"),
        ("/v1/prices", json!({"currency": "usd", "product": "prod_x", "unit_amount": 1}), "product"),
        ("/v1/checkout/sessions", json!({"mode": "payment", "payment_method_types": ["card"]}), "line_items"),
    ] {
        let refusal = scene.stripe.try_ask("POST", path, &parameters).unwrap_err();
        assert_eq!(refusal["error"]["param"], param, "{refusal}");
    }
    assert_eq!(scene.stripe.events(), Vec::<Value>::new());
    assert_eq!(scene.stripe.violations(), Vec::<String>::new());
}
