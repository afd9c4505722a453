//! `patchbay serve`: the hub, until it is told to stop.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use clap::Args;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use patchbay_hub::Hub;
use patchbay_model::{SystemClock, SystemRandom};
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::{
    net::TcpSocket,
    signal::unix::{SignalKind, signal},
};

use crate::{cli::ConfigOption, config::Config, fix::OrFix, logging};

/// Seconds; from far below the hub's own share of a call up to a long answer of a vendor.
const BUCKETS: [f64; 15] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// How often measurements are folded into their histograms; without it they pile up until someone asks.
const UPKEEP: Duration = Duration::from_secs(5);

/// Flags of `serve`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    config: ConfigOption,
    /// Where to listen, instead of the configuration's `server.listen`
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

/// Serves until SIGINT or SIGTERM, then ends what runs.
pub async fn run(options: Options) -> Result<()> {
    let config = Config::load(&options.config.file)?;
    logging::start(&config.log)?;
    leave_no_core()?;
    let metrics = record_metrics()?;
    let listen = options.listen.unwrap_or(config.server.listen);
    // Bound before the plugins are compiled, so that a taken port is said at once; listening only after,
    // so that nobody connects to a hub that is not ready.
    let socket = bind(listen)
        .with_context(|| format!("cannot listen on {listen}"))
        .or_fix("stop what listens there, or choose another address with `server.listen` or --listen")?;

    let hub = Hub::start(config.hub()?, Arc::new(SystemClock), Arc::new(SystemRandom)).await;
    let hub = hub.with_context(|| format!("cannot start on the data folder {}", config.data.dir.display()))?;
    let listener = socket.listen(1024).with_context(|| format!("cannot listen on {listen}"))?;
    tracing::info!(database = %config.database_url(), "data");
    tracing::info!(address = %listener.local_addr()?, public_url = config.server.public_url, "serving");

    let upkeep = tokio::spawn(keep_up(metrics.clone()));
    let router = patchbay_api::router(hub.clone(), config.api(metrics));
    let stop = stop_signal()?;
    let stopping = async {
        stop.await;
        // they would keep their connections open for as long as they are let
        hub.end_streams();
    };
    patchbay_api::serve_within(config.serve(), listener, router, stopping).await;
    tracing::info!("stopping");
    hub.shutdown().await;
    upkeep.abort();
    Ok(())
}

/// A process that dies must not write its memory to the disk: opened keys are in it. Rejected: to make the process
/// undumpable as well, which takes away its own view of its pages, by which instances are made in half the time.
fn leave_no_core() -> Result<()> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).context("cannot forbid core dumps")
}

fn bind(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restarted hub must not wait for its old connections to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn record_metrics() -> Result<PrometheusHandle> {
    PrometheusBuilder::new()
        .set_buckets(&BUCKETS)
        .and_then(PrometheusBuilder::install_recorder)
        .context("cannot record metrics")
}

async fn keep_up(metrics: PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        metrics.run_upkeep();
    }
}

fn stop_signal() -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
