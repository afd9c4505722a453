//! Files of an organization, shared by links.

use std::sync::Arc;

use chrono::Duration;
use patchbay_model::ManualClock;
use patchbay_tests::TestHub;
use serde_json::json;

use crate::zoo::patient;

pub async fn a_link_leads_to_its_file_for_its_time_and_only_its_own_org_makes_one() {
    let clock = Arc::new(ManualClock::new("2026-11-22T12:00:00Z".parse().unwrap()));
    let hub = TestHub::setup().clock(clock.clone()).start().await;
    let (owner, stranger) = (hub.org("owner").await, hub.org("stranger").await);
    let _ = owner.upload(patient("foreign-reader").pack()).await.expect(201);
    let _ = owner.install("foreign-reader", json!({})).await.expect(200);
    let written = owner.act("foreign-reader", "run", &json!({"text": "write sound"})).await.expect(200);
    let blob = written.json()["output"]["result"].as_str().unwrap().to_owned();
    let bytes = owner.get(&format!("/v1/blobs/{blob}")).await.expect(200).body;
    let links = format!("/v1/blobs/{blob}/links");

    stranger.call("POST", &links).json(&json!({})).send().await.expect_problem("not_found");
    for wrong in [0, 86_401] {
        let asked = json!({"expires_in_s": wrong});
        owner.call("POST", &links).json(&asked).send().await.expect_problem("invalid_input");
    }
    let link = owner.call("POST", &links).json(&json!({})).send().await.expect(201).json();
    assert_eq!(link["expires_at"], "2026-11-23T12:00:00Z");
    let path = link["url"].as_str().unwrap().strip_prefix(&hub.url).unwrap().to_owned();
    let shared = stranger.without_key("GET", &path).send().await.expect(200);
    assert_eq!(shared.body, bytes);
    assert_eq!(shared.header("cache-control"), Some("private, no-store"));
    assert_eq!(shared.header("x-content-type-options"), Some("nosniff"));

    // another org, a later end, another proof
    let later = path.replacen(".17", ".18", 1);
    let forged = path.replacen(&owner.id.to_string(), &stranger.id.to_string(), 1);
    for changed in [later, forged, format!("{path}A"), "/files/nothing".to_owned()] {
        assert_ne!(changed, path);
        stranger.without_key("GET", &changed).send().await.expect_problem("not_found");
    }
    clock.advance(Duration::hours(24) - Duration::seconds(1));
    let _ = stranger.without_key("GET", &path).send().await.expect(200);
    clock.advance(Duration::seconds(1));
    stranger.without_key("GET", &path).send().await.expect_problem("not_found");
    let audit = owner.get("/v1/audit").await.expect(200).json();
    let made: Vec<_> = audit["items"].as_array().unwrap().iter().filter(|one| one["action"] == "blob.link").collect();
    assert_eq!((made.len(), &made[0]["resource"]), (1, &json!(blob)));
}
