//! What the documentation tells its readers to type does what it says.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use patchbay_storage::SealedColumn;
use patchbay_tests::Fixture;
use serde_json::json;
use tokio::process::Command;

use crate::{
    scene::{OpenAiScene, VENDOR_KEY},
    sdk::{have, python, run},
};

fn page(name: &str) -> String {
    std::fs::read_to_string(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(name)).unwrap()
}

/// The fenced blocks of a language, in order.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    let block = |rest: &str| rest.split_once("\n```").unwrap().0.to_owned();
    page.split(&opening).skip(1).map(block).collect()
}

/// The address and the keys of this scene in place of the page's.
fn filled_in(text: &str, scene: &OpenAiScene) -> String {
    text.replace("http://127.0.0.1:8080", &scene.hub.url)
        .replace("pb_…", &scene.org.key)
        .replace("sk-…", VENDOR_KEY)
        .replace("curl -s ", "curl -sS --fail-with-body ")
}

async fn in_shell(script: &str, scene: &OpenAiScene) -> String {
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", script]).env("PATCHBAY_KEY", &scene.org.key).env("NO_PROXY", "127.0.0.1");
    run(&mut command).await.unwrap_or_else(|text| panic!("{script}\n{text}"))
}

async fn in_python(script: &str, scene: &OpenAiScene, interpreter: &PathBuf) {
    let mut command = Command::new(interpreter);
    command.args(["-c", script]).env("PATCHBAY_KEY", &scene.org.key).env("NO_PROXY", "127.0.0.1");
    run(&mut command).await.unwrap_or_else(|text| panic!("{script}\n{text}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_calls_get_an_answer_a_run_and_a_usage_record() {
    if have("curl").await {
        let scene = OpenAiScene::start().await;
        let calls: Vec<_> =
            blocks(&page("README.md"), "sh").into_iter().filter(|block| block.contains("curl")).collect();
        assert_eq!(calls.len(), 1);
        let printed = in_shell(&filled_in(&calls[0], &scene), &scene).await;
        for expected in [r#""output":{"#, r#""operation":"create-chat-completion""#, r#""meter":"output_tokens""#] {
            assert!(printed.contains(expected), "no {expected} in {printed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guides_calls_to_the_api_work() {
    if have("curl").await {
        let scene = OpenAiScene::start().await;
        let script = blocks(&page("docs/guides/calling-the-api.md"), "sh").join("\n");
        let printed = in_shell(&filled_in(&script, &scene), &scene).await;
        assert!(printed.contains(r#""output":{"#), "{printed}");
    }
}

/// With a plugin whose vendor has two customers in the place of the page's.
#[tokio::test(flavor = "multi_thread")]
async fn the_guide_to_syncs_works() {
    if have("curl").await {
        let scene = OpenAiScene::start().await;
        let _ = scene.org.upload(Fixture::load("customers").pack()).await.expect(201);
        let _ = scene.org.install("customers", json!({})).await.expect(200);
        let script = blocks(&page("docs/guides/syncing.md"), "sh").join("\n").replace("hubspot", "customers");
        let printed = in_shell(&filled_in(&script, &scene), &scene).await;
        for expected in [r#""resource":"customers""#, r#""vendor_id":"1""#, r#""status":"completed""#] {
            assert!(printed.contains(expected), "no {expected} in {printed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_to_exports_works() {
    if have("curl").await {
        let scene = OpenAiScene::start().await;
        let script = blocks(&page("docs/guides/exports.md"), "sh").join("\n");
        let printed = in_shell(&filled_in(&script, &scene), &scene).await;
        assert!(printed.contains("id,plugin,version,digest,kind,operation,parent_run,status"), "{printed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_to_jobs_works() {
    if have("curl").await {
        let scene = OpenAiScene::start().await;
        let script = blocks(&page("docs/guides/jobs.md"), "sh").join("\n");
        let printed = in_shell(&filled_in(&script, &scene), &scene).await;
        for expected in [r#""status":"done""#, r#""output":{"#, r#""next_at":""#] {
            assert!(printed.contains(expected), "no {expected} in {printed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_python_works() {
    if have("python3").await {
        let (scene, interpreter) = (OpenAiScene::start().await, python().await);
        let readme = blocks(&page("README.md"), "python").join("\n");
        in_python(&filled_in(&readme, &scene), &scene, &interpreter).await;
        let guide = blocks(&page("docs/guides/calling-the-api.md"), "python").join("\n");
        let script = format!("import os\nfrom openai import OpenAI\n{guide}\nassert client.models.list().data");
        in_python(&filled_in(&script, &scene), &scene, &interpreter).await;
    }
}

/// What an operator has to clear of former rows after a key was seen.
#[test]
fn the_guide_to_keys_names_every_table_that_holds_something_sealed() {
    let guide = page("docs/guides/keys-and-audit.md");
    let list = guide.split_once("`VACUUM FULL ").unwrap().1.split_once('`').unwrap().0;
    let named: BTreeSet<&str> = list.split(',').map(str::trim).collect();
    let sealed = SealedColumn::ALL.into_iter().map(SealedColumn::table);
    // and the data keys themselves
    assert_eq!(named, sealed.chain(["org_key"]).collect());
}
