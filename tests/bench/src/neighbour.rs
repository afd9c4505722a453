//! What a well-behaved plugin notices of a hostile one on the same hub.

use std::{fmt::Write as _, time::Duration};

use anyhow::ensure;
use serde_json::json;

use crate::{
    Places,
    frontier::open_load,
    hub::{CHAT, Hub},
    stats::{Samples, ms},
};

const GUESTS: [&str; 7] =
    ["endless-loop", "host-call-storm", "memory-bomb", "grow-by-one", "panic-storm", "log-flood", "huge-output"];
const RATE: usize = 200;
const SECONDS: usize = 4;
/// Alone and beside take turns: a disk or a machine that stalls for a moment must not decide a p99.
const ROUNDS: usize = 5;
/// Hostile calls at once, without a pause.
const ATTACKERS: usize = 2;

/// The median over the rounds of a percentile.
fn median(rounds: &[Samples], percentile: f64) -> Duration {
    let mut all: Vec<_> = rounds.iter().map(|samples| samples.percentile(percentile)).collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

pub(crate) async fn run(places: &Places) -> anyhow::Result<String> {
    let mut text = format!(
        "A proxied chat at a steady {RATE} requests/s, alone and while {ATTACKERS} clients call a hostile guest without a pause: medians over {ROUNDS} rounds of {SECONDS} s each, taking turns.\n\n| guest | alone p50 / p99 | beside it p50 / p99 | p99 against alone |\n|---|---|---|---|\n"
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
        let path = format!("/v1/actions/{guest}/run");
        open_load(&call, RATE, 2).await?;
        let (mut alone, mut beside) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            alone.push(open_load(&call, RATE, SECONDS).await?);
            let attacks = futures::future::join_all((0..ATTACKERS).map(|_| async {
                loop {
                    // that it fails is the point; that the hub answers at all is checked below
                    let _ = hub.send("POST", &path, Some(&json!({ "text": "" }))).await;
                }
            }));
            beside.push(tokio::select! {
                samples = open_load(&call, RATE, SECONDS) => samples?,
                () = async { attacks.await; } => anyhow::bail!("the attack ended"),
            });
        }
        let (status, answer) = hub.send("POST", &path, Some(&json!({ "text": "" }))).await?;
        ensure!(status >= 400, "{guest} was not stopped: {answer}");
        let (quiet, loud) = (median(&alone, 99.0), median(&beside, 99.0));
        let middles = (median(&alone, 50.0), median(&beside, 50.0));
        writeln!(
            text,
            "| {guest} | {} / {} | {} / {} | **{:.2}×** |",
            ms(middles.0),
            ms(quiet),
            ms(middles.1),
            ms(loud),
            loud.as_secs_f64() / quiet.max(Duration::from_micros(1)).as_secs_f64()
        )?;
    }
    text.push('\n');
    Ok(text)
}
