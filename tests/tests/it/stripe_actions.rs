//! An organization's own Stripe account: every typed action against the strict simulator, failures on the way, and Stripe's
//! own library through the proxy.

use std::sync::Arc;

use chrono::Duration;
use patchbay_model::ManualClock;
use patchbay_tests::{
    Fixture, Org, Reply, Stripe, TestHub,
    stripe::{Fault, VISA, vector::TIME},
};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::sdk;

const KEY: &str = "sk_test_canary000000000000000001";

struct Scene {
    hub: TestHub,
    org: Org,
    stripe: Stripe,
    clock: Arc<ManualClock>,
    /// 20.00 and 50.00 a month.
    basic: String,
    pro: String,
}

impl Scene {
    async fn start() -> Self {
        let clock = Arc::new(ManualClock::new(chrono::DateTime::from_timestamp(TIME, 0).unwrap()));
        let stripe = Stripe::start(KEY, clock.clone()).await;
        let hub = TestHub::setup().clock(clock.clone()).upstream("api.stripe.com", &stripe.url()).start().await;
        let org = hub.org("acme").await;
        let _ = org.upload(Fixture::plugin("stripe").pack()).await.expect(201);
        let _ = org.install("stripe", json!({})).await.expect(200);
        let _ = org.connect("stripe", "secret_key", KEY).await.expect(200);
        let price = |name: &str, amount: u64| {
            let about = json!({"name": name});
            let recurring = json!({"interval": "month"});
            let price =
                json!({"currency": "usd", "product_data": about, "unit_amount": amount, "recurring": recurring});
            id_of(&stripe.ask("POST", "/v1/prices", &price))
        };
        let (basic, pro) = (price("Basic", 2_000), price("Pro", 5_000));
        Self { hub, org, stripe, clock, basic, pro }
    }

    async fn act(&self, action: &str, input: Value) -> Reply {
        self.org.act("stripe", action, &input).await
    }

    async fn output(&self, action: &str, input: Value) -> Value {
        self.act(action, input).await.expect(200).json()["output"].clone()
    }

    /// A customer who pays by card.
    async fn customer(&self) -> String {
        let settings = json!({"default_payment_method": VISA});
        id_of(&self.output("create-customer", json!({"email": "ada@example.com", "invoice_settings": settings})).await)
    }

    async fn subscribed(&self, customer: &str, more: Value) -> Value {
        let mut input = json!({"customer": customer, "items": [{"price": self.basic}]});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.output("create-subscription", input).await
    }

    /// An invoice of 10.00 that is still a draft.
    fn draft(&self, customer: &str) -> String {
        let item = json!({"customer": customer, "amount": 1_000, "currency": "usd"});
        let _ = self.stripe.ask("POST", "/v1/invoiceitems", &item);
        let invoice = json!({"customer": customer, "pending_invoice_items_behavior": "include"});
        id_of(&self.stripe.ask("POST", "/v1/invoices", &invoice))
    }

    fn assert_well_behaved(&self) {
        assert_eq!(self.stripe.violations(), Vec::<String>::new());
    }
}

fn id_of(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

pub async fn customers_are_made_read_changed_listed_and_deleted() {
    let scene = Scene::start().await;
    let input = json!({"email": "ada@example.com", "name": "Ada & Söhne", "metadata": {"tenant id": "t1", "a": "b"}});
    let customer = id_of(&scene.output("create-customer", input).await);
    let change = json!({"customer": customer, "name": "", "address": {"country": "DE"}, "metadata": {"a": ""}});
    let changed = scene.output("update-customer", change).await;
    assert_eq!((&changed["name"], &changed["email"]), (&Value::Null, &json!("ada@example.com")));
    assert_eq!(changed["metadata"], json!({"tenant id": "t1"}));
    let read = scene.output("get-customer", json!({"customer": customer})).await;
    assert_eq!((&read["id"], &read["address"]["country"]), (&json!(customer), &json!("DE")));

    let mut ids = vec![customer.clone()];
    for number in 0..4 {
        ids.push(id_of(&scene.output("create-customer", json!({"name": format!("Number {number}")})).await));
    }
    let mut listed = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = scene.output("list-customers", json!({"limit": 2, "starting_after": after})).await;
        listed.extend(page["data"].as_array().unwrap().iter().map(id_of));
        if page["has_more"] == false {
            break;
        }
        after = json!(listed.last());
    }
    ids.reverse();
    assert_eq!(listed, ids, "the newest first, each once");
    let found = scene.output("list-customers", json!({"email": "ada@example.com"})).await;
    assert_eq!(found["data"].as_array().unwrap().len(), 1);

    assert_eq!(scene.output("delete-customer", json!({"customer": customer})).await["deleted"], true);
    assert_eq!(scene.output("get-customer", json!({"customer": customer})).await["deleted"], true);
    let problem = scene.act("get-customer", json!({"customer": "cus_nobody"})).await;
    problem.expect_problem("upstream_error");
    assert_eq!(problem.json()["upstream"]["code"], "resource_missing");
    scene.assert_well_behaved();
}

