//! What a plan does not have, and where it ends.

use patchbay_model::identity::Role;
use patchbay_tests::{Fixture, StripeSender, stripe::vector::SECRET};
use serde_json::{Value, json};

use crate::identity::scene::member;

use super::scene::{Scene, act, chat, proxied, summary, used};

fn selling() -> Value {
    json!({
        "billing": {"default_plan": "free", "currency": "EUR"},
        "plans": {
            "free": {"limits": {"calls": 3}},
            "starter": {"limits": {"calls": 100, "ai_tokens": 30}},
            "pro": {"limits": {"ai_tokens": 30}},
        },
        "features": {"proxy": "starter", "action:openai/create-embedding": "pro", "plugin:echo": "business"},
    })
}

async fn give(scene: &Scene, plan: &str) {
    scene.hub.hub.set_plan(scene.org.id, plan, None).await.unwrap();
}

pub async fn a_feature_that_the_plan_lacks_is_refused_with_the_plan_that_has_it() {
    let scene = Scene::start(selling()).await;
    let refused = proxied(&scene.org, &chat("gpt-4.1", false)).send().await;
    refused.expect_problem("plan_required");
    let entitlement = &refused.json()["entitlement"];
    assert_eq!((&entitlement["feature"], &entitlement["plan"]), (&json!("proxy"), &json!("free")));
    assert_eq!(entitlement["lowest_plan"], "starter");
    assert!(entitlement["period_ends_at"].is_string(), "{entitlement}");
    assert_eq!(scene.asked(), 0, "the vendor was not asked");
    give(&scene, "starter").await;
    let _ = proxied(&scene.org, &chat("gpt-4.1", false)).send().await.expect(200);

    let embed = json!({"model": "text-embedding-3-small", "input": "hi"});
    let refused = scene.org.act("openai", "create-embedding", &embed).await;
    refused.expect_problem("plan_required");
    assert_eq!(refused.json()["entitlement"]["feature"], "action:openai/create-embedding");
    give(&scene, "pro").await;
    let _ = scene.org.act("openai", "create-embedding", &embed).await.expect(200);

    // neither what the operator nor what the manifest says
    let _ = scene.org.upload(Fixture::load("echo").pack()).await.expect(201);
    let refused = scene.org.install("echo", json!({})).await;
    refused.expect_problem("plan_required");
    assert_eq!(refused.json()["entitlement"]["lowest_plan"], "business");
    let dear = Fixture::load("foreign-reader").edit(|manifest| manifest.plan = Some("enterprise".to_owned()));
    let _ = scene.org.upload(dear.pack()).await.expect(201);
    scene.org.install("foreign-reader", json!({})).await.expect_problem("plan_required");
    give(&scene, "enterprise").await;
    for plugin in ["echo", "foreign-reader"] {
        let _ = scene.org.install(plugin, json!({})).await.expect(200);
        let _ = scene.org.act(plugin, "run", &json!({"text": "write x"})).await.expect(200);
    }
    // what was installed under a higher plan does not run under a lower one, and is not lost
    give(&scene, "pro").await;
    scene.org.act("echo", "run", &json!({"text": "x"})).await.expect_problem("plan_required");
    let _ = scene.org.get("/v1/installations/echo").await.expect(200);
}

pub async fn a_limit_that_is_reached_refuses_and_says_what_goes_on() {
    let scene = Scene::start(selling()).await;
    for _ in 0..3 {
        let _ = act(&scene.org, "gpt-4.1").await.expect(200);
    }
    let refused = act(&scene.org, "gpt-4.1").await;
    refused.expect_problem("plan_limit_reached");
    let entitlement = &refused.json()["entitlement"];
    assert_eq!((&entitlement["limit"], &entitlement["lowest_plan"]), (&json!("calls"), &json!("starter")));
    assert_eq!((&entitlement["allowed"], &entitlement["used"]), (&json!(3), &json!(3)));
    assert_eq!(scene.asked(), 3);
    assert_eq!(scene.org.runs("openai").await.len(), 3, "what was not begun is no run");

    // nine and six tokens a call: the second passes the limit, the third is refused
    give(&scene, "starter").await;
    let refused = act(&scene.org, "gpt-4.1").await;
    refused.expect_problem("plan_limit_reached");
    assert_eq!(refused.json()["entitlement"]["limit"], "ai_tokens");
    assert_eq!(refused.json()["entitlement"]["lowest_plan"], "pro", "which bills what is beyond");
    // what meters nothing goes on
    let _ = scene.org.get("/v1/proxy/openai/v1/models").await.expect(200);
    give(&scene, "pro").await;
    let _ = act(&scene.org, "gpt-4.1").await.expect(200);
    let summary = summary(&scene.org).await;
    assert_eq!(used(&summary, "ai_tokens"), 4 * 15);
    let tokens = summary["metrics"].as_array().unwrap().iter().find(|one| one["metric"] == "ai_tokens").unwrap();
    assert_eq!((&tokens["overage"], &tokens["cost"]), (&json!(30), &json!(1)), "a cent that was begun");
}

