//! The actions, by what is asked of Slack and what is made of its answers.
#![expect(clippy::panic, reason = "helpers of tests fail them")]

use patchbay_plugin_slack::Slack;
use patchbay_sdk::testing::{Exchange, MockHost, Reply};
use patchbay_sdk::{Error, UpstreamFailure};
use serde_json::{Value, json};

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("bot_token", "xoxb-canary");
    host.set_secret("webhook_url", "https://hooks.slack.com/services/T0/B0/canary");
    host
}

fn api(method: &str) -> Exchange {
    Exchange::post(format!("https://slack.com/api/{method}")).credential("bot_token")
}

fn json_api(method: &str) -> Exchange {
    api(method).header("content-type", "application/json; charset=utf-8")
}

fn posted() -> Reply {
    Reply::json(200, &json!({"ok": true, "channel": "C0TEST", "ts": "1503435956.000247", "message": {"text": "hi"}}))
}

fn upstream(result: Result<Value, Error>) -> UpstreamFailure {
    match result {
        Err(Error::Upstream(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_is_posted_as_it_was_written() {
    let host = host();
    let input = json!({
        "channel": "C0TEST", "text": "Deploy finished", "thread_ts": "1503435956.000247", "unfurl_links": false,
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": "Deploy finished", "emoji": true}},
            {"type": "something_of_tomorrow", "x": 1},
        ],
        "metadata": {"event_type": "deploy", "event_payload": {"id": 1}}, "argument_of_tomorrow": [1.50],
    });
    host.expect(json_api("chat.postMessage").json(input.clone()), posted());
    let output = host.invoke::<Slack>("post-message", input).unwrap();
    assert_eq!(output["ts"], "1503435956.000247");
    assert_eq!(output["channel"], "C0TEST");
    assert_eq!(output["warnings"], json!([]));
}

#[test]
fn null_is_not_sent_and_a_token_is_not_the_callers_to_choose() {
    let host = host();
    host.expect(json_api("chat.postMessage").json(json!({"channel": "C", "text": "hi"})), posted());
    let input = json!({"channel": "C", "text": "hi", "thread_ts": null, "token": "xoxb-another"});
    host.invoke::<Slack>("post-message", input).unwrap();
}

#[test]
fn warnings_are_kept() {
    let host = host();
    let answer = json!({
        "ok": true, "channel": "C", "ts": "1.2", "warning": "missing_text_in_message,superfluous_charset",
        "response_metadata": {"warnings": ["missing_text_in_message"]},
    });
    host.expect(json_api("chat.postMessage"), Reply::json(200, &answer));
    let output =
        host.invoke::<Slack>("post-message", json!({"channel": "C", "blocks": [{"type": "divider"}]})).unwrap();
    assert_eq!(output["warnings"], json!(["missing_text_in_message", "superfluous_charset"]));
    assert_eq!(host.log().len(), 2);
}

#[test]
fn a_message_has_to_say_something() {
    let host = host();
    for (action, input) in [
        ("post-message", json!({"channel": "C"})),
        ("post-message", json!({"channel": "C", "text": "", "blocks": []})),
        ("post-message", json!({"channel": "C", "text": "a", "markdown_text": "b"})),
        ("update-message", json!({"channel": "C", "ts": "1.2"})),
        ("post-ephemeral", json!({"channel": "C", "user": "U"})),
        ("post-webhook", json!({"unfurl_links": true})),
        ("respond", json!({"response_url": "https://hooks.slack.com/commands/T/1/a"})),
    ] {
        let result = host.invoke::<Slack>(action, input.clone());
        assert!(matches!(result, Err(Error::Invalid(_))), "{action} {input}: {result:?}");
    }
}

#[test]
fn the_other_messages_go_to_their_own_methods() {
    let host = host();
    host.expect(json_api("chat.update").json(json!({"channel": "C", "ts": "1.2", "text": "new"})), posted());
    host.invoke::<Slack>("update-message", json!({"channel": "C", "ts": "1.2", "text": "new"})).unwrap();
    host.expect(
        json_api("chat.delete").json(json!({"channel": "C", "ts": "1.2"})),
        Reply::json(200, &json!({"ok": true, "channel": "C", "ts": "1.2"})),
    );
    host.invoke::<Slack>("delete-message", json!({"channel": "C", "ts": "1.2"})).unwrap();
    let ephemeral = json!({"channel": "C", "user": "U", "text": "psst"});
    host.expect(
        json_api("chat.postEphemeral").json(ephemeral.clone()),
        Reply::json(200, &json!({"ok": true, "message_ts": "1.3"})),
    );
    assert_eq!(host.invoke::<Slack>("post-ephemeral", ephemeral).unwrap()["message_ts"], "1.3");
    let view = json!({"trigger_id": "1.2", "view": {"type": "modal", "title": {"type": "plain_text", "text": "x"}, "blocks": []}});
    host.expect(
        json_api("views.open").json(view.clone()),
        Reply::json(200, &json!({"ok": true, "view": {"id": "V1"}})),
    );
    assert_eq!(host.invoke::<Slack>("open-view", view).unwrap()["view"]["id"], "V1");
    host.expect(
        json_api("conversations.join").json(json!({"channel": "C"})),
        Reply::json(
            200,
            &json!({"ok": true, "channel": {"id": "C", "is_member": true}, "warning": "already_in_channel"}),
        ),
    );
    let joined = host.invoke::<Slack>("join-conversation", json!({"channel": "C"})).unwrap();
    assert_eq!(joined["warnings"], json!(["already_in_channel"]));
}

#[test]
fn conversations_come_page_by_page() {
    let host = host();
    let page = |next: &str| {
        Reply::json(
            200,
            &json!({
                "ok": true, "channels": [{"id": "C1", "name": "general", "is_member": false, "topic": {"value": "x"}}],
                "response_metadata": {"next_cursor": next},
            }),
        )
    };
    host.expect(api("conversations.list").body("limit=200&exclude_archived=true"), page("dXNlcjpVMDYx="));
    let first = host.invoke::<Slack>("list-conversations", json!({})).unwrap();
    assert_eq!(first["next_cursor"], "dXNlcjpVMDYx=");
    assert_eq!(first["channels"][0]["topic"]["value"], "x");
    let fields = "limit=1000&exclude_archived=false&types=public_channel%2Cim&cursor=dXNlcjpVMDYx%3D&team_id=T1";
    host.expect(api("conversations.list").body(fields), page(""));
    let input = json!({"limit": 1000, "exclude_archived": false, "types": "public_channel,im", "cursor": "dXNlcjpVMDYx=", "team_id": "T1"});
    assert_eq!(host.invoke::<Slack>("list-conversations", input).unwrap()["next_cursor"], Value::Null);
    assert_eq!(host.sent()[0].repeatable, Some(true), "what only reads may be sent again");
}

#[test]
fn a_member_is_found_by_email_or_is_not_there() {
    let host = host();
    let asked = || api("users.lookupByEmail").body("email=ada%40example.com");
    host.expect(asked(), Reply::json(200, &json!({"ok": true, "user": {"id": "U1", "name": "ada"}})));
    let found = host.invoke::<Slack>("lookup-user-by-email", json!({"email": "ada@example.com"})).unwrap();
    assert_eq!(found["user"]["id"], "U1");
    host.expect(asked(), Reply::json(200, &json!({"ok": false, "error": "users_not_found"})));
    let failure = upstream(host.invoke::<Slack>("lookup-user-by-email", json!({"email": "ada@example.com"})));
    assert_eq!((failure.status, failure.code.as_deref()), (404, Some("users_not_found")));
}

#[test]
fn the_connection_is_tested_with_what_it_may_do() {
    let host = host();
    let answer = json!({"ok": true, "url": "https://acme.slack.com/", "team": "Acme", "user": "patchbay", "team_id": "T1", "user_id": "U1", "bot_id": "B1"});
    host.expect(api("auth.test"), Reply::json(200, &answer).header("x-oauth-scopes", "chat:write, users:read"));
    let tested = host.invoke::<Slack>("test-connection", json!({})).unwrap();
    assert_eq!((&tested["team"], &tested["scopes"]), (&json!("Acme"), &json!(["chat:write", "users:read"])));
    for word in
        ["invalid_auth", "token_revoked", "account_inactive", "token_expired", "not_authed", "org_login_required"]
    {
        host.expect(api("auth.test"), Reply::json(200, &json!({"ok": false, "error": word})));
        let result = host.invoke::<Slack>("test-connection", json!({}));
        assert!(matches!(result, Err(Error::Reauthorize(_))), "{word}: {result:?}");
    }
}

#[test]
fn failures_have_slacks_word_and_the_status_that_fits_it() {
    let host = host();
    let post = || host.invoke::<Slack>("post-message", json!({"channel": "C", "text": "x"}));
    for (answer, status, told) in [
        (json!({"ok": false, "error": "channel_not_found"}), 404, "no such channel"),
        (json!({"ok": false, "error": "not_in_channel"}), 403, "join-conversation"),
        (json!({"ok": false, "error": "is_archived"}), 403, "archived"),
        (
            json!({"ok": false, "error": "missing_scope", "needed": "chat:write", "provided": "users:read"}),
            403,
            "needs chat:write and has users:read",
        ),
        (
            json!({"ok": false, "error": "invalid_blocks", "response_metadata": {"messages": ["[ERROR] must be fewer than 51"]}}),
            400,
            "fewer than 51",
        ),
        (json!({"ok": false, "error": "internal_error"}), 503, "internal_error"),
        (json!({"ok": false, "error": "a_word_of_tomorrow"}), 400, "a_word_of_tomorrow"),
    ] {
        host.expect(api("chat.postMessage"), Reply::json(200, &answer));
        let failure = upstream(post());
        assert_eq!((failure.status, failure.code.as_deref()), (status, answer["error"].as_str()));
        assert!(failure.message.contains(told), "{}", failure.message);
    }
}

#[test]
fn a_wish_to_wait_is_passed_on() {
    let host = host();
    let post = || upstream(host.invoke::<Slack>("post-message", json!({"channel": "C", "text": "x"})));
    let body = json!({"ok": false, "error": "ratelimited"});
    host.expect(api("chat.postMessage"), Reply::json(429, &body).header("retry-after", "30"));
    let failure = post();
    assert_eq!((failure.status, failure.retry_after_ms), (429, Some(30_000)));
    host.expect(api("chat.postMessage"), Reply::json(200, &body));
    assert_eq!(post().retry_after_ms, Some(60_000), "Slack did not say for how long");
    host.expect(api("chat.postMessage"), Reply::status(502).chunk("<html>"));
    let failure = post();
    assert_eq!((failure.status, failure.code), (502, None));
}

#[test]
fn an_answer_that_is_no_json_is_slacks_failure() {
    let host = host();
    host.expect(api("chat.postMessage"), Reply::status(200).chunk("<html>"));
    let failure = upstream(host.invoke::<Slack>("post-message", json!({"channel": "C", "text": "x"})));
    assert_eq!(failure.status, 200);
}

#[test]
fn the_incoming_webhook_is_posted_to_without_knowing_its_url() {
    let host = host();
    let hook = || Exchange::post("https://hooks.slack.com/services/incoming/webhook/url").credential("webhook_url");
    host.expect(hook().json(json!({"text": "hi"})), Reply::status(200).chunk("ok"));
    assert_eq!(host.invoke::<Slack>("post-webhook", json!({"text": "hi"})).unwrap(), json!({"posted": true}));
    for (status, word) in
        [(403, "invalid_token"), (404, "no_service"), (404, "no_team"), (404, "team_disabled"), (410, "no_service")]
    {
        host.expect(hook(), Reply::status(status).chunk(word));
        let result = host.invoke::<Slack>("post-webhook", json!({"text": "hi"}));
        assert!(matches!(result, Err(Error::Reauthorize(_))), "{word}: {result:?}");
    }
    for (status, word) in [
        (400, "invalid_payload"),
        (403, "action_prohibited"),
        (404, "channel_not_found"),
        (410, "channel_is_archived"),
        (500, "rollup_error"),
    ] {
        host.expect(hook(), Reply::status(status).chunk(word));
        let failure = upstream(host.invoke::<Slack>("post-webhook", json!({"text": "hi"})));
        assert_eq!((failure.status, failure.code.as_deref()), (status, Some(word)));
    }
    host.expect(hook(), Reply::status(429).header("retry-after", "1"));
    assert_eq!(upstream(host.invoke::<Slack>("post-webhook", json!({"text": "hi"}))).retry_after_ms, Some(1_000));
}

#[test]
fn an_answer_goes_to_the_response_url_and_nowhere_else() {
    let host = host();
    let url = "https://hooks.slack.com/commands/T1/1/abc";
    host.expect(
        Exchange::post(url).json(json!({"text": "done", "response_type": "in_channel", "replace_original": false})),
        Reply::json(200, &json!({"ok": true})),
    );
    let input = json!({"response_url": url, "text": "done", "response_type": "in_channel", "replace_original": false});
    host.invoke::<Slack>("respond", input).unwrap();
    let url = "https://hooks.slack.com/actions/T1/1/abc";
    host.expect(Exchange::post(url).json(json!({"delete_original": true})), Reply::status(200).chunk("ok"));
    host.invoke::<Slack>("respond", json!({"response_url": url, "delete_original": true})).unwrap();
    host.expect(Exchange::post(url), Reply::json(404, &json!({"ok": false, "error": "used_url"})));
    let failure = upstream(host.invoke::<Slack>("respond", json!({"response_url": url, "text": "x"})));
    assert!(failure.message.contains("used up"), "{}", failure.message);
    for url in [
        "https://hooks.slack.com/services/T1/B1/abc",
        "https://evil.example/commands/T1/1/abc",
        "https://hooks.slack.com@evil.example/commands/T/1/a",
        "http://hooks.slack.com/commands/T1/1/abc",
        "https://hooks.slack.com/commands/T1/1/abc?x=1",
    ] {
        let result = host.invoke::<Slack>("respond", json!({"response_url": url, "text": "x"}));
        assert!(matches!(result, Err(Error::Invalid(_))), "{url}: {result:?}");
    }
}
