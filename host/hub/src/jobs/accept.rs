//! Taking in a call of an action that nobody waits for (RFC 7240, `Prefer: respond-async`).

use bytes::Bytes;
use patchbay_model::{
    Code, Failure, JobId, Permission, PluginId,
    job::{Job, MOST_BYTES, NewJob},
    rate::Endpoint,
};

use crate::{
    auth::Caller,
    call::CallFailure,
    hub::{Hub, Inner},
    idempotency::{Begun, Claim, Kept, What, hash_of},
    invoke::InvokeOptions,
    queries::not_found,
};

impl Hub {
    /// Calls an action later: what can be checked before is checked now (permission, rate limits, plan, input) and once more when
    /// the call is made, in the name of this caller and with the permissions that they have now. The job is stored when this
    /// comes back. With an idempotency key there is one job for it, which a repeat gets.
    pub async fn invoke_later(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        action: &str,
        input: Bytes,
        options: InvokeOptions,
    ) -> Result<Job, CallFailure> {
        caller.require(Permission::CallActions)?;
        let hub = &*self.0;
        let InvokeOptions { idempotency_key, notes } = options;
        hub.admit(caller, Endpoint::Actions, Some((plugin, Some(action))), &notes).await?;
        let mut claim = None;
        if let Some(key) = idempotency_key {
            let route = format!("/v1/actions/{plugin}/{action}");
            // another answer than that of a caller who waits: the same key does not stand for both
            let fingerprint = hash_of(&[&input, b"respond-async"]);
            let what = What { key, method: "POST".to_owned(), route, fingerprint };
            claim = match self.begin_once(caller, what).await? {
                Begun::Ours(claim) => Some(claim),
                Begun::Before(_, kept) => {
                    notes.note_replayed();
                    let id = kept.into_job()?;
                    return Ok(hub.find_job(caller, id).await?);
                }
            };
        }
        let accepted = match self.prepare(caller, plugin, action, input, &notes).await {
            Ok(prepared) => hub.accept(caller, plugin, prepared.action, prepared.input, claim.as_ref()).await,
            Err(failure) => Err(failure),
        };
        match accepted {
            Ok(job) => {
                if let Some(claim) = claim {
                    claim.is_answered();
                }
                hub.jobs.due_at(job.created_at);
                Ok(job)
            }
            Err(failure) => {
                if let Some(claim) = claim {
                    claim.let_go(hub, Some(&failure)).await;
                }
                Err(failure.into())
            }
        }
    }
}

impl Inner {
    /// Stores the job, and in the same transaction what a repeat gets.
    async fn accept(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        action: String,
        input: String,
        claim: Option<&Claim>,
    ) -> Result<Job, Failure> {
        if input.len() > MOST_BYTES {
            let detail =
                format!("an action that is called as a job takes at most {MOST_BYTES} bytes: call it and wait");
            return Err(Failure::new(Code::PayloadTooLarge, detail));
        }
        let id = JobId::new(&*self.clock, &*self.random);
        let job = NewJob::action(id, plugin.clone(), action, input, (*caller).into(), self.clock.now());
        let answer = match claim {
            Some(claim) => Some(self.answer_of(claim, None, Some(&Kept::Job(id.to_string()))).await),
            None => None,
        };
        let mut tx = self.database.begin().await?;
        let mut ours = tx.org(caller.org);
        ours.jobs().enqueue(&[job]).await?;
        if let Some(answer) = &answer {
            ours.idempotency().answer(answer).await?;
        }
        let stored = ours.jobs().get(id).await?;
        tx.commit().await?;
        stored.ok_or_else(|| Failure::internal("a job that was just stored is not there"))
    }

    /// A job of the caller's org that they may see: all with the permission to read what happens, else those that they asked for
    /// themselves.
    pub(crate) async fn find_job(&self, caller: &Caller, id: JobId) -> Result<Job, Failure> {
        let mut tx = self.database.read().await?;
        let job = tx.org(caller.org).jobs().get(id).await?.ok_or_else(|| not_found("job"))?;
        let is_theirs = job.caller.is_some_and(|asked| asked.actor == caller.actor);
        if is_theirs && caller.permissions.contains(Permission::CallActions) {
            return Ok(job);
        }
        caller.require(Permission::ReadActivity)?;
        Ok(job)
    }
}
