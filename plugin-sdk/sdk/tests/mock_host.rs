//! The mock host behaves as the hub does.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail them")]

use std::time::Duration;

use patchbay_sdk::cache::{self, Found, Key, Terms};
use patchbay_sdk::kv::Entry;
use patchbay_sdk::records::Change;
use patchbay_sdk::signature::{Digest, KeyEncoding};
use patchbay_sdk::task::{Outcome, Task};
use patchbay_sdk::testing::{ActionCall, ActionOutput, Exchange, MockHost, Reply, source};
use patchbay_sdk::{
    Actions, Call, Connector, Error, File, Headers, NoConfig, blobs, clock, events, http, installation, kv, log,
    objects, random, records, signature, usage,
};
use serde_json::{Value, json};

/// Does a little of everything.
struct Busy;

impl Busy {
    /// Leaves traces of all kinds, then fails if it is told to.
    fn leave_traces(call: Call<Value>) -> Result<Value, Error> {
        records::put("things", "a", &json!({"colour": "red"}), Some(0))?;
        events::publish("busy.done", "a", &json!({}), Some("evt"))?;
        usage::reported("calls", 1)?;
        kv::set("key", b"value", None, None)?;
        log::info("was here", &[("who", "busy")]);
        if call.input.get("fail") == Some(&json!(true)) {
            return Err(Error::Unavailable("as told".into()));
        }
        Ok(json!({"key": call.idempotency_key, "run": call.run}))
    }

    fn echo_file(call: Call<NoConfig>) -> Result<File, Error> {
        let Some(attachment) = call.attachment else {
            return Err(Error::invalid("", "a file"));
        };
        Ok(File::Stored(blobs::put("text/plain", attachment)?))
    }
}

impl Connector for Busy {
    type Config = NoConfig;

    fn actions() -> Actions {
        Actions::new().add("leave-traces", Self::leave_traces).add_file("echo-file", Self::echo_file)
    }

    fn step(task: Task) -> Result<Outcome, Error> {
        match task.cursor::<u32>()?.unwrap_or_default() {
            2 => Outcome::done(&task.payload::<Value>()?),
            page => Outcome::again(&(page + 1), Some(page * 500)),
        }
    }
}

const MANIFEST: &str = r#"
[[credentials]]
name = "key"
inject = { header = "authorization" }

[[credentials]]
name = "signing_secret"

[[credentials]]
name = "hook_secret"
inject = { json = "/secret", webhook-url = "/url" }

[[egress]]
host = "api.example.com"
methods = ["GET"]
paths = ["/v1/*"]

[[events.emits]]
type = "busy.*"

[[meters]]
name = "calls"

[[collections]]
name = "things"
schema = "schemas/thing.json"
indexes = { colour = "/colour" }
"#;

#[test]
fn a_call_that_succeeds_keeps_all_its_effects() {
    let host = MockHost::with_manifest(MANIFEST);
    let call = ActionCall::new("leave-traces", json!({})).idempotency_key("once");
    let output = host.invoke_with::<Busy>(call).unwrap();
    assert_eq!(output, ActionOutput::Json(json!({"key": "once", "run": "run_test"})));
    assert_eq!(host.record("things", "a"), Some(json!({"colour": "red"})));
    assert_eq!(host.events()[0].kind, "busy.done");
    assert_eq!(host.usage().len(), 1);
    assert_eq!(host.log()[0].message, "was here");
}

#[test]
fn a_call_that_fails_keeps_usage_and_small_values_only() {
    let host = MockHost::with_manifest(MANIFEST);
    assert!(host.invoke::<Busy>("leave-traces", json!({"fail": true})).is_err());
    assert_eq!(host.record("things", "a"), None);
    assert_eq!(host.events(), []);
    assert_eq!(host.usage().len(), 1);
    assert_eq!(kv::get("key"), Ok(Some(Entry { value: b"value".to_vec(), version: 1 })));
}

