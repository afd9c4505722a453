//! API keys: made, looked at, replaced and revoked.
//!
//! A key can never do more than who makes it: each of its permissions must be the maker's too. A key belongs to the org and
//! stays when its maker leaves, because programs depend on it; the audit log and `made_by` say whose idea it was. What it may
//! spend is kept as budgets of its own: see `budgets/of_key.rs`.

use chrono::{Datelike as _, Duration};
use patchbay_model::{
    ApiKeyId, Code, Failure, OrgId, Permission, Timestamp,
    org::{ApiKey, Scope},
};
use patchbay_storage::{Change, Tx};
use patchbay_vault::new_api_key;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::json;

use crate::{
    audit::Entries,
    auth::Caller,
    budgets::{SpendLimits, limits_of, shared_by},
    hub::{Hub, Inner},
    orgs::check_name,
    queries::{Page, Size, not_found},
};

/// The longest that a replaced key goes on working.
const MOST_OVERLAP: Duration = Duration::days(7);
/// How long it does if nothing is said.
const OVERLAP: Duration = Duration::days(1);

/// The last year in which a key can end: later times are in no form that all who read them understand (RFC 3339), and near
/// the end of what can be counted nothing can be added to them.
const LATEST_YEAR: i32 = 9999;

/// What an API key shall be.
#[derive(Debug, Clone, Default)]
pub struct NewApiKey {
    /// What its owner calls it; 1 to 100 characters.
    pub name: String,
    /// What it may do; at least one.
    pub scopes: Vec<Scope>,
    /// When it stops working; in the future.
    pub expires_at: Option<Timestamp>,
    /// What it may spend in a billing period; empty: what the org may.
    pub spend_limits: SpendLimits,
}

/// An API key and what it may spend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiKeyView {
    /// What is known of it.
    #[serde(flatten)]
    pub key: ApiKey,
    /// Caps per billing period, which it shares with the keys that [`ApiKey::spends_as`] tells of.
    pub spend_limits: SpendLimits,
}

/// How a key is replaced.
#[derive(Debug, Clone, Copy, Default)]
pub struct RotateApiKey {
    /// How long the old key goes on working, in seconds: at most 7 days; a day if not said.
    pub overlap_s: Option<u64>,
    /// When the new key stops working. If not said: after as long as the old one was made for.
    pub expires_at: Option<Timestamp>,
}

impl Hub {
    /// Makes an API key in the operator's name. The secret is given here and never again.
    pub async fn create_api_key(&self, org: OrgId, new: NewApiKey) -> Result<(ApiKey, SecretString), Failure> {
        let (view, secret) = self.issue_api_key(&Caller::operator(org), new).await?;
        Ok((view.key, secret))
    }

    /// Makes an API key. The secret is given here and never again. Needs the permission `manage_keys`, and all that the key
    /// will have. A key that has spend limits makes only keys that share them. With limits, `plan_required` if the plan has no
    /// budgets, `conflict` for money where it has no prices.
    pub async fn issue_api_key(&self, caller: &Caller, new: NewApiKey) -> Result<(ApiKeyView, SecretString), Failure> {
        caller.require(Permission::ManageKeys)?;
        let hub = &*self.0;
        let now = hub.clock.now();
        check_name(&new.name, 100)?;
        if new.scopes.is_empty() {
            return Err(Failure::violation("/scopes", "at least one scope"));
        }
        check_expiry(new.expires_at, now)?;
        let mut scopes = new.scopes;
        scopes.sort_unstable();
        scopes.dedup();
        let mut key = ApiKey {
            id: ApiKeyId::new(&*hub.clock, &*hub.random),
            org: caller.org,
            name: new.name,
            scopes,
            expires_at: new.expires_at,
            revoked_at: None,
            created_at: now,
            made_by: Some(caller.actor.to_string()),
            used_at: None,
            replaces: None,
            spends_as: None,
        };
        caller.require_all(Scope::all_permissions(&key.scopes), "the key")?;
        if hub.database.read().await?.hub().org(caller.org).await?.is_none() {
            return Err(not_found("organization"));
        }
        let limits = new.spend_limits;
        hub.check_key_limits(caller, &limits).await?;
        let mut tx = hub.database.begin().await?;
        let mut ours = tx.org(caller.org);
        ours.lock().await?;
        key.spends_as = shared_by(&mut ours, caller).await?;
        if key.spends_as.is_some() && !limits.is_empty() {
            return Err(Failure::violation(
                "/spend_limits",
                "nothing: the key shares the limits of the key that makes it",
            ));
        }
        let ended = if limits.is_empty() { Entries::default() } else { hub.delete_ended_key_limits(&mut ours).await? };
        hub.put_key_limits(&mut ours, &key, &limits).await?;
        let secret = hub.store_key(&mut tx, caller, &key, &limits, "api_key.create").await?;
        ended.append(&mut tx).await?;
        if !limits.is_empty() {
            tx.hub().notify(Change::Plan { org: caller.org }).await?;
        }
        let spend_limits = key_limits(&mut tx, &key).await?;
        tx.commit().await?;
        hub.standings.invalidate(&caller.org).await;
        Ok((ApiKeyView { key, spend_limits }, secret))
    }

