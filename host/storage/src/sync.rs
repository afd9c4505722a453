//! Syncs: what an org keeps alike here and at its vendors, and how far that is.
//!
//! A sync's row says how far it is, and is held by whoever changes anything of it until the commit: so the order in which work
//! came is the order of its numbers (`wanted`), and whoever ends the job that drives it finds out if more came meanwhile. What a
//! page changes is committed by the journal (`commit.rs`, `journal/syncs.rs`). Runs are in `run.rs`, which of theirs is
//! which of ours in `link.rs`, what is to be looked at or written next in `queue.rs`, what went wrong in `log.rs`, whose data it
//! is in `account.rs`.
//!
//! Whoever changes several syncs in one transaction takes them in order of plugin and object, and makes the jobs that drive
//! them after all of that: the journal does it in this order too.
//!
//! Rejected: a counter of a database's own for the numbers (they would not be in the order of commits), and the cursor in the job
//! (a job is gone when it has failed, and the next one is to go on).

mod account;
pub(crate) mod commit;
mod link;
mod log;
#[cfg(test)]
mod plans;
mod queue;
pub(crate) mod run;
mod settle;

use patchbay_model::{
    OrgId, PluginId, SyncRunId, Timestamp,
    object::StandardObject,
    sync::{SyncSettings, SyncState},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{limit as row_limit, optional_time, plugin, signed, time, unsigned},
    postgres::Scope,
    text::{Json, Text, optional},
};

/// An org's syncs.
#[derive(Debug)]
pub struct Syncs<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

/// Which sync of all orgs.
pub(crate) type DueSync = (OrgId, PluginId, StandardObject);

#[derive(sqlx::FromRow)]
struct Row {
    plugin: String,
    object: String,
    settings: Json<SyncSettings>,
    version: i64,
    wanted: i64,
    mark: Option<i64>,
    state: Option<Json<Value>>,
    next_due_at: Option<i64>,
    last_full_at: Option<i64>,
    open_run: Option<Uuid>,
    last_run: Option<Uuid>,
    linked: i64,
    account: Option<Text>,
    other_account: Option<Text>,
}

impl TryFrom<Row> for SyncState {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            plugin: plugin(&row.plugin)?,
            object: object(&row.object)?,
            settings: row.settings.0,
            version: unsigned(row.version),
            wanted: unsigned(row.wanted),
            mark: optional_time(row.mark)?,
            state: row.state.map(|state| state.0),
            next_due_at: optional_time(row.next_due_at)?,
            last_full_at: optional_time(row.last_full_at)?,
            open_run: row.open_run.map(SyncRunId),
            last_run: row.last_run.map(SyncRunId),
            linked: unsigned(row.linked),
            account: optional(row.account),
            other_account: optional(row.other_account),
        })
    }
}

/// Reads a standard object's name.
fn object(text: &str) -> Result<StandardObject, StorageError> {
    text.parse().map_err(|_| StorageError::corrupt("a standard object"))
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT plugin, object, settings, version, wanted, mark, state, next_due_at, last_full_at, open_run, last_run, linked,
               account, other_account
             FROM sync ",
            $rest
        )
    };
}

