//! What an identity provider's token must be: each thing wrong with it, one by one.

use chrono::Duration;
use patchbay_model::{Clock as _, identity::Role};
use patchbay_package::manifest::oauth::JwtAlgorithm;
use patchbay_tests::{
    Browser,
    oidc::{Behaviour, Signature},
};
use serde_json::json;

use super::{oidc::OidcScene, scene::add};

async fn scene() -> OidcScene {
    let scene = OidcScene::start(|_| {}).await;
    add(&scene.hub, &scene.org, "ada@example.com", Role::Owner).await;
    scene
}

/// Tries to sign in, and gives what the page says.
async fn refused(scene: &OidcScene, what: &str) -> String {
    let browser = Browser::new(&scene.hub);
    let page = scene.sign_in(&browser, &json!({})).await;
    assert_eq!(page.status, 502, "{what}: {}", page.text());
    assert_eq!(browser.cookie("__Host-patchbay_session"), None, "{what}");
    page.text()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_says_something_else_proves_nothing() {
    let scene = scene().await;
    let now = scene.clock.now().timestamp();
    for (claims, why) in [
        (json!({"iss": "https://evil.example"}), "of another issuer"),
        (json!({"iss": "https://id.example/"}), "of another issuer"),
        (json!({"aud": "somebody"}), "for another client"),
        (json!({"aud": ["somebody", "else"]}), "for another client"),
        (json!({"aud": ["hub", "somebody"]}), "for several clients"),
        (json!({"azp": "somebody"}), "made for another client"),
        (json!({"aud": ["hub", "somebody"], "azp": "somebody"}), "made for another client"),
        (json!({"exp": now - 61}), "it has expired"),
        (json!({"iat": now + 120}), "in the future"),
        (json!({"iat": now - 700}), "too long ago"),
        (json!({"nbf": now + 120}), "does not count yet"),
        (json!({"nonce": "x".repeat(43)}), "not for this sign-in"),
        (json!({"nonce": null}), "not for this sign-in"),
        (json!({"sub": ""}), "who it is about"),
        (json!({"sub": null}), "a claim is missing"),
        (json!({"exp": null}), "a claim is missing"),
        (json!({"iat": "yesterday"}), "a claim is missing"),
    ] {
        scene.provider.claims(claims.clone());
        let page = refused(&scene, &claims.to_string()).await;
        assert!(page.contains(why), "{claims}: {page}");
    }
    for good in [json!({"aud": ["hub"]}), json!({"aud": ["hub", "x"], "azp": "hub"}), json!({"exp": now - 30})] {
        scene.provider.claims(good.clone());
        let page = scene.sign_in(&Browser::new(&scene.hub), &json!({})).await;
        assert_eq!(page.status, 200, "{good}: {}", page.text());
    }
    assert_eq!(scene.provider.violations(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_provider_did_not_sign_proves_nothing() {
    let scene = scene().await;
    for signature in [Signature::Forged, Signature::None, Signature::Confused] {
        scene.provider.behave(Behaviour { signature, ..Behaviour::default() });
        let _ = refused(&scene, &format!("{signature:?}")).await;
    }
    scene.provider.behave(Behaviour { key_id: Some("of-tomorrow".to_owned()), ..Behaviour::default() });
    assert!(refused(&scene, "a key of another kind").await.contains("does not list"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_known_is_looked_for_and_not_all_the_time() {
    let scene = scene().await;
    let browser = Browser::new(&scene.hub);
    let _ = scene.sign_in(&browser, &json!({})).await.expect(200);
    assert_eq!(scene.provider.asked("/keys"), 1);
    scene.clock.advance(Duration::seconds(31));
    scene.provider.rotate("key-2");
    let _ = scene.sign_in(&browser, &json!({})).await.expect(200);
    assert_eq!(scene.provider.asked("/keys"), 2, "the new key was looked for");
    for _ in 0..3 {
        scene.provider.behave(Behaviour { key_id: Some("invented".to_owned()), ..Behaviour::default() });
        assert!(refused(&scene, "an invented key").await.contains("does not list"));
    }
    assert_eq!(scene.provider.asked("/keys"), 2, "not again within half a minute");
    scene.clock.advance(Duration::seconds(31));
    let _ = refused(&scene, "an invented key").await;
    assert_eq!(scene.provider.asked("/keys"), 3);
    // one that was withdrawn counts no more once its hour is over
    scene.provider.behave(Behaviour::default());
    scene.provider.rotate("key-3");
    scene.clock.advance(Duration::hours(1));
    let _ = scene.sign_in(&browser, &json!({})).await.expect(200);
    assert_eq!(scene.provider.asked("/keys"), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_key_that_providers_use_is_taken() {
    for algorithm in [JwtAlgorithm::Rs256, JwtAlgorithm::EdDsa] {
        let scene = OidcScene::with(algorithm, |_| {}).await;
        add(&scene.hub, &scene.org, "ada@example.com", Role::Owner).await;
        let _ = scene.sign_in(&Browser::new(&scene.hub), &json!({})).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_another_or_fails_signs_nobody_in() {
    let scene = scene().await;
    let browser = Browser::new(&scene.hub);
    let other = Some("https://evil.example".to_owned());
    scene.provider.behave(Behaviour { described_as: other, ..Behaviour::default() });
    let reply = browser.post("/v1/oidc/authorize", &json!({})).await;
    reply.expect_problem("upstream_error");
    assert!(reply.text().contains("another issuer"), "{}", reply.text());
    for status in [500, 503, 400] {
        scene.provider.behave(Behaviour { fails: Some(status), ..Behaviour::default() });
        let page = refused(&scene, &status.to_string()).await;
        assert!(!page.contains("canary"), "{page}");
    }
    // what is known of it lasts while it is away
    scene.clock.advance(Duration::hours(2));
    scene.provider.behave(Behaviour { described_as: Some("x".to_owned()), ..Behaviour::default() });
    let _ = scene.sign_in(&browser, &json!({})).await.expect(200);
}
