//! AssemblyAI's own API for its SDKs.

#[path = "support/fixtures.rs"]
mod fixtures;

use fixtures::{ALL, HOOK, ID, ONE, completed, hooked, host, queued};
use patchbay_plugin_assemblyai::AssemblyAi;
use patchbay_sdk::testing::{Exchange, ProxyCall, Reply};
use patchbay_sdk::usage::Basis;
use serde_json::json;

#[test]
fn an_upload_flows_through() {
    let host = host();
    let uploaded = json!({"upload_url": "https://cdn.assemblyai.com/upload/1"});
    let exchange = Exchange::post("https://api.assemblyai.com/v2/upload").credential("api_key");
    let exchange = exchange.header("content-type", "application/octet-stream").without_header("cookie");
    host.expect(exchange.body("audio"), Reply::json(200, &uploaded).header("set-cookie", "a=1"));
    let reply = host.proxy::<AssemblyAi>(ProxyCall::post("/v2/upload").header("cookie", "b=2").body("audio"));
    reply.result.clone().unwrap();
    assert_eq!((reply.status, reply.text(), reply.headers.get("set-cookie")), (Some(200), uploaded.to_string(), None));
    assert!(host.jobs().is_empty());
}

#[test]
fn a_transcript_is_followed_and_its_answer_passes_as_it_is() {
    let host = hooked();
    let sent = json!({"audio_url": "https://x/a", "webhook_url": HOOK, "webhook_auth_header_name": "x-patchbay-secret",
        "webhook_auth_header_value": ""});
    host.expect(Exchange::post(ALL).credential("api_key").json(sent), Reply::json(200, &queued()));
    let reply = host.proxy::<AssemblyAi>(ProxyCall::post("/v2/transcript").json(&json!({"audio_url": "https://x/a"})));
    reply.result.clone().unwrap();
    assert_eq!((reply.status, reply.text()), (Some(200), queued().to_string()));
    assert_eq!(host.jobs()[0].key.as_deref(), Some(ID));
}

#[test]
fn what_assemblyai_refuses_is_not_followed() {
    let host = hooked();
    let refusal = json!({"error": "audio_url is required"});
    for body in ["not json", "[]"] {
        host.expect(Exchange::post(ALL).credential("api_key").body(body), Reply::json(400, &refusal));
        let reply = host.proxy::<AssemblyAi>(ProxyCall::post("/v2/transcript").body(body));
        assert_eq!((reply.status, reply.text()), (Some(400), refusal.to_string()));
    }
    assert!(host.jobs().is_empty());
}

#[test]
fn a_client_that_leaves_does_not_lose_its_transcript() {
    let host = host();
    host.expect(Exchange::post(ALL).credential("api_key"), Reply::json(200, &queued()));
    let call = ProxyCall::post("/v2/transcript").json(&json!({"audio_url": "https://x/a"})).leaves_before_the_answer();
    assert_eq!(host.proxy::<AssemblyAi>(call).result, Ok(()));
    assert_eq!(host.jobs().len(), 1);
}

#[test]
fn reading_passes_and_a_deletion_meters_first() {
    let host = host();
    host.expect(
        Exchange::get(format!("{ONE}/srt?chars_per_caption=20")).credential("api_key"),
        Reply::status(200).chunk("1"),
    );
    let reply = host.proxy::<AssemblyAi>(ProxyCall::get(&format!("/v2/transcript/{ID}/srt?chars_per_caption=20")));
    assert_eq!(reply.text(), "1");
    host.expect(Exchange::post(ALL).credential("api_key"), Reply::json(200, &queued()));
    let call = ProxyCall::post("/v2/transcript").json(&json!({"audio_url": "https://x/a"}));
    assert_eq!(host.proxy::<AssemblyAi>(call).result, Ok(()));
    host.expect(Exchange::get(ONE).credential("api_key"), Reply::json(200, &completed()));
    host.expect(Exchange::new("DELETE", ONE).credential("api_key"), Reply::json(200, &completed()));
    let reply = host.proxy::<AssemblyAi>(ProxyCall::new("DELETE", &format!("/v2/transcript/{ID}")));
    assert_eq!((reply.status, host.used("audio_seconds", Basis::Reported)), (Some(200), 91));
}

#[test]
fn an_id_in_disguise_deletes_nothing() {
    let host = host();
    let reply =
        host.proxy::<AssemblyAi>(ProxyCall::new("DELETE", &format!("/v2/transcript/{}", ID.replace('9', "%39"))));
    assert_eq!((reply.status, reply.text()), (Some(404), r#"{"error":"Not found"}"#.to_owned()));
    assert!(host.sent().is_empty());
}

#[test]
fn a_streaming_token_comes_from_its_own_host_and_is_counted_if_it_came() {
    let host = host();
    let url = "https://streaming.assemblyai.com/v3/token?expires_in_seconds=60";
    for status in [200, 400] {
        host.expect(Exchange::get(url).credential("api_key"), Reply::json(status, &json!({"token": "t"})));
        let reply = host.proxy::<AssemblyAi>(ProxyCall::get("/v3/token?expires_in_seconds=60"));
        assert_eq!(reply.status, Some(status));
    }
    assert_eq!(host.used("streaming_tokens", Basis::Reported), 1);
}
