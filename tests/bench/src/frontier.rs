//! The most requests per second whose 99th percentile stays below a bound: an open load at growing rates,
//! latency counted from when a request was due, so that a stall cannot hide the requests behind it.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::{
    Places,
    client::{Call, Client},
    hub::{CHAT, Hub},
    stats::{Samples, ms},
};

const CONNECTIONS: usize = 64;
const SECONDS: usize = 4;
const BOUNDS_MS: [u64; 4] = [1, 5, 10, 50];

/// Requests that are due and connections that are free: one of the two is empty.
#[derive(Default)]
struct Desk {
    due: VecDeque<Instant>,
    free: Vec<oneshot::Sender<Instant>>,
    closed: bool,
}

impl Desk {
    /// When the next request of a free connection was due; none at the end.
    async fn next(desk: &Mutex<Self>) -> Option<Instant> {
        let turn = {
            let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
            match desk.due.pop_front() {
                Some(due) => return Some(due),
                None if desk.closed => return None,
                None => {
                    let (sender, turn) = oneshot::channel();
                    desk.free.push(sender);
                    turn
                }
            }
        };
        turn.await.ok()
    }

    /// Hands out `total` requests in time. It has a thread of its own: tokio's timer is as coarse as a millisecond,
    /// and a loop that waits for the time takes the core away from what is measured.
    fn hand_out(desk: &Mutex<Self>, rate: usize, total: usize) {
        let begun = Instant::now() + Duration::from_millis(50);
        for number in 0..total {
            #[expect(clippy::cast_precision_loss, reason = "numbers far below 2^52")]
            let due = begun + Duration::from_secs_f64(number as f64 / rate as f64);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
            match desk.free.pop() {
                // one that has gone away has failed, and its error ends the measurement
                Some(connection) => drop(connection.send(due)),
                None => desk.due.push_back(due),
            }
        }
        let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
        desk.closed = true;
        desk.free.clear();
    }
}

/// Sends `rate` requests per second for some seconds, and measures each from when it was due.
pub(crate) async fn open_load(call: &Call, rate: usize, seconds: usize) -> anyhow::Result<Samples> {
    let desk = Arc::new(Mutex::new(Desk::default()));
    let workers = (0..CONNECTIONS).map(|_| {
        let (call, desk) = (call.clone(), Arc::clone(&desk));
        tokio::spawn(async move {
            let mut client = Client::connect(call.address).await?;
            let mut samples = Samples::default();
            while let Some(due) = Desk::next(&desk).await {
                client.time(&call).await?;
                samples.push(due.elapsed());
            }
            anyhow::Ok(samples)
        })
    });
    let workers: Vec<_> = workers.collect();
    tokio::task::spawn_blocking(move || Desk::hand_out(&desk, rate, rate * seconds)).await?;
    let mut all = Samples::default();
    for worker in workers {
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
        "Open load on 64 connections, 4 s per point, every call with a durable run row and usage rows on SQLite.\n\n",
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
