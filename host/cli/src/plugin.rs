//! `patchbay plugin …`: everything that a connector's author does, from an empty folder to a signed file.
//!
//! The commands are thin: packing, signing and reading are the package crate's, so that the file that an
//! author inspects is judged by the code that will judge it in the hub. A second program for authors was
//! rejected: they have `patchbay` anyway, to try their plugin in.

mod build;
mod cargo;
mod file;
mod inspect;
mod key;
mod new;
mod pack;
mod test;

use std::io::{self, Write as _};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};

/// Make, build, sign and inspect plugins.
#[derive(Debug, Args)]
pub struct PluginCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a publisher's pair of keys.
    Keygen(key::Keygen),
    /// Start a connector in a new folder.
    New(new::New),
    /// Compile a connector and pack it.
    Build(build::Build),
    /// Put the manifest into a component, and sign the result.
    Pack(pack::Pack),
    /// Show what a packed plugin is and what it may do.
    Inspect(inspect::Inspect),
    /// Run a connector's own tests, natively.
    Test(test::Test),
}

/// Runs a command and prints what it has to say.
///
/// # Errors
/// What went wrong, with the fix.
pub async fn run(command: PluginCommand) -> Result<()> {
    // Compilers and key stretching take seconds: not on a thread that others need.
    let said = tokio::task::spawn_blocking(move || match command.command {
        Command::Keygen(keygen) => keygen.run(),
        Command::New(new) => new.run(),
        Command::Build(build) => build.run(),
        Command::Pack(pack) => pack.run(),
        Command::Inspect(inspect) => inspect.run(),
        Command::Test(test) => test.run(),
    })
    .await
    .context("the command did not end")??;
    match writeln!(io::stdout(), "{said}") {
        // Whoever reads, as in `inspect … | head`, has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
