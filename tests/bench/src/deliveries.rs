//! Events to endpoints: how many a second, and how soon.
//!
//! Hubs, database, receivers and this load share the cores. For how many there are, events are put straight into the database
//! and one call of each organization has its hub look; for how soon, they are published by calls at a steady rate, and
//! timed from before the call that publishes one until it was received.

use std::{fmt::Write as _, time::Instant};

use anyhow::Context as _;

use crate::{
    Places, Sizes, facts,
    receiver::{Answer, Received, Receiver},
    rows::EVENT,
    scene::{On, Publisher, Scene},
    stats::{Samples, ms},
};

/// Organizations among which the load is shared, and endpoints of each. An organization may have half of all attempts.
const ORGS: usize = 4;
const ENDPOINTS: usize = 5;
const RATE: u32 = 200;
const WARM_UP: usize = 400;
/// What is published by the calls.
const ECHOED: &str = "echo.echoed";
/// How many hubs have sent.
const SENDERS: &str = "SELECT count(DISTINCT owner) FROM delivery_lane WHERE owner IS NOT NULL";

/// One more receiver for an organization's calls, and the times of events that are published at a steady rate.
pub(crate) async fn timed(scene: &Scene, org: &Publisher, rate: u32, count: usize) -> anyhow::Result<Samples> {
    let begun = Instant::now();
    let received = Received::since(begun);
    let receiver = Receiver::start(&received, Answer::AtOnce).await?;
    let endpoint = scene.endpoint(org, receiver.address, ECHOED).await?;
    scene.publish(org, begun, rate, count).await?;
    received.wait_for(count).await?;
    // else it would be in the way of the next one
    scene.switch(org, endpoint, false).await?;
    Ok(received.samples())
}

struct Sustained {
    count: usize,
    rate: f64,
    slowest: usize,
    connections: usize,
    again: usize,
    hubs: i64,
}

async fn sustained(scene: &Scene, sizes: &Sizes) -> anyhow::Result<Sustained> {
    let orgs = scene.orgs(ORGS).await?;
    let received = Received::since(Instant::now());
    let mut receivers = Vec::new();
    for org in &orgs {
        for _ in 0..ENDPOINTS {
            let receiver = Receiver::start(&received, Answer::AtOnce).await?;
            scene.endpoint(org, receiver.address, EVENT).await?;
            receivers.push(receiver);
        }
    }
    let events = sizes.deliveries.div_ceil(ORGS * ENDPOINTS).max(1);
    let count = events * ORGS * ENDPOINTS;
    for (org, address) in orgs.iter().zip(scene.addresses().into_iter().cycle()) {
        scene.put_events(org.id, events).await?;
        scene.kick(address, org).await?;
    }
    received.wait_for(count).await?;
    let hubs = match &scene.server {
        Some(server) => server.number(SENDERS).await,
        None => 1,
    };
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let rate = count as f64 / received.took().as_secs_f64();
    let (slowest, connections, again) = (received.slowest_second(), received.connections(), received.again());
    Ok(Sustained { count, rate, slowest, connections, again, hubs })
}

async fn row(places: &Places, sizes: &Sizes, on: On) -> anyhow::Result<String> {
    let scene = Scene::start(places, on, &places.fixtures.join("echo.wasm"), "").await?;
    let orgs = scene.orgs(2).await?;
    let [warm, org] = orgs.as_slice() else { anyhow::bail!("two organizations") };
    timed(&scene, warm, RATE, WARM_UP).await?;
    let soon = timed(&scene, org, RATE, sizes.timed).await?;
    let [p50, p95, p99] = [50.0, 95.0, 99.0].map(|percent| ms(soon.percentile(percent)));
    let Sustained { count, rate, slowest, connections, again, hubs } = sustained(&scene, sizes).await?;
    scene.close().await;
    let name = on.name();
    Ok(format!(
        "| {name} | {count} | **{rate:.0}** | {slowest} | {connections} | {again} | {hubs} | {p50} / **{p95}** / {p99} | {} |\n",
        facts::fsync()?
    ))
}

pub(crate) async fn run(places: &Places, sizes: &Sizes) -> anyhow::Result<String> {
    let mut text = String::new();
    writeln!(
        text,
        "Events of {ORGS} organizations to {ENDPOINTS} endpoints each, from the first that arrived to the last, each signed and with \
         its attempt written down; each endpoint is a receiver with keep-alive connections, of which it is said how many were \
         opened. The last columns: events that were published by calls at {RATE}/s ({} of them), from before the call until they were \
         received. Two hubs are two processes on one database; on the same cores, as everything else.\n\n\
         | database | deliveries | per second | in the slowest second | connections | sent twice | hubs that sent | published → \
         received p50 / p95 / p99 | fsync |\n\
         |---|---|---|---|---|---|---|---|---|",
        sizes.timed
    )?;
    for on in sizes.databases() {
        text.push_str(&row(places, sizes, on).await.with_context(|| on.name())?);
    }
    Ok(text)
}
