//! Documents that are kept in memory: read when an installation is, and after each change.

use patchbay_model::{
    Timestamp,
    record::{Record, RecordChange},
};
use patchbay_package::Manifest;
use patchbay_storage::StorageError;

use super::{Key, PATIENCE};
use crate::hub::Inner;

/// Documents that are read at once.
const PAGE: u32 = 32;

/// Where reading ends, in bytes of text: more has no room in memory.
const ENOUGH: usize = 4 << 20;

/// How often all are read again because some were written meanwhile. After that those are left that calls read.
const READS: usize = 4;

/// Documents of one run that are read back at once. Others are with their next reads.
const AT_ONCE: usize = 32;

impl Inner {
    /// Reads all documents of the plugin that are kept in memory, unless they are there.
    pub(crate) async fn load_documents(&self, key: &Key, manifest: &Manifest) {
        if !self.kept.is_loaded(key) {
            self.read_documents(key, manifest).await;
        }
    }

    /// Reads them, whether they are there or not. Without the database those that are there stay.
    pub(super) async fn read_documents(&self, key: &Key, manifest: &Manifest) {
        if manifest.kept_in_memory().next().is_none() {
            return;
        }
        for _ in 0..READS {
            let before = self.kept.changes(key);
            match self.all_documents(key, manifest).await {
                Ok((documents, is_whole)) => {
                    if self.kept.load(key, before, documents, is_whole) {
                        return;
                    }
                }
                Err(error) => {
                    let (org, plugin) = key;
                    tracing::warn!(org.id = %org, plugin.id = %plugin, %error, "documents were not read into memory");
                    return;
                }
            }
        }
    }

    /// And whether those are all.
    async fn all_documents(
        &self,
        (org, plugin): &Key,
        manifest: &Manifest,
    ) -> Result<(Vec<(String, Record)>, bool), StorageError> {
        let (mut found, mut bytes) = (Vec::new(), 0);
        let mut tx = self.database.read().await?;
        for collection in manifest.kept_in_memory() {
            let mut after: Option<String> = None;
            loop {
                let page = tx.org(*org).records(plugin).query(collection, &[], after.as_deref(), PAGE).await?;
                let is_last = page.len() < PAGE as usize;
                after = page.last().map(|record| record.id.clone());
                for record in page {
                    bytes += record.data.to_string().len();
                    found.push((collection.to_owned(), record));
                }
                if bytes > ENOUGH {
                    return Ok((found, false));
                }
                if is_last {
                    break;
                }
            }
        }
        Ok((found, true))
    }

    /// Takes over what a run of this hub wrote, and reads it back, so that it is there as the database has it before anybody is
    /// told that it is written.
    pub(crate) async fn documents_written(&self, key: &Key, at: Timestamp, changes: &[RecordChange]) {
        self.kept.wrote(key, at, changes);
        let (org, plugin) = key;
        let reading = async {
            let before = self.kept.changes(key);
            let mut tx = self.database.read_within(PATIENCE).await?;
            let mut ours = tx.org(*org);
            for RecordChange { collection, id, .. } in changes.iter().take(AT_ONCE) {
                let found = ours.records(plugin).get(collection, id).await?;
                self.kept.note(key, before, collection, id, found.as_ref());
            }
            Ok::<_, StorageError>(())
        };
        // they are read with their next reads otherwise
        if !matches!(tokio::time::timeout(PATIENCE, reading).await, Ok(Ok(()))) {
            tracing::debug!(org.id = %org, plugin.id = %plugin, "written documents were not read back");
        }
    }
}
