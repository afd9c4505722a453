//! From the hub's redirect to a connection's tokens, with a person in between.

use patchbay_oauth::{CallbackError, OauthError, Parties, Pending, Registration};
use patchbay_tests::oauth::{Auth, Behaviour, Client, Consent, Style};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::scene::{NONCE, REDIRECT, SECRET, Scene, access, begin, plugin, refresh};

#[tokio::test]
async fn a_consent_becomes_tokens_that_the_vendor_accepts() {
    let scene = Scene::start().await;
    let client = scene.client(json!({}));
    let tokens = scene.connect(&client).await;
    assert!(scene.vendor.accepts(access(&tokens)));
    assert!(refresh(&tokens).starts_with("canary-refresh"));
    assert_eq!(tokens.scopes, ["read", "write"]);
    assert_eq!(tokens.kept["instance_url"], "https://eu1.vendor.example");
    let life = tokens.expires_at.unwrap() - tokens.issued_at;
    assert_eq!(life.num_seconds(), 3_600);
    let due = (tokens.due_at.unwrap() - tokens.issued_at).num_seconds();
    assert!((3_150..=3_300).contains(&due), "{due}");
    let account = client.account(&tokens).await.unwrap();
    assert_eq!(account.id.as_deref(), Some("10769150350006150715113082367"));
    assert_eq!(account.name.as_deref(), Some("ada@vendor.example"));
    assert_eq!(scene.vendor.violations(), [""; 0]);
}

#[tokio::test]
async fn the_url_has_what_the_manifest_and_the_protocol_ask_for() {
    let scene = Scene::start().await;
    let client = scene.client(json!({
        "scopes": {"required": ["read"], "optional": ["write"], "separator": "comma"},
        "authorize-parameters": {"access_type": "offline", "prompt": "consent"},
    }));
    let started = begin(&client);
    let value = |name: &str| {
        let mut pairs = started.url.query_pairs().filter(|(key, _)| key == name);
        let value = pairs.next().unwrap_or_else(|| panic!("no {name}")).1.into_owned();
        assert!(pairs.next().is_none(), "{name} twice");
        value
    };
    assert_eq!(value("response_type"), "code");
    assert_eq!(value("client_id"), "hub-client");
    assert_eq!(value("redirect_uri"), REDIRECT);
    assert_eq!(value("scope"), "read,write");
    assert_eq!(value("access_type"), "offline");
    assert_eq!(value("prompt"), "consent");
    assert_eq!(value("code_challenge_method"), "S256");
    assert_eq!((value("code_challenge").len(), value("state").len()), (43, 43));
    let sealed = started.pending.to_secret();
    for secret in [value("state").as_str(), NONCE] {
        assert!(!sealed.expose_secret().contains(secret), "only hashes are stored");
    }
}

#[tokio::test]
async fn no_two_authorizations_share_a_state_or_a_verifier() {
    let scene = Scene::start().await;
    let client = scene.client(json!({}));
    let (one, other) = (begin(&client), begin(&client));
    assert_ne!(one.state, other.state);
    let challenge =
        |url: &url::Url| url.query_pairs().find(|(name, _)| name == "code_challenge").unwrap().1.into_owned();
    assert_ne!(challenge(&one.url), challenge(&other.url));
}

#[tokio::test]
async fn a_person_who_says_no_is_told_apart() {
    let scene = Scene::start().await;
    scene.vendor.behave(Behaviour { consent: Consent::Denies, ..Behaviour::default() });
    let started = begin(&scene.client(json!({})));
    let callback = scene.browse(&started).await;
    let denied = started.pending.redeem(callback, &plugin(), Some(NONCE), scene.net.clock.now());
    assert_eq!(denied.unwrap_err(), CallbackError::Denied);
    assert_eq!(scene.vendor.token_requests(), [""; 0]);
}

#[tokio::test]
async fn a_scope_that_the_person_left_out_is_named() {
    let scene = Scene::start().await;
    scene.vendor.behave(Behaviour { consent: Consent::Without(vec!["read".to_owned()]), ..Behaviour::default() });
    let client = scene.client(json!({}));
    let tokens = scene.connect(&client).await;
    assert_eq!(tokens.scopes, ["write"]);
    assert_eq!(client.provider().missing_scopes(&tokens.scopes).collect::<Vec<_>>(), ["read"]);
}

