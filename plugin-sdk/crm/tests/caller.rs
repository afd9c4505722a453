//! Who is calling, on the SDK's mock host.
#![expect(clippy::unwrap_used, reason = "tests fail by it")]

use patchbay_crm::{Caller, FindCaller, find_caller};
use patchbay_sdk::{Error, testing::MockHost};
use serde_json::{Value, json};

const MANIFEST: &str = "id = \"hubspot\"\n[objects]\ncontact = \"write\"\ncompany = \"write\"\ndeal = \"read\"";
const PHONE: &str = "+14155550123";

fn host() -> MockHost {
    MockHost::with_manifest(MANIFEST)
}

fn who(phone: &str) -> Caller {
    find_caller("hubspot", &FindCaller { phone: phone.to_owned() }).unwrap()
}

fn contact(host: &MockHost, id: &str, more: &Value) {
    let mut data = json!({"phone": PHONE, "first_name": "Ada", "last_name": "Lovelace"});
    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    host.put_record("contact", id, &data);
}

#[test]
fn a_contact_is_told_with_company_deals_and_links() {
    let host = host();
    let link = |path: &str| json!({"hubspot": {"url": format!("https://app.hubspot.com/{path}")}});
    contact(
        &host,
        "hubspot:151",
        &json!({
            "title": "Countess", "company_id": "hubspot:9", "owner": {"name": "Grace"}, "do_not_call": true,
            "external_ids": {"hubspot": "151"}, "extra": link("contact/151"),
        }),
    );
    host.put_record("company", "hubspot:9", &json!({"name": "Engines", "extra": link("company/9")}));
    let deal = |status: &str| {
        json!({"name": "Engine", "status": status, "stage": "Offer", "contact_id": "hubspot:151",
        "amount": {"amount": 4900, "currency": "EUR"}, "extra": link("deal/7")})
    };
    host.put_record("deal", "hubspot:7", &deal("open"));
    host.put_record("deal", "hubspot:8", &deal("won"));
    let told = serde_json::to_value(who(PHONE)).unwrap();
    let expected = json!({
        "found": true,
        "contacts": 1,
        "contact": {
            "id": "hubspot:151", "name": "Ada Lovelace", "first_name": "Ada", "title": "Countess", "owner": "Grace",
            "do_not_call": true, "vendor_id": "151", "url": "https://app.hubspot.com/contact/151",
        },
        "company": {"id": "hubspot:9", "name": "Engines", "url": "https://app.hubspot.com/company/9"},
        "deals": [{
            "id": "hubspot:7", "name": "Engine", "stage": "Offer", "amount": {"amount": 4900, "currency": "EUR"},
            "url": "https://app.hubspot.com/deal/7",
        }],
    });
    assert_eq!(told, expected);
}

#[test]
fn nobody_is_nobody_and_no_failure() {
    let host = host();
    contact(&host, "hubspot:1", &json!({}));
    assert_eq!(who("+14155550124"), Caller::default());
}

#[test]
fn who_calls_from_their_second_number_is_known_as_well() {
    let host = host();
    contact(&host, "hubspot:1", &json!({"phone": "+14155550199", "phones": ["+14155550199", PHONE]}));
    let told = who(PHONE);
    assert_eq!((told.contacts, told.contact.unwrap().id.as_str()), (1, "hubspot:1"));
}

#[test]
fn of_several_the_one_whom_the_crm_knows_and_who_called_last_comes_first_and_their_number_is_said() {
    let host = host();
    let at = |time: &str| json!({"external_ids": {"hubspot": "1"}, "last_contacted_at": time});
    contact(&host, "a:1", &json!({"first_name": "Stranger", "last_contacted_at": "2026-11-20T00:00:00Z"}));
    contact(&host, "hubspot:1", &at("2026-11-01T00:00:00Z"));
    contact(&host, "hubspot:2", &at("2026-11-02T00:00:00Z"));
    contact(&host, "hubspot:3", &at("2026-11-02T00:00:00Z"));
    let told = who(PHONE);
    assert_eq!((told.contacts, told.contact.unwrap().id.as_str()), (4, "hubspot:2"));
}

#[test]
fn a_switchboards_number_is_its_companys_and_greets_nobody_by_name() {
    let host = host();
    host.put_record("company", "hubspot:9", &json!({"name": "Engines", "phone": PHONE}));
    host.put_record("deal", "hubspot:7", &json!({"name": "Engine", "status": "open", "company_id": "hubspot:9"}));
    let told = who(PHONE);
    assert_eq!((told.found, told.contacts, told.contact), (true, 0, None));
    assert_eq!((told.company.unwrap().name.as_deref(), told.deals.len()), (Some("Engines"), 1));
}

#[test]
fn a_contact_without_deals_has_those_of_the_company() {
    let host = host();
    contact(&host, "hubspot:1", &json!({"company_id": "hubspot:9"}));
    host.put_record("company", "hubspot:9", &json!({"name": "Engines"}));
    host.put_record("deal", "hubspot:7", &json!({"name": "Engine", "status": "open", "company_id": "hubspot:9"}));
    assert_eq!(who(PHONE).deals.len(), 1);
}

#[test]
fn a_company_that_is_known_by_name_alone_is_told_by_it() {
    let host = host();
    contact(&host, "hubspot:1", &json!({"company_id": "hubspot:gone", "company_name": "Engines"}));
    let company = who(PHONE).company.unwrap();
    assert_eq!((company.id, company.name.as_deref()), (None, Some("Engines")));
}

#[test]
fn a_manifest_that_does_not_ask_for_contacts_is_told_so() {
    let _host = MockHost::with_manifest("id = \"hubspot\"\n[objects]\ndeal = \"read\"");
    let refused = find_caller("hubspot", &FindCaller { phone: PHONE.to_owned() });
    assert_eq!(refused, Err(Error::Denied("[objects] in plugin.toml needs contact = \"read\"".into())));
}
