//! What tests of several hubs ask of each of them, and within which time it has to be so.

use std::time::Duration;

use patchbay_tests::Org;
use serde_json::{Value, json};

/// For what is changed on another hub.
pub const SECOND: Duration = Duration::from_secs(1);
/// For what a hub has to compile first.
pub const COMPILED: Duration = Duration::from_secs(30);

/// Asks until it is so.
pub async fn within(time: Duration, org: &Org, is_so: impl AsyncFn(&Org) -> bool) {
    org.wait_for(time, || async { is_so(org).await.then_some(()) }).await;
}

/// The version that a plugin is installed in; null if it is not.
pub async fn version(org: &Org, plugin: &str) -> Value {
    org.get(&format!("/v1/installations/{plugin}")).await.json()["version"].clone()
}

/// Changes the installation of `echo`.
pub async fn put(org: &Org, body: &Value) {
    let _ = org.call("PUT", "/v1/installations/echo").json(body).send().await.expect(200);
}

/// True if `echo` can be called.
pub async fn runs(org: &Org) -> bool {
    org.act("echo", "run", &json!({"text": "x"})).await.status == 200
}
