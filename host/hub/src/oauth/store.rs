//! What the database does for renewals: see [`RefreshLease`].

use std::{sync::Arc, time::Duration};

use patchbay_model::{
    Clock, Failure, OrgId, PluginId, Random, RevocationId,
    event::Event,
    oauth::{self as stored, Refused, SealedTokens},
};
use patchbay_oauth::{Acquired, Committed, Failing, FailingKind, Reauthorization, RefreshLease, Stored, Tokens};
use patchbay_storage::{Change, Database, Tx};
use patchbay_vault::Vault;
use serde_json::json;

use super::{
    link::Links,
    revoke::{Planned, plan},
    tokens,
};
use crate::{
    connections::tell_of,
    events::own::{Fact, Own},
    hub::Tenants,
};

/// Names a connection.
pub(crate) type Key = (OrgId, PluginId);

/// Who ended a connection that was gone when its tokens were renewed.
const HUB: &str = "hub";

/// The tokens in the hub's database.
pub(crate) struct TokenStore {
    /// Hands on what it publishes.
    pub(crate) database: Database,
    pub(crate) vault: Arc<Vault>,
    /// Where tokens are kept opened for calls: dropped whenever others are stored.
    pub(crate) tenants: Arc<Tenants>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) links: Links,
}

/// The right to renew one connection's tokens.
pub(crate) struct Lease {
    key: Key,
    id: [u8; 16],
}

/// A row that is still what the caller has read, or what is there instead.
enum Present {
    Same(Box<SealedTokens>),
    Other(Committed),
}

impl TokenStore {
    async fn present(&self, tx: &mut Tx, (org, plugin): &Key, based_on: u64) -> Result<Present, Failure> {
        let mut tx = tx.org(*org);
        Ok(match tx.oauth_tokens().get(plugin).await? {
            None => Present::Other(Committed::Gone),
            Some(row) if row.version == based_on => Present::Same(Box::new(row)),
            Some(row) => Present::Other(Committed::Newer(tokens::open(&self.vault, &mut tx, &row).await?)),
        })
    }

    /// What another node wrote between our look and our write.
    async fn overtaken(&self, tx: &mut Tx, key: &Key, based_on: u64) -> Result<Committed, Failure> {
        match self.present(tx, key, based_on).await? {
            Present::Other(committed) => Ok(committed),
            Present::Same(_) => Err(Failure::internal("tokens of the expected version were not written")),
        }
    }

    fn event(&self, row: &SealedTokens, kind: Own, refused: &Refused) -> Event {
        let fact = Fact {
            org: row.org,
            subject: row.plugin.to_string(),
            data: json!({
                "plugin": row.plugin,
                "reason": refused.reason,
                "account": { "id": row.account_id, "name": row.account_name },
                "reconnect_url": self.links.reconnect(row.org, &row.plugin, row.authorized_at),
            }),
            dedupe: Some(format!("oauth:{}:{}:{}", row.plugin, row.version, kind.as_str())),
            at: refused.at,
        };
        kind.event(fact, &*self.clock, &*self.random)
    }
}

impl RefreshLease for TokenStore {
    type Key = Key;
    type Lease = Lease;

    async fn acquire(&self, key: &Key, for_at_most: Duration) -> Result<Acquired<Lease>, Failure> {
        let (org, plugin) = key;
        let mut id = [0; 16];
        self.random.fill(&mut id);
        let now = self.clock.now();
        let mut tx = self.database.begin().await?;
        let lent = tx.org(*org).oauth_tokens().lend(plugin, &id, now, for_at_most).await?;
        let acquired = match lent {
            Some(row) => {
                let stored = tokens::open(&self.vault, &mut tx.org(*org), &row).await?;
                Acquired::Mine(Lease { key: key.clone(), id }, stored)
            }
            None if tx.org(*org).oauth_tokens().get(plugin).await?.is_none() => Acquired::Gone,
            None => Acquired::Theirs,
        };
        tx.commit().await?;
        Ok(acquired)
    }

    async fn extend(&self, lease: &Lease, for_at_most: Duration) -> Result<bool, Failure> {
        let (org, plugin) = &lease.key;
        let mut tx = self.database.begin().await?;
        let extended = tx.org(*org).oauth_tokens().extend(plugin, &lease.id, self.clock.now(), for_at_most).await?;
        tx.commit().await?;
        Ok(extended)
    }

