//! Benchmarks of the hub: each figure beside its floor, measured in the same minute, with the machine's
//! facts. `cargo xtask bench` builds everything in release and runs all of it; it prints Markdown.
//!
//! The hub, the upstream and this load generator are three processes on the same cores, and the direct
//! call to the upstream is interleaved with the call through the hub, so that both see the same weather.

mod client;
mod databases;
mod facts;
mod floor;
mod frontier;
mod hub;
mod latency;
mod neighbour;
mod orgs;
mod start;
mod stats;
mod streams;
mod swap;
mod upstream;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

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
    /// Write the report to this file too.
    #[arg(long)]
    write: Option<PathBuf>,
    /// Only parts whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    #[command(subcommand)]
    command: Option<Command>,
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
    let mut report = String::from("# Benchmarks\n\n");
    report.push_str(&facts::machine()?);
    let wanted = |name: &str| name.contains(&arguments.only);
    let mut section = |name: &str, text: anyhow::Result<String>| -> anyhow::Result<()> {
        let fsync = facts::fsync()?;
        let steal = facts::steal()?;
        let text = text?;
        let part = format!("## {name}\n\n{text}\n*fsync {fsync}; stolen so far {steal}*\n\n");
        eprintln!("{part}");
        report.push_str(&part);
        Ok(())
    };
    if wanted("floor") {
        section("One call: bare wasmtime and ours", floor::run(&places).await)?;
    }
    if wanted("latency") {
        section("Added latency", latency::run(&places).await)?;
    }
    if wanted("frontier") {
        section("Throughput", frontier::run(&places).await)?;
    }
    if wanted("streams") {
        section("Streams", streams::run(&places).await)?;
    }
    if wanted("swap") {
        section("Swapping", swap::run(&places).await)?;
    }
    if wanted("neighbour") {
        section("A hostile neighbour", neighbour::run(&places).await)?;
    }
    if wanted("start") {
        section("Starting and memory", start::run(&places).await)?;
    }
    if wanted("databases") {
        section("SQLite, PostgreSQL and row-level security", databases::run(&places).await)?;
    }
    if wanted("orgs") {
        section("From one to 10,000 organizations", orgs::run(&places).await)?;
    }
    println!("{report}");
    if let Some(path) = arguments.write {
        std::fs::write(path, report)?;
    }
    Ok(())
}
