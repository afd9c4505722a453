//! Units on their way to a vendor's meters, and what the vendor had of them in the end.
//!
//! What was read of the usage is the sum of what is here, so there is no cursor that could differ from it. A day has 24 hours
//! of UTC.

use patchbay_model::{
    ReadingId, Timestamp,
    billing::{DayCheck, Reading},
    plan::Metric,
};
use uuid::Uuid;

use super::Billing;
use crate::{
    StorageError,
    column::{limit as row_limit, signed, time, unsigned},
    text::Text,
};

/// Microseconds.
const DAY: i64 = 86_400_000_000;

/// What was read of a metric for a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayUnits {
    /// Of what.
    pub metric: Metric,
    /// How many, repairs not counted.
    pub units: u64,
    /// Of them, those that the vendor refused.
    pub refused: u64,
    /// How many readings that should have made good for what it lacks it refused.
    pub refused_repairs: u64,
    /// Of when the last of them are.
    pub last_at: Timestamp,
    /// The vendor was not told of all of it.
    pub is_open: bool,
}

type Row = (Uuid, String, i64, i64, i64, bool);

fn metric(name: &str) -> Result<Metric, StorageError> {
    name.parse().map_err(|_| StorageError::corrupt("a metric"))
}

fn reading((id, name, counted_from, units, at, is_repair): Row) -> Result<Reading, StorageError> {
    let (counted_from, at, units) = (time(counted_from)?, time(at)?, unsigned(units));
    Ok(Reading { id: ReadingId(id), metric: metric(&name)?, counted_from, units, at, is_repair })
}

