//! Menus of calls on a whole hub: saved, published, answered, written down.

use std::time::Duration;

use patchbay_tests::{
    Fixture, Org, TestHub,
    ivr::verbs::{Carrier, Verb, verbs},
};
use serde_json::{Value, json};
use url::Url;

const NUMBER: &str = "+14155550199";
const CALLBACK: &str = "https://hub.example.com/hooks/carrier";

/// For what is done behind an answer.
const SOON: Duration = Duration::from_secs(60);

struct Scene {
    hub: TestHub,
    org: Org,
}

impl Scene {
    async fn start() -> Self {
        let hub = TestHub::start().await;
        let org = hub.org("acme").await;
        let _ = org.upload(Fixture::plugin("ivr").pack()).await.expect(201);
        let _ = org.install("ivr", json!({"disclosure": {"say": "Recorded."}})).await.expect(200);
        Self { hub, org }
    }
}

fn menu(greeting: &str) -> Value {
    json!({
        "name": "Front desk", "start": "main",
        "menus": {"main": {"greeting": {"say": greeting}, "options": {
            "1": {"do": "transfer", "to": "+14155550100", "otherwise": {"do": "voicemail", "mailbox": "sales"}},
            "9": {"do": "hangup"},
        }}},
    })
}

async fn act(org: &Org, action: &str, input: Value) -> Value {
    org.act("ivr", action, &input).await.expect(200).json()["output"].clone()
}

/// Saves a menu and publishes it; gives its version.
async fn publish(org: &Org, menu: Value) -> u64 {
    let saved = act(org, "save-menu", json!({"id": "main", "menu": menu})).await;
    assert_eq!(saved["problems"], json!([]));
    let published = json!({"id": "main", "version": saved["version"], "numbers": [NUMBER]});
    assert_eq!(act(org, "publish-menu", published).await[0]["number"], NUMBER);
    saved["version"].as_u64().unwrap()
}

fn question(call: &str, dialect: &str, position: Option<&str>, request: Value) -> Value {
    json!({
        "dialect": dialect, "position": position, "request": request, "at": "2026-11-02T15:00:00Z", "callback_url": CALLBACK,
        "call": {"id": call, "from": "+14155550123", "to": NUMBER, "direction": "inbound"},
    })
}

/// What a call hears when it comes in.
async fn start(org: &Org, call: &str) -> (Value, Vec<Verb>) {
    let answer = act(org, "answer", question(call, "twiml", None, json!({"kind": "start"}))).await;
    let told = verbs(Carrier::Twilio, answer["document"].as_str().unwrap());
    (answer, told)
}

async fn greeting(org: &Org, call: &str) -> Vec<String> {
    start(org, call).await.1.iter().flat_map(Verb::spoken).collect()
}

pub async fn a_menu_is_saved_published_and_answered_in_both_dialects() {
    let scene = Scene::start().await;
    let version = publish(&scene.org, menu("Press one.")).await;
    for (dialect, carrier) in [("texml", Carrier::Telnyx), ("twiml", Carrier::Twilio)] {
        let call = format!("{dialect}-1");
        let answer = act(&scene.org, "answer", question(&call, dialect, None, json!({"kind": "start"}))).await;
        assert_eq!(answer["menu_version"].as_u64(), Some(version));
        let told = verbs(carrier, answer["document"].as_str().unwrap());
        assert_eq!(told.iter().flat_map(Verb::spoken).collect::<Vec<_>>(), ["Recorded.", "Press one."]);
        let url = Url::parse(told[1].attribute("action").unwrap()).unwrap();
        let position = url.query_pairs().find(|(name, _)| name == "ivr").unwrap().1.into_owned();
        let pressed = question(&call, dialect, Some(&position), json!({"kind": "digits", "digits": "1"}));
        let answer = act(&scene.org, "answer", pressed.clone()).await;
        assert_eq!(verbs(carrier, answer["document"].as_str().unwrap())[0].text, "+14155550100");
        // once more, and the answer is the same
        assert_eq!(act(&scene.org, "answer", pressed).await, answer);
    }
    // what they did is written down, once
    let written = scene
        .org
        .wait_for(SOON, || async {
            let calls = act(&scene.org, "list-calls", json!({"menu": "main"})).await["calls"].clone();
            let done = |call: &Value| call["steps"].as_array().is_some_and(|steps| steps.len() == 4);
            let calls = calls.as_array().unwrap().clone();
            (calls.len() == 2 && calls.iter().all(done)).then_some(calls)
        })
        .await;
    assert!(written.iter().all(|call| call["path"] == json!(["1"])), "{written:?}");
}

pub async fn what_is_wrong_is_told_by_its_place_and_not_published() {
    let scene = Scene::start().await;
    let mut wrong = menu("Press one.");
    wrong["menus"]["main"]["options"]["2"] = json!({"do": "submenu", "menu": "nowhere"});
    let saved = act(&scene.org, "save-menu", json!({"id": "main", "menu": wrong})).await;
    assert_eq!((&saved["valid"], &saved["problems"][0]["path"]), (&json!(false), &json!("/menus/main/options/2")));
    let publish = json!({"id": "main", "version": 1, "numbers": [NUMBER]});
    assert_eq!(scene.org.act("ivr", "publish-menu", &publish).await.status, 422);
    // and what the schema holds is refused at once
    wrong["menus"]["main"]["options"]["2"] = json!({"do": "dance"});
    assert_eq!(scene.org.act("ivr", "save-menu", &json!({"id": "main", "menu": wrong})).await.status, 422);
    let nobody = act(&scene.org, "answer", question("CA1", "twiml", None, json!({"kind": "start"}))).await;
    assert_eq!(nobody["document"], Value::Null);
}

