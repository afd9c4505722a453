//! Files that are written little by little, over hours and by several hubs one after the other: exports.
//!
//! What counts of such a file is what a row says, committed after the bytes were synced. Whatever is behind that was written
//! by somebody who lost, or who was killed before the commit; it is never read. Whoever takes such a file over goes on in a
//! copy of what counts, under a name of its own: the one before may be slow and not dead, and still be writing. Rejected: to
//! cut the file itself back, which is right only if nobody else has it open; and locks, which not every file system that
//! machines share has.
//!
//! They are in a folder of their org beside its other files, by name and not by content: no two are alike, and they go when
//! their time is over.

use std::{io, path::PathBuf, time::SystemTime};

use futures::TryStreamExt as _;
use patchbay_model::OrgId;
use sha2::{Digest as _, Sha256};
use tokio::{
    fs,
    io::{AsyncReadExt as _, AsyncWriteExt as _},
};

use super::{BlobStore, StoreError};
use crate::capabilities::source::BodyStream;

/// Where they are within an org's folder; no digest begins so.
const FOLDER: &str = "exports";

/// A file that is being written.
#[derive(Debug)]
pub struct GrowingFile {
    file: fs::File,
    length: u64,
}

impl GrowingFile {
    /// Its length, in bytes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Adds bytes at its end.
    ///
    /// # Errors
    /// The disk.
    pub async fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Comes back once all that was added is on disk.
    ///
    /// # Errors
    /// The disk.
    pub async fn sync(&mut self) -> io::Result<()> {
        self.file.flush().await?;
        self.file.sync_data().await
    }
}

impl BlobStore {
    fn growing(&self, org: OrgId, name: &str) -> PathBuf {
        self.directory.join(org.to_string()).join(FOLDER).join(name)
    }

    /// How many bytes more an org may keep that keeps so many, for files that grow.
    ///
    /// # Errors
    /// [`StoreError::Full`] if there is no room at all.
    pub fn room_to_grow(&self, kept: u64) -> Result<u64, StoreError> {
        self.room(kept, 1)
    }

    /// What an org is told that has no room left.
    #[must_use]
    pub const fn full(&self) -> StoreError {
        StoreError::Full(self.quota)
    }

