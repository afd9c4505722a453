//! `patchbay export`: an organization's rows in a file, from the command line.
//!
//! The same steps as a hub's job makes, made here: beside a hub that runs, or without one. What is written is in the
//! database as it goes, so a command that is interrupted, or killed, is gone on with by `--resume`.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, bail};
use chrono::{DateTime, Utc};
use clap::Args;
use futures::TryStreamExt as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use patchbay_hub::{Caller, ExportFile, ExportView, Hub, NewExport};
use patchbay_model::{
    Code, ExportId, PluginId,
    export::{Export, ExportFormat, ExportStatus, Exported},
};
use serde_json::json;
use tokio::{
    fs,
    io::{AsyncWrite, AsyncWriteExt as _},
};

use crate::{cli::OrgOptions, config::Config, fix::OrFix, open};

/// Flags of `export`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    org: OrgOptions,
    /// Rows of what: runs, events, deliveries, usage, audit or records
    #[arg(long, value_parser = what, required_unless_present = "resume", conflicts_with = "resume")]
    what: Option<Exported>,
    /// csv or jsonl
    #[arg(long, value_parser = format, default_value = "csv", conflicts_with = "resume")]
    format: ExportFormat,
    /// The file to write; `-` for standard output
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Only of this plugin
    #[arg(long, conflicts_with = "resume")]
    plugin: Option<PluginId>,
    /// Of records: of this collection of the plugin
    #[arg(long, conflicts_with = "resume")]
    collection: Option<String>,
    /// Of records: of this standard object
    #[arg(long, conflicts_with_all = ["resume", "plugin", "collection"])]
    object: Option<String>,
    /// Of events: only of this type, `a.*` for all below `a.`; may be given several times
    #[arg(long = "type", value_name = "TYPE", conflicts_with = "resume")]
    types: Vec<String>,
    /// Only from this time on: a day, or a time in RFC 3339
    #[arg(long, value_parser = time, conflicts_with = "resume")]
    from: Option<DateTime<Utc>>,
    /// Only before this time
    #[arg(long, value_parser = time, conflicts_with = "resume")]
    to: Option<DateTime<Utc>>,
    /// Go on with this export, which an earlier command began
    #[arg(long, value_name = "EXPORT")]
    resume: Option<ExportId>,
    /// Keep the file in the hub too, for a day, so that others can download it
    #[arg(long)]
    keep: bool,
}

fn what(text: &str) -> Result<Exported, String> {
    let found = Exported::ALL.iter().find(|what| what.as_str() == text);
    found.copied().ok_or_else(|| "take runs, events, deliveries, usage, audit or records".to_owned())
}

fn format(text: &str) -> Result<ExportFormat, String> {
    let found = ExportFormat::ALL.iter().find(|format| format.as_str() == text);
    found.copied().ok_or_else(|| "take csv or jsonl".to_owned())
}

fn time(text: &str) -> Result<DateTime<Utc>, String> {
    let day = text.parse::<chrono::NaiveDate>().map(|day| day.and_time(chrono::NaiveTime::MIN).and_utc());
    let time = || DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    day.or_else(|_| time()).map_err(|_| "a day as in 2026-01-31, or a time as in 2026-01-31T09:00:00Z".to_owned())
}

/// Does it.
pub async fn run(options: Options) -> Result<()> {
    let hub = open::hub(&Config::load(&options.org.config.file)?).await?;
    let exported = export(&hub, &options).await;
    hub.shutdown().await;
    let export = exported?;
    if options.org.json {
        let Export { id, what, format, rows, bytes, sha256, is_cut, .. } = &export;
        let told = json!({
            "id": id,
            "what": what,
            "format": format,
            "rows": rows,
            "size": bytes,
            "sha256": sha256,
            "cut_off": is_cut,
            "out": options.out,
        });
        tell(&options, &told.to_string());
    } else {
        tell(&options, &format!("{} rows, {} bytes, SHA-256 {}", export.rows, export.bytes, digest(&export)));
    }
    if export.is_cut {
        eprintln!(
            "note: there are more rows than the plan lets one export have: take them in parts, by --from and --to"
        );
    }
    Ok(())
}

fn digest(export: &Export) -> &str {
    export.sha256.as_deref().unwrap_or("unknown")
}

/// On standard output, unless the rows are there.
fn tell(options: &Options, line: &str) {
    match is_stdout(options) {
        true => eprintln!("{line}"),
        false => println!("{line}"),
    }
}

fn is_stdout(options: &Options) -> bool {
    options.out.as_os_str() == "-"
}

