//! A call of an action that nobody waits for, made in the name of who asked for it.
//!
//! It is done once, as a call with an Idempotency-Key is: what a vendor may have done is not tried again by itself, and after a
//! crash in the middle of it nobody knows, which the job then says. What changed nothing is tried again.

use bytes::Bytes;
use patchbay_model::{
    Code, Failure, Permission,
    job::{Job, MOST_BYTES},
    rate::Endpoint,
    record::Blob,
    run::RunKind,
};
use patchbay_runtime::{ActionCall, Finished, StepOutcome};
use serde_json::{json, value::RawValue};

use super::{
    outcome::{Try, Verdict, is_final, kept},
    step::plugin_of,
    underway::Working,
};
use crate::{
    auth::Caller,
    call::{Call, Leaves},
    hub::{Hub, Inner},
    idempotency::{Begun, Claim, IdempotencyKey, Kept, What, hash_of},
    invoke::{Output, Prepared},
    measure,
    notes::AnswerNotes,
};

impl Hub {
    pub(super) async fn action_step(&self, job: &Job, this: &Try, working: &Working) -> Result<(), Failure> {
        let hub = &*self.0;
        let (caller, prepared) = match self.prepare_again(job).await {
            Ok(prepared) => prepared,
            Err(failure) => return hub.fail_without_run(job, this, &failure).await,
        };
        let what = What {
            key: IdempotencyKey::of_job(job.id, job.redriven),
            method: "JOB".to_owned(),
            route: format!("/v1/jobs/{}", job.id),
            fingerprint: hash_of(&[job.payload.as_bytes()]),
        };
        match self.begin_once(&caller, what).await {
            Ok(Begun::Ours(claim)) => self.call_action(job, this, working, prepared, claim).await,
            // committed before, and the job's outcome with it: nobody else would have it now
            Ok(Begun::Before(_, kept)) => {
                let failure = kept.into_output().err();
                let failure = failure.unwrap_or_else(|| Failure::new(Code::Conflict, "this was done before"));
                hub.end_without_run(job, this, this.went_wrong(hub, &failure, true)).await
            }
            Err(refused) => hub.fail_without_run(job, this, &refused.failure).await,
        }
    }

    /// Checks once more what was checked when the call was accepted: rate limits, the plan, the action's schema.
    async fn prepare_again(&self, job: &Job) -> Result<(Caller, Prepared), Failure> {
        let hub = &*self.0;
        let plugin = plugin_of(job)?;
        let caller = job.caller.map(|caller| Caller::of_job(job.org, caller));
        let caller = caller.ok_or_else(|| Failure::internal("an action's job names no caller"))?;
        caller.require(Permission::CallActions)?;
        let notes = AnswerNotes::default();
        hub.admit(&caller, Endpoint::Actions, Some((plugin, Some(&job.name))), &notes).await?;
        let input = Bytes::from(job.payload.clone());
        let prepared = self.prepare(&caller, plugin, &job.name, input, &notes).await?;
        Ok((caller, prepared))
    }

    async fn call_action(
        &self,
        job: &Job,
        this: &Try,
        working: &Working,
        prepared: Prepared,
        claim: Claim,
    ) -> Result<(), Failure> {
        let hub = &*self.0;
        let Prepared { serving, action, input, timeout, admitted, intent } = prepared;
        let mut call = Call::new(hub, serving, RunKind::Action, action.clone());
        call.admitted = Some(admitted);
        call.once = Some(std::sync::Arc::clone(&claim.once));
        if let Err(refused) = call.reserve::<()>(hub, intent).await {
            hub.settle_once(&refused, false, false, &claim).await;
            let failure = refused.result.err().unwrap_or_else(|| Failure::internal("a refusal without a reason"));
            return hub.fail_without_run(job, this, &failure).await;
        }
        let action = ActionCall { action, input, attachment: None, idempotency_key: Some(claim.once.key()) };
        let calling = call.plugin().invoke(call.invocation(timeout), action);
        let finished = hub.unless_unwanted(&call, working, calling).await;
        let finished = hub.check_output(&call, finished).await;
        hub.commit_action(job, this, working, &call, finished, &claim).await
    }
}

