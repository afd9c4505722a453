//! What makes jobs by the clock.

use patchbay_model::{OrgId, PluginId, ScheduleId, Timestamp, schedule::Schedule};
use uuid::Uuid;

use crate::{
    StorageError, Tx,
    column::{before, limit as row_limit, micros, optional_time, plugin, time, word},
    job::{caller, caller_text},
    text::Text,
};

/// An org's schedules.
#[derive(Debug)]
pub struct Schedules<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

/// A schedule whose time has come: as much of it as one sees who looks at the clock for all orgs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueSchedule {
    /// Whose it is.
    pub org: OrgId,
    /// Which.
    pub id: ScheduleId,
    /// Since when.
    pub since: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    org_id: Uuid,
    id: Uuid,
    plugin: String,
    name: String,
    origin: String,
    target: String,
    target_name: String,
    payload: Text,
    cron: Text,
    time_zone: String,
    jitter_s: i64,
    missed: String,
    enabled: bool,
    caller: Option<String>,
    next_at: Option<i64>,
    last_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Schedule {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            id: ScheduleId(row.id),
            org: OrgId(row.org_id),
            plugin: plugin(&row.plugin)?,
            name: row.name,
            origin: word(&row.origin)?,
            target: word(&row.target)?,
            target_name: row.target_name,
            payload: row.payload.0,
            cron: row.cron.0,
            time_zone: row.time_zone,
            jitter_s: u32::try_from(row.jitter_s).map_err(|_| StorageError::corrupt("schedule.jitter_s"))?,
            missed: word(&row.missed)?,
            enabled: row.enabled,
            caller: row.caller.as_deref().map(caller).transpose()?,
            next_at: optional_time(row.next_at)?,
            last_at: optional_time(row.last_at)?,
            created_at: time(row.created_at)?,
            updated_at: time(row.updated_at)?,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT org_id, id, plugin, name, origin, target, target_name, payload, cron, time_zone, jitter_s, missed,
               enabled, caller, next_at, last_at, created_at, updated_at
             FROM schedule ",
            $rest
        )
    };
}

