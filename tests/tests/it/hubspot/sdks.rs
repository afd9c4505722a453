//! HubSpot's own SDK, against the hub and against our signatures.

use std::{io::Write as _, process::Stdio};

use patchbay_tests::{
    HubSpotSender,
    hubspot::{Kind, PORTAL, vector},
};
use serde_json::{Value, json};
use tokio::process::Command;

use super::scene::{SECRET, Scene};
use crate::sdk;

pub async fn hubspots_sdk_works_unchanged() {
    if !sdk::have("python3").await {
        return;
    }
    let interpreter = sdk::python().await;
    let scene = Scene::in_step(json!({}), &[]).await;
    scene.hubspot.edit(PORTAL, |portal, now| {
        portal.create(Kind::Contacts, &[("email", "ada@example.com"), ("firstname", "Ada")], now)
    });
    let mut command = Command::new(interpreter);
    command.arg(sdk::script("hubspot_sdk.py")).env("NO_PROXY", "127.0.0.1");
    command.env("HUBSPOT_BASE_URL", format!("{}/v1/proxy/hubspot", scene.hub.url));
    command.env("HUBSPOT_TOKEN", &scene.acme.org.key);
    let printed = sdk::run(&mut command).await.unwrap_or_else(|text| panic!("{text}"));
    let expected = [
        "found: Ada",
        "created: Grace",
        "updated: Hopper",
        "listed: 2",
        "batch: 2",
        "associated: 1",
        "error: 404",
        "archived: 1",
    ];
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected);
    scene.assert_well_behaved();
}

/// A request, and what is done to it.
struct Mutant {
    method: String,
    url: String,
    body: String,
    time: i64,
    signature: String,
}

/// Forty that differ from a good one, and the good one's copies among them, by what the signature is over.
fn mutants(hook: &str, time: i64, body: &str) -> Vec<Mutant> {
    let sender = HubSpotSender::new(SECRET);
    let good = sender.sign("POST", hook, body, time);
    let signed = |body: &str, time: i64, signature: &str| Mutant {
        method: "POST".to_owned(),
        url: hook.to_owned(),
        body: body.to_owned(),
        time,
        signature: signature.to_owned(),
    };
    let mut all = Vec::new();
    // the body, changed at ten places and signed as it was; then the same, signed as it is
    for place in 0..10 {
        let changed = body.replace("\"eventId\":1", &format!("\"eventId\":{}", place + 2));
        let own = sender.sign("POST", hook, &changed, time);
        all.push(signed(&changed, time, &good));
        all.push(signed(&changed, time, &own));
    }
    // the time: signed with another one, by seconds, too old, not yet
    for offset in [1, -1, 1_000, -299_000, 299_000] {
        all.push(signed(body, time + offset, &good));
        all.push(signed(body, time + offset, &sender.sign("POST", hook, body, time + offset)));
    }
    // the signature: another secret, another method, another address, another alphabet, cut, empty
    for other in [
        HubSpotSender::new("another").sign("POST", hook, body, time),
        sender.sign("PUT", hook, body, time),
        sender.sign("POST", &hook.replace("http", "https"), body, time),
        sender.sign("POST", &format!("{hook}?a=b"), body, time),
        sender.sign("POST", hook, &format!("{body} "), time),
        good.to_lowercase(),
        good.chars().rev().collect(),
        good.chars().take(20).collect(),
        String::new(),
        good.clone(),
    ] {
        all.push(signed(body, time, &other));
    }
    all
}

pub async fn hubspots_own_check_and_ours_agree() {
    if !sdk::have("python3").await {
        return;
    }
    let interpreter = sdk::python().await;
    let scene = Scene::in_step(json!({}), &[]).await;
    let all = mutants(&scene.acme.hook, vector::TIME, vector::BODY);
    assert_eq!(all.len(), 40);
    let cases: String = all
        .iter()
        .map(|one| {
            let Mutant { method, url, body, time, signature } = one;
            let case = json!({
                "method": method, "url": url, "body": body, "time": time.to_string(), "now": vector::TIME, "signature": signature,
            });
            case.to_string() + "\n"
        })
        .collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(cases.as_bytes()).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let mut command = Command::new(interpreter);
    command.arg(sdk::script("hubspot_signatures.py")).env("SECRET", SECRET).stdin(Stdio::from(file));
    let output = command.kill_on_drop(true).output().await.unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let judged: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(judged.len(), all.len(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    let mut accepted = 0;
    for (index, (one, judged)) in all.iter().zip(judged).enumerate() {
        let reply = scene.send_signed(&scene.acme, &one.body, one.time, &one.signature).await;
        let theirs = judged["accepted"].as_bool().unwrap();
        assert_eq!(reply.status == 200, theirs, "mutant {index}: {judged} {}", reply.text());
        accepted += usize::from(theirs);
    }
    assert!((10..=30).contains(&accepted), "both kinds are among them: {accepted}");
}