#[test]
fn standard_objects_are_shared_by_their_names() {
    let _host = MockHost::with_manifest("id = \"busy\"\n[objects]\ncall = \"write\"\ncontact = \"read\"");
    let call = json!({"direction": "inbound", "status": "ringing", "external_ids": {"busy": "7"}});
    assert_eq!(records::put(objects::CALL, "busy:7", &call, Some(0)), Ok(1));
    let ended = objects::change(objects::CALL, "busy:7", |call| drop(call.insert("status".into(), json!("completed"))));
    assert_eq!(ended, Ok(2));
    let found = records::get::<Value>(objects::CALL, "busy:7").unwrap().unwrap();
    assert_eq!((&found.data["status"], &found.data["direction"]), (&json!("completed"), &json!("inbound")));
    assert_eq!(objects::find_external(objects::CALL, "busy", "7"), Ok(Some("busy:7".into())));
    assert_eq!(objects::find_external(objects::CALL, "busy", "8"), Ok(None));

    assert!(matches!(records::put(objects::CALL, "other:7", &call, None), Err(Error::Invalid(_))), "another's name");
    assert_eq!(records::get::<Value>(objects::CONTACT, "hubspot:1"), Ok(None));
    let denied = records::put(objects::CONTACT, "busy:1", &json!({}), None);
    assert_eq!(denied, Err(Error::Denied("[objects] in plugin.toml needs contact = \"write\"".into())));
    let denied = records::get::<Value>(objects::DEAL, "busy:1");
    assert_eq!(denied, Err(Error::Denied("[objects] in plugin.toml needs deal = \"read\"".into())));
}

#[test]
fn what_is_not_offered_says_so() {
    let host = MockHost::new();
    assert_eq!(
        host.invoke::<Busy>("other", json!({})),
        Err(Error::NotFound("this plugin does not offer the action other".into()))
    );
    let event = events::Event {
        id: "e".into(),
        kind: "x.y".into(),
        subject: String::new(),
        source: "x".into(),
        time: 0,
        data: "{}".into(),
    };
    assert_eq!(host.deliver::<Busy>(event), Err(Error::NotFound("this plugin does not offer event handling".into())));
}