async fn export(hub: &Hub, options: &Options) -> Result<Export> {
    let org = open::org(hub, &options.org.org).await?;
    let caller = hub.operator(org).await?;
    let begun = match options.resume {
        Some(id) => hub.export(&caller, id).await.context("cannot go on with the export")?,
        None => hub.begin_export(&caller, new(options)?).await.context("cannot export")?,
    };
    let id = begun.export.id;
    let done = tokio::select! {
        done = to_its_end(hub, &caller, begun, options.org.json) => done?,
        _ = tokio::signal::ctrl_c() => {
            return Err(anyhow::anyhow!("interrupted")).or_fix(format!("go on with it: --resume {id}"));
        }
    };
    match (done.status, &done.error) {
        (ExportStatus::Done, _) => {}
        (_, Some((code, detail))) => bail!("the export failed: {code}: {detail}"),
        (status, None) => bail!("the export is {status}"),
    }
    let file = hub.export_file(&caller, id).await.context("cannot read the export's file")?;
    save(file, options).await.or_fix(format!("the rows are still in the hub: --resume {id}"))?;
    if !options.keep && done.job.is_none() {
        hub.delete_export(&caller, id).await.context("cannot take the export's file away")?;
    }
    Ok(done)
}

fn new(options: &Options) -> Result<NewExport> {
    let Options { what, format, plugin, collection, object, types, from, to, .. } = options;
    let Some(what) = *what else { bail!("say what to export: --what") };
    let (plugin, collection, object) = (plugin.clone(), collection.clone(), object.clone());
    Ok(NewExport { what, format: *format, plugin, collection, object, types: types.clone(), from: *from, to: *to })
}

/// Writes rows until there are no more, or waits for a hub that does.
async fn to_its_end(hub: &Hub, caller: &Caller, begun: ExportView, quiet: bool) -> Result<Export> {
    let bar = bar(quiet);
    let mut export = begun.export;
    while export.status.is_open() {
        show(&bar, &export);
        let next = match export.job {
            None => hub.go_on_with_export(caller, export.id).await,
            Some(_) => {
                tokio::time::sleep(Duration::from_millis(500)).await;
                hub.export(caller, export.id).await
            }
        };
        export = match next {
            Ok(view) => view.export,
            // another command went on with it in between: so does this one
            Err(failure) if failure.code == Code::Conflict => hub.export(caller, export.id).await?.export,
            Err(failure) => {
                let fix = format!("go on with it: --resume {}", export.id);
                return Err(anyhow::Error::from(failure)).context("the export broke off").or_fix(fix);
            }
        };
    }
    bar.finish_and_clear();
    Ok(export)
}

fn bar(quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(1_000), target);
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}  {elapsed}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(bar: &ProgressBar, export: &Export) {
    bar.set_position(export.progress.unwrap_or(0).into());
    bar.set_message(format!("{} rows", export.rows));
}

/// Where it belongs, whole or not at all: under another name until all is there.
async fn save(file: ExportFile, options: &Options) -> Result<()> {
    if is_stdout(options) {
        return copy(file, tokio::io::stdout()).await.context("cannot write to standard output");
    }
    let out = &options.out;
    let mut partial = out.clone().into_os_string();
    partial.push(".part");
    let partial = PathBuf::from(partial);
    let saved = async {
        copy(file, fs::File::create(&partial).await?).await?;
        fs::rename(&partial, out).await?;
        anyhow::Ok(())
    };
    saved.await.with_context(|| format!("cannot write {}", out.display()))
}

async fn copy(file: ExportFile, mut to: impl AsyncWrite + Unpin) -> Result<()> {
    let mut bytes = file.bytes;
    while let Some(chunk) = bytes.try_next().await? {
        to.write_all(&chunk).await?;
    }
    Ok(to.flush().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_days_or_instants() {
        assert_eq!(time("2026-01-31").unwrap().to_rfc3339(), "2026-01-31T00:00:00+00:00");
        assert_eq!(time("2026-01-31T10:00:00+01:00").unwrap().to_rfc3339(), "2026-01-31T09:00:00+00:00");
        assert!(time("yesterday").is_err());
    }

    #[test]
    fn words_that_are_wrong_name_those_that_are_right() {
        assert_eq!(what("audit").unwrap(), Exported::Audit);
        assert!(what("secrets").unwrap_err().contains("runs, events"));
        assert_eq!(format("jsonl").unwrap(), ExportFormat::Jsonl);
        assert!(format("xlsx").unwrap_err().contains("csv"));
    }
}
