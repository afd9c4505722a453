//! The end of a grace: whoever has not paid by then has the plan of those who never were given one.

use futures::future::BoxFuture;
use patchbay_model::{Failure, JobId, OrgId, Timestamp, job::NewJob};

use crate::{
    hub::Inner,
    jobs::host::{HostJob, HostNext, HostStep, HostWork},
};

/// The work.
pub(crate) struct GraceJob;

impl GraceJob {
    /// What its jobs are called.
    const NAME: &'static str = "billing_grace";

    /// A look at the end of a grace; one for each end.
    pub(super) fn at(id: JobId, ends: Timestamp, now: Timestamp) -> NewJob {
        let key = Some(ends.timestamp_micros().to_string());
        NewJob { key, due_at: ends, ..NewJob::host(id, Self::NAME.to_owned(), "{}".to_owned(), now) }
    }
}

impl HostJob for GraceJob {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn step<'a>(&'a self, hub: &'a Inner, work: HostWork) -> BoxFuture<'a, Result<HostStep, Failure>> {
        Box::pin(async move {
            hub.end_grace(work.org).await?;
            Ok(HostStep { next: HostNext::Done(None), effects: None })
        })
    }
}

impl Inner {
    /// Gives the org what its subscription gives now: harmless if it was paid for meanwhile, or done before.
    pub(super) async fn end_grace(&self, org: OrgId) -> Result<(), Failure> {
        let mut tx = self.database.begin().await?;
        tx.org(org).lock().await?;
        let Some(account) = tx.org(org).billing().account().await? else { return Ok(()) };
        self.read_usage(&mut tx, org, &account).await?;
        let changed = self.follow_subscription(&mut tx, org, &account).await?;
        tx.commit().await?;
        if changed {
            self.standings.invalidate(&org).await;
        }
        Ok(())
    }
}
