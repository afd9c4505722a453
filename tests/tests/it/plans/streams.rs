//! Streams under a budget: cut where it ends, and not a token beyond.

use std::time::Duration;

use patchbay_tests::Org;
use serde_json::{Value, json};

use super::scene::{Scene, budget, chat, openai, proxied, put_budget, tokens};

/// What a stream's last event says.
fn last_event(text: &str) -> Value {
    let event = text.trim_end().rsplit("\n\n").next().unwrap();
    assert!(event.starts_with("event: error\n"), "{event}");
    serde_json::from_str(event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap()).unwrap()
}

/// Until when what follows from something has happened; a machine that is busy otherwise takes its time.
const SOON: Duration = Duration::from_secs(30);

async fn settled(org: &Org, subject: &str) -> Value {
    org.wait_for(SOON, || async {
        let budget = budget(org, subject, "ai_tokens").await;
        (budget["reserved"] == 0).then_some(budget)
    })
    .await
}

pub async fn a_stream_is_cut_at_the_cap_and_names_the_budget() {
    let scene = Scene::start(json!({})).await;
    let cap = 6_000;
    let made = put_budget(&scene.org, "org", "ai_tokens", cap).await.expect(200).json();
    let reply = proxied(&scene.org, &chat("sim:endless", true)).send().await.expect(200);
    let said = last_event(&reply.text());
    assert_eq!((&said["error"]["code"], &said["entitlement"]["budget"]), (&json!("budget_exhausted"), &made["id"]));
    assert!(said["error"]["message"].as_str().unwrap().contains(made["id"].as_str().unwrap()), "{said}");
    assert!(said["entitlement"]["period_ends_at"].is_string());
    assert!(scene.vendor.wait_for_open_streams(0, SOON).await, "the vendor still streams");

    let spent = tokens(&scene.org).await;
    assert!(spent <= cap && spent + 300 > cap, "{spent} of {cap}");
    let budget = settled(&scene.org, "org").await;
    assert_eq!(budget["spent"], spent);
    let run = &scene.org.runs("openai").await[0];
    assert_eq!(run["error_code"], "budget_exhausted");
    assert!(run["error_detail"].as_str().unwrap().contains(made["id"].as_str().unwrap()), "{run}");

    // nobody is asked any more, until there is more
    let asked = scene.asked();
    let refused = proxied(&scene.org, &chat("gpt-4.1", true)).send().await;
    refused.expect_problem("budget_exhausted");
    assert_eq!(refused.json()["entitlement"]["budget"], made["id"]);
    assert_eq!(scene.asked(), asked);
    let _ = put_budget(&scene.org, "org", "ai_tokens", 2 * cap).await.expect(200);
    let _ = proxied(&scene.org, &chat("gpt-4.1", true)).send().await.expect(200);
    let _ = scene.org.call("DELETE", "/v1/budgets/org/ai_tokens").send().await.expect(204);
    let _ = proxied(&scene.org, &chat("sim:tokens=20000", true)).send().await.expect(200);
}

