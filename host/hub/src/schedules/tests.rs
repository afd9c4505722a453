//! Schedules of plugins that are not there: the clock goes on all the same.

use patchbay_model::{
    Clock as _, Code, ScheduleId,
    schedule::{Missed, Origin, Schedule, Target},
};
use serde_json::json;

use super::PutSchedule;
use crate::testing::TestHub;

#[tokio::test]
async fn a_schedule_of_a_plugin_that_is_not_on_makes_no_job_and_goes_on() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let (hub, now) = (&*test.hub.0, test.clock.now());
    let schedule = Schedule {
        id: ScheduleId::new(&*hub.clock, &*hub.random),
        org: org.id,
        plugin: "demo".parse().unwrap(),
        name: "hourly".to_owned(),
        origin: Origin::Org,
        target: Target::Task,
        target_name: "sync".to_owned(),
        payload: "null".to_owned(),
        cron: "0 * * * *".to_owned(),
        time_zone: "UTC".to_owned(),
        jitter_s: 0,
        missed: Missed::All,
        enabled: true,
        caller: None,
        next_at: Some(now),
        last_at: None,
        created_at: now,
        updated_at: now,
    };
    let mut tx = hub.database.begin().await.unwrap();
    tx.org(org.id).schedules().put(&schedule).await.unwrap();
    tx.commit().await.unwrap();
    test.clock.advance(chrono::Duration::hours(2));
    assert_eq!(test.hub.run_due_schedules().await.unwrap(), 0);
    let mut tx = hub.database.read().await.unwrap();
    let moved = tx.org(org.id).schedules().get(schedule.id).await.unwrap().unwrap();
    assert!(moved.next_at.unwrap() > test.clock.now());
    assert_eq!(moved.last_at, None, "it made no job");
}

#[tokio::test]
async fn a_schedule_is_put_for_a_plugin_that_is_installed() {
    let test = TestHub::open().await;
    let org = test.org().await;
    let caller = test.caller(&org).await;
    let put = PutSchedule {
        task: Some("sync".to_owned()),
        action: None,
        payload: json!(null),
        cron: "0 * * * *".to_owned(),
        time_zone: None,
        jitter_s: None,
        missed: Missed::Once,
        enabled: true,
    };
    let plugin = "demo".parse().unwrap();
    let refused = test.hub.put_schedule(&caller, &plugin, "hourly", put).await.unwrap_err();
    assert_eq!(refused.code, Code::NotInstalled);
    assert_eq!(test.hub.schedule(&caller, &plugin, "hourly").await.unwrap_err().code, Code::NotFound);
}
