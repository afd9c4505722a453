//! A transaction, and the macros that run one query text on whichever database it is of.
//!
//! The repositories know neither database. Where the two do not speak the same SQL, a query is given twice, as
//! `{ sqlite: …, postgres: … }`, with the same parameters.

#[cfg(test)]
mod forgetful;

use std::collections::BTreeSet;

use patchbay_model::OrgId;

use crate::{
    ApiKeys, Audit, Billing, Blobs, Budgets, CachedAnswers, ConnectSessions, Connections, Counters, Deliveries,
    Endpoints, Events, Exports, HubTx, Idempotency, Installations, Invitations, Jobs, Kv, Members, OauthAuthorizations,
    OauthClients, OauthRevocations, OauthTokens, Objects, OperatorTx, OrgKeys, OrgPlans, OrgSettings, OrgsTx,
    RateLimits, Records, Relay, Runs, Schedules, Sessions, StorageError, Syncs, Usage, Webhooks,
    postgres::{PgTx, Scope},
    sqlite::SqliteTx,
};

/// A transaction. Dropped without [`Tx::commit`] it leaves no trace.
///
/// Once something in it has failed, drop it: PostgreSQL takes nothing more in it, and its commit gives the error
/// again.
#[derive(Debug)]
pub enum Tx {
    /// On SQLite.
    #[doc(hidden)]
    Sqlite(SqliteTx),
    /// On PostgreSQL.
    #[doc(hidden)]
    Postgres(PgTx),
}

impl Tx {
    /// Makes it durable: once this answers, the loss of power does not undo it.
    ///
    /// # Errors
    /// The disk is full or broken, the server is lost, or a statement failed before. Nothing of the transaction is
    /// kept then, save that it is not known after `Unreachable`.
    pub async fn commit(self) -> Result<(), StorageError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
    }

    /// Undoes it, and comes back when nothing that it held is held any more. Who drops it does not wait for that: on
    /// PostgreSQL its locks may be there a moment longer, in the way of whoever begins anew at once. A connection on which
    /// this fails is closed, by which the server undoes it.
    pub async fn rollback(self) {
        match self {
            Self::Sqlite(tx) => drop(tx),
            Self::Postgres(tx) => tx.rollback().await,
        }
    }

    /// Tells those who follow the org's events that there are new ones, once this is committed.
    pub(crate) fn published(&mut self, org: OrgId) {
        match self {
            Self::Sqlite(tx) => tx.published(org),
            Self::Postgres(tx) => tx.published(org),
        }
    }

    /// The repositories of one org.
    pub fn org(&mut self, org: OrgId) -> OrgTx<'_> {
        self.speak_for(Scope::Org(org));
        OrgTx { tx: self, org }
    }

    /// As [`Tx::org`], for statements that read many rows in the order of their keys.
    pub fn org_in_bulk(&mut self, org: OrgId) -> OrgTx<'_> {
        self.speak_for(Scope::InOrder(org));
        OrgTx { tx: self, org }
    }

    /// Several orgs at once.
    pub fn orgs(&mut self, orgs: impl IntoIterator<Item = OrgId>) -> OrgsTx<'_> {
        let orgs: BTreeSet<OrgId> = orgs.into_iter().collect();
        let orgs: Vec<OrgId> = orgs.into_iter().collect();
        self.speak_for(Scope::Bulk(orgs.clone()));
        OrgsTx { tx: self, orgs }
    }

    /// What concerns all orgs.
    pub fn hub(&mut self) -> HubTx<'_> {
        self.speak_for(Scope::Hub);
        HubTx { tx: self }
    }

    /// An org, for its operator.
    pub fn operator(&mut self, org: OrgId) -> OperatorTx<'_> {
        self.speak_for(Scope::Operator(org));
        OperatorTx { tx: self, org }
    }

    fn speak_for(&mut self, scope: Scope) {
        match self {
            // Has no such thing: there each query's org is all that keeps orgs apart.
            Self::Sqlite(_) => {}
            Self::Postgres(tx) => tx.speak_for(scope),
        }
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
    /// Its own row.
    settings -> OrgSettings;
    /// Its API keys.
    api_keys -> ApiKeys;
    /// Its members.
    members -> Members;
    /// Those who may become members.
    invitations -> Invitations;
    /// Members who signed in.
    sessions -> Sessions;
    /// End users who may connect an account.
    connect_sessions -> ConnectSessions;
    /// The plugins that it switched on.
    installations -> Installations;
    /// Its credentials, sealed.
    connections -> Connections;
    /// Its connections' tokens, sealed.
    oauth_tokens -> OauthTokens;
    /// Tokens that vendors shall end, sealed.
    oauth_revocations -> OauthRevocations;
    /// Its own clients at vendors, sealed.
    oauth_clients -> OauthClients;
    /// Its authorizations under way, sealed.
    oauth_authorizations -> OauthAuthorizations;
    /// Its wrapped data keys, for the vault alone.
    keys -> OrgKeys;
    /// The plans that it had and has.
    plans -> OrgPlans;
    /// What it used, by the hour.
    counters -> Counters;
    /// Its spend budgets.
    budgets -> Budgets;
    /// What it pays for.
    billing -> Billing;
    /// Its runs.
    runs -> Runs;
    /// What it is billed for.
    usage -> Usage;
    /// What happened in it.
    events -> Events;
    /// Its records of standard objects.
    objects -> Objects;
    /// How far its events were handed on.
    relay -> Relay;
    /// Its URLs that subscribe to events, with their secrets sealed.
    endpoints -> Endpoints;
    /// Its events on their way to endpoints.
    deliveries -> Deliveries;
    /// Its stored files.
    blobs -> Blobs;
    /// Answers of vendors that it keeps.
    cached_answers -> CachedAnswers;
    /// Its rows that are written into files.
    exports -> Exports;
    /// What vendors sent it.
    webhooks -> Webhooks;
    /// Its background work.
    jobs -> Jobs;
    /// What makes jobs by the clock.
    schedules -> Schedules;
    /// What it keeps alike here and at vendors.
    syncs -> Syncs;
    /// Who changed what.
    audit -> Audit;
    /// Its writes that are done once.
    idempotency -> Idempotency;
    /// Its rate limits.
    rate_limits -> RateLimits;
}

