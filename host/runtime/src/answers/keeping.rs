//! An answer that was got is kept, and others go to make room for it.
//!
//! First the row, then the file comes to its place; the other way round when one goes. A hub that dies in between leaves a row
//! without a file, which is no answer and is written over.

use std::{io, sync::Arc};

use patchbay_model::PluginId;
use patchbay_storage::{CachePut, CachedAnswer, OrgTx, StorageError};
use uuid::Uuid;

use super::Claim;
use crate::{Services, blob_store::PartialAnswer, capabilities::storage::place_to_write, tenant::Tenant};

/// Answers that go at once.
const BATCH: u32 = 100;

/// What is to be done with an answer once it is whole.
pub(crate) struct Keeping {
    pub(crate) claim: Claim,
    pub(crate) services: Arc<Services>,
    pub(crate) tenant: Arc<Tenant>,
    /// As it will be kept; its size is not known yet.
    pub(crate) answer: CachedAnswer,
    /// What the plugin's answers may count together, in bytes.
    pub(crate) max_bytes: u64,
    /// What was found in its place and could not be used.
    pub(crate) instead_of: Option<Uuid>,
}

/// Why an answer was not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    #[error("the files of answers: {0}")]
    Disk(#[from] io::Error),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Keeping {
    /// The longest body that is kept, in bytes.
    pub(crate) const fn most(&self) -> u64 {
        self.max_bytes.saturating_sub(CachedAnswer::FILE)
    }

    /// Commits the row of a body of this length, and takes away what there is no room for. False if somebody else has kept an answer
    /// meanwhile. Harmless to do again.
    pub(crate) async fn enter(&self, partial: &PartialAnswer, size: u64) -> Result<bool, KeepError> {
        partial.file.sync_data().await?;
        let (services, which) = (&*self.services, &self.claim.which);
        let answer = CachedAnswer { size, ..self.answer.clone() };
        let _lock = services.blobs.lock(which.org).await;
        let _turn = services.blobs.turn().await;
        let _place = place_to_write(&self.tenant).await;
        let mut tx = services.database.begin().await?;
        let mut org = tx.org(which.org);
        // other hubs' too
        org.lock().await?;
        let put = org.cached_answers().put(&answer, self.instead_of, services.clock.now()).await?;
        let CachePut::Kept(replaced) = put else { return Ok(false) };
        if let Some(file) = replaced {
            services.blobs.remove_answer(which.org, file).await?;
        }
        self.make_room(&mut org, Some(&which.plugin), self.max_bytes).await?;
        self.make_room(&mut org, None, services.blobs.answers_quota()).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn make_room(&self, org: &mut OrgTx<'_>, plugin: Option<&PluginId>, most: u64) -> Result<(), KeepError> {
        let mut kept = org.cached_answers().total_bytes(plugin).await?;
        while kept > most {
            let least_used = org.cached_answers().least_used(plugin, self.answer.file, BATCH).await?;
            if least_used.is_empty() {
                break;
            }
            for answer in least_used {
                if kept <= most {
                    break;
                }
                self.services.blobs.remove_answer(self.claim.which.org, answer.file).await?;
                org.cached_answers().delete(&answer).await?;
                kept = kept.saturating_sub(answer.counts());
            }
        }
        Ok(())
    }

    /// Puts the body in its place; from then on others find it.
    pub(crate) async fn place(self, partial: PartialAnswer) {
        let placed = self.services.blobs.place_answer(self.claim.which.org, self.answer.file, partial).await;
        if let Err(error) = placed {
            tracing::warn!(error.r#type = "answers", %error, "an answer was not kept");
        }
    }
}
