//! What vendors send in, kept once.

use patchbay_model::{
    InstallationId, OrgId, Timestamp, WebhookId,
    webhook::{Replay, WebhookStatus},
};
use patchbay_storage::{
    Committed, DueWebhook, ReplayFilter, StorageError, TakeWebhook, Tx, UsageFilter, WebhookFilter, WebhookOutcome,
};
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    Store,
    store::{plugin, put},
};

/// Takes one; false if it is not due at that time any more.
async fn take(tx: &mut Tx, org: OrgId, id: WebhookId, since: Timestamp, until: Timestamp) -> bool {
    let due = DueWebhook { org, id, plugin: plugin("stripe"), since };
    let taken = tx.orgs([org]).take_webhooks(&[TakeWebhook { due, until }]).await.unwrap();
    assert!(taken.iter().all(|webhook| (webhook.id, webhook.next_attempt_at) == (id, Some(until))));
    !taken.is_empty()
}

pub async fn of_a_hundred_concurrent_copies_one_is_new(store: Store) {
    let journal = store.journal();
    let mut senders = JoinSet::new();
    for index in 0..100 {
        let (journal, database, webhook) =
            (journal.clone(), store.database.clone(), store.webhook(store.ours, "evt_1"));
        senders.spawn(async move {
            // Both ways in lead to the same unique key.
            if index % 10 == 0 {
                let mut tx = database.begin().await.unwrap();
                let new = tx.org(webhook.org).webhooks().insert_if_new(&webhook).await.unwrap();
                tx.commit().await.unwrap();
                new
            } else {
                journal.receive(webhook).await.unwrap()
            }
        });
    }
    let ends = senders.join_all().await;
    assert_eq!(ends.iter().filter(|new| **new).count(), 1);
    let mut tx = store.database.read().await.unwrap();
    let filter = WebhookFilter { limit: 1_000, ..WebhookFilter::default() };
    assert_eq!(tx.org(store.ours).webhooks().list(&filter).await.unwrap().len(), 1);
}

pub async fn the_same_vendor_id_at_two_installations_is_two_webhooks(store: Store) {
    let journal = store.journal();
    let first = store.webhook(store.ours, "evt_1");
    let mut second = store.webhook(store.ours, "evt_1");
    second.installation = InstallationId(Uuid::from_u128(10));
    assert!(journal.receive(first).await.unwrap());
    assert!(journal.receive(second.clone()).await.unwrap());
    second.id.0 = Uuid::from_u128(77);
    assert!(!journal.receive(second).await.unwrap());
}

pub async fn a_webhook_is_read_back_byte_for_byte(store: Store) {
    let journal = store.journal();
    let mut all = [
        store.webhook(store.ours, "evt_1"),
        store.webhook(store.ours, "evt_\u{0}2"),
        store.webhook(store.ours, "evt_\u{0}3"),
    ];
    all[0].body = (0..=255).collect();
    all[1].body = vec![];
    all[1].occurred_at = None;
    all[2].reason = Some("it \"failed\"".to_owned());
    all[2].next_attempt_at = None;
    let blocking = store.database.begin().await.unwrap();
    let mut waiting: Vec<_> = all.iter().map(|webhook| Box::pin(journal.receive(webhook.clone()))).collect();
    for webhook in &mut waiting {
        assert!(futures::poll!(webhook).is_pending());
    }
    drop(blocking);
    for webhook in waiting {
        assert!(webhook.await.unwrap());
    }
    let mut tx = store.database.read().await.unwrap();
    for webhook in all {
        assert_eq!(tx.org(store.ours).webhooks().get(webhook.id).await.unwrap(), Some(webhook));
    }
}

pub async fn bodies_larger_than_one_statement_are_stored(store: Store) {
    let journal = store.journal();
    let mut senders = JoinSet::new();
    for index in 0..7_u8 {
        let mut webhook = store.webhook(store.ours, &format!("evt_{index}"));
        webhook.body = vec![index; if index == 3 { 5 << 20 } else { 1 << 20 }];
        let journal = journal.clone();
        senders.spawn(async move { (webhook.clone(), journal.receive(webhook).await.unwrap()) });
    }
    let ends = senders.join_all().await;
    let mut tx = store.database.read().await.unwrap();
    for (webhook, new) in ends {
        assert!(new);
        assert_eq!(tx.org(store.ours).webhooks().get(webhook.id).await.unwrap().unwrap().body, webhook.body);
    }
}

