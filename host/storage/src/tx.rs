//! A transaction, and the macros that run one query text on whichever database it is of.
//!
//! A second database is a second variant of [`Tx`] and a second arm in each macro below; the
//! repositories stay as they are, save the few statements that are marked as a dialect's own.

use patchbay_model::OrgId;
use sqlx::{Sqlite, Transaction};

use crate::{
    ApiKeys, Audit, Blobs, Connections, Events, HubTx, Installations, Kv, OauthAuthorizations, OauthClients,
    OauthTokens, OrgKeys, Records, Runs, StorageError, Usage, Webhooks,
};

/// A transaction. Dropped without [`Tx::commit`] it leaves no trace.
#[derive(Debug)]
pub enum Tx {
    /// On SQLite.
    #[doc(hidden)]
    Sqlite(Transaction<'static, Sqlite>),
}

impl Tx {
    /// Makes it durable: once this answers, the loss of power does not undo it.
    ///
    /// # Errors
    /// The disk is full or broken. Nothing of the transaction is kept then.
    pub async fn commit(self) -> Result<(), StorageError> {
        match self {
            Self::Sqlite(transaction) => Ok(transaction.commit().await?),
        }
    }

    /// The repositories of one org.
    pub fn org(&mut self, org: OrgId) -> OrgTx<'_> {
        OrgTx { tx: self, org }
    }

    /// What concerns all orgs.
    pub fn hub(&mut self) -> HubTx<'_> {
        HubTx { tx: self }
    }
}

/// One org's part of a transaction.
#[derive(Debug)]
pub struct OrgTx<'a> {
    tx: &'a mut Tx,
    org: OrgId,
}

macro_rules! repositories {
    ($($(#[$doc:meta])* $accessor:ident -> $repository:ident;)*) => {
        impl OrgTx<'_> {
            /// Which org it is.
            #[must_use]
            pub fn id(&self) -> OrgId {
                self.org
            }

            $($(#[$doc])* pub fn $accessor(&mut self) -> $repository<'_> {
                $repository { tx: self.tx, org: self.org }
            })*
        }
    };
}

repositories! {
    /// Its API keys.
    api_keys -> ApiKeys;
    /// The plugins that it switched on.
    installations -> Installations;
    /// Its credentials, sealed.
    connections -> Connections;
    /// Its connections' tokens, sealed.
    oauth_tokens -> OauthTokens;
    /// Its own clients at vendors, sealed.
    oauth_clients -> OauthClients;
    /// Its authorizations under way, sealed.
    oauth_authorizations -> OauthAuthorizations;
    /// Its wrapped data keys, for the vault alone.
    keys -> OrgKeys;
    /// Its runs.
    runs -> Runs;
    /// What it is billed for.
    usage -> Usage;
    /// What happened in it.
    events -> Events;
    /// Its stored files.
    blobs -> Blobs;
    /// What vendors sent it.
    webhooks -> Webhooks;
    /// Who changed what.
    audit -> Audit;
}

impl OrgTx<'_> {
    /// A plugin's documents.
    pub fn records<'b>(&'b mut self, plugin: &'b patchbay_model::PluginId) -> Records<'b> {
        Records { tx: self.tx, org: self.org, plugin }
    }

    /// A plugin's small values.
    pub fn kv<'b>(&'b mut self, plugin: &'b patchbay_model::PluginId) -> Kv<'b> {
        Kv { tx: self.tx, org: self.org, plugin }
    }
}

/// Runs a statement and gives the number of rows that it changed.
macro_rules! execute {
    ($tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        match &mut *$tx {
            $crate::Tx::Sqlite(tx) => sqlx::query($sql)$(.bind($bind))*
                .execute(&mut **tx).await
                .map(|done| done.rows_affected())
                .map_err($crate::StorageError::from),
        }
    };
}

/// Runs a query and gives its row, if there is one.
macro_rules! fetch_optional {
    ($tx:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        match &mut *$tx {
            $crate::Tx::Sqlite(tx) => sqlx::query_as::<_, $row>($sql)$(.bind($bind))*
                .fetch_optional(&mut **tx).await
                .map_err($crate::StorageError::from),
        }
    };
}

/// Runs a query and gives all its rows.
macro_rules! fetch_all {
    ($tx:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        match &mut *$tx {
            $crate::Tx::Sqlite(tx) => sqlx::query_as::<_, $row>($sql)$(.bind($bind))*
                .fetch_all(&mut **tx).await
                .map_err($crate::StorageError::from),
        }
    };
}