impl Billing<'_> {
    /// Adds a reading that the vendor is to be told of. False if it is there already.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn add_reading(&mut self, reading: &Reading) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "INSERT INTO billing_reading (org_id, id, metric, counted_from, units, at, is_repair)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (org_id, id) DO NOTHING",
            self.org.0,
            reading.id.0,
            reading.metric.as_str(),
            reading.counted_from.timestamp_micros(),
            signed(reading.units),
            reading.at.timestamp_micros(),
            reading.is_repair,
        )?;
        Ok(rows > 0)
    }

    /// How many units of a metric were read of what was counted from an hour on, repairs not counted.
    ///
    /// # Errors
    /// The database fails.
    pub async fn units_read(&mut self, metric: Metric, counted_from: Timestamp) -> Result<u64, StorageError> {
        let row = fetch_optional!(
            self.tx,
            (i64,),
            "SELECT CAST(COALESCE(SUM(units), 0) AS BIGINT) FROM billing_reading
             WHERE org_id = $1 AND counted_from = $2 AND metric = $3 AND is_repair = $4",
            self.org.0,
            counted_from.timestamp_micros(),
            metric.as_str(),
            false,
        )?;
        Ok(row.map_or(0, |(units,)| unsigned(units)))
    }

    /// Readings of which the vendor was not told, the oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn open_readings(&mut self, limit: u32) -> Result<Vec<Reading>, StorageError> {
        fetch_all!(
            self.tx,
            Row,
            "SELECT id, metric, counted_from, units, at, is_repair FROM billing_reading
             WHERE org_id = $1 AND settled_at IS NULL ORDER BY at, id LIMIT $2",
            self.org.0,
            row_limit(limit),
        )?
        .into_iter()
        .map(reading)
        .collect()
    }

    /// Says that the vendor was told of a reading, or why it does not take it, which it may find out after it took it. False if there
    /// is none, or it was said before.
    ///
    /// # Errors
    /// The database fails.
    pub async fn settle_reading(
        &mut self,
        id: ReadingId,
        refusal: Option<&str>,
        at: Timestamp,
    ) -> Result<bool, StorageError> {
        let rows = execute!(
            self.tx,
            "UPDATE billing_reading SET settled_at = $3, refusal = $4
             WHERE org_id = $1 AND id = $2 AND (settled_at IS NULL OR (refusal IS NULL AND $4 IS NOT NULL))",
            self.org.0,
            id.0,
            at.timestamp_micros(),
            refusal.map(Text),
        )?;
        Ok(rows > 0)
    }

    /// What was read for a day, by metric.
    ///
    /// # Errors
    /// The database fails.
    pub async fn units_of_day(&mut self, day: Timestamp) -> Result<Vec<DayUnits>, StorageError> {
        let from = day.timestamp_micros();
        fetch_all!(
            self.tx,
            (String, i64, i64, i64, i64, i64),
            "SELECT metric, CAST(SUM(CASE WHEN is_repair = $4 THEN 0 ELSE units END) AS BIGINT),
               CAST(SUM(CASE WHEN is_repair = $4 OR refusal IS NULL THEN 0 ELSE units END) AS BIGINT),
               SUM(CASE WHEN is_repair = $4 AND refusal IS NOT NULL THEN 1 ELSE 0 END),
               SUM(CASE WHEN settled_at IS NULL THEN 1 ELSE 0 END), MAX(at)
             FROM billing_reading WHERE org_id = $1 AND at >= $2 AND at < $3 GROUP BY metric ORDER BY metric",
            self.org.0,
            from,
            from.saturating_add(DAY),
            true,
        )?
        .into_iter()
        .map(|(name, units, refused, refused_repairs, open, last)| {
            let (metric, last_at) = (metric(&name)?, time(last)?);
            let (refused, refused_repairs) = (unsigned(refused), unsigned(refused_repairs));
            Ok(DayUnits { metric, units: unsigned(units), refused, refused_repairs, last_at, is_open: open > 0 })
        })
        .collect()
    }

    /// Says what the vendor has of a day. What it refused is not written: the readings say it.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn put_check(&mut self, check: &DayCheck) -> Result<(), StorageError> {
        execute!(
            self.tx,
            "INSERT INTO billing_check (org_id, day, metric, ours, theirs, checked_at) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (org_id, day, metric) DO UPDATE SET ours = excluded.ours, theirs = excluded.theirs,
               checked_at = excluded.checked_at",
            self.org.0,
            check.day.timestamp_micros(),
            check.metric.as_str(),
            signed(check.ours),
            signed(check.theirs),
            check.checked_at.timestamp_micros(),
        )?;
        Ok(())
    }

    /// What was compared last, of days before one, the newest first; with `only_gaps` those alone on which the vendor has something
    /// else.
    ///
    /// # Errors
    /// The database fails.
    pub async fn checks(
        &mut self,
        before: Option<Timestamp>,
        only_gaps: bool,
        limit: u32,
    ) -> Result<Vec<DayCheck>, StorageError> {
        let rows = fetch_all!(
            self.tx,
            (i64, String, i64, i64, i64, i64),
            "SELECT day, metric, ours, theirs, checked_at,
               (SELECT CAST(COALESCE(SUM(told.units), 0) AS BIGINT) FROM billing_reading told
                WHERE told.org_id = $1 AND told.metric = billing_check.metric AND told.at >= billing_check.day
                  AND told.at < billing_check.day + $5 AND told.is_repair = $6 AND told.refusal IS NOT NULL)
             FROM billing_check
             WHERE org_id = $1 AND day < $2 AND (NOT $3 OR ours <> theirs) ORDER BY day DESC, metric LIMIT $4",
            self.org.0,
            before.map_or(i64::MAX, |before| before.timestamp_micros()),
            only_gaps,
            row_limit(limit),
            DAY,
            false,
        )?;
        rows.into_iter()
            .map(|(day, name, ours, theirs, checked_at, refused)| {
                let (day, checked_at, metric) = (time(day)?, time(checked_at)?, metric(&name)?);
                let (ours, theirs, refused) = (unsigned(ours), unsigned(theirs), unsigned(refused));
                Ok(DayCheck { day, metric, ours, theirs, refused, checked_at })
            })
            .collect()
    }
}
