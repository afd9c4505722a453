//! Asking for a run of a sync once, however often it is asked for with the same key.

use patchbay_model::{
    Failure, Permission, PluginId,
    object::StandardObject,
    sync::{SyncMode, SyncRun},
};
use serde_json::json;

use crate::{
    auth::Caller,
    call::CallFailure,
    hub::{Hub, Inner},
    idempotency::{Begun, Claim, IdempotencyKey, Kept, What, hash_of},
    notes::AnswerNotes,
    queries::not_found,
};

impl Hub {
    /// As [`Hub::request_sync_run`]; with an idempotency key there is one run for it, which a repeat gets.
    pub async fn sync_request_run(
        &self,
        caller: &Caller,
        plugin: &PluginId,
        object: StandardObject,
        mode: SyncMode,
        key: Option<IdempotencyKey>,
        notes: &AnswerNotes,
    ) -> Result<SyncRun, CallFailure> {
        caller.require(Permission::ManageInstallations)?;
        let hub = &*self.0;
        let mut claim = None;
        if let Some(key) = key {
            let asked = json!({ "mode": mode }).to_string();
            let route = format!("/v1/installations/{plugin}/syncs/{object}/runs");
            let what = What { key, method: "POST".to_owned(), route, fingerprint: hash_of(&[asked.as_bytes()]) };
            claim = match self.begin_once(caller, what).await? {
                Begun::Ours(claim) => Some(claim),
                Begun::Before(_, kept) => {
                    notes.note_replayed();
                    let id = kept.into_sync_run()?;
                    let mut tx = hub.database.read().await.map_err(Failure::from)?;
                    let run = tx.org(caller.org).syncs().run(id).await.map_err(Failure::from)?;
                    return run.ok_or_else(|| not_found("sync run").into());
                }
            };
        }
        match self.request_sync_run(caller, plugin, object, Some(mode)).await {
            Ok(run) => {
                if let Some(claim) = claim {
                    hub.keep_run(caller, &run, &claim).await?;
                    claim.is_answered();
                }
                Ok(run)
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
    /// Keeps the answer for a repeat. After the run was asked for and not with it: who asks once more before this is stored
    /// gets the run that is open, which is the same one.
    async fn keep_run(&self, caller: &Caller, run: &SyncRun, claim: &Claim) -> Result<(), Failure> {
        let answer = self.answer_of(claim, None, Some(&Kept::SyncRun(run.id.to_string()))).await;
        let mut tx = self.database.begin().await?;
        tx.org(caller.org).idempotency().answer(&answer).await?;
        tx.commit().await?;
        Ok(())
    }
}
