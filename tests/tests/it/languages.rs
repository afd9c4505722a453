//! Connectors in other languages answer through the same contract.

use patchbay_tests::{Fixture, TestHub};
use serde_json::json;

/// What `greet` asks the contract's interfaces for; the rest is what the language's runtime wants of WASI.
const CONTRACTS_CALLS: u64 = 5;

async fn greets(language: &str) {
    let fixture = Fixture::foreign(language);
    let id = fixture.manifest.id.to_string();
    let hub = TestHub::setup()
        .edit(|config| config.runtime.compile_timeout = std::time::Duration::from_secs(120))
        .start()
        .await;
    let org = hub.org("acme").await;
    let _ = org.upload(fixture.pack()).await.expect(201);
    let _ = org.install(&id, json!({"greeting": "Good day"})).await.expect(200);
    let reply = org.act(&id, "greet", &json!({"name": "Ada"})).await.expect(200).json();
    assert_eq!(reply["output"]["greeting"], "Good day, Ada!");
    assert_eq!(reply["output"]["language"], language);
    assert_eq!(org.metered(&id, "greeting").await, 1);
    let run = &org.runs(&id).await[0];
    assert!(run["figures"]["host_calls"].as_u64().unwrap() > CONTRACTS_CALLS, "its runtime's calls count too: {run}");
    org.act(&id, "greet", &json!({"name": 7})).await.expect_problem("invalid_input");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_in_javascript_greets() {
    greets("javascript").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_in_python_greets() {
    greets("python").await;
}
