//! What Zapier expects of an API with REST hooks, step by step, against the plugin alone.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail them")]

use patchbay_plugin_zapier::Zapier;
use patchbay_sdk::Error;
use patchbay_sdk::events::Event;
use patchbay_sdk::task::{Outcome, Task};
use patchbay_sdk::testing::{Exchange, MockHost, ProxyCall, ProxyReply, Reply};
use serde_json::{Value, json};

const TARGET: &str = "https://hooks.zapier.com/hooks/standard/123456/abcdef/";
const OTHER: &str = "https://hooks.zapier.com/hooks/standard/123456/ghijkl/";
const START: u64 = 1_793_491_200_000;

fn host() -> MockHost {
    let host = MockHost::with_manifest(include_str!("../plugin.toml"));
    host.set_now(START);
    host.set_webhook_url("https://hub.example.com/hooks/t");
    host
}

fn call(host: &MockHost, call: ProxyCall) -> (u16, Value) {
    let reply: ProxyReply = host.proxy::<Zapier>(call);
    reply.result.clone().unwrap();
    assert_eq!(reply.headers.get("content-type"), Some("application/json"));
    (reply.status.unwrap(), serde_json::from_str(&reply.text()).unwrap())
}

fn subscribe(host: &MockHost, body: &Value) -> Value {
    let (status, hook) = call(host, ProxyCall::post("/hooks").json(body));
    assert_eq!(status, 201, "{hook}");
    hook
}

fn hook(host: &MockHost, target: &str) -> String {
    subscribe(host, &json!({"target_url": target, "event": "contact.created"}))["id"].as_str().unwrap().to_owned()
}

fn contact(id: &str, time: u64, record: Value) -> Event {
    let data = json!({"object": "contact", "id": "1f81", "version": 1, "changed": ["email"], "record": record});
    Event {
        id: id.into(),
        kind: "contact.created".into(),
        subject: "1f81".into(),
        source: "hubspot".into(),
        time,
        data: data.to_string(),
    }
}

fn ada(id: &str, time: u64) -> Event {
    contact(id, time, json!({"email": "a@b.co", "name": {"first": "Ada", "last": null}, "tags": ["vip"]}))
}

/// Hands an event over, and does the jobs that come of it.
fn tell(host: &MockHost, event: Event) -> Result<(), Error> {
    host.deliver::<Zapier>(event)?;
    host.work_off::<Zapier>().map(drop)
}

/// Does the first step of the job that waits longest.
fn step(host: &MockHost) -> Result<Outcome, Error> {
    let job = host.jobs().remove(0);
    host.step::<Zapier>(Task {
        job: job.id,
        kind: job.kind,
        payload: job.payload.to_string(),
        cursor: None,
        attempt: 1,
    })
}

fn taken() -> Reply {
    Reply::json(200, &json!({"status": "success", "attempt": "1"}))
}

#[test]
fn step_1_the_key_is_tested_by_a_route_that_says_who_answers() {
    let host = host();
    host.set_config(json!({"label": "Acme"}));
    let (status, me) = call(&host, ProxyCall::get("/me"));
    assert_eq!((status, me["name"].as_str()), (200, Some("Acme")));
    assert_eq!(me, call(&host, ProxyCall::get("/me")).1, "it stays the same");
    assert_eq!(host.invoke::<Zapier>("auth-test", json!({})).unwrap(), me);
}

#[test]
fn step_2_the_same_subscription_again_is_the_same_hook() {
    let host = host();
    let body = json!({"target_url": TARGET, "event": "contact.created", "filters": {"pipeline": "p1"}, "zap_id": "of Zapier's own"});
    let first = subscribe(&host, &body);
    assert_eq!(first["event"], "contact.created");
    assert_eq!(first["target_url"], TARGET);
    assert_eq!(first["created_at"], "2026-11-01T00:00:00Z");
    host.set_now(START + 1_000);
    assert_eq!(subscribe(&host, &body), first);
    let other = subscribe(&host, &json!({"target_url": OTHER, "event": "contact.created"}));
    assert_ne!(other["id"], first["id"], "another Zap of the same user");
    let (_, listed) = call(&host, ProxyCall::get("/hooks"));
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(host.invoke::<Zapier>("list-hooks", json!({})).unwrap(), listed);
}

