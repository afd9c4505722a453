//! What was used, added up by the hour: read here, written by the journal beside the usage records, and by exports.

use chrono::{DateTime, NaiveDate};
use patchbay_model::{
    OrgId, PluginId, Timestamp,
    period::{Period, full_hour},
    plan::{Counts, Metric},
};

use crate::{
    StorageError, Tx,
    column::{plugin, signed, unsigned},
    journal::counters::added,
    text::Text,
};

/// The meter of the hub's own count of calls.
pub const CALLS: &str = "calls";

/// Stands where plugins have their ids, for what the hub itself counts; no plugin is called so.
const HUB: &str = "patchbay";

/// Microseconds.
const DAY: i64 = 86_400_000_000;

/// Sums are taken in two parts, as in `usage.rs`: one quantity can be as large as the database's integers.
const PART: i64 = 1_000_000;

/// An org's live counters.
#[derive(Debug)]
pub struct Counters<'a> {
    pub(crate) tx: &'a mut Tx,
    pub(crate) org: OrgId,
}

/// What a meter of a plugin counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Of which plugin.
    pub plugin: PluginId,
    /// Which meter of it, or [`CALLS`].
    pub meter: String,
    /// As what it counts; none if plans know nothing of it.
    pub counts: Option<Counts>,
    /// In the meter's own units.
    pub quantity: u64,
}

type Row = (String, Text, String, i64, i64, i64);

fn counted((id, meter, metric, per, parts, rest): Row) -> Result<Counted, StorageError> {
    let counts = match metric.as_str() {
        "" => None,
        metric => Some(Counts {
            metric: metric.parse::<Metric>().map_err(|_| StorageError::corrupt("usage_counter.metric"))?,
            per: u32::try_from(per).map_err(|_| StorageError::corrupt("usage_counter.per"))?,
        }),
    };
    let quantity = unsigned(parts).saturating_mul(unsigned(PART)).saturating_add(unsigned(rest));
    Ok(Counted { plugin: plugin(&id)?, meter: meter.0, counts, quantity })
}

impl Counters<'_> {
    /// Adds what the hub itself counts for the org, in units of a metric. Late in the transaction: the counter's row is
    /// held from here on.
    ///
    /// # Errors
    /// `Missing` if there is no such org.
    pub async fn add(&mut self, metric: Metric, units: u64, at: Timestamp) -> Result<(), StorageError> {
        execute!(
            self.tx,
            concat!(
                "INSERT INTO usage_counter (org_id, hour, plugin, meter, metric, per, quantity)
                 VALUES ($1, $2, $3, $4, $4, 1, $5)
                 ON CONFLICT (org_id, hour, plugin, meter, metric, per) DO UPDATE SET quantity = ",
                added!()
            ),
            self.org.0,
            full_hour(at).timestamp_micros(),
            HUB,
            metric.as_str(),
            signed(units),
        )?;
        Ok(())
    }

    /// Sums of a period, by plugin and meter.
    ///
    /// # Errors
    /// The database fails.
    pub async fn of(&mut self, period: Period) -> Result<Vec<Counted>, StorageError> {
        fetch_all!(
            self.tx,
            Row,
            "SELECT plugin, meter, metric, per, CAST(SUM(quantity / $4) AS BIGINT), CAST(SUM(quantity % $4) AS BIGINT)
             FROM usage_counter WHERE org_id = $1 AND hour >= $2 AND hour < $3
             GROUP BY plugin, meter, metric, per ORDER BY plugin, meter, metric, per",
            self.org.0,
            period.starts_at.timestamp_micros(),
            period.ends_at.timestamp_micros(),
            PART,
        )?
        .into_iter()
        .map(counted)
        .collect()
    }

    /// Sums of each day (UTC) of a period on which something was used, by plugin and meter. The first and the last day
    /// are cut where the period begins and ends.
    ///
    /// # Errors
    /// The database fails.
    pub async fn by_day(&mut self, period: Period) -> Result<Vec<(NaiveDate, Counted)>, StorageError> {
        type DayRow = (i64, String, Text, String, i64, i64, i64);
        let rows = fetch_all!(
            self.tx,
            DayRow,
            "SELECT hour / $5, plugin, meter, metric, per, CAST(SUM(quantity / $4) AS BIGINT),
               CAST(SUM(quantity % $4) AS BIGINT)
             FROM usage_counter WHERE org_id = $1 AND hour >= $2 AND hour < $3
             GROUP BY hour / $5, plugin, meter, metric, per ORDER BY 1, plugin, meter, metric, per",
            self.org.0,
            period.starts_at.timestamp_micros(),
            period.ends_at.timestamp_micros(),
            PART,
            DAY,
        )?;
        rows.into_iter()
            .map(|(day, plugin, meter, metric, per, parts, rest)| {
                Ok((date(day)?, counted((plugin, meter, metric, per, parts, rest))?))
            })
            .collect()
    }
}

fn date(day: i64) -> Result<NaiveDate, StorageError> {
    let at: Option<Timestamp> = day.checked_mul(DAY).and_then(DateTime::from_timestamp_micros);
    at.map(|at| at.date_naive()).ok_or_else(|| StorageError::corrupt("usage_counter.hour"))
}