impl OrgTx<'_> {
    /// Waits until no other transaction that asked for this is under way for the org, on whichever hub, and keeps
    /// others waiting until this one ends. For changes that are made from what was read before. SQLite has one
    /// writer, so there it is so in any case.
    ///
    /// # Errors
    /// `Locked` after ten seconds of waiting.
    pub async fn lock(&mut self) -> Result<(), StorageError> {
        match &mut *self.tx {
            Tx::Sqlite(_) => Ok(()),
            Tx::Postgres(tx) => tx.lock(self.org).await,
        }
    }

    /// A plugin's documents.
    pub fn records<'b>(&'b mut self, plugin: &'b patchbay_model::PluginId) -> Records<'b> {
        Records { tx: self.tx, org: self.org, plugin }
    }

    /// A plugin's small values.
    pub fn kv<'b>(&'b mut self, plugin: &'b patchbay_model::PluginId) -> Kv<'b> {
        Kv { tx: self.tx, org: self.org, plugin }
    }
}

/// A query's text as it is run. A test takes the org out of it to see what holds then.
#[cfg(not(test))]
pub(crate) const fn text(sql: &'static str) -> &'static str {
    sql
}

#[cfg(test)]
pub(crate) use forgetful::text;

/// Runs a statement and gives the number of rows that it changed.
macro_rules! execute {
    ($tx:expr, { sqlite: $sqlite:expr, postgres: $postgres:expr $(,)? } $(, $bind:expr)* $(,)?) => {
        match &mut *$tx {
            $crate::Tx::Sqlite(tx) => sqlx::query($crate::tx::text($sqlite))$(.bind($bind))*
                .execute(tx.connection()).await
                .map(|done| done.rows_affected())
                .map_err($crate::StorageError::from),
            $crate::Tx::Postgres(tx) => {
                let within = tx.patience();
                match tx.connection().await {
                    Ok(connection) => {
                        let doing = sqlx::query($crate::tx::text($postgres))$(.bind($bind))*.execute(connection);
                        let done = $crate::postgres::answered(within, doing).await;
                        tx.note(done.map(|done| done.rows_affected()))
                    }
                    Err(error) => Err(error),
                }
            }
        }
    };
    ($tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        execute!($tx, { sqlite: $sql, postgres: $sql } $(, $bind)*)
    };
}

/// Runs a query and gives its row, if there is one.
macro_rules! fetch_optional {
    ($($query:tt)*) => { fetch!(fetch_optional, $($query)*) };
}

/// Runs a query and gives all its rows.
macro_rules! fetch_all {
    ($($query:tt)*) => { fetch!(fetch_all, $($query)*) };
}

macro_rules! fetch {
    (
        $fetch:ident, $tx:expr, $row:ty, { sqlite: $sqlite:expr, postgres: $postgres:expr $(,)? }
        $(, $bind:expr)* $(,)?
    ) => {
        match &mut *$tx {
            $crate::Tx::Sqlite(tx) => sqlx::query_as::<_, $row>($crate::tx::text($sqlite))$(.bind($bind))*
                .$fetch(tx.connection()).await
                .map_err($crate::StorageError::from),
            $crate::Tx::Postgres(tx) => {
                let within = tx.patience();
                match tx.connection().await {
                    Ok(connection) => {
                        let query = sqlx::query_as::<_, $row>($crate::tx::text($postgres));
                        let found = $crate::postgres::answered(within, query$(.bind($bind))*.$fetch(connection)).await;
                        tx.note(found)
                    }
                    Err(error) => Err(error),
                }
            }
        }
    };
    ($fetch:ident, $tx:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        fetch!($fetch, $tx, $row, { sqlite: $sql, postgres: $sql } $(, $bind)*)
    };
}
