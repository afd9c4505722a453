//! Budgets of an org, of a plugin and of a key.

use patchbay_model::org::Scope;
use serde_json::json;

use super::scene::{Scene, act, budget, chat, proxied, put_budget, summary, tokens};

pub async fn a_call_that_does_not_fit_is_refused_before_the_vendor_is_asked() {
    let scene = Scene::start(json!({})).await;
    let body = |most: u64| {
        let mut body = chat("gpt-4.1", false);
        body["max_completion_tokens"] = json!(most);
        body
    };
    let act = async |most: u64| scene.org.act("openai", "create-chat-completion", &body(most)).await;
    let _ = put_budget(&scene.org, "org", "ai_tokens", 1_000).await.expect(200);
    act(2_000).await.expect_problem("budget_exhausted");
    assert_eq!(scene.asked(), 0);
    let _ = act(100).await.expect(200);
    let state = budget(&scene.org, "org", "ai_tokens").await;
    assert_eq!((&state["spent"], &state["reserved"]), (&json!(15), &json!(0)), "what was not used is given back");
    assert_eq!(state["left"], 985);
    // a call that fails at the vendor spends nothing, and the call itself is none of this budget
    let mut failing = body(100);
    failing["model"] = json!("sim:status=500");
    let _ = scene.org.act("openai", "create-chat-completion", &failing).await.expect(502);
    assert_eq!(budget(&scene.org, "org", "ai_tokens").await["spent"], 15);
    assert_eq!(budget(&scene.org, "org", "ai_tokens").await["reserved"], 0);
}

pub async fn a_budget_counts_what_its_subject_uses_and_nothing_else() {
    let scene = Scene::start(json!({})).await;
    let _ = act(&scene.org, "gpt-4.1").await.expect(200);
    let team = scene.org.new_key(&scene.hub, &[Scope::Invoke], None).await;
    let team = scene.org.with_key(&team);
    let key = scene.hub.hub.authenticate(&team.key).await.unwrap().key().unwrap().to_string();
    for subject in ["org", "plugin:openai", &key] {
        let made = put_budget(&scene.org, subject, "calls", 100).await.expect(200).json();
        let before = if subject == key { 0 } else { 1 };
        assert_eq!((&made["subject"], &made["spent"]), (&json!(subject), &json!(before)), "{made}");
    }
    let _ = put_budget(&scene.org, &key, "calls", 2).await.expect(200);
    for _ in 0..2 {
        let _ = act(&team, "gpt-4.1").await.expect(200);
    }
    let refused = act(&team, "gpt-4.1").await;
    refused.expect_problem("budget_exhausted");
    assert!(refused.json()["detail"].as_str().unwrap().contains(&key), "{}", refused.text());
    let _ = act(&scene.org, "gpt-4.1").await.expect(200);
    let spent = async |subject: &str| budget(&scene.org, subject, "calls").await["spent"].clone();
    assert_eq!([spent("org").await, spent("plugin:openai").await, spent(&key).await], [4, 4, 2].map(|n| json!(n)));
    let all = scene.org.get("/v1/budgets").await.expect(200).json();
    assert_eq!(all["items"].as_array().unwrap().len(), 3);
}

pub async fn money_is_spent_at_the_plans_prices() {
    let sections = json!({
        "billing": {"default_plan": "pro", "currency": "EUR"},
        "plans": {"pro": {"overage": {
            "ai_tokens": {"price": 100, "per": 1_000}, "calls": {"price": 1, "per": 2},
        }}},
    });
    let scene = Scene::start(sections).await;
    let mut body = chat("gpt-4.1", false);
    body["max_completion_tokens"] = json!(6);
    // 15 tokens are 1.5 cents and the call half of one; at most 10.6 + 0.5 before
    let _ = put_budget(&scene.org, "org", "money", 20).await.expect(200);
    let act = async || scene.org.act("openai", "create-chat-completion", &body).await;
    let mut calls = 0;
    while act().await.status == 200 {
        calls += 1;
        assert_eq!(budget(&scene.org, "org", "money").await["spent"], 2 * calls);
    }
    let state = budget(&scene.org, "org", "money").await;
    assert_eq!((&state["currency"], state["spent"].as_u64()), (&json!("EUR"), Some(2 * calls)));
    assert!((4..=8).contains(&calls), "{calls}");
    assert_eq!(summary(&scene.org).await["overage_cost"], 0, "it is worth money although the plan includes it");
    // where nothing has a price a budget in money would be a promise that nobody keeps
    scene.hub.hub.set_plan(scene.org.id, "enterprise", None).await.unwrap();
    put_budget(&scene.org, "plugin:openai", "money", 20).await.expect_problem("conflict");
}

pub async fn what_is_not_the_orgs_own_has_no_budget() {
    let scene = Scene::start(json!({})).await;
    let other = scene.hub.org("other").await;
    let foreign = scene.hub.hub.authenticate(&other.key).await.unwrap().key().unwrap().to_string();
    put_budget(&scene.org, &foreign, "calls", 1).await.expect_problem("not_found");
    put_budget(&scene.org, "plugin:nothing", "calls", 1).await.expect_problem("not_found");
    put_budget(&scene.org, "org", "endpoints", 1).await.expect_problem("invalid_request");
    let _ = put_budget(&scene.org, "org", "calls", 1).await.expect(200);
    other.get("/v1/budgets/org/calls").await.expect_problem("not_found");
    assert_eq!(other.get("/v1/budgets").await.expect(200).json()["items"], json!([]));
    let _ = act(&scene.org, "gpt-4.1").await.expect(200);
    act(&scene.org, "gpt-4.1").await.expect_problem("budget_exhausted");
}

pub async fn whole_answers_spend_what_the_vendor_reports() {
    let scene = Scene::start(json!({})).await;
    let _ = put_budget(&scene.org, "plugin:openai", "ai_tokens", 100_000).await.expect(200);
    for stream in [false, true] {
        let _ = proxied(&scene.org, &chat("sim:tokens=700", stream)).send().await.expect(200);
        let spent = &budget(&scene.org, "plugin:openai", "ai_tokens").await["spent"];
        assert_eq!(*spent, tokens(&scene.org).await, "stream: {stream}");
    }
}
