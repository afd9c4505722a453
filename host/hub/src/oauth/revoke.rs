//! Giving tokens back to the vendor after their connection has ended.
//!
//! What shall be given back is written down in the transaction that ends the connection, and stays written down until the
//! vendor has said that it is done: a crash, or a vendor that is down, leaves no token alive that the audit log calls ended.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};
use patchbay_model::{Failure, OrgId, PluginId, Random, RevocationId, Timestamp, oauth::SealedRevocation};
use patchbay_oauth::Tokens;
use patchbay_storage::OrgTx;
use patchbay_vault::{TextPlace, Vault};
use serde_json::{Value, json};

use super::{
    live::REQUEST_TIME,
    tokens::{self, unreadable},
};
use crate::{audit::Actor, hub::Inner};

/// Tries before a vendor is given up. With the waits below they spread over about a day.
const MOST_ATTEMPTS: u32 = 9;
const FIRST_WAIT_S: i64 = 30;
/// Each wait is this many times the one before: 30 s, 1.5 min, 4.5 min, 13.5 min, 40 min, 2 h, 6 h, 18 h.
const FACTOR: i64 = 3;
/// For one try: a request for each of two tokens, and the database.
const ONE_TRY: Duration = Duration::from_secs(2 * REQUEST_TIME.as_secs() + 20);
/// Taken up in one go, and how many of them at once.
const BATCH: u32 = 100;
const AT_ONCE: usize = 4;

/// Tokens that shall be given back.
pub(super) struct Planned<'a> {
    pub(super) id: RevocationId,
    pub(super) plugin: &'a PluginId,
    /// As in the audit log.
    pub(super) actor: &'a str,
    pub(super) now: Timestamp,
}

/// Writes down that tokens shall be given back, from now on.
pub(super) async fn plan(
    vault: &Vault,
    tx: &mut OrgTx<'_>,
    planned: Planned<'_>,
    tokens: &Tokens,
) -> Result<(), Failure> {
    let Planned { id, plugin, actor, now } = planned;
    // the org's data key is made with the first thing that is sealed
    tx.lock().await?;
    let revocation = SealedRevocation {
        id,
        org: tx.id(),
        plugin: plugin.clone(),
        sealed: vault.seal_text(tx, place(&id), &tokens.to_secret()).await?,
        actor: actor.to_owned(),
        attempts: 0,
        next_attempt_at: now,
        created_at: now,
    };
    Ok(tx.oauth_revocations().insert(&revocation).await?)
}

const fn place(id: &RevocationId) -> TextPlace<'_> {
    TextPlace { table: "oauth_revocation", row: id.0.as_bytes() }
}

/// How long to wait after so many failed tries (at least one), give or take a fifth.
fn wait(attempts: u32, random: &dyn Random) -> chrono::Duration {
    let exponent = attempts.saturating_sub(1).min(MOST_ATTEMPTS);
    let millis = 1_000 * FIRST_WAIT_S.saturating_mul(FACTOR.saturating_pow(exponent));
    let mut bytes = [0; 4];
    random.fill(&mut bytes);
    let spread = millis * 2 / 5;
    let part = spread * i64::from(u32::from_le_bytes(bytes)) / i64::from(u32::MAX);
    chrono::Duration::milliseconds(millis - spread / 2 + part)
}

impl Inner {
    /// Takes a connection's tokens out, in the transaction that ends it, and writes down that they shall be given back.
    /// Nothing if there are none, or none that can be read: what cannot be read cannot be given back, and must not stay
    /// because of that.
    pub(crate) async fn end_tokens(
        &self,
        tx: &mut OrgTx<'_>,
        plugin: &PluginId,
        actor: Actor,
    ) -> Result<Option<RevocationId>, Failure> {
        // Those that are stored at this very moment: another hub may have renewed them since anybody looked.
        let Some(row) = tx.oauth_tokens().take(plugin).await? else { return Ok(None) };
        let stored = match tokens::open(&self.vault, tx, &row).await {
            Ok(stored) => stored,
            Err(failure) => {
                tracing::warn!(org = %row.org, %plugin, error = %failure, "tokens cannot be revoked");
                return Ok(None);
            }
        };
        let id = RevocationId::new(&*self.clock, &*self.random);
        let planned = Planned { id, plugin, actor: &actor.to_string(), now: self.clock.now() };
        plan(&self.vault, tx, planned, &stored.tokens).await?;
        Ok(Some(id))
    }

