//! The official packages verify what the hub sends, and the guide's examples do.

use std::{path::PathBuf, process::Stdio};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use patchbay_tests::{Received, TestHub, TestReceiver};
use serde_json::json;
use tokio::{io::AsyncWriteExt as _, process::Command};

use super::scene::{endpoint_at, on_this_machine, publish, publisher};
use crate::sdk::{have, run, virtual_environment};

const PYTHON: [&str; 2] = ["standardwebhooks==1.1.0", "svix==2.9.1"];

fn line(received: &Received, secrets: &[&str], wrong: &[&str]) -> String {
    let body = String::from_utf8(received.body.clone()).unwrap();
    let headers = json!({
        "webhook-id": received.id,
        "webhook-timestamp": received.timestamp.to_string(),
        "webhook-signature": received.signature,
    });
    json!({"secrets": secrets, "wrong": wrong, "headers": headers, "body": body}).to_string() + "\n"
}

/// By the machine's clock: the packages know no other.
pub async fn the_official_packages_verify_real_deliveries_during_a_rotation_too() {
    if !have("python3").await {
        return;
    }
    let python = virtual_environment("webhooks", &PYTHON).await;
    let receiver = TestReceiver::start().await;
    let hub = TestHub::setup().edit(on_this_machine).start().await;
    let org = publisher(&hub, "acme").await;
    let (endpoint, old) = endpoint_at(&org, &receiver, json!({})).await;
    publish(&org, "caf\u{e9} \u{1f600} \"quoted\"").await;
    let _ = receiver.wait_for(1).await;
    let rotate = org.call("POST", &format!("/v1/endpoints/{endpoint}/secret/rotate")).json(&json!({}));
    let new = rotate.send().await.expect(200).json()["secret"].as_str().unwrap().to_owned();
    publish(&org, "during the rotation").await;
    let received = receiver.wait_for(2).await;
    let input = line(&received[0], &[&old], &[&new]) + &line(&received[1], &[&old, &new], &["whsec_AQID"]);
    let script = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/sdk/webhooks_verify.py"));
    let mut command = Command::new(python);
    command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "verified: 3");
}

/// The key that `whpk_…` is, as programs read keys (RFC 8410).
fn pem(public_key: &str) -> String {
    const BEFORE: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let key = BASE64_STANDARD.decode(public_key.strip_prefix("whpk_").unwrap()).unwrap();
    let der = [&BEFORE[..], &key].concat();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64_STANDARD.encode(der))
}

/// True if `openssl` finds one of the signatures right.
async fn openssl_takes(received: &Received, public_key: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let [key, message, signature] = ["key", "message", "signature"].map(|name| folder.path().join(name));
    std::fs::write(&key, pem(public_key)).unwrap();
    let signed = [format!("{}.{}.", received.id, received.timestamp).as_bytes(), &received.body].concat();
    std::fs::write(&message, signed).unwrap();
    for one in received.signature.split(' ') {
        std::fs::write(&signature, BASE64_STANDARD.decode(one.strip_prefix("v1a,").unwrap()).unwrap()).unwrap();
        let mut openssl = Command::new("openssl");
        openssl.args(["pkeyutl", "-verify", "-pubin", "-rawin", "-inkey"]).arg(&key);
        openssl.arg("-in").arg(&message).arg("-sigfile").arg(&signature);
        if run(&mut openssl).await.is_ok() {
            return true;
        }
    }
    false
}

