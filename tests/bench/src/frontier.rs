//! The most requests per second whose 99th percentile stays below a bound: an open load at growing rates,
//! latency counted from when a request was due, so that a stall cannot hide the requests behind it.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    Places,
    client::{Call, Client},
    hub::{CHAT, Hub},
    stats::{Samples, ms},
};

const CONNECTIONS: usize = 64;
const SECONDS: usize = 5;
const BOUNDS_MS: [u64; 4] = [1, 5, 10, 50];

/// Sends `rate` requests per second for some seconds; none if a call failed or too few were made in time.
pub(crate) async fn open_load(call: &Call, rate: usize, seconds: usize) -> anyhow::Result<Samples> {
    let total = rate * seconds;
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now() + Duration::from_millis(50);
    let workers = (0..CONNECTIONS).map(|_| {
        let (call, next) = (call.clone(), Arc::clone(&next));
        tokio::spawn(async move {
            let mut client = Client::connect(call.address).await?;
            let mut samples = Samples::default();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= total {
                    return anyhow::Ok(samples);
                }
                #[expect(clippy::cast_precision_loss, reason = "numbers far below 2^52")]
                let due = begun + Duration::from_secs_f64(number as f64 / rate as f64);
                // tokio's timer is as coarse as a millisecond: sleep short of it, then spin through yields
                let early = due.saturating_duration_since(Instant::now());
                if early > Duration::from_millis(2) {
                    tokio::time::sleep(early.saturating_sub(Duration::from_millis(2))).await;
                }
                while Instant::now() < due {
                    tokio::task::yield_now().await;
                }
                client.time(&call).await?;
                samples.push(due.elapsed());
            }
        })
    });
    let mut all = Samples::default();
    for worker in workers.collect::<Vec<_>>() {
        all.extend(worker.await??);
    }
    Ok(all)
}

async fn frontier(call: &Call) -> anyhow::Result<Vec<(usize, Duration, Duration)>> {
    let mut points = Vec::new();
    for rate in [250, 500, 1_000, 1_500, 2_000, 2_500, 3_000, 3_500, 4_000, 5_000, 6_000, 8_000, 10_000] {
        let samples = open_load(call, rate, SECONDS).await?;
        let point = (rate, samples.percentile(50.0), samples.percentile(99.0));
        points.push(point);
        if point.2 > Duration::from_millis(500) {
            break;
        }
    }
    Ok(points)
}

pub(crate) async fn run(places: &Places) -> anyhow::Result<String> {
    let hub = Hub::with_openai(places).await?;
    let mut text = String::from(
        "Open load on 64 connections, 5 s per point, every call with a durable run row and usage rows on SQLite.\n\n",
    );
    for (name, call) in [("upstream alone", hub.direct(CHAT)), ("proxy", hub.proxied(CHAT)), ("action", hub.action())] {
        crate::latency::batch(&call, 16, 1_000).await?;
        let points = frontier(&call).await?;
        writeln!(text, "| {name}: requests/s | p50 | p99 |\n|---|---|---|")?;
        for (rate, median, tail) in &points {
            writeln!(text, "| {rate} | {} | {} |", ms(*median), ms(*tail))?;
        }
        let best = BOUNDS_MS.map(|bound| {
            let within = points.iter().filter(|(_, _, tail)| *tail <= Duration::from_millis(bound));
            format!("{} at p99 ≤ {bound} ms", within.map(|(rate, ..)| *rate).max().unwrap_or(0))
        });
        writeln!(text, "\n**{name}: {}**\n", best.join(", "))?;
    }
    Ok(text)
}
