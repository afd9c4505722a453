//! What Slack sends in, from the signature to the published event and the answer.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail them")]

use patchbay_plugin_slack::Slack;
use patchbay_sdk::signature::{Digest, KeyEncoding};
use patchbay_sdk::testing::MockHost;
use patchbay_sdk::webhook::{Answer, Receipt, Request, Verdict};
use patchbay_sdk::{Error, Headers};
use serde_json::{Value, json};

/// From Slack's documentation; slack_sdk 3.47.0 accepts it.
mod vector_a {
    pub const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    pub const TIME: u64 = 1_531_420_618;
    pub const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    pub const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
}

/// Ours; slack_sdk 3.47.0 accepts it.
mod vector_b {
    pub const SECRET: &str = "3b9f0c6d1e2a4857b6c9d8e7f0a1b2c3";
    pub const TIME: u64 = 1_793_491_200;
    pub const BODY: &str = r#"{"type":"event_callback","team_id":"T0TEST","api_app_id":"A0TEST","event":{"type":"app_mention","user":"U0TEST","text":"<@U0BOT> hi","ts":"1793491199.000100","channel":"C0TEST","event_ts":"1793491199.000100"},"event_id":"Ev0TEST01","event_time":1793491199}"#;
    pub const SIGNATURE: &str = "v0=93f9c4f4b198527906e7f52b8495db0306ac6af48f4efa3d4338a090fcf3d766";
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

fn host(secret: &str, time: u64) -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("signing_secret", secret);
    host.set_now(time * 1000);
    host
}

fn ours() -> MockHost {
    host(vector_b::SECRET, vector_b::TIME)
}

fn request(time: &str, signature: &str, media: &str, body: &str) -> Request {
    let headers = [("content-type", media), ("x-slack-request-timestamp", time), ("x-slack-signature", signature)];
    Request {
        method: "POST".into(),
        url: "https://hub.example.com/hooks/t".into(),
        headers: headers.into_iter().collect(),
        body: body.as_bytes().to_vec(),
    }
}

/// As Slack would sign it now.
fn signed(host: &MockHost, media: &str, body: &str) -> Request {
    let time = (host.now() / 1000).to_string();
    let message = format!("v0:{time}:{body}");
    let mac = host.sign("signing_secret", Digest::Sha256, KeyEncoding::Raw, message.as_bytes());
    let mac: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    request(&time, &format!("v0={mac}"), media, body)
}

fn verdict(host: &MockHost, request: Request) -> Verdict {
    host.verify_webhook::<Slack>(request).unwrap()
}

fn refusal(host: &MockHost, request: Request) -> String {
    match verdict(host, request) {
        Verdict::Refused(reason) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

fn receipt(host: &MockHost, request: Request) -> Receipt {
    match verdict(host, request) {
        Verdict::Genuine(receipt) => receipt,
        other => panic!("not genuine: {other:?}"),
    }
}

fn process(host: &MockHost, media: &str, body: &str) -> Result<Option<Answer>, Error> {
    let request = signed(host, media, body);
    let receipt = receipt(host, request.clone());
    host.process_webhook::<Slack>(receipt, request)
}

fn event(id: &str, event: Value) -> String {
    json!({
        "token": "deprecated", "team_id": "T0TEST", "api_app_id": "A0TEST", "event": event, "type": "event_callback",
        "event_id": id, "event_time": vector_b::TIME,
        "authorizations": [{"enterprise_id": null, "team_id": "T0TEST", "user_id": "U0BOT", "is_bot": true, "is_enterprise_install": false}],
    })
    .to_string()
}

fn form(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
                b' ' => "+".to_owned(),
                other => format!("%{other:02X}"),
            })
            .collect::<String>()
    };
    fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&")
}

fn command(text: &str) -> String {
    form(&[
        ("token", "deprecated"),
        ("team_id", "T0TEST"),
        ("channel_id", "C0TEST"),
        ("user_id", "U0TEST"),
        ("command", "/deploy"),
        ("text", text),
        ("response_url", "https://hooks.slack.com/commands/T0TEST/1/abc"),
        ("trigger_id", "1.2.3"),
        ("api_app_id", "A0TEST"),
    ])
}

#[test]
fn slacks_own_vector_is_a_command() {
    let host = host(vector_a::SECRET, vector_a::TIME);
    let time = vector_a::TIME.to_string();
    let found = receipt(&host, request(&time, vector_a::SIGNATURE, FORM, vector_a::BODY));
    assert_eq!((found.kind.as_str(), found.id.as_str(), found.in_line), ("command", vector_a::SIGNATURE, false));
}