    /// The org's keys, the oldest first. Needs the permission `manage_keys`.
    pub async fn api_keys(
        &self,
        caller: &Caller,
        after: Option<ApiKeyId>,
        limit: Option<u32>,
    ) -> Result<Page<ApiKeyView>, Failure> {
        caller.require(Permission::ManageKeys)?;
        let size = Size::new(limit)?;
        let mut tx = self.0.database.read().await?;
        let mut ours = tx.org(caller.org);
        let keys = ours.api_keys().list(after, size.and_one()).await?;
        let budgets = ours.budgets().list().await?;
        let view = |key: ApiKey| ApiKeyView { spend_limits: limits_of(&budgets, key.spender()), key };
        Ok(size.page(keys.into_iter().map(view).collect(), |view| view.key.id.to_string()))
    }

    /// One key of the org; `not_found` for another org's. Needs the permission `manage_keys`.
    pub async fn api_key(&self, caller: &Caller, id: ApiKeyId) -> Result<ApiKeyView, Failure> {
        caller.require(Permission::ManageKeys)?;
        let mut tx = self.0.database.read().await?;
        let key = tx.org(caller.org).api_keys().get(id).await?.ok_or_else(|| not_found("API key"))?;
        let spend_limits = key_limits(&mut tx, &key).await?;
        Ok(ApiKeyView { key, spend_limits })
    }

    /// Makes a key in the place of another one, which goes on working for a while, so that programs can change over one after
    /// the other, and which spends of the same budgets. Needs the permission `manage_keys`, and all that the key has;
    /// `conflict` for one that does not work any more.
    pub async fn rotate_api_key(
        &self,
        caller: &Caller,
        id: ApiKeyId,
        rotate: RotateApiKey,
    ) -> Result<(ApiKeyView, SecretString), Failure> {
        caller.require(Permission::ManageKeys)?;
        let hub = &*self.0;
        let now = hub.clock.now();
        let overlap = match rotate.overlap_s {
            None => OVERLAP,
            Some(seconds) => i64::try_from(seconds)
                .ok()
                .and_then(Duration::try_seconds)
                .filter(|overlap| *overlap <= MOST_OVERLAP)
                .ok_or_else(|| {
                    Failure::violation("/overlap_seconds", format!("at most {}", MOST_OVERLAP.num_seconds()))
                })?,
        };
        check_expiry(rotate.expires_at, now)?;
        let mut tx = hub.database.begin().await?;
        // two who replace one key at once would both be told that they did
        tx.org(caller.org).lock().await?;
        let old = tx.org(caller.org).api_keys().get(id).await?.ok_or_else(|| not_found("API key"))?;
        if old.revoked_at.is_some() || old.expires_at.is_some_and(|at| at <= now) {
            return Err(Failure::new(Code::Conflict, "the key does not work any more: make a new one"));
        }
        caller.require_all(Scope::all_permissions(&old.scopes), "the key")?;
        if shared_by(&mut tx.org(caller.org), caller).await?.is_some_and(|spender| spender != old.spender()) {
            let detail = "a key that has spend limits replaces only keys that share them";
            return Err(Failure::new(Code::Forbidden, detail));
        }
        let key = ApiKey {
            id: ApiKeyId::new(&*hub.clock, &*hub.random),
            expires_at: rotate.expires_at.or_else(|| as_long_as(&old, now)),
            created_at: now,
            made_by: Some(caller.actor.to_string()),
            used_at: None,
            replaces: Some(old.id),
            spends_as: Some(old.spender()),
            ..old.clone()
        };
        let secret = hub.store_key(&mut tx, caller, &key, &SpendLimits::new(), "api_key.rotate").await?;
        tx.org(caller.org).api_keys().expire(old.id, now + overlap).await?;
        tx.hub().notify(Change::ApiKey { org: caller.org, id: old.id }).await?;
        let spend_limits = key_limits(&mut tx, &key).await?;
        tx.commit().await?;
        hub.keys.invalidate_all();
        Ok((ApiKeyView { key, spend_limits }, secret))
    }

