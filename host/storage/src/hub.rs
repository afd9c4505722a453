//! The few questions that concern all orgs: who is calling, which plugins there are (`packages.rs`), what is due (`due.rs`).
//!
//! On PostgreSQL these run under the role `patchbay_hub`, because row-level security cannot know the org yet. A new
//! question needs a policy and rights of that role in a migration, and a line in `rls/expected.rs`.

mod due;
mod packages;

use patchbay_model::{
    OrgId, PluginId, Timestamp,
    oauth::{AuthorizationStage, SealedAuthorization},
    org::{ApiKey, Org},
};
use uuid::Uuid;

use crate::{
    Change, StorageError, Tx, api_key,
    changes::{CHANNEL, Message},
    column::{after, limit as row_limit, time},
    idempotency, installation, oauth, org_plan,
    postgres::answered,
    text::Text,
};

/// What concerns all orgs.
#[derive(Debug)]
pub struct HubTx<'a> {
    pub(crate) tx: &'a mut Tx,
}

type OrgRow = (Uuid, Text, i64);

fn org((id, name, created_at): OrgRow) -> Result<Org, StorageError> {
    Ok(Org { id: OrgId(id), name: name.0, created_at: time(created_at)? })
}

impl HubTx<'_> {
    /// Adds an org.
    ///
    /// # Errors
    /// `AlreadyExists` if its id is taken.
    pub async fn insert_org(&mut self, org: &Org) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "INSERT INTO org (id, name, created_at) VALUES ($1, $2, $3)",
            org.id.0,
            Text(&org.name),
            org.created_at.timestamp_micros(),
        )?;
        Ok(())
    }

    /// An org.
    ///
    /// # Errors
    /// The database fails.
    pub async fn org(&mut self, id: OrgId) -> Result<Option<Org>, StorageError> {
        fetch_optional!(self.tx, OrgRow, "SELECT id, name, created_at FROM org WHERE id = $1", id.0)?
            .map(org)
            .transpose()
    }

    /// Since when an org is being deleted; none if it is not, or is gone.
    ///
    /// # Errors
    /// The database fails.
    pub async fn deleting_since(&mut self, id: OrgId) -> Result<Option<Timestamp>, StorageError> {
        let row = fetch_optional!(self.tx, (Option<i64>,), "SELECT deleting_at FROM org WHERE id = $1", id.0)?;
        row.and_then(|(at,)| at).map(time).transpose()
    }

    /// Orgs whose deletion was begun and is not done.
    ///
    /// # Errors
    /// The database fails.
    pub async fn orgs_being_deleted(&mut self, limit: u32) -> Result<Vec<OrgId>, StorageError> {
        let rows = fetch_all!(
            self.tx,
            (Uuid,),
            "SELECT id FROM org WHERE deleting_at IS NOT NULL ORDER BY id LIMIT $1",
            row_limit(limit),
        )?;
        Ok(rows.into_iter().map(|(id,)| OrgId(id)).collect())
    }

    /// Orgs after one, in order of id, which is the order in which they were made.
    ///
    /// # Errors
    /// The database fails.
    pub async fn orgs(&mut self, after_id: Option<OrgId>, limit: u32) -> Result<Vec<Org>, StorageError> {
        fetch_all!(
            self.tx,
            OrgRow,
            "SELECT id, name, created_at FROM org WHERE id > $1 ORDER BY id LIMIT $2",
            after(after_id.map(|id| id.0)),
            row_limit(limit),
        )?
        .into_iter()
        .map(org)
        .collect()
    }

    /// The API key with this keyed hash, also an expired or revoked one: telling them apart is the caller's.
    ///
    /// # Errors
    /// The database fails.
    pub async fn api_key_by_hash(&mut self, hash: &[u8; 32]) -> Result<Option<ApiKey>, StorageError> {
        api_key::by_hash(self.tx, hash).await
    }

    /// Whose webhook URL this token is in.
    ///
    /// # Errors
    /// The database fails.
    pub async fn installation_by_hook_token(&mut self, token: &str) -> Result<Option<(OrgId, PluginId)>, StorageError> {
        installation::by_hook_token(self.tx, token).await
    }

    /// Which orgs a client of a plugin's vendor has tokens for of these accounts, with the account: by org, at most `limit`. Not
    /// those whose tokens the vendor takes no more.
    ///
    /// # Errors
    /// The database fails.
    pub async fn orgs_of_accounts(
        &mut self,
        plugin: &PluginId,
        client_id: &str,
        accounts: &[&str],
        limit: u32,
    ) -> Result<Vec<(OrgId, String)>, StorageError> {
        oauth::token::of_accounts(self.tx, plugin, client_id, accounts, limit).await
    }

    /// The authorization that waits under this hash at this stage. To look before [`Self::take_oauth_authorization`]
    /// writes: anybody can send whatever hash.
    ///
    /// # Errors
    /// The database fails.
    pub async fn oauth_authorization(
        &mut self,
        stage: AuthorizationStage,
        state: &[u8; 32],
    ) -> Result<Option<SealedAuthorization>, StorageError> {
        oauth::authorization::find(self.tx, stage, state).await
    }

    /// Takes the authorization that waits under this hash at this stage out of the database: whoever gets it is the only
    /// one. Also an expired one, which its taker must not go on with.
    ///
    /// # Errors
    /// The database fails.
    pub async fn take_oauth_authorization(
        &mut self,
        stage: AuthorizationStage,
        state: &[u8; 32],
    ) -> Result<Option<SealedAuthorization>, StorageError> {
        oauth::authorization::take(self.tx, stage, state).await
    }

    /// Forgets at most `limit` authorizations that nobody came back from, and gives their number.
    ///
    /// # Errors
    /// The database fails.
    pub async fn sweep_oauth_authorizations(&mut self, now: Timestamp, limit: u32) -> Result<u64, StorageError> {
        oauth::authorization::sweep(self.tx, now, limit).await
    }

    /// The plans that orgs were given and have now, by name, and how many orgs have each.
    ///
    /// # Errors
    /// The database fails.
    pub async fn plans_in_use(&mut self) -> Result<Vec<(String, u64)>, StorageError> {
        org_plan::in_use(self.tx).await
    }

    /// Forgets at most `limit` writes that are no longer to be done once, and gives their number.
    ///
    /// # Errors
    /// The database fails.
    pub async fn sweep_idempotency(&mut self, now: Timestamp, limit: u32) -> Result<u64, StorageError> {
        idempotency::sweep(self.tx, now, limit).await
    }

    /// Says that a hub is at work, and until when it will be believed to be.
    ///
    /// # Errors
    /// The database fails.
    pub async fn note_alive(&mut self, node: Uuid, now: Timestamp, until: Timestamp) -> Result<(), StorageError> {
        idempotency::note_alive(self.tx, node, now, until).await
    }

    /// True if a hub is believed to be at work.
    ///
    /// # Errors
    /// The database fails.
    pub async fn is_alive(&mut self, node: Uuid, now: Timestamp) -> Result<bool, StorageError> {
        idempotency::is_alive(self.tx, node, now).await
    }

    /// Says that a hub has ended.
    ///
    /// # Errors
    /// The database fails.
    pub async fn forget_node(&mut self, node: Uuid) -> Result<(), StorageError> {
        idempotency::forget_node(self.tx, node).await
    }

    /// Frees the space of at most `limit` expired small values and gives their number.
    ///
    /// # Errors
    /// The database fails.
    pub async fn sweep_kv(&mut self, now: Timestamp, limit: u32) -> Result<u64, StorageError> {
        execute!(
            self.tx,
            // Asked again outside: on PostgreSQL the deletion waits for whoever is writing a row anew, and then looks at
            // what was written with this condition alone, and not with that of the selection.
            "DELETE FROM kv WHERE expires_at <= $1 AND (org_id, plugin, key) IN
               (SELECT org_id, plugin, key FROM kv WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
            now.timestamp_micros(),
            row_limit(limit),
        )
    }

    /// Tells all hubs on the database that something changed, once this transaction is committed, so that they
    /// forget what they cached of it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn notify(&mut self, change: Change) -> Result<(), StorageError> {
        match &mut *self.tx {
            Tx::Sqlite(tx) => {
                tx.notify(change);
                Ok(())
            }
            Tx::Postgres(tx) => {
                let message = Message { by: tx.teller(), change };
                let said = serde_json::to_string(&message).map_err(|error| StorageError::Corrupt(error.to_string()))?;
                let within = tx.patience();
                let connection = tx.connection().await?;
                let sending = sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(said).execute(connection);
                let sent = answered(within, sending).await;
                tx.note(sent).map(drop)
            }
        }
    }
}
