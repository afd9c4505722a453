//! What the hub adds to a call: through it and straight to the upstream, interleaved.

use std::fmt::Write as _;

use crate::{
    Places,
    client::{Call, Client},
    hub::{CHAT, Hub},
    stats::{Samples, added_ms, ms},
};

const ROUNDS: usize = 3;
const CALLS: usize = 2_000;

/// One batch of calls at a concurrency; each worker has a connection of its own.
pub(crate) async fn batch(call: &Call, concurrency: usize, calls: usize) -> anyhow::Result<Samples> {
    let workers = (0..concurrency).map(|_| {
        let call = call.clone();
        tokio::spawn(async move {
            let mut client = Client::connect(call.address).await?;
            let mut samples = Samples::default();
            for _ in 0..calls.div_ceil(concurrency) {
                samples.push(client.time(&call).await?);
            }
            anyhow::Ok(samples)
        })
    });
    let mut all = Samples::default();
    for worker in workers.collect::<Vec<_>>() {
        all.extend(worker.await??);
    }
    Ok(all)
}

pub(crate) async fn run(places: &Places) -> anyhow::Result<String> {
    let hub = Hub::with_openai(places).await?;
    let (direct, proxied, action) = (hub.direct(CHAT), hub.proxied(CHAT), hub.action());
    for call in [&direct, &proxied, &action] {
        batch(call, 4, 500).await?;
    }
    let mut text = String::from(
        "Authentication, metering and the durable run log are on. Each row: medians over interleaved rounds of 2,000 calls.\n\n",
    );
    writeln!(
        text,
        "| concurrency | direct p50 / p99 | proxy p50 / p99 | proxy adds p50 / p99 | action p50 / p99 | action adds p50 / p99 |\n|---|---|---|---|---|---|"
    )?;
    for concurrency in [1, 4, 16, 64] {
        let mut samples = [Samples::default(), Samples::default(), Samples::default()];
        for _ in 0..ROUNDS {
            for (samples, call) in samples.iter_mut().zip([&direct, &proxied, &action]) {
                samples.extend(batch(call, concurrency, CALLS).await?);
            }
        }
        let [direct, proxied, action] = samples.map(|samples| (samples.percentile(50.0), samples.percentile(99.0)));
        let added = |with: (std::time::Duration, std::time::Duration)| {
            format!("{} / {}", added_ms(with.0, direct.0), added_ms(with.1, direct.1))
        };
        let plain = |pair: (std::time::Duration, std::time::Duration)| format!("{} / {}", ms(pair.0), ms(pair.1));
        writeln!(
            text,
            "| {concurrency} | {} | {} | **{}** | {} | {} |",
            plain(direct),
            plain(proxied),
            added(proxied),
            plain(action),
            added(action)
        )?;
    }
    text.push('\n');
    Ok(text)
}
