//! The log of events: looked through, and heard of.

use patchbay_model::OrgId;
use patchbay_storage::{EventFilter, Fresh, Published};

use crate::{
    Store,
    store::{Home, plugin},
};

/// Publishes outside of a run.
async fn publish(store: &Store, org: OrgId, kinds: &[&str]) {
    let mut tx = store.database.begin().await.unwrap();
    for kind in kinds {
        store.tick();
        let mut event = store.event(org, kind, None);
        event.source = kind.split_once('.').filter(|(by, _)| *by != "connection").map(|(by, _)| plugin(by));
        event.subject = format!("about {kind}");
        tx.org(org).events().append(&event).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn kinds(store: &Store, filter: EventFilter) -> Vec<String> {
    let mut tx = store.database.read().await.unwrap();
    let page = tx.org(store.ours).events().scan(0, &filter, 100).await.unwrap();
    assert!(!page.more);
    page.events.into_iter().map(|(_, event)| event.kind).collect()
}

pub async fn the_log_is_filtered_by_type_source_subject_and_time(store: Store) {
    publish(&store, store.ours, &["stripe.invoice.paid", "connection.lost", "stripes.x", "telnyx.call"]).await;
    let filter = EventFilter::default;
    let named =
        |kinds: &[&str]| EventFilter { kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(), ..filter() };
    assert_eq!(kinds(&store, named(&["stripe.*"])).await, ["stripe.invoice.paid"]);
    assert_eq!(kinds(&store, named(&["telnyx.call", "stripes.x"])).await, ["stripes.x", "telnyx.call"]);
    assert_eq!(kinds(&store, named(&["*"])).await.len(), 4);
    assert_eq!(kinds(&store, named(&["stripe.invoice"])).await, Vec::<String>::new());
    assert_eq!(kinds(&store, EventFilter { source: Some("telnyx".into()), ..filter() }).await, ["telnyx.call"]);
    assert_eq!(kinds(&store, EventFilter { source: Some(String::new()), ..filter() }).await, ["connection.lost"]);
    let subject = Some("about stripes.x".to_owned());
    assert_eq!(kinds(&store, EventFilter { subject, ..filter() }).await, ["stripes.x"]);
    let (from, to) = (Some(store.later(-1)), Some(store.now()));
    assert_eq!(kinds(&store, EventFilter { from, to, ..filter() }).await, ["stripes.x"]);
}

pub async fn a_look_through_the_log_ends_although_nothing_matches(store: Store) {
    let mut commit = store.commit(store.ours);
    commit.events = (0..10_100).map(|_| store.event(store.ours, "openai.noise", None)).collect();
    commit.events.push(store.event(store.ours, "openai.rare", None));
    store.journal().commit(commit).await.unwrap();

    let mut tx = store.database.read().await.unwrap();
    let mut ours = tx.org(store.ours);
    let rare = EventFilter { kinds: vec!["openai.rare".to_owned()], ..EventFilter::default() };
    let first = ours.events().scan(0, &rare, 10).await.unwrap();
    assert_eq!((first.events.len(), first.upto, first.more), (0, 10_000, true));
    let second = ours.events().scan(first.upto, &rare, 10).await.unwrap();
    assert_eq!((second.events.len(), second.upto, second.more), (1, 10_101, false));
    let third = ours.events().scan(second.upto, &rare, 10).await.unwrap();
    assert_eq!((third.events.len(), third.upto, third.more), (0, 10_101, false));
    let full = ours.events().scan(0, &EventFilter::default(), 10).await.unwrap();
    assert_eq!((full.events.len(), full.upto, full.more), (10, 10, true));
}

pub async fn an_event_is_found_by_its_id_and_the_log_says_how_far_it_goes(store: Store) {
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    assert_eq!(ours.events().extent().await.unwrap(), (0, 0));
    let mut event = store.event(store.ours, "openai.done", None);
    event.hops = 2;
    ours.events().append(&event).await.unwrap();
    store.tick();
    ours.events().append(&store.event(store.ours, "openai.done", None)).await.unwrap();
    assert_eq!(ours.events().get(event.id).await.unwrap(), Some((1, event.clone())));
    assert_eq!(ours.events().extent().await.unwrap(), (1, 2));
    let cleared = ours.events().clear_before(store.now(), None, 10).await.unwrap();
    assert_eq!((cleared, ours.events().extent().await.unwrap()), (1, (2, 2)));
    assert_eq!(ours.events().get(event.id).await.unwrap(), None);
    ours.events().clear_before(store.later(10), None, 10).await.unwrap();
    assert_eq!(ours.events().extent().await.unwrap(), (3, 2), "nothing is left");
    assert_eq!(tx.org(store.theirs).events().extent().await.unwrap(), (0, 0));
    assert_eq!(tx.org(store.theirs).events().get(event.id).await.unwrap(), None);
}

/// From now on; on PostgreSQL, once the server listens.
async fn follow(store: &Store) -> Published {
    let mut published = store.database.published();
    if matches!(store.home, Home::Postgres(_)) {
        assert_eq!(published.next().await, Some(Fresh::Any));
    }
    published
}

pub async fn who_follows_hears_of_events_once_they_are_committed(store: Store) {
    let mut published = follow(&store).await;
    let mut tx = store.database.begin().await.unwrap();
    tx.org(store.theirs).events().append(&store.event(store.theirs, "openai.done", None)).await.unwrap();
    drop(tx);
    publish(&store, store.ours, &["openai.done", "openai.done"]).await;
    assert_eq!(published.next().await, Some(Fresh::Here(store.ours)), "once, and of nothing that was rolled back");
    let journal = store.journal();
    journal.commit(store.commit(store.theirs)).await.unwrap();
    let mut commit = store.commit(store.theirs);
    commit.events = vec![store.event(store.theirs, "openai.done", None)];
    journal.commit(commit).await.unwrap();
    assert_eq!(published.next().await, Some(Fresh::Here(store.theirs)), "a run without events is none");
}

pub async fn who_is_too_slow_to_follow_is_told_to_look_everywhere(store: Store) {
    let mut slow = follow(&store).await;
    for _ in 0..1_100 {
        let mut tx = store.database.begin().await.unwrap();
        tx.org(store.ours).events().append(&store.event(store.ours, "openai.done", None)).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(slow.next().await, Some(Fresh::Any));
    assert_eq!(slow.next().await, Some(Fresh::Here(store.ours)));
    store.database.close().await;
    while slow.next().await.is_some() {}
}

pub async fn the_first_event_since_a_time_is_the_one_that_was_committed_first(store: Store) {
    publish(&store, store.ours, &["openai.done"]).await;
    store.tick();
    let since = store.now();
    let began_first = store.event(store.ours, "openai.done", None);
    store.tick();
    publish(&store, store.ours, &["openai.done", "openai.done"]).await;
    let mut tx = store.database.begin().await.unwrap();
    let mut ours = tx.org(store.ours);
    let late = ours.events().append(&began_first).await.unwrap();
    assert_eq!((late, ours.events().first_since(since).await.unwrap()), (Some(4), Some(2)));
    store.tick();
    assert_eq!(ours.events().first_since(store.later(1_000)).await.unwrap(), None);
}

mod postgres_alone {
    use patchbay_storage::Database;

    use super::*;

    #[tokio::test]
    async fn other_hubs_hear_of_events_too() {
        let Some(store) = Store::postgres().await else { return };
        let other = Database::open(&store.url).await.unwrap();
        let mut published = other.published();
        assert_eq!(published.next().await, Some(Fresh::Any));
        publish(&store, store.ours, &["openai.done"]).await;
        assert_eq!(published.next().await, Some(Fresh::Elsewhere(store.ours)));
        let mut commit = store.commit(store.theirs);
        commit.events = vec![store.event(store.theirs, "openai.done", None)];
        store.journal().commit(commit).await.unwrap();
        assert_eq!(published.next().await, Some(Fresh::Elsewhere(store.theirs)));
    }
}
