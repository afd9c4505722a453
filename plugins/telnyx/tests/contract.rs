//! What the plugin writes into shared objects is what their schemas allow.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail them")]

use std::path::Path;

use patchbay_plugin_telnyx::Telnyx;
use patchbay_sdk::testing::{Exchange, MockHost, Reply};
use serde_json::{Value, json};

fn schema(object: &str) -> jsonschema::Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../host/model/objects/{object}.json"));
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    jsonschema::draft202012::new(&schema).expect("the hub's schemas compile")
}

#[test]
fn a_dialled_call_and_an_owned_number_are_valid_objects() {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("api_key", "KEY0123");
    host.set_config(json!({"connection_id": "77", "from": "+13125550188"}));
    let call =
        json!({"call_control_id": "v3:a", "call_leg_id": "leg", "call_session_id": "session", "is_alive": false});
    host.expect(
        Exchange::post("https://api.telnyx.com/v2/calls").credential("api_key"),
        Reply::json(200, &json!({"data": call})),
    );
    host.invoke::<Telnyx>("dial", json!({"to": "+14155550100"})).unwrap();
    host.work_off::<Telnyx>().unwrap();
    let number = json!({
        "id": "5", "phone_number": "+13125550188", "status": "active", "connection_id": "77", "phone_number_type": "local",
        "country_iso_alpha2": "US", "purchased_at": "2026-11-01T00:00:00Z", "tags": [], "emergency_enabled": false,
    });
    let at = "https://api.telnyx.com/v2/phone_numbers";
    let find = format!("{at}?page%5Bnumber%5D=1&page%5Bsize%5D=20&filter%5Bphone_number%5D=%2B13125550188");
    host.expect(Exchange::get(find).credential("api_key"), Reply::json(200, &json!({"data": [number]})));
    host.expect(
        Exchange::new("PATCH", format!("{at}/5")).credential("api_key"),
        Reply::json(200, &json!({"data": number})),
    );
    let input = json!({"phone_number": "+13125550188", "tags": ["a"]});
    host.invoke::<Telnyx>("configure-number", input).unwrap();
    for (object, id) in [("call", "telnyx:session"), ("phone-number", "telnyx:5")] {
        let record = host.record(object, id).unwrap();
        let wrong: Vec<String> = schema(object).iter_errors(&record).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{object}: {wrong:?}\n{record:#}");
    }
}
