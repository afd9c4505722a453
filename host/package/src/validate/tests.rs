use serde_json::{Value, json};

use super::*;

/// A manifest that uses everything and breaks nothing.
fn full() -> Value {
    json!({
        "id": "demo", "name": "Demo", "version": "1.2.3", "api": "1.0.0", "description": "Shows everything.",
        "homepage": "https://example.com", "license": "Apache-2.0",
        "limits": {"timeout-ms": 10_000},
        "config": {"schema": {"type": "object"}},
        "credentials": [
            {"name": "api_key", "required": true, "inject": {"header": "authorization", "format": "Bearer {}"}, "hosts": ["api.example.com"]},
            {"name": "signing_secret"},
            {"name": "own_key", "inject": {"header": "x-key"}, "named-hosts": true},
        ],
        "named-hosts": [{"setting": "/base_url", "methods": ["POST"], "paths": ["/v1/**"]}],
        "egress": [
            {"host": "api.example.com", "methods": ["GET", "POST"], "paths": ["/v1/**"], "idempotency-header": "idempotency-key"},
            {"host": "*.files.example.com", "methods": ["GET"], "paths": ["/*/raw"]},
        ],
        "plan": "starter",
        "actions": [{
            "name": "send", "input": {"type": "object"}, "output": true, "timeout-ms": 5_000, "plan": "pro",
            "estimate": {"input_tokens": {"units": 100, "bytes-per-unit": 1, "from": "/max", "times": "/n"}},
        }],
        "proxy": {
            "key": [{"header": "authorization", "prefix": "Bearer "}, {"query": "key"}],
            "routes": [{
                "method": "POST", "path": "/v1/messages",
                "estimate": {"input_tokens": {"units": 100, "stream": {"chunk": 10, "events": 1}}},
            }],
        },
        "webhooks": {"body-kib": 256, "answers-offline": true},
        "events": {"emits": [{"type": "demo.thing.made"}, {"type": "demo.other.*"}], "consumes": ["call.*", "contact.created"]},
        "jobs": [{"kind": "sync-things", "attempts": 3, "timeout-ms": 60_000, "concurrency": 1}, {"kind": "nightly"}],
        "schedules": [{"name": "nightly", "kind": "nightly", "cron": "30 2 * * *", "time-zone": "Europe/Berlin", "jitter-s": 60}],
        "meters": [{"name": "input_tokens", "unit": "token", "metric": "ai_tokens"}, {"name": "talk", "unit": "second", "metric": "minutes", "per": 60}],
        "collections": [{"name": "things", "schema": {"type": "object"}, "indexes": {"customer": "/customer/id"}, "keep-in-memory": true}],
        "objects": {"contact": "read"},
        "calls": [{"plugin": "ivr", "actions": ["answer", "publish"]}, {"plugin": "slack", "actions": ["post-message"]}],
    })
}

/// What is found when the value at a place is another.
fn found(pointer: &str, value: Value) -> Vec<(String, String)> {
    let mut manifest = full();
    *manifest.pointer_mut(pointer).unwrap_or_else(|| panic!("there is no {pointer}")) = value;
    let manifest: Manifest = serde_json::from_value(manifest).unwrap();
    let violations = validate(&manifest).err().unwrap_or_default();
    violations.into_iter().map(|violation| (violation.pointer, violation.expected)).collect()
}

#[test]
fn a_manifest_that_breaks_nothing_is_valid() {
    assert_eq!(found("/name", json!("Demo")), []);
}

#[test]
fn tokens_that_are_renewed_and_answers_without_the_database_do_not_go_together() {
    let mut manifest = full();
    manifest["oauth"] = json!({
        "credential": "api_key", "authorize-url": "https://api.example.com/a", "token-url": "https://api.example.com/t",
        "scopes": {"required": ["read"]},
    });
    let refused = |manifest: &Value| {
        let manifest: Manifest = serde_json::from_value(manifest.clone()).unwrap();
        let violations = validate(&manifest).err().unwrap_or_default();
        violations.iter().any(|violation| violation.pointer == "/webhooks/answers-offline")
    };
    assert!(refused(&manifest));
    manifest["webhooks"] = json!({"body-kib": 256});
    assert!(!refused(&manifest));
}