pub async fn a_subscription_changes_for_what_the_preview_said_and_ends() {
    let scene = Scene::start().await;
    let customer = scene.customer().await;
    let begun = scene.subscribed(&customer, json!({"metadata": {"org": "1"}})).await;
    let subscription = id_of(&begun);
    assert_eq!(
        (&begun["status"], &begun["items"]["data"][0]["price"]["unit_amount"]),
        (&json!("active"), &json!(2_000))
    );

    // November has 30 days, and 15 of them are left
    scene.clock.advance(Duration::days(15));
    let items = json!([{"id": begun["items"]["data"][0]["id"], "price": scene.pro}]);
    let date = TIME + 15 * 86_400;
    let details = json!({"items": items, "proration_behavior": "always_invoice", "proration_date": date});
    let preview =
        scene.output("preview-invoice", json!({"subscription": subscription, "subscription_details": details})).await;
    assert_eq!((&preview["total"], &preview["status"]), (&json!(2_500 - 1_000), &json!("draft")));
    let change = json!({
        "subscription": subscription, "items": items, "proration_behavior": "always_invoice", "proration_date": date,
        "expand": ["latest_invoice"],
    });
    let changed = scene.output("update-subscription", change).await;
    assert_eq!(changed["latest_invoice"]["total"], preview["total"]);
    assert_eq!(changed["latest_invoice"]["status"], "paid");
    let invoices = scene.output("list-invoices", json!({"subscription": subscription, "status": "paid"})).await;
    let paid: Vec<_> = invoices["data"].as_array().unwrap().iter().map(|one| one["amount_paid"].clone()).collect();
    assert_eq!(paid, [1_500, 2_000]);

    let later = json!({"subscription": subscription, "cancel_at_period_end": true});
    assert_eq!(scene.output("update-subscription", later).await["cancel_at_period_end"], true);
    let ended = scene.output("cancel-subscription", json!({"subscription": subscription, "prorate": true})).await;
    assert_eq!(ended["status"], "canceled");
    let read = scene.output("get-subscription", json!({"subscription": subscription, "expand": ["customer"]})).await;
    assert_eq!((&read["status"], &read["customer"]["id"]), (&json!("canceled"), &json!(customer)));
    let left = scene.output("list-subscriptions", json!({"customer": customer})).await;
    assert_eq!(left["data"], json!([]));
    let all = scene.output("list-subscriptions", json!({"customer": customer, "status": "all"})).await;
    assert_eq!(all["data"].as_array().unwrap().len(), 1);
    scene.assert_well_behaved();
}

