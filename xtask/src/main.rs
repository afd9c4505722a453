//! The project's own commands.
//!
//! They are a Rust program and not scripts or a Makefile, so that a clone needs nothing but `cargo`, and
//! so that the steps which must be exact (what a released contract hashes to, when a component is stale)
//! have types and tests.

mod apt;
mod bench;
mod component;
mod deny;
mod dev;
mod digest;
mod files;
mod fixtures;
mod http;
mod lock;
mod plugins;
mod postgres;
mod process;
mod redis;
mod servers;
mod test;
mod toolchain;
mod wit_check;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{toolchain::Toolchain, workspace::Workspace};

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Builds everything, serves the hub with a first org and prints a call that works.
    Dev(dev::Options),
    /// Runs every check and every test, from cold.
    Test(test::Options),
    /// Builds the plugins into target/plugins, and the guests that tests load into target/fixtures.
    Plugins,
    /// Builds what tests load into target/fixtures, the JavaScript and Python components too.
    Fixtures,
    /// Gets the wasm toolchain, if it is missing, and says which it is.
    Toolchain,
    /// Runs the benchmarks; what follows is for them.
    Bench(bench::Options),
    /// Checks that no released WIT folder has changed.
    WitCheck(wit_check::Options),
    /// Checks licences, bans, sources and, where they can be fetched, advisories.
    Deny(deny::Options),
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without the backtrace that `main` would print under RUST_BACKTRACE: the chain says it all.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::of_this_build()?;
    match &arguments.command {
        Command::Dev(options) => dev::run(&workspace, options),
        Command::Test(options) => test::run(&workspace, options),
        Command::Plugins => {
            let toolchain = Toolchain::ensure()?;
            plugins::build(&workspace, &toolchain)?;
            fixtures::guests(&workspace, &toolchain)
        }
        Command::Fixtures => fixtures::all(&workspace, &Toolchain::ensure()?),
        Command::Toolchain => {
            Toolchain::ensure()?.print();
            Ok(())
        }
        Command::Bench(options) => bench::run(&workspace, options),
        Command::WitCheck(options) => wit_check::run(&workspace, options),
        Command::Deny(options) => deny::run(&workspace, options),
    }
}
