//! What becomes of jobs: cancelled, done once more, settled after a step that left no run behind.

use patchbay_model::{JobId, Timestamp, event::Event};

use super::{
    Jobs,
    lane::{self, Wake},
    outcome::{self, JobOutcome, Written},
    row,
};
use crate::{Events, StorageError, column::micros, text::Text};

/// What became of the wish that a job ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It waited, and has ended now.
    Now,
    /// A step of it is being done, after which it ends.
    AfterThisStep,
    /// It has ended before.
    TooLate,
}

/// The lane of a job that was settled, which is to be woken by [`Jobs::wake`] before the commit.
#[derive(Debug)]
#[must_use = "a lane that nobody wakes sleeps although there is something to do"]
pub struct LaneToWake(Wake);

impl Jobs<'_> {
    /// Ends a job that waits, and asks that one which runs ends after its step. Nothing if there is no such job.
    ///
    /// # Errors
    /// The database fails.
    pub async fn cancel(&mut self, id: JobId, now: Timestamp) -> Result<Option<Cancelled>, StorageError> {
        let ended = execute!(
            self.tx,
            "DELETE FROM job_queue WHERE org_id = $1 AND job_id = $2 AND (lease IS NULL OR lease_until <= $3)",
            self.org.0,
            id.0,
            now.timestamp_micros(),
        )?;
        if ended > 0 {
            execute!(
                self.tx,
                "UPDATE job SET status = 'cancelled', finished_at = $3 WHERE org_id = $1 AND id = $2",
                self.org.0,
                id.0,
                now.timestamp_micros(),
            )?;
            return Ok(Some(Cancelled::Now));
        }
        let asked = execute!(
            self.tx,
            {
                sqlite: "UPDATE job_queue SET unwanted = 1 WHERE org_id = $1 AND job_id = $2",
                postgres: "UPDATE job_queue SET unwanted = true WHERE org_id = $1 AND job_id = $2",
            },
            self.org.0,
            id.0,
        )?;
        if asked > 0 {
            return Ok(Some(Cancelled::AfterThisStep));
        }
        Ok(self.get(id).await?.map(|_| Cancelled::TooLate))
    }

    /// Has a job done once more that has failed, from where its last step left it and with as many tries again. False if it has
    /// not failed, or if another one with its key waits or runs.
    ///
    /// # Errors
    /// The database fails.
    pub async fn redrive(&mut self, id: JobId, now: Timestamp) -> Result<bool, StorageError> {
        let Some(wake) = self.begin_anew(id, now).await? else { return Ok(false) };
        lane::wake(self.tx, &wake).await?;
        Ok(true)
    }

    /// What is to be woken then, if it is done once more.
    async fn begin_anew(&mut self, id: JobId, now: Timestamp) -> Result<Option<Wake>, StorageError> {
        type Failed = (String, i64, String, Option<String>, String, Option<Text>);
        let failed = fetch_optional!(
            self.tx,
            Failed,
            {
                sqlite: "SELECT lane, rank, kind, plugin, name, key FROM job WHERE org_id = $1 AND id = $2 AND status = 'failed'",
                postgres: "SELECT lane, rank, kind, plugin, name, key FROM job WHERE org_id = $1 AND id = $2 AND status = 'failed'
                   FOR UPDATE",
            },
            self.org.0,
            id.0,
        )?;
        let Some((lane, rank, kind, plugin, name, key)) = failed else { return Ok(None) };
        let dedupe = row::dedupe_of(&kind, plugin.as_deref(), &name, key.as_ref().map(|key| key.0.as_str()));
        let queued = execute!(
            self.tx,
            {
                sqlite: "INSERT INTO job_queue (org_id, job_id, lane, rank, due_at, attempts, lease, lease_until, unwanted, dedupe)
                   VALUES ($1, $2, $3, $4, $5, 0, NULL, 0, 0, $6)
                   ON CONFLICT (org_id, dedupe) WHERE dedupe IS NOT NULL DO NOTHING",
                postgres: "INSERT INTO job_queue (org_id, job_id, lane, rank, due_at, attempts, lease, lease_until, unwanted, dedupe)
                   VALUES ($1, $2, $3, $4, $5, 0, NULL, 0, false, $6)
                   ON CONFLICT (org_id, dedupe) WHERE dedupe IS NOT NULL DO NOTHING",
            },
            self.org.0,
            id.0,
            &lane,
            rank,
            now.timestamp_micros(),
            dedupe.as_deref().map(Text),
        )?;
        if queued == 0 {
            return Ok(None);
        }
        execute!(
            self.tx,
            "UPDATE job SET status = 'open', attempts = 0, finished_at = NULL, redriven = redriven + 1
             WHERE org_id = $1 AND id = $2",
            self.org.0,
            id.0,
        )?;
        Ok(Some(Wake { org: self.org, lane, cap: None, at: now }))
    }

    /// As [`Jobs::redrive`], of many at once: gives how many are done once more.
    ///
    /// # Errors
    /// The database fails.
    pub async fn redrive_all(&mut self, ids: &[JobId], now: Timestamp) -> Result<u64, StorageError> {
        let (mut redriven, mut wakes) = (0, Vec::new());
        for id in ids {
            if let Some(wake) = self.begin_anew(*id, now).await? {
                redriven += 1;
                wakes.push(wake);
            }
        }
        // in the order in which everybody takes them: two that take the same ones in other orders wait for each other
        for wake in lane::merged(wakes) {
            lane::wake(self.tx, &wake).await?;
        }
        Ok(redriven)
    }

    /// Writes down what became of a step that left no run behind. False if it is not held under this lease any more: somebody
    /// else has taken it up since, and what becomes of it is theirs to say.
    ///
    /// # Errors
    /// The database fails.
    pub async fn settle(&mut self, outcome: &JobOutcome) -> Result<bool, StorageError> {
        self.settle_and_tell(outcome, None).await
    }

    /// As [`Jobs::settle`], and publishes an event of it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn settle_and_tell(&mut self, outcome: &JobOutcome, event: Option<&Event>) -> Result<bool, StorageError> {
        let Some(settled) = self.write_outcome(outcome).await? else { return Ok(false) };
        if let Some(event) = event {
            Events { tx: self.tx, org: self.org }.append(event).await?;
        }
        self.wake(settled).await?;
        Ok(true)
    }

    /// The first half of [`Jobs::settle`]: nothing if the job is not held under this lease any more. Whatever else the
    /// transaction writes comes behind it, and then [`Jobs::wake`]: journals take lanes after the numbers of events, and whoever
    /// took them the other way round would wait for one that waits for him.
    ///
    /// # Errors
    /// The database fails.
    pub async fn write_outcome(&mut self, outcome: &JobOutcome) -> Result<Option<LaneToWake>, StorageError> {
        let held = fetch_optional!(
            self.tx,
            (String, bool),
            {
                sqlite: "SELECT lane, unwanted FROM job_queue WHERE org_id = $1 AND job_id = $2
                   AND lease IS NOT DISTINCT FROM $3",
                postgres: "SELECT lane, unwanted FROM job_queue WHERE org_id = $1 AND job_id = $2
                   AND lease IS NOT DISTINCT FROM $3 FOR UPDATE",
            },
            self.org.0,
            outcome.id.0,
            outcome.lease,
        )?;
        let Some((lane, is_unwanted)) = held else { return Ok(None) };
        let written = Written::of(outcome, is_unwanted);
        match written.due_at {
            None => {
                execute!(self.tx, "DELETE FROM job_queue WHERE org_id = $1 AND job_id = $2", self.org.0, outcome.id.0)?
            }
            Some(due_at) => execute!(
                self.tx,
                "UPDATE job_queue SET due_at = $3, attempts = $4, claims = 0, lease = NULL, lease_until = 0
                 WHERE org_id = $1 AND job_id = $2",
                self.org.0,
                outcome.id.0,
                due_at.timestamp_micros(),
                i64::from(written.attempts),
            )?,
        };
        execute!(
            self.tx,
            outcome::update!("WHERE org_id = $1 AND id = $2"),
            self.org.0,
            outcome.id.0,
            written.status,
            written.cursor.map(Text),
            written.progress.map(i64::from),
            written.result.map(Text),
            written.code,
            written.detail.map(Text),
            i64::from(written.attempts),
            outcome.run.map(|run| run.0),
            micros(written.started_at),
            micros(written.finished_at),
        )?;
        let at = written.due_at.unwrap_or(outcome.at);
        Ok(Some(LaneToWake(Wake { org: self.org, lane, cap: None, at })))
    }

    /// The second half: has the lane of a job looked at that was settled.
    ///
    /// # Errors
    /// The database fails.
    pub async fn wake(&mut self, settled: LaneToWake) -> Result<(), StorageError> {
        lane::wake(self.tx, &settled.0).await
    }
}