pub async fn a_subscription_that_paused_after_its_trial_goes_on() {
    let scene = Scene::start().await;
    let customer = id_of(&scene.output("create-customer", json!({})).await);
    let trial =
        json!({"trial_period_days": 4, "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}}});
    let subscription = id_of(&scene.subscribed(&customer, trial).await);
    scene.clock.advance(Duration::days(4));
    let read = json!({"subscription": subscription});
    assert_eq!(scene.output("get-subscription", read.clone()).await["status"], "paused");
    let kinds: Vec<_> = scene.stripe.events().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    assert!(kinds.contains(&"customer.subscription.trial_will_end".to_owned()), "{kinds:?}");
    let settings = json!({"customer": customer, "invoice_settings": {"default_payment_method": VISA}});
    let _ = scene.output("update-customer", settings).await;
    assert_eq!(scene.output("resume-subscription", read.clone()).await["status"], "active");
    let problem = scene.act("resume-subscription", read).await;
    problem.expect_problem("upstream_error");
    assert!(problem.text().contains("paused"), "{}", problem.text());
    scene.assert_well_behaved();
}

pub async fn invoices_are_collected_or_voided_and_refunded() {
    let scene = Scene::start().await;
    let customer = scene.customer().await;
    let (first, second) = (scene.draft(&customer), scene.draft(&customer));
    assert_eq!(scene.output("finalize-invoice", json!({"invoice": first})).await["status"], "open");
    let paid = scene.output("pay-invoice", json!({"invoice": first, "expand": ["payments"]})).await;
    assert_eq!((&paid["status"], &paid["amount_paid"]), (&json!("paid"), &json!(1_000)));
    let _ = scene.output("finalize-invoice", json!({"invoice": second})).await;
    assert_eq!(scene.output("void-invoice", json!({"invoice": second})).await["status"], "void");
    assert_eq!(scene.output("get-invoice", json!({"invoice": second})).await["status"], "void");
    let open = scene.output("list-invoices", json!({"customer": customer, "status": "open"})).await;
    assert_eq!(open["data"], json!([]));

    let intent = &paid["payments"]["data"][0]["payment"]["payment_intent"];
    let part = json!({"payment_intent": intent, "amount": 400, "reason": "requested_by_customer"});
    let refund = scene.output("create-refund", part).await;
    let read = scene.output("get-refund", json!({"refund": refund["id"]})).await;
    assert_eq!((&read["amount"], &read["status"]), (&json!(400), &json!("succeeded")));
    let too_much = scene.act("create-refund", json!({"payment_intent": intent, "amount": 601})).await;
    too_much.expect_problem("invalid_input");
    assert!(too_much.text().contains("/amount"), "{}", too_much.text());
    assert_eq!(scene.output("create-refund", json!({"payment_intent": intent})).await["amount"], 600);
    scene.assert_well_behaved();
}

pub async fn payment_links_are_made_listed_and_taken_away() {
    let scene = Scene::start().await;
    let items = json!([{"price": scene.basic, "quantity": 1}]);
    let after = json!({"type": "redirect", "redirect": {"url": "https://example.com/thanks"}});
    let made = scene.output("create-payment-link", json!({"line_items": items, "after_completion": after})).await;
    assert!(made["url"].as_str().unwrap().starts_with("https://buy.stripe.com/"));
    let active = json!({"active": true});
    assert_eq!(scene.output("list-payment-links", active.clone()).await["data"][0]["id"], made["id"]);
    let gone = scene.output("deactivate-payment-link", json!({"payment_link": made["id"]})).await;
    assert_eq!(gone["active"], false);
    assert_eq!(scene.output("list-payment-links", active).await["data"], json!([]));
    scene.assert_well_behaved();
}

pub async fn what_goes_wrong_at_stripe_is_told_by_its_meaning_and_nothing_is_done_twice() {
    let scene = Scene::start().await;
    let customer = scene.customer().await;
    scene.stripe.decline(&customer, "insufficient_funds");
    let invoice = scene.draft(&customer);
    let declined = scene.act("pay-invoice", json!({"invoice": invoice})).await;
    declined.expect_problem("upstream_error");
    assert_eq!(declined.json()["upstream"]["code"], "insufficient_funds");

    // the hub sends a request again under the same key, also when it saw no answer
    for fault in [Fault::CutBefore, Fault::CutAfter, Fault::Status(429), Fault::Status(503)] {
        scene.stripe.fail("/v1/customers", [fault]);
        let name = format!("{fault:?}");
        let _ = scene.output("create-customer", json!({"name": name})).await;
        let all = scene.stripe.ask("GET", "/v1/customers", &json!({"limit": 100}));
        let those = all["data"].as_array().unwrap().iter().filter(|one| one["name"] == *name).count();
        assert_eq!(those, 1, "{name}");
    }
    scene.stripe.fail("/v1/customers", vec![Fault::Status(429); 3]);
    let limited = scene.act("create-customer", json!({})).await;
    limited.expect_problem("upstream_rate_limited");
    assert!(limited.header("retry-after").is_some());

    // a repeat of a call under the caller's key is one customer, also at Stripe
    let call = || {
        let call = scene.org.call("POST", "/v1/actions/stripe/create-customer").header("idempotency-key", "caller-1");
        call.json(&json!({"name": "Once"})).send()
    };
    let (first, again) = (call().await.expect(200).json(), call().await.expect(200).json());
    assert_eq!(first["output"]["id"], again["output"]["id"]);

    let _ = scene.org.connect("stripe", "secret_key", "sk_test_of_another_account_000001").await.expect(200);
    let refused = scene.act("list-customers", json!({})).await;
    refused.expect_problem("reauthorization_needed");
    assert!(!refused.text().contains("sk_test"), "{}", refused.text());
    scene.assert_well_behaved();
}

pub async fn stripes_sdk_works_unchanged() {
    if !sdk::have("python3").await {
        return;
    }
    let interpreter = sdk::python().await;
    let scene = Scene::start().await;
    let mut command = Command::new(interpreter);
    command.arg(sdk::script("stripe_sdk.py")).env("NO_PROXY", "127.0.0.1");
    command.env("STRIPE_BASE", format!("{}/v1/proxy/stripe", scene.hub.url)).env("STRIPE_KEY", &scene.org.key);
    command.env("PRICE", &scene.basic).env("DEARER_PRICE", &scene.pro);
    let printed = sdk::run(&mut command).await.unwrap_or_else(|text| panic!("{text}"));
    let expected = [
        "customer: Ada & Söhne updated {'a': 'b'}",
        "once: True",
        "page: 2 True",
        "pages: ['Number 2', 'Number 1', 'Number 0']",
        "subscription: active 2000",
        "proration: 3000 True paid",
        "invoices: 2",
        "refund: succeeded 500",
        "link: True False",
        "canceled: canceled",
        "deleted: True",
        "missing: InvalidRequestError 404 resource_missing id",
        "unknown: InvalidRequestError 400 parameter_unknown prize",
        "declined: CardError 402 card_declined None",
    ];
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected);
    scene.assert_well_behaved();
}