    /// Gives back what is due; gives how many were tried.
    pub(crate) async fn revoke_due(self: &Arc<Self>) -> Result<usize, Failure> {
        let mut tx = self.database.read().await?;
        let due = tx.hub().due_oauth_revocations(self.clock.now(), BATCH).await?;
        drop(tx);
        let count = due.len();
        stream::iter(due).for_each_concurrent(AT_ONCE, |(org, id)| self.revoke(org, id)).await;
        Ok(count)
    }

    /// Tries to give tokens back, unless somebody else does or it is not time yet. Its failures are logged, and told in the
    /// audit log when they come first and when it is given up.
    pub(crate) async fn revoke(&self, org: OrgId, id: RevocationId) {
        if let Err(error) = self.try_to_revoke(org, id).await {
            tracing::warn!(%org, %id, %error, "what came of a revocation is not written down: it is tried again");
        }
    }

    async fn try_to_revoke(&self, org: OrgId, id: RevocationId) -> Result<(), Failure> {
        let now = self.clock.now();
        let mut tx = self.database.begin().await?;
        let begun = tx.org(org).oauth_revocations().begin(id, now, now + ONE_TRY).await?;
        let Some(revocation) = begun else { return Ok(()) };
        let text = self.vault.open_text(&mut tx.org(org), place(&id), &revocation.sealed).await;
        tx.commit().await?;
        let SealedRevocation { plugin, actor, attempts, .. } = revocation;
        let outcome = match text.map_err(Failure::from).and_then(|text| Tokens::from_secret(&text).map_err(unreadable))
        {
            Ok(tokens) => self.give_tokens_back(org, &plugin, &tokens).await,
            Err(failure) => Err(failure.to_string()),
        };
        let (detail, done): (Value, bool) = match &outcome {
            Ok(revoked) => (json!({ "revoked": revoked }), true),
            Err(error) => {
                (json!({ "revoked": false, "error": error, "attempts": attempts }), attempts >= MOST_ATTEMPTS)
            }
        };
        if let Err(error) = &outcome {
            tracing::warn!(%plugin, %org, attempts, error, "tokens were not revoked");
        }
        let mut tx = self.database.begin().await?;
        if done {
            tx.org(org).oauth_revocations().delete(id).await?;
        } else {
            tx.org(org).oauth_revocations().put_off(id, self.clock.now() + wait(attempts, &*self.random)).await?;
        }
        if done || attempts == 1 {
            let entry = self.audit(org, &actor, "connection.revoke", &plugin, detail);
            tx.org(org).audit().append(&entry).await?;
        }
        Ok(tx.commit().await?)
    }

    /// False if the vendor has no endpoint for that.
    async fn give_tokens_back(&self, org: OrgId, plugin: &PluginId, tokens: &Tokens) -> Result<bool, String> {
        let client = self.oauth_client_of(org, plugin, None).await.map_err(|failure| failure.to_string())?;
        client.revoke(tokens).await.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use patchbay_model::SeededRandom;

    use super::*;

    #[test]
    fn waits_grow_to_hours_and_stay_within_a_fifth_of_the_plan() {
        let random = SeededRandom::new(1);
        for (attempts, planned_s) in [(1, 30), (2, 90), (3, 270), (8, 65_610)] {
            for _ in 0..100 {
                let wait = wait(attempts, &random).num_milliseconds();
                assert!((planned_s * 800..=planned_s * 1_200).contains(&wait), "{attempts}: {wait}");
            }
        }
    }

    #[test]
    fn a_vendor_is_tried_for_about_a_day() {
        let random = SeededRandom::new(1);
        let waits = (1..MOST_ATTEMPTS).map(|attempts| wait(attempts, &random).num_minutes());
        let hours = waits.sum::<i64>() / 60;
        assert!((21..=33).contains(&hours), "{hours}");
    }
}