pub async fn refused_ones_are_kept_under_their_own_ids(store: Store) {
    let journal = store.journal();
    for _ in 0..2 {
        let mut webhook = store.webhook(store.ours, "");
        webhook.vendor_id = webhook.id.to_string();
        webhook.status = WebhookStatus::Refused;
        webhook.reason = Some("no signature".to_owned());
        webhook.next_attempt_at = None;
        assert!(journal.receive(webhook).await.unwrap());
    }
    let mut tx = store.database.read().await.unwrap();
    let filter = WebhookFilter { status: Some(WebhookStatus::Refused), limit: 10, ..WebhookFilter::default() };
    assert_eq!(tx.org(store.ours).webhooks().list(&filter).await.unwrap().len(), 2);
    assert_eq!(tx.hub().due_webhooks(store.later(1_000_000), 10).await.unwrap(), []);
}

pub async fn due_ones_come_the_longest_due_first_and_only_when_pending(store: Store) {
    let mut tx = store.database.begin().await.unwrap();
    let now = store.now();
    let mut ids = vec![];
    for (index, (org, wait)) in [(store.ours, 30), (store.theirs, 10), (store.ours, 20)].into_iter().enumerate() {
        let mut webhook = store.webhook(org, &format!("evt_{index}"));
        webhook.next_attempt_at = Some(now + chrono::Duration::milliseconds(wait));
        tx.org(org).webhooks().insert_if_new(&webhook).await.unwrap();
        ids.push(webhook.id);
    }
    let due = async |tx: &mut patchbay_storage::Tx, wait| -> Vec<_> {
        let at = now + chrono::Duration::milliseconds(wait);
        tx.hub().due_webhooks(at, 10).await.unwrap().into_iter().map(|webhook| webhook.id).collect()
    };
    assert_eq!(due(&mut tx, 9).await, []);
    assert_eq!(due(&mut tx, 20).await, [ids[1], ids[2]]);
    let outcome = WebhookOutcome {
        id: ids[1],
        lease: now + chrono::Duration::milliseconds(10),
        status: WebhookStatus::Failed,
        reason: Some("down".to_owned()),
        attempts: 9,
        next_attempt_at: None,
    };
    assert!(tx.org(store.theirs).webhooks().settle(&outcome).await.unwrap());
    assert!(!tx.org(store.theirs).webhooks().settle(&outcome).await.unwrap(), "it is not pending any more");
    assert_eq!(due(&mut tx, 99).await, [ids[2], ids[0]]);
}

pub async fn a_run_settles_the_webhook_that_it_worked_on(store: Store) {
    let journal = store.journal();
    let webhook = store.webhook(store.ours, "evt_1");
    assert!(journal.receive(webhook.clone()).await.unwrap());
    let mut commit = store.commit(store.ours);
    let later = store.later(60_000);
    commit.webhook = Some(WebhookOutcome {
        id: webhook.id,
        lease: webhook.next_attempt_at.unwrap(),
        status: WebhookStatus::Pending,
        reason: Some("the vendor was down".to_owned()),
        attempts: 1,
        next_attempt_at: Some(later),
    });
    journal.commit(commit).await.unwrap();
    let mut tx = store.database.read().await.unwrap();
    let found = tx.org(store.ours).webhooks().get(webhook.id).await.unwrap().unwrap();
    assert_eq!((found.attempts, found.next_attempt_at), (1, Some(later)));
    assert_eq!(found.reason.as_deref(), Some("the vendor was down"));
}

