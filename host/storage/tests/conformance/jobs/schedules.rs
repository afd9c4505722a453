//! Schedules, and the jobs of their times.

use chrono::Duration;
use patchbay_model::{
    OrgId, ScheduleId, Timestamp,
    job::{NewJob, Tick},
    schedule::{Missed, Origin, Schedule, Target},
};
use patchbay_storage::StorageError;
use uuid::Uuid;

use crate::{Store, store::plugin};

pub fn schedule(store: &Store, org: OrgId, name: &str, next_at: Option<Timestamp>) -> Schedule {
    Schedule {
        id: ScheduleId::new(&store.clock, &store.random),
        org,
        plugin: plugin("openai"),
        name: name.to_owned(),
        origin: Origin::Org,
        target: Target::Task,
        target_name: "sync".to_owned(),
        payload: "{\"n\":1.0}".to_owned(),
        cron: "0 6 * * *".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        jitter_s: 30,
        missed: Missed::All,
        enabled: true,
        caller: None,
        next_at,
        last_at: None,
        created_at: store.now(),
        updated_at: store.now(),
    }
}

pub async fn a_schedule_is_read_back_found_when_due_and_moved_on_once(store: Store) {
    let wanted = schedule(&store, store.ours, "nightly", Some(store.later(1_000)));
    let off = schedule(&store, store.ours, "off", None);
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    ours.schedules().put(&wanted).await.unwrap();
    ours.schedules().put(&off).await.unwrap();
    assert_eq!(ours.schedules().get(wanted.id).await.unwrap().as_ref(), Some(&wanted));
    assert_eq!(ours.schedules().named(&wanted.plugin, "nightly").await.unwrap().as_ref(), Some(&wanted));
    assert_eq!(ours.schedules().named(&wanted.plugin, "nightly\u{0}").await.unwrap(), None);
    assert_eq!(ours.schedules().list(None, None, 10).await.unwrap().len(), 2);
    assert_eq!(ours.schedules().count().await.unwrap(), 2);
    assert!(tx.org(store.theirs).schedules().get(wanted.id).await.unwrap().is_none());
    assert_eq!(tx.hub().due_schedules(store.now(), 10).await.unwrap(), []);
    assert_eq!(tx.hub().next_schedule_at().await.unwrap(), Some(store.later(1_000)));
    tx.commit().await.unwrap();

    store.clock.advance(Duration::seconds(2));
    let mut tx = store.database.begin().await.unwrap();
    let due = tx.hub().due_schedules(store.now(), 10).await.unwrap();
    assert_eq!(due.iter().map(|due| (due.org, due.id)).collect::<Vec<_>>(), [(store.ours, wanted.id)]);
    let mut ours = tx.org(store.ours);
    let next = Some(store.later(60_000));
    assert!(ours.schedules().advance(wanted.id, due[0].since, next, Some(due[0].since)).await.unwrap());
    assert!(!ours.schedules().advance(wanted.id, due[0].since, next, None).await.unwrap());
    let moved = ours.schedules().get(wanted.id).await.unwrap().unwrap();
    assert_eq!((moved.next_at, moved.last_at), (next, Some(due[0].since)));
    assert!(ours.schedules().delete(off.id).await.unwrap());
    assert_eq!(ours.schedules().delete_of(&wanted.plugin).await.unwrap(), 1);
    tx.commit().await.unwrap();
}

pub async fn a_time_of_a_schedule_has_one_job(store: Store) {
    let tick = Tick { schedule: ScheduleId(Uuid::from_u128(9)), at: store.now() };
    let job = || NewJob { schedule: Some(tick), ..store.task("openai") };
    store.enqueue(store.ours, &[job()]).await;
    let mut tx = store.database.begin().await.unwrap();
    let again = tx.org(store.ours).jobs().enqueue(&[job()]).await.unwrap_err();
    assert!(matches!(again, StorageError::AlreadyExists(_)), "{again}");
}
