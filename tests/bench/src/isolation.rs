//! What an endpoint that is down costs the others: one organization has very many deliveries queued for it, another one's are
//! timed.
//!
//! Alone and beside take turns, so that the machine's moods are in both: the dead endpoint is switched off and on. What is
//! queued for it stays, and with each switching on it begins anew, so that it is at its worst while it is timed.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use patchbay_model::EndpointId;
use tokio::net::TcpSocket;

use crate::{
    Places, Sizes,
    deliveries::timed,
    facts,
    receiver::{Answer, Received, Receiver},
    rows::EVENT,
    scene::{On, Publisher, Scene},
    stats::{Samples, ms},
};

const RATE: u32 = 50;
/// Events of one turn, and turns of each kind.
const TURN: usize = 250;
const TURNS: usize = 2;
const WARM_UP: usize = 100;

/// In which way an endpoint is down.
#[derive(Debug, Clone, Copy)]
enum Down {
    Refuses,
    NeverAnswers,
}

impl Down {
    const fn name(self) -> &'static str {
        match self {
            Self::Refuses => "refuses connections",
            Self::NeverAnswers => "takes requests and never answers",
        }
    }
}

/// Waits until all of it is queued for the endpoint.
async fn queued(scene: &Scene, org: &Publisher, endpoint: EndpointId, count: usize) -> anyhow::Result<()> {
    let most = u32::try_from(count)?;
    let mut before = 0;
    let mut unchanged = 0;
    loop {
        let mut tx = scene.database.read().await?;
        let (now, _) = tx.org(org.id).deliveries().queued(endpoint, most).await?;
        drop(tx);
        if now >= u64::from(most) {
            return Ok(());
        }
        unchanged = if now > before { 0 } else { unchanged + 1 };
        before = now;
        ensure!(unchanged < 100, "{now} of {count} deliveries were queued, and then no more");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn row(places: &Places, sizes: &Sizes, on: On, down: Down) -> anyhow::Result<String> {
    let scene = Scene::start(places, on, &places.fixtures.join("echo.wasm"), "").await?;
    let orgs = scene.orgs(2).await?;
    let [dead, alive] = orgs.as_slice() else { anyhow::bail!("two organizations") };
    timed(&scene, alive, RATE, WARM_UP).await?;
    let (mut idle, mut beside) = (timed(&scene, alive, RATE, TURN).await?, Samples::default());

    let silent = Received::since(Instant::now());
    let receiver = Receiver::start(&silent, Answer::Never).await?;
    // bound and not listened at: nobody else gets the port, and whoever connects is refused
    let closed = TcpSocket::new_v4()?;
    closed.bind("127.0.0.1:0".parse()?)?;
    let address = match down {
        Down::NeverAnswers => receiver.address,
        Down::Refuses => closed.local_addr()?,
    };
    let endpoint = scene.endpoint(dead, address, EVENT).await?;
    scene.put_events(dead.id, sizes.queued).await?;
    scene.kick(scene.hub.address, dead).await?;
    queued(&scene, dead, endpoint, sizes.queued).await?;
    scene.switch(dead, endpoint, false).await?;
    for _ in 0..TURNS {
        scene.switch(dead, endpoint, true).await?;
        beside.extend(timed(&scene, alive, RATE, TURN).await?);
        scene.switch(dead, endpoint, false).await?;
        idle.extend(timed(&scene, alive, RATE, TURN).await?);
    }
    drop((receiver, closed));
    scene.close().await;
    let (quiet, loud) = (idle.percentile(95.0), beside.percentile(95.0));
    let times = loud.as_secs_f64() / quiet.max(Duration::from_micros(1)).as_secs_f64();
    Ok(format!(
        "| {} | {} | {} / {} | {} / {} | **{times:.2}×** | {} |\n",
        on.name(),
        down.name(),
        ms(idle.percentile(50.0)),
        ms(quiet),
        ms(beside.percentile(50.0)),
        ms(loud),
        facts::fsync()?
    ))
}

pub(crate) async fn run(places: &Places, sizes: &Sizes) -> anyhow::Result<String> {
    let mut text = String::new();
    writeln!(
        text,
        "One organization has {} deliveries queued for an endpoint that is down; another one publishes by calls at {RATE}/s to an \
         endpoint of its own: from before the call until received, alone and beside, in turns of {TURN} events.\n\n\
         | database | the endpoint | alone p50 / p95 | beside p50 / p95 | p95 against alone | fsync |\n\
         |---|---|---|---|---|---|",
        sizes.queued
    )?;
    for on in sizes.databases().into_iter().filter(|on| on.hubs() == 1) {
        for down in [Down::Refuses, Down::NeverAnswers] {
            text.push_str(&row(places, sizes, on, down).await.with_context(|| on.name())?);
        }
    }
    Ok(text)
}
