//! Organizations and their API keys: made at the command line, so without a caller.

use patchbay_model::{
    ApiKeyId, Code, Failure, OrgId, Timestamp,
    org::{ApiKey, Org, Scope},
};
use patchbay_storage::Change;
use patchbay_vault::new_api_key;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::{audit::Actor, auth::Scopes, hub::Hub};

/// What an API key shall be.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// What its owner calls it; 1 to 100 characters.
    pub name: String,
    /// What it may do; at least one.
    pub scopes: Vec<Scope>,
    /// When it stops working; in the future.
    pub expires_at: Option<Timestamp>,
}

impl Hub {
    /// Makes an org. `invalid_input` unless the name has 1 to 200 characters.
    pub async fn create_org(&self, name: &str) -> Result<Org, Failure> {
        let hub = &*self.0;
        check_name(name, 200)?;
        let id = OrgId::new(&*hub.clock, &*hub.random);
        let org = Org { id, name: name.to_owned(), created_at: hub.clock.now() };
        let entry = hub.audit(id, Actor::Operator, "org.create", id, json!({ "name": name }));
        let beside = hub.hub_audit(Actor::Operator, "org.create", id, json!({ "name": name }));
        let mut tx = hub.database.begin().await?;
        tx.hub().insert_org(&org).await?;
        tx.org(id).audit().append(&entry).await?;
        tx.hub().audit().append(&beside).await?;
        tx.commit().await?;
        Ok(org)
    }

    /// The oldest org of this name. Names are not unique; this is for commands that run again.
    pub async fn org_named(&self, name: &str) -> Result<Option<Org>, Failure> {
        let mut tx = self.0.database.read().await?;
        let mut after = None;
        loop {
            let orgs = tx.hub().orgs(after, 1000).await?;
            let Some(last) = orgs.last() else { return Ok(None) };
            after = Some(last.id);
            if let Some(org) = orgs.into_iter().find(|org| org.name == name) {
                return Ok(Some(org));
            }
        }
    }

    /// Makes an API key. The secret is given here and never again.
    pub async fn create_api_key(&self, org: OrgId, new: NewApiKey) -> Result<(ApiKey, SecretString), Failure> {
        let hub = &*self.0;
        let now = hub.clock.now();
        check_name(&new.name, 100)?;
        if new.scopes.is_empty() {
            return Err(Failure::violation("/scopes", "at least one scope"));
        }
        if new.expires_at.is_some_and(|at| at <= now) {
            return Err(Failure::violation("/expires_at", "a time in the future"));
        }
        let secret = new_api_key(&*hub.random);
        let hash = hub.hasher.hash(secret.expose_secret());
        let scopes = new.scopes.into_iter().collect::<Scopes>().iter().collect::<Vec<_>>();
        let id = ApiKeyId::new(&*hub.clock, &*hub.random);
        let key =
            ApiKey { id, org, name: new.name, scopes, expires_at: new.expires_at, revoked_at: None, created_at: now };
        let detail = json!({ "name": key.name, "scopes": key.scopes, "expires_at": key.expires_at });
        let entry = hub.audit(org, Actor::Operator, "api_key.create", id, detail);
        let mut tx = hub.database.begin().await?;
        if tx.hub().org(org).await?.is_none() || tx.hub().deleting_since(org).await?.is_some() {
            return Err(Failure::new(Code::NotFound, "there is no such organization"));
        }
        tx.org(org).api_keys().insert(&key, &hash).await?;
        tx.org(org).audit().append(&entry).await?;
        tx.commit().await?;
        Ok((key, secret))
    }

    /// Makes an API key stop working: in this process at once, in another one that runs on the same database
    /// within a minute, as long as it may keep what it read. Harmless if it was revoked before; `not_found` for one
    /// that is unknown or another org's.
    pub async fn revoke_api_key(&self, org: OrgId, key: ApiKeyId) -> Result<(), Failure> {
        let hub = &*self.0;
        let entry = hub.audit(org, Actor::Operator, "api_key.revoke", key, json!({}));
        let mut tx = hub.database.begin().await?;
        if tx.org(org).api_keys().get(key).await?.is_none() {
            return Err(Failure::new(Code::NotFound, "there is no such API key"));
        }
        if tx.org(org).api_keys().revoke(key, hub.clock.now()).await? {
            tx.hub().notify(Change::ApiKey { org, id: key }).await?;
            tx.org(org).audit().append(&entry).await?;
            tx.commit().await?;
        }
        // the cache is keyed by hash, which nobody can tell from the id; revoking is rare
        hub.keys.invalidate_all();
        Ok(())
    }
}

fn check_name(name: &str, most: usize) -> Result<(), Failure> {
    let length = name.chars().count();
    if (1..=most).contains(&length) && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Failure::violation("/name", format!("1 to {most} characters without control characters")))
}