    async fn read_newer(&self, (org, plugin): &Key, than: u64) -> Result<Option<Stored>, Failure> {
        let mut tx = self.database.read().await?;
        let mut tx = tx.org(*org);
        match tx.oauth_tokens().get(plugin).await? {
            Some(row) if row.version > than => Ok(Some(tokens::open(&self.vault, &mut tx, &row).await?)),
            _ => Ok(None),
        }
    }

    async fn commit(&self, lease: &Lease, based_on: u64, new: &Tokens) -> Result<Committed, Failure> {
        let (org, plugin) = &lease.key;
        let mut tx = self.database.begin().await?;
        // what is read here is opened here: no data key goes meanwhile
        tx.org(*org).lock().await?;
        let mut row = match self.present(&mut tx, &lease.key, based_on).await? {
            Present::Same(row) => row,
            Present::Other(committed) => return Ok(committed),
        };
        row.sealed = tokens::seal(&self.vault, &mut tx.org(*org), plugin, new).await?;
        tokens::describe(&mut row, new);
        if !tx.org(*org).oauth_tokens().renew(based_on, &row).await? {
            return self.overtaken(&mut tx, &lease.key, based_on).await;
        }
        tx.hub().notify(Change::Tokens { org: *org, plugin: plugin.clone() }).await?;
        tx.commit().await?;
        self.tenants.invalidate(&lease.key).await;
        Ok(Committed::Stored(Stored {
            tokens: Arc::new(new.clone()),
            version: based_on + 1,
            needs_authorization: false,
        }))
    }

    async fn require_authorization(
        &self,
        lease: &Lease,
        based_on: u64,
        why: &Reauthorization,
    ) -> Result<Committed, Failure> {
        let (org, plugin) = &lease.key;
        let mut tx = self.database.begin().await?;
        tx.org(*org).lock().await?;
        let row = match self.present(&mut tx, &lease.key, based_on).await? {
            Present::Same(row) => row,
            Present::Other(committed) => return Ok(committed),
        };
        let refused = Refused { at: why.at, reason: why.reason.to_string() };
        if tx.org(*org).oauth_tokens().refuse(plugin, based_on, &refused).await? {
            tx.org(*org).events().append(&self.event(&row, Own::ReauthorizationNeeded, &refused)).await?;
            tell_of(&mut tx, *org, plugin).await?;
        } else if let Present::Other(committed) = self.present(&mut tx, &lease.key, based_on).await? {
            return Ok(committed);
        }
        let stored = tokens::open(&self.vault, &mut tx.org(*org), &row).await?;
        tx.commit().await?;
        self.tenants.invalidate(&lease.key).await;
        Ok(Committed::Stored(Stored { needs_authorization: true, ..stored }))
    }

    async fn note_failing(&self, lease: &Lease, based_on: u64, failing: &Failing) -> Result<(), Failure> {
        let (org, plugin) = &lease.key;
        let (kind, event) = match failing.kind {
            FailingKind::ClientRejected => (stored::FailingKind::ClientRejected, Own::ClientRejected),
            FailingKind::GrantRefused => (stored::FailingKind::GrantRefused, Own::ReauthorizationNeeded),
        };
        let reason = failing.reason.to_string();
        let mut tx = self.database.begin().await?;
        let noted = stored::Failing { kind, at: failing.at, reason: reason.clone() };
        if !tx.org(*org).oauth_tokens().fail(plugin, based_on, &noted).await? {
            return Ok(());
        }
        if let Some(row) = tx.org(*org).oauth_tokens().get(plugin).await? {
            let refused = Refused { at: failing.at, reason };
            tx.org(*org).events().append(&self.event(&row, event, &refused)).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn revoke_later(&self, (org, plugin): &Key, tokens: &Tokens) -> Result<(), Failure> {
        let (now, mut tx) = (self.clock.now(), self.database.begin().await?);
        let planned = Planned { id: RevocationId::new(&*self.clock, &*self.random), plugin, actor: HUB, now };
        plan(&self.vault, &mut tx.org(*org), planned, tokens).await?;
        Ok(tx.commit().await?)
    }

    async fn release(&self, lease: &Lease) {
        let (org, plugin) = &lease.key;
        let give_back = async {
            let mut tx = self.database.begin().await?;
            tx.org(*org).oauth_tokens().give_back(plugin, &lease.id).await?;
            tx.commit().await
        };
        if let Err(error) = give_back.await {
            tracing::warn!(%error, "the right to renew tokens was not given back: it ends by its time");
        }
    }
}

#[cfg(test)]
mod tests;
