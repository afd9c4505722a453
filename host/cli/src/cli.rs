//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use patchbay_model::PluginId;

use crate::{
    audit, connection, db, delivery, endpoint, export, init, installation, job, key, limits, member, org, plan, plugin,
    schedule, serve, sync, usage, vault, webhook,
};

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
    /// Organizations
    #[command(subcommand)]
    Org(org::OrgCommand),
    /// People in organizations
    #[command(subcommand)]
    Member(member::MemberCommand),
    /// API keys
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Plugins of an organization
    #[command(subcommand)]
    Installation(installation::InstallationCommand),
    /// An organization's credentials for plugins
    #[command(subcommand)]
    Connection(connection::ConnectionCommand),
    /// An organization's background work
    #[command(subcommand)]
    Job(job::JobCommand),
    /// What makes an organization's jobs by the clock
    #[command(subcommand)]
    Schedule(schedule::ScheduleCommand),
    /// What an organization keeps in step with vendors
    #[command(subcommand)]
    Sync(sync::SyncCommand),
    /// URLs that an organization's events are sent to
    #[command(subcommand)]
    Endpoint(endpoint::EndpointCommand),
    /// Events on their way to endpoints
    #[command(subcommand)]
    Delivery(delivery::DeliveryCommand),
    /// An organization's rate limits
    #[command(subcommand)]
    Limits(limits::LimitsCommand),
    /// Plans: what there is, and who has which
    #[command(subcommand)]
    Plan(plan::PlanCommand),
    /// What an organization used in a billing period, and what that costs
    Usage(usage::Options),
    /// What vendors sent in: list, show, replay
    #[command(subcommand)]
    Webhook(webhook::WebhookCommand),
    /// An organization's rows in a file, as CSV or JSON Lines
    Export(export::Options),
    /// The database: its schema, and the proof that it keeps organizations apart
    #[command(subcommand)]
    Db(db::DbCommand),
    /// The keys that secrets are sealed with, and their rotation
    #[command(subcommand)]
    Vault(vault::VaultCommand),
    /// The audit log: verify, export
    #[command(subcommand)]
    Audit(audit::AuditCommand),
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

/// Which organization a command is about, and how it prints.
#[derive(Debug, Args)]
pub struct OrgOptions {
    /// The organization's name or id
    pub org: String,
    #[command(flatten)]
    pub config: ConfigOption,
    /// Print JSON, one object per line
    #[arg(long)]
    pub json: bool,
}

/// Which plugin of an organization a command is about, and how it prints.
#[derive(Debug, Args)]
pub struct PluginOptions {
    /// The organization's name or id
    pub org: String,
    /// The plugin's id
    pub plugin: PluginId,
    #[command(flatten)]
    pub config: ConfigOption,
    /// Print JSON, one object per line
    #[arg(long)]
    pub json: bool,
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
