//! Exports: what was asked for, and how far each file has come.
//!
//! A step writes rows into a file and then says here up to where the file counts. It says so on top of the step that it began
//! from: of two that went on from the same one, the second finds out that it has lost, and what it wrote does not count.

use patchbay_model::{
    ExportId, JobId, OrgId, Timestamp,
    export::{Export, ExportStatus},
};
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{before, first_id, limit as row_limit, optional_time, signed, time, unsigned, word},
    text::{Text, optional},
};

/// An org's exports.
#[derive(Debug)]
pub struct Exports<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

/// An export, and what it goes on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredExport {
    /// What was asked for, and what can be told of it.
    pub export: Export,
    /// How often its file was added to.
    pub step: u64,
    /// Where the next step goes on: text of whoever writes it.
    pub place: Option<String>,
    /// Tells its file from others of the same export; none: there is no file.
    pub file: Option<Uuid>,
}

/// What a step has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportStep {
    /// Of which export.
    pub id: ExportId,
    /// The step that it went on from.
    pub from: u64,
    /// See [`StoredExport::place`].
    pub place: Option<String>,
    /// See [`StoredExport::file`].
    pub file: Uuid,
    /// Rows in the file.
    pub rows: u64,
    /// At most so many.
    pub most_rows: Option<u64>,
    /// The file's length, in bytes.
    pub bytes: u64,
    /// In per mille, if that can be told.
    pub progress: Option<u32>,
    /// When.
    pub at: Timestamp,
}

/// How an export ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportEnd {
    /// With a whole file.
    Done {
        /// SHA-256 of it, in hexadecimal.
        sha256: String,
        /// There were more rows than it may have.
        is_cut: bool,
        /// When the file goes.
        expires_at: Timestamp,
    },
    /// With nothing: the code, and what a caller may be told.
    Failed(String, String),
}

/// An export that has to be looked after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportToSettle {
    /// Whose.
    pub org: OrgId,
    /// Which.
    pub id: ExportId,
}

#[derive(sqlx::FromRow)]
struct Row {
    org_id: Uuid,
    id: Uuid,
    what: String,
    format: String,
    filter: Text,
    actor: Text,
    job_id: Option<Uuid>,
    status: String,
    step: i64,
    place: Option<Text>,
    file: Option<Uuid>,
    rows: i64,
    most_rows: Option<i64>,
    is_cut: bool,
    progress: Option<i64>,
    bytes: i64,
    sha256: Option<String>,
    error_code: Option<String>,
    error_detail: Option<Text>,
    created_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    expires_at: Option<i64>,
}

impl TryFrom<Row> for StoredExport {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let status = match row.status.as_str() {
            "open" if row.started_at.is_none() => ExportStatus::Queued,
            "open" => ExportStatus::Running,
            other => word(other)?,
        };
        let progress = row.progress.map(u32::try_from).transpose();
        let export = Export {
            id: ExportId(row.id),
            org: OrgId(row.org_id),
            what: word(&row.what)?,
            format: word(&row.format)?,
            filter: serde_json::from_str(&row.filter.0).map_err(|_| StorageError::corrupt("export.filter"))?,
            by: row.actor.0,
            job: row.job_id.map(JobId),
            status,
            rows: unsigned(row.rows),
            most_rows: row.most_rows.map(unsigned),
            is_cut: row.is_cut,
            progress: progress.map_err(|_| StorageError::corrupt("export.progress"))?,
            bytes: unsigned(row.bytes),
            sha256: row.sha256,
            error: row.error_code.map(|code| (code, optional(row.error_detail).unwrap_or_default())),
            created_at: time(row.created_at)?,
            started_at: optional_time(row.started_at)?,
            finished_at: optional_time(row.finished_at)?,
            expires_at: optional_time(row.expires_at)?,
        };
        Ok(Self { export, step: unsigned(row.step), place: optional(row.place), file: row.file })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT org_id, id, what, format, filter, actor, job_id, status, step, place, file, rows, most_rows, is_cut,
               progress, bytes, sha256, error_code, error_detail, created_at, started_at, finished_at, expires_at
             FROM export ",
            $rest
        )
    };
}

