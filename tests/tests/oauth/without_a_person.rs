//! The grants that need nobody at a browser.

use std::sync::Arc;

use chrono::DateTime;
use patchbay_model::{ManualClock, OrgId};
use patchbay_oauth::{FailingKind, Net, OauthClient, OauthError, Provider, RefreshError, Registration, Tokens};
use patchbay_package::manifest::oauth::{Grant, JwtAlgorithm};
use patchbay_tests::oauth::{Auth, Behaviour, Client, Fault, KeyPair};
use serde_json::{Value, json};

use crate::{
    database::Database,
    scene::{REDIRECT, SECRET, Scene, access, job, manifest, signing},
};

const ACCOUNT: &str = "bot@vendor.example";

fn bearer(algorithm: &str) -> Value {
    json!({"grants": ["jwt-bearer"], "authorize-url": null, "client-auth": "none", "jwt": {"algorithm": algorithm}})
}

/// A vendor that knows a client by the public half of this pair.
async fn registered(algorithm: JwtAlgorithm) -> (Scene, KeyPair) {
    let (scene, pair) = (Scene::start().await, KeyPair::generate(algorithm));
    register(&scene, &pair, Auth::None);
    (scene, pair)
}

fn register(scene: &Scene, pair: &KeyPair, auth: Auth) {
    let assertions = Some((pair.algorithm, pair.public.clone()));
    scene.vendor.register(Client { assertions, ..Client::new("hub-client", auth, REDIRECT) });
}

#[tokio::test]
async fn the_clients_own_secret_gets_tokens_and_gets_them_again() {
    let scene = Scene::start().await;
    let client = scene.client(json!({"grants": ["client-credentials"], "authorize-url": null}));
    let tokens = client.client_credentials().await.unwrap();
    assert!(scene.vendor.accepts(access(&tokens)));
    assert!(tokens.refresh.is_none() && tokens.due_at.is_some());
    assert_eq!(tokens.scopes, ["read", "write"]);
    let renewed = client.renew(&tokens).await.unwrap();
    assert_ne!(access(&renewed), access(&tokens));
    assert_eq!(renewed.grant, Grant::ClientCredentials);
    assert_eq!(scene.vendor.token_requests(), ["client_credentials"; 2]);
    assert_eq!(scene.vendor.violations(), [""; 0]);
}

#[tokio::test]
async fn a_signed_assertion_gets_tokens_for_an_account_by_every_algorithm() {
    for (algorithm, name) in
        [(JwtAlgorithm::Rs256, "RS256"), (JwtAlgorithm::Es256, "ES256"), (JwtAlgorithm::EdDsa, "EdDSA")]
    {
        let (scene, pair) = registered(algorithm).await;
        let client = scene.client_of(bearer(name), signing(&pair, Some(ACCOUNT)));
        let tokens = client.jwt_bearer().await.unwrap();
        assert_eq!(client.account(&tokens).await.unwrap().name.as_deref(), Some(ACCOUNT), "{name}");
        let renewed = client.renew(&tokens).await.unwrap();
        assert!(scene.vendor.accepts(access(&renewed)));
        assert_eq!(renewed.scopes, ["read", "write"]);
        assert_eq!(scene.vendor.violations(), [""; 0], "{name}");
    }
}

#[tokio::test]
async fn an_assertion_goes_along_with_every_way_to_say_who_the_client_is() {
    let (scene, pair) = registered(JwtAlgorithm::Es256).await;
    for (way, auth) in [
        ("post", Auth::Post("s3cret &canary".to_owned())),
        ("basic", Auth::Basic("s3cret &canary".to_owned())),
        ("private-key-jwt", Auth::PrivateKey(pair.algorithm, pair.public.clone())),
    ] {
        register(&scene, &pair, auth);
        let mut section = bearer("ES256");
        section["client-auth"] = json!(way);
        let registration = Registration { secret: Some("s3cret &canary".into()), ..signing(&pair, Some(ACCOUNT)) };
        let client = scene.client_of(section, registration);
        assert!(scene.vendor.accepts(access(&client.jwt_bearer().await.unwrap())), "{way}");
    }
    assert_eq!(scene.vendor.violations(), [""; 0]);
}

#[tokio::test]
async fn a_vendor_that_reads_the_scopes_in_the_assertion_finds_them_there_alone() {
    let (scene, pair) = registered(JwtAlgorithm::Es256).await;
    let mut section = bearer("ES256");
    section["jwt"]["scope-claim"] = json!(true);
    let client = scene.client_of(section, signing(&pair, Some(ACCOUNT)));
    let tokens = client.jwt_bearer().await.unwrap();
    // The simulator reads the form alone, and says that it granted nothing.
    assert_eq!(tokens.scopes, [""; 0]);
    assert_eq!(scene.vendor.violations(), [""; 0]);
}

#[tokio::test]
async fn an_assertion_that_the_vendor_does_not_believe_needs_a_person() {
    let (scene, pair) = registered(JwtAlgorithm::Es256).await;
    let other = KeyPair::generate(JwtAlgorithm::Es256);
    let changed = |key: &str, value: Value| {
        let mut section = bearer("ES256");
        section["jwt"][key] = value;
        section
    };
    for (words, section, registration) in [
        ("the assertion: InvalidSignature", bearer("ES256"), signing(&other, Some(ACCOUNT))),
        ("the assertion's subject has no account", bearer("ES256"), signing(&pair, Some("nobody"))),
        (
            "the assertion is for another audience",
            changed("audience", json!("https://login.other.example")),
            signing(&pair, Some(ACCOUNT)),
        ),
        ("the assertion is of the future", changed("lifetime-seconds", json!(600)), signing(&pair, Some(ACCOUNT))),
    ] {
        let refused = scene.client_of(section, registration).jwt_bearer().await.unwrap_err();
        let OauthError::InvalidGrant(answer) = refused else { panic!("{words}: {refused:?}") };
        assert_eq!(answer.description.as_deref(), Some(words));
    }
}

