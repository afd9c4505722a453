//! One request for tokens, however many callers want them.

use futures::{FutureExt as _, future::join_all};
use patchbay_oauth::{FailingKind, OauthError, RefreshError};
use patchbay_tests::oauth::{Behaviour, Fault};
use serde_json::json;

use crate::{
    database::{Database, KEY},
    scene::{Scene, access, job},
};

const CALLERS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_callers_cost_one_request_and_get_the_same_tokens() {
    let scene = Scene::start().await;
    scene.vendor.behave(Behaviour { rotate: true, ..Behaviour::default() });
    let client = scene.client(json!({}));
    let database = Database::with(&scene.connect(&client).await);
    let node = scene.node(&database);
    let seen = database.stored();
    scene.advance(3_600);
    scene.vendor.hold(true);
    let callers: Vec<_> = (0..CALLERS)
        .map(|index| {
            let (node, job) = (node.clone(), job(&client, seen.clone()));
            // Half of them find the tokens ended, half were told so by the vendor.
            tokio::spawn(async move { if index % 2 == 0 { node.current(&job).await } else { node.renew(&job).await } })
        })
        .collect();
    scene.vendor.wait_for_requests(2).await;
    scene.vendor.hold(false);
    let all = join_all(callers).await;
    let tokens: Vec<_> = all.into_iter().map(|outcome| outcome.unwrap().unwrap()).collect();
    assert_eq!(tokens.len(), CALLERS);
    assert!(tokens.iter().all(|stored| stored.version == 2 && access(&stored.tokens) == access(&tokens[0].tokens)));
    assert!(scene.vendor.accepts(access(&tokens[0].tokens)));
    // A caller that comes after all of it, with the old tokens in hand, costs none either.
    assert_eq!(node.renew(&job(&client, seen)).await.unwrap().version, 2);
    assert_eq!(scene.vendor.token_requests(), ["authorization_code", "refresh_token"]);
    assert_eq!(scene.vendor.violations(), [""; 0]);
}

#[tokio::test]
async fn fresh_tokens_cost_nothing() {
    let scene = Scene::start().await;
    let client = scene.client(json!({}));
    let database = Database::with(&scene.connect(&client).await);
    let node = scene.node(&database);
    let before = database.uses();
    let stored = node.current(&job(&client, database.stored())).await.unwrap();
    assert_eq!(stored.version, 1);
    assert_eq!(database.uses(), before);
    assert_eq!(scene.vendor.token_requests().len(), 1);
}

#[tokio::test]
async fn tokens_that_are_due_are_used_while_new_ones_are_on_their_way() {
    let scene = Scene::start().await;
    let client = scene.client(json!({}));
    let database = Database::with(&scene.connect(&client).await);
    let node = scene.node(&database);
    scene.advance(3_350);
    scene.vendor.hold(true);
    for _ in 0..CALLERS {
        assert_eq!(node.current(&job(&client, database.stored())).await.unwrap().version, 1);
    }
    scene.vendor.wait_for_requests(2).await;
    scene.vendor.hold(false);
    assert_eq!(node.renew(&job(&client, database.stored())).await.unwrap().version, 2);
    assert_eq!(scene.vendor.token_requests().len(), 2);
}

#[tokio::test]
async fn a_renewal_outlives_the_callers_that_wanted_it() {
    let scene = Scene::start().await;
    let client = scene.client(json!({}));
    let database = Database::with(&scene.connect(&client).await);
    let node = scene.node(&database);
    scene.vendor.hold(true);
    let callers: Vec<_> = (0..10)
        .map(|_| {
            let (node, job) = (node.clone(), job(&client, database.stored()));
            tokio::spawn(async move { node.renew(&job).await })
        })
        .collect();
    scene.vendor.wait_for_requests(2).await;
    callers.iter().for_each(|caller| caller.abort());
    assert!(join_all(callers).await.into_iter().all(|outcome| outcome.unwrap_err().is_cancelled()));
    let seen = database.stored();
    assert_eq!(seen.version, 1);
    scene.vendor.hold(false);
    // Joins what is under way, or finds what it stored.
    assert_eq!(node.renew(&job(&client, seen)).await.unwrap().version, 2);
    assert_eq!(scene.vendor.token_requests().len(), 2);
}