#[test]
fn step_3_samples_are_a_list_newest_first_in_the_shape_of_a_push() {
    let host = host();
    let (status, none) = call(&host, ProxyCall::get("/samples?event=contact.created&limit=3"));
    assert_eq!((status, none), (200, json!([])));
    hook(&host, TARGET);
    for (index, minute) in [(1, 0), (2, 2), (3, 4), (4, 6)] {
        let time = START + minute * 60_000;
        host.set_now(time);
        host.expect(Exchange::post(TARGET), taken());
        tell(&host, ada(&format!("evt_{index}"), time)).unwrap();
    }
    let (_, samples) = call(&host, ProxyCall::get("/samples?event=contact.created&limit=3"));
    let ids: Vec<_> = samples.as_array().unwrap().iter().map(|sample| sample["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["evt_4", "evt_3", "evt_2"]);
    assert_eq!(samples[0], host.sent().last().unwrap().json(), "the very payload of the push");
    assert_eq!(
        host.invoke::<Zapier>("sample", json!({"event": "contact.*", "limit": 1})).unwrap(),
        json!([samples[0]])
    );
}

#[test]
fn step_4_an_event_is_pushed_once_as_a_flat_object_with_its_id() {
    let host = host();
    hook(&host, TARGET);
    host.expect(
        Exchange::post(TARGET).header("content-type", "application/json").json(json!({
            "id": "evt_1", "event": "contact.created", "occurred_at": "2026-11-01T00:00:00Z", "source": "hubspot", "subject": "1f81",
            "data__object": "contact", "data__id": "1f81", "data__version": 1, "data__changed": ["email"],
            "data__record__email": "a@b.co", "data__record__name__first": "Ada", "data__record__name__last": null,
            "data__record__tags": ["vip"],
        })),
        taken(),
    );
    tell(&host, ada("evt_1", START)).unwrap();
    tell(&host, ada("evt_1", START)).unwrap();
    assert_eq!(host.sent().len(), 1, "seen twice, pushed once");
}

#[test]
fn keys_stay_and_what_an_event_does_not_have_is_null() {
    let host = host();
    hook(&host, TARGET);
    for (id, record) in
        [("evt_1", json!({"email": "a@b.co", "phone": "+1"})), ("evt_2", json!({"email": "c@d.co", "address": {}}))]
    {
        host.expect(Exchange::post(TARGET), taken());
        tell(&host, contact(id, START, record)).unwrap();
    }
    let second = host.sent()[1].json();
    assert_eq!((&second["data__record__phone"], &second["data__record__address"]), (&Value::Null, &Value::Null));
    let (_, samples) = call(&host, ProxyCall::get("/samples?event=contact.created"));
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&samples[1]), keys(&second), "an older sample has the newer keys, too");
}

#[test]
fn step_5_a_zap_that_is_gone_ends_its_hook() {
    let host = host();
    let id = hook(&host, TARGET);
    assert_eq!(call(&host, ProxyCall::get(&format!("/hooks/{id}"))).0, 200);
    host.expect(Exchange::post(TARGET), Reply::status(410));
    tell(&host, ada("evt_1", START)).unwrap();
    let (status, told) = call(&host, ProxyCall::get(&format!("/hooks/{id}")));
    assert_eq!((status, told["message"].as_str()), (404, Some("there is no such hook")));
    tell(&host, ada("evt_2", START)).unwrap();
    assert_eq!(host.sent().len(), 1);
}

#[test]
fn step_6_a_wish_to_wait_is_kept_and_is_no_failed_try() {
    let host = host();
    hook(&host, TARGET);
    host.deliver::<Zapier>(ada("evt_1", START)).unwrap();
    host.expect(Exchange::post(TARGET), Reply::status(429).header("retry-after", "2"));
    assert_eq!(step(&host), Ok(Outcome::Later(2_000)));
    host.expect(Exchange::post(TARGET), Reply::status(429));
    assert_eq!(step(&host), Ok(Outcome::Later(30_000)));
    host.expect(Exchange::post(TARGET), Reply::fails(Error::RateLimited(4_000)));
    assert_eq!(step(&host), Ok(Outcome::Later(4_000)));
}

#[test]
fn steps_7_and_8_whatever_else_fails_is_tried_again_with_the_same_id_and_a_redirect_is_not_followed() {
    let host = host();
    hook(&host, TARGET);
    host.deliver::<Zapier>(ada("evt_1", START)).unwrap();
    let answers = [
        Reply::status(500),
        Reply::status(404),
        Reply::status(301).header("location", "https://hooks.zapier.com/elsewhere"),
        Reply::fails(Error::Timeout),
    ];
    for answer in answers {
        host.set_now(host.now() + 1_000);
        host.expect(Exchange::post(TARGET), answer);
        assert!(matches!(step(&host), Err(Error::Unavailable(_) | Error::Timeout)));
    }
    host.expect(Exchange::post(TARGET), taken());
    assert_eq!(step(&host), Outcome::done(&json!({"pushed": true})));
    assert_eq!(step(&host), Outcome::done(&json!({"pushed": true})), "once more, after the crash of a hub");
    assert!(host.sent().iter().all(|sent| sent.json()["id"] == "evt_1"));
    assert_eq!(host.sent().len(), 5);
}