impl Inner {
    async fn commit_action(
        &self,
        job: &Job,
        this: &Try,
        working: &Working,
        call: &Call,
        finished: Finished<Output>,
        claim: &Claim,
    ) -> Result<(), Failure> {
        let changed = claim.once.may_have_changed_something();
        let verdict = match &finished.result {
            Ok(output) => {
                this.went_well(self, StepOutcome::Done(Some(result_of(output, call)))).unwrap_or_else(|failure| {
                    // it was done, whatever there is to show of it
                    this.went_wrong(self, &failure, true)
                })
            }
            Err(_) if working.unwanted.is_cancelled() => {
                Verdict { attempts: this.attempts, end: patchbay_storage::JobEnd::Cancelled }
            }
            // of a call that was broken off nobody knows what the vendor did
            Err(failure) => this.went_wrong_once(self, failure, changed || is_final(failure)),
        };
        let succeeded = finished.result.is_ok();
        let stored = succeeded || changed;
        let answer = match (&finished.result, stored) {
            (Err(failure), true) => {
                Some(self.answer_of(claim, Some(call.run), Some(&claim.failed(self, failure))).await)
            }
            (Ok(_), true) => Some(self.answer_of(claim, Some(call.run), None::<&Kept>).await),
            (_, false) => None,
        };
        let outcome = this.outcome(self, Some(call.run), verdict);
        let leaves = Leaves { idempotency: answer, ..self.leaves(job, call, &outcome) };
        let ended = call.commit_with(self, finished, leaves).await;
        self.settle_once(&ended, stored, succeeded, claim).await;
        match ended.result {
            Err(failure)
                if ended.run.is_none() || failure.code == Code::Conflict && !working.unwanted.is_cancelled() =>
            {
                let verdict = this.went_wrong_once(self, &failure, changed || is_final(&failure));
                self.end_without_run(job, this, verdict).await
            }
            _ => {
                measure::job_step(job.kind, &outcome.end);
                self.note_due(&outcome);
                Ok(())
            }
        }
    }
}

impl Try {
    /// As [`Try::went_wrong`], for work that must not be done twice: `is_final` holds also where the hub stopped in the middle.
    fn went_wrong_once(&self, hub: &Inner, failure: &Failure, is_final: bool) -> Verdict {
        if is_final {
            let (code, detail) = kept(failure);
            return Verdict { attempts: self.attempts, end: patchbay_storage::JobEnd::Failed(code, detail) };
        }
        self.went_wrong(hub, failure, false)
    }
}

/// What an action gave, as a job's result. What is too large to be kept is told of.
fn result_of(output: &Output, call: &Call) -> String {
    let too_large = |bytes: usize| {
        let detail = format!("the output has {bytes} bytes, and a job keeps {MOST_BYTES}");
        json!({ "run": call.run, "omitted": detail }).to_string()
    };
    // for what stands around it
    let room = MOST_BYTES.saturating_sub(512);
    match output {
        Output::Json(json) if json.get().len() <= room => with_output(call, json),
        Output::Json(json) => too_large(json.get().len()),
        Output::Blob(blob) => {
            let Blob { id, plugin, content_type, size, sha256, .. } = blob;
            let blob = json!({
                "id": id, "plugin": plugin, "content_type": content_type, "size": size, "sha256": sha256,
            });
            json!({ "run": call.run, "blob": blob }).to_string()
        }
        Output::Bytes(media_type, bytes) if bytes.len() <= room / 4 * 3 => {
            use base64::{Engine as _, engine::general_purpose::STANDARD};
            json!({ "run": call.run, "content_type": media_type, "base64": STANDARD.encode(bytes) }).to_string()
        }
        Output::Bytes(_, bytes) => too_large(bytes.len()),
    }
}

fn with_output(call: &Call, output: &RawValue) -> String {
    format!("{{\"run\":\"{}\",\"output\":{}}}", call.run, output.get())
}