pub async fn of_those_who_take_a_webhook_at_once_one_gets_it(store: Store) {
    let webhook = store.webhook(store.ours, "evt_1");
    let (due, until) = (webhook.next_attempt_at.unwrap(), store.later(60_000));
    assert!(store.journal().receive(webhook.clone()).await.unwrap());
    let mut takers = JoinSet::new();
    for _ in 0..20 {
        let (database, org, id) = (store.database.clone(), store.ours, webhook.id);
        takers.spawn(async move {
            let mut tx = database.begin().await.unwrap();
            let taken = take(&mut tx, org, id, due, until).await;
            tx.commit().await.unwrap();
            taken
        });
    }
    assert_eq!(takers.join_all().await.into_iter().filter(|taken| *taken).count(), 1);
    let mut tx = store.database.begin().await.unwrap();
    assert!(!take(&mut tx, store.theirs, webhook.id, until, due).await, "it is another org's");
    let one_before = until - chrono::Duration::microseconds(1);
    assert_eq!(tx.hub().due_webhooks(one_before, 10).await.unwrap(), []);
    assert_eq!(tx.hub().due_webhooks(until, 10).await.unwrap().len(), 1, "whoever took it may be gone");
}

pub async fn webhooks_of_many_orgs_are_looked_through_and_taken_up_together(store: Store) {
    let journal = store.journal();
    let mut sent = vec![];
    for index in 0..6 {
        let org = if index % 2 == 0 { store.ours } else { store.theirs };
        let mut webhook = store.webhook(org, &format!("evt_{index}"));
        // two at a time
        webhook.next_attempt_at = Some(store.now() + chrono::Duration::milliseconds(index / 2));
        assert!(journal.receive(webhook.clone()).await.unwrap());
        sent.push(webhook);
    }
    let (now, until) = (store.later(1_000), store.later(60_000));
    let mut tx = store.database.begin().await.unwrap();
    let mut due: Vec<DueWebhook> = vec![];
    loop {
        let page = tx.hub().due_webhooks_after(due.last(), now, 4).await.unwrap();
        if page.is_empty() {
            break;
        }
        due.extend(page);
    }
    let order = |webhook: &DueWebhook| (webhook.since, webhook.id);
    assert!(due.len() == sent.len() && due.is_sorted_by_key(order), "{due:?}");
    // one is done meanwhile, and one is due at another time
    let done = WebhookOutcome {
        id: due[0].id,
        lease: due[0].since,
        status: WebhookStatus::Processed,
        reason: None,
        attempts: 1,
        next_attempt_at: None,
    };
    assert!(tx.org(due[0].org).webhooks().settle(&done).await.unwrap());
    assert!(take(&mut tx, due[1].org, due[1].id, due[1].since, until).await);
    let found = tx.orgs([store.ours, store.theirs]).webhooks_due(&due).await.unwrap();
    let wanted: Vec<_> = due.iter().map(|due| TakeWebhook { due: due.clone(), until }).collect();
    let mut taken = tx.orgs([store.ours, store.theirs]).take_webhooks(&wanted).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(found.len(), 4);
    taken.sort_by_key(|webhook| webhook.id);
    for webhook in &mut sent {
        webhook.next_attempt_at = Some(until);
    }
    sent.retain(|webhook| due[2..].iter().any(|due| due.id == webhook.id));
    sent.sort_by_key(|webhook| webhook.id);
    assert_eq!(taken, sent, "whole, as they are from now on");
}

