//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{db, init, key, plan, plugin, serve, usage};

/// Integrations as sandboxed plugins, behind one API.
#[derive(Debug, Parser)]
#[command(name = "patchbay", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the data folder, an organization and an API key for it
    Init(init::Options),
    /// Run the hub
    Serve(serve::Options),
    /// API keys
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Plans: what there is, and who has which
    #[command(subcommand)]
    Plan(plan::PlanCommand),
    /// What an organization used in a billing period, and what that costs
    Usage(usage::Options),
    /// The database: its schema, and the proof that it keeps organizations apart
    #[command(subcommand)]
    Db(db::DbCommand),
    /// Make, build, sign and inspect plugins
    Plugin(plugin::PluginCommand),
    /// Compile a component from standard input; the hub runs this in a limited process of its own
    #[command(hide = true)]
    CompileComponent {
        /// Chosen by the hub that starts this.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

/// Where the configuration is.
#[derive(Debug, Args)]
pub struct ConfigOption {
    /// The configuration, a TOML file. `PATCHBAY__SECTION__KEY` in the environment wins over it
    #[arg(long = "config", value_name = "FILE", env = "PATCHBAY_CONFIG")]
    pub file: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
