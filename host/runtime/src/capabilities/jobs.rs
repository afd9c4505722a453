//! Work for later, kept until the run is committed.

use std::time::Duration;

use patchbay_model::{
    JobId,
    job::{ATTEMPTS, MOST_BYTES, MOST_DELAY_MS, MOST_KEY_BYTES, NewJob},
};

use super::{HostError, effects, invalid};
use crate::{
    bindings::{jobs::Host, types::Error},
    call::CallState,
};

/// The most jobs that one run may make.
const CAP: usize = 100;

/// What this call planned.
#[derive(Debug, Default)]
pub(crate) struct Planned(pub(crate) Vec<NewJob>);

/// What the manifest says of a kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JobGrant {
    pub(crate) attempts: Option<u32>,
    pub(crate) timeout_ms: Option<u32>,
    pub(crate) concurrency: Option<u32>,
}

impl JobGrant {
    /// A job of this kind.
    pub(crate) fn apply(self, job: NewJob) -> NewJob {
        let Self { attempts, timeout_ms, concurrency } = self;
        NewJob { attempts: attempts.unwrap_or(ATTEMPTS), timeout_ms, concurrency, ..job }
    }
}

impl Host for CallState {
    async fn enqueue(
        &mut self,
        kind: String,
        payload: String,
        delay_ms: u64,
        key: Option<String>,
    ) -> Result<String, HostError> {
        self.enter()?;
        let Some(grant) = self.grants.jobs.get(&kind).copied() else {
            return Err(HostError::Guest(Error::Denied(format!(
                "{kind:?} is not among the manifest's jobs: add [[jobs]] kind = {kind:?}"
            ))));
        };
        if payload.len() > MOST_BYTES {
            return Err(invalid("/payload", format!("at most {MOST_BYTES} bytes")));
        }
        if delay_ms > MOST_DELAY_MS {
            return Err(invalid("/delay-ms", format!("at most {MOST_DELAY_MS}")));
        }
        if key.as_ref().is_some_and(|key| key.is_empty() || key.len() > MOST_KEY_BYTES) {
            return Err(invalid("/key", format!("1 to {MOST_KEY_BYTES} bytes")));
        }
        serde_json::from_str::<serde::de::IgnoredAny>(&payload)
            .map_err(|error| invalid("/payload", format!("JSON ({error})")))?;
        let now = self.services.clock.now();
        let id = JobId::new(&*self.services.clock, &*self.services.random);
        let job = NewJob::task(id, self.grants.plugin.clone(), kind, payload, now);
        let job = grant.apply(NewJob { key, due_at: now + Duration::from_millis(delay_ms), ..job });
        if let Some(waiting) = self.waiting(&job).await? {
            return Ok(waiting.to_string());
        }
        if self.capabilities.jobs.0.len() >= CAP {
            return Err(HostError::Guest(Error::Exhausted(format!("{CAP} jobs per call"))));
        }
        let names = [job.name.as_str(), job.key.as_deref().unwrap_or_default()];
        self.hold_effect(effects::size(None, job.payload.len(), &names), 0)?;
        self.capabilities.jobs.0.push(job);
        Ok(id.to_string())
    }
}

impl CallState {
    /// The job with the same key that waits or runs, or that this very call planned.
    async fn waiting(&mut self, job: &NewJob) -> Result<Option<JobId>, HostError> {
        if job.key.is_none() {
            return Ok(None);
        }
        let same = |planned: &&NewJob| planned.name == job.name && planned.key == job.key;
        if let Some(planned) = self.capabilities.jobs.0.iter().find(same) {
            return Ok(Some(planned.id));
        }
        let (_place, mut tx) = self.reading().await?;
        Ok(tx.org(self.tenant.org).jobs().waiting(job).await?)
    }
}
