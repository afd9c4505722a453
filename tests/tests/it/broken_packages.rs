//! Packages that must not be put in place: the old version goes on serving, and the reason is visible.

use std::time::{Duration, Instant};

use patchbay_package::{SecretKey, Trust, section, signature};
use patchbay_tests::{Fixture, Org, TestHub};
use serde_json::{Value, json};

/// Until when a file or a version is in place, however long compiling takes: a folder that tells of nothing is looked at
/// every ten seconds.
const LOADED: Duration = Duration::from_secs(60);

fn good(version: &str) -> Fixture {
    Fixture::load("echo").version(version)
}

/// The echo of version 1.1.0 with a manifest that says this instead.
fn with_manifest(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let fixture = good("1.1.0");
    let mut manifest = serde_json::to_value(&fixture.manifest).unwrap();
    change(&mut manifest);
    let mut packed = fixture.component;
    section::append(&mut packed, section::MANIFEST, manifest.to_string().as_bytes());
    packed
}

/// Sixteen ways to break a package, and the code of each.
fn kinds() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let packed = good("1.1.0").pack();
    let truncated = packed[..packed.len() / 2].to_vec();
    let mut flipped = packed.clone();
    flipped[packed.len() / 3] ^= 0x40;
    let mut twice = packed.clone();
    section::append(&mut twice, section::MANIFEST, b"{}");
    let keys = signature::generate(None).unwrap();
    let secret = SecretKey::parse(&keys.secret_text, None).unwrap();
    let untrusted = patchbay_package::sign(&packed, &secret).unwrap();
    let start_trap = Fixture { manifest: good("1.1.0").manifest, ..Fixture::load("start-trap") };
    let foreign_import = Fixture {
        component: wat::parse_str(r#"(component (import "wasi:sockets/instance-network@0.2.0" (instance)))"#).unwrap(),
        ..good("1.1.0")
    };
    let many_memories = Fixture {
        component: wat::parse_str(format!("(component (core module {}))", "(memory 1)".repeat(5))).unwrap(),
        ..good("1.1.0")
    };
    let mut other_contents = good("1.0.0");
    other_contents.manifest.description = "the same number, other contents".to_owned();
    vec![
        ("not WebAssembly", b"MZ\x90\x00 this is no component".to_vec(), "package_invalid"),
        ("an empty file", Vec::new(), "package_invalid"),
        ("cut short", truncated, "package_invalid"),
        ("a core module", wat::parse_str("(module)").unwrap(), "package_invalid"),
        ("no manifest", good("1.1.0").component, "package_invalid"),
        ("two manifests", twice, "package_invalid"),
        (
            "an unknown key",
            with_manifest(|manifest| manifest["permissions"] = json!(["all"])),
            "package_manifest_invalid",
        ),
        (
            "a wildcard host",
            with_manifest(|manifest| manifest["egress"][0]["host"] = json!("*")),
            "package_manifest_invalid",
        ),
        (
            "an address as host",
            with_manifest(|manifest| manifest["egress"][0]["host"] = json!("10.0.0.1")),
            "package_manifest_invalid",
        ),
        (
            "a schema that is none",
            with_manifest(|manifest| manifest["actions"][0]["input"] = json!({"type": 7})),
            "package_manifest_invalid",
        ),
        ("a later contract", with_manifest(|manifest| manifest["api"] = json!("2.0.0")), "package_incompatible"),
        ("an import that is not offered", foreign_import.pack(), "package_unlinkable"),
        ("more memories than a slot has", many_memories.pack(), "package_compile_failed"),
        ("a trap at the start", start_trap.pack(), "package_probe_failed"),
        ("an untrusted publisher", untrusted, "package_signature_invalid"),
        ("a taken version", other_contents.pack(), "package_version_taken"),
    ]
}

async fn assert_serves(org: &Org, version: &str, when: &str) {
    let reply = org.act("echo", "run", &json!({"text": "still"})).await;
    assert_eq!(reply.status, 200, "{when}: {}", reply.text());
    assert_eq!(org.runs("echo").await[0]["version"], version, "{when}");
}

