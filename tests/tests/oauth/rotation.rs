//! Refresh tokens that count once: stored before anything is used, and never used twice.

use std::{pin::pin, sync::Arc, time::Duration};

use futures::{FutureExt as _, future::join_all};
use patchbay_oauth::{Job, OauthClient, OauthError, RefreshError, RefreshSettings, Refresher};
use patchbay_tests::oauth::{Behaviour, Fault};
use serde_json::json;

use crate::{
    database::Database,
    scene::{Scene, access, job, refresh},
};

/// A connection with a vendor that rotates.
async fn rotating() -> (Scene, Arc<OauthClient>, Database, Refresher<Database>) {
    let scene = Scene::start().await;
    scene.vendor.behave(Behaviour { rotate: true, ..Behaviour::default() });
    let client = scene.client(json!({}));
    let database = Database::with(&scene.connect(&client).await);
    let node = scene.node(&database);
    (scene, client, database, node)
}

#[tokio::test]
async fn nobody_gets_an_access_token_before_its_refresh_token_is_stored() {
    let (scene, client, database, node) = rotating().await;
    let seen = job(&client, database.stored());
    database.hold_commits(true);
    let mut caller = pin!(node.renew(&seen));
    assert!(caller.as_mut().now_or_never().is_none());
    database.wait_for_commits(1).await;
    assert_eq!(scene.vendor.token_requests().len(), 2, "the vendor has answered");
    assert!(caller.as_mut().now_or_never().is_none(), "and yet nobody has its tokens");
    assert_eq!(database.stored().version, 1);
    database.hold_commits(false);
    let got = caller.await.unwrap();
    let stored = database.stored();
    assert_eq!((got.version, access(&got.tokens)), (2, access(&stored.tokens)));
    assert_eq!(refresh(&got.tokens), refresh(&stored.tokens));
    assert_ne!(refresh(&got.tokens), refresh(&seen.seen.tokens));
}

#[tokio::test]
async fn a_hundred_rotations_in_a_row_end_nothing() {
    let (scene, client, database, node) = rotating().await;
    for round in 1..=100 {
        let seen = job(&client, database.stored());
        let all = join_all((0..3).map(|_| node.renew(&seen))).await;
        assert!(all.into_iter().all(|outcome| outcome.unwrap().version == round + 1));
    }
    assert_eq!(scene.vendor.token_requests().len(), 101);
    assert!(scene.vendor.accepts(access(&database.stored().tokens)));
}

#[tokio::test]
async fn tokens_that_the_database_refuses_a_few_times_are_stored_all_the_same() {
    let (scene, client, database, node) = rotating().await;
    for written in [false, true] {
        database.fail_commits(3, written);
        let before = database.stored();
        let got = node.renew(&job(&client, before.clone())).await.unwrap();
        assert_eq!(got.version, before.version + 1, "news that were lost make no second version");
        assert_eq!(access(&got.tokens), access(&database.stored().tokens));
    }
    assert_eq!(scene.vendor.token_requests().len(), 3);
}

#[tokio::test]
async fn tokens_that_cannot_be_stored_are_kept_and_stored_later_without_asking_again() {
    let (scene, client, database, node) = rotating().await;
    database.fail_commits(usize::MAX, false);
    let seen = job(&client, database.stored());
    let error = node.renew(&seen).await.unwrap_err();
    assert!(matches!(error, RefreshError::Store(_)), "{error:?}");
    assert_eq!(database.stored().version, 1);
    assert_eq!(node.current(&seen).await.unwrap().version, 1, "the old token is good still");
    scene.advance(10);
    assert!(node.renew(&seen).await.is_err(), "it is tried again, and the vendor is not asked");
    database.fail_commits(0, false);
    node.settled().await;
    let got = node.renew(&seen).await.unwrap();
    assert_eq!(got.version, 2);
    assert!(scene.vendor.accepts(access(&got.tokens)));
    assert_eq!(scene.vendor.token_requests().len(), 2, "the vendor was not asked again");
    // And what was kept is good to go on with.
    assert_eq!(node.renew(&job(&client, got)).await.unwrap().version, 3);
}