/// The official packages know shared secrets alone, so another program is asked.
pub async fn openssl_verifies_the_deliveries_of_an_ed25519_endpoint_during_a_rotation_too() {
    if !have("openssl").await {
        return;
    }
    let receiver = TestReceiver::start().await;
    let hub = TestHub::setup().edit(on_this_machine).start().await;
    let org = publisher(&hub, "acme").await;
    let (endpoint, _) = endpoint_at(&org, &receiver, json!({"signing": "ed25519"})).await;
    let shown = org.get(&format!("/v1/endpoints/{endpoint}")).await.expect(200).json();
    let old = shown["public_key"].as_str().unwrap();
    publish(&org, "caf\u{e9}").await;
    let first = receiver.wait_for(1).await.remove(0);
    let rotate = org.call("POST", &format!("/v1/endpoints/{endpoint}/secret/rotate")).json(&json!({}));
    let rotated = rotate.send().await.expect(200).json();
    let new = rotated["endpoint"]["public_key"].as_str().unwrap();
    publish(&org, "during the rotation").await;
    let second = receiver.wait_for(2).await.remove(1);
    assert!(openssl_takes(&first, old).await && !openssl_takes(&first, new).await);
    assert!(openssl_takes(&second, old).await && openssl_takes(&second, new).await);
    let changed = Received { body: [&second.body[..], b" "].concat(), ..second };
    assert!(!openssl_takes(&changed, old).await && !openssl_takes(&changed, new).await);
}

/// The fenced block of a language in the guide.
fn block(language: &str) -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guides/webhooks.md")).unwrap();
    let block = page.split_once(&format!("```{language}\n")).unwrap().1;
    block.split_once("\n```").unwrap().0.to_owned()
}

/// What a program that takes these variables says of a delivery.
async fn takes(mut command: Command, received: &Received, secret: &str, body: &[u8]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body");
    std::fs::write(&file, body).unwrap();
    command
        .env("SECRET", secret)
        .env("ID", &received.id)
        .env("TIMESTAMP", received.timestamp.to_string())
        .env("SIGNATURE", &received.signature)
        .env("BODY", &file);
    command.output().await.unwrap().status.success()
}

pub async fn the_guides_ways_to_verify_take_a_real_delivery_and_no_changed_one() {
    let receiver = TestReceiver::start().await;
    let hub = TestHub::setup().edit(on_this_machine).start().await;
    let org = publisher(&hub, "acme").await;
    let (_, secret) = endpoint_at(&org, &receiver, json!({})).await;
    publish(&org, "caf\u{e9}").await;
    let received = receiver.wait_for(1).await.remove(0);
    let python = format!(
        "{}\nimport os\nheaders = {{'webhook-id': os.environ['ID'], 'webhook-timestamp': os.environ['TIMESTAMP'], \
         'webhook-signature': os.environ['SIGNATURE']}}\nreceive(os.environ['SECRET'], headers, \
         open(os.environ['BODY'], 'rb').read())\n",
        block("python")
    );
    let javascript = format!(
        "{}\nimport {{ readFileSync }} from 'node:fs';\nconst headers = {{'webhook-id': process.env.ID, \
         'webhook-timestamp': process.env.TIMESTAMP, 'webhook-signature': process.env.SIGNATURE}};\n\
         receive(process.env.SECRET, headers, readFileSync(process.env.BODY));\n",
        block("javascript")
    );
    let changed = [&received.body[..], b" "].concat();
    let command = |program: PathBuf, arguments: Vec<String>| {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        command
    };
    let mut ways: Vec<(PathBuf, Vec<String>)> = Vec::new();
    if have("python3").await {
        ways.push((virtual_environment("webhooks", &PYTHON).await, vec!["-c".to_owned(), python]));
    }
    if have("node").await {
        ways.push(("node".into(), vec!["--input-type=module".to_owned(), "-e".to_owned(), javascript]));
    }
    if have("openssl").await {
        ways.push(("bash".into(), vec!["-euo".to_owned(), "pipefail".to_owned(), "-c".to_owned(), block("sh")]));
    }
    for (program, arguments) in ways {
        let told = |secret: &str, body: &[u8]| {
            let (secret, body) = (secret.to_owned(), body.to_vec());
            let (command, received) = (command(program.clone(), arguments.clone()), received.clone());
            async move { takes(command, &received, &secret, &body).await }
        };
        assert!(told(&secret, &received.body).await, "{}", program.display());
        assert!(!told(&secret, &changed).await, "{}", program.display());
        assert!(!told("whsec_AQID", &received.body).await, "{}", program.display());
    }
}