pub async fn of_calls_at_once_no_more_begin_than_are_left() {
    let scene = Scene::start(selling()).await;
    let calls = (0..20).map(|_| act(&scene.org, "sim:delay=20"));
    let replies = futures::future::join_all(calls).await;
    let succeeded = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(succeeded, 3, "on one hub calls that run count");
    assert!(replies.iter().filter(|reply| reply.status != 200).all(|reply| reply.code() == "plan_limit_reached"));
}

pub async fn a_plan_and_a_bill_are_shown() {
    let scene = Scene::start(selling()).await;
    let plan = scene.org.get("/v1/plan").await.expect(200).json();
    assert_eq!((&plan["name"], &plan["currency"], &plan["price"]), (&json!("free"), &json!("EUR"), &json!(0)));
    assert_eq!(plan["plans"], json!(["free", "starter", "pro", "business", "enterprise"]));
    let limit =
        |name: &str| plan["limits"].as_array().unwrap().iter().find(|one| one["metric"] == name).unwrap().clone();
    assert_eq!((&limit("calls")["limit"], &limit("calls")["overage"]), (&json!(3), &Value::Null));
    let features = plan["features"].as_array().unwrap();
    let proxy = features.iter().find(|one| one["name"] == "proxy").unwrap();
    assert_eq!((&proxy["included"], &proxy["lowest_plan"]), (&json!(false), &json!("starter")));
    assert!(features.iter().any(|one| one["name"] == "action:openai/create-embedding"));

    let estimate = async |body: Value| scene.org.call("POST", "/v1/usage/estimate").json(&body).send().await;
    let own = estimate(json!({"usage": {"calls": 4, "minutes": 1}})).await.expect(200).json();
    assert_eq!((&own["plan"], &own["refused"], &own["total"]), (&json!("free"), &json!(["calls"]), &json!(0)));
    let pro = estimate(json!({"usage": {"calls": 101_000}, "plan": "pro"})).await.expect(200).json();
    assert_eq!((&pro["price"], &pro["overage_cost"], &pro["total"]), (&json!(4900), &json!(50), &json!(4950)));
    assert_eq!(pro["refused"], json!([]));
    let _ = act(&scene.org, "gpt-4.1").await.expect(200);
    let more = estimate(json!({"usage": {"calls": 3}, "on_top": true})).await.expect(200).json();
    assert_eq!(more["refused"], json!(["calls"]), "one is used already");
}

pub async fn a_webhook_is_taken_in_whatever_the_plan_says() {
    let scene = Scene::start(json!({
        "billing": {"default_plan": "free"}, "plans": {"free": {"limits": {"calls": 0}}},
    }))
    .await;
    let org = &scene.org;
    let _ = org.upload(Fixture::plugin("stripe").pack()).await.expect(201);
    let _ = org.connect("stripe", "webhook_secret", SECRET).await.expect(200);
    let installed = org.install("stripe", json!({})).await.expect(200).json();
    let path = installed["webhook_url"].as_str().unwrap().strip_prefix(&scene.hub.url).unwrap().to_owned();
    let _ = StripeSender::new(SECRET).send(org, &path, "evt_1").await.expect(200);
    act(org, "gpt-4.1").await.expect_problem("plan_limit_reached");
    assert_eq!(used(&summary(org).await, "calls"), 0, "a vendor's webhook is no call");
}

pub async fn owners_choose_a_plan_where_the_operator_lets_them() {
    let choose = async |org: &patchbay_tests::Org, plan: &str| {
        org.call("PUT", "/v1/plan").json(&json!({"plan": plan})).send().await
    };
    for lets in [false, true] {
        let scene = Scene::start(json!({"billing": {"default_plan": "free", "owners_choose": lets}})).await;
        let owner = member(&scene.hub, &scene.org, "owner@example.com", Role::Owner).await;
        let admin = member(&scene.hub, &scene.org, "admin@example.com", Role::Admin).await;
        for nobody in [&admin, &scene.org] {
            choose(nobody, "pro").await.expect_problem("forbidden");
        }
        let chosen = choose(&owner, "pro").await;
        if !lets {
            chosen.expect_problem("forbidden");
            assert_eq!(scene.org.get("/v1/plan").await.expect(200).json()["name"], "free");
            continue;
        }
        assert_eq!(chosen.expect(200).json()["name"], "pro");
        assert_eq!(scene.org.get("/v1/plan").await.expect(200).json()["name"], "pro");
        choose(&owner, "gold").await.expect_problem("invalid_input");
        let told = owner.get("/v1/audit?action=org.plan").await.expect(200).json();
        let entry = &told["items"][0];
        assert!(entry["actor"].as_str().unwrap().starts_with("user_"), "{entry}");
        assert_eq!((&entry["detail"]["old"]["plan"], &entry["detail"]["new"]["plan"]), (&Value::Null, &json!("pro")));
    }
}
