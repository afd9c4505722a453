//! The connection: consent, refreshes, an org that moves, what people take away, and the proxy.

use chrono::Duration;
use patchbay_tests::{
    Browser, Fixture, assert_clean,
    salesforce::{HOST, ORG, SANDBOX_HOST, SANDBOX_LOGIN, USER},
};
use serde_json::json;
use tokio::process::Command;

use super::scene::{Scene, begin, install, install_with, settings};
use crate::{plans::scene::plans, sdk};

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

pub async fn a_refresh_while_another_one_is_under_way_ends_no_connection() {
    let scene = Scene::connected().await;
    scene.vendor.be_busy_with_tokens();
    scene.clock.advance(Duration::hours(3));
    scene.act("limits", json!({})).await.expect_problem("upstream_unavailable");
    let again = || async {
        scene.clock.advance(Duration::seconds(30));
        (scene.act("limits", json!({})).await.status == 200).then_some(())
    };
    scene.org.wait_for(super::scene::SOON, again).await;
    assert_eq!(scene.vendor.refreshes(), 1);
    scene.assert_well_behaved();
}

pub async fn tokens_are_for_the_host_that_the_settings_name() {
    let scene = Scene::start().await;
    for host in ["other.my.salesforce.com", "evil.example", "acme.my.salesforce.com.evil.example"] {
        scene.vendor.move_to(host);
        let page = scene.consent(&scene.org).await;
        assert_eq!(page.status, 409, "{host}: {}", page.text());
        assert!(page.text().contains("instance_url"), "it says what to change: {}", page.text());
        assert_eq!(scene.vendor.sessions(), 0, "what is not taken is given back");
        scene.act("limits", json!({})).await.expect_problem("connection_missing");
    }
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

pub async fn a_sandbox_is_connected_where_its_people_sign_in() {
    let scene = Scene::start().await;
    let org = scene.hub.org("sandbox").await;
    let settings = json!({"login": "test", "instance_url": format!("https://{SANDBOX_HOST}")});
    let _ = install_with(&org, &settings, SANDBOX_HOST).await;
    let _ = scene.consent_at(&org, SANDBOX_LOGIN, &scene.sandbox).await.expect(200);
    let _ = org.act("salesforce", "limits", &json!({})).await.expect(200);
    // its tokens are renewed and revoked there as well
    scene.clock.advance(Duration::hours(3));
    let _ = org.act("salesforce", "limits", &json!({})).await.expect(200);
    assert_eq!(scene.sandbox.refreshes(), 1);
    let ended = org.call("DELETE", CONNECTION).send().await;
    assert!((200..300).contains(&ended.status), "{}", ended.text());
    scene.until(async || scene.sandbox.sessions() == 0).await;
    assert!(scene.vendor.captured().is_empty(), "production was asked");
    assert_eq!(scene.sandbox.violations(), Vec::<String>::new());
}

pub async fn a_plan_below_business_has_no_salesforce() {
    let sections = json!({"billing": {"default_plan": "business", "currency": "EUR"}});
    let scene = Scene::start_with(begin(), move |config| config.plans = plans(sections)).await;
    let _ = scene.consent(&scene.org).await.expect(200);
    let ada = scene.vendor.add("Contact", &json!({"LastName": "Lovelace", "Email": "ada@example.com"}));
    scene.sync("contact", json!({})).await;
    scene.completed("contact", "full").await;
    let proxied = || scene.org.get("/v1/proxy/salesforce/services/data/v68.0/limits");
    let _ = proxied().await.expect(200);
    // what was connected under business does not run on pro, whichever way it is asked for, and nothing of it is lost
    scene.hub.hub.set_plan(scene.org.id, "pro", None).await.unwrap();
    let before = scene.vendor.counts();
    let refused = scene.act("limits", json!({})).await;
    refused.expect_problem("plan_required");
    let entitlement = &refused.json()["entitlement"];
    assert_eq!((&entitlement["feature"], &entitlement["plan"]), (&json!("plugin:salesforce"), &json!("pro")));
    assert_eq!(entitlement["lowest_plan"], "business");
    proxied().await.expect_problem("plan_required");
    let settings_of_sync = scene.org.call("PUT", "/v1/installations/salesforce/syncs/company").json(&json!({}));
    settings_of_sync.send().await.expect_problem("plan_required");
    scene.vendor.edit(&ada, &json!({"Title": "Countess"}));
    let run = scene.run("contact", "delta").await;
    assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!("plan_required")), "{run:#}");
    assert_eq!(scene.vendor.counts(), before, "Salesforce was not asked");
    assert_eq!(scene.records("contact").await.len(), 1);
    // and cannot be installed
    let other = scene.hub.org("other").await;
    scene.hub.hub.set_plan(other.id, "pro", None).await.unwrap();
    let uploaded = other.upload(Fixture::plugin("salesforce").pack()).await;
    assert!(matches!(uploaded.status, 200 | 201 | 409), "{}", uploaded.text());
    let body = json!({"config": settings(), "hosts": [HOST]});
    let refused = other.call("PUT", "/v1/installations/salesforce").json(&body).send().await;
    refused.expect_problem("plan_required");
    scene.hub.hub.set_plan(scene.org.id, "business", None).await.unwrap();
    let _ = scene.act("limits", json!({})).await.expect(200);
    scene.completed("contact", "delta").await;
    assert_eq!(scene.linked("contact", &ada).await.unwrap()["data"]["title"], "Countess");
    scene.assert_well_behaved();
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
