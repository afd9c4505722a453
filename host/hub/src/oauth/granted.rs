//! How what an authorization gave is stored.
//!
//! A person consented, and the vendor has answered: that comes once. So a database that fails is tried again, and one that
//! does not say what it did is asked. Tokens are given back only where it is certain that nobody has them, for with many
//! vendors that ends all that came of the same consent.

use std::time::Duration;

use patchbay_model::{
    Code, ConnectionId, Failure, OrgId, PluginId, installation::SealedConnection, oauth::SealedTokens,
};
use patchbay_oauth::{OauthClient, Tokens};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::tokens;
use crate::{audit::Actor, connections::tell_of, hub::Inner, sync::connected::Account};

/// The waits between tries to store.
const WAITS: [Duration; 4] =
    [Duration::from_millis(50), Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(3)];

/// What is stored for a connection, as to some tokens.
enum Found {
    These,
    Others,
    Nothing,
}

/// An authorization that the vendor gave.
pub(crate) struct Granted<'a> {
    pub(crate) org: OrgId,
    pub(crate) plugin: &'a PluginId,
    pub(crate) client: &'a OauthClient,
    pub(crate) tokens: Tokens,
    pub(crate) actor: Actor,
    /// The vendor's id of the one account that it may be.
    pub(crate) only: Option<String>,
}

impl Inner {
    /// Stores what an authorization gave. What cannot be stored is given back to the vendor: nobody could do it later.
    /// What was there before is not given back, because with many vendors that would end the new tokens too.
    pub(crate) async fn connected(&self, mut granted: Granted<'_>) -> Result<(), Failure> {
        let Granted { org, plugin, client, .. } = granted;
        if let Err(error) = client.require_settings(&granted.tokens) {
            self.give_back(&granted).await;
            return Err(error.into());
        }
        match client.account(&granted.tokens).await {
            Ok(account) => granted.tokens.account = account,
            Err(error) => tracing::info!(%plugin, %org, %error, "the account's name is not known"),
        }
        if let Some(only) = &granted.only
            && granted.tokens.account.id.as_ref() != Some(only)
        {
            self.give_back(&granted).await;
            let detail = "this is not the account that was connected: sign in at the vendor with that one, or ask an admin for a link to connect another";
            return Err(Failure::new(Code::Conflict, detail));
        }
        self.store_surely(&granted).await?;
        let key = (org, plugin.clone());
        self.tenants.invalidate(&key).await;
        if let Err(failure) = self.bring_events(org, plugin).await {
            tracing::warn!(%plugin, %org, error = %failure, "a plugin may not take in events before it is put once more");
        }
        self.syncs_switched(org).await;
        self.refresher.forget(&key);
        self.suspicions.clear(&key);
        // an open connection to a vendor may be logged in with what no longer counts
        self.egress.forget_org(org);
        Ok(())
    }

    async fn store_surely(&self, granted: &Granted<'_>) -> Result<(), Failure> {
        let Granted { org, plugin, .. } = granted;
        let mut waits = WAITS.into_iter();
        loop {
            let Err(failure) = self.store_granted(granted).await else { return Ok(()) };
            // It may be there although the database could not say so.
            let found = self.found(granted).await;
            if matches!(found, Ok(Found::These)) {
                return Ok(());
            }
            if is_about_the_database(&failure)
                && let Some(wait) = waits.next()
            {
                tokio::time::sleep(wait).await;
                continue;
            }
            match found {
                Ok(Found::Nothing) => self.give_back(granted).await,
                Ok(Found::These | Found::Others) => {}
                Err(error) => tracing::error!(
                    %plugin, %org, %error, "it is not known whether new tokens are stored: they are not given back"
                ),
            }
            return Err(failure);
        }
    }

    async fn found(&self, granted: &Granted<'_>) -> Result<Found, Failure> {
        let mut tx = self.database.read().await?;
        let mut tx = tx.org(granted.org);
        let Some(row) = tx.oauth_tokens().get(granted.plugin).await? else { return Ok(Found::Nothing) };
        // What cannot be read is not ours: we have just sealed it with the key that opens.
        let stored = tokens::open(&self.vault, &mut tx, &row).await.ok();
        let access = granted.tokens.access.expose_secret();
        let these = stored.is_some_and(|stored| stored.tokens.access.expose_secret() == access);
        Ok(if these { Found::These } else { Found::Others })
    }

    async fn give_back(&self, Granted { org, plugin, client, tokens, .. }: &Granted<'_>) {
        if let Err(error) = client.revoke(tokens).await {
            tracing::warn!(%plugin, %org, %error, "tokens that were not stored could not be revoked");
        }
    }

    async fn store_granted(&self, granted: &Granted<'_>) -> Result<(), Failure> {
        let Granted { org, plugin, client, tokens: granted, actor, .. } = granted;
        let (org, now) = (*org, self.clock.now());
        let client_id = client.client_id();
        let detail = json!({
            "grant": granted.grant, "scopes": granted.scopes, "account": granted.account, "client_id": client_id,
        });
        let entry = self.audit(org, actor, "connection.authorized", plugin, detail);
        let mut tx = self.database.begin().await?;
        // no other hub makes the connection or the org's data key meanwhile
        tx.org(org).lock().await?;
        self.settle_connect_session(&mut tx, org, *actor, plugin).await?;
        if tx.org(org).connections().get(plugin).await?.is_none() {
            // The tokens hang on it, and the other credentials may follow.
            let id = ConnectionId::new(&*self.clock, &*self.random);
            let sealed = self.vault.seal_connection(&mut tx.org(org), id, plugin, &Default::default()).await?;
            let connection = SealedConnection {
                id,
                org,
                plugin: (*plugin).clone(),
                credentials: Vec::new(),
                account: None,
                sealed,
                created_at: now,
                updated_at: now,
            };
            tx.org(org).connections().put(&connection).await?;
        }
        let mut row = SealedTokens {
            org,
            plugin: (*plugin).clone(),
            sealed: tokens::seal(&self.vault, &mut tx.org(org), plugin, granted).await?,
            // Above all versions that this connection had before it was deleted: nobody mistakes it for one of those.
            version: u64::try_from(now.timestamp_micros()).unwrap_or_default(),
            client_id: client_id.to_owned(),
            granted_by: granted.grant.as_str().to_owned(),
            scopes: Vec::new(),
            account_id: None,
            account_name: None,
            expires_at: None,
            due_at: None,
            refused: None,
            failing: None,
            authorized_at: now,
            renewed_at: now,
        };
        tokens::describe(&mut row, granted);
        let account = row.account_id.as_deref().map_or(Account::Unknown, Account::Known);
        self.resume_syncs(&mut tx.org(org), plugin, account).await?;
        tx.org(org).oauth_tokens().put(&row).await?;
        tell_of(&mut tx, org, plugin).await?;
        tx.org(org).audit().append(&entry).await?;
        Ok(tx.commit().await?)
    }
}

/// True for failures that may pass; the others are the same each time.
const fn is_about_the_database(failure: &Failure) -> bool {
    matches!(failure.code, Code::Unavailable | Code::Internal)
}
