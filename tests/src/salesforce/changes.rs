//! What was changed, and what was deleted, within a window.

use chrono::{DateTime, Duration, Timelike as _};
use patchbay_model::Timestamp;
use serde_json::{Value, json};

use super::{
    store::{Answer, Refusal, State},
    written,
};

/// How far back each list goes.
const DELETED: Duration = Duration::days(15);
const UPDATED: Duration = Duration::days(30);

fn window(state: &State, start: &str, end: &str, longest: Duration) -> Result<(Timestamp, Timestamp), Refusal> {
    let minute = |text: &str| {
        let at = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
        // seconds are not looked at
        at.with_second(0)?.with_nanosecond(0)
    };
    let refuse = |text: &str| Refusal::new(400, "INVALID_REPLICATION_DATE", text);
    let (Some(start), Some(end)) = (minute(start), minute(end)) else {
        return Err(Refusal::new(400, "MALFORMED_QUERY", "no time of ISO 8601"));
    };
    if end - start < Duration::minutes(1) {
        return Err(refuse("endDate must be at least one minute greater than startDate"));
    }
    if end > state.now + Duration::minutes(1) {
        return Err(refuse("endDate cannot be in the future"));
    }
    if state.now - start > longest + Duration::minutes(1) {
        return Err(refuse("startDate before org replication enabled date"));
    }
    Ok((start, end))
}

pub(super) fn deleted(state: &State, object: &str, start: &str, end: &str) -> Answer {
    let (start, end) = window(state, start, end, DELETED)?;
    let earliest = state.purged_until.unwrap_or(state.now - DELETED).max(state.now - DELETED);
    if state.purged_until.is_some_and(|until| until > start) {
        return Err(Refusal::new(400, "INVALID_REPLICATION_DATE", "startDate is before earliestDateAvailable"));
    }
    let records: Vec<Value> = state
        .rows
        .values()
        .filter(|row| row.object == object)
        .filter_map(|row| Some((row, row.deleted_at.filter(|at| *at >= start && *at < end)?)))
        .map(|(row, at)| json!({"id": row.id, "deletedDate": written(at)}))
        .collect();
    let answer = json!({
        "deletedRecords": records, "earliestDateAvailable": written(earliest), "latestDateCovered": written(end),
    });
    Ok((200, answer))
}

pub(super) fn updated(state: &State, object: &str, start: &str, end: &str) -> Answer {
    let (start, end) = window(state, start, end, UPDATED)?;
    let rows = state.rows.values().filter(|row| row.object == object && row.deleted_at.is_none());
    let ids: Vec<&str> = rows.filter(|row| row.stamp >= start && row.stamp < end).map(|row| row.id.as_str()).collect();
    Ok((200, json!({"ids": ids, "latestDateCovered": written(end)})))
}
