//! Another account in the place of the one that the links are about.

use patchbay_tests::hubspot::{Kind, PORTAL};
use serde_json::{Value, json};

use super::scene::Scene;

/// Another account. Its ids are the same numbers as the first one's.
const OTHER: u64 = PORTAL + 1;
const SYNC: &str = "/v1/installations/hubspot/syncs/contact";
const ACCOUNT: &str = "/v1/installations/hubspot/account";

/// How a consent of somebody of this account leaves the sync.
async fn consent(scene: &Scene, portal: u64) -> Value {
    scene.hubspot.next_consent(portal);
    scene.authorize(&scene.acme).await;
    sync(scene).await
}

async fn disconnect(scene: &Scene) {
    let _ = scene.acme.org.call("DELETE", "/v1/connections/hubspot").send().await.expect(204);
}

async fn sync(scene: &Scene) -> Value {
    scene.acme.org.get(SYNC).await.expect(200).json()
}

/// Has it done what it would do if nothing kept it.
async fn let_it_run(scene: &Scene) {
    scene.clock.advance(chrono::Duration::days(8));
    scene.hub.hub.run_due_syncs().await.unwrap();
    scene.settle().await;
}

/// What an admin decides about the links.
async fn decide(scene: &Scene, links: &str) -> Value {
    let decided = scene.acme.org.call("POST", ACCOUNT).json(&json!({"links": links})).send().await.expect(200).json();
    let syncs = decided["items"].as_array().unwrap();
    syncs.iter().find(|sync| sync["object"] == "contact").unwrap().clone()
}

#[track_caller]
fn assert_off(sync: &Value, account: u64) {
    assert_eq!((&sync["settings"]["enabled"], &sync["next_due_at"]), (&json!(false), &Value::Null), "{sync:#}");
    assert_eq!((&sync["problem"]["code"], &sync["account"]), (&json!("another_account"), &json!(account.to_string())));
    assert!(sync["problem"]["detail"].as_str().unwrap().contains(&account.to_string()), "{sync:#}");
}

#[track_caller]
fn assert_on(sync: &Value) {
    assert_eq!((&sync["settings"]["enabled"], &sync["problem"]), (&json!(true), &Value::Null), "{sync:#}");
}

pub async fn another_account_stops_a_sync_until_it_is_the_first_again_or_somebody_decides() {
    let scene = Scene::start(json!({})).await;
    scene.hubspot.add_portal(OTHER);
    let person = |portal: u64, email: &str| {
        scene.hubspot.edit(portal, |portal, now| portal.create(Kind::Contacts, &[("email", email)], now))
    };
    let ada = person(PORTAL, "ada@example.com");
    let bob = person(PORTAL, "bob@example.com");
    assert_eq!(person(OTHER, "eve@example.com"), ada, "the same number is somebody else there");
    scene.hubspot.next_consent(PORTAL);
    scene.authorize(&scene.acme).await;
    let inward = json!({"direction": "in", "full_every_days": 7});
    scene.switch_on(&scene.acme, "contact", inward.clone()).await;
    let_it_run(&scene).await;
    let before = scene.records(&scene.acme, "contact").await;
    assert_eq!(before.len(), 2);

    scene.hubspot.reset_counts();
    disconnect(&scene).await;
    assert_off(&consent(&scene, OTHER).await, PORTAL);
    let installation = scene.acme.org.get("/v1/installations/hubspot").await.expect(200).json();
    assert_eq!(installation["syncs"][0]["problem"], "another_account", "{installation:#}");
    let_it_run(&scene).await;
    assert_eq!(scene.records(&scene.acme, "contact").await, before, "nobody is overwritten or deleted");
    assert_eq!(scene.hubspot.count("/objects/contacts"), 0, "{:?}", scene.hubspot.counts());
    let org = &scene.acme.org;
    org.call("PUT", SYNC).json(&inward).send().await.expect_problem("another_account");
    let runs = format!("{SYNC}/runs");
    org.call("POST", &runs).json(&json!({"mode": "full"})).send().await.expect_problem("another_account");

    // the first one again: as if nothing had been
    assert_on(&consent(&scene, PORTAL).await);
    scene.hubspot.edit(PORTAL, |portal, now| portal.set(Kind::Contacts, bob, &[("firstname", "Bob")], now));
    let_it_run(&scene).await;
    assert_eq!(scene.record_of(&scene.acme, "contact", bob).await.unwrap()["first_name"], "Bob");
    let first = scene.records(&scene.acme, "contact").await;
    assert_eq!(first.len(), 2);

    // the other one in its place, for good: who has the same number is another person still
    assert_off(&consent(&scene, OTHER).await, PORTAL);
    org.call("POST", ACCOUNT).json(&json!({"links": "all"})).send().await.expect_problem("invalid_input");
    let decided = decide(&scene, "forget").await;
    assert_on(&decided);
    assert_eq!((&decided["account"], &decided["linked"]), (&json!(OTHER.to_string()), &json!(0)));
    let_it_run(&scene).await;
    let all = scene.records(&scene.acme, "contact").await;
    assert_eq!(all.len(), 3);
    assert!(first.iter().all(|record| all.contains(record)), "those of the first account stay as they are");
    assert_eq!(sync(&scene).await["linked"], 1);

    // a token says nothing of whose it is: somebody has to
    disconnect(&scene).await;
    scene.connect(&scene.acme, OTHER).await;
    assert_off(&sync(&scene).await, OTHER);
    let kept = decide(&scene, "keep").await;
    assert_on(&kept);
    assert_eq!((&kept["account"], &kept["linked"]), (&Value::Null, &json!(1)));
    let_it_run(&scene).await;
    assert_eq!(scene.records(&scene.acme, "contact").await.len(), 3);
    // nor does a consent say whose the links are that were made by it
    disconnect(&scene).await;
    let unnamed = consent(&scene, PORTAL).await;
    assert_eq!((&unnamed["problem"]["code"], &unnamed["account"]), (&json!("another_account"), &Value::Null));
    scene.assert_well_behaved();
}
