//! Whose client connects, and grants that need nobody's consent.

use patchbay_package::manifest::oauth::JwtAlgorithm;
use patchbay_tests::oauth::{Auth, Client, KeyPair};
use serde_json::json;

use super::scene::{AUTHORIZE, OauthScene, redirect};

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

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_own_secret_connects_at_once_and_again_when_the_token_ends() {
    let scene = OauthScene::with(json!({"grants": ["client-credentials"], "authorize-url": null})).await;
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
