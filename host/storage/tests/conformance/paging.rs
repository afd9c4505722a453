//! Lists by cursor.

use patchbay_model::webhook::WebhookSummary;
use patchbay_storage::{AuditFilter, RunFilter, UsageFilter, WebhookFilter};

use crate::{
    Store,
    isolation::{api_key, audit},
    store::plugin,
};

pub async fn runs_page_backwards_without_gaps_or_repeats(store: Store) {
    let journal = store.journal();
    let mut ids = vec![];
    for _ in 0..25 {
        let commit = store.commit(store.ours);
        ids.insert(0, commit.run.id);
        journal.commit(commit).await.unwrap();
    }
    let mut tx = store.database.read().await.unwrap();
    let mut found = vec![];
    loop {
        let filter = RunFilter { before: found.last().copied(), limit: 10, ..RunFilter::default() };
        let page = tx.org(store.ours).runs().list(&filter).await.unwrap();
        if page.is_empty() {
            break;
        }
        found.extend(page.into_iter().map(|run| run.id));
    }
    assert_eq!(found, ids);
}

pub async fn runs_are_filtered_by_plugin_and_by_success(store: Store) {
    let journal = store.journal();
    for (name, code) in [("openai", None), ("openai", Some("timeout")), ("stripe", None), ("stripe", Some("internal"))]
    {
        let mut commit = store.commit(store.ours);
        commit.run.plugin = plugin(name);
        commit.run.error_code = code.map(str::to_owned);
        journal.commit(commit).await.unwrap();
    }
    let mut tx = store.database.read().await.unwrap();
    for (wanted_plugin, succeeded, expected) in [
        (None, None, 4),
        (None, Some(true), 2),
        (None, Some(false), 2),
        (Some("stripe"), None, 2),
        (Some("stripe"), Some(true), 1),
        (Some("stripe"), Some(false), 1),
        (Some("other"), None, 0),
    ] {
        let filter = RunFilter { plugin: wanted_plugin.map(plugin), succeeded, before: None, limit: 10 };
        let found = tx.org(store.ours).runs().list(&filter).await.unwrap();
        assert_eq!(found.len(), expected, "{filter:?}");
        assert!(found.iter().all(|run| succeeded.is_none_or(|wanted| run.error_code.is_none() == wanted)));
        assert!(found.iter().all(|run| wanted_plugin.is_none_or(|wanted| run.plugin == plugin(wanted))));
    }
}

pub async fn usage_pages_and_is_filtered_by_time(store: Store) {
    let journal = store.journal();
    let mut commit = store.commit(store.ours);
    for quantity in 1..=5 {
        store.tick();
        commit.usage.push(store.usage(&commit.run, "tokens", quantity, None));
    }
    journal.commit(commit.clone()).await.unwrap();
    let at = |index: usize| Some(commit.usage[index].at);
    let mut tx = store.database.read().await.unwrap();
    let mut ours = tx.org(store.ours);

    let all = UsageFilter::default();
    let first = ours.usage().list(&all, None, 3).await.unwrap();
    let second = ours.usage().list(&all, Some(first[2].id), 3).await.unwrap();
    let quantities: Vec<u64> = first.iter().chain(&second).map(|record| record.quantity).collect();
    assert_eq!(quantities, [5, 4, 3, 2, 1]);
    let some = UsageFilter { plugin: Some(plugin("openai")), from: at(1), to: at(4) };
    assert_eq!(ours.usage().totals(&some).await.unwrap()[0].quantity, 2 + 3 + 4);
    assert_eq!(ours.usage().list(&some, None, 10).await.unwrap().len(), 3);
    let other = UsageFilter { plugin: Some(plugin("stripe")), ..UsageFilter::default() };
    assert_eq!(ours.usage().totals(&other).await.unwrap(), []);
}

