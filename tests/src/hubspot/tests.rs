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

#[test]
fn the_sender_signs_as_hubspot_does() {
    let signature = HubSpotSender::new(vector::SECRET).sign("POST", vector::URL, vector::BODY, vector::TIME);
    assert_eq!(signature, vector::SIGNATURE);
}