#[tokio::test]
async fn who_stops_can_wait_until_what_the_vendor_gives_is_stored() {
    let scene = Scene::start().await;
    let client = scene.client(json!({}));
    let database = Database::with(&scene.connect(&client).await);
    let node = scene.node(&database);
    node.settled().await;
    scene.vendor.hold(true);
    scene.advance(3_350);
    assert_eq!(node.current(&job(&client, database.stored())).await.unwrap().version, 1);
    scene.vendor.wait_for_requests(2).await;
    let mut settled = std::pin::pin!(node.settled());
    assert!(settled.as_mut().now_or_never().is_none());
    scene.vendor.hold(false);
    settled.await;
    assert_eq!(database.stored().version, 2);
}

#[tokio::test]
async fn a_vendor_that_is_down_is_left_in_peace_and_good_tokens_are_kept() {
    let scene = Scene::start().await;
    let client = scene.client(json!({}));
    let database = Database::with(&scene.connect(&client).await);
    let node = scene.node(&database);
    scene.advance(3_350);
    scene.vendor.behave(Behaviour { fault: Some(Fault::Status(500)), ..Behaviour::default() });
    let seen = || job(&client, database.stored());
    let RefreshError::Vendor(OauthError::Unavailable { .. }) = node.renew(&seen()).await.unwrap_err() else {
        panic!("the vendor is down")
    };
    for _ in 0..CALLERS {
        assert_eq!(node.current(&seen()).await.unwrap().version, 1, "they are good for some minutes still");
        let RefreshError::Resting { left, .. } = node.renew(&seen()).await.unwrap_err() else { panic!("it rests") };
        assert!((2..=4).contains(&left.as_secs()), "{left:?}");
    }
    assert_eq!(scene.vendor.token_requests().len(), 2);

    // When the rest is over one asks again, and the next rest is longer.
    scene.advance(5);
    assert!(matches!(node.renew(&seen()).await.unwrap_err(), RefreshError::Vendor(_)));
    scene.advance(3);
    assert!(matches!(node.renew(&seen()).await.unwrap_err(), RefreshError::Resting { .. }));
    assert_eq!(scene.vendor.token_requests().len(), 3);

    // Ended tokens are not handed out, whatever the vendor does.
    scene.advance(600);
    assert!(node.current(&seen()).await.is_err());
    scene.vendor.behave(Behaviour::default());
    scene.advance(600);
    assert_eq!(node.current(&seen()).await.unwrap().version, 2);
    assert!(database.events().is_empty());
    assert!(!database.stored().needs_authorization);
}

#[tokio::test]
async fn what_a_vendor_asks_for_is_longer_than_the_own_rest() {
    let scene = Scene::start().await;
    let client = scene.client(json!({}));
    let database = Database::with(&scene.connect(&client).await);
    let node = scene.node(&database);
    let fault = Some(Fault::Status(429));
    scene.vendor.behave(Behaviour { fault, retry_after: Some(120), ..Behaviour::default() });
    let seen = job(&client, database.stored());
    let _ = node.renew(&seen).await.unwrap_err();
    scene.vendor.behave(Behaviour::default());
    scene.advance(119);
    assert_eq!(node.renew(&seen).await.unwrap_err().retry_after().unwrap().as_secs(), 1);
    scene.advance(1);
    assert!(node.renew(&seen).await.is_ok());
}

#[tokio::test]
async fn a_wrong_client_secret_ends_no_authorization() {
    let scene = Scene::start().await;
    let client = scene.client(json!({}));
    let database = Database::with(&scene.connect(&client).await);
    let node = scene.node(&database);
    scene.vendor.behave(Behaviour { fault: Some(Fault::Error(401, "invalid_client")), ..Behaviour::default() });
    let seen = job(&client, database.stored());
    let error = node.renew(&seen).await.unwrap_err();
    assert!(matches!(error, RefreshError::Vendor(OauthError::InvalidClient(_))), "{error:?}");
    assert!(database.events().is_empty());
    assert_eq!(database.failures()[0].kind, FailingKind::ClientRejected);
    // The operator puts it right; nobody has to consent again.
    scene.vendor.behave(Behaviour::default());
    assert!(matches!(node.renew(&seen).await, Err(RefreshError::Resting { .. })));
    node.wake(&KEY);
    assert_eq!(node.renew(&seen).await.unwrap().version, 2);
}
