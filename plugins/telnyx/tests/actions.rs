//! The operations on calls: what Telnyx is asked, and what is refused before.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail them")]

use patchbay_plugin_telnyx::Telnyx;
use patchbay_sdk::Error;
use patchbay_sdk::testing::{ActionCall, Exchange, MockHost, Reply};
use serde_json::{Value, json};

const CALLS: &str = "https://api.telnyx.com/v2/calls";

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("api_key", "KEY0123");
    host.set_config(json!({"connection_id": "77", "from": "+13125550188", "default_country": "US"}));
    host
}

fn dialled() -> Reply {
    let call = json!({
        "record_type": "call", "call_control_id": "v3:a", "call_leg_id": "leg", "call_session_id": "session", "is_alive": false,
    });
    Reply::json(200, &json!({"data": call}))
}

fn ok() -> Reply {
    Reply::json(200, &json!({"data": {"result": "ok"}}))
}

fn refusal(status: u16, code: &str, pointer: Option<&str>) -> Reply {
    let error = json!({"code": code, "title": "no", "source": {"pointer": pointer}});
    Reply::json(status, &json!({"errors": [error]}))
}

/// The body of the last request.
fn body(host: &MockHost) -> Value {
    host.sent().last().unwrap().json()
}

#[test]
fn a_call_is_dialled_in_e_164_with_what_the_settings_say() {
    let host = host();
    host.expect(Exchange::post(CALLS).credential("api_key"), dialled());
    let input = json!({"to": "(415) 555-0100", "client_state": "order 7", "timeout_secs": 20});
    let output = host.invoke::<Telnyx>("dial", input).unwrap();
    let sent = body(&host);
    assert_eq!((&sent["to"], &sent["from"]), (&json!("+14155550100"), &json!("+13125550188")));
    assert_eq!((&sent["connection_id"], &sent["client_state"]), (&json!("77"), &json!("b3JkZXIgNw==")));
    assert_eq!(sent["command_id"], output["command_id"]);
    assert_eq!(sent["command_id"].as_str().unwrap().len(), 36);
    assert_eq!(output["call_session_id"], "session");
    assert_eq!(host.sent()[0].repeatable, Some(true), "Telnyx drops a repeat");
    host.work_off::<Telnyx>().unwrap();
    let call = host.record("call", "telnyx:session").unwrap();
    assert_eq!((&call["direction"], &call["to"]), (&json!("outbound"), &json!("+14155550100")));
}

