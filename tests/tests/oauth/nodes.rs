//! Several nodes on one database: one of them asks the vendor, the others take what it stored.

use std::sync::Arc;

use futures::future::join_all;
use patchbay_oauth::{OauthClient, RefreshError};
use patchbay_tests::oauth::Behaviour;
use serde_json::json;

use crate::{
    database::Database,
    scene::{Scene, access, job},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn five_nodes_with_forty_callers_each_cost_one_request() {
    let scene = Scene::start().await;
    scene.vendor.behave(Behaviour { rotate: true, ..Behaviour::default() });
    let client = scene.client(json!({}));
    let database = Database::with(&scene.connect(&client).await);
    let nodes: Vec<_> = (0..5).map(|_| scene.node(&database)).collect();
    for round in 1..=5 {
        scene.vendor.hold(true);
        let seen = database.stored();
        let callers: Vec<_> = (0..200)
            .map(|index| {
                let (node, job) = (nodes[index % 5].clone(), job(&client, seen.clone()));
                tokio::spawn(async move { node.renew(&job).await })
            })
            .collect();
        scene.vendor.wait_for_requests(round + 1).await;
        scene.vendor.hold(false);
        for outcome in join_all(callers).await {
            let stored = outcome.unwrap().unwrap();
            assert_eq!(stored.version, seen.version + 1);
            assert!(scene.vendor.accepts(access(&stored.tokens)));
        }
        assert_eq!(scene.vendor.token_requests().len(), round + 1);
    }
}

#[tokio::test]
async fn a_node_that_comes_late_takes_what_is_stored() {
    let scene = Scene::start().await;
    let client = scene.client(json!({}));
    let database = Database::with(&scene.connect(&client).await);
    let (one, other) = (scene.node(&database), scene.node(&database));
    let seen = database.stored();
    one.renew(&job(&client, seen.clone())).await.unwrap();
    scene.advance(3_600);
    // By its own tokens it is time, but there are newer ones; whether those are due is for the next look.
    assert_eq!(other.current(&job(&client, seen)).await.unwrap().version, 2);
    assert_eq!(scene.vendor.token_requests().len(), 2);
}

#[tokio::test]
async fn a_connection_needs_a_person_once_whichever_node_finds_out() {
    let scene = Scene::start().await;
    let client = scene.client(json!({}));
    let database = Database::with(&scene.connect(&client).await);
    scene.vendor.end_all_grants();
    let nodes: Vec<_> = (0..5).map(|_| scene.node(&database)).collect();
    let seen = job(&client, database.stored());
    for outcome in join_all(nodes.iter().map(|node| node.renew(&seen))).await {
        assert_eq!(outcome.unwrap_err(), RefreshError::NeedsAuthorization);
    }
    assert_eq!(database.events().len(), 1);
    assert_eq!(scene.vendor.token_requests().len(), 2);
}

#[tokio::test]
async fn a_node_that_died_holds_nothing_up_for_longer_than_its_lease() {
    let scene = Scene::start().await;
    let client = scene.client(json!({}));
    let database = Database::with(&scene.connect(&client).await);
    let node = scene.node(&database);
    database.lend_to_the_dead();
    let (uses, seen) = (database.uses(), job(&client, database.stored()));
    let waiting = tokio::spawn({
        let (node, seen) = (node.clone(), seen.clone());
        async move { node.renew(&seen).await }
    });
    while database.uses() < uses + 6 {
        tokio::task::yield_now().await;
    }
    assert_eq!(scene.vendor.token_requests().len(), 1, "it looks, and waits");
    database.end_lease();
    assert_eq!(waiting.await.unwrap().unwrap().version, 2);
}

/// A vendor that rotates has answered a node, which died before it stored the answer; its lease has ended.
async fn after_a_loss(grace: i64) -> (Scene, Arc<OauthClient>, Database) {
    let scene = Scene::start().await;
    scene.vendor.behave(Behaviour { rotate: true, grace, ..Behaviour::default() });
    let client = scene.client(json!({}));
    let database = Database::with(&scene.connect(&client).await);
    let (node, seen) = (scene.node(&database), job(&client, database.stored()));
    database.lose_the_next_node();
    tokio::spawn(async move { node.renew(&seen).await });
    database.wait_for_commits(1).await;
    assert_eq!((scene.vendor.token_requests().len(), database.stored().version), (2, 1));
    scene.advance(20);
    database.end_lease();
    (scene, client, database)
}

#[tokio::test]
async fn a_node_that_dies_with_the_answer_in_its_hands_costs_nothing_where_the_vendor_forgives() {
    let (scene, client, database) = after_a_loss(30).await;
    let got = scene.node(&database).renew(&job(&client, database.stored())).await.unwrap();
    assert_eq!(got.version, 2);
    assert!(scene.vendor.accepts(access(&got.tokens)));
    let next = scene.node(&database).renew(&job(&client, got)).await.unwrap();
    assert_eq!(next.version, 3, "what is stored is good to go on with");
    assert!(database.events().is_empty());
}

#[tokio::test]
async fn a_node_that_dies_with_the_answer_in_its_hands_is_told_once_where_the_vendor_does_not_forgive() {
    let (scene, client, database) = after_a_loss(0).await;
    let seen = job(&client, database.stored());
    let nodes = [scene.node(&database), scene.node(&database)];
    for outcome in join_all(nodes.iter().map(|node| node.renew(&seen))).await {
        assert_eq!(outcome.unwrap_err(), RefreshError::NeedsAuthorization);
    }
    assert_eq!(database.events().len(), 1, "a person is asked, and nothing hangs");
    assert_eq!(scene.vendor.token_requests().len(), 3);
}

#[tokio::test]
async fn a_slow_node_does_not_overwrite_what_came_meanwhile() {
    let scene = Scene::start().await;
    let client = scene.client(json!({}));
    let database = Database::with(&scene.connect(&client).await);
    let slow = scene.node(&database);
    let seen = job(&client, database.stored());
    database.hold_commits(true);
    let waiting = tokio::spawn(async move { slow.renew(&seen).await });
    // Its lease ends, and a person authorizes the connection anew before the vendor's answer is stored.
    database.wait_for_commits(1).await;
    database.end_lease();
    let anew = database.authorize(&scene.connect(&client).await);
    database.hold_commits(false);
    let got = waiting.await.unwrap().unwrap();
    assert_eq!(got.version, anew.version);
    assert_eq!(access(&got.tokens), access(&anew.tokens));
    assert_eq!(access(&database.stored().tokens), access(&anew.tokens));
}

/// What one node cannot store, no other node may renew: the refresh token that is stored is spent.
#[tokio::test]
async fn while_a_node_cannot_store_what_the_vendor_gave_no_other_asks_the_vendor() {
    let scene = Scene::start().await;
    scene.vendor.behave(Behaviour { rotate: true, ..Behaviour::default() });
    let client = scene.client(json!({}));
    let here = Database::with(&scene.connect(&client).await);
    let there = here.of_another_node();
    let (one, other) = (scene.node(&here), scene.node(&there));
    let seen = job(&client, here.stored());
    here.fail_commits(usize::MAX, false);
    let error = one.renew(&seen).await.unwrap_err();
    assert!(matches!(error, RefreshError::Store(_)), "{error:?}");
    assert!(here.is_lent(), "the right is kept");

    let waiting = tokio::spawn({
        let (other, seen) = (other.clone(), seen.clone());
        async move { other.renew(&seen).await }
    });
    // The right is made to last with each try, and the other node looks and waits.
    here.wait_for_extensions(12).await;
    assert_eq!(scene.vendor.token_requests().len(), 2);
    here.fail_commits(0, false);
    let got = waiting.await.unwrap().unwrap();
    assert_eq!(got.version, 2);
    assert!(scene.vendor.accepts(access(&got.tokens)), "nothing was ended");
    one.settled().await;
    assert!(!here.is_lent());
    assert_eq!(other.renew(&job(&client, got)).await.unwrap().version, 3);
    assert_eq!(scene.vendor.token_requests().len(), 3);
    assert!(here.events().is_empty());
}

/// The right ended all the same, and another node learned from the vendor that the stored refresh token is spent: what the
/// first one holds still counts.
#[tokio::test]
async fn tokens_that_are_stored_late_put_right_what_another_node_was_told() {
    let scene = Scene::start().await;
    scene.vendor.behave(Behaviour { rotate: true, grace: 0, reuse_is_theft: false, ..Behaviour::default() });
    let client = scene.client(json!({}));
    let here = Database::with(&scene.connect(&client).await);
    let there = here.of_another_node();
    let (one, other) = (scene.node(&here), scene.node(&there));
    let seen = job(&client, here.stored());
    here.fail_commits(usize::MAX, false);
    let _ = one.renew(&seen).await.unwrap_err();
    here.end_lease();
    assert_eq!(other.renew(&seen).await.unwrap_err(), RefreshError::NeedsAuthorization);
    assert!(here.stored().needs_authorization);
    here.fail_commits(0, false);
    scene.advance(10);
    // What is kept comes before what the row says.
    let got = one.renew(&seen).await.unwrap();
    assert_eq!((got.version, got.needs_authorization), (2, false));
    assert!(scene.vendor.accepts(access(&got.tokens)));
}