impl Exports<'_> {
    /// Adds one of which nothing is written yet.
    ///
    /// # Errors
    /// `Missing` if there is no such org, `AlreadyExists` if its id is taken.
    pub async fn insert(&mut self, export: &Export) -> Result<(), StorageError> {
        let filter = serde_json::to_string(&export.filter).map_err(|error| StorageError::Corrupt(error.to_string()))?;
        execute!(
            self.tx,
            "INSERT INTO export (org_id, id, what, format, filter, actor, job_id, status, step, rows, most_rows, is_cut,
               bytes, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 'open', 0, 0, $8, $9, 0, $10, $10)",
            self.org.0,
            export.id.0,
            export.what.as_str(),
            export.format.as_str(),
            Text(&filter),
            Text(&export.by),
            export.job.map(|job| job.0),
            export.most_rows.map(signed),
            false,
            export.created_at.timestamp_micros(),
        )?;
        Ok(())
    }

    /// One of them.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, id: ExportId) -> Result<Option<StoredExport>, StorageError> {
        fetch_optional!(self.tx, Row, select!("WHERE org_id = $1 AND id = $2"), self.org.0, id.0)?
            .map(StoredExport::try_from)
            .transpose()
    }

    /// Those before one, the newest first, with those of the audit log or without.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(
        &mut self,
        of_audit: Option<bool>,
        before_id: Option<ExportId>,
        limit: u32,
    ) -> Result<Vec<Export>, StorageError> {
        fetch_all!(
            self.tx,
            Row,
            select!(
                "WHERE org_id = $1 AND id < $2 AND ($3 IS NULL OR (what = 'audit') = $3) ORDER BY id DESC LIMIT $4"
            ),
            self.org.0,
            before(before_id.map(|id| id.0)),
            of_audit,
            row_limit(limit),
        )?
        .into_iter()
        .map(|row| StoredExport::try_from(row).map(|stored| stored.export))
        .collect()
    }

    /// How many are still to be written.
    ///
    /// # Errors
    /// The database fails.
    pub async fn open(&mut self) -> Result<u64, StorageError> {
        let count = fetch_optional!(
            self.tx,
            (i64,),
            "SELECT COUNT(*) FROM export WHERE org_id = $1 AND status = 'open'",
            self.org.0,
        )?;
        Ok(count.map_or(0, |(count,)| unsigned(count)))
    }

    /// Says up to where the file counts. False if somebody else has gone on from the same step, or if the export has ended
    /// or is gone: then nothing is said.
    ///
    /// # Errors
    /// The database fails.
    pub async fn advance(&mut self, step: &ExportStep) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "UPDATE export SET step = step + 1, place = $4, file = $5, rows = $6, most_rows = $7, bytes = $8, progress = $9,
               started_at = COALESCE(started_at, $10), updated_at = $10
             WHERE org_id = $1 AND id = $2 AND status = 'open' AND step = $3",
            self.org.0,
            step.id.0,
            signed(step.from),
            step.place.as_ref().map(Text),
            step.file,
            signed(step.rows),
            step.most_rows.map(signed),
            signed(step.bytes),
            step.progress.map(i64::from),
            step.at.timestamp_micros(),
        )?;
        Ok(rows > 0)
    }

    /// Ends one that is open. False if it is not: somebody else has ended it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end(&mut self, id: ExportId, end: &ExportEnd, at: Timestamp) -> Result<bool, StorageError> {
        let rows = match end {
            ExportEnd::Done { sha256, is_cut, expires_at } => execute!(
                self.tx,
                "UPDATE export SET status = 'done', sha256 = $3, is_cut = $4, progress = 1000, updated_at = $5,
                   finished_at = $5, expires_at = $6
                 WHERE org_id = $1 AND id = $2 AND status = 'open'",
                self.org.0,
                id.0,
                sha256,
                *is_cut,
                at.timestamp_micros(),
                expires_at.timestamp_micros(),
            )?,
            ExportEnd::Failed(code, detail) => execute!(
                self.tx,
                "UPDATE export SET status = 'failed', place = NULL, file = NULL, error_code = $3, error_detail = $4,
                   updated_at = $5, finished_at = $5
                 WHERE org_id = $1 AND id = $2 AND status = 'open'",
                self.org.0,
                id.0,
                code,
                Text(detail),
                at.timestamp_micros(),
            )?,
        };
        Ok(rows > 0)
    }

    /// Forgets the file of one whose time is over. False if it is not.
    ///
    /// # Errors
    /// The database fails.
    pub async fn expire(&mut self, id: ExportId, now: Timestamp) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "UPDATE export SET status = 'expired', place = NULL, file = NULL, updated_at = $3
             WHERE org_id = $1 AND id = $2 AND status = 'done' AND expires_at <= $3",
            self.org.0,
            id.0,
            now.timestamp_micros(),
        )?;
        Ok(rows > 0)
    }

    /// Forgets one. False if there is none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn delete(&mut self, id: ExportId) -> Result<bool, StorageError> {
        let rows = execute!(self.tx, "DELETE FROM export WHERE org_id = $1 AND id = $2", self.org.0, id.0)?;
        Ok(rows > 0)
    }

    /// The files that are there for exports, by export: at most as many as an org can have asked for in a day.
    ///
    /// # Errors
    /// The database fails.
    pub async fn files(&mut self) -> Result<Vec<(ExportId, Uuid)>, StorageError> {
        let rows = fetch_all!(
            self.tx,
            (Uuid, Uuid),
            "SELECT id, file FROM export WHERE org_id = $1 AND file IS NOT NULL",
            self.org.0,
        )?;
        Ok(rows.into_iter().map(|(id, file)| (ExportId(id), file)).collect())
    }

    /// Clears away at most `limit` that were asked for before a time and have no file any more, and gives their number.
    ///
    /// # Errors
    /// The database fails.
    pub async fn clear_before(&mut self, at: Timestamp, limit: u32) -> Result<u64, StorageError> {
        execute!(
            self.tx,
            "DELETE FROM export WHERE org_id = $1 AND id IN
               (SELECT id FROM export WHERE org_id = $1 AND id < $2 AND status IN ('failed', 'expired')
                ORDER BY id LIMIT $3)",
            self.org.0,
            first_id(at),
            row_limit(limit),
        )
    }
}

/// Open exports whose job is gone or whose command has not gone on since `left_since`, and files whose time is over.
pub(crate) async fn to_settle(
    tx: &mut Tx,
    now: Timestamp,
    left_since: Timestamp,
    limit: u32,
) -> Result<Vec<ExportToSettle>, StorageError> {
    let rows = fetch_all!(
        tx,
        (Uuid, Uuid),
        "SELECT org_id, id FROM export WHERE status = 'done' AND expires_at <= $1
         UNION ALL
         SELECT org_id, id FROM export
         WHERE status = 'open' AND CASE WHEN job_id IS NULL THEN updated_at < $2 ELSE NOT EXISTS (
           SELECT 1 FROM job_queue WHERE job_queue.org_id = export.org_id AND job_queue.job_id = export.job_id) END
         LIMIT $3",
        now.timestamp_micros(),
        left_since.timestamp_micros(),
        row_limit(limit),
    )?;
    Ok(rows.into_iter().map(|(org, id)| ExportToSettle { org: OrgId(org), id: ExportId(id) }).collect())
}
