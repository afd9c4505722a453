//! What the journal adds up beside the usage records.

use chrono::Duration;
use patchbay_model::{
    period::{Period, full_hour},
    plan::{Counts, Metric},
    run::RunKind,
};
use patchbay_storage::{CALLS, Counted, RunCommit, UsageFilter};

use crate::{Store, store::plugin};

fn period(store: &Store) -> Period {
    Period::containing(store.now(), store.now())
}

async fn counted(store: &Store) -> Vec<Counted> {
    let mut tx = store.database.read().await.unwrap();
    tx.org(store.ours).counters().of(period(store)).await.unwrap()
}

/// Quantities by meter.
async fn quantities(store: &Store) -> Vec<(String, u64)> {
    counted(store).await.into_iter().map(|counted| (counted.meter, counted.quantity)).collect()
}

fn commit(store: &Store, usage: &[(&str, u64, Option<&str>)]) -> RunCommit {
    let mut commit = store.commit(store.ours);
    let record = |(meter, quantity, dedupe): &(&str, u64, Option<&str>)| {
        let mut record = store.usage(&commit.run, meter, *quantity, *dedupe);
        record.counts = Some(Counts::one(Metric::AiTokens));
        record
    };
    commit.usage = usage.iter().map(record).collect();
    commit
}

fn pairs(pairs: &[(&str, u64)]) -> Vec<(String, u64)> {
    pairs.iter().map(|(meter, quantity)| ((*meter).to_owned(), *quantity)).collect()
}

pub async fn counters_are_the_sums_of_the_records_and_of_the_calls(store: Store) {
    let journal = store.journal();
    let mut unknown = commit(&store, &[("pages", 3, None)]);
    unknown.usage[0].counts = None;
    let mut webhook = commit(&store, &[("in", 1, None)]);
    webhook.run.kind = RunKind::Webhook;
    let mut eventful = commit(&store, &[("out", 4, None)]);
    eventful.events = vec![store.event(store.ours, "openai.done", None)];
    let commits = [commit(&store, &[("in", 5, None), ("in", 6, None), ("out", 7, None)]), unknown, webhook, eventful];
    for commit in commits {
        journal.commit(commit).await.unwrap();
    }
    assert_eq!(quantities(&store).await, pairs(&[(CALLS, 3), ("in", 12), ("out", 11), ("pages", 3)]));
    let counted = counted(&store).await;
    assert_eq!(counted[0].counts, Some(Counts::one(Metric::Calls)));
    assert_eq!(counted[1].counts, Some(Counts::one(Metric::AiTokens)));
    assert_eq!((&counted[3].counts, &counted[3].plugin), (&None, &plugin("openai")));
    let mut tx = store.database.read().await.unwrap();
    for total in tx.org(store.ours).usage().totals(&UsageFilter::default()).await.unwrap() {
        assert!(counted.iter().any(|one| one.meter == total.meter && one.quantity == total.quantity), "{total:?}");
    }
}

pub async fn a_repeat_that_is_not_billed_is_not_counted(store: Store) {
    let journal = store.journal();
    let commits = [
        commit(&store, &[("in", 5, Some("a")), ("in", 5, Some("a")), ("in", 2, None)]),
        commit(&store, &[("in", 5, Some("a")), ("in", 7, Some("b"))]),
    ];
    // in one batch or in two
    let ends = futures::future::join_all(commits.into_iter().map(|commit| journal.commit(commit))).await;
    assert!(ends.iter().all(Result::is_ok), "{ends:?}");
    journal.commit(commit(&store, &[("in", 7, Some("b"))])).await.unwrap();
    assert_eq!(quantities(&store).await, pairs(&[(CALLS, 3), ("in", 14)]));
}

pub async fn a_record_that_is_committed_twice_is_refused_and_counted_once(store: Store) {
    let journal = store.journal();
    let once = commit(&store, &[("in", 5, None)]);
    journal.commit(once.clone()).await.unwrap();
    assert!(journal.commit(once.clone()).await.is_err(), "the run is there");
    // another run that says it did the same
    let mut replay = commit(&store, &[]);
    replay.usage = once.usage;
    assert!(journal.commit(replay).await.is_err(), "the record is there");
    assert_eq!(quantities(&store).await, pairs(&[(CALLS, 1), ("in", 5)]));
}

pub async fn the_same_meter_under_another_metric_has_a_counter_of_its_own(store: Store) {
    let journal = store.journal();
    for per in [1, 60, 60] {
        let mut commit = commit(&store, &[("talk", 90, None)]);
        commit.usage[0].counts = Some(Counts { metric: Metric::Minutes, per });
        journal.commit(commit).await.unwrap();
    }
    let counted = counted(&store).await;
    let talk: Vec<_> = counted.iter().filter(|one| one.meter == "talk").collect();
    assert_eq!(
        talk.iter().map(|one| (one.counts.unwrap().per, one.quantity)).collect::<Vec<_>>(),
        [(1, 90), (60, 180)]
    );
}

pub async fn a_counter_stops_where_the_databases_integers_end(store: Store) {
    let journal = store.journal();
    let most = i64::MAX as u64;
    journal.commit(commit(&store, &[("in", most, None), ("in", most, None)])).await.unwrap();
    journal.commit(commit(&store, &[("in", most, Some("x"))])).await.unwrap();
    journal.commit(commit(&store, &[("in", 1, None)])).await.unwrap();
    assert_eq!(quantities(&store).await, pairs(&[(CALLS, 3), ("in", most)]));
}

pub async fn days_are_cut_where_the_period_begins_and_ends(store: Store) {
    let journal = store.journal();
    let anchor = full_hour(store.now());
    let at = async |hours: i64, quantity: u64| {
        let mut commit = commit(&store, &[("in", quantity, None)]);
        commit.run.kind = RunKind::Webhook;
        commit.usage[0].at = anchor + Duration::hours(hours);
        journal.commit(commit).await.unwrap();
    };
    for (hours, quantity) in [(-1, 100), (0, 1), (1, 2), (24, 4), (31 * 24, 1_000)] {
        at(hours, quantity).await;
    }
    let period = Period::containing(anchor, anchor);
    let mut tx = store.database.read().await.unwrap();
    let days = tx.org(store.ours).counters().by_day(period).await.unwrap();
    let first = anchor.date_naive();
    let found: Vec<_> = days.iter().map(|(day, counted)| (*day, counted.quantity)).collect();
    // what came before the period is not in it, although it is of the same day
    assert_eq!(found, [(first, 3), (first + Duration::days(1), 4)]);
    let sums = tx.org(store.ours).counters().of(period).await.unwrap();
    assert_eq!(sums.iter().map(|counted| counted.quantity).sum::<u64>(), 7);
}

pub async fn an_org_does_not_see_anothers_counters(store: Store) {
    store.journal().commit(commit(&store, &[("in", 5, None)])).await.unwrap();
    let mut tx = store.database.read().await.unwrap();
    assert_eq!(tx.org(store.theirs).counters().of(period(&store)).await.unwrap(), []);
    assert_eq!(tx.org(store.theirs).counters().by_day(period(&store)).await.unwrap(), []);
}
