//! Bodies of answers that are kept: a file each, by a name that its row has.
//!
//! They grow among what is being received, where those who follow the answer read it, and come to their place when it is
//! whole. What a hub that died leaves behind goes with everything else that is unfinished.

use std::{io, path::PathBuf, sync::Arc};

use patchbay_model::OrgId;
use tokio::fs;
use uuid::Uuid;

use super::{BlobStore, StoreError, Unclaimed, chunks};
use crate::capabilities::source::BodyStream;

/// Where they are within an org's folder; no digest begins so.
const FOLDER: &str = "answers";

/// A body that is being written, and can be read meanwhile. Goes when this is dropped, unless it is put in its place; who reads
/// it reads on.
#[derive(Debug)]
pub(crate) struct PartialAnswer {
    /// To add to.
    pub(crate) file: fs::File,
    /// The same, to read at any place.
    pub(crate) reading: Arc<std::fs::File>,
    path: PathBuf,
    unclaimed: Unclaimed,
}

impl BlobStore {
    fn answer(&self, org: OrgId, name: Uuid) -> PathBuf {
        self.directory.join(org.to_string()).join(FOLDER).join(name.to_string())
    }

    /// What the answers that are kept for one org may have together, in bytes.
    pub(crate) const fn answers_quota(&self) -> u64 {
        self.answers_quota
    }

    /// Begins a body.
    pub(crate) async fn begin_answer(&self) -> io::Result<PartialAnswer> {
        let (path, unclaimed) = self.begin().await?;
        let file = fs::File::create(&path).await?;
        let reading = Arc::new(fs::File::open(&path).await?.into_std().await);
        Ok(PartialAnswer { file, reading, path, unclaimed })
    }

    /// Puts a body in its place. Under the org's lock, and after its row is committed.
    pub(crate) async fn place_answer(&self, org: OrgId, name: Uuid, partial: PartialAnswer) -> io::Result<()> {
        let path = self.answer(org, name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).await?;
        }
        fs::rename(&partial.path, &path).await?;
        partial.unclaimed.claim();
        Ok(())
    }

    /// Opens a body of this length for reading. None if it is not there, or was cut short by a loss of power.
    ///
    /// # Errors
    /// The disk.
    pub(crate) async fn open_answer(
        &self,
        org: OrgId,
        name: Uuid,
        length: u64,
    ) -> Result<Option<BodyStream>, StoreError> {
        let file = match fs::File::open(self.answer(org, name)).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let whole = file.metadata().await?.len() == length;
        Ok(whole.then(|| chunks(file)))
    }

    /// Takes a body away, before its row; harmless if it is gone.
    ///
    /// # Errors
    /// The disk.
    pub async fn remove_answer(&self, org: OrgId, name: Uuid) -> io::Result<()> {
        match fs::remove_file(self.answer(org, name)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