#[test]
fn our_vector_is_an_event_by_its_own_id() {
    let time = vector_b::TIME.to_string();
    let found = receipt(&ours(), request(&time, vector_b::SIGNATURE, JSON, vector_b::BODY));
    let expected = Receipt {
        id: "Ev0TEST01".into(),
        kind: "app_mention".into(),
        occurred_at: Some(1_793_491_199_000),
        in_line: false,
    };
    assert_eq!(found, expected);
}

#[test]
fn mutants_of_the_vectors_are_refused() {
    let host = ours();
    let time = vector_b::TIME.to_string();
    let (good, body) = (vector_b::SIGNATURE, vector_b::BODY);
    let hexadecimal = good.trim_start_matches("v0=");
    for (signature, body, what) in [
        (good.to_owned(), format!("{body}\n"), "does not match"),
        (good.to_owned(), body.replace("hi", "ho"), "does not match"),
        (format!("v0={}", hexadecimal.to_uppercase()), body.to_owned(), "lower-case"),
        (format!("v1={hexadecimal}"), body.to_owned(), "is not v0="),
        (hexadecimal.to_owned(), body.to_owned(), "is not v0="),
        (format!("v0={}", &hexadecimal[..62]), body.to_owned(), "64 lower-case"),
        (format!("v0={}", "0".repeat(64)), body.to_owned(), "does not match"),
        (String::new(), body.to_owned(), "is not v0="),
    ] {
        let reason = refusal(&host, request(&time, &signature, JSON, &body));
        assert!(reason.contains(what), "{signature}: {reason}");
    }
    for (time, what) in [
        ((vector_b::TIME + 1).to_string(), "does not match"),
        (format!("+{}", vector_b::TIME), "no number of seconds"),
        (format!("{}.0", vector_b::TIME), "no number of seconds"),
        (String::new(), "no number of seconds"),
        ("9".repeat(30), "no number of seconds"),
    ] {
        let reason = refusal(&host, request(&time, good, JSON, body));
        assert!(reason.contains(what), "{time}: {reason}");
    }
    for header in ["x-slack-signature", "x-slack-request-timestamp"] {
        let mut without = request(&time, good, JSON, body);
        without.headers.remove(header);
        assert!(refusal(&host, without).contains(header));
        let mut twice = request(&time, good, JSON, body);
        let value = twice.headers.get(header).unwrap().to_owned();
        twice.headers.append(header, value);
        assert!(refusal(&host, twice).contains(header));
    }
}

#[test]
fn a_signature_is_good_for_five_minutes_in_both_directions() {
    let host = ours();
    let time = vector_b::TIME.to_string();
    for now in [vector_b::TIME - 300, vector_b::TIME + 300] {
        host.set_now(now * 1000);
        receipt(&host, request(&time, vector_b::SIGNATURE, JSON, vector_b::BODY));
    }
    for (now, side) in [(vector_b::TIME + 301, "behind"), (vector_b::TIME - 301, "ahead of")] {
        host.set_now(now * 1000);
        let reason = refusal(&host, request(&time, vector_b::SIGNATURE, JSON, vector_b::BODY));
        assert!(reason.contains("301 s") && reason.contains(side), "{reason}");
    }
}

#[test]
fn while_the_org_keeps_two_secrets_either_signature_is_accepted() {
    let host = host("the-secret-of-tomorrow", vector_b::TIME);
    host.set_secret("signing_secret", vector_b::SECRET);
    host.rotate_secret("signing_secret", "the-secret-of-tomorrow");
    let time = vector_b::TIME.to_string();
    receipt(&host, request(&time, vector_b::SIGNATURE, JSON, vector_b::BODY));
    receipt(&host, signed(&host, JSON, vector_b::BODY));
}

#[test]
fn without_a_secret_the_owner_is_asked_for_one() {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_now(vector_b::TIME * 1000);
    let time = vector_b::TIME.to_string();
    let result = host.verify_webhook::<Slack>(request(&time, vector_b::SIGNATURE, JSON, vector_b::BODY));
    assert!(matches!(result, Err(Error::Reauthorize(_))), "{result:?}");
}

