//! The files that this hub is writing, kept open from step to step.

use std::{collections::HashMap, io, sync::Mutex};

use patchbay_model::{ExportId, Failure, OrgId};
use patchbay_runtime::GrowingFile;
use patchbay_storage::StoredExport;
use uuid::Uuid;

use crate::{
    hub::{Inner, lock},
    idempotency::node::new_uuid,
};

/// Files that stay open between steps: those of exports that another hub has taken over are never asked for again.
const MOST: usize = 64;

/// Files by export.
#[derive(Default)]
pub(crate) struct Files(Mutex<HashMap<ExportId, Open>>);

/// A file that is being written.
pub(super) struct Open {
    /// The step that it is as long as.
    step: u64,
    pub(super) name: Uuid,
    pub(super) file: GrowingFile,
    /// The one that it is a copy of, which nobody needs once a step with this one is committed.
    copy_of: Option<String>,
}

impl Files {
    pub(super) fn forget(&self, id: ExportId) {
        lock(&self.0).remove(&id);
    }

    /// Keeps a file for the step after this one, which is not committed yet: if it never is, the next step finds out.
    pub(super) fn keep(&self, id: ExportId, step: u64, open: Open) {
        let mut files = lock(&self.0);
        if files.len() >= MOST {
            files.clear();
        }
        files.insert(id, Open { step, ..open });
    }

    /// The open file, if it is as the last committed step left it.
    fn take(&self, stored: &StoredExport) -> Option<Open> {
        let open = lock(&self.0).remove(&stored.export.id)?;
        let is_current =
            open.step == stored.step && stored.file == Some(open.name) && open.file.length() == stored.export.bytes;
        is_current.then_some(open)
    }
}

/// What a file is called on disk.
pub(super) fn name(id: ExportId, file: Uuid) -> String {
    format!("{id}-{}", file.simple())
}

/// The export of a file that is called so.
pub(super) fn export_of(name: &str) -> Option<(ExportId, Uuid)> {
    let (id, file) = name.rsplit_once('-')?;
    Some((id.parse().ok()?, Uuid::try_parse(file).ok()?))
}

/// Why there is no file to write into.
pub(super) enum NoFile {
    /// What was written is not there any more, and does not come back.
    Lost(io::Error),
    /// The disk.
    Failed(Failure),
}

impl Inner {
    /// The file of an export, as long as what counts of it.
    pub(super) async fn file_of(&self, stored: &StoredExport) -> Result<Open, NoFile> {
        let (id, org) = (stored.export.id, stored.export.org);
        if let Some(mut open) = self.exports.take(stored) {
            if let Some(former) = open.copy_of.take() {
                self.remove_export_file(org, &former).await;
            }
            return Ok(open);
        }
        let fresh = new_uuid(&*self.clock, &*self.random);
        let (made, copy_of) = match stored.file {
            None => (self.blobs.begin_growing(org, &name(id, fresh)).await, None),
            Some(former) => {
                let former = name(id, former);
                let made = self.blobs.go_on_growing(org, &former, stored.export.bytes, &name(id, fresh)).await;
                (made, Some(former))
            }
        };
        match made {
            Ok(file) => Ok(Open { step: stored.step, name: fresh, file, copy_of }),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof) => {
                Err(NoFile::Lost(error))
            }
            Err(error) => Err(NoFile::Failed(Failure::internal(error))),
        }
    }

    /// Takes a file away. One that stays goes with the next sweep.
    pub(super) async fn remove_export_file(&self, org: OrgId, name: &str) {
        if let Err(error) = self.blobs.remove_growing(org, name).await {
            tracing::warn!(%error, file = name, "an export's file stays behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_its_name() {
        let (id, file) = (ExportId(Uuid::from_u128(1)), Uuid::from_u128(2));
        assert_eq!(export_of(&name(id, file)), Some((id, file)));
        for other in ["", "exp_1-2", "a", &format!("{id}"), &format!("{id}-x")] {
            assert_eq!(export_of(other), None, "{other}");
        }
    }
}
