//! Runs: read here, written by the journal.

use patchbay_model::{
    OrgId, PluginId, RunId, Timestamp,
    run::{Figures, LogLine, Run},
};
use uuid::Uuid;

use crate::{
    StorageError, Tx, Walk,
    column::{after, before, digest, first_id, limit as row_limit, plugin, time, unsigned, word},
    text::{Json, Text, optional},
};

/// An org's runs.
#[derive(Debug)]
pub struct Runs<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Of this plugin.
    pub plugin: Option<PluginId>,
    /// True: those that succeeded; false: those that failed.
    pub succeeded: Option<bool>,
    /// Begun before this one: the last of the page before.
    pub before: Option<RunId>,
    /// At most so many.
    pub limit: u32,
}

#[derive(sqlx::FromRow)]
struct Row {
    org_id: Uuid,
    id: Uuid,
    plugin: String,
    version: Text,
    digest: Vec<u8>,
    kind: String,
    operation: Text,
    parent_run: Option<Uuid>,
    error_code: Option<Text>,
    error_detail: Option<Text>,
    upstream_status: Option<i64>,
    wall_us: i64,
    cpu_us: i64,
    peak_memory: i64,
    egress_sent: i64,
    egress_received: i64,
    host_calls: i64,
    /// Not read for a list.
    log: Option<Json<Vec<LogLine>>>,
    started_at: i64,
    finished_at: i64,
}

impl TryFrom<Row> for Run {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            id: RunId(row.id),
            org: OrgId(row.org_id),
            plugin: plugin(&row.plugin)?,
            version: row.version.0,
            digest: digest(&row.digest)?,
            kind: word(&row.kind)?,
            operation: row.operation.0,
            parent: row.parent_run.map(RunId),
            error_code: optional(row.error_code),
            error_detail: optional(row.error_detail),
            upstream_status: row
                .upstream_status
                .map(|status| u16::try_from(status).map_err(|_| StorageError::corrupt("run.upstream_status")))
                .transpose()?,
            figures: Figures {
                wall_us: unsigned(row.wall_us),
                cpu_us: unsigned(row.cpu_us),
                peak_memory: unsigned(row.peak_memory),
                egress_sent: unsigned(row.egress_sent),
                egress_received: unsigned(row.egress_received),
                host_calls: unsigned(row.host_calls),
            },
            log: row.log.map_or_else(Vec::new, |log| log.0),
            started_at: time(row.started_at)?,
            finished_at: time(row.finished_at)?,
        })
    }
}

macro_rules! select {
    ($log:literal $rest:literal) => {
        concat!(
            "SELECT org_id, id, plugin, version, digest, kind, operation, parent_run, error_code, error_detail,
               upstream_status, wall_us, cpu_us, peak_memory, egress_sent, egress_received, host_calls, ",
            $log,
            ", started_at, finished_at FROM run ",
            $rest
        )
    };
}

impl Runs<'_> {
    /// One run.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, id: RunId) -> Result<Option<Run>, StorageError> {
        fetch_optional!(self.tx, Row, select!("log" "WHERE org_id = $1 AND id = $2"), self.org.0, id.0)?
            .map(Run::try_from)
            .transpose()
    }

    /// Runs that match, the newest first, without their logs: a page of those may be megabytes.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&mut self, filter: &RunFilter) -> Result<Vec<Run>, StorageError> {
        // One text per shape and not `$1 IS NULL OR ..`, which would hide the indexes from the planner.
        let failed = filter.succeeded == Some(false);
        let succeeded = filter.succeeded == Some(true);
        let before = before(filter.before.map(|id| id.0));
        let limit = row_limit(filter.limit);
        let rows = match &filter.plugin {
            None if failed => fetch_all!(
                self.tx,
                Row,
                select!("NULL AS log" "WHERE org_id = $1 AND id < $2 AND error_code IS NOT NULL ORDER BY id DESC LIMIT $3"),
                self.org.0,
                before,
                limit,
            ),
            None => fetch_all!(
                self.tx,
                Row,
                select!("NULL AS log" "WHERE org_id = $1 AND id < $2 AND (error_code IS NULL OR NOT $3) ORDER BY id DESC LIMIT $4"),
                self.org.0,
                before,
                succeeded,
                limit,
            ),
            Some(plugin) => fetch_all!(
                self.tx,
                Row,
                select!(
                    "NULL AS log"
                    "WHERE org_id = $1 AND plugin = $2 AND id < $3 AND (error_code IS NULL OR NOT $4)
                       AND (error_code IS NOT NULL OR NOT $5)
                     ORDER BY id DESC LIMIT $6"
                ),
                self.org.0,
                plugin.as_str(),
                before,
                succeeded,
                failed,
                limit,
            ),
        }?;
        rows.into_iter().map(Run::try_from).collect()
    }

    /// The newest run.
    ///
    /// # Errors
    /// The database fails.
    pub async fn newest(&mut self) -> Result<Option<RunId>, StorageError> {
        let found = fetch_optional!(
            self.tx,
            (Uuid,),
            "SELECT id FROM run WHERE org_id = $1 ORDER BY id DESC LIMIT 1",
            self.org.0,
        )?;
        Ok(found.map(|(id,)| RunId(id)))
    }

    /// A page of runs, the oldest first, without their logs. Times are those of their starts.
    ///
    /// # Errors
    /// The database fails.
    pub async fn walk(&mut self, walk: &Walk<RunId>) -> Result<Vec<Run>, StorageError> {
        let (behind, upto) = (after(walk.after.map(|id| id.0)), walk.upto.0);
        // Two texts, as in `list`.
        let rows = match walk.plugin() {
            None => fetch_all!(
                self.tx,
                Row,
                select!(
                    "NULL AS log"
                    "WHERE org_id = $1 AND id > $2 AND id <= $3 AND started_at >= $4 AND started_at < $5
                     ORDER BY id LIMIT $6"
                ),
                self.org.0,
                behind,
                upto,
                walk.from(),
                walk.to(),
                row_limit(walk.limit),
            ),
            Some(plugin) => fetch_all!(
                self.tx,
                Row,
                select!(
                    "NULL AS log"
                    "WHERE org_id = $1 AND plugin = $2 AND id > $3 AND id <= $4 AND started_at >= $5 AND started_at < $6
                     ORDER BY id LIMIT $7"
                ),
                self.org.0,
                plugin,
                behind,
                upto,
                walk.from(),
                walk.to(),
                row_limit(walk.limit),
            ),
        }?;
        rows.into_iter().map(Run::try_from).collect()
    }

    /// Clears away at most `limit` runs that began before a time and gives their number. What they are billed
    /// for stays.
    ///
    /// # Errors
    /// The database fails.
    pub async fn clear_before(&mut self, at: Timestamp, limit: u32) -> Result<u64, StorageError> {
        execute!(
            self.tx,
            "DELETE FROM run WHERE org_id = $1 AND id IN
               (SELECT id FROM run WHERE org_id = $1 AND id < $2 ORDER BY id LIMIT $3)",
            self.org.0,
            first_id(at),
            row_limit(limit),
        )
    }
}
