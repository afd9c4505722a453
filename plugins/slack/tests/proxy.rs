//! Slack's own API for its SDKs.

use patchbay_plugin_slack::Slack;
use patchbay_sdk::testing::{Exchange, MockHost, ProxyCall, Reply};
use serde_json::json;

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("bot_token", "xoxb-canary");
    host
}

#[test]
fn a_request_and_its_answer_pass_as_they_are() {
    let host = host();
    host.expect(
        Exchange::post("https://slack.com/api/chat.postMessage?a=b")
            .credential("bot_token")
            .header("content-type", "application/json;charset=utf-8")
            .without_header("cookie")
            .body(r#"{"channel": "C1", "text":  "hi"}"#),
        Reply::json(200, &json!({"ok": true, "ts": "1.2"}))
            .header("x-oauth-scopes", "chat:write")
            .header("set-cookie", "d=1"),
    );
    let call = ProxyCall::post("/api/chat.postMessage?a=b")
        .header("content-type", "application/json;charset=utf-8")
        .header("cookie", "d=xoxd")
        .body(r#"{"channel": "C1", "text":  "hi"}"#);
    let reply = host.proxy::<Slack>(call);
    reply.result.clone().unwrap();
    assert_eq!((reply.status, reply.text()), (Some(200), json!({"ok": true, "ts": "1.2"}).to_string()));
    assert_eq!(reply.headers.get("x-oauth-scopes"), Some("chat:write"));
    assert_eq!(reply.headers.get("set-cookie"), None);
}

#[test]
fn what_would_end_the_connection_is_not_passed_on() {
    let host = host();
    for path in [
        "/api/auth.revoke",
        "/api/Auth.Revoke",
        "/api/apps.uninstall",
        "/api/oauth.v2.access",
        "/api/auth%2Erevoke",
        "/api/%61uth.revoke",
    ] {
        let reply = host.proxy::<Slack>(ProxyCall::post(path));
        assert_eq!(reply.text(), r#"{"ok":false,"error":"access_denied"}"#, "{path}");
    }
    assert!(host.sent().is_empty());
}
