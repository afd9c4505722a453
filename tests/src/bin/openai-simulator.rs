//! The OpenAI simulator as a program, for a first run of the hub without an account.
//!
//! A model named `sim:…` asks for trouble, as in `sim:status=429,retry-after=7` or
//! `sim:tokens=64,pace=20`; `patchbay_tests::openai::Behaviour` lists the words.

use std::net::SocketAddr;

use clap::Parser;
use patchbay_tests::OpenAi;

/// Answers like OpenAI, with words that mean nothing.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9100")]
    listen: SocketAddr,
    /// The only key that it takes.
    #[arg(long, default_value = "sk-simulator")]
    key: String,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let simulator = OpenAi::listen(arguments.listen, &arguments.key).await?;
    println!("OpenAI simulator on {}", simulator.url());
    tokio::signal::ctrl_c().await
}