#[test]
fn an_event_that_many_zaps_want_is_spread_over_several_calls() {
    let host = host();
    for index in 0..200 {
        let target = format!("https://hooks.zapier.com/hooks/standard/{index}/a/");
        subscribe(&host, &json!({"target_url": target, "event": "contact.created"}));
    }
    host.deliver::<Zapier>(ada("evt_1", START)).unwrap();
    assert_eq!(host.jobs().len(), 91);
    let job = host.jobs().into_iter().find(|job| job.kind == "spread").unwrap();
    let mut cursor = None;
    loop {
        let (kind, payload) = (job.kind.clone(), job.payload.to_string());
        match host.step::<Zapier>(Task { job: job.id.clone(), kind, payload, cursor, attempt: 1 }).unwrap() {
            Outcome::Again { cursor: next, .. } => cursor = Some(next),
            _ => break,
        }
    }
    let jobs = host.jobs();
    let mut targets: Vec<_> =
        jobs.iter().filter(|job| job.kind == "push").map(|job| job.payload["hook"].to_string()).collect();
    targets.sort();
    targets.dedup();
    assert_eq!(targets.len(), 200);
}

#[test]
fn a_large_event_is_planned_for_fewer_hooks_at_a_time() {
    let host = host();
    for index in 0..95 {
        hook(&host, &format!("https://hooks.zapier.com/hooks/standard/{index}/a/"));
    }
    host.deliver::<Zapier>(contact("evt_1", START, json!({"transcript": "x".repeat(190_000)}))).unwrap();
    let sizes: Vec<usize> = host.jobs().iter().map(|job| job.payload.to_string().len()).collect();
    assert!(sizes.iter().sum::<usize>() < 10 << 20, "a call may leave 16 MiB behind: {sizes:?}");
    let job = host.jobs().into_iter().find(|job| job.kind == "spread").unwrap();
    let mut cursor = None;
    loop {
        let before = host.jobs().len();
        let (kind, payload) = (job.kind.clone(), job.payload.to_string());
        let outcome = host.step::<Zapier>(Task { job: job.id.clone(), kind, payload, cursor, attempt: 1 }).unwrap();
        assert!((host.jobs().len() - before) * 190_000 < 10 << 20);
        match outcome {
            Outcome::Again { cursor: next, .. } => cursor = Some(next),
            _ => break,
        }
    }
    assert_eq!(host.jobs().iter().filter(|job| job.kind == "push").count(), 95);
}

#[test]
fn a_push_that_failed_is_not_pushed() {
    let host = host();
    subscribe(&host, &json!({"target_url": TARGET, "event": "*"}));
    let failed = |id: &str, plugin: &str| Event {
        kind: "job.failed".into(),
        data: json!({"job": "job_1", "kind": "task", "plugin": plugin}).to_string(),
        ..ada(id, START)
    };
    tell(&host, failed("evt_1", "zapier")).unwrap();
    host.expect(Exchange::post(TARGET), taken());
    tell(&host, failed("evt_2", "stripe")).unwrap();
    assert_eq!(host.sent().len(), 1);
}

#[test]
fn what_is_too_large_for_a_job_loses_its_largest_value_and_no_key() {
    let host = host();
    hook(&host, TARGET);
    host.expect(Exchange::post(TARGET), taken());
    tell(&host, contact("evt_1", START, json!({"transcript": "x".repeat(300_000), "email": "a@b.co"}))).unwrap();
    let sent = host.sent()[0].json();
    assert_eq!((&sent["data__record__transcript"], &sent["data__record__email"]), (&Value::Null, &json!("a@b.co")));
}

#[test]
fn step_9_to_unsubscribe_twice_is_fine() {
    let host = host();
    let id = hook(&host, TARGET);
    let (status, ended) = call(&host, ProxyCall::new("DELETE", &format!("/hooks/{id}")));
    assert_eq!((status, &ended["existed"]), (200, &json!(true)));
    let (status, again) = call(&host, ProxyCall::new("DELETE", &format!("/hooks/{id}")));
    assert_eq!((status, &again["existed"]), (200, &json!(false)));
    assert_eq!(host.invoke::<Zapier>("unsubscribe", json!({"id": id})).unwrap()["existed"], false);
    tell(&host, ada("evt_1", START)).unwrap();
    assert!(host.sent().is_empty());
}

