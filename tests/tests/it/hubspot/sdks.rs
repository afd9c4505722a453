//! HubSpot's own SDK, against the hub and against our signatures.

use std::{io::Write as _, process::Stdio};

use patchbay_tests::{
    HubSpotSender, Reply,
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

/// What is changed of a body: each member, its encoding and its spaces.
const CHANGES: [(&str, &str); 10] = [
    ("\"eventId\":1", "\"eventId\":2"),
    ("\"subscriptionId\":12345", "\"subscriptionId\":12346"),
    ("\"portalId\":62515", "\"portalId\":62516"),
    ("\"occurredAt\":1793491199000", "\"occurredAt\":1793491198999"),
    ("contact.propertyChange", "contact.creation"),
    ("a@b.co", "ä@b.co"),
    ("\"appId\":54321", "\"appId\":54320"),
    ("\"attemptNumber\":0", "\"attemptNumber\":1"),
    ("\"objectId\":123", "\"objectId\":124"),
    ("\"CRM\"}]", "\"CRM\"} ]"),
];

/// Forty that differ from a good one in what the signature is over, or in the signature.
fn mutants(hook: &str, time: i64, body: &str) -> Vec<Mutant> {
    let sender = HubSpotSender::new(SECRET);
    let good = sender.sign("POST", hook, body, time);
    let at = |method: &str, url: &str, body: &str, time: i64, signature: &str| Mutant {
        method: method.to_owned(),
        url: url.to_owned(),
        body: body.to_owned(),
        time,
        signature: signature.to_owned(),
    };
    let mut all = Vec::new();
    // the body, signed as it was; some signed as they are
    for (index, (from, to)) in CHANGES.into_iter().enumerate() {
        let changed = body.replace(from, to);
        assert_ne!(changed, body, "{from}");
        all.push(at("POST", hook, &changed, time, &good));
        if index < 6 {
            all.push(at("POST", hook, &changed, time, &sender.sign("POST", hook, &changed, time)));
        }
    }
    // the time: signed with another one, by seconds, too old, not yet
    for offset in [1, -1, 1_000, -299_000, 299_000] {
        let moved = time + offset;
        all.push(at("POST", hook, body, moved, &good));
        all.push(at("POST", hook, body, moved, &sender.sign("POST", hook, body, moved)));
    }
    let old = time - 301_000;
    all.push(at("POST", hook, body, old, &sender.sign("POST", hook, body, old)));
    // the address: with a query, which is signed as it is on the wire
    for query in ["?a=b", "?name=x%20y&more=%26%3D", "?tenant=a%3Ab%2Fc"] {
        let url = format!("{hook}{query}");
        all.push(at("POST", &url, body, time, &sender.sign("POST", &url, body, time)));
        all.push(at("POST", &url, body, time, &good));
    }
    all.push(at(
        "POST",
        &format!("{hook}?b=2&a=1"),
        body,
        time,
        &sender.sign("POST", &format!("{hook}?a=1&b=2"), body, time),
    ));
    // the method
    all.push(at("PUT", hook, body, time, &good));
    all.push(at("POST", hook, body, time, &sender.sign("PUT", hook, body, time)));
    // the signature: another secret, another alphabet, cut
    for other in [
        HubSpotSender::new("another").sign("POST", hook, body, time),
        good.to_lowercase(),
        good.chars().take(20).collect(),
        String::new(),
    ] {
        all.push(at("POST", hook, body, time, &other));
    }
    all
}

/// Sends it to the hub as it is.
async fn sent(scene: &Scene, one: &Mutant) -> Reply {
    let path = one.url.strip_prefix(&scene.hub.url).unwrap();
    let call = scene.acme.org.without_key(&one.method, path).body("application/json", one.body.clone());
    let call = call.header("x-hubspot-request-timestamp", &one.time.to_string());
    call.header("x-hubspot-signature-v3", &one.signature).send().await
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
    command.arg(sdk::script("hubspot_signatures.py")).env("SECRET", SECRET).env("PYTHONUTF8", "1");
    command.stdin(Stdio::from(file));
    let output = command.kill_on_drop(true).output().await.unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let judged: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(judged.len(), all.len(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    let mut accepted = 0;
    for (index, (one, judged)) in all.iter().zip(judged).enumerate() {
        let reply = sent(&scene, one).await;
        let theirs = judged["accepted"].as_bool().unwrap();
        assert_eq!(reply.status == 200, theirs, "mutant {index}: {judged} {}", reply.text());
        accepted += usize::from(theirs);
    }
    assert!((10..=30).contains(&accepted), "both kinds are among them: {accepted}");
}
