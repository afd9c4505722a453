//! Connections that the hub looks after while nobody calls: tokens that are due, and tokens that must be given back.

use patchbay_tests::{
    hub::on_postgres,
    oauth::{Behaviour, Fault},
};
use serde_json::json;

use super::scene::{CONNECTION, OauthScene};

fn rotating() -> Behaviour {
    Behaviour { rotate: true, ..Behaviour::default() }
}

impl OauthScene {
    /// How many connections were looked after.
    async fn look_after(&self) -> usize {
        self.hub.hub.look_after_connections().await.unwrap()
    }

    fn no_token_is_alive(&self) -> bool {
        self.vendor.secrets().iter().all(|secret| !self.vendor.accepts(secret))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_renewed_before_they_end_though_nobody_calls() {
    let scene = OauthScene::connected(json!({})).await;
    scene.vendor.behave(rotating());
    assert_eq!(scene.look_after().await, 0, "they are fresh");
    for round in 1..=3 {
        scene.advance(3_350);
        assert_eq!((scene.look_after().await, scene.look_after().await), (1, 0));
        assert_eq!(scene.vendor.token_requests().len(), 1 + round);
    }
    scene.advance(600);
    assert!(scene.answer().await.contains("contacts"));
    assert_eq!(scene.vendor.token_requests().len(), 4, "no call had to wait for it");
    assert_eq!(scene.vendor.violations(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_must_not_rest_are_renewed_though_they_are_good() {
    let scene = OauthScene::with(json!({"refresh": {"idle-seconds": 86_400}})).await;
    scene.vendor.behave(Behaviour { lifetime: None, ..rotating() });
    let _ = scene.consent().await.expect(200);
    scene.advance(80_000);
    assert_eq!(scene.look_after().await, 0);
    scene.advance(6_400);
    assert_eq!(scene.look_after().await, 1);
    assert_eq!(scene.vendor.token_requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_known_early_that_a_person_must_help() {
    let scene = OauthScene::connected(json!({})).await;
    scene.vendor.end_all_grants();
    scene.advance(3_350);
    assert_eq!(scene.look_after().await, 1);
    assert_eq!(scene.events().await.len(), 1);
    assert_eq!(scene.shown().await["state"], "reauthorization_needed");
    scene.advance(3_600);
    assert_eq!(scene.look_after().await, 0, "there is nothing to look after any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_renewed_is_tried_again_after_a_while() {
    let scene = OauthScene::connected(json!({})).await;
    scene.vendor.behave(Behaviour { fault: Some(Fault::Status(500)), ..rotating() });
    scene.advance(3_350);
    assert_eq!((scene.look_after().await, scene.look_after().await), (1, 0));
    scene.vendor.behave(rotating());
    scene.advance(599);
    assert_eq!(scene.look_after().await, 0);
    scene.advance(1);
    assert_eq!(scene.look_after().await, 1);
    assert_eq!(scene.vendor.token_requests().len(), 3);
    assert!(scene.answer().await.contains("contacts"));
    assert!(scene.events().await.is_empty());
}

async fn two_hubs_that_look_at_once() {
    let scene = OauthScene::connected(json!({})).await;
    let second = scene.beside().await;
    // as it does by itself when it starts: it must not be in the middle of that when they are due
    assert_eq!(second.hub.look_after_connections().await.unwrap(), 0, "they are fresh");
    scene.vendor.behave(rotating());
    for round in 1..=5 {
        scene.advance(3_350);
        let (one, other) = tokio::join!(scene.hub.hub.look_after_connections(), second.hub.look_after_connections());
        assert!((1..=2).contains(&(one.unwrap() + other.unwrap())), "both may see it, and one of them does it");
        assert_eq!(scene.vendor.token_requests().len(), 1 + round);
    }
    assert_eq!(scene.vendor.violations(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hubs_one_looks_after_a_connection() {
    on_postgres(two_hubs_that_look_at_once()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_a_deleted_connection_are_given_back_when_the_vendor_is_there_again() {
    let scene = OauthScene::connected(json!({})).await;
    scene.vendor.behave(Behaviour { revocation_fails: true, ..Behaviour::default() });
    let _ = scene.org.call("DELETE", CONNECTION).send().await.expect(204);
    assert_eq!(scene.org.get(CONNECTION).await.status, 404);
    assert!(!scene.no_token_is_alive());
    scene.advance(60);
    assert_eq!(scene.look_after().await, 1, "the vendor is down still");
    assert!(!scene.no_token_is_alive());
    scene.vendor.behave(Behaviour::default());
    assert_eq!(scene.look_after().await, 0, "not yet");
    scene.advance(300);
    assert_eq!(scene.look_after().await, 1);
    assert!(scene.no_token_is_alive());
    scene.advance(86_400);
    assert_eq!(scene.look_after().await, 0, "it is done");
    assert_eq!(scene.vendor.violations(), [""; 0]);
    scene.assert_clean().await;
}

async fn a_hub_that_ends_before_it_could_give_tokens_back() {
    let scene = OauthScene::connected(json!({})).await;
    let second = scene.beside().await;
    scene.vendor.behave(Behaviour { revocation_fails: true, ..Behaviour::default() });
    let _ = scene.org.call("DELETE", CONNECTION).send().await.expect(204);
    assert!(!scene.no_token_is_alive());
    scene.hub.hub.shutdown().await;
    scene.vendor.behave(Behaviour::default());
    scene.advance(60);
    assert_eq!(second.hub.look_after_connections().await.unwrap(), 1);
    assert!(scene.no_token_is_alive());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_hub_gives_back_what_one_that_ended_could_not() {
    on_postgres(a_hub_that_ends_before_it_could_give_tokens_back()).await;
}