pub async fn who_has_lost_a_webhooks_lease_keeps_nothing_but_the_run(store: Store) {
    let journal = store.journal();
    let webhook = store.webhook(store.ours, "evt_1");
    let (due, until, anew) = (webhook.next_attempt_at.unwrap(), store.later(60_000), store.later(120_000));
    assert!(journal.receive(webhook.clone()).await.unwrap());
    let mut tx = store.database.begin().await.unwrap();
    assert!(take(&mut tx, store.ours, webhook.id, due, until).await);
    tx.commit().await.unwrap();
    let outcome = |lease, status| WebhookOutcome {
        id: webhook.id,
        lease,
        status,
        reason: None,
        attempts: 1,
        next_attempt_at: None,
    };
    let work = |lease| {
        let mut commit = store.commit(store.ours);
        commit.usage = vec![store.usage(&commit.run, "tokens", 5, None)];
        commit.events = vec![store.event(store.ours, "openai.done", None)];
        commit.plugin_changes = vec![put("a", json!(1), None)];
        commit.webhook = Some(outcome(lease, WebhookStatus::Processed));
        commit
    };
    // The lease has ended, and another hub takes it up.
    let mut tx = store.database.begin().await.unwrap();
    assert!(take(&mut tx, store.ours, webhook.id, until, anew).await);
    assert!(!tx.org(store.ours).webhooks().settle(&outcome(until, WebhookStatus::Failed)).await.unwrap());
    tx.commit().await.unwrap();
    let late = work(until);
    assert_eq!(journal.commit(late.clone()).await.unwrap(), Committed::WebhookLost);
    let mut tx = store.database.read().await.unwrap();
    let mut ours = tx.org(store.ours);
    assert_eq!(ours.webhooks().get(webhook.id).await.unwrap().unwrap().next_attempt_at, Some(anew));
    assert_eq!(ours.runs().get(late.run.id).await.unwrap().unwrap().error_code.as_deref(), Some("conflict"));
    assert_eq!(ours.usage().list(&UsageFilter::default(), None, 10).await.unwrap(), late.usage);
    assert_eq!(ours.events().list(0, &[], 10).await.unwrap(), []);
    assert_eq!(ours.records(&plugin("openai")).get("calls", "a").await.unwrap(), None);
    drop(tx);

    // Who has it may; and of two in one batch, one.
    let blocking = store.database.begin().await.unwrap();
    let mut waiting: Vec<_> = [work(anew), work(anew)].map(|commit| Box::pin(journal.commit(commit))).into();
    for commit in &mut waiting {
        assert!(futures::poll!(commit).is_pending());
    }
    drop(blocking);
    let mut ends = vec![];
    for commit in waiting {
        ends.push(commit.await.unwrap());
    }
    assert_eq!(ends, [Committed::All, Committed::WebhookLost]);
    let mut tx = store.database.read().await.unwrap();
    let mut ours = tx.org(store.ours);
    assert_eq!(ours.webhooks().get(webhook.id).await.unwrap().unwrap().status, WebhookStatus::Processed);
    assert_eq!(ours.events().list(0, &[], 10).await.unwrap().len(), 1);
}

pub async fn what_has_failed_is_replayed_once(store: Store) {
    let mut webhook = store.webhook(store.ours, "evt_1");
    (webhook.status, webhook.attempts, webhook.next_attempt_at) = (WebhookStatus::Failed, 8, None);
    webhook.reason = Some("down".to_owned());
    let how = Replay { version: Some("1.2.0".to_owned()), unverified: false };
    let mut tx = store.database.begin().await.unwrap();
    assert!(tx.org(store.ours).webhooks().insert_if_new(&webhook).await.unwrap());
    assert!(!tx.org(store.theirs).webhooks().replay(&webhook, &how, store.now()).await.unwrap(), "it is another org's");
    assert!(tx.org(store.ours).webhooks().replay(&webhook, &how, store.now()).await.unwrap());
    assert!(!tx.org(store.ours).webhooks().replay(&webhook, &how, store.now()).await.unwrap());
    let found = tx.org(store.ours).webhooks().get(webhook.id).await.unwrap().unwrap();
    assert_eq!((found.status, found.attempts, &found.reason), (WebhookStatus::Pending, 0, &None));
    assert_eq!((found.next_attempt_at, &found.replay), (Some(store.now()), &Some(how)));
    // one that waits for its next try can be tried now, and who worked on it is not believed any more
    let (later, plain) = (store.later(1_000), Replay::default());
    assert!(tx.org(store.ours).webhooks().replay(&found, &plain, later).await.unwrap());
    let outcome = WebhookOutcome {
        id: webhook.id,
        lease: found.next_attempt_at.unwrap(),
        status: WebhookStatus::Processed,
        reason: None,
        attempts: 1,
        next_attempt_at: None,
    };
    assert!(!tx.org(store.ours).webhooks().settle(&outcome).await.unwrap());
    assert_eq!(tx.org(store.ours).webhooks().get(webhook.id).await.unwrap().unwrap().replay, None);
}

