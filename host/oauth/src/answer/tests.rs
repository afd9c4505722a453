use std::time::Duration;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::*;

fn section(answer: &Value, account: &Value) -> Oauth {
    let mut section = json!({
        "credential": "t", "authorize-url": "https://a.example.com/a", "token-url": "https://a.example.com/t",
        "answer": answer,
    });
    if !account.is_null() {
        section["account"] = account.clone();
    }
    serde_json::from_value(section).unwrap()
}

fn plain() -> Oauth {
    section(&json!({}), &Value::Null)
}

fn answer(status: u16, body: impl AsRef<[u8]>) -> Answer {
    Answer { status, retry_after: Some(Duration::from_secs(7)), body: Zeroizing::new(body.as_ref().to_vec()) }
}

fn read(oauth: &Oauth, status: u16, body: &Value) -> Result<Value, OauthError> {
    let redact = Redactor::new(["canary-secret"]);
    tokens(oauth, &answer(status, body.to_string()), &redact, false)
        .map(|bytes| serde_json::from_slice(&bytes).unwrap())
}

fn refused(oauth: &Oauth, status: u16, body: &Value) -> OauthError {
    read(oauth, status, body).unwrap_err()
}

#[test]
fn a_regular_answer_stays_what_it_is() {
    let body = json!({"access_token": "access-1", "token_type": "Bearer", "expires_in": 3599, "refresh_token": "rt",
        "scope": "a b", "id_token": "x"});
    assert_eq!(
        read(&plain(), 200, &body).unwrap(),
        json!({"access_token": "access-1", "token_type": "bearer", "expires_in": 3599, "refresh_token": "rt",
            "scopes": ["a", "b"], "account": {"id": null, "name": null}, "kept": {}})
    );
}

#[test]
fn the_habits_of_vendors_are_put_right() {
    let slack = section(
        &json!({"access-token": "/authed_user/access_token", "refresh-token": "/authed_user/refresh_token",
            "scope": "/authed_user/scope", "token-type": "/authed_user/token_type", "token-types": ["user"],
            "keep": {"team": "/team/id", "enterprise": "/is_enterprise_install", "none": "/enterprise/id", "token": "/authed_user/access_token"}}),
        &json!({"id": "/team/id", "name": "/team/name"}),
    );
    let body = json!({"ok": true, "is_enterprise_install": false, "team": {"id": "T1", "name": "Acme"}, "enterprise": null,
        "authed_user": {"access_token": "xoxp-123", "token_type": "user", "scope": "chat:write"}});
    let regular = read(&slack, 200, &body).unwrap();
    assert_eq!(regular["access_token"], "xoxp-123");
    assert_eq!(regular["account"], json!({"id": "T1", "name": "Acme"}));
    assert_eq!(regular["kept"], json!({"team": "T1", "enterprise": "false"}));

    for (life, wanted) in [
        (json!("3600"), json!(3600)),
        (json!(3599.7), json!(3599)),
        (json!(0), Value::Null),
        (json!("soon"), Value::Null),
        (json!(-1), Value::Null),
        (Value::Null, Value::Null),
        (json!(u64::MAX), json!(LONGEST_LIFE)),
    ] {
        let body = json!({"access_token": "access-1", "expires_in": life});
        assert_eq!(read(&plain(), 201, &body).unwrap()["expires_in"], wanted, "{life}");
    }
    let list = json!({"access_token": "access-1", "scope": ["a", "b c"]});
    assert_eq!(read(&plain(), 200, &list).unwrap()["scopes"], json!(["a", "b", "c"]));
    let mut commas = plain();
    commas.scopes.separator = oauth::Separator::Comma;
    let scopes = |oauth: &Oauth, scope| read(oauth, 200, &json!({"access_token": "access-1", "scope": scope})).unwrap();
    assert_eq!(scopes(&commas, json!("a, b"))["scopes"], json!(["a", "b"]));
    // That nothing was granted is something else than that nothing is said.
    let spaces = plain();
    assert_eq!(scopes(&spaces, json!(""))["scopes"], json!([]));
    assert_eq!(scopes(&spaces, json!([]))["scopes"], json!([]));
    assert_eq!(scopes(&spaces, Value::Null)["scopes"], Value::Null);
}

