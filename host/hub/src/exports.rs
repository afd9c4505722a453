//! Exports: rows of an org, written into a file that somebody downloads.
//!
//! An export is a job of the hub itself. Each step reads some thousand rows by key, adds them to the file, syncs it, and then
//! commits how far it has come: what counts of the file is what the database says. So a step that a crash interrupts has had
//! no effect, and the next hub goes on where the last commit was. Whoever asks for one on the command line goes through the
//! same steps without a job.
//!
//! Memory does not grow with the rows: pages are read by key and written as they are read. What is exported ends where it
//! ended when the first step began ([`source`]), so an export comes to its end however much is added meanwhile.
//!
//! Rejected: an answer that streams the rows (it breaks off with the connection, and nobody can go on with it), and one
//! transaction for the whole export (a consistent snapshot, for which PostgreSQL keeps all that is deleted meanwhile, and
//! which no other hub can take up).

mod columns;
mod create;
mod document;
mod encode;
mod file;
mod job;
mod link;
mod read;
mod settle;
mod source;
mod step;

use patchbay_model::{
    Permission, PluginId, Timestamp,
    export::{Export, ExportFormat, Exported},
};

pub use self::read::{ExportFile, ExportList};
pub(crate) use self::{file::Files, job::ExportJob};
use crate::auth::Caller;

/// How long a file is kept.
const KEPT: chrono::Duration = chrono::Duration::hours(24);
/// For how long a link leads to it.
const LINK: chrono::Duration = chrono::Duration::hours(1);
/// Exports of an org that wait or run.
const MOST_OPEN: u64 = 10;

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewExport {
    /// Rows of what.
    pub what: Exported,
    /// How they are written.
    pub format: ExportFormat,
    /// Of this plugin.
    pub plugin: Option<PluginId>,
    /// Of records: of this collection of the plugin.
    pub collection: Option<String>,
    /// Of records: of this standard object.
    pub object: Option<String>,
    /// Of events: of these types, `a.*` for all below `a.`.
    pub types: Vec<String>,
    /// Not before this; of records, by their last change.
    pub from: Option<Timestamp>,
    /// Before this.
    pub to: Option<Timestamp>,
}

/// An export as people and programs see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportView {
    /// What is known of it.
    pub export: Export,
    /// Where its file is, if it is there.
    pub download: Option<Download>,
}

/// A link to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// Leads to the file without a key.
    pub url: String,
    /// Until then.
    pub expires_at: Timestamp,
}

/// What reading the same by the API needs.
const fn needed(what: Exported) -> Permission {
    match what {
        Exported::Audit => Permission::ReadAudit,
        Exported::Runs | Exported::Events | Exported::Deliveries | Exported::Usage | Exported::Records => {
            Permission::ReadActivity
        }
    }
}

/// True if they may read what is in it.
const fn may_see(caller: &Caller, export: &Export) -> bool {
    caller.permissions.contains(needed(export.what))
}

#[cfg(test)]
mod tests;
