//! A thief of the database: secrets are put wherever they can go, and nothing of them is in what is stored, in no form in
//! which it could be.

use std::path::PathBuf;

use patchbay_model::org::Scope;
use patchbay_package::manifest::oauth::JwtAlgorithm;
use patchbay_tests::{Fixture, TestHub, Vendor, assert_clean, oauth::KeyPair};
use serde_json::json;

use crate::oauth::scene::OauthScene;

/// With characters that JSON, URLs and forms write in other ways.
const KEY: &str = "canary/key+\"one\"=é&<1>";
const SENT: &str = "canary-sent+/=<&>\"'%7E~two";
const OLD: &str = "canary-former-value-of-a-secret";
const CLIENT: &str = "canary client+secret/=&%\"three\"";

/// Everything that is stored but for the files of keys, which are no part of the database.
async fn stored(hub: &TestHub) -> Vec<(PathBuf, Vec<u8>)> {
    let keys = hub.data_dir().join("keys");
    let mut kept = hub.kept().await;
    kept.retain(|(path, _)| !path.starts_with(&keys));
    kept
}

pub async fn a_dump_of_the_database_holds_no_secret() {
    let vendor = Vendor::start().await;
    let hub = TestHub::setup().upstream("vendor.test", &vendor.url()).start().await;
    let org = hub.org("acme").await;
    let _ = org.upload(Fixture::load("echo").pack()).await.expect(201);
    let _ = org.upload(Fixture::plugin("stripe").pack()).await.expect(201);
    let _ = org.install("echo", json!({})).await.expect(200);
    let _ = org.install("stripe", json!({})).await.expect(200);
    // Credentials that are sent, and what comes back of them.
    for secret in [OLD, SENT] {
        let _ = org.connect("echo", "secret_key", secret).await.expect(200);
        let _ = org.act("echo", "fetch", &json!({"text": "https://vendor.test/echo"})).await.expect(200);
    }
    // A webhook's secret, the former one too, which counts for a day.
    for secret in [OLD, KEY] {
        let _ = org.connect("stripe", "webhook_secret", secret).await.expect(200);
    }
    let _ = org.connect("echo", "secret_key", "too\nbad\nfor-a-header").await.expect(422);
    // API keys: what is presented, and what is refused.
    let key = org.new_key(&hub, &[Scope::Read], None).await;
    let _ = org.with_key(&key).get("/v1/runs").await.expect(200);
    let _ = org.with_key(&key.replace("pb_", "pb-")).get("/v1/runs").await.expect(401);
    // And all of it sealed anew.
    let rotated = hub.hub.rotate_data_key(org.id, None).await.unwrap();
    assert_eq!((rotated.resealed, rotated.destroyed), (2, 1));
    let kept = stored(&hub).await;
    assert!(kept.iter().any(|(_, bytes)| memchr::memmem::find(bytes, b"connection.put").is_some()), "the dump is one");
    for (what, secret) in [
        ("a sent credential", SENT),
        ("a former one", OLD),
        ("a webhook's secret", KEY),
        ("an API key", &key),
        ("another", &org.key),
    ] {
        assert_clean(&kept, what, secret);
    }
    // The keys themselves.
    for name in ["master", "pepper", "audit", "artefacts"] {
        let text = std::fs::read_to_string(hub.data_dir().join("keys").join(name)).unwrap();
        let digits = text.split_whitespace().last().unwrap();
        let bytes = hex::decode(digits).unwrap();
        for (path, found) in &kept {
            assert!(memchr::memmem::find(found, digits.as_bytes()).is_none(), "{name} is in {}", path.display());
            assert!(memchr::memmem::find(found, &bytes).is_none(), "{name} is in {}", path.display());
        }
    }
}

pub async fn a_dump_holds_nothing_that_oauth_gave_or_needed() {
    let scene = OauthScene::connected(json!({})).await;
    let pair = KeyPair::generate(JwtAlgorithm::Rs256);
    let client = json!({"client_id": "operators", "client_secret": CLIENT, "private_key": pair.private});
    let _ = scene.org.call("PUT", "/v1/connections/echo/client").json(&client).send().await.expect(200);
    let (_, waiting) = scene.browse().await;
    let _ = scene.hub.hub.rotate_data_key(scene.org.id, None).await.unwrap();
    let kept = stored(&scene.hub).await;
    assert_clean(&kept, "a client's secret", CLIENT);
    for line in pair.private.lines().filter(|line| !line.starts_with("--")) {
        assert_clean(&kept, "a private key", line);
    }
    for secret in scene.vendor.secrets() {
        assert_clean(&kept, "a code or a token", &secret);
    }
    let state = waiting.split(['?', '&']).find_map(|part| part.strip_prefix("state=")).unwrap();
    assert_clean(&kept, "a state", state);
}
