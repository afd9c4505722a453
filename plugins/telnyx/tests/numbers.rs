//! Numbers: searched, ordered in two steps, watched, metered and compared.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail them")]

use patchbay_plugin_telnyx::Telnyx;
use patchbay_sdk::testing::{Exchange, MockHost, Reply};
use patchbay_sdk::usage::Basis;
use patchbay_sdk::{Error, task};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const API: &str = "https://api.telnyx.com/v2";
const NUMBER: &str = "+13125550188";

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_secret("api_key", "KEY0123");
    host.set_config(json!({"connection_id": "77"}));
    host
}

fn list(data: Value) -> Reply {
    let total = data.as_array().unwrap().len();
    Reply::json(
        200,
        &json!({"data": data, "meta": {"page_number": 1, "page_size": 250, "total_pages": 1, "total_results": total}}),
    )
}

fn available(number: &str, monthly: &str, best_effort: bool) -> Value {
    json!({
        "phone_number": number, "best_effort": best_effort, "quickship": true, "features": [{"name": "voice"}],
        "cost_information": {"currency": "USD", "monthly_cost": monthly, "upfront_cost": "1.00"},
        "region_information": [{"region_type": "locality", "region_name": "CHICAGO"}],
    })
}

fn owned(status: &str, connection: &str) -> Value {
    json!({
        "id": "1293384261075731499", "phone_number": NUMBER, "status": status, "connection_id": connection,
        "phone_number_type": "local", "country_iso_alpha2": "US", "purchased_at": "2026-11-01T00:00:00Z", "tags": ["a"],
    })
}

fn get(path: &str) -> Exchange {
    Exchange::get(format!("{API}{path}")).credential("api_key")
}

/// The first step of an order: what it costs, and the quote.
fn quoted(host: &MockHost) -> Value {
    let search = "/available_phone_numbers?filter%5Bcountry_code%5D=US&filter%5Bbest_effort%5D=false\
                  &filter%5Blimit%5D=10&filter%5Bphone_number%5D%5Bcontains%5D=3125550188";
    host.expect(get(search), list(json!([available(NUMBER, "1.50", false)])));
    host.invoke::<Telnyx>("order-number", json!({"phone_number": NUMBER})).unwrap()
}