#[test]
fn a_challenge_is_repeated_if_it_is_signed() {
    let host = ours();
    let body = json!({"token": "x", "challenge": "3eZbrw1aB", "type": "url_verification"}).to_string();
    let Verdict::Answer(answer) = verdict(&host, signed(&host, JSON, &body)) else { panic!("no answer") };
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"3eZbrw1aB"[..]));
    assert_eq!(answer.headers.get("content-type"), Some("text/plain"));
    refusal(&host, request(&vector_b::TIME.to_string(), vector_b::SIGNATURE, JSON, &body));
    let long = json!({"challenge": "x".repeat(501), "type": "url_verification"}).to_string();
    assert!(refusal(&host, signed(&host, JSON, &long)).contains("500"));
}

#[test]
fn a_check_of_the_certificate_is_answered_and_nothing_else_is_without_a_signature() {
    let host = ours();
    let plain = |method: &str, url: &str, media: &str, body: &str| Request {
        method: method.into(),
        url: format!("https://hub.example.com/hooks/t{url}"),
        headers: [("content-type", media)].into_iter().collect(),
        body: body.as_bytes().to_vec(),
    };
    for probe in [plain("GET", "?ssl_check=1", "", ""), plain("POST", "", FORM, "ssl_check=1&token=x")] {
        assert!(matches!(verdict(&host, probe), Verdict::Answer(Answer { status: 200, .. })));
    }
    refusal(&host, plain("POST", "", FORM, "ssl_check=0&command=%2Fdeploy"));
    refusal(&host, plain("POST", "", JSON, r#"{"ssl_check":"1"}"#));
}

#[test]
fn what_is_signed_and_nothing_of_slack_is_refused() {
    let host = ours();
    for (media, body) in [
        (JSON, String::new()),
        (JSON, "[]".to_owned()),
        (JSON, json!({"type": "event_callback", "event_id": "Ev1", "event": {}}).to_string()),
        (JSON, json!({"type": "event_callback", "event": {"type": "app_mention"}}).to_string()),
        (JSON, json!({"type": "event_callback", "event_id": "", "event": {"type": "a"}}).to_string()),
        (JSON, json!({"type": "event_callback", "event_id": "Ev1", "event": {"type": "../admin"}}).to_string()),
        (JSON, json!({"type": "something_else"}).to_string()),
        (FORM, "text=hello".to_owned()),
        (FORM, form(&[("payload", "not json")])),
        (FORM, form(&[("payload", "{}")])),
    ] {
        let reason = refusal(&host, signed(&host, media, &body));
        assert!(reason.starts_with("signed, but "), "{body}: {reason}");
    }
}

#[test]
fn an_event_is_published_once_under_its_own_id_and_without_the_token() {
    let host = ours();
    let body = event("Ev1", json!({"type": "reaction_added", "user": "U1", "item": {"channel": "C1", "ts": "1.2"}}));
    for _ in 0..2 {
        assert_eq!(process(&host, JSON, &body).unwrap(), None);
    }
    let events = host.events();
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].kind.as_str(), events[0].subject.as_str()), ("slack.reaction_added", "C1"));
    assert_eq!(events[0].id.as_deref(), Some("Ev1"));
    assert_eq!(events[0].data["event"]["user"], "U1");
    assert_eq!(events[0].data["occurred_at"], vector_b::TIME * 1000);
    assert!(!events[0].data.to_string().contains("deprecated"));
}

#[test]
fn messages_of_people_are_published_and_those_of_bots_are_not() {
    let by_people = [
        json!({"type": "message", "channel": "C1", "user": "U1", "text": "hi"}),
        json!({"type": "message", "channel": "C1", "user": "U1", "subtype": "file_share"}),
        json!({"type": "app_mention", "channel": "C1", "user": "U1"}),
    ];
    let by_bots = [
        json!({"type": "message", "channel": "C1", "bot_id": "B1", "text": "hi"}),
        json!({"type": "message", "channel": "C1", "subtype": "bot_message"}),
        json!({"type": "message", "channel": "C1", "subtype": "message_changed", "message": {"bot_id": "B1"}}),
        json!({"type": "app_mention", "channel": "C1", "bot_id": "B1"}),
    ];
    let published = |config: Value, all: &[Value]| {
        let host = ours();
        host.set_config(config);
        for (index, one) in all.iter().enumerate() {
            process(&host, JSON, &event(&format!("Ev{index}"), one.clone())).unwrap();
        }
        host.events().len()
    };
    assert_eq!(published(json!({}), &by_people), by_people.len());
    assert_eq!(published(json!({}), &by_bots), 0);
    assert_eq!(published(json!({"bot_messages": true}), &by_bots), by_bots.len());
}