#[test]
fn a_repeat_under_the_callers_key_is_the_same_command() {
    let host = host();
    let mut ids = Vec::new();
    for key in ["order-1", "order-1", "order-2"] {
        host.expect(Exchange::post(format!("{CALLS}/v3%3Aa/actions/speak")).credential("api_key"), ok());
        let input = json!({"call_control_id": "v3:a", "payload": "hello", "voice": "AWS.Polly.Joanna"});
        host.invoke_with::<Telnyx>(ActionCall::new("speak", input).idempotency_key(key)).unwrap();
        let sent = body(&host);
        assert!(sent.get("call_control_id").is_none(), "it is in the path: {sent}");
        ids.push(sent["command_id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
}

#[test]
fn what_costs_is_guarded() {
    let host = host();
    for (to, denied) in [("+19005550100", true), ("+88161234567", true), ("+14155550100", false)] {
        if !denied {
            host.expect(Exchange::post(CALLS).credential("api_key"), dialled());
        }
        let result = host.invoke::<Telnyx>("dial", json!({"to": to}));
        assert_eq!(matches!(result, Err(Error::Invalid(_))), denied, "{to}: {result:?}");
    }
    let transfer = json!({"call_control_id": "v3:a", "to": "+19005550100"});
    assert!(matches!(host.invoke::<Telnyx>("transfer", transfer), Err(Error::Invalid(_))));
    let several = json!({"to": ["+14155550100", "+19005550100"]});
    assert!(matches!(host.invoke::<Telnyx>("dial", several), Err(Error::Invalid(_))));
    let Err(Error::Invalid(wrong)) = host.invoke::<Telnyx>("dial", json!({"to": "nobody"})) else {
        panic!("a number that is none");
    };
    assert_eq!(wrong[0].pointer, "/to");
    assert!(!wrong[0].expected.contains("nobody"));
}

#[test]
fn one_number_is_not_called_all_the_time() {
    let host = host();
    host.set_config(
        json!({"connection_id": "77", "from": "+13125550188", "calls_per_number": {"most": 2, "per_s": 3600}}),
    );
    for _ in 0..2 {
        host.expect(Exchange::post(CALLS).credential("api_key"), dialled());
        host.invoke::<Telnyx>("dial", json!({"to": "+14155550100"})).unwrap();
    }
    let refused = host.invoke::<Telnyx>("dial", json!({"to": "+14155550100"}));
    assert!(matches!(refused, Err(Error::RateLimited(wait)) if wait > 0), "{refused:?}");
}

#[test]
fn digits_are_gathered_in_three_ways() {
    let host = host();
    for (input, name) in [
        (json!({"payload": "Press", "voice": "v", "maximum_digits": 1}), "gather_using_speak"),
        (json!({"audio_url": "https://example.com/a.mp3"}), "gather_using_audio"),
        (json!({"maximum_digits": 4}), "gather"),
    ] {
        let mut input = input;
        input["call_control_id"] = json!("v3:a");
        host.expect(Exchange::post(format!("{CALLS}/v3%3Aa/actions/{name}")).credential("api_key"), ok());
        assert_eq!(host.invoke::<Telnyx>("gather", input).unwrap()["result"], "ok");
    }
    for (input, pointer) in [
        (json!({"payload": "Press"}), "/voice"),
        (json!({"payload": "Press", "voice": "v", "audio_url": "https://a"}), "/audio_url"),
        (json!({"voice": "v"}), "/voice"),
        (json!({"maximum_tries": 2}), "/maximum_tries"),
    ] {
        let mut input = input;
        input["call_control_id"] = json!("v3:a");
        let Err(Error::Invalid(wrong)) = host.invoke::<Telnyx>("gather", input) else { panic!("{pointer}") };
        assert_eq!(wrong[0].pointer, pointer);
    }
}

#[test]
fn the_other_leg_of_a_bridge_is_in_the_body() {
    let host = host();
    host.expect(Exchange::post(format!("{CALLS}/v3%3Aa/actions/bridge")).credential("api_key"), ok());
    host.invoke::<Telnyx>("bridge", json!({"call_control_id": "v3:a", "other_call_control_id": "v3:b"})).unwrap();
    assert_eq!(body(&host)["call_control_id"], "v3:b");
}

#[test]
fn telnyx_failures_are_told_by_their_meaning() {
    let host = host();
    let hangup = |reply: Reply| {
        host.expect(Exchange::post(format!("{CALLS}/v3%3Aa/actions/hangup")).credential("api_key"), reply);
        host.invoke::<Telnyx>("hangup", json!({"call_control_id": "v3:a"})).unwrap_err()
    };
    assert!(matches!(hangup(refusal(422, "90018", None)), Error::Conflict(_)));
    assert!(matches!(hangup(refusal(422, "90015", None)), Error::Invalid(_)));
    assert!(matches!(hangup(refusal(401, "10009", None)), Error::Reauthorize(_)));
    let limited = hangup(refusal(429, "10011", None).header("x-ratelimit-reset", "3"));
    assert!(matches!(limited, Error::Upstream(failure) if failure.retry_after_ms == Some(3_000)));
    assert_eq!(hangup(refusal(422, "10016", Some("/to"))), Error::invalid("/to", "no"));
    let path = host.invoke::<Telnyx>("hangup", json!({"call_control_id": ".."}));
    assert!(matches!(path, Err(Error::Invalid(_))));
}

#[test]
fn an_application_is_made_once_with_webhooks_of_the_second_version() {
    let host = host();
    let page = |data: Value| {
        Reply::json(200, &json!({"data": data, "meta": {"page_number": 1, "total_pages": 1, "total_results": 1}}))
    };
    let base = "https://api.telnyx.com/v2/call_control_applications";
    let list = format!("{base}?page%5Bnumber%5D=1&page%5Bsize%5D=250");
    host.expect(Exchange::get(list.clone()).credential("api_key"), page(json!([])));
    host.expect(Exchange::post(base).credential("api_key"), Reply::json(201, &json!({"data": {"id": "9"}})));
    let input = json!({"kind": "call_control", "name": "hub", "outbound_voice_profile_id": "5"});
    let made = host.invoke::<Telnyx>("set-up-application", input.clone()).unwrap();
    assert_eq!((&made["connection_id"], &made["created"]), (&json!("9"), &json!(true)));
    let sent = body(&host);
    assert_eq!((&sent["webhook_api_version"], &sent["webhook_event_url"]), (&json!("2"), &made["webhook_url"]));
    let there = json!([{"id": "9", "application_name": "hub"}]);
    host.expect(Exchange::get(list).credential("api_key"), page(there));
    host.expect(
        Exchange::new("PATCH", format!("{base}/9")).credential("api_key"),
        Reply::json(200, &json!({"data": {"id": "9"}})),
    );
    assert_eq!(host.invoke::<Telnyx>("set-up-application", input).unwrap()["created"], json!(false));
}

#[test]
fn settings_with_numbers_that_are_none_or_forbidden_are_refused() {
    let host = host();
    let wrong = |config: Value| host.validate_config::<Telnyx>(&config).unwrap_err()[0].pointer.clone();
    assert_eq!(wrong(json!({"from": "me"})), "/from");
    assert_eq!(wrong(json!({"unanswered": {"forward_to": "+19005550100"}})), "/unanswered/forward_to");
    host.validate_config::<Telnyx>(&json!({"from": "+13125550188"})).unwrap();
}
