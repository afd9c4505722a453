//! Twilio's own API for its SDKs.

#[path = "support/fixtures.rs"]
mod fixtures;

use fixtures::{ACCOUNT, CALL, PN, below, form, host, settings};
use patchbay_plugin_twilio::Twilio;
use patchbay_sdk::Error;
use patchbay_sdk::testing::{Exchange, ProxyCall, Reply};
use patchbay_sdk::usage::Basis;
use serde_json::json;

#[test]
fn the_connections_account_takes_the_place_of_the_clients() {
    let host = host();
    let page = json!({"calls": []});
    let url = below("/Calls.json?PageSize=2");
    host.expect(Exchange::get(url).credential("auth_token").without_header("cookie"), Reply::json(200, &page));
    let call = ProxyCall::get("/2010-04-01/Accounts/hub/Calls.json?PageSize=2").header("cookie", "a=1");
    let reply = host.proxy::<Twilio>(call);
    assert_eq!((reply.status, reply.text()), (Some(200), page.to_string()));
}

#[test]
fn a_path_in_disguise_leads_nowhere() {
    let host = host();
    for path in ["/2010-04-01/Accounts/hub/%2e%2e/x.json", "/2010-04-01/Other/x.json"] {
        assert_eq!(host.proxy::<Twilio>(ProxyCall::get(path)).status, Some(404), "{path}");
    }
}

#[test]
fn a_call_that_a_client_makes_counts_and_goes_only_where_it_may() {
    let host = host();
    let mut config = settings();
    config["destinations"] = json!({"countries": ["US"]});
    host.set_config(config);
    let path = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json");
    let call = |to: &str| {
        let body = form(&[("To", to), ("From", "+14155550199"), ("Url", "https://example.com/x")]);
        ProxyCall::post(&path).header("content-type", "application/x-www-form-urlencoded").body(body)
    };
    let made = json!({"sid": CALL, "status": "queued"});
    host.expect(Exchange::post(below("/Calls.json")).credential("auth_token"), Reply::json(201, &made));
    assert_eq!(host.proxy::<Twilio>(call("+14155550100")).status, Some(201));
    let refused = host.proxy::<Twilio>(call("+493012345678"));
    assert_eq!(refused.status, Some(400));
    assert!(refused.text().contains("destinations.countries"), "{}", refused.text());
    assert_eq!(host.used("call", Basis::Reported), 1);
}

#[test]
fn whom_a_client_would_call_is_seen_wherever_it_is_written() {
    let host = host();
    let media = "application/x-www-form-urlencoded";
    let dear = "+19002345678";
    let below = |path: &str| format!("/2010-04-01/Accounts/{ACCOUNT}{path}");
    let post = |path: &str, media: &str, fields: &[(&str, &str)]| {
        let reply =
            host.proxy::<Twilio>(ProxyCall::post(&below(path)).header("content-type", media).body(form(fields)));
        reply.status
    };
    for (path, fields) in [
        ("/Calls.json", vec![("To", "19002345678"), ("From", "+14155550199")]),
        ("/Calls.json", vec![("To", "+14155550100"), ("To", dear)]),
        ("/Calls.json?To=%2B19002345678", vec![("From", "+14155550199")]),
        ("/Calls.xml", vec![("To", dear)]),
        ("/Messages.json", vec![("To", dear)]),
        ("/Conferences/CF1/Participants.json", vec![("To", dear)]),
        ("/Calls/CA1.json", vec![("Twiml", "<Response><Dial>+1900&#50;345678</Dial></Response>")]),
    ] {
        assert!(matches!(post(path, media, &fields), Some(400 | 404)), "{path} {fields:?}");
    }
    // past whoever tells resources by their place, or cannot read what comes
    for (path, media) in
        [("//Calls.json", media), ("/Calls/", media), ("/Calls.json", "multipart/form-data; boundary=a")]
    {
        assert!(matches!(post(path, media, &[("To", dear)]), Some(400 | 404)), "{path} {media}");
    }
    assert!(host.sent().is_empty());
}

#[test]
fn nobody_but_the_hub_names_a_number_as_the_hub_does() {
    let host = host();
    let path = format!("/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers/{PN}.json");
    let call = ProxyCall::post(&path).header("content-type", "application/x-www-form-urlencoded");
    let refused = host.proxy::<Twilio>(call.body(form(&[("FriendlyName", "pb:0123456789ab:x")])));
    assert_eq!(refused.status, Some(400), "{}", refused.text());
    let input = json!({"sid": PN, "friendly_name": "pb:0123456789ab:x"});
    assert!(matches!(host.invoke::<Twilio>("configure-number", input), Err(Error::Invalid(_))));
    assert!(host.sent().is_empty());
}

#[test]
fn an_api_key_is_sent_where_the_settings_name_one() {
    let host = host();
    host.set_secret("api_key_secret", "canary-of-the-api-key-secret");
    let mut config = settings();
    config["api_key_sid"] = json!("SK00000000000000000000000000000001");
    config["region"] = json!("ie1");
    host.set_config(config);
    let url = format!("https://api.dublin.ie1.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json");
    host.expect(Exchange::get(url).credential("api_key_secret"), Reply::json(200, &json!({"messages": []})));
    assert_eq!(host.proxy::<Twilio>(ProxyCall::get("/2010-04-01/Accounts/hub/Messages.json")).status, Some(200));
}

#[test]
fn a_caller_id_that_a_client_has_verified_counts_as_the_actions_does() {
    let host = host();
    let list = below("/OutgoingCallerIds.json");
    let path = format!("/2010-04-01/Accounts/{ACCOUNT}/OutgoingCallerIds.json");
    let start = |path: &str, fields: &[(&str, &str)]| {
        let call = ProxyCall::post(path).header("content-type", "application/x-www-form-urlencoded").body(form(fields));
        host.proxy::<Twilio>(call)
    };
    let number = [("PhoneNumber", "+14155550100")];
    let rings = json!({"call_sid": CALL, "validation_code": "836274", "phone_number": "+14155550100"});
    for _ in 0..3 {
        host.expect(Exchange::post(list.as_str()).credential("auth_token"), Reply::json(200, &rings));
        assert_eq!(start(&path, &number).status, Some(200));
    }
    let refused = start(&path, &number);
    assert_eq!((refused.status, refused.text().contains("rate limited")), (Some(400), true), "{}", refused.text());
    // a change of its name rings nobody
    let one = format!("/2010-04-01/Accounts/{ACCOUNT}/OutgoingCallerIds/{PN}.json");
    host.expect(
        Exchange::post(below(&format!("/OutgoingCallerIds/{PN}.json"))).credential("auth_token"),
        Reply::json(200, &json!({})),
    );
    assert_eq!(start(&one, &[("FriendlyName", "Front desk")]).status, Some(200));
    // the action knows what the client did
    let begun = host.invoke::<Twilio>("start-caller-id", json!({"phone_number": "+14155550100"}));
    assert!(matches!(begun, Err(Error::RateLimited(_))));
}