#[tokio::test]
async fn tokens_that_cannot_be_stored_are_stored_by_themselves_when_the_database_is_back() {
    let (scene, client, database, node) = rotating().await;
    database.fail_commits(7, false);
    let _ = node.renew(&job(&client, database.stored())).await.unwrap_err();
    database.wait_for_commits(8).await;
    node.settled().await;
    assert_eq!(database.stored().version, 2, "nobody has called since");
    assert!(!database.is_lent());
    assert!(scene.vendor.accepts(access(&database.stored().tokens)));
    assert_eq!(scene.vendor.token_requests().len(), 2);
}

#[tokio::test]
async fn who_stops_stores_what_could_not_be_stored_before() {
    let (scene, client, database, _) = rotating().await;
    // Nothing is tried by itself for minutes.
    let settings = RefreshSettings {
        look: Duration::from_millis(1),
        longest_unsaved: Duration::from_secs(3_600),
        ..RefreshSettings::default()
    };
    let node = Refresher::new(database.clone(), scene.clock.clone(), scene.net.random.clone(), settings);
    database.fail_commits(5, false);
    let _ = node.renew(&job(&client, database.stored())).await.unwrap_err();
    database.fail_commits(0, false);
    node.settled().await;
    assert_eq!(database.stored().version, 2);
    assert_eq!(scene.vendor.token_requests().len(), 2);
}

#[tokio::test]
async fn tokens_that_could_not_be_stored_give_way_to_a_new_authorization() {
    let (scene, client, database, node) = rotating().await;
    database.fail_commits(usize::MAX, false);
    let _ = node.renew(&job(&client, database.stored())).await.unwrap_err();
    let anew = database.authorize(&scene.connect(&client).await);
    database.fail_commits(0, false);
    scene.advance(10);
    let got = node.renew(&job(&client, anew.clone())).await.unwrap();
    assert_eq!(got.version, anew.version + 1);
    assert!(scene.vendor.accepts(access(&got.tokens)));
    assert_eq!(scene.vendor.token_requests().last().unwrap(), "refresh_token");
}

#[tokio::test]
async fn a_refresh_token_that_was_used_elsewhere_is_told_once_to_everybody() {
    let (scene, client, database, node) = rotating().await;
    let seen = database.stored();
    // Somebody stole it and used it first.
    client.renew(&seen.tokens).await.unwrap();
    let callers: Vec<_> = (0..200)
        .map(|_| {
            let (node, job) = (node.clone(), job(&client, seen.clone()));
            tokio::spawn(async move { node.renew(&job).await })
        })
        .collect();
    for outcome in join_all(callers).await {
        assert_eq!(outcome.unwrap().unwrap_err(), RefreshError::NeedsAuthorization);
    }
    let later = node.renew(&job(&client, database.stored())).await;
    assert_eq!(later.unwrap_err(), RefreshError::NeedsAuthorization);
    let events = database.events();
    assert_eq!(events.len(), 1, "{events:?}");
    let OauthError::InvalidGrant(answer) = &events[0].reason else { panic!("{events:?}") };
    assert_eq!(answer.code.as_deref(), Some("invalid_grant"));
    assert_eq!(scene.vendor.token_requests().len(), 3, "the vendor heard of it once");

    // A person consents again, and all is well.
    let anew = database.authorize(&scene.connect(&client).await);
    assert_eq!(node.renew(&job(&client, anew)).await.unwrap().version, 3);
    assert_eq!(database.events().len(), 1);
}

#[tokio::test]
async fn a_connection_that_needs_a_person_lets_its_token_run_out() {
    let (scene, client, database, node) = rotating().await;
    scene.vendor.end_all_grants();
    let _ = node.renew(&job(&client, database.stored())).await.unwrap_err();
    scene.advance(3_350);
    assert_eq!(node.current(&job(&client, database.stored())).await.unwrap().version, 1);
    scene.advance(600);
    let error = node.current(&job(&client, database.stored())).await.unwrap_err();
    assert_eq!(error, RefreshError::NeedsAuthorization);
    assert_eq!(scene.vendor.token_requests().len(), 2);
}

