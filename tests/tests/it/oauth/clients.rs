//! Whose client connects, and grants that need nobody's consent.

use patchbay_package::manifest::oauth::{Grant, JwtAlgorithm};
use patchbay_tests::oauth::{Auth, Behaviour, Client, Fault, KeyPair};
use serde_json::{Value, json};

use super::scene::{AUTHORIZE, CONNECTION, OauthScene, redirect};

const CLIENT: &str = "/v1/connections/echo/client";
const OWN_SECRET: &str = "canary-own-secret";

#[tokio::test(flavor = "multi_thread")]
async fn an_organizations_own_client_takes_the_place_of_the_operators() {
    let scene = OauthScene::connected(json!({})).await;
    let shown = scene.org.get(CLIENT).await.expect(200).json();
    assert_eq!((&shown["owner"], &shown["client_id"]), (&json!("operator"), &json!(null)));
    assert_eq!(shown["redirect_url"], redirect(&scene.hub));

    scene.vendor.register(Client::new("own", Auth::Basic(OWN_SECRET.to_owned()), &redirect(&scene.hub)));
    let put = json!({"client_id": "own", "client_secret": OWN_SECRET});
    let shown = scene.org.call("PUT", CLIENT).json(&put).send().await.expect(200);
    assert!(!shown.text().contains(OWN_SECRET));
    assert_eq!((&shown.json()["owner"], &shown.json()["client_id"]), (&json!("organization"), &json!("own")));

    assert!(scene.answer().await.contains("contacts"), "what the operator's client got is good until it ends");
    assert_eq!(scene.shown().await["state"], "reauthorization_needed");
    scene.advance(4_000);
    scene.call().await.expect_problem("reauthorization_needed");
    assert_eq!(scene.vendor.token_requests().len(), 1);

    let _ = scene.consent().await.expect(200);
    let oauth = scene.shown().await;
    assert_eq!((&oauth["state"], &oauth["client"]), (&json!("connected"), &json!("organization")));
    scene.advance(4_000);
    assert!(scene.answer().await.contains("contacts"));
    assert_eq!(scene.vendor.violations(), [""; 0]);

    let _ = scene.org.call("DELETE", CLIENT).send().await.expect(204);
    assert_eq!(scene.org.get(CLIENT).await.expect(200).json()["owner"], "operator");
    scene.org.call("DELETE", CLIENT).send().await.expect_problem("not_found");
    for (path, bytes) in scene.hub.kept().await {
        let found = bytes.windows(OWN_SECRET.len()).any(|window| window == OWN_SECRET.as_bytes());
        assert!(!found, "{}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_lacks_what_the_manifest_asks_for_is_refused() {
    let scene = OauthScene::start().await;
    let reply = scene.org.call("PUT", CLIENT).json(&json!({"client_id": "own"})).send().await;
    reply.expect_problem("invalid_input");
    assert!(reply.text().contains("needs a secret"), "{}", reply.text());
    let reply = scene.org.call("PUT", CLIENT).json(&json!({"client_id": "", "client_secret": "s"})).send().await;
    assert_eq!(reply.json()["violations"][0]["pointer"], "/client_id");
}

fn without_a_person() -> Value {
    json!({"grants": ["client-credentials"], "authorize-url": null})
}

/// Connects by the client's own secret, and lets the token end.
async fn connects_at_once_and_again(scene: &OauthScene) {
    let reply = scene.org.call("POST", AUTHORIZE).json(&json!({})).send().await.expect(200).json();
    assert_eq!(reply["status"], "connected");
    assert_eq!(reply["connection"]["oauth"]["grant"], "client-credentials");
    assert!(scene.answer().await.contains("contacts"));
    scene.advance(4_000);
    assert!(scene.answer().await.contains("contacts"));
    assert_eq!(scene.vendor.token_requests(), ["client_credentials"; 2]);
    assert_eq!(scene.vendor.violations(), [""; 0]);
    scene.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_own_secret_connects_at_once_and_again_when_the_token_ends() {
    let scene = OauthScene::with(without_a_person()).await;
    scene.vendor.register(Client::new("own", Auth::Basic(OWN_SECRET.to_owned()), &redirect(&scene.hub)));
    let put = json!({"client_id": "own", "client_secret": OWN_SECRET});
    let _ = scene.org.call("PUT", CLIENT).json(&put).send().await.expect(200);
    connects_at_once_and_again(&scene).await;
}

/// What needs nobody's consent acts as whoever registered the client: with the operator's, every org would be the operator.
#[tokio::test(flavor = "multi_thread")]
async fn the_operators_client_gets_nothing_without_a_person_unless_the_operator_shares_it() {
    let scene = OauthScene::with(without_a_person()).await;
    let reply = scene.org.call("POST", AUTHORIZE).json(&json!({})).send().await;
    reply.expect_problem("connection_missing");
    assert!(reply.text().contains("would act as the hub's operator"), "{}", reply.text());
    assert_eq!(scene.vendor.token_requests(), [""; 0]);
    assert_eq!(scene.org.get(CONNECTION).await.status, 404);

    let scene = OauthScene::sharing(&[Grant::ClientCredentials], without_a_person(), json!({})).await;
    connects_at_once_and_again(&scene).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_the_organization_signs_for_an_account() {
    let section =
        json!({"grants": ["jwt-bearer"], "authorize-url": null, "client-auth": "none", "jwt": {"algorithm": "ES256"}});
    let scene = OauthScene::with(section).await;
    let pair = KeyPair::generate(JwtAlgorithm::Es256);
    let assertions = Some((pair.algorithm, pair.public.clone()));
    scene.vendor.register(Client { assertions, ..Client::new("own", Auth::None, &redirect(&scene.hub)) });
    let ask = || scene.org.call("POST", AUTHORIZE).json(&json!({})).send();
    ask().await.expect_problem("connection_missing");

    let put = json!({"client_id": "own", "private_key": pair.private, "subject": "bot@vendor.example"});
    let reply = scene.org.call("PUT", CLIENT).json(&put).send().await.expect(200);
    assert!(!reply.text().contains("PRIVATE KEY"));
    let reply = ask().await.expect(200).json();
    assert_eq!(reply["connection"]["account"], "bot@vendor.example");
    assert!(scene.answer().await.contains("bot@vendor.example"));
    scene.advance(4_000);
    assert!(scene.answer().await.contains("bot@vendor.example"));
    assert_eq!(scene.vendor.token_requests().len(), 2);
    assert_eq!(scene.vendor.violations(), [""; 0]);
}

/// A client whose secret was changed at the vendor.
async fn rejected() -> OauthScene {
    let scene = OauthScene::start().await;
    scene.vendor.register(Client::new("own", Auth::Basic(OWN_SECRET.to_owned()), &redirect(&scene.hub)));
    let put = json!({"client_id": "own", "client_secret": OWN_SECRET});
    let _ = scene.org.call("PUT", CLIENT).json(&put).send().await.expect(200);
    let _ = scene.consent().await.expect(200);
    scene.vendor.register(Client::new("own", Auth::Basic(NEW_SECRET.to_owned()), &redirect(&scene.hub)));
    scene.advance(4_000);
    for _ in 0..5 {
        scene.call().await.expect_problem("upstream_error");
    }
    scene
}

const NEW_SECRET: &str = "canary-new-secret";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_the_vendor_rejects_is_shown_and_put_right_at_once() {
    let scene = rejected().await;
    assert_eq!(scene.vendor.token_requests().len(), 2, "the vendor is left in peace");
    let shown = scene.shown().await;
    assert_eq!(shown["state"], "client_rejected");
    assert!(shown["reason"].as_str().unwrap().contains("invalid_client"), "{shown}");
    let events = scene.events().await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["type"], "connection.client_rejected");

    let put = json!({"client_id": "own", "client_secret": NEW_SECRET});
    let _ = scene.org.call("PUT", CLIENT).json(&put).send().await.expect(200);
    assert!(scene.answer().await.contains("contacts"), "nobody had to consent again, nor to wait");
    assert_eq!(scene.shown().await["state"], "connected");
    assert_eq!(scene.events().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_needs_nobody_is_tried_again_after_a_refusal() {
    let scene = OauthScene::sharing(&[Grant::ClientCredentials], without_a_person(), json!({})).await;
    let _ = scene.org.call("POST", AUTHORIZE).json(&json!({})).send().await.expect(200);
    let refusing = Behaviour { fault: Some(Fault::Error(400, "invalid_grant")), ..Behaviour::default() };
    scene.vendor.behave(refusing.clone());
    scene.advance(4_000);
    scene.call().await.expect_problem("reauthorization_needed");
    let shown = scene.shown().await;
    assert_eq!(shown["state"], "grant_refused");
    assert_eq!(scene.events().await[0]["type"], "connection.reauthorization_needed");
    scene.advance(600);
    scene.call().await.expect_problem("reauthorization_needed");
    assert_eq!(scene.events().await.len(), 1, "one event, however often");
    assert_eq!(scene.vendor.token_requests().len(), 3);

    scene.vendor.behave(Behaviour::default());
    scene.advance(600);
    assert!(scene.answer().await.contains("contacts"));
    assert_eq!(scene.shown().await["state"], "connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_needs_only_what_the_grant_that_is_used_calls_for() {
    let section = json!({
        "grants": ["authorization-code", "jwt-bearer"], "client-auth-for": {"jwt-bearer": "none"},
        "jwt": {"algorithm": "ES256"},
    });
    let scene = OauthScene::with(section).await;
    let _ = scene.consent().await.expect(200);
    let signed = scene.org.call("POST", AUTHORIZE).json(&json!({"grant": "jwt-bearer"})).send().await;
    signed.expect_problem("connection_missing");
}
