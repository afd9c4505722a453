//! What a well-behaved plugin notices of a hostile one on the same hub.

use std::{
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::ensure;
use serde_json::json;

use crate::{
    Places,
    client::Call,
    frontier::open_load,
    hub::{CHAT, Hub, Process},
    stats::{Samples, ms},
};

/// Guests that need no vendor, and what they are called with.
const GUESTS: [(&str, &str); 18] = [
    ("endless-loop", ""),
    ("host-call-storm", ""),
    ("random-hog", ""),
    ("memory-bomb", ""),
    ("grow-by-one", ""),
    ("trap", ""),
    ("panic-storm", ""),
    ("log-flood", ""),
    ("huge-output", ""),
    ("list-amplification", ""),
    ("handle-leak", ""),
    ("huge-header", "one"),
    ("invalid-output", "deep"),
    ("undeclared", "meter"),
    ("storage-flood", ""),
    ("storage-flood", "documents"),
    ("kv-flood", ""),
    ("fetcher", "https://elsewhere.test/ok"),
];
const RATE: usize = 200;
const SECONDS: usize = 2;
/// Alone and beside take turns: a disk or a machine that stalls for a moment must not decide a p99.
const ROUNDS: usize = 3;
/// Hostile calls at once, without a pause.
const ATTACKERS: usize = 2;

/// The median over the rounds of a percentile.
fn median(rounds: &[Samples], percentile: f64) -> Duration {
    let mut all: Vec<_> = rounds.iter().map(|samples| samples.percentile(percentile)).collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

/// The load alone, and the load while `attackers` run until they are told to stop, in turns.
struct Turns {
    alone: Vec<Samples>,
    beside: Vec<Samples>,
}

impl Turns {
    async fn take(call: &Call, attackers: impl AsyncFn(&AtomicBool)) -> anyhow::Result<Self> {
        let mut turns = Self { alone: Vec::new(), beside: Vec::new() };
        open_load(call, RATE, 2).await?;
        for _ in 0..ROUNDS {
            turns.alone.push(open_load(call, RATE, SECONDS).await?);
            let stop = AtomicBool::new(false);
            let load = async {
                let samples = open_load(call, RATE, SECONDS).await;
                stop.store(true, Ordering::Relaxed);
                samples
            };
            // what still runs when the load ends must not run into the next turn
            let (samples, ()) = tokio::join!(load, attackers(&stop));
            turns.beside.push(samples?);
        }
        Ok(turns)
    }

    fn row(&self, name: &str) -> String {
        let (quiet, loud) = (median(&self.alone, 99.0), median(&self.beside, 99.0));
        format!(
            "| {name} | {} / {} | {} / {} | **{:.2}×** |\n",
            ms(median(&self.alone, 50.0)),
            ms(quiet),
            ms(median(&self.beside, 50.0)),
            ms(loud),
            loud.as_secs_f64() / quiet.max(Duration::from_micros(1)).as_secs_f64()
        )
    }
}

async fn connect_openai(hub: &Hub) -> anyhow::Result<Call> {
    hub.put("/v1/installations/openai", &json!({ "config": {} })).await?;
    hub.put("/v1/connections/openai", &json!({ "credentials": { "secret_key": "sk-bench" } })).await?;
    Ok(hub.proxied(CHAT))
}

/// What the machine itself makes of two busy cores: nothing of the hub is in it.
async fn control(places: &Places) -> anyhow::Result<String> {
    let hub = Hub::start(places, &[places.plugins.join("openai.wasm")]).await?;
    let call = connect_openai(&hub).await?;
    let program = std::env::current_exe()?;
    let busy = async |stop: &AtomicBool| {
        let spin = || Command::new("nice").args(["-n", "10"]).arg(&program).arg("spin").spawn().map(Process::from);
        let spinning: Vec<_> = (0..ATTACKERS).map(|_| spin()).collect();
        while !stop.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        drop(spinning);
    };
    Ok(Turns::take(&call, busy).await?.row("(control: busy processes outside of the hub)"))
}

async fn guest(places: &Places, guest: &str, text: &str) -> anyhow::Result<String> {
    let package = places.fixtures.join(format!("{guest}.wasm"));
    let hub = Hub::start(places, &[places.plugins.join("openai.wasm"), package]).await?;
    let call = connect_openai(&hub).await?;
    hub.put(&format!("/v1/installations/{guest}"), &json!({ "config": {} })).await?;
    let (path, input) = (format!("/v1/actions/{guest}/run"), json!({ "text": text }));
    let attack = async |stop: &AtomicBool| {
        let attackers = (0..ATTACKERS).map(|_| async {
            while !stop.load(Ordering::Relaxed) {
                // that it fails is the point; that the hub answers at all is checked below
                let _ = hub.send("POST", &path, Some(&input)).await;
            }
        });
        futures::future::join_all(attackers).await;
    };
    let turns = Turns::take(&call, attack).await?;
    let (status, answer) = hub.send("POST", &path, Some(&input)).await?;
    ensure!(status >= 400, "{guest} was not stopped: {answer}");
    Ok(turns.row(format!("{guest} {text}").trim_end()))
}

pub(crate) async fn run(places: &Places) -> anyhow::Result<String> {
    let mut text = format!(
        "A proxied chat at a steady {RATE} requests/s, alone and while {ATTACKERS} clients call a hostile guest without a pause: medians over {ROUNDS} rounds of {SECONDS} s each, taking turns.\n\n| beside | alone p50 / p99 | beside it p50 / p99 | p99 against alone |\n|---|---|---|---|\n"
    );
    text.push_str(&control(places).await?);
    for (name, input) in GUESTS {
        text.push_str(&guest(places, name, input).await?);
    }
    text.push('\n');
    Ok(text)
}