pub async fn streams_at_once_never_pass_a_cap_together() {
    let scene = Scene::start(json!({})).await;
    let second = scene.second().await;
    let orgs = match &second {
        Some(second) => vec![scene.org.clone(), scene.org.at(second)],
        None => vec![scene.org.clone()],
    };
    for org in &orgs {
        org.wait_for(SOON, || async {
            let found = org.get("/v1/installations/openai").await.json();
            (!found["version"].is_null()).then_some(())
        })
        .await;
    }
    for cap in [10_000, 40_000, 90_000] {
        let before = tokens(&scene.org).await;
        // what was used counts
        let _ = scene.org.call("DELETE", "/v1/budgets/org/ai_tokens").send().await;
        let _ = put_budget(&scene.org, "org", "ai_tokens", before + cap).await.expect(200);
        for org in &orgs {
            org.wait_for(SOON, || async {
                (budget(org, "org", "ai_tokens").await["cap"] == before + cap).then_some(())
            })
            .await;
        }
        // the other hub hears of it within a second, and until then would let calls through
        if second.is_some() {
            let other = &orgs[1];
            other
                .wait_for(SOON, || async {
                    let _ = put_budget(&scene.org, "plugin:openai", "ai_tokens", 0).await.expect(200);
                    let refused = proxied(other, &chat("sim:tokens=1", true)).send().await;
                    (refused.code() == "budget_exhausted").then_some(())
                })
                .await;
            let _ = scene.org.call("DELETE", "/v1/budgets/plugin:openai/ai_tokens").send().await.expect(204);
            other
                .wait_for(SOON, || async {
                    let reply = proxied(other, &chat("sim:tokens=1", true)).send().await;
                    (reply.status == 200).then_some(())
                })
                .await;
        }
        let streams = (0..40).map(|number| {
            let org = &orgs[number % orgs.len()];
            proxied(org, &chat("sim:endless,pace=1", true)).send()
        });
        let replies = futures::future::join_all(streams).await;
        let cut = replies.iter().filter(|reply| reply.status == 200).count();
        assert!(cut > 0);
        for reply in replies {
            match reply.status {
                200 => assert_eq!(last_event(&reply.text())["error"]["code"], "budget_exhausted"),
                _ => reply.expect_problem("budget_exhausted"),
            }
        }
        let state = settled(&scene.org, "org").await;
        let used = tokens(&scene.org).await;
        assert!(used <= before + cap, "{used} of {}", before + cap);
        assert!(
            used + 4_096 + 300 > before + cap,
            "{used} of {}: what is left is less than a call wants",
            before + cap
        );
        assert_eq!(state["spent"], used, "the budget spent what was billed, after {cut} streams");
    }
}

/// What a stream takes at a time.
const CHUNK: u64 = 32;

pub async fn two_hundred_streams_at_once_never_pass_a_budget_and_each_is_told_which() {
    // each reserves little to begin with, so that all of them run and meet at the cap
    let plugin = openai().edit(|manifest| {
        let routes = manifest.proxy.iter_mut().flat_map(|proxy| &mut proxy.routes);
        for estimate in routes.filter_map(|route| route.estimate.as_mut()?.get_mut("output_tokens")) {
            estimate.units = CHUNK;
            if let Some(stream) = &mut estimate.stream {
                stream.chunk = CHUNK;
            }
        }
    });
    let scene = Scene::start_with(json!({}), plugin).await;
    let cap = 45_000;
    let made = put_budget(&scene.org, "org", "ai_tokens", cap).await.expect(200).json();
    let streams = (0..200).map(|_| proxied(&scene.org, &chat("sim:endless,pace=10", true)).send());
    let replies = futures::future::join_all(streams).await;
    let mut cut = 0;
    for reply in &replies {
        if reply.status == 200 {
            cut += 1;
            let said = last_event(&reply.text());
            assert_eq!(
                (&said["error"]["code"], &said["entitlement"]["budget"]),
                (&json!("budget_exhausted"), &made["id"])
            );
            assert!(said["error"]["message"].as_str().unwrap().contains(made["id"].as_str().unwrap()), "{said}");
        } else {
            reply.expect_problem("budget_exhausted");
            assert_eq!(reply.json()["entitlement"]["budget"], made["id"]);
        }
    }
    assert!(cut > 0);
    let state = settled(&scene.org, "org").await;
    let used = tokens(&scene.org).await;
    // exactly within it; and what is left is less than a chunk of the last stream
    assert!(used <= cap, "{used} of {cap} by {cut} streams");
    assert_eq!(state["spent"], used, "what is billed is what was spent, after {cut} streams");
    assert!(scene.vendor.wait_for_open_streams(0, SOON).await, "the vendor still streams");
}

pub async fn a_client_that_leaves_gives_back_what_its_stream_held() {
    let scene = Scene::start(json!({})).await;
    let _ = put_budget(&scene.org, "org", "ai_tokens", 50_000).await.expect(200);
    let response = proxied(&scene.org, &chat("sim:endless,pace=5", true)).open().await;
    assert!(scene.vendor.wait_for_open_streams(1, SOON).await);
    assert!(budget(&scene.org, "org", "ai_tokens").await["reserved"].as_u64().unwrap() >= 4_096);
    drop(response);
    assert!(scene.vendor.wait_for_open_streams(0, SOON).await);
    let state = settled(&scene.org, "org").await;
    assert_eq!(state["spent"], tokens(&scene.org).await);
}