#[tokio::test]
async fn an_answer_for_another_browser_or_too_late_never_reaches_the_vendor() {
    let scene = Scene::start().await;
    let client = scene.client(json!({}));
    let started = begin(&client);
    let callback = scene.browse(&started).await;
    assert_eq!(callback.state(), started.state);
    let sealed = started.pending.to_secret();
    let other = started.pending.redeem(callback, &plugin(), Some("another browser's"), scene.net.clock.now());
    assert_eq!(other.unwrap_err(), CallbackError::OtherBrowser);
    let started = begin(&client);
    let callback = scene.browse(&started).await;
    let other = started.pending.redeem(callback, &plugin(), None, scene.net.clock.now());
    assert_eq!(other.unwrap_err(), CallbackError::OtherBrowser, "nor in one without a cookie");

    let started = begin(&client);
    let callback = scene.browse(&started).await;
    let foreign =
        Pending::from_secret(&sealed).unwrap().redeem(callback, &plugin(), Some(NONCE), scene.net.clock.now());
    assert_eq!(foreign.unwrap_err(), CallbackError::NotPending);
    let callback = scene.browse(&started).await;
    scene.advance(600);
    let late = started.pending.redeem(callback, &plugin(), Some(NONCE), scene.net.clock.now());
    assert_eq!(late.unwrap_err(), CallbackError::NotPending);
    assert_eq!(scene.vendor.token_requests(), [""; 0]);
}

#[tokio::test]
async fn a_code_that_comes_twice_ends_the_tokens_of_the_first_time() {
    let scene = Scene::start().await;
    let client = scene.client(json!({}));
    let started = begin(&client);
    // A hub that did not delete what waits would let this happen.
    let copy = Pending::from_secret(&started.pending.to_secret()).unwrap();
    let url = started.url.as_str().to_owned();
    let callback = scene.browse(&started).await;
    let again = patchbay_oauth::Callback::parse(&format!(
        "code={}&state={}",
        "canary-code%2F4%3D0A-000001-7d1f",
        url.split("state=").nth(1).unwrap().split('&').next().unwrap()
    ))
    .unwrap();
    let now = scene.net.clock.now();
    let tokens = client.exchange(started.pending.redeem(callback, &plugin(), Some(NONCE), now).unwrap()).await.unwrap();
    let twice = client.exchange(copy.redeem(again, &plugin(), Some(NONCE), now).unwrap()).await;
    assert!(matches!(twice, Err(OauthError::InvalidGrant(_))), "{twice:?}");
    assert!(!scene.vendor.accepts(access(&tokens)));
}

#[tokio::test]
async fn a_code_is_worth_nothing_without_its_verifier_or_after_a_minute() {
    let scene = Scene::start().await;
    let client = scene.client(json!({}));
    let now = || scene.net.clock.now();
    let started = begin(&client);
    let callback = scene.browse(&started).await;
    let sealed = started.pending.to_secret();
    let verifier = sealed.expose_secret().split("\"verifier\":\"").nth(1).unwrap().split('"').next().unwrap();
    let wrong = sealed.expose_secret().replace(verifier, &"x".repeat(43));
    let stolen = Pending::from_secret(&wrong.into()).unwrap().redeem(callback, &plugin(), Some(NONCE), now()).unwrap();
    let refused = client.exchange(stolen).await;
    assert!(matches!(refused, Err(OauthError::InvalidGrant(_))), "{refused:?}");

    let consent = scene.consent(&client).await;
    scene.advance(61);
    let late = client.exchange(consent).await.unwrap_err();
    assert!(late.needs_authorization(), "{late}");
    assert_eq!(
        late.to_string(),
        "the vendor no longer accepts the authorization (HTTP 400, invalid_grant: the code has expired): authorize the connection again"
    );
}

