//! What a well-behaved plugin notices of a hostile one on the same hub.

use std::{fmt::Write as _, time::Duration};

use anyhow::ensure;
use serde_json::json;

use crate::{
    Places,
    frontier::open_load,
    hub::{CHAT, Hub},
    stats::ms,
};

const GUESTS: [&str; 8] = [
    "endless-loop",
    "host-call-storm",
    "memory-bomb",
    "grow-by-one",
    "deep-recursion",
    "panic-storm",
    "log-flood",
    "huge-output",
];
const RATE: usize = 200;
const SECONDS: usize = 10;
/// Hostile calls at once, without a pause.
const ATTACKERS: usize = 2;

pub(crate) async fn run(places: &Places) -> anyhow::Result<String> {
    let mut text = format!(
        "A proxied chat at a steady {RATE} requests/s, alone and while {ATTACKERS} clients call a hostile guest without a pause.\n\n| beside | p50 | p99 | p99 against alone |\n|---|---|---|---|\n"
    );
    for guest in GUESTS {
        let package = places.fixtures.join(format!("{guest}.wasm"));
        if !package.exists() {
            writeln!(text, "| {guest} | not built | | |")?;
            continue;
        }
        let hub = Hub::start(places, &[places.plugins.join("openai.wasm"), package]).await?;
        hub.put("/v1/installations/openai", &json!({ "config": {} })).await?;
        hub.put("/v1/connections/openai", &json!({ "credentials": { "secret_key": "sk-bench" } })).await?;
        hub.put(&format!("/v1/installations/{guest}"), &json!({ "config": {} })).await?;
        let call = hub.proxied(CHAT);
        open_load(&call, RATE, 2).await?;
        let alone = open_load(&call, RATE, SECONDS).await?;
        let path = format!("/v1/actions/{guest}/run");
        let attacks = futures::future::join_all((0..ATTACKERS).map(|_| async {
            loop {
                // that it fails is the point; that the hub answers at all is checked below
                let _ = hub.send("POST", &path, Some(&json!({ "text": "" }))).await;
            }
        }));
        let beside = tokio::select! {
            samples = open_load(&call, RATE, SECONDS) => samples?,
            () = async { attacks.await; } => anyhow::bail!("the attack ended"),
        };
        let (status, answer) = hub.send("POST", &path, Some(&json!({ "text": "" }))).await?;
        ensure!(status >= 400, "{guest} was not stopped: {answer}");
        let (quiet, loud) = (alone.percentile(99.0), beside.percentile(99.0));
        writeln!(text, "| (alone) | {} | {} | |", ms(alone.percentile(50.0)), ms(quiet))?;
        writeln!(
            text,
            "| {guest} | {} | {} | {:.2}× |",
            ms(beside.percentile(50.0)),
            ms(loud),
            loud.as_secs_f64() / quiet.max(Duration::from_micros(1)).as_secs_f64()
        )?;
    }
    text.push('\n');
    Ok(text)
}
