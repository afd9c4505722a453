use chrono::Duration;
use secrecy::ExposeSecret as _;

use super::*;

const STATE: &str = "canary-state";
const NONCE: &str = "canary-nonce";

fn now() -> Timestamp {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn plugin() -> PluginId {
    "demo".parse().unwrap()
}

fn pending() -> Pending {
    Pending {
        org: OrgId(uuid::Uuid::from_u128(7)),
        plugin: plugin(),
        redirect: Url::parse("https://hub.example.com/oauth/demo/callback").unwrap(),
        asked_by: "key_1".to_owned(),
        scopes: vec!["read".to_owned()],
        parties: Parties { client_id: "hub".to_owned(), origin: "https://auth.example.com".to_owned() },
        issuer: None,
        account: Some("7".to_owned()),
        expires_at: now() + Duration::minutes(10),
        state: StateHash::of(STATE),
        nonce: StateHash::of(NONCE),
        verifier: Some("canary-verifier".into()),
    }
}

fn back(query: &str) -> Callback {
    Callback::parse(query).unwrap()
}

fn redeem(pending: Pending, query: &str, nonce: Option<&str>, now: Timestamp) -> Result<Consent, CallbackError> {
    pending.redeem(back(query), &plugin(), nonce, now)
}

#[test]
fn the_right_answer_gives_a_consent() {
    let consent = redeem(pending(), "code=4%2F0A&state=canary-state&scope=x", Some(NONCE), now()).unwrap();
    assert_eq!(consent.code.expose_secret(), "4/0A");
    assert_eq!(consent.verifier.unwrap().expose_secret(), "canary-verifier");
}

#[test]
fn any_other_answer_gives_none() {
    let query = "code=c&state=canary-state";
    let late = now() + Duration::minutes(10);
    assert_eq!(redeem(pending(), query, Some(NONCE), late).unwrap_err(), CallbackError::NotPending);
    assert_eq!(redeem(pending(), "code=c&state=x", Some(NONCE), now()).unwrap_err(), CallbackError::NotPending);
    let other = pending().redeem(back(query), &"other".parse().unwrap(), Some(NONCE), now());
    assert_eq!(other.unwrap_err(), CallbackError::NotPending);
    for nonce in [None, Some(""), Some("canary-state")] {
        assert_eq!(redeem(pending(), query, nonce, now()).unwrap_err(), CallbackError::OtherBrowser);
    }
}

#[test]
fn a_no_is_told_apart_from_a_failure() {
    let no = |query: &str| redeem(pending(), query, Some(NONCE), now()).unwrap_err();
    assert_eq!(no("error=access_denied&state=canary-state"), CallbackError::Denied);
    assert_eq!(
        no("error=invalid_scope&error_description=no%0D%0Asuch+scope&state=canary-state"),
        CallbackError::Refused("invalid_scope: nosuch scope".to_owned())
    );
}

/// RFC 9207: an answer that another authorization server had the browser bring.
#[test]
fn an_answer_of_another_issuer_is_not_taken_where_the_vendor_names_itself() {
    let from = |iss: &str| {
        let named = Pending { issuer: Some("https://a.example.com".to_owned()), ..pending() };
        redeem(named, &format!("code=c&state=canary-state{iss}"), Some(NONCE), now())
    };
    assert!(from("&iss=https%3A%2F%2Fa.example.com").is_ok());
    assert_eq!(from("&iss=https%3A%2F%2Fb.example.com").unwrap_err(), CallbackError::OtherIssuer);
    assert_eq!(from("").unwrap_err(), CallbackError::OtherIssuer);
    let denied = Pending { issuer: Some("https://a.example.com".to_owned()), ..pending() };
    let denied = redeem(denied, "error=access_denied&state=canary-state", Some(NONCE), now());
    assert_eq!(denied.unwrap_err(), CallbackError::OtherIssuer, "nor a no");
    assert!(redeem(pending(), "code=c&state=canary-state&iss=x", Some(NONCE), now()).is_ok(), "nobody looks at it");
}

#[test]
fn a_query_that_is_no_answer_is_refused() {
    for query in [
        "",
        "code=c",
        "state=&code=c",
        "state=s",
        "state=s&code=",
        "state=s&code=c&error=access_denied",
        "state=s&code=c&code=d",
        "state=s&state=s&code=c",
        &format!("state=s&code={}", "c".repeat(MAX_QUERY)),
    ] {
        assert!(matches!(Callback::parse(query), Err(CallbackError::Malformed(_))), "{query}");
    }
}

const MAX_QUERY: usize = 4_097;

#[test]
fn what_was_sealed_comes_back_whole() {
    let back = Pending::from_secret(&pending().to_secret()).unwrap();
    assert_eq!(back.to_secret().expose_secret(), pending().to_secret().expose_secret());
    assert!(redeem(back, "code=c&state=canary-state", Some(NONCE), now()).is_ok());
    assert!(Pending::from_secret(&"{}".into()).is_err());
    let text = pending().to_secret();
    assert!(!text.expose_secret().contains(STATE) && !text.expose_secret().contains(NONCE), "only their hashes");
}

#[test]
fn no_text_for_people_holds_a_secret() {
    let consent = redeem(pending(), "code=canary-code&state=canary-state", Some(NONCE), now()).unwrap();
    let text = format!("{:?} {consent:?} {:?}", pending(), back("code=canary-code&state=canary-state"));
    assert!(!text.contains("canary"), "{text}");
}
