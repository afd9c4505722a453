//! A hub is killed in the middle of its writes: what its clients ask for again, of another hub, is done once.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt as _, stream};
use patchbay_tests::{
    Org, TestHub, Vendor,
    hub::{HubProcess, on_postgres},
};
use serde_json::json;

use crate::once::{asked, write, writer};

const KEY: &str = "idempotency-key";
const WRITES: usize = 1_000;
const AT_ONCE: usize = 24;
/// When the first of them is killed: so many are done, and as many as are asked for at once are under way.
const KILLED_AT: usize = 350;

struct Scene {
    /// Made the database, and is asked for nothing else.
    _hub: TestHub,
    org: Org,
    vendor: Vendor,
    hubs: [HubProcess; 2],
}

impl Scene {
    async fn start(header: Option<&str>) -> Self {
        let vendor = Vendor::start().await;
        let hub = TestHub::setup().upstream("vendor.test", &vendor.url()).start().await;
        let org = hub.org("acme").await;
        let fixture = writer(header);
        let _ = org.upload(fixture.pack()).await.expect(201);
        let _ = org.install("fetcher", json!({})).await.expect(200);
        let upstreams = [("vendor.test", vendor.url())];
        let hubs = [HubProcess::beside(&hub, &upstreams).await, HubProcess::beside(&hub, &upstreams).await];
        Self { _hub: hub, org, vendor, hubs }
    }
}

/// Asks for a write until it is done, now of the one hub and now of the other: when the hub says, or at once of the other if
/// one is gone. Of one that is known to be gone nothing is asked any more, for its port may be somebody else's by now.
async fn until_done(orgs: &[Org; 2], gone: &OnceLock<usize>, number: usize) -> String {
    let mut attempt = number;
    loop {
        attempt += 1;
        let at = gone.get().map_or(attempt % 2, |gone| 1 - gone);
        let call = orgs[at].call("POST", "/v1/actions/fetcher/run");
        let call = call.header(KEY, &format!("write-{number}")).json(&write(&format!("/once?n={number}")));
        match call.try_send().await {
            Some(reply) if reply.status == 200 => return reply.header("patchbay-run").unwrap().to_owned(),
            Some(reply) if reply.code() == "idempotency_in_progress" => {
                let seconds = reply.header("retry-after").unwrap().parse().unwrap();
                tokio::time::sleep(Duration::from_secs(seconds)).await;
            }
            Some(reply) => panic!("write {number}: {}", reply.text()),
            // not there, or gone in the middle of it
            None => {}
        }
    }
}

async fn killing(victim: usize) {
    let mut scene = Scene::start(Some(KEY)).await;
    let orgs = Arc::new([scene.hubs[0].see(&scene.org), scene.hubs[1].see(&scene.org)]);
    let (done, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(OnceLock::<usize>::new()));
    let (kill, killed) = tokio::sync::oneshot::channel();
    let kill = Arc::new(std::sync::Mutex::new(Some(kill)));
    let writes = stream::iter(0..WRITES).map(|number| {
        let (orgs, done, kill) = (Arc::clone(&orgs), Arc::clone(&done), Arc::clone(&kill));
        let gone = Arc::clone(&gone);
        tokio::spawn(async move {
            let run = until_done(&orgs, &gone, number).await;
            if done.fetch_add(1, Ordering::SeqCst) == KILLED_AT {
                kill.lock().unwrap().take().unwrap().send(()).unwrap();
            }
            run
        })
    });
    let all = writes.buffer_unordered(AT_ONCE).map(|run| run.unwrap()).collect::<BTreeSet<_>>();
    let killing = async {
        killed.await.unwrap();
        scene.hubs[victim].kill().await;
        gone.set(victim).unwrap();
    };
    let (runs, ()) = tokio::time::timeout(Duration::from_secs(180), async { tokio::join!(all, killing) })
        .await
        .expect("all writes are done in time");
    assert_eq!(runs.len(), WRITES, "each write was answered by one run");

    // The vendor does once what comes under one key, so each write must have come under one.
    let asked = asked(&scene.vendor);
    assert_eq!(asked.len(), WRITES);
    for (path, keys) in &asked {
        let keys: BTreeSet<_> = keys.iter().collect();
        assert_eq!(keys.len(), 1, "{path} was done {} times", keys.len());
        assert!(keys.iter().all(|key| key.is_some()), "{path}");
    }
    let effects: BTreeSet<_> = asked.values().flatten().collect();
    assert_eq!(effects.len(), WRITES, "no two writes share a key");

    // And what was done stays done.
    let survivor = &orgs[1 - victim];
    for number in (0..WRITES).step_by(97) {
        let call = survivor.call("POST", "/v1/actions/fetcher/run").header(KEY, &format!("write-{number}"));
        let again = call.json(&write(&format!("/once?n={number}"))).send().await.expect(200);
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        assert!(runs.contains(again.header("patchbay-run").unwrap()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_writes_are_each_done_once_though_the_first_hub_is_killed() {
    on_postgres(killing(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_writes_are_each_done_once_though_the_second_hub_is_killed() {
    on_postgres(killing(1)).await;
}

/// A vendor that does not know repeats is not asked twice, and the caller is told that nobody knows.
async fn not_knowing() {
    let mut scene = Scene::start(None).await;
    let [first, second] = [scene.hubs[0].see(&scene.org), scene.hubs[1].see(&scene.org)];
    let ask = |org: &Org| {
        let call = org.call("POST", "/v1/actions/fetcher/run").header(KEY, "order-1");
        call.json(&write("/silent")).try_send()
    };
    let (lost, ()) = tokio::join!(ask(&first), async {
        scene.vendor.silent_was_asked().await;
        scene.hubs[0].kill().await;
    });
    assert!(lost.is_none());
    let told = || async {
        let reply = ask(&second).await.unwrap();
        (reply.code() != "idempotency_in_progress").then_some(reply)
    };
    let told = second.wait_for(Duration::from_secs(60), told).await;
    told.expect_problem("idempotency_outcome_unknown");
    ask(&second).await.unwrap().expect_problem("idempotency_outcome_unknown");
    assert_eq!(scene.org.at_url(&scene.hubs[1].url).runs("fetcher").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_hub_may_have_done_is_said_to_be_unknown_and_not_done_again() {
    on_postgres(not_knowing()).await;
}
