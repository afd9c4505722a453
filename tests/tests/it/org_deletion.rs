//! An organization is deleted: its secrets first, its calls within a second, and nothing of it stays.

use std::time::{Duration, Instant};

use patchbay_tests::{Fixture, Org, TestHub, Vendor, hub::on_postgres};
use serde_json::json;

use crate::{
    hubs::{SECOND, within},
    zoo::patient,
};

const CANARY: &str = "sk-canary-of-an-org-that-goes";

fn echo() -> Vec<u8> {
    Fixture::load("echo").edit(|manifest| manifest.egress[0].paths.push("/silent".to_owned())).pack()
}

async fn installed(hub: &TestHub, org: &Org) {
    let _ = org.install("echo", json!({})).await.expect(200);
    let _ = org.connect("echo", "secret_key", CANARY).await.expect(200);
    let _ = org.act("echo", "run", &json!({"text": "a-canary-in-an-event"})).await.expect(200);
    let _ = hub;
}

pub async fn an_organizations_rows_files_and_calls_go_with_it() {
    let vendor = Vendor::start().await;
    let hub = TestHub::setup().upstream("vendor.test", &vendor.url()).start().await;
    let (ours, theirs) = (hub.org("ours").await, hub.org("theirs").await);
    let _ = ours.upload(echo()).await.expect(201);
    let _ = ours.upload(patient("foreign-reader").pack()).await.expect(201);
    installed(&hub, &ours).await;
    installed(&hub, &theirs).await;
    let _ = ours.install("foreign-reader", json!({})).await.expect(200);
    let written = json!({"text": "write a-canary-in-a-file"});
    let _ = ours.act("foreign-reader", "run", &written).await.expect(200);
    let files = hub.data_dir().join("blobs").join(ours.id.to_string());
    assert!(files.exists());

    // A call that would wait for its vendor for a long time.
    let waiting = tokio::spawn({
        let ours = ours.clone();
        async move { ours.act("echo", "fetch", &json!({"text": "https://vendor.test/silent"})).await }
    });
    vendor.silent_was_asked().await;
    let began = Instant::now();
    let deleted = hub.hub.delete_org(ours.id).await.unwrap();
    assert_eq!((deleted.data_keys, deleted.name.as_str()), (1, "ours"));
    let reply = waiting.await.unwrap();
    // its own time is half a minute
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(reply.status >= 400, "{}", reply.text());

    ours.get("/v1/runs").await.expect_problem("unauthenticated");
    ours.act("echo", "run", &json!({"text": "x"})).await.expect_problem("unauthenticated");
    let _ = theirs.act("echo", "run", &json!({"text": "x"})).await.expect(200);
    assert!(!files.exists());
    let id = ours.id.0.simple().to_string();
    if let Some(database) = hub.postgres() {
        for (table, rows) in database.dump().await {
            let of_it = rows.lines().filter(|row| row.contains(&ours.id.0.to_string()) || row.contains(&id));
            // The hub's log tells of it, and what was signed about its own log stays.
            assert!(of_it.count() == 0 || table == "hub_audit" || table == "audit_checkpoint", "{table}");
        }
    } else {
        assert!(deleted.erased);
        for name in ["patchbay.db", "patchbay.db-wal"] {
            let bytes = std::fs::read(hub.data_dir().join(name)).unwrap_or_default();
            assert!(memchr::memmem::find(&bytes, b"a-canary-in-a-file").is_none(), "{name}");
        }
    }
    let reports = hub.hub.verify_audit(patchbay_hub::VerifyAudit::default()).await.unwrap();
    assert!(reports.iter().all(|report| report.damage.is_none()), "{reports:?}");
}

/// What one hub deletes, the other one serves no more.
async fn deleting_on_one_of_two_hubs() {
    let vendor = Vendor::start().await;
    let setup = || TestHub::setup().upstream("vendor.test", &vendor.url());
    let first = setup().start().await;
    let second = setup().beside(&first).start().await;
    let org = first.org("acme").await;
    let there = org.at(&second);
    let _ = org.upload(echo()).await.expect(201);
    installed(&first, &org).await;
    let ready = || async { (there.act("echo", "run", &json!({"text": "x"})).await.status == 200).then_some(()) };
    org.wait_for(Duration::from_secs(60), ready).await;
    let waiting = tokio::spawn({
        let there = there.clone();
        async move { there.act("echo", "fetch", &json!({"text": "https://vendor.test/silent"})).await }
    });
    vendor.silent_was_asked().await;
    first.hub.delete_org(org.id).await.unwrap();
    within(SECOND, &there, async |org| org.get("/v1/runs").await.status == 401).await;
    // its own time is half a minute
    let reply = tokio::time::timeout(Duration::from_secs(15), waiting).await.expect("it is broken off").unwrap();
    assert!(reply.status >= 400, "{}", reply.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_on_one_hub_stops_on_the_other_within_a_second() {
    on_postgres(deleting_on_one_of_two_hubs()).await;
}
