//! Budgets of an org, of a plugin and of a key.

use patchbay_model::org::Scope;
use serde_json::{Value, json};

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

pub async fn a_keys_spend_limits_go_along_to_the_keys_in_its_place() {
    let scene = Scene::start(json!({})).await;
    let make = async |limits: Value| {
        let body = json!({"name": "ci", "scopes": ["invoke"], "spend_limits": limits});
        scene.org.call("POST", "/v1/api-keys").json(&body).send().await
    };
    let made = make(json!({"calls": 3})).await.expect(201).json();
    let id = made["key"]["id"].as_str().unwrap().to_owned();
    assert_eq!((&made["key"]["spend_limits"], &made["key"]["spends_as"]), (&json!({"calls": 3}), &Value::Null));
    assert_eq!(budget(&scene.org, &id, "calls").await["cap"], 3);
    let first = scene.org.with_key(made["secret"].as_str().unwrap());
    let _ = act(&first, "gpt-4.1").await.expect(200);
    let path = format!("/v1/api-keys/{id}/rotate");
    let second = scene.org.call("POST", &path).json(&json!({})).send().await.expect(201).json();
    assert_eq!((&second["key"]["spend_limits"], &second["key"]["spends_as"]), (&json!({"calls": 3}), &json!(id)));
    let other = second["key"]["id"].as_str().unwrap();
    let second = scene.org.with_key(second["secret"].as_str().unwrap());
    // both work, and together they have what one had
    let _ = act(&second, "gpt-4.1").await.expect(200);
    let _ = act(&first, "gpt-4.1").await.expect(200);
    for key in [&first, &second] {
        act(key, "gpt-4.1").await.expect_problem("budget_exhausted");
    }
    let raised = put_budget(&scene.org, other, "calls", 4).await.expect(200).json();
    assert_eq!((&raised["subject"], &raised["spent"], &raised["left"]), (&json!(id), &json!(3), &json!(1)));
    let _ = act(&second, "gpt-4.1").await.expect(200);
    act(&first, "gpt-4.1").await.expect_problem("budget_exhausted");
    let _ = act(&scene.org, "gpt-4.1").await.expect(200);
    let listed = scene.org.get("/v1/api-keys").await.expect(200).json();
    let limits: Vec<_> = listed["items"].as_array().unwrap().iter().map(|key| key["spend_limits"].clone()).collect();
    assert_eq!(limits, [json!({}), json!({"calls": 4}), json!({"calls": 4})]);

    make(json!({"money": 1})).await.expect_problem("conflict");
    make(json!({"endpoints": 1})).await.expect_problem("invalid_request");
    assert_eq!(make(json!({"gold": 1})).await.status, 422);
}

pub async fn a_key_does_not_get_around_its_spend_limits() {
    let scene = Scene::start(json!({})).await;
    let body = json!({"name": "boss", "scopes": ["invoke", "admin", "keys", "read"], "spend_limits": {"calls": 5}});
    let made = scene.org.call("POST", "/v1/api-keys").json(&body).send().await.expect(201).json();
    let id = made["key"]["id"].as_str().unwrap();
    let limited = scene.org.with_key(made["secret"].as_str().unwrap());
    put_budget(&limited, id, "calls", 6).await.expect_problem("forbidden");
    limited.call("DELETE", &format!("/v1/budgets/{id}/calls")).send().await.expect_problem("forbidden");
    let _ = put_budget(&limited, id, "calls", 2).await.expect(200);
    // a key that it makes spends of the same
    let more = |limits: Value| json!({"name": "more", "scopes": ["invoke"], "spend_limits": limits});
    let make = async |body: Value| limited.call("POST", "/v1/api-keys").json(&body).send().await;
    make(more(json!({"calls": 9}))).await.expect_problem("invalid_input");
    let shares = make(more(json!({}))).await.expect(201).json();
    assert_eq!((&shares["key"]["spend_limits"], &shares["key"]["spends_as"]), (&json!({"calls": 2}), &json!(id)));
    let shares = scene.org.with_key(shares["secret"].as_str().unwrap());
    for key in [&limited, &shares] {
        let _ = act(key, "gpt-4.1").await.expect(200);
    }
    act(&shares, "gpt-4.1").await.expect_problem("budget_exhausted");
    // and the secret of a key without limits is not to be had either
    let free = scene.hub.hub.authenticate(&scene.org.new_key(&scene.hub, &[Scope::Invoke], None).await).await.unwrap();
    let path = format!("/v1/api-keys/{}/rotate", free.key().unwrap());
    limited.call("POST", &path).json(&json!({})).send().await.expect_problem("forbidden");
}

pub async fn what_a_plan_or_a_budget_refused_can_be_asked_for_again() {
    let scene = Scene::start(json!({"features": {"proxy": "pro"}})).await;
    let _ = put_budget(&scene.org, "org", "calls", 0).await.expect(200);
    let once = async |key: &str| {
        let mut input = chat("gpt-4.1", false);
        input.as_object_mut().unwrap().remove("stream");
        let call = scene.org.call("POST", "/v1/actions/openai/create-chat-completion").json(&input);
        call.header("idempotency-key", key).send().await
    };
    let proxied =
        async |key: &str| proxied(&scene.org, &chat("gpt-4.1", true)).header("idempotency-key", key).send().await;
    once("one").await.expect_problem("budget_exhausted");
    proxied("two").await.expect_problem("budget_exhausted");
    let _ = put_budget(&scene.org, "org", "calls", 100).await.expect(200);
    scene.hub.hub.set_plan(scene.org.id, "starter", None).await.unwrap();
    proxied("two").await.expect_problem("plan_required");
    scene.hub.hub.set_plan(scene.org.id, "pro", None).await.unwrap();
    assert_eq!(scene.asked(), 0);
    for _ in 0..2 {
        let _ = once("one").await.expect(200);
        let _ = proxied("two").await.expect(200);
    }
    assert_eq!(scene.asked(), 2, "each was done once");
    let spent = budget(&scene.org, "org", "calls").await["spent"].clone();
    assert_eq!(spent, 2, "and spent once");
    // a stored answer needs neither plan nor budget
    scene.hub.hub.set_plan(scene.org.id, "free", None).await.unwrap();
    let _ = proxied("two").await.expect(200);
}

pub async fn a_stream_that_is_done_once_tells_why_it_was_cut() {
    let scene = Scene::start(json!({})).await;
    let _ = put_budget(&scene.org, "org", "ai_tokens", 6_000).await.expect(200);
    let stream = async || {
        let call = proxied(&scene.org, &chat("sim:endless", true)).header("idempotency-key", "one");
        call.send().await
    };
    let cut = stream().await.expect(200).text();
    assert!(cut.trim_end().rsplit("\n\n").next().unwrap().starts_with("event: error\n"), "{cut}");
    let again = stream().await;
    again.expect_problem("budget_exhausted");
    assert!(again.json()["entitlement"]["budget"].is_string(), "{}", again.text());
    assert_eq!(scene.asked(), 1);
}
