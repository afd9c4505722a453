//! Durable background work: what jobs are, and the queue of those that are still to be done.
//!
//! The queue is apart from what jobs are, because a table from which rows are taken, prolonged and deleted all day must stay
//! small: a claim reads an index whose every entry is something to do. How claims are fair is in `claim.rs`, who holds a job in
//! `hold.rs`, what wakes a lane in `lane.rs`, what becomes of jobs in `change.rs`, and what may be written under a lease in
//! `outcome.rs`.

mod change;
pub(crate) mod claim;
pub(crate) mod hold;
pub(crate) mod lane;
pub(crate) mod outcome;
mod row;

use patchbay_model::{
    JobId, OrgId, PluginId, Timestamp,
    job::{Job, JobKind, JobStatus, NewJob},
};
use tokio::time::timeout;
use uuid::Uuid;

use self::row::Row;
pub(crate) use self::row::{caller, caller_text, dedupe};
pub use self::{
    change::{Cancelled, LaneToWake},
    claim::{ClaimJobs, ClaimedJob, Claims},
    hold::Held,
    outcome::{JobEnd, JobOutcome},
};
use crate::{
    StorageError, Tx,
    column::{before, first_id, limit as row_limit},
    journal::{postgres, sqlite},
    postgres::{Scope, answered, late},
    text::Text,
};

/// An org's jobs.
#[derive(Debug)]
pub struct Jobs<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

/// Which jobs to list.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// That have come so far.
    pub status: Option<JobStatus>,
    /// Of this plugin.
    pub plugin: Option<PluginId>,
    /// That are done by this.
    pub kind: Option<JobKind>,
    /// Of this name.
    pub name: Option<String>,
    /// That were made before this one: the last of the page before.
    pub before: Option<JobId>,
    /// At most so many.
    pub limit: u32,
}

macro_rules! select {
    (all $from:literal, $rest:literal) => {
        select!("j.payload, j.cursor, j.result, ", $from, $rest)
    };
    (brief $from:literal, $rest:literal) => {
        select!("'' AS payload, NULL AS cursor, NULL AS result, ", $from, $rest)
    };
    ($bulk:literal, $from:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $bulk,
            "j.org_id, j.id, j.kind, j.plugin, j.name, j.status, j.caller, j.key, j.most_attempts, j.timeout_ms,
               j.schedule_id, j.tick_at, j.hops, j.progress, j.error_code, j.error_detail, j.attempts AS last_attempts, j.run_id,
               j.redriven, j.created_at, j.started_at, j.finished_at, q.attempts, q.due_at, q.unwanted, q.lease
             FROM ",
            $from,
            $rest
        )
    };
}

