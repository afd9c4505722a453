//! What the connector asks for, against Slack's published contract, and Block Kit's limits.
//!
//! The contract is not part of the repository; where it is not found the tests say so and pass. Its place is
//! `PATCHBAY_VENDOR_SPECS`, by default the folder `shared/vendor-specs` beside the repository. Slack froze it in 2021: what
//! came later is listed here.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail them")]

use std::path::PathBuf;

use serde_json::{Value, json};

/// Arguments that Slack has added since.
const SINCE: [(&str, &[&str]); 5] = [
    ("chat.postMessage", &["markdown_text", "metadata"]),
    ("chat.update", &["markdown_text"]),
    ("chat.postEphemeral", &[]),
    ("conversations.list", &["team_id"]),
    ("views.open", &[]),
];

fn contract(file: &str) -> Option<Value> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vendor-specs");
    let folder = std::env::var_os("PATCHBAY_VENDOR_SPECS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let path = folder.join("slack").join(file);
    let Ok(text) = std::fs::read(&path) else {
        eprintln!("skipped: Slack's contract is not at {}; set PATCHBAY_VENDOR_SPECS", path.display());
        return None;
    };
    Some(serde_json::from_slice(&text).unwrap())
}

fn schema(name: &str) -> Value {
    let path = format!("{}/schemas/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn every_argument_that_an_input_names_is_one_of_slacks() {
    let Some(contract) = contract("slack_web_openapi_v2_without_examples.json") else { return };
    for (action, method) in [
        ("post-message", "chat.postMessage"),
        ("update-message", "chat.update"),
        ("delete-message", "chat.delete"),
        ("post-ephemeral", "chat.postEphemeral"),
        ("open-view", "views.open"),
        ("list-conversations", "conversations.list"),
        ("join-conversation", "conversations.join"),
        ("lookup-user-by-email", "users.lookupByEmail"),
        ("test-connection", "auth.test"),
    ] {
        let operation = contract["paths"][format!("/{method}")].as_object().unwrap().values().next().unwrap();
        let parameters = operation["parameters"].as_array().unwrap();
        let mut known: Vec<&str> = parameters.iter().map(|one| one["name"].as_str().unwrap()).collect();
        known.extend(SINCE.iter().filter(|(of, _)| *of == method).flat_map(|(_, names)| names.iter()));
        let input = schema(&format!("{action}.input"));
        let ours = input["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
        let unknown: Vec<_> = ours.filter(|name| !known.contains(name)).collect();
        assert!(unknown.is_empty(), "{method} has no {unknown:?}");
        let needed = parameters.iter().filter(|one| one["required"] == true && one["name"] != "token");
        for name in needed.map(|one| &one["name"]) {
            assert!(input["required"].as_array().unwrap().contains(name), "{method} needs {name}");
        }
    }
}

#[test]
fn our_event_is_one_that_slack_would_send() {
    let Some(mut wrapper) = contract("slack_common_event_wrapper_schema.json") else { return };
    // replaced by `authorizations`
    wrapper["required"].as_array_mut().unwrap().retain(|name| name != "authed_users");
    let validator = jsonschema::draft7::new(&wrapper).unwrap_or_else(|error| panic!("{error}"));
    let event = json!({
        "token": "t", "team_id": "T0TEST", "api_app_id": "A0TEST", "type": "event_callback", "event_id": "Ev1", "event_time": 1,
        "event": {"type": "app_mention", "event_ts": "1.2", "channel": "C0TEST", "user": "U0TEST"},
    });
    let wrong: Vec<_> = validator.iter_errors(&event).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

fn refusals(message: Value) -> Vec<String> {
    let schema = schema("post-message.input");
    let validator = jsonschema::draft202012::new(&schema).unwrap_or_else(|error| panic!("{error}"));
    validator.iter_errors(&message).map(|error| error.instance_path().to_string()).collect()
}

fn with_block(block: Value) -> Value {
    json!({"channel": "C", "blocks": [block]})
}

#[test]
fn the_blocks_of_the_documentation_are_taken() {
    let message = json!({"channel": "C0TEST", "text": "Deploy finished", "blocks": [
        {"type": "header", "text": {"type": "plain_text", "text": "Deploy finished", "emoji": true}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "*api* → `v1.4.2`"}, "fields": [{"type": "mrkdwn", "text": "*Env*\nprod"}]},
        {"type": "divider"},
        {"type": "actions", "block_id": "b1", "elements": [{"type": "button", "action_id": "open", "text": {"type": "plain_text", "text": "Open"}, "url": "https://example.com", "value": "42", "style": "primary"}]},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "by <@U0TEST>"}]},
        {"type": "a_block_of_tomorrow", "anything": {"goes": true}},
    ]});
    assert_eq!(refusals(message), Vec::<String>::new());
}

#[test]
fn limits_of_blocks_are_checked_before_slack_is_asked() {
    let text = |length: usize| json!({"type": "mrkdwn", "text": "x".repeat(length)});
    let plain = |length: usize| json!({"type": "plain_text", "text": "x".repeat(length)});
    let button = |member: &str, value: Value| {
        let mut button = json!({"type": "button", "text": {"type": "plain_text", "text": "x"}});
        button[member] = value;
        with_block(json!({"type": "actions", "elements": [button]}))
    };
    let divider = json!({"type": "divider"});
    for (message, place) in [
        (json!({"channel": "C", "blocks": vec![divider.clone(); 51]}), "/blocks"),
        (json!({"channel": "C", "text": "x".repeat(40_001)}), "/text"),
        (json!({"channel": "C", "markdown_text": "x".repeat(12_001)}), "/markdown_text"),
        (json!({"channel": "C", "text": "x", "thread_ts": 1_503_435_956.000_247_f64}), "/thread_ts"),
        (with_block(json!({"type": "divider", "block_id": "x".repeat(256)})), "/blocks/0/block_id"),
        (with_block(json!({"type": "header", "text": plain(151)})), "/blocks/0/text/text"),
        (with_block(json!({"type": "header", "text": text(1)})), "/blocks/0/text/type"),
        (with_block(json!({"type": "section", "text": text(3001)})), "/blocks/0/text/text"),
        (with_block(json!({"type": "section", "fields": vec![text(1); 11]})), "/blocks/0/fields"),
        (with_block(json!({"type": "section", "fields": [text(2001)]})), "/blocks/0/fields/0/text"),
        (with_block(json!({"type": "context", "elements": vec![text(1); 11]})), "/blocks/0/elements"),
        (
            with_block(json!({"type": "actions", "elements": vec![json!({"type": "button", "text": plain(1)}); 26]})),
            "/blocks/0/elements",
        ),
        (with_block(json!({"type": "image", "alt_text": "x", "image_url": "x".repeat(3001)})), "/blocks/0/image_url"),
        (with_block(json!({"type": "markdown", "text": "x".repeat(12_001)})), "/blocks/0/text"),
        (button("text", plain(76)), "/blocks/0/elements/0/text/text"),
        (button("url", json!("x".repeat(3001))), "/blocks/0/elements/0/url"),
        (button("value", json!("x".repeat(2001))), "/blocks/0/elements/0/value"),
        (button("action_id", json!("x".repeat(256))), "/blocks/0/elements/0/action_id"),
        (button("style", json!("loud")), "/blocks/0/elements/0/style"),
        (with_block(json!({"text": "no type"})), "/blocks/0"),
    ] {
        let wrong = refusals(message);
        assert!(wrong.iter().any(|at| at == place), "{place}: {wrong:?}");
    }
}
