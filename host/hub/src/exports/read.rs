//! Exports as people and programs look at them, download them and delete them.

use chrono::DateTime;
use patchbay_model::{
    Code, ExportId, Failure, Permission,
    export::{Export, ExportFormat, ExportStatus},
};
use patchbay_runtime::BodyStream;
use patchbay_storage::StoredExport;
use serde_json::json;

use super::{Download, ExportView, LINK, file, link::Link, may_see};
use crate::{
    auth::Caller,
    hub::{Hub, Inner},
    queries::{Page, Size, not_found},
};

/// Which exports.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExportList {
    /// Asked for before this one: the cursor.
    pub before: Option<ExportId>,
    /// At most so many: 1 to 200, default 50.
    pub limit: Option<u32>,
}

/// A file, to be given to whoever follows its link.
pub struct ExportFile {
    /// What it is called.
    pub name: String,
    /// How it is written.
    pub format: ExportFormat,
    /// In bytes.
    pub size: u64,
    /// SHA-256, in hexadecimal.
    pub sha256: Option<String>,
    /// Its bytes.
    pub bytes: BodyStream,
}

impl Hub {
    /// The org's exports, newest first: those that the caller may read the rows of.
    pub async fn exports(&self, caller: &Caller, list: ExportList) -> Result<Page<ExportView>, Failure> {
        let of_audit = match (caller.permissions.contains(Permission::ReadActivity), may_audit(caller)) {
            (true, true) => None,
            (true, false) => Some(false),
            (false, true) => Some(true),
            (false, false) => return Err(caller.require(Permission::ReadActivity).err().unwrap_or_else(hidden)),
        };
        let size = Size::new(list.limit)?;
        let hub = &*self.0;
        let mut tx = hub.database.read().await?;
        let found = tx.org(caller.org).exports().list(of_audit, list.before, size.and_one()).await?;
        let page = size.page(found, |export| export.id.to_string());
        let items = page.items.into_iter().map(|export| hub.view_export(export)).collect();
        Ok(Page { items, next: page.next })
    }

    /// One export, with a new link to its file if that is there. `not_found` for another org's, and for one that the caller
    /// may not read the rows of.
    pub async fn export(&self, caller: &Caller, id: ExportId) -> Result<ExportView, Failure> {
        Ok(self.0.view_export(self.0.visible_export(caller, id).await?.export))
    }

    /// Cancels an export, or takes its file away, and forgets it. For whoever asked for it; for others it needs the permission
    /// `manage_installations`.
    pub async fn delete_export(&self, caller: &Caller, id: ExportId) -> Result<(), Failure> {
        let hub = &*self.0;
        let export = hub.visible_export(caller, id).await?.export;
        if export.by != caller.actor.to_string() {
            caller.require(Permission::ManageInstallations)?;
        }
        let detail =
            json!({ "what": export.what, "format": export.format, "status": export.status, "rows": export.rows });
        let entry = hub.audit(caller.org, caller.actor, "export.delete", id, detail);
        let mut tx = hub.database.begin().await?;
        let mut ours = tx.org(caller.org);
        // first, in the order in which a step that ends takes them
        if let Some(job) = export.job {
            ours.jobs().cancel(job, hub.clock.now()).await?;
        }
        let file = ours.exports().get(id).await?.and_then(|stored| stored.file);
        if !ours.exports().delete(id).await? {
            return Err(not_found("export"));
        }
        ours.audit().append(&entry).await?;
        tx.commit().await?;
        if let Some(job) = export.job {
            hub.jobs.break_off(job);
        }
        hub.exports.forget(id);
        if let Some(file) = file {
            hub.remove_export_file(caller.org, &file::name(id, file)).await;
        }
        Ok(())
    }

    /// The file that a link leads to. `not_found` for a link that the hub did not make, that is over, or whose file is gone.
    pub async fn download_export(&self, link: &str) -> Result<ExportFile, Failure> {
        let hub = &*self.0;
        let link = Link::check(link, &hub.hasher, hub.clock.now());
        let link =
            link.ok_or_else(|| Failure::new(Code::NotFound, "the link is over, or was never good: ask for a new one"))?;
        let stored = {
            let mut tx = hub.database.read().await?;
            tx.org(link.org).exports().get(link.export).await?
        };
        hub.open_export(stored.ok_or_else(|| not_found("export"))?).await
    }

    /// The file of an export, for the command that asked for it.
    pub async fn export_file(&self, caller: &Caller, id: ExportId) -> Result<ExportFile, Failure> {
        let stored = self.0.visible_export(caller, id).await?;
        self.0.open_export(stored).await
    }

    /// Writes some more rows of an export that no job does, and gives how far it has come.
    pub async fn go_on_with_export(&self, caller: &Caller, id: ExportId) -> Result<ExportView, Failure> {
        let hub = &*self.0;
        let export = hub.visible_export(caller, id).await?.export;
        if export.job.is_some() && export.status.is_open() {
            return Err(Failure::new(Code::Conflict, "a hub does this export: wait for it"));
        }
        if let Some(stepped) = hub.step_export(caller.org, id).await? {
            let mut tx = hub.database.begin().await?;
            stepped.commit(&mut tx).await?;
            tx.commit().await?;
        }
        self.export(caller, id).await
    }
}

impl Inner {
    /// An export that the caller may read the rows of.
    async fn visible_export(&self, caller: &Caller, id: ExportId) -> Result<StoredExport, Failure> {
        let mut tx = self.database.read().await?;
        let found = tx.org(caller.org).exports().get(id).await?;
        found.filter(|stored| may_see(caller, &stored.export)).ok_or_else(hidden)
    }

    /// With a new link, if its file is there.
    pub(super) fn view_export(&self, export: Export) -> ExportView {
        let now = self.clock.now();
        let until = export.expires_at.filter(|until| export.status == ExportStatus::Done && *until > now);
        let download = until.and_then(|until| {
            // whole seconds, as the link says it
            let expires_at = DateTime::from_timestamp((now + LINK).min(until).timestamp(), 0)?;
            let link = Link { org: export.org, export: export.id, expires_at };
            Some(Download { url: link.url(&self.config.public_url, &self.hasher), expires_at })
        });
        ExportView { export, download }
    }

    async fn open_export(&self, stored: StoredExport) -> Result<ExportFile, Failure> {
        let StoredExport { export, file, .. } = stored;
        let is_there = export.expires_at.is_some_and(|until| self.clock.now() < until);
        let file = file.filter(|_| export.status == ExportStatus::Done && is_there).ok_or_else(|| not_found("file"))?;
        let name = file::name(export.id, file);
        let bytes = self.blobs.read_grown(export.org, &name, export.bytes).await.map_err(Failure::internal)?;
        Ok(ExportFile {
            name: export.file_name(),
            format: export.format,
            size: export.bytes,
            sha256: export.sha256,
            bytes,
        })
    }
}

const fn may_audit(caller: &Caller) -> bool {
    caller.permissions.contains(Permission::ReadAudit)
}

fn hidden() -> Failure {
    not_found("export")
}
