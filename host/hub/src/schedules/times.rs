//! For which times a schedule that is due makes jobs, and when it is due next.

use chrono::Duration;
use patchbay_model::{
    Failure, Timestamp,
    schedule::{MOST_MISSED, Missed, Schedule},
};
use patchbay_package::cron::{self, Tz};

/// A time is not missed because the hub was busy: it is when so much has passed.
const LATE: Duration = Duration::seconds(60);

/// What a look at the clock comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// The times for which jobs are made, the first first.
    pub(super) times: Vec<Timestamp>,
    /// When it is due next.
    pub(super) next: Option<Timestamp>,
}

/// A schedule's first time after one.
pub(super) fn next_after(schedule: &Schedule, after: Timestamp) -> Result<Option<Timestamp>, Failure> {
    let (cron, zone) = read(schedule)?;
    Ok(cron::next(&cron, zone, after))
}

/// What is to be done for a schedule that has been due since `due`.
pub(super) fn look(schedule: &Schedule, due: Timestamp, now: Timestamp) -> Result<Look, Failure> {
    let (cron, zone) = read(schedule)?;
    let most = if schedule.missed == Missed::All { MOST_MISSED } else { 1 };
    let mut times = Vec::new();
    // the last ones, from now backwards: there may be millions
    let mut at = now;
    let mut inclusive = true;
    while times.len() < most {
        let Ok(before) = cron.find_previous_occurrence(&at.with_timezone(&zone), inclusive) else { break };
        let before = before.to_utc();
        if before < due {
            break;
        }
        times.push(before);
        at = before;
        inclusive = false;
    }
    times.reverse();
    if schedule.missed == Missed::Skip {
        times.retain(|at| now - *at <= LATE);
    }
    // one that it made a job for before, if the clock went back meanwhile
    times.retain(|at| schedule.last_at.is_none_or(|last| *at > last));
    let after = schedule.last_at.map_or(now, |last| now.max(last));
    Ok(Look { times, next: cron::next(&cron, zone, after) })
}

fn read(schedule: &Schedule) -> Result<(cron::Cron, Tz), Failure> {
    // both were checked when it was put
    let cron = cron::parse(&schedule.cron).map_err(Failure::internal)?;
    let zone = cron::zone(&schedule.time_zone).map_err(Failure::internal)?;
    Ok((cron, zone))
}

#[cfg(test)]
mod tests {
    use patchbay_model::{
        OrgId, ScheduleId,
        schedule::{Origin, Target},
    };
    use uuid::Uuid;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn schedule(cron: &str, zone: &str, missed: Missed) -> Schedule {
        Schedule {
            id: ScheduleId(Uuid::nil()),
            org: OrgId(Uuid::nil()),
            plugin: "demo".parse().unwrap(),
            name: "nightly".to_owned(),
            origin: Origin::Org,
            target: Target::Task,
            target_name: "sync".to_owned(),
            payload: "null".to_owned(),
            cron: cron.to_owned(),
            time_zone: zone.to_owned(),
            jitter_s: 0,
            missed,
            enabled: true,
            caller: None,
            next_at: None,
            last_at: None,
            created_at: at("2026-01-01T00:00:00Z"),
            updated_at: at("2026-01-01T00:00:00Z"),
        }
    }

    #[test]
    fn a_time_that_has_just_come_is_done_whatever_becomes_of_missed_ones() {
        let due = at("2026-11-22T06:00:00Z");
        for missed in Missed::ALL {
            let look = look(&schedule("0 * * * *", "UTC", missed), due, due + Duration::seconds(3)).unwrap();
            assert_eq!(look, Look { times: vec![due], next: Some(at("2026-11-22T07:00:00Z")) }, "{missed:?}");
        }
    }

    #[test]
    fn missed_times_are_skipped_made_up_for_once_or_each_of_them() {
        let (due, now) = (at("2026-11-22T06:00:00Z"), at("2026-11-22T08:30:00Z"));
        let times = |missed| look(&schedule("0 * * * *", "UTC", missed), due, now).unwrap().times;
        assert!(times(Missed::Skip).is_empty());
        assert_eq!(times(Missed::Once), [at("2026-11-22T08:00:00Z")]);
        let all = ["2026-11-22T06:00:00Z", "2026-11-22T07:00:00Z", "2026-11-22T08:00:00Z"].map(at);
        assert_eq!(times(Missed::All), all);
    }

    #[test]
    fn of_very_many_missed_times_the_last_hundred_are_made_up_for() {
        let (due, now) = (at("2026-01-01T00:00:00Z"), at("2026-11-22T08:30:00Z"));
        let times = look(&schedule("* * * * *", "UTC", Missed::All), due, now).unwrap().times;
        assert_eq!((times.len(), times.last().copied()), (MOST_MISSED, Some(now)));
        assert!(times.is_sorted());
    }

    #[test]
    fn a_day_goes_on_at_its_hour_when_clocks_are_set() {
        // clocks go back on 2026-10-25
        let schedule = schedule("30 6 * * *", "Europe/Berlin", Missed::All);
        let look = look(&schedule, at("2026-10-24T04:30:00Z"), at("2026-10-26T12:00:00Z")).unwrap();
        let expected = ["2026-10-24T04:30:00Z", "2026-10-25T05:30:00Z", "2026-10-26T05:30:00Z"].map(at);
        assert_eq!((look.times.as_slice(), look.next), (&expected[..], Some(at("2026-10-27T05:30:00Z"))));
    }

    #[test]
    fn a_time_that_the_clock_leaves_out_or_shows_twice_has_one_job() {
        let schedule = schedule("30 2 * * *", "Europe/Berlin", Missed::All);
        // 2:30 is left out on 2027-03-28 and comes right after the gap; on 2026-10-25 it comes twice
        for (due, next) in
            [("2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"), ("2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z")]
        {
            for late in [0, 5, 3_600 + 5] {
                let look = look(&schedule, at(due), at(due) + Duration::seconds(late)).unwrap();
                assert_eq!(look, Look { times: vec![at(due)], next: Some(at(next)) }, "{due} {late}");
            }
        }
    }

    #[test]
    fn a_time_is_not_done_again_when_the_hubs_clock_went_back() {
        let mut schedule = schedule("0 * * * *", "UTC", Missed::All);
        schedule.last_at = Some(at("2026-11-22T07:00:00Z"));
        let look = look(&schedule, at("2026-11-22T06:00:00Z"), at("2026-11-22T06:30:00Z")).unwrap();
        assert_eq!(look, Look { times: vec![], next: Some(at("2026-11-22T08:00:00Z")) });
    }
}
