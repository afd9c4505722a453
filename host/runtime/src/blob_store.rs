//! Bytes of files on disk: `<directory>/<org>/<first two digits>/<SHA-256>`. By content, so that the same
//! bytes are kept once; per org, so that one org cannot learn what another has.
//!
//! A file and the rows that name it change together under the org's lock ([`BlobStore::lock`]): otherwise the last
//! row's deletion would take the bytes away from a row that is just being written. Hubs that share the directory hold
//! the org's lock in their database as well. What is still being received is in a folder of its own; what a hub that
//! died leaves there goes when it is old. Rejected: emptying it at the start, when another hub may be writing there,
//! and locks on files, which not every file system that machines share has.

mod answers;
mod growing;

use std::{
    hash::{BuildHasher as _, DefaultHasher, Hash as _, Hasher as _, RandomState},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

pub(crate) use self::answers::PartialAnswer;
pub use self::growing::GrowingFile;
use futures::StreamExt;
use patchbay_model::OrgId;
use sha2::{Digest as _, Sha256};
use tokio::{
    fs,
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit},
};

use crate::{answers::Underway, capabilities::source::BodyStream};

/// What an org may keep if nothing else is said, in bytes.
const QUOTA: u64 = 10 << 30;
/// What an org's kept answers may have together if nothing else is said, in bytes.
const ANSWERS_QUOTA: u64 = 1 << 30;
/// Orgs share this many locks, so that none has to be made or cleared away.
const LOCKS: usize = 64;
/// Files that are put in place or taken away at once, of all orgs: each holds a transaction of the database meanwhile, and
/// a disk that has become slow must leave connections for everything else.
const TURNS: usize = 4;
/// Where files are that are not complete yet; no org is called so.
const PARTIAL: &str = "partial";
/// How long nothing is added to a file that nobody receives any more: no call runs for so long.
const LEFT: Duration = Duration::from_secs(24 * 3600);
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
    /// The org keeps as much as it may: this many bytes.
    #[error("more than the {0} bytes that an organization may keep")]
    Full(u64),
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

/// Bytes that are here but belong to nobody yet. They go when this is dropped.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) stored: Stored,
    file: Unclaimed,
}

/// A file that goes when this is dropped, unless it was claimed: a call that runs out of time just stops.
#[derive(Debug)]
pub(crate) struct Unclaimed(Option<PathBuf>);

impl Unclaimed {
    /// The file stays.
    pub(crate) fn claim(mut self) {
        self.0 = None;
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let Some(path) = self.0.take()
            && let Err(error) = std::fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %path.display(), "a file that nobody needs stays behind");
        }
    }
}

/// Files by content, per org. Clones are the same store.
#[derive(Debug, Clone)]
pub struct BlobStore {
    directory: PathBuf,
    quota: u64,
    answers_quota: u64,
    /// Tells this process's unfinished files from those of other hubs that share the directory: in containers all of
    /// them may have the same process id.
    process: u64,
    partial: Arc<AtomicU64>,
    locks: Arc<[Mutex<()>]>,
    turns: Arc<Semaphore>,
    pub(crate) underway: Underway,
}