#[tokio::test]
async fn an_assertion_by_a_clock_that_is_slow_has_expired() {
    let (scene, pair) = registered(JwtAlgorithm::EdDsa).await;
    let slow = Arc::new(ManualClock::new(DateTime::from_timestamp(1_800_000_000 - 600, 0).unwrap()));
    let Net { egress, random, timeout, .. } = &*scene.net;
    let net = Net { egress: egress.clone(), clock: slow, random: random.clone(), timeout: *timeout };
    let provider = Arc::new(Provider::new(&manifest(bearer("EdDSA")), &json!({})).unwrap());
    let registration = Arc::new(signing(&pair, Some(ACCOUNT)));
    let client = OauthClient::new(Arc::new(net), OrgId(Default::default()), provider, registration).unwrap();
    let OauthError::InvalidGrant(answer) = client.jwt_bearer().await.unwrap_err() else { panic!("a refusal") };
    assert_eq!(answer.description.as_deref(), Some("the assertion has expired"));
}

/// What needs nobody does not need its refresh token either.
#[tokio::test]
async fn a_refresh_token_that_has_ended_is_no_end_where_nobody_has_to_consent() {
    let scene = Scene::start().await;
    let client = scene.client(json!({"grants": ["client-credentials"], "authorize-url": null}));
    let tokens = client.client_credentials().await.unwrap();
    let tokens = Tokens { refresh: Some("canary-refresh-that-ended".into()), ..tokens };
    let renewed = client.renew(&tokens).await.unwrap();
    assert!(scene.vendor.accepts(access(&renewed)) && renewed.refresh.is_none());
    assert_eq!(scene.vendor.token_requests(), ["client_credentials", "refresh_token", "client_credentials"]);
}

#[tokio::test]
async fn a_refusal_of_such_a_grant_is_told_once_and_tried_again() {
    let scene = Scene::start().await;
    let client = scene.client(json!({"grants": ["client-credentials"], "authorize-url": null}));
    let database = Database::with(&client.client_credentials().await.unwrap());
    let node = scene.node(&database);
    scene.vendor.behave(Behaviour { fault: Some(Fault::Error(400, "invalid_grant")), ..Behaviour::default() });
    for _ in 0..3 {
        scene.advance(120);
        let error = node.renew(&job(&client, database.stored())).await.unwrap_err();
        assert!(matches!(error, RefreshError::Vendor(OauthError::InvalidGrant(_))), "{error:?}");
    }
    assert!(database.events().is_empty() && !database.stored().needs_authorization);
    assert_eq!(database.failures().len(), 1);
    assert_eq!(database.failures()[0].kind, FailingKind::GrantRefused);
    scene.vendor.behave(Behaviour::default());
    scene.advance(120);
    assert_eq!(node.renew(&job(&client, database.stored())).await.unwrap().version, 2);
}

#[tokio::test]
async fn each_grant_has_its_own_way_to_say_who_the_client_is() {
    let (scene, pair) = registered(JwtAlgorithm::Es256).await;
    let section = json!({
        "grants": ["authorization-code", "jwt-bearer"], "client-auth": "basic",
        "client-auth-for": {"jwt-bearer": "none"}, "jwt": {"algorithm": "ES256"},
    });
    let registration = Registration { secret: Some(SECRET.into()), ..signing(&pair, Some(ACCOUNT)) };
    let client = scene.client_of(section, registration);
    assert!(scene.vendor.accepts(access(&client.jwt_bearer().await.unwrap())));
    register(&scene, &pair, Auth::Basic(SECRET.to_owned()));
    let tokens = scene.connect(&client).await;
    assert!(scene.vendor.accepts(access(&client.renew(&tokens).await.unwrap())));
    assert_eq!(client.revoke(&tokens).await, Ok(true), "and what came of it is given back in the same way");
    assert_eq!(scene.vendor.violations(), [""; 0]);
}

#[tokio::test]
async fn an_audience_may_begin_with_a_setting_and_a_subject_may_be_left_out() {
    let (scene, pair) = registered(JwtAlgorithm::Es256).await;
    let mut section = bearer("ES256");
    section["jwt"]["audience"] = json!("https://{domain}.vendor.example/token");
    section["jwt"]["subject-optional"] = json!(true);
    let mut manifest = manifest(bearer("ES256"));
    manifest.oauth = Some({
        let mut oauth = manifest.oauth.unwrap();
        oauth.jwt = serde_json::from_value(section["jwt"].clone()).unwrap();
        oauth
    });
    let client = |settings: Value, subject: Option<&str>| {
        let provider = Arc::new(Provider::new(&manifest, &settings).unwrap());
        let registration = Arc::new(signing(&pair, subject));
        OauthClient::new(scene.net.clone(), OrgId(Default::default()), provider, registration).unwrap()
    };
    assert!(client(json!({"domain": "auth"}), Some(ACCOUNT)).jwt_bearer().await.is_ok());
    let refused = client(json!({"domain": "other"}), Some(ACCOUNT)).jwt_bearer().await.unwrap_err();
    assert!(refused.to_string().contains("the assertion is for another audience"), "{refused}");
    assert!(Provider::new(&manifest, &json!({})).is_err());
    // This vendor wants one; that there was none is what it says.
    let refused = client(json!({"domain": "auth"}), None).jwt_bearer().await.unwrap_err();
    assert!(refused.to_string().contains("the assertion's subject has no account"), "{refused}");
}
