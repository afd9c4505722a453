//! Several hubs on one PostgreSQL: one of them asks the vendor, and what one of them stores counts for all.

use std::sync::Arc;

use futures::future::join_all;
use patchbay_tests::{
    Browser, Org, TestHub,
    hub::on_postgres,
    oauth::{Auth, Behaviour, Client},
    proof,
};
use serde_json::json;

use super::scene::{CONNECTION, HOST, OauthScene, SECRET, redirect};
use crate::hubs::{SECOND, within};

async fn calls_on_both_with_an_ended_token() {
    let scene = OauthScene::connected(json!({})).await;
    let second = scene.beside().await;
    let orgs = [scene.org.clone(), scene.org.at(&second)];
    scene.vendor.behave(Behaviour { rotate: true, ..Behaviour::default() });
    for round in 1..=3 {
        scene.advance(4_000);
        for reply in join_all((0..200).map(|number| scene.call_as(&orgs[number % 2]))).await {
            assert!(reply.expect(200).text().contains("contacts"));
        }
        assert_eq!(scene.vendor.token_requests().len(), 1 + round);
    }
    assert_eq!(scene.vendor.violations(), [""; 0]);
    scene.assert_clean().await;
}

/// How often a hub found that another one is renewing.
async fn waits(hub: &TestHub) -> u64 {
    let metrics = hub.get("/metrics").await.expect(200).text();
    let counters = metrics.lines().filter(|line| line.starts_with("patchbay_oauth_lease_waits_total"));
    counters.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

/// One hub waits for the vendor, the other one for it.
async fn calls_on_one_while_the_other_renews() {
    let scene = OauthScene::connected(json!({})).await;
    let second = scene.beside().await;
    let there = scene.org.at(&second);
    scene.vendor.behave(Behaviour { rotate: true, ..Behaviour::default() });
    scene.advance(4_000);
    scene.vendor.hold(true);
    let (scene, second) = (Arc::new(scene), Arc::new(second));
    let calling = |org: Org| {
        let scene = Arc::clone(&scene);
        tokio::spawn(async move { join_all((0..100).map(|_| scene.call_as(&org))).await })
    };
    let here = calling(scene.org.clone());
    scene.vendor.wait_for_requests(2).await;
    let before = waits(&second).await;
    let there = calling(there);
    let waited = || async { (waits(&second).await > before).then_some(()) };
    scene.org.wait_for(10 * SECOND, waited).await;
    assert_eq!(scene.vendor.token_requests().len(), 2, "the other hub asks the first one's lease, not the vendor");
    scene.vendor.hold(false);
    for reply in here.await.unwrap().into_iter().chain(there.await.unwrap()) {
        assert!(reply.expect(200).text().contains("contacts"));
    }
    assert_eq!(scene.vendor.token_requests().len(), 2);
    assert_eq!(scene.vendor.violations(), [""; 0]);
}

/// The second hub rests after a failure that is put right on the first one.
async fn putting_a_client_right_on_one() {
    let scene = OauthScene::connected(json!({})).await;
    let second = scene.beside().await;
    let org = scene.org.at(&second);
    scene.vendor.register(Client::new(
        "operators",
        Auth::Basic("canary-other-secret".to_owned()),
        &redirect(&scene.hub),
    ));
    scene.advance(4_000);
    scene.call_as(&org).await.expect_problem("upstream_error");
    scene.call_as(&org).await.expect_problem("upstream_error");
    assert_eq!(scene.vendor.token_requests().len(), 2, "it rests");
    scene.vendor.register(Client::new("operators", Auth::Basic(SECRET.to_owned()), &redirect(&scene.hub)));
    // Whatever the org changes of the connection is a reason to try again.
    let put = json!({"credentials": {}, "account": "ours"});
    let _ = scene.org.call("PUT", CONNECTION).json(&put).send().await.expect(200);
    within(SECOND, &org, async |org| scene.call_as(org).await.status == 200).await;
}

async fn authorizing_on_one() {
    let scene = OauthScene::connected(json!({})).await;
    let second = scene.beside().await;
    let org = scene.org.at(&second);
    assert!(scene.call_as(&org).await.expect(200).text().contains("contacts"));
    scene.vendor.end_all_grants();
    scene.advance(4_000);
    scene.call().await.expect_problem("reauthorization_needed");
    scene.call_as(&org).await.expect_problem("reauthorization_needed");
    assert_eq!(scene.events().await.len(), 1, "whichever hub found out");
    let _ = scene.consent().await.expect(200);
    within(SECOND, &org, async |org| scene.call_as(org).await.status == 200).await;
    assert_eq!(org.get(CONNECTION).await.expect(200).json()["oauth"]["state"], "connected");
}

/// The browser may come back to another hub than the one that sent it: behind one address there are several.
async fn coming_back_to_the_other() {
    let scene = OauthScene::start().await;
    let second = scene.beside().await;
    let mut browser = Browser::new(&second);
    let link = scene.link().await;
    // Page, form and answer may each reach another one. The vendor is told the redirect URL of the hub with the form.
    let shown = proof(&browser.get(&link).await.expect(200));
    browser.turn_to(&scene.hub);
    let on = browser.submit(&link, &[("proof", &shown)], "same-origin").await.expect(303);
    let url = on.header("location").unwrap().replace(&format!("https://{HOST}"), &scene.vendor.url());
    let back = scene.path(&browser.visit(&url).await);
    browser.turn_to(&second);
    let _ = browser.get(&back).await.expect(200);
    assert_eq!(browser.get(&back).await.status, 409, "once");
    browser.turn_to(&scene.hub);
    assert_eq!(browser.get(&back).await.status, 409, "once, wherever");
    within(SECOND, &scene.org, async |org| scene.call_as(org).await.status == 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_calls_on_two_hubs_with_an_ended_token_cost_one_refresh() {
    on_postgres(calls_on_both_with_an_ended_token()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_waits_for_another_one_that_is_renewing() {
    on_postgres(calls_on_one_while_the_other_renews()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_right_on_one_hub_ends_the_rest_on_the_other() {
    on_postgres(putting_a_client_right_on_one()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_authorized_on_one_hub_is_used_by_the_other_within_a_second() {
    on_postgres(authorizing_on_one()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_may_come_back_to_another_hub() {
    on_postgres(coming_back_to_the_other()).await;
}
