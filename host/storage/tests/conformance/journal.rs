//! What the journal promises to those who hand runs over.

use patchbay_model::{OrgId, Random as _, SeededRandom, run::Basis, webhook::WebhookStatus};
use patchbay_storage::{
    Committed, Journal, RunCommit, RunFilter, StorageError, UsageFilter, UsageTotal, WebhookOutcome,
};
use serde_json::json;
use tokio::task::unconstrained;
use uuid::Uuid;

use crate::{
    Store,
    store::{plugin, put},
};

/// Hands all of these over while the writer cannot begin, so that all but the first share a batch. Polled without
/// tokio's budget, which would hold back the later ones of so many on one task.
async fn together(store: &Store, journal: &Journal, commits: Vec<RunCommit>) -> Vec<Result<Committed, StorageError>> {
    let blocking = store.database.begin().await.unwrap();
    let first = store.commit(store.ours);
    let mut waiting = vec![];
    for commit in std::iter::once(first).chain(commits) {
        let journal = journal.clone();
        let mut commit = Box::pin(async move { journal.commit(commit).await });
        // Polled once, it is in the queue: the order is ours.
        assert!(futures::poll!(unconstrained(&mut commit)).is_pending());
        waiting.push(commit);
    }
    drop(blocking);
    let mut ends = vec![];
    for commit in waiting {
        ends.push(commit.await);
    }
    ends.remove(0).unwrap();
    ends
}

pub async fn a_run_is_read_back_as_it_was_handed_over(store: Store) {
    let mut commit = store.commit(store.ours);
    commit.run.error_code = Some("plugin_trapped".to_owned());
    commit.run.error_detail = Some("unreachable \u{0} 'executed'".to_owned());
    commit.run.figures.peak_memory = u64::MAX;
    commit.usage = vec![store.usage(&commit.run, "tokens", 5, Some("x")), store.usage(&commit.run, "tokens", 6, None)];
    commit.events = vec![store.event(store.ours, "openai.done", Some("d"))];
    commit.events[0].run = Some(commit.run.id);
    assert_eq!(store.journal().commit(commit.clone()).await.unwrap(), Committed::All);

    let mut tx = store.database.read().await.unwrap();
    let mut ours = tx.org(store.ours);
    commit.run.figures.peak_memory = i64::MAX as u64;
    assert_eq!(ours.runs().get(commit.run.id).await.unwrap(), Some(commit.run));
    let mut usage = ours.usage().list(&UsageFilter::default(), None, 10).await.unwrap();
    usage.sort_by_key(|record| record.quantity);
    assert_eq!(usage, commit.usage);
    assert_eq!(ours.events().list(0, &[], 10).await.unwrap(), [(1, commit.events.remove(0))]);
}

pub async fn usage_with_the_same_id_is_billed_once(store: Store) {
    let journal = store.journal();
    let commit = |meter: &str, dedupe: Option<&str>| {
        let mut commit = store.commit(store.ours);
        commit.usage = vec![store.usage(&commit.run, meter, 10, dedupe)];
        commit
    };
    for next in [commit("in", Some("a")), commit("in", Some("a")), commit("in", Some("b")), commit("out", Some("a"))] {
        assert_eq!(journal.commit(next).await.unwrap(), Committed::All);
    }
    let ends = together(
        &store,
        &journal,
        vec![commit("in", Some("c")), commit("in", Some("c")), commit("in", None), commit("in", None)],
    )
    .await;
    assert!(ends.iter().all(Result::is_ok), "{ends:?}");

    let mut tx = store.database.read().await.unwrap();
    let totals = tx.org(store.ours).usage().totals(&UsageFilter::default()).await.unwrap();
    let quantities: Vec<_> = totals.iter().map(|total| (total.meter.as_str(), total.quantity)).collect();
    assert_eq!(quantities, [("in", 50), ("out", 10)]);
}

