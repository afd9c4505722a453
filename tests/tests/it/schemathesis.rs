//! The API against its own description: requests made from the served OpenAPI document, good ones and bad ones, by a
//! tool that knows nothing else of the hub. No answer is a 5xx, and each is what the document says.
//!
//! The tool is installed once into `target/sdk`, as the vendors' SDKs are: see `sdk.rs`.

use patchbay_tests::{Fixture, TestHub};
use serde_json::json;
use tokio::process::Command;

use crate::sdk::{have, run, virtual_environment};

const PACKAGE: [&str; 1] = ["schemathesis==4.32.5"];
/// The same requests in every run.
const SEED: &str = "20261121";
const EXAMPLES: &str = "25";
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance";

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_what_the_served_document_says() {
    if !have("python3").await {
        return;
    }
    let interpreter = virtual_environment("schemathesis", &PACKAGE).await;
    let hub = TestHub::start().await;
    let org = hub.org("acme").await;
    // the guest's other action fails on what is no URL, which its schema does not say
    let echo = Fixture::load("echo").edit(|manifest| manifest.actions.retain(|action| action.name == "run"));
    let _ = org.upload(echo.pack()).await.expect(201);
    let _ = org.install("echo", json!({})).await.expect(200);
    let _ = org.connect("echo", "secret_key", "sk-schemathesis").await.expect(200);
    let _ = org.act("echo", "run", &json!({"text": "x"})).await.expect(200);
    let document = org.get("/openapi.json").await.expect(200);
    let folder = tempfile::tempdir().unwrap();
    let served = folder.path().join("openapi.json");
    std::fs::write(&served, &document.body).unwrap();
    // not by the script's own first line: it holds the path of the folder that the environment was made in
    let mut command = Command::new(&interpreter);
    command
        .arg(interpreter.with_file_name("schemathesis"))
        .args(["--no-color", "run"])
        .arg(&served)
        .args(["--url", &hub.url]);
    command.args(["--header", &format!("Authorization: Bearer {}", org.key)]);
    command.args(["--phases", "examples,coverage,fuzzing", "--checks", CHECKS, "--workers", "1"]);
    command.args(["--seed", SEED, "--max-examples", EXAMPLES, "--generation-database", "none"]);
    // compiling what is no component is not what this is about, and takes its time
    command.args(["--exclude-operation-id", "upload_plugin", "--warnings", "off", "--continue-on-failure"]);
    // its answer has no end
    command.args(["--exclude-operation-id", "stream_events"]);
    command.current_dir(folder.path()).env("NO_PROXY", "127.0.0.1");
    let printed = run(&mut command).await.unwrap_or_else(|text| panic!("{text}"));
    println!("{printed}");
    assert_eq!(hub.get("/healthz").await.status, 200);
}
