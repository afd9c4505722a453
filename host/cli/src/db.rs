//! `patchbay db`: the schema, and the proof that the database keeps organizations apart.
//!
//! Each command says what it found on standard output, for people or as one JSON value, and fails if that is not
//! as it has to be, so that a deployment can stop there.

mod report;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::{Args, Subcommand};
use patchbay_storage::{MigrationState, MigrationStatus, StorageError, migration_status, rls};
use serde_json::json;

use crate::{cli::ConfigOption, config::Config, fix::OrFix, open};

/// What to do with the database.
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// Bring the schema up to date; a hub does it too when it starts, if its user may
    Migrate(Options),
    /// Show which migrations were made and which are missing. Makes nothing. Fails unless all were made and no others
    Status(Options),
    /// Prove that PostgreSQL keeps organizations apart: policies, roles and rights are compared with what they have to
    /// be, and two organizations of the moment try to reach each other's rows in every table. Changes nothing. Fails if
    /// there is a gap, and prints the SQL that closes it
    RlsAudit(Options),
}

/// Flags of all of them.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    config: ConfigOption,
    /// Print one JSON value for a script
    #[arg(long)]
    json: bool,
}

/// Does it.
pub async fn run(command: DbCommand) -> Result<()> {
    match command {
        DbCommand::Migrate(options) => migrate(&options).await,
        DbCommand::Status(options) => status(&options).await,
        DbCommand::RlsAudit(options) => rls_audit(&options).await,
    }
}

async fn migrate(options: &Options) -> Result<()> {
    let config = Config::load(&options.config.file)?;
    let database = open::database(&config).await?;
    let before = database.migration_status().await?;
    database.migrate().await?;
    let after = database.migration_status().await?;
    database.close().await;
    let pending = |number| before.iter().any(|one| one.number == number && one.state == MigrationState::Pending);
    let made: Vec<&MigrationStatus> = after.iter().filter(|one| pending(one.number)).collect();
    if options.json {
        println!("{}", json!({ "database": config.database_url().to_string(), "applied": made }));
    } else if made.is_empty() {
        println!("{} is up to date", config.database_url());
    } else {
        print!("{}", report::migrations(made));
    }
    Ok(())
}

async fn status(options: &Options) -> Result<()> {
    let url = Config::load(&options.config.file)?.database_url();
    let migrations = migration_status(&url).await.with_context(|| format!("cannot open the database {url}"))?;
    let up_to_date = migrations.iter().all(|migration| migration.state == MigrationState::Applied);
    if options.json {
        let status = json!({ "database": url.to_string(), "up_to_date": up_to_date, "migrations": migrations });
        println!("{status}");
    } else {
        print!("{url}\n{}", report::migrations(&migrations));
    }
    let any = |state| migrations.iter().any(|migration| migration.state == state);
    if any(MigrationState::Changed) {
        return Err(anyhow!("the database was made by another program")).or_fix("use the release that made it");
    }
    if any(MigrationState::Unknown) {
        return Err(anyhow!("the database is of a newer release")).or_fix("use that release, or a later one");
    }
    if any(MigrationState::Pending) {
        return Err(anyhow!("migrations are missing")).or_fix("run `patchbay db migrate`");
    }
    Ok(())
}

async fn rls_audit(options: &Options) -> Result<()> {
    let url = Config::load(&options.config.file)?.database_url();
    let report = match rls::audit(&url).await {
        Err(error @ StorageError::OnlyPostgres(_)) => {
            return Err(error).or_fix("SQLite keeps organizations apart by the hub's queries alone: use PostgreSQL");
        }
        other => other?,
    };
    if !report.tables.iter().any(|table| table.org_column.is_some()) {
        return Err(anyhow!("there is no table of organizations in {url}")).or_fix("run `patchbay db migrate` first");
    }
    if options.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{}", report::audit(&report));
    }
    match report.gaps.len() {
        0 => Ok(()),
        1 => bail!("there is a gap between organizations"),
        gaps => bail!("there are {gaps} gaps between organizations"),
    }
}