impl BlobStore {
    /// A store in this directory, which is made when it is first needed. An org may keep 10 GiB.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        let locks = (0..LOCKS).map(|_| Mutex::default()).collect();
        let process = RandomState::new().hash_one(std::process::id());
        let turns = Arc::new(Semaphore::new(TURNS));
        Self {
            directory,
            quota: QUOTA,
            answers_quota: ANSWERS_QUOTA,
            process,
            partial: Arc::default(),
            locks,
            turns,
            underway: Underway::default(),
        }
    }

    /// The same with another quota per org, in bytes.
    #[must_use]
    pub fn with_quota(self, quota: u64) -> Self {
        Self { quota, ..self }
    }

    /// The same with another quota per org for answers that are kept, in bytes. They go when there is no room, and do not count
    /// as files.
    #[must_use]
    pub fn with_answers_quota(self, answers_quota: u64) -> Self {
        Self { answers_quota, ..self }
    }

    /// Takes away what was still being received when a hub ended, once nothing was added to it for a day: other hubs
    /// that share the directory may be receiving the rest.
    ///
    /// # Errors
    /// The disk.
    pub async fn sweep(&self, now: SystemTime) -> io::Result<()> {
        let mut entries = match fs::read_dir(self.directory.join(PARTIAL)).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        while let Some(entry) = entries.next_entry().await? {
            match remove_if_left(&entry, now).await {
                // its owner was faster, or another hub's sweep
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed?,
            }
        }
        Ok(())
    }

    fn path(&self, org: OrgId, sha256: &str) -> PathBuf {
        self.directory.join(org.to_string()).join(sha256.get(..2).unwrap_or("00")).join(sha256)
    }

    /// Held while an org's files and the rows that name them change.
    pub(crate) async fn lock(&self, org: OrgId) -> Option<MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        org.hash(&mut hasher);
        let index = usize::try_from(hasher.finish() % LOCKS as u64).unwrap_or_default();
        Some(self.locks.get(index)?.lock().await)
    }

    /// A turn at the disk. To be taken after the org's lock and before a transaction, and kept for as long as that.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // it is never closed
        self.turns.acquire().await.ok()
    }

    /// How much more an org may keep that keeps so many bytes.
    ///
    /// # Errors
    /// [`StoreError::Full`] if that is less than `size`.
    pub(crate) fn room(&self, kept: u64, size: u64) -> Result<u64, StoreError> {
        let left = self.quota.saturating_sub(kept);
        if left < size { Err(StoreError::Full(self.quota)) } else { Ok(left) }
    }

    /// Takes what flows out of a stream, at most `room` bytes of it. It is on disk, synced, when this comes back.
    pub(crate) async fn receive(&self, room: u64, stream: BodyStream) -> Result<Received, StoreError> {
        let (path, file) = self.begin().await?;
        let too_large = if room < SIZE_CAP { StoreError::Full(self.quota) } else { StoreError::TooLarge(SIZE_CAP) };
        let stored = write(&path, stream, room.min(SIZE_CAP), too_large).await?;
        Ok(Received { stored, file })
    }

    /// Where something can be received that is not there yet.
    async fn begin(&self) -> io::Result<(PathBuf, Unclaimed)> {
        let number = self.partial.fetch_add(1, Ordering::Relaxed);
        let directory = self.directory.join(PARTIAL);
        fs::create_dir_all(&directory).await?;
        let path = directory.join(format!("{:016x}-{number}", self.process));
        Ok((path.clone(), Unclaimed(Some(path))))
    }

    /// Puts received bytes in their place; claim them once a row names them. Under the org's lock.
    pub(crate) async fn place(&self, org: OrgId, received: Received) -> Result<(Stored, Unclaimed), StoreError> {
        let Received { stored, file } = received;
        let path = self.path(org, &stored.sha256);
        if fs::try_exists(&path).await? {
            return Ok((stored, Unclaimed(None)));
        }
        if let (Some(folder), Some(from)) = (path.parent(), &file.0) {
            let is_new = !fs::try_exists(folder).await?;
            fs::create_dir_all(folder).await?;
            let placed = Unclaimed(Some(path.clone()));
            fs::rename(from, &path).await?;
            // a name is on disk once its folder is, and so are the folders' own names
            let folders = folder.ancestors().take(if is_new { 3 } else { 1 });
            for folder in folders {
                fs::File::open(folder).await?.sync_all().await?;
            }
            file.claim();
            return Ok((stored, placed));
        }
        Err(StoreError::Disk(io::Error::other("the bytes have no path")))
    }

    /// Opens a file for reading, in chunks of 64 KiB.
    ///
    /// # Errors
    /// [`StoreError::Disk`] if it is not there.
    pub async fn open(&self, org: OrgId, sha256: &str) -> Result<BodyStream, StoreError> {
        Ok(chunks(fs::File::open(self.path(org, sha256)).await?))
    }

    /// Takes all bytes of an org away that is gone: no row names them any more.
    ///
    /// # Errors
    /// The disk.
    pub async fn remove_org(&self, org: OrgId) -> io::Result<()> {
        let _lock = self.lock(org).await;
        match fs::remove_dir_all(self.directory.join(org.to_string())).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes bytes away that no row names. Under the org's lock.
    pub(crate) async fn delete(&self, org: OrgId, sha256: &str) -> Result<(), StoreError> {
        match fs::remove_file(self.path(org, sha256)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// All that a reader gives.
fn chunks(reader: impl tokio::io::AsyncRead + Send + Unpin + 'static) -> BodyStream {
    let chunks = futures::stream::try_unfold(reader, |mut reader| async move {
        let mut buffer = bytes::BytesMut::with_capacity(CHUNK);
        let read = reader.read_buf(&mut buffer).await?;
        Ok((read > 0).then(|| (buffer.freeze(), reader)))
    });
    chunks.boxed()
}

async fn remove_if_left(entry: &fs::DirEntry, now: SystemTime) -> io::Result<()> {
    let modified = entry.metadata().await?.modified()?;
    match now.duration_since(modified) {
        Ok(age) if age >= LEFT => fs::remove_file(entry.path()).await,
        _ => Ok(()),
    }
}

async fn write(path: &Path, mut stream: BodyStream, most: u64, too_large: StoreError) -> Result<Stored, StoreError> {
    let mut file = fs::File::create(path).await?;
    let mut hash = Sha256::new();
    let mut size = 0;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(StoreError::Source)?;
        size += chunk.len() as u64;
        if size > most {
            return Err(too_large);
        }
        hash.update(&chunk);
        file.write_all(&chunk).await?;
    }
    file.sync_all().await?;
    Ok(Stored { sha256: hex::encode(hash.finalize()), size })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::FutureExt as _;
    use patchbay_model::{ManualClock, SeededRandom, Timestamp};

    use super::*;

    fn store(quota: u64) -> (BlobStore, tempfile::TempDir, OrgId) {
        let folder = tempfile::tempdir().unwrap();
        let org = OrgId::new(&ManualClock::new(Timestamp::UNIX_EPOCH), &SeededRandom::new(1));
        (BlobStore::new(folder.path().to_owned()).with_quota(quota), folder, org)
    }

    fn of(chunks: &[&'static str]) -> BodyStream {
        let chunks: Vec<_> = chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect();
        futures::stream::iter(chunks).boxed()
    }

    fn files(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                found.extend(files(&entry.path()));
            } else {
                found.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        found
    }

    async fn placed(store: &BlobStore, org: OrgId, text: &'static str) -> (Stored, Unclaimed) {
        store.place(org, store.receive(100, of(&[text])).await.unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_slow_disk_holds_as_many_transactions_as_have_a_turn() {
        let (store, _folder, _) = store(100);
        let mut turns = Vec::new();
        while let Some(turn) = store.turn().now_or_never() {
            turns.push(turn);
        }
        assert_eq!(turns.len(), TURNS);
        turns.pop();
        assert!(store.turn().now_or_never().is_some());
    }

    #[tokio::test]
    async fn what_no_row_names_in_the_end_is_not_kept() {
        let (store, folder, org) = store(100);
        drop(store.receive(100, of(&["received"])).await.unwrap());
        assert_eq!(files(folder.path()), [""; 0]);
        drop(placed(&store, org, "placed").await);
        assert_eq!(files(folder.path()), [""; 0]);
        let (stored, file) = placed(&store, org, "kept").await;
        file.claim();
        assert_eq!(files(folder.path()), [stored.sha256]);
    }

    #[tokio::test]
    async fn who_gives_up_bytes_that_were_here_before_does_not_take_them_away() {
        let (store, folder, org) = store(100);
        placed(&store, org, "same").await.1.claim();
        let (stored, second) = placed(&store, org, "same").await;
        drop(second);
        assert_eq!(files(folder.path()), [stored.sha256]);
    }

    #[tokio::test]
    async fn an_org_that_is_gone_leaves_nothing_and_others_keep_theirs() {
        let (store, folder, org) = store(100);
        let other = OrgId::new(&ManualClock::new(Timestamp::UNIX_EPOCH), &SeededRandom::new(2));
        placed(&store, org, "ours").await.1.claim();
        let (theirs, file) = placed(&store, other, "theirs").await;
        file.claim();
        store.remove_org(org).await.unwrap();
        store.remove_org(org).await.unwrap();
        assert_eq!(files(folder.path()), [theirs.sha256]);
    }

    #[tokio::test]
    async fn what_breaks_off_or_is_too_much_leaves_nothing() {
        let (store, folder, _) = store(4);
        let broken = of(&["ab"]).chain(futures::stream::iter([Err(io::Error::other("broken"))])).boxed();
        assert!(matches!(store.receive(4, broken).await, Err(StoreError::Source(_))));
        assert!(matches!(store.receive(4, of(&["ab", "cde"])).await, Err(StoreError::Full(4))));
        assert!(store.receive(4, of(&["ab", "cd"])).await.is_ok());
        assert_eq!(files(folder.path()), [""; 0]);
        assert_eq!(store.room(3, 1).unwrap(), 1);
        assert!(matches!(store.room(3, 2), Err(StoreError::Full(4))));
    }

    #[tokio::test]
    async fn what_a_crash_left_behind_goes_when_it_is_old_and_what_is_being_received_stays() {
        let (store, folder, org) = store(100);
        let (stored, file) = placed(&store, org, "kept").await;
        file.claim();
        std::mem::forget(store.receive(100, of(&["half"])).await.unwrap());
        let entry = std::fs::read_dir(folder.path().join(PARTIAL)).unwrap().next().unwrap().unwrap();
        let written = entry.metadata().unwrap().modified().unwrap();
        store.sweep(written + LEFT - Duration::from_secs(1)).await.unwrap();
        assert_eq!(files(folder.path()).len(), 2);
        store.sweep(written + LEFT).await.unwrap();
        store.sweep(written + LEFT).await.unwrap();
        assert_eq!(files(folder.path()), [stored.sha256]);
    }

    #[tokio::test]
    async fn hubs_that_share_the_directory_do_not_write_into_each_others_unfinished_files() {
        let (ours, folder, org) = store(100);
        let theirs = BlobStore::new(folder.path().to_owned());
        let (first, second) =
            (ours.receive(100, of(&["ours"])).await.unwrap(), theirs.receive(100, of(&["theirs"])).await.unwrap());
        assert_eq!(files(folder.path()).len(), 2);
        ours.place(org, first).await.unwrap().1.claim();
        theirs.place(org, second).await.unwrap().1.claim();
        assert_eq!(files(folder.path()).len(), 2);
    }
}