pub(crate) async fn due(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<Vec<DueSchedule>, StorageError> {
    fetch_all!(
        tx,
        (Uuid, Uuid, i64),
        "SELECT org_id, id, next_at FROM schedule WHERE next_at IS NOT NULL AND next_at <= $1 ORDER BY next_at, id LIMIT $2",
        now.timestamp_micros(),
        row_limit(limit),
    )?
    .into_iter()
    .map(|(org, id, since)| Ok(DueSchedule { org: OrgId(org), id: ScheduleId(id), since: time(since)? }))
    .collect()
}

pub(crate) async fn next_at(tx: &mut Tx) -> Result<Option<Timestamp>, StorageError> {
    let found = fetch_optional!(tx, (Option<i64>,), "SELECT min(next_at) FROM schedule WHERE next_at IS NOT NULL")?;
    found.and_then(|(at,)| at).map(time).transpose()
}

impl Schedules<'_> {
    /// Writes a schedule, over the one of the same plugin and name if there is one, whose id and time of making stay.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn put(&mut self, schedule: &Schedule) -> Result<(), StorageError> {
        let caller = schedule.caller.as_ref().map(caller_text).transpose()?;
        execute!(
            self.tx,
            "INSERT INTO schedule (org_id, id, plugin, name, origin, target, target_name, payload, cron, time_zone,
               jitter_s, missed, enabled, caller, next_at, last_at, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
             ON CONFLICT (org_id, plugin, name) DO UPDATE SET origin = excluded.origin, target = excluded.target,
               target_name = excluded.target_name, payload = excluded.payload, cron = excluded.cron,
               time_zone = excluded.time_zone, jitter_s = excluded.jitter_s, missed = excluded.missed,
               enabled = excluded.enabled, caller = excluded.caller, next_at = excluded.next_at,
               updated_at = excluded.updated_at",
            self.org.0,
            schedule.id.0,
            schedule.plugin.as_str(),
            &schedule.name,
            schedule.origin.as_str(),
            schedule.target.as_str(),
            &schedule.target_name,
            Text(&schedule.payload),
            Text(&schedule.cron),
            &schedule.time_zone,
            i64::from(schedule.jitter_s),
            schedule.missed.as_str(),
            schedule.enabled,
            caller,
            micros(schedule.next_at),
            micros(schedule.last_at),
            schedule.created_at.timestamp_micros(),
            schedule.updated_at.timestamp_micros(),
        )?;
        Ok(())
    }

    /// One schedule.
    ///
    /// # Errors
    /// The database fails.
    pub async fn get(&mut self, id: ScheduleId) -> Result<Option<Schedule>, StorageError> {
        fetch_optional!(self.tx, Row, select!("WHERE org_id = $1 AND id = $2"), self.org.0, id.0)?
            .map(Schedule::try_from)
            .transpose()
    }

    /// The schedule of this plugin and name.
    ///
    /// # Errors
    /// The database fails.
    pub async fn named(&mut self, plugin: &PluginId, name: &str) -> Result<Option<Schedule>, StorageError> {
        fetch_optional!(
            self.tx,
            Row,
            select!("WHERE org_id = $1 AND plugin = $2 AND name = $3"),
            self.org.0,
            plugin.as_str(),
            Text(name),
        )?
        .map(Schedule::try_from)
        .transpose()
    }

    /// All schedules of a plugin, by name.
    ///
    /// # Errors
    /// The database fails.
    pub async fn of(&mut self, plugin: &PluginId) -> Result<Vec<Schedule>, StorageError> {
        fetch_all!(
            self.tx,
            Row,
            select!("WHERE org_id = $1 AND plugin = $2 ORDER BY name"),
            self.org.0,
            plugin.as_str(),
        )?
        .into_iter()
        .map(Schedule::try_from)
        .collect()
    }

    /// How many there are.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count(&mut self) -> Result<u64, StorageError> {
        let found = fetch_optional!(self.tx, (i64,), "SELECT count(*) FROM schedule WHERE org_id = $1", self.org.0)?;
        Ok(found.map_or(0, |(count,)| crate::column::unsigned(count)))
    }

    /// Schedules, of one plugin or of all, the newest first; `before` is the last of the page before.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(
        &mut self,
        of: Option<&PluginId>,
        before_id: Option<ScheduleId>,
        limit: u32,
    ) -> Result<Vec<Schedule>, StorageError> {
        fetch_all!(
            self.tx,
            Row,
            select!("WHERE org_id = $1 AND id < $2 AND ($3 IS NULL OR plugin = $3) ORDER BY id DESC LIMIT $4"),
            self.org.0,
            before(before_id.map(|id| id.0)),
            of.map(PluginId::as_str),
            row_limit(limit),
        )?
        .into_iter()
        .map(Schedule::try_from)
        .collect()
    }

    /// Moves a schedule on that was due at `due` when it was read. False if somebody else has done so, or has changed it,
    /// since.
    ///
    /// # Errors
    /// The database fails.
    pub async fn advance(
        &mut self,
        id: ScheduleId,
        due: Timestamp,
        next: Option<Timestamp>,
        last: Option<Timestamp>,
    ) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "UPDATE schedule SET next_at = $4, last_at = coalesce($5, last_at)
             WHERE org_id = $1 AND id = $2 AND next_at = $3",
            self.org.0,
            id.0,
            due.timestamp_micros(),
            micros(next),
            micros(last),
        )?;
        Ok(rows > 0)
    }

    /// True if it was there.
    ///
    /// # Errors
    /// The database fails.
    pub async fn delete(&mut self, id: ScheduleId) -> Result<bool, StorageError> {
        let rows = execute!(self.tx, "DELETE FROM schedule WHERE org_id = $1 AND id = $2", self.org.0, id.0)?;
        Ok(rows > 0)
    }

    /// Deletes all schedules of a plugin, and gives their number.
    ///
    /// # Errors
    /// The database fails.
    pub async fn delete_of(&mut self, plugin: &PluginId) -> Result<u64, StorageError> {
        execute!(self.tx, "DELETE FROM schedule WHERE org_id = $1 AND plugin = $2", self.org.0, plugin.as_str())
    }
}
