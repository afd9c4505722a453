//! The `patchbay` program: what an operator and a connector's author type.
//!
//! `anyhow` ends here. Below this crate errors are types; here they become two lines for a person: what
//! went wrong, and what to do about it ([`fix`]).

mod audit;
mod cli;
mod config;
mod connection;
mod db;
mod delivery;
mod endpoint;
mod export;
mod fix;
mod init;
mod input;
mod installation;
mod job;
mod key;
mod limits;
mod logging;
mod member;
mod open;
mod org;
mod plan;
mod plugin;
mod schedule;
mod secret;
mod serve;
mod sync;
mod table;
mod usage;
mod vault;
mod webhook;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

/// The system's own gives memory back to the kernel and takes it again many times a second under load, which
/// stops every thread of the process each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        // The compiler's child process: no runtime, no log, nothing that costs memory.
        Command::CompileComponent { arguments } => return patchbay_runtime::compile::child_main(&arguments),
        Command::Plugin(command) => block_on(plugin::run(command)),
        Command::Init(options) => block_on(init::run(options)),
        Command::Serve(options) => block_on(serve::run(options)),
        Command::Org(command) => block_on(org::run(command)),
        Command::Member(command) => block_on(member::run(command)),
        Command::Key(command) => block_on(key::run(command)),
        Command::Installation(command) => block_on(installation::run(command)),
        Command::Connection(command) => block_on(connection::run(command)),
        Command::Job(command) => block_on(job::run(command)),
        Command::Schedule(command) => block_on(schedule::run(command)),
        Command::Sync(command) => block_on(sync::run(command)),
        Command::Endpoint(command) => block_on(endpoint::run(command)),
        Command::Delivery(command) => block_on(delivery::run(command)),
        Command::Limits(command) => block_on(limits::run(command)),
        Command::Plan(command) => block_on(plan::run(command)),
        Command::Usage(options) => block_on(usage::run(options)),
        Command::Webhook(command) => block_on(webhook::run(command)),
        Command::Export(options) => block_on(export::run(options)),
        Command::Db(command) => block_on(db::run(command)),
        Command::Vault(command) => block_on(vault::run(command)),
        Command::Audit(command) => block_on(audit::run(command)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("{}", fix::for_people(&error));
            ExitCode::FAILURE
        }
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