#[test]
fn a_file_is_stored_and_given() {
    let host = MockHost::new();
    let output = host.invoke_with::<Busy>(ActionCall::new("echo-file", json!({})).attachment("hello")).unwrap();
    let ActionOutput::File(File::Stored(blob)) = output else { panic!("{output:?}") };
    assert_eq!(blob.sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    assert_eq!(host.blob(&blob.id), Some(("text/plain".into(), b"hello".to_vec())));
    let (_, body) = blobs::open(&blob.id).unwrap();
    assert_eq!(
        (body.size(), body.read(2), body.read_to_end(9)),
        (Some(5), Ok(Some(b"he".to_vec())), Ok(b"llo".to_vec()))
    );
    assert_eq!(blobs::delete(&blob.id), Ok(true));
    assert!(matches!(blobs::open(&blob.id), Err(Error::NotFound(_))));
}

#[test]
fn a_job_goes_on_from_its_cursor() {
    let host = MockHost::new();
    let mut task = Task { job: "j".into(), kind: "sync".into(), payload: "[7]".into(), cursor: None, attempt: 1 };
    let mut steps = Vec::new();
    let result = loop {
        match host.step::<Busy>(task.clone()).unwrap() {
            Outcome::Again { cursor, progress } => {
                steps.push(progress);
                task.cursor = Some(cursor);
            }
            other => break other,
        }
    };
    assert_eq!(steps, [Some(0), Some(500)]);
    assert_eq!(result, Outcome::Done(Some("[7]".into())));
}

#[test]
fn what_the_manifest_does_not_grant_is_refused_with_the_missing_line() {
    let host = MockHost::with_manifest(MANIFEST);
    let denial = |result: Result<http::WholeResponse, Error>| match result {
        Err(Error::Denied(text)) => text,
        other => panic!("not denied: {other:?}"),
    };
    let text = denial(http::Request::post("https://api.example.com/v1/x").fetch());
    assert!(text.contains("[[egress]]") && text.contains("POST"), "{text}");
    let text = denial(http::Request::get("https://api.example.com/v1/x").credential("signing_secret").fetch());
    assert!(text.contains("[credentials.inject]"), "{text}");
    let text = denial(http::Request::get("https://api.example.com/v1/x").credential("hook_secret").fetch());
    assert!(text.contains("by itself"), "{text}");
    let text = denial(http::Request::get("https://api.example.com/v1/x").credential("other").fetch());
    assert!(text.contains("[[credentials]]"), "{text}");
    assert!(matches!(events::publish("other.x", "", &json!({}), None), Err(Error::Denied(_))));
    assert!(matches!(records::put("other", "a", &json!({}), None), Err(Error::Denied(_))));
    assert!(matches!(usage::reported("other", 1), Err(Error::Denied(_))));
    assert!(matches!(signature::equals("other", b"x"), Err(Error::Denied(_))));
    drop(host);
}

#[test]
fn versions_guard_documents() {
    let host = MockHost::with_manifest(MANIFEST);
    assert_eq!(records::put("things", "a", &json!({"n": 1}), Some(0)), Ok(1));
    assert!(matches!(records::put("things", "a", &json!({"n": 2}), Some(0)), Err(Error::Conflict(_))));
    assert_eq!(records::put("things", "a", &json!({"n": 2}), Some(1)), Ok(2));
    let changes = ["b", "a"].map(|id| Change { id: id.into(), data: json!({"n": 3}), expected: Some(0) });
    assert!(matches!(records::put_many("things", &changes), Err(Error::Conflict(_))));
    assert_eq!(host.record("things", "b"), None, "all or none");
    let found = records::get_many::<Value>("things", &["b", "a"]).unwrap();
    assert_eq!((found.len(), found[0].version, found[0].updated_at), (1, 2, clock::now()));
    assert_eq!(records::delete("things", "a"), Ok(true));
    assert_eq!(records::get::<Value>("things", "a"), Ok(None));
}

#[test]
fn documents_are_found_by_declared_indexes_in_pages() {
    let host = MockHost::with_manifest(MANIFEST);
    for (id, colour) in [("c", "red"), ("a", "red"), ("b", "blue"), ("d", "red")] {
        host.put_record("things", id, &json!({"colour": colour}));
    }
    let red = json!({"colour": "red"});
    let page = records::query::<Value>("things", &red, 2, None).unwrap();
    let ids: Vec<_> = page.documents.iter().map(|document| document.id.as_str()).collect();
    assert_eq!((ids, page.next.as_deref()), (vec!["a", "c"], Some("c")));
    let page = records::query::<Value>("things", &red, 2, page.next.as_deref()).unwrap();
    assert_eq!((page.documents.len(), page.next), (1, None));
    assert!(matches!(records::query::<Value>("things", &json!({"size": 1}), 2, None), Err(Error::Invalid(_))));
}

#[test]
fn small_values_expire_and_count() {
    let host = MockHost::new();
    let minute = Some(Duration::from_secs(60));
    assert_eq!(kv::set("nonce", b"1", minute, Some(0)), Ok(1));
    assert!(matches!(kv::set("nonce", b"1", minute, Some(0)), Err(Error::Conflict(_))));
    assert_eq!((kv::add("hits", 2, minute), kv::add("hits", -5, None)), (Ok(2), Ok(-3)));
    kv::set("text", b"x", None, None).unwrap();
    assert!(matches!(kv::add("text", 1, None), Err(Error::Invalid(_))));
    host.set_now(host.now() + 60_000);
    assert_eq!((kv::get("nonce"), kv::add("hits", 1, None)), (Ok(None), Ok(1)));
    assert_eq!((kv::delete("text"), kv::delete("text")), (Ok(true), Ok(false)));
}

#[test]
fn signatures_are_computed_for_real() {
    let host = MockHost::new();
    // RFC 4231, test case 2.
    host.set_secret("raw", "Jefe");
    let mac = host.sign("raw", Digest::Sha256, KeyEncoding::Raw, b"what do ya want for nothing?");
    assert_eq!(mac[..4], [0x5b, 0xdc, 0xc1, 0x46]);
    // Standard Webhooks: the key is what follows the prefix.
    host.set_secret("standard", "whsec_SmVmZQ==");
    host.rotate_secret("standard", "whsec_AAAA");
    let matches = signature::hmac_matches(
        "standard",
        Digest::Sha256,
        KeyEncoding::Base64Suffix,
        b"what do ya want for nothing?",
        &mac,
    );
    assert_eq!(matches, Ok(true), "by the secret before the rotation");
    // RFC 8032, test 2.
    host.set_secret("public", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    let hex = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
    let signed: Vec<u8> = (0..64).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect();
    assert_eq!(signature::ed25519_matches("public", &[0x72], &signed), Ok(true));
    assert_eq!(signature::ed25519_matches("public", &[0x73], &signed), Ok(false));
    assert_eq!((signature::equals("raw", b"Jefe"), signature::equals("raw", b"jefe")), (Ok(true), Ok(false)));
    assert!(matches!(signature::equals("none", b""), Err(Error::Reauthorize(_))));
}

#[test]
fn the_installation_is_what_the_test_makes_it() {
    let host = MockHost::new();
    assert_eq!(installation::connection(), None);
    host.set_secret("key", "s");
    host.set_config(json!({"region": "eu"}));
    host.set_webhook_url("https://hub.example.com/hooks/1");
    assert_eq!(installation::connection().map(|account| account.credentials), Some(vec!["key".to_owned()]));
    assert_eq!(installation::config::<Value>(), Ok(json!({"region": "eu"})));
    assert_eq!(installation::webhook_url(), "https://hub.example.com/hooks/1");
    assert_eq!((random::bytes(8).len(), random::bytes(5000).len()), (8, 4096));
    assert_ne!(random::bytes(8), random::bytes(8));
}

#[test]
fn bodies_flow_and_break_off_as_scripted() {
    let host = MockHost::new();
    host.expect(
        Exchange::new("PUT", "https://a.example/x").body("upload"),
        Reply::status(200).chunk("one").breaks_off(),
    );
    let request = http::Request::put("https://a.example/x").body(http::Body::Stream(source("upload")));
    let response = request.send().unwrap();
    assert_eq!(response.body.read(10), Ok(Some(b"one".to_vec())));
    assert!(matches!(response.body.read(10), Err(Error::Unavailable(_))));
    assert_eq!(host.sent()[0].body, b"upload");
    assert!(matches!(source("too long").read_to_end(3), Err(Error::Exhausted(_))));
}

#[test]
#[should_panic(expected = "request 1 is not GET https://a.example/x:\n  url: expected \"https://a.example/x\"")]
fn a_request_that_differs_fails_the_test() {
    let host = MockHost::new();
    host.expect(Exchange::get("https://a.example/x"), Reply::status(200));
    let _ = http::Request::get("https://a.example/y").fetch();
}

#[test]
#[should_panic(expected = "request 1 was not expected: GET https://a.example/x")]
fn a_request_too_many_fails_the_test() {
    let _host = MockHost::new();
    let _ = http::Request::get("https://a.example/x").fetch();
}

#[test]
#[should_panic(expected = "expected and never sent:\n  GET https://a.example/x")]
fn a_request_that_never_comes_fails_the_test() {
    let host = MockHost::new();
    host.expect(Exchange::get("https://a.example/x"), Reply::status(200));
}

#[test]
#[should_panic(expected = "no hub on this thread")]
fn without_a_host_the_test_says_what_is_missing() {
    let _ = clock::now();
}

#[test]
fn what_the_hub_would_refuse_for_its_size_is_refused() {
    let host = MockHost::with_manifest(MANIFEST);
    let pointer = |error: Error| match error {
        Error::Invalid(violations) => violations[0].pointer.clone(),
        other => panic!("{other:?}"),
    };
    let large = |size: usize| json!("x".repeat(size));
    assert_eq!(pointer(records::put("things", "a", &large(1 << 20), None).unwrap_err()), "/data");
    assert_eq!(records::put("things", "a", &large((1 << 20) - 2), None), Ok(1));
    let change = Change { id: "b".to_owned(), data: large(1 << 20), expected: None };
    assert_eq!(pointer(records::put_many("things", &[change]).unwrap_err()), "/changes/0/data");
    assert_eq!(pointer(events::publish("busy.done", "a", &large(1 << 20), None).unwrap_err()), "/data");
    assert_eq!(pointer(events::publish("busy.done", &"s".repeat(1025), &json!({}), None).unwrap_err()), "/subject");
    assert_eq!(pointer(events::publish("busy.done", "a", &json!({}), Some("")).unwrap_err()), "/id");
    assert_eq!(pointer(blobs::put_bytes("text", b"x").unwrap_err()), "/content-type");

    let get = || Exchange::get("https://api.example.com/v1/x").credential("key");
    for (size, fits) in [(4 << 20, true), ((4 << 20) + 1, false)] {
        host.expect(get(), Reply::status(200).chunk("x".repeat(size)));
        let whole = http::Request::get("https://api.example.com/v1/x").credential("key").fetch();
        assert_eq!(!matches!(whole, Err(Error::Exhausted(_))), fits, "{size}");
    }
}

#[test]
fn pages_are_cut_to_what_the_hub_gives_at_once() {
    let _host = MockHost::with_manifest(MANIFEST);
    let text = "x".repeat(1 << 19);
    for index in 10..30 {
        records::put("things", &index.to_string(), &json!({"colour": "red", "text": text}), None).unwrap();
    }
    let none = json!({});
    let page = records::query::<Value>("things", &none, 5000, None).unwrap();
    assert!((10..20).contains(&page.documents.len()), "{}", page.documents.len());
    let rest = records::query::<Value>("things", &none, 5000, page.next.as_deref()).unwrap();
    assert_eq!((page.documents.len() + rest.documents.len(), rest.next), (20, None));
    assert_eq!(records::query::<Value>("things", &none, 0, None).unwrap().documents.len(), 1, "at least one");
    let ids: Vec<String> = (10..30).map(|index| index.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert!(matches!(records::get_many::<Value>("things", &ids), Err(Error::Exhausted(_))));
    assert_eq!(records::get_many::<Value>("things", &["10", "11", "10"]).unwrap().len(), 2, "each once");
}

fn look(key: &str, max_bytes: u64) -> Found {
    cache::find(&Key::new(key), Terms { max_age: Duration::from_secs(60), max_bytes }).unwrap()
}

/// Keeps an answer of which so much is read.
fn keep(key: &str, bytes: &str, max_bytes: u64, read: u32) {
    let Found::Missing(vacancy) = look(key, max_bytes) else { panic!("it is kept") };
    let headers: Headers = [("content-type", "audio/mpeg")].into_iter().collect();
    let body = vacancy.keep(headers, source(bytes)).unwrap();
    let _ = body.read_to_end(read);
}

fn is_kept(key: &str) -> bool {
    matches!(look(key, 1 << 20), Found::Kept(_))
}

#[test]
fn an_answer_is_kept_once_it_was_read_to_its_end_and_until_it_is_too_old() {
    let host = MockHost::new();
    keep("half", "halfway", 1 << 20, 3);
    assert!(!is_kept("half"));
    keep("whole", "all of it", 1 << 20, 100);
    host.set_now(host.now() + 59_999);
    let Found::Kept(answer) = look("whole", 1 << 20) else { panic!("it is not kept") };
    assert_eq!((answer.headers.get("content-type"), answer.age.as_millis()), (Some("audio/mpeg"), 59_999));
    assert_eq!(answer.body.read_to_end(100).unwrap(), b"all of it");
    host.set_now(host.now() + 1);
    assert!(!is_kept("whole"));
}

#[test]
fn the_least_recently_used_answer_goes_when_there_is_no_room() {
    let _host = MockHost::new();
    let room = 2 * (4096 + 10);
    keep("first", "0123456789", room, 100);
    keep("second", "0123456789", room, 100);
    assert!(is_kept("first"));
    keep("third", "0123456789", room, 100);
    assert!(is_kept("first") && is_kept("third") && !is_kept("second"));
    keep("large", &"0".repeat(5000), 4096, 10_000);
    assert!(!is_kept("large"));
}

#[test]
fn without_storage_only_what_is_kept_in_memory_is_there_and_nothing_stays() {
    let host = MockHost::with_manifest(
        "[[collections]]\nname = \"menus\"\nschema = \"x.json\"\nkeep-in-memory = true\n\n[[collections]]\nname = \"calls\"\nschema = \"x.json\"\n",
    );
    for collection in ["menus", "calls"] {
        host.put_record(collection, "a", &json!({"x": 1}));
    }
    host.set_storage_away(true);
    assert_eq!(records::get::<Value>("menus", "a").unwrap().unwrap().data, json!({"x": 1}));
    let away = |failed: Result<(), Error>| assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
    away(records::get::<Value>("calls", "a").map(drop));
    away(records::put("menus", "a", &json!({}), None).map(drop));
    away(records::query::<Value>("menus", &json!({}), 10, None).map(drop));
    away(kv::get("key").map(drop));
    away(kv::add("key", 1, None).map(drop));
    away(blobs::put_bytes("text/plain", b"x").map(drop));
    host.set_storage_away(false);
    assert_eq!(kv::add("key", 1, None), Ok(1));
}
