//! Having all failed jobs of a kind done once more: work of the hub itself, some at a time, because there may be a hundred
//! thousand of them.

use futures::future::BoxFuture;
use patchbay_model::{Failure, JobId, PluginId, job::JobKind};
use patchbay_storage::{JobFilter, Tx};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::host::{Effects, HostJob, HostNext, HostStep, HostWork};
use crate::hub::Inner;

/// Jobs of one step.
const BATCH: u32 = 500;

/// Which jobs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Which {
    pub(super) plugin: Option<PluginId>,
    pub(super) kind: Option<JobKind>,
    pub(super) name: Option<String>,
}

/// How far it has come.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Cursor {
    after: Option<JobId>,
    redriven: u64,
}

/// The work.
pub(crate) struct RedriveAll;

impl RedriveAll {
    /// What its jobs are called.
    pub(super) const NAME: &'static str = "redrive";
}

impl HostJob for RedriveAll {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn step<'a>(&'a self, hub: &'a Inner, work: HostWork) -> BoxFuture<'a, Result<HostStep, Failure>> {
        Box::pin(async move {
            let Which { plugin, kind, name } = serde_json::from_str(&work.payload).map_err(Failure::internal)?;
            let cursor: Option<Cursor> =
                work.cursor.as_deref().map(serde_json::from_str).transpose().map_err(Failure::internal)?;
            let cursor = cursor.unwrap_or_default();
            let filter = JobFilter { plugin, kind, name, limit: BATCH, ..JobFilter::default() };
            let mut tx = hub.database.read().await?;
            let failed = tx.org(work.org).jobs().failed(&filter, cursor.after).await?;
            drop(tx);
            let last = failed.last().copied();
            let count = cursor.redriven + failed.len() as u64;
            let next = match last {
                Some(last) if failed.len() == BATCH as usize => {
                    let cursor = Cursor { after: Some(last), redriven: count };
                    HostNext::Again(serde_json::to_string(&cursor).map_err(Failure::internal)?, None)
                }
                _ => HostNext::Done(Some(json!({ "redriven": count }).to_string())),
            };
            let now = hub.clock.now();
            let effects: Effects = Box::new(move |tx: &mut Tx| {
                Box::pin(async move {
                    tx.org(work.org).jobs().redrive_all(&failed, now).await?;
                    Ok(())
                })
            });
            Ok(HostStep { next, effects: Some(effects) })
        })
    }
}
