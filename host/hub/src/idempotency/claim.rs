//! A write that this hub has begun, from its first row to its answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use patchbay_model::{Code, Failure, RunId};
use patchbay_runtime::Once;
use patchbay_storage::{IdempotencyAnswer, IdempotencyClaim, IdempotencyRecord, Owner};
use patchbay_vault::{TextPlace, VaultError};
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    What, hash_of,
    kept::Kept,
    node::{LeftBehind, new_uuid},
};
use crate::{
    auth::Caller,
    call::{CallFailure, Ended},
    hub::{Hub, Inner},
};

/// How long an answer is kept.
const KEPT: chrono::Duration = chrono::Duration::hours(24);
/// How often it is looked anew, if somebody else changes the row in between.
const TRIES: usize = 3;
/// When to ask again for something that is being done.
const SOON: Duration = Duration::from_secs(1);

/// What became of the wish to do something once.
pub(crate) enum Begun {
    /// It is ours to do.
    Ours(Claim),
    /// It was done before, by this run and with this answer.
    Before(Option<RunId>, Kept),
}

/// A write that is ours to do. Dropped without having ended, it is settled by the hub.
pub(crate) struct Claim {
    pub(crate) once: Arc<Once>,
    ended: AtomicBool,
    left_behind: Arc<LeftBehind>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.ended.load(Ordering::SeqCst) {
            self.left_behind.add(Arc::clone(&self.once));
        }
    }
}

fn place(id: &[u8; 32]) -> TextPlace<'_> {
    TextPlace { table: "idempotency_key", row: id }
}

fn count(outcome: &'static str) {
    metrics::counter!("patchbay_idempotency_total", "outcome" => outcome).increment(1);
}

impl Hub {
    /// Begins what a caller asks to be done once. It goes on to its end also if the caller does not wait for it: a row
    /// that nobody answers for would stand in the way for a day.
    ///
    /// # Errors
    /// As of [`Inner::begin_once`].
    pub(crate) async fn begin_once(&self, caller: &Caller, what: What) -> Result<Begun, CallFailure> {
        let (hub, caller) = (self.clone(), *caller);
        let begun = self.0.work.spawn(async move { hub.0.begin_once(&caller, &what).await });
        begun.await.map_err(Failure::internal)?
    }
}