pub async fn events_with_the_same_id_are_published_once(store: Store) {
    let journal = store.journal();
    let commit = |source: Option<&str>, dedupe: Option<&str>| {
        let mut commit = store.commit(store.ours);
        let mut event = store.event(store.ours, "openai.done", dedupe);
        event.source = source.map(plugin);
        commit.events = vec![event];
        commit
    };
    let commits = vec![
        commit(Some("openai"), Some("a")),
        commit(Some("openai"), Some("a")),
        commit(Some("stripe"), Some("a")),
        commit(None, Some("a")),
        commit(None, Some("a")),
        commit(None, None),
        commit(None, None),
    ];
    let ends = together(&store, &journal, commits.clone()).await;
    assert!(ends.iter().all(Result::is_ok), "{ends:?}");

    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    let found = ours.events().list(0, &[], 100).await.unwrap();
    let sources: Vec<_> = found.iter().map(|(_, event)| event.source.clone()).collect();
    assert_eq!(sources, [Some(plugin("openai")), Some(plugin("stripe")), None, None, None]);
    assert_eq!(ours.events().append(&commits[3].events[0]).await.unwrap(), None);
}

pub async fn events_of_an_org_are_numbered_without_going_back(store: Store) {
    let journal = store.journal();
    let mut commits = vec![];
    for index in 0..40 {
        let org = if index % 3 == 0 { store.theirs } else { store.ours };
        let mut commit = store.commit(org);
        commit.events = vec![store.event(org, "a.b", None), store.event(org, "a.c", None)];
        commits.push(commit);
    }
    let late = commits.split_off(20);
    together(&store, &journal, commits.clone()).await;
    let mut tx = store.database.begin().await.unwrap();
    let between = store.event(store.ours, "hub.note", None);
    tx.org(store.ours).events().append(&between).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    together(&store, &journal, late.clone()).await;

    let mut tx = store.database.read().await.unwrap();
    let found = tx.org(store.ours).events().list(0, &[], 1_000).await.unwrap();
    assert!(found.is_sorted_by(|(a, _), (b, _)| a < b));
    let of = |commits: &[RunCommit]| -> Vec<_> {
        commits
            .iter()
            .flat_map(|commit| &commit.events)
            .filter(|event| event.org == store.ours)
            .map(|event| event.id)
            .collect()
    };
    let expected = [of(&commits), vec![between.id], of(&late)].concat();
    assert_eq!(found.iter().map(|(_, event)| event.id).collect::<Vec<_>>(), expected, "in the order handed over");
}

pub async fn what_nobody_waits_for_is_committed_although_many_vendors_wait(store: Store) {
    let journal = store.journal();
    let webhooks = (0..8).map(|index| store.webhook(store.ours, &format!("evt_{index}")));
    let mut receiving: Vec<_> = webhooks.map(|webhook| Box::pin(journal.receive(webhook))).collect();
    assert!(!journal.is_crowded());
    // on their way until their ends are looked at
    for webhook in &mut receiving {
        assert!(futures::poll!(webhook).is_pending());
    }
    assert!(journal.is_crowded());
    let commits = [store.commit(store.ours), store.commit(store.theirs)];
    let [one, other] = commits.clone().map(|commit| journal.commit_behind(commit));
    let (one, other) = tokio::join!(one, other);
    assert_eq!((one.unwrap(), other.unwrap()), (Committed::All, Committed::All));
    for webhook in receiving {
        assert!(webhook.await.unwrap());
    }
    assert!(!journal.is_crowded());
    let mut tx = store.database.read().await.unwrap();
    for commit in commits {
        assert!(tx.org(commit.run.org).runs().get(commit.run.id).await.unwrap().is_some());
    }
}

