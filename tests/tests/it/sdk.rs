//! The vendors' official SDKs against the hub, changed only in base URL and key.
//!
//! They are installed once into `target/sdk`. Without Python or Node the tests say so and pass, except
//! where `CI` is set: there a missing interpreter is a failure.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use patchbay_tests::stripe::vector;
use serde_json::json;
use tokio::{process::Command, sync::Mutex};

use crate::scene::OpenAiScene;

const PYTHON: [&str; 9] = [
    "assemblyai==1.8.2",
    "elevenlabs==2.78.0",
    "hubspot-api-client==12.0.0",
    "openai==3.54.0",
    "simple-salesforce==1.12.10",
    "slack_sdk==3.47.0",
    "stripe==16.1.0",
    "telnyx[webhooks]==4.189.0",
    "twilio==9.13.0",
];
const NODE: &str = "openai@7.57.0";

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/sdk"))
}

pub fn script(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/sdk")).join(name)
}

pub async fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.map_err(|error| error.to_string())?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(text) } else { Err(text) }
}

/// True if the program is there; says so and gives false if it is not.
pub async fn have(program: &str) -> bool {
    // OpenSSL knows the second alone
    for asked in ["--version", "version"] {
        if run(Command::new(program).arg(asked)).await.is_ok() {
            return true;
        }
    }
    assert!(std::env::var_os("CI").is_none(), "{program} is missing, and CI must not skip the SDK tests");
    eprintln!("skipped: {program} is not installed, so what it should judge was not tried");
    false
}

/// Runs `install` unless the marker says that the very same was installed before.
async fn installed(place: &Path, wanted: &str, install: impl AsyncFnOnce()) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
    let _guard = ONE_AT_A_TIME.lock().await;
    let marker = place.join("installed");
    if std::fs::read_to_string(&marker).is_ok_and(|have| have == wanted) {
        return;
    }
    let _ = std::fs::remove_dir_all(place);
    std::fs::create_dir_all(place).unwrap();
    install().await;
    std::fs::write(marker, wanted).unwrap();
}

pub async fn python() -> PathBuf {
    virtual_environment("python", &PYTHON).await
}

/// The interpreter of an environment of this name that has these packages and no others.
pub async fn virtual_environment(name: &str, packages: &[&str]) -> PathBuf {
    let place = folder().join(name);
    let interpreter = place.join("bin/python");
    installed(&place, &packages.join(" "), async || {
        run(Command::new("python3").args(["-m", "venv"]).arg(&place)).await.unwrap();
        run(Command::new(&interpreter).args(["-m", "pip", "install", "--quiet"]).args(packages)).await.unwrap();
    })
    .await;
    interpreter
}

async fn node_modules() -> PathBuf {
    let place = folder().join("node");
    installed(&place, NODE, async || {
        std::fs::write(place.join("package.json"), r#"{"private": true, "type": "module"}"#).unwrap();
        run(Command::new("npm").args(["install", "--no-audit", "--no-fund", "--silent", NODE]).current_dir(&place))
            .await
            .unwrap();
    })
    .await;
    place
}

fn environment(command: &mut Command, scene: &OpenAiScene) {
    command
        .env("OPENAI_BASE_URL", format!("{}/v1/proxy/openai/v1", scene.hub.url))
        .env("OPENAI_API_KEY", &scene.org.key)
        .env("NO_PROXY", "127.0.0.1");
}

/// What both scripts do is the same, so the same is in the books afterwards.
async fn assert_books_are_equal(scene: &OpenAiScene, printed: &str) {
    println!("{printed}");
    let (whole, broken): (Vec<_>, Vec<_>) = scene.vendor.ledger().entries().into_iter().partition(|one| one.complete);
    let (org, expected) = (scene.org.clone(), broken.len());
    let usage = org
        .wait_for(Duration::from_secs(30), || async {
            let usage = scene.org.usage("openai").await;
            let estimates = usage.iter().filter(|(meter, basis, _)| meter == "output_tokens" && basis == "estimated");
            (estimates.count() == expected).then_some(usage)
        })
        .await;
    let reported = |meter: &str| {
        let ours = usage.iter().filter(|(name, basis, _)| name == meter && basis == "reported");
        ours.map(|(_, _, quantity)| quantity).sum::<u64>()
    };
    let prompt: u64 = whole.iter().map(|one| one.prompt).sum();
    let completion: u64 = whole.iter().map(|one| one.completion).sum();
    assert!(prompt > 0 && completion > 0);
    assert_eq!((reported("input_tokens"), reported("output_tokens")), (prompt, completion));
    assert_eq!(scene.vendor.violations(), Vec::<String>::new());
    let told: u64 = printed
        .lines()
        .filter_map(|line| line.strip_prefix("tokens told: "))
        .map(|tokens| tokens.parse::<u64>().unwrap())
        .sum();
    assert!(told > 0 && told <= prompt + completion);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openai_sdk_for_python_works_unchanged() {
    if have("python3").await {
        let interpreter = python().await;
        let scene = OpenAiScene::start().await;
        let mut command = Command::new(interpreter);
        command.arg(script("openai_sdk.py"));
        environment(&mut command, &scene);
        let printed = run(&mut command).await.unwrap_or_else(|text| panic!("{text}"));
        assert_books_are_equal(&scene, &printed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openai_sdk_for_node_works_unchanged() {
    if have("npm").await {
        let place = node_modules().await;
        let scene = OpenAiScene::start().await;
        std::fs::copy(script("openai_sdk.mjs"), place.join("openai_sdk.mjs")).unwrap();
        let mut command = Command::new("node");
        command.arg(place.join("openai_sdk.mjs"));
        environment(&mut command, &scene);
        let printed = run(&mut command).await.unwrap_or_else(|text| panic!("{text}"));
        assert_books_are_equal(&scene, &printed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_made_by_the_stripe_package_are_taken() {
    if have("python3").await {
        let interpreter = python().await;
        let mut command = Command::new(interpreter);
        command.arg(script("stripe_sign.py")).env("SECRET", vector::SECRET).env("BODY", vector::BODY);
        let header = run(&mut command).await.unwrap_or_else(|text| panic!("{text}")).trim().to_owned();
        let hub = patchbay_tests::TestHub::start().await;
        let org = hub.org("acme").await;
        let _ = org.upload(patchbay_tests::Fixture::plugin("stripe").pack()).await.expect(201);
        let hook =
            org.install("stripe", json!({})).await.expect(200).json()["webhook_url"].as_str().unwrap().to_owned();
        let _ = org.connect("stripe", "webhook_secret", vector::SECRET).await.expect(200);
        let path = hook.strip_prefix(&hub.url).unwrap();
        let send = |header: String| {
            org.call("POST", path).body("application/json", vector::BODY).header("stripe-signature", &header).send()
        };
        assert!((200..300).contains(&send(header.clone()).await.status));
        send(header.replace("v1=", "v1=00")).await.expect_problem("webhook_refused");
    }
}