#[test]
fn a_subscription_is_for_zapiers_own_addresses_and_the_message_says_so() {
    let host = host();
    for (body, told) in [
        (
            json!({"target_url": "https://example.com/hooks/standard/1/a/", "event": "a.b"}),
            "target_url: expected a URL of Zapier",
        ),
        (json!({"target_url": "http://hooks.zapier.com/hooks/standard/1/a/", "event": "a.b"}), "target_url"),
        (json!({"target_url": TARGET, "event": "A B"}), "event: expected a type of event"),
        (json!({"target_url": TARGET, "event": "a.b", "filters": {"x": {"y": 1}}}), "filters/x"),
        (json!({"event": "a.b"}), "target_url"),
        (json!([]), "the body"),
    ] {
        let (status, answer) = call(&host, ProxyCall::post("/hooks").json(&body));
        assert_eq!(status, 400, "{body}");
        assert!(answer["message"].as_str().unwrap().contains(told), "{body}: {answer}");
    }
    let (status, answer) = call(&host, ProxyCall::get("/samples"));
    assert_eq!((status, answer["message"].is_string()), (400, true));
}

#[test]
fn a_hook_gets_what_its_pattern_and_its_filters_want() {
    let host = host();
    for (target, event, filters) in [
        (TARGET, "*", json!({"record.email": "a@b.co"})),
        (OTHER, "contact.*", json!({"data__version": "1", "source": ["hubspot", "salesforce"]})),
        ("https://hooks.zapier.com/hooks/catch/1/a/", "contact.created", json!({"record.email": "someone@else.co"})),
        ("https://hooks.zapier.com/hooks/catch/1/b/", "deal.*", json!({})),
    ] {
        subscribe(&host, &json!({"target_url": target, "event": event, "filters": filters}));
    }
    host.expect(Exchange::post(TARGET), taken());
    host.expect(Exchange::post(OTHER), taken());
    tell(&host, ada("evt_1", START)).unwrap();
}

#[test]
fn a_url_is_pushed_to_25_times_a_second_and_no_more() {
    let host = host();
    hook(&host, TARGET);
    for window in 0..5 {
        host.set_now(START + window * 200);
        for index in 0..5 {
            host.expect(Exchange::post(TARGET), taken());
            tell(&host, ada(&format!("evt_{window}_{index}"), START)).unwrap();
        }
        host.deliver::<Zapier>(ada(&format!("evt_{window}_more"), START)).unwrap();
        let job = host.jobs().pop().unwrap();
        let task = Task { job: job.id, kind: job.kind, payload: job.payload.to_string(), cursor: None, attempt: 1 };
        let outcome = host.step::<Zapier>(task).unwrap();
        assert!(matches!(outcome, Outcome::Later(wait) if (200..=400).contains(&wait)), "{outcome:?}");
        // it waits: the others of the next window go first
        host.set_now(START + window * 200 + 100_000);
        host.expect(Exchange::post(TARGET), taken());
        host.work_off::<Zapier>().unwrap();
    }
    assert_eq!(host.sent().len(), 30);
}

#[test]
fn an_account_is_pushed_to_300_times_in_ten_seconds_and_no_more() {
    let host = host();
    let target = |index: usize| format!("https://hooks.zapier.com/hooks/standard/777/h{index}/");
    let event = |index: usize| Event { kind: format!("t{index}.made"), ..ada(&format!("evt_{index}"), START) };
    for index in 0..301 {
        subscribe(&host, &json!({"target_url": target(index), "event": format!("t{index}.made")}));
    }
    for index in 0..300 {
        host.expect(Exchange::post(target(index)), taken());
        tell(&host, event(index)).unwrap();
    }
    host.deliver::<Zapier>(event(300)).unwrap();
    let outcome = step(&host).unwrap();
    assert!(matches!(outcome, Outcome::Later(wait) if wait >= 10_000), "{outcome:?}");
}

#[test]
fn a_catch_hook_is_pushed_to_without_knowing_its_url() {
    let host = host();
    host.set_secret("catch_hook_url", "https://hooks.zapier.com/hooks/catch/1/canary/");
    let catch = || Exchange::post("https://hooks.zapier.com/hooks/catch/0/0").credential("catch_hook_url");
    host.expect(catch().json(json!({"a": 1, "id": "run_test"})), taken());
    assert_eq!(host.invoke::<Zapier>("push", json!({"payload": {"a": 1}})).unwrap(), json!({"id": "run_test"}));
    host.expect(catch().json(json!({"id": 7})), taken());
    assert_eq!(host.invoke::<Zapier>("push", json!({"payload": {"id": 7}})).unwrap(), json!({"id": 7}));
    host.expect(catch(), Reply::status(429).header("retry-after", "3"));
    let result = host.invoke::<Zapier>("push", json!({"payload": {}}));
    assert!(matches!(&result, Err(Error::Upstream(failure)) if failure.retry_after_ms == Some(3_000)), "{result:?}");
}