    /// Begins a file of this name, which nobody else has.
    ///
    /// # Errors
    /// The disk; there is one of this name.
    pub async fn begin_growing(&self, org: OrgId, name: &str) -> io::Result<GrowingFile> {
        let path = self.growing(org, name);
        let file = match create(&path).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = path.parent().ok_or_else(|| io::Error::other("the file has no folder"))?;
                fs::create_dir_all(folder).await?;
                for above in folder.ancestors().skip(1).take(2) {
                    fs::File::open(above).await?.sync_all().await?;
                }
                create(&path).await?
            }
            made => made?,
        };
        // a name is on disk once its folder is
        if let Some(folder) = path.parent() {
            fs::File::open(folder).await?.sync_all().await?;
        }
        Ok(GrowingFile { file, length: 0 })
    }

    /// Begins a file of this name with the first `length` bytes of another one.
    ///
    /// # Errors
    /// The disk; the other file is gone, or shorter.
    pub async fn go_on_growing(&self, org: OrgId, from: &str, length: u64, name: &str) -> io::Result<GrowingFile> {
        let counted = fs::File::open(self.growing(org, from)).await?;
        let mut growing = self.begin_growing(org, name).await?;
        let copied = tokio::io::copy(&mut counted.take(length), &mut growing.file).await?;
        if copied < length {
            let detail = format!("of {length} bytes that were written only {copied} are there");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, detail));
        }
        growing.length = copied;
        Ok(growing)
    }

    /// The first `length` bytes of a file, in chunks of 64 KiB.
    ///
    /// # Errors
    /// The disk; the file is gone.
    pub async fn read_grown(&self, org: OrgId, name: &str, length: u64) -> io::Result<BodyStream> {
        let file = fs::File::open(self.growing(org, name)).await?;
        Ok(super::chunks(file.take(length)))
    }

    /// SHA-256 of the first `length` bytes of a file, in hexadecimal.
    ///
    /// # Errors
    /// The disk; the file is gone, or shorter.
    pub async fn digest_grown(&self, org: OrgId, name: &str, length: u64) -> io::Result<String> {
        let (mut hash, mut read) = (Sha256::new(), 0);
        let mut bytes = self.read_grown(org, name, length).await?;
        while let Some(chunk) = bytes.try_next().await? {
            read += chunk.len() as u64;
            hash.update(&chunk);
        }
        if read < length {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than what was written"));
        }
        Ok(hex::encode(hash.finalize()))
    }

    /// The names of an org's files, and when each was last written to.
    ///
    /// # Errors
    /// The disk.
    pub async fn growing_files(&self, org: OrgId) -> io::Result<Vec<(String, SystemTime)>> {
        let mut entries = match fs::read_dir(self.growing(org, "")).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found = Vec::new();
        while let Some(entry) = entries.next_entry().await? {
            // its owner may take it away meanwhile
            if let (Ok(name), Ok(data)) = (entry.file_name().into_string(), entry.metadata().await) {
                found.push((name, data.modified()?));
            }
        }
        Ok(found)
    }

    /// Takes a file away; harmless if it is gone.
    ///
    /// # Errors
    /// The disk.
    pub async fn remove_growing(&self, org: OrgId, name: &str) -> io::Result<()> {
        match fs::remove_file(self.growing(org, name)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

async fn create(path: &PathBuf) -> io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create_new(true).open(path).await
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use patchbay_model::{ManualClock, SeededRandom, Timestamp};

    use super::*;

    fn store() -> (BlobStore, tempfile::TempDir, OrgId) {
        let folder = tempfile::tempdir().unwrap();
        let org = OrgId::new(&ManualClock::new(Timestamp::UNIX_EPOCH), &SeededRandom::new(1));
        (BlobStore::new(folder.path().to_owned()), folder, org)
    }

    async fn text(store: &BlobStore, org: OrgId, name: &str, length: u64) -> String {
        let chunks: Vec<_> = store.read_grown(org, name, length).await.unwrap().map(Result::unwrap).collect().await;
        String::from_utf8(chunks.concat()).unwrap()
    }

    #[tokio::test]
    async fn who_takes_a_file_over_goes_on_from_what_counts_and_the_one_before_writes_elsewhere() {
        let (store, _folder, org) = store();
        let mut first = store.begin_growing(org, "a").await.unwrap();
        first.append(b"counts, ").await.unwrap();
        first.sync().await.unwrap();
        let counts = first.length();
        first.append(b"does not count").await.unwrap();
        let mut second = store.go_on_growing(org, "a", counts, "b").await.unwrap();
        second.append(b"and goes on").await.unwrap();
        second.sync().await.unwrap();
        first.append(b", whatever comes").await.unwrap();
        first.sync().await.unwrap();
        assert_eq!(text(&store, org, "b", second.length()).await, "counts, and goes on");
        let whole = hex::encode(Sha256::digest("counts, and goes on"));
        assert_eq!(store.digest_grown(org, "b", second.length()).await.unwrap(), whole);
    }

    #[tokio::test]
    async fn a_file_that_lost_what_counts_is_told() {
        let (store, _folder, org) = store();
        let mut file = store.begin_growing(org, "a").await.unwrap();
        file.append(b"short").await.unwrap();
        file.sync().await.unwrap();
        assert_eq!(store.go_on_growing(org, "a", 6, "b").await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(store.digest_grown(org, "a", 6).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(store.go_on_growing(org, "none", 1, "c").await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn files_are_listed_and_go_with_their_org() {
        let (store, _folder, org) = store();
        assert_eq!(store.growing_files(org).await.unwrap(), []);
        for name in ["a", "b"] {
            let _ = store.begin_growing(org, name).await.unwrap();
        }
        assert!(store.begin_growing(org, "a").await.is_err(), "there is one of this name");
        store.remove_growing(org, "a").await.unwrap();
        store.remove_growing(org, "a").await.unwrap();
        let names: Vec<_> = store.growing_files(org).await.unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["b"]);
        store.remove_org(org).await.unwrap();
        assert_eq!(store.growing_files(org).await.unwrap(), []);
    }
}