pub async fn those_of_a_span_of_time_are_replayed_in_portions(store: Store) {
    let mut tx = store.database.begin().await.unwrap();
    let mut stored = vec![];
    for (index, status) in [WebhookStatus::Failed, WebhookStatus::Refused, WebhookStatus::Failed, WebhookStatus::Failed]
        .into_iter()
        .enumerate()
    {
        let mut webhook = store.webhook(store.ours, &format!("evt_{index}"));
        (webhook.status, webhook.next_attempt_at) = (status, None);
        assert!(tx.org(store.ours).webhooks().insert_if_new(&webhook).await.unwrap());
        stored.push(webhook);
    }
    let mut foreign = store.webhook(store.theirs, "evt_0");
    (foreign.status, foreign.next_attempt_at) = (WebhookStatus::Failed, None);
    assert!(tx.org(store.theirs).webhooks().insert_if_new(&foreign).await.unwrap());

    let all = ReplayFilter {
        status: WebhookStatus::Failed,
        plugin: None,
        since: Some(stored[0].received_at),
        until: None,
        after: None,
        limit: 2,
    };
    let elsewhere = ReplayFilter { plugin: Some(plugin("openai")), ..all.clone() };
    let now = store.now();
    assert_eq!(tx.org(store.ours).webhooks().replay_many(&elsewhere, None, now).await.unwrap(), []);
    let first = tx.org(store.ours).webhooks().replay_many(&all, Some("2.0.0"), now).await.unwrap();
    assert_eq!(first, [stored[0].id, stored[2].id]);
    let rest = ReplayFilter { after: first.last().copied(), ..all.clone() };
    assert_eq!(tx.org(store.ours).webhooks().replay_many(&rest, None, now).await.unwrap(), [stored[3].id]);
    assert_eq!(tx.org(store.ours).webhooks().replay_many(&all, None, now).await.unwrap(), []);
    let refused = ReplayFilter { status: WebhookStatus::Refused, ..all };
    assert_eq!(tx.org(store.ours).webhooks().replay_many(&refused, None, now).await.unwrap(), [stored[1].id]);
    let replay = async |tx: &mut patchbay_storage::Tx, index: usize| {
        tx.org(store.ours).webhooks().get(stored[index].id).await.unwrap().unwrap().replay
    };
    let version = |text: &str| Some(Replay { version: Some(text.to_owned()), unverified: false });
    assert_eq!(replay(&mut tx, 0).await, version("2.0.0"));
    assert_eq!(replay(&mut tx, 1).await, Some(Replay { version: None, unverified: true }));
    assert_eq!(tx.org(store.theirs).webhooks().get(foreign.id).await.unwrap().unwrap().status, WebhookStatus::Failed);
}

pub async fn what_is_genuine_after_all_gets_its_name_unless_that_is_taken(store: Store) {
    let mut tx = store.database.begin().await.unwrap();
    let mut refused = vec![];
    for _ in 0..2 {
        let mut webhook = store.webhook(store.ours, "");
        webhook.vendor_id = webhook.id.to_string();
        (webhook.status, webhook.next_attempt_at, webhook.occurred_at) = (WebhookStatus::Refused, None, None);
        assert!(tx.org(store.ours).webhooks().insert_if_new(&webhook).await.unwrap());
        let how = Replay { version: None, unverified: true };
        assert!(tx.org(store.ours).webhooks().replay(&webhook, &how, store.now()).await.unwrap());
        refused.push((webhook.id, store.now()));
    }
    let ours = async |tx: &mut patchbay_storage::Tx, (id, lease)| {
        tx.org(store.ours).webhooks().verified(id, lease, "evt_1", "ping", Some(store.now())).await
    };
    assert!(!ours(&mut tx, (refused[0].0, refused[1].1)).await.unwrap(), "the lease is another");
    assert!(ours(&mut tx, refused[0]).await.unwrap());
    let found = tx.org(store.ours).webhooks().get(refused[0].0).await.unwrap().unwrap();
    assert_eq!((found.vendor_id.as_str(), found.kind.as_str(), found.replay), ("evt_1", "ping", None));
    let taken = ours(&mut tx, refused[1]).await;
    assert!(matches!(taken, Err(StorageError::AlreadyExists(_))), "{taken:?}");
}
