//! What tests of several hubs ask of each of them, and within which time it has to be so.

use std::time::{Duration, Instant};

use patchbay_tests::Org;
use serde_json::{Value, json};

/// For what is changed on another hub.
pub const SECOND: Duration = Duration::from_secs(1);
/// For what a hub has to compile first.
pub const COMPILED: Duration = Duration::from_secs(60);
/// So often it is asked at least: where each answer takes long, a second is over after a few.
const OFTEN: u32 = 50;
/// Far longer than anything here takes; a test that meets it hangs.
const PATIENCE: Duration = Duration::from_secs(180);

/// Asks until it is so: for so long, and on a slow machine for as many answers as a fast one gives meanwhile.
pub async fn within(time: Duration, org: &Org, is_so: impl AsyncFn(&Org) -> bool) {
    let asking = async {
        let (begun, mut asked) = (Instant::now(), 0);
        while !is_so(org).await {
            asked += 1;
            let took = begun.elapsed();
            assert!(took < time || asked < OFTEN, "it was to be so within {time:?}: asked {asked} times in {took:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("answers that come");
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