#[test]
fn one_url_for_all_accounts_needs_to_know_whose_account_it_is() {
    let mut manifest = full();
    manifest["webhooks"] = json!({"body-kib": 256, "shared": {"accounts": "/*/portalId", "credential": "api_key"}});
    manifest["oauth"] = json!({
        "credential": "api_key", "authorize-url": "https://api.example.com/a", "token-url": "https://api.example.com/t",
        "scopes": {"required": ["read"]}, "account": {"id": "/hub_id"},
    });
    let refused = |manifest: &Value| {
        let manifest: Manifest = serde_json::from_value(manifest.clone()).unwrap();
        let violations = validate(&manifest).err().unwrap_or_default();
        let shared = violations.into_iter().map(|violation| violation.pointer);
        shared.filter(|pointer| pointer.starts_with("/webhooks/shared")).collect::<Vec<_>>()
    };
    assert_eq!(refused(&manifest), Vec::<String>::new());
    manifest["webhooks"]["shared"] = json!({"accounts": "/*/*/x", "credential": "other"});
    assert_eq!(refused(&manifest), ["/webhooks/shared/accounts", "/webhooks/shared/credential"]);
    manifest["webhooks"]["shared"] = json!({"accounts": "/*/portalId", "credential": "api_key"});
    manifest["oauth"]["account"] = json!({"name": "/hub_domain"});
    assert_eq!(refused(&manifest), ["/webhooks/shared"]);
}

