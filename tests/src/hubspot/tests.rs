//! The simulator itself: that it refuses what HubSpot refuses.

use std::sync::Arc;

use patchbay_model::ManualClock;
use serde_json::{Value, json};

use super::{HubSpot, HubSpotSender, Kind, PORTAL, vector};

struct Scene {
    hubspot: HubSpot,
    clock: Arc<ManualClock>,
    token: String,
    http: reqwest::Client,
}

impl Scene {
    async fn start() -> Self {
        let clock = Arc::new(ManualClock::new(chrono::DateTime::from_timestamp(1_793_491_200, 0).unwrap()));
        let hubspot = HubSpot::start(clock.clone()).await;
        let token = hubspot.token(PORTAL);
        Self { hubspot, clock, token, http: reqwest::Client::new() }
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.hubspot.url())).bearer_auth(&self.token).json(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    async fn search(&self, more: Value) -> (u16, Value) {
        self.clock.advance(chrono::Duration::seconds(1));
        let mut body = json!({"filterGroups": [], "sorts": [], "properties": ["email"], "limit": 2, "after": "0"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post("/crm/objects/2026-03/contacts/search", &body).await
    }
}

#[tokio::test]
async fn a_search_keeps_to_its_limits() {
    let scene = Scene::start().await;
    for index in 0..3 {
        let email = format!("{index}@example.com");
        scene.hubspot.edit(PORTAL, |portal, now| portal.create(Kind::Contacts, &[("email", email.as_str())], now));
    }
    let (status, page) = scene.search(json!({})).await;
    assert_eq!((status, &page["total"], &page["paging"]["next"]["after"]), (200, &json!(3), &json!("2")));
    for wrong in
        [json!({"limit": 201}), json!({"after": "9999"}), json!({"sorts": null}), json!({"query": "x".repeat(3_000)})]
    {
        assert_eq!(scene.search(wrong.clone()).await.0, 400, "{wrong}");
    }
    let body = json!({"filterGroups": [], "sorts": [], "properties": [], "limit": 1, "after": "0"});
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(scene.post("/crm/v3/objects/contacts/search", &body).await.0);
    }
    assert_eq!(
        statuses.iter().filter(|status| **status == 429).count(),
        2,
        "one was asked in this second before: {statuses:?}"
    );
    assert!(scene.hubspot.violations().iter().any(|text| text == "more than five searches a second"));
}

#[tokio::test]
async fn the_search_learns_of_a_change_later_than_a_read() {
    let scene = Scene::start().await;
    scene.hubspot.set_lag_ms(5_000);
    let id =
        scene.hubspot.edit(PORTAL, |portal, now| portal.create(Kind::Contacts, &[("email", "a@example.com")], now));
    assert_eq!(scene.search(json!({})).await.1["total"], 0);
    let body = json!({"inputs": [{"id": id.to_string()}], "properties": ["email"], "propertiesWithHistory": []});
    let (status, read) = scene.post("/crm/objects/2026-03/contacts/batch/read", &body).await;
    assert_eq!((status, &read["results"][0]["properties"]["email"]), (200, &json!("a@example.com")));
    scene.clock.advance(chrono::Duration::seconds(5));
    assert_eq!(scene.search(json!({})).await.1["total"], 1);
}

#[tokio::test]
async fn one_input_fails_alone_where_it_has_a_name() {
    let scene = Scene::start().await;
    let input = |email: &str, trace: Option<&str>| {
        let mut input = json!({"properties": {"email": email}});
        if let Some(trace) = trace {
            input["objectWriteTraceId"] = json!(trace);
        }
        input
    };
    let path = "/crm/objects/2026-03/contacts/batch/create";
    let (status, _) = scene.post(path, &json!({"inputs": [input("a@example.com", None), input("nobody", None)]})).await;
    assert_eq!((status, scene.hubspot.edit(PORTAL, |portal, _| portal.ids(Kind::Contacts).len())), (400, 0));
    let inputs = json!({"inputs": [input("a@example.com", Some("0")), input("nobody", Some("1"))]});
    let (status, told) = scene.post(path, &inputs).await;
    assert_eq!((status, &told["errors"][0]["context"]["objectWriteTraceId"]), (207, &json!(["1"])));
    let (status, told) = scene.post(path, &json!({"inputs": [input("A@example.com", None)]})).await;
    assert!(status == 409 && told["message"].as_str().unwrap().contains("Existing ID: "), "{told}");
}

#[tokio::test]
async fn what_it_is_asked_and_what_it_answers_has_hubspots_shapes() {
    let scene = Scene::start().await;
    if !scene.hubspot.checks_contract() {
        return;
    }
    let kind = "/crm/objects/2026-03/contacts";
    let new = json!({"properties": {"email": "a@example.com"}, "associations": []});
    let (status, made) = scene.post(kind, &new).await;
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!(status, 201);
    let input = |id: &str, email: &str| json!({"id": id, "properties": {"email": email}, "objectWriteTraceId": id});
    let upsert =
        json!({"inputs": [{"id": "b@example.com", "idProperty": "email", "properties": {"email": "b@example.com"}}]});
    let read =
        json!({"inputs": [{"id": id}, {"id": "1"}], "properties": ["email", "phone"], "propertiesWithHistory": []});
    for (verb, body, expected) in [
        ("upsert", upsert, 200),
        ("update", json!({"inputs": [input(&id, "c@example.com")]}), 200),
        ("update", json!({"inputs": [input(&id, "nobody"), input("1", "d@example.com")]}), 207),
        ("update", json!({"inputs": [{"id": id, "properties": {}}]}), 400),
        ("read", read, 207),
    ] {
        assert_eq!(scene.post(&format!("{kind}/batch/{verb}"), &body).await.0, expected, "{verb} {body}");
    }
    assert_eq!(scene.search(json!({"sorts": [{"propertyName": "email", "direction": "ASCENDING"}]})).await.0, 200);
    let request = |method: reqwest::Method, path: String| {
        scene.http.request(method, format!("{}{path}", scene.hubspot.url())).bearer_auth(&scene.token)
    };
    let one = format!("{kind}/{id}");
    let change = json!({"properties": {"phone": "+15550100"}});
    let changed = request(reqwest::Method::PATCH, one.clone()).json(&change).send().await.unwrap();
    assert_eq!(changed.status(), 200);
    for path in [one, format!("{kind}?limit=1"), format!("{kind}/1")] {
        let _ = request(reqwest::Method::GET, path).send().await.unwrap();
    }
    assert_eq!(scene.hubspot.violations(), Vec::<String>::new());
    // and a member that is misspelt is found
    let wrong = json!({"inputs": [{"id": id, "properties": {"phone": "+15550101"}, "objectWriteTraceID": "0"}]});
    let _ = scene.post(&format!("{kind}/batch/update"), &wrong).await;
    let violations = scene.hubspot.violations();
    assert!(matches!(violations.as_slice(), [one] if one.contains("objectWriteTraceID")), "{violations:?}");
}

#[tokio::test]
async fn several_values_are_compared_in_small_letters() {
    let scene = Scene::start().await;
    scene.hubspot.edit(PORTAL, |portal, now| portal.create(Kind::Contacts, &[("company", "Acme")], now));
    let asked = |value: &str| json!({"filterGroups": [{"filters": [{"propertyName": "company", "operator": "IN", "values": [value]}]}]});
    assert_eq!(scene.search(asked("acme")).await.1["total"], 1);
    assert_eq!(scene.search(asked("Acme")).await.1["total"], 0);
}

#[test]
fn the_sender_signs_as_hubspot_does() {
    let signature = HubSpotSender::new(vector::SECRET).sign("POST", vector::URL, vector::BODY, vector::TIME);
    assert_eq!(signature, vector::SIGNATURE);
}
