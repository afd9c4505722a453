//! What is there only later: what is learned of a call after its end, what the search learns of by a clock that is minutes off, and a plan that
//! has the plugin.

use chrono::Duration;
use patchbay_tests::hubspot::{Kind, PORTAL, Properties};
use serde_json::{Value, json};

use super::scene::Scene;

/// The one call in the timelines.
fn told(scene: &Scene) -> (u64, Properties) {
    scene.hubspot.edit(PORTAL, |portal, _| {
        let calls = portal.ids(Kind::Calls);
        assert_eq!(calls.len(), 1, "{calls:?}");
        (calls[0], portal.get(Kind::Calls, calls[0]).unwrap().clone())
    })
}

pub async fn what_is_learned_of_a_call_after_its_end_comes_into_its_timeline() {
    let scene = Scene::in_step(json!({}), &["contact"]).await;
    let ada = scene.hubspot.edit(PORTAL, |portal, now| {
        portal.create(Kind::Contacts, &[("email", "ada@example.com"), ("firstname", "Ada")], now)
    });
    scene.run(&scene.acme, "contact", "full").await;
    scene.switch_on(&scene.acme, "call", json!({"direction": "out"})).await;
    scene.settle().await;
    let call = |more: Value| {
        let mut call = json!({
            "direction": "inbound", "status": "completed", "from": "+15550111", "to": "+15550199",
            "started_at": "2026-10-31T23:00:00Z", "duration_s": 61,
        });
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        call
    };
    scene.put(&scene.acme, "call", "scribe:7", call(json!({}))).await;
    scene.settle().await;
    let (id, first) = told(&scene);
    assert_eq!((first.get("hs_call_body"), first.get("hs_call_recording_url")), (None, None));
    assert!(scene.hubspot.edit(PORTAL, |portal, _| portal.associated(Kind::Calls, id, Kind::Contacts)).is_empty());

    let recording = json!({"call_id": "scribe:7", "status": "available", "url": "https://kept.example/7.mp3"});
    scene.put(&scene.acme, "recording", "scribe:r7", recording).await;
    scene.settle().await;
    // somebody says who it was and what came of it
    let (contact, _) = scene.records(&scene.acme, "contact").await.remove(0);
    let said = json!({"outcome": "Left voicemail", "summary": "Wants 100 seats", "contact_id": contact});
    scene.put(&scene.acme, "call", "scribe:7", call(said)).await;
    scene.settle().await;
    let (same, last) = told(&scene);
    assert_eq!((same, last["hs_call_recording_url"].as_str()), (id, "https://kept.example/7.mp3"));
    assert_eq!(last["hs_call_body"], "Wants 100 seats");
    assert_eq!(last["hs_call_disposition"], "b2cf5968-551e-4856-9783-52b3da59a7d0");
    let contacts = scene.hubspot.edit(PORTAL, |portal, _| portal.associated(Kind::Calls, id, Kind::Contacts));
    assert_eq!(contacts, [(ada, 194)]);
    scene.assert_well_behaved();
}

pub async fn a_change_that_the_search_learns_of_late_is_found_whatever_hubspots_clock_says() {
    for skew_ms in [-480_000, 480_000] {
        let scene = Scene::in_step(json!({}), &[]).await;
        scene.hubspot.set_skew_ms(skew_ms);
        scene.hubspot.set_lag_ms(20_000);
        let id =
            scene.hubspot.edit(PORTAL, |portal, now| portal.create(Kind::Contacts, &[("email", "a@example.com")], now));
        scene.clock.advance(Duration::minutes(1));
        scene.switch_on(&scene.acme, "contact", json!({"direction": "in"})).await;
        scene.run(&scene.acme, "contact", "full").await;
        scene.hubspot.edit(PORTAL, |portal, now| portal.set(Kind::Contacts, id, &[("lastname", "King")], now));
        let name = async || scene.record_of(&scene.acme, "contact", id).await.unwrap()["last_name"].clone();
        scene.run(&scene.acme, "contact", "delta").await;
        assert_eq!(name().await, Value::Null, "{skew_ms}: the search does not know of it yet");
        scene.clock.advance(Duration::minutes(1));
        scene.run(&scene.acme, "contact", "delta").await;
        assert_eq!(name().await, "King", "{skew_ms}");
        scene.assert_well_behaved();
    }
}

pub async fn a_plan_below_pro_has_neither_its_actions_nor_its_syncs() {
    let scene = Scene::in_step(json!({}), &["contact"]).await;
    scene.settle().await;
    let org = &scene.acme.org;
    let (test, nothing) = ("test-connection", json!({}));
    let runs = "/v1/installations/hubspot/syncs/contact/runs";
    scene.hub.hub.set_plan(org.id, "starter", None).await.unwrap();
    scene.hubspot.reset_counts();
    let refused = org.act("hubspot", test, &nothing).await;
    refused.expect_problem("plan_required");
    let entitlement = &refused.json()["entitlement"];
    assert_eq!((&entitlement["feature"], &entitlement["plan"]), (&json!("plugin:hubspot"), &json!("starter")));
    assert_eq!(entitlement["lowest_plan"], "pro");
    org.get("/v1/proxy/hubspot/crm/v3/objects/contacts").await.expect_problem("plan_required");
    let settings = json!({"enabled": true, "every_s": 86_400});
    let put = org.call("PUT", "/v1/installations/hubspot/syncs/company").json(&settings).send().await;
    put.expect_problem("plan_required");
    // what is set up stays, and does not run
    let asked = org.call("POST", runs).json(&json!({"mode": "delta"})).send().await;
    assert!(matches!(asked.status, 200..=202), "{}", asked.text());
    scene.settle().await;
    let id = asked.json()["id"].as_str().unwrap().to_owned();
    let run = org.get(&format!("/v1/sync-runs/{id}")).await.expect(200).json();
    assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!("plan_required")), "{run}");
    assert!(scene.hubspot.counts().is_empty(), "HubSpot was not asked: {:?}", scene.hubspot.counts());
    // and who never had it does not get it
    let other = scene.hub.org("other").await;
    scene.hub.hub.set_plan(other.id, "free", None).await.unwrap();
    other.install("hubspot", json!({})).await.expect_problem("plan_required");

    scene.hub.hub.set_plan(org.id, "pro", None).await.unwrap();
    let _ = org.act("hubspot", test, &nothing).await.expect(200);
    scene.run(&scene.acme, "contact", "delta").await;
    scene.assert_well_behaved();
}