/// The reference of the order of a quote, computed apart: a UUID of version 8 out of a hash of its parts.
fn reference_of(quote: &str) -> String {
    let mut hash = Sha256::new();
    for part in ["order", quote, NUMBER] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut bytes = hash.finalize()[..16].to_vec();
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("patchbay-{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[test]
fn a_search_keeps_to_what_was_asked_for() {
    let host = host();
    let search = "/available_phone_numbers?filter%5Bcountry_code%5D=US&filter%5Bbest_effort%5D=false\
                  &filter%5Blimit%5D=20&filter%5Bnational_destination_code%5D=312&filter%5Bfeatures%5D=sms%2Cvoice";
    let all = json!([
        available(NUMBER, "1.50", false),
        available("+13125550189", "1.51", false),
        available("+17735550100", "1.00", true),
    ]);
    host.expect(get(search), list(all));
    let input = json!({"area_code": "312", "features": ["sms", "voice"], "max_monthly_cost": "1.50"});
    let found = host.invoke::<Telnyx>("search-numbers", input).unwrap();
    let numbers: Vec<_> = found["numbers"].as_array().unwrap().iter().map(|one| one["phone_number"].clone()).collect();
    assert_eq!(numbers, [json!(NUMBER)], "not what is dearer, nor what is only like it");
}

#[test]
fn nothing_is_bought_before_its_price_was_confirmed() {
    let host = host();
    let quote = quoted(&host);
    assert_eq!((&quote["status"], &quote["monthly_cost"]), (&json!("quoted"), &json!("1.50")));
    assert_eq!((&quote["upfront_cost"], &quote["currency"]), (&json!("1.00"), &json!("USD")));
    let confirm = |number: &str, id: &Value, cost: &str| {
        host.invoke::<Telnyx>(
            "order-number",
            json!({"phone_number": number, "quote_id": id, "confirm_monthly_cost": cost}),
        )
    };
    let pointer = |result: Result<Value, Error>| match result {
        Err(Error::Invalid(wrong)) => wrong[0].pointer.clone(),
        other => panic!("not refused: {other:?}"),
    };
    let id = &quote["quote_id"];
    assert_eq!(pointer(confirm(NUMBER, id, "1.49")), "/confirm_monthly_cost");
    assert_eq!(pointer(confirm("+13125550189", id, "1.50")), "/quote_id");
    let half = json!({"phone_number": NUMBER, "quote_id": id});
    assert_eq!(pointer(host.invoke::<Telnyx>("order-number", half)), "/confirm_monthly_cost");
    host.set_now(host.now() + 15 * 60_000);
    assert_eq!(pointer(confirm(NUMBER, id, "1.50")), "/quote_id");
}

#[test]
fn an_order_whose_answer_got_lost_is_found_and_not_placed_again() {
    let host = host();
    let quote = quoted(&host);
    let input = json!({"phone_number": NUMBER, "quote_id": quote["quote_id"], "confirm_monthly_cost": "1.5"});
    let any = |reference: &str| format!("/number_orders?filter%5Bcustomer_reference%5D={reference}");
    let reference = reference_of(quote["quote_id"].as_str().unwrap());
    host.expect(get(&any(&reference)), list(json!([])));
    host.expect(Exchange::post(format!("{API}/number_orders")).credential("api_key"), Reply::fails(Error::Timeout));
    let placed = json!({"id": "order-1", "status": "pending", "customer_reference": reference});
    host.expect(get(&any(&reference)), list(json!([placed])));
    let ordered = host.invoke::<Telnyx>("order-number", input.clone()).unwrap();
    assert_eq!((&ordered["order_id"], &ordered["status"]), (&json!("order-1"), &json!("pending")));
    let placed = json!({"id": "order-1", "status": "pending", "customer_reference": reference});
    host.expect(get(&any(&reference)), list(json!([placed])));
    assert_eq!(host.invoke::<Telnyx>("order-number", input).unwrap()["order_id"], "order-1");
    let orders = host.sent().iter().filter(|sent| sent.method == "POST").count();
    assert_eq!(orders, 1);
}

#[test]
fn a_number_that_works_is_written_told_and_metered_once_a_month() {
    let host = host();
    let order = json!({
        "status": "pending", "phone_number": NUMBER, "customer_reference": "r", "monthly_cost": "1.50", "upfront_cost": "1.00",
        "currency": "USD", "connection_id": "77", "ordered_at": "2026-11-01T00:00:00Z",
    });
    host.put_record("orders", "order-1", &order);
    let done = json!({"data": {"id": "order-1", "status": "success", "phone_numbers": [{"phone_number": NUMBER}]}});
    host.expect(get("/number_orders/order-1"), Reply::json(200, &done));
    let find = "/phone_numbers?page%5Bnumber%5D=1&page%5Bsize%5D=20&filter%5Bphone_number%5D=%2B13125550188";
    host.expect(get(find), list(json!([owned("active", "77")])));
    host.expect(get("/number_orders/order-1"), Reply::json(200, &done));
    let state = host.invoke::<Telnyx>("get-order", json!({"order_id": "order-1"})).unwrap();
    assert_eq!(state["status"], "success");
    host.invoke::<Telnyx>("get-order", json!({"order_id": "order-1"})).unwrap();
    let number = host.record("phone-number", "telnyx:1293384261075731499").unwrap();
    assert_eq!((&number["number"], &number["status"]), (&json!(NUMBER), &json!("active")));
    assert_eq!(number["monthly_price"], json!({"amount": 150, "currency": "USD"}));
    assert_eq!((&number["assigned_to"]["id"], &number["tags"]), (&json!("77"), &json!(["a"])));
    assert_eq!(host.events().iter().filter(|event| event.kind == "telnyx.number.ordered").count(), 1);
    assert_eq!(host.used("number", Basis::Reported), 1);
    for (days, expected) in [(1, 1), (30, 2), (1, 2)] {
        host.set_now(host.now() + days * 86_400_000);
        assert!(matches!(step(&host, "meter-numbers", None), task::Outcome::Done(_)));
        assert_eq!(host.used("number", Basis::Reported), expected, "once a month");
    }
}

#[test]
fn an_order_that_fails_is_told() {
    let host = host();
    let done = json!({"data": {"id": "order-2", "status": "failure", "phone_numbers": [{"phone_number": NUMBER}]}});
    host.expect(get("/number_orders/order-2"), Reply::json(200, &done));
    assert_eq!(host.invoke::<Telnyx>("get-order", json!({"order_id": "order-2"})).unwrap()["status"], "failure");
    assert_eq!(host.events()[0].kind, "telnyx.number.failed");
    assert_eq!(host.used("number", Basis::Reported), 0);
}

fn step(host: &MockHost, kind: &str, cursor: Option<String>) -> task::Outcome {
    let task = task::Task { job: "job_1".into(), kind: kind.into(), payload: "null".into(), cursor, attempt: 1 };
    host.step::<Telnyx>(task).unwrap()
}

#[test]
fn both_lists_are_compared_and_what_differs_is_told() {
    let host = host();
    let ours = |id: &str, number: &str| {
        let fields = json!({"number": number, "status": "active", "extra": {"telnyx": {"status": "active", "connection_id": "1"}}});
        host.put_record("phone-number", &format!("telnyx:{id}"), &fields);
    };
    ours("1293384261075731499", NUMBER);
    ours("5", "+13125550101");
    host.put_record("phone-number", "twilio:PN1", &json!({"number": "+13125550102", "status": "active"}));
    let mut new = owned("active", "77");
    new["id"] = json!("6");
    new["phone_number"] = json!("+13125550103");
    // what is no number keeps nothing else from being compared
    let mut odd = owned("active", "77");
    odd["id"] = json!("7");
    odd["phone_number"] = json!("311");
    let all = list(json!([odd, owned("active", "77"), new]));
    host.expect(get("/phone_numbers?page%5Bnumber%5D=1&page%5Bsize%5D=100"), all);
    let task::Outcome::Again { cursor, .. } = step(&host, "reconcile-numbers", None) else { panic!("one step") };
    let here = |id: &str, data: Value| {
        host.expect(get(&format!("/phone_numbers/{id}")), Reply::json(200, &json!({"data": data})))
    };
    here("1293384261075731499", owned("active", "77"));
    host.expect(get("/phone_numbers/5"), Reply::json(404, &json!({"errors": [{"code": "10005", "title": "no"}]})));
    here("6", owned("active", "77"));
    let task::Outcome::Done(Some(report)) = step(&host, "reconcile-numbers", Some(cursor)) else {
        panic!("the report")
    };
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["added"], json!(["+13125550103"]));
    assert_eq!(report["released"], json!(["+13125550101"]));
    assert_eq!(report["changed"], json!([NUMBER]));
    assert_eq!(host.record("phone-number", "telnyx:5").unwrap()["status"], "released");
    assert_eq!(host.record("phone-number", "twilio:PN1").unwrap()["status"], "active", "another carrier's");
    assert_eq!(host.events()[0].data, report);
}

#[test]
fn a_number_is_configured_and_given_back() {
    let host = host();
    let find = "/phone_numbers?page%5Bnumber%5D=1&page%5Bsize%5D=20&filter%5Bphone_number%5D=%2B13125550188";
    let at = format!("{API}/phone_numbers/1293384261075731499");
    host.expect(get(find), list(json!([owned("active", "77")])));
    host.expect(
        Exchange::new("PATCH", at.clone()).credential("api_key").json(json!({"connection_id": "88"})),
        Reply::json(200, &json!({"data": owned("active", "88")})),
    );
    let changed =
        host.invoke::<Telnyx>("configure-number", json!({"phone_number": NUMBER, "connection_id": "88"})).unwrap();
    assert_eq!(changed["connection_id"], "88");
    host.expect(get(find), list(json!([owned("active", "88")])));
    host.expect(
        Exchange::new("DELETE", at.clone()).credential("api_key"),
        Reply::json(200, &json!({"data": owned("deleted", "88")})),
    );
    host.invoke::<Telnyx>("release-number", json!({"phone_number": NUMBER})).unwrap();
    let number = host.record("phone-number", "telnyx:1293384261075731499").unwrap();
    assert_eq!(number["status"], "released");
    assert!(number["released_at"].is_string());
    // it was given back by a request whose answer got lost
    host.put_record("phone-number", "telnyx:1293384261075731499", &json!({"number": NUMBER, "status": "active"}));
    host.expect(get(find), list(json!([owned("active", "88")])));
    host.expect(
        Exchange::new("DELETE", at).credential("api_key"),
        Reply::json(404, &json!({"errors": [{"code": "10005", "title": "Resource not found"}]})),
    );
    host.invoke::<Telnyx>("release-number", json!({"phone_number": NUMBER})).unwrap();
    assert_eq!(host.record("phone-number", "telnyx:1293384261075731499").unwrap()["status"], "released");
    host.expect(get(find), list(json!([])));
    let gone = host.invoke::<Telnyx>("release-number", json!({"phone_number": NUMBER}));
    assert!(matches!(gone, Err(Error::NotFound(text)) if !text.contains(NUMBER)), "the number is masked");
}
