//! Bytes of files on disk: `<directory>/<org>/<first two digits>/<SHA-256>`. By content, so that the same
//! bytes are kept once; per org, so that one org cannot learn what another has.

use std::{
    hash::{BuildHasher as _, RandomState},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use futures::StreamExt;
use patchbay_model::OrgId;
use sha2::{Digest as _, Sha256};
use tokio::{
    fs,
    io::{AsyncReadExt, AsyncWriteExt},
};

use crate::capabilities::source::BodyStream;

/// The largest file, in bytes.
const SIZE_CAP: u64 = 2 << 30;
/// How much is read from disk at a time.
const CHUNK: usize = 64 << 10;

/// Why bytes were not kept or not found.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file passes this many bytes.
    #[error("larger than {0} bytes")]
    TooLarge(u64),
    /// What was to be stored broke off.
    #[error("the source broke off: {0}")]
    Source(io::Error),
    /// The disk.
    #[error("the blob store: {0}")]
    Disk(#[from] io::Error),
}

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) sha256: String,
    pub(crate) size: u64,
}

/// Files by content, per org.
#[derive(Debug)]
pub struct BlobStore {
    directory: PathBuf,
    /// Tells this process's unfinished files from those of other hubs that share the directory: in containers all of
    /// them may have the same process id.
    process: u64,
    partial: AtomicU64,
}

impl BlobStore {
    /// A store in this directory, which is made when it is first needed.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        let process = RandomState::new().hash_one(std::process::id());
        Self { directory, process, partial: AtomicU64::new(0) }
    }

    fn path(&self, org: OrgId, sha256: &str) -> PathBuf {
        self.directory.join(org.to_string()).join(sha256.get(..2).unwrap_or("00")).join(sha256)
    }

    /// Stores what flows out of a stream. It is on disk, synced, when this comes back.
    pub(crate) async fn put(&self, org: OrgId, stream: BodyStream) -> Result<Stored, StoreError> {
        let number = self.partial.fetch_add(1, Ordering::Relaxed);
        let directory = self.directory.join(org.to_string());
        fs::create_dir_all(&directory).await?;
        let partial = directory.join(format!("partial-{:016x}-{number}", self.process));
        let stored = write(&partial, stream).await;
        match stored {
            Ok(stored) => {
                let path = self.path(org, &stored.sha256);
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent).await?;
                }
                fs::rename(&partial, &path).await?;
                Ok(stored)
            }
            Err(error) => {
                // what is half written is of no use; that it cannot be removed is worth a line
                if let Err(error) = fs::remove_file(&partial).await {
                    tracing::warn!(%error, "a partial blob stays behind");
                }
                Err(error)
            }
        }
    }

    /// Opens a file for reading, in chunks of 64 KiB.
    ///
    /// # Errors
    /// [`StoreError::Disk`] if it is not there.
    pub async fn open(&self, org: OrgId, sha256: &str) -> Result<BodyStream, StoreError> {
        let file = fs::File::open(self.path(org, sha256)).await?;
        let chunks = futures::stream::try_unfold(file, |mut file| async move {
            let mut buffer = bytes::BytesMut::with_capacity(CHUNK);
            let read = file.read_buf(&mut buffer).await?;
            Ok((read > 0).then(|| (buffer.freeze(), file)))
        });
        Ok(chunks.boxed())
    }

    pub(crate) async fn delete(&self, org: OrgId, sha256: &str) -> Result<(), StoreError> {
        match fs::remove_file(self.path(org, sha256)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

async fn write(path: &Path, mut stream: BodyStream) -> Result<Stored, StoreError> {
    let mut file = fs::File::create(path).await?;
    let mut hash = Sha256::new();
    let mut size = 0;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(StoreError::Source)?;
        size += chunk.len() as u64;
        if size > SIZE_CAP {
            return Err(StoreError::TooLarge(SIZE_CAP));
        }
        hash.update(&chunk);
        file.write_all(&chunk).await?;
    }
    file.sync_all().await?;
    Ok(Stored { sha256: hex::encode(hash.finalize()), size })
}