impl Inner {
    /// Begins what a caller asks to be done once.
    ///
    /// # Errors
    /// `idempotency_key_reused` if the key stands for something else, `idempotency_in_progress` while it is being done,
    /// `idempotency_outcome_unknown` if nobody knows whether it was, `idempotency_answer_not_kept` if it was and its
    /// answer was too large, could not be sealed, or does not open any more.
    async fn begin_once(&self, caller: &Caller, what: &What) -> Result<Begun, CallFailure> {
        let What { key, method, route, fingerprint } = what;
        let fingerprint = *fingerprint;
        let who = caller.actor.to_string();
        let id = hash_of(&[who.as_bytes(), method.as_bytes(), route.as_bytes(), key.0.as_bytes()]);
        let now = self.clock.now();
        let owner = Owner { call: new_uuid(&*self.clock, &*self.random), node: self.node.id };
        let claim = IdempotencyClaim { id, fingerprint, owner, expires_at: now + KEPT };
        for _ in 0..TRIES {
            let mut tx = self.database.begin().await.map_err(Failure::from)?;
            let mut ours = tx.org(caller.org);
            if ours.idempotency().claim(&claim, now).await.map_err(Failure::from)? {
                // The org's data key is there from here on: the answer is sealed without a transaction that writes. Looked
                // without the org's lock, which would be held over this commit and queue all such calls of the org: an org
                // that has a data key keeps one until it is deleted, and of two who find none sealing lets one make it.
                if ours.keys().current().await.map_err(Failure::from)?.is_none() {
                    let nothing = SecretString::from(String::new());
                    self.vault.seal_text(&mut ours, place(&id), &nothing).await.map_err(Failure::from)?;
                }
                tx.commit().await.map_err(Failure::from)?;
                count("begun");
                return Ok(self.ours(caller, id, owner));
            }
            let Some(record) = ours.idempotency().get(&id).await.map_err(Failure::from)? else { continue };
            if record.fingerprint != fingerprint {
                count("reused");
                let detail = "the key came with another body before: take a new key for another request";
                return Err(Failure::new(Code::IdempotencyKeyReused, detail).into());
            }
            if record.answered_at.is_some() {
                let kept = match &record.answer {
                    Some(sealed) => match self.vault.open_text(&mut ours, place(&id), sealed).await {
                        // Sealed while the org's data key was being replaced, and committed after it was destroyed.
                        Err(VaultError::KeyMissing(_)) => Err(KEY_GONE),
                        opened => Ok(opened.map_err(Failure::from)?),
                    },
                    None => Err(NOT_STORED),
                };
                drop(tx);
                return replay(&record, kept);
            }
            if record.owner.node == self.node.id
                || tx.hub().is_alive(record.owner.node, now).await.map_err(Failure::from)?
            {
                count("in_progress");
                let detail = "what was asked for with this key is still being done";
                return Err(Failure::new(Code::IdempotencyInProgress, detail).retry_after(SOON).into());
            }
            if record.sent {
                count("unknown");
                return Err(unknown().into());
            }
            let ours = tx.org(caller.org).idempotency().take_over(&id, record.owner, owner).await;
            if ours.map_err(Failure::from)? {
                tx.commit().await.map_err(Failure::from)?;
                count("taken_over");
                return Ok(self.ours(caller, id, owner));
            }
        }
        let detail = "others ask for the same with this key right now";
        Err(Failure::new(Code::IdempotencyInProgress, detail).retry_after(SOON).into())
    }

    fn ours(&self, caller: &Caller, id: [u8; 32], owner: Owner) -> Begun {
        Begun::Ours(Claim {
            once: Arc::new(Once::new(caller.org, id, owner)),
            ended: AtomicBool::new(false),
            left_behind: Arc::clone(&self.node.left_behind),
        })
    }

    /// How the write ended, for the transaction of its run. `kept` is what a repeat gets; nothing if it is too large.
    pub(crate) async fn answer_of(&self, claim: &Claim, run: Option<RunId>, kept: Option<&Kept>) -> IdempotencyAnswer {
        self.sealed(&claim.once, run, kept).await
    }

    async fn sealed(&self, once: &Once, run: Option<RunId>, kept: Option<&Kept>) -> IdempotencyAnswer {
        let (id, owner) = (once.id(), once.owner());
        let answer = match kept {
            Some(kept) => match self.seal_answer(once, kept).await {
                Ok(sealed) => Some(sealed),
                // It was done, and that must be known. A repeat is told which run did it.
                Err(failure) => {
                    tracing::error!(error = %failure, "an answer could not be sealed, so it is not kept");
                    None
                }
            },
            None => None,
        };
        IdempotencyAnswer { id, owner, run, answer, at: self.clock.now() }
    }

    /// Without the org's lock: it would end with this transaction, and the answer is stored in a later one, that of the
    /// run. So a rotation may come between the two in any case. It seals the answer anew if that is stored before it
    /// looks for the last time; what is stored after that nobody opens any more, and a repeat is told that the answer was
    /// not kept. See ADR 012.
    async fn seal_answer(&self, once: &Once, kept: &Kept) -> Result<Vec<u8>, Failure> {
        let text = serde_json::to_string(kept).map(SecretString::from).map_err(Failure::internal)?;
        let mut tx = self.database.read().await?;
        Ok(self.vault.seal_text_unlocked(&mut tx.org(once.org()), place(&once.id()), &text).await?)
    }

