//! Exports.

use patchbay_hub::{Download as HubDownload, ExportView};
use patchbay_model::{
    ExportId, JobId, PluginId, Timestamp,
    export::{self, ExportFilter, ExportFormat, ExportStatus, Exported},
};
use serde::Serialize;
use utoipa::ToSchema;

/// An export: rows that are written into a file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Export {
    /// Its id.
    #[schema(value_type = String, example = "exp_018f3c5e7d2a7c3b9f1e2d3c4b5a6978")]
    id: ExportId,
    /// Rows of what: `runs`, `events`, `deliveries`, `usage`, `audit` or `records`.
    #[schema(value_type = String, example = "runs")]
    what: Exported,
    /// `csv` or `jsonl`.
    #[schema(value_type = String, example = "csv")]
    format: ExportFormat,
    /// Only of this plugin.
    #[schema(value_type = Option<String>, example = "openai")]
    plugin: Option<PluginId>,
    /// Of records: of this collection of the plugin.
    collection: Option<String>,
    /// Of records: of this standard object.
    object: Option<String>,
    /// Of events: of these types; empty: of all.
    types: Vec<String>,
    /// Only from this time on.
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only before this time.
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// Who asked for it: a key's or a user's id, or `operator` for the command line.
    by: String,
    /// The job that writes it; null if a command does.
    #[schema(value_type = Option<String>)]
    job: Option<JobId>,
    /// `queued`, `running`, `done`, `failed` or `expired` (its file is gone).
    #[schema(value_type = String, example = "done")]
    status: ExportStatus,
    /// Rows in the file so far.
    rows: u64,
    /// It ends with so many rows; null: with the last one that there is.
    max_rows: Option<u64>,
    /// There were more than `max_rows`.
    cut_off: bool,
    /// How far it has come, in per mille; null if that is not known.
    progress: Option<u32>,
    /// The file so far, in bytes.
    size: u64,
    /// SHA-256 of the whole file, in hexadecimal.
    sha256: Option<String>,
    /// Why it failed.
    error: Option<ExportError>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When its first rows were written.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// When its file goes.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Where the file is, while it is there.
    download: Option<Download>,
}

/// Why an export failed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExportError {
    /// As in a problem document.
    code: String,
    /// In words.
    detail: String,
}

/// A link to a file, which needs no key. Each time one asks for the export there is a new one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Download {
    /// The link.
    url: String,
    /// Until then it leads there: for an hour, and no longer than the file is there.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl From<ExportView> for Export {
    fn from(view: ExportView) -> Self {
        let ExportView { export, download } = view;
        let export::Export {
            id,
            org: _,
            what,
            format,
            filter,
            by,
            job,
            status,
            rows,
            most_rows,
            is_cut,
            progress,
            bytes,
            sha256,
            error,
            created_at,
            started_at,
            finished_at,
            expires_at,
        } = export;
        let ExportFilter { plugin, collection, object, types, from, to } = filter;
        Self {
            id,
            what,
            format,
            plugin,
            collection,
            object,
            types,
            from,
            to,
            by,
            job,
            status,
            rows,
            max_rows: most_rows,
            cut_off: is_cut,
            progress,
            size: bytes,
            sha256,
            error: error.map(|(code, detail)| ExportError { code, detail }),
            created_at,
            started_at,
            finished_at,
            expires_at,
            download: download.map(Download::from),
        }
    }
}

impl From<HubDownload> for Download {
    fn from(download: HubDownload) -> Self {
        let HubDownload { url, expires_at } = download;
        Self { url, expires_at }
    }
}
