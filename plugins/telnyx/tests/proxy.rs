//! Telnyx' own API through the hub: forwarded as it is, but for whom it would call.

use patchbay_plugin_telnyx::Telnyx;
use patchbay_sdk::Error;
use patchbay_sdk::testing::{Exchange, MockHost, ProxyCall, Reply};
use serde_json::{Value, json};

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("api_key", "KEY0123");
    host.set_config(json!({"default_country": "US"}));
    host
}

#[test]
fn a_request_goes_on_with_the_key_and_its_answer_comes_back() {
    let host = host();
    let url = "https://api.telnyx.com/v2/phone_numbers?page%5Bsize%5D=2";
    host.expect(
        Exchange::get(url).credential("api_key").header("x-a", "1").without_header("cookie"),
        Reply::json(200, &json!({"data": []})).header("set-cookie", "a=b"),
    );
    let call = ProxyCall::get("/v2/phone_numbers?page%5Bsize%5D=2").header("x-a", "1").header("cookie", "c=d");
    let reply = host.proxy::<Telnyx>(call);
    assert_eq!((reply.result.clone(), reply.status, reply.text().as_str()), (Ok(()), Some(200), r#"{"data":[]}"#));
    assert_eq!(reply.headers.get("set-cookie"), None);
}

#[test]
fn who_would_be_called_is_looked_at() {
    let host = host();
    let dial = |to: Value| {
        let body = json!({"connection_id": "1", "from": "+13125550188", "to": to, "command_id": "c1"});
        host.proxy::<Telnyx>(ProxyCall::post("/v2/calls").json(&body))
    };
    for to in [json!("+19005550100"), json!(["+14155550100", "+19005550100"])] {
        assert!(matches!(dial(to).result, Err(Error::Invalid(_))));
    }
    assert!(matches!(dial(json!("sip:a@example.com")).result, Err(Error::Invalid(_))));
    host.expect(
        Exchange::post("https://api.telnyx.com/v2/calls").credential("api_key"),
        Reply::json(200, &json!({"data": {}})),
    );
    assert_eq!(dial(json!("(415) 555-0100")).status, Some(200));
    let sent = host.sent();
    let sent = sent.last().unwrap();
    assert_eq!((&sent.json()["to"], sent.repeatable), (&json!("+14155550100"), Some(true)));
    let transfer = |name: &str| {
        let path = format!("/v2/calls/v3%3Aa/actions/{name}");
        host.proxy::<Telnyx>(ProxyCall::post(&path).json(&json!({"to": "+19005550100"})))
    };
    assert!(matches!(transfer("transfer").result, Err(Error::Invalid(_))));
    assert_eq!(transfer("tr%61nsfer").status, Some(404), "however it is written");
    let texml = json!({"ApplicationSid": "1", "From": "+13125550188", "To": "+19005550100"});
    let reply = host.proxy::<Telnyx>(ProxyCall::post("/v2/texml/Accounts/a/Calls").json(&texml));
    assert!(matches!(reply.result, Err(Error::Invalid(_))));
    for dial in ["<Dial>+19005550100</Dial>", "<Dial><Number>+1900555&#48;100</Number></Dial>", "<!DOCTYPE r>"] {
        let document = format!("<Response>{dial}</Response>");
        let texml = json!({"ApplicationSid": "1", "From": "+13125550188", "To": "+14155550101", "Texml": document});
        let reply = host.proxy::<Telnyx>(ProxyCall::post("/v2/texml/Accounts/a/Calls").json(&texml));
        assert!(matches!(reply.result, Err(Error::Invalid(_))), "{dial}");
    }
    host.expect(
        Exchange::post("https://api.telnyx.com/v2/calls").credential("api_key"),
        Reply::json(200, &json!({"data": {}})),
    );
    let twice = r#"{"connection_id": "1", "from": "+13125550188", "to": "+19005550100", "to": "+14155550102"}"#;
    let call = ProxyCall::post("/v2/calls").header("content-type", "application/json").body(twice);
    assert_eq!(host.proxy::<Telnyx>(call).status, Some(200));
    let sent = String::from_utf8(host.sent().last().unwrap().body.clone()).unwrap();
    assert!(!sent.contains("+1900"), "{sent}");
    let many: Vec<_> = (0..11).map(|digit| json!(format!("+141555501{digit:02}"))).collect();
    assert!(matches!(dial(json!(many)).result, Err(Error::Invalid(_))));
}