async fn installed() -> (TestHub, Org) {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    hub.place("echo.wasm", &good("1.0.0").pack());
    let waiting = org.clone();
    org.wait_for(LOADED, || async { (waiting.install("echo", json!({})).await.status == 200).then_some(()) }).await;
    (hub, org)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_broken_upload_is_refused_with_its_reason_and_the_old_one_serves() {
    let (_hub, org) = installed().await;
    for (kind, package, code) in kinds() {
        let reply = org.upload(package).await;
        assert_eq!(reply.code(), code, "{kind}: {}", reply.text());
        assert_serves(&org, "1.0.0", kind).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_broken_file_leaves_the_old_one_serving_with_the_reason_on_the_plugin() {
    let (hub, org) = installed().await;
    // in a folder the same version may come again with other contents: that is how a plugin is developed
    for (kind, package, code) in kinds().into_iter().filter(|(kind, ..)| *kind != "a taken version") {
        hub.place("echo.wasm", &package);
        let waiting = Instant::now();
        let problem = loop {
            let plugins = org.get("/v1/plugins").await.json();
            let echo = plugins["items"].as_array().unwrap().iter().find(|plugin| plugin["id"] == "echo").cloned();
            let problem = echo.map_or(Value::Null, |echo| echo["problem"].clone());
            if problem["code"] == code {
                break problem;
            }
            assert!(waiting.elapsed() < LOADED, "{kind}: no {code} but {problem} in {plugins:#}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert!(!problem["detail"].as_str().unwrap().is_empty(), "{kind}: {problem}");
        assert_eq!(problem["source"], "echo.wasm", "{kind}");
        assert_serves(&org, "1.0.0", kind).await;
    }
    hub.place("echo.wasm", &good("1.2.0").pack());
    let asking = org.clone();
    org.wait_for(LOADED, || async {
        (asking.get("/v1/installations/echo").await.json()["version"] == "1.2.0").then_some(())
    })
    .await;
    let plugins = org.get("/v1/plugins").await.json();
    assert_eq!(plugins["items"][0]["status"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsigned_package_is_refused_where_the_operator_wants_signatures() {
    let keys = signature::generate(None).unwrap();
    let trust = Trust { allow_unsigned: false, publishers: vec![keys.public.clone()] };
    let hub = TestHub::setup().trust(trust).start().await;
    let org = hub.org("acme").await;
    let packed = good("1.0.0").pack();
    org.upload(packed.clone()).await.expect_problem("package_unsigned");
    let secret = SecretKey::parse(&keys.secret_text, None).unwrap();
    let signed = patchbay_package::sign(&packed, &secret).unwrap();
    let mut changed = signed.clone();
    changed[signed.len() / 3] ^= 1;
    assert!(org.upload(changed).await.status >= 400);
    let mut appended = signed.clone();
    section::append(&mut appended, "extra", b"x");
    org.upload(appended).await.expect_problem("package_signature_invalid");
    let view = org.upload(signed).await.expect(201).json();
    assert_eq!(view["versions"][0]["publisher"], keys.public.key_id());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_is_too_large_is_refused_before_it_is_read() {
    let hub = TestHub::setup().edit(|config| config.max_package_bytes = 32 << 10).start().await;
    let org = hub.org("acme").await;
    org.upload(good("1.0.0").pack()).await.expect_problem("package_too_large");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_the_plugin_refuses_are_not_stored() {
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    let _ = org.upload(Fixture::load("config-refuser").pack()).await.expect(201);
    let reply = org.install("config-refuser", json!({"region": "eu"})).await;
    reply.expect_problem("config_rejected");
    assert_eq!(reply.json()["violations"][0]["pointer"], "/config/region");
    org.get("/v1/installations/config-refuser").await.expect_problem("not_installed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_refuses_an_installations_settings_is_held_back_from_it() {
    let (_hub, org) = installed().await;
    let refuser = Fixture { manifest: good("1.1.0").manifest, ..Fixture::load("config-refuser") };
    let _ = org.upload(refuser.pack()).await.expect(201);
    let asking = org.clone();
    let held_back = org.wait_for(LOADED, || async {
        let view = asking.get("/v1/installations/echo").await.json();
        view["held_back"].is_object().then(|| view["held_back"].clone())
    });
    let held_back = held_back.await;
    assert_eq!((held_back["version"].as_str(), held_back["code"].as_str()), (Some("1.1.0"), Some("config_rejected")));
    assert_serves(&org, "1.0.0", "held back").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugins_id_stays_with_its_publisher() {
    let (first, second) = (signature::generate(None).unwrap(), signature::generate(None).unwrap());
    let publishers = vec![first.public.clone(), second.public.clone()];
    let hub = TestHub::setup().trust(Trust { allow_unsigned: true, publishers }).start().await;
    let org = hub.org("acme").await;
    let echo = |version: &str| Fixture::load("echo").version(version).pack();
    let signed = |version: &str, secret: &SecretKey| patchbay_package::sign(&echo(version), secret).unwrap();
    let secret = |keys: &signature::NewKeys| SecretKey::parse(&keys.secret_text, None).unwrap();
    let (first, second) = (secret(&first), secret(&second));
    let _ = org.upload(echo("1.0.0")).await.expect(201);
    let _ = org.upload(signed("1.1.0", &first)).await.expect(201);
    org.upload(signed("99.0.0", &second)).await.expect_problem("package_signature_invalid");
    org.upload(echo("99.0.0")).await.expect_problem("package_signature_invalid");
    let _ = org.upload(signed("1.2.0", &first)).await.expect(201);
    let _ = org.install("echo", json!({})).await.expect(200);
    assert_eq!(org.get("/v1/installations/echo").await.json()["version"], "1.2.0");
}