#[test]
fn too_many_events_are_an_event_once_a_minute() {
    let host = ours();
    let body = json!({
        "token": "x", "type": "app_rate_limited", "team_id": "T1", "minute_rate_limited": vector_b::TIME, "api_app_id": "A1",
    })
    .to_string();
    for _ in 0..2 {
        process(&host, JSON, &body).unwrap();
    }
    let events = host.events();
    assert_eq!((events.len(), events[0].kind.as_str()), (1, "slack.app_rate_limited"));
}

#[test]
fn the_end_of_the_apps_rights_is_published() {
    let host = ours();
    process(&host, JSON, &event("Ev1", json!({"type": "app_uninstalled"}))).unwrap();
    process(&host, JSON, &event("Ev2", json!({"type": "tokens_revoked", "tokens": {"oauth": [], "bot": ["U0BOT"]}})))
        .unwrap();
    let kinds: Vec<_> = host.events().into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["slack.app_uninstalled", "slack.tokens_revoked"]);
    assert_eq!(host.log().len(), 2, "the log says to connect again");
}

#[test]
fn a_command_is_an_event_and_gets_the_answer_of_the_settings() {
    let host = ours();
    let body = command("v1.2 <!channel>");
    assert!(!receipt(&host, signed(&host, FORM, &body)).in_line, "nobody waits for an answer that there is not");
    assert_eq!(process(&host, FORM, &body).unwrap(), None);
    host.set_config(json!({"commands": [{
        "command": "/deploy", "template": "deploying {{ command.text }} for <@{{ command.user_id }}>", "response_type": "in_channel",
    }]}));
    assert!(receipt(&host, signed(&host, FORM, &body)).in_line);
    let answer = process(&host, FORM, &body).unwrap().unwrap();
    let told: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(told["response_type"], "in_channel");
    assert_eq!(told["text"], "deploying v1.2 &lt;!channel&gt; for <@U0TEST>");
    let events = host.events();
    assert_eq!(events.len(), 1, "the very same request is one event");
    assert_eq!((events[0].kind.as_str(), events[0].subject.as_str()), ("slack.command", "/deploy"));
    assert_eq!(events[0].data["text"], "v1.2 <!channel>");
    assert_eq!(events[0].data["response_url"], "https://hooks.slack.com/commands/T0TEST/1/abc");
    assert_eq!(events[0].data["user_name"], Value::Null);
}

#[test]
fn an_interaction_is_an_event_and_gets_the_answer_of_the_settings() {
    let host = ours();
    let pressed = json!({
        "type": "block_actions", "token": "deprecated", "user": {"id": "U1"}, "team": {"id": "T1"}, "channel": {"id": "C1"},
        "trigger_id": "1.2", "response_url": "https://hooks.slack.com/actions/T1/1/a",
        "actions": [{"action_id": "approve", "block_id": "b", "type": "button", "value": "42"}],
    });
    let sent = json!({
        "type": "view_submission", "token": "deprecated", "user": {"id": "U1"}, "team": {"id": "T1"},
        "view": {"callback_id": "order", "state": {"values": {}}},
    });
    let body = |payload: &Value| form(&[("payload", &payload.to_string())]);
    assert_eq!(process(&host, FORM, &body(&pressed)).unwrap(), None);
    host.set_config(json!({"interactions": [{"id": "order", "answer": {"response_action": "clear"}}]}));
    assert!(!receipt(&host, signed(&host, FORM, &body(&pressed))).in_line);
    let answer = process(&host, FORM, &body(&sent)).unwrap().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&answer.body).unwrap(), json!({"response_action": "clear"}));
    let events = host.events();
    assert_eq!(events.iter().map(|event| event.subject.as_str()).collect::<Vec<_>>(), ["approve", "order"]);
    assert_eq!(events[0].kind, "slack.interaction");
    assert_eq!(events[0].data["action_ids"], json!(["approve"]));
    assert_eq!(events[0].data["response_url"], "https://hooks.slack.com/actions/T1/1/a");
    assert_eq!(events[0].data["payload"].get("token"), None);
}

#[test]
fn headers_are_found_in_any_case() {
    let host = ours();
    let mut request = signed(&host, JSON, vector_b::BODY);
    let pairs = request.headers.clone().into_pairs();
    request.headers =
        Headers::from(pairs.into_iter().map(|(name, value)| (name.to_uppercase(), value)).collect::<Vec<_>>());
    receipt(&host, request);
}
