//! The simulator is held to the protocol too: a test that passes against a lax vendor proves nothing.

use std::{collections::BTreeMap, sync::Arc};

use chrono::DateTime;
use patchbay_model::ManualClock;
use patchbay_package::manifest::oauth::JwtAlgorithm;
use patchbay_tests::oauth::{Auth, Behaviour, Client, KeyPair, OauthVendor};
use serde_json::Value;
use url::Url;

use crate::scene::{HOST, REDIRECT};

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const STATE: &str = "0123456789abcdef0123456789abcdef";

type Pairs<'a> = Vec<(&'a str, &'a str)>;

async fn vendor() -> (OauthVendor, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap()));
    let vendor = OauthVendor::start(HOST, clock.clone()).await;
    vendor.register(Client::new("c", Auth::Post("s".to_owned()), REDIRECT));
    (vendor, clock)
}

fn request() -> Pairs<'static> {
    vec![
        ("response_type", "code"),
        ("client_id", "c"),
        ("redirect_uri", REDIRECT),
        ("scope", "read"),
        ("state", STATE),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
}

/// The same with another value, or without one if it is empty.
fn but<'a>(mut pairs: Pairs<'a>, name: &'a str, value: &'a str) -> Pairs<'a> {
    pairs.retain(|(key, _)| *key != name);
    if !value.is_empty() {
        pairs.push((name, value));
    }
    pairs
}

/// What the authorization endpoint answers: its status, and the parameters that the browser is sent back with.
async fn authorize(vendor: &OauthVendor, pairs: &Pairs<'_>) -> (u16, BTreeMap<String, String>) {
    let url = Url::parse_with_params(&format!("{}/authorize", vendor.url()), pairs).unwrap();
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let response = browser.get(url).send().await.unwrap();
    let location = response.headers().get("location").map(|value| Url::parse(value.to_str().unwrap()).unwrap());
    let pairs = location.map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default();
    (response.status().as_u16(), pairs)
}

async fn code(vendor: &OauthVendor) -> String {
    authorize(vendor, &request()).await.1["code"].clone()
}

async fn post(vendor: &OauthVendor, path: &str, pairs: &Pairs<'_>) -> (u16, Value) {
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let request = reqwest::Client::new().post(format!("{}{path}", vendor.url()));
    let request =
        request.header("content-type", "application/x-www-form-urlencoded").header("accept", "application/json");
    let response = request.body(form).send().await.unwrap();
    (response.status().as_u16(), serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
}

fn exchange(code: &str) -> Pairs<'_> {
    vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("client_id", "c"),
        ("client_secret", "s"),
    ]
}