pub(crate) async fn due(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<Vec<DueSync>, StorageError> {
    fetch_all!(
        tx,
        (Uuid, String, String),
        "SELECT org_id, plugin, object FROM sync WHERE next_due_at IS NOT NULL AND next_due_at <= $1
         ORDER BY next_due_at, org_id, plugin, object LIMIT $2",
        now.timestamp_micros(),
        row_limit(limit),
    )?
    .into_iter()
    .map(|(org, of, what)| Ok((OrgId(org), plugin(&of)?, object(&what)?)))
    .collect()
}

pub(crate) async fn next_at(tx: &mut Tx) -> Result<Option<Timestamp>, StorageError> {
    let found = fetch_optional!(tx, (Option<i64>,), "SELECT min(next_due_at) FROM sync WHERE next_due_at IS NOT NULL")?;
    found.and_then(|(at,)| at).map(time).transpose()
}

impl Syncs<'_> {
    /// How far a sync is; nothing if it was never set up.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, of: &PluginId, what: StandardObject) -> Result<Option<SyncState>, StorageError> {
        fetch_optional!(
            self.tx,
            Row,
            select!("WHERE org_id = $1 AND plugin = $2 AND object = $3"),
            self.org.0,
            of.as_str(),
            what.as_str(),
        )?
        .map(SyncState::try_from)
        .transpose()
    }

    /// All of them, or those of one plugin, by plugin and object.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&mut self, of: Option<&PluginId>) -> Result<Vec<SyncState>, StorageError> {
        fetch_all!(
            self.tx,
            Row,
            select!("WHERE org_id = $1 AND ($2 IS NULL OR plugin = $2) ORDER BY plugin, object"),
            self.org.0,
            of.map(PluginId::as_str),
        )?
        .into_iter()
        .map(SyncState::try_from)
        .collect()
    }

    /// Sets a sync up, or changes its settings, if they have the version that is expected: 0 if it must not be there, none for
    /// whichever. Gives their version now, or nothing if it was another one. One that is switched on is due at once; one that is
    /// switched off is not due any more, and the others are due after their new interval at the latest. Who decides anew decides
    /// also about one that was switched off because of another account.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn put_settings(
        &mut self,
        of: &PluginId,
        what: StandardObject,
        settings: &SyncSettings,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Result<Option<u64>, StorageError> {
        let latest = now.timestamp_micros().saturating_add(i64::from(settings.every_s).saturating_mul(1_000_000));
        let row = fetch_optional!(
            self.tx,
            (i64,),
            "INSERT INTO sync (org_id, plugin, object, enabled, settings, version, wanted, next_due_at, linked, failures, kept,
               created_at, updated_at)
             SELECT $1, $2, $3, $4, $5, 1, 1, CASE WHEN $4 THEN $6 END, 0, 0, 0, $6, $6
             WHERE $7 IS NULL OR $7 = 0
               OR EXISTS (SELECT 1 FROM sync WHERE org_id = $1 AND plugin = $2 AND object = $3)
             ON CONFLICT (org_id, plugin, object) DO UPDATE SET enabled = excluded.enabled, settings = excluded.settings,
               version = sync.version + 1, wanted = sync.wanted + 1, updated_at = excluded.updated_at, other_account = NULL,
               next_due_at = CASE WHEN NOT excluded.enabled THEN NULL
                 WHEN sync.next_due_at IS NULL THEN excluded.next_due_at
                 WHEN sync.next_due_at > $8 THEN $8
                 ELSE sync.next_due_at END
             WHERE $7 IS NULL OR sync.version = $7
             RETURNING version",
            self.org.0,
            of.as_str(),
            what.as_str(),
            settings.enabled,
            Json(settings),
            now.timestamp_micros(),
            expected.map(signed),
            latest,
        )?;
        Ok(row.map(|(version,)| unsigned(version)))
    }

    /// Switches a sync on: it is due at once. False if it was never set up or was changed meanwhile.
    ///
    /// # Errors
    /// The database fails.
    pub async fn enable(&mut self, of: &PluginId, what: StandardObject, now: Timestamp) -> Result<bool, StorageError> {
        self.switch(of, what, true, now).await
    }

    /// Switches a sync off: it is not due any more, and nobody's hints and changes are kept for it. A run that is open stays so.
    /// False if it was never set up or was changed meanwhile.
    ///
    /// # Errors
    /// The database fails.
    pub async fn disable(&mut self, of: &PluginId, what: StandardObject, now: Timestamp) -> Result<bool, StorageError> {
        self.switch(of, what, false, now).await
    }

    /// Has the next run read all from the beginning, because what was read so far is to be read otherwise: an open run ends as
    /// cancelled, one that failed is not gone on with, and the sync is due at once if it is switched on.
    ///
    /// # Errors
    /// The database fails.
    pub async fn begin_anew(
        &mut self,
        of: &PluginId,
        what: StandardObject,
        now: Timestamp,
    ) -> Result<(), StorageError> {
        let Some(state) = self.get(of, what).await? else { return Ok(()) };
        if let Some(open) = state.open_run {
            self.cancel_run(open, now).await?;
        }
        execute!(
            self.tx,
            "UPDATE sync SET last_full_at = NULL, next_due_at = CASE WHEN enabled THEN $4 END
             WHERE org_id = $1 AND plugin = $2 AND object = $3",
            self.org.0,
            of.as_str(),
            what.as_str(),
            now.timestamp_micros(),
        )?;
        if let Some(last) = state.last_run {
            execute!(
                self.tx,
                "UPDATE sync_run SET cursor = NULL WHERE org_id = $1 AND id = $2 AND status = 'failed'",
                self.org.0,
                last.0,
            )?;
        }
        Ok(())
    }

    /// What follows reads rows in the order of an index: they come and go by the ten thousand, and what the server has counted of
    /// them may be of long ago.
    fn in_order(&mut self) {
        if let Tx::Postgres(tx) = &mut *self.tx {
            tx.speak_for(Scope::InOrder(self.org));
        }
    }

    async fn switch(
        &mut self,
        of: &PluginId,
        what: StandardObject,
        enabled: bool,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        let Some(state) = self.get(of, what).await? else { return Ok(false) };
        if state.settings.enabled == enabled {
            return Ok(true);
        }
        let settings = SyncSettings { enabled, ..state.settings };
        Ok(self.put_settings(of, what, &settings, Some(state.version), now).await?.is_some())
    }

    /// Puts off when a sync is due that is. False if it was not due at all: it is switched off, or was never set up.
    ///
    /// # Errors
    /// The database fails.
    pub async fn postpone(&mut self, of: &PluginId, what: StandardObject, to: Timestamp) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "UPDATE sync SET next_due_at = $4
             WHERE org_id = $1 AND plugin = $2 AND object = $3 AND next_due_at IS NOT NULL",
            self.org.0,
            of.as_str(),
            what.as_str(),
            to.timestamp_micros(),
        )?;
        Ok(rows > 0)
    }

    /// Has the next run of a sync be one through all, and soon, if it is switched on. One that is open stays what it is.
    ///
    /// # Errors
    /// The database fails.
    pub async fn want_all(&mut self, of: &PluginId, what: StandardObject, now: Timestamp) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "UPDATE sync SET last_full_at = NULL, next_due_at = CASE WHEN next_due_at IS NULL THEN NULL ELSE $4 END
             WHERE org_id = $1 AND plugin = $2 AND object = $3",
            self.org.0,
            of.as_str(),
            what.as_str(),
            now.timestamp_micros(),
        )?;
        Ok(())
    }

    /// Forgets all syncs of a plugin and all that belongs to them, and gives their number. Records stay.
    ///
    /// # Errors
    /// The database fails.
    pub async fn remove(&mut self, of: &PluginId) -> Result<u64, StorageError> {
        // First what everybody holds who adds to the rest.
        let rows = execute!(self.tx, "DELETE FROM sync WHERE org_id = $1 AND plugin = $2", self.org.0, of.as_str())?;
        macro_rules! with_it {
            ($($table:literal)*) => {$(
                execute!(
                    self.tx,
                    concat!("DELETE FROM ", $table, " WHERE org_id = $1 AND plugin = $2"),
                    self.org.0,
                    of.as_str(),
                )?;
            )*};
        }
        with_it! { "sync_hint" "sync_outbox" "sync_link" "sync_conflict" "sync_failure" "sync_run" }
        Ok(rows)
    }
}
