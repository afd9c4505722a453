//! Runs of a sync: once through what has changed at the vendor, or through all there is.

use patchbay_model::{
    JobId, PluginId, SyncRunId, Timestamp,
    identity::Actor,
    object::StandardObject,
    sync::{SyncCounts, SyncMode, SyncRun, SyncStatus, SyncTrigger},
};
use serde_json::Value;
use uuid::Uuid;

use super::{Syncs, object};
use crate::{
    StorageError,
    column::{before, limit as row_limit, micros, optional_time, plugin, time, unsigned, word},
    text::{Json, Text, optional},
};

/// A run that somebody asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSyncRun {
    /// Its id, if it is made.
    pub id: SyncRunId,
    /// Of which plugin.
    pub plugin: PluginId,
    /// Of which object.
    pub object: StandardObject,
    /// How much it reads.
    pub mode: SyncMode,
    /// Why.
    pub trigger: SyncTrigger,
    /// Who asked for it.
    pub requested_by: Option<Actor>,
    /// When the sync is due next; none: as before. One that is switched off is not due.
    pub next_due_at: Option<Timestamp>,
    /// When it is asked for.
    pub at: Timestamp,
}

/// What came of asking for a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestedRun {
    /// The sync's open run.
    pub run: SyncRun,
    /// It was made now; false: there was one.
    pub is_new: bool,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    plugin: String,
    object: String,
    mode: String,
    cause: String,
    status: String,
    requested_by: Option<String>,
    cursor: Option<Json<Value>>,
    progress: Option<i64>,
    error_code: Option<String>,
    error_detail: Option<Text>,
    job_id: Option<Uuid>,
    created_at: i64,
    started_at: Option<i64>,
    ended_at: Option<i64>,
    #[sqlx(flatten)]
    counts: Counts,
}

#[derive(sqlx::FromRow)]
struct Counts {
    read: i64,
    created: i64,
    updated: i64,
    deleted: i64,
    merged: i64,
    unchanged: i64,
    pushed: i64,
    skipped: i64,
    failed: i64,
    conflicts: i64,
    calls: i64,
}

impl From<Counts> for SyncCounts {
    fn from(counts: Counts) -> Self {
        Self {
            read: unsigned(counts.read),
            created: unsigned(counts.created),
            updated: unsigned(counts.updated),
            deleted: unsigned(counts.deleted),
            merged: unsigned(counts.merged),
            unchanged: unsigned(counts.unchanged),
            pushed: unsigned(counts.pushed),
            skipped: unsigned(counts.skipped),
            failed: unsigned(counts.failed),
            conflicts: unsigned(counts.conflicts),
            calls: unsigned(counts.calls),
        }
    }
}

impl TryFrom<Row> for SyncRun {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let requested_by = row.requested_by.map(|actor| actor.parse::<Actor>()).transpose();
        let progress = row.progress.map(u32::try_from).transpose();
        Ok(Self {
            id: SyncRunId(row.id),
            plugin: plugin(&row.plugin)?,
            object: object(&row.object)?,
            mode: word(&row.mode)?,
            trigger: word(&row.cause)?,
            status: word(&row.status)?,
            requested_by: requested_by.map_err(|_| StorageError::corrupt("sync_run.requested_by"))?,
            created_at: time(row.created_at)?,
            started_at: optional_time(row.started_at)?,
            ended_at: optional_time(row.ended_at)?,
            counts: row.counts.into(),
            progress: progress.map_err(|_| StorageError::corrupt("sync_run.progress"))?,
            cursor: row.cursor.map(|cursor| cursor.0),
            failure: row.error_code.map(|code| (code, optional(row.error_detail).unwrap_or_default())),
            job: row.job_id.map(JobId),
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, plugin, object, mode, cause, status, requested_by, cursor, progress, error_code, error_detail, job_id,
               created_at, started_at, ended_at, read, created, updated, deleted, merged, unchanged, pushed, skipped, failed,
               conflicts, calls
             FROM sync_run ",
            $rest
        )
    };
}

/// Where a run goes on that failed.
#[derive(sqlx::FromRow)]
struct Left {
    id: Uuid,
    mode: String,
    cursor: Option<Json<Value>>,
    walk: Option<Uuid>,
}