#[tokio::test]
async fn a_vendor_that_takes_no_pkce_and_wants_parameters_of_its_own_gets_them() {
    let scene = Scene::start().await;
    let parameters = |name: &str| [(name.to_owned(), "https://api.vendor.example".to_owned())].into();
    scene.vendor.register(Client {
        pkce: false,
        authorize_parameters: parameters("audience"),
        token_parameters: parameters("resource"),
        ..Client::new("hub-client", Auth::Basic(SECRET.to_owned()), REDIRECT)
    });
    let client = scene.client(json!({
        "pkce": "off",
        "authorize-parameters": {"audience": "https://api.vendor.example"},
        "token-parameters": {"resource": "https://api.vendor.example"},
    }));
    let tokens = scene.connect(&client).await;
    assert!(scene.vendor.accepts(access(&client.renew(&tokens).await.unwrap())));
    assert_eq!(scene.vendor.violations(), [""; 0]);
}

#[tokio::test]
async fn a_vendor_that_hides_the_token_and_answers_200_to_everything_is_understood() {
    let scene = Scene::start().await;
    scene.vendor.behave(Behaviour { style: Style::Slack, ..Behaviour::default() });
    let client = scene.client(json!({
        "scopes": {"required": ["read", "write"], "separator": "comma"},
        "account": {"id": "/team/id", "name": "/team/name"},
        "answer": {
            "access-token": "/authed_user/access_token", "refresh-token": "/authed_user/refresh_token",
            "expires-in": "/authed_user/expires_in", "scope": "/authed_user/scope",
            "token-type": "/authed_user/token_type", "token-types": ["user"], "keep": {"app": "/app_id"},
        },
    }));
    let tokens = scene.connect(&client).await;
    assert!(scene.vendor.accepts(access(&tokens)));
    assert_eq!(tokens.scopes, ["read", "write"]);
    assert_eq!(tokens.kept["app"], "A1");
    assert_eq!(client.account(&tokens).await.unwrap().name.as_deref(), Some("Acme"));
    scene.vendor.end_all_grants();
    let ended = client.renew(&tokens).await.unwrap_err();
    assert!(ended.needs_authorization(), "{ended}");
}

#[tokio::test]
async fn tokens_given_back_count_no_more() {
    let scene = Scene::start().await;
    let client = scene.client(json!({}));
    let tokens = scene.connect(&client).await;
    assert_eq!(client.revoke(&tokens).await, Ok(true));
    assert!(!scene.vendor.accepts(access(&tokens)));
    assert!(client.renew(&tokens).await.unwrap_err().needs_authorization());
    assert_eq!(client.revoke(&tokens).await, Ok(true), "what has ended already is no failure");
    let without = scene.client(json!({"revoke-url": null}));
    assert_eq!(without.revoke(&tokens).await, Ok(false));
    assert_eq!(scene.vendor.violations(), [""; 0]);
}

/// What could be put in the place of the client or the token endpoint after an authorization: by a new version of the plugin,
/// by the org's settings, by another registration.
#[tokio::test]
async fn codes_and_tokens_go_to_no_other_endpoint_and_through_no_other_client() {
    let scene = Scene::start().await;
    let client = scene.client(json!({}));
    let tokens = scene.connect(&client).await;
    assert_eq!(
        tokens.parties,
        Parties { client_id: "hub-client".to_owned(), origin: "https://auth.vendor.example".to_owned() }
    );
    let elsewhere = scene.client(json!({"token-url": "https://auth.evil.example/token"}));
    let other = Registration::new("other-client", Some(SECRET.into()));
    for client in [elsewhere, scene.client_of(json!({}), other)] {
        let consent = scene.consent(&scene.client(json!({}))).await;
        assert_eq!(client.exchange(consent).await.unwrap_err(), OauthError::OtherParties);
        assert_eq!(client.renew(&tokens).await.unwrap_err(), OauthError::OtherParties);
        assert_eq!(client.revoke(&tokens).await.unwrap_err(), OauthError::OtherParties);
        assert!(OauthError::OtherParties.needs_authorization());
    }
    assert_eq!(scene.vendor.token_requests().len(), 1);
    // Another path of the same vendor is none of these: a manifest's paths are approved.
    let moved = scene.client(json!({"token-url": "https://auth.vendor.example/token?v=2"}));
    assert_eq!(moved.parties(), tokens.parties);
}
