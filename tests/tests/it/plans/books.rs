//! The books, next to the vendor's own.

use futures::StreamExt as _;
use patchbay_tests::Org;
use serde_json::{Value, json};

use super::scene::{Scene, act, chat, proxied, summary, tokens, used};

const CALLS: usize = 10_000;
/// At once.
const CROWD: usize = 120;

/// One call of the mix.
async fn call(org: &Org, number: usize) -> u16 {
    let model = format!("sim:tokens={}", number % 13 + 1);
    let response = |stream: bool| json!({"model": model, "input": "how are you", "stream": stream});
    let reply = match number % 7 {
        0 => act(org, &model).await,
        1 => proxied(org, &chat(&model, false)).send().await,
        2 => proxied(org, &chat(&model, true)).send().await,
        3 => org.call("POST", "/v1/proxy/openai/v1/responses").json(&response(true)).send().await,
        4 => org.call("POST", "/v1/proxy/openai/v1/responses").json(&response(false)).send().await,
        5 => {
            let embed = json!({"model": "text-embedding-3-small", "input": "one two three", "dimensions": 4});
            org.act("openai", "create-embedding", &embed).await
        }
        // the vendor fails, and serves nothing
        _ => proxied(org, &chat("sim:status=500", false)).send().await,
    };
    reply.status
}

pub async fn ten_thousand_mixed_calls_at_once_are_metered_to_the_unit() {
    let scene = Scene::start(json!({})).await;
    let other = scene.hub.org("second").await;
    scene.connect(&other).await;
    // one of them spends of a budget meanwhile, which is there before the other hub is: that would hear of it only within a second
    let cap = 1_000_000;
    let _ = super::scene::put_budget(&other, "org", "ai_tokens", cap).await.expect(200);
    let second = scene.second().await;
    let mut orgs = vec![scene.org.clone(), other.clone()];
    if let Some(second) = &second {
        orgs.extend([scene.org.at(second), other.at(second)]);
        for org in &orgs[2..] {
            org.wait_for(std::time::Duration::from_secs(30), || async {
                let found = org.get("/v1/installations/openai").await.json();
                (!found["version"].is_null()).then_some(())
            })
            .await;
        }
    }
    let orgs = &orgs;
    let calls = futures::stream::iter(0..CALLS).map(|number| call(&orgs[number % orgs.len()], number));
    let statuses: Vec<u16> = calls.buffer_unordered(CROWD).collect().await;
    let failed = statuses.iter().filter(|status| **status != 200).count();
    assert_eq!(failed, (0..CALLS).filter(|number| number % 7 == 6).count(), "only those that the vendor failed");

    let (prompt, completion) = scene.vendor.ledger().totals();
    let mut sums = (0, 0);
    let mut calls = 0;
    for org in [&scene.org, &other] {
        let (input, output) =
            (org.metered("openai", "input_tokens").await, org.metered("openai", "output_tokens").await);
        sums = (sums.0 + input, sums.1 + output);
        assert!(org.usage("openai").await.iter().all(|(_, basis, _)| basis == "reported"));
        let summary = summary(org).await;
        assert_eq!(used(&summary, "ai_tokens"), input + output, "the counters are the sums of the records");
        calls += used(&summary, "calls");
        let by_day: u64 = days(&summary, "ai_tokens").sum();
        assert_eq!(by_day, input + output);
        let meter = |name: &str| {
            let plugins = summary["plugins"].as_array().unwrap();
            plugins.iter().find(|one| one["meter"] == name).unwrap()["quantity"].as_u64().unwrap()
        };
        assert_eq!((meter("input_tokens"), meter("output_tokens")), (input, output));
    }
    assert_eq!(sums, (prompt, completion), "what the vendor served is what was metered");
    assert_eq!(calls, CALLS as u64, "those that failed are calls too");
    let budget = super::scene::budget(&other, "org", "ai_tokens").await;
    assert_eq!(budget["spent"], tokens(&other).await, "and so is what the budget spent");
    assert_eq!(budget["reserved"], 0);
}

fn days<'a>(summary: &'a Value, metric: &str) -> impl Iterator<Item = u64> {
    let days: Vec<&'a Value> =
        summary["days"].as_array().unwrap().iter().filter(|day| day["metric"] == metric).collect();
    days.into_iter().map(|day| day["used"].as_u64().unwrap())
}
