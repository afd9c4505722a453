//! Exports as work of the hub itself.

use futures::future::BoxFuture;
use patchbay_model::{ExportId, Failure, JobId, Timestamp, job::NewJob};
use patchbay_storage::Tx;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    hub::Inner,
    jobs::host::{Effects, HostJob, HostNext, HostStep, HostWork},
};

/// Exports of one org that are written at once: they read the same tables.
const AT_ONCE: u32 = 1;

/// What a job of an export is made with, and its cursor, which says no more: how far the export has come, its own row says.
#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    export: ExportId,
}

/// The work.
pub(crate) struct ExportJob;

impl ExportJob {
    /// What its jobs are called.
    const NAME: &'static str = "export";

    /// The job that does an export.
    pub(super) fn of(export: ExportId, id: JobId, now: Timestamp) -> NewJob {
        let payload = json!({ "export": export }).to_string();
        NewJob { concurrency: Some(AT_ONCE), ..NewJob::host(id, Self::NAME.to_owned(), payload, now) }
    }
}

impl HostJob for ExportJob {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn step<'a>(&'a self, hub: &'a Inner, work: HostWork) -> BoxFuture<'a, Result<HostStep, Failure>> {
        Box::pin(async move {
            let Payload { export } = serde_json::from_str(&work.payload).map_err(Failure::internal)?;
            let Some(stepped) = hub.step_export(work.org, export).await? else {
                return Ok(HostStep { next: HostNext::Done(None), effects: None });
            };
            let next = match stepped.has_ended() {
                true => HostNext::Done(Some(work.payload)),
                false => HostNext::Again(work.payload, stepped.progress),
            };
            let effects: Effects = Box::new(move |tx: &mut Tx| Box::pin(stepped.commit(tx)));
            Ok(HostStep { next, effects: Some(effects) })
        })
    }
}
