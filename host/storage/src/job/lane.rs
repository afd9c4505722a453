//! Lanes: where jobs wait, and when a lane is looked at again.
//!
//! A lane's row is held by whoever makes something due in it, until that is committed, and by whoever finds it empty, while he
//! looks a last time: so no job is overlooked. Rejected: asking the queue which lanes have work (it would have to pass over all
//! that waits for its time), and a sequence number over all jobs (a lane at its limit would stand in everybody's way).

use std::collections::BTreeMap;

use patchbay_model::{
    OrgId, Timestamp,
    job::{JobKind, NewJob},
};

use crate::{StorageError, Tx};

/// When a lane is looked at that has nothing to do.
pub(crate) const NEVER: i64 = i64::MAX;

/// The lane of the hub's own jobs; no plugin can have this id.
const HOST: &str = "~";

/// In which lane a job waits.
pub(crate) fn name(job: &NewJob) -> String {
    let plugin = job.plugin.as_ref().map_or(HOST, |plugin| plugin.as_str());
    match (job.kind, job.concurrency) {
        (JobKind::Host, _) => format!("{plugin}{}", job.name),
        (_, None) => plugin.to_owned(),
        (kind, Some(_)) => format!("{plugin}/{}/{}", kind.as_str(), job.name),
    }
}

/// That a lane has something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wake {
    pub(crate) org: OrgId,
    pub(crate) lane: String,
    /// How many of it may run at once from now on; nothing: as before.
    pub(crate) cap: Option<u32>,
    /// From when on.
    pub(crate) at: Timestamp,
}

impl Wake {
    pub(crate) fn of(org: OrgId, job: &NewJob) -> Self {
        Self { org, lane: name(job), cap: job.concurrency, at: job.due_at }
    }
}

/// One for each lane, in the order in which all hubs take them.
pub(crate) fn merged(wakes: impl IntoIterator<Item = Wake>) -> Vec<Wake> {
    let mut lanes: BTreeMap<(OrgId, String), Wake> = BTreeMap::new();
    for wake in wakes {
        match lanes.get_mut(&(wake.org, wake.lane.clone())) {
            Some(lane) => {
                lane.at = lane.at.min(wake.at);
                lane.cap = wake.cap.or(lane.cap);
            }
            None => {
                lanes.insert((wake.org, wake.lane.clone()), wake);
            }
        }
    }
    lanes.into_values().collect()
}

/// Holds a lane until the commit, and has it looked at.
pub(crate) async fn wake(tx: &mut Tx, wake: &Wake) -> Result<(), StorageError> {
    execute!(
        tx,
        {
            sqlite: "INSERT INTO job_lane (org_id, lane, cap, wake_at, served) VALUES ($1, $2, $3, $4, 0)
               ON CONFLICT (org_id, lane) DO UPDATE
                 SET wake_at = min(excluded.wake_at, job_lane.wake_at), cap = coalesce(excluded.cap, job_lane.cap)
                 WHERE excluded.wake_at < job_lane.wake_at
                   OR excluded.cap IS NOT NULL AND excluded.cap IS DISTINCT FROM job_lane.cap",
            postgres: "INSERT INTO job_lane (org_id, lane, cap, wake_at, served, from_0, from_1, from_2)
               VALUES ($1, $2, $3, $4, 0, $4, $4, $4)
               ON CONFLICT (org_id, lane) DO UPDATE
                 SET wake_at = least(excluded.wake_at, job_lane.wake_at), cap = coalesce(excluded.cap, job_lane.cap),
                   from_0 = least(excluded.from_0, job_lane.from_0), from_1 = least(excluded.from_1, job_lane.from_1),
                   from_2 = least(excluded.from_2, job_lane.from_2)
                 WHERE excluded.wake_at < greatest(job_lane.wake_at, job_lane.from_0, job_lane.from_1, job_lane.from_2)
                   OR excluded.cap IS NOT NULL AND excluded.cap IS DISTINCT FROM job_lane.cap",
        },
        wake.org.0,
        &wake.lane,
        wake.cap.map(i64::from),
        wake.at.timestamp_micros(),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use patchbay_model::JobId;
    use uuid::Uuid;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn work_with_a_limit_of_its_own_waits_in_a_lane_of_its_own() {
        let job = NewJob::task(JobId(Uuid::nil()), "demo".parse().unwrap(), "sync".into(), "{}".into(), at(1));
        assert_eq!(name(&job), "demo");
        assert_eq!(name(&NewJob { concurrency: Some(1), ..job }), "demo/task/sync");
        assert_eq!(name(&NewJob::host(JobId(Uuid::nil()), "redrive".into(), "{}".into(), at(1))), "~redrive");
    }

    #[test]
    fn a_lane_is_woken_once_for_the_first_of_its_jobs() {
        let wake = |lane: &str, seconds, cap| Wake { org: OrgId(Uuid::nil()), lane: lane.into(), cap, at: at(seconds) };
        let all = merged([wake("b", 3, None), wake("a", 5, Some(2)), wake("b", 1, None), wake("a", 9, None)]);
        assert_eq!(all, [wake("a", 5, Some(2)), wake("b", 1, None)]);
    }
}