#[test]
fn what_is_no_bearer_token_is_refused() {
    for (body, words) in [
        (json!({"access_token": "access-1", "token_type": "DPoP"}), "the token is of the type \"DPoP\", not a bearer"),
        (json!({"access_token": "a\r\nb"}), "the token at /access_token cannot stand in a header"),
        (json!({"access_token": "a b"}), "the token at /access_token cannot stand in a header"),
        (
            json!({"access_token": "1234567"}),
            "the token at /access_token has fewer than 8 bytes and could not be told from other data",
        ),
        (json!({"access_token": "a".repeat(MAX_TOKEN + 1)}), "the token at /access_token cannot stand in a header"),
        (
            json!({"access_token": "access-1", "refresh_token": "r".repeat(MAX_TOKEN + 1)}),
            "the refresh token has more than 16384 bytes",
        ),
        (json!({"access_token": ""}), "it has no token at /access_token and no error at /error"),
        (json!({"access_token": {"token": "canary"}}), "it has no token at /access_token and no error at /error"),
        (json!([]), "it has no token at /access_token and no error at /error"),
    ] {
        assert_eq!(refused(&plain(), 200, &body), OauthError::Malformed(words.to_owned()));
    }
    let broken = tokens(&plain(), &answer(200, "{\"access_token\": \"canary-9\", oops"), &Redactor::default(), false);
    assert_eq!(broken.unwrap_err(), OauthError::Malformed("it is not JSON".to_owned()));
}

/// The vendor has ended the old refresh token by the time that its answer is read.
#[test]
fn a_renewal_is_not_lost_for_a_trifle() {
    let body = json!({"access_token": "access-1", "token_type": "mac", "expires_in": "soon", "refresh_token": "rt"});
    assert!(matches!(refused(&plain(), 200, &body), OauthError::Malformed(_)));
    let renewed = tokens(&plain(), &answer(200, body.to_string()), &Redactor::default(), true).unwrap();
    let renewed: Value = serde_json::from_slice(&renewed).unwrap();
    assert_eq!((&renewed["refresh_token"], &renewed["expires_in"]), (&json!("rt"), &Value::Null));
}