    /// Settles a write whose run does not: it is forgotten if nothing was changed by it, else it is written down how it
    /// failed, as far as that is known.
    pub(super) async fn let_go(&self, once: &Once, failure: Option<&Failure>) -> Result<(), Failure> {
        let answer = match once.may_have_changed_something() {
            true => {
                let unknown = unknown();
                Some(self.sealed(once, None, Some(&Kept::Failed(failure.unwrap_or(&unknown).into()))).await)
            }
            false => None,
        };
        let mut tx = self.database.begin().await?;
        let mut ours = tx.org(once.org());
        match &answer {
            Some(answer) => ours.idempotency().answer(answer).await?,
            None => ours.idempotency().release(&once.id(), once.owner()).await?,
        };
        Ok(tx.commit().await?)
    }
}

impl Inner {
    /// After a run was committed, or was not: `stored` says that the answer was to be stored with it. A run that lost
    /// against another one is a failure that was not foreseen, and its answer is not stored.
    pub(crate) async fn settle_once<T>(&self, ended: &Ended<T>, stored: bool, succeeded: bool, claim: &Claim) {
        match &ended.result {
            Ok(_) => claim.is_answered(),
            Err(_) if stored && !succeeded && ended.run.is_some() => claim.is_answered(),
            Err(failure) => claim.let_go(self, known(ended.run, stored, failure)).await,
        }
    }
}

/// What is known of a write whose run did not store its answer. Nothing if its answer was to be stored and there is no
/// run: then it is the commit that failed, which says nothing of what a vendor did, and reads as if nothing was done.
const fn known(run: Option<RunId>, stored: bool, failure: &Failure) -> Option<&Failure> {
    if stored && run.is_none() { None } else { Some(failure) }
}

impl Claim {
    /// The answer is stored.
    pub(crate) fn is_answered(&self) {
        self.ended.store(true, Ordering::SeqCst);
    }

    /// What a repeat gets of a failed call. One that was broken off says nothing of what the vendor did.
    pub(crate) fn failed(&self, hub: &Inner, failure: &Failure) -> Kept {
        match hub.break_off.is_cancelled() {
            true => Kept::Failed((&unknown()).into()),
            false => Kept::Failed(failure.into()),
        }
    }

    /// Ends a write whose run did not store its answer: by what failed, or nothing if it did not fail or nobody knows.
    pub(crate) async fn let_go(&self, hub: &Inner, failure: Option<&Failure>) {
        match hub.let_go(&self.once, failure).await {
            Ok(()) => self.is_answered(),
            // what could not be settled is left behind, and settled later
            Err(error) => tracing::warn!(%error, "a write that is to be done once was not settled"),
        }
    }
}

fn unknown() -> Failure {
    let detail = "the hub that was at work on it ended before the vendor's answer was stored: look at the vendor whether \
                  it was done, and ask again with a new key if it was not";
    Failure::new(Code::IdempotencyOutcomeUnknown, detail)
}

/// Why an answer is not there: it was never stored.
const NOT_STORED: &str = "its answer was larger than what is kept, or could not be sealed, which the hub's log says then: \
                          `run` tells of it";
/// Why an answer is not there: it does not open any more.
const KEY_GONE: &str = "the organization's data key was replaced while its answer was being stored, so the answer does not \
                        open any more: `run` tells of it";

/// `kept`: the answer, or why it is not there.
fn replay(record: &IdempotencyRecord, kept: Result<SecretString, &'static str>) -> Result<Begun, CallFailure> {
    match kept {
        Ok(kept) => {
            count("replayed");
            let kept = serde_json::from_str(kept.expose_secret()).map_err(Failure::internal)?;
            Ok(Begun::Before(record.run, kept))
        }
        Err(detail) => {
            count("not_kept");
            Err(CallFailure { run: record.run, failure: Failure::new(Code::IdempotencyAnswerNotKept, detail) })
        }
    }
}

#[cfg(test)]
mod tests;
