//! HubSpot's own API through the hub: that of the CRM, in whatever version, and nothing beside it.

use patchbay_plugin_hubspot::HubSpot;
use patchbay_sdk::testing::{Exchange, MockHost, ProxyCall, Reply};
use serde_json::json;

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("access_token", "pat-na1-canary");
    host.set_config(json!({}));
    host
}

#[test]
fn a_request_goes_on_with_the_token_and_its_answer_comes_back() {
    let host = host();
    for path in ["/crm/v3/objects/contacts?limit=2", "/crm/objects/2026-09/contacts/151?properties=email"] {
        host.expect(
            Exchange::get(format!("https://api.hubapi.com{path}")).credential("access_token").without_header("cookie"),
            Reply::json(200, &json!({"results": []}))
                .header("set-cookie", "a=b")
                .header("x-hubspot-ratelimit-max", "110"),
        );
        let reply = host.proxy::<HubSpot>(ProxyCall::get(path).header("cookie", "c=d"));
        assert_eq!((reply.result.clone(), reply.status), (Ok(()), Some(200)), "{path}");
        assert_eq!(
            (reply.headers.get("set-cookie"), reply.headers.get("x-hubspot-ratelimit-max")),
            (None, Some("110"))
        );
    }
}

#[test]
fn what_leads_out_of_the_crm_is_not_passed_on() {
    let host = host();
    for path in
        ["/crm/../oauth/2026-03/token", "/crm/%2e%2e/oauth/2026-03/token", "/crm/v3/%2E./x", "/crm/v3%2Fobjects"]
    {
        let reply = host.proxy::<HubSpot>(ProxyCall::get(path));
        assert_eq!(reply.status, Some(404), "{path}");
    }
}
