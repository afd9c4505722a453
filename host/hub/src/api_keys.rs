//! API keys: made, looked at, replaced and revoked.
//!
//! A key can never do more than who makes it: each of its permissions must be the maker's too. A key belongs to the org and
//! stays when its maker leaves, because programs depend on it; the audit log and `made_by` say whose idea it was. What it may
//! spend is kept as budgets of its own: see `budgets/of_key.rs`.

use chrono::{Datelike as _, Duration};
use patchbay_model::{
    ApiKeyId, Code, Failure, OrgId, Permission, Timestamp,
    org::{ApiKey, AuditEntry, Scope},
};
use patchbay_storage::{Change, Tx};
use patchbay_vault::new_api_key;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::json;

use crate::{
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
        let ended = if limits.is_empty() { Vec::new() } else { hub.delete_ended_key_limits(&mut ours).await? };
        hub.put_key_limits(&mut ours, &key, &limits).await?;
        let secret = hub.store_key(&mut tx, caller, &key, &limits, "api_key.create").await?;
        tell(&mut tx, caller.org, &ended).await?;
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
    /// minute in a process that cannot be told. Its budgets go with the last key that shares them, an hour later. Harmless if it was revoked before; `not_found` for one that is unknown or
    /// another org's. Needs the permission `manage_keys`, and nothing of what the key had: whoever finds it leaked ends it.
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
            tell(&mut tx, caller.org, &ended).await?;
            tx.hub().notify(Change::ApiKey { org: caller.org, id }).await?;
            if !ended.is_empty() {
                tx.hub().notify(Change::Plan { org: caller.org }).await?;
            }
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

/// Writes entries into an org's audit log.
async fn tell(tx: &mut Tx, org: OrgId, entries: &[AuditEntry]) -> Result<(), Failure> {
    for entry in entries {
        tx.org(org).audit().append(entry).await?;
    }
    Ok(())
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
mod tests {
    use patchbay_model::{
        Permissions,
        budget::{BudgetSubject, BudgetUnit},
        plan::Metric,
    };

    use super::*;
    use crate::testing::TestHub;

    fn new(name: &str, scopes: &[Scope], expires_at: Option<Timestamp>) -> NewApiKey {
        NewApiKey { name: name.to_owned(), scopes: scopes.to_vec(), expires_at, ..NewApiKey::default() }
    }

    #[tokio::test]
    async fn a_key_needs_a_name_scopes_and_a_future() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let now = Some(test.hub.0.clock.now());
        for (new, pointer) in [
            (new("", &[Scope::Read], None), "/name"),
            (new("x", &[], None), "/scopes"),
            (new("x", &[Scope::Read], now), "/expires_at"),
        ] {
            let failure = test.hub.create_api_key(org.id, new).await.unwrap_err();
            assert_eq!(failure.violations[0].pointer, pointer);
        }
    }

    #[tokio::test]
    async fn a_key_ends_within_the_years_that_can_be_written() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let caller = Caller::operator(org.id);
        let last = Timestamp::MAX_UTC;
        let refused = test.hub.create_api_key(org.id, new("x", &[Scope::Read], Some(last))).await.unwrap_err();
        assert_eq!(refused.violations[0].pointer, "/expires_at");
        let written: Timestamp = "9999-12-31T23:59:59Z".parse().unwrap();
        let (key, _) = test.hub.create_api_key(org.id, new("x", &[Scope::Read], Some(written))).await.unwrap();
        let rotate = RotateApiKey { expires_at: Some(last), ..RotateApiKey::default() };
        let refused = test.hub.rotate_api_key(&caller, key.id, rotate).await.unwrap_err();
        assert_eq!(refused.violations[0].pointer, "/expires_at");
        test.clock.advance(Duration::days(1));
        let (view, _) = test.hub.rotate_api_key(&caller, key.id, RotateApiKey::default()).await.unwrap();
        assert_eq!(view.key.expires_at, Some(written), "no later than can be written");
    }

    #[tokio::test]
    async fn another_orgs_key_is_not_found() {
        let test = TestHub::open().await;
        let (ours, theirs) = (test.org().await, test.org().await);
        let (caller, theirs) = (test.caller(&ours).await, test.caller(&theirs).await.key().unwrap());
        assert_eq!(test.hub.end_api_key(&caller, theirs).await.unwrap_err().code, Code::NotFound);
        assert_eq!(test.hub.api_key(&caller, theirs).await.unwrap_err().code, Code::NotFound);
        let rotate = RotateApiKey::default();
        assert_eq!(test.hub.rotate_api_key(&caller, theirs, rotate).await.unwrap_err().code, Code::NotFound);
        assert_eq!(test.hub.api_keys(&caller, None, None).await.unwrap().items.len(), 1);
    }

    #[tokio::test]
    async fn nobody_makes_a_key_that_may_do_more_than_they_may() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let mut caller = test.caller(&org).await;
        caller.permissions = Permissions::of(&[Permission::ManageKeys, Permission::CallActions]);
        test.hub.issue_api_key(&caller, new("fits", &[Scope::Invoke, Scope::Keys], None)).await.unwrap();
        for scope in [Scope::Read, Scope::Admin, Scope::Operator, Scope::Members] {
            let refused = test.hub.issue_api_key(&caller, new("more", &[Scope::Invoke, scope], None)).await;
            assert_eq!(refused.unwrap_err().code, Code::Forbidden, "{scope:?}");
        }
        let (more, _) = test.hub.create_api_key(org.id, new("more", &[Scope::Read], None)).await.unwrap();
        let refused = test.hub.rotate_api_key(&caller, more.id, RotateApiKey::default()).await;
        assert_eq!(refused.unwrap_err().code, Code::Forbidden, "a new secret for it would be the same");
        test.hub.end_api_key(&caller, more.id).await.unwrap();
    }

    #[tokio::test]
    async fn a_replaced_key_works_on_until_its_overlap_ends() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let caller = Caller::operator(org.id);
        let month = Some(test.hub.0.clock.now() + Duration::days(30));
        let (old, old_secret) = test.hub.create_api_key(org.id, new("ci", &[Scope::Read], month)).await.unwrap();
        test.hub.authenticate(old_secret.expose_secret()).await.unwrap();
        test.clock.advance(Duration::days(10));
        let rotate = RotateApiKey { overlap_s: Some(3600), expires_at: None };
        let (ApiKeyView { key, .. }, secret) = test.hub.rotate_api_key(&caller, old.id, rotate).await.unwrap();
        let now = test.hub.0.clock.now();
        assert_eq!((&key.name, &key.scopes, key.replaces), (&old.name, &old.scopes, Some(old.id)));
        assert_eq!(key.expires_at, Some(now + Duration::days(30)), "as long as the old one was made for");
        for secret in [&old_secret, &secret] {
            test.hub.authenticate(secret.expose_secret()).await.unwrap();
        }
        test.clock.advance(Duration::hours(1));
        let ended = test.hub.authenticate(old_secret.expose_secret()).await.unwrap_err();
        assert_eq!(ended.code, Code::KeyExpired);
        test.hub.authenticate(secret.expose_secret()).await.unwrap();
        let again = test.hub.rotate_api_key(&caller, old.id, rotate).await;
        assert_eq!(again.unwrap_err().code, Code::Conflict);
    }

    #[tokio::test]
    async fn the_limits_of_keys_end_with_the_last_that_shares_them() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let caller = Caller::operator(org.id);
        test.hub.set_plan(org.id, "pro", None).await.unwrap();
        let limited = async |expires_at| {
            let limits = [(BudgetUnit::Metric(Metric::Calls), 3)].into_iter().collect();
            let new = NewApiKey { spend_limits: limits, ..new("ci", &[Scope::Read], expires_at) };
            test.clock.advance(Duration::milliseconds(1));
            test.hub.issue_api_key(&caller, new).await.unwrap().0.key
        };
        let with_limits = async || -> Vec<ApiKeyId> {
            let budgets = test.hub.budgets(&caller).await.unwrap();
            let of_key = |view: crate::BudgetView| match view.budget.subject {
                BudgetSubject::ApiKey(key) => key,
                other => panic!("{other}"),
            };
            budgets.into_iter().map(of_key).collect()
        };
        let (first, bystander) = (limited(None).await, limited(None).await);
        let rotated = test.hub.rotate_api_key(&caller, first.id, RotateApiKey::default()).await.unwrap().0.key;
        test.hub.end_api_key(&caller, first.id).await.unwrap();
        test.clock.advance(Duration::hours(2));
        let (other, _) = test.hub.create_api_key(org.id, new("other", &[Scope::Read], None)).await.unwrap();
        test.hub.end_api_key(&caller, other.id).await.unwrap();
        assert_eq!(with_limits().await, [first.id, bystander.id], "the key in its place shares them");

        test.hub.end_api_key(&caller, rotated.id).await.unwrap();
        assert_eq!(with_limits().await, [first.id, bystander.id], "a call may still be at work");
        test.clock.advance(Duration::hours(2));
        let soon = limited(Some(test.hub.0.clock.now() + Duration::hours(1))).await;
        assert_eq!(with_limits().await, [bystander.id, soon.id]);
        test.clock.advance(Duration::hours(3));
        test.hub.end_api_key(&caller, bystander.id).await.unwrap();
        assert_eq!(with_limits().await, [bystander.id], "of one that expired nothing stays either");
    }

    #[tokio::test]
    async fn an_overlap_is_seven_days_at_most_and_never_makes_a_key_live_longer() {
        let test = TestHub::open().await;
        let org = test.org().await;
        let caller = Caller::operator(org.id);
        let soon = Some(test.hub.0.clock.now() + Duration::minutes(5));
        let (old, _) = test.hub.create_api_key(org.id, new("ci", &[Scope::Read], soon)).await.unwrap();
        let rotate = |overlap_s| RotateApiKey { overlap_s: Some(overlap_s), expires_at: None };
        let refused = test.hub.rotate_api_key(&caller, old.id, rotate(7 * 86_400 + 1)).await.unwrap_err();
        assert_eq!(refused.violations[0].pointer, "/overlap_seconds");
        test.hub.rotate_api_key(&caller, old.id, rotate(7 * 86_400)).await.unwrap();
        assert_eq!(test.hub.api_key(&caller, old.id).await.unwrap().key.expires_at, soon);
    }
}