#[tokio::test]
async fn a_vendor_without_refresh_tokens_needs_a_person_when_the_token_ends() {
    let scene = Scene::start().await;
    scene.vendor.behave(Behaviour { refresh_tokens: false, ..Behaviour::default() });
    let client = scene.client(json!({}));
    let tokens = scene.connect(&client).await;
    assert!(tokens.refresh.is_none() && tokens.due_at.is_none());
    let database = Database::with(&tokens);
    let node = scene.node(&database);
    scene.advance(3_580);
    assert!(node.current(&job(&client, database.stored())).await.is_ok(), "there is nothing to renew early with");
    scene.advance(20);
    let error = node.current(&job(&client, database.stored())).await.unwrap_err();
    assert_eq!(error, RefreshError::NeedsAuthorization);
    assert_eq!(database.events()[0].reason, OauthError::NoRefreshToken);
    assert_eq!(scene.vendor.token_requests().len(), 1);
}

#[tokio::test]
async fn tokens_whose_end_nobody_knows_are_renewed_when_the_vendor_refuses_them() {
    let scene = Scene::start().await;
    scene.vendor.behave(Behaviour { lifetime: None, rotate: true, ..Behaviour::default() });
    let client = scene.client(json!({}));
    let database = Database::with(&scene.connect(&client).await);
    let node = scene.node(&database);
    scene.advance(30 * 86_400);
    let seen = job(&client, database.stored());
    assert_eq!(node.current(&seen).await.unwrap().version, 1);
    assert_eq!(node.renew(&seen).await.unwrap().version, 2);

    let told = scene.client(json!({"refresh": {"lifetime-seconds": 7_200}}));
    let tokens = scene.connect(&told).await;
    assert_eq!((tokens.expires_at.unwrap() - tokens.issued_at).num_seconds(), 7_200);
}

#[tokio::test]
async fn an_answer_that_is_lost_is_no_reason_to_send_the_token_twice_at_once() {
    let (scene, client, database, node) = rotating().await;
    scene.vendor.behave(Behaviour { fault: Some(Fault::LostAnswer), rotate: true, ..Behaviour::default() });
    let seen = job(&client, database.stored());
    let error = node.renew(&seen).await.unwrap_err();
    assert!(matches!(error, RefreshError::Vendor(OauthError::Unavailable { .. })), "{error:?}");
    assert_eq!(scene.vendor.token_requests().len(), 2);
    assert_eq!(node.current(&seen).await.unwrap().version, 1, "the access token is good still");
}

/// What a caller is told whose connection is deleted between the vendor's answer and its commit; `meanwhile` happens
/// right before that commit goes on.
async fn deleted_before_its_commit(
    node: &Refresher<Database>,
    database: &Database,
    seen: &Job<u32>,
    meanwhile: impl FnOnce(),
) -> RefreshError {
    database.hold_commits(true);
    let mut caller = pin!(node.renew(seen));
    assert!(caller.as_mut().now_or_never().is_none());
    database.wait_for_commits(1).await;
    database.delete();
    meanwhile();
    database.hold_commits(false);
    caller.await.unwrap_err()
}

#[tokio::test]
async fn new_tokens_of_a_connection_that_was_deleted_are_given_back() {
    let (scene, client, database, node) = rotating().await;
    let seen = job(&client, database.stored());
    let error = deleted_before_its_commit(&node, &database, &seen, || {}).await;
    assert_eq!(error, RefreshError::Gone);
    assert!(database.orphans().is_empty());
    assert!(scene.vendor.secrets().iter().all(|secret| !scene.vendor.accepts(secret)));
    assert_eq!(node.renew(&seen).await.unwrap_err(), RefreshError::Gone);
}

#[tokio::test]
async fn new_tokens_of_a_connection_that_was_deleted_wait_to_be_given_back_if_the_vendor_is_down() {
    let (scene, client, database, node) = rotating().await;
    let seen = job(&client, database.stored());
    let broken = Behaviour { revocation_fails: true, rotate: true, ..Behaviour::default() };
    let error = deleted_before_its_commit(&node, &database, &seen, || scene.vendor.behave(broken)).await;
    assert_eq!(error, RefreshError::Gone);
    let orphans = database.orphans();
    assert_eq!(orphans.len(), 1);
    assert!(scene.vendor.accepts(access(&orphans[0])), "they are alive, and it is known");
}