#[test]
fn every_rule_has_its_place_and_its_words() {
    let host = "a full host name in lower case, as in `api.example.com` or `*.example.com`; no address, port or scheme";
    let method = "an HTTP method in upper case, but not CONNECT or TRACE";
    let event = "names of a-z, 0-9, _ and -, joined by dots, as in `vendor.thing.happened`, or such a name and `.*`";
    let event_or_all = "names of a-z, 0-9, _ and -, joined by dots, as in `vendor.thing.happened`, or such a name and `.*`, or `*` for all";
    let underscore = "1 to 64 characters of a-z, 0-9 and _";
    let one = "exactly one of `header` and `query`";
    let one_of_four = "exactly one of `header`, `query`, `path` and `json`";
    for (at, value, place, words) in [
        ("/name", json!("  "), "/name", "1 to 200 printable characters"),
        ("/name", json!("a\nb"), "/name", "1 to 200 printable characters"),
        ("/description", json!("x".repeat(2_001)), "/description", "at most 2000 characters"),
        ("/homepage", json!("javascript:alert(1)"), "/homepage", "a URL that starts with https:// or http://"),
        ("/license", json!("<b>"), "/license", "an SPDX expression, as in `Apache-2.0`"),
        ("/limits", json!({"memory-mib": 0}), "/limits/memory-mib", "a number above 0"),
        ("/limits", json!({"timeout-ms": 10_000, "cpu-ms": 0}), "/limits/cpu-ms", "a number above 0"),
        ("/limits", json!({"concurrency": 0}), "/limits/concurrency", "a number above 0"),
        ("/limits", json!({"host-calls": 0}), "/limits/host-calls", "a number above 0"),
        ("/limits", json!({"body-kib": 0}), "/limits/body-kib", "a number above 0"),
        ("/config/schema", json!("config.json"), "/config/schema", "the schema itself: a package holds no paths"),
        (
            "/config/schema",
            json!({"type": "object", "properties": {"a/b": {"type": "string", "writeOnly": true}, "c": {"writeOnly": false}}}),
            "/config/schema/properties/a~1b",
            "no `writeOnly`: a secret is declared in [[credentials]]",
        ),
        ("/credentials/1/name", json!("api_key"), "/credentials/1/name", "a credential's name that is not there twice"),
        ("/credentials/0/name", json!("api-key"), "/credentials/0/name", underscore),
        ("/credentials/0/name", json!("x".repeat(65)), "/credentials/0/name", underscore),
        (
            "/credentials/0/hosts/0",
            json!("evil.example.org"),
            "/credentials/0/hosts/0",
            "a host of the egress list: add it there, or remove it here",
        ),
        (
            "/credentials/0/hosts",
            json!(["api.example.com", "api.example.com"]),
            "/credentials/0/hosts/1",
            "a host that is not there twice",
        ),
        (
            "/credentials/0/inject",
            json!(null),
            "/credentials/0/hosts",
            "an `inject` beside it: without one the credential never leaves",
        ),
        ("/credentials/0/inject", json!({}), "/credentials/0/inject", one_of_four),
        ("/credentials/0/inject", json!({"header": "x-key", "query": "key"}), "/credentials/0/inject", one_of_four),
        ("/credentials/0/inject", json!({"header": "x-key", "path": "/a"}), "/credentials/0/inject", one_of_four),
        (
            "/credentials/0/inject",
            json!({"path": "/hooks/**", "format": "Bearer {}"}),
            "/credentials/0/inject/format",
            "nothing but `{}` beside a `path`: the secret is the path",
        ),
        (
            "/credentials/0/inject",
            json!({"header": "x-key", "json": "/a", "webhook-url": "/b"}),
            "/credentials/0/inject",
            one_of_four,
        ),
        (
            "/credentials/0/inject",
            json!({"json": "/a"}),
            "/credentials/0/inject/webhook-url",
            "the member that says where webhooks go, as in `/webhook_url`: the secret goes to no other address",
        ),
        (
            "/credentials/0/inject",
            json!({"json": "a", "webhook-url": "/b"}),
            "/credentials/0/inject/json",
            "a JSON Pointer to a member, as in `/customer/id`",
        ),
        (
            "/credentials/0/inject",
            json!({"header": "x-key", "webhook-url": "/b"}),
            "/credentials/0/inject/webhook-url",
            "a `json` beside it",
        ),
        ("/credentials/0/inject/header", json!("x key"), "/credentials/0/inject/header", "the name of a header"),
        (
            "/credentials/0/inject/header",
            json!("Host"),
            "/credentials/0/inject/header",
            "a header that the host does not set itself",
        ),
        (
            "/credentials/0/inject",
            json!({"query": "a&b"}),
            "/credentials/0/inject/query",
            "the name of a query parameter, in characters that need no encoding",
        ),
        (
            "/credentials/0/inject/format",
            json!("Bearer"),
            "/credentials/0/inject/format",
            "printable ASCII with exactly one `{}` or `{basic}`",
        ),
        (
            "/credentials/0/inject",
            json!({"header": "authorization", "format": "Bearer {}", "user": "/account_id"}),
            "/credentials/0/inject/user",
            "a `format` with `{basic}` beside it",
        ),
        (
            "/credentials/0/inject",
            json!({"header": "authorization", "format": "Basic {basic}", "user": "account_id"}),
            "/credentials/0/inject/user",
            "a JSON Pointer to a member, as in `/customer/id`",
        ),
        (
            "/credentials/0/inject/format",
            json!("{} {basic}"),
            "/credentials/0/inject/format",
            "printable ASCII with exactly one `{}` or `{basic}`",
        ),
        (
            "/credentials/0/inject/format",
            json!("{}\r\nx: y"),
            "/credentials/0/inject/format",
            "printable ASCII with exactly one `{}` or `{basic}`",
        ),
        ("/egress/0/idempotency-header", json!("not a header"), "/egress/0/idempotency-header", "the name of a header"),
        ("/egress/0/methods", json!([]), "/egress/0/methods", "at least one method"),
        (
            "/named-hosts/0/setting",
            json!(""),
            "/named-hosts/0/setting",
            "a JSON Pointer to a member, as in `/customer/id`",
        ),
        ("/named-hosts/0/methods", json!(["get"]), "/named-hosts/0/methods/0", method),
        ("/named-hosts/0/paths", json!([]), "/named-hosts/0/paths", "at least one path; `/**` for all"),
        (
            "/named-hosts",
            json!([]),
            "/credentials/2/named-hosts",
            "an `inject` beside it, and a list of `named-hosts` in the manifest",
        ),
        ("/egress/0/methods/0", json!("get"), "/egress/0/methods/0", method),
        ("/egress/0/methods/0", json!("CONNECT"), "/egress/0/methods/0", method),
        ("/egress/0/methods/1", json!("GET"), "/egress/0/methods/1", "a method that is not there twice"),
        ("/egress/0/paths", json!([]), "/egress/0/paths", "at least one path; `/**` for all"),
        ("/egress/0/paths", json!(["/a", "/a"]), "/egress/0/paths/1", "a path that is not there twice"),
        ("/egress/1/host", json!("*.com"), "/egress/1/host", host),
        ("/egress/1/host", json!("localhost"), "/egress/1/host", host),
        ("/egress/1/host", json!("10.0.0.1"), "/egress/1/host", host),
        ("/egress/1/host", json!("[::1]"), "/egress/1/host", host),
        ("/egress/1/host", json!("api.example.com:8080"), "/egress/1/host", host),
        ("/egress/1/host", json!("https://api.example.com"), "/egress/1/host", host),
        ("/egress/1/host", json!("API.example.com"), "/egress/1/host", host),
        ("/egress/1/host", json!("a.*.example.com"), "/egress/1/host", host),
        ("/actions/0/name", json!("Send_It"), "/actions/0/name", "1 to 64 characters of a-z, 0-9 and -"),
        ("/actions/0/input", json!("in.json"), "/actions/0/input", "the schema itself: a package holds no paths"),
        ("/actions/0/timeout-ms", json!(0), "/actions/0/timeout-ms", "a number above 0"),
        (
            "/actions/0/timeout-ms",
            json!(10_001),
            "/actions/0/timeout-ms",
            "at most 10000, the plugin's own `limits.timeout-ms`",
        ),
        ("/proxy/routes", json!([]), "/proxy/routes", "at least one route"),
        ("/proxy/routes/0/method", json!("post"), "/proxy/routes/0/method", method),
        (
            "/proxy/routes",
            json!([{"method": "GET", "path": "/a"}, {"method": "GET", "path": "/a"}]),
            "/proxy/routes/1",
            "a route that is not there twice",
        ),
        (
            "/proxy/routes/0",
            json!({"method": "GET", "path": "/a", "timeout-ms": 0}),
            "/proxy/routes/0/timeout-ms",
            "a number above 0",
        ),
        (
            "/proxy/routes/0",
            json!({"method": "GET", "path": "/a", "body-kib": 0}),
            "/proxy/routes/0/body-kib",
            "a number above 0",
        ),
        ("/proxy/key/0", json!({"prefix": "x"}), "/proxy/key/0", one),
        ("/proxy/key/1", json!({"header": "a", "query": "b"}), "/proxy/key/1", one),
        ("/proxy/key/0/prefix", json!("Bearer\n"), "/proxy/key/0/prefix", "printable ASCII"),
        ("/webhooks/body-kib", json!(0), "/webhooks/body-kib", "1 to 1024"),
        ("/webhooks/body-kib", json!(1_025), "/webhooks/body-kib", "1 to 1024"),
        ("/webhooks", json!({"body-kib": 1, "answer-ms": 99}), "/webhooks/answer-ms", "100 to 30000"),
        ("/webhooks", json!({"body-kib": 1, "answer-ms": 30_001}), "/webhooks/answer-ms", "100 to 30000"),
        ("/webhooks", json!({"body-kib": 1, "fallback": {"status": 500}}), "/webhooks/fallback/status", "200 to 299"),
        (
            "/webhooks",
            json!({"body-kib": 1, "fallback": {"content-type": "text/xml\r\nx: y"}}),
            "/webhooks/fallback/content-type",
            "a media type of at most 200 bytes",
        ),
        ("/events/emits/0/type", json!("other.thing"), "/events/emits/0/type", "a type that starts with `demo.`"),
        ("/events/emits/0/type", json!("demo.*.made"), "/events/emits/0/type", event),
        ("/events/emits/0/type", json!("demo."), "/events/emits/0/type", event),
        ("/events/emits/1/type", json!("demo.thing.made"), "/events/emits/1/type", "a type that is not there twice"),
        ("/events/consumes/0", json!("Call"), "/events/consumes/0", event_or_all),
        ("/events/consumes/1", json!("call.*"), "/events/consumes/1", "a type that is not there twice"),
        ("/calls/0/plugin", json!("demo"), "/calls/0/plugin", "another plugin: none calls itself"),
        ("/calls/1/plugin", json!("ivr"), "/calls/1/plugin", "a plugin that is not there twice"),
        ("/calls/0/actions", json!([]), "/calls/0/actions", "at least one action"),
        ("/calls/0/actions/0", json!("*"), "/calls/0/actions/0", "1 to 64 characters of a-z, 0-9 and -"),
        ("/calls/0/actions/1", json!("answer"), "/calls/0/actions/1", "an action that is not there twice"),
        ("/jobs/0/kind", json!(""), "/jobs/0/kind", "1 to 64 characters of a-z, 0-9, _, - and ."),
        ("/jobs/0/kind", json!("nightly"), "/jobs/1/kind", "a kind of job that is not there twice"),
        ("/jobs/0/attempts", json!(101), "/jobs/0/attempts", "1 to 100"),
        ("/jobs/0/timeout-ms", json!(0), "/jobs/0/timeout-ms", "a number above 0"),
        ("/jobs/0/concurrency", json!(0), "/jobs/0/concurrency", "a number above 0"),
        ("/schedules/0/kind", json!("x"), "/schedules/0/kind", "one of the manifest's jobs"),
        ("/schedules/0/name", json!("A"), "/schedules/0/name", "1 to 64 characters of a-z, 0-9, _ and -"),
        (
            "/schedules/0/time-zone",
            json!("Mars"),
            "/schedules/0/time-zone",
            "the name of an IANA time zone, as in `Europe/Berlin`",
        ),
        (
            "/schedules/0/cron",
            json!("0 0 30 2 *"),
            "/schedules/0/cron",
            "a cron expression that some time in the next years matches",
        ),
        ("/meters/0/name", json!("tokens-in"), "/meters/0/name", underscore),
        ("/plan", json!("Pro!"), "/plan", "a plan's name: 1 to 64 characters of a-z, 0-9, _ and -"),
        ("/actions/0/plan", json!(""), "/actions/0/plan", "a plan's name: 1 to 64 characters of a-z, 0-9, _ and -"),
        ("/meters/0/metric", json!("calls"), "/meters/0/metric", "a metric that the hub does not count itself"),
        ("/meters/1/per", json!(0), "/meters/1/per", "a number above 0"),
        ("/meters/1/metric", json!(null), "/meters/1/per", "a `metric` beside it"),
        (
            "/actions/0/estimate",
            json!({"pages": {"units": 1}}),
            "/actions/0/estimate/pages",
            "one of the manifest's meters",
        ),
        (
            "/actions/0/estimate/input_tokens/from",
            json!("max"),
            "/actions/0/estimate/input_tokens/from",
            "a JSON Pointer to a member, as in `/customer/id`",
        ),
        (
            "/actions/0/estimate/input_tokens/bytes-per-unit",
            json!(0),
            "/actions/0/estimate/input_tokens/bytes-per-unit",
            "a number above 0",
        ),
        (
            "/actions/0/estimate/input_tokens",
            json!({"stream": {"chunk": 1, "events": 1}}),
            "/actions/0/estimate/input_tokens/stream",
            "nothing: an action answers once",
        ),
        (
            "/proxy/routes/0/estimate/input_tokens",
            json!({"from": "/max"}),
            "/proxy/routes/0/estimate/input_tokens/from",
            "nothing: the body of a proxied request is not looked into",
        ),
        (
            "/proxy/routes/0/estimate/input_tokens/stream",
            json!({"chunk": 0}),
            "/proxy/routes/0/estimate/input_tokens/stream/chunk",
            "a number above 0",
        ),
        (
            "/proxy/routes/0/estimate/input_tokens/stream",
            json!({"chunk": 1}),
            "/proxy/routes/0/estimate/input_tokens/stream",
            "at least one of `events` and `characters`",
        ),
        ("/meters/0/unit", json!(""), "/meters/0/unit", "one of what, as in `token`"),
        (
            "/meters",
            json!([{"name": "a", "unit": "token"}, {"name": "a", "unit": "minute"}]),
            "/meters/1/name",
            "a meter's name that is not there twice",
        ),
        ("/collections/0/name", json!("Things"), "/collections/0/name", "1 to 64 characters of a-z, 0-9, _ and -"),
        (
            "/collections",
            json!([{"name": "a", "schema": true}, {"name": "a", "schema": true}]),
            "/collections/1/name",
            "a collection's name that is not there twice",
        ),
        (
            "/collections/0/name",
            json!("phone-number"),
            "/collections/0/name",
            "another name: \"phone-number\" is a standard object, which is asked for by [objects] phone-number = \"write\"",
        ),
        (
            "/collections/0/indexes",
            json!({"a/b": "/x"}),
            "/collections/0/indexes/a~1b",
            "a field's name: 1 to 64 characters of a-z, 0-9, _ and -",
        ),
        (
            "/collections/0/indexes/customer",
            json!("customer.id"),
            "/collections/0/indexes/customer",
            "a JSON Pointer to a member, as in `/customer/id`",
        ),
        (
            "/collections/0/indexes/customer",
            json!("/a~2"),
            "/collections/0/indexes/customer",
            "a JSON Pointer to a member, as in `/customer/id`",
        ),
    ] {
        let found = found(at, value.clone());
        assert!(found.contains(&(place.to_owned(), words.to_owned())), "{at} = {value}: {found:?}");
    }
}

