//! What nobody asks for: exports whose job has ended without them, files whose time is over, files that nobody needs.

use std::time::{Duration, SystemTime};

use patchbay_model::{Code, ExportId, Failure, JobId, OrgId};
use patchbay_storage::ExportToSettle;

use super::file;
use crate::hub::Inner;

/// Exports of one round.
const BATCH: u32 = 100;
/// After so long a command that does an export itself is taken to be gone.
const LEFT: chrono::Duration = chrono::Duration::hours(24);
/// A file that no export has is left alone until nothing was added to it for so long: whoever adds to it may be about to say
/// that it is theirs.
const UNUSED: Duration = Duration::from_secs(3_600);

impl Inner {
    /// Ends exports whose job has failed, was cancelled or is gone, and takes away files whose time is over.
    pub(crate) async fn settle_exports(&self) -> Result<(), Failure> {
        loop {
            let now = self.clock.now();
            let found = {
                let mut tx = self.database.read().await?;
                tx.hub().exports_to_settle(now, now - LEFT, BATCH).await?
            };
            let mut all_settled = true;
            for ExportToSettle { org, id } in &found {
                // the others need not wait for one that cannot be settled
                if let Err(failure) = self.settle_export(*org, *id).await {
                    tracing::warn!(error = %failure, export = %id, "an export was not settled");
                    all_settled = false;
                }
            }
            if !all_settled || found.len() < BATCH as usize {
                return Ok(());
            }
        }
    }

    async fn settle_export(&self, org: OrgId, id: ExportId) -> Result<(), Failure> {
        let now = self.clock.now();
        let mut tx = self.database.begin().await?;
        let mut ours = tx.org(org);
        let Some(stored) = ours.exports().get(id).await? else { return Ok(()) };
        let export = &stored.export;
        let settled = if export.status.is_open() {
            let failure = match export.job {
                Some(job) => self.why_ended(&mut ours, job).await?,
                None => Some(Failure::new(Code::RequestTimeout, "the command that wrote it did not go on with it")),
            };
            // a job that was begun anew meanwhile goes on
            let Some(failure) = failure else { return Ok(()) };
            let (end, event) = self.end_of_failed(export, &failure);
            let ended = ours.exports().end(id, &end, now).await?;
            if ended {
                ours.events().append(&event).await?;
            }
            ended
        } else {
            ours.exports().expire(id, now).await?
        };
        if !settled {
            return Ok(());
        }
        tx.commit().await?;
        self.exports.forget(id);
        if let Some(file) = stored.file {
            self.remove_export_file(org, &file::name(id, file)).await;
        }
        Ok(())
    }

    /// Why a job's export comes to nothing; nothing if the job is still to be done.
    async fn why_ended(&self, ours: &mut patchbay_storage::OrgTx<'_>, job: JobId) -> Result<Option<Failure>, Failure> {
        let Some(job) = ours.jobs().get(job).await? else {
            return Ok(Some(Failure::new(Code::Conflict, "its job is gone")));
        };
        if !job.status.has_ended() {
            return Ok(None);
        }
        Ok(Some(match job.error {
            Some((code, detail)) => Failure::new(Code::from_text(&code).unwrap_or(Code::Internal), detail),
            None => Failure::new(Code::Conflict, format!("its job is {}", job.status.as_str())),
        }))
    }

    /// Takes away files of an org that no export has: of those that lost against others, and of those that were deleted while
    /// a step was being done.
    pub(crate) async fn remove_unused_exports(&self, org: OrgId) -> Result<(), Failure> {
        let files = self.blobs.growing_files(org).await.map_err(Failure::internal)?;
        if files.is_empty() {
            return Ok(());
        }
        let known = {
            let mut tx = self.database.read().await?;
            tx.org(org).exports().files().await?
        };
        let now = SystemTime::from(self.clock.now());
        let is_old = |written: SystemTime| now.duration_since(written).is_ok_and(|age| age >= UNUSED);
        for (name, written) in files {
            let is_known = file::export_of(&name).is_some_and(|of| known.contains(&of));
            if !is_known && is_old(written) {
                self.remove_export_file(org, &name).await;
            }
        }
        Ok(())
    }
}