impl Syncs<'_> {
    /// Asks for a run. While one is open there is no other: that one is given, and if it still waits and is of what has changed,
    /// it becomes one of all if that is asked for. If the last run failed among its pages, the new one goes on there, and is of
    /// all if that one was; but if that one was of what has changed and all is asked for, it begins anew. Nothing if the sync was
    /// never set up. Make the job that drives it afterwards, in the same transaction.
    ///
    /// # Errors
    /// The database fails.
    pub async fn request_run(&mut self, wish: &NewSyncRun) -> Result<Option<RequestedRun>, StorageError> {
        let (of, what) = (wish.plugin.as_str(), wish.object.as_str());
        let held = fetch_optional!(
            self.tx,
            (Option<Uuid>, Option<Uuid>),
            "UPDATE sync SET wanted = wanted + 1,
               next_due_at = CASE WHEN next_due_at IS NOT NULL THEN coalesce($4, next_due_at) END
             WHERE org_id = $1 AND plugin = $2 AND object = $3
             RETURNING open_run, last_run",
            self.org.0,
            of,
            what,
            micros(wish.next_due_at),
        )?;
        let Some((open, last)) = held else { return Ok(None) };
        let (id, is_new) = match open {
            Some(open) => {
                self.widen(open, wish.mode).await?;
                (SyncRunId(open), false)
            }
            None => {
                self.open_run(wish, last).await?;
                (wish.id, true)
            }
        };
        let run = self.run(id).await?.ok_or_else(|| StorageError::corrupt("sync.open_run"))?;
        Ok(Some(RequestedRun { run, is_new }))
    }

    /// One that waits becomes one of all, if that is wanted.
    async fn widen(&mut self, id: Uuid, mode: SyncMode) -> Result<(), StorageError> {
        if mode == SyncMode::Full {
            execute!(
                self.tx,
                // one that goes on with pages of what has changed stays what it is
                "UPDATE sync_run SET mode = 'full'
                 WHERE org_id = $1 AND id = $2 AND status = 'queued' AND mode = 'delta' AND cursor IS NULL",
                self.org.0,
                id,
            )?;
        }
        Ok(())
    }

    async fn open_run(&mut self, wish: &NewSyncRun, last: Option<Uuid>) -> Result<(), StorageError> {
        let left = match last {
            Some(last) => self.left_by(last, wish.mode).await?,
            None => None,
        };
        let (mode, cursor, walk) = match left {
            Some(left) => (word(&left.mode)?, left.cursor, Some(left.walk.unwrap_or(left.id))),
            None => (wish.mode, None, None),
        };
        execute!(
            self.tx,
            "INSERT INTO sync_run (org_id, id, plugin, object, mode, cause, status, requested_by, cursor, walk, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, $8, $9, $10)",
            self.org.0,
            wish.id.0,
            wish.plugin.as_str(),
            wish.object.as_str(),
            mode.as_str(),
            wish.trigger.as_str(),
            wish.requested_by.as_ref().map(ToString::to_string),
            cursor,
            walk,
            wish.at.timestamp_micros(),
        )?;
        execute!(
            self.tx,
            "UPDATE sync SET open_run = $4, kept = 0 WHERE org_id = $1 AND plugin = $2 AND object = $3",
            self.org.0,
            wish.plugin.as_str(),
            wish.object.as_str(),
            wish.id.0,
        )?;
        Ok(())
    }

    /// Where a run has left off that failed among its pages, if one of this mode can go on there.
    async fn left_by(&mut self, last: Uuid, mode: SyncMode) -> Result<Option<Left>, StorageError> {
        fetch_optional!(
            self.tx,
            Left,
            "SELECT id, mode, cursor, walk FROM sync_run
             WHERE org_id = $1 AND id = $2 AND status = 'failed' AND cursor IS NOT NULL AND (mode = 'full' OR $3 = 'delta')",
            self.org.0,
            last,
            mode.as_str(),
        )
    }

    /// One run.
    ///
    /// # Errors
    /// The database fails.
    pub async fn run(&mut self, id: SyncRunId) -> Result<Option<SyncRun>, StorageError> {
        fetch_optional!(self.tx, Row, select!("WHERE org_id = $1 AND id = $2"), self.org.0, id.0)?
            .map(SyncRun::try_from)
            .transpose()
    }

    /// Runs of a sync, the newest first; `before` is the last of the page before.
    ///
    /// # Errors
    /// The database fails.
    pub async fn runs(
        &mut self,
        of: &PluginId,
        what: StandardObject,
        before_id: Option<SyncRunId>,
        limit: u32,
    ) -> Result<Vec<SyncRun>, StorageError> {
        fetch_all!(
            self.tx,
            Row,
            select!("WHERE org_id = $1 AND plugin = $2 AND object = $3 AND id < $4 ORDER BY id DESC LIMIT $5"),
            self.org.0,
            of.as_str(),
            what.as_str(),
            before(before_id.map(|id| id.0)),
            row_limit(limit),
        )?
        .into_iter()
        .map(SyncRun::try_from)
        .collect()
    }

    /// Ends a run that is open; a step of it that is under way keeps nothing. Gives how it has ended, which is not as cancelled if
    /// it had ended before; nothing if there is no such run.
    ///
    /// # Errors
    /// The database fails.
    pub async fn cancel_run(&mut self, id: SyncRunId, now: Timestamp) -> Result<Option<SyncStatus>, StorageError> {
        let Some(run) = self.run(id).await? else { return Ok(None) };
        let closed = execute!(
            self.tx,
            "UPDATE sync SET open_run = NULL, last_run = $4, wanted = wanted + 1
             WHERE org_id = $1 AND plugin = $2 AND object = $3 AND open_run = $4",
            self.org.0,
            run.plugin.as_str(),
            run.object.as_str(),
            id.0,
        )?;
        if closed > 0 {
            execute!(
                self.tx,
                "UPDATE sync_run SET status = 'cancelled', ended_at = $3 WHERE org_id = $1 AND id = $2",
                self.org.0,
                id.0,
                now.timestamp_micros(),
            )?;
            return Ok(Some(SyncStatus::Cancelled));
        }
        // it may have ended while its sync was waited for
        Ok(self.run(id).await?.map(|run| run.status))
    }
}
