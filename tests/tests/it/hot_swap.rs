//! A plugin is replaced fifty times under load: no call fails, a version is active within a second, and the old ones
//! are freed.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use patchbay_tests::{Fixture, Org, TestHub};
use serde_json::json;

use crate::zoo::LAST_WORDS_MS;

const SWAPS: usize = 50;
const CALLS_PER_SECOND: u64 = 200;
/// Calls at once: fewer than a plugin may have.
const MOST: usize = 200;
/// By then what is waited for does not come any more.
const HANGS: Duration = Duration::from_secs(60);

/// An open loop: a call every 5 ms whether or not the ones before have ended, as real clients do. Those that a machine
/// which stood still makes up for are no crowd that would be refused.
async fn load(org: Org, stop: Arc<AtomicBool>, calls: Arc<AtomicUsize>) -> Vec<String> {
    let mut running = tokio::task::JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / CALLS_PER_SECOND));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let mut failed = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        if running.len() >= MOST
            && let Some(ended) = running.join_next().await
        {
            failed.extend(ended.unwrap());
        }
        let (org, calls) = (org.clone(), Arc::clone(&calls));
        running.spawn(async move {
            let reply = org.act("echo", "run", &json!({"text": "under load"})).await;
            calls.fetch_add(1, Ordering::Relaxed);
            let good = reply.status == 200 && reply.json()["output"]["result"] == "under load";
            (!good).then(|| format!("{}: {}", reply.status, reply.text()))
        });
    }
    failed.extend(running.join_all().await.into_iter().flatten());
    failed
}

async fn active_version(org: &Org) -> String {
    org.get("/v1/installations/echo").await.json()["version"].as_str().unwrap_or_default().to_owned()
}

pub async fn fifty_swaps_under_load_fail_no_call() {
    let hub = TestHub::setup().edit(|config| config.runtime.defaults.concurrency = 512).start().await;
    let org = hub.org("acme").await;
    let echo = Fixture::load("echo");
    hub.place("echo.wasm", &echo.clone().version("1.0.0").pack());
    let first = org.clone();
    org.wait_for(HANGS, || async { (first.install("echo", json!({})).await.status == 200).then_some(()) }).await;

    let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let loading = tokio::spawn(load(org.clone(), Arc::clone(&stop), Arc::clone(&calls)));
    let mut times = Vec::with_capacity(SWAPS);
    for swap in 1..=SWAPS {
        let version = format!("1.0.{swap}");
        let package = echo.clone().version(&version).pack();
        let before = Instant::now();
        hub.place("echo.wasm", &package);
        while active_version(&org).await != version {
            assert!(before.elapsed() < HANGS, "{version} is not active");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        times.push(before.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    let failed = loading.await.unwrap();
    times.sort_unstable();
    // a machine that is busy otherwise holds up one or another of them, and not most
    let (typical, slowest) = (times[SWAPS / 2], times[SWAPS - 1]);
    println!(
        "{} calls during {SWAPS} swaps, {} failed, typical swap {typical:?}, slowest {slowest:?}",
        calls.load(Ordering::Relaxed),
        failed.len()
    );
    assert!(typical < Duration::from_secs(1), "a version is not active within a second: {times:?}");
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(calls.load(Ordering::Relaxed) > SWAPS);

    let versions: BTreeSet<String> =
        org.runs("echo").await.iter().map(|run| run["version"].as_str().unwrap().to_owned()).collect();
    assert!(versions.contains(&format!("1.0.{SWAPS}")), "{versions:?}");
    let hub_handle = hub.hub.clone();
    org.wait_for(HANGS, || async { (hub_handle.generations_alive() <= 1).then_some(()) }).await;
}

pub async fn a_call_that_runs_during_a_swap_ends_on_the_version_that_it_began_with() {
    let vendor = patchbay_tests::Vendor::start().await;
    let hub = TestHub::setup().upstream("vendor.test", &vendor.url()).start().await;
    let org = hub.org("acme").await;
    let sleeper = Fixture::load("sleeper").edit(|manifest| manifest.limits.timeout_ms = Some(LAST_WORDS_MS));
    let _ = org.upload(sleeper.clone().version("1.0.0").pack()).await.expect(201);
    let _ = org.install("sleeper", json!({})).await.expect(200);
    let input = json!({});
    let old = org.act("sleeper", "run", &input);
    let swap = async {
        vendor.silent_was_asked().await;
        let _ = org.upload(sleeper.version("1.0.1").pack()).await.expect(201);
    };
    let (reply, ()) = tokio::join!(old, swap);
    reply.expect_problem("upstream_timeout");
    assert_eq!(org.runs("sleeper").await[0]["version"], "1.0.0");
    assert_eq!(org.get("/v1/installations/sleeper").await.json()["version"], "1.0.1");
}

pub async fn a_pinned_installation_stays_where_it_is() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    let echo = Fixture::load("echo");
    let uploaded = org.upload(echo.clone().version("1.0.0").pack()).await.expect(201).json();
    let digest = uploaded["versions"][0]["digest"].as_str().unwrap().to_owned();
    let pinned = json!({"config": {}, "policy": {"pin": digest}});
    let _ = org.call("PUT", "/v1/installations/echo").json(&pinned).send().await.expect(200);
    let _ = org.upload(echo.version("1.1.0").pack()).await.expect(201);
    assert_eq!(active_version(&org).await, "1.0.0");
    let _ = org.act("echo", "run", &json!({"text": "x"})).await.expect(200);
    assert_eq!(org.runs("echo").await[0]["version"], "1.0.0");
}

pub async fn a_version_that_may_do_more_waits_for_an_approval_while_the_one_before_serves() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    let echo = Fixture::load("echo");
    let _ = org.upload(echo.clone().version("1.0.0").pack()).await.expect(201);
    let _ = org.install("echo", json!({})).await.expect(200);
    let wider = echo.clone().version("1.1.0").edit(|manifest| {
        let elsewhere = json!({"host": "elsewhere.test", "methods": ["POST"], "paths": ["/collect"]});
        manifest.egress.push(serde_json::from_value(elsewhere).unwrap());
    });
    let uploaded = org.upload(wider.pack()).await.expect(201).json();
    let shown = uploaded["versions"][0]["capabilities"].as_array().unwrap();
    assert!(shown.contains(&json!("reaches elsewhere.test: POST /collect")), "{shown:?}");

    let installed = org.get("/v1/installations/echo").await.expect(200).json();
    assert_eq!(installed["version"], "1.0.0");
    assert_eq!(installed["held_back"]["code"], "approval_needed");
    assert_eq!(installed["held_back"]["new_capabilities"], json!(["reaches elsewhere.test: POST /collect"]));
    let _ = org.act("echo", "run", &json!({"text": "x"})).await.expect(200);

    // settings alone approve nothing
    let _ = org.install("echo", json!({})).await.expect(200);
    assert_eq!(active_version(&org).await, "1.0.0");
    let accept = json!({"accept": installed["held_back"]["digest"]});
    let accepted = org.call("PUT", "/v1/installations/echo").json(&accept).send().await.expect(200).json();
    assert_eq!((&accepted["version"], &accepted["held_back"]), (&json!("1.1.0"), &json!(null)));
    let _ = org.upload(wider.version("1.2.0").pack()).await.expect(201);
    assert_eq!(active_version(&org).await, "1.2.0");
}