pub async fn a_lost_compare_and_swap_keeps_run_and_usage_and_nothing_else(store: Store) {
    let journal = store.journal();
    let webhook = store.webhook(store.ours, "evt_1");
    assert!(journal.receive(webhook.clone()).await.unwrap());
    let mut first = store.commit(store.ours);
    first.plugin_changes = vec![put("a", json!({ "n": 1 }), Some(0))];
    journal.commit(first).await.unwrap();

    let mut commit = store.commit(store.ours);
    commit.usage = vec![store.usage(&commit.run, "tokens", 5, None)];
    commit.events = vec![store.event(store.ours, "openai.done", None)];
    commit.plugin_changes = vec![put("b", json!({ "n": 2 }), None), put("a", json!({ "n": 2 }), Some(0))];
    commit.webhook = Some(WebhookOutcome {
        id: webhook.id,
        lease: webhook.next_attempt_at.unwrap(),
        status: WebhookStatus::Processed,
        reason: None,
        attempts: 1,
        next_attempt_at: None,
    });
    let end = journal.commit(commit.clone()).await.unwrap();
    assert_eq!(end, Committed::Conflict { collection: "calls".to_owned(), id: "a".to_owned() });

    let mut tx = store.database.read().await.unwrap();
    let mut ours = tx.org(store.ours);
    let run = ours.runs().get(commit.run.id).await.unwrap().unwrap();
    assert_eq!(run.error_code.as_deref(), Some("conflict"));
    assert!(run.error_detail.unwrap().contains("\"a\""));
    assert_eq!(ours.usage().list(&UsageFilter::default(), None, 10).await.unwrap(), commit.usage);
    assert_eq!(ours.events().list(0, &[], 10).await.unwrap(), []);
    assert_eq!(ours.webhooks().get(webhook.id).await.unwrap().unwrap().status, WebhookStatus::Pending);
    let documents = ours.records(&commit.run.plugin).query("calls", &[], None, 10).await.unwrap();
    assert_eq!(
        documents.iter().map(|d| (d.id.as_str(), d.version, &d.data)).collect::<Vec<_>>(),
        [("a", 1, &json!({ "n": 1 }))]
    );
}

pub async fn of_two_runs_in_one_batch_that_expect_the_same_version_the_first_wins(store: Store) {
    let journal = store.journal();
    let commit = |number: i64, expected: Option<u64>| {
        let mut commit = store.commit(store.ours);
        commit.plugin_changes = vec![put("a", json!({ "n": number }), expected)];
        commit
    };
    let ends =
        together(&store, &journal, vec![commit(1, Some(0)), commit(2, Some(0)), commit(3, Some(1)), commit(4, None)])
            .await;
    let won: Vec<bool> = ends.into_iter().map(|end| end.unwrap() == Committed::All).collect();
    assert_eq!(won, [true, false, true, true]);

    let mut tx = store.database.read().await.unwrap();
    let document = tx.org(store.ours).records(&plugin("openai")).get("calls", "a").await.unwrap().unwrap();
    assert_eq!((document.version, document.data), (3, json!({ "n": 4 })));
}

pub async fn a_refused_entry_does_not_harm_its_neighbours(store: Store) {
    let journal = store.journal();
    let good = store.commit(store.ours);
    let homeless = store.commit(OrgId(Uuid::from_u128(1)));
    let repeat = good.clone();
    let last = store.commit(store.theirs);
    let ends = together(&store, &journal, vec![good.clone(), homeless, repeat, last.clone()]).await;
    assert_eq!(ends[0].as_ref().unwrap(), &Committed::All);
    assert!(matches!(ends[1], Err(StorageError::Missing(_))), "{:?}", ends[1]);
    assert!(matches!(ends[2], Err(StorageError::AlreadyExists(_))), "{:?}", ends[2]);
    assert_eq!(ends[3].as_ref().unwrap(), &Committed::All);

    assert_eq!(journal.commit(store.commit(store.ours)).await.unwrap(), Committed::All, "the writer goes on");
    let mut tx = store.database.read().await.unwrap();
    assert!(tx.org(store.ours).runs().get(good.run.id).await.unwrap().is_some());
    assert!(tx.org(store.theirs).runs().get(last.run.id).await.unwrap().is_some());
}

pub async fn an_entry_that_the_database_cannot_take_does_not_harm_its_neighbours(store: Store) {
    let journal = store.journal();
    let good = store.commit(store.ours);
    let mut bottomless = store.commit(store.ours);
    // SQLite follows a thousand levels; PostgreSQL takes no text of a third of a page into an index, as far as
    // it cannot be compressed
    let deep = (0..1_100).fold(json!(1), |inner, _| serde_json::Value::Array(vec![inner]));
    let mut bytes = [0; 8_192];
    SeededRandom::new(1).fill(&mut bytes);
    let long: String = bytes.iter().map(|byte| char::from(b'a' + byte % 26)).collect();
    let mut event = store.event(store.ours, "openai.done", Some(&long));
    event.data = deep;
    bottomless.events = vec![event];
    let last = store.commit(store.theirs);
    let ends = together(&store, &journal, vec![good.clone(), bottomless, last.clone()]).await;
    assert_eq!(ends[0].as_ref().unwrap(), &Committed::All);
    assert!(ends[1].is_err(), "{:?}", ends[1]);
    assert_eq!(ends[2].as_ref().unwrap(), &Committed::All);
}