#[test]
fn a_vendor_that_answers_200_to_everything_is_not_believed_by_its_status() {
    let done = |body: &str| done(&plain(), &answer(200, body), &Redactor::default());
    for body in ["", "{}", "ok", r#"{"ok": true, "revoked": true}"#] {
        assert_eq!(done(body), Ok(()), "{body}");
    }
    assert!(matches!(done(r#"{"ok": false, "error": "invalid_auth"}"#), Err(OauthError::Refused(_))));
    assert!(matches!(done(r#"{"error": "invalid_client"}"#), Err(OauthError::InvalidClient(_))));
}

#[test]
fn of_several_places_of_an_error_the_one_that_means_something_counts() {
    let hubspot = section(
        &json!({"error": ["/status", "/error"], "error-description": "/message", "invalid-grant": ["BAD_REFRESH_TOKEN"]}),
        &Value::Null,
    );
    for body in [
        json!({"status": "BAD_REFRESH_TOKEN", "message": "gone"}),
        json!({"status": "error", "error": "invalid_grant"}),
        json!({"error": "invalid_grant"}),
    ] {
        assert!(matches!(refused(&hubspot, 400, &body), OauthError::InvalidGrant(_)), "{body}");
    }
    let OauthError::Refused(said) = refused(&hubspot, 400, &json!({"status": "a", "error": "b"})) else { panic!() };
    assert_eq!(said.code.as_deref(), Some("a"));
}

#[test]
fn each_failure_is_of_the_kind_that_helps() {
    let own = section(
        &json!({"error": "/status", "error-description": "/message", "invalid-grant": ["BAD_REFRESH_TOKEN"],
            "invalid-client": ["BAD_CLIENT_ID"], "transient": ["BUSY"]}),
        &Value::Null,
    );
    let kind = |error: OauthError| match error {
        OauthError::InvalidGrant(_) => "grant",
        OauthError::InvalidClient(_) => "client",
        OauthError::Refused(_) => "refused",
        OauthError::Unavailable { .. } => "later",
        _ => "other",
    };
    let error = |code: &str| json!({"error": code});
    for (status, body, wanted) in [
        (400, error("invalid_grant"), "grant"),
        (200, error("invalid_grant"), "grant"),
        (401, error("invalid_client"), "client"),
        (400, error("unauthorized_client"), "client"),
        (401, json!({}), "client"),
        (401, error("invalid_grant"), "grant"),
        (400, error("invalid_scope"), "refused"),
        (403, json!({}), "refused"),
        (302, json!({}), "refused"),
        (400, error("temporarily_unavailable"), "later"),
        (429, error("rate"), "later"),
        (503, json!({}), "later"),
        (500, error("invalid_grant"), "later"),
        (408, json!(null), "later"),
    ] {
        assert_eq!(kind(refused(&plain(), status, &body)), wanted, "{status} {body}");
    }
    for (code, wanted) in
        [("BAD_REFRESH_TOKEN", "grant"), ("BAD_CLIENT_ID", "client"), ("BUSY", "later"), ("X", "refused")]
    {
        assert_eq!(kind(refused(&own, 400, &json!({"status": code}))), wanted, "{code}");
    }
}

#[test]
fn a_failing_answer_gives_no_token() {
    let body = json!({"access_token": "access-1", "error": "invalid_grant"});
    assert!(matches!(refused(&plain(), 400, &body), OauthError::InvalidGrant(_)));
}

#[test]
fn a_vendors_words_are_redacted_cut_and_in_one_line() {
    let long = "x".repeat(900);
    let body = json!({"error": "bad\r\ncode", "error_description": format!("token canary-secret\u{1b}[1m {long}")});
    let OauthError::Refused(said) = refused(&plain(), 400, &body) else { panic!("a refusal") };
    assert_eq!(said.code.as_deref(), Some("badcode"));
    let description = said.description.unwrap();
    assert!(description.starts_with("token [redacted][1m x"), "{description}");
    assert_eq!(description.chars().count(), MAX_DESCRIPTION);
}

#[test]
fn a_wish_to_wait_is_passed_on() {
    assert_eq!(refused(&plain(), 503, &json!({})).retry_after(), Some(Duration::from_secs(7)));
}

#[test]
fn a_token_is_nobodys_account() {
    let oauth = section(&json!({}), &json!({"id": "/access_token", "name": "/refresh_token"}));
    let body = json!({"access_token": "access-1", "refresh_token": "refresh-1"});
    assert_eq!(read(&oauth, 200, &body).unwrap()["account"], json!({"id": null, "name": null}));
}

#[test]
fn a_profile_names_the_account() {
    let oauth = section(&json!({}), &json!({"url": "https://a.example.com/me", "id": "/sub", "name": "/emails/0"}));
    let whose = |status, body: &str| profile(&oauth, &answer(status, body), &Redactor::default());
    let account = whose(200, r#"{"sub": 7, "emails": ["a@example.com"]}"#).unwrap();
    assert_eq!((account.id.as_deref(), account.name.as_deref()), (Some("7"), Some("a@example.com")));
    assert_eq!(whose(200, "{}").unwrap(), crate::Account::default());
    assert!(matches!(whose(200, "<html>"), Err(OauthError::Malformed(_))));
    assert!(matches!(whose(403, "{}"), Err(OauthError::Refused(_))));
    // Some answer 200 to everything, with the word for what went wrong inside.
    let ended = section(
        &json!({"invalid-grant": ["token_revoked"]}),
        &json!({"url": "https://a.example.com/me", "id": "/sub"}),
    );
    let told = |body: &str| profile(&ended, &answer(200, body), &Redactor::default());
    assert!(matches!(told(r#"{"ok": false, "error": "token_revoked"}"#), Err(OauthError::InvalidGrant(_))));
    assert!(matches!(told(r#"{"ok": false, "error": "internal"}"#), Err(OauthError::Refused(_))));
    // Its own answer is where the account is, not the one with the tokens.
    assert_eq!(
        read(&oauth, 200, &json!({"access_token": "access-1", "sub": 7})).unwrap()["account"]["id"],
        Value::Null
    );
}
