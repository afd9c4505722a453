//! `patchbay audit`: who changed what, and whether the log of it is what it was.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use patchbay_hub::{AuditLine, Chain, ChainReport, Hub, PublicKey, VerifyAudit, read_checkpoints};
use serde_json::json;

use crate::{cli::ConfigOption, config::Config, fix::OrFix, open};

/// Entries that are read at a time.
const PAGE: u32 = 1_000;

/// What to do with audit logs.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Verify that logs are what they were: entry by entry, and against signed checkpoints. Fails if one is not
    Verify(Verify),
    /// Print a log, oldest first, as JSON Lines
    Export(Export),
    /// Print the public key that checkpoints are verified with
    Key(Key),
    /// Sign how far every log goes that has grown, now; a hub does it too while it runs
    Checkpoint(Checkpoint),
}

/// Flags of `audit verify`.
#[derive(Debug, Args)]
pub struct Verify {
    #[command(flatten)]
    config: ConfigOption,
    /// The organization's name or id, or `hub` for the hub's own log; all logs if none is named
    org: Option<String>,
    /// A file of checkpoints outside of the database; may be given several times
    #[arg(long, value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// Another public key whose checkpoints count; may be given several times
    #[arg(long, value_name = "KEY")]
    public_key: Vec<PublicKey>,
    /// Print one JSON value for a script
    #[arg(long)]
    json: bool,
}

/// Flags of `audit export`.
#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    config: ConfigOption,
    /// The organization's name or id, or `hub` for the hub's own log
    org: String,
    /// Only entries with a greater number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u64,
}

/// Flags of `audit key`.
#[derive(Debug, Args)]
pub struct Key {
    #[command(flatten)]
    config: ConfigOption,
    /// Print {"public_key"} for a script
    #[arg(long)]
    json: bool,
}

/// Flags of `audit checkpoint`.
#[derive(Debug, Args)]
pub struct Checkpoint {
    #[command(flatten)]
    config: ConfigOption,
    /// Print {"signed"} for a script
    #[arg(long)]
    json: bool,
}

/// Does it.
pub async fn run(command: AuditCommand) -> Result<()> {
    match command {
        AuditCommand::Verify(options) => verify(options).await,
        AuditCommand::Export(options) => export(options).await,
        AuditCommand::Key(options) => key(options).await,
        AuditCommand::Checkpoint(options) => checkpoint(options).await,
    }
}

async fn log(hub: &Hub, name: &str) -> Result<Chain> {
    match name.parse() {
        // Also one that is gone: what was signed of it may be asked for.
        Ok(log) => Ok(log),
        Err(_) => open::org(hub, name).await.map(Chain::Org),
    }
}

async fn verify(options: Verify) -> Result<()> {
    let mut checkpoints = Vec::new();
    for path in &options.checkpoints {
        let read = read_checkpoints(path).with_context(|| format!("cannot read the checkpoints in {}", path.display()));
        checkpoints.extend(read.or_fix("name the file that [audit] checkpoints names, or a copy of it")?);
    }
    let hub = open::hub(&Config::load(&options.config.file)?).await?;
    let verified = async {
        let only = match &options.org {
            Some(name) => Some(log(&hub, name).await?),
            None => None,
        };
        let verify = VerifyAudit { only, checkpoints, keys: options.public_key.clone() };
        anyhow::Ok(hub.verify_audit(verify).await?)
    };
    let verified = verified.await;
    hub.shutdown().await;
    let reports = verified?;
    let damaged = reports.iter().filter(|report| report.damage.is_some()).count();
    if options.json {
        println!("{}", json!({ "intact": damaged == 0, "logs": reports }));
    } else {
        reports.iter().for_each(|report| println!("{}", line(report)));
    }
    match damaged {
        0 => Ok(()),
        1 => bail!("an audit log is not what it was"),
        damaged => bail!("{damaged} audit logs are not what they were"),
    }
}

fn line(report: &ChainReport) -> String {
    let ChainReport { log, entries, head, checkpoints, signed, damage } = report;
    let head = head.map_or_else(|| "-".to_owned(), |head| head.to_string());
    let so_far = format!("{log}: {entries} entries, {signed} of them signed ({checkpoints} checkpoints), head {head}");
    match damage {
        None => so_far,
        Some(damage) => {
            let kind = serde_json::to_value(damage.kind).unwrap_or_default();
            let kind = kind.as_str().unwrap_or_default().replace('_', " ");
            format!("{so_far}\n  {kind} from entry {} on: {}", damage.seq, damage.detail)
        }
    }
}

async fn export(options: Export) -> Result<()> {
    let hub = open::hub(&Config::load(&options.config.file)?).await?;
    let printed = async {
        let log = log(&hub, &options.org).await?;
        let mut after = options.after;
        loop {
            let lines: Vec<AuditLine> = hub.audit_lines(log, after, PAGE).await?;
            let Some(last) = lines.last() else { return anyhow::Ok(()) };
            after = last.seq;
            for line in &lines {
                println!("{}", serde_json::to_string(line)?);
            }
        }
    };
    let printed = printed.await;
    hub.shutdown().await;
    printed
}

async fn key(options: Key) -> Result<()> {
    let hub = open::hub(&Config::load(&options.config.file)?).await?;
    let key = hub.audit_key();
    hub.shutdown().await;
    if options.json {
        println!("{}", json!({ "public_key": key.to_string() }));
    } else {
        println!("{key}");
    }
    Ok(())
}

async fn checkpoint(options: Checkpoint) -> Result<()> {
    let hub = open::hub(&Config::load(&options.config.file)?).await?;
    let signed = hub.checkpoint_audit().await;
    hub.shutdown().await;
    let signed = signed?;
    if options.json {
        println!("{}", json!({ "signed": signed }));
    } else {
        println!("{signed} logs were signed");
    }
    Ok(())
}