fn refresh(token: &str) -> Pairs<'_> {
    vec![("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "c"), ("client_secret", "s")]
}

#[tokio::test]
async fn a_browser_is_sent_nowhere_until_client_and_redirect_are_known() {
    let (vendor, _) = vendor().await;
    for pairs in [
        but(request(), "client_id", "other"),
        but(request(), "client_id", ""),
        but(request(), "redirect_uri", ""),
        but(request(), "redirect_uri", "https://hub.example.com/oauth/demo/callback/"),
        but(request(), "redirect_uri", "https://hub.example.com.evil.example/oauth/demo/callback"),
        [request(), vec![("state", STATE)]].concat(),
    ] {
        assert_eq!(authorize(&vendor, &pairs).await, (400, BTreeMap::new()), "{pairs:?}");
    }
    assert_eq!(vendor.violations().len(), 6);
}

#[tokio::test]
async fn an_authorization_request_that_is_wrong_comes_back_with_its_error() {
    let (vendor, _) = vendor().await;
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("state", "short", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", VERIFIER.get(1..).unwrap(), "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("scope", "read admin", "invalid_scope"),
        ("surprise", "1", "invalid_request"),
    ] {
        let (status, back) = authorize(&vendor, &but(request(), name, value)).await;
        assert_eq!((status, back["error"].as_str()), (302, error), "{name} = {value}");
        assert!(!back.contains_key("code"));
    }
    assert_eq!(vendor.violations().len(), 8);
}

#[tokio::test]
async fn a_code_counts_once_for_its_client_redirect_and_verifier_within_a_minute() {
    let (vendor, clock) = vendor().await;
    vendor.register(Client::new("d", Auth::Post("s".to_owned()), REDIRECT));
    for (name, value) in [
        ("code", "other"),
        ("client_id", "d"),
        ("redirect_uri", "https://hub.example.com/other"),
        ("code_verifier", "x"),
        ("code_verifier", ""),
    ] {
        let code = code(&vendor).await;
        let (status, body) = post(&vendor, "/token", &but(exchange(&code), name, value)).await;
        assert_eq!((status, body["error"].as_str()), (400, Some("invalid_grant")), "{name} = {value}");
    }
    let late = code(&vendor).await;
    clock.advance(chrono::Duration::seconds(60));
    assert_eq!(post(&vendor, "/token", &exchange(&late)).await.0, 400);
    let code = code(&vendor).await;
    let (status, tokens) = post(&vendor, "/token", &exchange(&code)).await;
    assert_eq!((status, tokens["expires_in"].as_u64()), (200, Some(3_600)));
    let access = tokens["access_token"].as_str().unwrap();
    assert!(vendor.accepts(access));
    assert_eq!(post(&vendor, "/token", &exchange(&code)).await.1["error"], "invalid_grant");
    assert!(!vendor.accepts(access), "what came of the first time has ended");
}

#[tokio::test]
async fn a_refresh_token_that_is_used_twice_ends_everything_of_its_grant() {
    let (vendor, _) = vendor().await;
    vendor.behave(Behaviour { rotate: true, ..Behaviour::default() });
    let (_, first) = post(&vendor, "/token", &exchange(&code(&vendor).await)).await;
    let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    let (_, second) = post(&vendor, "/token", &refresh(&text(&first, "refresh_token"))).await;
    assert!(vendor.accepts(&text(&second, "access_token")));
    let (status, body) = post(&vendor, "/token", &refresh(&text(&first, "refresh_token"))).await;
    assert_eq!((status, body["error"].as_str()), (400, Some("invalid_grant")));
    assert!(!vendor.accepts(&text(&second, "access_token")));
    let (_, body) = post(&vendor, "/token", &refresh(&text(&second, "refresh_token"))).await;
    assert_eq!(body["error"], "invalid_grant");
}

#[tokio::test]
async fn a_client_shows_who_it_is_in_its_own_way_and_once() {
    let (vendor, _) = vendor().await;
    let ask = |more: Pairs<'static>| [vec![("grant_type", "client_credentials")], more].concat();
    for (pairs, error) in [
        (ask(vec![]), "invalid_client"),
        (ask(vec![("client_id", "c")]), "invalid_client"),
        (ask(vec![("client_id", "c"), ("client_secret", "x")]), "invalid_client"),
        (ask(vec![("client_id", "x"), ("client_secret", "s")]), "invalid_client"),
        (ask(vec![("client_id", "c"), ("client_secret", "s"), ("client_assertion", "x")]), "invalid_request"),
        (ask(vec![("client_id", "c"), ("client_secret", "s"), ("client_secret", "s")]), "invalid_request"),
        (ask(vec![("client_id", "c"), ("client_secret", "s"), ("surprise", "1")]), "invalid_request"),
        (ask(vec![("client_id", "c"), ("client_secret", "s"), ("scope", "admin")]), "invalid_scope"),
        (vec![("grant_type", "password"), ("client_id", "c"), ("client_secret", "s")], "unsupported_grant_type"),
    ] {
        assert_eq!(post(&vendor, "/token", &pairs).await.1["error"], error, "{pairs:?}");
    }
    let (status, _) = post(&vendor, "/token", &ask(vec![("client_id", "c"), ("client_secret", "s")])).await;
    assert_eq!(status, 200);
    assert_eq!(vendor.token_requests().len(), 10);
    assert_eq!(vendor.violations().len(), 9);
}

#[tokio::test]
async fn an_assertion_counts_once() {
    let (vendor, _) = vendor().await;
    let pair = KeyPair::generate(JwtAlgorithm::Es256);
    let assertions = Some((pair.algorithm, pair.public.clone()));
    vendor.register(Client { assertions, ..Client::new("c", Auth::Post("s".to_owned()), REDIRECT) });
    let sign = |claims: &Value, algorithm| {
        let key = jsonwebtoken::EncodingKey::from_ec_pem(pair.private.as_bytes()).unwrap();
        jsonwebtoken::encode(&jsonwebtoken::Header::new(algorithm), claims, &key).unwrap()
    };
    let claims = serde_json::json!({"iss": "c", "sub": "bot@vendor.example", "aud": format!("https://{HOST}/token"),
        "iat": 1_800_000_000, "exp": 1_800_000_060, "jti": "0123456789abcdef"});
    let jwt = sign(&claims, jsonwebtoken::Algorithm::ES256);
    let bearer = |jwt: String| {
        let vendor = &vendor;
        async move {
            let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
            let pairs = vec![("grant_type", grant), ("assertion", &*jwt), ("client_id", "c"), ("client_secret", "s")];
            post(vendor, "/token", &pairs).await.0
        }
    };
    let unsigned = format!("{}.", jwt.rsplit_once('.').unwrap().0);
    assert_eq!(bearer(unsigned).await, 400);
    assert_eq!(bearer(jwt.clone()).await, 200);
    assert_eq!(bearer(jwt).await, 400);
    let mut other = claims.clone();
    other["iss"] = serde_json::json!("d");
    other["jti"] = serde_json::json!("another-0123456789");
    assert_eq!(bearer(sign(&other, jsonwebtoken::Algorithm::ES256)).await, 400);
}

#[tokio::test]
async fn its_api_and_its_revocation_know_tokens() {
    let (vendor, clock) = vendor().await;
    let (_, tokens) = post(&vendor, "/token", &exchange(&code(&vendor).await)).await;
    let access = tokens["access_token"].as_str().unwrap().to_owned();
    let get = |path: &'static str, token: String| {
        let url = format!("{}{path}", vendor.url());
        async move { reqwest::Client::new().get(url).bearer_auth(token).send().await.unwrap().status().as_u16() }
    };
    assert_eq!(get("/api/v1/things", access.clone()).await, 200);
    assert_eq!(get("/userinfo", "other".to_owned()).await, 401);
    let revoke = |token: &str, secret: &str| {
        let pairs = [("token", token), ("client_id", "c"), ("client_secret", secret)];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    for (token, secret, status) in [(&*access, "x", 401), ("unknown", "s", 200), (&*access, "s", 200)] {
        let pairs = revoke(token, secret);
        let pairs: Pairs<'_> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(post(&vendor, "/revoke", &pairs).await.0, status, "{token}");
    }
    assert_eq!(get("/api/v1/things", access).await, 401);
    let (_, tokens) = post(&vendor, "/token", &exchange(&code(&vendor).await)).await;
    clock.advance(chrono::Duration::seconds(3_600));
    assert_eq!(get("/userinfo", tokens["access_token"].as_str().unwrap().to_owned()).await, 401);
}