    /// Makes an API key stop working, in the operator's name; see [`Hub::end_api_key`].
    pub async fn revoke_api_key(&self, org: OrgId, key: ApiKeyId) -> Result<(), Failure> {
        self.end_api_key(&Caller::operator(org), key).await
    }

    /// Makes an API key stop working: in this process at once, on hubs that share the database within a second, and within a
    /// minute in a process that cannot be told. Budgets of keys that ended an hour ago or earlier are deleted with it.
    /// Harmless if it was revoked before; `not_found` for one that is unknown or another org's. Needs the permission
    /// `manage_keys`, and nothing of what the key had: whoever finds it leaked ends it.
    pub async fn end_api_key(&self, caller: &Caller, id: ApiKeyId) -> Result<(), Failure> {
        caller.require(Permission::ManageKeys)?;
        let hub = &*self.0;
        let entry = hub.audit(caller.org, caller.actor, "api_key.revoke", id, json!({}));
        let mut tx = hub.database.begin().await?;
        if tx.org(caller.org).api_keys().get(id).await?.is_none() {
            return Err(not_found("API key"));
        }
        if tx.org(caller.org).api_keys().revoke(id, hub.clock.now()).await? {
            let ended = hub.delete_ended_key_limits(&mut tx.org(caller.org)).await?;
            tx.org(caller.org).audit().append(&entry).await?;
            if !ended.is_empty() {
                tx.hub().notify(Change::Plan { org: caller.org }).await?;
            }
            ended.append(&mut tx).await?;
            tx.hub().notify(Change::ApiKey { org: caller.org, id }).await?;
            tx.commit().await?;
            hub.standings.invalidate(&caller.org).await;
        }
        // the cache is keyed by hash, which nobody can tell from the id; revoking is rare
        hub.keys.invalidate_all();
        Ok(())
    }
}

impl Inner {
    /// Stores a key under a new secret, which it gives, with its audit entry.
    async fn store_key(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        key: &ApiKey,
        limits: &SpendLimits,
        action: &str,
    ) -> Result<SecretString, Failure> {
        let secret = new_api_key(&*self.random);
        let hash = self.hasher.hash(secret.expose_secret());
        let detail = json!({
            "name": key.name, "scopes": key.scopes, "expires_at": key.expires_at, "replaces": key.replaces,
            "spends_as": key.spends_as, "spend_limits": limits,
        });
        let entry = self.audit(caller.org, caller.actor, action, key.id, detail);
        if tx.hub().deleting_since(caller.org).await?.is_some() {
            return Err(Failure::new(Code::NotFound, "there is no such organization"));
        }
        tx.org(caller.org).api_keys().insert(key, &hash).await?;
        tx.org(caller.org).audit().append(&entry).await?;
        Ok(secret)
    }
}

/// What a key may spend in a billing period.
async fn key_limits(tx: &mut Tx, key: &ApiKey) -> Result<SpendLimits, Failure> {
    let budgets = tx.org(key.org).budgets().list().await?;
    Ok(limits_of(&budgets, key.spender()))
}

/// When a key ends that is made now for as long as another one was. If that is past the latest year, when the other one does.
fn as_long_as(old: &ApiKey, now: Timestamp) -> Option<Timestamp> {
    let ends = old.expires_at?;
    let as_long = now.checked_add_signed(ends - old.created_at);
    Some(as_long.filter(|at| at.year() <= LATEST_YEAR).unwrap_or(ends))
}

fn check_expiry(expires_at: Option<Timestamp>, now: Timestamp) -> Result<(), Failure> {
    match expires_at {
        Some(at) if at <= now => Err(Failure::violation("/expires_at", "a time in the future")),
        Some(at) if at.year() > LATEST_YEAR => Err(Failure::violation(
            "/expires_at",
            format!("a year up to {LATEST_YEAR}, or nothing for a key without an end"),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