#[test]
fn schemas_and_paths_are_compiled_wherever_they_stand() {
    for at in ["/config/schema", "/actions/0/input", "/actions/0/output", "/collections/0/schema"] {
        let found = found(at, json!({"type": "text"}));
        assert_eq!(found.len(), 1, "{at}");
        assert!(found[0].0 == at && found[0].1.starts_with("a valid JSON Schema"), "{found:?}");
    }
    for at in ["/egress/0/paths/0", "/proxy/routes/0/path"] {
        let found = found(at, json!("/a/../b"));
        assert!(found.len() == 1 && found[0].0 == at && found[0].1.starts_with("a path pattern"), "{found:?}");
    }
    let events = found("/events/emits/0", json!({"type": "demo.a", "schema": {"$ref": "https://example.com"}}));
    assert!(events[0].1.starts_with("a reference within the schema"), "{events:?}");
}

#[test]
fn a_credential_may_go_to_a_host_below_a_listed_wildcard() {
    assert_eq!(found("/credentials/0/hosts/0", json!("eu.files.example.com")), []);
    assert_eq!(found("/credentials/0/hosts/0", json!("*.files.example.com")), []);
    assert_eq!(found("/credentials/0/hosts/0", json!("files.example.com")).len(), 1);
    assert_eq!(found("/credentials/0/hosts/0", json!("evilfiles.example.com")).len(), 1);
}