impl Jobs<'_> {
    /// Makes jobs, but for those with a key that one which waits or runs has. True for each that was made. To be called in the
    /// transaction of what they are made for; tell the hub once that is committed, so that it looks for work.
    ///
    /// # Errors
    /// `Missing` if there is no such org, `AlreadyExists` if an id is taken, or a time of a schedule.
    pub async fn enqueue(&mut self, jobs: &[NewJob]) -> Result<Vec<bool>, StorageError> {
        let wanted = jobs.iter().map(|job| (self.org, job)).collect();
        let made = match &mut *self.tx {
            Tx::Sqlite(tx) => {
                let (made, wakes) = sqlite::jobs::insert(tx.connection(), wanted).await?;
                sqlite::jobs::wake(tx.connection(), wakes).await?;
                made
            }
            Tx::Postgres(tx) => {
                let within = tx.patience();
                let connection = tx.connection().await?;
                let making = async {
                    let (made, wakes) = postgres::jobs::insert(connection, wanted).await?;
                    postgres::jobs::wake(connection, wakes).await?;
                    Ok(made)
                };
                match timeout(within, making).await {
                    Ok(made) => tx.note_failure(made)?,
                    Err(_) => tx.note(Err(late()))?,
                }
            }
        };
        Ok(jobs.iter().map(|job| made.contains(&job.id)).collect())
    }

    /// One job.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, id: JobId) -> Result<Option<Job>, StorageError> {
        fetch_optional!(
            self.tx,
            Row,
            select!(
                all "job j LEFT JOIN job_queue q ON q.org_id = j.org_id AND q.job_id = j.id ",
                "WHERE j.org_id = $1 AND j.id = $2"
            ),
            self.org.0,
            id.0,
        )?
        .map(Job::try_from)
        .transpose()
    }

    /// Those of these jobs that there are, in no order.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get_all(&mut self, ids: &[JobId]) -> Result<Vec<Job>, StorageError> {
        let rows: Vec<Row> = match &mut *self.tx {
            Tx::Sqlite(tx) => {
                let ids: Vec<String> = ids.iter().map(|id| hex::encode(id.0.as_bytes())).collect();
                let ids = serde_json::to_string(&ids).map_err(|error| StorageError::Corrupt(error.to_string()))?;
                sqlx::query_as(crate::tx::text(select!(
                    all "job j LEFT JOIN job_queue q ON q.org_id = j.org_id AND q.job_id = j.id ",
                    "WHERE j.org_id = $1 AND j.id IN (SELECT unhex(value) FROM json_each($2))"
                )))
                .bind(self.org.0)
                .bind(ids)
                .fetch_all(tx.connection())
                .await?
            }
            Tx::Postgres(tx) => {
                let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
                tx.speak_for(Scope::Several(self.org));
                let within = tx.patience();
                let connection = tx.connection().await?;
                let asking = sqlx::query_as(crate::tx::text(select!(
                    all "job j LEFT JOIN job_queue q ON q.org_id = j.org_id AND q.job_id = j.id ",
                    "WHERE j.org_id = $1 AND j.id = ANY ($2)"
                )))
                .bind(self.org.0)
                .bind(ids)
                .fetch_all(connection);
                let found = answered(within, asking).await;
                tx.note(found)?
            }
        };
        rows.into_iter().map(Job::try_from).collect()
    }

    /// The job with this key that waits or runs, if there is one. `job` says whose key it would be.
    ///
    /// # Errors
    /// The database fails.
    pub async fn waiting(&mut self, job: &NewJob) -> Result<Option<JobId>, StorageError> {
        let Some(dedupe) = dedupe(job) else { return Ok(None) };
        let found = fetch_optional!(
            self.tx,
            (Uuid,),
            "SELECT job_id FROM job_queue WHERE org_id = $1 AND dedupe = $2",
            self.org.0,
            Text(&dedupe),
        )?;
        Ok(found.map(|(id,)| JobId(id)))
    }

    /// Jobs that match, the newest first, without what they were made with and what they gave: a page of those may be megabytes.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&mut self, filter: &JobFilter) -> Result<Vec<Job>, StorageError> {
        let plugin = filter.plugin.as_ref().map(PluginId::as_str);
        let kind = filter.kind.map(JobKind::as_str);
        // whoever asks may ask for whatever text
        let name = filter.name.as_deref().map(Text);
        let (before, limit) = (before(filter.before.map(|id| id.0)), row_limit(filter.limit));
        // What is open is found by the queue, which is small, and what has failed by an index of its own.
        let rows = match filter.status {
            None => fetch_all!(
                self.tx,
                Row,
                select!(
                    brief "job j LEFT JOIN job_queue q ON q.org_id = j.org_id AND q.job_id = j.id ",
                    "WHERE j.org_id = $1 AND j.id < $2 AND ($3 IS NULL OR j.plugin = $3) AND ($4 IS NULL OR j.kind = $4)
                       AND ($5 IS NULL OR j.name = $5) ORDER BY j.id DESC LIMIT $6"
                ),
                self.org.0,
                before,
                plugin,
                kind,
                name,
                limit,
            )?,
            Some(JobStatus::Queued) => fetch_all!(
                self.tx,
                Row,
                select!(
                    brief "job_queue q JOIN job j ON j.org_id = q.org_id AND j.id = q.job_id ",
                    "WHERE q.org_id = $1 AND q.job_id < $2 AND ($3 IS NULL OR j.plugin = $3) AND ($4 IS NULL OR j.kind = $4)
                       AND ($5 IS NULL OR j.name = $5) AND q.lease IS NULL ORDER BY q.job_id DESC LIMIT $6"
                ),
                self.org.0,
                before,
                plugin,
                kind,
                name,
                limit,
            )?,
            // few, among however many wait: SQLite is told which index knows them
            Some(JobStatus::Running) => fetch_all!(
                self.tx,
                Row,
                {
                    sqlite: select!(
                        brief "job_queue q INDEXED BY job_queue_running CROSS JOIN job j ON j.org_id = q.org_id AND j.id = q.job_id ",
                        "WHERE q.org_id = $1 AND q.job_id < $2 AND ($3 IS NULL OR j.plugin = $3)
                           AND ($4 IS NULL OR j.kind = $4) AND ($5 IS NULL OR j.name = $5) AND q.lease IS NOT NULL
                         ORDER BY q.job_id DESC LIMIT $6"
                    ),
                    postgres: select!(
                        brief "job_queue q JOIN job j ON j.org_id = q.org_id AND j.id = q.job_id ",
                        "WHERE q.org_id = $1 AND q.job_id < $2 AND ($3 IS NULL OR j.plugin = $3)
                           AND ($4 IS NULL OR j.kind = $4) AND ($5 IS NULL OR j.name = $5) AND q.lease IS NOT NULL
                         ORDER BY q.job_id DESC LIMIT $6"
                    ),
                },
                self.org.0,
                before,
                plugin,
                kind,
                name,
                limit,
            )?,
            Some(JobStatus::Failed) => fetch_all!(
                self.tx,
                Row,
                select!(
                    brief "job j LEFT JOIN job_queue q ON q.org_id = j.org_id AND q.job_id = j.id ",
                    // Spelled out: only then does the planner use the index of those.
                    "WHERE j.org_id = $1 AND j.id < $2 AND ($3 IS NULL OR j.plugin = $3) AND ($4 IS NULL OR j.kind = $4)
                       AND ($5 IS NULL OR j.name = $5) AND j.status = 'failed' ORDER BY j.id DESC LIMIT $6"
                ),
                self.org.0,
                before,
                plugin,
                kind,
                name,
                limit,
            )?,
            Some(status) => fetch_all!(
                self.tx,
                Row,
                select!(
                    brief "job j LEFT JOIN job_queue q ON q.org_id = j.org_id AND q.job_id = j.id ",
                    "WHERE j.org_id = $1 AND j.id < $2 AND ($3 IS NULL OR j.plugin = $3) AND ($4 IS NULL OR j.kind = $4)
                       AND ($5 IS NULL OR j.name = $5) AND j.status = $7 ORDER BY j.id DESC LIMIT $6"
                ),
                self.org.0,
                before,
                plugin,
                kind,
                name,
                limit,
                status.as_str(),
            )?,
        };
        rows.into_iter().map(Job::try_from).collect()
    }

    /// Ids of jobs that have failed, of this kind, plugin and name as far as they are given, after one in order of id.
    ///
    /// # Errors
    /// The database fails.
    pub async fn failed(&mut self, filter: &JobFilter, after: Option<JobId>) -> Result<Vec<JobId>, StorageError> {
        let rows = fetch_all!(
            self.tx,
            (Uuid,),
            "SELECT id FROM job WHERE org_id = $1 AND id > $2 AND ($3 IS NULL OR plugin = $3) AND ($4 IS NULL OR kind = $4)
               AND ($5 IS NULL OR name = $5) AND status = 'failed' ORDER BY id LIMIT $6",
            self.org.0,
            crate::column::after(after.map(|id| id.0)),
            filter.plugin.as_ref().map(PluginId::as_str),
            filter.kind.map(JobKind::as_str),
            filter.name.as_deref().map(Text),
            row_limit(filter.limit),
        )?;
        Ok(rows.into_iter().map(|(id,)| JobId(id)).collect())
    }

    /// Clears away at most `limit` that ended before a time, and gives their number. What is open stays.
    ///
    /// # Errors
    /// The database fails.
    pub async fn clear_before(&mut self, at: Timestamp, limit: u32) -> Result<u64, StorageError> {
        execute!(
            self.tx,
            // Asked again outside: one that is being redriven meanwhile is open once the deletion has waited for it.
            "DELETE FROM job WHERE org_id = $1 AND status <> 'open' AND id IN
               (SELECT id FROM job WHERE org_id = $1 AND id < $2 AND status <> 'open' AND finished_at < $3
                ORDER BY id LIMIT $4)",
            self.org.0,
            first_id(at),
            at.timestamp_micros(),
            row_limit(limit),
        )
    }
}
