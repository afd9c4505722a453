//! Exports: rows of an organization, written into a file for whoever asked.

use serde::{Deserialize, Serialize};

use crate::{ExportId, JobId, OrgId, PluginId, Timestamp};

/// The type of the event that is published when an export's file is there.
pub const COMPLETED: &str = "export.completed";

/// The type of the event that is published when an export has come to nothing.
pub const FAILED: &str = "export.failed";

words! {
    /// Rows of what.
    Exported {
        /// Calls into plugins, without their logs.
        Runs = "runs",
        /// Published events.
        Events = "events",
        /// Events on their way to endpoints.
        Deliveries = "deliveries",
        /// Metered quantities.
        Usage = "usage",
        /// The audit log.
        Audit = "audit",
        /// Records of a plugin's collection, or of a standard object.
        Records = "records",
    }
}

words! {
    /// How a file is written.
    ExportFormat {
        /// RFC 4180 with a header row, safe to be opened in a spreadsheet.
        Csv = "csv",
        /// A JSON document in each line, as the API shows it.
        Jsonl = "jsonl",
    }
}

impl ExportFormat {
    /// The media type of its files.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Jsonl => "application/x-ndjson",
        }
    }
}

words! {
    /// How far an export has come.
    ExportStatus {
        /// It waits for its turn.
        Queued = "queued",
        /// Rows are being written.
        Running = "running",
        /// Its file is there.
        Done = "done",
        /// It came to nothing.
        Failed = "failed",
        /// Its file was there, and is gone.
        Expired = "expired",
    }
}

impl ExportStatus {
    /// True while rows are still to be written.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

/// Which rows of what is exported; what is not said is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportFilter {
    /// Of this plugin.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub plugin: Option<PluginId>,
    /// Of records: of this collection of the plugin.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub collection: Option<String>,
    /// Of records: of this standard object.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub object: Option<String>,
    /// Of events: of these types, or all below one as in `stripe.*`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub types: Vec<String>,
    /// Not before this; of records, by their last change.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<Timestamp>,
    /// Before this.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<Timestamp>,
}

/// An export and what has become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Its id.
    pub id: ExportId,
    /// Whose it is.
    pub org: OrgId,
    /// Rows of what.
    pub what: Exported,
    /// How they are written.
    pub format: ExportFormat,
    /// Which of them.
    pub filter: ExportFilter,
    /// Who asked for it.
    pub by: String,
    /// The job that does it; none if a command does it itself.
    pub job: Option<JobId>,
    /// How far it has come.
    pub status: ExportStatus,
    /// Rows so far.
    pub rows: u64,
    /// It ends with so many rows, whatever more there is; none: it ends with the last one.
    pub most_rows: Option<u64>,
    /// There were more rows than it may have.
    pub is_cut: bool,
    /// How far it has come, in per mille, if that can be told.
    pub progress: Option<u32>,
    /// The file's length so far, in bytes.
    pub bytes: u64,
    /// SHA-256 of the whole file, in hexadecimal, once it is complete.
    pub sha256: Option<String>,
    /// Why it came to nothing: the code, and what a caller may be told.
    pub error: Option<(String, String)>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its first rows were written.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// When its file goes.
    pub expires_at: Option<Timestamp>,
}

impl Export {
    /// What its file is called where it is saved.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}-{}-{}.{}", self.what, self.created_at.format("%Y-%m-%d"), self.id, self.format)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_spelled_alike_in_the_database_and_in_json() {
        for what in Exported::ALL {
            assert_eq!(serde_json::to_value(what).unwrap(), what.as_str());
        }
        for format in ExportFormat::ALL {
            assert_eq!(serde_json::to_value(format).unwrap(), format.as_str());
        }
        for status in ExportStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }

    #[test]
    fn a_filter_is_a_document_of_what_it_says() {
        assert_eq!(serde_json::to_string(&ExportFilter::default()).unwrap(), "{}");
        let filter = ExportFilter { types: vec!["stripe.*".to_owned()], ..ExportFilter::default() };
        let text = serde_json::to_string(&filter).unwrap();
        assert_eq!(text, r#"{"types":["stripe.*"]}"#);
        assert_eq!(serde_json::from_str::<ExportFilter>(&text).unwrap(), filter);
    }
}
