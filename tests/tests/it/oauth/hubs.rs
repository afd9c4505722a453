//! Several hubs on one PostgreSQL: one of them asks the vendor, and what one of them stores counts for all.

use std::time::Duration;

use futures::future::join_all;
use patchbay_tests::{hub::on_postgres, oauth::Behaviour};
use serde_json::json;

use super::scene::{CONNECTION, OauthScene};

const SECOND: Duration = Duration::from_secs(1);

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
    org.wait_for(SECOND, || async { (scene.call_as(&org).await.status == 200).then_some(()) }).await;
    assert_eq!(org.get(CONNECTION).await.expect(200).json()["oauth"]["state"], "connected");
}

/// The browser may come back to another hub than the one that sent it: behind one address there are several.
async fn coming_back_to_the_other() {
    let scene = OauthScene::start().await;
    let second = scene.beside().await;
    let back = scene.browse().await;
    // The vendor is told the redirect URL that the authorization began with, which is the first hub's.
    let _ = second.get(&back).await.expect(200);
    assert_eq!(second.get(&back).await.status, 409, "once");
    assert_eq!(scene.hub.get(&back).await.status, 409, "once, wherever");
    scene.org.wait_for(SECOND, || async { (scene.call().await.status == 200).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_calls_on_two_hubs_with_an_ended_token_cost_one_refresh() {
    on_postgres(calls_on_both_with_an_ended_token()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_authorized_on_one_hub_is_used_by_the_other_within_a_second() {
    on_postgres(authorizing_on_one()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_may_come_back_to_another_hub() {
    on_postgres(coming_back_to_the_other()).await;
}