#[test]
fn a_credential_with_nowhere_to_go_is_refused() {
    let mut manifest = full();
    manifest["egress"] = json!([]);
    manifest["credentials"][0]["hosts"] = json!([]);
    let manifest: Manifest = serde_json::from_value(manifest).unwrap();
    let violations = validate(&manifest).unwrap_err();
    let pointers: Vec<_> = violations.iter().map(|violation| violation.pointer.as_str()).collect();
    assert_eq!(pointers, ["/credentials/0/inject"], "another one goes to hosts that the settings name");
}

#[test]
fn no_plugin_is_called_as_the_hubs_own_events_begin() {
    for id in ["call", "phone-number", "connection", "patchbay"] {
        let mut manifest = full();
        manifest["id"] = json!(id);
        let manifest: Manifest = serde_json::from_value(manifest).unwrap();
        assert!(validate(&manifest).unwrap_err().iter().any(|violation| violation.pointer == "/id"), "{id}");
    }
}

#[test]
fn a_plugin_may_take_in_all_events_and_publish_only_its_own() {
    assert_eq!(found("/events/consumes", json!(["*", "call.*", "stripe.invoice.paid"])), []);
    assert_eq!(found("/events/emits", json!([{"type": "*"}])).len(), 2);
}

#[test]
fn standard_objects_are_asked_for_by_their_names() {
    assert_eq!(found("/objects", json!({"call": "write", "phone-number": "read"})), []);
    for wrong in [json!({"calls": "write"}), json!({"phone_number": "read"}), json!({"call": "own"})] {
        let mut manifest = full();
        manifest["objects"] = wrong.clone();
        assert!(serde_json::from_value::<Manifest>(manifest).is_err(), "{wrong}");
    }
}

#[test]
fn a_plugin_that_is_called_is_named_by_its_id() {
    for wrong in ["IVR", "", "*", "a b"] {
        let mut manifest = full();
        manifest["calls"][0]["plugin"] = json!(wrong);
        assert!(serde_json::from_value::<Manifest>(manifest).is_err(), "{wrong:?}");
    }
}

#[test]
fn all_violations_are_told_at_once() {
    let mut manifest = full();
    manifest["name"] = json!("");
    manifest["webhooks"]["body-kib"] = json!(0);
    manifest["meters"][0]["unit"] = json!("");
    let manifest: Manifest = serde_json::from_value(manifest).unwrap();
    assert_eq!(validate(&manifest).unwrap_err().len(), 3);
}