pub async fn large_documents_that_come_together_are_all_stored(store: Store) {
    let journal = store.journal();
    let text = "x".repeat(1 << 20);
    let commits: Vec<RunCommit> = (0..40)
        .map(|number| {
            let mut commit = store.commit(store.ours);
            commit.plugin_changes = vec![put(&format!("n{number}"), json!(text), None)];
            commit
        })
        .collect();
    let ends = together(&store, &journal, commits).await;
    assert!(ends.iter().all(|end| matches!(end, Ok(Committed::All))), "{ends:?}");
}

pub async fn what_was_handed_over_before_a_shutdown_is_committed(store: Store) {
    let journal = store.journal();
    let blocking = store.database.begin().await.unwrap();
    let mut waiting = vec![];
    for _ in 0..600 {
        let (journal, commit) = (journal.clone(), store.commit(store.ours));
        let mut commit = Box::pin(async move { journal.commit(commit).await });
        assert!(futures::poll!(unconstrained(&mut commit)).is_pending());
        waiting.push(commit);
    }
    let mut shutdown = Box::pin(journal.shutdown());
    assert!(futures::poll!(unconstrained(&mut shutdown)).is_pending());
    drop(blocking);
    shutdown.await;

    for commit in waiting {
        assert_eq!(commit.await.unwrap(), Committed::All);
    }
    assert!(matches!(journal.commit(store.commit(store.ours)).await, Err(StorageError::Closed)));
    journal.shutdown().await;
    let mut tx = store.database.read().await.unwrap();
    let filter = RunFilter { limit: 1_000, ..RunFilter::default() };
    assert_eq!(tx.org(store.ours).runs().list(&filter).await.unwrap().len(), 600);
}

pub async fn a_caller_that_stands_still_does_not_hold_up_a_shutdown(store: Store) {
    let journal = store.journal();
    let mut standing = vec![];
    // Past tokio's budget of a task, a caller has a place in the queue and has not filled it.
    for _ in 0..300 {
        let mut commit = Box::pin(journal.commit(store.commit(store.ours)));
        assert!(futures::poll!(&mut commit).is_pending());
        standing.push(commit);
    }
    journal.shutdown().await;
    for commit in standing {
        assert!(matches!(commit.await, Ok(Committed::All) | Err(StorageError::Closed)));
    }
}

pub async fn a_commit_goes_on_when_its_caller_goes_away(store: Store) {
    let journal = store.journal();
    let commit = store.commit(store.ours);
    let id = commit.run.id;
    let mut abandoned = Box::pin(journal.commit(commit));
    assert!(futures::poll!(unconstrained(&mut abandoned)).is_pending());
    drop(abandoned);
    journal.shutdown().await;
    let mut tx = store.database.read().await.unwrap();
    assert!(tx.org(store.ours).runs().get(id).await.unwrap().is_some());
}

pub async fn totals_add_up_even_for_the_largest_quantities(store: Store) {
    let mut commit = store.commit(store.ours);
    commit.usage = (0..3).map(|_| store.usage(&commit.run, "big", u64::MAX, None)).collect();
    commit.usage.push(store.usage(&commit.run, "small", 1_234_567, None));
    commit.usage.push(store.usage(&commit.run, "small", 7, None));
    let mut estimated = store.usage(&commit.run, "small", 1, None);
    estimated.basis = Basis::Estimated;
    commit.usage.push(estimated);
    store.journal().commit(commit).await.unwrap();

    let mut tx = store.database.read().await.unwrap();
    let totals = tx.org(store.ours).usage().totals(&UsageFilter::default()).await.unwrap();
    let total = |meter: &str, basis, quantity| UsageTotal {
        plugin: plugin("openai"),
        meter: meter.to_owned(),
        basis,
        quantity,
    };
    assert_eq!(
        totals,
        [
            total("big", Basis::Reported, u64::MAX),
            total("small", Basis::Estimated, 1),
            total("small", Basis::Reported, 1_234_574),
        ]
    );
}
