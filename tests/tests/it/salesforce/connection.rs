//! The connection: consent, refreshes, an org that moves, what people take away, and the proxy.

use chrono::Duration;
use patchbay_tests::{
    Browser, assert_clean,
    salesforce::{HOST, ORG, USER},
};
use serde_json::json;
use tokio::process::Command;

use super::scene::{Scene, install, settings};
use crate::sdk;

const CONNECTION: &str = "/v1/connections/salesforce";

pub async fn a_connection_is_made_refreshed_under_load_revoked_made_anew_and_ended() {
    let scene = Scene::start().await;
    scene.act("limits", json!({})).await.expect_problem("connection_missing");
    let _ = scene.consent(&scene.org).await.expect(200);
    let view = scene.org.get(CONNECTION).await.expect(200).json().to_string();
    assert!(view.contains(&format!("/id/{ORG}/{USER}")) && view.contains(HOST), "{view}");
    let _ = scene.act("limits", json!({})).await.expect(200);
    // Salesforce says no end: after two hours without use it is renewed, once however many want it
    scene.clock.advance(Duration::hours(3));
    let calls = (0..12).map(|_| scene.act("limits", json!({})));
    for reply in futures::future::join_all(calls).await {
        let _ = reply.expect(200);
    }
    assert_eq!(scene.vendor.refreshes(), 1);
    // a session that ends before that is noticed by the refusal
    scene.vendor.end_sessions();
    scene.clock.advance(Duration::minutes(5));
    let refused = scene.act("limits", json!({})).await;
    refused.expect_problem("upstream_unavailable");
    let again = || async { (scene.act("limits", json!({})).await.status == 200).then_some(()) };
    scene.org.wait_for(super::scene::SOON, again).await;
    assert_eq!(scene.vendor.refreshes(), 2);
    // a person takes the right away
    scene.vendor.revoke();
    scene.clock.advance(Duration::hours(3));
    scene.act("limits", json!({})).await.expect_problem("reauthorization_needed");
    let _ = scene.consent(&scene.org).await.expect(200);
    let _ = scene.act("limits", json!({})).await.expect(200);
    assert_eq!(scene.vendor.sessions(), 1);
    let ended = scene.org.call("DELETE", CONNECTION).send().await;
    assert!((200..300).contains(&ended.status), "{}", ended.text());
    scene.until(async || scene.vendor.sessions() == 0).await;
    let kept = scene.hub.kept().await;
    for secret in scene.vendor.secrets() {
        assert_clean(&kept, "a code or token", &secret);
    }
    scene.assert_well_behaved();
}

pub async fn tokens_are_for_the_host_that_the_settings_name() {
    let scene = Scene::start().await;
    scene.vendor.move_to("other.my.salesforce.com");
    let page = scene.consent(&scene.org).await;
    assert_eq!(page.status, 409, "{}", page.text());
    assert!(page.text().contains("instance_url"), "it says what to change: {}", page.text());
    assert_eq!(scene.vendor.sessions(), 0, "what is not taken is given back");
    scene.vendor.move_to(HOST);
    let _ = scene.consent(&scene.org).await.expect(200);
    let _ = scene.act("limits", json!({})).await.expect(200);
    // the org is moved while it is connected: the renewed token is for the new host
    scene.vendor.move_to("other.my.salesforce.com");
    scene.clock.advance(Duration::hours(3));
    let asked = scene.vendor.counts().all;
    for _ in 0..2 {
        let refused = scene.act("limits", json!({})).await;
        refused.expect_problem("conflict");
        assert!(refused.text().contains("other.my.salesforce.com"), "{}", refused.text());
    }
    assert_eq!(scene.vendor.counts().all, asked, "no token went to the old host");
    scene.assert_well_behaved();
}

pub async fn a_consent_that_is_refused_or_forged_connects_nothing() {
    let scene = Scene::start().await;
    let browser = Browser::new(&scene.hub);
    for back in ["code=aPrx&state=guessed", "error=access_denied&state=guessed", ""] {
        let page = browser.get(&format!("/oauth/callback/salesforce?{back}")).await;
        assert!(page.status >= 400, "{back}: {}", page.status);
    }
    scene.act("limits", json!({})).await.expect_problem("connection_missing");
    let wrong =
        json!({"config": {"login": "login", "instance_url": "https://evil.example"}, "hosts": ["evil.example"]});
    let refused = scene.org.call("PUT", "/v1/installations/salesforce").json(&wrong).send().await;
    refused.expect_problem("config_rejected");
    assert!(settings()["instance_url"].as_str().unwrap().ends_with(".my.salesforce.com"));
}

pub async fn another_organization_with_the_same_org_sees_its_own_records() {
    let scene = Scene::connected().await;
    let ada = scene.vendor.add("Contact", &json!({"LastName": "Lovelace", "Email": "ada@example.com"}));
    scene.sync("contact", json!({})).await;
    scene.completed("contact", "full").await;
    let other = scene.hub.org("other").await;
    let hook = install(&other).await;
    assert_ne!(hook, scene.hook);
    let none = other.get("/v1/records/contact").await.expect(200).json();
    assert_eq!(none["items"], json!([]));
    // the other's address takes nothing before it is connected, and then only for itself
    assert_ne!(scene.vendor.send_message(&hook, &[&ada]).await.0, 200);
    let _ = scene.consent(&other).await.expect(200);
    assert_eq!(scene.vendor.send_message(&hook, &[&ada]).await.0, 200);
    let none = other.get("/v1/records/contact").await.expect(200).json();
    assert_eq!(none["items"], json!([]), "it has no sync");
    assert_eq!(scene.records("contact").await.len(), 1);
    scene.assert_well_behaved();
}

pub async fn simple_salesforce_works_unchanged() {
    if !sdk::have("python3").await {
        return;
    }
    let scene = Scene::connected().await;
    scene.vendor.import("Contact", (0..450).map(|number| json!({"LastName": format!("Row {number:03}")})));
    let mut command = Command::new(sdk::python().await);
    let address = scene.hub.url.strip_prefix("http://").unwrap();
    command
        .arg(sdk::script("simple_salesforce_calls.py"))
        .env("SALESFORCE_INSTANCE", format!("{address}/v1/proxy/salesforce"))
        .env("SALESFORCE_SESSION", &scene.org.key)
        .env("NO_PROXY", "127.0.0.1");
    let printed = sdk::run(&mut command).await.unwrap_or_else(|text| panic!("{text}"));
    let expected = [
        "made: True",
        "read: Lovelace",
        "changed: 204",
        "found: ada@example.com",
        "upserted: 201 200",
        "pages: 450",
        "deleted: 204",
        "error: INVALID_FIELD",
        "gone: NOT_FOUND",
    ];
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected);
    assert_eq!(scene.vendor.all("Contact").len(), 451);
    scene.assert_well_behaved();
}