pub async fn events_page_forwards_and_are_filtered_by_type(store: Store) {
    let kinds = ["stripe.invoice.paid", "stripe.invoice.failed", "stripe.charge", "stripes.invoice.paid", "stripe"];
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    for kind in kinds {
        ours.events().append(&store.event(store.ours, kind, None)).await.unwrap().unwrap();
    }
    let first = ours.events().list(0, &[], 2).await.unwrap();
    let rest = ours.events().list(first[1].0, &[], 10).await.unwrap();
    let found: Vec<_> = first.iter().chain(&rest).map(|(_, event)| event.kind.as_str()).collect();
    assert_eq!(found, kinds);
    for (wanted, expected) in [
        (vec!["stripe.charge"], vec![kinds[2]]),
        (vec!["stripe.*"], vec![kinds[0], kinds[1], kinds[2]]),
        (vec!["stripe.invoice.*", "stripe"], vec![kinds[0], kinds[1], kinds[4]]),
        (vec!["stripe.%"], vec![]),
        (vec!["*"], kinds.to_vec()),
    ] {
        let wanted: Vec<String> = wanted.into_iter().map(str::to_owned).collect();
        let found = ours.events().list(0, &wanted, 10).await.unwrap();
        assert_eq!(found.iter().map(|(_, event)| event.kind.as_str()).collect::<Vec<_>>(), expected, "{wanted:?}");
    }
}

pub async fn webhooks_and_the_audit_log_page_backwards(store: Store) {
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    let (mut webhooks, mut entries) = (vec![], vec![]);
    for index in 0..3 {
        let webhook = store.webhook(store.ours, &index.to_string());
        ours.webhooks().insert_if_new(&webhook).await.unwrap();
        webhooks.insert(0, WebhookSummary::from(webhook));
        let entry = audit(&store, store.ours);
        ours.audit().append(&entry).await.unwrap();
        entries.insert(0, entry);
    }
    let page = |before| WebhookFilter { before, limit: 2, plugin: Some(plugin("stripe")), ..WebhookFilter::default() };
    assert_eq!(ours.webhooks().list(&page(None)).await.unwrap(), webhooks[..2]);
    assert_eq!(ours.webhooks().list(&page(Some(webhooks[1].id))).await.unwrap(), webhooks[2..]);
    let other = WebhookFilter { plugin: Some(plugin("openai")), ..page(None) };
    assert_eq!(ours.webhooks().list(&other).await.unwrap(), []);
    let page = |before| AuditFilter { before, limit: 2, ..AuditFilter::default() };
    let first = ours.audit().list(&page(None)).await.unwrap();
    assert_eq!(
        first.iter().map(|line| (line.seq, &line.entry)).collect::<Vec<_>>(),
        [(3, &entries[0]), (2, &entries[1])]
    );
    let rest = ours.audit().list(&page(Some(2))).await.unwrap();
    assert_eq!(rest.into_iter().map(|line| line.entry).collect::<Vec<_>>(), entries[2..]);
}

pub async fn orgs_and_keys_page_forwards(store: Store) {
    store.tick();
    let third = store.new_org("third").await;
    let mut tx = store.database.begin().await.unwrap();
    let first = tx.hub().orgs(None, 2).await.unwrap();
    assert_eq!(first.len(), 2);
    let second = tx.hub().orgs(Some(first[1].id), 2).await.unwrap();
    assert_eq!(second.iter().map(|org| org.id).collect::<Vec<_>>(), [third]);

    let keys = [api_key(&store, store.ours), api_key(&store, store.ours)];
    let mut ours = tx.org(store.ours);
    for (key, hash) in keys.iter().zip([[1; 32], [2; 32]]) {
        ours.api_keys().insert(key, &hash).await.unwrap();
    }
    assert_eq!(ours.api_keys().list(None, 1).await.unwrap(), keys[..1]);
    assert_eq!(ours.api_keys().list(Some(keys[0].id), 9).await.unwrap(), keys[1..]);
}
