//! PostgreSQL alone: several hubs on one database, and a server that goes away.

use patchbay_model::{Digest, OrgId, PluginId, event::Event};
use patchbay_storage::{Change, Committed, Database, Journal, LaneState, Lease, Notice, RunCommit, Told, UsageFilter};
use patchbay_test_postgres::{TestDatabase, somebody_waits};
use serde_json::json;
use sqlx::{Connection as _, raw_sql};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    Store,
    changes::next,
    store::{Home, delete, plugin, put},
};

async fn store() -> Option<Store> {
    Store::postgres().await
}

pub fn server(store: &Store) -> &TestDatabase {
    let Home::Postgres(database) = &store.home else { panic!("not PostgreSQL") };
    database
}

/// Another hub on the same database.
async fn another(store: &Store) -> Database {
    Database::open(&store.url).await.unwrap()
}

async fn events_after(database: &Database, org: OrgId, after: i64) -> Vec<(i64, Event)> {
    database.read().await.unwrap().org(org).events().list(after, &[], 1_000).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_misses_no_event_whichever_hub_publishes_it() {
    let Some(store) = store().await else { return };
    let mut writers = JoinSet::new();
    for _ in 0..3 {
        let journal = Journal::start(another(&store).await);
        for round in 0..40 {
            let mut commits = vec![];
            for org in [store.ours, store.theirs] {
                let mut commit = store.commit(org);
                commit.events = (0..=round % 3).map(|_| store.event(org, "a.b", None)).collect();
                commits.push(commit);
            }
            // Each hub begins with another org, so that they would wait for each other in a circle.
            if round % 2 == 0 {
                commits.reverse();
            }
            for commit in commits {
                let journal = journal.clone();
                writers.spawn(async move { journal.commit(commit).await.unwrap() });
            }
        }
    }
    let reader = another(&store).await;
    let mut seen = vec![];
    while !writers.is_empty() {
        while writers.try_join_next().is_some() {}
        let last = seen.last().map_or(0, |(number, _)| *number);
        seen.extend(events_after(&reader, store.ours, last).await);
    }
    let last = seen.last().map_or(0, |(number, _)| *number);
    seen.extend(events_after(&reader, store.ours, last).await);
    let all = events_after(&reader, store.ours, 0).await;
    assert_eq!(all.len(), 3 * (0..40).map(|round| round % 3 + 1).sum::<usize>());
    let numbers = |events: &[(i64, Event)]| events.iter().map(|(number, _)| *number).collect::<Vec<_>>();
    assert_eq!(numbers(&seen), numbers(&all));
    assert_eq!(numbers(&all), (1..=i64::try_from(all.len()).unwrap()).collect::<Vec<_>>(), "without a gap");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_hubs_that_expect_the_same_version_one_wins() {
    let Some(store) = store().await else { return };
    let journals = [
        Journal::start(another(&store).await),
        Journal::start(another(&store).await),
        Journal::start(another(&store).await),
    ];
    let mut version = 0;
    for round in 0..30 {
        let mut tries = JoinSet::new();
        for journal in &journals {
            let mut commit = store.commit(store.ours);
            // Made, changed and deleted in turn.
            commit.plugin_changes = match round % 3 {
                2 => vec![delete("a", Some(version))],
                _ => vec![put("a", json!({ "round": round }), Some(version))],
            };
            let journal = journal.clone();
            tries.spawn(async move { journal.commit(commit).await.unwrap() });
        }
        let ends = tries.join_all().await;
        let won = ends.iter().filter(|end| **end == Committed::All).count();
        // Of several that delete, the later ones find what they expect no more.
        assert_eq!(won, 1, "round {round}: {ends:?}");
        version = if round % 3 == 2 { 0 } else { version + 1 };
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hubs_that_write_the_same_documents_in_another_order_all_succeed() {
    let Some(store) = store().await else { return };
    let mut tries = JoinSet::new();
    for hub in 0..3_usize {
        let journal = Journal::start(another(&store).await);
        for round in 0..30 {
            let mut commit = store.commit(if round % 2 == 0 { store.ours } else { store.theirs });
            commit.plugin_changes = (0..5).map(|id| put(&format!("d{id}"), json!(hub), None)).collect();
            commit.usage = vec![store.usage(&commit.run, "tokens", 1, Some(&format!("same {round}")))];
            if (hub + round) % 2 == 0 {
                commit.plugin_changes.reverse();
            }
            let journal = journal.clone();
            tries.spawn(async move { journal.commit(commit).await.unwrap() });
        }
    }
    assert!(tries.join_all().await.iter().all(|end| *end == Committed::All));
    let mut tx = store.database.read().await.unwrap();
    for org in [store.ours, store.theirs] {
        let mut tx = tx.org(org);
        let document = tx.records(&plugin("openai")).get("calls", "d3").await.unwrap().unwrap();
        assert_eq!(document.version, 45, "each write counted");
        assert_eq!(tx.usage().totals(&UsageFilter::default()).await.unwrap()[0].quantity, 15, "each repeat dropped");
    }
}

fn made_anew(store: &Store, expected: Option<u64>) -> RunCommit {
    let mut commit = store.commit(store.ours);
    commit.plugin_changes = vec![put("a", json!("ours"), expected)];
    commit
}

#[tokio::test]
async fn a_document_that_another_hub_makes_meanwhile_is_not_written_over() {
    let Some(store) = store().await else { return };
    let mut other = server(&store).connect("postgres").await;
    let mut blocking = other.begin().await.unwrap();
    let org = store.ours.0;
    sqlx::query("INSERT INTO record SELECT $1, 'openai', 'calls', 'a', 1, '\"theirs\"', 0")
        .bind(org)
        .execute(&mut *blocking)
        .await
        .unwrap();
    let journal = store.journal();
    let commit = tokio::spawn(async move { journal.commit(made_anew(&store, Some(0))).await.map(|end| (end, store)) });
    somebody_waits(&mut blocking).await;
    blocking.commit().await.unwrap();
    let (end, store) = commit.await.unwrap().unwrap();
    assert_eq!(end, Committed::Conflict { collection: "calls".to_owned(), id: "a".to_owned() });

    assert_eq!(store.journal().commit(made_anew(&store, None)).await.unwrap(), Committed::All);
    let openai: PluginId = plugin("openai");
    let mut tx = store.database.read().await.unwrap();
    let document = tx.org(store.ours).records(&openai).get("calls", "a").await.unwrap().unwrap();
    assert_eq!((document.version, document.data), (2, json!("ours")));
}

#[tokio::test]
async fn a_batch_that_the_server_ends_to_break_a_circle_begins_anew() {
    let Some(store) = store().await else { return };
    let mut first = store.commit(store.ours);
    first.plugin_changes = vec![put("a", json!(1), None)];
    first.events = vec![store.event(store.ours, "a.b", None)];
    let mut second = store.commit(store.ours);
    second.plugin_changes = vec![put("a", json!(2), Some(1))];
    second.events = vec![store.event(store.ours, "a.b", None)];
    let journal = store.journal();
    journal.commit(first).await.unwrap();

    let mut other = server(&store).connect("postgres").await;
    let mut blocking = other.begin().await.unwrap();
    // It is the journal that finds the circle, because this one never looks for one.
    raw_sql("SET LOCAL deadlock_timeout = '1h'; UPDATE event_sequence SET last = last")
        .execute(&mut *blocking)
        .await
        .unwrap();
    let batch = tokio::spawn(async move { journal.commit(second).await });
    somebody_waits(&mut blocking).await;
    raw_sql("UPDATE record SET updated_at = 0").execute(&mut *blocking).await.unwrap();
    blocking.commit().await.unwrap();
    assert_eq!(batch.await.unwrap().unwrap(), Committed::All);
    let mut tx = store.database.read().await.unwrap();
    let mut ours = tx.org(store.ours);
    assert_eq!(ours.records(&plugin("openai")).get("calls", "a").await.unwrap().unwrap().version, 2);
    assert_eq!(ours.events().list(0, &[], 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_change_by_one_hub_is_heard_by_all_and_after_a_loss_all_start_over() {
    let Some(store) = store().await else { return };
    let other = another(&store).await;
    let mut changes = [store.database.changes(), other.changes()];
    for changes in &mut changes {
        assert_eq!(next(changes).await, Some(Notice::Resync), "listening has begun");
    }
    for org in [store.ours, store.theirs] {
        let change = Change::Org { org };
        let mut tx = other.begin().await.unwrap();
        tx.hub().notify(change.clone()).await.unwrap();
        tx.commit().await.unwrap();
        for (changes, by_us) in changes.iter_mut().zip([false, true]) {
            let told = Told { notice: Notice::Changed(change.clone()), by_us };
            assert_eq!(changes.next_told().await, Some(told));
        }
        server(&store).end_connections().await;
        for changes in &mut changes {
            assert_eq!(next(changes).await, Some(Notice::Resync), "what was said meanwhile is lost");
        }
    }
    let mut newer = server(&store).connect("postgres").await;
    raw_sql("NOTIFY patchbay_changed, '{\"kind\":\"of tomorrow\"}'").execute(&mut newer).await.unwrap();
    assert_eq!(next(&mut changes[0]).await, Some(Notice::Resync), "what cannot be read may concern anything");
}

#[tokio::test]
async fn a_package_that_one_hub_keeps_is_there_for_all() {
    let Some(store) = store().await else { return };
    let other = another(&store).await;
    let (digest, bytes) = (Digest([3; 32]), vec![7; 3 << 20]);
    for _ in 0..2 {
        let mut tx = store.database.begin().await.unwrap();
        tx.hub().put_package(&digest, &bytes).await.unwrap();
        tx.commit().await.unwrap();
    }
    let package = async |database: &Database| database.read().await.unwrap().hub().package(&digest).await.unwrap();
    assert_eq!(package(&other).await, Some(bytes));
    let mut tx = other.begin().await.unwrap();
    assert!(!tx.hub().release_package(&digest).await.unwrap(), "nobody knows what it is of");
}

#[tokio::test]
async fn a_database_belongs_to_the_keys_that_came_first() {
    let Some(store) = store().await else { return };
    for (keys, own) in [([1; 32], true), ([2; 32], false), ([1; 32], true)] {
        let mut tx = another(&store).await.begin().await.unwrap();
        assert_eq!(tx.hub().has_key("pepper", &keys).await.unwrap(), own);
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn connections_that_the_server_ended_in_the_pool_are_replaced_unseen() {
    let Some(store) = store().await else { return };
    let journal = store.journal();
    for _ in 0..3 {
        let mut together = JoinSet::new();
        for _ in 0..10 {
            let (database, org) = (store.database.clone(), store.ours);
            together
                .spawn(async move { database.read().await.unwrap().org(org).installations().list().await.unwrap() });
        }
        together.join_all().await;
        server(&store).end_connections().await;
        assert_eq!(journal.commit(store.commit(store.ours)).await.unwrap(), Committed::All);
        let mut tx = store.database.begin().await.unwrap();
        assert_eq!(tx.hub().orgs(None, 10).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn who_settles_deliveries_keeps_nobody_waiting_who_queues_more_in_their_lane() {
    let Some(store) = store().await else { return };
    let (key, all) = crate::deliveries::queue(&store, store.ours, 1).await;
    let lease = Lease { node: Uuid::from_u128(1), until: store.later(15_000) };
    let mut tx = store.database.begin().await.unwrap();
    assert_eq!(tx.orgs([store.ours]).take_lanes(&[key], Some(lease), store.now()).await.unwrap().len(), 1);
    tx.commit().await.unwrap();
    let mut settling = store.database.begin().await.unwrap();
    assert_eq!(settling.orgs([store.ours]).held_lanes(&[key], lease.node).await.unwrap(), [key]);
    let mut queueing = store.database.begin().await.unwrap();
    let lanes = queueing.orgs([store.ours]).add_deliveries(&all, store.now()).await.unwrap();
    assert_eq!((lanes[0].added, lanes[0].held), (2, Some(lease)));
    queueing.commit().await.unwrap();
    let rest = Some((1, None));
    let state = LaneState { key, failures: 0, failing_since: None, paused_until: None, changed: false, rest };
    let at_rest = settling.orgs([store.ours]).put_lanes(&[state]).await.unwrap();
    assert_eq!(at_rest, [], "more was queued since it was counted");
    settling.commit().await.unwrap();
}