pub async fn a_menu_is_rolled_back() {
    let scene = Scene::start().await;
    assert_eq!(publish(&scene.org, menu("First.")).await, 1);
    assert_eq!(publish(&scene.org, menu("Second.")).await, 2);
    assert_eq!(greeting(&scene.org, "CA1").await, ["Recorded.", "Second."]);
    let back = act(&scene.org, "roll-back-menu", json!({"id": "main"})).await;
    assert_eq!(back, json!([{"number": NUMBER, "id": "main", "version": 1}]));
    assert_eq!(greeting(&scene.org, "CA2").await, ["Recorded.", "First."]);
}

pub async fn another_organization_has_menus_of_its_own() {
    let scene = Scene::start().await;
    publish(&scene.org, menu("Ours.")).await;
    let other = scene.hub.org("other").await;
    let _ = other.install("ivr", json!({})).await.expect(200);
    assert_eq!(start_of(&other).await["document"], Value::Null);
    assert_eq!(act(&other, "list-menus", json!({})).await["menus"], json!([]));
    for (action, input) in [
        ("get-menu", json!({"id": "main"})),
        ("simulate", json!({"id": "main", "dialect": "twiml"})),
        ("publish-menu", json!({"id": "main", "version": 1, "numbers": [NUMBER]})),
        ("roll-back-menu", json!({"id": "main"})),
        ("delete-menu", json!({"id": "main", "unpublish": true})),
    ] {
        assert_eq!(other.act("ivr", action, &input).await.status, 404, "{action}");
    }
    // the same number and the same name are another menu there
    publish(&other, menu("Theirs.")).await;
    assert_eq!(greeting(&other, "CA1").await, ["Theirs."]);
    assert_eq!(greeting(&scene.org, "CA1").await, ["Recorded.", "Ours."]);
}

pub async fn a_caller_who_is_a_contact_is_greeted_by_name() {
    let scene = Scene::start().await;
    let _ = scene.org.upload(Fixture::load("scribe").pack()).await.expect(201);
    let _ = scene.org.install("scribe", json!({})).await.expect(200);
    let mut named = menu("Welcome.");
    named["menus"]["main"]["greeting"]["known"] = json!("Hello {caller.first_name}.");
    publish(&scene.org, named.clone()).await;
    assert_eq!(greeting(&scene.org, "CA1").await, ["Recorded.", "Welcome."]);

    // by the second of their numbers
    let ada = json!({"first_name": "Ada <3", "phone": "+14155550177", "phones": ["+14155550177", "+14155550123"]});
    let put = json!({"op": "put", "object": "contact", "id": "scribe:1", "data": ada});
    let _ = scene.org.act("scribe", "run", &put).await.expect(200);
    let found = scene.org.get("/v1/records/contact?phone=%2B14155550123").await.expect(200).json();
    assert_eq!(found["items"][0]["id"], "scribe:1");
    assert_eq!(greeting(&scene.org, "CA2").await, ["Recorded.", "Hello Ada <3."]);
    let simulate = json!({"id": "main", "dialect": "twiml", "from": "+14155550123"});
    let heard = act(&scene.org, "simulate", simulate).await["exchanges"][0]["heard"].clone();
    assert_eq!(heard, json!([{"say": "Recorded."}, {"say": "Hello Ada <3."}]));

    // whom one organization knows, another does not
    let other = scene.hub.org("other").await;
    let _ = other.install("ivr", json!({})).await.expect(200);
    publish(&other, named).await;
    assert_eq!(greeting(&other, "CA1").await, ["Welcome."]);
}

async fn start_of(org: &Org) -> Value {
    act(org, "answer", question("CA1", "twiml", None, json!({"kind": "start"}))).await
}

pub async fn a_recording_of_a_prompt_is_had_without_a_key_and_by_its_url_alone() {
    let scene = Scene::start().await;
    let kept = act(&scene.org, "upload-audio", json!({"content_type": "audio/mpeg", "content": "c291bmQ="})).await;
    let mut own = menu("unused");
    own["menus"]["main"]["greeting"] = json!({"blob": kept["blob"], "say": "Hello."});
    publish(&scene.org, own).await;
    let (_, told) = start(&scene.org, "CA1").await;
    let url = Url::parse(&told[1].nested[0].text).unwrap();
    let path = format!("{}?{}", url.path(), url.query().unwrap());
    let had = scene.org.without_key("GET", &path).send().await.expect(200);
    assert_eq!((had.header("content-type"), &had.body[..]), (Some("audio/mpeg"), &b"sound"[..]));
    assert!(scene.org.without_key("GET", &path.replace("blob_", "blob_0")).send().await.status >= 400);
    assert!(scene.org.without_key("POST", &path).send().await.status >= 400);
}
