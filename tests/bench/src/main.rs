//! Benchmarks of the hub: each figure beside its floor, measured in the same minute, with the machine's
//! facts. `cargo xtask bench` builds everything in release and runs all of it; it prints Markdown.
//!
//! The hub, the upstream and this load generator are three processes on the same cores, and the direct
//! call to the upstream is interleaved with the call through the hub, so that both see the same weather.

mod calls;
mod client;
mod crm;
mod databases;
mod deliveries;
mod exports;
mod facts;
mod floor;
mod frontier;
mod hub;
mod hub_jobs;
mod isolation;
mod jobs;
mod latency;
mod lookup;
mod neighbour;
mod orgs;
mod proxies;
mod queue;
mod receiver;
mod report;
mod rows;
mod scene;
mod speech;
mod start;
mod stats;
mod streams;
mod swap;
mod syncs;
mod uploads;
mod upstream;
mod webhooks;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use report::Report;
use scene::On;

/// What can be measured, in this order.
const PARTS: [&str; 20] = [
    "floor",
    "latency",
    "proxies",
    "frontier",
    "streams",
    "speech",
    "swap",
    "neighbour",
    "start",
    "databases",
    "orgs",
    "deliveries",
    "isolation",
    "webhooks",
    "calls",
    "jobs",
    "exports",
    "lookup",
    "syncs",
    "uploads",
];

/// Benchmarks of the hub.
#[derive(Parser)]
struct Arguments {
    /// The `patchbay` binary.
    #[arg(long, default_value = "target/release/patchbay")]
    patchbay: PathBuf,
    /// Where the packed connectors are.
    #[arg(long, default_value = "target/plugins")]
    plugins: PathBuf,
    /// Where the packed fixture guests are.
    #[arg(long, default_value = "target/fixtures")]
    fixtures: PathBuf,
    /// Put the report into this file too. Of one that is there the sections that were not measured stay.
    #[arg(long)]
    write: Option<PathBuf>,
    /// Only parts whose name contains this: floor, latency, proxies, frontier, streams, speech, swap, neighbour, start, databases, orgs, deliveries,
    /// isolation, webhooks, calls, jobs, exports, lookup, syncs, uploads.
    #[arg(long, default_value = "")]
    only: String,
    #[command(flatten)]
    sizes: Sizes,
    #[command(subcommand)]
    command: Option<Command>,
}

/// How much is measured: by default as much as takes a few minutes for each part.
#[derive(clap::Args)]
pub(crate) struct Sizes {
    /// Of deliveries, isolation, webhooks, calls, jobs, exports, lookup and syncs, only what is measured on these: sqlite, postgres, two-hubs.
    #[arg(long, value_delimiter = ',')]
    on: Vec<On>,
    /// Deliveries whose rate is measured.
    #[arg(long, default_value_t = 60_000)]
    deliveries: usize,
    /// Events of which it is measured how soon they are received.
    #[arg(long, default_value_t = 2_000)]
    timed: usize,
    /// Deliveries that are queued for an endpoint that is down.
    #[arg(long, default_value_t = 100_000)]
    queued: usize,
    /// For how many seconds webhooks are sent on each number of connections, and calls come in.
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    /// Jobs of the backlog that drains. The published figure is that of a million.
    #[arg(long, default_value_t = 200_000)]
    jobs: u64,
    /// Jobs that whole hubs do.
    #[arg(long, default_value_t = 10_000)]
    hub_jobs: u64,
    /// Rows of the large export, of which a plan allows a million.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// Contacts among which one is looked for, and that are synced.
    #[arg(long, default_value_t = 100_000)]
    contacts: u64,
    /// MiB of the large upload.
    #[arg(long, default_value_t = 2_048)]
    upload: u64,
}

impl Sizes {
    /// What is measured on which databases.
    pub(crate) fn databases(&self) -> Vec<On> {
        On::ALL.into_iter().filter(|on| self.on.is_empty() || self.on.contains(on)).collect()
    }
}

#[derive(Subcommand)]
enum Command {
    /// The upstream that the benchmarks call (started by them).
    Upstream {
        /// Where it listens.
        #[arg(long)]
        listen: std::net::SocketAddr,
    },
    /// Keeps one core busy until it is stopped (started by them).
    Spin,
}

/// Where the parts under test are.
pub(crate) struct Places {
    patchbay: PathBuf,
    plugins: PathBuf,
    fixtures: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Command::Upstream { listen }) => return upstream::serve(listen).await,
        Some(Command::Spin) => loop {
            std::hint::spin_loop();
        },
        None => {}
    }
    let places = Places { patchbay: arguments.patchbay, plugins: arguments.plugins, fixtures: arguments.fixtures };
    let sizes = arguments.sizes;
    let wanted = |name: &str| name.contains(&arguments.only);
    anyhow::ensure!(PARTS.iter().any(|name| wanted(name)), "--only is a part of one of {}", PARTS.join(", "));
    let mut report = Report::new()?;
    if wanted("floor") {
        report.measure("One call: bare wasmtime and ours", floor::run(&places)).await?;
    }
    if wanted("latency") {
        report.measure("Added latency", latency::run(&places)).await?;
    }
    if wanted("proxies") {
        report.measure("Each proxy", proxies::run(&places)).await?;
    }
    if wanted("frontier") {
        report.measure("Throughput", frontier::run(&places)).await?;
    }
    if wanted("streams") {
        report.measure("Streams", streams::run(&places)).await?;
    }
    if wanted("speech") {
        report.measure("Speech", speech::run(&places)).await?;
    }
    if wanted("swap") {
        report.measure("Swapping", swap::run(&places)).await?;
    }
    if wanted("neighbour") {
        report.measure("A hostile neighbour", neighbour::run(&places)).await?;
    }
    if wanted("start") {
        report.measure("Starting and memory", start::run(&places)).await?;
    }
    if wanted("databases") {
        report.measure("SQLite, PostgreSQL and row-level security", databases::run(&places)).await?;
    }
    if wanted("orgs") {
        report.measure("From one to 10,000 organizations", orgs::run(&places)).await?;
    }
    if wanted("deliveries") {
        report.measure("Deliveries to endpoints", deliveries::run(&places, &sizes)).await?;
    }
    if wanted("isolation") {
        report.measure("Beside an endpoint that is down", isolation::run(&places, &sizes)).await?;
    }
    if wanted("webhooks") {
        report.measure("Webhooks taken in", webhooks::run(&places, &sizes)).await?;
    }
    if wanted("calls") {
        report.measure("Calls", calls::run(&places, &sizes)).await?;
    }
    if wanted("jobs") {
        report.measure("A backlog of jobs", jobs::run(&places, &sizes)).await?;
    }
    if wanted("exports") {
        report.measure("A large export", exports::run(&places, &sizes)).await?;
    }
    if wanted("lookup") {
        report.measure("Who is calling", lookup::run(&places, &sizes)).await?;
    }
    if wanted("syncs") {
        report.measure("Syncs with a CRM", syncs::run(&places, &sizes)).await?;
    }
    if wanted("uploads") {
        report.measure("AssemblyAI, and a large upload", uploads::run(&places, &sizes)).await?;
    }
    report.finish(arguments.write.as_deref())
}
